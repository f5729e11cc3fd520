//! Ion files: the same records as from JSON, byte for byte, in every format; and what Ion alone has: values of several
//! lines, lines without a value.

use backfleet_convert::{Content, Encoding, Format, Input, Notation, Reason, RecipeSpec};

use crate::common::{Outcome, convert, convert_pieces, spec};

const ION: Input = Input { encoding: Encoding::Identity, notation: Notation::Ion, content: Content::Items };

/// All ten types, names that need quotes, numbers of every shape: the same three items twice.
const JSON_LINES: [&str; 3] = [
    r#"{"Item":{"pk":{"S":"1"},"n":{"N":"2000"},"d":{"N":"3.14"},"small":{"N":"0.000001"},"zero":{"N":"0"},"ok":{"BOOL":true},"no":{"NULL":true}}}"#,
    r#"{"Item":{"with space":{"B":"aGVsbG8="},"a.b":{"SS":["y","x"]},"true":{"NS":["600","-12.5"]},"BS":{"BS":["YQ==","Yg=="]},"pk":{"S":"2"}}}"#,
    r#"{"Item":{"pk":{"S":"3"},"l":{"L":[{"M":{"x":{"L":[]}}},{"S":"a\"b\\c\n\u0001é"}]},"m":{"M":{}}}}"#,
];
const ION_LINES: [&str; 3] = [
    "$ion_1_0 {Item:{pk:\"1\",n:2d3,d:3.14,small:1d-6,zero:0.,ok:true,no:null}}",
    "$ion_1_0 {Item:{'with space':{{aGVsbG8=}},'a.b':$dynamodb_SS::[\"y\",\"x\"],'true':$dynamodb_NS::[6d2,-12.5],BS:$dynamodb_BS::[{{YQ==}},{{Yg==}}],pk:\"2\"}}",
    "$ion_1_0 {Item:{pk:\"3\",l:[{x:[]},\"a\\\"b\\\\c\\n\\x01é\"],m:{}}}",
];

fn lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn convert_ion(spec: RecipeSpec, text: &str) -> Outcome {
    convert_pieces(spec, ION, [text.as_bytes()]).unwrap()
}

#[test]
fn the_same_items_from_ion_and_from_json_are_the_same_records_in_every_format() {
    for format in
        [Format::Stream, Format::LambdaEvent, Format::Kinesis, Format::Plain, Format::Item, Format::Image]
    {
        let json = convert(spec(format), lines(&JSON_LINES));
        assert_eq!(json.totals.records_out, 3);
        let ion = convert_ion(spec(format), &lines(&ION_LINES));
        assert_eq!(ion.quarantined, [], "{format}");
        assert_eq!(ion.shards, json.shards, "{format}");
    }
}

#[test]
fn changes_in_ion_are_the_changes_in_json() {
    let json = concat!(
        r#"{"Keys":{"pk":{"S":"1"}},"Metadata":{"WriteTimestampMicros":{"N":"1684374845117899"}},"#,
        r#""OldImage":{"pk":{"S":"1"}},"NewImage":{"pk":{"S":"1"},"n":{"N":"2000"}}}"#,
        "\n"
    );
    let ion = concat!(
        "$ion_1_0 {Record:{Keys:{pk:\"1\"},Metadata:{WriteTimestampMicros:1684374845117899.},",
        "OldImage:{pk:\"1\"},NewImage:{pk:\"1\",n:2d3}}}\n"
    );
    let content = Content::Changes { old_images: true };
    let of = |notation, text: &str| {
        let input = Input { encoding: Encoding::Identity, notation, content };
        convert_pieces(spec(Format::Stream), input, [text.as_bytes()]).unwrap()
    };
    let from_json = of(Notation::Json, json);
    assert_eq!((from_json.totals.records_out, from_json.shards), (1, of(Notation::Ion, ion).shards));
}

#[test]
fn values_may_stand_anyhow_as_long_as_they_are_values() {
    let expected = convert(spec(Format::Stream), lines(&JSON_LINES)).shards;
    let [one, two, three] = ION_LINES.map(|line| line.strip_prefix("$ion_1_0 ").unwrap());
    let spread =
        |line: &str| line.replace(':', " :\n  ").replace("$dynamodb_SS :\n  :\n  ", "$dynamodb_SS:: // }\n");
    let spread = |line: &str| spread(line).replace(" :\n   :\n  ", "::");
    for text in [
        format!("$ion_1_0\n{one}\n{two}\n{three}\n"),
        format!("$ion_1_0\r\n\r\n{one}\r\n/* two\r\n*/\r\n{two}\r\n{three}"),
        format!(" $ion_1_0 {one}\n $ion_1_0 {two}\n $ion_1_0 {three}\n"),
        format!("{}\n{}\n{}", spread(one), spread(two), spread(three)),
        format!("{one}\n{}\n{three}", two.replace("::", "\n::\n")),
        format!("$ion_1_0 {}\n$ion_1_0\n{}\n$ion_1_0 {}\n// end", spread(one), spread(two), spread(three)),
    ] {
        let outcome = convert_ion(spec(Format::Stream), &text);
        assert_eq!(outcome.quarantined, [], "{text}");
        assert_eq!(outcome.shards, expected, "{text}");
        assert_eq!(outcome.totals.records_in, 3);
    }
}

#[test]
fn any_slicing_of_an_ion_file_gives_the_same() {
    let text =
        format!("{}\n{}", lines(&ION_LINES), ION_LINES[0].replace(',', ",\n").replace("\"1\"", "\"4\""));
    let whole = convert_ion(spec(Format::Stream), &text);
    assert_eq!(whole.totals.records_out, 4);
    for size in [1, 7, 64] {
        assert_eq!(convert_pieces(spec(Format::Stream), ION, text.as_bytes().chunks(size)).unwrap(), whole);
    }
}

#[test]
fn a_broken_value_is_put_aside_as_it_stands_and_the_next_one_is_read() {
    let [good, other, _] = ION_LINES;
    let cut = &good[..40];
    for (text, line, bytes, reason) in [
        (format!("{good}\n{cut}\n{other}\n"), 2, cut.to_owned(), Reason::UnexpectedEnd),
        (format!("{good}\n{cut}\n  :1,\n{other}\n"), 2, format!("{cut}\n  :1,"), Reason::UnexpectedEnd),
        (format!("{good}\n{other}\n{cut}"), 3, cut.to_owned(), Reason::UnexpectedEnd),
        (
            format!("{good}\n$ion_1_0 {{Item:{{pk:[1,\n}}}}\n{other}\n"),
            2,
            "$ion_1_0 {Item:{pk:[1,\n}}".to_owned(),
            Reason::UnexpectedByte,
        ),
        (
            format!("{good}\n$ion_1_0 {{Item:{{pk:sym}}}}\n{other}\n"),
            2,
            "$ion_1_0 {Item:{pk:sym}}".to_owned(),
            Reason::UnknownType,
        ),
    ] {
        let outcome = convert_ion(spec(Format::Stream), &text);
        assert_eq!(outcome.totals.records_out, 2, "{text}");
        let [broken] = outcome.quarantined.as_slice() else { panic!("{text}: {:?}", outcome.quarantined) };
        let offset = text.find(&bytes[..20]).filter(|_| line > 1);
        assert_eq!((broken.line, broken.reason), (line, reason), "{text}");
        assert_eq!(String::from_utf8_lossy(&broken.bytes), bytes, "{text}");
        assert!(offset.is_some() && broken.length == bytes.len() as u64);
        assert!(text[broken.offset as usize..].starts_with(&bytes));
    }
}

#[test]
fn faults_that_the_scan_finds_are_told_at_their_place_in_the_ion_text() {
    for (line, reason, token) in [
        ("$ion_1_0 {Item:{pk:\"1\", a:1, a:2}}", Reason::DuplicateName, "a:2"),
        ("$ion_1_0 {Item:{pk:\"1\", '':2}}", Reason::EmptyName, "'':2"),
        ("$ion_1_0 {Item:{pk:\"1\", a:{{AB==}}}}", Reason::InvalidBase64, "{{AB"),
        ("$ion_1_0 {Item:{pk:\"1\", a:$dynamodb_NS::[5., 5.]}}", Reason::DuplicateMember, "5.]"),
        ("$ion_1_0 {Item:{pk:true}}", Reason::InvalidKeyType, "true"),
        ("$ion_1_0 {Other:{pk:\"1\"}}", Reason::NotAnItem, "Other"),
    ] {
        let outcome = convert_ion(spec(Format::Stream), line);
        let fault = &outcome.quarantined[0];
        assert_eq!((fault.reason, fault.column), (reason, line.find(token).unwrap() as u64), "{line}");
    }
}
