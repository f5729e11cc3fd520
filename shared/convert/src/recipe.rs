//! The recipe: everything that decides output bytes, checked once, so that conversion itself cannot be asked for nonsense.

use std::fmt;
use std::str::FromStr;

use crate::columns::Schema;
use crate::limits::{KEYS_MAX, SHARD_BYTES_MAX, SHARD_BYTES_MIN};

/// What a record looks like on the way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// One DynamoDB stream record a line, as Lambda receives it.
    Stream,
    /// Stream records inside `{"Records":[…]}`.
    LambdaEvent,
    /// The form of Kinesis Data Streams for DynamoDB.
    Kinesis,
    /// Unwrapped JSON with exact numbers.
    Plain,
    /// DynamoDB JSON as it came, cut anew.
    Item,
    /// The same without `Item` around it: the image alone.
    Image,
    /// Rows of Parquet files, with a column for each attribute of the schema.
    Parquet,
}

/// How a shard is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Independent gzip members, one after the other.
    Gzip,
    /// Independent zstd frames, one after the other.
    Zstd,
    /// Snappy, inside of Parquet only.
    Snappy,
    /// Bytes as they are.
    None,
}

/// The stream view that the live pipeline has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ViewType {
    /// Keys only: no image.
    KeysOnly,
    /// The item as it is now.
    NewImage,
    /// The item as it was: a backfilled insert has none.
    OldImage,
    /// Both images: a backfilled insert has the new one.
    NewAndOldImages,
}

/// How many lambda documents a shard holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Document {
    /// One document a line, of bounded size.
    Line,
    /// One document for the whole shard.
    Object,
}

/// Unit of the time in Kinesis records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KinesisPrecision {
    /// Milliseconds, DynamoDB's default.
    Millisecond,
    /// Microseconds, said so in the record.
    Microsecond,
}

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventName {
    /// It came to be.
    Insert,
    /// It was there and is another one now.
    Modify,
    /// It is gone.
    Remove,
}

/// A name that is none of those known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {given:?}, expected one of: {expected}")]
pub struct UnknownName {
    /// What was to be named.
    pub what: &'static str,
    /// The text given.
    pub given: String,
    /// The names there are.
    pub expected: String,
}

impl Format {
    const NAMES: [(Self, &'static str); 7] = [
        (Self::Stream, "stream"),
        (Self::LambdaEvent, "lambda-event"),
        (Self::Kinesis, "kinesis"),
        (Self::Plain, "plain"),
        (Self::Item, "item"),
        (Self::Image, "image"),
        (Self::Parquet, "parquet"),
    ];

    /// Names of the top-level object's own fields; for [`Format::LambdaEvent`] those of each record.
    pub fn own_fields(self) -> &'static [&'static str] {
        match self {
            Format::Stream | Format::LambdaEvent => &[
                "eventID",
                "eventName",
                "eventVersion",
                "eventSource",
                "awsRegion",
                "dynamodb",
                "eventSourceARN",
                "userIdentity",
            ],
            Format::Kinesis => &[
                "awsRegion",
                "eventID",
                "eventName",
                "userIdentity",
                "recordFormat",
                "tableName",
                "dynamodb",
                "eventSource",
            ],
            Format::Plain | Format::Image | Format::Parquet => &[],
            Format::Item => &["Item"],
        }
    }

    /// What a shard's name ends with; readers choose their decoder by it, but for Parquet, which says itself.
    pub fn extension(self, compression: Compression) -> &'static str {
        match (self, compression) {
            (Format::Parquet, _) => "parquet",
            (_, Compression::Gzip) => "json.gz",
            (_, Compression::Zstd) => "json.zst",
            (_, Compression::Snappy | Compression::None) => "json",
        }
    }

    /// Whether records carry keys and the table's identity.
    pub fn is_change_record(self) -> bool {
        matches!(self, Format::Stream | Format::LambdaEvent | Format::Kinesis)
    }
}

impl Compression {
    const NAMES: [(Self, &'static str); 4] =
        [(Self::Gzip, "gzip"), (Self::Zstd, "zstd"), (Self::Snappy, "snappy"), (Self::None, "none")];
}

impl ViewType {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::KeysOnly, "KEYS_ONLY"),
        (Self::NewImage, "NEW_IMAGE"),
        (Self::OldImage, "OLD_IMAGE"),
        (Self::NewAndOldImages, "NEW_AND_OLD_IMAGES"),
    ];

    /// Whether records carry the item as it is.
    pub fn has_new_image(self) -> bool {
        matches!(self, ViewType::NewImage | ViewType::NewAndOldImages)
    }

    /// Whether records carry the item as it was.
    pub fn has_old_image(self) -> bool {
        matches!(self, ViewType::OldImage | ViewType::NewAndOldImages)
    }
}

impl EventName {
    const NAMES: [(Self, &'static str); 3] =
        [(Self::Insert, "INSERT"), (Self::Modify, "MODIFY"), (Self::Remove, "REMOVE")];

    /// As records name it.
    pub fn name(self) -> &'static str {
        name_of(&Self::NAMES, self)
    }
}

impl Document {
    const NAMES: [(Self, &'static str); 2] = [(Self::Line, "line"), (Self::Object, "object")];
}

impl KinesisPrecision {
    const NAMES: [(Self, &'static str); 2] =
        [(Self::Millisecond, "millisecond"), (Self::Microsecond, "microsecond")];
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&Self::NAMES, *self))
    }
}

impl FromStr for Format {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        named(&Self::NAMES, "format", text)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&Self::NAMES, *self))
    }
}

impl FromStr for Compression {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        named(&Self::NAMES, "compression", text)
    }
}

impl fmt::Display for ViewType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&Self::NAMES, *self))
    }
}

impl FromStr for ViewType {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        named(&Self::NAMES, "stream view type", text)
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EventName {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        named(&Self::NAMES, "event name", text)
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&Self::NAMES, *self))
    }
}

impl FromStr for Document {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        named(&Self::NAMES, "lambda document", text)
    }
}

impl fmt::Display for KinesisPrecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&Self::NAMES, *self))
    }
}

impl FromStr for KinesisPrecision {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        named(&Self::NAMES, "Kinesis precision", text)
    }
}

pub(crate) fn name_of<T: Copy + PartialEq>(names: &[(T, &'static str)], value: T) -> &'static str {
    names.iter().find(|(named, _)| *named == value).expect("every variant has a name").1
}

pub(crate) fn named<T: Copy>(
    names: &[(T, &'static str)],
    what: &'static str,
    text: &str,
) -> Result<T, UnknownName> {
    let found = names.iter().find(|(_, name)| *name == text);
    found.map(|(value, _)| *value).ok_or_else(|| UnknownName {
        what,
        given: text.to_owned(),
        expected: names.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", "),
    })
}

/// The table as its records name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableIdentity {
    /// Table name.
    pub name: String,
    /// AWS region.
    pub region: String,
    /// ARN of the live stream: `eventSourceARN`.
    pub stream_arn: String,
}

/// A top-level field added to every record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraField {
    /// Its name, as text.
    pub name: String,
    /// Its value: compact JSON. The caller vouches for it; only control characters are refused here.
    pub json: String,
}

/// Which top-level attributes an image holds. Key attributes are always kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeFilter {
    /// All of them, byte for byte.
    All,
    /// These only.
    Include(Vec<String>),
    /// All but these.
    Exclude(Vec<String>),
}

/// What a recipe is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipeSpec {
    /// Form of the records.
    pub format: Format,
    /// Compression of the shards.
    pub compression: Compression,
    /// Most uncompressed bytes of a shard, unless one record alone has more.
    pub shard_bytes_max: u64,
    /// Most records of a shard, where they are limited; not of Parquet.
    pub shard_records_max: Option<u64>,
    /// Names of the key attributes, hash key first; empty only for plain, item and image.
    pub keys: Vec<String>,
    /// Who the records say they come from; not needed for plain, item and image.
    pub table: Option<TableIdentity>,
    /// The moment of the snapshot in epoch microseconds, pinned in the plan.
    pub snapshot_micros: i64,
    /// View of the live stream (stream and lambda-event).
    pub view: ViewType,
    /// What a change is called that came with its new image alone, from an export that has no old ones.
    pub upsert: EventName,
    /// Fields added to every record, in this order.
    pub extra_fields: Vec<ExtraField>,
    /// Which attributes images hold.
    pub attributes: AttributeFilter,
    /// Extent of a lambda document.
    pub document: Document,
    /// Most records of one lambda document ([`Document::Line`]).
    pub document_records_max: u32,
    /// Unit of time of Kinesis records.
    pub kinesis_precision: KinesisPrecision,
    /// The columns of Parquet files.
    pub schema: Option<Schema>,
    /// Whether Parquet files have a column for old images: if any export of the job does, all files have it.
    pub old_images: bool,
}

/// Why a recipe cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// Change records need keys.
    #[error("format {0} needs the table's key attribute names")]
    MissingKeys(Format),
    /// Change records need a table.
    #[error("format {0} needs the table's name, region and stream ARN")]
    MissingTable(Format),
    /// DynamoDB has hash and range keys only.
    #[error("{0} key attributes given, a table has one or two")]
    TooManyKeys(usize),
    /// The two keys are one attribute.
    #[error("key attribute {0:?} given twice")]
    DuplicateKey(String),
    /// A key attribute without a name.
    #[error("key attribute name is empty")]
    EmptyKeyName,
    /// Shard size outside of the limits.
    #[error("shard size {0} is outside of {SHARD_BYTES_MIN}..={SHARD_BYTES_MAX} bytes")]
    ShardBytesMax(u64),
    /// A shard must hold something.
    #[error("shards of 0 records asked for")]
    ShardRecordsMax,
    /// A lambda document must hold something.
    #[error("lambda documents of 0 records asked for")]
    DocumentRecordsMax,
    /// The format has a field of that name.
    #[error("extra field {name:?} is one of the fields of format {format}")]
    ExtraFieldOwn {
        /// Its name.
        name: String,
        /// The format.
        format: Format,
    },
    /// Two extra fields with one name.
    #[error("extra field {0:?} given twice")]
    ExtraFieldTwice(String),
    /// The value would not stay on its line.
    #[error("value of extra field {0:?} is empty or holds a control character")]
    ExtraFieldValue(String),
    /// Columns have to be known before the first row.
    #[error("format parquet needs a schema")]
    MissingSchema,
    /// The schema cannot be followed.
    #[error("the schema cannot be followed: {0}")]
    Schema(String),
    /// Nobody reads that.
    #[error("format {format} cannot be compressed by {compression}")]
    Compression {
        /// The format.
        format: Format,
        /// The compression.
        compression: Compression,
    },
    /// Columns are the schema's, and ours.
    #[error("format parquet has no extra fields")]
    ExtraColumns,
    /// An item that is there was not removed.
    #[error("a change with a new image is INSERT or MODIFY, not {0}")]
    Upsert(EventName),
    /// Keys are never left out.
    #[error("key attribute {0:?} is excluded, but keys are always kept")]
    ExcludedKey(String),
}

/// A checked [`RecipeSpec`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    spec: RecipeSpec,
}

impl Recipe {
    /// Checks `spec` as a whole.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn new(spec: RecipeSpec) -> Result<Recipe, RecipeError> {
        check_keys(&spec)?;
        check_table(&spec)?;
        check_sizes(&spec)?;
        check_extra_fields(&spec)?;
        check_filter(&spec)?;
        check_columns(&spec)?;
        match spec.upsert {
            EventName::Remove => Err(RecipeError::Upsert(spec.upsert)),
            _ => Ok(Recipe { spec }),
        }
    }

    /// What it was made of.
    pub fn spec(&self) -> &RecipeSpec {
        &self.spec
    }
}

fn check_keys(spec: &RecipeSpec) -> Result<(), RecipeError> {
    if spec.format.is_change_record() && spec.keys.is_empty() {
        return Err(RecipeError::MissingKeys(spec.format));
    }
    if spec.keys.len() > KEYS_MAX {
        return Err(RecipeError::TooManyKeys(spec.keys.len()));
    }
    if spec.keys.iter().any(String::is_empty) {
        return Err(RecipeError::EmptyKeyName);
    }
    match spec.keys.as_slice() {
        [hash, range] if hash == range => Err(RecipeError::DuplicateKey(hash.clone())),
        _ => Ok(()),
    }
}

fn check_table(spec: &RecipeSpec) -> Result<(), RecipeError> {
    match spec.table {
        None if spec.format.is_change_record() => Err(RecipeError::MissingTable(spec.format)),
        _ => Ok(()),
    }
}

fn check_sizes(spec: &RecipeSpec) -> Result<(), RecipeError> {
    if !(SHARD_BYTES_MIN..=SHARD_BYTES_MAX).contains(&spec.shard_bytes_max) {
        return Err(RecipeError::ShardBytesMax(spec.shard_bytes_max));
    }
    if spec.shard_records_max == Some(0) {
        return Err(RecipeError::ShardRecordsMax);
    }
    if spec.format == Format::LambdaEvent && spec.document_records_max == 0 {
        return Err(RecipeError::DocumentRecordsMax);
    }
    Ok(())
}

fn check_extra_fields(spec: &RecipeSpec) -> Result<(), RecipeError> {
    for (index, ExtraField { name, json }) in spec.extra_fields.iter().enumerate() {
        if spec.format.own_fields().contains(&name.as_str()) {
            return Err(RecipeError::ExtraFieldOwn { name: name.clone(), format: spec.format });
        }
        if spec.extra_fields[..index].iter().any(|earlier| earlier.name == *name) {
            return Err(RecipeError::ExtraFieldTwice(name.clone()));
        }
        if json.is_empty() || json.bytes().any(|byte| byte < b' ') {
            return Err(RecipeError::ExtraFieldValue(name.clone()));
        }
    }
    Ok(())
}

fn check_columns(spec: &RecipeSpec) -> Result<(), RecipeError> {
    let RecipeSpec { format, compression, .. } = *spec;
    let is_parquet = format == Format::Parquet;
    let unread = if is_parquet { Compression::Gzip } else { Compression::Snappy };
    if compression == unread {
        return Err(RecipeError::Compression { format, compression });
    }
    if !is_parquet {
        return Ok(());
    }
    if !spec.extra_fields.is_empty() {
        return Err(RecipeError::ExtraColumns);
    }
    let schema = spec.schema.as_ref().ok_or(RecipeError::MissingSchema)?;
    schema.check().map_err(|error| RecipeError::Schema(error.to_string()))
}

fn check_filter(spec: &RecipeSpec) -> Result<(), RecipeError> {
    let AttributeFilter::Exclude(names) = &spec.attributes else { return Ok(()) };
    match spec.keys.iter().find(|key| names.contains(key)) {
        Some(key) => Err(RecipeError::ExcludedKey(key.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
