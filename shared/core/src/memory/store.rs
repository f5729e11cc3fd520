//! Objects in a map.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use crate::digest::Sha256Digest;
use crate::key::ObjectKey;
use crate::limits::{LIST_PAGE_MAX, READ_CHUNK_BYTES};
use crate::ports::{
    ByteStream, ControlStore, ETag, GetRequest, Listing, ListingEntry, Metadata, NewObject, ObjectInfo,
    ObjectStore, PortError, PortFault, PutOutcome,
};

/// An object store that lives as long as it is held.
#[derive(Debug)]
pub struct MemoryStore {
    objects: Mutex<BTreeMap<String, Stored>>,
    /// Names every version once.
    versions: AtomicU64,
    born: Instant,
}

#[derive(Debug, Clone)]
struct Stored {
    key: ObjectKey,
    bytes: Bytes,
    etag: ETag,
    sha256: Sha256Digest,
    metadata: Metadata,
    put_at: Duration,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self { objects: Mutex::default(), versions: AtomicU64::new(0), born: Instant::now() }
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Stored>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn version(&self, object: NewObject) -> Stored {
        let etag = ETag(self.versions.fetch_add(1, Ordering::Relaxed).to_string());
        let NewObject { key, bytes, metadata, sha256 } = object;
        Stored { key, bytes, etag, sha256, metadata, put_at: self.born.elapsed() }
    }

    /// What nobody may do to an object: puts it in place of what is there.
    #[cfg(feature = "mutants")]
    pub fn overwrite(&self, object: NewObject) {
        let stored = self.version(object);
        self.objects().insert(stored.key.to_string(), stored);
    }

    /// What nobody may do to an object: takes it away.
    #[cfg(feature = "mutants")]
    pub fn remove(&self, key: &ObjectKey) {
        self.objects().remove(key.as_str());
    }

    /// The bytes of an object, at once.
    #[cfg(feature = "mutants")]
    pub fn bytes_of(&self, key: &ObjectKey) -> Option<Bytes> {
        self.stored(key).map(|stored| stored.bytes)
    }

    /// Everything, by key.
    #[cfg(feature = "mutants")]
    pub fn everything(&self) -> BTreeMap<String, (Bytes, Metadata)> {
        let objects = self.objects();
        let of = |(key, stored): (&String, &Stored)| {
            (key.clone(), (stored.bytes.clone(), stored.metadata.clone()))
        };
        objects.iter().map(of).collect()
    }

    fn stored(&self, key: &ObjectKey) -> Option<Stored> {
        self.objects().get(key.as_str()).cloned()
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn get(&self, key: &ObjectKey, request: GetRequest) -> Result<ByteStream, PortError> {
        let failed = |fault| PortError::fatal("object_store.get", key, fault);
        let stored = self.stored(key).ok_or_else(|| failed(PortFault::NotFound))?;
        if request.if_match.as_ref().is_some_and(|etag| *etag != stored.etag) {
            return Err(failed(PortFault::Changed));
        }
        let range = request.range_within(key, stored.bytes.len() as u64)?;
        let part = stored.bytes.slice(range.start as usize..range.end as usize);
        Ok(stream::iter(chunks(part).map(Ok)).boxed())
    }

    async fn get_small(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, PortError> {
        match self.stored(key) {
            Some(stored) if stored.bytes.len() > bytes_max => {
                Err(PortError::fatal("object_store.get_small", key, PortFault::TooLarge))
            }
            stored => Ok(stored.map(|stored| stored.bytes)),
        }
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, PortError> {
        Ok(self.stored(key).map(|stored| ObjectInfo {
            bytes: stored.bytes.len() as u64,
            etag: stored.etag,
            sha256: Some(stored.sha256),
            metadata: stored.metadata,
        }))
    }

    async fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, PortError> {
        let objects = self.objects();
        let from = match after.map(ObjectKey::as_str) {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut found = objects
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(_, stored)| entry(stored));
        let entries = found.by_ref().take(LIST_PAGE_MAX).collect();
        Ok(Listing { entries, more: found.next().is_some() })
    }

    async fn put_new(&self, object: NewObject) -> Result<PutOutcome, PortError> {
        object.check()?;
        let mut objects = self.objects();
        if objects.contains_key(object.key.as_str()) {
            return Ok(PutOutcome::AlreadyThere);
        }
        objects.insert(object.key.to_string(), self.version(object));
        Ok(PutOutcome::Created)
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}

#[async_trait]
impl ControlStore for MemoryStore {
    async fn replace(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), PortError> {
        let sha256 = Sha256Digest::of(&bytes);
        let stored = self.version(NewObject { key: key.clone(), bytes, metadata: Metadata::new(), sha256 });
        self.objects().insert(key.to_string(), stored);
        Ok(())
    }
}

fn entry(stored: &Stored) -> ListingEntry {
    // Its clock begins with the store: a simulated one has no other.
    let modified = UNIX_EPOCH + stored.put_at;
    ListingEntry {
        key: stored.key.clone(),
        bytes: stored.bytes.len() as u64,
        etag: stored.etag.clone(),
        modified,
    }
}

fn chunks(mut rest: Bytes) -> impl Iterator<Item = Bytes> + Send {
    std::iter::from_fn(move || {
        let chunk = rest.split_to(rest.len().min(READ_CHUNK_BYTES));
        (!chunk.is_empty()).then_some(chunk)
    })
}
