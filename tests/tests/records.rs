//! What is in the records: the item, byte for byte, under every hazard of `unicode`; and the fields around it.

use std::collections::BTreeSet;

use backfleet_tests::destination::Destination;
use backfleet_tests::export::{Export, Synth};
use backfleet_tests::process::{Call, run, verify};
use backfleet_tests::record::{members, raw};
use backfleet_tests::size::size_of_map;
use serde_json::Value;
use serde_json::value::RawValue;

const ITEMS: u64 = 600;
const UNICODE: Synth = Synth { profile: "unicode", items: ITEMS, files: 3, empty_files: 1 };

#[test]
fn every_record_holds_its_item_byte_for_byte_in_the_order_of_the_export() {
    let (export, dest) = converted("stream", UNICODE);
    let (items, records) = (export.lines(), dest.lines());
    assert_eq!((items.len(), records.len()), (600, 600));
    for (item, record) in items.iter().zip(&records) {
        let (before, after) = (raw(item, &["Item"]), raw(record, &["dynamodb", "NewImage"]));
        assert_eq!(after, before);
        let [before, after] = [before, after].map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
        assert_eq!(after, before);
    }
}

#[test]
fn keys_are_the_items_own_and_size_bytes_are_dynamodbs() {
    for synth in [
        UNICODE,
        Synth { profile: "wide", items: 60, ..UNICODE },
        Synth { profile: "blob", items: 6, ..UNICODE },
    ] {
        for format in ["stream", "kinesis"] {
            let (_export, dest) = converted(format, synth);
            let records = dest.records();
            assert_eq!(records.len() as u64, synth.items);
            for record in records {
                let change = &record["dynamodb"];
                let keys = change["Keys"].as_object().expect("keys");
                assert!(!keys.is_empty() && keys.len() <= 2, "{keys:?}");
                assert!(keys.iter().all(|(name, value)| change["NewImage"][name] == *value), "{record}");
                let size = size_of_map(&change["Keys"]) + size_of_map(&change["NewImage"]);
                assert_eq!(change["SizeBytes"], size, "{} {format} {}", synth.profile, change["Keys"]);
            }
        }
    }
}

#[test]
fn sequence_numbers_are_ordered_unique_and_below_every_real_one() {
    let (_export, dest) = converted("stream", Synth::telemetry(3_000, 5));
    let records = dest.records();
    let numbers: Vec<&str> =
        records.iter().map(|record| record["dynamodb"]["SequenceNumber"].as_str().expect("text")).collect();
    assert_eq!(numbers.len(), 3_000);
    for number in &numbers {
        assert!(number.len() == 21 && number.starts_with('0'), "{number}");
        assert!(number.bytes().all(|digit| digit.is_ascii_digit()), "{number}");
    }
    assert!(numbers.is_sorted_by(|one, next| one < next));
    let units: BTreeSet<&str> = numbers.iter().map(|number| &number[1..9]).collect();
    assert_eq!(
        units.into_iter().collect::<Vec<_>>(),
        ["00000000", "00000001", "00000002", "00000003", "00000004"]
    );
}

#[test]
fn event_ids_name_the_item_whatever_the_sharding_and_the_files() {
    let (export, dest) = converted("stream", UNICODE);
    let other = Destination::at(&export.dest("other"));
    export.run(&other.path).words(&["--shard-bytes", "32KiB", "--workers", "1"]).succeeds();
    assert!(other.shards().len() > dest.shards().len());
    let ids = |dest: &Destination| -> Vec<String> {
        dest.records().iter().map(|record| record["eventID"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids(&dest), ids(&other));
    assert_eq!(ids(&dest).into_iter().collect::<BTreeSet<_>>().len(), 600);
}

#[test]
fn a_plain_record_is_its_item_without_types_and_every_number_digit_for_digit() {
    let (export, dest) = converted("plain", UNICODE);
    let (items, records) = (export.lines(), dest.lines());
    assert_eq!(items.len(), records.len());
    for (item, record) in items.iter().zip(&records) {
        assert_unwrapped_map(raw(item, &["Item"]), raw(record, &[]));
    }
}

#[test]
fn an_item_record_is_the_line_it_came_from() {
    let (export, dest) = converted("item", UNICODE);
    assert_eq!(dest.lines(), export.lines());
}

#[test]
fn a_record_is_one_line_for_every_reader() {
    for format in ["stream", "lambda-event", "kinesis", "plain", "item"] {
        let (_export, dest) = converted(format, UNICODE);
        let lines = dest.lines();
        assert!(!lines.is_empty());
        for line in lines {
            assert!(!line.contains(&b'\r') && line.starts_with(b"{") && line.ends_with(b"}"), "{format}");
        }
    }
}

#[test]
fn numbers_of_every_length_and_form_survive_every_format() {
    let longest = format!("-0.{}5", "0".repeat(128));
    let digits = "12345678901234567890123456789012345678";
    let numbers = [digits, &longest, &format!("1{}", "0".repeat(125)), "-0", "1.50", "9007199254740993"];
    let line = |(n, number): (usize, &&str)| {
        backfleet_tests::handmade::item(
            &n.to_string(),
            &format!(r#""n":{{"N":"{number}"}},"s":{{"NS":["{number}"]}}"#),
        )
    };
    let lines: Vec<String> = numbers.iter().enumerate().map(line).collect();
    let export = backfleet_tests::handmade::export(&[backfleet_tests::handmade::DataFile::of_lines(
        "a.json.gz",
        lines,
    )]);
    for format in ["stream", "kinesis", "item", "plain"] {
        let dest = Destination::at(&export.dest(format));
        export.run(&dest.path).flag("--format", format).succeeds();
        let records = dest.lines();
        assert_eq!(records.len(), numbers.len());
        for (record, number) in records.iter().zip(numbers) {
            let (path, wrapped) = match format {
                "plain" => (&[][..], false),
                "item" => (&["Item"][..], true),
                _ => (&["dynamodb", "NewImage"][..], true),
            };
            let item = members(raw(record, path));
            let text = if wrapped { format!(r#"{{"N":"{number}"}}"#) } else { number.to_owned() };
            assert_eq!(item["n"].get(), text, "{format}");
        }
    }
}

fn converted(format: &str, synth: Synth) -> (Export, Destination) {
    let export = Export::synthetic(synth);
    let dest = Destination::at(&export.dest("out"));
    export.run(&dest.path).flag("--format", format).succeeds();
    (export, dest)
}

fn assert_unwrapped_map(typed: &str, plain: &str) {
    let (typed, plain) = (members(typed), members(plain));
    assert!(typed.keys().eq(plain.keys()), "{:?} became {:?}", typed.keys(), plain.keys());
    for (name, value) in typed {
        assert_unwrapped(value.get(), plain[&name].get());
    }
}

fn assert_unwrapped(typed: &str, plain: &str) {
    let typed = members(typed);
    let (tag, value) = typed.iter().next().expect("a value has a type");
    let value = value.get();
    match tag.as_str() {
        "S" | "B" | "BOOL" | "SS" | "BS" => assert_eq!(parsed(plain), parsed(value)),
        "N" => assert_eq!(plain, parsed(value).as_str().expect("a number is text")),
        "NULL" => assert_eq!(plain, "null"),
        "NS" => {
            let numbers: Vec<String> = serde_json::from_str(value).expect("a set of texts");
            assert_eq!(elements(plain), numbers);
        }
        "L" => {
            let (values, plains) = (elements(value), elements(plain));
            assert_eq!(values.len(), plains.len());
            values.iter().zip(&plains).for_each(|(value, plain)| assert_unwrapped(value, plain));
        }
        "M" => assert_unwrapped_map(value, plain),
        tag => panic!("no type {tag}"),
    }
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).expect("JSON")
}

fn elements(json: &str) -> Vec<String> {
    let elements: Vec<&RawValue> = serde_json::from_str(json).expect("an array");
    elements.into_iter().map(|element| element.get().to_owned()).collect()
}

#[test]
fn an_ion_export_of_the_same_items_becomes_the_same_records() {
    for profile in ["telemetry", "tiny", "wide", "blob"] {
        let home = tempfile::tempdir().expect("a temporary folder");
        let items = if profile == "blob" { "20" } else { "400" };
        let [json, ion] = ["json", "ion"].map(|format| {
            let (place, out) = (home.path().join(format), home.path().join(format!("out-{format}")));
            let synth = Call::new("synth").flag("--to", &place).flag("--profile", profile);
            let made = synth.flag("--items", items).flag("--format", format).word("--json").succeeds().json();
            let keys: Vec<&str> =
                made["keys"].as_array().expect("keys").iter().filter_map(Value::as_str).collect();
            run(&place, &out, &keys.join(",")).succeeds().says(&["all by MD5", "as the export promises"]);
            verify(&out).succeeds();
            Destination::at(&out)
        });
        assert_eq!(json.lines().len().to_string(), items);
        let sorted = |dest: &Destination| {
            let mut lines = dest.lines();
            lines.sort();
            lines
        };
        assert!(sorted(&json) == sorted(&ion), "{profile}");
    }
}
