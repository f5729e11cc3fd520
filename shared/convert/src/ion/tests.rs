mod against_ion_rs;
mod generated;
mod outputs;

use super::*;

fn transcode(value: &str) -> Result<String, Fault> {
    let mut transcoder = Transcoder::default();
    let json = transcoder.transcode(value.as_bytes())?.expect("a value is there");
    Ok(String::from_utf8(json.to_vec()).unwrap())
}

/// The value of the attribute `a` in an item.
fn attribute(ion: &str) -> Result<String, Fault> {
    let json = transcode(&format!("$ion_1_0 {{Item:{{a:{ion}}}}}"))?;
    Ok(json.strip_prefix(r#"{"Item":{"a":"#).unwrap().strip_suffix("}}").unwrap().to_owned())
}

#[test]
fn every_type_has_its_form_in_json() {
    for (ion, json) in [
        (r#""text""#, r#"{"S":"text"}"#),
        (r#""""#, r#"{"S":""}"#),
        ("'''long''' /* and */ '''er'''", r#"{"S":"longer"}"#),
        ("true", r#"{"BOOL":true}"#),
        ("false", r#"{"BOOL":false}"#),
        ("null", r#"{"NULL":true}"#),
        ("null.string", r#"{"NULL":true}"#),
        ("{{aGVsbG8=}}", r#"{"B":"aGVsbG8="}"#),
        ("{{ aGVs\n bG8= }}", r#"{"B":"aGVsbG8="}"#),
        ("{{}}", r#"{"B":""}"#),
        ("[]", r#"{"L":[]}"#),
        ("[1,\"a\",[true]]", r#"{"L":[{"N":"1"},{"S":"a"},{"L":[{"BOOL":true}]}]}"#),
        ("{}", r#"{"M":{}}"#),
        ("{ }", r#"{"M":{}}"#),
        ("{b:{c:null}}", r#"{"M":{"b":{"M":{"c":{"NULL":true}}}}}"#),
        ("{Item:1,Record:2}", r#"{"M":{"Item":{"N":"1"},"Record":{"N":"2"}}}"#),
        (r#"$dynamodb_SS::["b","a"]"#, r#"{"SS":["b","a"]}"#),
        ("'$dynamodb_NS'::[3., 2d0]", r#"{"NS":["3","2"]}"#),
        ("$dynamodb_BS :: [{{aGVsbG8=}}]", r#"{"BS":["aGVsbG8="]}"#),
        ("[1,2,]", r#"{"L":[{"N":"1"},{"N":"2"}]}"#),
    ] {
        assert_eq!(attribute(ion).unwrap(), json, "{ion}");
    }
}

#[test]
fn numbers_are_written_as_dynamodb_gives_them_back() {
    for (ion, plain) in [
        ("0", "0"),
        ("0.", "0"),
        ("-0.", "0"),
        ("0d5", "0"),
        ("0.000", "0"),
        ("103.", "103"),
        ("6d2", "600"),
        ("2d3", "2000"),
        ("2D3", "2000"),
        ("3.14", "3.14"),
        ("1.50", "1.5"),
        ("10.00", "10"),
        ("100", "100"),
        ("-12.5", "-12.5"),
        ("5d-1", "0.5"),
        ("-5d-3", "-0.005"),
        ("0.05", "0.05"),
        ("12345d-2", "123.45"),
        ("12300d-2", "123"),
        ("12300d-4", "1.23"),
        ("1_000", "1000"),
        ("1_0.2_5", "10.25"),
        ("1e2", "100"),
        ("1.5E+1", "15"),
        ("25e-1", "2.5"),
        ("0x1F", "31"),
        ("-0b101", "-5"),
        ("0x0", "0"),
        ("1684374845117899.", "1684374845117899"),
        ("12345678901234567890123456789012345678.", "12345678901234567890123456789012345678"),
    ] {
        assert_eq!(attribute(ion).unwrap(), format!(r#"{{"N":"{plain}"}}"#), "{ion}");
    }
    let smallest = format!(r#"{{"N":"0.{}1"}}"#, "0".repeat(129));
    assert_eq!(attribute("1d-130").unwrap(), smallest);
    let largest = format!(r#"{{"N":"{}{}"}}"#, "9".repeat(38), "0".repeat(88));
    assert_eq!(attribute(&format!("{}d88", "9".repeat(38))).unwrap(), largest);
}

#[test]
fn texts_are_escaped_in_one_way_only() {
    for (ion, json) in [
        (r#""a\"b""#, r#"a\"b"#),
        (r"'''a'b\'c''d'''", "a'b'c''d"),
        (r#"'''say "x"'''"#, r#"say \"x\""#),
        (r#""\0\a\b\t\n\v\f\r\?\'\/\\""#, r#"\u0000\u0007\b\t\n\u000B\f\r?'/\\"#),
        (r#""\x1f\x41\u00e9\U0001F600""#, "\\u001FA\u{e9}\u{1F600}"),
        (r#""\ud83d\ude00""#, "\u{1F600}"),
        ("\"\u{e9}\u{2028}\u{7f}\"", "\u{e9}\u{2028}\u{7f}"),
        ("\"tab\there\"", "tab\\there"),
        ("'''one\ntwo\r\nthree'''", r"one\ntwo\nthree"),
        ("'''one\\\ntwo'''", "onetwo"),
        ("\"one\\\ntwo\\\r\nthree\"", "onetwothree"),
    ] {
        assert_eq!(attribute(ion).unwrap(), format!(r#"{{"S":"{json}"}}"#), "{ion}");
    }
}

#[test]
fn names_are_read_in_every_way_to_write_them() {
    for (ion, json) in [
        ("a_$9", "a_$9"),
        ("'a.b'", "a.b"),
        (r"'it\'s'", "it's"),
        ("'say \"x\"'", r#"say \"x\""#),
        ("\"quoted\"", "quoted"),
        ("'''long''' '''er'''", "longer"),
        ("'null'", "null"),
        ("$ion_9", "$ion_9"),
        ("''", ""),
    ] {
        let json = format!(r#"{{"Item":{{"{json}":{{"N":"1"}}}}}}"#);
        assert_eq!(transcode(&format!("{{Item:{{{ion} : 1}}}}")).unwrap(), json, "{ion}");
    }
}

#[test]
fn a_change_is_read_with_and_without_its_wrapper() {
    let inside = "Keys:{a:\"1\"},Metadata:{WriteTimestampMicros:1684374845117899.},NewImage:{a:\"1\",n:2d3}";
    let json = concat!(
        r#"{"Keys":{"a":{"S":"1"}},"Metadata":{"WriteTimestampMicros":{"N":"1684374845117899"}},"#,
        r#""NewImage":{"a":{"S":"1"},"n":{"N":"2000"}}}"#
    );
    assert_eq!(transcode(&format!("$ion_1_0 {{Record:{{{inside}}}}}")).unwrap(), json);
    assert_eq!(transcode(&format!("$ion_1_0 {{{inside}}}")).unwrap(), json);
    assert_eq!(transcode(&format!("{{'Record':{{{inside}}},}}")).unwrap(), json);
    assert_eq!(
        transcode(&format!("{{Record:{{{inside}}},x:1}}")).unwrap_err().reason,
        Reason::UnexpectedByte
    );
    // The second wrapper is no wrapper.
    assert!(transcode(&format!("{{Record:{{Record:{{{inside}}}}}}}")).unwrap().starts_with(r#"{"Record":"#));
}

#[test]
fn version_markers_space_and_comments_are_passed_over() {
    let json = r#"{"Item":{"a":{"N":"1"}}}"#;
    for ion in [
        "{Item:{a:1}}",
        "$ion_1_0{Item:{a:1}}",
        "  $ion_1_0\t{ Item : { a : 1 } }  ",
        "$ion_1_0 $ion_1_0 {Item:{a:1,},} // the end",
        "/* $ion */ $ion_1_0 {Item:/**/{a:1 // one\n}} $ion_1_0",
    ] {
        assert_eq!(transcode(ion).unwrap(), json, "{ion}");
    }
    for nothing in ["", "   ", "$ion_1_0", " $ion_1_0 // here", "/* nothing */"] {
        assert_eq!(Transcoder::default().transcode(nothing.as_bytes()), Ok(None), "{nothing}");
    }
}

#[test]
fn what_is_no_value_of_an_export_is_refused_where_it_stands() {
    for (ion, reason, column) in [
        ("[]", Reason::ObjectExpected, 0),
        ("{Item:1}", Reason::ObjectExpected, 6),
        ("{Item:{a:1}} {}", Reason::TrailingBytes, 13),
        ("$ion_symbol_table::{symbols:[]}", Reason::SymbolTable, 0),
        ("{$10:{}}", Reason::SymbolTable, 1),
        ("{Item:{a:$4}}", Reason::SymbolTable, 9),
        ("{Item:{null:1}}", Reason::UnexpectedByte, 7),
        ("{Item:{a:1 b:2}}", Reason::UnexpectedByte, 11),
        ("{Item:{,a:1}}", Reason::UnexpectedByte, 7),
        ("{Item:{a:sym}}", Reason::UnknownType, 9),
        ("{Item:{a:'sym'}}", Reason::UnknownType, 9),
        ("{Item:{a:x::1}}", Reason::UnknownType, 9),
        ("{Item:{a:2026-01-14T10:00Z}}", Reason::UnknownType, 9),
        ("{Item:{a:2026T}}", Reason::UnknownType, 9),
        ("{Item:{a:{{\"clob\"}}}}", Reason::UnknownType, 11),
        ("{Item:{a:(1 2)}}", Reason::UnexpectedByte, 9),
        ("{Item:{a:nan}}", Reason::InvalidNumber, 9),
        ("{Item:{a:-inf}}", Reason::InvalidNumber, 9),
        ("{Item:{a:007}}", Reason::InvalidNumber, 9),
        ("{Item:{a:1__0}}", Reason::InvalidNumber, 9),
        ("{Item:{a:1d}}", Reason::InvalidNumber, 9),
        ("{Item:{a:1d999999999999999999999}}", Reason::InvalidNumber, 9),
        ("{Item:{a:1d-999}}", Reason::InvalidNumber, 9),
        ("{Item:{a:{{a*b}}}}", Reason::InvalidBase64, 12),
        ("{Item:{a:$dynamodb_SS::[1]}}", Reason::StringExpected, 24),
        ("{Item:{a:$dynamodb_NS::[\"1\"]}}", Reason::InvalidNumber, 24),
        ("{Item:{a:$dynamodb_BS::[\"1\"]}}", Reason::InvalidBase64, 24),
        ("{Item:{a:$dynamodb_SS::\"1\"}}", Reason::ArrayExpected, 23),
        ("{Item:{a:\"x\ny\"}}", Reason::ControlCharacter, 11),
        (r#"{Item:{a:"x\y"}}"#, Reason::InvalidEscape, 11),
        (r#"{Item:{a:"\xZZ"}}"#, Reason::InvalidEscape, 10),
        (r#"{Item:{a:"\ud83d"}}"#, Reason::LoneSurrogate, 10),
        ("{Item:{a:null.thing}}", Reason::UnexpectedByte, 14),
    ] {
        let fault = transcode(ion).unwrap_err();
        assert_eq!((fault.reason, fault.column), (reason, column), "{ion}");
    }
    let deep = format!("{{Item:{{a:{}{}}}}}", "[".repeat(41), "]".repeat(41));
    assert_eq!(transcode(&deep).unwrap_err().reason, Reason::TooDeep);
    let invalid = Transcoder::default().transcode(b"{Item:{a:\"\xff\"}}").map(|_| ());
    assert_eq!(invalid, Err(Fault::new(Reason::InvalidUtf8, 10)));
}

#[test]
fn a_value_cut_off_anywhere_is_unexpectedly_at_its_end() {
    let value = concat!(
        r#"$ion_1_0 {Item:{a:"x\u0041",'b c':[-1.5, 0x1F,{{aGVs}}], "#,
        "/* c */ d:'''l''',e:$dynamodb_SS::[\"s\"],f:null.int,g:true}}"
    );
    assert!(transcode(value).is_ok());
    for end in "$ion_1_0 {".len()..value.len() {
        let Err(fault) = transcode(&value[..end]) else { panic!("cut to {end}: {}", &value[..end]) };
        let cut = &value[..end];
        // A token that is cut may look like another one: a word, an escape, a number.
        let expected = [
            Reason::UnexpectedEnd,
            Reason::InvalidEscape,
            Reason::UnknownType,
            Reason::UnexpectedByte,
            Reason::StringExpected,
        ];
        assert!(expected.contains(&fault.reason), "{cut}: {fault:?}");
    }
}

#[test]
fn a_value_that_would_be_no_line_is_refused_before_it_fills_memory() {
    for list in ["[", "$dynamodb_NS::["] {
        let value = format!("{{Item:{{a:{list}{}]}}}}", "1d390,".repeat(100_000));
        assert_eq!(transcode(&value).unwrap_err().reason, Reason::LineTooLong);
    }
    let mut transcoder = Transcoder::default();
    let value = format!("{{Item:{{a:[{}]}}}}", "1d390,".repeat(100_000));
    assert!(transcoder.transcode(value.as_bytes()).is_err());
    assert!(transcoder.json.capacity() <= 4 * LINE_BYTES_MAX);
}

#[test]
fn a_fault_of_the_line_is_told_at_its_place_in_the_value() {
    let value = r#"$ion_1_0 {Item:{ a : 2d3, 'b' : [ "x", 5. ] , a : 1 }}"#;
    let mut transcoder = Transcoder::default();
    let json = String::from_utf8(transcoder.transcode(value.as_bytes()).unwrap().unwrap().to_vec()).unwrap();
    for (token, made) in
        [("a", "\"a\""), ("2d3", "2000"), ("'b'", "\"b\""), ("\"x\"", "\"x\""), ("5.", "\"5\"")]
    {
        let column = json.find(made).unwrap() + 1;
        assert_eq!(transcoder.origin(value.as_bytes(), column), value.find(token).unwrap(), "{token}");
    }
    assert_eq!(
        transcoder.origin(value.as_bytes(), json.rfind("\"a\"").unwrap() + 1),
        value.rfind("a :").unwrap()
    );
}

#[test]
fn the_extent_of_a_value_is_followed_over_its_lines() {
    let progress = |lines: &[&str]| {
        let mut extent = Extent::default();
        lines.iter().map(|line| extent.take(line.as_bytes())).collect::<Vec<_>>()
    };
    use Progress::{Open, Whole};
    assert_eq!(progress(&["{Item:{}}"]), [Whole]);
    assert_eq!(progress(&["$ion_1_0"]), [Whole]);
    assert_eq!(progress(&["{Item:{", "a:1", "}", "}"]), [Open, Open, Open, Whole]);
    assert_eq!(progress(&["{a:\"}\\\"}\"", "}"]), [Open, Whole]);
    assert_eq!(progress(&["{a:'}\\'}'", "}"]), [Open, Whole]);
    assert_eq!(progress(&["{a:'''}", "'}\\'''}", "'''", "}"]), [Open, Open, Open, Whole]);
    assert_eq!(progress(&["{a:1 // }", "/* }", "} */ }"]), [Open, Open, Whole]);
    assert_eq!(progress(&["{a:1 // }\r}"]), [Whole]);
    assert_eq!(progress(&["{a:{{", "YQ==", "}}", "}"]), [Open, Open, Open, Whole]);
    assert_eq!(progress(&["{a:\"broken", "}"]), [Open, Whole]);
    assert_eq!(progress(&["{a:\"goes\\", "}\"}"]), [Open, Whole]);
    assert_eq!(progress(&["{a:\"goes\\", "}", "}"]), [Open, Open, Whole]);
    assert_eq!(progress(&["{a:\\", "}"]), [Open, Whole]);
}
