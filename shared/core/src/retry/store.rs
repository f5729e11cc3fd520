//! An object store whose passing failures are tried again, also in the middle of a stream.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::sync::Mutex;

use super::Retrier;
use crate::key::ObjectKey;
use crate::ports::{
    ByteStream, ETag, GetRequest, Listing, NewObject, ObjectInfo, ObjectStore, PortError, PortFault,
    PutOutcome,
};

/// Wraps an object store so that passing errors are tried again.
///
/// A `put_new` whose reply was lost ends as `AlreadyThere`: the caller compares, as it does for any such answer.
///
/// A stream that breaks goes on where it stopped, from the same version or not at all. For that the version must
/// be known before the first byte: a `get` without `if_match` costs one `head` more and is pinned to what that
/// `head` told. An object that is replaced just between the two ends in `Changed`.
#[derive(Debug)]
pub struct RetryingStore<S: ?Sized> {
    retrier: Arc<Retrier>,
    inner: Arc<S>,
}

impl<S: ObjectStore + ?Sized> RetryingStore<S> {
    /// Wraps `inner`.
    pub fn new(inner: Arc<S>, retrier: Arc<Retrier>) -> Self {
        Self { retrier, inner }
    }

    async fn known_etag(&self, key: &ObjectKey) -> Result<ETag, PortError> {
        match self.head(key).await? {
            Some(info) => Ok(info.etag),
            None => Err(PortError::fatal("object_store.get", key, PortFault::NotFound)),
        }
    }
}

#[async_trait]
impl<S: ObjectStore + ?Sized> ObjectStore for RetryingStore<S> {
    async fn get(&self, key: &ObjectKey, request: GetRequest) -> Result<ByteStream, PortError> {
        let etag = match request.if_match {
            Some(etag) => etag,
            None => self.known_etag(key).await?,
        };
        let pinned = GetRequest { range: request.range.clone(), if_match: Some(etag.clone()) };
        let open = self.retrier.run(|| self.inner.get(key, pinned.clone())).await?;
        let reading = Reading {
            inner: Arc::clone(&self.inner),
            key: key.clone(),
            etag,
            position: request.range.as_ref().map_or(0, |range| range.start),
            end: request.range.map(|range| range.end),
            open: Some(open),
        };
        Ok(reading.into_stream(Arc::clone(&self.retrier)))
    }

    async fn get_small(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, PortError> {
        self.retrier.run(|| self.inner.get_small(key, bytes_max)).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, PortError> {
        self.retrier.run(|| self.inner.head(key)).await
    }

    async fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, PortError> {
        self.retrier.run(|| self.inner.list(prefix, after)).await
    }

    async fn put_new(&self, object: NewObject) -> Result<PutOutcome, PortError> {
        self.retrier.run(|| self.inner.put_new(object.clone())).await
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

/// After a checksum that did not hold nobody knows which of the bytes handed over were wrong: whoever consumes them
/// must begin again.
fn may_go_on(error: &PortError) -> bool {
    error.fault != PortFault::Corrupted
}

/// How far one version of one object has been read.
struct Reading<S: ?Sized> {
    inner: Arc<S>,
    key: ObjectKey,
    etag: ETag,
    position: u64,
    // None while a whole object is read and has not broken yet.
    end: Option<u64>,
    // None after a break, until it is opened again.
    open: Option<ByteStream>,
}

impl<S: ObjectStore + ?Sized> Reading<S> {
    /// Each chunk has a whole policy of attempts to itself: what arrives is progress.
    fn into_stream(self, retrier: Arc<Retrier>) -> ByteStream {
        stream::try_unfold((Arc::new(Mutex::new(self)), retrier), |(reading, retrier)| async move {
            let chunk = retrier.resume(|| async { reading.lock().await.chunk().await }, may_go_on).await?;
            Ok(chunk.map(|bytes| (bytes, (reading, retrier))))
        })
        .boxed()
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, PortError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => match self.rest().await? {
                rest if rest.is_empty() => return Ok(None),
                rest => self.reopen(rest).await?,
            },
        };
        let Some(chunk) = open.next().await.transpose()? else {
            return Ok(None);
        };
        self.position += chunk.len() as u64;
        self.open = Some(open);
        Ok(Some(chunk))
    }

    async fn reopen(&mut self, rest: Range<u64>) -> Result<ByteStream, PortError> {
        let request = GetRequest { range: Some(rest), if_match: Some(self.etag.clone()) };
        self.inner.get(&self.key, request).await
    }

    /// What has not been read yet. Asks for the length once, should the object be read to its end.
    async fn rest(&mut self) -> Result<Range<u64>, PortError> {
        let end = match self.end {
            Some(end) => end,
            None => self.length().await?,
        };
        self.end = Some(end);
        Ok(self.position..end)
    }

    async fn length(&mut self) -> Result<u64, PortError> {
        let failed = |fault| PortError::fatal("object_store.get", &self.key, fault);
        match self.inner.head(&self.key).await? {
            Some(info) if info.etag == self.etag => Ok(info.bytes),
            Some(_) => Err(failed(PortFault::Changed)),
            None => Err(failed(PortFault::NotFound)),
        }
    }
}
