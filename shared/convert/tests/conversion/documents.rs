//! Where shards and lambda documents end.

use std::sync::Arc;

use backfleet_convert::{Converter, Document, Encoding, Format, Input, Recipe, RecipeSpec, Step, limits};
use bytes::Bytes;
use serde_json::Value;

use crate::common::{convert, spec};

fn file(items: usize, value_bytes: usize) -> String {
    let value = "v".repeat(value_bytes);
    (0..items)
        .map(|item| format!("{{\"Item\":{{\"pk\":{{\"S\":\"{item:04}\"}},\"v\":{{\"S\":\"{value}\"}}}}}}\n"))
        .collect()
}

fn lambda(document: Document) -> RecipeSpec {
    RecipeSpec { document, ..spec(Format::LambdaEvent) }
}

/// Records of each document of a shard.
fn documents(text: &str) -> Vec<usize> {
    let records =
        |line: &str| serde_json::from_str::<Value>(line).unwrap()["Records"].as_array().unwrap().len();
    text.lines().map(records).collect()
}

#[test]
fn a_shard_ends_before_the_record_that_would_bring_it_above_its_limit() {
    let line_bytes = convert(spec(Format::Item), file(1, 100)).text().len() as u64;
    for (limit, records) in [(10 * line_bytes - 1, 9), (10 * line_bytes, 10), (10 * line_bytes + 1, 10)] {
        let outcome = convert(RecipeSpec { shard_bytes_max: limit, ..spec(Format::Item) }, file(100, 100));
        let first = &outcome.shards[0];
        assert_eq!((first.index, first.records, first.content_bytes), (0, records, records * line_bytes));
        let indices: Vec<u32> = outcome.shards.iter().map(|shard| shard.index).collect();
        assert_eq!(indices, (0..outcome.totals.shards).collect::<Vec<_>>());
        assert_eq!(outcome.text(), file(100, 100));
    }
}

#[test]
fn a_record_larger_than_a_shard_stands_alone() {
    let outcome = convert(RecipeSpec { shard_bytes_max: 1_024, ..spec(Format::Item) }, file(3, 2_000));
    assert_eq!(outcome.shards.iter().map(|shard| shard.records).collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn no_record_means_no_shard() {
    let outcome = convert(spec(Format::LambdaEvent), "\n\r\nno item\n");
    assert_eq!((outcome.shards.len(), outcome.totals.quarantined), (0, 1));
}

#[test]
fn documents_hold_as_many_records_as_asked_for() {
    let spec = RecipeSpec { document_records_max: 4, ..lambda(Document::Line) };
    assert_eq!(documents(&convert(spec, file(10, 10)).text()), [4, 4, 2]);
}

#[test]
fn documents_stay_below_the_payload_limit_unless_one_record_is_larger() {
    let spec = RecipeSpec { document_records_max: 1_000, ..lambda(Document::Line) };
    let outcome = convert(spec, file(20, 1_000_000) + &file(1, 7_000_000) + &file(2, 10));
    let text = outcome.text();
    assert_eq!(documents(&text), [5, 5, 5, 5, 1, 2]);
    let lengths: Vec<usize> = text.split_inclusive('\n').map(str::len).collect();
    assert!(lengths.iter().filter(|length| **length > limits::DOCUMENT_BYTES_MAX as usize).count() == 1);
}

#[test]
fn an_object_document_is_a_whole_shard() {
    let outcome = convert(lambda(Document::Object), file(1_000, 10));
    assert_eq!(documents(&outcome.text()), [1_000]);
}

#[test]
fn documents_never_span_shards_and_their_framing_counts() {
    for document in [Document::Line, Document::Object] {
        for limit in 1_024..1_500 {
            let spec = RecipeSpec { shard_bytes_max: limit, document_records_max: 2, ..lambda(document) };
            let outcome = convert(spec, file(12, 10));
            let mut records = 0;
            for shard in &outcome.shards {
                let text = String::from_utf8(shard.bytes.clone()).unwrap();
                let counts = documents(&text);
                assert_eq!(counts.iter().sum::<usize>() as u64, shard.records);
                assert_eq!(text.len() as u64, shard.content_bytes);
                assert!(
                    shard.content_bytes <= limit || shard.records == 1,
                    "{} > {limit}",
                    shard.content_bytes
                );
                assert!(document == Document::Line || counts.len() == 1);
                records += shard.records;
            }
            assert_eq!(records, 12);
        }
    }
}

#[test]
fn envelopes_hold_the_very_records_of_the_stream_format() {
    let stream = convert(spec(Format::Stream), file(3, 10)).text();
    let records: Vec<&str> = stream.lines().collect();
    let envelope = convert(lambda(Document::Object), file(3, 10)).text();
    assert_eq!(envelope, format!("{{\"Records\":[{}]}}\n", records.join(",")));
}

#[test]
fn a_shard_ends_with_as_many_records_as_asked_for() {
    for (spec, per_line) in
        [(lambda(Document::Object), 4), (lambda(Document::Line), 4), (spec(Format::Item), 1)]
    {
        let spec = RecipeSpec { shard_records_max: Some(4), ..spec };
        let outcome = convert(spec, file(10, 10));
        let records: Vec<u64> = outcome.shards.iter().map(|shard| shard.records).collect();
        assert_eq!(records, [4, 4, 2]);
        let text = String::from_utf8(outcome.shards[0].bytes.clone()).unwrap();
        assert_eq!(text.lines().count(), 4 / per_line);
    }
}

#[test]
fn a_shard_brings_the_lines_that_its_records_were_where_that_is_asked_for() {
    let text = format!("{}no item\n\n{}", file(3, 10), file(6, 1_000));
    let recipe = RecipeSpec { shard_records_max: Some(4), ..lambda(Document::Object) };
    let mut converter =
        Converter::new(Arc::new(Recipe::new(recipe).unwrap()), 0, Input::json(Encoding::Identity))
            .keeping_originals();
    converter.feed(Bytes::from(text.clone()));
    converter.finish();
    let mut shards = Vec::new();
    loop {
        match converter.step().unwrap() {
            Step::Shard(shard) => shards.push(shard),
            Step::Finished(_) => break,
            Step::Quarantined(_) | Step::NeedInput => {}
        }
    }
    let lines: Vec<Vec<u64>> =
        shards.iter().map(|shard| shard.originals.iter().map(|original| original.line).collect()).collect();
    assert_eq!(lines, [vec![1, 2, 3, 6], vec![7, 8, 9, 10], vec![11]]);
    for original in shards.iter().flat_map(|shard| &shard.originals) {
        let at = usize::try_from(original.offset).unwrap();
        let end = at + usize::try_from(original.length).unwrap();
        assert_eq!(text.as_bytes()[at..end], original.bytes);
        assert_eq!(text.as_bytes()[end], b'\n');
    }
}
