//! Logs state decisions, once each, with fields; never item data.

use std::io::IsTerminal as _;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

/// One JSON object a line on standard output, from `level` on unless `RUST_LOG` says otherwise. Written by a thread of its own:
/// where nobody takes the lines away, they are lost and no work waits for them. What is dropped last writes what is left.
pub fn to_json(level: &str) -> WorkerGuard {
    let (writer, guard) = tracing_appender::non_blocking(std::io::stdout());
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter(level))
        .with_writer(writer)
        .init();
    guard
}

/// Plain lines on standard error, from `level` on unless `RUST_LOG` says otherwise.
pub fn to_stderr(level: &str) {
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter(level))
        .with_ansi(ansi)
        .with_writer(std::io::stderr)
        .init();
}

fn filter(level: &str) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level))
}
