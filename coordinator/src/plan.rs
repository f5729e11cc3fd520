//! Makes the plan of a source, and adopts the one that stands in the destination.

use std::collections::BTreeSet;

use backfleet_core::digest::Sha256Digest;
use backfleet_core::job::JobId;
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::{JOBS_FOLDER, parse_job, plan_key};
use backfleet_core::limits::PLAN_BYTES_MAX;
use backfleet_core::plan::{ExportSource, Plan, PlanError, Source, UnitPlan};
use backfleet_core::ports::{Metadata, NewObject, ObjectStore, PortError, PutOutcome, TableFacts};

use crate::export::{DataFile, ExportError, Summary, find_export, read_data_files};
use crate::scan::{self, Budget, ScanPlanError};
use crate::spec::{Request, Shown, SpecError, options};
use backfleet_worker::Origin;
use backfleet_worker::location::{Connections, Location, LocationError};

/// A plan with the opened source it is for.
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The export's own folder, or the table, opened for reading.
    pub source: Origin,
    /// Where that is.
    pub source_location: Location,
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

/// Reads the source and makes the plan. Writes nothing.
pub async fn make(
    location: &Location,
    request: &Request,
    connections: &Connections,
) -> Result<Planned, PlanningError> {
    if let Location::Table { .. } = location {
        return Ok(scan::make(location, request, connections).await?);
    }
    let found = find_export(&*location.open_to_read(connections).await?).await?;
    let source_location = location.resolved()?.below(&found.folder);
    let source = source_location.open_to_read(connections).await?;
    let summary = Summary::read(&*source).await?;
    let options = options(request, &Shown::from(&summary))?;
    let files = read_data_files(&*source, &summary).await?;
    let export = ExportSource {
        export: summary.id().unwrap_or_default().to_owned(),
        table_arn: summary.table_arn.clone(),
        items: summary.item_count,
    };
    let plan = Plan::new(
        source_location.to_string(),
        Source::Export(export),
        options,
        files.into_iter().map(unit).collect(),
    )?;
    Ok(Planned { plan, source: Origin::Files(source), source_location, budget: Budget::none(), table: None })
}

fn unit(file: DataFile) -> UnitPlan {
    UnitPlan { key: file.key.to_string(), bytes: file.bytes, items: file.items, md5: file.md5 }
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
