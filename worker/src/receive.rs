//! The loop: receive, attempt, settle, until told to stop.

use std::sync::Arc;
use std::time::Duration;

use backfleet_core::limits::RECEIVE_WAIT_MAX;
use backfleet_core::message::Message;
use backfleet_core::metrics::{IN_FLIGHT_UNITS, QUEUE_WAIT_SECONDS, UNITS_FAILED, UNITS_RECEIVED};
use backfleet_core::ports::{Held, PortError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::attempt::attempt;
use crate::desk::Desk;
use crate::hand_on::leave_lane;
use crate::settle::{Settlement, put_aside, reason, settle_failure};

/// One receipt of a unit's message.
#[derive(Debug)]
pub struct Delivery {
    /// The message and the right to it.
    pub held: Held,
    /// What it says.
    pub message: Message,
    /// Cancelled when the worker is told to stop: what can end early then, should.
    pub stop: CancellationToken,
    /// From before the receive was asked for, so that the lease is never thought longer than it is.
    pub received_at: Instant,
}

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Units worked on at the same time.
    pub concurrency: usize,
    /// How long units in hand may go on after being told to stop.
    pub stop_timeout: Duration,
}

/// One delivery's end, for whoever watches.
#[derive(Debug)]
pub struct Settled {
    /// The unit, where the message could be read.
    pub unit: Option<u32>,
    /// How it ended.
    pub settlement: Settlement,
}

/// The class of messages that cannot be read.
const MALFORMED: &str = "malformed-message";

/// Pause after a receive that failed; it doubles with every further one, up to [`RECEIVE_WAIT_MAX`].
const RECEIVE_PAUSE: Duration = Duration::from_secs(1);

/// A poll waits for this part of a window at most.
const POLLS_IN_A_WINDOW: u32 = 4;

/// Shorter polls would be a storm of requests.
const RECEIVE_WAIT_MIN: Duration = Duration::from_secs(1);

/// Works until `stop` is cancelled, then lets units in hand finish within the stop timeout and hands the rest
/// back. Every delivery's end is sent to `settled`, whose receiver must be drained.
pub async fn work(
    desk: Arc<Desk>,
    config: WorkerConfig,
    stop: CancellationToken,
    settled: mpsc::Sender<Settled>,
) {
    let Some(diary) = desk.diary.clone() else { return work_on(&desk, &config, &stop, settled).await };
    let ended = CancellationToken::new();
    let working = async {
        work_on(&desk, &config, &stop, settled).await;
        ended.cancel();
    };
    tokio::join!(working, diary.keep(&desk, &ended));
}

async fn work_on(
    desk: &Arc<Desk>,
    config: &WorkerConfig,
    stop: &CancellationToken,
    settled: mpsc::Sender<Settled>,
) {
    let abandon = CancellationToken::new();
    let mut slots = JoinSet::new();
    for _ in 0..config.concurrency {
        let slot = Slot {
            desk: desk.clone(),
            stop: stop.clone(),
            abandon: abandon.clone(),
            settled: settled.clone(),
        };
        slots.spawn(slot.run());
    }
    // Biased: what has ended is looked at first.
    tokio::select! {
        biased;
        () = all(&mut slots) => return,
        () = stop.cancelled() => {}
    }
    if tokio::time::timeout(config.stop_timeout, all(&mut slots)).await.is_err() {
        info!("the stop timeout is over: units in hand are handed back");
        abandon.cancel();
        all(&mut slots).await;
    }
}

/// Waits for all slots. A panic of one is one of the whole worker: a slot that was silently gone would be missed by nobody.
async fn all(slots: &mut JoinSet<()>) {
    while let Some(ended) = slots.join_next().await {
        if let Err(error) = ended
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

struct Slot {
    desk: Arc<Desk>,
    stop: CancellationToken,
    abandon: CancellationToken,
    settled: mpsc::Sender<Settled>,
}

impl Slot {
    async fn run(self) {
        while let Some((held, received_at)) = self.next().await {
            metrics::counter!(UNITS_RECEIVED).increment(1);
            if let Some(waited) = held.waited {
                metrics::histogram!(QUEUE_WAIT_SECONDS).record(waited);
            }
            self.count(|units| units + 1);
            let settled = self.serve(held, received_at).await;
            self.count(|units| units - 1);
            if self.settled.send(settled).await.is_err() {
                return;
            }
        }
    }

    fn count(&self, change: impl FnOnce(usize) -> usize) {
        self.desk.in_hand.send_modify(|units| *units = change(*units));
        metrics::gauge!(IN_FLIGHT_UNITS).set(*self.desk.in_hand.borrow() as f64);
    }

    /// The next message, or `None` when told to stop.
    async fn next(&self) -> Option<(Held, Instant)> {
        let mut pause = RECEIVE_PAUSE;
        // A lease is counted from when its receive was asked for: of a short window a long poll would leave nothing.
        let wait = (self.desk.queue.window() / POLLS_IN_A_WINDOW).clamp(RECEIVE_WAIT_MIN, RECEIVE_WAIT_MAX);
        loop {
            let asked_at = Instant::now();
            let receiving = self.desk.queue.receive(1, wait);
            tokio::pin!(receiving);
            // Biased: a worker that was told to stop asks for nothing more.
            let received = tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    if !self.desk.queue.may_drop_receive() {
                        self.give_back(receiving).await;
                    }
                    return None;
                }
                received = &mut receiving => received,
            };
            match received {
                Ok(mut held) => {
                    if let Some(held) = held.pop() {
                        return Some((held, asked_at));
                    }
                }
                Err(error) => {
                    warn!(%error, "receiving failed");
                    // Biased: a worker that was told to stop does not wait.
                    tokio::select! {
                        biased;
                        () = self.stop.cancelled() => return None,
                        () = sleep(pause) => pause = (pause * 2).min(RECEIVE_WAIT_MAX),
                    }
                }
            }
        }
    }

    /// Lets a receive that is out come to its end, within the stop timeout, and gives back what it brings: dropped,
    /// it could take a message along that nobody would see for a whole window.
    async fn give_back(&self, receiving: impl Future<Output = Result<Vec<Held>, PortError>>) {
        // Biased: when time is up, nothing is waited for.
        let received = tokio::select! {
            biased;
            () = self.abandon.cancelled() => return,
            received = receiving => received,
        };
        for held in received.unwrap_or_default() {
            if let Err(error) = self.desk.queue.release(&held.hold, Duration::ZERO).await {
                warn!(%error, "a message could not be handed back; its window will run out");
            }
        }
    }

    async fn serve(&self, held: Held, received_at: Instant) -> Settled {
        let message = match Message::parse(&held.body) {
            Ok(message) => message,
            Err(error) => {
                metrics::counter!(UNITS_FAILED, "class" => MALFORMED).increment(1);
                let settlement = put_aside(&*self.desk.queue, &held, reason(MALFORMED, &error)).await;
                return Settled { unit: None, settlement };
            }
        };
        let delivery = Delivery { held, message, stop: self.stop.clone(), received_at };
        let Some(diary) = &self.desk.diary else { return self.deliver(delivery).await };
        diary.ledger.of(message.job, self.deliver(delivery)).await
    }

    async fn deliver(&self, delivery: Delivery) -> Settled {
        // Biased: when time is up, no further step is taken.
        let outcome = tokio::select! {
            biased;
            () = self.abandon.cancelled() => return self.hand_back(delivery).await,
            outcome = attempt(&self.desk, &delivery) => outcome,
        };
        let settlement = match outcome {
            Ok(settlement) => settlement,
            Err(failure) => settle_failure(&*self.desk.queue, &delivery.held, &failure).await,
        };
        if matches!(settlement, Settlement::DeadLettered { .. }) {
            leave_lane(&self.desk, &delivery.message).await;
        }
        if let Some(diary) = &self.desk.diary {
            diary.settled(&delivery, &settlement);
        }
        Settled { unit: Some(delivery.message.unit), settlement }
    }

    /// Only a hold that cannot be stale is released; an older one runs out by itself.
    async fn hand_back(&self, delivery: Delivery) -> Settled {
        let reason = "stopped: handed back at the end of the stop timeout".to_owned();
        if let Err(error) = self.desk.queue.release(&delivery.held.hold, Duration::ZERO).await {
            warn!(unit = delivery.message.unit, %error, "a unit could not be handed back; its window will run out");
        }
        Settled {
            unit: Some(delivery.message.unit),
            settlement: Settlement::Released { reason, exhausted: false },
        }
    }
}
