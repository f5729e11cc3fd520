//! What is asked no faster than allowed: an object store, by requests and by bytes that are put; a function, by runs; a
//! table that is touched, by what it costs.

mod function;
mod toucher;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::key::ObjectKey;
use crate::pace::Pacer;
use crate::ports::{
    ByteStream, GetRequest, Listing, NewObject, ObjectInfo, ObjectStore, PortError, PutOutcome,
};

pub use function::{InvokePace, PacedFunction};
pub use toucher::{PacedToucher, WritePace};

/// What bytes are counted in: finer steps than a request has bytes of headers would be for nothing.
const STEP_BYTES: f64 = 1024.0;

/// How fast the stores of one process may be asked, all together.
#[derive(Debug)]
pub struct StorePace {
    requests: Pacer,
    upload: Option<Pacer>,
}

impl StorePace {
    /// So many requests a second, and bytes that are put a second where they are limited.
    pub fn new(requests_per_second: f64, upload_bytes_per_second: Option<f64>) -> Self {
        let upload = upload_bytes_per_second.map(|bytes| Pacer::new(bytes / STEP_BYTES));
        Self { requests: Pacer::new(requests_per_second), upload }
    }

    async fn request(&self) {
        self.requests.pay(1.0).await;
    }

    async fn upload(&self, bytes: usize) {
        if let Some(upload) = &self.upload {
            upload.pay(bytes as f64 / STEP_BYTES).await;
        }
    }
}

/// Wraps a store so that every request waits for its turn. Goes inside of what tries again: each try is a request.
#[derive(Debug)]
pub struct PacedStore<S: ?Sized> {
    pace: Arc<StorePace>,
    inner: S,
}

impl<S: ObjectStore> PacedStore<S> {
    /// Wraps `inner`.
    pub fn new(inner: S, pace: Arc<StorePace>) -> Self {
        Self { pace, inner }
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for PacedStore<S> {
    async fn get(&self, key: &ObjectKey, request: GetRequest) -> Result<ByteStream, PortError> {
        self.pace.request().await;
        self.inner.get(key, request).await
    }

    async fn get_small(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, PortError> {
        self.pace.request().await;
        self.inner.get_small(key, bytes_max).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, PortError> {
        self.pace.request().await;
        self.inner.head(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, PortError> {
        self.pace.request().await;
        self.inner.list(prefix, after).await
    }

    async fn put_new(&self, object: NewObject) -> Result<PutOutcome, PortError> {
        self.pace.upload(object.bytes.len()).await;
        self.pace.request().await;
        self.inner.put_new(object).await
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::time::Instant;

    use super::*;
    use crate::digest::Sha256Digest;
    use crate::memory::MemoryStore;
    use crate::ports::Metadata;

    fn store(requests: f64, upload: Option<f64>) -> PacedStore<MemoryStore> {
        PacedStore::new(MemoryStore::new(), Arc::new(StorePace::new(requests, upload)))
    }

    fn object(number: usize, bytes: usize) -> NewObject {
        let bytes = Bytes::from(vec![0; bytes]);
        let key = ObjectKey::new(format!("object/{number}")).unwrap();
        NewObject { key, sha256: Sha256Digest::of(&bytes), bytes, metadata: Metadata::new() }
    }

    fn assert_about(took: Duration, seconds: f64) {
        assert!((took.as_secs_f64() / seconds - 1.0).abs() < 0.05, "{took:?}, not about {seconds} s");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_store_says_is_passed_on() {
        let store = store(50.0, None);
        let object = object(1, 3);
        let key = object.key.clone();
        assert_eq!(store.put_new(object).await.unwrap(), PutOutcome::Created);
        assert_eq!(store.get_small(&key, 10).await.unwrap().unwrap(), Bytes::from(vec![0; 3]));
        assert_eq!(store.head(&key).await.unwrap().unwrap().bytes, 3);
        assert_eq!(store.list("", None).await.unwrap().entries.len(), 1);
        assert_eq!(store.describe(), MemoryStore::new().describe());
    }

    #[tokio::test(start_paused = true)]
    async fn requests_of_all_callers_keep_the_pace() {
        let store = store(50.0, None);
        let began = Instant::now();
        join_all((0..500).map(|_| store.list("", None))).await;
        assert_about(began.elapsed(), 10.0);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_are_put_keep_the_pace() {
        let store = store(1e6, Some(1e6));
        let began = Instant::now();
        join_all((0..20).map(|number| store.put_new(object(number, 500_000)))).await;
        assert_about(began.elapsed(), 10.0);
    }
}
