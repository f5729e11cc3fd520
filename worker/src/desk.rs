//! What every delivery needs at hand: the ports, and the plans that were read and proven.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use backfleet_convert::{Crew, Recipe};
use backfleet_core::job::{JobId, OptionsError};
use backfleet_core::layout::{Layout, LayoutError, plan_key};
use backfleet_core::limits::PLAN_BYTES_MAX;
use backfleet_core::limits::REFUSED_MAX_DEFAULT;
use backfleet_core::mutant::{self, Mutant};
use backfleet_core::plan::{Plan, PlanError, ScanSource, Source};
use backfleet_core::ports::{Function, ObjectStore, PortError, Queue, TableScanner, Toucher};
use backfleet_core::sink::{Sink, SinkPlace};

use tokio::sync::watch;

use crate::lane::Lanes;
use crate::tally::Tally;

/// Something that can be read from.
#[derive(Clone)]
pub enum Origin {
    /// Files of an export.
    Files(Arc<dyn ObjectStore>),
    /// A table, or one of its indexes.
    Table(Arc<dyn TableScanner>),
}

/// A sink that was opened.
#[derive(Clone)]
pub enum Outlet {
    /// A function that is handed envelopes.
    Function(Arc<dyn Function>),
    /// A table whose items are touched.
    Table(Arc<dyn Toucher>),
}

/// The places a worker may touch; nothing that travels on a queue can widen them.
#[async_trait]
pub trait Places: Send + Sync + 'static {
    /// Destinations whose plans are trusted.
    fn dests(&self) -> &[Arc<dyn ObjectStore>];

    /// The source at `location`, or `None` when this worker may not read there.
    async fn source(&self, location: &str) -> Option<Origin>;

    /// The sink of a plan, or `None` when this worker may not put anything there.
    async fn outlet(&self, _sink: &Sink) -> Option<Outlet> {
        None
    }
}

/// One source and one destination that were opened before.
pub struct OnePlace {
    source: Origin,
    dest: [Arc<dyn ObjectStore>; 1],
    outlet: Option<Outlet>,
}

impl OnePlace {
    /// Serves this destination from this source, wherever the plan was made.
    pub fn new(source: Origin, dest: Arc<dyn ObjectStore>) -> Self {
        Self { source, dest: [dest], outlet: None }
    }

    /// The same with the sink of the jobs in that destination.
    #[must_use]
    pub fn with_outlet(self, outlet: Option<Outlet>) -> Self {
        Self { outlet, ..self }
    }
}

#[async_trait]
impl Places for OnePlace {
    fn dests(&self) -> &[Arc<dyn ObjectStore>] {
        &self.dest
    }

    async fn source(&self, _: &str) -> Option<Origin> {
        Some(self.source.clone())
    }

    async fn outlet(&self, _: &Sink) -> Option<Outlet> {
        self.outlet.clone()
    }
}

/// What one worker has at hand.
pub struct Desk {
    /// Where deliveries come from.
    pub queue: Arc<dyn Queue>,
    /// What was done so far, for whoever watches this process.
    pub tally: Arc<Tally>,
    /// How long an attempt begins again through an outage.
    pub patience: Duration,
    /// Who helps the conversions.
    pub crew: Arc<Crew>,
    /// Records of one unit that a sink may refuse.
    pub refused_max: u64,
    /// Units that are held now, for whoever wants to know when that changes.
    pub in_hand: watch::Sender<usize>,
    places: Box<dyn Places>,
    jobs: Mutex<BTreeMap<JobId, Arc<Job>>>,
    // Held while a plan is read: the plan of a million units is large, and all slots want it at once.
    reading: tokio::sync::Mutex<()>,
}

/// A plan that was read from the destination and proven, with what follows from it.
pub struct Job {
    /// What units are read from.
    pub input: JobInput,
    /// Where shards, completions and the plan are.
    pub dest: Arc<dyn ObjectStore>,
    /// Where records go instead of into shards, if they do.
    pub outlet: Option<Outlet>,
    /// The plan.
    pub plan: Plan,
    /// Where its objects lie.
    pub layout: Layout,
    /// How its records are made.
    pub recipe: Arc<Recipe>,
    /// The lanes of its scan that this process works on.
    pub lanes: Lanes,
}

/// What a job's units are read from.
#[derive(Clone)]
pub enum JobInput {
    /// Files of an export.
    Files(Arc<dyn ObjectStore>),
    /// Segments of a table.
    Table {
        /// How it is scanned.
        scan: ScanSource,
        /// The table.
        table: Arc<dyn TableScanner>,
    },
}

/// A job that a worker cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// No such plan under this worker's destinations.
    #[error("no plan of job {job} is under {dests}")]
    Unknown {
        /// The job a message named.
        job: JobId,
        /// Where it was looked for.
        dests: String,
    },
    /// The plan's source is not one this worker may read.
    #[error("the plan of job {job} reads {location}, which this worker is not allowed to")]
    Foreign {
        /// The job.
        job: JobId,
        /// Where its source is.
        location: String,
    },
    /// The plan's sink is not one that this worker may use.
    #[error("the plan of job {job} puts its records into {sink}, which this worker is not allowed to")]
    ForeignSink {
        /// The job.
        job: JobId,
        /// Where they would go.
        sink: SinkPlace,
    },
    /// A plan over files that names a table, or the other way round.
    #[error("the plan of job {job} does not fit its source {location}")]
    Unfit {
        /// The job.
        job: JobId,
        /// Where its source is.
        location: String,
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

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("job", &self.plan.job).finish_non_exhaustive()
    }
}

impl Desk {
    /// A desk without any plan yet, without patience and without a crew.
    pub fn new(places: impl Places, queue: Arc<dyn Queue>, tally: Arc<Tally>) -> Self {
        let patience = Duration::ZERO;
        let in_hand = watch::Sender::new(0);
        let (places, crew) = (Box::new(places), Crew::new(1));
        Self {
            queue,
            tally,
            patience,
            crew,
            refused_max: REFUSED_MAX_DEFAULT,
            in_hand,
            places,
            jobs: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// The same desk with patience for outages.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The same desk with a crew that helps its conversions.
    #[must_use]
    pub fn with_crew(self, crew: Arc<Crew>) -> Self {
        Self { crew, ..self }
    }

    /// The same desk for sinks that may refuse so many records of a unit.
    #[must_use]
    pub fn with_refused_max(self, refused_max: u64) -> Self {
        Self { refused_max, ..self }
    }

    /// The job of that id, read from the destinations the first time, by one caller for all.
    pub async fn job(&self, id: JobId) -> Result<Arc<Job>, JobError> {
        if let Some(job) = self.known(id) {
            return Ok(job);
        }
        let _reading = self.reading.lock().await;
        if let Some(job) = self.known(id) {
            return Ok(job);
        }
        let job = Arc::new(self.find(id).await?);
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).insert(id, job.clone());
        Ok(job)
    }

    fn known(&self, id: JobId) -> Option<Arc<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    async fn find(&self, id: JobId) -> Result<Job, JobError> {
        for dest in self.places.dests() {
            if let Some(json) = dest.get_small(&plan_key(id), PLAN_BYTES_MAX).await? {
                return self.trust(id, &json, dest.clone()).await;
            }
        }
        let dests: Vec<String> = self.places.dests().iter().map(|dest| dest.describe()).collect();
        Err(JobError::Unknown { job: id, dests: dests.join(", ") })
    }

    async fn trust(&self, id: JobId, json: &[u8], dest: Arc<dyn ObjectStore>) -> Result<Job, JobError> {
        let plan = Plan::parse(json).map_err(|source| JobError::Plan { job: id, source })?;
        if plan.job != id {
            return Err(JobError::Misplaced { job: id, found: plan.job });
        }
        let foreign = || JobError::Foreign { job: id, location: plan.location.clone() };
        let source = match self.places.source(&plan.location).await {
            None if mutant::is(Mutant::ForeignRead) => self.places.source("").await,
            source => source,
        };
        let source = source.ok_or_else(foreign)?;
        let input = match (&plan.source, source) {
            (Source::Export(_), Origin::Files(files)) => JobInput::Files(files),
            // The name may mean another table where this worker runs than where the plan was made.
            (Source::Scan(scan), Origin::Table(table)) if table.describe().await?.arn == scan.table_arn => {
                JobInput::Table { scan: scan.clone(), table }
            }
            _ => return Err(JobError::Unfit { job: id, location: plan.location.clone() }),
        };
        let outlet = match &plan.options.sink {
            None => None,
            Some(sink) => Some(self.outlet(id, sink).await?),
        };
        let layout = plan.layout()?;
        let recipe = Arc::new(plan.recipe()?);
        Ok(Job { input, dest, outlet, plan, layout, recipe, lanes: Lanes::default() })
    }

    async fn outlet(&self, job: JobId, sink: &Sink) -> Result<Outlet, JobError> {
        let foreign = || JobError::ForeignSink { job, sink: sink.place() };
        let outlet = self.places.outlet(sink).await.ok_or_else(foreign)?;
        match (sink, &outlet) {
            (Sink::Function(_), Outlet::Function(_)) => Ok(outlet),
            // The name may mean another table where this worker runs than where the plan was made.
            (Sink::Touch(touch), Outlet::Table(table)) if table.arn().await? == touch.table_arn => Ok(outlet),
            _ => Err(foreign()),
        }
    }
}
