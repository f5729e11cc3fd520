//! Makes the plan of a source, and adopts the one that stands in the destination.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use backfleet_convert::Schema;
use backfleet_core::digest::Sha256Digest;
use backfleet_core::job::JobId;
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::{JOBS_FOLDER, parse_job, plan_key};
use backfleet_core::limits::PLAN_BYTES_MAX;
use backfleet_core::plan::{ExportSource, Plan, PlanError, Source, UnitPlan};
use backfleet_core::ports::{Metadata, NewObject, ObjectStore, PortError, PutOutcome, TableFacts};
use backfleet_core::sink::Sink;

use crate::census::{Files, Shelf, TakingError, take};
use crate::export::{ChainError, ExportError, OpenedPart, check_chain};
use crate::scan::{self, Budget, ScanPlanError};
use crate::spec::{PARQUET, Request, SchemaRequest, Shown, SourceRequest, SpecError, options};
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
    /// The columns cannot be found out.
    #[error("no census can be taken")]
    Census(#[from] TakingError),
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
    shelf: Option<Shelf<'_>>,
    connections: &Connections,
) -> Result<Planned, PlanningError> {
    if let [location @ Location::Table { .. }] = locations {
        let is_pinned = matches!(request.schema, SchemaRequest::Pinned(_));
        if let Some(sink) = &request.sink {
            return Err(SpecError::SinkOfScan { sink: sink.place() }.into());
        }
        if request.format == PARQUET && !is_pinned {
            return Err(SpecError::ScanSchema.into());
        }
        return Ok(scan::make(location, request, connections).await?);
    }
    let opened = Opened::open(locations, &request.sources, connections).await?;
    // Whatever else is wrong is said before anything is counted.
    let mut options = options(request, &opened.shown, (request.format == PARQUET).then(no_columns))?;
    options.schema = schema(request, &opened, shelf).await?;
    let Opened { root, places, files, .. } = opened;
    let plan = Plan::new(
        root.to_string(),
        Source::Export(files.source),
        options,
        Arc::unwrap_or_clone(files.units),
    )?;
    let source = Origin::Files(files.store);
    Ok(Planned { plan, source, source_location: root, places, budget: Budget::none(), table: None })
}

/// The files of these exports, to be counted.
pub async fn files(
    locations: &[Location],
    request: &SourceRequest,
    connections: &Connections,
) -> Result<Files, PlanningError> {
    if let [Location::Table { .. }] = locations {
        return Err(SpecError::ScanSchema.into());
    }
    Ok(Opened::open(locations, request, connections).await?.files)
}

/// A chain of exports, of one at the least, opened for reading.
struct Opened {
    root: Location,
    places: Vec<Location>,
    shown: Shown,
    files: Files,
}

impl Opened {
    async fn open(
        locations: &[Location],
        request: &SourceRequest,
        connections: &Connections,
    ) -> Result<Opened, PlanningError> {
        let mut parts = Vec::new();
        for location in locations {
            if let Location::Table { .. } = location {
                return Err(PlanningError::TableInChain { place: location.to_string() });
            }
            parts.push(OpenedPart::open(location, request, connections).await?);
        }
        check_chain(&parts, request.allow_overlap).map_err(ExportError::from)?;
        let root = common_root(&parts).map_err(ExportError::from)?;
        let (shown, units) = (shown(&parts), units(&mut parts, &root));
        let places = parts.iter().map(|part| part.root.clone()).collect();
        let table_arn = parts.iter().find_map(|part| part.shown.table_arn.clone());
        let source = ExportSource { table_arn, parts: parts.into_iter().map(|part| part.part).collect() };
        let store = root.open_to_read(connections).await?;
        Ok(Opened { root, places, shown, files: Files { store, source, units: units.into() } })
    }
}

fn no_columns() -> Schema {
    Schema { v: 1, columns: Vec::new() }
}

/// The columns of a Parquet job; a census of all its records where nobody has pinned them.
async fn schema(
    request: &Request,
    opened: &Opened,
    shelf: Option<Shelf<'_>>,
) -> Result<Option<Schema>, PlanningError> {
    if request.format != PARQUET {
        return Ok(None);
    }
    let keys = if request.keys.is_empty() { &opened.shown.keys } else { &request.keys };
    Ok(Some(match &request.schema {
        SchemaRequest::Pinned(schema) => schema.clone(),
        SchemaRequest::Auto => Schema::auto(&take(&opened.files, shelf).await?, keys),
        SchemaRequest::Typed => Schema::typed(&take(&opened.files, shelf).await?, keys),
    }))
}

impl Planned {
    /// The job that takes away again what a job like this one marked.
    pub fn undone(self) -> Result<Self, PlanError> {
        let Plan { job, location, source, mut options, units, .. } = self.plan;
        if let Some(Sink::Touch(touch)) = &mut options.sink {
            touch.undo = Some(job);
        }
        Ok(Self { plan: Plan::new(location, source, options, units)?, ..self })
    }

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
fn units(parts: &mut [OpenedPart], root: &Location) -> Vec<UnitPlan> {
    let mut units = Vec::with_capacity(parts.iter().map(|part| part.files.len()).sum());
    for (n, part) in parts.iter_mut().enumerate() {
        let prefix = part.root.prefix_below(root).expect("the root was chosen around every export");
        units.extend(mem::take(&mut part.files).into_iter().map(|file| UnitPlan {
            part: n as u32,
            key: format!("{prefix}{}", file.key),
            bytes: file.bytes,
            items: file.items,
            md5: file.md5,
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
    let plan = match dest.put_new(object).await? {
        PutOutcome::Created => plan,
        PutOutcome::AlreadyThere => stored(dest, plan.job).await?,
    };
    write_schema(dest, &plan).await?;
    Ok(plan)
}

/// The columns beside the plan that holds them too, for people and for `--schema`.
async fn write_schema(dest: &dyn ObjectStore, plan: &Plan) -> Result<(), PlanningError> {
    let Some(schema) = &plan.options.schema else { return Ok(()) };
    let mut json = serde_json::to_vec_pretty(schema).expect("a schema is plain data");
    json.push(b'\n');
    let sha256 = Sha256Digest::of(&json);
    let layout = plan.layout().map_err(PlanError::from)?;
    let object = NewObject { key: layout.schema(), bytes: json.into(), metadata: Metadata::new(), sha256 };
    dest.put_new(object).await?;
    Ok(())
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
