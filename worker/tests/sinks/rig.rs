//! One job of one file into a sink, with everything in memory.

use std::sync::Arc;
use std::time::Duration;

use backfleet_core::completion::Completion;
use backfleet_core::digest::Sha256Digest;
use backfleet_core::job::{JobOptions, TableOptions};
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::{Layout, ShardName, plan_key};
use backfleet_core::memory::{MemoryQueue, MemoryQueueConfig, MemoryStore};
use backfleet_core::message::Message;
use backfleet_core::plan::{ExportPart, ExportSource, PartContent, Plan, Source, UnitPlan};
use backfleet_core::ports::{Metadata, NewObject, ObjectStore, PutOutcome, Queue};
use backfleet_core::receipt::Receipt;
use backfleet_core::sink::Sink;
use backfleet_worker::attempt::AttemptError;
use backfleet_worker::quarantine::QuarantineLine;
use backfleet_worker::receive::Delivery;
use backfleet_worker::tally::Tally;
use backfleet_worker::{Desk, OnePlace, Origin, Outlet, Settlement, attempt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use md5::Digest as _;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

const FILE: &str = "data/a.json";
/// Longer than anything here takes that does not hang.
const LONG: Duration = Duration::from_secs(3000);

fn options(format: &str, keys: &[&str], sink: Sink) -> JobOptions {
    JobOptions {
        format: format.into(),
        compression: "none".into(),
        partition: String::new(),
        shard_bytes_max: 6_000_000,
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        table: Some(TableOptions { name: "t".into(), region: "r".into(), stream_arn: "arn".into() }),
        snapshot_micros: 1_768_385_930_622_000,
        view: "NEW_AND_OLD_IMAGES".into(),
        extra_fields: Vec::new(),
        include: Vec::new(),
        exclude: Vec::new(),
        document: "object".into(),
        document_records_max: 100,
        kinesis_precision: "millisecond".into(),
        upsert: "MODIFY".into(),
        schema: None,
        sink: Some(sink),
    }
}

/// A job of one file into a sink.
pub fn plan(lines: &[String], format: &str, keys: &[&str], sink: Sink) -> Plan {
    let file = file(lines);
    let part = ExportPart {
        export: "e".into(),
        notation: "DYNAMODB_JSON".into(),
        content: PartContent::Full,
        items: None,
        manifest: true,
    };
    let md5 = STANDARD.encode(md5::Md5::digest(&file));
    let unit = UnitPlan {
        part: 0,
        key: FILE.into(),
        bytes: file.len() as u64,
        items: Some(lines.len() as u64),
        md5: Some(md5),
    };
    let source = ExportSource { table_arn: None, parts: vec![part] };
    Plan::new("here".into(), Source::Export(source), options(format, keys, sink), vec![unit]).unwrap()
}

fn file(lines: &[String]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
}

/// One job of one unit, and its ports.
pub struct Rig {
    pub plan: Plan,
    pub layout: Layout,
    source: Arc<MemoryStore>,
    pub state: Arc<MemoryStore>,
    queue: Arc<MemoryQueue>,
    outlet: Outlet,
    pub refused_max: u64,
}

/// Puts an object that is not there yet.
pub async fn put(store: &dyn ObjectStore, key: ObjectKey, bytes: &[u8]) {
    let sha256 = Sha256Digest::of(bytes);
    let object = NewObject { key, bytes: Bytes::copy_from_slice(bytes), metadata: Metadata::new(), sha256 };
    assert_eq!(store.put_new(object).await.unwrap(), PutOutcome::Created);
}

impl Rig {
    /// A job over these lines, on the queue.
    pub async fn new(plan: Plan, lines: &[String], outlet: Outlet) -> Self {
        let rig = Self {
            layout: plan.layout().unwrap(),
            plan,
            source: Arc::new(MemoryStore::new()),
            state: Arc::new(MemoryStore::new()),
            queue: Arc::new(MemoryQueue::new(MemoryQueueConfig::default())),
            outlet,
            refused_max: 20,
        };
        put(&*rig.source, ObjectKey::new(FILE).unwrap(), &file(lines)).await;
        put(&*rig.state, plan_key(rig.plan.job), &rig.plan.to_json()).await;
        rig.send().await;
        rig
    }

    /// Sends the unit's message once more.
    pub async fn send(&self) {
        assert!(self.queue.send(&[Message::first(self.plan.job, 0).to_body()]).await.unwrap().is_empty());
    }

    /// A worker's desk over other ports, or without the sink.
    pub fn desk(&self, state: Arc<dyn ObjectStore>, outlet: Option<Outlet>) -> Desk {
        let places = OnePlace::new(Origin::Files(self.source.clone()), state).with_outlet(outlet);
        Desk::new(places, self.queue.clone(), Arc::new(Tally::default())).with_refused_max(self.refused_max)
    }

    /// The next delivery, once there is one.
    pub async fn receive(&self) -> Delivery {
        loop {
            let received_at = Instant::now();
            let held = self.queue.receive(1, Duration::from_secs(20)).await.unwrap().pop();
            if let Some(held) = held {
                let message = Message::parse(&held.body).unwrap();
                return Delivery { held, message, stop: CancellationToken::new(), received_at };
            }
        }
    }

    /// One attempt at the next delivery.
    pub async fn work(&self) -> Result<Settlement, AttemptError> {
        let desk = self.desk(self.state.clone(), Some(self.outlet.clone()));
        let delivery = self.receive().await;
        timeout(LONG, attempt(&desk, &delivery)).await.expect("nothing hangs")
    }

    /// What the unit became.
    pub async fn completion(&self) -> Option<Completion> {
        let json = self.state.get_small(&self.layout.completion(0), 1 << 20).await.unwrap()?;
        Some(Completion::parse(&json, self.plan.job, 0).unwrap())
    }

    /// The receipt in the place of this shard.
    pub async fn receipt(&self, shard: u32) -> Receipt {
        let name = ShardName { unit: 0, shard };
        let json = self.state.get_small(&self.layout.shard(name), 1 << 20).await.unwrap().unwrap();
        Receipt::parse(&json, self.plan.job, name).unwrap()
    }

    /// What lies in quarantine.
    pub async fn quarantine(&self) -> Vec<QuarantineLine> {
        let text = self.state.get_small(&self.layout.quarantine(0, 0), 1 << 20).await.unwrap();
        let text = text.unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }
}
