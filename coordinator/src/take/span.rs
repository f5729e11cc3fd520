//! Which times can be exported, said before DynamoDB is asked.

use std::time::{Duration, SystemTime};

use backfleet_core::ports::ExportSpan;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An incremental export is of so much time at least, and at most (DynamoDB developer guide).
const WINDOW_MIN: Duration = Duration::from_secs(15 * 60);
const WINDOW_MAX: Duration = Duration::from_secs(24 * 3600);

/// Times that cannot be exported.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SpanError {
    /// Before what recovery reaches.
    #[error("{time} is before {earliest}, the earliest moment that point-in-time recovery reaches")]
    TooEarly {
        /// What was asked.
        time: String,
        /// What can be had.
        earliest: String,
    },
    /// After what recovery reaches.
    #[error("{time} is after {latest}, the latest moment that can be exported now")]
    TooLate {
        /// What was asked.
        time: String,
        /// What can be had.
        latest: String,
    },
    /// The end is not behind the beginning.
    #[error("a span from {from} to {to} has no length")]
    Backwards {
        /// From.
        from: String,
        /// To.
        to: String,
    },
    /// Too short or too long.
    #[error(
        "an incremental export is of 15 minutes to 24 hours, and from {from} to {to} it is {minutes} minutes"
    )]
    Length {
        /// From.
        from: String,
        /// To.
        to: String,
        /// How long that is.
        minutes: u64,
    },
}

/// Holds a span against what recovery reaches; what DynamoDB does not tell is not held against anything but the clock.
pub(super) fn check(
    span: ExportSpan,
    earliest: Option<SystemTime>,
    latest: Option<SystemTime>,
    now: SystemTime,
) -> Result<(), SpanError> {
    // Either end may be moving on while we look.
    let latest = latest.map_or(now, |latest| latest.max(now - Duration::from_secs(600)));
    let within = |time: SystemTime| match earliest {
        Some(earliest) if time < earliest => {
            Err(SpanError::TooEarly { time: written(time), earliest: written(earliest) })
        }
        _ if time > latest => Err(SpanError::TooLate { time: written(time), latest: written(latest) }),
        _ => Ok(()),
    };
    match span {
        ExportSpan::Full { at } => at.map_or(Ok(()), within),
        ExportSpan::Incremental { from, to, .. } => {
            within(from)?;
            let end = to.unwrap_or(latest);
            within(end)?;
            let Ok(length) = end.duration_since(from) else {
                return Err(SpanError::Backwards { from: written(from), to: written(end) });
            };
            if (WINDOW_MIN..=WINDOW_MAX).contains(&length) {
                return Ok(());
            }
            let minutes = length.as_secs() / 60;
            Err(SpanError::Length { from: written(from), to: written(end), minutes })
        }
    }
}

/// A span by which the same request is known again.
pub(super) fn words(span: ExportSpan) -> String {
    let time = |time: Option<SystemTime>| time.map_or("open".to_owned(), written);
    match span {
        ExportSpan::Full { at } => format!("full at {}", time(at)),
        ExportSpan::Incremental { from, to, old_images } => {
            let images = if old_images { "new and old images" } else { "new images" };
            format!("incremental from {} to {}, {images}", written(from), time(to))
        }
    }
}

fn written(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(&Rfc3339).unwrap_or_else(|_| format!("{time:?}"))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const NOW: u64 = 1_768_385_930;

    fn minutes_ago(minutes: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOW - 60 * minutes)
    }

    fn checked(span: ExportSpan) -> Result<(), SpanError> {
        check(span, Some(minutes_ago(10_000)), Some(minutes_ago(5)), minutes_ago(0))
    }

    fn window(from: u64, to: Option<u64>) -> Result<(), SpanError> {
        let to = to.map(minutes_ago);
        checked(ExportSpan::Incremental { from: minutes_ago(from), to, old_images: true })
    }

    #[test]
    fn a_moment_within_recovery_can_be_exported() {
        let full = |minutes| checked(ExportSpan::Full { at: Some(minutes_ago(minutes)) });
        assert_eq!(full(5_000), Ok(()));
        assert_eq!(checked(ExportSpan::Full { at: None }), Ok(()));
        assert!(matches!(full(10_001), Err(SpanError::TooEarly { .. })));
        assert!(matches!(full(1), Err(SpanError::TooLate { .. })));
    }

    #[test]
    fn a_window_has_a_length_that_dynamodb_takes() {
        assert_eq!(window(60, Some(10)), Ok(()));
        assert_eq!(window(60, None), Ok(()));
        assert_eq!(window(20 + 24 * 60, Some(20)), Ok(()));
        assert!(matches!(window(20, Some(60)), Err(SpanError::Backwards { .. })));
        assert!(matches!(window(24, Some(10)), Err(SpanError::Length { minutes: 14, .. })));
        assert!(matches!(window(21 + 24 * 60, Some(20)), Err(SpanError::Length { .. })));
        assert!(matches!(window(60, Some(1)), Err(SpanError::TooLate { .. })));
        assert!(matches!(window(10_060, Some(10_010)), Err(SpanError::TooEarly { .. })));
    }

    #[test]
    fn spans_that_differ_have_different_words() {
        let from = minutes_ago(60);
        let spans = [
            ExportSpan::Full { at: None },
            ExportSpan::Full { at: Some(from) },
            ExportSpan::Incremental { from, to: None, old_images: true },
            ExportSpan::Incremental { from, to: None, old_images: false },
            ExportSpan::Incremental { from, to: Some(minutes_ago(10)), old_images: true },
        ];
        let words: std::collections::BTreeSet<String> = spans.into_iter().map(words).collect();
        assert_eq!(words.len(), spans.len());
    }
}
