//! A fleet over an emulator: an export in one bucket, a destination in another, a pair of queues between.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::destination::{Destination, tree};
use crate::export::Export;
use crate::fleet_cloud::{Cloud, Queue};
use crate::fleet_worker::{Worker, WorkerCall};
use crate::process::Call;
use crate::proxy::{Fault, Filter, Kind, Often, Proxy, Schedule};

/// The bucket of the source.
pub const SOURCE_BUCKET: &str = "exports";
/// The bucket of the destination.
pub const DEST_BUCKET: &str = "lake";
/// The prefix of the destination in its bucket.
pub const DEST_PREFIX: &str = "orders";
/// What is given as `--source`.
pub const SOURCE: &str = "s3://exports";
/// What is given as `--dest`.
pub const DEST: &str = "s3://lake/orders";
/// Of every synthetic export.
const KEYS: &str = "pk,sk";

/// Everything a job of a fleet needs, and nothing running.
#[derive(Debug)]
pub struct Fleet {
    /// Where it all lies.
    pub cloud: Cloud,
    /// What is in the source bucket, as files.
    pub export: Export,
    queue: String,
    dlq: String,
    pairs: u32,
    options: Vec<&'static str>,
    slowly: Option<Proxy>,
}

impl Fleet {
    /// Puts an export into a bucket and makes a pair of queues, as a person would: with `doctor --create-queues`.
    pub fn over(export: Export) -> Self {
        let cloud = Cloud::start();
        cloud.create_bucket(SOURCE_BUCKET);
        cloud.create_bucket(DEST_BUCKET);
        cloud.upload(&export.place(), SOURCE_BUCKET);
        let (queue, dlq) = create_queues(&cloud, "work");
        Self { cloud, export, queue, dlq, pairs: 1, options: Vec::new(), slowly: None }
    }

    /// Goes on with another pair of queues, empty and polled by nobody.
    pub fn renew_queues(&mut self) {
        self.pairs += 1;
        (self.queue, self.dlq) = create_queues(&self.cloud, &format!("work-{}", self.pairs));
    }

    /// The same with these options of the job, for the fleet and for the local run alike.
    #[must_use]
    pub fn with(mut self, options: &[&'static str]) -> Self {
        self.options = options.to_vec();
        self
    }

    /// The same with every other put of a shard held up for a second or so: for tests that must meet workers in the middle of a
    /// unit, however fast the machine is.
    #[must_use]
    pub fn slowed(mut self) -> Self {
        let proxy = Proxy::start(self.cloud.address()).expect("the proxy starts");
        let shards = Filter::of(&[Kind::Put]).within("/part-");
        proxy.set(Schedule::seeded(0).with(&[Fault::Delay], shards, Often::Share(0.5)));
        self.slowly = Some(proxy);
        self
    }

    /// No put is held up any more.
    pub fn hurry(&self) {
        if let Some(proxy) = &self.slowly {
            proxy.calm();
        }
    }

    /// What `--queue` takes.
    pub fn queue_url(&self) -> &str {
        &self.queue
    }

    /// The work queue.
    pub fn queue(&self) -> Queue<'_> {
        self.cloud.queue(&self.queue)
    }

    /// The queue of the dead letters.
    pub fn dlq(&self) -> Queue<'_> {
        self.cloud.queue(&self.dlq)
    }

    /// `backfleet <words>`, against the emulator.
    pub fn call(&self, words: &[&str]) -> Call {
        Call::new(words[0])
            .words(&words[1..])
            .flag("--endpoint-url", self.cloud.endpoint())
            .word("--emulated")
    }

    /// The same about the work queue.
    pub fn queue_call(&self, words: &[&str]) -> Call {
        self.call(words).flag("--queue", &self.queue)
    }

    /// `backfleet start` of the job.
    pub fn start(&self) -> Call {
        self.start_from(SOURCE)
    }

    /// `backfleet start` of the job over another place.
    pub fn start_from(&self, source: &str) -> Call {
        self.job(self.queue_call(&["start"]), source, DEST)
    }

    /// `backfleet run` of the job between places of any kind.
    pub fn run(&self, source: &str, dest: &str) -> Call {
        self.job(self.call(&["run"]), source, dest)
    }

    /// `backfleet verify` of the destination.
    pub fn verify(&self) -> Call {
        self.call(&["verify"]).flag("--dest", DEST)
    }

    /// `backfleet status` of the destination.
    pub fn status(&self) -> Call {
        self.queue_call(&["status"]).flag("--dest", DEST)
    }

    /// `backfleet resume` of the destination.
    pub fn resume(&self) -> Call {
        self.queue_call(&["resume"]).flag("--dest", DEST)
    }

    /// `backfleet finish` of the destination.
    pub fn finish(&self) -> Call {
        self.call(&["finish"]).flag("--dest", DEST)
    }

    /// `backfleet dlq replay` of letters of jobs in the destination.
    pub fn replay(&self) -> Call {
        self.queue_call(&["dlq", "replay"]).flag("--dest", DEST)
    }

    /// A worker that may do this job.
    pub fn worker(&self) -> WorkerCall {
        self.worker_allowed(SOURCE, DEST)
    }

    /// A worker that may read and write there, and nowhere else.
    pub fn worker_allowed(&self, source: &str, dest: &str) -> WorkerCall {
        let endpoint = self.slowly.as_ref().map_or_else(|| self.cloud.endpoint(), Proxy::endpoint);
        WorkerCall::new()
            .flag("--endpoint-url", &endpoint)
            .word("--emulated")
            .flag("--queue", &self.queue)
            .flag("--allow-source", source)
            .flag("--allow-dest", dest)
            .flag("--metrics-addr", "127.0.0.1:0")
            .flag("--concurrency", "1")
    }

    /// Workers that take work.
    pub fn workers(&self, count: usize) -> Vec<Worker> {
        (0..count).map(|_| self.worker().start_ready()).collect()
    }

    /// Id of the one job in the destination, once its plan is there.
    pub fn job_id(&self) -> Option<String> {
        let plan =
            |key: &String| key.split('/').nth(2).filter(|_| key.ends_with("/plan.json")).map(str::to_owned);
        self.dest_keys().iter().find_map(plan)
    }

    /// Every key of the destination.
    pub fn dest_keys(&self) -> Vec<String> {
        self.cloud.keys(DEST_BUCKET, DEST_PREFIX)
    }

    /// Units that have a completion.
    pub fn complete_units(&self) -> usize {
        self.dest_keys().iter().filter(|key| key.contains("/completions/")).count()
    }

    /// Shards that readers would see.
    pub fn shards(&self) -> usize {
        self.dest_keys().iter().filter(|key| key.contains("/part-")).count()
    }

    /// The body of a message as the product sends it.
    pub fn message(&self, unit: u32) -> String {
        let job = self.job_id().expect("a job was planned");
        format!(r#"{{"v":1,"job":"{job}","unit":{unit},"slice":0,"progress":0}}"#)
    }

    /// `dlq list --json`.
    #[track_caller]
    pub fn letters(&self) -> Vec<Value> {
        let listed = self.queue_call(&["dlq", "list"]).word("--json").succeeds().json();
        listed["letters"].as_array().expect("a list of letters").clone()
    }

    /// The destination as anybody sees it, without the plans: path to digest.
    pub fn visible(&self) -> BTreeMap<String, String> {
        let copy = tempfile::tempdir().expect("a temporary folder");
        self.cloud.download(DEST_BUCKET, DEST_PREFIX, copy.path());
        comparable(copy.path())
    }

    /// What the same jobs leave in a folder when one process does them undisturbed; further options after a job's own.
    pub fn visible_locally(&self, jobs: &[&[&str]]) -> BTreeMap<String, String> {
        let dest = tempfile::tempdir().expect("a temporary folder");
        let source = self.export.place();
        for further in jobs {
            let source = source.to_str().expect("a temporary folder has a plain name");
            self.run(source, dest.path().to_str().expect("as above")).words(further).succeeds();
        }
        comparable(dest.path())
    }

    /// The promise: whatever happened, the destination holds what an undisturbed run in one process leaves, byte
    /// for byte, and can be proven.
    #[track_caller]
    pub fn assert_as_local(&self) {
        assert_same(&self.visible(), &self.visible_locally(&[&[]]));
        self.verify().succeeds();
    }

    /// The page that the job keeps.
    pub fn page(&self) -> String {
        let key =
            self.dest_keys().into_iter().find(|key| key.ends_with("/report.html")).expect("a page is kept");
        String::from_utf8(self.cloud.get(DEST_BUCKET, &key)).expect("a page is text")
    }

    /// The destination as a folder, to look into.
    pub fn downloaded(&self, folder: &Path) -> Destination {
        self.cloud.download(DEST_BUCKET, DEST_PREFIX, folder);
        Destination::at(folder)
    }

    fn job(&self, call: Call, source: &str, dest: &str) -> Call {
        let call = call.flag("--source", source).flag("--dest", dest).flag("--keys", KEYS);
        call.words(&self.options)
    }
}

/// Makes the queues `name` and `name-dlq`; gives their URLs.
pub fn create_queues(cloud: &Cloud, name: &str) -> (String, String) {
    let endpoint = cloud.endpoint();
    let made = Call::new("doctor")
        .words(&["--create-queues", name, "--json", "--emulated", "--endpoint-url", &endpoint])
        .succeeds()
        .json();
    let queue = made["queue"].as_str().expect("doctor names the queue it made").to_owned();
    let dlq = format!("{queue}-dlq");
    (queue, dlq)
}

/// Differences first: of thousands of objects, nobody finds the one that differs.
#[track_caller]
pub fn assert_same(found: &BTreeMap<String, String>, expected: &BTreeMap<String, String>) {
    let lacking = expected.keys().filter(|key| !found.contains_key(*key)).collect::<Vec<_>>();
    let surplus = found.keys().filter(|key| !expected.contains_key(*key)).collect::<Vec<_>>();
    let differing =
        found.iter().filter(|(key, digest)| expected.get(*key).is_some_and(|other| other != *digest));
    let differing = differing.map(|(key, _)| key).collect::<Vec<_>>();
    assert!(
        lacking.is_empty() && surplus.is_empty() && differing.is_empty(),
        "not what a local run leaves: lacking {lacking:?}, surplus {surplus:?}, differing {differing:?}"
    );
}

/// A plan says where its source is, and is sealed over that: the only object that may differ.
fn comparable(folder: &Path) -> BTreeMap<String, String> {
    let mut objects = tree(folder);
    objects.retain(|name, _| !name.ends_with("/plan.json"));
    objects
}
