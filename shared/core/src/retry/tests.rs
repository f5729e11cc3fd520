//! Retrying under a paused clock, against ports that fail as they are told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::Instant;

use super::*;
use crate::digest::Sha256Digest;
use crate::key::ObjectKey;
use crate::limits::READ_CHUNK_BYTES;
use crate::memory::{MemoryFunction, MemoryQueue, MemoryQueueConfig, MemoryStore, MemoryTable};
use crate::plan::{Expressions, ScanSource};
use crate::ports::{
    ByteStream, ControlStore as _, Depth, ETag, Effect, Function, GetRequest, Held, Hold, Listing, NewObject,
    ObjectInfo, ObjectStore, PageRequest, PutOutcome, Queue, ReadCapacity, Reply, ScanPage, SendFailure,
    TableFacts, TableScanner, TouchAnswer, TouchChange, TouchRequest, Touched, Toucher,
};

const FIRST: Duration = Duration::from_millis(100);

fn policy(attempts: u32) -> RetryPolicy {
    RetryPolicy { first: FIRST, max: Duration::from_secs(5), attempts, budget: None }
}

fn retrier(attempts: u32) -> Arc<Retrier> {
    Arc::new(Retrier::new(policy(attempts), 7))
}

fn passing() -> PortError {
    PortError::passing("test.call", "x", PortFault::Unavailable, Effect::None)
}

/// Calls with a script of failures, then succeeds. Tells the result and the moment of each call.
async fn run(retrier: &Retrier, script: Vec<PortError>) -> (Result<(), PortError>, Vec<Duration>) {
    let begun = Instant::now();
    let script = Mutex::new(VecDeque::from(script));
    let calls = Mutex::new(Vec::new());
    let result = retrier
        .run(|| async {
            calls.lock().unwrap().push(begun.elapsed());
            script.lock().unwrap().pop_front().map_or(Ok(()), Err)
        })
        .await;
    (result, calls.into_inner().unwrap())
}

fn times(count: usize, error: impl Fn() -> PortError) -> Vec<PortError> {
    (0..count).map(|_| error()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_passing_error_is_tried_again_until_it_passes() {
    let (result, calls) = run(&retrier(10), times(3, passing)).await;
    assert!(result.is_ok());
    assert_eq!(calls.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_last_error_comes_back_when_the_attempts_are_spent() {
    let (result, calls) = run(&retrier(4), times(9, passing)).await;
    assert_eq!(result.expect_err("spent").fault, PortFault::Unavailable);
    assert_eq!(calls.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_will_fail_the_same_way_is_not_tried_again() {
    let fatal = PortError::fatal("test.call", "x", PortFault::Denied);
    let (result, calls) = run(&retrier(10), vec![fatal]).await;
    assert_eq!(result.expect_err("denied").fault, PortFault::Denied);
    assert_eq!(calls.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn waits_are_spread_below_a_ceiling_that_doubles_up_to_its_own() {
    let mut smallest_share: f64 = 1.0;
    let mut largest_share: f64 = 0.0;
    for seed in 0..50 {
        let (_, calls) = run(&Retrier::new(policy(10), seed), times(9, passing)).await;
        for (retry, pair) in calls.windows(2).enumerate() {
            let ceiling = (FIRST * 2_u32.pow(retry as u32)).min(Duration::from_secs(5));
            let wait = pair[1] - pair[0];
            // tokio's timer rounds up to milliseconds.
            assert!(wait <= ceiling + Duration::from_millis(2), "retry {retry}: {wait:?} > {ceiling:?}");
            let share = wait.as_secs_f64() / ceiling.as_secs_f64();
            (smallest_share, largest_share) = (smallest_share.min(share), largest_share.max(share));
        }
    }
    assert!(smallest_share < 0.05 && largest_share > 0.95, "{smallest_share} to {largest_share}");
}

#[tokio::test(start_paused = true)]
async fn one_seed_is_one_sequence_of_waits() {
    let (_, calls) = run(&Retrier::new(policy(10), 42), times(9, passing)).await;
    let (_, again) = run(&Retrier::new(policy(10), 42), times(9, passing)).await;
    let (_, other) = run(&Retrier::new(policy(10), 43), times(9, passing)).await;
    assert_eq!(calls, again);
    assert_ne!(calls, other);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_names_a_wait_gets_it() {
    let asked = Duration::from_secs(3);
    let throttled = || PortError { retry: Retry::After(asked), fault: PortFault::Throttled, ..passing() };
    let (result, calls) = run(&retrier(10), times(2, throttled)).await;
    assert!(result.is_ok());
    for pair in calls.windows(2) {
        let wait = pair[1] - pair[0];
        assert!(wait >= asked && wait <= asked + FIRST * 2, "{wait:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_names_too_long_a_wait_is_left_to_the_caller() {
    let asks = |seconds| PortError { retry: Retry::After(Duration::from_secs(seconds)), ..passing() };
    let (result, calls) = run(&retrier(10), vec![asks(6)]).await;
    assert!(result.is_err());
    assert_eq!(calls.len(), 1);
    let (result, calls) = run(&retrier(10), vec![asks(5)]).await;
    assert!(result.is_ok(), "as long as the longest of our own is not too long");
    assert_eq!(calls.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn under_a_lasting_failure_retries_add_a_fifth_beyond_what_was_saved() {
    let budget = Arc::new(RetryBudget::new(20.0, 0.0));
    let retrier = Retrier::new(RetryPolicy { budget: Some(budget), ..policy(10) }, 7);
    let mut calls = 0;
    for _ in 0..500 {
        let (result, tried) = run(&retrier, times(10, passing)).await;
        assert!(result.is_err());
        calls += tried.len();
    }
    let retries = calls - 500;
    assert!((100..=120).contains(&retries), "{retries} retries of 500 calls");
}

#[tokio::test(start_paused = true)]
async fn time_alone_fills_the_budget_again() {
    let budget = Arc::new(RetryBudget::new(3.0, 0.5));
    let retrier = Retrier::new(RetryPolicy { budget: Some(budget), ..policy(10) }, 7);
    let _ = run(&retrier, times(10, passing)).await;
    assert_eq!(run(&retrier, times(1, passing)).await.1.len(), 1, "nothing left");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (result, calls) = run(&retrier, times(1, passing)).await;
    assert!(result.is_ok());
    assert_eq!(calls.len(), 2);
}

#[test]
fn every_fault_has_a_name_of_its_own_among_the_metrics() {
    use PortFault::*;
    let faults = [
        NotFound,
        Changed,
        Denied,
        LeaseGone,
        TooLarge,
        Invalid,
        Corrupted,
        Throttled,
        Unavailable,
        Exhausted,
    ];
    for fault in faults {
        let words: String = class(fault).split('_').collect();
        assert_eq!(words, format!("{fault:?}").to_lowercase());
    }
}

/// An object store with a script: how each call fails before it reaches the store behind it, and after how many
/// bytes each stream breaks.
#[derive(Default)]
struct FaultyStore {
    memory: MemoryStore,
    breaks_after: Mutex<VecDeque<u64>>,
    /// What a stream breaks by, if not by the way to it.
    breaks_by: Option<PortFault>,
    lost_replies: AtomicUsize,
    refused: AtomicUsize,
    gets: Mutex<Vec<GetRequest>>,
    calls: AtomicUsize,
    swapped: Mutex<Option<ETag>>,
}

impl FaultyStore {
    fn may_refuse(&self) -> Result<(), PortError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if take_one(&self.refused) { Err(passing()) } else { Ok(()) }
    }
}

fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn get(&self, key: &ObjectKey, request: GetRequest) -> Result<ByteStream, PortError> {
        self.may_refuse()?;
        self.gets.lock().unwrap().push(request.clone());
        if self.swapped.lock().unwrap().is_some() && self.gets.lock().unwrap().len() > 1 {
            return Err(PortError::fatal("object_store.get", key, PortFault::Changed));
        }
        let whole = self.memory.get(key, request).await?;
        let Some(mut left) = self.breaks_after.lock().unwrap().pop_front() else {
            return Ok(whole);
        };
        let fault = self.breaks_by.unwrap_or(PortFault::Unavailable);
        let cut = whole.flat_map(move |chunk| {
            let chunk = chunk.unwrap();
            let kept = (chunk.len() as u64).min(left) as usize;
            left -= kept as u64;
            // Also behind the very last byte.
            let broken = left == 0;
            let mut parts = vec![Ok(chunk.slice(..kept))];
            parts.extend(broken.then(|| Err(PortError { fault, ..passing() })));
            stream::iter(parts)
        });
        Ok(cut.boxed())
    }

    async fn get_small(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, PortError> {
        self.may_refuse()?;
        self.memory.get_small(key, bytes_max).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, PortError> {
        self.may_refuse()?;
        self.memory.head(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, PortError> {
        self.may_refuse()?;
        self.memory.list(prefix, after).await
    }

    async fn put_new(&self, object: NewObject) -> Result<PutOutcome, PortError> {
        self.may_refuse()?;
        let outcome = self.memory.put_new(object).await?;
        if take_one(&self.lost_replies) {
            return Err(PortError { effect: Effect::Unknown, ..passing() });
        }
        Ok(outcome)
    }

    fn describe(&self) -> String {
        "faulty".to_owned()
    }
}

fn big_object() -> NewObject {
    let bytes: Bytes = (0..READ_CHUNK_BYTES * 3 + 1000).map(|at| (at % 251) as u8).collect();
    let sha256 = Sha256Digest::of(&bytes);
    NewObject { key: ObjectKey::new("big").unwrap(), bytes, metadata: Default::default(), sha256 }
}

async fn read(store: &RetryingStore<FaultyStore>, request: GetRequest) -> Result<Vec<u8>, PortError> {
    let chunks: Vec<Bytes> = store.get(&big_object().key, request).await?.try_collect().await?;
    Ok(chunks.concat())
}

#[tokio::test(start_paused = true)]
async fn every_call_of_a_store_is_tried_again() {
    let faulty = Arc::new(FaultyStore::default());
    let store = RetryingStore::new(Arc::clone(&faulty), retrier(10));
    let object = big_object();
    let fail_twice = || {
        faulty.refused.store(2, Ordering::Relaxed);
        faulty.calls.store(0, Ordering::Relaxed);
    };
    fail_twice();
    assert_eq!(store.put_new(object.clone()).await.unwrap(), PutOutcome::Created);
    assert_eq!(faulty.calls.load(Ordering::Relaxed), 3);
    fail_twice();
    let etag = store.head(&object.key).await.unwrap().unwrap().etag;
    assert_eq!(faulty.calls.load(Ordering::Relaxed), 3);
    fail_twice();
    assert_eq!(store.list("", None).await.unwrap().entries.len(), 1);
    assert_eq!(faulty.calls.load(Ordering::Relaxed), 3);
    fail_twice();
    assert!(store.get_small(&object.key, usize::MAX).await.unwrap().is_some());
    assert_eq!(faulty.calls.load(Ordering::Relaxed), 3);
    fail_twice();
    assert!(store.get(&object.key, GetRequest { range: None, if_match: Some(etag) }).await.is_ok());
    assert_eq!(faulty.calls.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn a_put_whose_reply_was_lost_is_already_there() {
    let faulty = Arc::new(FaultyStore::default());
    faulty.lost_replies.store(1, Ordering::Relaxed);
    let store = RetryingStore::new(Arc::clone(&faulty), retrier(10));
    assert_eq!(store.put_new(big_object()).await.unwrap(), PutOutcome::AlreadyThere);
    assert_eq!(faulty.calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_anywhere_goes_on_with_identical_bytes() {
    let object = big_object();
    let length = object.bytes.len() as u64;
    let chunk = READ_CHUNK_BYTES as u64;
    for breaks in
        [vec![0], vec![1], vec![chunk], vec![chunk + 5, 7, 0, 0, chunk], vec![length - 1], vec![length]]
    {
        for range in [None, Some(10..length - 10), Some(chunk - 1..chunk + 1)] {
            for pinned in [true, false] {
                let faulty = Arc::new(FaultyStore::default());
                faulty.memory.put_new(object.clone()).await.unwrap();
                let etag = faulty.memory.head(&object.key).await.unwrap().unwrap().etag;
                *faulty.breaks_after.lock().unwrap() = breaks.clone().into();
                let store = RetryingStore::new(Arc::clone(&faulty), retrier(10));
                let request = GetRequest { range: range.clone(), if_match: pinned.then_some(etag.clone()) };
                let bytes = read(&store, request).await.unwrap();
                let wanted = range.clone().unwrap_or(0..length);
                assert!(
                    bytes == object.bytes[wanted.start as usize..wanted.end as usize],
                    "{breaks:?} {range:?}"
                );
                let asked_for_one_version =
                    faulty.gets.lock().unwrap().iter().all(|get| get.if_match == Some(etag.clone()));
                assert!(asked_for_one_version);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_another_version_does_not_go_on() {
    let faulty = Arc::new(FaultyStore::default());
    faulty.memory.put_new(big_object()).await.unwrap();
    *faulty.swapped.lock().unwrap() = Some(ETag("other".to_owned()));
    faulty.breaks_after.lock().unwrap().push_back(10);
    let store = RetryingStore::new(faulty, retrier(10));
    assert_eq!(read(&store, GetRequest::default()).await.expect_err("swapped").fault, PortFault::Changed);
}

/// A stream of the big object that has given ten bytes, and breaks there.
async fn broken_behind_ten(attempts: u32) -> (Arc<FaultyStore>, ByteStream) {
    let faulty = Arc::new(FaultyStore::default());
    faulty.memory.put_new(big_object()).await.unwrap();
    faulty.breaks_after.lock().unwrap().push_back(10);
    let store = RetryingStore::new(Arc::clone(&faulty), retrier(attempts));
    let mut stream = store.get(&big_object().key, GetRequest::default()).await.unwrap();
    assert_eq!(stream.try_next().await.unwrap().unwrap().len(), 10);
    (faulty, stream)
}

#[tokio::test(start_paused = true)]
async fn an_object_that_became_as_short_as_what_was_read_of_it_is_not_at_its_end() {
    let (faulty, mut stream) = broken_behind_ten(10).await;
    faulty.memory.replace(&big_object().key, Bytes::from_static(&[0; 10])).await.unwrap();
    assert_eq!(stream.try_next().await.expect_err("swapped").fault, PortFault::Changed);
}

#[tokio::test(start_paused = true)]
async fn behind_bytes_whose_checksum_did_not_hold_a_stream_does_not_go_on() {
    let faulty = FaultyStore { breaks_by: Some(PortFault::Corrupted), ..FaultyStore::default() };
    faulty.memory.put_new(big_object()).await.unwrap();
    faulty.breaks_after.lock().unwrap().push_back(10);
    let store = RetryingStore::new(Arc::new(faulty), retrier(10));
    assert_eq!(
        read(&store, GetRequest::default()).await.expect_err("which were wrong?").fault,
        PortFault::Corrupted
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_makes_no_progress_ends_in_its_error() {
    let (faulty, mut stream) = broken_behind_ten(4).await;
    faulty.calls.store(0, Ordering::Relaxed);
    faulty.refused.store(99, Ordering::Relaxed);
    assert_eq!(stream.try_next().await.expect_err("no progress").fault, PortFault::Unavailable);
    // The break itself was the first attempt.
    assert_eq!(faulty.calls.load(Ordering::Relaxed), 3);
}

/// A queue whose every call fails as scripted, after having happened or not.
struct FaultyQueue {
    memory: MemoryQueue,
    script: Mutex<VecDeque<Fault>>,
    sent: Mutex<Vec<Vec<String>>>,
}

enum Fault {
    /// Nothing happens.
    Refused,
    /// It happens, and nobody hears of it.
    LostReply,
    /// Of a batch, these entries fail, to be tried again or not.
    Entries(Vec<(usize, Retry)>),
}

impl FaultyQueue {
    fn new(script: Vec<Fault>) -> Arc<Self> {
        let memory = MemoryQueue::new(MemoryQueueConfig::default());
        Arc::new(Self { memory, script: Mutex::new(script.into()), sent: Mutex::default() })
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T, PortError>> + Send) -> Result<T, PortError> {
        let fault = self.script.lock().unwrap().pop_front();
        match fault {
            Some(Fault::Refused) => Err(passing()),
            Some(Fault::LostReply) => {
                call.await?;
                Err(PortError { effect: Effect::Unknown, ..passing() })
            }
            _ => call.await,
        }
    }
}

#[async_trait]
impl Queue for FaultyQueue {
    fn window(&self) -> Duration {
        Duration::from_secs(120)
    }

    async fn send(&self, bodies: &[String]) -> Result<Vec<SendFailure>, PortError> {
        self.sent.lock().unwrap().push(bodies.to_vec());
        let of_entries = |fault: &mut Fault| matches!(fault, Fault::Entries(_));
        let next = self.script.lock().unwrap().pop_front_if(of_entries);
        let Some(Fault::Entries(entries)) = next else {
            return self.call(self.memory.send(bodies)).await;
        };
        let failure = |(index, retry)| SendFailure { index, error: PortError { retry, ..passing() } };
        Ok(entries.into_iter().map(failure).collect())
    }

    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Held>, PortError> {
        self.call(self.memory.receive(max, wait)).await
    }

    async fn extend(&self, hold: &Hold, window: Duration) -> Result<(), PortError> {
        self.call(self.memory.extend(hold, window)).await
    }

    async fn release(&self, hold: &Hold, delay: Duration) -> Result<(), PortError> {
        self.call(self.memory.release(hold, delay)).await
    }

    async fn ack(&self, hold: &Hold) -> Result<(), PortError> {
        self.call(self.memory.ack(hold)).await
    }

    async fn dead_letter(&self, held: &Held, reason: &str) -> Result<(), PortError> {
        self.call(self.memory.dead_letter(held, reason)).await
    }

    async fn depth(&self) -> Result<Depth, PortError> {
        self.call(self.memory.depth()).await
    }
}

fn bodies(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn of_a_batch_only_what_failed_is_sent_again() {
    let script = vec![
        Fault::Entries(vec![(1, Retry::Backoff), (2, Retry::Never), (3, Retry::Backoff)]),
        Fault::Refused,
        Fault::Entries(vec![(1, Retry::Backoff)]),
    ];
    let faulty = FaultyQueue::new(script);
    let queue = RetryingQueue::new(Arc::clone(&faulty), retrier(10));
    let failures = queue.send(&bodies(&["a", "b", "c", "d"])).await.unwrap();
    let failed: Vec<_> = failures.iter().map(|failure| (failure.index, failure.error.retry)).collect();
    assert_eq!(failed, [(2, Retry::Never)]);
    let sent = faulty.sent.lock().unwrap().clone();
    assert_eq!(
        sent,
        [bodies(&["a", "b", "c", "d"]), bodies(&["b", "d"]), bodies(&["b", "d"]), bodies(&["d"])]
    );
}

#[tokio::test(start_paused = true)]
async fn entries_that_keep_failing_are_named_by_their_place_in_the_callers_batch() {
    let again = || Fault::Entries(vec![(0, Retry::Backoff)]);
    let script = vec![Fault::Entries(vec![(0, Retry::Never), (2, Retry::Backoff)]), again(), again()];
    let queue = RetryingQueue::new(FaultyQueue::new(script), retrier(3));
    let failures = queue.send(&bodies(&["a", "b", "c"])).await.unwrap();
    let failed: Vec<_> = failures.iter().map(|failure| (failure.index, failure.error.retry)).collect();
    assert_eq!(failed, [(0, Retry::Never), (2, Retry::Backoff)]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fails_after_a_part_was_sent_may_have_happened() {
    let script = vec![Fault::Entries(vec![(0, Retry::Backoff)]), Fault::Refused, Fault::Refused];
    let queue = RetryingQueue::new(FaultyQueue::new(script), retrier(3));
    assert_eq!(queue.send(&bodies(&["a", "b"])).await.expect_err("spent").effect, Effect::Unknown);
    let queue = RetryingQueue::new(FaultyQueue::new(vec![Fault::Refused, Fault::Refused]), retrier(2));
    assert_eq!(queue.send(&bodies(&["a", "b"])).await.expect_err("spent").effect, Effect::None);
}

#[tokio::test(start_paused = true)]
async fn every_call_on_a_held_message_is_tried_again() {
    let faulty = FaultyQueue::new(vec![Fault::LostReply]);
    let queue = RetryingQueue::new(Arc::clone(&faulty), retrier(10));
    let refuse = || {
        let mut script = faulty.script.lock().unwrap();
        assert!(script.is_empty(), "the call before was not made until it was heard");
        script.extend([Fault::Refused, Fault::Refused]);
    };
    assert!(queue.send(&bodies(&["a"])).await.unwrap().is_empty());
    assert_eq!(queue.depth().await.unwrap().visible, 2, "sent twice: at least once");
    let held = queue.receive(10, Duration::ZERO).await.unwrap();
    refuse();
    queue.extend(&held[0].hold, Duration::from_secs(60)).await.unwrap();
    refuse();
    queue.release(&held[0].hold, Duration::from_secs(60)).await.unwrap();
    refuse();
    queue.ack(&held[0].hold).await.unwrap();
    refuse();
    queue.dead_letter(&held[1], "because").await.unwrap();
    refuse();
    assert_eq!(queue.depth().await.unwrap(), Depth { dead: 1, ..Depth::default() });
}

#[tokio::test(start_paused = true)]
async fn a_receive_is_asked_for_once_because_a_lease_counts_from_before_it() {
    let faulty = FaultyQueue::new(Vec::new());
    let queue = RetryingQueue::new(Arc::clone(&faulty), retrier(10));
    queue.send(&bodies(&["a"])).await.unwrap();
    faulty.script.lock().unwrap().extend([Fault::Refused]);
    queue.receive(1, Duration::ZERO).await.expect_err("whoever receives asks again");
    assert_eq!(queue.receive(1, Duration::ZERO).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_may_have_been_released_is_not_released_again() {
    let faulty = FaultyQueue::new(Vec::new());
    let queue = RetryingQueue::new(Arc::clone(&faulty), retrier(10));
    queue.send(&bodies(&["a"])).await.unwrap();
    let held = queue.receive(1, Duration::ZERO).await.unwrap();
    faulty.script.lock().unwrap().extend([Fault::LostReply]);
    let error = queue.release(&held[0].hold, Duration::from_secs(60)).await.expect_err("unknown");
    assert_eq!(error.effect, Effect::Unknown);
}

/// A table whose calls fail as scripted.
struct FaultyTable {
    memory: MemoryTable,
    script: Mutex<VecDeque<PortFault>>,
}

impl FaultyTable {
    fn new() -> Arc<Self> {
        let memory = MemoryTable::new(ReadCapacity::OnDemand(None));
        memory.put("a", "1", "");
        Arc::new(Self { memory, script: Mutex::default() })
    }

    fn fail(&self, faults: impl IntoIterator<Item = PortFault>) {
        self.script.lock().unwrap().extend(faults);
    }

    fn may_fail(&self) -> Result<(), PortError> {
        let fault = self.script.lock().unwrap().pop_front();
        fault.map_or(Ok(()), |fault| Err(PortError { fault, ..passing() }))
    }
}

#[async_trait]
impl TableScanner for FaultyTable {
    async fn describe(&self) -> Result<TableFacts, PortError> {
        self.may_fail()?;
        TableScanner::describe(&self.memory).await
    }

    async fn page(&self, request: &PageRequest<'_>) -> Result<ScanPage, PortError> {
        self.may_fail()?;
        self.memory.page(request).await
    }
}

#[async_trait]
impl Toucher for FaultyTable {
    async fn arn(&self) -> Result<String, PortError> {
        self.may_fail()?;
        self.memory.arn().await
    }

    async fn touch(&self, request: &TouchRequest<'_>) -> Result<TouchAnswer, PortError> {
        self.may_fail()?;
        self.memory.touch(request).await
    }

    fn describe(&self) -> String {
        "faulty".to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_is_touched_again_unless_the_table_asks_for_fewer_writes() {
    let faulty = FaultyTable::new();
    let table = RetryingToucher::new(Arc::clone(&faulty), retrier(10));
    let item = BTreeMap::from([("pk".to_owned(), r#"{"S":"a"}"#), ("sk".to_owned(), r#"{"S":"1"}"#)]);
    let request = TouchRequest { item: &item, keys: &[], marker: "m", mark: "job", change: TouchChange::Set };
    faulty.fail([PortFault::Unavailable; 2]);
    assert_eq!(table.arn().await.unwrap(), faulty.memory.arn().await.unwrap());
    faulty.fail([PortFault::Unavailable; 2]);
    assert_eq!(table.touch(&request).await.unwrap().touched, Touched::Done);
    faulty.fail([PortFault::Throttled]);
    let error = table.touch(&request).await.expect_err("whoever paces the writes decides");
    assert_eq!((error.fault, table.describe()), (PortFault::Throttled, "faulty".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_page_is_asked_for_again_unless_the_table_asks_for_fewer_reads() {
    let faulty = FaultyTable::new();
    let table = RetryingScanner::new(Arc::clone(&faulty), retrier(10));
    let scan = ScanSource {
        table_arn: "arn".into(),
        index: None,
        segments: 1,
        lanes: 1,
        consistent: false,
        dated: true,
        expressions: Expressions::default(),
    };
    let request = PageRequest { scan: &scan, segment: 0, after: None, items_max: None };
    faulty.fail([PortFault::Unavailable, PortFault::Throttled]);
    assert_eq!(table.describe().await.unwrap(), TableScanner::describe(&faulty.memory).await.unwrap());
    faulty.fail([PortFault::Unavailable; 2]);
    assert_eq!(table.page(&request).await.unwrap().scanned, 1);
    faulty.fail([PortFault::Throttled]);
    let error = table.page(&request).await.expect_err("whoever paces the reads decides");
    assert_eq!(error.fault, PortFault::Throttled);
}

#[test]
fn what_a_port_says_of_itself_is_passed_on() {
    let function = MemoryFunction::new(|_| Reply::Returned(Bytes::new()));
    assert_eq!(RetryingFunction::new(Arc::new(function), retrier(10)).describe(), "memory");
    let store = RetryingStore::new(Arc::new(FaultyStore::default()), retrier(10));
    assert_eq!(store.describe(), "faulty");
    for window in [30, 120].map(Duration::from_secs) {
        let memory = MemoryQueue::new(MemoryQueueConfig { visibility: window, ..Default::default() });
        let queue = RetryingQueue::new(Arc::new(memory), retrier(10));
        assert_eq!(queue.window(), window);
        assert!(queue.may_drop_receive(), "in memory nothing is under way");
    }
    assert!(!RetryingQueue::new(FaultyQueue::new(Vec::new()), retrier(10)).may_drop_receive());
}
