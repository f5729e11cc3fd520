//! A worker that stops for good in the middle of what it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use backfleet_core::key::ObjectKey;
use backfleet_core::memory::{MemoryStore, MemoryTable};
use backfleet_core::ports::{
    ByteStream, Function, GetRequest, Listing, NewObject, ObjectInfo, ObjectStore, PortError, PutOutcome,
    Reply, TouchAnswer, TouchRequest, Toucher,
};
use bytes::Bytes;

/// Where a worker stops for good: at its nth effect, before it happens or when it has happened.
pub struct Crash {
    at: u32,
    happened: bool,
    effects: AtomicU32,
}

impl Crash {
    /// At effect `at`, from 0; when it has `happened` or before.
    pub fn new(at: u32, happened: bool) -> Arc<Self> {
        Arc::new(Self { at, happened, effects: AtomicU32::new(0) })
    }

    async fn around<T>(&self, effect: impl Future<Output = T>) -> T {
        let here = self.effects.fetch_add(1, Ordering::Relaxed) == self.at;
        if here && !self.happened {
            return std::future::pending().await;
        }
        let outcome = effect.await;
        if here {
            return std::future::pending().await;
        }
        outcome
    }
}

/// A port of a worker that stops.
pub struct Crashing<P: ?Sized> {
    pub inner: Arc<P>,
    pub crash: Arc<Crash>,
}

#[async_trait]
impl Function for Crashing<dyn Function> {
    async fn invoke(&self, payload: Bytes) -> Result<Reply, PortError> {
        self.crash.around(self.inner.invoke(payload)).await
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

#[async_trait]
impl ObjectStore for Crashing<MemoryStore> {
    async fn get(&self, key: &ObjectKey, request: GetRequest) -> Result<ByteStream, PortError> {
        self.inner.get(key, request).await
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
        self.crash.around(self.inner.put_new(object)).await
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

#[async_trait]
impl Toucher for Crashing<MemoryTable> {
    async fn arn(&self) -> Result<String, PortError> {
        self.inner.arn().await
    }

    async fn touch(&self, request: &TouchRequest<'_>) -> Result<TouchAnswer, PortError> {
        self.crash.around(self.inner.touch(request)).await
    }

    fn describe(&self) -> String {
        Toucher::describe(&*self.inner)
    }
}
