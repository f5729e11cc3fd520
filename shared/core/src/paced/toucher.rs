//! A table that is written to no faster than a budget allows, and more slowly while it throttles.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use crate::metrics::WCU_CONSUMED;
use crate::pace::Pacer;
use crate::ports::{PortError, PortFault, TouchAnswer, TouchRequest, Toucher};
use crate::retry::Jitter;

/// What is throttled goes on at half its budget, then at a quarter, never below this part.
const FACTOR_MIN: f64 = 1.0 / 64.0;
/// What is no longer throttled gets so much of its budget back every second.
const FACTOR_PER_SECOND: f64 = 0.05;
/// Refusals within this time are one: touches that were under way together meet the same shortage.
const ONE_REFUSAL: Duration = Duration::from_millis(500);
/// Throttled tries of one touch before it is given up for the time being: some two minutes.
const REFUSALS_MAX: u32 = 12;
const THROTTLED_WAIT: Duration = Duration::from_millis(100);
const THROTTLED_WAIT_MAX: Duration = Duration::from_secs(20);
/// What any write costs at the least, paid before it is asked for; the rest is paid when it is known.
const UNITS_MIN: f64 = 1.0;

/// The write budget of one process.
#[derive(Debug)]
pub struct WritePace {
    pacer: Pacer,
    share: Mutex<Share>,
    jitter: Jitter,
}

/// How much of the budget is used while the table throttles.
#[derive(Debug)]
struct Share {
    factor: f64,
    /// Until when the factor is counted, and when it was halved last.
    seen: Option<(Instant, Instant)>,
    /// The part of a unit that was used and is in no metric yet: those are whole.
    uncounted: f64,
}

impl WritePace {
    /// So many write capacity units a second.
    pub fn new(units_per_second: f64) -> Self {
        let share = Share { factor: 1.0, seen: None, uncounted: 0.0 };
        // Any seed will do, as long as two processes back off differently.
        let jitter = Jitter::new(u64::from(std::process::id()));
        Self { pacer: Pacer::new(units_per_second), share: Mutex::new(share), jitter }
    }

    /// Waits until the budget has room for so many units. At half the budget a unit takes the room of two.
    async fn pay(&self, units: f64) {
        let factor = self.share().grown();
        self.pacer.pay(units / factor).await;
    }

    fn share(&self) -> MutexGuard<'_, Share> {
        self.share.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    fn grown(&mut self) -> f64 {
        if let Some((counted, halved)) = self.seen {
            let now = Instant::now();
            self.factor = (self.factor + (now - counted).as_secs_f64() * FACTOR_PER_SECOND).min(1.0);
            self.seen = (self.factor < 1.0).then_some((now, halved));
        }
        self.factor
    }

    fn halve(&mut self) {
        let now = Instant::now();
        if self.seen.is_some_and(|(_, halved)| now - halved < ONE_REFUSAL) {
            return;
        }
        self.factor = (self.grown() / 2.0).max(FACTOR_MIN);
        self.seen = Some((now, now));
    }

    fn count(&mut self, units: f64) {
        let counted = self.uncounted + units;
        metrics::counter!(WCU_CONSUMED).increment(counted as u64);
        self.uncounted = counted.fract();
    }
}

/// Wraps a table so that every touch is paid for, and waited with while the table throttles.
#[derive(Debug)]
pub struct PacedToucher<T: ?Sized> {
    pace: Arc<WritePace>,
    inner: Arc<T>,
}

impl<T: Toucher + ?Sized> PacedToucher<T> {
    /// Wraps `inner`.
    pub fn new(inner: Arc<T>, pace: Arc<WritePace>) -> Self {
        Self { pace, inner }
    }
}

#[async_trait]
impl<T: Toucher + ?Sized> Toucher for PacedToucher<T> {
    async fn arn(&self) -> Result<String, PortError> {
        self.inner.arn().await
    }

    async fn touch(&self, request: &TouchRequest<'_>) -> Result<TouchAnswer, PortError> {
        let (mut ceiling, mut refusals) = (THROTTLED_WAIT, 0);
        loop {
            self.pace.pay(UNITS_MIN).await;
            match self.inner.touch(request).await {
                Ok(answer) => {
                    self.pace.share().count(answer.units);
                    self.pace.pay((answer.units - UNITS_MIN).max(0.0)).await;
                    return Ok(answer);
                }
                Err(error) if error.fault == PortFault::Throttled && refusals < REFUSALS_MAX => {
                    self.pace.share().halve();
                }
                Err(error) => return Err(error),
            }
            sleep(self.pace.jitter.below(ceiling)).await;
            refusals += 1;
            ceiling = (ceiling * 2).min(THROTTLED_WAIT_MAX);
        }
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;

    use super::*;
    use crate::ports::{Effect, TouchChange, Touched};

    /// Costs three units a touch, and throttles the first so many.
    struct Dear {
        throttles: AtomicU32,
    }

    #[async_trait]
    impl Toucher for Dear {
        async fn arn(&self) -> Result<String, PortError> {
            Ok("arn".to_owned())
        }

        async fn touch(&self, _: &TouchRequest<'_>) -> Result<TouchAnswer, PortError> {
            let left =
                self.throttles.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            match left {
                Ok(_) => Err(PortError::passing("table.touch", "t", PortFault::Throttled, Effect::None)),
                Err(_) => Ok(TouchAnswer { touched: Touched::Done, units: 3.0 }),
            }
        }

        fn describe(&self) -> String {
            "dear".to_owned()
        }
    }

    async fn touch_all(throttles: u32, touches: usize) -> Duration {
        let dear = Dear { throttles: AtomicU32::new(throttles) };
        let table = PacedToucher::new(Arc::new(dear), Arc::new(WritePace::new(30.0)));
        let item = BTreeMap::new();
        let change = TouchChange::Set;
        let request = TouchRequest { item: &item, keys: &[], marker: "m", mark: "job", change };
        let began = Instant::now();
        for touched in join_all((0..touches).map(|_| table.touch(&request))).await {
            assert_eq!(touched.unwrap().touched, Touched::Done);
        }
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn touches_keep_to_the_budget_by_what_they_cost() {
        let took = touch_all(0, 100).await.as_secs_f64();
        assert!((9.5..10.5).contains(&took), "300 units at 30 a second took {took} s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_that_throttles_is_written_to_more_slowly_for_a_while() {
        let took = touch_all(5, 100).await.as_secs_f64();
        assert!((11.0..30.0).contains(&took), "{took} s");
    }
}
