//! The sink: where a job's records go instead of into objects. Part of what names the job, for it changes what is done.
//!
//! What such a job keeps of itself (plan, receipts, completions, quarantine, manifest) lies in its state, a place of
//! objects like any destination.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where records go instead of into objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub enum Sink {
    /// A function is handed them, in envelopes as the table's stream would hand them.
    Function(FunctionSink),
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

impl Sink {
    /// Records of one shard, which is put there as a whole and has a receipt of its own.
    pub fn shard_records_max(&self) -> u64 {
        match self {
            Self::Function(function) => function.records_max.into(),
        }
    }

    /// Where it is, as people write it and workers are allowed it.
    pub fn place(&self) -> SinkPlace {
        match self {
            Self::Function(function) => SinkPlace::Function(function.name.clone()),
        }
    }
}

/// Where a sink is, as people write it: `lambda://<function>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkPlace {
    /// A function, by name, name with version or alias, or ARN.
    Function(String),
}

/// Text that names no sink.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not lambda://function")]
pub struct NoSink {
    /// What was given.
    pub text: String,
}

const FUNCTION: &str = "lambda://";

/// Longer than any name of a function, ARN and alias included (Lambda API reference).
const NAME_BYTES_MAX: usize = 255;

impl SinkPlace {
    /// Whether a text means a sink rather than a place of objects, be it a wrong one.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(FUNCTION)
    }
}

impl FromStr for SinkPlace {
    type Err = NoSink;

    fn from_str(text: &str) -> Result<Self, NoSink> {
        let is_name = |name: &&str| {
            (1..=NAME_BYTES_MAX).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:$".contains(&byte))
        };
        let name = text.strip_prefix(FUNCTION).filter(is_name);
        name.map(|name| Self::Function(name.to_owned())).ok_or_else(|| NoSink { text: text.to_owned() })
    }
}

impl fmt::Display for SinkPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(name) => write!(f, "{FUNCTION}{name}"),
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
        ] {
            assert!(SinkPlace::is_meant(text));
            assert_eq!(text.parse::<SinkPlace>().unwrap().to_string(), text);
        }
        for text in ["lambda://", "lambda://a/b", "lambda://a b", "s3://b", "to-lake"] {
            assert!(text.parse::<SinkPlace>().is_err(), "{text}");
        }
        assert!(!SinkPlace::is_meant("s3://b") && !SinkPlace::is_meant("lambda"));
    }
}
