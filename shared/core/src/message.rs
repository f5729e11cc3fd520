//! What travels on the queue: which unit of which job, and nothing else. Bucket, table and keys come from the
//! plan and the worker's own configuration, so that no message can talk a worker into touching anything else.

use serde::{Deserialize, Serialize};

use crate::job::JobId;
use crate::limits::MESSAGE_BYTES_MAX;

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The message's own form: 1.
    pub v: u32,
    /// The job.
    pub job: JobId,
    /// The unit of its plan.
    pub unit: u32,
    /// How many times the unit was continued in a new message.
    pub slice: u32,
    /// Shards that were committed when this message was sent; for people, decides nothing.
    pub progress: u32,
}

/// A body that is no message of ours.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Too large to be looked at.
    #[error("a message of {bytes} bytes is none of ours: they have at most {MESSAGE_BYTES_MAX}")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Not of the form.
    #[error(
        "a message is not of the form {{\"v\":1,\"job\":…,\"unit\":…,\"slice\":…,\"progress\":…}}, at byte {column}"
    )]
    Form {
        /// Where it departs from the form; what stands there is anybody's text and is not repeated.
        column: usize,
    },
    /// Of another version.
    #[error("a message of version {found} needs another version of this program, which reads version 1")]
    Version {
        /// The version it says.
        found: u32,
    },
}

impl Message {
    /// The first message of a unit.
    pub fn first(job: JobId, unit: u32) -> Self {
        Self { v: 1, job, unit, slice: 0, progress: 0 }
    }

    /// The body to send: ASCII, under 200 bytes.
    pub fn to_body(self) -> String {
        serde_json::to_string(&self).expect("a message is plain data")
    }

    /// Reads a body.
    pub fn parse(body: &str) -> Result<Self, MessageError> {
        if body.len() > MESSAGE_BYTES_MAX {
            return Err(MessageError::TooLarge { bytes: body.len() });
        }
        let message: Self =
            serde_json::from_str(body).map_err(|error| MessageError::Form { column: error.column() })?;
        if message.v != 1 {
            return Err(MessageError::Version { found: message.v });
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_the_queue() {
        let message =
            Message { unit: 42, slice: 3, progress: 7, ..Message::first("0".repeat(32).parse().unwrap(), 0) };
        assert_eq!(Message::parse(&message.to_body()).unwrap(), message);
        assert!(message.to_body().len() < 200 && message.to_body().is_ascii());
    }

    #[test]
    fn a_body_that_is_not_ours_is_refused_by_what_is_wrong_with_it() {
        let body = Message::first("0".repeat(32).parse().unwrap(), 1).to_body();
        assert!(matches!(
            Message::parse(&body.replace("\"v\":1", "\"v\":2")),
            Err(MessageError::Version { found: 2 })
        ));
        let padded = |bytes: usize| body.clone() + &" ".repeat(bytes - body.len());
        assert!(Message::parse(&padded(MESSAGE_BYTES_MAX)).is_ok());
        let too_large = Message::parse(&padded(MESSAGE_BYTES_MAX + 1));
        assert!(matches!(too_large, Err(MessageError::TooLarge { .. })));
        let deep = "[".repeat(50_000);
        let with_bucket = body.replace("\"unit\"", "\"bucket\":\"evil\",\"unit\"");
        for wrong in [
            "",
            "null",
            "{}",
            "{\"v\":1}",
            deep.as_str(),
            with_bucket.as_str(),
            &body.replace(":1,\"slice", ":-1,\"slice"),
        ] {
            assert!(
                matches!(Message::parse(wrong), Err(MessageError::Form { .. })),
                "{}",
                &wrong[..wrong.len().min(80)]
            );
        }
    }
}
