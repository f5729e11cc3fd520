//! Events that AWS's own libraries are tested with (`lambda-events/SOURCES.md`), and a Kinesis record.

use super::*;

const GO: &[u8] = include_bytes!("lambda-events/go-event.json");
const GO_WINDOW: &[u8] = include_bytes!("lambda-events/go-time-window-event.json");
const JAVA: &[u8] = include_bytes!("lambda-events/java-event.json");
const JAVA_ROUNDTRIP: &[u8] = include_bytes!("lambda-events/java-event-roundtrip.json");
const SAM: &[u8] = include_bytes!("lambda-events/sam-event.json");

/// With the fields, forms and order of one that was seen on AWS.
const KINESIS: &str = r#"{"awsRegion":"us-east-1","eventID":"b015b5f0-c095-4b50-8ad0-4279aa3d88c6","eventName":"INSERT","userIdentity":null,"recordFormat":"application/json","tableName":"table-testdrive","dynamodb":{"ApproximateCreationDateTime":1720740233012995,"Keys":{"id":{"S":"1"}},"NewImage":{"id":{"S":"1"},"v":{"N":"2"}},"SizeBytes":99,"ApproximateCreationDateTimePrecision":"MICROSECOND"},"eventSource":"aws:dynamodb"}"#;

#[test]
fn an_event_of_lambda_asks_for_documents_of_its_table_and_view() {
    for event in [GO, JAVA] {
        let inference = infer(&live(event));
        let line = inference.command_line();
        assert!(line.starts_with("--format lambda-event --document object --keys "), "{line}");
        assert!(line.contains(" --view-type NEW_AND_OLD_IMAGES --stream-arn arn:aws:dynamodb:"), "{line}");
        assert!(line.ends_with(TAIL), "{line}");
    }
}

const TAIL: &str = "--compression none --partition date=backfill-2026-01-14";

#[test]
fn an_arn_that_is_none_is_no_flag() {
    for event in [GO_WINDOW, SAM] {
        let inference = infer(&live(event));
        assert_eq!(inference.value("--stream-arn"), None);
        assert!(inference.left_open.iter().any(|open| open.starts_with("--stream-arn: ")), "{inference:#?}");
    }
}

#[test]
fn an_identity_that_only_some_records_have_is_not_missed() {
    // In the Java event the insert has it, though on AWS only deletes by TTL do.
    let differences = compare(&live(JAVA), &documents_of_ours());
    assert_eq!(found(&differences, "field userIdentity").severity, Severity::Differs);
    let differences = compare(&live(GO), &documents_of_ours());
    assert!(!noticed(&differences).contains(&"field userIdentity"), "{differences:#?}");
}

fn documents_of_ours() -> Portrait {
    portrait(&converted(RecipeSpec { document: Document::Object, ..recipe(Format::LambdaEvent) }))
}

#[test]
fn times_that_went_through_a_float_differ_but_keep_their_unit() {
    let differences = compare(&live(JAVA_ROUNDTRIP), &documents_of_ours());
    let time = found(&differences, "type of dynamodb.ApproximateCreationDateTime");
    assert_eq!(time.severity, Severity::Differs);
    assert_eq!(
        (time.live.as_str(), time.ours.as_str()),
        ("seconds as a float 1.4285376E9", "seconds 1768385930")
    );
    assert!(matches!(time.remedy, Remedy::Why(_)));
}

#[test]
fn what_a_window_adds_to_an_event_and_its_old_version_are_told() {
    let differences = compare(&live(GO_WINDOW), &documents_of_ours());
    let window = found(&differences, "fields beside Records");
    assert!(window.live.contains("shardId") && window.live.contains("window"), "{window:?}");
    assert_eq!(found(&differences, "value of eventVersion").live, r#""1.0""#);
    assert_eq!(found(&differences, "type of eventID").live, r#"another kind of id "1""#);
}

#[test]
fn a_kinesis_record_asks_for_its_format_and_precision() {
    let inference = infer(&live(KINESIS));
    assert_eq!(
        inference.command_line(),
        format!("--format kinesis --keys id --kinesis-precision microsecond {TAIL}")
    );
    assert!(inference.left_open.iter().any(|open| open.contains("table-testdrive")), "{inference:#?}");
}

#[test]
fn kinesis_records_of_another_precision_break_readers_and_the_flag_mends_it() {
    let of = |precision| {
        portrait(&converted(RecipeSpec { kinesis_precision: precision, ..recipe(Format::Kinesis) }))
    };
    let differences = compare(&live(KINESIS), &of(KinesisPrecision::Millisecond));
    let time = found(&differences, "type of dynamodb.ApproximateCreationDateTime");
    assert_eq!(
        (time.severity, &time.remedy),
        (Severity::BreaksReaders, &flags("--kinesis-precision microsecond"))
    );
    let differences = compare(&live(KINESIS), &of(KinesisPrecision::Microsecond));
    assert!(!differences.iter().any(|difference| difference.what.contains("Time")), "{differences:#?}");
}
