//! Which jobs of a destination are the history of one table together: one of a full export or a scan, what came out of its
//! quarantine, and the changes that follow on it without a gap. Reads plans; writes nothing.

use std::collections::BTreeMap;
use std::time::SystemTime;

use backfleet_core::job::{JobId, JobOptions};
use backfleet_core::layout::{JOBS_FOLDER, plan_key};
use backfleet_core::plan::{PartContent, Plan, PlanError, Source};
use backfleet_core::ports::{ObjectStore, PortError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::handoff::{HandoffError, shown};
use crate::parity::ParityError;
use crate::parity::sample::newest_job;
use crate::plan::{PlanningError, jobs, stored};
use crate::replay::{ReplayError, taken};

/// The jobs of a history.
#[derive(Debug)]
pub struct History {
    /// The one of items first, each followed by what came out of its quarantine, then changes in the order of their windows.
    pub chapters: Vec<Chapter>,
    /// The moment up to which it goes.
    pub shown: OffsetDateTime,
    /// Jobs that stand there and are none of it.
    pub left_out: Vec<JobId>,
}

/// One job of a history.
#[derive(Debug, Clone)]
pub struct Chapter {
    /// Its plan.
    pub plan: Plan,
    /// Whether it tells what became of the items of those before it.
    pub follows: bool,
    /// Whether its source is what another job put into quarantine.
    pub is_replay: bool,
}

/// A history that cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Jobs that were named, and do not go together.
    #[error("job {other} has other keys, another format or another table than job {job}")]
    Unlike {
        /// The first of them.
        job: JobId,
        /// The one that does not go with it.
        other: JobId,
    },
    /// There is no such job.
    #[error(transparent)]
    Job(#[from] ParityError),
    /// A plan cannot be read.
    #[error(transparent)]
    Plan(#[from] PlanningError),
    /// A mark of a replay cannot be read.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A plan tells a moment that is none.
    #[error(transparent)]
    Moment(#[from] HandoffError),
    /// The destination failed.
    #[error("the destination failed")]
    Port(#[from] PortError),
}

impl History {
    /// Of one job alone.
    pub fn of(plan: Plan) -> Result<Self, HandoffError> {
        let shown = shown(&plan)?;
        Ok(Self {
            chapters: vec![Chapter { plan, follows: false, is_replay: false }],
            shown,
            left_out: Vec::new(),
        })
    }

    /// The job that the history begins with.
    pub fn base(&self) -> &Plan {
        &self.chapters[0].plan
    }

    fn add(&mut self, plan: Plan) -> Result<(), HandoffError> {
        self.shown = self.shown.max(shown(&plan)?);
        let follows = is_of_changes(&plan);
        let is_replay = plan.units.iter().any(|unit| is_replay_file(&unit.key));
        self.chapters.push(Chapter { plan, follows, is_replay });
        Ok(())
    }
}

/// The history that a destination holds: of the jobs that begin with `named`, or, if none is named, of the newest job of items and
/// all that goes with it.
pub async fn history(dest: &dyn ObjectStore, named: &[String]) -> Result<History, HistoryError> {
    let Some((first, others)) = named.split_first() else {
        return Shelf::read(dest).await?.history();
    };
    let mut history = History::of(stored(dest, newest_job(dest, Some(first)).await?).await?)?;
    for id in others {
        let plan = stored(dest, newest_job(dest, Some(id)).await?).await?;
        let job = history.base().job;
        if !go_together(history.base(), &plan) {
            return Err(HistoryError::Unlike { job, other: plan.job });
        }
        history.add(plan)?;
    }
    Ok(history)
}

/// The plans of a destination.
struct Shelf {
    plans: BTreeMap<JobId, (SystemTime, Plan)>,
    /// The job that converts what the first one put into quarantine.
    replays: BTreeMap<JobId, JobId>,
    none: ParityError,
}

impl Shelf {
    async fn read(dest: &dyn ObjectStore) -> Result<Self, HistoryError> {
        let none = ParityError::NoJob { dest: dest.describe(), which: String::new() };
        let mut shelf = Self { plans: BTreeMap::new(), replays: BTreeMap::new(), none };
        for job in jobs(dest).await? {
            let key = plan_key(job);
            let listed = dest.list(key.as_str(), None).await?.entries;
            let Some(entry) = listed.into_iter().find(|entry| entry.key == key) else { continue };
            let plan = stored(dest, job).await?;
            let layout = plan.layout().map_err(PlanError::from).map_err(ReplayError::from)?;
            if let Some(by) = taken(dest, &layout).await? {
                shelf.replays.insert(job, by);
            }
            shelf.plans.insert(job, (entry.modified, plan));
        }
        Ok(shelf)
    }

    fn history(mut self) -> Result<History, HistoryError> {
        let Some(base) = self.base() else { return Err(self.none.into()) };
        let mut history = History::of(base)?;
        self.add_replays(&mut history)?;
        for plan in self.changes(history.base()) {
            let Some((from, to)) = window(&plan)? else { continue };
            if from <= history.shown && history.shown < to {
                self.plans.remove(&plan.job);
                history.add(plan)?;
                self.add_replays(&mut history)?;
            }
        }
        history.left_out = self.plans.into_keys().collect();
        Ok(history)
    }

    /// The newest job of items; where there is none, the newest of all.
    fn base(&mut self) -> Option<Plan> {
        let is_replay = |job: &JobId| self.replays.values().any(|by| by == job);
        let (.., job) = self
            .plans
            .values()
            .filter(|(_, plan)| !is_replay(&plan.job))
            .map(|(modified, plan)| (!is_of_changes(plan), *modified, plan.job))
            .max()?;
        self.plans.remove(&job).map(|(_, plan)| plan)
    }

    /// What came out of the quarantine of the last chapter, and out of its own.
    fn add_replays(&mut self, history: &mut History) -> Result<(), HandoffError> {
        while let Some(last) = history.chapters.last()
            && let Some(by) = self.replays.get(&last.plan.job)
            && self.plans.get(by).is_some_and(|(_, plan)| go_together(history.base(), plan))
            && let Some((_, plan)) = self.plans.remove(by)
        {
            history.add(plan)?;
        }
        Ok(())
    }

    /// Jobs of changes that go with `base`, in the order of their windows.
    fn changes(&self, base: &Plan) -> Vec<Plan> {
        let replays: Vec<&JobId> = self.replays.values().collect();
        let mut changes: Vec<Plan> = self
            .plans
            .values()
            .map(|(_, plan)| plan)
            .filter(|plan| is_of_changes(plan) && !replays.contains(&&plan.job) && go_together(base, plan))
            .cloned()
            .collect();
        changes.sort_by_cached_key(|plan| window(plan).ok().flatten());
        changes
    }
}

/// Whether a job's first export is incremental.
fn is_of_changes(plan: &Plan) -> bool {
    matches!(first_content(plan), Some(PartContent::Incremental { .. }))
}

fn first_content(plan: &Plan) -> Option<&PartContent> {
    match &plan.source {
        Source::Export(export) => export.parts.first().map(|part| &part.content),
        Source::Scan(_) => None,
    }
}

/// Whether a unit reads what a job put into quarantine.
fn is_replay_file(key: &str) -> bool {
    key.starts_with(JOBS_FOLDER) && key.contains("/replay/")
}

/// From the begin of the first window to the end of the last one.
fn window(plan: &Plan) -> Result<Option<(OffsetDateTime, OffsetDateTime)>, HandoffError> {
    let Some(PartContent::Incremental { from: Some(from), .. }) = first_content(plan) else {
        return Ok(None);
    };
    let from = OffsetDateTime::parse(from, &Rfc3339).map_err(|_| HandoffError::Time(from.clone()))?;
    Ok(Some((from, shown(plan)?)))
}

/// Whether the records of two jobs can be read by the same code, as those of one table.
fn go_together(one: &Plan, other: &Plan) -> bool {
    let form = |plan: &Plan| {
        let JobOptions { format, keys, view, kinesis_precision, .. } = plan.options.clone();
        (format, keys, view, kinesis_precision)
    };
    form(one) == form(other)
        && match (table_of(one), table_of(other)) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
}

fn table_of(plan: &Plan) -> Option<&str> {
    match &plan.source {
        Source::Export(export) => export.table_arn.as_deref(),
        Source::Scan(scan) => Some(&scan.table_arn),
    }
}
