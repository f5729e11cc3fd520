//! Trying again, in one place: how long to wait, how often, and when the whole process has tried enough.
//!
//! [`RetryingStore`] and [`RetryingQueue`] wrap a port and add nothing but this. Whether a call may be tried
//! again is never decided here: the [`PortError`] says so. No other layer retries, so that two never multiply.
//!
//! Waits are "full jitter": uniform between nothing and a ceiling that doubles. backon's own jitter is added on
//! top of the exponential wait and so never spreads a herd down to zero; its loop takes our waits instead, drawn
//! from an injected seed so that a simulation repeats.

mod budget;
mod function;
mod jitter;
mod queue;
mod scanner;
mod store;
mod toucher;
#[cfg(test)]
mod tests;

pub use budget::RetryBudget;
pub use function::RetryingFunction;
pub use jitter::Jitter;
pub use queue::RetryingQueue;
pub use scanner::RetryingScanner;
pub use store::RetryingStore;
pub use toucher::RetryingToucher;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use backon::Retryable as _;
use tracing::debug;

use crate::metrics::RETRIES;
use crate::ports::{PortError, PortFault, Retry};
use jitter::FullJitter;

/// How often and how slowly to try again.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// Ceiling of the first wait; it doubles from there.
    pub first: Duration,
    /// No ceiling is higher. A service that asks for a longer wait than this gets no retry from here: its error
    /// goes to the caller, who may have something better to do meanwhile.
    pub max: Duration,
    /// Calls in all, the first included.
    pub attempts: u32,
    /// Shared by every call that should stop together; `None` for no such bound.
    pub budget: Option<Arc<RetryBudget>>,
}

impl Default for RetryPolicy {
    /// Rides out about half a minute of failures (the mean of ten full-jitter waits), which covers a partition
    /// split of S3 and stays well inside a visibility window.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            max: Duration::from_secs(20),
            attempts: 10,
            budget: Some(Arc::default()),
        }
    }
}

/// Runs calls under one [`RetryPolicy`].
#[derive(Debug)]
pub struct Retrier {
    policy: RetryPolicy,
    jitter: Jitter,
}

impl Retrier {
    /// A retrier whose waits follow from `seed`.
    pub fn new(policy: RetryPolicy, seed: u64) -> Self {
        Self { policy, jitter: Jitter::new(seed) }
    }

    /// Calls until it succeeds, fails for good, or enough has been tried. The last error is returned as it came.
    pub async fn run<T, Call, Called>(&self, call: Call) -> Result<T, PortError>
    where
        Call: FnMut() -> Called + Send,
        Called: Future<Output = Result<T, PortError>> + Send,
    {
        self.run_while(call, |_| true).await
    }

    /// The same, but only errors for which `again` holds are tried again.
    pub(crate) async fn run_while<T, Call, Called>(
        &self,
        call: Call,
        again: impl FnMut(&PortError) -> bool + Send,
    ) -> Result<T, PortError>
    where
        Call: FnMut() -> Called + Send,
        Called: Future<Output = Result<T, PortError>> + Send,
    {
        if let Some(budget) = &self.policy.budget {
            budget.earn();
        }
        self.resume(call, again).await
    }

    /// Goes on with something that was already called once: earns no budget.
    async fn resume<T, Call, Called>(
        &self,
        call: Call,
        again: impl FnMut(&PortError) -> bool + Send,
    ) -> Result<T, PortError>
    where
        Call: FnMut() -> Called + Send,
        Called: Future<Output = Result<T, PortError>> + Send,
    {
        call.retry(FullJitter::new(&self.jitter, &self.policy))
            .when(again)
            .adjust(|error, jittered| self.wait_before_retry(error, jittered?))
            .notify(tell)
            .await
    }

    /// How long to wait before `error` is answered by another try; `None` to give up.
    fn wait_before_retry(&self, error: &PortError, jittered: Duration) -> Option<Duration> {
        let wait = match error.retry {
            Retry::Never => return None,
            Retry::Backoff => jittered,
            Retry::After(asked) if asked > self.policy.max => return None,
            // Spread behind the asked time: everybody else was told the same.
            Retry::After(asked) => asked + jittered,
        };
        let granted = self.policy.budget.as_ref().is_none_or(|budget| budget.spend());
        if !granted {
            debug!(call = error.call, fault = ?error.fault, "not retried: the retry budget is spent");
        }
        granted.then_some(wait)
    }
}

fn tell(error: &PortError, wait: Duration) {
    metrics::counter!(RETRIES, "call" => error.call, "class" => class(error.fault)).increment(1);
    debug!(call = error.call, fault = ?error.fault, effect = ?error.effect, ?wait, "trying again");
}

fn class(fault: PortFault) -> &'static str {
    match fault {
        PortFault::NotFound => "not_found",
        PortFault::Changed => "changed",
        PortFault::Denied => "denied",
        PortFault::LeaseGone => "lease_gone",
        PortFault::TooLarge => "too_large",
        PortFault::Invalid => "invalid",
        PortFault::Corrupted => "corrupted",
        PortFault::Throttled => "throttled",
        PortFault::Unavailable => "unavailable",
        PortFault::Exhausted => "exhausted",
    }
}
