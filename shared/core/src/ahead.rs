//! Reads large objects in parts, a few at a time and ahead of whoever consumes them, under one memory budget.
//!
//! ```text
//!  part 0   part 1   part 2   (part 3 waits for memory)
//!    |         \        \
//!    v          v        v       fetched side by side, handed over in order
//!  consumer <- ready <- ready
//! ```
//! Each part is a range of the same version of the object, so an attempt that loses a connection asks again for one
//! part and never for the whole. Wrap it around a store that retries.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;

use crate::effort::carried;
use crate::key::ObjectKey;
use crate::limits::{PART_BYTES, PARTS_AHEAD, PARTS_HELD_MAX, READ_CHUNK_BYTES};
use crate::ports::{
    ByteStream, ETag, GetRequest, Listing, NewObject, ObjectInfo, ObjectStore, PortError, PortFault,
    PutOutcome,
};

/// Wraps an object store so that ranges longer than one part are read ahead.
///
/// A `get` needs a range and an `if_match` for that; any other goes through as it is.
#[derive(Debug)]
pub struct ReadAheadStore<S: ?Sized> {
    /// One permit a part that is fetched or waits to be consumed.
    parts: Arc<Semaphore>,
    inner: Arc<S>,
}

impl<S: ObjectStore + ?Sized> ReadAheadStore<S> {
    /// Wraps `inner`; everything read through what this returns shares [`PARTS_HELD_MAX`] parts of memory.
    pub fn new(inner: Arc<S>) -> Self {
        Self { parts: Arc::new(Semaphore::new(PARTS_HELD_MAX)), inner }
    }
}

#[async_trait]
impl<S: ObjectStore + ?Sized> ObjectStore for ReadAheadStore<S> {
    async fn get(&self, key: &ObjectKey, request: GetRequest) -> Result<ByteStream, PortError> {
        match (request.range.clone(), request.if_match.clone()) {
            (Some(range), Some(etag)) if range.end.saturating_sub(range.start) > PART_BYTES => {
                let fetch =
                    Fetch { inner: self.inner.clone(), parts: self.parts.clone(), key: key.clone(), etag };
                Ok(fetch.in_order(range))
            }
            _ => self.inner.get(key, request).await,
        }
    }

    async fn get_small(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, PortError> {
        self.inner.get_small(key, bytes_max).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, PortError> {
        self.inner.head(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, PortError> {
        self.inner.list(prefix, after).await
    }

    async fn put_new(&self, object: NewObject) -> Result<PutOutcome, PortError> {
        self.inner.put_new(object).await
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

struct Fetch<S: ?Sized> {
    inner: Arc<S>,
    parts: Arc<Semaphore>,
    key: ObjectKey,
    etag: ETag,
}

/// A fetched part and the right to the memory it takes.
type Part = (Bytes, OwnedSemaphorePermit);

impl<S: ObjectStore + ?Sized> Fetch<S> {
    #[expect(clippy::async_yields_async, reason = "beginning is awaited in order, the parts side by side")]
    fn in_order(self, range: Range<u64>) -> ByteStream {
        let fetch = Arc::new(self);
        let starts = (range.start..range.end).step_by(PART_BYTES as usize);
        let begun = stream::iter(starts).then(move |start| {
            let part = start..range.end.min(start + PART_BYTES);
            let fetch = fetch.clone();
            async move { fetch.begin(part).await }
        });
        begun.buffered(PARTS_AHEAD).map_ok(in_chunks).try_flatten().boxed()
    }

    /// Memory is taken part by part in the order of the object. So whoever holds any holds the part that it waits
    /// for, and readers who share the budget cannot wait for each other for ever.
    async fn begin(
        self: Arc<Self>,
        range: Range<u64>,
    ) -> impl Future<Output = Result<Part, PortError>> + Send {
        let permit = self.parts.clone().acquire_owned().await.expect("the budget is never closed");
        // A task of its own, so that the part comes in while its consumer is busy; it ends with the stream.
        let fetching = AbortOnDropHandle::new(tokio::spawn(carried(async move { self.part(range).await })));
        async move {
            Ok((fetching.await.expect("fetching neither panics nor is aborted before its stream")?, permit))
        }
    }

    async fn part(&self, range: Range<u64>) -> Result<Bytes, PortError> {
        let length = (range.end - range.start) as usize;
        let request = GetRequest { range: Some(range), if_match: Some(self.etag.clone()) };
        let mut stream = self.inner.get(&self.key, request).await?;
        let mut part = BytesMut::with_capacity(length);
        while let Some(chunk) = stream.try_next().await? {
            part.extend_from_slice(&chunk);
        }
        if part.len() != length {
            return Err(PortError::fatal("object_store.get", &self.key, PortFault::Changed));
        }
        Ok(part.freeze())
    }
}

/// The permit goes with the last chunk.
fn in_chunks((part, permit): Part) -> impl futures_util::Stream<Item = Result<Bytes, PortError>> + Send {
    stream::unfold((part, permit), |(mut rest, permit)| async move {
        if rest.is_empty() {
            return None;
        }
        let chunk = rest.split_to(rest.len().min(READ_CHUNK_BYTES));
        Some((Ok(chunk), (rest, permit)))
    })
}

#[cfg(test)]
mod tests;
