//! A table scanned by a fleet, while others write to it.

use std::time::Duration;

use backfleet_tests::fleet_table::{DEST, TableFleet, images};
use backfleet_tests::fleet_wait::pause;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Named so that a failure can be repeated.
const SEED: u64 = 20_261_123;
const STABLE: u64 = 50_000;
const KILLS: usize = 12;
const TABLE: &str = "dynamodb://orders";

fn item(pk: &str, sk: u64, text: &str) -> Value {
    json!({
        "pk": {"S": pk},
        "sk": {"N": sk.to_string()},
        "kind": {"S": format!("kind-{}", sk % 3)},
        "text": {"S": text},
        "n": {"N": "12345678901234567890123456789012345678"},
    })
}

fn stable(number: u64) -> Value {
    item(&format!("stable-{}", number / 7), number, &"x".repeat((number % 200) as usize))
}

#[test]
fn what_was_there_all_the_time_is_there_once_though_workers_die_and_others_write() {
    let fleet = TableFleet::new();
    fleet.queue().set("VisibilityTimeout", "2");
    fleet.queue().set_receives_max(1_000);
    fleet.put(&(0..STABLE).map(stable).collect::<Vec<_>>());
    // The emulator charges half a unit for any page: a page of a hundred items, some thirty times a second.
    let options = ["--segments", "100", "--lanes", "4", "--read-budget", "60", "--shard-bytes", "16KiB"];
    fleet.start(TABLE).words(&options).succeeds();
    let waiting = fleet.start(TABLE).words(&options).word("--wait").start();
    let mut workers = fleet.workers(3);
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let (mut kills, mut hits) = (0, 0);
    while fleet.complete_units() < 100 {
        for _ in 0..10 {
            let number = random.random_range(0..300);
            match random.random_range(0..3) {
                0 => fleet.delete("fleeting", number),
                _ => fleet.put(&[item("fleeting", number, &random.random_range(0..9_u32).to_string())]),
            }
        }
        pause(Duration::from_millis(random.random_range(20..400)));
        if kills < KILLS {
            let victim = random.random_range(0..workers.len());
            hits += usize::from(fleet.queue().in_flight() > 0);
            workers[victim].kill();
            workers[victim] = fleet.worker().start_ready();
            kills += 1;
        }
    }
    assert!(hits > KILLS / 2, "only {hits} of {kills} kills came while segments were in hand");
    waiting.outcome().says(&["proven: 100 segments"]);
    let images = fleet.images();
    for number in 0..STABLE {
        let wanted = stable(number);
        let key = (format!("stable-{}", number / 7), number);
        assert_eq!(images.get(&key), Some(&wanted), "{key:?}");
    }
    assert!(images.keys().filter(|(pk, _)| pk.starts_with("stable")).count() as u64 == STABLE);
    fleet.call(&["verify", "--dest", DEST]).succeeds();
}

#[test]
fn one_process_scans_tables_and_indexes_of_any_content() {
    let fleet = TableFleet::new();
    let dest = tempfile::tempdir().expect("a temporary folder");
    let run = |source: &str, name: &str| {
        let folder = dest.path().join(name);
        let place = folder.to_str().expect("a temporary folder has a plain name").to_owned();
        fleet.call(&["run", "--source", source, "--dest", &place, "--read-budget", "2000"]).succeeds();
        fleet.call(&["verify", "--dest", &place]).succeeds();
        images(&folder)
    };
    assert!(run(TABLE, "empty").is_empty());
    // Keys of 2,048 + 1,024 bytes have no room in an object's metadata; 400 KB is the largest item there is.
    let long_key = "k".repeat(2_048);
    let odd = [
        item(&long_key, 1, ""),
        item("big", 2, &"y".repeat(390_000)),
        item("ünï \"cödé\" \\ \u{1}", 3, "😀"),
    ];
    fleet.put(&odd[..1]);
    assert_eq!(run(TABLE, "one").into_values().collect::<Vec<_>>(), odd[..1]);
    fleet.put(&odd);
    fleet.put(&(10..400).map(stable).collect::<Vec<_>>());
    let table = run(TABLE, "table");
    assert_eq!(table.len(), 393);
    for item in &odd {
        assert!(table.values().any(|image| image == item));
    }
    assert_eq!(run("dynamodb://orders/index/by-kind", "index"), table, "its index projects everything");
}

#[test]
fn what_the_table_is_to_leave_out_is_left_out_and_counted() {
    let fleet = TableFleet::new();
    fleet.put(&(0..300).map(stable).collect::<Vec<_>>());
    let dest = tempfile::tempdir().expect("a temporary folder");
    let place = dest.path().to_str().expect("a temporary folder has a plain name");
    let run = |words: &[&str]| {
        fleet.call(&["run", "--source", TABLE, "--dest", place, "--segments", "3"]).words(words)
    };
    let names = ["--expression-names", r##"{"#k":"kind"}"##];
    let filter = ["--filter", "#k = :k", "--projection", "#k"];
    run(&[&names[..], &filter].concat()).ends_with(2).explains(&["these expressions", "--expression-values"]);
    run(&[&filter[..], &["--expression-values", "[]"]].concat()).ends_with(2).explains(&["no JSON object"]);
    let values = ["--expression-values", r#"{":k":{"S":"kind-1"}}"#];
    let all = [&names[..], &filter, &values].concat();
    run(&all).succeeds().says(&["100 records and 200 left out by the filter"]);
    let images = images(dest.path());
    assert_eq!(images.len(), 100);
    for ((pk, sk), image) in images {
        let wanted = json!({"pk": {"S": pk}, "sk": {"N": sk.to_string()}, "kind": {"S": "kind-1"}});
        assert_eq!(image, wanted);
    }
    // Other words are another scan.
    let names = [&filter[..], &names, &["--expression-values", r#"{":k":{"S":"kind-2"}}"#]].concat();
    run(&names).succeeds().says(&["100 records and 200 left out by the filter"]);
}

#[test]
fn a_scan_that_was_interrupted_goes_on_and_an_operator_may_change_its_pace() {
    let fleet = TableFleet::new();
    fleet.put(&(0..300).map(stable).collect::<Vec<_>>());
    let options = ["--segments", "40", "--lanes", "2", "--read-budget", "1"];
    fleet.start(TABLE).words(&options).succeeds().says(&["40 units, 2 of them put on the queue"]);
    fleet.call(&["pause", "--dest", DEST]).succeeds().says(&["paused"]);
    let mut workers = fleet.workers(2);
    pause(Duration::from_secs(2));
    assert_eq!(fleet.complete_units(), 0, "a worker that comes while a job is paused reads nothing");
    fleet.call(&["rate", "5000", "--dest", DEST]).succeeds().says(&["5,000", "paused"]);
    for worker in &mut workers {
        worker.signal("TERM");
        assert_eq!(worker.code_within(Duration::from_secs(30)), Some(0), "{}", worker.log());
    }
    fleet.call(&["unpause", "--dest", DEST]).succeeds();
    let _workers = fleet.workers(2);
    fleet.start(TABLE).words(&options[..4]).word("--wait").succeeds().says(&["proven: 40 segments"]);
    assert_eq!(fleet.images().len(), 300);
    // Asked for again, it is the same job, and done.
    fleet
        .start(TABLE)
        .words(&options[..4])
        .word("--wait")
        .succeeds()
        .says(&["proven again, nothing written"]);
}

#[test]
fn a_worker_scans_no_table_but_those_it_may() {
    let fleet = TableFleet::new();
    fleet.put(&[stable(1)]);
    let options = ["--segments", "1", "--lanes", "1"];
    fleet.start("dynamodb://orders").words(&options).succeeds();
    let mut stranger = fleet.worker_of("dynamodb://another").start_ready();
    backfleet_tests::fleet_wait::until("it was refused", || stranger.log().contains("foreign-source"));
    stranger.kill();
    assert_eq!(fleet.complete_units(), 0);
}

#[test]
fn what_cannot_be_scanned_is_said_before_anything_is_written() {
    let fleet = TableFleet::new();
    let plan = |words: &[&str]| fleet.call(&["plan"]).words(words);
    plan(&["--source", "dynamodb://nothing"]).ends_with(3).explains(&["dynamodb://nothing", "spelled right"]);
    plan(&["--source", "dynamodb://orders/index/none"]).ends_with(3).explains(&["no index of that name"]);
    plan(&["--source", TABLE, "--read-percent", "50"]).ends_with(2).explains(&["--read-budget"]);
    plan(&["--source", TABLE]).succeeds().says(&[
        "250 units a second",
        "--read-budget sets it",
        "scan, paid by the request",
        "export and conversion",
        "live stream",
        "nothing was written",
    ]);
    plan(&["--source", TABLE, "--max-duration", "1s"]).ends_with(2).explains(&["--max-duration"]);
    plan(&["--source", TABLE, "--prices", "nowhere.json"]).ends_with(2).explains(&["nowhere.json"]);
    assert!(fleet.keys().is_empty());
    let doctor = |source: &str| fleet.call(&["doctor", "--source", source]);
    doctor(TABLE).ends_with(1).says(&[
        "good  source dynamodb://orders: description",
        "good  source dynamodb://orders: scan",
        "weak  source dynamodb://orders: point-in-time recovery",
        "--enable-pitr",
    ]);
    doctor("dynamodb://nothing").ends_with(1).says(&["dynamodb:DescribeTable"]);
}
