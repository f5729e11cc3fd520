//! SIGINT and SIGTERM: the first asks to stop, the second stops.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code of a process that was told twice: 128 and the number of SIGINT.
pub const INTERRUPTED: i32 = 130;

/// A token that the first signal cancels, after calling `told`; the second ends the process with
/// [`INTERRUPTED`].
pub fn stop_on_signal(told: impl Fn() + Send + 'static) -> io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let cancelled = stop.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            // Biased for no reason but order: either signal means the same.
            tokio::select! {
                biased;
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if !first {
                std::process::exit(INTERRUPTED);
            }
            told();
            cancelled.cancel();
        }
    });
    Ok(stop)
}
