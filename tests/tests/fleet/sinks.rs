//! A live pipeline's own function is handed the history, by one process and by a fleet.

use std::collections::BTreeSet;

use backfleet_tests::binary::backfleet;
use backfleet_tests::destination::Destination;
use backfleet_tests::export::{Export, Synth};
use backfleet_tests::fleet::{Fleet, SOURCE};
use backfleet_tests::fleet_function::Function;
use backfleet_tests::fleet_worker::WorkerCall;
use backfleet_tests::handmade::{DataFile, export, item};
use backfleet_tests::process::Call;
use serde_json::Value;

const FUNCTION: &str = "lambda://to-lake";
const STATE: &str = "s3://lake/state";

/// Ten items in each of two files.
fn small() -> Export {
    let lines = |file: usize| (0..10).map(move |n| item(&format!("{file}-{n}"), ""));
    export(&[DataFile::of_lines("a", lines(0)), DataFile::of_lines("b", lines(1))])
}

fn hand(fleet: &Fleet, words: &[&str]) -> Call {
    fleet
        .call(&["run", "--keys", "pk", "--dest", FUNCTION, "--state", STATE, "--envelope-records", "4"])
        .flag("--source", SOURCE)
        .words(words)
}

fn keys(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["dynamodb"]["Keys"]["pk"]["S"].as_str().expect("a key")).collect()
}

#[test]
fn a_function_is_handed_every_record_that_the_stream_format_has_and_the_state_proves_it() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(500, 3)));
    let function = Function::create(&fleet.cloud, "to-lake", &[], &[]);
    let call = || {
        fleet
            .call(&["run", "--keys", "pk,sk", "--source", SOURCE, "--dest", FUNCTION, "--state", STATE])
            .flag("--envelope-records", "50")
    };
    call().succeeds().says(&[
        "500 records in as the export promises",
        "500 taken by lambda://to-lake",
        "at least once",
    ]);
    let folder = fleet.export.dest("stream");
    Call::new("run")
        .flag("--source", fleet.export.place())
        .flag("--dest", &folder)
        .words(&["--keys", "pk,sk"])
        .succeeds();
    let by_id = |records: Vec<Value>| -> BTreeSet<String> { records.iter().map(Value::to_string).collect() };
    assert_eq!(by_id(function.kept()), by_id(Destination::at(&folder).records()));
    assert!(function.times().values().all(|times| *times == 1));

    call().succeeds().says(&["proven again, nothing written"]);
    assert_eq!(function.kept().len(), 500, "nothing is handed over twice");
    fleet.call(&["verify", "--dest", STATE]).succeeds().says(&[
        "proven",
        "500 taken by lambda://to-lake",
        "receipts",
    ]);
    fleet.call(&["status", "--dest", STATE]).succeeds().says(&["committed"]);
    let report = fleet.export.dest("report.html");
    fleet.call(&["report", "--dest", STATE]).flag("--to", &report).succeeds();
    assert!(std::fs::read_to_string(&report).unwrap().contains("records handed over"));
    fleet
        .call(&["handoff", "--job", STATE, "--live", "s3://lake/live"])
        .ends_with(2)
        .explains(&["went into lambda://to-lake", "live pipeline"]);
    fleet
        .call(&["parity", "--job", STATE, "--live", "s3://lake/live"])
        .ends_with(2)
        .explains(&["went into lambda://to-lake"]);
}

#[test]
fn records_that_the_function_refuses_go_to_quarantine_and_can_be_handed_over_once_it_is_mended() {
    let fleet = Fleet::over(small());
    let function = Function::create(&fleet.cloud, "to-lake", &["0-3"], &["1-8"]);
    hand(&fleet, &[]).ends_with(5).explains(&["2 records in quarantine", "quarantine list", STATE]);
    let list = fleet.call(&["quarantine", "list", "--dest", STATE]).succeeds();
    list.says(&["function-fails", "function-reports"]);
    let kept = function.kept();
    let kept: BTreeSet<&str> = keys(&kept).into_iter().collect();
    assert_eq!(kept.len(), 18);
    assert!(!kept.contains("0-3") && !kept.contains("1-8"));
    hand(&fleet, &["--max-quarantine", "2"])
        .succeeds()
        .says(&["18 taken by lambda://to-lake", "2 quarantined"]);

    let mended = Function::create_over(&fleet.cloud, "to-lake");
    fleet.call(&["quarantine", "replay", "--dest", STATE]).succeeds().says(&["2 taken by lambda://to-lake"]);
    let handed = mended.kept();
    assert_eq!(keys(&handed).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(["0-3", "1-8"]));
}

#[test]
fn a_function_that_fails_with_everything_puts_units_aside_with_the_reason() {
    let fleet = Fleet::over(small());
    let poison: Vec<String> = (0..2).flat_map(|file| (0..10).map(move |n| format!("{file}-{n}"))).collect();
    let poison: Vec<&str> = poison.iter().map(String::as_str).collect();
    let _function = Function::create(&fleet.cloud, "to-lake", &poison, &[]);
    let ended = hand(&fleet, &["--max-refused", "1"]).ends_with(4);
    ended.explains(&[
        "2 of 2 files could not be done",
        "sink-refuses",
        "lambda://to-lake",
        "mend lambda://to-lake",
    ]);
    let _mended = Function::create_over(&fleet.cloud, "to-lake");
    hand(&fleet, &[]).succeeds().says(&["20 taken by lambda://to-lake"]);
}

#[test]
fn a_fleet_hands_over_only_what_its_workers_are_allowed() {
    let fleet = Fleet::over(small());
    let function = Function::create(&fleet.cloud, "to-lake", &[], &[]);
    let start = || {
        fleet
            .queue_call(&["start", "--keys", "pk", "--source", SOURCE, "--dest", FUNCTION, "--state", STATE])
            .words(&["--wait", "--envelope-records", "4"])
    };
    let worker = |sinks: &[&str]| {
        let mut call = WorkerCall::new()
            .flag("--endpoint-url", &fleet.cloud.endpoint())
            .word("--emulated")
            .flag("--queue", fleet.queue_url())
            .flag("--allow-source", SOURCE)
            .flag("--allow-dest", STATE)
            .flag("--invoke-concurrency", "2");
        for sink in sinks {
            call = call.flag("--allow-dest", sink);
        }
        call.start_ready()
    };
    let other = worker(&["lambda://another"]);
    start().ends_with(4).explains(&["foreign-sink", "lambda://to-lake"]);
    assert!(function.kept().is_empty());
    drop(other);
    let _ours = worker(&["lambda://to-lake"]);
    fleet.queue_call(&["dlq", "replay", "--dest", STATE]).succeeds();
    start().succeeds().says(&["20 taken by lambda://to-lake"]);
    assert_eq!(function.times().len(), 20);
}

#[test]
fn a_sink_that_lacks_something_is_refused_with_its_cure() {
    let _built = backfleet();
    let fleet = Fleet::over(small());
    let run = |words: &[&str]| fleet.call(&["run", "--keys", "pk"]).words(words);
    run(&["--source", SOURCE, "--dest", FUNCTION]).ends_with(2).explains(&["--state", "plan and receipts"]);
    run(&["--source", SOURCE, "--dest", "s3://lake/x", "--state", STATE])
        .ends_with(2)
        .explains(&["--state does not go with"]);
    let to =
        |words: &[&str]| run(&[&["--source", SOURCE, "--dest", FUNCTION, "--state", STATE], words].concat());
    to(&["--format", "stream"]).ends_with(2).explains(&["lambda-event", "not as stream"]);
    to(&["--max-cost", "3"]).ends_with(2).explains(&["no file of prices"]);
    run(&["--source", "dynamodb://orders", "--dest", FUNCTION, "--state", STATE])
        .ends_with(2)
        .explains(&["a scan cannot be put into lambda://to-lake", "--export-first"]);
    fleet.call(&["verify", "--dest", FUNCTION]).ends_with(2).explains(&["holds no objects", "--state"]);
    // There is no such function: an error that says so, and nothing is left half done.
    to(&[]).ends_with(4).explains(&["lambda://to-lake", "ResourceNotFoundException"]);
}
