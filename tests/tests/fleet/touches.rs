//! The items of a table are touched, so that its own stream carries them, and let go again.

use std::collections::BTreeMap;

use backfleet_tests::export::Export;
use backfleet_tests::fleet_table::TableFleet;
use backfleet_tests::handmade::{DataFile, bare_export};
use backfleet_tests::process::Call;
use serde_json::{Value, json};

const STATE: &str = "s3://lake/state";
const MARKER: &str = "_backfleet";
const ITEMS: u64 = 30;

fn item(n: u64, text: &str) -> Value {
    json!({"pk": {"S": format!("p{n}")}, "sk": {"N": n.to_string()}, "text": {"S": text},
        "kind": {"S": "k"}, "amount": {"N": "1.50"}, "tags": {"SS": ["b", "a"]}})
}

/// A table, and an export of what it held before one item was changed and another deleted.
fn table() -> (TableFleet, Export) {
    let fleet = TableFleet::new();
    let items: Vec<Value> = (0..ITEMS).map(|n| item(n, "as it was")).collect();
    fleet.put(&items);
    let line = |item: &Value| json!({"Item": item}).to_string();
    let (one, other) = items.split_at(10);
    let export = bare_export(&[
        DataFile::of_lines("a.json", one.iter().map(line)),
        DataFile::of_lines("b.json", other.iter().map(line)),
    ]);
    fleet.put(&[item(3, "changed since")]);
    fleet.delete("p4", 4);
    (fleet, export)
}

/// A job of touches, as this command begins it.
fn job(fleet: &TableFleet, export: &Export, command: &str) -> Call {
    fleet
        .call(&[
            command,
            "--dest",
            "touch://orders",
            "--state",
            STATE,
            "--snapshot-time",
            "2026-01-14T10:00:00Z",
        ])
        .flag("--source", export.folder())
}

fn touch(fleet: &TableFleet, export: &Export, words: &[&str]) -> Call {
    job(fleet, export, "run").words(words)
}

fn marks(fleet: &TableFleet) -> BTreeMap<u64, Option<String>> {
    let items = fleet.cloud.dynamodb("Scan", &json!({"TableName": "orders"}))["Items"].take();
    let mark = |item: &Value| {
        let n = item["sk"]["N"].as_str().and_then(|n| n.parse().ok()).expect("a number");
        (n, item[MARKER]["S"].as_str().map(str::to_owned))
    };
    items.as_array().expect("a list of items").iter().map(mark).collect()
}

#[test]
fn every_unchanged_item_gets_the_mark_and_loses_it_again() {
    let (fleet, export) = table();
    let yes = "--yes-write-to-table";
    let told = touch(&fleet, &export, &[yes, "--write-budget", "1000"]).succeeds();
    told.says(&["30 records in", "28 touched in touch://orders", "2 passed over", "0 quarantined"]);
    let marked = marks(&fleet);
    assert_eq!(marked.len(), 29, "what was deleted did not come back");
    let job = marked[&0].clone().expect("a mark");
    assert_eq!(job.len(), 32);
    for (n, mark) in &marked {
        assert_eq!(*mark, (*n != 3).then(|| job.clone()), "item {n}");
    }
    touch(&fleet, &export, &[yes]).succeeds().says(&["proven again, nothing written"]);
    let of_the_job = &job[..8];
    fleet
        .call(&["verify", "--dest", STATE, "--job", of_the_job])
        .succeeds()
        .says(&["28 touched in touch://orders", "2 passed over"]);

    // Whatever became of the item meanwhile.
    let mut later = item(7, "changed later");
    later[MARKER] = json!({"S": job});
    fleet.put(&[later]);
    touch(&fleet, &export, &[yes, "--untouch"])
        .succeeds()
        .says(&["28 unmarked in touch://orders", "2 passed over"]);
    assert!(marks(&fleet).values().all(Option::is_none));
    assert_eq!(marks(&fleet).len(), 29);
}

#[test]
fn a_table_is_written_to_only_where_somebody_said_so() {
    let (fleet, export) = table();
    let untouched = marks(&fleet);
    touch(&fleet, &export, &[]).ends_with(2).explains(&[
        "touch://orders writes to the table itself",
        "write units",
        "stream",
        "--yes-write-to-table",
        "--untouch",
    ]);
    job(&fleet, &export, "plan").succeeds().says(&[
        "touch://orders",
        "the mark \"_backfleet\"",
        "write unit",
        "nothing was written",
    ]);
    let yes = "--yes-write-to-table";
    touch(&fleet, &export, &[yes, "--marker", "pk"]).ends_with(2).explains(&["pk", "key", "--marker"]);
    touch(&fleet, &export, &[yes, "--keys", "sk"]).ends_with(2).explains(&["the keys of touch://orders"]);
    touch(&fleet, &export, &[yes, "--exclude", "text"]).ends_with(2).explains(&["other attributes"]);
    assert_eq!(marks(&fleet), untouched);
    // An attribute of that name that is the application's own.
    touch(&fleet, &export, &[yes, "--marker", "text", "--max-refused", "100"])
        .ends_with(5)
        .explains(&["30 records in quarantine"]);
    fleet.call(&["quarantine", "list", "--dest", STATE]).succeeds().says(&["marker-in-use"]);
    assert_eq!(marks(&fleet), untouched);
}
