//! A function that runs no more often, and no more times at once, than allowed.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::pace::Pacer;
use crate::ports::{Function, PortError, Reply};

/// How much the functions of one process may be asked, all together.
#[derive(Debug)]
pub struct InvokePace {
    at_once: Semaphore,
    rate: Option<Pacer>,
}

impl InvokePace {
    /// So many runs at once, and begun in a second where that is limited.
    pub fn new(at_once: u32, per_second: Option<f64>) -> Self {
        let at_once = usize::try_from(at_once).unwrap_or(Semaphore::MAX_PERMITS);
        Self { at_once: Semaphore::new(at_once), rate: per_second.map(Pacer::new) }
    }
}

/// Wraps a function so that every run waits for its turn. Goes inside of what tries again: each try is a run.
#[derive(Debug)]
pub struct PacedFunction<F> {
    pace: Arc<InvokePace>,
    inner: F,
}

impl<F: Function> PacedFunction<F> {
    /// Wraps `inner`.
    pub fn new(inner: F, pace: Arc<InvokePace>) -> Self {
        Self { pace, inner }
    }
}

#[async_trait]
impl<F: Function> Function for PacedFunction<F> {
    async fn invoke(&self, payload: Bytes) -> Result<Reply, PortError> {
        let _permit = self.pace.at_once.acquire().await.expect("nobody closes the semaphore");
        if let Some(rate) = &self.pace.rate {
            rate.pay(1.0).await;
        }
        self.inner.invoke(payload).await
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::time::{Instant, sleep};

    use super::*;

    /// Runs for a second, and counts how many do so at once.
    #[derive(Default)]
    struct Slow {
        running: AtomicU32,
        at_once_max: AtomicU32,
    }

    #[async_trait]
    impl Function for Slow {
        async fn invoke(&self, payload: Bytes) -> Result<Reply, PortError> {
            let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
            self.at_once_max.fetch_max(running, Ordering::Relaxed);
            sleep(Duration::from_secs(1)).await;
            self.running.fetch_sub(1, Ordering::Relaxed);
            Ok(Reply::Returned(payload))
        }

        fn describe(&self) -> String {
            "slow".to_owned()
        }
    }

    async fn run(pace: InvokePace, runs: usize) -> (Duration, u32) {
        let function = PacedFunction::new(Slow::default(), Arc::new(pace));
        let began = Instant::now();
        join_all((0..runs).map(|_| function.invoke(Bytes::new()))).await;
        (began.elapsed(), function.inner.at_once_max.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_so_many_run_at_once() {
        let (took, at_once) = run(InvokePace::new(4, None), 20).await;
        assert_eq!((took.as_secs(), at_once), (5, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_so_many_begin_in_a_second() {
        let (took, _) = run(InvokePace::new(100, Some(5.0)), 50).await;
        assert!((10.0..11.5).contains(&took.as_secs_f64()), "{took:?}");
    }
}
