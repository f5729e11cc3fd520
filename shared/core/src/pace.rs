//! Pacing: what was used is paid for before more is used. On tokio's clock, so that a paused runtime paces as a real one.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::{Instant, sleep};

/// Finest step of payment: half a unit is what DynamoDB asks for 4 KB, and what one byte of a rate is counted in.
const CELLS_PER_UNIT: f64 = 2.0;

/// A pacer that was idle catches up on this much time at most.
const SAVED_MAX: Duration = Duration::from_millis(200);

/// The time since this clock was made, as tokio tells it.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock(Instant);

impl Clock for TokioClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.elapsed().into()
    }
}

/// Holds a rate of units a second: what is paid waits until the rate has made room for it.
#[derive(Debug)]
pub struct Pacer {
    clock: TokioClock,
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Nanos>>,
    cells_at_once: NonZeroU32,
}

impl Pacer {
    /// So many units a second, of which none are saved up yet. Rates below a thousandth of a unit are taken as that.
    pub fn new(units_per_second: f64) -> Self {
        let cells_per_second = (units_per_second * CELLS_PER_UNIT).max(0.002);
        let period = Duration::from_secs_f64(1.0 / cells_per_second).max(Duration::from_nanos(1));
        let saved = (cells_per_second * SAVED_MAX.as_secs_f64()).clamp(1.0, f64::from(u32::MAX)) as u32;
        let cells_at_once = NonZeroU32::new(saved).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(period).expect("a period is not zero").allow_burst(cells_at_once);
        let clock = TokioClock(Instant::now());
        let limiter = RateLimiter::direct_with_clock(quota, clock);
        // A full bucket to begin with would be a budget nobody gave.
        limiter.check_n(cells_at_once).expect("not more than at once").expect("a new limiter is full");
        Self { clock, limiter, cells_at_once }
    }

    /// Waits until `units` more were made room for since the last payment.
    pub async fn pay(&self, units: f64) {
        let mut cells = (units * CELLS_PER_UNIT).ceil() as u64;
        while cells > 0 {
            let now = self
                .cells_at_once
                .min(NonZeroU32::new(cells.min(u64::from(u32::MAX)) as u32).unwrap_or(NonZeroU32::MIN));
            match self.limiter.check_n(now).expect("not more than at once") {
                Ok(()) => cells -= u64::from(now.get()),
                Err(not_until) => sleep(not_until.wait_time_from(self.clock.now())).await,
            }
        }
    }
}
