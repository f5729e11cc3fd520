//! All that a destination tells of a job, for the page that people read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use backfleet_core::digest::Sha256Digest;
use backfleet_core::effort::{Effort, told};
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::Layout;
use backfleet_core::manifest::Manifest;
use backfleet_core::plan::Plan;
use backfleet_core::ports::{ObjectStore, PortError};

use crate::finish::{CommitError, committed, is_committed};
use crate::quarantine::{Kind, QuarantineChoice, QuarantineError, kinds};
use crate::status::for_each_completion;

/// What stands in the destination.
#[derive(Debug)]
pub struct Overview {
    /// Manifest, its digest and its parts by unit; `None` before the job is committed.
    pub commit: Option<Commit>,
    /// Units with a completion and the store's time of it, the oldest first.
    pub completed: Vec<(SystemTime, u32)>,
    /// Units without one.
    pub pending: BTreeSet<u32>,
    /// What is in quarantine, by reason.
    pub quarantine: BTreeMap<String, Kind>,
    /// What processes have told of their work.
    pub effort: Effort,
}

/// A committed job.
#[derive(Debug)]
pub struct Commit {
    /// What was proven.
    pub manifest: Manifest,
    /// SHA-256 of the manifest's bytes, as `_SUCCESS` holds it.
    pub digest: Sha256Digest,
    /// What each unit became, by its number.
    pub units: Vec<UnitOutput>,
}

/// What a unit became.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnitOutput {
    /// Records written.
    pub records: u64,
    /// Records in quarantine.
    pub quarantined: u64,
    /// Shards.
    pub shards: u64,
    /// Their bytes, as stored.
    pub bytes: u64,
}

/// A job that cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum OverviewError {
    /// Its commit cannot be read.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Its quarantine cannot be read.
    #[error(transparent)]
    Quarantine(#[from] QuarantineError),
    /// The destination failed.
    #[error("the destination failed")]
    Port(#[from] PortError),
}

/// Looks at a job: a listing of its completions, its manifest, its quarantine and what processes have told.
pub async fn overview(
    dest: &dyn ObjectStore,
    plan: &Plan,
    layout: &Layout,
) -> Result<Overview, OverviewError> {
    let units = u32::try_from(plan.units.len()).expect("a plan has at most UNITS_MAX units");
    let mut pending: BTreeSet<u32> = (0..units).collect();
    let mut completed = Vec::new();
    for_each_completion(dest, layout, |unit, at| {
        if pending.remove(&unit) {
            completed.push((at, unit));
        }
    })
    .await?;
    completed.sort_unstable();
    let commit = match is_committed(dest, layout).await? {
        false => None,
        true => Some(Commit::of(committed(dest, layout).await?, plan, layout)),
    };
    let quarantine = kinds(dest, layout, &QuarantineChoice::default()).await?;
    let effort = told(dest, layout).await?;
    Ok(Overview { commit, completed, pending, quarantine, effort })
}

impl Commit {
    fn of(manifest: Manifest, plan: &Plan, layout: &Layout) -> Self {
        let mut units = vec![UnitOutput::default(); plan.units.len()];
        for shard in &manifest.shards {
            let name = ObjectKey::new(shard.key.as_str()).ok().and_then(|key| layout.parse_shard(&key));
            if let Some(unit) = name.and_then(|name| units.get_mut(name.unit as usize)) {
                unit.records += shard.records;
                unit.shards += 1;
                unit.bytes += shard.bytes;
            }
        }
        for object in &manifest.quarantine {
            let unit = ObjectKey::new(object.key.as_str()).ok().and_then(|key| layout.parse_quarantine(&key));
            if let Some(unit) = unit.and_then(|(unit, _)| units.get_mut(unit as usize)) {
                unit.quarantined += object.records;
            }
        }
        let digest = Sha256Digest::of(&manifest.to_json());
        Self { manifest, digest, units }
    }
}
