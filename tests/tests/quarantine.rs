//! Records that cannot be converted: kept whole, named exactly, counted, and never in the way of the others.

use std::collections::BTreeMap;

use backfleet_tests::damage::garble;
use backfleet_tests::destination::{Destination, text_of};
use backfleet_tests::export::Export;
use backfleet_tests::handmade::{DataFile, export, item};
use backfleet_tests::process::{Call, verify};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// A line and the reasons that fit it; more than one where two are equally true.
type Bad = (Vec<u8>, &'static [&'static str]);

/// The bad lines are spread over these.
const FILES: [&str; 3] = ["a.json.gz", "b.json.gz", "c.json.gz"];

#[test]
fn every_bad_line_is_kept_with_its_place_reason_and_bytes_and_every_good_one_is_converted_once() {
    let scene = Scene::new(&bad_lines());
    let outcome = scene.export.run(&scene.dest.path).ends_with(5);
    outcome.explains(&["quarantine", "--max-quarantine"]);
    assert!(!scene.dest.is_committed());
    scene.assert_quarantined();
    scene.assert_good_lines_converted();
}

#[test]
fn a_job_that_is_allowed_its_quarantine_commits_without_reading_anything_again() {
    let scene = Scene::new(&bad_lines());
    scene.export.run(&scene.dest.path).ends_with(5);
    // Nobody can read these any more without noticing.
    scene.export.data_files().iter().for_each(|file| garble(file));
    let bad = bad_lines().len();
    let allowing =
        |records: usize| scene.export.run(&scene.dest.path).flag("--max-quarantine", records.to_string());
    allowing(bad - 1).ends_with(5);
    assert!(!scene.dest.is_committed());
    let outcome = allowing(bad).word("--json").succeeds().json();
    assert_eq!(outcome["counts"]["quarantined"], bad, "{outcome}");
    assert!(scene.dest.is_committed());
    verify(&scene.dest.path).succeeds().says(&[&format!("{bad} quarantined")]);
}

#[test]
fn formats_that_need_no_keys_take_items_without_them() {
    let lines = [r#"{"Item":{"other":{"S":"x"}}}"#, r#"{"Item":{"pk":{"S":""}}}"#, r#"{"Item":{}}"#];
    let export = export(&[DataFile::of_lines("a.json.gz", lines)]);
    for format in ["plain", "item"] {
        let dest = Destination::at(&export.dest(format));
        let call = Call::new("run").flag("--source", export.place()).flag("--dest", &dest.path);
        call.flag("--format", format).succeeds();
        assert_eq!(dest.lines().len(), lines.len(), "{format}");
    }
}

/// An export of three files with a good line before and behind every bad one.
struct Scene {
    export: Export,
    dest: Destination,
    /// By file name below `data/`: the line and its reasons, by line number from 1.
    bad: BTreeMap<(String, u64), Bad>,
    good: Vec<String>,
}

impl Scene {
    fn new(lines: &[Bad]) -> Self {
        let (mut bad, mut good, mut files) = (BTreeMap::new(), Vec::new(), Vec::new());
        let share = lines.len().div_ceil(FILES.len());
        for (name, lines) in FILES.into_iter().zip(lines.chunks(share)) {
            let mut file: Vec<Vec<u8>> = Vec::new();
            for line in lines {
                good.push(format!("good-{}", good.len()));
                file.push(item(&good[good.len() - 1], "").into_bytes());
                file.push(line.0.clone());
                bad.insert((name.to_owned(), file.len() as u64), line.clone());
            }
            good.push(format!("good-{}", good.len()));
            file.push(item(&good[good.len() - 1], "").into_bytes());
            files.push(DataFile::of_lines(name, file));
        }
        let export = export(&files);
        let dest = Destination::at(&export.dest("out"));
        Self { export, dest, bad, good }
    }

    fn assert_quarantined(&self) {
        let mut expected = self.bad.clone();
        for kept in self.dest.quarantine() {
            let file = kept["file"].as_str().expect("a file").trim_start_matches("data/").to_owned();
            let line = kept["line"].as_u64().expect("a line");
            let Some((bytes, reasons)) = expected.remove(&(file.clone(), line)) else {
                panic!("nothing is wrong there, or it was kept twice: {}", brief(&kept));
            };
            self.assert_kept_whole(&file, &kept, &bytes);
            let reason = kept["reason"].as_str().expect("a reason");
            assert!(reasons.contains(&reason), "not {reasons:?}: {}", brief(&kept));
            assert!(kept["detail"].as_str().is_some_and(|detail| detail.contains(' ')), "{}", brief(&kept));
        }
        let missing: Vec<String> =
            expected.values().map(|(bytes, reasons)| format!("{reasons:?} {}", shown(bytes))).collect();
        assert!(missing.is_empty(), "not in quarantine: {missing:#?}");
    }

    /// The bytes kept are those that stand in the source at the offset given.
    fn assert_kept_whole(&self, file: &str, kept: &Value, bytes: &[u8]) {
        let number =
            |name: &str| usize::try_from(kept[name].as_u64().expect("a number")).expect("a small one");
        let (offset, length) = (number("offset"), number("length"));
        let text = text_of(&self.export.folder().join("data").join(file));
        assert_eq!(&text[offset..][..length], bytes, "{}", brief(kept));
        assert!(offset == 0 || text[offset - 1] == b'\n', "{}", brief(kept));
        assert!(number("column") <= length, "{}", brief(kept));
        let saved = STANDARD.decode(kept["bytes"].as_str().expect("bytes")).expect("base64");
        match kept["truncated"].as_bool().expect("a flag") {
            true => assert!(saved.len() < length && saved.len() >= 1024 && bytes.starts_with(&saved)),
            false => assert_eq!(saved, bytes, "{}", brief(kept)),
        }
    }

    fn assert_good_lines_converted(&self) {
        let key = |record: &Value| record["dynamodb"]["Keys"]["pk"]["S"].as_str().expect("a key").to_owned();
        let mut found: Vec<String> = self.dest.records().iter().map(key).collect();
        let mut expected = self.good.clone();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }
}

fn brief(kept: &Value) -> String {
    let mut kept = kept.clone();
    let bytes =
        kept["bytes"].as_str().map(|text| STANDARD.decode(text).unwrap_or_default()).unwrap_or_default();
    kept["bytes"] = shown(&bytes).into();
    kept.to_string()
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned()
}

fn bad_lines() -> Vec<Bad> {
    let mut lines = not_json();
    lines.extend(not_an_item());
    lines.extend(bad_values());
    lines.extend(bad_names());
    lines.extend(bad_keys());
    lines.extend(too_much());
    lines
}

fn line(text: impl Into<Vec<u8>>, reasons: &'static [&'static str]) -> Bad {
    (text.into(), reasons)
}

/// A line with a good key and one attribute `x` of this value.
fn value(typed: &str, reasons: &'static [&'static str]) -> Bad {
    line(item("bad", &format!(r#""x":{typed}"#)), reasons)
}

fn not_json() -> Vec<Bad> {
    let whole = item("bad", "");
    vec![
        line("this is no JSON", &["unexpected-byte"]),
        line("\u{0}", &["unexpected-byte"]),
        line(&whole[..whole.len() - 1], &["unexpected-end"]),
        line(&whole[..whole.len() - 4], &["unexpected-end"]),
        line("{", &["unexpected-end"]),
        line(format!("{whole} {{}}"), &["trailing-bytes"]),
        line(format!("{whole},"), &["trailing-bytes"]),
        line(r#"{"Item":{"pk":{"S":"bad"},}}"#, &["unexpected-byte"]),
        line(r#"{"Item":{"pk":{"S":"bad"} "x":{"S":""}}}"#, &["unexpected-byte"]),
        line(r#"{'Item':{'pk':{'S':'bad'}}}"#, &["unexpected-byte"]),
        value("{\"S\":\"a\tb\"}", &["control-character"]),
        value(r#"{"S":"\x41"}"#, &["invalid-escape"]),
        value(r#"{"S":"\u12g4"}"#, &["invalid-escape"]),
        value(r#"{"S":"\ud800"}"#, &["lone-surrogate"]),
        value(r#"{"S":"\udc00\ud800"}"#, &["lone-surrogate"]),
        value(r#"{"S":"\ud83d\u0041"}"#, &["lone-surrogate"]),
        line(
            [item("bad", r#""x":{"S":"#).as_bytes(), b"\"\xff\"}}}"].concat(),
            &["invalid-utf8", "unexpected-byte"],
        ),
        line(b"{\"Item\":{\"pk\":{\"S\":\"\xc3\x28\"}}}".as_slice(), &["invalid-utf8"]),
        line(b"{\"Item\":{\"pk\":{\"S\":\"\xed\xa0\x80\"}}}".as_slice(), &["invalid-utf8"]),
    ]
}

fn not_an_item() -> Vec<Bad> {
    const NONE: &[&str] = &["not-an-item", "object-expected", "unexpected-byte", "unexpected-end"];
    let mut lines: Vec<Bad> = [
        "null",
        "[]",
        "\"Item\"",
        "1",
        "{}",
        r#"{"item":{"pk":{"S":"bad"}}}"#,
        r#"{"Keys":{"pk":{"S":"bad"}}}"#,
    ]
    .map(|text| line(text, NONE))
    .to_vec();
    lines.extend([
        line(r#"{"Item":null}"#, &["object-expected"]),
        line(r#"{"Item":[]}"#, &["object-expected"]),
        line(r#"{"Item":{"pk":{"S":"bad"}},"Item":{"pk":{"S":"bad"}}}"#, &["not-an-item", "duplicate-name"]),
        line(r#"{"Item":{"pk":{"S":"bad"}},"Other":1}"#, &["not-an-item"]),
    ]);
    lines
}

fn bad_values() -> Vec<Bad> {
    let mut lines = vec![
        value(r#"{"S":"a","N":"1"}"#, &["several-types"]),
        value(r#"{"S":"a","S":"a"}"#, &["several-types"]),
        value("{}", &["missing-type"]),
        value(r#"{"X":"a"}"#, &["unknown-type"]),
        value(r#"{"s":"a"}"#, &["unknown-type"]),
        value(r#"{"":"a"}"#, &["unknown-type", "missing-type"]),
        value(r#""a""#, &["object-expected"]),
        value("null", &["object-expected"]),
        value(r#"{"N":1}"#, &["string-expected"]),
        value(r#"{"N":1.5e3}"#, &["string-expected"]),
        value(r#"{"S":1}"#, &["string-expected"]),
        value(r#"{"S":null}"#, &["string-expected"]),
        value(r#"{"B":["YQ=="]}"#, &["string-expected"]),
        value(r#"{"BOOL":"true"}"#, &["invalid-bool"]),
        value(r#"{"BOOL":1}"#, &["invalid-bool"]),
        value(r#"{"NULL":false}"#, &["invalid-null"]),
        value(r#"{"NULL":null}"#, &["invalid-null"]),
        value(r#"{"L":{}}"#, &["array-expected"]),
        value(r#"{"M":[]}"#, &["object-expected"]),
        value(r#"{"SS":"a"}"#, &["array-expected"]),
        value(r#"{"SS":[1]}"#, &["string-expected"]),
        value(r#"{"NS":[1]}"#, &["string-expected"]),
        value(r#"{"L":["a"]}"#, &["object-expected"]),
        value(r#"{"SS":[]}"#, &["empty-set"]),
        value(r#"{"NS":[]}"#, &["empty-set"]),
        value(r#"{"BS":[]}"#, &["empty-set"]),
        value(r#"{"SS":["a","b","a"]}"#, &["duplicate-member"]),
        value(r#"{"SS":["a","\u0061"]}"#, &["duplicate-member"]),
        value(r#"{"NS":["1","2","1"]}"#, &["duplicate-member"]),
        value(r#"{"BS":["YQ==","YQ=="]}"#, &["duplicate-member"]),
        value(r#"{"M":{"a":{"L":[{"N":"x"}]}}}"#, &["invalid-number"]),
    ];
    for number in
        ["", " ", "abc", "NaN", "Infinity", "-", "1e", "1.2.3", "0x10", "1 ", "１", "--1", "1,5", "."]
    {
        lines.push(value(&format!(r#"{{"N":"{number}"}}"#), &["invalid-number"]));
    }
    for base64 in ["YQ", "YQ=", "YQ===", "Y", "YR==", "_-8=", "Y Q=", "YQ==YQ==", "====", "YQ=\\n", "é"] {
        lines.push(value(&format!(r#"{{"B":"{base64}"}}"#), &["invalid-base64"]));
        lines.push(value(&format!(r#"{{"BS":["{base64}"]}}"#), &["invalid-base64"]));
    }
    lines
}

fn bad_names() -> Vec<Bad> {
    vec![
        line(item("bad", r#""x":{"S":"1"},"x":{"S":"2"}"#), &["duplicate-name"]),
        line(item("bad", r#""x":{"S":"1"},"\u0078":{"S":"1"}"#), &["duplicate-name"]),
        line(item("bad", r#""pk":{"S":"bad"}"#), &["duplicate-name"]),
        value(r#"{"M":{"a":{"S":"1"},"b":{"S":"2"},"a":{"S":"1"}}}"#, &["duplicate-name"]),
        value(r#"{"L":[{"M":{"é":{"S":"1"},"\u00e9":{"S":"1"}}}]}"#, &["duplicate-name"]),
        line(item("bad", r#""":{"S":"1"}"#), &["empty-name"]),
        value(r#"{"M":{"":{"S":"1"}}}"#, &["empty-name"]),
        line(item("bad", r#""\ud800":{"S":"1"}"#), &["lone-surrogate"]),
    ]
}

fn bad_keys() -> Vec<Bad> {
    vec![
        line(r#"{"Item":{}}"#, &["missing-key"]),
        line(r#"{"Item":{"PK":{"S":"bad"}}}"#, &["missing-key"]),
        line(r#"{"Item":{"x":{"M":{"pk":{"S":"bad"}}}}}"#, &["missing-key"]),
        line(r#"{"Item":{"pk":{"BOOL":true}}}"#, &["invalid-key-type"]),
        line(r#"{"Item":{"pk":{"M":{}}}}"#, &["invalid-key-type"]),
        line(r#"{"Item":{"pk":{"NULL":true}}}"#, &["invalid-key-type"]),
        line(r#"{"Item":{"pk":{"SS":["bad"]}}}"#, &["invalid-key-type"]),
        line(r#"{"Item":{"pk":{"S":""}}}"#, &["empty-key"]),
        line(r#"{"Item":{"pk":{"B":""}}}"#, &["empty-key"]),
    ]
}

fn too_much() -> Vec<Bad> {
    let deep = |levels: usize| format!("{}{{\"S\":\"\"}}{}", r#"{"L":["#.repeat(levels), "]}".repeat(levels));
    vec![
        value(&deep(100), &["too-deep"]),
        value(&deep(100_000), &["too-deep"]),
        value(&"{\"M\":{\"a\":".repeat(100_000), &["too-deep"]),
        line("[".repeat(200_000), &["not-an-item", "object-expected", "unexpected-byte", "too-deep"]),
        value(&format!(r#"{{"S":"{}"}}"#, "x".repeat(17 << 20)), &["line-too-long"]),
    ]
}
