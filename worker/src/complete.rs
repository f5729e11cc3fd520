//! Writes the completion. Only after it stands is the message let go.

use backfleet_core::completion::{Completion, CompletionError};
use backfleet_core::digest::Sha256Digest;
use backfleet_core::limits::SMALL_OBJECT_BYTES_MAX;
use backfleet_core::metrics::{
    BYTES_IN, RECORDS_FILTERED, RECORDS_IN, RECORDS_OUT, RECORDS_QUARANTINED, UNITS_COMPLETED,
};
use backfleet_core::ports::{Hold, Metadata, NewObject, PortError, PutOutcome};
use tracing::info;

use crate::convert::Uploaded;

/// A unit whose completion stands in the destination: the only thing that can be acknowledged.
#[derive(Debug)]
pub struct Completed {
    pub(crate) completion: Completion,
    pub(crate) hold: Hold,
    pub(crate) ours: bool,
}

/// A completion that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    /// Another worker completed the unit with other content.
    #[error("unit {unit} is complete already with other content; nothing was overwritten")]
    Conflict {
        /// The unit.
        unit: u32,
    },
    /// What stands there is no completion.
    #[error("the completion that is there cannot be believed")]
    Stored(#[from] CompletionError),
    /// The destination failed.
    #[error("the destination failed")]
    Port(#[from] PortError),
}

/// Writes the completion of an uploaded unit, or recognises an equal one.
pub async fn complete(uploaded: Uploaded) -> Result<Completed, CompleteError> {
    let Uploaded { claimed, completion } = uploaded;
    let key = claimed.job.layout.completion(claimed.unit);
    let json = completion.to_json();
    let sha256 = Sha256Digest::of(&json);
    let object = NewObject { key: key.clone(), bytes: json.into(), metadata: Metadata::new(), sha256 };
    let ours = claimed.job.dest.put_new(object).await? == PutOutcome::Created;
    if !ours {
        let there = claimed.job.dest.get_small(&key, SMALL_OBJECT_BYTES_MAX).await?.unwrap_or_default();
        let there = Completion::parse(&there, claimed.job.plan.job, claimed.unit)?;
        if !there.same_content(&completion) {
            return Err(CompleteError::Conflict { unit: claimed.unit });
        }
    }
    report(&completion);
    Ok(Completed { completion, hold: claimed.hold, ours })
}

fn report(completion: &Completion) {
    let counts = &completion.counts;
    metrics::counter!(UNITS_COMPLETED).increment(1);
    metrics::counter!(RECORDS_IN).increment(counts.records_in);
    metrics::counter!(RECORDS_OUT).increment(counts.records_out);
    metrics::counter!(RECORDS_QUARANTINED).increment(counts.quarantined);
    metrics::counter!(RECORDS_FILTERED).increment(counts.filtered);
    metrics::counter!(BYTES_IN).increment(counts.bytes_in);
    info!(
        unit = completion.unit,
        records = counts.records_out,
        quarantined = counts.quarantined,
        shards = counts.shards,
        "completed"
    );
}
