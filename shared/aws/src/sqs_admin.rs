//! What an operator does with queues: look at dead letters and decide, see how a queue is set up, make a pair.
//!
//! Workers never come here.

mod dead_letters;
mod facts;
mod moves;
mod pair;
#[cfg(test)]
mod tests;

pub use dead_letters::DeadLetterBox;
pub use facts::{QueueFacts, RedriveFacts};
pub(crate) use facts::{dlq_url_of, queue_facts};
pub use moves::{MoveProgress, MoveStart, MoveState};
pub use pair::QueuePair;
pub(crate) use pair::create_queue_pair;

use crate::call::Call;
use crate::classify::Scope;
use crate::limits::SMALL_CALL_MAX;

fn reading(name: &'static str, url: &str) -> Call {
    Call { name, subject: url.to_owned(), scope: Scope::Sqs, writes: false, limit: SMALL_CALL_MAX }
}

fn writing(name: &'static str, url: &str) -> Call {
    Call { writes: true, ..reading(name, url) }
}
