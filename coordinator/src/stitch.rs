//! Whether the history and the live records meet: from which moment on there are live records, what is missing before it,
//! and which incremental exports bridge that.
//!
//! [`judge`] is pure; [`read`] takes a sample of the live objects through the port. Nothing here writes.

use std::time::Duration;

use backfleet_core::job::JobId;
use backfleet_core::ports::ObjectStore;
use time::OffsetDateTime;

use crate::parity::sample::{Begin, beginning};
use crate::parity::{ParityError, times};

/// A DynamoDB stream holds its records so long (DynamoDB developer guide, "Change data capture").
pub const STREAM_RETENTION: Duration = Duration::from_secs(24 * 3600);
/// Point-in-time recovery reaches back so far at most (DynamoDB developer guide).
pub const RECOVERY_MAX: Duration = Duration::from_secs(35 * 24 * 3600);
/// An incremental export is of so much time at least, and at most (DynamoDB developer guide).
const WINDOW_MIN: Duration = Duration::from_secs(15 * 60);
const WINDOW_MAX: Duration = Duration::from_secs(24 * 3600);
/// Times of live records are approximate, and those of exports are exact to a minute.
const MARGIN: Duration = Duration::from_secs(60);
/// A break between live objects that people should know of.
const BREAK_MIN: Duration = Duration::from_secs(3600);

/// What the live records say of themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live {
    /// Time of the earliest record that was seen.
    pub first: Option<OffsetDateTime>,
    /// The longest time behind the moment asked about in which no object was written, if that is worth a word.
    pub quiet: Option<Window>,
    /// Objects there.
    pub objects: usize,
    /// What should be known of how this was found out.
    pub notes: Vec<String>,
}

/// Some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its begin.
    pub from: OffsetDateTime,
    /// Its end.
    pub to: OffsetDateTime,
}

/// How history and live records meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seam {
    /// Live records begin early enough.
    Overlap {
        /// By so much.
        by: Duration,
    },
    /// Live records begin too late, or have not begun: changes of this time are nowhere.
    Gap {
        /// The time that nothing covers; up to now where there is no live record.
        gap: Window,
        /// Incremental exports that cover it, one after the other. Empty where there is no live record yet, and where
        /// recovery does not reach back so far.
        bridge: Vec<Window>,
        /// Until when the stream itself still holds all of it, where that is not over.
        stream_until: Option<OffsetDateTime>,
    },
}

/// Reads when the live records begin. `since` is the moment from which on they matter.
pub async fn read(
    store: &dyn ObjectStore,
    name: &str,
    job: JobId,
    since: OffsetDateTime,
) -> Result<Live, ParityError> {
    let Begin { sample, mut modified } = match beginning(store, name, job).await {
        Err(ParityError::Empty { .. }) => return Ok(Live::default()),
        begin => begin?,
    };
    let micros = times(&sample)?;
    let first = micros.iter().min().map(|micros| moment(*micros));
    modified.sort_unstable();
    let modified: Vec<OffsetDateTime> = modified.into_iter().map(OffsetDateTime::from).collect();
    Ok(Live { first, quiet: quiet(&modified, since), objects: modified.len(), notes: sample.notes })
}

fn moment(micros: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The longest time between two objects, of which the later one is behind `since`.
fn quiet(modified: &[OffsetDateTime], since: OffsetDateTime) -> Option<Window> {
    modified
        .windows(2)
        .map(|pair| Window { from: pair[0], to: pair[1] })
        .filter(|window| window.to > since && window.to - window.from >= BREAK_MIN)
        .max_by_key(|window| window.to - window.from)
}

/// How a history from which on `since` live records are needed meets live records that begin at `first`.
pub fn judge(since: OffsetDateTime, first: Option<OffsetDateTime>, now: OffsetDateTime) -> Seam {
    let from = since.replace_nanosecond(0).expect("nought is a nanosecond");
    let reachable = now - RECOVERY_MAX <= from;
    let (to, bridge) = match first {
        Some(first) if first <= since => return Seam::Overlap { by: (since - first).unsigned_abs() },
        // Exports are cut by one clock, that of a partition, and where one ends the next begins. A window that reached back into
        // a full export would lack what was made before its end and deleted later, and the full export would bring it back.
        Some(first) if reachable => (first, windows(from + MARGIN, first + MARGIN)),
        Some(first) => (first, Vec::new()),
        None => (now, Vec::new()),
    };
    let retained = since + STREAM_RETENTION;
    Seam::Gap { gap: Window { from, to }, bridge, stream_until: (retained > now).then_some(retained) }
}

/// Windows of a length that DynamoDB exports, one behind the other, from `from` until at least `to`.
fn windows(from: OffsetDateTime, to: OffsetDateTime) -> Vec<Window> {
    let mut windows = Vec::new();
    let mut begin = from;
    while begin < to {
        let rest = (to - begin).unsigned_abs();
        // Of more than two days a whole one is taken; of less a half, so that what is left over is long enough.
        let length = if rest <= WINDOW_MAX { rest.max(WINDOW_MIN) } else { (rest / 2).min(WINDOW_MAX) };
        let whole = Duration::from_secs(length.as_secs() + u64::from(length.subsec_nanos() > 0));
        windows.push(Window { from: begin, to: begin + whole });
        begin += whole;
    }
    windows
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const SINCE: OffsetDateTime = datetime!(2026-01-14 11:59 UTC);
    const NOW: OffsetDateTime = datetime!(2026-01-16 00:00 UTC);

    #[test]
    fn live_records_from_before_the_moment_overlap() {
        for (first, by) in [
            (SINCE, 0),
            (datetime!(2026-01-14 11:49 UTC), 600),
            (datetime!(2025-01-14 11:59 UTC), 365 * 86_400),
        ] {
            assert_eq!(judge(SINCE, Some(first), NOW), Seam::Overlap { by: Duration::from_secs(by) });
        }
    }

    #[test]
    fn a_bridge_covers_the_gap_with_windows_that_can_be_exported() {
        let hour = time::Duration::HOUR;
        for gap in [
            time::Duration::SECOND,
            14 * time::Duration::MINUTE,
            hour,
            24 * hour,
            24 * hour + time::Duration::MINUTE,
            240 * hour,
        ] {
            let now = SINCE + gap + 20 * 24 * hour;
            let Seam::Gap { gap: found, bridge, stream_until } = judge(SINCE, Some(SINCE + gap), now) else {
                panic!("{gap} is a gap");
            };
            assert_eq!((found.from, found.to, stream_until), (SINCE, SINCE + gap, None));
            assert_eq!(bridge[0].from, SINCE + MARGIN, "where the export ends");
            assert!(bridge.last().unwrap().to >= SINCE + gap + MARGIN, "{bridge:?}");
            assert!(bridge.windows(2).all(|pair| pair[0].to == pair[1].from), "{bridge:?}");
            for window in &bridge {
                let length = (window.to - window.from).unsigned_abs();
                assert!((WINDOW_MIN..=WINDOW_MAX).contains(&length), "{gap}: {length:?}");
            }
        }
    }

    #[test]
    fn what_recovery_does_not_reach_has_no_bridge_and_what_the_stream_still_holds_is_said() {
        let late = SINCE + RECOVERY_MAX + MARGIN;
        let Seam::Gap { bridge, .. } = judge(SINCE, Some(late), late) else { panic!("that is late") };
        assert_eq!(bridge, []);
        let soon = SINCE + time::Duration::HOUR;
        let Seam::Gap { gap, stream_until, .. } = judge(SINCE, None, soon) else { panic!("nothing is live") };
        assert_eq!((gap.to, stream_until), (soon, Some(SINCE + STREAM_RETENTION)));
    }

    #[test]
    fn a_long_break_behind_the_moment_is_told_and_one_before_it_is_not() {
        let hour = time::Duration::HOUR;
        let before = [SINCE - 30 * hour, SINCE - hour, SINCE + hour / 2];
        assert_eq!(quiet(&before, SINCE), Some(Window { from: SINCE - hour, to: SINCE + hour / 2 }));
        assert_eq!(quiet(&before[..2], SINCE), None);
        assert_eq!(quiet(&[SINCE, SINCE + hour / 2, SINCE + hour], SINCE), None);
    }
}
