//! The sink: where a job's records go instead of into objects. Part of what names the job, for it changes what is done.
//!
//! What such a job keeps of itself (plan, receipts, completions, quarantine, manifest) lies in its state, a place of
//! objects like any destination.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::job::JobId;
use crate::limits::TOUCHED_OF_A_RECEIPT;

/// Where records go instead of into objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub enum Sink {
    /// A function is handed them, in envelopes as the table's stream would hand them.
    Function(FunctionSink),
    /// The items of the table itself are touched, so that its own stream carries them.
    Touch(TouchSink),
}

/// A function that is handed envelopes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionSink {
    /// Name, name with version or alias, or ARN, as it was written.
    pub name: String,
    /// Records of one envelope.
    pub records_max: u32,
}

/// A table whose items are touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TouchSink {
    /// Name or ARN, as it was written.
    pub table: String,
    /// Its ARN.
    pub table_arn: String,
    /// The attribute that is set to the job's id.
    pub marker: String,
    /// The job whose marks are taken away again; `None` if marks are set.
    pub undo: Option<JobId>,
}

impl Sink {
    /// Records of one shard, which is put there as a whole and has a receipt of its own.
    pub fn shard_records_max(&self) -> u64 {
        match self {
            Self::Function(function) => function.records_max.into(),
            Self::Touch(_) => TOUCHED_OF_A_RECEIPT,
        }
    }

    /// Where it is, as people write it and workers are allowed it.
    pub fn place(&self) -> SinkPlace {
        match self {
            Self::Function(function) => SinkPlace::Function(function.name.clone()),
            Self::Touch(touch) => SinkPlace::Touch(touch.table.clone()),
        }
    }
}

/// Where a sink is, as people write it: `lambda://<function>` or `touch://<table>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkPlace {
    /// A function, by name, name with version or alias, or ARN.
    Function(String),
    /// A table, by name or ARN.
    Touch(String),
}

/// Text that names no sink.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is neither lambda://function nor touch://table")]
pub struct NoSink {
    /// What was given.
    pub text: String,
}

const FUNCTION: &str = "lambda://";
const TOUCH: &str = "touch://";

/// The longest name of a function, ARN included, and of a table (their API references).
const NAME_BYTES_MAX: usize = 255;

impl SinkPlace {
    /// Whether a text means a sink rather than a place of objects, be it a wrong one.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(FUNCTION) || text.starts_with(TOUCH)
    }
}

impl FromStr for SinkPlace {
    type Err = NoSink;

    fn from_str(text: &str) -> Result<Self, NoSink> {
        let is_name = |name: &str, others: &[u8]| {
            (1..=NAME_BYTES_MAX).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
        };
        let function = text.strip_prefix(FUNCTION).filter(|name| is_name(name, b"-_.:$"));
        let table = || text.strip_prefix(TOUCH).filter(|name| is_name(name, b"-_.:/"));
        match function {
            Some(name) => Ok(Self::Function(name.to_owned())),
            None => table()
                .map(|name| Self::Touch(name.to_owned()))
                .ok_or_else(|| NoSink { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for SinkPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(name) => write!(f, "{FUNCTION}{name}"),
            Self::Touch(table) => write!(f, "{TOUCH}{table}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_is_written_as_it_is_read() {
        for text in [
            "lambda://to-lake",
            "lambda://to-lake:live",
            "lambda://arn:aws:lambda:eu-north-1:123456789012:function:to-lake:$LATEST",
            "touch://orders",
            "touch://arn:aws:dynamodb:eu-north-1:123456789012:table/orders",
        ] {
            assert!(SinkPlace::is_meant(text));
            assert_eq!(text.parse::<SinkPlace>().unwrap().to_string(), text);
        }
        for text in
            ["lambda://", "lambda://a/b", "lambda://a b", "touch://", "touch://a?b", "s3://b", "to-lake"]
        {
            assert!(text.parse::<SinkPlace>().is_err(), "{text}");
        }
        assert!(!SinkPlace::is_meant("s3://b") && !SinkPlace::is_meant("lambda"));
    }
}
