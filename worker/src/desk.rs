//! What every delivery needs at hand: the ports, and the plans that were read and proven.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use backfleet_convert::Recipe;
use backfleet_core::job::{JobId, OptionsError};
use backfleet_core::layout::{Layout, LayoutError, plan_key};
use backfleet_core::limits::PLAN_BYTES_MAX;
use backfleet_core::plan::{Plan, PlanError};
use backfleet_core::ports::{ObjectStore, PortError, Queue};

use crate::tally::Tally;

/// The ports of one worker and the plans it trusts.
pub struct Desk {
    /// Where units are read from.
    pub source: Arc<dyn ObjectStore>,
    /// Where shards, completions and plans are.
    pub dest: Arc<dyn ObjectStore>,
    /// Where deliveries come from.
    pub queue: Arc<dyn Queue>,
    /// What was done so far, for whoever watches this process.
    pub tally: Arc<Tally>,
    plans: Mutex<BTreeMap<JobId, Arc<Job>>>,
}

/// A plan that was read from the destination and proven, with what follows from it.
#[derive(Debug)]
pub struct Job {
    /// The plan.
    pub plan: Plan,
    /// Where its objects lie.
    pub layout: Layout,
    /// How its records are made.
    pub recipe: Arc<Recipe>,
}

/// A job that a worker cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// No such plan under this worker's destination.
    #[error("no plan of job {job} is under {dest}")]
    Unknown {
        /// The job a message named.
        job: JobId,
        /// Where it was looked for.
        dest: String,
    },
    /// The plan under this job's key is another job's.
    #[error("the plan at job {job} is that of job {found}")]
    Misplaced {
        /// The job a message named.
        job: JobId,
        /// The job the plan is of.
        found: JobId,
    },
    /// The plan cannot be read or believed.
    #[error("the plan of job {job} is unusable")]
    Plan {
        /// The job.
        job: JobId,
        /// Why.
        source: PlanError,
    },
    /// Its options make no conversion in this version.
    #[error("the options of the plan are unusable")]
    Options(#[from] OptionsError),
    /// Its keys cannot be laid out.
    #[error("the layout of the plan is unusable")]
    Layout(#[from] LayoutError),
    /// The destination did not answer.
    #[error("the plan could not be fetched")]
    Port(#[from] PortError),
}

impl Job {
    /// What follows from a proven plan.
    pub fn of(plan: Plan) -> Result<Self, JobError> {
        let layout = plan.layout()?;
        let recipe = Arc::new(plan.options.recipe()?);
        Ok(Self { plan, layout, recipe })
    }
}

impl Desk {
    /// A desk without any plan yet.
    pub fn new(
        source: Arc<dyn ObjectStore>,
        dest: Arc<dyn ObjectStore>,
        queue: Arc<dyn Queue>,
        tally: Arc<Tally>,
    ) -> Self {
        Self { source, dest, queue, tally, plans: Mutex::default() }
    }

    /// The job of that id, read from the destination the first time.
    pub async fn job(&self, id: JobId) -> Result<Arc<Job>, JobError> {
        if let Some(job) = self.known(id) {
            return Ok(job);
        }
        let json = self.dest.get_small(&plan_key(id), PLAN_BYTES_MAX).await?;
        let json = json.ok_or_else(|| JobError::Unknown { job: id, dest: self.dest.describe() })?;
        let plan = Plan::parse(&json).map_err(|source| JobError::Plan { job: id, source })?;
        if plan.job != id {
            return Err(JobError::Misplaced { job: id, found: plan.job });
        }
        let job = Arc::new(Job::of(plan)?);
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).insert(id, job.clone());
        Ok(job)
    }

    fn known(&self, id: JobId) -> Option<Arc<Job>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}
