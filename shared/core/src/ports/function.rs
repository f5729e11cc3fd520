//! A function that is handed payloads and answers each, one call for one run of it.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use super::PortError;

/// How a run of the function ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It returned; what, as JSON.
    Returned(Bytes),
    /// It failed: an exception, a timeout, a runtime that ended. What it had done by then is done.
    Failed(FunctionFailure),
}

/// Why a run failed, as the function's runtime says it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct FunctionFailure {
    /// The error's type, e.g. `KeyError` or `Sandbox.Timedout`.
    pub kind: String,
    /// Its message. May quote what the function was handed: never logged, nor told in an error.
    pub message: String,
}

impl fmt::Debug for FunctionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionFailure").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A function.
#[async_trait]
pub trait Function: Send + Sync + 'static {
    /// Runs it on `payload`, a JSON document, and waits for its end. `TooLarge` when it cannot be handed so much,
    /// `Throttled` when it runs as often as it may, `NotFound` when there is none of that name. An error of
    /// `Effect::Unknown` may stand for a run that went on to its end all the same.
    async fn invoke(&self, payload: Bytes) -> Result<Reply, PortError>;

    /// Which function this is, for people.
    fn describe(&self) -> String;
}
