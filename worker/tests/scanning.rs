//! Scans over the in-memory ports and a paused clock: chains, lanes, slices, and the budget.

#![expect(clippy::unwrap_used, reason = "a helper of a test may panic")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use backfleet_core::chain::LINK_FIELD;
use backfleet_core::completion::{Completion, Counts};
use backfleet_core::control::Control;
use backfleet_core::digest::Sha256Digest;
use backfleet_core::job::{JobOptions, TableOptions};
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::{Layout, ShardName, plan_key};
use backfleet_core::limits::{CONTROL_EVERY, RECEIVES_MAX, VISIBILITY};
use backfleet_core::memory::{MemoryQueue, MemoryQueueConfig, MemoryStore, MemoryTable};
use backfleet_core::message::Message;
use backfleet_core::plan::{Expressions, Plan, ScanSource, Source, UnitPlan};
use backfleet_core::ports::{
    ControlStore as _, Depth, Metadata, NewObject, ObjectStore as _, PageRequest, PortError, PortFault,
    Queue as _, ReadCapacity, ScanKey, ScanPage, TableFacts, TableScanner,
};
use backfleet_worker::receive::Delivery;
use backfleet_worker::settle::settle_failure;
use backfleet_worker::tally::Tally;
use backfleet_worker::{Desk, OnePlace, Origin, Settled, Settlement, WorkerConfig, attempt, work};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const TABLE_ARN: &str = "arn:aws:dynamodb:eu-north-1:123456789012:table/memory";

/// A table that takes its time, and throttles while it is told to.
struct Slow {
    table: MemoryTable,
    takes: Duration,
    /// Pages of this segment that are refused still.
    throttled: Option<u32>,
    refusals: AtomicU64,
}

#[async_trait]
impl TableScanner for Slow {
    async fn describe(&self) -> Result<TableFacts, PortError> {
        self.table.describe().await
    }

    async fn page(&self, request: &PageRequest<'_>) -> Result<ScanPage, PortError> {
        sleep(self.takes).await;
        if self.throttled == Some(request.segment) && self.refusals.load(Ordering::Relaxed) > 0 {
            self.refusals.fetch_sub(1, Ordering::Relaxed);
            let error = PortError::passing(
                "table.page",
                "memory",
                PortFault::Throttled,
                backfleet_core::ports::Effect::None,
            );
            return Err(error.because("TableReadKeyRangeThroughputExceeded"));
        }
        self.table.page(request).await
    }
}

/// A table that is read without being there: pages that cost what they say, and hold nothing.
struct Metered {
    segment_units: u64,
    /// Pages that fail still.
    failures: AtomicU64,
    spent: Mutex<Vec<(Instant, f64)>>,
}

/// What an item costs: 4 KB.
const ITEM_UNITS: f64 = 0.5;

impl Metered {
    fn new(segment_units: u64) -> Self {
        Self { segment_units, failures: AtomicU64::new(0), spent: Mutex::default() }
    }

    fn failing(self, failures: u64) -> Self {
        Self { failures: AtomicU64::new(failures), ..self }
    }

    fn spent(&self) -> Vec<(Instant, f64)> {
        self.spent.lock().unwrap().clone()
    }

    /// Units a second from then until just before now.
    fn rate_since(&self, from: Instant) -> f64 {
        let (spent, now) = (self.spent(), Instant::now());
        let within = spent.iter().filter(|(at, _)| (from..now).contains(at));
        within.map(|(_, units)| units).sum::<f64>() / (now - from).as_secs_f64()
    }
}

#[async_trait]
impl TableScanner for Metered {
    async fn describe(&self) -> Result<TableFacts, PortError> {
        Ok(TableFacts {
            arn: TABLE_ARN.to_owned(),
            keys: vec!["pk".to_owned(), "sk".to_owned()],
            bytes: 0,
            items: 0,
            capacity: ReadCapacity::OnDemand(None),
            stream_arn: None,
        })
    }

    async fn page(&self, request: &PageRequest<'_>) -> Result<ScanPage, PortError> {
        sleep(Duration::from_millis(10)).await;
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.fetch_sub(1, Ordering::Relaxed);
            let none = backfleet_core::ports::Effect::None;
            return Err(PortError::passing("table.page", "metered", PortFault::Unavailable, none));
        }
        let begun: u64 = request.after.map_or(0, |after| after.0.parse().unwrap());
        let left = 2 * self.segment_units - begun;
        let scanned = left.min(256).min(request.items_max.map_or(u64::MAX, u64::from));
        let units = scanned as f64 * ITEM_UNITS;
        self.spent.lock().unwrap().push((Instant::now(), units));
        let next = (scanned < left).then(|| ScanKey((begun + scanned).to_string()));
        Ok(ScanPage { items: "[]".into(), scanned, next, units })
    }
}

/// How a job is laid out.
#[derive(Clone, Copy)]
struct Shape {
    segments: u32,
    lanes: u32,
    budget: u32,
    shard_bytes: u64,
}

struct Rig<T> {
    plan: Plan,
    layout: Layout,
    table: Arc<T>,
    dest: Arc<MemoryStore>,
    queue: Arc<MemoryQueue>,
}

/// One process of a fleet.
struct Worker {
    stop: CancellationToken,
    done: JoinHandle<Vec<Settled>>,
}

fn options(shard_bytes_max: u64) -> JobOptions {
    JobOptions {
        format: "stream".into(),
        compression: "gzip".into(),
        partition: "p".into(),
        shard_bytes_max,
        keys: vec!["pk".into(), "sk".into()],
        table: Some(TableOptions { name: "t".into(), region: "r".into(), stream_arn: "arn".into() }),
        snapshot_micros: 1_768_385_930_622_000,
        view: "NEW_AND_OLD_IMAGES".into(),
        extra_fields: Vec::new(),
        include: Vec::new(),
        exclude: Vec::new(),
        document: "line".into(),
        document_records_max: 100,
        kinesis_precision: "millisecond".into(),
        upsert: "MODIFY".into(),
        schema: None,
        sink: None,
    }
}

impl<T: TableScanner> Rig<T> {
    /// Every lane's first segment is on the queue.
    async fn new(shape: Shape, table: T) -> Self {
        Self::with(shape, table, VISIBILITY, Expressions::default()).await
    }

    async fn with(shape: Shape, table: T, visibility: Duration, expressions: Expressions) -> Self {
        let Shape { segments, lanes, budget, shard_bytes } = shape;
        let scan = ScanSource {
            table_arn: TABLE_ARN.into(),
            index: None,
            segments,
            lanes,
            consistent: false,
            dated: true,
            expressions,
        };
        let unit = |n| UnitPlan { part: 0, key: format!("segment/{n}"), bytes: 1, items: None, md5: None };
        let units = (0..segments).map(unit).collect();
        let plan = Plan::new("memory".into(), Source::Scan(scan), options(shard_bytes), units).unwrap();
        let config = MemoryQueueConfig { receives_max: 1_000, visibility, ..MemoryQueueConfig::default() };
        let rig = Self {
            layout: plan.layout().unwrap(),
            plan,
            table: Arc::new(table),
            dest: Arc::new(MemoryStore::new()),
            queue: Arc::new(MemoryQueue::new(config)),
        };
        let json = rig.plan.to_json();
        let object = NewObject {
            key: plan_key(rig.plan.job),
            sha256: Sha256Digest::of(&json),
            bytes: json.into(),
            metadata: Metadata::new(),
        };
        rig.dest.put_new(object).await.unwrap();
        rig.control(Control::of_budget(budget)).await;
        rig.send_lanes().await;
        rig
    }

    /// Somebody else's object under the name of a shard.
    async fn plant(&self, name: ShardName) {
        let bytes = b"somebody else's".to_vec();
        let object = NewObject {
            key: self.layout.shard(name),
            sha256: Sha256Digest::of(&bytes),
            bytes: bytes.into(),
            metadata: Metadata::from([("some-field".to_owned(), LINK_FIELD.to_owned())]),
        };
        self.dest.put_new(object).await.unwrap();
    }

    async fn control(&self, control: Control) {
        self.dest.replace(&self.layout.control(), control.to_json().into()).await.unwrap();
    }

    async fn send_lanes(&self) {
        let Source::Scan(scan) = &self.plan.source else { panic!("a scan") };
        for lane in 0..scan.lanes.min(scan.segments) {
            assert!(
                self.queue.send(&[Message::first(self.plan.job, lane).to_body()]).await.unwrap().is_empty()
            );
        }
    }

    fn desk(&self) -> Desk {
        let places = OnePlace::new(Origin::Table(self.table.clone()), self.dest.clone());
        Desk::new(places, self.queue.clone(), Arc::new(Tally::default()))
    }

    fn worker(&self, concurrency: usize) -> Worker {
        let desk = self.desk();
        let config = WorkerConfig { concurrency, stop_timeout: Duration::from_secs(30) };
        let (ends, mut settled) = mpsc::channel(16);
        let stop = CancellationToken::new();
        let token = stop.clone();
        let done = tokio::spawn(async move {
            let mut all = Vec::new();
            let watching = async {
                while let Some(end) = settled.recv().await {
                    all.push(end);
                }
            };
            tokio::join!(work(Arc::new(desk), config, token, ends), watching);
            all
        });
        Worker { stop, done }
    }

    /// Whatever a worker has in hand within a minute ends with these words.
    async fn assert_a_minute_ends_with(&self, words: &str) {
        let worker = self.worker(1);
        sleep(Duration::from_secs(60)).await;
        let settled = end(vec![worker]).await;
        let ends: Vec<String> = settled.iter().map(|end| format!("{:?}", end.settlement)).collect();
        assert!(!ends.is_empty() && ends.iter().all(|end| end.contains(words)), "{ends:?}");
    }

    async fn completions(&self) -> Vec<Completion> {
        let mut all = Vec::new();
        for unit in 0..self.plan.units.len() as u32 {
            if let Some(json) = self.dest.get_small(&self.layout.completion(unit), 1 << 20).await.unwrap() {
                all.push(Completion::parse(&json, self.plan.job, unit).unwrap());
            }
        }
        all
    }

    async fn is_complete(&self) -> bool {
        let listed = self.dest.list(&self.layout.completions_prefix(), None).await.unwrap();
        listed.entries.len() == self.plan.units.len()
    }

    async fn until_complete(&self) {
        let began = Instant::now();
        while !self.is_complete().await {
            assert!(began.elapsed() < Duration::from_secs(24 * 3600), "not complete after a day");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// How often each partition key is in the output, having proven that the output is what the completions say.
    async fn records(&self) -> BTreeMap<String, usize> {
        let mut records = BTreeMap::new();
        let mut listed = 0;
        for completion in self.completions().await {
            let mut ordinals = Vec::new();
            for (index, shard) in completion.shards.iter().enumerate() {
                let name = ShardName { unit: completion.unit, shard: index as u32 };
                assert_eq!(shard.key, self.layout.shard(name).as_str(), "a chain has no gap");
                let key = ObjectKey::new(shard.key.clone()).unwrap();
                let bytes = self.dest.get_small(&key, 1 << 30).await.unwrap().unwrap();
                assert_eq!(Sha256Digest::of(&bytes), shard.sha256);
                let mut text = String::new();
                std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut text)
                    .unwrap();
                assert_eq!(text.lines().count() as u64, shard.records);
                for line in text.lines() {
                    let record: serde_json::Value = serde_json::from_str(line).unwrap();
                    let record = &record["dynamodb"];
                    ordinals.push(record["SequenceNumber"].as_str().unwrap().to_owned());
                    *records.entry(record["Keys"]["pk"]["S"].as_str().unwrap().to_owned()).or_default() += 1;
                }
                listed += 1;
            }
            assert!(ordinals.is_sorted_by(|a, b| a < b), "sequence numbers ascend within a unit");
        }
        let shards = self.all_keys(&self.layout.shard_prefix()).await;
        assert_eq!(shards.len(), listed, "no shard stands that no completion lists");
        records
    }

    async fn all_keys(&self, prefix: &str) -> Vec<ObjectKey> {
        let mut keys: Vec<ObjectKey> = Vec::new();
        loop {
            let page = self.dest.list(prefix, keys.last()).await.unwrap();
            keys.extend(page.entries.into_iter().map(|entry| entry.key));
            if !page.more {
                return keys;
            }
        }
    }
}

fn table(items: u32, takes_ms: u64) -> Slow {
    let table = MemoryTable::new(ReadCapacity::OnDemand(None));
    for number in 0..items {
        stable(&table, number);
    }
    Slow { table, takes: Duration::from_millis(takes_ms), throttled: None, refusals: AtomicU64::new(0) }
}

fn stable(table: &MemoryTable, number: u32) {
    let text = "x".repeat(100 + (number as usize * 37) % 400);
    table.put(&format!("stable-{number}"), "a", &format!(r#","text":{{"S":"{text}"}}"#));
}

/// SplitMix64, enough to choose whom to kill.
fn draw(state: &mut u64, end: u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)) % end
}

async fn end(workers: Vec<Worker>) -> Vec<Settled> {
    let mut all = Vec::new();
    for worker in workers {
        worker.stop.cancel();
        all.extend(worker.done.await.unwrap());
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_table_is_read_once_by_three_workers() {
    let shape = Shape { segments: 20, lanes: 5, budget: 10_000, shard_bytes: 16 << 10 };
    let rig = Rig::new(shape, table(3_000, 20)).await;
    let workers = (0..3).map(|_| rig.worker(2)).collect();
    rig.until_complete().await;
    let settled = end(workers).await;
    let records = rig.records().await;
    assert_eq!(records.len(), 3_000);
    assert!(records.values().all(|count| *count == 1));
    assert_eq!(settled.len(), 20, "each segment came in one message: {settled:?}");
    assert!(rig.queue.depth().await.unwrap() == Default::default(), "nothing is left on the queue");
    let mut counts = Counts::default();
    let completions = rig.completions().await;
    completions.iter().for_each(|completion| counts.add(&completion.counts));
    assert_eq!((counts.records_in, counts.records_out, counts.filtered), (3_000, 3_000, 0));
    // A page is an array: a byte more for each item and one for itself; two where a segment's last page is empty.
    let pages = rig.table.table.spent().len() as u64;
    let least = rig.table.describe().await.unwrap().bytes + 3_000 + pages;
    assert!((least..=least + 20).contains(&counts.bytes_in), "{} and {least}", counts.bytes_in);
    assert_eq!(counts.bytes_inflated, counts.bytes_in);
}

#[tokio::test(start_paused = true)]
async fn what_was_there_all_the_time_is_read_exactly_once_whoever_dies_and_whatever_changes() {
    for seed in 0..20 {
        let shape = Shape { segments: 7, lanes: 3, budget: 4, shard_bytes: 4 << 10 };
        // A window of a few seconds: the lease of a slow worker ends while it reads on.
        let rig = Rig::with(shape, table(1_500, 30), Duration::from_secs(4), Expressions::default()).await;
        // Twins from the beginning.
        rig.send_lanes().await;
        let mut workers: Vec<Worker> = (0..3).map(|_| rig.worker(2)).collect();
        let mut chance = seed;
        let mut kills = 0;
        while !rig.is_complete().await {
            sleep(Duration::from_millis(50 + draw(&mut chance, 1_500))).await;
            for _ in 0..20 {
                let number = draw(&mut chance, 500);
                match draw(&mut chance, 3) {
                    0 => rig.table.table.delete(&format!("fleeting-{number}"), "a"),
                    _ => rig.table.table.put(&format!("fleeting-{number}"), "a", r#","n":{"N":"1"}"#),
                }
            }
            if kills < 30 {
                let victim = draw(&mut chance, 3) as usize;
                workers[victim].done.abort();
                workers[victim] = rig.worker(2);
                kills += 1;
            }
        }
        end(workers).await;
        let records = rig.records().await;
        for number in 0..1_500 {
            assert_eq!(records.get(&format!("stable-{number}")), Some(&1), "seed {seed}, item {number}");
        }
        assert_eq!(kills, 30, "seed {seed}: the job was too short to be killed in");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_table_and_empty_segments_end_in_shards_of_their_own() {
    for items in [0, 1] {
        let shape = Shape { segments: 4, lanes: 2, budget: 100, shard_bytes: 4 << 10 };
        let rig = Rig::new(shape, table(items, 5)).await;
        let workers = vec![rig.worker(1)];
        rig.until_complete().await;
        end(workers).await;
        assert_eq!(rig.records().await.len(), items as usize);
        let completions = rig.completions().await;
        assert!(completions.iter().all(|completion| completion.shards.len() == 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_late_in_a_poll_is_worked_on_also_under_a_short_window() {
    let shape = Shape { segments: 1, lanes: 1, budget: 1_000, shard_bytes: 4 << 10 };
    let rig = Rig::with(shape, table(10, 5), Duration::from_secs(2), Expressions::default()).await;
    let early = rig.worker(1);
    rig.until_complete().await;
    // Everybody is waiting by now.
    sleep(Duration::from_secs(15)).await;
    rig.send_lanes().await;
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!(rig.queue.depth().await.unwrap(), Depth::default());
    assert_eq!(end(vec![early]).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_long_segment_goes_on_in_further_messages() {
    // About 800 KB at 8 KB a unit and a twentieth of a unit a second per lane: hours.
    let shape = Shape { segments: 1, lanes: 1, budget: 1, shard_bytes: 64 << 10 };
    let rig = Rig::new(shape, table(20_000, 5)).await;
    let workers = vec![rig.worker(1)];
    let began = Instant::now();
    rig.until_complete().await;
    let continued =
        end(workers).await.iter().filter(|end| matches!(end.settlement, Settlement::Continued)).count();
    let slices = began.elapsed().as_secs() / 600;
    assert!(slices > 0 && (continued as u64).abs_diff(slices) <= 1, "{continued} in {:?}", began.elapsed());
    let records = rig.records().await;
    assert!(records.len() == 20_000 && records.values().all(|count| *count == 1));
    let links = rig.all_keys(&format!("_backfleet/{}/resume/", rig.plan.job)).await;
    assert_eq!(links.len(), rig.all_keys(&rig.layout.shard_prefix()).await.len());
}

#[tokio::test(start_paused = true)]
async fn a_worker_told_to_stop_commits_what_it_has_and_hands_the_rest_on() {
    let shape = Shape { segments: 2, lanes: 2, budget: 8, shard_bytes: 10 << 20 };
    let rig = Rig::new(shape, table(2_000, 5)).await;
    let first = rig.worker(2);
    sleep(Duration::from_secs(5)).await;
    let began = Instant::now();
    let settled = end(vec![first]).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(settled.iter().all(|end| matches!(end.settlement, Settlement::Continued)), "{settled:?}");
    assert_eq!((settled.len(), rig.all_keys(&rig.layout.shard_prefix()).await.len()), (2, 2));
    assert_eq!(rig.queue.depth().await.unwrap().visible, 2);
    for held in rig.queue.receive(10, Duration::ZERO).await.unwrap() {
        let rest = Message::parse(&held.body).unwrap();
        assert_eq!(rest, Message { slice: 1, progress: 1, ..Message::first(rig.plan.job, rest.unit) });
        rig.queue.release(&held.hold, Duration::ZERO).await.unwrap();
    }
    let read_before: f64 = rig.table.table.spent().iter().map(|(_, units)| units).sum();
    let second = rig.worker(2);
    rig.until_complete().await;
    end(vec![second]).await;
    let records = rig.records().await;
    assert!(records.len() == 2_000 && records.values().all(|count| *count == 1));
    let read: f64 = rig.table.table.spent().iter().map(|(_, units)| units).sum();
    assert!(read_before > 20.0, "{read_before}");
    assert!(read < 2_000.0 * 350.0 / 8192.0 * 1.6, "nothing was read twice: {read} units");
}

#[tokio::test(start_paused = true)]
async fn a_worker_told_to_stop_before_it_read_anything_writes_nothing() {
    let shape = Shape { segments: 1, lanes: 1, budget: 8, shard_bytes: 10 << 20 };
    let rig = Rig::new(shape, table(10, 5)).await;
    rig.control(Control { paused: true, ..Control::of_budget(8) }).await;
    let worker = rig.worker(1);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(end(vec![worker]).await.len(), 1);
    assert!(rig.all_keys(&rig.layout.shard_prefix()).await.is_empty());
    assert_eq!(rig.queue.depth().await.unwrap(), Depth { visible: 1, ..Depth::default() });
}

/// A table whose pages end where they began.
struct Circular(MemoryTable);

#[async_trait]
impl TableScanner for Circular {
    async fn describe(&self) -> Result<TableFacts, PortError> {
        self.0.describe().await
    }

    async fn page(&self, _: &PageRequest<'_>) -> Result<ScanPage, PortError> {
        Ok(ScanPage { items: "[]".into(), scanned: 1, next: Some(ScanKey("1".to_owned())), units: 0.5 })
    }
}

#[tokio::test(start_paused = true)]
async fn a_segment_that_does_not_go_on_is_told_and_nothing_is_written() {
    let shape = Shape { segments: 1, lanes: 1, budget: 8, shard_bytes: 4 << 10 };
    let rig = Rig::new(shape, Circular(table(1, 0).table)).await;
    rig.assert_a_minute_ends_with("does not go on").await;
    assert!(rig.all_keys(&rig.layout.shard_prefix()).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_does_not_say_how_it_goes_on_is_put_aside_and_nothing_is_written_behind_it() {
    let shape = Shape { segments: 1, lanes: 1, budget: 100, shard_bytes: 4 << 10 };
    let rig = Rig::new(shape, table(100, 5)).await;
    rig.plant(ShardName { unit: 0, shard: 0 }).await;
    rig.assert_a_minute_ends_with("how it goes on").await;
    assert_eq!(rig.all_keys(&rig.layout.shard_prefix()).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_lacks_a_shard_is_put_aside_and_nothing_is_written() {
    let shape = Shape { segments: 1, lanes: 1, budget: 100, shard_bytes: 4 << 10 };
    let rig = Rig::new(shape, table(100, 5)).await;
    rig.plant(ShardName { unit: 0, shard: 1 }).await;
    rig.assert_a_minute_ends_with("one is missing").await;
    assert_eq!(rig.all_keys(&rig.layout.shard_prefix()).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lane_goes_on_behind_a_segment_that_was_put_aside() {
    let shape = Shape { segments: 2, lanes: 1, budget: 100, shard_bytes: 4 << 10 };
    let rig = Rig::new(shape, table(100, 5)).await;
    rig.plant(ShardName { unit: 0, shard: 0 }).await;
    let worker = rig.worker(1);
    sleep(Duration::from_secs(60)).await;
    end(vec![worker]).await;
    let completed: Vec<u32> = rig.completions().await.iter().map(|completion| completion.unit).collect();
    assert_eq!(completed, [1]);
    assert_eq!(rig.queue.dead_letters().len(), 1);
}

/// A table that is deleted when it has given so many pages.
struct Deleted {
    table: MemoryTable,
    pages_left: AtomicU64,
}

#[async_trait]
impl TableScanner for Deleted {
    async fn describe(&self) -> Result<TableFacts, PortError> {
        self.table.describe().await
    }

    async fn page(&self, request: &PageRequest<'_>) -> Result<ScanPage, PortError> {
        let one =
            self.pages_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match one {
            Ok(_) => self.table.page(request).await,
            Err(_) => Err(PortError::fatal("table.page", "memory", PortFault::NotFound)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_is_deleted_amid_its_scan_puts_every_segment_aside_with_the_reason() {
    let shape = Shape { segments: 2, lanes: 1, budget: 100, shard_bytes: 4 << 10 };
    let rig = Rig::new(shape, Deleted { table: table(1_000, 0).table, pages_left: 3.into() }).await;
    let worker = rig.worker(1);
    sleep(Duration::from_secs(600)).await;
    end(vec![worker]).await;
    let letters = rig.queue.dead_letters();
    let reasons: Vec<&str> = letters.iter().map(|letter| letter.reason.as_deref().unwrap()).collect();
    assert!(
        reasons.len() == 2 && reasons.iter().all(|reason| reason.starts_with("refused: ")),
        "{reasons:?}"
    );
    assert!(reasons.iter().all(|reason| reason.contains("NotFound")), "{reasons:?}");
    assert_eq!(letters[0].receives, RECEIVES_MAX, "nobody knows whether a table comes back");
    assert!(rig.completions().await.is_empty());
    assert!(rig.queue.depth().await.unwrap() == Depth { dead: 2, ..Depth::default() });
}

#[tokio::test(start_paused = true)]
async fn a_twin_of_a_completed_segment_passes_its_lane_on_only_while_nothing_of_the_next_one_stands() {
    let shape = Shape { segments: 2, lanes: 1, budget: 1_000, shard_bytes: 1 << 20 };
    let rig = Rig::new(shape, table(10, 5)).await;
    let desk = rig.desk();
    let first = Message::first(rig.plan.job, 0);
    let mut waiting = Vec::new();
    for times in 0..3 {
        if times > 0 {
            assert!(rig.queue.send(&[first.to_body()]).await.unwrap().is_empty());
        }
        if times == 2 {
            rig.plant(ShardName { unit: 1, shard: 0 }).await;
        }
        // The lane's next message waits in the queue: what comes is not that one, but the first or its twin.
        let held = rig.queue.receive(10, Duration::ZERO).await.unwrap();
        let (held, others): (Vec<_>, Vec<_>) =
            held.into_iter().partition(|held| Message::parse(&held.body).unwrap() == first);
        for other in others {
            rig.queue.release(&other.hold, Duration::ZERO).await.unwrap();
        }
        let [held] = <[_; 1]>::try_from(held).unwrap();
        let delivery =
            Delivery { held, message: first, stop: CancellationToken::new(), received_at: Instant::now() };
        let settled = attempt(&desk, &delivery).await;
        assert!(matches!(settled, Ok(Settlement::Completed { .. })), "{settled:?}");
        waiting.push(rig.queue.depth().await.unwrap().visible);
    }
    assert_eq!(waiting, [1, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_only_throttles_gives_the_segment_back_after_twelve_longer_and_longer_pauses() {
    let shape = Shape { segments: 1, lanes: 1, budget: 100, shard_bytes: 1 << 20 };
    let never = Slow { throttled: Some(0), refusals: AtomicU64::new(1_000), ..table(10, 5) };
    let rig = Rig::new(shape, never).await;
    let held = rig.queue.receive(1, Duration::ZERO).await.unwrap().pop().unwrap();
    let message = Message::parse(&held.body).unwrap();
    let began = Instant::now();
    let delivery = Delivery { held, message, stop: CancellationToken::new(), received_at: began };
    let failure = attempt(&rig.desk(), &delivery).await.unwrap_err();
    assert_eq!(failure.class(), "unavailable", "{failure}");
    assert_eq!(rig.table.refusals.load(Ordering::Relaxed), 1_000 - 13);
    // Twelve pauses of 0.1 s, doubling to 20 s, are 105.5 s at the most.
    let waited = began.elapsed().as_secs_f64();
    assert!((20.0..105.5).contains(&waited), "{waited} s");
}

/// The most that was read in any ten seconds, as a part of what may be; and the part that was used in all.
fn paced(spent: &[(Instant, f64)], budget: f64) -> (f64, f64) {
    let mut worst = 0.0_f64;
    let mut first = 0;
    let mut sum = 0.0;
    for (index, (at, units)) in spent.iter().enumerate() {
        sum += units;
        while *at - spent[first].0 >= Duration::from_secs(10) {
            sum -= spent[first].1;
            first += 1;
        }
        worst = worst.max(sum / (10.0 * budget));
        assert!(index == 0 || *at >= spent[index - 1].0);
    }
    let time = spent.last().unwrap().0 - spent[0].0;
    let all: f64 = spent.iter().map(|(_, units)| units).sum();
    (worst, all / (budget * time.as_secs_f64()))
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_held_and_used_whoever_comes_and_goes() {
    println!("budget  lanes  most in 10 s     used");
    for budget in [5, 25, 1_000, 40_000] {
        for lanes in [1, 5, 20] {
            // Ten segments a lane; ten minutes in all.
            let segment_units = u64::from(60 * budget / lanes).max(1);
            let shape = Shape { segments: 10 * lanes, lanes, budget, shard_bytes: 1 << 20 };
            let rig = Rig::new(shape, Metered::new(segment_units)).await;
            let mut workers: Vec<Worker> = (0..3).map(|_| rig.worker(8)).collect();
            let mut chance = u64::from(budget + lanes);
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(400) {
                // Told to stop, as by a scale-in; another one comes.
                sleep(Duration::from_millis(5_000 + draw(&mut chance, 10_000))).await;
                let victim = draw(&mut chance, 3) as usize;
                let gone = std::mem::replace(&mut workers[victim], rig.worker(8));
                end(vec![gone]).await;
            }
            let spent = rig.table.spent();
            rig.until_complete().await;
            end(workers).await;
            let (worst, used) = paced(&spent, f64::from(budget));
            println!("{budget:>6}  {lanes:>5}  {:>10.1} %  {:>5.1} %", 100.0 * worst, 100.0 * used);
            // One lane reads one page of 128 units after the other, each taking 10 ms.
            let possible = f64::from(budget).min(12_800.0 * f64::from(lanes)) / f64::from(budget);
            assert!(worst <= 1.05, "{budget} in {lanes} lanes: {worst} of it in ten seconds");
            assert!(used >= 0.95 * possible, "{budget} in {lanes} lanes: only {used} of it was used");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_was_paid_and_not_read_is_no_credit_in_a_lane_that_others_had_meanwhile() {
    // Each process in its turn: the first page of each fails once it was paid for.
    let shape = Shape { segments: 40, lanes: 1, budget: 1, shard_bytes: 1 << 20 };
    let rig = Rig::new(shape, Metered::new(1).failing(4)).await;
    let desks: Vec<Desk> = (0..4).map(|_| rig.desk()).collect();
    for desk in desks.iter().cycle() {
        let Some(held) = rig.queue.receive(1, Duration::from_secs(20)).await.unwrap().pop() else { break };
        let message = Message::parse(&held.body).unwrap();
        let delivery =
            Delivery { held, message, stop: CancellationToken::new(), received_at: Instant::now() };
        if let Err(failure) = attempt(desk, &delivery).await {
            settle_failure(&*rig.queue, &delivery.held, &failure).await;
        }
    }
    assert!(rig.is_complete().await);
    let (worst, used) = paced(&rig.table.spent(), 1.0);
    assert!(worst <= 1.05, "{worst} of it in ten seconds");
    assert!(used >= 0.95, "only {used} of it was used");
}

#[tokio::test(start_paused = true)]
async fn a_small_budget_is_not_wasted_on_pages_of_single_items() {
    let shape = Shape { segments: 4, lanes: 4, budget: 5, shard_bytes: 1 << 20 };
    let rig = Rig::new(shape, table(2_000, 10)).await;
    let workers = vec![rig.worker(4)];
    rig.until_complete().await;
    end(workers).await;
    let read: f64 = rig.table.table.spent().iter().map(|(_, units)| units).sum();
    let bytes = rig.table.describe().await.unwrap().bytes as f64;
    assert!(read < 1.5 * bytes / 8192.0, "{read} units for {bytes} bytes");
}

/// A table whose filter leaves next to nothing.
struct Filtered(MemoryTable);

#[async_trait]
impl TableScanner for Filtered {
    async fn describe(&self) -> Result<TableFacts, PortError> {
        self.0.describe().await
    }

    async fn page(&self, request: &PageRequest<'_>) -> Result<ScanPage, PortError> {
        let page = self.0.page(request).await?;
        let items: Vec<serde_json::Value> = serde_json::from_slice(&page.items).unwrap();
        let kept: Vec<_> =
            items.into_iter().filter(|item| item["pk"]["S"].as_str().unwrap().ends_with("77")).collect();
        Ok(ScanPage { items: serde_json::to_vec(&kept).unwrap().into(), ..page })
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_filter_leaves_out_is_counted_and_a_small_budget_is_not_wasted_on_it() {
    let shape = Shape { segments: 4, lanes: 4, budget: 5, shard_bytes: 1 << 20 };
    let items = table(2_000, 10).table;
    let filter = Expressions { filter: Some("contains(pk, :some)".into()), ..Expressions::default() };
    let rig = Rig::with(shape, Filtered(items), VISIBILITY, filter).await;
    let workers = vec![rig.worker(4)];
    rig.until_complete().await;
    let settled = end(workers).await;
    let count = |of: fn(&Completion) -> u64| {
        let of = |end: &Settled| match &end.settlement {
            Settlement::Completed { completion, .. } => of(completion),
            _ => 0,
        };
        settled.iter().map(of).sum::<u64>()
    };
    let (kept, filtered) =
        (count(|completion| completion.counts.records_out), count(|completion| completion.counts.filtered));
    assert!(kept > 0 && filtered > 0 && kept + filtered == 2_000, "{kept} and {filtered}");
    let spent = rig.table.0.spent();
    let read: f64 = spent.iter().map(|(_, units)| units).sum();
    let bytes = rig.table.describe().await.unwrap().bytes as f64;
    assert!(read < 1.7 * bytes / 8192.0, "{read} units for {bytes} bytes");
    let (worst, _) = paced(&spent, 5.0);
    assert!(worst < 1.3, "{worst} of the budget in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_lane_slows_down_alone_and_comes_back() {
    let shape = Shape { segments: 40, lanes: 4, budget: 400, shard_bytes: 1 << 20 };
    let slow = Slow { throttled: Some(0), refusals: AtomicU64::new(6), ..table(200_000, 10) };
    let rig = Rig::new(shape, slow).await;
    let workers = vec![rig.worker(4)];
    rig.until_complete().await;
    let settled = end(workers).await;
    assert!(settled.iter().all(|end| matches!(end.settlement, Settlement::Completed { .. })), "{settled:?}");
    assert_eq!(rig.table.refusals.load(Ordering::Relaxed), 0);
    let spent = rig.table.table.spent();
    let (worst, _) = paced(&spent, 400.0);
    assert!(worst < 1.05, "{worst}");
    let early: Vec<(Instant, f64)> =
        spent.iter().copied().filter(|(at, _)| *at - spent[0].0 < Duration::from_secs(15)).collect();
    let (_, used) = paced(&early, 400.0);
    assert!((0.73..0.95).contains(&used), "three lanes went on, the fourth did not: {used}");
}

/// Each look is a request.
#[tokio::test(start_paused = true)]
async fn a_lane_looks_for_another_rate_every_fifteen_seconds_and_not_for_every_page() {
    let shape = Shape { segments: 1, lanes: 1, budget: 100, shard_bytes: 1 << 20 };
    let rig = Rig::new(shape, Metered::new(5_000)).await;
    let worker = rig.worker(1);
    sleep(Duration::from_secs(1)).await;
    rig.control(Control::of_budget(10)).await;
    let from = Instant::now();
    sleep(CONTROL_EVERY - Duration::from_secs(2)).await;
    let rate = rig.table.rate_since(from);
    assert!((90.0..110.0).contains(&rate), "{rate}");
    sleep(Duration::from_secs(3)).await;
    let from = Instant::now();
    sleep(Duration::from_secs(10)).await;
    let rate = rig.table.rate_since(from);
    assert!((8.0..12.0).contains(&rate), "{rate}");
    end(vec![worker]).await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_changes_the_rate_pauses_and_goes_on_within_twenty_seconds() {
    let shape = Shape { segments: 30, lanes: 3, budget: 100, shard_bytes: 1 << 20 };
    let rig = Rig::new(shape, Metered::new(1_000)).await;
    let workers = vec![rig.worker(3)];
    let phase = async |control: Control| {
        rig.control(control).await;
        sleep(Duration::from_secs(20)).await;
        let from = Instant::now();
        sleep(Duration::from_secs(10)).await;
        rig.table.rate_since(from)
    };
    assert!((95.0..105.0).contains(&phase(Control::of_budget(100)).await));
    assert!((9.0..10.5).contains(&phase(Control::of_budget(10)).await));
    assert_eq!(phase(Control { paused: true, ..Control::of_budget(10) }).await, 0.0);
    // Longer than a window: the messages are still held.
    sleep(3 * VISIBILITY).await;
    assert!((190.0..210.0).contains(&phase(Control::of_budget(200)).await));
    rig.until_complete().await;
    end(workers).await;
    let read: f64 = rig.table.spent().iter().map(|(_, units)| units).sum();
    assert_eq!(read, 30.0 * 1_000.0, "nothing was read twice");
}
