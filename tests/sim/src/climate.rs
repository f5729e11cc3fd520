//! What can go wrong in one world, and how often.

use std::time::Duration;

use crate::draw::Draw;

/// How often each fault happens, for each call or message that it can happen to. Nothing happens any more behind `until`.
#[derive(Debug, Clone, Default)]
pub struct Climate {
    /// When the faults are over.
    pub until: Duration,
    /// A call fails and did nothing.
    pub refused: f64,
    /// A call did what it should, and its reply is lost.
    pub reply_lost: f64,
    /// A put is held in the network, and lands later than anybody waits for it.
    pub late: f64,
    /// How much later, at most.
    pub late_by: Duration,
    /// A call takes very long.
    pub slow: f64,
    /// How long, at most.
    pub slow_by: Duration,
    /// The process dies in a call.
    pub killed: f64,
    /// All calls to the object store are refused for this while.
    pub storm: Option<(Duration, Duration)>,
    /// A put meets another one under way.
    pub open_conflict: f64,
    /// A stored object of ours arrives with a flipped bit.
    pub flipped: f64,
    /// A stream of an object breaks.
    pub broken: f64,
    /// A message is visible again although its lease has not ended, as after a suspended machine.
    pub stolen: f64,
    /// A message is there twice.
    pub doubled: f64,
    /// A message vanishes.
    pub lost: f64,
    /// A heartbeat fails.
    pub heartbeat: f64,
    /// A heartbeat is refused for good.
    pub extension: f64,
    /// Entries of a batch are not taken.
    pub partly: f64,
    /// The depth of a queue is told as nothing.
    pub depth: f64,
    /// A page is throttled.
    pub throttled: f64,
    /// A page fails.
    pub page: f64,
    /// A page ends with the key it was asked to begin behind.
    pub repeated: f64,
    /// Items change while they are scanned, so many in all.
    pub changes: u64,
    /// A worker is told to stop now and then.
    pub stopped: f64,
    /// All workers are killed at once, so many times.
    pub massacres: u64,
    /// Strangers' messages, so many in all.
    pub strangers: u64,
    /// The operator replays dead letters while the job runs, so many times.
    pub replays: u64,
}

impl Climate {
    /// No fault at all, though some calls take their time.
    pub fn calm(draw: &mut Draw) -> Self {
        let slow = draw.pick(&[0.0, 0.0, 0.1, 0.5]);
        Self { until: Duration::from_secs(3600), slow, slow_by: Duration::from_secs(7), ..Self::default() }
    }

    /// Most faults do not happen in most worlds: what is hidden by one is found without it.
    pub fn draw(draw: &mut Draw) -> Self {
        let minutes = draw.pick(&[2, 5, 10, 20, 40]);
        let until = Duration::from_secs(60 * minutes);
        let mut often = |levels: &[f64]| if draw.chance(0.3) { draw.pick(levels) } else { 0.0 };
        const CALLS: &[f64] = &[0.003, 0.01, 0.03, 0.1];
        const RARE: &[f64] = &[0.002, 0.005, 0.02];
        const OFTEN: &[f64] = &[0.02, 0.1, 0.3];
        let mut climate = Self {
            until,
            refused: often(CALLS),
            reply_lost: often(CALLS),
            late: often(CALLS),
            slow: often(CALLS),
            killed: often(RARE),
            open_conflict: often(OFTEN),
            flipped: often(RARE),
            broken: often(CALLS),
            stolen: often(OFTEN),
            doubled: often(OFTEN),
            lost: often(CALLS),
            heartbeat: often(OFTEN),
            extension: often(CALLS),
            partly: often(CALLS),
            depth: often(OFTEN),
            throttled: often(CALLS),
            page: often(CALLS),
            repeated: often(RARE),
            stopped: often(&[0.3, 0.8]),
            ..Self::default()
        };
        climate.late_by = Duration::from_secs(draw.pick(&[5, 60, 600, 24 * 3600]));
        climate.slow_by = Duration::from_secs(draw.pick(&[5, 60, 300]));
        if draw.chance(0.15) {
            let from = draw.time(Duration::ZERO, Duration::from_secs(20));
            climate.storm = Some((from, from + Duration::from_secs(draw.pick(&[10, 600]))));
        }
        if draw.chance(0.3) {
            climate.changes = draw.between(1, 40);
        }
        if draw.chance(0.15) {
            climate.massacres = draw.between(1, 3);
        }
        if draw.chance(0.2) {
            climate.strangers = draw.between(1, 8);
        }
        if draw.chance(0.1) {
            climate.replays = draw.between(1, 3);
        }
        climate
    }
}
