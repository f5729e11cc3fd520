//! How far a job is, from its completions: never from the depth of a queue, which is approximate and forgets.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use backfleet_core::layout::Layout;
use backfleet_core::plan::Plan;
use backfleet_core::ports::{Depth, ObjectStore, PortError, Queue};

/// Completions of this last while are what the rate is taken from.
const RATE_WINDOW: Duration = Duration::from_secs(600);

/// Units without a completion that are named.
const STRAGGLERS_MAX: usize = 10;

/// How far a job is.
#[derive(Debug, Clone)]
pub struct Status {
    /// Units of the plan.
    pub units: usize,
    /// Units with a completion.
    pub complete: usize,
    /// Input in all, as stored.
    pub bytes: u64,
    /// Input of the complete units.
    pub bytes_complete: u64,
    /// Input a second over the last ten minutes of work, where there were any.
    pub bytes_per_second: Option<f64>,
    /// How long the rest will take at that rate.
    pub left: Option<Duration>,
    /// Since when nothing was completed.
    pub quiet: Option<Duration>,
    /// Whether `_SUCCESS` stands.
    pub committed: bool,
    /// What waits where, if a queue was asked.
    pub depth: Option<Depth>,
    /// The largest units without a completion.
    pub stragglers: Vec<u32>,
    /// All units without a completion.
    pub pending: BTreeSet<u32>,
}

/// Looks at the job. Costs one listing of its completions.
pub async fn status(
    dest: &dyn ObjectStore,
    plan: &Plan,
    layout: &Layout,
    queue: Option<&dyn Queue>,
    now: SystemTime,
) -> Result<Status, PortError> {
    let mut progress = Progress::new(plan, now);
    for_each_completion(dest, layout, |unit, at| progress.complete(unit, at)).await?;
    let depth = match queue {
        None => None,
        Some(queue) => Some(queue.depth().await?),
    };
    let committed = dest.head(&layout.success()).await?.is_some();
    Ok(progress.status(depth, committed))
}

/// Gives `each` every unit that has a completion, with the store's time of it. One listing.
pub(crate) async fn for_each_completion(
    dest: &dyn ObjectStore,
    layout: &Layout,
    mut each: impl FnMut(u32, SystemTime),
) -> Result<(), PortError> {
    let mut after = None;
    loop {
        let page = dest.list(&layout.completions_prefix(), after.as_ref()).await?;
        for entry in &page.entries {
            if let Some(unit) = layout.parse_completion(&entry.key) {
                each(unit, entry.modified);
            }
        }
        let Some(last) = page.entries.last().filter(|_| page.more) else { return Ok(()) };
        after = Some(last.key.clone());
    }
}

struct Progress<'a> {
    plan: &'a Plan,
    now: SystemTime,
    pending: BTreeSet<u32>,
    bytes_complete: u64,
    newest: Option<SystemTime>,
    window: Window,
}

/// What was completed within the rate's window.
#[derive(Default)]
struct Window {
    bytes: u64,
    oldest: Option<SystemTime>,
}

impl<'a> Progress<'a> {
    fn new(plan: &'a Plan, now: SystemTime) -> Self {
        let units = u32::try_from(plan.units.len()).expect("a plan has at most UNITS_MAX units");
        let pending = (0..units).collect();
        Self { plan, now, pending, bytes_complete: 0, newest: None, window: Window::default() }
    }

    fn complete(&mut self, unit: u32, modified: SystemTime) {
        if !self.pending.remove(&unit) {
            return;
        }
        let bytes = self.plan.units[unit as usize].bytes;
        self.bytes_complete += bytes;
        self.newest = self.newest.max(Some(modified));
        if modified + RATE_WINDOW >= self.now {
            self.window.bytes += bytes;
            self.window.oldest = Some(self.window.oldest.map_or(modified, |oldest| oldest.min(modified)));
        }
    }

    fn status(self, depth: Option<Depth>, committed: bool) -> Status {
        let since = |time: SystemTime| self.now.duration_since(time).unwrap_or_default();
        let bytes = self.plan.bytes();
        let seconds =
            self.window.oldest.map(|oldest| since(oldest).as_secs_f64()).filter(|&seconds| seconds >= 1.0);
        let rate = seconds.map(|seconds| self.window.bytes as f64 / seconds).filter(|&rate| rate > 0.0);
        let rest = (bytes - self.bytes_complete) as f64;
        let mut stragglers: Vec<u32> = self.pending.iter().copied().collect();
        stragglers.sort_by_key(|&unit| (std::cmp::Reverse(self.plan.units[unit as usize].bytes), unit));
        stragglers.truncate(STRAGGLERS_MAX);
        Status {
            units: self.plan.units.len(),
            complete: self.plan.units.len() - self.pending.len(),
            bytes,
            bytes_complete: self.bytes_complete,
            bytes_per_second: rate,
            left: rate.and_then(|rate| Duration::try_from_secs_f64(rest / rate).ok()),
            quiet: self.newest.map(since),
            committed,
            depth,
            stragglers,
            pending: self.pending,
        }
    }
}
