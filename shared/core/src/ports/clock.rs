//! Wall time. Sleeping and measuring are tokio's, which a paused runtime controls.

use std::time::SystemTime;

/// Tells the wall time, which is written into things people read and never decides anything.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> SystemTime;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter that the ban points to")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
