//! Writes the code that makes one table of a history's records and the live ones: each item once, the newest version, and nothing
//! that was deleted comes back.
//!
//! It renders templates from what the plan and the manifest say; it opens nothing, runs nothing and knows no engine but by
//! its template. A template is the code itself with `{{names}}` in it.

mod facts;
mod template;

use backfleet_core::job::OptionsError;
use backfleet_core::sink::SinkPlace;

pub use facts::{Facts, JobFacts, LIVE_MARGIN, shown, source_name};
use template::{render, templates};

/// What decides the code, beside the job itself.
#[derive(Debug, Clone)]
pub struct HandoffRequest {
    /// Where the job wrote, as readers name it: `s3://bucket/prefix` or an absolute folder.
    pub dest: String,
    /// Where the live pipeline writes.
    pub live: String,
    /// Name of the table to make; by default that of the source's.
    pub table: Option<String>,
    /// Live records from before this moment (microseconds since 1970) do not count; by default the moment that the job's
    /// records show, less [`LIVE_MARGIN`].
    pub since_micros: Option<i64>,
}

/// A file of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// What it is called.
    pub name: &'static str,
    /// What it holds.
    pub text: String,
}

/// A job that no code can be written for.
#[derive(Debug, thiserror::Error)]
pub enum HandoffError {
    /// Its records do not say what happened, or when.
    #[error("records of the format {format} do not say what became of an item, nor when")]
    Format {
        /// The job's format.
        format: String,
    },
    /// Its records lie nowhere that this job knows of.
    #[error("the records of this job went into {sink}: they lie where that puts them, beside the live ones")]
    Sink {
        /// Where they went.
        sink: SinkPlace,
    },
    /// Its records have no image to make a table of.
    #[error("records with the view {view} do not hold the items")]
    View {
        /// The job's view type.
        view: String,
    },
    /// A name or place that cannot be written into code.
    #[error("{what} {text:?} cannot be written into code: {why}")]
    Unwritable {
        /// What it is.
        what: &'static str,
        /// The text.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A moment of the plan that is none.
    #[error("the plan's time {0:?} is no time")]
    Time(String),
    /// Options that this version does not know.
    #[error("the job's options cannot be read")]
    Options(#[from] OptionsError),
}

impl HandoffError {
    /// What to do next.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Format { .. } => Some(
                "convert with --format stream, lambda-event or kinesis, as the live pipeline writes: plain, item, image and \
                 parquet are whole tables already"
                    .into(),
            ),
            Self::Sink { .. } => Some("query what the live pipeline writes: it holds the history too".into()),
            Self::View { .. } => Some("convert with --view-type NEW_IMAGE or NEW_AND_OLD_IMAGES".into()),
            Self::Unwritable { .. } => Some("write the code by hand, after docs/formats/spark.md".into()),
            Self::Time(_) | Self::Options(_) => None,
        }
    }
}

/// The code for every engine that can read where the records lie.
pub fn handoff(facts: &Facts) -> Vec<Script> {
    templates(facts)
        .into_iter()
        .map(|template| Script { name: template.name, text: render(template.text, &template.words(facts)) })
        .collect()
}

#[cfg(test)]
mod tests;
