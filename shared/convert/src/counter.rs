//! The counter: one file on its way into a census. Lines that cannot be converted are none of the table's, and only
//! counted as such.

use bytes::Bytes;

use crate::columns::{Census, CensusError};
use crate::gunzip::InputError;
use crate::input::Input;
use crate::records::{Next, Records};

/// Takes the census of one file.
pub struct Counter {
    records: Records,
    census: Census,
    faulty: u64,
}

/// A file of which there can be no census.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CountError {
    /// The file cannot be trusted.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The items have no columns.
    #[error(transparent)]
    Census(#[from] CensusError),
}

impl Counter {
    /// For a file that is written as `input` says. Of changes the items as they are count, and the keys of those that
    /// were removed.
    pub fn new(input: Input) -> Counter {
        Counter { records: Records::new(input, &[], true), census: Census::default(), faulty: 0 }
    }

    /// Hands over input; only when the last call of [`Self::count`] asked for more, or before the first.
    pub fn feed(&mut self, bytes: Bytes) {
        self.records.feed(bytes);
    }

    /// No more input will come.
    pub fn finish(&mut self) {
        self.records.finish();
    }

    /// Counts what is there; true when the file is over.
    ///
    /// # Errors
    /// The file cannot be trusted, or its items have too many attributes.
    pub fn count(&mut self) -> Result<bool, CountError> {
        loop {
            match self.records.advance()? {
                Next::NeedInput => return Ok(false),
                Next::End => return Ok(true),
                Next::Faulty(_) => self.faulty += 1,
                Next::Item => {
                    let (line, item) = self.records.item();
                    let image = if item.image.is_there() { &item.image } else { &item.keys_map };
                    self.census.add(line, &image.attributes)?;
                }
            }
        }
    }

    /// What was counted, and how many lines could not be.
    pub fn into_census(self) -> (Census, u64) {
        (self.census, self.faulty)
    }
}
