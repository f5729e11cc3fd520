//! Every number with meaning in this crate: its unit, where it comes from, and how it relates to the others.

/// Longest line taken as a record, in bytes without its newline. An item has at most 400 KB, but its JSON may be many
/// times longer (escapes cost six to one, one-digit set members four to one); longer lines are quarantined.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// Longest `Items` of one page, in bytes: 1 MB of items by DynamoDB's count, their JSON as many times longer as a line's.
pub const PAGE_BYTES_MAX: usize = 64 << 20;

/// Bytes kept of a quarantined line that is longer than [`LINE_BYTES_MAX`]: enough to find the item, small enough to store.
pub const QUARANTINE_BYTES_MAX: usize = 64 << 10;

/// Deepest nesting of `L` and `M` inside one attribute. DynamoDB allows 32; the rest is leeway for hand-made exports.
pub const DEPTH_MAX: u32 = 40;

/// JSON levels where common readers stop (serde_json's default recursion limit).
pub const READER_LEVELS_MAX: u32 = 128;

/// Most JSON levels around an attribute value in any output: envelope object and array, record, `dynamodb`, image,
/// and the typed value itself.
pub const FRAME_LEVELS: u32 = 6;

/// Uncompressed bytes that are compressed as one gzip member or zstd frame; a block ends with the record that reaches it.
pub const BLOCK_BYTES: usize = 512 << 10;

/// Free space asked for before each inflate call, in bytes: large enough to amortise the call, small enough for the cache.
pub const INFLATE_BYTES: usize = 64 << 10;

/// Bytes that are inflated ahead at a time: some milliseconds' work, and twice as much memory for each file in hand.
pub const AHEAD_BYTES: usize = 1 << 20;

/// Smallest shard that may be asked for, in uncompressed bytes (tests use it).
pub const SHARD_BYTES_MIN: u64 = 1 << 10;

/// Largest shard that may be asked for, in uncompressed bytes: S3 takes 5 GB in one put, and a worker holds the
/// compressed shard in memory.
pub const SHARD_BYTES_MAX: u64 = 1 << 30;

/// Shard size unless told otherwise, in uncompressed bytes: gzip files cannot be split by Spark, so 64-256 MB is asked for.
pub const SHARD_BYTES_DEFAULT: u64 = 128 << 20;

/// Largest `{"Records":[…]}` document with [`Document::Line`](crate::Document::Line), in bytes: Lambda's own payload limit.
pub const DOCUMENT_BYTES_MAX: u64 = 6_000_000;

/// Records in a lambda document unless told otherwise: Lambda's default batch size for DynamoDB streams.
pub const DOCUMENT_RECORDS_DEFAULT: u32 = 100;

/// Inflated bytes of a file up to which its ratio is nobody's business.
pub const INFLATE_FREE_BYTES: u64 = 1 << 30;

/// Inflated bytes per stored byte beyond which a file is a bomb; deflate itself ends at 1,032.
pub const INFLATE_RATIO_MAX: u64 = 500;

/// Units of a plan: the sequence number has seven digits for them.
pub const UNIT_MAX: u32 = 9_999_999;

/// Different top-level attribute names of which a census is taken: names that are data have no end.
pub const CENSUS_ATTRIBUTES_MAX: usize = 10_000;

/// Different field names of one map; above that names are data, and the map is one of any names.
pub const CENSUS_FIELDS_MAX: usize = 256;

/// Leaf columns of a Parquet file, our own among them: each holds memory, and readers plan by all of them.
pub const COLUMNS_MAX: usize = 2_000;

/// Levels of JSON that the description of a column may have: a plan holds it, eight levels deep, and must stay readable.
pub const SCHEMA_LEVELS_MAX: usize = 110;

/// Bytes of items, as JSON, of one row group: what is gathered in memory before it is compressed.
pub const ROW_GROUP_BYTES: u64 = 16 << 20;

/// Rows of one row group.
pub const ROW_GROUP_ROWS: u64 = 100_000;

/// Rows times leaf columns of one row group: each holds a level or two in memory, whether there is a value or not.
pub const ROW_GROUP_CELLS: u64 = 16 << 20;

/// Key attributes of a table: hash and range.
pub const KEYS_MAX: usize = 2;

/// Bytes that DynamoDB counts for the longest number.
pub const NUMBER_SIZE_MAX: u64 = 21;

const _: () =
    assert!(2 * DEPTH_MAX + FRAME_LEVELS < READER_LEVELS_MAX, "our deepest record must stay readable");
const _: () = assert!(SCHEMA_LEVELS_MAX + 8 < READER_LEVELS_MAX as usize, "a plan must stay readable");
const _: () = assert!(QUARANTINE_BYTES_MAX < LINE_BYTES_MAX);
const _: () = assert!(SHARD_BYTES_MIN <= SHARD_BYTES_DEFAULT && SHARD_BYTES_DEFAULT <= SHARD_BYTES_MAX);
const _: () = assert!(INFLATE_BYTES < LINE_BYTES_MAX && BLOCK_BYTES < LINE_BYTES_MAX);
const _: () = assert!(
    LINE_BYTES_MAX < PAGE_BYTES_MAX && PAGE_BYTES_MAX < u32::MAX as usize,
    "positions inside a line or page are 32 bits wide"
);
