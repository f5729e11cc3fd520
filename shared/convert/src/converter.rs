//! The converter: one unit's bytes on their way from file to shards.

use std::sync::Arc;

use bytes::Bytes;

use crate::gunzip::InputError;
use crate::reason::Reason;
use crate::recipe::{Encoding, Recipe};
use crate::shard::Shard;

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Feed more bytes, or say that there are none.
    NeedInput,
    /// A shard is whole.
    Shard(Shard),
    /// A line cannot be converted.
    Quarantined(Quarantined),
    /// The unit is done; there are no further steps.
    Finished(Totals),
}

/// A line that cannot be converted, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Line number, from 1.
    pub line: u64,
    /// Offset of the line's first byte in the uncompressed file.
    pub offset: u64,
    /// Length of the line in bytes, without its newline.
    pub length: u64,
    /// What is wrong.
    pub reason: Reason,
    /// Byte of the line where it was noticed, from 0.
    pub column: u64,
    /// The line without its newline; of a line that is too long, the first
    /// [`QUARANTINE_BYTES_MAX`](crate::limits::QUARANTINE_BYTES_MAX) bytes.
    pub bytes: Vec<u8>,
}

/// Counts of a whole unit: `records_in == records_out + quarantined`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Lines that are not blank.
    pub records_in: u64,
    /// Records written.
    pub records_out: u64,
    /// Lines quarantined.
    pub quarantined: u64,
    /// Bytes of the file as stored.
    pub bytes_in: u64,
    /// Bytes of the file once inflated.
    pub bytes_inflated: u64,
    /// Uncompressed bytes of all shards.
    pub content_bytes: u64,
    /// Shards written.
    pub shards: u32,
}

/// Converts one unit.
pub struct Converter {
    totals: Totals,
}

impl Converter {
    /// For the unit of this number in the plan; `encoding` is that of its file.
    pub fn new(recipe: Arc<Recipe>, unit: u32, encoding: Encoding) -> Converter {
        let _ = (recipe, unit, encoding);
        Converter { totals: Totals::default() }
    }

    /// Hands over input; only after [`Step::NeedInput`].
    pub fn feed(&mut self, bytes: Bytes) {
        self.totals.bytes_in += bytes.len() as u64;
    }

    /// No more input will come.
    pub fn finish(&mut self) {}

    /// Goes on until something is to be told.
    ///
    /// # Errors
    /// The file cannot be trusted; every further step says so again.
    pub fn step(&mut self) -> Result<Step, InputError> {
        Ok(Step::Finished(self.totals))
    }
}
