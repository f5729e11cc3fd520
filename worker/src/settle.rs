//! What becomes of a delivery, and of the message of one that failed.

use std::error::Error;
use std::time::Duration;

use backfleet_core::completion::Completion;
use backfleet_core::effort;
use backfleet_core::limits::{REASON_BYTES_MAX, RECEIVES_MAX};
use backfleet_core::metrics::UNITS_FAILED;
use backfleet_core::mutant::{self, Mutant};
use backfleet_core::ports::{Held, PortError, Queue};
use tracing::{error, warn};

use crate::attempt::{AttemptError, Remedy};

/// How a delivery ended.
#[derive(Debug)]
pub enum Settlement {
    /// The unit is complete and its message gone.
    Completed {
        /// What it became.
        completion: Box<Completion>,
        /// Whether this delivery wrote the completion.
        ours: bool,
    },
    /// What was read of a segment stands, and a message for the rest is on the queue.
    Continued,
    /// Given back, to be tried again.
    Released {
        /// Why.
        reason: String,
        /// Whether there is no room for what would be written: more tries only wait for somebody to make some.
        exhausted: bool,
    },
    /// In the dead-letter queue.
    DeadLettered {
        /// Why.
        reason: String,
    },
    /// Somebody else has it.
    Lost,
}

/// Disposes of the message of a failed attempt: back to the queue while another attempt may succeed, else to
/// the dead letters with its reason.
pub async fn settle_failure(queue: &dyn Queue, held: &Held, failure: &AttemptError) -> Settlement {
    metrics::counter!(UNITS_FAILED, "class" => failure.class()).increment(1);
    effort::note(|effort| effort.failed(failure.class()));
    let reason = reason(failure.class(), failure);
    let remedy = match failure.remedy() {
        Remedy::TryAgain if mutant::is(Mutant::PutAsideAtOnce) => Remedy::PutAside,
        remedy => remedy,
    };
    match remedy {
        Remedy::LeaveAlone => Settlement::Lost,
        // No fault of the unit: it keeps its message, however often.
        Remedy::WaitForRoom => release(queue, held, retry_delay(held.receives), reason, true).await,
        Remedy::TryAgain if held.receives < RECEIVES_MAX || mutant::is(Mutant::NeverPutAside) => {
            warn!(receives = held.receives, %reason, "an attempt failed and will be tried again");
            release(queue, held, retry_delay(held.receives), reason, false).await
        }
        Remedy::TryAgain | Remedy::PutAside => put_aside(queue, held, reason).await,
    }
}

/// Puts a message aside with a reason; should even that fail, its window runs out and it comes again.
pub(crate) async fn put_aside(queue: &dyn Queue, held: &Held, reason: String) -> Settlement {
    error!(receives = held.receives, %reason, "put aside as a dead letter");
    match queue.dead_letter(held, &reason).await {
        Ok(()) => Settlement::DeadLettered { reason },
        Err(failure) => left_alone(&failure),
    }
}

async fn release(
    queue: &dyn Queue,
    held: &Held,
    delay: Duration,
    reason: String,
    exhausted: bool,
) -> Settlement {
    match queue.release(&held.hold, delay).await {
        Ok(()) => Settlement::Released { reason, exhausted },
        Err(failure) => left_alone(&failure),
    }
}

fn left_alone(failure: &PortError) -> Settlement {
    warn!(%failure, "a message could not be disposed of; its window will run out");
    Settlement::Lost
}

/// 1 s, 2 s, 4 s, 8 s: the calls inside an attempt have had their own retries already.
fn retry_delay(receives: u32) -> Duration {
    Duration::from_secs(1 << receives.saturating_sub(1).min(6))
}

/// `class: the error and what is behind it`, within the size of a message attribute.
pub(crate) fn reason(class: &str, error: &dyn Error) -> String {
    let mut text = format!("{class}: {error}");
    let mut behind = error.source();
    while let Some(cause) = behind {
        // A transparent error says its source's words.
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        behind = cause.source();
    }
    let mut end = text.len().min(REASON_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{words}")]
    struct Said {
        words: String,
        #[source]
        source: Option<Box<Said>>,
    }

    fn said(words: &str, source: Option<Said>) -> Said {
        Said { words: words.to_owned(), source: source.map(Box::new) }
    }

    #[test]
    fn a_reason_says_what_is_behind_it_once_and_fits() {
        let chain = said("outer", Some(said("middle", Some(said("middle", Some(said("root", None)))))));
        assert_eq!(reason("class", &chain), "class: outer: middle: root");
        let exactly = "x".repeat(REASON_BYTES_MAX - "c: ".len());
        assert_eq!(reason("c", &said(&exactly, None)), format!("c: {exactly}"));
        // Two bytes a letter: the last one would not fit whole.
        let whole = |class| reason(class, &said(&"\u{e9}".repeat(REASON_BYTES_MAX), None)).len();
        let mut lengths = [whole("c"), whole("cc")];
        lengths.sort();
        assert_eq!(lengths, [REASON_BYTES_MAX - 1, REASON_BYTES_MAX]);
    }

    #[test]
    fn pauses_double_from_a_second_to_about_a_minute() {
        assert_eq!(
            [1, 2, 3, 7, 8, 1_000].map(|receives| retry_delay(receives).as_secs()),
            [1, 2, 4, 64, 64, 64]
        );
    }
}
