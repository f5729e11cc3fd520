//! A job of a fleet whose every request goes through the proxy.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use backfleet_tests::export::Export;
use backfleet_tests::fleet::{DEST, Fleet, SOURCE, assert_same, create_queues};
use backfleet_tests::fleet_wait::{holds_within, until};
use backfleet_tests::fleet_worker::{Worker, WorkerCall};
use backfleet_tests::handmade::{DataFile, export, item};
use backfleet_tests::process::Call;
use backfleet_tests::proxy::{Ledger, Proxy, Schedule};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Units of the job.
pub const UNITS: usize = 12;
/// The unit whose file is too large to be held in memory, and is read twice instead.
pub const LARGE_UNIT: usize = 11;
/// Its file.
pub const LARGE: &str = "f11.json.gz";
/// The flags of the job: small shards, so that some units have several.
const OPTIONS: &[&str] = &["--shard-bytes", "512KiB"];
/// How long a received message stays hidden. A little more than a long poll, since a lease counts from before it;
/// and little, since that is how long a message is away whose receipt got lost.
const WINDOW: &str = "24";
/// No job of these tests takes nearly as long.
const PATIENCE: Duration = Duration::from_secs(150);

/// A job, its workers' world, and what stands in between.
pub struct Wire {
    pub fleet: Fleet,
    pub proxy: Proxy,
    queue: String,
    dlq: String,
}

impl Wire {
    /// Everything in place, nothing running, no faults yet.
    pub fn new() -> Self {
        let fleet = Fleet::over(handmade()).with(OPTIONS);
        let (queue, dlq) = create_queues(&fleet.cloud, "work");
        fleet.queue().set("VisibilityTimeout", WINDOW);
        let proxy = Proxy::start(fleet.cloud.address()).expect("the proxy starts");
        Self { fleet, proxy, queue, dlq }
    }

    /// `backfleet <words>` through the proxy.
    pub fn call(&self, words: &[&str]) -> Call {
        let call = Call::new(words[0]).words(&words[1..]);
        call.flag("--endpoint-url", self.proxy.endpoint()).word("--emulated")
    }

    /// `backfleet start`.
    pub fn start(&self) -> Call {
        self.job(self.queue_call(&["start"]).flag("--dlq", &self.dlq))
    }

    /// `backfleet <words>` about the work queue; that of the dead letters is found out, not given.
    pub fn queue_call(&self, words: &[&str]) -> Call {
        self.call(words).flag("--queue", &self.queue)
    }

    /// `backfleet run`, from bucket to bucket in one process.
    pub fn run(&self) -> Call {
        self.job(self.call(&["run", "--workers", "2"]))
    }

    /// `backfleet dlq replay`.
    pub fn replay(&self) -> Call {
        self.queue_call(&["dlq", "replay"]).flag("--dest", DEST)
    }

    /// Reasons of the dead letters.
    pub fn reasons(&self) -> Vec<String> {
        let reason = |letter: &serde_json::Value| letter["reason"].as_str().map(str::to_owned);
        self.fleet.letters().iter().filter_map(reason).collect()
    }

    /// A worker, its units at the same time given.
    pub fn worker(&self, concurrency: &str) -> WorkerCall {
        WorkerCall::new()
            .flag("--endpoint-url", &self.proxy.endpoint())
            .word("--emulated")
            .flag("--queue", &self.queue)
            .flag("--allow-source", SOURCE)
            .flag("--allow-dest", DEST)
            .flag("--concurrency", concurrency)
    }

    /// Two workers that take work.
    pub fn workers(&self) -> [Worker; 2] {
        [(); 2].map(|()| self.worker("1").start_ready())
    }

    /// Does the whole job under `schedule`: hand over, convert, finish, prove. Passing faults put nothing aside.
    #[track_caller]
    pub fn survives(&self, schedule: Schedule) -> Ledger {
        let workers = self.workers();
        self.proxy.set(schedule);
        self.start().succeeds();
        self.completes();
        drop(workers);
        self.call(&["finish"]).flag("--dest", DEST).succeeds();
        self.call(&["verify"]).flag("--dest", DEST).succeeds();
        self.assert_as_local();
        let ledger = self.proxy.ledger();
        println!("{}", ledger.summary());
        ledger
    }

    /// Waits until every unit is complete.
    #[track_caller]
    pub fn completes(&self) {
        let done = || self.fleet.complete_units() == UNITS || self.dead() > 0;
        let in_time = holds_within(PATIENCE, done);
        assert_eq!(self.dead(), 0, "put aside: {:?}", self.reasons());
        let (complete, summary) = (self.fleet.complete_units(), self.proxy.ledger().summary());
        assert!(in_time, "only {complete} units were completed; {summary}");
    }

    /// Waits until so many messages are dead letters.
    #[track_caller]
    pub fn until_dead(&self, count: usize) {
        until("units were put aside", || self.dead() == count);
    }

    fn dead(&self) -> usize {
        self.fleet.dlq().visible()
    }

    /// The promise, looked at without the proxy.
    #[track_caller]
    pub fn assert_as_local(&self) {
        assert_same(&self.fleet.visible(), self.local());
        assert_eq!(self.proxy.ledger().unguarded, Vec::<String>::new(), "uploads that S3 could not check");
        self.fleet.verify().succeeds();
    }

    /// No shard of the destination is other than in an undisturbed run, though some may be missing.
    #[track_caller]
    pub fn assert_no_wrong_shard(&self) {
        let mut found = self.fleet.visible();
        found.retain(|key, _| key.contains("/part-"));
        for (key, digest) in found {
            assert_eq!(self.local().get(&key), Some(&digest), "{key} is visible and wrong");
        }
    }

    /// What an undisturbed run leaves; the same for every test.
    pub fn local(&self) -> &'static BTreeMap<String, String> {
        static LOCAL: OnceLock<BTreeMap<String, String>> = OnceLock::new();
        LOCAL.get_or_init(|| self.fleet.visible_locally(&[&[]]))
    }

    /// The key of a data file in the source bucket.
    pub fn data_key(&self, name: &str) -> String {
        let folder = self.fleet.export.folder().strip_prefix(self.fleet.export.place());
        format!("{}/data/{name}", folder.expect("an export lies in its place").display())
    }

    fn job(&self, call: Call) -> Call {
        let call = call.flag("--source", SOURCE).flag("--dest", DEST).flag("--keys", "pk,sk");
        call.words(OPTIONS)
    }
}

/// The name of a unit's file.
pub fn file(unit: usize) -> String {
    format!("f{unit:02}.json.gz")
}

/// Seven small files, four of several shards, and a large one; always the same.
fn handmade() -> Export {
    let names: Vec<String> = (0..UNITS).map(file).collect();
    let lines_of = |unit: usize| match unit {
        LARGE_UNIT => 6000,
        7..=10 => 1000,
        _ => 60,
    };
    let filled =
        |(unit, name)| DataFile::of_lines(name, (0..lines_of(unit)).map(|line| random_item(unit, line)));
    export(&names.iter().map(String::as_str).enumerate().map(filled).collect::<Vec<_>>())
}

/// An item that hardly compresses, so that a file of a few thousand is large.
fn random_item(unit: usize, line: usize) -> String {
    let mut bytes = [0; 768];
    ChaCha8Rng::seed_from_u64((unit * 100_000 + line) as u64).fill(&mut bytes);
    let rest = format!(r#""sk":{{"N":"{line}"}},"payload":{{"S":"{}"}}"#, STANDARD.encode(bytes));
    item(&format!("unit-{unit}"), &rest)
}
