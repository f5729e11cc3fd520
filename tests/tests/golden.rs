//! The real export of `data/scylla-migrator`, which covers every attribute type but a decimal, in every format.
//!
//! The golden files come from `data/golden/make.py`, an implementation of its own. Event ids are opaque there and
//! masked here; what can be said of them is proven by itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use backfleet_tests::destination::{Destination, text_of};
use backfleet_tests::process::run;
use backfleet_tests::record::mask_event_ids;

const FORMATS: [&str; 5] = ["stream", "lambda-event", "kinesis", "plain", "item"];

#[test]
fn the_real_export_becomes_the_golden_file_of_every_format() {
    for format in FORMATS {
        let (text, _) = mask_event_ids(&converted(format, "none", "json"));
        assert_eq!(text, golden(format), "{format}");
    }
}

#[test]
fn compressed_shards_hold_the_golden_records_too() {
    for format in FORMATS {
        for (compression, extension) in [("gzip", "json.gz"), ("zstd", "json.zst")] {
            let (text, _) = mask_event_ids(&converted(format, compression, extension));
            assert_eq!(text, golden(format), "{format} {compression}");
        }
    }
}

#[test]
fn event_ids_are_unique_hexadecimal_and_the_same_every_time() {
    for (format, groups) in [("stream", &[32][..]), ("lambda-event", &[32]), ("kinesis", &[8, 4, 4, 4, 12])] {
        let (_, ids) = mask_event_ids(&converted(format, "none", "json"));
        let (_, again) = mask_event_ids(&converted(format, "gzip", "json.gz"));
        assert_eq!(ids, again, "{format}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 3, "{format}: {ids:?}");
        for id in &ids {
            let lengths: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, groups, "{format}: {id}");
            let hex = |char: char| matches!(char, '0'..='9' | 'a'..='f' | '-');
            assert!(id.chars().all(hex), "{format}: {id}");
        }
    }
}

#[test]
fn a_stream_record_and_its_lambda_event_are_the_same_record() {
    let records = converted("stream", "none", "json");
    let event = converted("lambda-event", "none", "json");
    let joined = records.lines().collect::<Vec<_>>().join(",");
    assert_eq!(event, format!("{{\"Records\":[{joined}]}}\n"));
}

fn converted(format: &str, compression: &str, extension: &str) -> String {
    let home = tempfile::tempdir().expect("a temporary folder");
    let dest = home.path().join("out");
    let call = run(&data("scylla-migrator"), &dest, "id");
    call.flag("--format", format).flag("--compression", compression).succeeds();
    let shards = Destination::at(&dest).shards();
    let [shard] = &shards[..] else { panic!("one shard was expected: {shards:?}") };
    assert!(shard.to_str().is_some_and(|name| name.ends_with(&format!("-000000-00000.{extension}"))));
    String::from_utf8(text_of(shard)).expect("records are UTF-8")
}

fn golden(format: &str) -> String {
    fs::read_to_string(data("golden").join(format!("{format}.json"))).expect("a golden file")
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}
