//! What an operator does with dead letters: look at them, then send back, discard or leave. Workers never come here.

use std::time::SystemTime;

use async_trait::async_trait;

use super::{Hold, PortError};

/// A dead letter that nobody else sees for two minutes from when it was looked at.
#[derive(Debug, Clone)]
pub struct DeadLetterEntry {
    /// What was sent.
    pub body: String,
    /// Why a worker put it here; `None` when the queue moved it after too many receives.
    pub reason: Option<String>,
    /// How often it had been received before it came here, as the worker said; else how often in all, looking at
    /// it included.
    pub receives: u32,
    /// When it was sent: to this queue by a worker, or to the work queue at first.
    pub sent: Option<SystemTime>,
    /// When it was first received after that.
    pub first_received: Option<SystemTime>,
    /// The service's id of it.
    pub message_id: String,
    /// For the calls of [`DeadLetters`].
    pub hold: Hold,
}

/// The dead letters of one queue.
#[async_trait]
pub trait DeadLetters: Send + Sync + 'static {
    /// Up to `max` dead letters. Each is kept from others for two minutes, or until it is released: of more than
    /// one can deal with in that time, take fewer at once.
    async fn peek(&self, max: usize) -> Result<Vec<DeadLetterEntry>, PortError>;

    /// Sends a dead letter to the work queue as a new message, then deletes it here. A crash in between leaves
    /// it in both.
    async fn send_back(&self, entry: &DeadLetterEntry) -> Result<(), PortError>;

    /// Deletes a dead letter for good.
    async fn discard(&self, entry: &DeadLetterEntry) -> Result<(), PortError>;

    /// Leaves a dead letter where it is, for others to see at once.
    async fn leave(&self, entry: &DeadLetterEntry) -> Result<(), PortError>;
}
