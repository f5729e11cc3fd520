//! The job's commit: verify, then the manifest, then `_SUCCESS`. Run again, it proves that nothing changed.

use backfleet_core::digest::Sha256Digest;
use backfleet_core::job::JobId;
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::Layout;
use backfleet_core::limits::{MANIFEST_BYTES_MAX, SMALL_OBJECT_BYTES_MAX};
use backfleet_core::manifest::{Manifest, Success};
use backfleet_core::mutant::{self, Mutant};
use backfleet_core::plan::Plan;
use backfleet_core::ports::{Metadata, NewObject, ObjectStore, PortError, PortFault, PutOutcome};

use crate::verify::{Finding, Proof, Verification, verify};

/// How far the commit came.
#[derive(Debug)]
pub enum Finished {
    /// Manifest and mark stand; `now` if they did not before.
    Committed {
        /// What was proven.
        verification: Verification,
        /// Whether this call wrote the mark.
        now: bool,
    },
    /// More records are in quarantine than allowed: nothing was committed.
    QuarantineExceeded {
        /// What was proven.
        verification: Verification,
    },
    /// Something is wrong: nothing was committed.
    Refused {
        /// What.
        verification: Verification,
    },
}

/// Verifies a job and commits it if it holds and has at most `quarantine_max` records in quarantine.
pub async fn finish(
    dest: &dyn ObjectStore,
    plan: &Plan,
    layout: &Layout,
    proof: Proof,
    quarantine_max: u64,
) -> Result<Finished, PortError> {
    let verification = verify(dest, plan, layout, proof).await?;
    if verification.findings_total > 0 && !mutant::is(Mutant::SuccessUnproven) {
        return Ok(Finished::Refused { verification });
    }
    if verification.manifest.counts.quarantined > quarantine_max {
        return Ok(Finished::QuarantineExceeded { verification });
    }
    let manifest = verification.manifest.to_json();
    let mark = Success::of(plan.job, &manifest).to_json();
    if mutant::is(Mutant::SuccessBeforeManifest) {
        put(dest, layout.success(), mark.clone()).await?;
    }
    if put(dest, layout.manifest(), manifest).await? == Put::Different {
        return Ok(refused(verification, Finding::Manifest));
    }
    match put(dest, layout.success(), mark).await? {
        Put::Different => Ok(refused(verification, Finding::Success)),
        put => Ok(Finished::Committed { verification, now: put == Put::Created }),
    }
}

/// Verifies a job that should be committed, its manifest and mark included. Writes nothing.
pub async fn verify_committed(
    dest: &dyn ObjectStore,
    plan: &Plan,
    layout: &Layout,
    proof: Proof,
) -> Result<Verification, PortError> {
    let mut verification = verify(dest, plan, layout, proof).await?;
    let manifest = dest.get_small(&layout.manifest(), MANIFEST_BYTES_MAX).await?;
    let mark = dest.get_small(&layout.success(), SMALL_OBJECT_BYTES_MAX).await?;
    let expected = verification.manifest.to_json();
    if manifest.is_none_or(|manifest| manifest != expected) {
        add(&mut verification, Finding::Manifest);
    }
    if mark.is_none_or(|mark| mark != Success::of(plan.job, &expected).to_json()) {
        add(&mut verification, Finding::Success);
    }
    Ok(verification)
}

/// Whether the job has its mark.
pub async fn is_committed(dest: &dyn ObjectStore, layout: &Layout) -> Result<bool, PortError> {
    Ok(dest.head(&layout.success()).await?.is_some())
}

/// A commit that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// There is none.
    #[error("job {job} in {dest} is not committed")]
    NotCommitted {
        /// The job.
        job: JobId,
        /// Where it was looked for.
        dest: String,
    },
    /// The manifest is not what the mark stands for.
    #[error("the manifest of job {job} in {dest} is not the one that was committed")]
    Damaged {
        /// The job.
        job: JobId,
        /// Where it is.
        dest: String,
    },
    /// The destination failed.
    #[error("the destination failed")]
    Port(#[from] PortError),
}

/// The manifest of a job that is committed, as its mark proves.
pub async fn committed(dest: &dyn ObjectStore, layout: &Layout) -> Result<Manifest, CommitError> {
    let job = layout.job();
    let Some(mark) = dest.get_small(&layout.success(), SMALL_OBJECT_BYTES_MAX).await? else {
        return Err(CommitError::NotCommitted { job, dest: dest.describe() });
    };
    let damaged = || CommitError::Damaged { job, dest: dest.describe() };
    let json = dest.get_small(&layout.manifest(), MANIFEST_BYTES_MAX).await?.ok_or_else(damaged)?;
    if mark != Success::of(job, &json).to_json() {
        return Err(damaged());
    }
    serde_json::from_slice(&json).map_err(|_| damaged())
}

#[derive(PartialEq, Eq)]
enum Put {
    Created,
    Same,
    Different,
}

async fn put(dest: &dyn ObjectStore, key: ObjectKey, bytes: Vec<u8>) -> Result<Put, PortError> {
    let sha256 = Sha256Digest::of(&bytes);
    let bytes_max = bytes.len();
    let object = NewObject { key: key.clone(), bytes: bytes.into(), metadata: Metadata::new(), sha256 };
    if dest.put_new(object).await? == PutOutcome::Created {
        return Ok(Put::Created);
    }
    match dest.get_small(&key, bytes_max).await {
        Ok(Some(there)) if Sha256Digest::of(&there) == sha256 => Ok(Put::Same),
        Ok(_) => Ok(Put::Different),
        Err(error) if error.fault == PortFault::TooLarge => Ok(Put::Different),
        Err(error) => Err(error),
    }
}

fn refused(mut verification: Verification, finding: Finding) -> Finished {
    add(&mut verification, finding);
    Finished::Refused { verification }
}

fn add(verification: &mut Verification, finding: Finding) {
    verification.findings.push(finding);
    verification.findings_total += 1;
}

#[cfg(test)]
mod tests;
