//! What a delivery of a scan leaves to others: the rest of its segment, or its lane's next one. Sent before the message it
//! came by is let go.

use backfleet_core::message::Message;
use backfleet_core::metrics::UNITS_CONTINUED;
use backfleet_core::mutant::{self, Mutant};
use backfleet_core::ports::PortFault;

use crate::attempt::AttemptError;
use crate::complete::Completed;
use crate::desk::{Desk, Job, JobInput};
use crate::receive::Delivery;
use crate::settle::Settlement;
use tracing::warn;

/// Sends the message for the rest of a segment, then lets go of the one that came.
pub async fn hand_on(desk: &Desk, delivery: &Delivery, rest: Message) -> Result<Settlement, AttemptError> {
    if !mutant::is(Mutant::RestNotSent) {
        send(desk, rest).await?;
    }
    metrics::counter!(UNITS_CONTINUED).increment(1);
    match desk.queue.ack(&delivery.held.hold).await {
        Err(error) if error.fault != PortFault::LeaseGone => Err(AttemptError::Ack(error)),
        _ => Ok(Settlement::Continued),
    }
}

/// Sends the message for the next segment of the lane that is not complete. A twin that finds a segment complete leaves
/// that to whoever completed it, unless nothing of the next one stands yet: otherwise every message that comes twice
/// would make two lanes of one, and the fleet would read faster than it may.
pub async fn pass_lane_on(desk: &Desk, job: &Job, completed: &Completed) -> Result<(), AttemptError> {
    send_next(desk, job, completed.completion.unit, completed.ours).await
}

/// Sends the message for the next segment of a lane whose segment was put aside: the others must not wait for somebody to
/// act. Should even that fail, whoever watches the job finds the lane without a message.
pub async fn leave_lane(desk: &Desk, put_aside: &Message) {
    let Ok(job) = desk.job(put_aside.job).await else { return };
    if let Err(error) = send_next(desk, &job, put_aside.unit, true).await {
        warn!(unit = put_aside.unit, %error, "the next segment of the lane could not be sent");
    }
}

async fn send_next(desk: &Desk, job: &Job, unit: u32, ours: bool) -> Result<(), AttemptError> {
    let JobInput::Table { scan, .. } = &job.input else { return Ok(()) };
    if mutant::is(Mutant::LaneNotPassedOn) {
        return Ok(());
    }
    let mut next = scan.next_in_lane(unit);
    while let Some(unit) = next {
        if job.dest.head(&job.layout.completion(unit)).await.map_err(AttemptError::Send)?.is_none() {
            let begun = !ours && has_begun(job, unit).await?;
            return if begun { Ok(()) } else { send(desk, Message::first(job.plan.job, unit)).await };
        }
        next = scan.next_in_lane(unit);
    }
    Ok(())
}

async fn has_begun(job: &Job, unit: u32) -> Result<bool, AttemptError> {
    let listing = job.dest.list(&job.layout.unit_prefix(unit), None).await.map_err(AttemptError::Send)?;
    Ok(!listing.entries.is_empty())
}

async fn send(desk: &Desk, message: Message) -> Result<(), AttemptError> {
    let refused = desk.queue.send(&[message.to_body()]).await.map_err(AttemptError::Send)?;
    refused.into_iter().next().map_or(Ok(()), |failure| Err(AttemptError::Send(failure.error)))
}
