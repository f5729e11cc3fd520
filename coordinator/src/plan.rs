//! Makes the plan of a source, and adopts the one that stands in the destination.

use std::collections::BTreeSet;

use backfleet_core::digest::Sha256Digest;
use backfleet_core::job::JobId;
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::{JOBS_FOLDER, parse_job, plan_key};
use backfleet_core::limits::PLAN_BYTES_MAX;
use backfleet_core::plan::{ExportSource, Plan, PlanError, Source, UnitPlan};
use backfleet_core::ports::{Metadata, NewObject, ObjectStore, PortError, PutOutcome, TableFacts};

use crate::export::{ChainError, ExportError, OpenedPart, check_chain};
use crate::scan::{self, Budget, ScanPlanError};
use crate::spec::{Request, Shown, SpecError, options};
use backfleet_worker::Origin;
use backfleet_worker::location::{Connections, Location, LocationError, check_apart};

/// A plan with the opened source it is for.
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The export's own folder, or the table, opened for reading.
    pub source: Origin,
    /// Where that is: what the plan names, and what workers must be allowed to read.
    pub source_location: Location,
    /// What lies there: the exports' folders, or the table. No destination may lie in one of them, nor around it.
    pub places: Vec<Location>,
    /// How fast it may be read.
    pub budget: Budget,
    /// What the table says of itself, where one is scanned.
    pub table: Option<TableFacts>,
}

/// A plan that cannot be made or adopted.
#[derive(Debug, thiserror::Error)]
pub enum PlanningError {
    /// The place cannot be opened.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// The export cannot be used.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Tables and exports cannot be joined.
    #[error("{place} is a table, and a chain is of exports")]
    TableInChain {
        /// The table.
        place: String,
    },
    /// The request cannot be met.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The table cannot be scanned as asked.
    #[error(transparent)]
    Scan(#[from] ScanPlanError),
    /// The plan is none.
    #[error("no plan can be made")]
    Plan(#[from] PlanError),
    /// The destination has no plan of the job.
    #[error("{dest} holds no plan of job {job}")]
    NoPlan {
        /// The destination.
        dest: String,
        /// The job.
        job: JobId,
    },
    /// What stands at the plan's key is no plan of this job.
    #[error("{dest} holds a damaged plan of job {job}")]
    Stored {
        /// The destination.
        dest: String,
        /// The job.
        job: JobId,
        /// What is wrong with it.
        source: PlanError,
    },
    /// Two jobs whose shards would have the same names.
    #[error("{dest} holds job {other}, whose shards would be named like those of job {job}")]
    ShortId {
        /// The destination.
        dest: String,
        /// Ours.
        job: JobId,
        /// The other one.
        other: JobId,
    },
    /// The destination failed.
    #[error("the destination failed")]
    Port(#[from] PortError),
}

/// Reads the source and makes the plan: of one table, of one export, or of a chain of them. Writes nothing.
pub async fn make(
    locations: &[Location],
    request: &Request,
    connections: &Connections,
) -> Result<Planned, PlanningError> {
    if let [location @ Location::Table { .. }] = locations {
        return Ok(scan::make(location, request, connections).await?);
    }
    let mut parts = Vec::new();
    for location in locations {
        if let Location::Table { .. } = location {
            return Err(PlanningError::TableInChain { place: location.to_string() });
        }
        parts.push(OpenedPart::open(location, &request.sources, connections).await?);
    }
    check_chain(&parts, request.sources.allow_overlap).map_err(ExportError::from)?;
    let source_location = common_root(&parts).map_err(ExportError::from)?;
    let options = options(request, &shown(&parts))?;
    let units = units(&parts, &source_location);
    let places = parts.iter().map(|part| part.root.clone()).collect();
    let table_arn = parts.iter().find_map(|part| part.shown.table_arn.clone());
    let export = ExportSource { table_arn, parts: parts.into_iter().map(|part| part.part).collect() };
    let plan = Plan::new(source_location.to_string(), Source::Export(export), options, units)?;
    let source = Origin::Files(source_location.open_to_read(connections).await?);
    Ok(Planned { plan, source, source_location, places, budget: Budget::none(), table: None })
}

impl Planned {
    /// Refuses a destination that lies in the source, or around it.
    pub fn check_apart(&self, dest: &Location) -> Result<(), LocationError> {
        self.places.iter().try_for_each(|place| check_apart(place, dest))
    }
}

/// The place that all keys of the plan are below.
fn common_root(parts: &[OpenedPart]) -> Result<Location, ChainError> {
    let mut root = parts.first().expect("a source was given").root.clone();
    for part in &parts[1..] {
        let apart = || ChainError::Apart { first: root.to_string(), other: part.root.to_string() };
        root = root.common(&part.root).ok_or_else(apart)?;
    }
    Ok(root)
}

/// What the exports say together: the first one's time, and whatever any of them names.
fn shown(parts: &[OpenedPart]) -> Shown {
    let first = &parts.first().expect("a source was given").shown;
    Shown {
        table_arn: parts.iter().find_map(|part| part.shown.table_arn.clone()),
        changes: parts.iter().any(|part| part.shown.changes),
        keys: parts
            .iter()
            .map(|part| &part.shown.keys)
            .find(|keys| !keys.is_empty())
            .cloned()
            .unwrap_or_default(),
        ..first.clone()
    }
}

/// The files of all exports, one export after the other.
fn units(parts: &[OpenedPart], root: &Location) -> Vec<UnitPlan> {
    let mut units = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        let prefix = part.root.prefix_below(root).expect("the root was chosen around every export");
        units.extend(part.files.iter().map(|file| UnitPlan {
            part: n as u32,
            key: format!("{prefix}{}", file.key),
            bytes: file.bytes,
            items: file.items,
            md5: file.md5.clone(),
        }));
    }
    units
}

/// Writes the plan, or takes the one of the same job that is there.
pub async fn adopt(dest: &dyn ObjectStore, plan: Plan) -> Result<Plan, PlanningError> {
    check_short_id(dest, plan.job).await?;
    let json = plan.to_json();
    let sha256 = Sha256Digest::of(&json);
    let object = NewObject { key: plan_key(plan.job), bytes: json.into(), metadata: Metadata::new(), sha256 };
    match dest.put_new(object).await? {
        PutOutcome::Created => Ok(plan),
        PutOutcome::AlreadyThere => stored(dest, plan.job).await,
    }
}

/// The plan of `job` as it stands in the destination.
pub async fn stored(dest: &dyn ObjectStore, job: JobId) -> Result<Plan, PlanningError> {
    let json = dest.get_small(&plan_key(job), PLAN_BYTES_MAX).await?;
    let json = json.ok_or_else(|| PlanningError::NoPlan { dest: dest.describe(), job })?;
    Plan::parse(&json).map_err(|source| PlanningError::Stored { dest: dest.describe(), job, source })
}

/// The jobs that have anything of their own in a destination, be it without a plan. Costs a listing of all jobs'
/// own objects.
pub async fn jobs(dest: &dyn ObjectStore) -> Result<Vec<JobId>, PortError> {
    let prefix = format!("{JOBS_FOLDER}/");
    let mut jobs = BTreeSet::new();
    let mut after: Option<ObjectKey> = None;
    loop {
        let page = dest.list(&prefix, after.as_ref()).await?;
        jobs.extend(page.entries.iter().filter_map(|entry| parse_job(&entry.key)));
        let Some(last) = page.entries.last().filter(|_| page.more) else {
            return Ok(jobs.into_iter().collect());
        };
        after = Some(last.key.clone());
    }
}

/// Shards carry eight digits of their job's id.
async fn check_short_id(dest: &dyn ObjectStore, job: JobId) -> Result<(), PlanningError> {
    let alike = dest.list(&format!("{JOBS_FOLDER}/{}", job.short()), None).await?;
    let mut others =
        alike.entries.iter().filter_map(|entry| parse_job(&entry.key)).filter(|other| *other != job);
    match others.next() {
        None => Ok(()),
        Some(other) => Err(PlanningError::ShortId { dest: dest.describe(), job, other }),
    }
}
