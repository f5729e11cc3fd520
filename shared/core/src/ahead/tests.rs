use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::*;
use crate::digest::Sha256Digest;
use crate::limits::PARTS_HELD_MAX;
use crate::memory::MemoryStore;
use crate::ports::Metadata;

/// A store that takes a second for every get and counts how many are under way.
struct Slow {
    inner: MemoryStore,
    now: Arc<AtomicUsize>,
    most: AtomicUsize,
    gets: AtomicUsize,
}

#[async_trait]
impl ObjectStore for Slow {
    async fn get(&self, key: &ObjectKey, request: GetRequest) -> Result<ByteStream, PortError> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        sleep(Duration::from_secs(1)).await;
        self.now.fetch_sub(1, Ordering::Relaxed);
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
        self.inner.put_new(object).await
    }
    fn describe(&self) -> String {
        self.inner.describe()
    }
}

struct Rig {
    slow: Arc<Slow>,
    ahead: ReadAheadStore<Slow>,
    key: ObjectKey,
    bytes: Bytes,
    etag: ETag,
}

impl Rig {
    async fn of(length: u64) -> Self {
        let bytes: Bytes = (0..length).map(|at| (at * 31 % 251) as u8).collect::<Vec<_>>().into();
        let key = ObjectKey::new("data/large").unwrap();
        let inner = MemoryStore::new();
        let sha256 = Sha256Digest::of(&bytes);
        let object = NewObject { key: key.clone(), bytes: bytes.clone(), metadata: Metadata::new(), sha256 };
        inner.put_new(object).await.unwrap();
        let etag = inner.head(&key).await.unwrap().unwrap().etag;
        let slow = Arc::new(Slow {
            inner,
            now: Arc::default(),
            most: AtomicUsize::default(),
            gets: AtomicUsize::default(),
        });
        Self { ahead: ReadAheadStore::new(slow.clone()), slow, key, bytes, etag }
    }

    async fn read(&self, range: Range<u64>) -> Vec<u8> {
        let request = GetRequest { range: Some(range), if_match: Some(self.etag.clone()) };
        let chunks: Vec<Bytes> =
            self.ahead.get(&self.key, request).await.unwrap().try_collect().await.unwrap();
        chunks.concat()
    }
}

#[tokio::test(start_paused = true)]
async fn parts_come_in_order_and_add_up_to_the_range() {
    let rig = Rig::of(PART_BYTES * 5 + 17).await;
    let whole = rig.bytes.len() as u64;
    for range in [0..whole, 1..whole, 0..PART_BYTES * 2, PART_BYTES - 1..PART_BYTES * 3 + 1, 5..6] {
        let expected = &rig.bytes[range.start as usize..range.end as usize];
        assert!(rig.read(range.clone()).await == expected, "{range:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn parts_are_fetched_side_by_side_but_no_more_than_allowed() {
    let rig = Rig::of(PART_BYTES * (PARTS_AHEAD as u64) * 2).await;
    let began = Instant::now();
    rig.read(0..rig.bytes.len() as u64).await;
    assert!(began.elapsed() <= Duration::from_secs(PARTS_AHEAD as u64), "{:?}", began.elapsed());
    assert_eq!(rig.slow.most.load(Ordering::Relaxed), PARTS_AHEAD);
}

#[tokio::test(start_paused = true)]
async fn many_readers_share_one_budget_and_all_come_to_an_end() {
    let rig = Arc::new(Rig::of(PART_BYTES * 4).await);
    let readers = (0..PARTS_HELD_MAX * 3).map(|_| {
        let rig = rig.clone();
        tokio::spawn(async move { rig.read(0..rig.bytes.len() as u64).await == rig.bytes })
    });
    for reader in readers.collect::<Vec<_>>() {
        assert!(reader.await.unwrap());
    }
    assert!(rig.slow.most.load(Ordering::Relaxed) <= PARTS_HELD_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_goes_away_gives_its_memory_back() {
    let rig = Rig::of(PART_BYTES * 4).await;
    for _ in 0..PARTS_HELD_MAX * 2 {
        let request = GetRequest { range: Some(0..rig.bytes.len() as u64), if_match: Some(rig.etag.clone()) };
        let mut stream = rig.ahead.get(&rig.key, request).await.unwrap();
        stream.try_next().await.unwrap();
    }
    assert!(rig.read(0..rig.bytes.len() as u64).await == rig.bytes);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_gone_is_an_error_and_not_a_mixture() {
    let rig = Rig::of(PART_BYTES * 2).await;
    let request = GetRequest { range: Some(0..PART_BYTES * 2), if_match: Some(ETag("another".into())) };
    let read: Result<Vec<Bytes>, PortError> =
        rig.ahead.get(&rig.key, request).await.unwrap().try_collect().await;
    assert_eq!(read.unwrap_err().fault, PortFault::Changed);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_than_a_part_is_one_request() {
    let rig = Rig::of(PART_BYTES).await;
    rig.read(0..PART_BYTES).await;
    assert_eq!(rig.slow.gets.load(Ordering::Relaxed), 1);
}
