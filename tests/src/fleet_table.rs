//! A table on the emulator, a destination, a pair of queues: a fleet that scans.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::destination::Destination;
use crate::fleet::create_queues;
use crate::fleet_cloud::{Cloud, Queue};
use crate::fleet_worker::{Worker, WorkerCall};
use crate::process::Call;

const TABLE: &str = "orders";
const BUCKET: &str = "lake";
/// Writes of one BatchWriteItem.
const BATCH: usize = 25;

/// What is given as `--dest`.
pub const DEST: &str = "s3://lake/orders";

/// Everything a scan of a fleet needs, and nothing running.
#[derive(Debug)]
pub struct TableFleet {
    /// Where it all lies.
    pub cloud: Cloud,
    queue: String,
}

impl TableFleet {
    /// An empty table with the keys `pk` (text) and `sk` (number), and an index `by-kind` over the attribute `kind`.
    pub fn new() -> Self {
        let cloud = Cloud::start();
        cloud.create_bucket(BUCKET);
        let (queue, _) = create_queues(&cloud, "work");
        let attribute = |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
        let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        cloud.dynamodb(
            "CreateTable",
            &json!({
                "TableName": TABLE,
                "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
                "AttributeDefinitions": [attribute("pk", "S"), attribute("sk", "N"), attribute("kind", "S")],
                "BillingMode": "PAY_PER_REQUEST",
                "GlobalSecondaryIndexes": [{
                    "IndexName": "by-kind",
                    "KeySchema": [key("kind", "HASH")],
                    "Projection": {"ProjectionType": "ALL"},
                }],
            }),
        );
        Self { cloud, queue }
    }

    /// Puts items, each in place of the one of the same key.
    pub fn put(&self, items: &[Value]) {
        for batch in items.chunks(BATCH) {
            let puts: Vec<Value> = batch.iter().map(|item| json!({"PutRequest": {"Item": item}})).collect();
            self.cloud.dynamodb("BatchWriteItem", &json!({"RequestItems": {TABLE: puts}}));
        }
    }

    /// Deletes an item, if it is there.
    pub fn delete(&self, pk: &str, sk: u64) {
        let key = json!({"pk": {"S": pk}, "sk": {"N": sk.to_string()}});
        self.cloud.dynamodb("DeleteItem", &json!({"TableName": TABLE, "Key": key}));
    }

    /// `backfleet <words>` against the emulator.
    pub fn call(&self, words: &[&str]) -> Call {
        Call::new(words[0])
            .words(&words[1..])
            .flag("--endpoint-url", self.cloud.endpoint())
            .word("--emulated")
    }

    /// `backfleet start` of a scan of `source`.
    pub fn start(&self, source: &str) -> Call {
        let call = self.call(&["start"]).flag("--queue", &self.queue);
        call.flag("--source", source).flag("--dest", DEST)
    }

    /// The work queue.
    pub fn queue(&self) -> Queue<'_> {
        self.cloud.queue(&self.queue)
    }

    /// A worker that may do this.
    pub fn worker(&self) -> WorkerCall {
        self.worker_of(&format!("dynamodb://{TABLE}"))
    }

    /// A worker that may read there, and nowhere else.
    pub fn worker_of(&self, source: &str) -> WorkerCall {
        WorkerCall::new()
            .flag("--endpoint-url", &self.cloud.endpoint())
            .word("--emulated")
            .flag("--queue", &self.queue)
            .flag("--allow-source", source)
            .flag("--allow-dest", DEST)
            .flag("--concurrency", "2")
    }

    /// Workers that take work.
    pub fn workers(&self, count: usize) -> Vec<Worker> {
        (0..count).map(|_| self.worker().start_ready()).collect()
    }

    /// Units that have a completion.
    pub fn complete_units(&self) -> usize {
        self.keys().iter().filter(|key| key.contains("/completions/")).count()
    }

    /// Every key of the destination.
    pub fn keys(&self) -> Vec<String> {
        self.cloud.keys(BUCKET, "orders")
    }

    /// The new images of all records, by their keys; every key once.
    #[track_caller]
    pub fn images(&self) -> BTreeMap<(String, u64), Value> {
        let copy = tempfile::tempdir().expect("a temporary folder");
        self.cloud.download(BUCKET, "orders", copy.path());
        images(copy.path())
    }
}

impl Default for TableFleet {
    fn default() -> Self {
        Self::new()
    }
}

/// The new images of all records in a folder, by their keys; every key once.
#[track_caller]
pub fn images(folder: &Path) -> BTreeMap<(String, u64), Value> {
    let mut images = BTreeMap::new();
    for mut record in Destination::at(folder).records() {
        let image = record["dynamodb"]["NewImage"].take();
        let keys = &record["dynamodb"]["Keys"];
        let text = |name: &str, kind: &str| keys[name][kind].as_str().expect("a key").to_owned();
        let key = (text("pk", "S"), text("sk", "N").parse().expect("a number"));
        assert_eq!(images.insert(key.clone(), image), None, "{key:?} is there twice");
    }
    images
}
