//! The whole story of one delivery.
//!
//! ```text
//! Delivery --claim--> Claimed --convert, upload--> Uploaded --complete--> Completed --ack--> Settlement
//!              \         \                                           /
//!               \         \--a scan's slice is over--> continuation --/---> Settlement
//!                \------------ the unit is complete already ---------/
//! ```
//! Effects come before the completion, the completion before the acknowledgement: whatever stops a worker
//! leaves either a message or a completion behind.

use backfleet_convert::InputError;
use backfleet_core::effort;
use backfleet_core::limits::{OUTAGE_PAUSE, OUTAGE_PAUSE_MAX};
use backfleet_core::mutant::{self, Mutant};
use backfleet_core::ports::{PortError, PortFault, Retry};
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::ack::ack;
use crate::claim::{Claim, ClaimError, claim};
use crate::complete::{CompleteError, Completed, complete};
use crate::convert::convert_and_upload;
use crate::desk::{Desk, Job, JobInput};
use crate::hand_on::{hand_on, pass_lane_on};
use crate::keepalive::under_lease;
use crate::read::ReadError;
use crate::receive::Delivery;
use crate::scan::{ScanError, Scanned, scan_and_upload};
use crate::settle::Settlement;
use crate::sink::SinkError;
use crate::upload::UploadError;

/// Takes one delivery as far as it goes. Everything in here stops when the lease ends.
pub async fn attempt(desk: &Desk, delivery: &Delivery) -> Result<Settlement, AttemptError> {
    under_lease(desk, delivery, patiently(desk, || once(desk, delivery))).await
}

async fn once(desk: &Desk, delivery: &Delivery) -> Result<Settlement, AttemptError> {
    let claimed = match claim(desk, delivery).await? {
        Claim::Granted(claimed) => claimed,
        Claim::AlreadyComplete(job, completed) => return close(desk, &job, completed).await,
    };
    let job = claimed.job.clone();
    if mutant::is(Mutant::AckBeforeCompletion) {
        desk.queue.ack(&delivery.held.hold).await.map_err(AttemptError::Ack)?;
    }
    let uploaded = match &job.input {
        JobInput::Files(files) => convert_and_upload(desk, claimed, &**files).await?,
        JobInput::Table { scan, table } => {
            match scan_and_upload(desk, claimed, delivery, scan, &**table).await? {
                Scanned::Whole(uploaded) => uploaded,
                Scanned::Sliced(message) => return hand_on(desk, delivery, message).await,
            }
        }
    };
    close(desk, &job, complete(uploaded).await?).await
}

/// Sends what follows from a completion, then lets its message go.
async fn close(desk: &Desk, job: &Job, completed: Completed) -> Result<Settlement, AttemptError> {
    pass_lane_on(desk, job, &completed).await?;
    ack(desk, completed).await
}

/// Begins again while what fails is not the unit but a service or the way to it: an outage must not use up the
/// receives that a message has, or every healthy unit would end as a dead letter.
async fn patiently<T, Tried>(desk: &Desk, mut once: impl FnMut() -> Tried) -> Result<T, AttemptError>
where
    Tried: Future<Output = Result<T, AttemptError>>,
{
    let began = Instant::now();
    let mut pause = OUTAGE_PAUSE;
    loop {
        match once().await {
            Err(error)
                if error.class() == UNAVAILABLE
                    && began.elapsed() < desk.patience
                    && !mutant::is(Mutant::OutageCounts) =>
            {
                effort::note(|effort| effort.failed(error.class()));
                warn!(class = error.class(), "an outage: beginning again after a pause");
                sleep(pause).await;
                pause = (pause * 2).min(OUTAGE_PAUSE_MAX);
            }
            ended => return ended,
        }
    }
}

/// Why a delivery did not end in a completion.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// The message is not one to be worked on, or that could not be found out.
    #[error("the unit could not be claimed")]
    Claim(#[from] ClaimError),
    /// The unit's file could not be read or is not what the plan says.
    #[error("the input could not be used")]
    Read(#[from] ReadError),
    /// The unit's file is damaged.
    #[error("file {key} cannot be trusted")]
    Input {
        /// The file.
        key: String,
        /// What is wrong with it.
        source: InputError,
    },
    /// The file holds another number of records than its manifest promises.
    #[error("file {key} holds {found} records, its manifest promises {promised}")]
    Count {
        /// The file.
        key: String,
        /// Records in it.
        found: u64,
        /// Records promised.
        promised: u64,
    },
    /// The segment could not be scanned.
    #[error("the table could not be scanned")]
    Scan(#[from] ScanError),
    /// The message that follows could not be sent.
    #[error("the next message could not be sent")]
    Send(#[source] PortError),
    /// A shard or quarantine object could not be put.
    #[error("the output could not be written")]
    Upload(#[from] UploadError),
    /// The records could not be put into the job's sink.
    #[error("the sink could not be used")]
    Sink(#[from] SinkError),
    /// The completion could not be put.
    #[error("the completion could not be written")]
    Complete(#[from] CompleteError),
    /// The message could not be acknowledged.
    #[error("the message could not be acknowledged")]
    Ack(#[source] PortError),
    /// The lease ended first; somebody else has the unit by now.
    #[error("the lease on the message ended before the work was done")]
    LeaseLost,
}

/// What to do with the message of a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Give it back: another attempt may succeed.
    TryAgain,
    /// Give it back: there is no room at the destination, which is no fault of the unit.
    WaitForRoom,
    /// Put it aside now: no attempt can succeed until somebody acts.
    PutAside,
    /// Leave it alone: it is not ours any more.
    LeaveAlone,
}

impl AttemptError {
    /// What to do with the message.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::LeaseLost => Remedy::LeaveAlone,
            Self::Ack(error) if error.fault == PortFault::LeaseGone => Remedy::LeaveAlone,
            Self::Claim(error) if error.is_refusal() => Remedy::PutAside,
            Self::Upload(UploadError::Conflict { .. }) | Self::Complete(CompleteError::Conflict { .. }) => {
                Remedy::PutAside
            }
            Self::Sink(error) if error.is_refusal() => Remedy::PutAside,
            _ if self.class() == EXHAUSTED => Remedy::WaitForRoom,
            _ => Remedy::TryAgain,
        }
    }

    /// The failure's class, as metrics and dead letters group it.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Claim(error) => error.class(),
            Self::Read(error) => error.class(),
            Self::Scan(error) => error.class(),
            Self::Sink(error) => error.class(),
            Self::Input { .. } => "input-damaged",
            Self::Count { .. } => "input-count",
            Self::Upload(UploadError::Conflict { .. }) | Self::Complete(CompleteError::Conflict { .. }) => {
                "conflict"
            }
            Self::Upload(UploadError::Port(error))
            | Self::Complete(CompleteError::Port(error))
            | Self::Send(error)
            | Self::Ack(error) => port_class(error),
            Self::Upload(UploadError::Stored { .. }) | Self::Complete(CompleteError::Stored(_)) => {
                "output-damaged"
            }
            Self::LeaseLost => "lease-lost",
        }
    }
}

/// The class of failures that pass by themselves.
const UNAVAILABLE: &str = "unavailable";

/// The class of failures for want of room.
const EXHAUSTED: &str = "exhausted";

/// The class of a failed call.
pub(crate) fn port_class(error: &PortError) -> &'static str {
    match (error.fault, error.retry) {
        (PortFault::Denied, _) => "denied",
        (PortFault::Exhausted, _) => EXHAUSTED,
        (_, Retry::Never) => "refused",
        _ => UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests;
