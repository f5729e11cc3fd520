//! Every reason for quarantine, each with a line that has it, where it has it.

use std::collections::BTreeSet;

use backfleet_convert::{AttributeFilter, ExtraField, Format, Reason, RecipeSpec, limits};

use crate::common::{convert, spec};

fn first_fault(spec: RecipeSpec, line: impl AsRef<[u8]>) -> (Reason, u64) {
    let outcome = convert(spec, line);
    let quarantined = outcome.quarantined.first().expect("quarantined");
    (quarantined.reason, quarantined.column)
}

/// The fault of an attribute `v` with this value, and its column from the value's start.
fn fault_of_value(value: &str) -> (Reason, u64) {
    let before = r#"{"Item":{"pk":{"S":"1"},"v":"#;
    let (reason, column) = first_fault(spec(Format::Stream), format!("{before}{value}}}}}\n"));
    (reason, column - before.len() as u64)
}

fn nested(levels: usize) -> String {
    r#"{"L":["#.repeat(levels) + r#"{"S":"deep"}"# + &"]}".repeat(levels)
}

#[test]
fn codes_are_stable_and_sentences_are_fragments() {
    let codes: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        assert!(reason.code().bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')));
        assert!(!reason.to_string().ends_with('.'));
    }
    assert!(Reason::LineTooLong.to_string().contains(&format!("{} MiB", limits::LINE_BYTES_MAX >> 20)));
    assert!(Reason::TooDeep.to_string().contains(&limits::DEPTH_MAX.to_string()));
}

#[test]
fn every_reason_has_a_line_that_shows_it() {
    let mut shown = BTreeSet::new();
    let lines: &[(&[u8], Reason, u64)] = &[
        (b"{\"Item\":{\"pk\":{\"S\":\"\xff\"}}}", Reason::InvalidUtf8, 20),
        (b"[]", Reason::UnexpectedByte, 0),
        (b"{Item", Reason::UnexpectedByte, 1),
        (br#"{"Item":{"pk":{"S":"1"}"#, Reason::UnexpectedEnd, 23),
        (br#"{"Item":{"pk":{"S":"1"}}} {}"#, Reason::TrailingBytes, 26),
        (b"{\"Item\":{\"pk\":{\"S\":\"a\tb\"}}}", Reason::ControlCharacter, 21),
        (br#"{"Item":{"pk":{"S":"\x"}}}"#, Reason::InvalidEscape, 20),
        (br#"{"Item":{"pk":{"S":"a\ud83dx"}}}"#, Reason::LoneSurrogate, 21),
        (br#"{"Record":{}}"#, Reason::NotAnItem, 1),
        (br#"{}"#, Reason::NotAnItem, 1),
        (br#"{"Item":{"pk":{"S":"1"}},"x":1}"#, Reason::NotAnItem, 25),
        (br#"{"Item":[]}"#, Reason::ObjectExpected, 8),
        (br#"{"Item":{"":{"S":"1"}}}"#, Reason::EmptyName, 10),
        (br#"{"Item":{"pk":{"S":"1"},"pk":{"S":"1"}}}"#, Reason::DuplicateName, 25),
        (br#"{"Item":{"sk":{"S":"1"}}}"#, Reason::MissingKey, 23),
        (br#"{"Item":{"pk":{"BOOL":true}}}"#, Reason::InvalidKeyType, 14),
        (br#"{"Item":{"pk":{"S":""}}}"#, Reason::EmptyKey, 14),
    ];
    for (line, reason, column) in lines {
        let fault = first_fault(spec(Format::Stream), line);
        assert_eq!(fault, (*reason, *column), "{}", String::from_utf8_lossy(line));
        shown.insert(fault.0);
    }
    let deep = nested(41);
    let values: &[(&str, Reason, u64)] = &[
        (r#""text""#, Reason::ObjectExpected, 0),
        (r#"{"M":[]}"#, Reason::ObjectExpected, 5),
        (r#"{"L":{}}"#, Reason::ArrayExpected, 5),
        (r#"{"SS":"a"}"#, Reason::ArrayExpected, 6),
        (r#"{"S":1}"#, Reason::StringExpected, 5),
        (r#"{"N":1}"#, Reason::StringExpected, 5),
        (r#"{"SS":[1]}"#, Reason::StringExpected, 7),
        (r#"{}"#, Reason::MissingType, 1),
        (r#"{"S":"a","N":"1"}"#, Reason::SeveralTypes, 8),
        (r#"{"X":"a"}"#, Reason::UnknownType, 1),
        (r#"{"s":"a"}"#, Reason::UnknownType, 1),
        (r#"{"N":"1x"}"#, Reason::InvalidNumber, 6),
        (r#"{"B":"AB=="}"#, Reason::InvalidBase64, 6),
        (r#"{"BOOL":"true"}"#, Reason::InvalidBool, 8),
        (r#"{"NULL":false}"#, Reason::InvalidNull, 8),
        (r#"{"NS":[]}"#, Reason::EmptySet, 7),
        (r#"{"NS":["1","2","1"]}"#, Reason::DuplicateMember, 16),
        (&deep, Reason::TooDeep, 40 * 6),
    ];
    for (value, reason, column) in values {
        let fault = fault_of_value(value);
        assert_eq!(fault, (*reason, *column), "{value}");
        shown.insert(fault.0);
    }
    shown.insert(first_fault(spec(Format::Stream), vec![b'x'; limits::LINE_BYTES_MAX + 1]).0);
    shown.insert(first_fault(with_extra_field("v"), r#"{"Item":{"v":{"S":"1"}}}"#).0);
    shown.extend(OF_CHANGES);
    // Beside the code of the Ion reader.
    shown.insert(Reason::SymbolTable);
    assert_eq!(shown, BTreeSet::from(Reason::ALL));
}

/// Shown in `changes`.
const OF_CHANGES: [Reason; 4] =
    [Reason::NotAChange, Reason::InvalidWriteTime, Reason::KeysDiffer, Reason::Removed];

fn with_extra_field(name: &str) -> RecipeSpec {
    let extra_fields = vec![ExtraField { name: name.to_owned(), json: "1".to_owned() }];
    RecipeSpec { keys: Vec::new(), extra_fields, ..spec(Format::Plain) }
}

#[test]
fn only_attributes_that_are_written_collide_with_extra_fields() {
    let mut spec = with_extra_field("v");
    spec.attributes = AttributeFilter::Exclude(vec!["v".to_owned()]);
    let outcome = convert(spec, r#"{"Item":{"v":{"S":"1"},"w":{"S":"2"}}}"#);
    assert_eq!(outcome.text(), "{\"w\":\"2\",\"v\":1}\n");
}

#[test]
fn an_extra_field_collides_with_any_spelling_of_its_name() {
    let fault = first_fault(with_extra_field("v"), r#"{"Item":{"\u0076":{"S":"1"}}}"#);
    assert_eq!(fault, (Reason::ExtraFieldName, 10));
}

#[test]
fn forty_levels_are_allowed_and_stay_readable_in_every_format() {
    let line = format!(r#"{{"Item":{{"pk":{{"S":"1"}},"v":{}}}}}"#, nested(limits::DEPTH_MAX as usize));
    for format in [Format::Stream, Format::LambdaEvent, Format::Kinesis, Format::Plain, Format::Item] {
        let text = convert(spec(format), &line).text();
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{format}");
    }
}

#[test]
fn numbers_that_are_none_are_refused() {
    for text in [
        "", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", "NaN", "Infinity", " 1", "1 ", "0x1", "--1", "1e5.0",
        "١",
    ] {
        assert_eq!(fault_of_value(&format!(r#"{{"N":"{text}"}}"#)).0, Reason::InvalidNumber, "{text:?}");
    }
}

#[test]
fn base64_that_is_not_canonical_is_refused() {
    for text in [
        "A", "AA", "AAA", "AAAAA", "A===", "====", "AB==", "AI==", "AAC=", "AAB=", "AA=A", "A_A=", "A-AA",
        "AAA A", "AA==AAAA", r"AA\n==",
    ] {
        assert_eq!(fault_of_value(&format!(r#"{{"B":"{text}"}}"#)).0, Reason::InvalidBase64, "{text:?}");
    }
}

#[test]
fn surrogates_are_only_accepted_in_pairs() {
    for text in [r"\ud83d", r"\ude00", r"\ud83d\ud83d", r"\ude00\ud83d", r"\ud83d\n", r"\ud83d\u0041"] {
        assert_eq!(fault_of_value(&format!(r#"{{"S":"{text}"}}"#)).0, Reason::LoneSurrogate, "{text}");
    }
}

#[test]
fn duplicates_are_found_whatever_their_spelling() {
    assert_eq!(fault_of_value(r#"{"M":{"a":{"S":""},"\u0061":{"S":""}}}"#).0, Reason::DuplicateName);
    assert_eq!(fault_of_value(r#"{"BS":["////","\/\/\/\/"]}"#).0, Reason::DuplicateMember);
}

#[test]
fn one_name_may_occur_in_two_maps() {
    let outcome = convert(
        spec(Format::Stream),
        r#"{"Item":{"pk":{"S":"1"},"m":{"M":{"pk":{"S":""},"m":{"M":{"pk":{"S":""}}}}}}}"#,
    );
    assert_eq!(outcome.totals.records_out, 1);
}

#[test]
fn a_duplicate_among_sixty_thousand_names_is_found() {
    for (repeated, count) in
        [(None, 60_000), (Some(17), 60_000), (Some(59_999), 60_000), (Some(63), 64), (Some(0), 65)]
    {
        let names = (0..count).chain(repeated).map(|name| format!(r#","{name}":{{"S":""}}"#));
        let line = format!(r#"{{"Item":{{"pk":{{"S":"1"}}{}}}}}"#, names.collect::<String>());
        let outcome = convert(spec(Format::Stream), &line);
        let found = outcome.quarantined.first().map(|line| (line.reason, line.column as usize));
        let expected = repeated
            .map(|name| (Reason::DuplicateName, line.len() - 3 - format!(r#"{name}":{{"S":""}}"#).len() + 1));
        assert_eq!(found, expected, "{repeated:?} of {count}");
    }
}

#[test]
fn a_set_of_a_hundred_thousand_members_is_checked() {
    let members =
        |last: &str| (0..100_000).map(|n| format!("\"{n}\",")).collect::<String>() + &format!("\"{last}\"");
    let line = |last: &str| format!(r#"{{"Item":{{"pk":{{"S":"1"}},"v":{{"NS":[{}]}}}}}}"#, members(last));
    assert_eq!(convert(spec(Format::Stream), line("100000")).totals.records_out, 1);
    assert_eq!(first_fault(spec(Format::Stream), line("77777")).0, Reason::DuplicateMember);
}

#[test]
fn names_with_one_hash_stay_affordable() {
    // Same length, same first and last eight bytes: all of them collide.
    let names = (0..60_000).map(|name| format!(r#","prefix--{name:08}--suffix":{{"S":""}}"#));
    let line = format!(r#"{{"Item":{{"pk":{{"S":"1"}}{}}}}}"#, names.collect::<String>());
    assert_eq!(convert(spec(Format::Stream), line).totals.records_out, 1);
}

#[test]
fn a_line_that_is_too_long_is_skipped_and_its_beginning_kept() {
    let mut file = b"\xef\xbb\xbf\n".to_vec();
    file.extend(std::iter::repeat_n(b'y', 64 << 20));
    file.extend_from_slice(b"\r\n{\"Item\":{\"pk\":{\"S\":\"1\"}}}\n");
    let outcome = convert(spec(Format::Stream), &file);
    let [long] = outcome.quarantined.as_slice() else { panic!("one line is too long") };
    assert_eq!((long.line, long.offset, long.length, long.reason), (2, 4, 64 << 20, Reason::LineTooLong));
    assert_eq!(long.bytes, vec![b'y'; limits::QUARANTINE_BYTES_MAX]);
    assert_eq!((outcome.totals.records_in, outcome.totals.records_out), (2, 1));
    assert_eq!(outcome.totals.bytes_inflated, file.len() as u64);
}

#[test]
fn the_longest_line_allowed_is_a_record() {
    let frame = r#"{"Item":{"pk":{"S":"1"},"v":{"S":""}}}"#;
    for (length, quarantined) in [(limits::LINE_BYTES_MAX, 0), (limits::LINE_BYTES_MAX + 1, 1)] {
        let value = "v".repeat(length - frame.len());
        let file =
            format!("\u{feff}{}\r\n", frame.replace(r#""v":{"S":""#, &format!(r#""v":{{"S":"{value}"#)));
        assert_eq!(convert(spec(Format::Stream), file).totals.quarantined, quarantined, "{length}");
    }
}
