//! Every flag does what its help says; every mistake is answered with what to do instead.

use std::fs;
use std::path::PathBuf;

use backfleet_tests::destination::{Destination, text_of};
use backfleet_tests::export::{Export, Synth};
use backfleet_tests::handmade::{self, DataFile, TABLE_ARN, item};
use backfleet_tests::process::{Call, Outcome, run, verify};
use backfleet_tests::record::{members, raw};
use serde_json::Value;

#[test]
fn without_keys_the_error_tells_how_to_get_them_and_nothing_is_written() {
    let export = handmade();
    for format in ["stream", "lambda-event", "kinesis"] {
        let dest = export.dest("out");
        let call = Call::new("run").flag("--source", export.place()).flag("--dest", &dest);
        let outcome = call.flag("--format", format).ends_with(2);
        outcome.explains(&["--keys", "aws dynamodb describe-table --table-name Handmade", "--format plain"]);
        assert!(!dest.exists());
    }
    for format in ["plain", "item"] {
        let call = Call::new("run").flag("--source", export.place()).flag("--dest", export.dest(format));
        call.flag("--format", format).succeeds();
    }
}

#[test]
fn a_key_schema_in_a_file_is_as_good_as_keys_whatever_its_order_and_wrapping() {
    let export = Export::synthetic(Synth::telemetry(10, 1));
    let job = |flag: &str, value: &str| {
        let call = Call::new("plan").flag("--source", export.place()).flag(flag, value).word("--json");
        { call }.succeeds().json()["job"].to_string()
    };
    let schema = r#"[{"AttributeName":"sk","KeyType":"RANGE"},{"AttributeName":"pk","KeyType":"HASH"}]"#;
    let whole = format!(r#"{{"Table":{{"TableName":"Synthetic","KeySchema":{schema},"ItemCount":0}}}}"#);
    let file = export.dest("schema.json");
    for text in [schema, &whole, &format!(r#"{{"KeySchema":{schema}}}"#)] {
        fs::write(&file, text).expect("a key schema");
        let by_file = job("--key-schema", file.to_str().expect("a path of text"));
        assert_eq!(by_file, job("--keys", "pk,sk"), "{text}");
    }
    for text in ["nonsense", "[]", r#"[{"AttributeName":"sk","KeyType":"RANGE"}]"#] {
        fs::write(&file, text).expect("a key schema");
        let call = Call::new("plan").flag("--source", export.place()).flag("--key-schema", &file);
        { call }.ends_with(2).says(&["key schema"]);
    }
    let missing =
        Call::new("plan").flag("--source", export.place()).flag("--key-schema", export.dest("missing"));
    let outcome = { missing }.outcome();
    assert!(matches!(outcome.code, Some(1 | 2)), "{outcome}");
    // A path that cannot be read is named.
    outcome.says(&["missing"]);
}

#[test]
fn keys_come_in_the_order_of_the_schema_and_hold_the_items_values() {
    let lines = [r#"{"Item":{"b":{"N":"1.50"},"x":{"S":"y"},"a":{"B":"YQ=="}}}"#];
    let export = handmade::export(&[DataFile::of_lines("a.json.gz", lines)]);
    let dest = Destination::at(&export.dest("out"));
    run(&export.place(), &dest.path, "a,b").succeeds();
    let line = &dest.lines()[0];
    assert_eq!(raw(line, &["dynamodb", "Keys"]), r#"{"a":{"B":"YQ=="},"b":{"N":"1.50"}}"#);
    assert_eq!(raw(line, &["dynamodb", "NewImage"]), r#"{"b":{"N":"1.50"},"x":{"S":"y"},"a":{"B":"YQ=="}}"#);
}

#[test]
fn extra_fields_stand_at_the_top_of_every_record_as_text_or_json() {
    let export = handmade();
    for format in ["stream", "kinesis", "plain", "item"] {
        let words = [
            "--format",
            format,
            "--extra-field",
            "source=back=fill \"1\"",
            "--extra-field",
            r#"at:={"a":[1.50,null]}"#,
        ];
        for line in lines_with(&export, format, &words) {
            assert_eq!(raw(&line, &["source"]), r#""back=fill \"1\"""#, "{format}");
            assert_eq!(raw(&line, &["at"]), r#"{"a":[1.50,null]}"#, "{format}");
        }
    }
    for wrong in ["novalue", "=x", "a:=nojson", "eventID=x", "dynamodb=x"] {
        let outcome = export.run(&export.dest("wrong")).flag("--extra-field", wrong).ends_with(2);
        outcome.says(&[wrong.split('=').next().unwrap_or(wrong).trim_end_matches(':')]);
        assert!(!export.dest("wrong").exists());
    }
}

#[test]
fn an_extra_field_never_hides_an_attribute_of_plain_records() {
    let export = handmade();
    let dest = Destination::at(&export.dest("plain"));
    let call = export.run(&dest.path).flag("--format", "plain").flag("--extra-field", "a=hidden");
    { call }.ends_with(5).explains(&["quarantine"]);
    assert!(dest.quarantine().iter().all(|kept| kept["reason"] == "extra-field-name"));
}

#[test]
fn include_and_exclude_choose_attributes_and_keys_always_stay_in_keys() {
    let export = handmade();
    let names = |line: &[u8], path: &[&str]| members(raw(line, path)).into_keys().collect::<Vec<_>>();
    for (format, path) in [
        ("stream", &["dynamodb", "NewImage"][..]),
        ("kinesis", &["dynamodb", "NewImage"]),
        ("plain", &[]),
        ("item", &["Item"]),
    ] {
        let included =
            lines_with(&export, &format!("{format}-in"), &["--format", format, "--include", "a,absent"]);
        let excluded =
            lines_with(&export, &format!("{format}-out"), &["--format", format, "--exclude", "a,absent"]);
        assert_eq!((included.len(), excluded.len()), (4, 4));
        for (with, without) in included.iter().zip(&excluded) {
            assert_eq!(names(with, path), ["a", "pk"], "{format}");
            assert_eq!(names(without, path), ["b", "pk"], "{format}");
        }
    }
    for line in lines_with(&export, "keys", &["--exclude", "b"]) {
        assert_eq!(names(&line, &["dynamodb", "Keys"]), ["pk"]);
    }
    export
        .run(&export.dest("both"))
        .words(&["--include", "a", "--exclude", "b"])
        .ends_with(2)
        .says(&["--exclude"]);
}

#[test]
fn the_partition_is_the_exports_date_or_what_was_asked_and_never_one_that_readers_skip() {
    let export = handmade();
    let shard = |name: &str, words: &[&str]| {
        let dest = Destination::at(&export.dest(name));
        export.run(&dest.path).words(words).succeeds();
        verify(&dest.path).succeeds();
        dest.shard_names().remove(0)
    };
    assert!(shard("default", &[]).starts_with("date=backfill-2026-01-14/part-"));
    assert!(shard("deep", &["--partition", "lake/year=2026"]).starts_with("lake/year=2026/part-"));
    assert!(shard("root", &["--partition", ""]).starts_with("part-"));
    for wrong in ["_hidden", "a/.b", "../up", "/absolute", "a//b"] {
        let outcome = export.run(&export.dest("wrong")).flag("--partition", wrong).ends_with(2);
        outcome.says(&["partition", wrong]);
        assert!(!export.dest("wrong").exists());
    }
}

#[test]
fn shards_are_cut_at_record_boundaries_at_the_size_asked_for() {
    const MIB: usize = 1 << 20;
    let export = Export::synthetic(Synth::telemetry(8_000, 2));
    for compression in ["gzip", "zstd", "none"] {
        let dest = Destination::at(&export.dest(compression));
        export.run(&dest.path).words(&["--shard-bytes", "2MiB", "--compression", compression]).succeeds();
        let (shards, names) = (dest.shards(), dest.shard_names());
        assert!(shards.len() > 4, "{names:?}");
        let longest = dest.lines().iter().map(Vec::len).max().unwrap_or(0) + 1;
        for (at, shard) in shards.iter().enumerate() {
            let text = text_of(shard);
            assert!(
                text.ends_with(b"}\n") && text.len() < 2 * MIB + longest,
                "{} has {}",
                names[at],
                text.len()
            );
            let unit = |name: &String| name.split('-').rev().nth(1).map(str::to_owned);
            let is_last = names.get(at + 1).is_none_or(|next| unit(next) != unit(&names[at]));
            assert!(is_last || text.len() > 2 * MIB - longest, "{} has only {}", names[at], text.len());
        }
    }
}

#[test]
fn the_view_type_decides_which_image_there_is() {
    let export = handmade();
    for (view, has_image) in
        [("NEW_AND_OLD_IMAGES", true), ("NEW_IMAGE", true), ("OLD_IMAGE", false), ("KEYS_ONLY", false)]
    {
        for line in lines_with(&export, view, &["--view-type", view]) {
            let change = members(raw(&line, &["dynamodb"]));
            assert_eq!(change["StreamViewType"].get(), format!("\"{view}\""));
            assert_eq!(
                (change.contains_key("NewImage"), change.contains_key("OldImage")),
                (has_image, false),
                "{view}"
            );
        }
    }
}

#[test]
fn the_stream_arn_decides_source_and_region() {
    let export = handmade();
    let arn = "arn:aws-cn:dynamodb:cn-north-1:123456789123:table/Handmade/stream/2025-02-07T06:30:08.871";
    for record in records_with(&export, "given", &["--stream-arn", arn]) {
        assert_eq!((&record["eventSourceARN"], &record["awsRegion"]), (&arn.into(), &"cn-north-1".into()));
    }
    for record in records_with(&export, "default", &[]) {
        assert_eq!(record["eventSourceARN"], format!("{TABLE_ARN}/stream/2026-01-14T10:18:50.622"));
        assert_eq!(record["awsRegion"], "eu-north-1");
    }
    export
        .run(&export.dest("wrong"))
        .flag("--stream-arn", "arn:aws:s3:::bucket")
        .ends_with(2)
        .says(&["arn:aws:s3:::bucket"]);
}

#[test]
fn the_time_of_a_record_is_the_exports_in_the_unit_of_its_format() {
    let export = handmade();
    let time = |name: &str, words: &[&str]| {
        let records = records_with(&export, name, words);
        records[0]["dynamodb"]["ApproximateCreationDateTime"].to_string()
    };
    assert_eq!(time("stream", &[]), "1768385930");
    assert_eq!(time("kinesis", &["--format", "kinesis"]), "1768385930622");
    assert_eq!(
        time("micros", &["--format", "kinesis", "--kinesis-precision", "microsecond"]),
        "1768385930622000"
    );
    assert_eq!(time("given", &["--snapshot-time", "2020-01-01T01:00:00.999+01:00"]), "1577836800");
    export.run(&export.dest("wrong")).flag("--snapshot-time", "yesterday").ends_with(2).says(&["yesterday"]);
}

#[test]
fn lambda_documents_have_the_records_asked_for() {
    let export = handmade();
    let records = lines_with(&export, "stream", &[]);
    let documents = |name: &str, words: &[&str]| {
        let words = [&["--format", "lambda-event"], words].concat();
        let text = |line: Vec<u8>| String::from_utf8(line).expect("UTF-8");
        lines_with(&export, name, &words).into_iter().map(text).collect::<Vec<_>>()
    };
    let records: Vec<String> =
        records.into_iter().map(|line| String::from_utf8(line).expect("UTF-8")).collect();
    let document = |records: &[String]| format!("{{\"Records\":[{}]}}", records.join(","));
    let two: Vec<String> = records.chunks(2).map(document).collect();
    assert_eq!(documents("two", &["--document-records", "2"]), two);
    assert_eq!(documents("all", &["--document", "object"]), [document(&records)]);
}

#[test]
fn what_is_misspelled_is_refused_with_what_is_meant() {
    let export = handmade();
    let outcome = |words: &[&str]| export.run(&export.dest("wrong")).words(words).ends_with(2);
    outcome(&["--shard-byte", "1MiB"]).explains(&["--shard-bytes"]);
    outcome(&["--format", "avro"]).explains(&["stream", "kinesis", "plain"]);
    outcome(&["--compression", "bzip2"]).explains(&["gzip", "zstd", "none"]);
    outcome(&["--view-type", "IMAGES"]).explains(&["NEW_IMAGE"]);
    outcome(&["--shard-bytes", "2 parsecs"]).explains(&["2 parsecs"]);
    outcome(&["--workers", "0"]).explains(&["--workers"]);
    outcome(&["extra"]).explains(&["extra"]);
    outcome(&["--shard-bytes", "3"]).says(&["shard"]);
    outcome(&["--shard-bytes", "100GiB"]).says(&["shard"]);
    assert!(!export.dest("wrong").exists());
    Call::new("rum").ends_with(2).explains(&["run"]);
    Call::new("run").ends_with(2).explains(&["--source", "--dest"]);
    Call::new("run").word("--help").succeeds().says(&["Examples:", "--keys", "--max-quarantine"]);
    Call::new("--help").succeeds().says(&["Exit codes:", "130", "synth"]);
}

#[test]
fn keys_that_no_table_can_have_are_refused() {
    let export = handmade();
    for keys in ["a,b,c", "a,a", "", ","] {
        run(&export.place(), &export.dest("wrong"), keys).ends_with(2);
        assert!(!export.dest("wrong").exists(), "{keys}");
    }
}

#[test]
fn source_and_destination_may_not_lie_in_each_other() {
    let export = handmade();
    let before = Destination::at(&export.place()).stamps();
    let inside: Vec<PathBuf> = vec![
        export.place(),
        export.place().join("out"),
        export.folder().join("data"),
        export.place().join("../source/./out"),
    ];
    for dest in inside {
        export.run(&dest).ends_with(2).says(&["lie in each other"]);
    }
    let above = export.place().join("..");
    export.run(&above).ends_with(2).says(&["lie in each other"]);
    #[cfg(unix)]
    {
        let link = export.dest("link");
        std::os::unix::fs::symlink(export.place(), &link).expect("a link");
        export.run(&link.join("out")).ends_with(2).says(&["lie in each other"]);
    }
    assert_eq!(Destination::at(&export.place()).stamps(), before);
    export.run(&export.dest("source-out")).succeeds();
}

#[test]
fn json_is_one_document_on_standard_output_for_every_command() {
    let export = handmade();
    let dest = export.dest("out");
    let synth =
        Call::new("synth").flag("--to", export.dest("made")).words(&["--items", "10", "--json"]).succeeds();
    assert_eq!(synth.json()["items"], 10);
    assert_eq!(export.plan().word("--json").succeeds().json()["records"], 4);
    let ran = export.run(&dest).word("--json").succeeds().json();
    assert_eq!((&ran["exit_code"], &ran["counts"]["records_out"]), (&0.into(), &4.into()), "{ran}");
    let again = export.run(&dest).word("--json").succeeds().json();
    assert_eq!((&again["exit_code"], &again["counts"]), (&0.into(), &ran["counts"]), "{again}");
    assert_eq!(verify(&dest).word("--json").succeeds().json()["jobs"][0]["findings_total"], 0);
    fs::remove_file(&Destination::at(&dest).shards()[0]).expect("a shard");
    let unproven = verify(&dest).word("--json").ends_with(6).json();
    assert_eq!(
        (&unproven["exit_code"], &unproven["jobs"][0]["findings_total"]),
        (&6.into(), &1.into()),
        "{unproven}"
    );
}

#[test]
fn an_error_leaves_standard_output_empty_or_one_json_document() {
    let export = handmade();
    let outcomes: Vec<Outcome> = vec![
        run(&export.place().join("missing"), &export.dest("out"), "pk").word("--json").ends_with(3),
        run(&export.place(), &export.place(), "pk").word("--json").ends_with(2),
        verify(export.folder()).word("--json").ends_with(6),
    ];
    for outcome in outcomes {
        if !outcome.stdout.is_empty() {
            outcome.json();
        }
    }
}

#[test]
fn quiet_leaves_only_the_last_line() {
    let export = handmade();
    let dest = export.dest("out");
    for word in ["--quiet", "-q"] {
        let outcome = export.run(&dest).word(word).succeeds();
        assert_eq!((outcome.stderr.as_str(), outcome.stdout.lines().count()), ("", 1), "{outcome}");
        assert!(outcome.stdout.starts_with("proven"), "{outcome}");
    }
    let outcome = export.run(&export.dest("loud")).succeeds();
    assert!(outcome.stderr.starts_with("job ") && outcome.stdout.lines().count() == 1, "{outcome}");
}

#[test]
fn the_closing_line_says_what_was_proven() {
    let export = handmade();
    let outcome = export.run(&export.dest("out")).succeeds();
    for part in ["1 file ", "4 records in", "4 out", "0 quarantined", "1 shard,", " B", " s, ", "/s"] {
        assert!(outcome.stdout.contains(part), "{part:?} is not in {outcome}");
    }
}

#[test]
fn synth_makes_the_same_bytes_of_the_same_flags_and_refuses_to_write_over_anything() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let synth = |name: &str, seed: &str| {
        let call = Call::new("synth").flag("--to", home.path().join(name));
        call.words(&[
            "--profile",
            "unicode",
            "--items",
            "50",
            "--files",
            "3",
            "--empty-files",
            "2",
            "--seed",
            seed,
        ])
    };
    let tree = |name: &str| Destination::at(&home.path().join(name)).visible();
    for (name, seed) in [("one", "7"), ("two", "7"), ("three", "8")] {
        synth(name, seed).succeeds();
    }
    assert_eq!(tree("one"), tree("two"));
    assert_ne!(tree("one"), tree("three"));
    let before = tree("one");
    let again = synth("one", "7").outcome();
    assert_ne!(again.code, Some(0), "{again}");
    assert_eq!(tree("one"), before);
}

/// Four items with the key `pk` and the attributes `a` and `b`.
fn handmade() -> Export {
    let line = |n: u32| item(&format!("key-{n}"), &format!(r#""a":{{"N":"{n}"}},"b":{{"S":"text"}}"#));
    handmade::export(&[DataFile::of_lines("a.json.gz", (0..4).map(line).collect::<Vec<_>>())])
}

fn lines_with(export: &Export, name: &str, words: &[&str]) -> Vec<Vec<u8>> {
    let dest = Destination::at(&export.dest(name));
    export.run(&dest.path).words(words).succeeds();
    let lines = dest.lines();
    assert!(!lines.is_empty(), "{words:?}");
    lines
}

fn records_with(export: &Export, name: &str, words: &[&str]) -> Vec<Value> {
    let lines = lines_with(export, name, words);
    lines.iter().map(|line| serde_json::from_slice(line).expect("a record is JSON")).collect()
}
