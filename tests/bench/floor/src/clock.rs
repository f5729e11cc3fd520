//! The CPU time of this thread.

use std::time::{Duration, Instant};

/// Linux's account of a thread, its time on a CPU first, in nanoseconds.
const ACCOUNT: &str = "/proc/thread-self/schedstat";

/// Counts CPU time where the system tells it, and wall time elsewhere.
pub struct Clock {
    made: Instant,
}

impl Clock {
    /// A clock that began just now.
    #[expect(clippy::disallowed_methods, reason = "a measuring program has no virtual time")]
    pub fn new() -> Self {
        Self { made: Instant::now() }
    }

    /// Time since some moment; only differences mean something.
    pub fn now(&self) -> Duration {
        cpu_time().unwrap_or_else(|| self.made.elapsed())
    }
}

fn cpu_time() -> Option<Duration> {
    let account = std::fs::read_to_string(ACCOUNT).ok()?;
    account.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
