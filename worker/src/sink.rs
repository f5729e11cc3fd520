//! Puts a shard's records into the job's sink instead of an object. The receipt that stands in the shard's place is looked for
//! before, and put after.
//!
//! ```text
//!  receipt there? --yes--> what it says
//!       \--no--> the effect -> put the receipt --another worker's is there--> what that one says
//! ```
//! A sink cannot be asked what it has. So a crash between the effect and the receipt does one shard again, and two workers
//! that both believe they hold a unit may do the same shards; no more than that, for nobody goes on behind a shard before its
//! receipt stands.

use backfleet_convert::Shard;
use backfleet_core::completion::{Digest128, ShardRecord};
use backfleet_core::digest::Sha256Digest;
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::ShardName;
use backfleet_core::limits::SMALL_OBJECT_BYTES_MAX;
use backfleet_core::ports::{Metadata, NewObject, PortError, PutOutcome};
use backfleet_core::receipt::{Receipt, ReceiptError, Refusal, Refused};
use tracing::warn;

use crate::attempt::{AttemptError, port_class};
use crate::desk::{Job, Outlet};
use crate::invoke::hand_over;
use crate::touch::{Marking, touch_all};
use crate::upload::UploadError;

/// Records that cannot be put into a sink.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The sink did not do what it was asked.
    #[error("{sink} could not be given its records")]
    Port {
        /// Which sink.
        sink: String,
        /// Why.
        source: PortError,
    },
    /// The function returned what cannot be understood.
    #[error("{sink} returned {what}: that is no answer to records of a stream")]
    Answer {
        /// Which function.
        sink: String,
        /// What it returned; never its content.
        what: &'static str,
    },
    /// It refuses so much that it is the sink that must be mended, not the records.
    #[error(
        "{sink} refuses more than the {max} records of a unit that --max-refused allows, the last because {last}"
    )]
    Refusing {
        /// Which sink.
        sink: String,
        /// How many it may.
        max: u64,
        /// Why it refused the last one.
        last: String,
    },
    /// A receipt cannot be believed.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
}

impl SinkError {
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::Port { source, .. } => port_class(source),
            Self::Answer { .. } => "sink-answer",
            Self::Refusing { .. } => "sink-refuses",
            Self::Receipt(_) => "output-damaged",
        }
    }

    /// Whether every further attempt would end so too, until somebody mends the sink.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Answer { .. } | Self::Refusing { .. })
    }
}

/// A shard whose records are in the sink.
pub(crate) struct Taken {
    /// Its receipt, as the completion lists it.
    pub(crate) record: ShardRecord,
    /// The records that the sink refuses.
    pub(crate) refused: Vec<Refused>,
}

/// What became of a shard's records in the sink.
#[derive(Default)]
pub(crate) struct Effect {
    pub(crate) passed_over: u64,
    pub(crate) refused: Vec<Refused>,
}

/// How many more records of a unit its sink may refuse.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) left: u64,
    pub(crate) max: u64,
}

impl Room {
    /// Notes one more, if there is room for it.
    pub(crate) fn refuse(&mut self, sink: String, why: Refusal) -> Result<(), SinkError> {
        warn!(sink, why = why.code(), "a record is refused");
        let left = self.left.checked_sub(1);
        self.left = left.ok_or_else(|| SinkError::Refusing { sink, max: self.max, last: why.to_string() })?;
        Ok(())
    }
}

/// Puts one shard's records into the sink, unless its receipt says that they are there.
pub(crate) async fn put_into_sink(
    job: &Job,
    outlet: &Outlet,
    name: ShardName,
    shard: &Shard,
    room: Room,
) -> Result<Taken, AttemptError> {
    let slot = Slot { job, name, key: job.layout.shard(name), shard };
    if let Some(taken) = slot.receipt().await? {
        return Ok(taken);
    }
    let effect = match outlet {
        Outlet::Function(function) => hand_over(&**function, shard, room).await?,
        Outlet::Table(table) => touch_all(&**table, &Marking::of(job), shard, room).await?,
    };
    slot.put(effect).await
}

/// Where one shard's receipt stands.
struct Slot<'a> {
    job: &'a Job,
    name: ShardName,
    key: ObjectKey,
    shard: &'a Shard,
}

impl Slot<'_> {
    /// What the receipt says that stands there; it must be one of the same shard.
    async fn receipt(&self) -> Result<Option<Taken>, AttemptError> {
        let there = self.job.dest.get_small(&self.key, SMALL_OBJECT_BYTES_MAX).await;
        let Some(json) = there.map_err(UploadError::Port)? else { return Ok(None) };
        let receipt = Receipt::parse(&json, self.job.plan.job, self.name).map_err(SinkError::from)?;
        let (ours, theirs) = (self.shard.content_digest, receipt.content.0);
        if (theirs, receipt.records) != (ours, self.shard.records) {
            let (key, ours, theirs) = (self.key.to_string(), ours.to_string(), theirs.to_string());
            return Err(UploadError::Conflict { key, ours, theirs }.into());
        }
        Ok(Some(Taken { record: receipt.listed(&self.key, &json), refused: receipt.refused }))
    }

    async fn put(&self, effect: Effect) -> Result<Taken, AttemptError> {
        let receipt = Receipt {
            v: 1,
            job: self.job.plan.job,
            unit: self.name.unit,
            shard: self.name.shard,
            records: self.shard.records,
            passed_over: effect.passed_over,
            content_bytes: self.shard.content_bytes,
            content: Digest128(self.shard.content_digest),
            refused: effect.refused,
        };
        let json = receipt.to_json();
        let record = receipt.listed(&self.key, &json);
        let object = NewObject {
            key: self.key.clone(),
            sha256: Sha256Digest::of(&json),
            bytes: json.into(),
            metadata: Metadata::new(),
        };
        match self.job.dest.put_new(object).await.map_err(UploadError::Port)? {
            PutOutcome::Created => Ok(Taken { record, refused: receipt.refused }),
            // Ours, its reply lost, or another worker's, which may have seen other refusals: the first one decides.
            PutOutcome::AlreadyThere => {
                let there = self.receipt().await?;
                there.ok_or_else(|| SinkError::Receipt(ReceiptError::Misplaced { name: self.name }).into())
            }
        }
    }
}
