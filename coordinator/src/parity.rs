//! Holds what the live pipeline writes against what a job writes, and finds the flags that make the two alike.
//!
//! ```text
//!  sample -> packing -> envelope -> shape -> portrait -> infer      the flags, each with its reason
//!  (port)    naming                                  \-> compare    what differs, how badly, what removes it
//! ```
//!
//! Only `sample` touches a store, through the port; the rest is pure. Nothing here writes, and nothing here decides what
//! a record of ours looks like: our side is read from bytes like the other one.

pub mod limits;
pub mod sample;
mod json;
mod naming;
mod packing;
mod envelope;
mod shape;
mod portrait;
mod infer;
mod compare;

pub use compare::{Difference, Remedy, Severity, compare};
pub use infer::{Flag, Inference, infer};
pub use portrait::{Portrait, times};

use backfleet_core::completion::CompletionError;
use backfleet_core::job::JobId;
use backfleet_core::ports::PortError;
use backfleet_core::sink::SinkPlace;

/// Why one object cannot be looked into.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectFault {
    /// A kind of file that holds no JSON.
    #[error("it is {what}")]
    Foreign {
        /// Which kind.
        what: &'static str,
    },
    /// Its compression is damaged.
    #[error("its {packing} data is damaged or ends too early")]
    Corrupt {
        /// Which compression.
        packing: &'static str,
    },
    /// Bytes that are no text.
    #[error("it is no UTF-8 text from byte {offset} on")]
    NotText {
        /// Where that begins, uncompressed.
        offset: usize,
    },
    /// Text that is no JSON.
    #[error("it is no JSON at line {line}, column {column}")]
    NotJson {
        /// Line, from 1, uncompressed.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// JSON that is no record.
    #[error("it holds JSON values that are no objects")]
    NotObjects,
    /// Nothing but space, or a list without a record.
    #[error("it holds no record")]
    NoRecords,
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum ParityError {
    /// A store failed.
    #[error("the samples cannot be read")]
    Port(#[from] PortError),
    /// No object to look at.
    #[error("{place} holds no object with anything in it")]
    Empty {
        /// Where.
        place: String,
    },
    /// Not one object could be looked into.
    #[error("none of the {objects} objects looked at in {place} can be read, {key} first")]
    Unreadable {
        /// Where.
        place: String,
        /// How many were tried.
        objects: usize,
        /// The first of them.
        key: String,
        /// What is wrong with it.
        source: ObjectFault,
    },
    /// No job has written there.
    #[error("{dest} holds no plan of a job{which}")]
    NoJob {
        /// The destination.
        dest: String,
        /// Which job, if one was asked for: a space and the id.
        which: String,
    },
    /// The job has not completed a unit with records in it.
    #[error("job {job} has no completed shard with records in {dest}")]
    NoShard {
        /// The destination.
        dest: String,
        /// The job.
        job: JobId,
    },
    /// Its records lie nowhere that this job knows of.
    #[error("the records of job {job} went into {sink}, and none of them lies in {dest}")]
    Sink {
        /// The destination.
        dest: String,
        /// The job.
        job: JobId,
        /// Where they went.
        sink: SinkPlace,
    },
    /// A completion that is none.
    #[error("completion {key} of the job cannot be read")]
    Completion {
        /// Its key.
        key: String,
        /// What is wrong with it.
        source: CompletionError,
    },
}

impl ParityError {
    /// What to do about it.
    pub fn advice(&self) -> Option<String> {
        Some(match self {
            Self::Port(_) | Self::Completion { .. } => return None,
            Self::Empty { .. } => {
                "give the folder or prefix that the live pipeline writes to, or one of its objects".into()
            }
            Self::Unreadable { source, .. } => source.advice().into(),
            Self::NoJob { .. } => {
                "give the destination of a job; `backfleet infer --live …` needs none".into()
            }
            Self::Sink { .. } => "there is nothing to compare: the live pipeline itself wrote them".into(),
            Self::NoShard { .. } => {
                "wait until the first unit is complete, or convert a small export into a folder of its own"
                    .into()
            }
        })
    }
}

impl ObjectFault {
    fn advice(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => {
                "records are compared as JSON text: take a sample from before they are turned into this, or convert one"
            }
            Self::Corrupt { .. } => "copy the object again, or give another one",
            Self::NotText { .. } | Self::NotJson { .. } | Self::NotObjects => {
                "give objects with JSON records, gzipped, with zstd or as they are; other files in the same folder can be left out by naming one object"
            }
            Self::NoRecords => "give objects with records in them",
        }
    }
}

#[cfg(test)]
mod tests;
