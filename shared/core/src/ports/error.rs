//! The one error of every port: what failed, whether to try again, and whether it may have happened.

use std::error::Error;
use std::time::Duration;

/// May the call be tried again?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same call will fail the same way.
    Never,
    /// Later, by the caller's backoff.
    Backoff,
    /// Not before this long from now: the service said so.
    After(Duration),
}

/// Did the call perhaps take effect although it failed?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Certainly not.
    None,
    /// It may have: a lost reply looks like this.
    Unknown,
}

/// What went wrong, as far as somebody acts differently on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortFault {
    /// The object, queue or table is not there.
    NotFound,
    /// The object is not the one that was asked for (`if_match`).
    Changed,
    /// The caller may not do this.
    Denied,
    /// The hold on a message is no longer ours.
    LeaseGone,
    /// What came is larger than the caller allowed.
    TooLarge,
    /// The request itself is wrong; a defect or a misconfiguration.
    Invalid,
    /// What was sent did not arrive as it was sent (checksum).
    Corrupted,
    /// The service asks for fewer requests.
    Throttled,
    /// The service or the way to it is failing.
    Unavailable,
    /// The disk is full, or descriptors or memory have run out.
    Exhausted,
}

/// A failed call of a port.
#[derive(Debug, thiserror::Error)]
#[error("{call} of {subject} failed: {fault:?}")]
pub struct PortError {
    /// Which call, as `port.method`.
    pub call: &'static str,
    /// The object, queue or table it was about; never item data.
    pub subject: String,
    /// What went wrong.
    pub fault: PortFault,
    /// Whether trying again makes sense.
    pub retry: Retry,
    /// Whether it may have happened all the same.
    pub effect: Effect,
    /// The adapter's own error.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl PortError {
    /// An error that trying again does not mend and that left nothing behind.
    pub fn fatal(call: &'static str, subject: impl ToString, fault: PortFault) -> Self {
        Self {
            call,
            subject: subject.to_string(),
            fault,
            retry: Retry::Never,
            effect: Effect::None,
            source: None,
        }
    }

    /// An error worth another try.
    pub fn passing(call: &'static str, subject: impl ToString, fault: PortFault, effect: Effect) -> Self {
        Self { call, subject: subject.to_string(), fault, retry: Retry::Backoff, effect, source: None }
    }

    /// The same with the adapter's own error behind it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether another try may succeed.
    pub fn is_passing(&self) -> bool {
        self.retry != Retry::Never
    }
}
