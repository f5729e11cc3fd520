//! Why a record was quarantined. Codes are part of the quarantine files' format: they never change, new ones may come.

use std::fmt;

/// Why a line cannot be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The line is longer than [`LINE_BYTES_MAX`](crate::limits::LINE_BYTES_MAX).
    LineTooLong,
    /// The line is not UTF-8.
    InvalidUtf8,
    /// A byte that JSON does not allow at this place.
    UnexpectedByte,
    /// The line ends inside its JSON object.
    UnexpectedEnd,
    /// More bytes follow the object.
    TrailingBytes,
    /// A raw control character inside a string.
    ControlCharacter,
    /// A backslash sequence that JSON does not know.
    InvalidEscape,
    /// Half a surrogate pair, which no UTF-8 text can hold.
    LoneSurrogate,
    /// Ion text that means something only with a symbol table, which exports do not have.
    SymbolTable,
    /// The object has not exactly one name, `Item`.
    NotAnItem,
    /// The object is none of an incremental export: it has other fields than `Metadata`, `Keys`, `NewImage`, `OldImage`.
    NotAChange,
    /// A change without the time of its write, in microseconds.
    InvalidWriteTime,
    /// `Keys` of a change are not those that the recipe names.
    KeysDiffer,
    /// An object stands where the format demands one, and something else is there.
    ObjectExpected,
    /// A list or set whose value is not an array.
    ArrayExpected,
    /// A string, number, binary or set member whose value is not a JSON string.
    StringExpected,
    /// An attribute without a name.
    EmptyName,
    /// One attribute name twice in one map.
    DuplicateName,
    /// A value without a type tag.
    MissingType,
    /// A value with more than one type tag.
    SeveralTypes,
    /// A type tag that DynamoDB does not have.
    UnknownType,
    /// The text of an `N` is not a number.
    InvalidNumber,
    /// A `B` that is not canonical padded base64.
    InvalidBase64,
    /// A `BOOL` that is neither `true` nor `false`.
    InvalidBool,
    /// A `NULL` that is not `true`.
    InvalidNull,
    /// A set without members, which DynamoDB cannot store.
    EmptySet,
    /// One member twice in a set.
    DuplicateMember,
    /// Lists and maps nested deeper than [`DEPTH_MAX`](crate::limits::DEPTH_MAX).
    TooDeep,
    /// The item lacks a key attribute.
    MissingKey,
    /// A key attribute that is neither `S`, `N` nor `B`.
    InvalidKeyType,
    /// A key attribute with an empty value, which DynamoDB cannot store.
    EmptyKey,
    /// An attribute has the name of an extra field (plain and image output only).
    ExtraFieldName,
    /// The change is a removal, which records of this format cannot say.
    Removed,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Reason; 33] = [
        Reason::LineTooLong,
        Reason::InvalidUtf8,
        Reason::UnexpectedByte,
        Reason::UnexpectedEnd,
        Reason::TrailingBytes,
        Reason::ControlCharacter,
        Reason::InvalidEscape,
        Reason::LoneSurrogate,
        Reason::SymbolTable,
        Reason::NotAnItem,
        Reason::NotAChange,
        Reason::InvalidWriteTime,
        Reason::KeysDiffer,
        Reason::ObjectExpected,
        Reason::ArrayExpected,
        Reason::StringExpected,
        Reason::EmptyName,
        Reason::DuplicateName,
        Reason::MissingType,
        Reason::SeveralTypes,
        Reason::UnknownType,
        Reason::InvalidNumber,
        Reason::InvalidBase64,
        Reason::InvalidBool,
        Reason::InvalidNull,
        Reason::EmptySet,
        Reason::DuplicateMember,
        Reason::TooDeep,
        Reason::MissingKey,
        Reason::InvalidKeyType,
        Reason::EmptyKey,
        Reason::ExtraFieldName,
        Reason::Removed,
    ];

    /// The stable name, in kebab-case: what quarantine files, metrics and scripts hold.
    pub fn code(self) -> &'static str {
        self.code_and_sentence().0
    }

    fn code_and_sentence(self) -> (&'static str, &'static str) {
        match self {
            Reason::LineTooLong => ("line-too-long", "the line is longer than 16 MiB"),
            Reason::InvalidUtf8 => ("invalid-utf8", "the line is not UTF-8"),
            Reason::UnexpectedByte => ("unexpected-byte", "this byte is not allowed here"),
            Reason::UnexpectedEnd => ("unexpected-end", "the record ends inside its object"),
            Reason::TrailingBytes => ("trailing-bytes", "more bytes follow the object"),
            Reason::ControlCharacter => ("control-character", "a string holds a raw control character"),
            Reason::InvalidEscape => ("invalid-escape", "a string holds an escape that is none"),
            Reason::LoneSurrogate => ("lone-surrogate", "a string holds half a surrogate pair"),
            Reason::SymbolTable => {
                ("symbol-table", "the Ion value needs a symbol table, which exports do not have")
            }
            Reason::NotAnItem => ("not-an-item", "the object's one name is not Item"),
            Reason::NotAChange => ("not-a-change", "the object is no record of an incremental export"),
            Reason::InvalidWriteTime => ("invalid-write-time", "the change does not say when it was written"),
            Reason::KeysDiffer => ("keys-differ", "the change has other key attributes than those given"),
            Reason::ObjectExpected => ("object-expected", "a JSON object belongs here"),
            Reason::ArrayExpected => ("array-expected", "a list or set needs a JSON array"),
            Reason::StringExpected => ("string-expected", "this type's value must be a JSON string"),
            Reason::EmptyName => ("empty-name", "an attribute has no name"),
            Reason::DuplicateName => ("duplicate-name", "an attribute name occurs twice in one map"),
            Reason::MissingType => ("missing-type", "a value has no type"),
            Reason::SeveralTypes => ("several-types", "a value has more than one type"),
            Reason::UnknownType => ("unknown-type", "a value has a type that DynamoDB does not know"),
            Reason::InvalidNumber => ("invalid-number", "the text is not a number"),
            Reason::InvalidBase64 => ("invalid-base64", "the text is not canonical padded base64"),
            Reason::InvalidBool => ("invalid-bool", "a BOOL is neither true nor false"),
            Reason::InvalidNull => ("invalid-null", "a NULL is not true"),
            Reason::EmptySet => ("empty-set", "a set has no members"),
            Reason::DuplicateMember => ("duplicate-member", "a set holds one member twice"),
            Reason::TooDeep => ("too-deep", "lists and maps are nested deeper than 40 levels"),
            Reason::MissingKey => ("missing-key", "the item lacks a key attribute"),
            Reason::InvalidKeyType => ("invalid-key-type", "a key attribute is neither S, N nor B"),
            Reason::EmptyKey => ("empty-key", "a key attribute is empty"),
            Reason::ExtraFieldName => ("extra-field-name", "an attribute has the name of an extra field"),
            Reason::Removed => ("removed", "this format has no record for an item that was removed"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code_and_sentence().1)
    }
}
