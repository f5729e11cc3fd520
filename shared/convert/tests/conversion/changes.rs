//! Lines of incremental exports: what happened is told by the images that are there, when by the line itself.

use backfleet_convert::{
    AttributeFilter, Content, Encoding, EventName, Format, Input, KinesisPrecision, Notation, Reason,
    RecipeSpec, ViewType,
};
use serde_json::Value;

use crate::common::{Outcome, convert_pieces, spec};

const OLD_AND_NEW: Content = Content::Changes { old_images: true };
const NEW_ALONE: Content = Content::Changes { old_images: false };

const META: &str = r#""Metadata":{"WriteTimestampMicros":{"N":"1768387673917155"}}"#;
const KEYS: &str = r#""Keys":{"pk":{"S":"1"},"sk":{"S":"3"}}"#;
const NEW: &str = r#""NewImage":{"a":{"N":"5"},"pk":{"S":"1"},"sk":{"S":"3"}}"#;
const OLD: &str = r#""OldImage":{"a":{"N":"-4"},"pk":{"S":"1"},"sk":{"S":"3"}}"#;

fn two_keys(format: Format) -> RecipeSpec {
    RecipeSpec { keys: vec!["pk".to_owned(), "sk".to_owned()], ..spec(format) }
}

fn convert_changes(spec: RecipeSpec, content: Content, lines: &str) -> Outcome {
    let input = Input { encoding: Encoding::Identity, notation: Notation::Json, content };
    convert_pieces(spec, input, [lines.as_bytes()]).unwrap()
}

fn line(fields: &[&str]) -> String {
    format!("{{{}}}\n", fields.join(","))
}

/// The record of one line with these fields.
fn record(spec: RecipeSpec, content: Content, fields: &[&str]) -> Value {
    let outcome = convert_changes(spec, content, &line(fields));
    assert_eq!(outcome.quarantined, [], "{fields:?}");
    serde_json::from_str(&outcome.text()).unwrap()
}

fn event_name(spec: RecipeSpec, content: Content, fields: &[&str]) -> String {
    record(spec, content, fields)["eventName"].as_str().unwrap().to_owned()
}

#[test]
fn an_update_is_a_stream_record_of_its_own_time_with_both_images() {
    let text = convert_changes(two_keys(Format::Stream), OLD_AND_NEW, &line(&[META, KEYS, OLD, NEW])).text();
    let id = serde_json::from_str::<Value>(&text).unwrap()["eventID"].as_str().unwrap().to_owned();
    let expected = [
        r#"{"eventID":""#,
        &id,
        r#"","eventName":"MODIFY","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"eu-north-1","#,
        r#""dynamodb":{"ApproximateCreationDateTime":1768387673,"#,
        KEYS,
        ",",
        NEW,
        ",",
        OLD,
        r#","SequenceNumber":"011768387673917155001","SizeBytes":25,"StreamViewType":"NEW_AND_OLD_IMAGES"},"#,
        r#""eventSourceARN":""#,
        crate::common::STREAM_ARN,
        "\"}\n",
    ];
    assert_eq!(text, expected.concat());
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn the_images_say_what_happened() {
    let stream = || two_keys(Format::Stream);
    assert_eq!(event_name(stream(), OLD_AND_NEW, &[META, KEYS, NEW]), "INSERT");
    assert_eq!(event_name(stream(), OLD_AND_NEW, &[META, KEYS, OLD, NEW]), "MODIFY");
    assert_eq!(event_name(stream(), OLD_AND_NEW, &[META, KEYS, OLD]), "REMOVE");
    assert_eq!(event_name(stream(), OLD_AND_NEW, &[META, KEYS]), "REMOVE");
}

#[test]
fn without_old_images_a_new_one_is_what_the_recipe_calls_it() {
    let insert = || RecipeSpec { upsert: EventName::Insert, ..two_keys(Format::Stream) };
    assert_eq!(event_name(two_keys(Format::Stream), NEW_ALONE, &[META, KEYS, NEW]), "MODIFY");
    assert_eq!(event_name(insert(), NEW_ALONE, &[META, KEYS, NEW]), "INSERT");
    assert_eq!(event_name(insert(), NEW_ALONE, &[META, KEYS]), "REMOVE");
    // Where old images are written, nothing is left to choose.
    assert_eq!(event_name(two_keys(Format::Stream), OLD_AND_NEW, &[META, KEYS, NEW]), "INSERT");
}

#[test]
fn a_view_shows_the_images_that_a_live_stream_of_that_view_shows() {
    let both = [META, KEYS, OLD, NEW];
    for (view, has_new, has_old, size) in [
        (ViewType::KeysOnly, false, false, 6),
        (ViewType::NewImage, true, false, 15),
        (ViewType::OldImage, false, true, 16),
        (ViewType::NewAndOldImages, true, true, 25),
    ] {
        let record = record(RecipeSpec { view, ..two_keys(Format::Stream) }, OLD_AND_NEW, &both);
        let change = &record["dynamodb"];
        let has = |name: &str| change.get(name).is_some();
        assert_eq!((has("NewImage"), has("OldImage")), (has_new, has_old), "{view}");
        assert_eq!(change["SizeBytes"], size, "{view}");
    }
}

#[test]
fn a_removal_has_its_keys_and_no_new_image() {
    let text = convert_changes(two_keys(Format::Stream), NEW_ALONE, &line(&[META, KEYS])).text();
    assert!(
        !text.contains("Image\":{") && text.contains(KEYS) && text.contains(r#""SizeBytes":6,"#),
        "{text}"
    );
}

#[test]
fn kinesis_records_of_changes_carry_both_images_and_the_time_in_their_unit() {
    for (kinesis_precision, time) in [
        (KinesisPrecision::Millisecond, 1_768_387_673_917_u64),
        (KinesisPrecision::Microsecond, 1_768_387_673_917_155),
    ] {
        let spec = RecipeSpec { kinesis_precision, view: ViewType::KeysOnly, ..two_keys(Format::Kinesis) };
        let record = record(spec, OLD_AND_NEW, &[META, KEYS, OLD, NEW]);
        let change = &record["dynamodb"];
        assert_eq!(change["ApproximateCreationDateTime"], time);
        assert_eq!((record["eventName"].as_str(), change["NewImage"].is_object()), (Some("MODIFY"), true));
        assert!(change["OldImage"].is_object());
    }
}

#[test]
fn the_time_of_a_write_is_read_in_each_of_its_forms() {
    let forms = [
        r#"{"N":"1768387673917155"}"#,
        r#""1768387673917155""#,
        "1768387673917155",
        r#" { "N" : "1768387673917155" } "#,
    ];
    let texts = forms.map(|form| {
        let meta = format!(r#""Metadata":{{"WriteTimestampMicros":{form}}}"#);
        convert_changes(two_keys(Format::Stream), OLD_AND_NEW, &line(&[&meta, KEYS, NEW])).text()
    });
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
}

#[test]
fn fields_may_come_in_any_order() {
    let orders = [[META, KEYS, OLD, NEW], [NEW, OLD, KEYS, META], [KEYS, NEW, META, OLD]];
    let texts =
        orders.map(|order| convert_changes(two_keys(Format::Stream), OLD_AND_NEW, &line(&order)).text());
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
}

#[test]
fn a_change_has_one_id_in_every_export_that_tells_it() {
    let earlier = RecipeSpec { snapshot_micros: 5, ..two_keys(Format::Stream) };
    let id = |spec, fields: &[&str]| record(spec, OLD_AND_NEW, fields)["eventID"].clone();
    let first = id(earlier, &[META, KEYS, NEW]);
    assert_eq!(first, id(two_keys(Format::Stream), &[META, KEYS, OLD, NEW]));
    let later = META.replace("155", "156");
    assert_ne!(first, id(two_keys(Format::Stream), &[&later, KEYS, NEW]));
}

#[test]
fn sequence_numbers_sort_after_every_item_and_by_the_time_of_the_write() {
    let sequence = |micros: u64| {
        let meta = format!(r#""Metadata":{{"WriteTimestampMicros":{{"N":"{micros}"}}}}"#);
        let record = record(two_keys(Format::Stream), OLD_AND_NEW, &[&meta, KEYS, NEW]);
        record["dynamodb"]["SequenceNumber"].as_str().unwrap().to_owned()
    };
    let item = "009999999999999999999";
    let numbers =
        [item.to_owned(), sequence(1), sequence(999_999_999_999_999), sequence(1_768_387_673_917_155)];
    assert!(
        numbers.iter().all(|number| number.len() == 21 && number.bytes().all(|byte| byte.is_ascii_digit()))
    );
    assert!(numbers.is_sorted(), "{numbers:?}");
}

#[test]
fn a_filter_thins_both_images_and_their_size() {
    let attributes = AttributeFilter::Exclude(vec!["a".to_owned()]);
    let record =
        record(RecipeSpec { attributes, ..two_keys(Format::Stream) }, OLD_AND_NEW, &[META, KEYS, OLD, NEW]);
    let change = &record["dynamodb"];
    assert_eq!(change["NewImage"], change["Keys"]);
    assert_eq!(change["OldImage"], change["Keys"]);
    assert_eq!(change["SizeBytes"], 18);
}

#[test]
fn a_line_that_is_no_change_is_put_aside_with_its_reason() {
    let more_keys = KEYS.replace("}}", r#"},"zk":{"S":"3"}}"#);
    let fewer_keys = r#""Keys":{"pk":{"S":"1"}}"#;
    let untimed = r#""Metadata":{"WriteTimestampMicros":{"S":"1"}}"#;
    let odd = r#""Metadata":{"WriteTimestampMicros":"17.5"}"#;
    let cases: [(&[&str], Reason); 11] = [
        (&[], Reason::NotAChange),
        (&[r#""Item":{}"#], Reason::NotAChange),
        (&[META, NEW], Reason::MissingKey),
        (&[KEYS, NEW], Reason::InvalidWriteTime),
        (&[r#""Metadata":{}"#, KEYS, NEW], Reason::InvalidWriteTime),
        (&[untimed, KEYS, NEW], Reason::InvalidWriteTime),
        (&[odd, KEYS, NEW], Reason::InvalidWriteTime),
        (&[META, &more_keys, NEW], Reason::KeysDiffer),
        (&[META, fewer_keys, NEW], Reason::MissingKey),
        (&[META, KEYS, NEW, NEW], Reason::DuplicateName),
        (&[META, META, KEYS], Reason::DuplicateName),
    ];
    for (fields, reason) in cases {
        let outcome = convert_changes(two_keys(Format::Stream), OLD_AND_NEW, &line(fields));
        assert_eq!(outcome.quarantined.first().map(|line| line.reason), Some(reason), "{fields:?}");
        assert_eq!((outcome.totals.records_in, outcome.totals.records_out), (1, 0));
    }
}

#[test]
fn a_removal_is_put_aside_where_the_format_cannot_say_it() {
    for format in [Format::Plain, Format::Item, Format::Image] {
        let outcome = convert_changes(
            two_keys(format),
            OLD_AND_NEW,
            &[line(&[META, KEYS]), line(&[META, KEYS, NEW])].concat(),
        );
        assert_eq!(outcome.quarantined.len(), 1, "{format}");
        assert_eq!(outcome.quarantined[0].reason, Reason::Removed);
        assert_eq!(outcome.totals.records_out, 1);
    }
}
