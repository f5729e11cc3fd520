//! Writes down, below each job, what this process spent on it and met on the way. Nothing waits for it, nothing fails for it, and
//! the protocol knows nothing of it.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use backfleet_core::effort::{Effort, Ledger, LongUnit, tell};
use backfleet_core::layout::Layout;
use backfleet_core::limits::{EFFORT_EVERY, EFFORT_EVERY_MAX, EFFORT_LAST, IDLE};
use backfleet_core::ports::{Clock, ObjectStore};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::desk::Desk;
use crate::receive::Delivery;
use crate::settle::Settlement;

/// What a process has noted, and the time that it writes beside it.
#[derive(Clone)]
pub struct Diary {
    /// The notes.
    pub ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
}

impl Diary {
    /// Nothing noted yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { ledger: Arc::default(), clock }
    }

    /// Notes how a delivery ended.
    pub fn settled(&self, delivery: &Delivery, settlement: &Settlement) {
        let unit = delivery.message.unit;
        let millis = u64::try_from(delivery.received_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.ledger.note(delivery.message.job, |effort| {
            effort.took(LongUnit { unit, deliveries: 1, millis });
            match settlement {
                Settlement::Completed { ours: true, .. } => effort.completed += 1,
                Settlement::DeadLettered { reason } => effort.put_aside(unit, reason),
                _ => {}
            }
        });
    }

    /// Writes down now and then what was noted, and the rest when `ended` is cancelled, but not for long.
    pub async fn keep(&self, desk: &Desk, ended: &CancellationToken) {
        let too_late = async {
            ended.cancelled().await;
            sleep(EFFORT_LAST).await;
        };
        // Biased: what ends in time ends well.
        tokio::select! {
            biased;
            () = self.keep_until(desk, ended) => {}
            () = too_late => {}
        }
    }

    async fn keep_until(&self, desk: &Desk, ended: &CancellationToken) {
        let mut every = EFFORT_EVERY;
        let mut due = Instant::now() + every;
        let mut taken = true;
        // Biased: an end is noticed first; neither writes anything.
        while tokio::select! {
            biased;
            () = ended.cancelled() => false,
            () = self.worth_a_word(desk, due, taken) => true,
        } {
            taken = self.write_down(desk).await;
            every = (every * 2).min(EFFORT_EVERY_MAX);
            due = Instant::now() + every;
        }
        self.write_down(desk).await;
    }

    /// Something was noted, and it is time; or nothing else is to be done, and the last word was taken.
    async fn worth_a_word(&self, desk: &Desk, due: Instant, taken: bool) {
        self.ledger.noted().await;
        // Biased: both mean the same.
        tokio::select! {
            biased;
            () = sleep_until(due) => {}
            () = idle(desk), if taken => {}
        }
    }

    /// Whether all was taken; what was not is noted again.
    async fn write_down(&self, desk: &Desk) -> bool {
        let mut taken = true;
        // A message that comes again after its unit was complete is no work, and a job that is done stays as it is.
        for (id, effort) in self.ledger.take().into_iter().filter(|(_, effort)| effort.is_work()) {
            // Of a job that nobody knows there is no place to write to.
            let Some(job) = desk.known(id) else { continue };
            taken &= self.write(&*job.dest, &job.layout, effort).await;
        }
        taken
    }

    /// Writes down what was noted of one job by somebody who has no desk.
    pub async fn write_down_of(&self, dest: &dyn ObjectStore, layout: &Layout) {
        if let Some(effort) = self.ledger.take().remove(&layout.job()) {
            self.write(dest, layout, effort).await;
        }
    }

    async fn write(&self, dest: &dyn ObjectStore, layout: &Layout, effort: Effort) -> bool {
        let since = self.clock.now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let now_micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        let Err(error) = tell(dest, layout, &effort, now_micros).await else { return true };
        warn!(job = %layout.job(), %error, "what was met on the way could not be written down yet");
        self.ledger.note(layout.job(), |noted| noted.add(&effort));
        false
    }
}

/// Waits until nothing was in hand for a moment.
async fn idle(desk: &Desk) {
    let mut in_hand = desk.in_hand.subscribe();
    loop {
        if in_hand.wait_for(|units| *units == 0).await.is_err() {
            return;
        }
        if timeout(IDLE, in_hand.wait_for(|units| *units > 0)).await.is_err() {
            return;
        }
    }
}
