//! A queue of small texts with visibility windows and a dead-letter queue, as SQS has them.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::PortError;

/// The right to one received message, as long as its window lasts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Hold(pub String);

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold(..)")
    }
}

/// One received message.
#[derive(Debug, Clone)]
pub struct Held {
    /// What was sent.
    pub body: String,
    /// For extend, release, ack and dead_letter.
    pub hold: Hold,
    /// How often this message has been received, this time included. Emulators and replays count differently:
    /// never the only budget.
    pub receives: u32,
    /// How long it had waited since it was sent, where this is its first receipt and the queue tells.
    pub waited: Option<Duration>,
}

/// A message that could not be handed over: its place in the batch and why.
#[derive(Debug)]
pub struct SendFailure {
    /// Index into the batch.
    pub index: usize,
    /// Why.
    pub error: PortError,
}

/// What waits where. Approximate on SQS: never a reason to believe that a job is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Ready to be received.
    pub visible: u64,
    /// Received and held.
    pub in_flight: u64,
    /// Waiting for a delay to end.
    pub delayed: u64,
    /// In the dead-letter queue.
    pub dead: u64,
}

/// A message in the dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// What was sent.
    pub body: String,
    /// Why it is here; `None` when the queue itself moved it after too many receives.
    pub reason: Option<String>,
    /// How often it had been received.
    pub receives: u32,
}

/// At-least-once delivery under visibility windows.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Hands over up to [`crate::limits::QUEUE_BATCH_MAX`] bodies. `Ok` names those that were not taken; an
    /// error of `Effect::Unknown` means that any of them may have been.
    async fn send(&self, bodies: &[String]) -> Result<Vec<SendFailure>, PortError>;

    /// Up to `max` messages, waiting up to `wait` for the first. None is a normal answer. Each is invisible to
    /// others for the queue's visibility window.
    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Held>, PortError>;

    /// Whether a receive that is dropped before its end certainly takes nothing along.
    fn may_drop_receive(&self) -> bool {
        false
    }

    /// The visibility window that a receive gives: how long a lease is.
    fn window(&self) -> Duration;

    /// Makes the window end `window` from now. `LeaseGone` when the hold is no longer ours.
    async fn extend(&self, hold: &Hold, window: Duration) -> Result<(), PortError>;

    /// Gives a message back, visible again after `delay`. Must not be called with a hold that may be stale.
    async fn release(&self, hold: &Hold, delay: Duration) -> Result<(), PortError>;

    /// Deletes a message for good. `LeaseGone` when somebody else holds it by now.
    async fn ack(&self, hold: &Hold) -> Result<(), PortError>;

    /// Moves a message to the dead-letter queue with a reason people can act on, then deletes it here.
    async fn dead_letter(&self, held: &Held, reason: &str) -> Result<(), PortError>;

    /// What waits where.
    async fn depth(&self) -> Result<Depth, PortError>;
}
