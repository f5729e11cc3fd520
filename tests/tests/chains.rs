//! Incremental exports, alone and behind a full one: every change comes once, with its own time, in an order that ends
//! in the table as it is; and nothing between two windows is lost without a word.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use backfleet_tests::destination::Destination;
use backfleet_tests::handmade::item;
use backfleet_tests::history::{Export, History, chain, change};
use backfleet_tests::process::{Call, Outcome, verify};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

const TEN: &str = "2026-01-14T10:00:00.000Z";
const ELEVEN: &str = "2026-01-14T11:00:00.000Z";
const TWELVE: &str = "2026-01-14T12:00:00.000Z";
/// 10:00 in epoch microseconds.
const TEN_MICROS: u64 = 1_768_384_800_000_000;

fn run(source: &str, dest: &Path) -> Call {
    Call::new("run").flag("--source", source).flag("--dest", dest)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths are text")
}

fn pk(key: u32) -> String {
    format!(r#""pk":{{"S":"{key}"}}"#)
}

fn image(key: u32, value: u32) -> String {
    format!(r#"{},"v":{{"N":"{value}"}}"#, pk(key))
}

#[test]
fn an_incremental_export_becomes_records_of_its_changes_and_of_no_others() {
    let history = History::default();
    let lines = [
        change(TEN_MICROS + 7, &pk(1), None, Some(&image(1, 10))),
        change(TEN_MICROS + 8, &pk(2), Some(&image(2, 20)), Some(&image(2, 21))),
        change(TEN_MICROS + 9, &pk(3), Some(&image(3, 30)), None),
    ];
    let window = history
        .write(Export::window("01768388400000-aaaaaaaa", TEN, ELEVEN), &[&lines[..2], &[], &lines[2..]]);
    // The folder of data files is shared: this one's are none of ours.
    let other = change(1, &pk(9), None, Some(&image(9, 1)));
    history.write(Export::window("01768392000000-bbbbbbbb", ELEVEN, TWELVE), &[&[other]]);

    let dest = Destination::at(&history.dest("out"));
    run(text(&window), &dest.path).succeeds().says(&["3 records in as the export promises", "all by MD5"]);
    let told: Vec<(String, u64, String)> = dest
        .records()
        .iter()
        .map(|record| {
            let change = &record["dynamodb"];
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            let time = change["ApproximateCreationDateTime"].as_u64().expect("a time in seconds");
            (text(&record["eventName"]), time, text(&change["Keys"]["pk"]["S"]))
        })
        .collect();
    let seconds = TEN_MICROS / 1_000_000;
    let expected = [("INSERT", "1"), ("MODIFY", "2"), ("REMOVE", "3")];
    let expected = expected.map(|(event, key)| (event.to_owned(), seconds, key.to_owned()));
    assert_eq!(told, expected);
    verify(&dest.path).succeeds();
    run(text(&window), &dest.path).succeeds().says(&["proven again"]);
}

/// What a window of random writes leaves: each item that changed, once, with its state before and after.
fn live(table: &mut BTreeMap<u32, u32>, begin: u64, random: &mut ChaCha8Rng) -> Vec<String> {
    let before = table.clone();
    let mut written: BTreeMap<u32, u64> = BTreeMap::new();
    for second in 0..200 {
        let key = random.random_range(0..40);
        match random.random_range(0..4) {
            0 => drop(table.remove(&key)),
            _ => drop(table.insert(key, random.random_range(0..1_000_000))),
        }
        written.insert(key, begin + second * 1_000_000 + random.random_range(0..1_000_000));
    }
    let told = written.iter().filter_map(|(key, micros)| {
        let image = |state: &BTreeMap<u32, u32>| state.get(key).map(|value| image(*key, *value));
        let (old, new) = (image(&before), image(table));
        // What was inserted and deleted within the window leaves no trace.
        (old.is_some() || new.is_some()).then(|| change(*micros, &pk(*key), old.as_deref(), new.as_deref()))
    });
    told.collect()
}

/// The newest record of each item, by this order; what was removed is gone.
fn merged<K: Ord>(records: &[Value], order: impl Fn(&Value) -> K) -> BTreeMap<u32, u32> {
    let mut newest: BTreeMap<u32, &Value> = BTreeMap::new();
    for record in records {
        let key: u32 =
            record["dynamodb"]["Keys"]["pk"]["S"].as_str().expect("a key").parse().expect("a number");
        let kept = newest.entry(key).or_insert(record);
        if order(record) > order(kept) {
            *kept = record;
        }
    }
    let value = |record: &Value| {
        let number = record["dynamodb"]["NewImage"]["v"]["N"].as_str()?;
        (record["eventName"] != "REMOVE").then(|| number.parse().expect("a number"))
    };
    newest.into_iter().filter_map(|(key, record)| Some((key, value(record)?))).collect()
}

fn sequence(record: &Value) -> String {
    record["dynamodb"]["SequenceNumber"].as_str().expect("a sequence number").to_owned()
}

fn time(record: &Value) -> u64 {
    record["dynamodb"]["ApproximateCreationDateTime"].as_u64().expect("a time")
}

#[test]
fn a_chain_of_exports_ends_in_the_table_as_it_is_by_time_and_by_sequence_number() {
    let mut random = ChaCha8Rng::seed_from_u64(42);
    let mut table: BTreeMap<u32, u32> = (0..30).map(|key| (key, 0)).collect();
    let history = History::default();
    let lines: Vec<String> = table
        .iter()
        .map(|(key, value)| item(&key.to_string(), &format!(r#""v":{{"N":"{value}"}}"#)))
        .collect();
    let full = history.write(Export::full("01768384800000-00000000", TEN), &[&lines[..11], &lines[11..]]);
    let first = live(&mut table, TEN_MICROS, &mut random);
    let second = live(&mut table, TEN_MICROS + 3_600_000_000, &mut random);
    let a = history.write(Export::window("01768388400000-aaaaaaaa", TEN, ELEVEN), &[&first]);
    let b = history.write(Export::window("01768392000000-bbbbbbbb", ELEVEN, TWELVE), &[&second]);

    let one = Destination::at(&history.dest("one job"));
    run(&chain(&[&full, &a, &b]), &one.path).succeeds().says(&["3 exports without a gap"]);
    verify(&one.path).succeeds();
    let records = one.records();
    assert_eq!(records.len(), lines.len() + first.len() + second.len());
    assert_eq!(merged(&records, sequence), table);
    assert_eq!(merged(&records, |record| (time(record), sequence(record))), table);

    // Three jobs of their own, a day later perhaps, leave the same.
    let apart = Destination::at(&history.dest("three jobs"));
    for export in [&full, &a, &b] {
        run(text(export), &apart.path).flag("--keys", "pk").succeeds();
    }
    assert_eq!(merged(&apart.records(), sequence), table);
}

fn refused(source: &str, history: &History) -> Outcome {
    let refused = run(source, &history.dest("out")).ends_with(3);
    assert!(!history.dest("out").exists(), "nothing is written before the exports are known to fit");
    refused
}

#[test]
fn a_gap_and_an_overlap_are_named_before_anything_is_written() {
    let history = History::default();
    let full = history.write(Export::full("01768384800000-00000000", TEN), &[&[item("1", "")]]);
    let line = || vec![change(TEN_MICROS + 9, &pk(1), None, Some(&image(1, 1)))];
    let late = history.write(Export::window("01768392000000-bbbbbbbb", ELEVEN, TWELVE), &[&line()]);
    let early = history
        .write(Export::window("01768388400000-aaaaaaaa", "2026-01-14T09:00:00.000Z", ELEVEN), &[&line()]);
    let gap = refused(&chain(&[&full, &late]), &history);
    gap.says(&[
        "2026-01-14T10:00:00Z to 2026-01-14T11:00:00Z",
        "bbbbbbbb",
        "--incremental --from 2026-01-14T10:00:00Z",
    ]);
    let overlap = refused(&chain(&[&full, &early, &late]), &history);
    overlap.says(&["2026-01-14T09:00:00Z to 2026-01-14T10:00:00Z", "--allow-overlap"]);
    refused(&chain(&[&late, &full]), &history).says(&["is a full export"]);
    run(&chain(&[&full, &early, &late]), &history.dest("out")).word("--allow-overlap").succeeds();
    run(&chain(&[&full, Path::new("dynamodb://t")]), &history.dest("other"))
        .ends_with(2)
        .says(&["dynamodb://t is a table"]);
}

#[test]
fn an_export_of_a_chain_that_lacks_a_record_is_no_proof() {
    let history = History::default();
    let full = history.write(Export::full("01768384800000-00000000", TEN), &[&[item("1", "")]]);
    let lines = [change(TEN_MICROS + 9, &pk(1), None, Some(&image(1, 1)))];
    let window = history.write(Export::window("01768388400000-aaaaaaaa", TEN, ELEVEN), &[&lines]);
    let manifest = fs::read_to_string(window.join("manifest-files.json")).expect("a manifest");
    let list =
        |text: &str| backfleet_tests::listing::write_with_md5(&window, "manifest-files", text.as_bytes());
    list(&manifest.replace(r#""itemCount":1"#, r#""itemCount":2"#));
    refused(&chain(&[&full, &window]), &history)
        .says(&["2 items by manifest-files.json, 1 by manifest-summary.json"]);

    list(&manifest.replace(r#""itemCount":1,"#, ""));
    let summary = fs::read_to_string(window.join("manifest-summary.json")).expect("a summary");
    let more = summary.replace(r#""itemCount":1"#, r#""itemCount":2"#);
    backfleet_tests::listing::write_with_md5(&window, "manifest-summary", more.as_bytes());
    run(&chain(&[&full, &window]), &history.dest("out"))
        .ends_with(6)
        .says(&["1 records of export 01768388400000-aaaaaaaa were read in all, its summary promises 2"]);
}

#[test]
fn without_old_images_an_upsert_is_called_what_was_asked_for() {
    let lines = [
        change(TEN_MICROS + 7, &pk(1), None, Some(&image(1, 10))),
        change(TEN_MICROS + 9, &pk(3), None, None),
    ];
    for (view, asked, expected) in [
        ("NEW_IMAGE", None, ["MODIFY", "REMOVE"]),
        ("NEW_IMAGES", Some("INSERT"), ["INSERT", "REMOVE"]),
        ("NEW_AND_OLD_IMAGES", None, ["INSERT", "REMOVE"]),
    ] {
        let history = History::default();
        let export = Export { view, ..Export::window("01768388400000-aaaaaaaa", TEN, ELEVEN) };
        let window = history.write(export, &[&lines]);
        let dest = Destination::at(&history.dest("out"));
        let call = run(text(&window), &dest.path);
        let mut call = if let Some(name) = asked { call.flag("--upsert-as", name) } else { call };
        call.succeeds();
        let names: Vec<Value> = dest.records().iter().map(|record| record["eventName"].clone()).collect();
        assert_eq!(names, expected, "{view}");
    }
}

#[test]
fn records_that_cannot_say_a_removal_and_keys_that_are_others_are_refused() {
    let history = History::default();
    let lines = [change(TEN_MICROS + 9, &pk(3), None, None)];
    let window = history.write(Export::window("01768388400000-aaaaaaaa", TEN, ELEVEN), &[&lines]);
    for format in ["plain", "item", "image"] {
        let said = run(text(&window), &history.dest("out")).flag("--format", format).ends_with(2);
        said.says(&["removed", "--format stream"]);
    }
    run(text(&window), &history.dest("out")).flag("--keys", "pk,sk").ends_with(2).says(&["--keys pk"]);
    assert!(!history.dest("out").exists());
}

#[test]
fn a_copy_that_holds_its_data_files_itself_is_read_too() {
    let history = History::default();
    let lines = [change(TEN_MICROS + 9, &pk(3), None, None)];
    let window = history.write(Export::window("01768388400000-aaaaaaaa", TEN, ELEVEN), &[&lines]);
    let copy = history.dest("copy");
    backfleet_tests::export::copy_tree(&window, &copy);
    let missing = run(text(&copy), &history.dest("out")).ends_with(3);
    missing.says(&["1 of 1 data files are not in"]);
    backfleet_tests::export::copy_tree(&history.place().join("data"), &copy.join("data"));
    run(text(&copy), &history.dest("out")).succeeds();
}
