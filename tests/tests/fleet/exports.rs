//! A table that is exported by DynamoDB before it is converted. The emulator starts exports and says that they are done,
//! and writes nothing: what they hold is written here.

use backfleet_tests::export::{Export, Synth};
use backfleet_tests::fleet_table::{DEST, TableFleet};
use backfleet_tests::process::Outcome;
use serde_json::Value;

const TABLE: &str = "dynamodb://orders";
const EXPORTS: &str = "s3://exports";

fn fleet() -> TableFleet {
    let fleet = TableFleet::new();
    fleet.cloud.create_bucket("exports");
    fleet
}

fn export(fleet: &TableFleet, words: &[&str]) -> Outcome {
    fleet.call(&["export", "--table", "orders", "--to", EXPORTS, "--json"]).words(words).succeeds()
}

fn told(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).expect("one JSON document")
}

fn arn(outcome: &Outcome) -> String {
    told(outcome)["export_arn"].as_str().expect("an ARN").to_owned()
}

/// What DynamoDB would have written for the export of this ARN.
fn write(fleet: &TableFleet, arn: &str) -> Export {
    let id = arn.rsplit_once('/').expect("an ARN ends with the id").1;
    let export = Export::synthetic(Synth::telemetry(500, 4));
    let data = tempfile::tempdir().expect("a temporary folder");
    backfleet_tests::export::copy_tree(export.folder(), &data.path().join("AWSDynamoDB").join(id));
    fleet.cloud.upload(data.path(), "exports");
    export
}

#[test]
fn an_export_is_started_once_and_its_place_is_told() {
    let fleet = fleet();
    let call = |words: &[&str]| fleet.call(&["export", "--table", "orders", "--to", EXPORTS]).words(words);
    call(&[]).ends_with(3).explains(&["point-in-time recovery", "is off", "--enable-pitr"]);
    assert!(fleet.cloud.keys("exports", "").is_empty(), "nothing was written for an export that cannot be");
    call(&["--enable-pitr"]).succeeds().says(&["was started", "--wait"]);
    let first = export(&fleet, &["--wait"]);
    let place = format!("s3://exports/AWSDynamoDB/{}", arn(&first).rsplit_once('/').unwrap().1);
    assert_eq!((&told(&first)["status"], &told(&first)["source"]), (&"done".into(), &place.into()));
    assert_eq!(arn(&export(&fleet, &["--wait"])), arn(&first), "the same words, the same export");
    assert_ne!(arn(&export(&fleet, &["--wait", "--again"])), arn(&first));
    assert_ne!(arn(&export(&fleet, &["--export-format", "ion"])), arn(&first));
}

#[test]
fn what_cannot_be_exported_is_said_with_its_cure() {
    let fleet = fleet();
    let call = |words: &[&str]| fleet.call(&["export", "--enable-pitr"]).words(words);
    let ours = ["--table", "orders", "--to", EXPORTS];
    call(&["--table", "nothing", "--to", EXPORTS]).ends_with(3).explains(&["nothing", "spelled right"]);
    call(&["--table", "orders", "--to", "s3://missing/x"]).ends_with(1).explains(&["NoSuchBucket", "exists"]);
    call(&["--table", "orders", "--to", "folder"]).ends_with(2).explains(&["s3://bucket/prefix"]);
    call(&["--table", "dynamodb://orders/index/by-kind", "--to", EXPORTS])
        .ends_with(2)
        .explains(&["whole tables"]);
    call(&[&ours[..], &["--at", "2999-01-01T00:00:00Z"]].concat()).ends_with(2).explains(&["latest moment"]);
    let window = ["--incremental", "--from", "2026-01-01T00:00:00Z", "--to-time", "2026-01-01T00:10:00Z"];
    call(&[&ours[..], &window].concat()).ends_with(2).explains(&["point-in-time recovery reaches"]);
    call(&[&ours[..], &["--bucket-owner", "12"]].concat()).ends_with(2).explains(&["12 digits"]);
}

#[test]
fn a_table_is_exported_first_and_then_converted_by_the_fleet() {
    let fleet = fleet();
    let written = write(&fleet, &arn(&export(&fleet, &["--enable-pitr"])));
    let _worker = fleet.worker_of(EXPORTS).start_ready();
    let start = || {
        fleet
            .start(TABLE)
            .words(&["--export-first", EXPORTS, "--stream-arn"])
            .word("arn:aws:dynamodb:eu-north-1:123456789012:table/Synthetic/stream/2026-01-14T10:18:50.622")
    };
    start().words(&["--max-cost", "0.0001"]).ends_with(2).explains(&["export and conversion", "--max-cost"]);
    let outcome = start().word("--wait").succeeds();
    outcome.says(&["proven: 4 files", "500 records"]);
    let copy = tempfile::tempdir().expect("a temporary folder");
    fleet.cloud.download("lake", "orders", copy.path());
    let found = backfleet_tests::destination::Destination::at(copy.path()).records();
    assert_eq!(found.len(), written.lines().len());
    // The keys are those of the table, which nobody named.
    let keys = |record: &Value| record["dynamodb"]["Keys"].as_object().expect("keys").len();
    assert!(found.iter().all(|record| keys(record) == 2));
    fleet.call(&["verify", "--dest", DEST]).succeeds();
}
