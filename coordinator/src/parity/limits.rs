//! How much of a sample is looked at. A pipeline writes one form, so that more of it costs requests and tells nothing.

use backfleet_convert::limits::{DEPTH_MAX, DOCUMENT_BYTES_MAX};
use backfleet_core::limits::LIST_PAGE_MAX;

/// Objects read of a place, and completions read of a job in search of its fullest shard: enough to meet every code path of a pipeline (batches of one, of many, of deletes), a few seconds of S3.
pub const OBJECTS_MAX: usize = 20;

/// Listing pages asked for: 10,000 keys, a second of S3. A folder of millions is not listed to its end.
pub const PAGES_MAX: usize = 10;

/// Bytes read of each object, as stored.
pub const STORED_BYTES_MAX: u64 = 4 << 20;

/// Bytes looked at of each object, uncompressed: more than the largest document that Lambda can have been given.
pub const TEXT_BYTES_MAX: usize = 8 << 20;

/// Records looked at of each object.
pub const RECORDS_MAX: usize = 1000;

/// Distinct values of a field that are kept to tell a constant from what varies.
pub const VALUES_MAX: usize = 4;

/// Characters of an example that people are shown.
pub const EXAMPLE_CHARS_MAX: usize = 48;

/// Nesting up to which attribute values are walked; deeper ones are no items of DynamoDB.
pub const WALK_DEPTH_MAX: u32 = DEPTH_MAX;

const _: () = assert!(TEXT_BYTES_MAX as u64 > DOCUMENT_BYTES_MAX, "a document of ours must be seen whole");
const _: () = assert!(OBJECTS_MAX <= LIST_PAGE_MAX * PAGES_MAX);
