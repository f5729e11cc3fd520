//! Puts a shard under its only possible name, once. Who loses the race compares contents, never overwrites.

use std::collections::BTreeMap;

use backfleet_convert::{ContentDigest, InputError, Shard, content_digest_of};
use backfleet_core::completion::{Digest128, ShardRecord};
use backfleet_core::digest::Sha256Digest;
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::ShardName;
use backfleet_core::limits::STORED_SHARD_BYTES_MAX;
use backfleet_core::metrics::{BYTES_OUT, PUT_CONFLICTS, SHARDS_WRITTEN};
use backfleet_core::mutant::{self, Mutant};
use backfleet_core::ports::{Metadata, NewObject, ObjectStore, PortError, PortFault, PutOutcome};
use bytes::Bytes;

use crate::desk::{Desk, Job};

/// The metadata field that carries the digest of a shard's uncompressed records.
pub const CONTENT_FIELD: &str = "backfleet-content";

/// An object that could not be put.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// Another content stands under the name: a defect, another version of the conversion, or a foreign writer.
    #[error("{key} is there already with other content ({theirs}, ours is {ours}); nothing was overwritten")]
    Conflict {
        /// The object.
        key: String,
        /// Digest of what we would have put.
        ours: String,
        /// Digest of what is there.
        theirs: String,
    },
    /// What stands under the name is damaged.
    #[error("{key} is there already and is damaged; nothing was overwritten")]
    Stored {
        /// The object.
        key: String,
        /// What is wrong with it.
        source: InputError,
    },
    /// The destination failed.
    #[error("the destination failed")]
    Port(#[from] PortError),
}

/// A shard that stands in the destination, and the memory it was built in, unless a store still holds it.
pub struct Put {
    /// How it stands there.
    pub record: ShardRecord,
    /// To build the next one in.
    pub buffer: Option<Vec<u8>>,
}

/// Puts one shard and says how it stands in the destination now.
pub async fn put_shard(desk: &Desk, job: &Job, name: ShardName, shard: Shard) -> Result<Put, UploadError> {
    let key = job.layout.shard(name);
    let Shard { records, content_bytes, content_digest, bytes, .. } = shard;
    let bytes = Bytes::from(bytes);
    let ours = Stored { bytes: bytes.len() as u64, sha256: Sha256Digest::of(&bytes) };
    let object = NewObject {
        key: key.clone(),
        bytes: bytes.clone(),
        metadata: metadata(content_digest),
        sha256: ours.sha256,
    };
    let stored = match job.dest.put_new(object).await? {
        PutOutcome::Created => {
            metrics::counter!(SHARDS_WRITTEN).increment(1);
            metrics::counter!(BYTES_OUT).increment(ours.bytes);
            ours
        }
        PutOutcome::AlreadyThere if mutant::is(Mutant::ConflictUnseen) => ours,
        PutOutcome::AlreadyThere => settle_conflict(job, &key, content_digest).await?,
    };
    desk.tally.shard(stored.bytes);
    let record = ShardRecord {
        key: key.to_string(),
        bytes: stored.bytes,
        sha256: stored.sha256,
        records,
        passed_over: 0,
        content_bytes,
        content: Digest128(content_digest),
    };
    Ok(Put { record, buffer: bytes.is_unique().then(|| bytes.into()) })
}

struct Stored {
    bytes: u64,
    sha256: Sha256Digest,
}

fn metadata(content: ContentDigest) -> Metadata {
    BTreeMap::from([(CONTENT_FIELD.to_owned(), content.to_string())])
}

/// Something is there: our own lost reply, a twin's shard, or trouble. The records decide, not the compressed
/// bytes, so that a compressor upgrade in a rolling deploy is no conflict.
async fn settle_conflict(job: &Job, key: &ObjectKey, ours: ContentDigest) -> Result<Stored, UploadError> {
    let (theirs, stored) = look_at(job, key).await?;
    if theirs == ours {
        metrics::counter!(PUT_CONFLICTS, "kind" => "equal_412").increment(1);
        return Ok(stored);
    }
    metrics::counter!(PUT_CONFLICTS, "kind" => "different_412").increment(1);
    Err(UploadError::Conflict { key: key.to_string(), ours: ours.to_string(), theirs: theirs.to_string() })
}

async fn look_at(job: &Job, key: &ObjectKey) -> Result<(ContentDigest, Stored), UploadError> {
    let info = job.dest.head(key).await?;
    if let Some(info) = info
        && let Some(sha256) = info.sha256
        && let Some(content) = info.metadata.get(CONTENT_FIELD).and_then(|text| text.parse().ok())
    {
        return Ok((content, Stored { bytes: info.bytes, sha256 }));
    }
    // The store has lost or never kept what was put with the object: the object itself must tell.
    let bytes = job.dest.get_small(key, STORED_SHARD_BYTES_MAX).await?.unwrap_or_default();
    let spec = job.recipe.spec();
    let (content, _) = content_digest_of(spec.format, spec.compression, &bytes)
        .map_err(|source| UploadError::Stored { key: key.to_string(), source })?;
    Ok((content, Stored { bytes: bytes.len() as u64, sha256: Sha256Digest::of(&bytes) }))
}

/// Puts a small object whose bytes are a function of its unit; what is there already must be the same bytes.
pub(crate) async fn put_same(
    dest: &dyn ObjectStore,
    key: ObjectKey,
    bytes: Vec<u8>,
) -> Result<Sha256Digest, UploadError> {
    let sha256 = Sha256Digest::of(&bytes);
    let len = bytes.len();
    let object = NewObject { key: key.clone(), bytes: bytes.into(), metadata: Metadata::new(), sha256 };
    if dest.put_new(object).await? == PutOutcome::Created {
        return Ok(sha256);
    }
    let theirs = match dest.get_small(&key, len).await {
        Ok(there) => Sha256Digest::of(&there.unwrap_or_default()).to_string(),
        Err(error) if error.fault == PortFault::TooLarge => "of something longer".to_owned(),
        Err(error) => return Err(error.into()),
    };
    let ours = sha256.to_string();
    match theirs == ours {
        true => Ok(sha256),
        false => Err(UploadError::Conflict { key: key.to_string(), ours, theirs }),
    }
}
