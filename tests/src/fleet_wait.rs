//! Waiting for what other processes do, in real time: no paused clock reaches them.

use std::time::{Duration, Instant};

/// Nothing in these tests takes nearly as long; what does hangs.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often the world is looked at: each look is a request or two.
const GLANCE: Duration = Duration::from_millis(50);

/// Waits until `condition` holds; what never comes ends the test.
#[track_caller]
pub fn until(what: &str, condition: impl FnMut() -> bool) {
    assert!(holds_within(PATIENCE, condition), "waited in vain until {what}");
}

/// Whether `condition` comes to hold within `time`.
pub fn holds_within(time: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let began = now();
    loop {
        if condition() {
            return true;
        }
        if began.elapsed() >= time {
            return false;
        }
        pause(GLANCE);
    }
}

#[expect(clippy::disallowed_methods, reason = "another process is waited for")]
fn now() -> Instant {
    Instant::now()
}

/// Lets real time pass.
#[expect(clippy::disallowed_methods, reason = "another process is waited for")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
