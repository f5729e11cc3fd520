//! Input that wants to be more than there is room for: a typed error, and memory that does not notice.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use backfleet_tests::export::Export;
use backfleet_tests::handmade::{DataFile, bare_export, gzip, item};
use backfleet_tests::process::Outcome;
use serde_json::json;

const MIB: u64 = 1 << 20;
/// What any of these may take.
const RESIDENT_MAX: u64 = 256 * MIB;

#[test]
fn ten_mebibytes_that_inflate_to_ten_gibibytes_are_refused_as_a_bomb() {
    let export = over("bomb.json.gz", |path| {
        let member = gzip_best(&vec![b'x'; 64 << 20]);
        let bytes = member.repeat(160);
        assert!(bytes.len() < 12 << 20, "{} bytes", bytes.len());
        fs::write(path, bytes).expect("a file can be written");
    });
    let outcome = within_bounds("gzip bomb, 10 GiB", &export, &[]);
    assert_eq!(outcome.code, Some(4), "{outcome}");
    outcome.explains(&["bomb.json.gz", "stored bytes inflate to"]);
}

#[test]
fn a_line_of_gibibytes_is_quarantined_by_its_beginning() {
    let export = over("line.json", |path| {
        let mut file = File::create(path).expect("a file can be written");
        writeln!(file, "{}", item("before", "")).expect("there is room");
        // What was never written is there, and takes no room.
        file.set_len(line_bytes()).expect("a file can have holes");
    });
    let outcome =
        within_bounds(&format!("one line, {} MiB", line_bytes() / MIB), &export, &["--max-quarantine", "1"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    outcome.says(&["2 records in", "1 quarantined"]);
}

#[test]
fn nesting_without_end_is_quarantined() {
    let deep = format!(r#"{{"Item":{{"pk":{{"S":"a"}},"a":{}"#, r#"{"L":["#.repeat(1_000_000));
    let export = bare_export(&[DataFile::of_lines("deep.json", [deep.as_str(), &item("b", "")])]);
    let outcome = within_bounds("1,000,000 levels of JSON", &export, &["--max-quarantine", "1"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    outcome.says(&["2 records in", "1 quarantined"]);
}

#[test]
fn a_manifest_of_ten_million_lines_is_refused_when_it_is_too_long() {
    let export = bare_export(&[DataFile::of_lines("a.json", [item("a", "")])]);
    let manifest = File::create(export.folder().join("manifest-files.json")).expect("a file can be written");
    let mut manifest = BufWriter::new(manifest);
    for n in 0..10_000_000 {
        writeln!(manifest, r#"{{"itemCount":1,"dataFileS3Key":"data/{n:08}.json.gz"}}"#)
            .expect("there is room");
    }
    drop(manifest);
    let outcome = within(768 * MIB, "manifest of 10,000,000 lines", &export, &[]);
    assert_eq!(outcome.code, Some(3), "{outcome}");
    outcome.explains(&["manifest-files.json", "1000000 files"]);
}

/// As long as there is patience for: 16 GiB are no more than one, but take their time.
fn line_bytes() -> u64 {
    std::env::var("LINE_MIB").map_or(MIB << 10, |mebibytes| mebibytes.parse::<u64>().expect("a number") * MIB)
}

/// An export of one file, whatever it holds.
fn over(name: &str, write: impl FnOnce(&Path)) -> Export {
    let export = bare_export(&[DataFile::of_lines(name, [item("a", "")])]);
    write(&export.folder().join("data").join(name));
    let line = json!({"dataFileS3Key": format!("data/{name}")}).to_string() + "\n";
    fs::write(export.folder().join("manifest-files.json"), line).expect("a manifest can be written");
    let summary = json!({"version": "2020-06-30", "manifestFilesS3Key": "manifest-files.json",
        "outputFormat": "DYNAMODB_JSON"});
    fs::write(export.folder().join("manifest-summary.json"), summary.to_string())
        .expect("a manifest can be written");
    export
}

fn gzip_best(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).expect("writing to memory");
    let best = encoder.finish().expect("writing to memory");
    assert!(best.len() <= gzip(text).len(), "the best is better");
    best
}

fn within_bounds(what: &str, export: &Export, options: &[&str]) -> Outcome {
    within(RESIDENT_MAX, what, export, options)
}

/// Runs over an export and holds the process to its memory; says what it took.
fn within(most: u64, what: &str, export: &Export, options: &[&str]) -> Outcome {
    let identity = ["--snapshot-time", "2026-01-14T10:18:50Z", "--format", "item"];
    let mut call = export.run(&export.dest("out")).words(&identity).words(options);
    let (resident, outcome) = call.start().resident_bytes_max();
    println!("{what}: {} MiB at most", resident / MIB);
    assert!(resident < most, "{what}: {} MiB", resident / MIB);
    outcome
}
