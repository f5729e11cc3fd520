//! Lets the message of a completed unit go.

use backfleet_core::ports::PortFault;

use crate::attempt::AttemptError;
use crate::complete::Completed;
use crate::desk::Desk;
use crate::settle::Settlement;

/// Acknowledges a completed unit. That the message is somebody else's by now changes nothing: they will find
/// the completion.
pub async fn ack(desk: &Desk, completed: Completed) -> Result<Settlement, AttemptError> {
    match desk.queue.ack(&completed.hold).await {
        Err(error) if error.fault != PortFault::LeaseGone => Err(AttemptError::Ack(error)),
        _ => Ok(Settlement::Completed { completion: Box::new(completed.completion), ours: completed.ours }),
    }
}
