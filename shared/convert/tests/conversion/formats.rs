//! What records look like, byte for byte.

use backfleet_convert::{AttributeFilter, ExtraField, Format, KinesisPrecision, RecipeSpec, ViewType};
use proptest::prelude::*;

use crate::common::{Random, STREAM_ARN, convert, item_line, spec};
use crate::oracle::Node;

const LINE: &str = r#"{"Item":{"n":{"N":"101"},"sk":{"N":"7"},"pk":{"S":"a\/b"}}}"#;

fn two_keys(format: Format) -> RecipeSpec {
    RecipeSpec { keys: vec!["pk".to_owned(), "sk".to_owned()], ..spec(format) }
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let start = text.find(&format!("\"{name}\":\"")).unwrap() + name.len() + 4;
    &text[start..start + text[start..].find('"').unwrap()]
}

#[test]
fn a_stream_record_has_the_fields_of_a_real_one_in_their_order() {
    let text = convert(two_keys(Format::Stream), LINE).text();
    let id = field(&text, "eventID");
    assert!(id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    let expected = [
        r#"{"eventID":""#,
        id,
        r#"","eventName":"INSERT","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"eu-north-1","#,
        r#""dynamodb":{"ApproximateCreationDateTime":1768385930,"Keys":{"pk":{"S":"a\/b"},"sk":{"N":"7"}},"#,
        r#""NewImage":{"n":{"N":"101"},"sk":{"N":"7"},"pk":{"S":"a\/b"}},"SequenceNumber":"000000042000000000001","#,
        r#""SizeBytes":22,"StreamViewType":"NEW_AND_OLD_IMAGES"},"eventSourceARN":""#,
        STREAM_ARN,
        "\"}\n",
    ];
    assert_eq!(text, expected.concat());
}

#[test]
fn a_kinesis_record_has_the_fields_of_a_real_one_in_their_order() {
    let text = convert(two_keys(Format::Kinesis), LINE).text();
    let id = field(&text, "eventID");
    let dashes: Vec<usize> = id.match_indices('-').map(|(at, _)| at).collect();
    assert_eq!((id.len(), dashes), (36, vec![8, 13, 18, 23]));
    let expected = [
        r#"{"awsRegion":"eu-north-1","eventID":""#,
        id,
        r#"","eventName":"INSERT","userIdentity":null,"recordFormat":"application/json","tableName":"test","#,
        r#""dynamodb":{"ApproximateCreationDateTime":1768385930622,"Keys":{"pk":{"S":"a\/b"},"sk":{"N":"7"}},"#,
        r#""NewImage":{"n":{"N":"101"},"sk":{"N":"7"},"pk":{"S":"a\/b"}},"SizeBytes":22},"eventSource":"aws:dynamodb"}"#,
        "\n",
    ];
    assert_eq!(text, expected.concat());
    let stream = convert(two_keys(Format::Stream), LINE).text();
    assert_eq!(id.replace('-', ""), field(&stream, "eventID"));
}

#[test]
fn a_kinesis_record_in_microseconds_says_so() {
    let recipe = RecipeSpec { kinesis_precision: KinesisPrecision::Microsecond, ..two_keys(Format::Kinesis) };
    let text = convert(recipe, LINE).text();
    assert!(text.contains(r#""ApproximateCreationDateTime":1768385930622345,"#));
    assert!(
        text.contains(
            r#""SizeBytes":22,"ApproximateCreationDateTimePrecision":"MICROSECOND"},"eventSource""#
        )
    );
}

#[test]
fn views_without_a_new_image_have_none_and_do_not_count_it() {
    for view in [ViewType::KeysOnly, ViewType::OldImage] {
        let text = convert(RecipeSpec { view, ..two_keys(Format::Stream) }, LINE).text();
        assert!(!text.contains("NewImage"));
        let expected = format!(
            r#""Keys":{{"pk":{{"S":"a\/b"}},"sk":{{"N":"7"}}}},"SequenceNumber":"000000042000000000001","SizeBytes":9,"StreamViewType":"{view}"}}"#
        );
        assert!(text.contains(&expected), "{text}");
    }
}

#[test]
fn times_before_the_epoch_are_rounded_down() {
    let text = convert(RecipeSpec { snapshot_micros: -1, ..spec(Format::Stream) }, LINE).text();
    assert!(text.contains(r#""ApproximateCreationDateTime":-1,"#));
}

#[test]
fn sequence_numbers_count_quarantined_records_but_not_blank_lines() {
    let file = format!("{LINE}\n\nno item\n{LINE}\n");
    let text = convert(spec(Format::Stream), file).text();
    let numbers: Vec<&str> = text.lines().map(|line| field(line, "SequenceNumber")).collect();
    assert_eq!(numbers, ["000000042000000000001", "000000042000000000003"]);
}

#[test]
fn event_ids_do_not_depend_on_spelling() {
    let id = |line: &str| field(&convert(spec(Format::Stream), line).text(), "eventID").to_owned();
    let plain = id(r#"{"Item":{"pk":{"S":"a/b"}}}"#);
    assert_eq!(plain, id(r#"{"Item" : {"x":{"N":"1"},"\u0070k": {"S": "\u0061\/b"}}}"#));
    assert_ne!(plain, id(r#"{"Item":{"pk":{"S":"a/c"}}}"#));
    assert_ne!(id(r#"{"Item":{"pk":{"S":"1"}}}"#), id(r#"{"Item":{"pk":{"N":"1"}}}"#));
}

#[test]
fn event_ids_differ_between_tables_regions_snapshots_and_key_splits() {
    let id = |spec: RecipeSpec, line: &str| field(&convert(spec, line).text(), "eventID").to_owned();
    let base = spec(Format::Stream);
    let mut ids = vec![id(base.clone(), LINE), id(RecipeSpec { snapshot_micros: 0, ..base.clone() }, LINE)];
    let (mut renamed, mut moved) = (base.clone(), base);
    renamed.table.as_mut().unwrap().name.push('x');
    moved.table.as_mut().unwrap().region.push('x');
    ids.extend([id(renamed, LINE), id(moved, LINE)]);
    for (pk, sk) in [("ab", "c"), ("a", "bc")] {
        ids.push(id(
            two_keys(Format::Stream),
            &format!(r#"{{"Item":{{"pk":{{"S":"{pk}"}},"sk":{{"S":"{sk}"}}}}}}"#),
        ));
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

/// Pinned: an id that changes makes a rerun with a newer version a second set of events.
#[test]
fn event_ids_never_change() {
    let text = convert(spec(Format::Stream), r#"{"Item":{"pk":{"S":"a/b"}}}"#).text();
    assert_eq!(field(&text, "eventID"), "481e71ed66f7056a6694d3400e9dabe1");
}

#[test]
fn filters_rebuild_the_image_of_the_very_bytes_that_came() {
    let line = r#"{"Item":{"a":{"S":"1"}, "b" : {"S":"\u0032"},"pk":{"S":"k"},"c":{"N":"3"}}}"#;
    let with = |attributes| convert(RecipeSpec { attributes, ..spec(Format::Stream) }, line).text();
    let include = with(AttributeFilter::Include(vec!["b".to_owned()]));
    assert!(include.contains(r#""NewImage":{"b" : {"S":"\u0032"},"pk":{"S":"k"}},"#), "{include}");
    assert!(include.contains(r#""SizeBytes":8,"#), "{include}");
    let exclude = with(AttributeFilter::Exclude(vec!["b".to_owned(), "zzz".to_owned()]));
    assert!(exclude.contains(r#""NewImage":{"a":{"S":"1"},"pk":{"S":"k"},"c":{"N":"3"}},"#), "{exclude}");
    assert!(exclude.contains(r#""SizeBytes":11,"#), "{exclude}");
}

#[test]
fn an_item_that_keeps_nothing_is_an_empty_object() {
    let attributes = AttributeFilter::Include(Vec::new());
    for (format, expected) in [(Format::Item, "{\"Item\":{}}\n"), (Format::Plain, "{}\n")] {
        let recipe = RecipeSpec { keys: Vec::new(), attributes: attributes.clone(), ..spec(format) };
        assert_eq!(convert(recipe, LINE).text(), expected);
    }
}

#[test]
fn extra_fields_come_last_in_their_order() {
    let extra_fields = vec![
        ExtraField { name: "source".to_owned(), json: r#""backfill""#.to_owned() },
        ExtraField { name: "q\"\n".to_owned(), json: "[1,null]".to_owned() },
    ];
    let extra = ",\"source\":\"backfill\",\"q\\\"\\u000a\":[1,null]}\n";
    for format in [Format::Stream, Format::Kinesis, Format::Plain, Format::Item] {
        let text = convert(RecipeSpec { extra_fields: extra_fields.clone(), ..spec(format) }, LINE).text();
        assert!(text.ends_with(extra), "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
    let recipe = RecipeSpec { extra_fields, keys: Vec::new(), ..spec(Format::Plain) };
    assert_eq!(convert(recipe, r#"{"Item":{}}"#).text(), format!("{{{}", &extra[1..]));
}

#[test]
fn the_item_format_gives_back_what_it_took() {
    let line = r#"{"Item":{"id":{"S":"K3TXQk84Si"},"a":{"BOOL":false},"b":{"NULL":true},"c":{"SS":["8gfX8dh0xa","fRjHZJ2Ce9"]}}}"#;
    let recipe = RecipeSpec { keys: Vec::new(), ..spec(Format::Item) };
    assert_eq!(convert(recipe, line).text(), format!("{line}\n"));
}

#[test]
fn plain_numbers_keep_their_digits_and_become_legal_json() {
    let spellings = [
        ("+3", "3"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-.5", "-0.5"),
        ("0001.230", "1.230"),
        ("-0", "-0"),
        ("000", "0"),
        ("1e+5", "1e+5"),
        ("5.E-07", "5E-07"),
        ("+.0e0", "0.0e0"),
        (r"\u0031", "1"),
    ];
    for (text, json) in spellings {
        let line = format!(r#"{{"Item":{{"pk":{{"S":"1"}},"n":{{"N":"{text}"}},"s":{{"NS":["{text}"]}}}}}}"#);
        assert_eq!(
            convert(spec(Format::Plain), line).text(),
            format!("{{\"pk\":\"1\",\"n\":{json},\"s\":[{json}]}}\n")
        );
    }
}

#[test]
fn long_numbers_survive_every_format() {
    let digits_38 = "12345678901234567890123456789012345678";
    let wide = format!("{digits_38}{}", "0".repeat(93));
    let tiny = format!("-0.{}{digits_38}", "0".repeat(92));
    for number in [digits_38, &wide, &tiny] {
        let line = format!(r#"{{"Item":{{"pk":{{"N":"{number}"}}}}}}"#);
        for format in [Format::Stream, Format::LambdaEvent, Format::Kinesis, Format::Item] {
            let text = convert(spec(format), &line).text();
            assert!(text.contains(&format!(r#"{{"N":"{number}"}}"#)), "{format}");
        }
        assert_eq!(convert(spec(Format::Plain), &line).text(), format!("{{\"pk\":{number}}}\n"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn plain_output_says_what_the_oracle_says(seed in any::<u64>()) {
        let line = item_line(&mut Random(seed));
        let outcome = convert(spec(Format::Plain), &line);
        prop_assume!(outcome.totals.records_out == 1);
        let Node::Object(top) = serde_json::from_str(&line).unwrap() else { panic!("an object") };
        let Node::Object(item) = &top[0].1 else { panic!("an item") };
        let text = outcome.text();
        prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
        prop_assert_eq!(respelled(&text), object(item) + "\n", "{}", line);
    }

    #[test]
    fn filtered_images_hold_what_the_item_holds(seed in any::<u64>()) {
        let line = item_line(&mut Random(seed));
        let attributes = AttributeFilter::Exclude(vec!["a".to_owned(), "Keys".to_owned(), "q\"uote".to_owned()]);
        let outcome = convert(RecipeSpec { attributes, ..spec(Format::Item) }, &line);
        prop_assume!(outcome.totals.records_out == 1);
        let mut expected: serde_json::Value = serde_json::from_str(&line).unwrap();
        for name in ["a", "Keys", "q\"uote"] {
            expected["Item"].as_object_mut().unwrap().remove(name);
        }
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&outcome.text()).unwrap(), expected);
    }
}

/// JSON text with every string spelled as serde_json spells it; numbers as they are.
fn respelled(json: &str) -> String {
    let mut respelled = String::new();
    let mut rest = json;
    while let Some(start) = rest.find('"') {
        respelled.push_str(&rest[..start]);
        let mut strings = serde_json::Deserializer::from_str(&rest[start..]).into_iter::<String>();
        let text = strings.next().unwrap().unwrap();
        respelled.push_str(&serde_json::to_string(&text).unwrap());
        rest = &rest[start + strings.byte_offset()..];
    }
    respelled + rest
}

fn object(map: &[(String, Node)]) -> String {
    let field = |(name, value): &(String, Node)| {
        format!("{}:{}", serde_json::to_string(name).unwrap(), unwrapped(value))
    };
    format!("{{{}}}", map.iter().map(field).collect::<Vec<_>>().join(","))
}

fn unwrapped(value: &Node) -> String {
    let Node::Object(typed) = value else { panic!("typed") };
    match (typed[0].0.as_str(), &typed[0].1) {
        ("NULL", _) => "null".to_owned(),
        (_, Node::Bool(value)) => value.to_string(),
        ("N", Node::Text(text)) => legal(text),
        (_, Node::Text(text)) => serde_json::to_string(text).unwrap(),
        ("L", Node::Array(values)) => array(values, unwrapped),
        ("NS", Node::Array(members)) => array(members, |member| match member {
            Node::Text(text) => legal(text),
            other => panic!("{other:?}"),
        }),
        (_, Node::Array(members)) => array(members, |member| match member {
            Node::Text(text) => serde_json::to_string(text).unwrap(),
            other => panic!("{other:?}"),
        }),
        (_, Node::Object(map)) => object(map),
        other => panic!("{other:?}"),
    }
}

fn array(values: &[Node], write: impl Fn(&Node) -> String) -> String {
    format!("[{}]", values.iter().map(write).collect::<Vec<_>>().join(","))
}

/// The numbers that the generator spells as JSON does not.
fn legal(text: &str) -> String {
    match text {
        "+3" => "3",
        ".123" => "0.123",
        "5." => "5",
        "0001.23" => "1.23",
        other => other,
    }
    .to_owned()
}

#[test]
fn a_bare_image_takes_extra_fields_among_its_attributes() {
    let bare = |line: &str, extra_fields: Vec<ExtraField>| {
        let keys = Vec::new();
        convert(RecipeSpec { keys, extra_fields, ..spec(Format::Image) }, line).text()
    };
    let source = || vec![ExtraField { name: "source".to_owned(), json: "\"backfill\"".to_owned() }];
    assert_eq!(bare(LINE, Vec::new()), format!("{}\n", &LINE[8..LINE.len() - 1]));
    assert_eq!(
        bare(r#"{"Item":{"a":{"S":"1"}}}"#, source()),
        "{\"a\":{\"S\":\"1\"},\"source\":\"backfill\"}\n"
    );
    assert_eq!(bare(r#"{"Item":{ }}"#, source()), "{ \"source\":\"backfill\"}\n");
    let clash = convert(
        RecipeSpec { keys: Vec::new(), extra_fields: source(), ..spec(Format::Image) },
        r#"{"Item":{"source":{"S":"1"}}}"#,
    );
    assert_eq!(clash.quarantined[0].reason, backfleet_convert::Reason::ExtraFieldName);
}
