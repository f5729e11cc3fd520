//! Quarantined records converted once more, after the options or the program were mended: as a job of their own, of the same
//! plan, whose source is what the first job put aside. So everything that holds for a job holds for them: shards of their own
//! names, a completion for each file, a manifest that promises as many records as were put aside.
//!
//! The records are copied, as the source had them, to write-once files below the first job. A mark beside them names the one
//! job that may convert them: asked for again it goes on, asked for with other options it is refused, or records would
//! come twice.

use std::sync::Arc;

use backfleet_core::completion::QuarantineRecord;
use backfleet_core::digest::Sha256Digest;
use backfleet_core::job::{JobId, JobOptions, OptionsError};
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::Layout;
use backfleet_core::limits::SMALL_OBJECT_BYTES_MAX;
use backfleet_core::plan::{ExportSource, Plan, PlanError, Source, UnitPlan};
use backfleet_core::ports::{Metadata, NewObject, ObjectStore, PortError, PutOutcome};
use backfleet_core::sink::{Sink, SinkPlace};
use backfleet_worker::Origin;
use backfleet_worker::location::Location;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use crate::finish::{CommitError, committed};
use crate::plan::Planned;
use crate::quarantine::{QuarantineError, parse};
use crate::scan::Budget;
use crate::spec::{SpecError, extra_field};

/// What is done otherwise than the first time; empty is as before.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Key attributes, hash key first.
    pub keys: Vec<String>,
    /// `name=value` or `name:=json`, in the place of all that were.
    pub extra_fields: Vec<String>,
    /// Attributes to leave out, in the place of all that were.
    pub exclude: Vec<String>,
}

/// Records that are ready to be converted once more.
pub struct Replay {
    /// Their job.
    pub planned: Planned,
    /// How many they are.
    pub records: u64,
    /// Records too long to have been kept whole: they stay where they are.
    pub truncated: u64,
}

/// Records that cannot be converted once more.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Nothing was put aside, or nothing whole.
    #[error("job {job} has no record in quarantine that was kept whole")]
    Nothing {
        /// The job.
        job: JobId,
    },
    /// They were converted in another way.
    #[error("what job {job} put into quarantine is job {by}'s to convert")]
    Taken {
        /// The job.
        job: JobId,
        /// The one that may.
        by: JobId,
    },
    /// Something else stands where the mark or a copy would.
    #[error("{key} is not what was written there")]
    Damaged {
        /// The object.
        key: ObjectKey,
    },
    /// A quarantine object is not the one that the manifest lists.
    #[error("{key} is not what the manifest lists")]
    Altered {
        /// The object.
        key: String,
    },
    /// A scan puts no record aside.
    #[error("job {job} is a scan, which has no quarantine")]
    Scan {
        /// The job.
        job: JobId,
    },
    /// What a table refuses it would refuse again, and nobody has said that it may be written to.
    #[error("job {job} touches {sink}, and what was refused there would be refused again")]
    Touch {
        /// The job.
        job: JobId,
        /// The table.
        sink: SinkPlace,
    },
    /// The job is not committed, or cannot be read.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// What was put aside cannot be read.
    #[error(transparent)]
    Quarantine(#[from] QuarantineError),
    /// The changes cannot be made.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The changed options contradict each other.
    #[error("the job cannot be done so")]
    Options(#[from] OptionsError),
    /// No plan can be made.
    #[error("no plan can be made")]
    Plan(#[from] PlanError),
    /// The destination failed.
    #[error("the destination failed")]
    Port(#[from] PortError),
}

/// Who may convert the records.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    v: u32,
    job: JobId,
}

/// Copies what `plan`'s job put into quarantine, marks whose it is, and makes the plan to convert it. Holds one object at a
/// time.
pub async fn prepare(
    dest: Arc<dyn ObjectStore>,
    place: &Location,
    plan: &Plan,
    changes: &Changes,
) -> Result<Replay, ReplayError> {
    let Source::Export(export) = &plan.source else { return Err(ReplayError::Scan { job: plan.job }) };
    if let Some(sink @ Sink::Touch(_)) = &plan.options.sink {
        return Err(ReplayError::Touch { job: plan.job, sink: sink.place() });
    }
    let layout = plan.layout().map_err(PlanError::from)?;
    let options = changes.of(&plan.options)?;
    let manifest = committed(&*dest, &layout).await?;
    let (mut units, mut truncated) = (Vec::new(), 0);
    for object in &manifest.quarantine {
        let copy = Copy::of(&*dest, &layout, object).await?;
        truncated += copy.truncated;
        if copy.records > 0 {
            let part = plan.units.get(copy.unit as usize).map_or(0, |planned| planned.part);
            units.push(copy.unit_plan(part));
            put(&*dest, copy.key, copy.bytes).await?;
        }
    }
    if units.is_empty() {
        return Err(ReplayError::Nothing { job: plan.job });
    }
    let records = units.iter().filter_map(|unit| unit.items).sum();
    let source = Source::Export(promising(export, &units));
    let replay = Plan::new(place.to_string(), source, options, units)?;
    claim(&*dest, &layout, replay.job).await?;
    let planned = Planned {
        plan: replay,
        source: Origin::Files(dest),
        source_location: place.clone(),
        // They lie in the destination, where only this job reads them.
        places: Vec::new(),
        budget: Budget::none(),
        table: None,
    };
    Ok(Replay { planned, records, truncated })
}

impl Changes {
    fn of(&self, before: &JobOptions) -> Result<JobOptions, ReplayError> {
        let mut options = before.clone();
        if !self.keys.is_empty() {
            options.keys.clone_from(&self.keys);
        }
        if !self.extra_fields.is_empty() {
            options.extra_fields =
                self.extra_fields.iter().map(|text| extra_field(text)).collect::<Result<_, _>>()?;
        }
        if !self.exclude.is_empty() {
            options.exclude.clone_from(&self.exclude);
        }
        options.recipe(false)?;
        Ok(options)
    }
}

/// The exports, promising no more than was put aside of them.
fn promising(export: &ExportSource, units: &[UnitPlan]) -> ExportSource {
    let mut export = export.clone();
    for (n, part) in export.parts.iter_mut().enumerate() {
        let of_part = units.iter().filter(|unit| unit.part as usize == n);
        part.items = Some(of_part.filter_map(|unit| unit.items).sum());
        part.manifest = true;
    }
    export
}

/// The records of one quarantine object as the source had them, a line each.
struct Copy {
    unit: u32,
    key: ObjectKey,
    bytes: Vec<u8>,
    records: u64,
    truncated: u64,
}

impl Copy {
    async fn of(
        dest: &dyn ObjectStore,
        layout: &Layout,
        object: &QuarantineRecord,
    ) -> Result<Self, ReplayError> {
        let altered = || ReplayError::Altered { key: object.key.clone() };
        let key = ObjectKey::new(object.key.as_str()).map_err(|_| altered())?;
        let (unit, n) = layout.parse_quarantine(&key).ok_or_else(altered)?;
        let bytes_max = usize::try_from(object.bytes).unwrap_or(usize::MAX);
        let text = dest.get_small(&key, bytes_max).await?.ok_or_else(altered)?;
        if Sha256Digest::of(&text) != object.sha256 {
            return Err(altered());
        }
        let key_of_copy = layout.replay_file(unit, n);
        let mut copy = Self { unit, key: key_of_copy, bytes: Vec::new(), records: 0, truncated: 0 };
        for line in parse(&key, &text)? {
            if line.truncated {
                copy.truncated += 1;
                continue;
            }
            copy.bytes.extend_from_slice(&STANDARD.decode(&line.bytes).map_err(|_| altered())?);
            copy.bytes.push(b'\n');
            copy.records += 1;
        }
        Ok(copy)
    }

    fn unit_plan(&self, part: u32) -> UnitPlan {
        UnitPlan {
            part,
            key: self.key.to_string(),
            bytes: self.bytes.len() as u64,
            items: Some(self.records),
            md5: Some(STANDARD.encode(Md5::digest(&self.bytes))),
        }
    }
}

async fn claim(dest: &dyn ObjectStore, layout: &Layout, by: JobId) -> Result<(), ReplayError> {
    let key = layout.replay_mark();
    let json = serde_json::to_vec(&Mark { v: 1, job: by }).expect("a mark is plain data");
    if put_new(dest, key.clone(), json).await? == PutOutcome::Created {
        return Ok(());
    }
    match taken(dest, layout).await? {
        Some(there) if there == by => Ok(()),
        Some(there) => Err(ReplayError::Taken { job: layout.job(), by: there }),
        None => Err(ReplayError::Damaged { key }),
    }
}

/// The job that converts what this one put aside, if there is one.
pub async fn taken(dest: &dyn ObjectStore, layout: &Layout) -> Result<Option<JobId>, ReplayError> {
    let key = layout.replay_mark();
    let Some(json) = dest.get_small(&key, SMALL_OBJECT_BYTES_MAX).await? else { return Ok(None) };
    match serde_json::from_slice(&json) {
        Ok(Mark { v: 1, job }) => Ok(Some(job)),
        _ => Err(ReplayError::Damaged { key }),
    }
}

/// Writes a copy, or finds the same there.
async fn put(dest: &dyn ObjectStore, key: ObjectKey, bytes: Vec<u8>) -> Result<(), ReplayError> {
    let (sha256, bytes_max) = (Sha256Digest::of(&bytes), bytes.len() + 1);
    if put_new(dest, key.clone(), bytes).await? == PutOutcome::Created {
        return Ok(());
    }
    let there = dest.get_small(&key, bytes_max).await?.unwrap_or_default();
    if Sha256Digest::of(&there) == sha256 { Ok(()) } else { Err(ReplayError::Damaged { key }) }
}

async fn put_new(dest: &dyn ObjectStore, key: ObjectKey, bytes: Vec<u8>) -> Result<PutOutcome, PortError> {
    let sha256 = Sha256Digest::of(&bytes);
    dest.put_new(NewObject { key, bytes: bytes.into(), metadata: Metadata::new(), sha256 }).await
}
