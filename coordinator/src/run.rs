//! The whole job in one process: the same plan, attempts, verification and commit as the fleet's, over a queue
//! in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use backfleet_convert::Crew;
use backfleet_core::layout::{Layout, LayoutError};
use backfleet_core::memory::{MemoryQueue, MemoryQueueConfig};
use backfleet_core::plan::{Plan, Source};
use backfleet_core::ports::{ObjectStore, PortError};
use backfleet_worker::outlet;
use backfleet_worker::tally::Tally;
use backfleet_worker::{Desk, Diary, OnePlace, Origin, Outlet, WorkerConfig, work};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::enqueue::{enqueue, pending};
use crate::finish::{Finished, finish, is_committed, verify_committed};
use crate::plan::{Planned, PlanningError, adopt};
use crate::scan::BudgetError;
use crate::verify::{Proof, Verification};
use crate::watch::Remaining;
use backfleet_worker::location::{Connections, Location, LocationError};

/// Lanes that one process works on at the same time: each holds a shard in the making, some 16 MB.
const LANES_AT_ONCE_MAX: u32 = 32;

/// How long a file is held on to through an outage: somebody may be watching.
const PATIENCE: Duration = Duration::from_secs(120);

/// What decides how a run goes, and no byte of what it writes.
#[derive(Clone)]
pub struct RunConfig {
    /// Units worked on at the same time.
    pub workers: usize,
    /// How long units in hand may go on after an interruption.
    pub stop_timeout: Duration,
    /// Records in quarantine that are accepted.
    pub quarantine_max: u64,
    /// Records of one unit that a sink may refuse.
    pub refused_max: u64,
    /// Who helps the conversions.
    pub crew: Arc<Crew>,
    /// Where what is met on the way is noted, if it is.
    pub diary: Option<Diary>,
}

/// How a run ended.
#[derive(Debug)]
pub enum RunEnd {
    /// Everything is proven and committed; `before` if it was so already.
    Committed {
        /// What was proven.
        verification: Verification,
        /// Whether an earlier run had committed it.
        before: bool,
    },
    /// More records are in quarantine than allowed.
    QuarantineExceeded {
        /// What was proven.
        verification: Verification,
    },
    /// The destination does not hold what its completions say.
    Refused {
        /// What is wrong.
        verification: Verification,
    },
    /// Units could not be done.
    DeadLetters {
        /// The units, with reasons.
        dead: BTreeMap<u32, String>,
        /// Units that are complete.
        complete: usize,
    },
    /// There is no room for more at the destination.
    Exhausted {
        /// Why.
        reason: String,
        /// Units that are complete.
        complete: usize,
    },
    /// Stopped before the end.
    Interrupted {
        /// Units that are complete.
        complete: usize,
    },
}

impl RunEnd {
    /// The end of a job whose units are all complete.
    pub fn of(finished: Finished) -> Self {
        match finished {
            Finished::Committed { verification, now } => Self::Committed { verification, before: !now },
            Finished::QuarantineExceeded { verification } => Self::QuarantineExceeded { verification },
            Finished::Refused { verification } => Self::Refused { verification },
        }
    }
}

/// A run that cannot be begun or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A place cannot be used.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// The plan cannot be adopted.
    #[error(transparent)]
    Planning(#[from] PlanningError),
    /// The plan's keys cannot be laid out.
    #[error("the plan cannot be laid out")]
    Layout(#[from] LayoutError),
    /// The read budget cannot be written.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// A port failed.
    #[error("the job cannot go on")]
    Port(#[from] PortError),
}

/// A job that is ready to be run.
pub struct Run {
    plan: Plan,
    layout: Layout,
    source: Origin,
    dest: Arc<dyn ObjectStore>,
    outlet: Option<Outlet>,
    proof: Proof,
    pending: BTreeSet<u32>,
    tally: Arc<Tally>,
}

impl Run {
    /// Adopts the plan in the destination and finds out what is left to do.
    pub async fn prepare(
        planned: Planned,
        dest_location: &Location,
        connections: &Connections,
    ) -> Result<Self, RunError> {
        planned.check_apart(dest_location)?;
        let dest = dest_location.open_to_write(connections).await?;
        let proof = if dest_location.is_near() { Proof::Read } else { Proof::Told };
        let outlet = match &planned.plan.options.sink {
            None => None,
            Some(sink) => Some(outlet::open(sink, connections).await?),
        };
        let run = Self::over(planned.plan, planned.source, dest, proof).await?.with_outlet(outlet);
        planned.budget.settle(dest_location, &*run.dest, &run.layout, connections).await?;
        Ok(run)
    }

    /// The same over places that were opened before.
    pub async fn over(
        plan: Plan,
        source: Origin,
        dest: Arc<dyn ObjectStore>,
        proof: Proof,
    ) -> Result<Self, RunError> {
        let plan = adopt(&*dest, plan).await?;
        let layout = plan.layout()?;
        let pending = pending(&*dest, &plan, &layout).await?;
        Ok(Self { plan, layout, source, dest, outlet: None, proof, pending, tally: Arc::default() })
    }

    /// The same with the sink that the plan puts records into.
    #[must_use]
    pub fn with_outlet(self, outlet: Option<Outlet>) -> Self {
        Self { outlet, ..self }
    }

    /// The plan that is followed.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Units that have no completion yet.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Bytes of input that are left to be read.
    pub fn pending_bytes(&self) -> u64 {
        self.pending.iter().map(|&unit| self.plan.units[unit as usize].bytes).sum()
    }

    /// Running figures.
    pub fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }

    /// Does what is left, proves everything, commits. Stops early, and cleanly, when `stop` is cancelled.
    pub async fn run(self, config: &RunConfig, stop: CancellationToken) -> Result<RunEnd, RunError> {
        if self.pending.is_empty() && is_committed(&*self.dest, &self.layout).await? {
            let verification = verify_committed(&*self.dest, &self.plan, &self.layout, self.proof).await?;
            return Ok(match verification.findings_total {
                0 => RunEnd::Committed { verification, before: true },
                _ => RunEnd::Refused { verification },
            });
        }
        let remaining = self.work(config, &stop).await?;
        let complete = self.plan.units.len() - remaining.pending.len() - remaining.dead.len();
        if let Some(reason) = remaining.exhausted.filter(|_| !remaining.pending.is_empty()) {
            return Ok(RunEnd::Exhausted { reason, complete });
        }
        if !remaining.pending.is_empty() {
            return Ok(RunEnd::Interrupted { complete });
        }
        if !remaining.dead.is_empty() {
            return Ok(RunEnd::DeadLetters { dead: remaining.dead, complete });
        }
        let finishing = finish(&*self.dest, &self.plan, &self.layout, self.proof, config.quarantine_max);
        let Some(diary) = &config.diary else { return Ok(RunEnd::of(finishing.await?)) };
        let finished = diary.ledger.of(self.plan.job, finishing).await?;
        diary.write_down_of(&*self.dest, &self.layout).await;
        Ok(RunEnd::of(finished))
    }

    /// Of a scan every lane, or the budget would lie idle: they wait for the table most of the time.
    fn at_once(&self, workers: usize) -> usize {
        match &self.plan.source {
            Source::Export(_) => workers,
            Source::Scan(scan) => workers.max(scan.lanes.min(LANES_AT_ONCE_MAX) as usize),
        }
    }

    async fn work(&self, config: &RunConfig, stop: &CancellationToken) -> Result<Remaining, RunError> {
        let mut remaining = Remaining { pending: self.pending.clone(), ..Remaining::default() };
        if remaining.pending.is_empty() {
            return Ok(remaining);
        }
        let queue = Arc::new(MemoryQueue::new(MemoryQueueConfig::default()));
        enqueue(&*queue, &self.plan, &self.pending).await?;
        let places = OnePlace::new(self.source.clone(), self.dest.clone()).with_outlet(self.outlet.clone());
        let mut desk = Desk::new(places, queue.clone(), self.tally.clone())
            .with_patience(PATIENCE)
            .with_refused_max(config.refused_max)
            .with_crew(config.crew.clone());
        desk.diary.clone_from(&config.diary);
        let (ends, mut settled) = mpsc::channel(self.at_once(config.workers));
        let worker =
            WorkerConfig { concurrency: self.at_once(config.workers), stop_timeout: config.stop_timeout };
        let stop_workers = stop.child_token();
        let working = work(Arc::new(desk), worker, stop_workers.clone(), ends);
        let watching = async {
            let followed = remaining.follow(&mut settled, &queue, &self.plan).await;
            stop_workers.cancel();
            // What was under way may still end well.
            while let Some(end) = settled.recv().await {
                remaining.note(end);
            }
            followed
        };
        let ((), followed) = tokio::join!(working, watching);
        followed?;
        Ok(remaining)
    }
}
