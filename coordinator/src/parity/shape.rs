//! What one record is, and what its values look like: JSON type, number form, and the form that a field's role asks for.

use super::json::{Fields, field, fields, text};
use super::naming::is_date;

/// The kind of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// As Lambda receives it from a stream.
    Stream,
    /// As Kinesis Data Streams for DynamoDB has it.
    Kinesis,
    /// The `dynamodb` part of a stream record, on its own.
    Inner,
    /// `{"Item":{…}}`.
    Item,
    /// Attributes in DynamoDB JSON, on their own.
    Image,
    /// Any other object.
    Plain,
}

/// A JSON type, with the forms of numbers told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Null,
    Bool,
    Integer,
    /// `5.0`.
    WholeFraction,
    /// `5.25`.
    Fraction,
    /// `5e3`.
    Exponent,
    Text,
    List,
    Object,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Look {
    pub(super) form: Form,
    /// What the field's role makes of it; empty where it has none.
    pub(super) detail: &'static str,
}

/// Fields that only the `dynamodb` part of a change record has.
const INNER_NAMES: [&str; 6] =
    ["Keys", "NewImage", "OldImage", "SequenceNumber", "SizeBytes", "ApproximateCreationDateTime"];

/// The type tags of DynamoDB JSON.
const TAGS: [&str; 10] = ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"];

impl Class {
    /// What a record with these fields is.
    pub(super) fn of(of: &Fields) -> Self {
        if is_change_record(of) {
            let is_kinesis = ["recordFormat", "tableName"].iter().any(|name| field(of, name).is_some());
            return if is_kinesis { Self::Kinesis } else { Self::Stream };
        }
        let is_map = |name| field(of, name).and_then(fields).is_some_and(|map| all_typed(&map));
        if is_map("Keys") && INNER_NAMES[1..].iter().any(|name| field(of, name).is_some()) {
            return Self::Inner;
        }
        if is_map("Item") {
            return Self::Item;
        }
        let typed = of.iter().filter(|(_, raw)| typed(raw).is_some()).count();
        if typed > 0 && typed * 2 >= of.len() { Self::Image } else { Self::Plain }
    }
}

/// Whether these are the fields of a change record, in whatever form its images are.
pub(super) fn is_change_record(of: &Fields) -> bool {
    let inner = field(of, "dynamodb").and_then(fields).unwrap_or_default();
    INNER_NAMES.iter().any(|name| field(&inner, name).is_some())
}

/// The tag and the payload of a value in DynamoDB JSON.
pub(super) fn typed(raw: &str) -> Option<(&'static str, &str)> {
    let fields = fields(raw)?;
    let [(name, payload)] = fields.as_slice() else { return None };
    let tag = TAGS.iter().find(|tag| *tag == name)?;
    Some((tag, payload))
}

pub(super) fn all_typed(map: &Fields) -> bool {
    map.iter().all(|(_, raw)| typed(raw).is_some())
}

impl Form {
    pub(super) fn of(raw: &str) -> Self {
        match raw.as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::List,
            Some(b'"') => Self::Text,
            Some(b't' | b'f') => Self::Bool,
            Some(b'n') => Self::Null,
            _ if raw.contains(['e', 'E']) => Self::Exponent,
            _ => match raw.split_once('.') {
                None => Self::Integer,
                Some((_, fraction)) if fraction.bytes().all(|digit| digit == b'0') => Self::WholeFraction,
                Some(_) => Self::Fraction,
            },
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::WholeFraction | Self::Fraction | Self::Exponent)
    }

    /// Whether a schema has the same type for both.
    pub(super) fn is_of_type_of(self, other: Self) -> bool {
        self == other || (self.is_number() && other.is_number())
    }

    fn word(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Integer => "integer",
            Self::WholeFraction => "number with .0",
            Self::Fraction => "decimal number",
            Self::Exponent => "number with exponent",
            Self::Text => "text",
            Self::List => "list",
            Self::Object => "object",
        }
    }
}

impl Look {
    /// What the value of the field `name` of a change record, or of an extra field, looks like.
    pub(super) fn of(name: &str, raw: &str) -> Self {
        let form = Form::of(raw);
        let detail = match (name, form) {
            ("eventID", Form::Text) => id_form(&text(raw).unwrap_or_default()),
            ("ApproximateCreationDateTime", _) => time_form(form, raw),
            ("SequenceNumber", Form::Text) => digits_or_not(&text(raw).unwrap_or_default()),
            ("Keys" | "NewImage" | "OldImage", Form::Object) => image_form(raw),
            _ => "",
        };
        Self { form, detail }
    }

    /// What the payload of a typed value looks like.
    pub(super) fn of_payload(tag: &str, raw: &str) -> Self {
        let form = Form::of(raw);
        let detail = match (tag, form) {
            ("N", Form::Text) if raw.contains(['e', 'E']) => "text with exponent",
            ("B", Form::Text) => base64_form(&text(raw).unwrap_or_default()),
            _ => "",
        };
        Self { form, detail }
    }

    /// What DynamoDB JSON has behind this tag.
    pub(super) fn expected(tag: &str) -> Self {
        let (form, detail) = match tag {
            "S" | "N" => (Form::Text, ""),
            "B" => (Form::Text, BASE64),
            "BOOL" | "NULL" => (Form::Bool, ""),
            "M" => (Form::Object, ""),
            _ => (Form::List, ""),
        };
        Self { form, detail }
    }

    /// For people.
    pub(super) fn word(self) -> &'static str {
        if self.detail.is_empty() { self.form.word() } else { self.detail }
    }
}

/// How the bytes of a binary value are written.
const BASE64: &str = "base64";

/// How attributes of an image stand.
pub(super) const TYPED: &str = "DynamoDB JSON";

fn image_form(raw: &str) -> &'static str {
    if fields(raw).is_some_and(|map| all_typed(&map)) { TYPED } else { "unwrapped JSON" }
}

fn id_form(id: &str) -> &'static str {
    let hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let groups: Vec<&str> = id.split('-').collect();
    match groups.as_slice() {
        [one] if one.len() == 32 && hex(one) => "32 hex digits",
        groups
            if groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
                && groups.iter().all(|g| hex(g)) =>
        {
            "UUID"
        }
        _ => "another kind of id",
    }
}

fn digits_or_not(text: &str) -> &'static str {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { "text of digits" } else { "text that is no number" }
}

fn base64_form(text: &str) -> &'static str {
    let body = text.trim_end_matches('=');
    let standard = |byte: u8| byte.is_ascii_alphanumeric() || b"+/".contains(&byte);
    if text.len().is_multiple_of(4) && text.len() - body.len() <= 2 && body.bytes().all(standard) {
        BASE64
    } else {
        "text that is no padded base64"
    }
}

/// A time's unit, by its size: seconds until the year 5138, then milliseconds, microseconds, nanoseconds.
fn time_form(form: Form, raw: &str) -> &'static str {
    const UNITS_END: [f64; 3] = [1e11, 1e14, 1e17];
    if form == Form::Text {
        let text = text(raw).unwrap_or_default();
        let is_date = text.get(..10).is_some_and(is_date);
        return if is_date { "ISO 8601 text" } else { digits_or_not(&text) };
    }
    let Ok(value) = raw.parse::<f64>() else { return "" };
    let unit = UNITS_END.iter().take_while(|end| value >= **end).count();
    match form {
        Form::Integer => ["seconds", "milliseconds", "microseconds", "nanoseconds"][unit],
        _ => [
            "seconds as a float",
            "milliseconds as a float",
            "microseconds as a float",
            "nanoseconds as a float",
        ][unit],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_by_its_fields() {
        for (json, class) in [
            (r#"{"dynamodb":{"Keys":{"a":{"S":"x"}}},"eventName":"INSERT"}"#, Class::Stream),
            (r#"{"tableName":"t","dynamodb":{"Keys":{"a":{"S":"x"}}}}"#, Class::Kinesis),
            (r#"{"Keys":{"a":{"S":"x"}},"NewImage":{"a":{"S":"x"}}}"#, Class::Inner),
            (r#"{"Item":{"a":{"S":"x"}}}"#, Class::Item),
            (r#"{"a":{"S":"x"},"source":"live"}"#, Class::Image),
            (r#"{"dynamodb":{"S":"an attribute"}}"#, Class::Image),
            (r#"{"a":"x","Item":{"b":1}}"#, Class::Plain),
            (r#"{"a":{"S":"an object of one field"},"b":1,"c":2}"#, Class::Plain),
            (r#"{"Keys":{"a":{"S":"x"}}}"#, Class::Plain),
            ("{}", Class::Plain),
        ] {
            assert_eq!(Class::of(&fields(json).unwrap()), class, "{json}");
        }
    }

    #[test]
    fn a_time_tells_its_unit_and_form() {
        for (raw, word) in [
            ("1768385930", "seconds"),
            ("1768385930622", "milliseconds"),
            ("1768385930622345", "microseconds"),
            ("500000000000000", "microseconds"),
            ("1768385930622345678", "nanoseconds"),
            ("1.76838593E9", "seconds as a float"),
            ("1768385930.5", "seconds as a float"),
            (r#""2026-01-14T10:18:50Z""#, "ISO 8601 text"),
            (r#""1768385930""#, "text of digits"),
            (r#""é""#, "text that is no number"),
        ] {
            assert_eq!(Look::of("ApproximateCreationDateTime", raw).word(), word, "{raw}");
        }
    }

    #[test]
    fn ids_and_binaries_tell_their_form() {
        let id = |id: &str| Look::of("eventID", &format!("{id:?}")).word();
        assert_eq!(id("390cc13abf07d7b9a233daa65231d6c8"), "32 hex digits");
        assert_eq!(id("b015b5f0-c095-4b50-8ad0-4279aa3d88c6"), "UUID");
        assert_eq!((id("1"), id("")), ("another kind of id", "another kind of id"));
        let binary = |text: &str| Look::of_payload("B", &format!("{text:?}")).word();
        assert_eq!((binary("aGVsbG8="), binary("")), (BASE64, BASE64));
        assert_eq!(binary("aGVsbG8"), "text that is no padded base64");
        assert_eq!(binary("__8="), "text that is no padded base64");
    }

    #[test]
    fn numbers_tell_their_form() {
        for (raw, form) in [
            ("5", Form::Integer),
            ("-5.0", Form::WholeFraction),
            ("5.25", Form::Fraction),
            ("5.0E3", Form::Exponent),
            ("\"5\"", Form::Text),
            ("null", Form::Null),
        ] {
            assert_eq!(Form::of(raw), form, "{raw}");
        }
    }
}
