//! A queue whose passing failures are tried again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::Retrier;
use crate::ports::{Depth, Effect, Held, Hold, PortError, Queue, SendFailure};

/// Wraps a queue so that passing errors are tried again.
///
/// Of a batch only the entries that failed are sent again. Where a reply was lost, what was sent goes out twice:
/// delivery is at least once anyway.
#[derive(Debug)]
pub struct RetryingQueue<Q: ?Sized> {
    retrier: Arc<Retrier>,
    inner: Arc<Q>,
}

impl<Q: Queue + ?Sized> RetryingQueue<Q> {
    /// Wraps `inner`.
    pub fn new(inner: Arc<Q>, retrier: Arc<Retrier>) -> Self {
        Self { retrier, inner }
    }
}

#[async_trait]
impl<Q: Queue + ?Sized> Queue for RetryingQueue<Q> {
    fn may_drop_receive(&self) -> bool {
        self.inner.may_drop_receive()
    }

    fn window(&self) -> Duration {
        self.inner.window()
    }

    async fn send(&self, bodies: &[String]) -> Result<Vec<SendFailure>, PortError> {
        let batch = Mutex::new(Batch::new(bodies));
        let sent = self.retrier.run(|| async { batch.lock().await.send(&*self.inner).await }).await;
        batch.into_inner().settle(sent)
    }

    /// Once: a lease is counted from before its receive, and would be half over after some tries. Whoever receives
    /// asks again anyway.
    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Held>, PortError> {
        self.inner.receive(max, wait).await
    }

    async fn extend(&self, hold: &Hold, window: Duration) -> Result<(), PortError> {
        self.retrier.run(|| self.inner.extend(hold, window)).await
    }

    /// Tried again only while it certainly did not happen: after a lost reply somebody else may hold the message,
    /// and giving it back again would end their lease. It comes back by itself when its window ends.
    async fn release(&self, hold: &Hold, delay: Duration) -> Result<(), PortError> {
        let did_not_happen = |error: &PortError| error.effect == Effect::None;
        self.retrier.run_while(|| self.inner.release(hold, delay), did_not_happen).await
    }

    async fn ack(&self, hold: &Hold) -> Result<(), PortError> {
        self.retrier.run(|| self.inner.ack(hold)).await
    }

    async fn dead_letter(&self, held: &Held, reason: &str) -> Result<(), PortError> {
        self.retrier.run(|| self.inner.dead_letter(held, reason)).await
    }

    async fn depth(&self) -> Result<Depth, PortError> {
        self.retrier.run(|| self.inner.depth()).await
    }
}

/// One batch on its way. Indexes are those of the caller's batch.
struct Batch<'a> {
    bodies: &'a [String],
    unsent: Vec<usize>,
    refused: Vec<SendFailure>,
    // Of the last try: may still be retried.
    failed: Vec<SendFailure>,
}

impl<'a> Batch<'a> {
    fn new(bodies: &'a [String]) -> Self {
        Self { bodies, unsent: (0..bodies.len()).collect(), refused: Vec::new(), failed: Vec::new() }
    }

    /// Sends what is unsent. Passing failures of single entries are an error, so that the retrier sees them.
    async fn send<Q: Queue + ?Sized>(&mut self, queue: &Q) -> Result<(), PortError> {
        let bodies: Vec<String> = self.unsent.iter().map(|&index| self.bodies[index].clone()).collect();
        self.failed.clear();
        for failure in queue.send(&bodies).await? {
            let failure = SendFailure { index: self.unsent[failure.index], error: failure.error };
            let kept = if failure.error.is_passing() { &mut self.failed } else { &mut self.refused };
            kept.push(failure);
        }
        self.unsent = self.failed.iter().map(|failure| failure.index).collect();
        self.failed.first().map_or(Ok(()), |failure| Err(without_source(&failure.error)))
    }

    /// What the caller is told after the last try.
    fn settle(mut self, sent: Result<(), PortError>) -> Result<Vec<SendFailure>, PortError> {
        match sent {
            // The last whole call failed, after earlier ones had sent a part.
            Err(mut error) if self.failed.is_empty() => {
                if self.unsent.len() < self.bodies.len() {
                    error.effect = Effect::Unknown;
                }
                Err(error)
            }
            _ => {
                self.refused.append(&mut self.failed);
                self.refused.sort_by_key(|failure| failure.index);
                Ok(self.refused)
            }
        }
    }
}

fn without_source(error: &PortError) -> PortError {
    let PortError { call, ref subject, fault, retry, effect, .. } = *error;
    PortError { call, subject: subject.clone(), fault, retry, effect, source: None }
}
