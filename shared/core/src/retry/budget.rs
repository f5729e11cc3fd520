//! What all calls together may spend on trying again, so that an outage is not answered by a storm.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant};

/// Retries a process can always afford, however few its calls are: without it a quiet coordinator that met one
/// outage could not afford a retry for hours.
const FLOOR_PER_SECOND: f64 = 2.0;
/// What each call earns towards a retry: under a lasting failure, retries add at most a fifth to the load.
const EARNED_PER_CALL: f64 = 0.2;
/// Saved up at most, and there from the start: every transfer of a busy worker may fail once at the same moment.
const HELD_MAX: f64 = 100.0;

/// A bucket of retries: filled a little by every call and by time, emptied by every retry.
#[derive(Debug)]
pub struct RetryBudget {
    held_max: f64,
    floor_per_second: f64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    held: f64,
    // None until the first spend: a budget may be made outside a runtime.
    filled_at: Option<Instant>,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new(HELD_MAX, FLOOR_PER_SECOND)
    }
}

impl RetryBudget {
    /// A bucket that holds `held_max` retries, is full, and gains `floor_per_second` without any call.
    pub fn new(held_max: f64, floor_per_second: f64) -> Self {
        Self { held_max, floor_per_second, bucket: Mutex::new(Bucket { held: held_max, filled_at: None }) }
    }

    /// A call was made.
    pub(super) fn earn(&self) {
        self.with(|bucket| bucket.held = (bucket.held + EARNED_PER_CALL).min(self.held_max));
    }

    /// Takes one retry, if there is one.
    pub(super) fn spend(&self) -> bool {
        let now = Instant::now();
        self.with(|bucket| {
            let passed = bucket.filled_at.replace(now).map_or(Duration::ZERO, |then| now - then);
            bucket.held = (bucket.held + passed.as_secs_f64() * self.floor_per_second).min(self.held_max);
            let granted = bucket.held >= 1.0;
            if granted {
                bucket.held -= 1.0;
            }
            granted
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut Bucket) -> T) -> T {
        change(&mut self.bucket.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
