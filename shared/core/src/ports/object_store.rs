//! Objects under one root: read, list, and write once. There is no overwrite and no delete.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::{PortError, PortFault};
use crate::digest::Sha256Digest;
use crate::key::ObjectKey;
use crate::limits::METADATA_BYTES_MAX;

/// The bytes of an object, in chunks of the store's choosing. A stream that ends early without an error is a
/// broken contract: a store compares lengths and yields an error.
pub type ByteStream = BoxStream<'static, Result<Bytes, PortError>>;

/// A few short texts stored with an object, ASCII, names in lower case, at most 2 KB in all (S3's own limit).
pub type Metadata = BTreeMap<String, String>;

/// Names one version of an object's bytes, as the store says it; compared, never interpreted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ETag(pub String);

impl fmt::Debug for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What part of which version to read.
#[derive(Debug, Clone, Default)]
pub struct GetRequest {
    /// Bytes `start..end` of the object; all of it when `None`. A range must lie inside the object.
    pub range: Option<Range<u64>>,
    /// Fails with `Changed` when the object is another version by now.
    pub if_match: Option<ETag>,
}

/// What `head` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Length in bytes.
    pub bytes: u64,
    /// Its version.
    pub etag: ETag,
    /// The SHA-256 it was put with, where the store keeps it or can tell.
    pub sha256: Option<Sha256Digest>,
    /// What was put with it.
    pub metadata: Metadata,
}

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingEntry {
    /// The object's key.
    pub key: ObjectKey,
    /// Length in bytes.
    pub bytes: u64,
    /// Its version.
    pub etag: ETag,
    /// When it came to be, by the store's clock. For people; decides nothing.
    pub modified: SystemTime,
}

/// One page of a listing in ascending byte order of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// At most [`crate::limits::LIST_PAGE_MAX`] entries.
    pub entries: Vec<ListingEntry>,
    /// Whether there are keys behind the last entry.
    pub more: bool,
}

/// An object to be written once.
#[derive(Debug, Clone)]
pub struct NewObject {
    /// Where.
    pub key: ObjectKey,
    /// What.
    pub bytes: Bytes,
    /// What to keep with it.
    pub metadata: Metadata,
    /// Of `bytes`; the store refuses to store anything else under it.
    pub sha256: Sha256Digest,
}

impl GetRequest {
    /// The bytes asked for of an object of `bytes` bytes. `Invalid` when they do not all lie inside it.
    pub fn range_within(&self, key: &ObjectKey, bytes: u64) -> Result<Range<u64>, PortError> {
        match &self.range {
            None => Ok(0..bytes),
            Some(range) if range.start < range.end && range.end <= bytes => Ok(range.clone()),
            Some(range) => Err(PortError::fatal("object_store.get", key, PortFault::Invalid)
                .because(format!("the range {range:?} is empty or not within {bytes} bytes"))),
        }
    }
}

impl NewObject {
    /// Refuses what no store takes: metadata beyond S3's rules (`Invalid`), or bytes that are not those of
    /// `sha256` (`Corrupted`).
    pub fn check(&self) -> Result<(), PortError> {
        let refused = |fault| PortError::fatal("object_store.put_new", &self.key, fault);
        if let Some(why) = metadata_fault(&self.metadata) {
            return Err(refused(PortFault::Invalid).because(why));
        }
        if Sha256Digest::of(&self.bytes) != self.sha256 {
            return Err(refused(PortFault::Corrupted).because("the bytes are not those of the given SHA-256"));
        }
        Ok(())
    }
}

fn metadata_fault(metadata: &Metadata) -> Option<&'static str> {
    let bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > METADATA_BYTES_MAX {
        return Some("the metadata is larger than 2 KB");
    }
    let name_byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if !metadata.keys().all(|name| !name.is_empty() && name.bytes().all(name_byte)) {
        return Some("a metadata name has something else than lower-case letters, digits, `-`, `_` and `.`");
    }
    let value_byte = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    (!metadata.values().all(|value| value.bytes().all(value_byte)))
        .then_some("a metadata value is not printable ASCII")
}

/// How a `put_new` ended. Losing the race is no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// The object is there now, and it is ours.
    Created,
    /// Something is there already and was not touched: compare before believing it is the same.
    AlreadyThere,
}

/// Objects under one root.
#[async_trait]
pub trait ObjectStore: Send + Sync + 'static {
    /// Streams an object. `NotFound` when it is not there, `Changed` when `if_match` does not hold.
    async fn get(&self, key: &ObjectKey, request: GetRequest) -> Result<ByteStream, PortError>;

    /// A whole object of at most `bytes_max`, or `None` when it is not there; `TooLarge` beyond that.
    async fn get_small(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, PortError>;

    /// An object's size, version and metadata, or `None` when it is not there.
    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, PortError>;

    /// The page of keys that begin with `prefix` (any text, not only whole segments) and stand behind `after`.
    async fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, PortError>;

    /// Writes an object if and only if nothing is there. What becomes visible is whole. With an error of
    /// `Effect::Unknown` it may be there all the same: the same call again tells.
    async fn put_new(&self, object: NewObject) -> Result<PutOutcome, PortError>;

    /// Where this store's root is, for people, with no slash at its end.
    fn describe(&self) -> String;
}

/// The one kind of object that is not written once. Only the operator's side holds this.
#[async_trait]
pub trait ControlStore: Send + Sync + 'static {
    /// Writes an object in place of what is there. Readers see the one or the other, whole.
    async fn replace(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), PortError>;
}
