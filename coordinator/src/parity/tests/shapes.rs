//! Fields, types and values inside of records.

use super::*;

/// [`LIVE`] with one text in place of another.
fn live_with(from: &str, to: &str) -> Portrait {
    assert!(LIVE.contains(from), "{from}");
    live(format!("{}\n", LIVE.replace(from, to)))
}

#[test]
fn values_that_must_differ_are_no_differences() {
    let other = LIVE
        .replace("390cc13abf07d7b9a233daa65231d6c8", "00000000000000000000000000000001")
        .replace("1739264811", "1")
        .replace("21117700000000082887985843", "21117700000000082887985844")
        .replace(r#""SizeBytes":12"#, r#""SizeBytes":4096"#)
        .replace(r#"{"N":"5"}"#, r#"{"SS":["a"]}"#);
    let differences = compare(&live(format!("{other}\n")), &ours());
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn extra_fields_before_and_behind_ask_for_the_same_flag() {
    let flag = "--extra-field source=live";
    for text in [
        LIVE.replacen('{', r#"{"source":"live","#, 1),
        format!(r#"{},"source":"live"}}"#, LIVE.strip_suffix('}').unwrap()),
    ] {
        let live = live(format!("{text}\n{text}\n"));
        let differences = compare(&live, &ours());
        assert_eq!(noticed(&differences), ["field source"]);
        assert_eq!(found(&differences, "field source").remedy, flags(flag));
        assert!(infer(&live).command_line().contains(flag));
    }
}

#[test]
fn a_field_that_varies_gives_its_last_value_and_says_so() {
    let at = |time: &str| format!(r#"{},"processingTime":"{time}"}}"#, LIVE.strip_suffix('}').unwrap());
    let live = live(format!("{}\n{}\n", at("2026-01-14T10:00:00Z"), at("2026-01-14T10:00:01Z")));
    let inference = infer(&live);
    let flag = inference.flags.iter().find(|flag| flag.name == "--extra-field").unwrap();
    assert_eq!(flag.value, "processingTime=2026-01-14T10:00:01Z");
    assert!(flag.reason.contains("varies"), "{}", flag.reason);
}

#[test]
fn a_field_that_some_records_have_is_counted() {
    let with = format!(r#"{},"note":1}}"#, LIVE.strip_suffix('}').unwrap());
    let live = live(format!("{LIVE}\n{with}\n{LIVE}\n"));
    assert_eq!(found(&compare(&live, &ours()), "field note").live, "1 (1 of 3 records)");
    let flag = infer(&live).flags.into_iter().find(|flag| flag.name == "--extra-field").unwrap();
    assert!(flag.reason.starts_with("1 of 3 records have note"), "{}", flag.reason);
}

#[test]
fn another_value_of_a_field_that_both_add_is_as_it_may_be() {
    let with = |value: &str| format!("{}\n", LIVE.replacen('{', &format!(r#"{{"source":"{value}","#), 1));
    let differences = compare(&live(with("live")), &live(with("backfill")));
    assert!(noticed(&differences).is_empty(), "{differences:#?}");
    assert_eq!(found(&differences, "value of source").severity, Severity::Cosmetic);
}

#[test]
fn a_field_that_only_ours_have_is_told_with_the_flag_to_leave_out() {
    let with = format!("{}\n", LIVE.replacen('{', r#"{"source":"backfill","#, 1));
    let differences = compare(&live(format!("{LIVE}\n")), &live(with));
    let field = found(&differences, "field source");
    assert_eq!(field.severity, Severity::Differs);
    assert_eq!(field.remedy, Remedy::Why("leave out --extra-field source=…".to_owned()));
}

#[test]
fn times_as_text_and_in_other_units_break_readers() {
    for (time, word) in [
        (r#""2025-02-11T09:06:51Z""#, r#"ISO 8601 text "2025-02-11T09:06:51Z""#),
        ("1739264811000", "milliseconds 1739264811000"),
        (r#""1739264811""#, r#"text of digits "1739264811""#),
    ] {
        let differences = compare(&live_with("1739264811", time), &ours());
        let difference = found(&differences, "type of dynamodb.ApproximateCreationDateTime");
        assert_eq!((difference.severity, difference.live.as_str()), (Severity::BreaksReaders, word));
        assert!(matches!(difference.remedy, Remedy::Why(_)));
    }
}

#[test]
fn times_as_floats_differ() {
    for time in ["1739264811.0", "1.739264811E9"] {
        let differences = compare(&live_with("1739264811", time), &ours());
        let difference = found(&differences, "type of dynamodb.ApproximateCreationDateTime");
        assert_eq!(difference.severity, Severity::Differs, "{time}");
    }
}

#[test]
fn unwrapped_images_in_stream_records_break_readers_and_no_flag_helps() {
    let image = r#""NewImage":{"pk":{"S":"z"},"sk":{"S":"9"},"n":{"N":"5"}}"#;
    let differences = compare(&live_with(image, r#""NewImage":{"pk":"z","sk":"9","n":5}"#), &ours());
    let difference = found(&differences, "type of dynamodb.NewImage");
    assert_eq!((difference.severity, difference.live.as_str()), (Severity::BreaksReaders, "unwrapped JSON"));
    assert!(matches!(&difference.remedy, Remedy::Why(why) if why.contains("plain")));
    assert_eq!(noticed(&differences).len(), 1);
}

#[test]
fn payloads_that_dynamodb_does_not_write_break_readers() {
    for (value, what, shown) in [
        (r#"{"N":5}"#, "N values", r#"integer {"N":5}"#),
        (r#"{"B":[1,2]}"#, "B values", r#"list {"B":[1,2]}"#),
        (r#"{"B":"_-8"}"#, "B values", r#"text that is no padded base64 {"B":"_-8"}"#),
        (r#"{"BOOL":"true"}"#, "BOOL values", r#"text {"BOOL":"true"}"#),
        (r#"{"M":{"x":{"L":[{"N":1.5}]}}}"#, "N values", r#"decimal number {"N":1.5}"#),
        (r#"{"BS":["_-8"]}"#, "B values", r#"text that is no padded base64 {"BS":["_-8"]}"#),
        (r#"{"NS":[1,2]}"#, "N values", r#"integer {"NS":[1,2]}"#),
    ] {
        let differences = compare(&live_with(r#"{"N":"5"}"#, value), &ours());
        let difference = found(&differences, what);
        assert_eq!((difference.severity, difference.live.as_str()), (Severity::BreaksReaders, shown));
    }
}

#[test]
fn numbers_with_an_exponent_are_the_same_numbers() {
    let differences = compare(&live_with(r#"{"N":"5"}"#, r#"{"N":"5E+2"}"#), &ours());
    assert_eq!(found(&differences, "N values").severity, Severity::Cosmetic);
}

#[test]
fn null_and_absent_images_differ() {
    let differences = compare(&live_with(r#""NewImage""#, r#""OldImage":null,"NewImage""#), &ours());
    let difference = found(&differences, "field dynamodb.OldImage");
    assert_eq!((difference.severity, difference.live.as_str()), (Severity::Differs, "null"));
}

#[test]
fn another_view_is_found_with_its_flag() {
    let spec = RecipeSpec { view: ViewType::KeysOnly, ..recipe(Format::Stream) };
    let differences = compare(&live(format!("{LIVE}\n")), &portrait(&converted(spec)));
    let flag = flags("--view-type NEW_AND_OLD_IMAGES");
    let image = found(&differences, "field dynamodb.NewImage");
    assert_eq!((image.severity, &image.remedy), (Severity::BreaksReaders, &flag));
    assert_eq!(found(&differences, "value of dynamodb.StreamViewType").remedy, flag);
}

#[test]
fn a_sample_without_inserts_is_compared_without_what_inserts_lack() {
    let modify = LIVE
        .replace("INSERT", "MODIFY")
        .replace(r#""NewImage":{"#, r#""OldImage":{"pk":{"S":"z"},"sk":{"S":"9"}},"NewImage":{"#);
    let live = live(format!("{modify}\n"));
    let differences = compare(&live, &ours());
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(infer(&live).left_open.iter().any(|open| open.contains("a MODIFY stood in")));
}

#[test]
fn another_stream_region_and_version_are_found_with_their_flags() {
    let text = LIVE.replace("eu-north-1", "us-east-1").replace(r#""1.1""#, r#""1.0""#);
    let differences = compare(&live(format!("{text}\n")), &ours());
    let flag = format!("--stream-arn {}", STREAM_ARN.replace("eu-north-1", "us-east-1"));
    assert_eq!(
        noticed(&differences),
        ["value of eventVersion", "value of awsRegion", "value of eventSourceARN"]
    );
    assert_eq!(found(&differences, "value of eventSourceARN").remedy, flags(&flag));
    assert_eq!(found(&differences, "value of awsRegion").remedy, flags(&flag));
}

#[test]
fn records_of_several_streams_are_no_difference_where_ours_is_among_them() {
    let other = LIVE.replace("table/orders/", "table/returns/");
    let live = live(format!("{other}\n{LIVE}\n"));
    let differences = compare(&live, &ours());
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(infer(&live).left_open.iter().any(|open| open.contains("more than one stream")));
}

#[test]
fn a_sample_of_another_table_is_said_to_be_one() {
    let differences = compare(&live_with("table/orders/", "table/returns/"), &ours());
    let arn = found(&differences, "value of eventSourceARN");
    assert!(
        matches!(&arn.remedy, Remedy::Why(why) if why.contains("table returns, the job of orders")),
        "{arn:?}"
    );
    assert_eq!(
        (arn.live.as_str(), arn.ours.as_str()),
        ("…returns/stream/2025-02-07T06:30:08.871\"", "…orders/stream/2025-02-07T06:30:08.871\"")
    );
}

#[test]
fn other_forms_of_ids_and_sequence_numbers_are_found() {
    let uuid = "b015b5f0-c095-4b50-8ad0-4279aa3d88c6";
    let differences = compare(&live_with("390cc13abf07d7b9a233daa65231d6c8", uuid), &ours());
    assert_eq!(found(&differences, "type of eventID").severity, Severity::Differs);
    let differences = compare(&live_with(r#""21117700000000082887985843""#, "2111770000000008"), &ours());
    assert_eq!(found(&differences, "type of dynamodb.SequenceNumber").severity, Severity::BreaksReaders);
}

#[test]
fn fields_that_no_flag_adds_or_removes_are_told_as_such() {
    let differences = compare(&live_with(r#""SizeBytes":12"#, r#""SizeBytes":12,"Shard":"s""#), &ours());
    assert!(matches!(found(&differences, "field dynamodb.Shard").remedy, Remedy::Why(_)));
    let differences = compare(&live_with(r#""SizeBytes":12,"#, ""), &ours());
    let size = found(&differences, "field dynamodb.SizeBytes");
    assert_eq!((size.severity, size.live.as_str()), (Severity::Differs, "absent"));
}

#[test]
fn another_order_of_fields_is_cosmetic() {
    let differences = compare(
        &live_with(
            r#""eventName":"INSERT","eventVersion":"1.1""#,
            r#""eventVersion":"1.1","eventName":"INSERT""#,
        ),
        &ours(),
    );
    assert!(noticed(&differences).is_empty(), "{differences:#?}");
    let order = found(&differences, "order of fields");
    assert_eq!(
        (order.live.as_str(), order.ours.as_str()),
        ("… eventVersion, eventName, eventSource", "… eventName, eventVersion, eventSource")
    );
}

#[test]
fn other_keys_break_readers() {
    let differences = compare(
        &live_with(r#""Keys":{"pk":{"S":"z"},"sk":{"S":"9"}}"#, r#""Keys":{"id":{"S":"z"}}"#),
        &ours(),
    );
    assert_eq!(found(&differences, "attributes of Keys").remedy, flags("--keys id"));
    let differences = compare(
        &live_with(r#""Keys":{"pk":{"S":"z"},"sk":{"S":"9"}}"#, r#""Keys":{"sk":{"S":"9"},"pk":{"S":"z"}}"#),
        &ours(),
    );
    assert_eq!(found(&differences, "order of Keys").severity, Severity::Cosmetic);
}

#[test]
fn bare_images_ask_for_image_and_tell_what_was_added_to_them() {
    let text = "{\"pk\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"},\"source\":\"live\"}\n";
    let live = live(text);
    assert_eq!(
        infer(&live).command_line(),
        "--format image --extra-field source=live --compression none --partition date=backfill-2026-01-14"
    );
    let differences = compare(&live, &live);
    assert!(differences.is_empty(), "{differences:#?}");
    assert_eq!(found(&compare(&live, &ours()), "form of records").remedy, flags("--format image"));
}

#[test]
fn unwrapped_items_ask_for_plain_and_differ_by_how_their_values_are_written() {
    let ours = portrait(&converted(recipe(Format::Plain)));
    let text = "{\"pk\":\"z\",\"sk\":\"9\",\"n\":\"5\"}\n";
    let portrait = live(text);
    assert_eq!(infer(&portrait).value("--format"), Some("plain"));
    let differences = compare(&portrait, &ours);
    assert_eq!(noticed(&differences), ["type of n"]);
    let floats = live("{\"pk\":\"z\",\"sk\":\"9\",\"n\":5.0}\n");
    assert_eq!(found(&compare(&floats, &ours), "type of n").severity, Severity::Differs);
    let same = live("{\"pk\":\"z\",\"sk\":\"9\",\"other\":[1],\"n\":5.25}\n{\"pk\":\"y\",\"sk\":\"8\"}\n");
    let differences = compare(&same, &ours);
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn the_inner_part_of_stream_records_has_no_format_of_ours() {
    let text =
        "{\"Keys\":{\"pk\":{\"S\":\"a\"}},\"NewImage\":{\"pk\":{\"S\":\"a\"}},\"SequenceNumber\":\"1\"}\n";
    let inference = infer(&live(text));
    assert_eq!(inference.value("--format"), None);
    assert!(inference.left_open.iter().any(|open| open.contains("`dynamodb` part")), "{inference:#?}");
}

#[test]
fn the_worst_differences_come_first() {
    let text = LIVE.replace("1739264811", r#""now""#).replace(r#""1.1""#, r#""1.0""#);
    let differences = compare(&live(text), &ours());
    assert!(differences.is_sorted_by_key(|difference| difference.severity));
    assert_eq!(differences.len(), 3, "{differences:#?}");
}
