//! Acks that arrive close together travel together.
//!
//! ```text
//! ack() --bounded--> gather: 10 or 50 ms --permit--> delete --oneshot--> each caller its own result
//! ```

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use backfleet_core::limits::QUEUE_BATCH_MAX;
use backfleet_core::ports::{Effect, Hold, PortError, PortFault};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::limits::{ACK_BATCHES_IN_FLIGHT_MAX, ACK_LINGER, ACKS_QUEUED_MAX};

/// Deletes several messages with one call.
#[async_trait]
pub(super) trait Deleter: Send + Sync + 'static {
    /// One result for each of `holds`, in their order.
    async fn delete(&self, holds: &[Hold]) -> Vec<Result<(), PortError>>;
}

/// Where callers hand in their acks. The task behind it ends when the last clone is gone, after what was handed
/// in has been carried out.
#[derive(Clone)]
pub(super) struct AckBatcher {
    queued: mpsc::Sender<Ack>,
}

struct Ack {
    hold: Hold,
    told: oneshot::Sender<Result<(), PortError>>,
}

impl AckBatcher {
    pub(super) fn start(deleter: Arc<dyn Deleter>) -> Self {
        let (queued, acks) = mpsc::channel(ACKS_QUEUED_MAX);
        tokio::spawn(run(acks, deleter));
        Self { queued }
    }

    pub(super) async fn ack(&self, hold: &Hold) -> Result<(), PortError> {
        let (told, outcome) = oneshot::channel();
        self.queued.send(Ack { hold: hold.clone(), told }).await.map_err(|_| stopped(Effect::None))?;
        outcome.await.map_err(|_| stopped(Effect::Unknown))?
    }
}

impl fmt::Debug for AckBatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AckBatcher")
    }
}

/// Only a runtime that is shutting down drops the task before its callers.
fn stopped(effect: Effect) -> PortError {
    PortError::passing("queue.ack", "the batch of acks", PortFault::Unavailable, effect)
}

async fn run(mut acks: mpsc::Receiver<Ack>, deleter: Arc<dyn Deleter>) {
    let in_flight = Arc::new(Semaphore::new(ACK_BATCHES_IN_FLIGHT_MAX));
    while let Some(first) = acks.recv().await {
        let batch = gather(first, &mut acks).await;
        let permit = Arc::clone(&in_flight).acquire_owned().await.expect("nobody closes this semaphore");
        let deleter = Arc::clone(&deleter);
        tokio::spawn(async move {
            delete(batch, &*deleter).await;
            drop(permit);
        });
    }
}

async fn gather(first: Ack, acks: &mut mpsc::Receiver<Ack>) -> Vec<Ack> {
    let mut batch = vec![first];
    let company = async {
        while batch.len() < QUEUE_BATCH_MAX
            && let Some(next) = acks.recv().await
        {
            batch.push(next);
        }
    };
    // Running out of time is as good an end as a full batch.
    let _ = timeout(ACK_LINGER, company).await;
    batch
}

async fn delete(batch: Vec<Ack>, deleter: &dyn Deleter) {
    let (holds, callers): (Vec<_>, Vec<_>) = batch.into_iter().map(|ack| (ack.hold, ack.told)).unzip();
    for (caller, outcome) in callers.into_iter().zip(deleter.delete(&holds).await) {
        // A caller that stopped waiting does not need to know.
        let _ = caller.send(outcome);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::time::{Instant, sleep};

    use super::*;

    /// Takes `takes` for a batch, remembers them, and loses the lease of every hold named "gone".
    #[derive(Default)]
    struct Recorder {
        takes: Duration,
        batches: Mutex<Vec<Vec<String>>>,
    }

    #[async_trait]
    impl Deleter for Recorder {
        async fn delete(&self, holds: &[Hold]) -> Vec<Result<(), PortError>> {
            self.batches.lock().unwrap().push(holds.iter().map(|hold| hold.0.clone()).collect());
            sleep(self.takes).await;
            let outcome = |hold: &Hold| match hold.0.as_str() {
                "gone" => Err(PortError::fatal("queue.ack", "q", PortFault::LeaseGone)),
                _ => Ok(()),
            };
            holds.iter().map(outcome).collect()
        }
    }

    impl Recorder {
        fn sizes(&self) -> Vec<usize> {
            self.batches.lock().unwrap().iter().map(Vec::len).collect()
        }
    }

    fn holds(count: usize) -> Vec<Hold> {
        (0..count).map(|number| Hold(format!("h{number}"))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn acks_within_50_ms_share_a_batch_and_each_caller_gets_its_own_result() {
        let recorder = Arc::new(Recorder::default());
        let batcher = AckBatcher::start(recorder.clone());
        let late = async {
            sleep(Duration::from_millis(40)).await;
            batcher.ack(&Hold("late".into())).await
        };
        let (fine, gone) = (Hold("fine".into()), Hold("gone".into()));
        let (fine, gone, late) = tokio::join!(batcher.ack(&fine), batcher.ack(&gone), late);
        assert!(fine.is_ok() && late.is_ok());
        assert_eq!(gone.unwrap_err().fault, PortFault::LeaseGone);
        assert_eq!(recorder.sizes(), [3]);
    }

    #[tokio::test(start_paused = true)]
    async fn ten_acks_do_not_wait_for_an_eleventh() {
        let recorder = Arc::new(Recorder::default());
        let batcher = AckBatcher::start(recorder.clone());
        let began = Instant::now();
        join_all(holds(10).iter().map(|hold| batcher.ack(hold))).await;
        assert_eq!((recorder.sizes(), began.elapsed()), (vec![10], Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lonely_ack_waits_no_longer_than_its_linger() {
        let recorder = Arc::new(Recorder::default());
        let batcher = AckBatcher::start(recorder.clone());
        let began = Instant::now();
        batcher.ack(&Hold("alone".into())).await.unwrap();
        assert!(began.elapsed() <= ACK_LINGER + Duration::from_millis(1), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_batch_does_not_hold_up_the_next() {
        let recorder = Arc::new(Recorder { takes: Duration::from_secs(9), ..Recorder::default() });
        let batcher = AckBatcher::start(recorder.clone());
        let began = Instant::now();
        join_all(holds(40).iter().map(|hold| batcher.ack(hold))).await;
        assert_eq!(recorder.sizes(), [10, 10, 10, 10]);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_ack_whose_caller_is_gone_is_carried_out_all_the_same() {
        let recorder = Arc::new(Recorder::default());
        let batcher = AckBatcher::start(recorder.clone());
        let given_up = timeout(Duration::from_millis(5), batcher.ack(&Hold("h".into()))).await;
        assert!(given_up.is_err());
        drop(batcher);
        sleep(ACK_LINGER).await;
        assert_eq!(recorder.sizes(), [1]);
    }
}
