//! A job of a million units: what it asks of the store and of the coordinator's memory, in virtual time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use backfleet::dlq::Letters;
use backfleet::finish::{Finished, finish};
use backfleet::start::Started;
use backfleet::status::Status;
use backfleet::verify::Proof;
use backfleet::wait::{Fleet, Tell};
use backfleet_core::job::{JobOptions, TableOptions};
use backfleet_core::key::ObjectKey;
use backfleet_core::memory::{MemoryQueue, MemoryQueueConfig, MemoryStore};
use backfleet_core::plan::{ExportPart, ExportSource, PartContent, Plan, Source, UnitPlan};
use backfleet_core::ports::{
    ByteStream, GetRequest, Listing, NewObject, ObjectInfo, ObjectStore, PortError, PutOutcome, SystemClock,
};
use backfleet_core::retry::{Retrier, RetryPolicy};
use backfleet_worker::tally::Tally;
use backfleet_worker::{Desk, OnePlace, Origin, WorkerConfig, work};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// A call to a store takes this long.
const CALL: Duration = Duration::from_millis(20);
/// Units that each worker has in hand.
const UNITS_AT_A_TIME: usize = 2;
/// Two records.
const FILE: &[u8] = b"{\"Item\":{\"pk\":{\"S\":\"1\"}}}\n{\"Item\":{\"pk\":{\"S\":\"2\"}}}\n";

/// A store whose calls are counted, and take their time.
struct Counted {
    inner: Arc<MemoryStore>,
    calls: [AtomicU64; 4],
}

impl Counted {
    fn new(inner: &Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self { inner: inner.clone(), calls: Default::default() })
    }

    async fn call(&self, verb: usize) {
        self.calls[verb].fetch_add(1, Ordering::Relaxed);
        sleep(CALL).await;
    }

    fn take(&self) -> BTreeMap<&'static str, u64> {
        let names = ["get", "head", "list", "put"];
        names
            .into_iter()
            .zip(&self.calls)
            .map(|(name, calls)| (name, calls.swap(0, Ordering::Relaxed)))
            .collect()
    }
}

#[async_trait]
impl ObjectStore for Counted {
    async fn get(&self, key: &ObjectKey, request: GetRequest) -> Result<ByteStream, PortError> {
        self.call(0).await;
        self.inner.get(key, request).await
    }

    async fn get_small(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<bytes::Bytes>, PortError> {
        self.call(0).await;
        self.inner.get_small(key, bytes_max).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, PortError> {
        self.call(1).await;
        self.inner.head(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, PortError> {
        self.call(2).await;
        self.inner.list(prefix, after).await
    }

    async fn put_new(&self, object: NewObject) -> Result<PutOutcome, PortError> {
        self.call(3).await;
        // A writer's buffer is larger than what it wrote, and would be kept a million times.
        let bytes = bytes::Bytes::copy_from_slice(&object.bytes);
        self.inner.put_new(NewObject { bytes, ..object }).await
    }

    fn describe(&self) -> String {
        "sim".to_owned()
    }
}

#[derive(Default)]
struct Looks {
    looks: AtomicU64,
    in_flight_max: AtomicU64,
}

impl Tell for Looks {
    fn looked(&self, status: &Status) {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let in_flight = status.depth.map_or(0, |depth| depth.in_flight);
        self.in_flight_max.fetch_max(in_flight, Ordering::Relaxed);
    }
    fn put_again(&self, _: usize) {}
    fn refused(&self, _: u64) {}
}

fn plan(units: u32) -> Plan {
    let options = JobOptions {
        format: "item".into(),
        compression: "none".into(),
        partition: "p".into(),
        shard_bytes_max: 1 << 20,
        keys: vec!["pk".into()],
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
    };
    let part = ExportPart {
        export: "01768384800000-00000000".into(),
        notation: "DYNAMODB_JSON".into(),
        content: PartContent::Full,
        items: None,
        manifest: true,
    };
    let source = Source::Export(ExportSource { table_arn: None, parts: vec![part] });
    let unit = |_| UnitPlan {
        part: 0,
        key: "AWSDynamoDB/01768384800000-00000000/data/aaaaaaaaaaaaaaaaaaaaaaaaaa.json".into(),
        bytes: FILE.len() as u64,
        items: Some(2),
        md5: None,
    };
    let units: Vec<UnitPlan> = (0..units).map(unit).collect();
    Plan::new("sim://source".into(), source, options, units).expect("a plan that holds")
}

/// Runs a job of so many units on so many workers, and prints what it took.
pub fn scale(units: u32, workers: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without threads or files");
    runtime.block_on(job(units, workers));
}

async fn job(units: u32, workers: usize) {
    let (source, dest) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    let file = ObjectKey::new("AWSDynamoDB/01768384800000-00000000/data/aaaaaaaaaaaaaaaaaaaaaaaaaa.json");
    source.overwrite(crate::site::object(file.expect("a plain key"), FILE.to_vec()));
    let queue = Arc::new(MemoryQueue::new(MemoryQueueConfig::default()));
    let retrier = || Arc::new(Retrier::new(RetryPolicy::default(), 1));
    println!(
        "| step | virtual time | get | head | list | put | resident |\n|---|---:|---:|---:|---:|---:|---:|"
    );
    let began = Instant::now();
    let plan = plan(units);
    let bytes = plan.to_json().len();
    let coordinator = Counted::new(&dest);
    let started = Started::over(plan, coordinator.clone()).await.expect("nothing goes wrong");
    row("plan adopted", began, &coordinator.take());
    let began = Instant::now();
    started.enqueue(&*queue).await.expect("nothing goes wrong");
    row("messages sent", began, &coordinator.take());
    let began = Instant::now();
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    // One copy of the plan for all of them: each has its own where they are processes.
    let store = Counted::new(&dest);
    let place = OnePlace::new(Origin::Files(Counted::new(&source)), store.clone());
    let desk = Arc::new(Desk::new(place, queue.clone(), Arc::new(Tally::default())));
    for _ in 0..workers {
        let config = WorkerConfig { concurrency: UNITS_AT_A_TIME, stop_timeout: Duration::from_secs(100) };
        let (ends, mut settled) = mpsc::channel(64);
        running.spawn(work(desk.clone(), config, stop.clone(), ends));
        running.spawn(async move { while settled.recv().await.is_some() {} });
    }
    let letters = Letters::new(queue.clone(), retrier());
    let looks = Looks::default();
    let fleet =
        Fleet { started: &started, queue: &*queue, letters: &letters, clock: &SystemClock, tell: &looks };
    loop {
        let now = fleet.look().await.expect("nothing goes wrong");
        if now.pending.is_empty() {
            break;
        }
        sleep(Duration::from_secs(60)).await;
    }
    row("all units worked on", began, &store.take());
    row("looked at meanwhile", began, &coordinator.take());
    stop.cancel();
    running.shutdown().await;
    let began = Instant::now();
    let finished = finish(&*coordinator, &started.plan, &started.layout, Proof::Told, 0).await;
    assert!(matches!(finished, Ok(Finished::Committed { .. })), "nothing goes wrong");
    row("finished", began, &coordinator.take());
    println!(
        "\n{units} units, {workers} workers of {UNITS_AT_A_TIME} at a time, a plan of {bytes} bytes, {} looks, at most {} messages in flight",
        looks.looks.load(Ordering::Relaxed),
        looks.in_flight_max.load(Ordering::Relaxed)
    );
}

fn row(step: &str, began: Instant, calls: &BTreeMap<&'static str, u64>) {
    let count = |name: &str| calls.get(name).copied().unwrap_or(0);
    let resident = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident =
        resident.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("").trim().to_owned();
    println!(
        "| {step} | {:.1} s | {} | {} | {} | {} | {resident} |",
        began.elapsed().as_secs_f64(),
        count("get"),
        count("head"),
        count("list"),
        count("put"),
    );
}
