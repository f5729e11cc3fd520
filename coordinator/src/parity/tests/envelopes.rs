//! How records are put together, packed and named.

use super::*;

fn event(records: &[&str]) -> String {
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}

fn pretty(json: &str) -> String {
    json.replace(r#","#, ",\n  ").replace('{', "{\n  ")
}

#[test]
fn an_envelope_on_one_line_asks_for_lambda_documents() {
    let differences = compare(&live(event(&[LIVE, LIVE])), &ours());
    let form = found(&differences, "form of records");
    assert_eq!(form.severity, Severity::BreaksReaders);
    assert_eq!(form.live, r#"stream records in {"Records":[…]}"#);
    assert_eq!(form.remedy, flags("--format lambda-event --document object"));
}

#[test]
fn several_envelopes_in_an_object_ask_for_one_a_line() {
    let text = format!("{}\n{}\n", event(&[LIVE, LIVE, LIVE]), event(&[LIVE]));
    let inference = infer(&live(text));
    assert_eq!(inference.value("--document"), Some("line"));
    assert_eq!(inference.value("--document-records"), Some("3"));
}

#[test]
fn a_pretty_printed_envelope_is_read_like_one_on_a_line() {
    let live = live(pretty(&event(&[LIVE])));
    let ours = portrait(&converted(RecipeSpec { document: Document::Object, ..recipe(Format::LambdaEvent) }));
    let differences = compare(&live, &ours);
    assert_eq!(found(&differences, "lines").severity, Severity::Cosmetic);
    assert!(noticed(&differences).is_empty(), "{differences:#?}");
}

#[test]
fn readers_of_whole_objects_see_one_document_of_many() {
    let lines = portrait(&converted(RecipeSpec { document_records_max: 1, ..recipe(Format::LambdaEvent) }));
    let differences = compare(&live(event(&[LIVE])), &lines);
    let documents = found(&differences, "documents");
    assert_eq!(
        (documents.severity, &documents.remedy),
        (Severity::BreaksReaders, &flags("--document object"))
    );
}

#[test]
fn a_pretty_printed_record_on_its_own_breaks_readers_of_ours() {
    let differences = compare(&live(pretty(LIVE)), &ours());
    let lines = found(&differences, "lines");
    assert_eq!(lines.severity, Severity::BreaksReaders);
    assert!(matches!(&lines.remedy, Remedy::Why(why) if why.contains("several lines")));
}

#[test]
fn records_without_newlines_between_them_differ() {
    let live = live(format!("{LIVE}{LIVE}{LIVE}"));
    assert_eq!(live.records(), 3);
    let differences = compare(&live, &ours());
    assert_eq!(noticed(&differences), ["lines"]);
    assert_eq!(found(&differences, "final newline").severity, Severity::Cosmetic);
}

#[test]
fn envelopes_that_no_format_writes_are_said_to_be_so() {
    let text = serde_json::to_string(LIVE).unwrap();
    for (json, wrap) in [
        (format!("[{LIVE},{LIVE}]"), "stream records in an array"),
        (format!(r#"{{"batch":[{LIVE}],"n":1}}"#), r#"stream records in {"batch":[…]}"#),
        (format!(r#"{{"id":1,"detail":{LIVE}}}"#), r#"stream records in {"detail":{…}}"#),
        (format!(r#"{{"id":1,"message":{text}}}"#), r#"stream records as text in {"message":"…"}"#),
    ] {
        let live = live(json);
        let differences = compare(&live, &ours());
        let form = found(&differences, "form of records");
        assert_eq!((form.live.as_str(), form.severity), (wrap, Severity::BreaksReaders));
        assert!(
            matches!(&form.remedy, Remedy::Why(why) if why.contains("no format of ours writes")),
            "{form:?}"
        );
        assert!(infer(&live).left_open.iter().any(|open| open.contains("no format of ours writes")));
    }
}

#[test]
fn a_document_that_goes_on_behind_what_was_read_still_tells_its_form() {
    let event = event(&[LIVE, LIVE, LIVE]);
    let mut sample = sample([("date=x/live.json", event.as_bytes()[..event.len() - 40].to_vec())]);
    sample.objects[0].whole = false;
    let portrait = portrait(&sample);
    assert_eq!(portrait.records(), 2);
    let inference = infer(&portrait);
    assert_eq!((inference.value("--format"), inference.value("--document")), (Some("lambda-event"), None));
    assert!(inference.left_open.iter().any(|open| open.starts_with("--document: ")), "{inference:#?}");
}

#[test]
fn values_of_another_kind_in_one_object_are_counted() {
    let portrait = live(format!("{LIVE}\n{}\n{LIVE}\n", event(&[LIVE])));
    assert_eq!(portrait.records(), 2);
    assert!(portrait.notes()[0].starts_with("1 JSON values"), "{:?}", portrait.notes());
}

#[test]
fn records_of_another_kind_are_counted() {
    let portrait = live(format!("{LIVE}\n{LIVE}\n{{\"a\":{{\"S\":\"x\"}}}}\n"));
    assert_eq!(portrait.records(), 2);
    assert!(portrait.notes()[0].starts_with("1 of 3 records"), "{:?}", portrait.notes());
}

#[test]
fn a_byte_order_mark_blank_lines_and_carriage_returns_are_no_difference() {
    let differences = compare(&live(format!("\u{feff}{LIVE}\r\n\r\n{LIVE}\r\n")), &ours());
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn a_beginning_may_end_inside_a_character_but_an_object_may_not() {
    let bytes = [LIVE.as_bytes(), b"\n{\"a\":\"\xc3"].concat();
    let mut cut = sample([("a.json", bytes)]);
    assert!(matches!(
        Portrait::of(&cut),
        Err(ParityError::Unreadable { source: ObjectFault::NotText { .. }, .. })
    ));
    cut.objects[0].whole = false;
    assert_eq!(portrait(&cut).records(), 1);
}

#[test]
fn every_beginning_of_an_object_is_a_sample_or_an_error() {
    let text = format!("{}{}", pretty(&event(&[LIVE, LIVE])), serde_json::to_string(LIVE).unwrap());
    let mut most = 0;
    for end in (0..text.len()).step_by(7) {
        let mut beginning = sample([("a.json", text[..end].to_owned())]);
        for whole in [true, false] {
            beginning.objects[0].whole = whole;
            if let Ok(portrait) = Portrait::of(&beginning) {
                most = most.max(portrait.records());
                assert!(compare(&portrait, &portrait).is_empty(), "{end}");
            }
        }
    }
    assert_eq!(most, 2);
}

#[test]
fn the_usual_size_of_a_document_needs_no_flag() {
    let full = event(&[LIVE; 100]);
    let inference = infer(&live(format!("{full}\n{full}\n")));
    assert_eq!((inference.value("--document"), inference.value("--document-records")), (Some("line"), None));
}

#[test]
fn readers_of_several_documents_read_one() {
    let one = portrait(&converted(RecipeSpec { document: Document::Object, ..recipe(Format::LambdaEvent) }));
    let differences = compare(&live(format!("{}\n{}\n", event(&[LIVE]), event(&[LIVE]))), &one);
    assert_eq!(found(&differences, "documents").severity, Severity::Cosmetic);
    assert!(noticed(&differences).is_empty(), "{differences:#?}");
}

#[test]
fn a_column_of_text_takes_any_value() {
    let at = |folder: &str| portrait(&sample([(format!("{folder}/a.json").as_str(), format!("{LIVE}\n"))]));
    let differences = compare(&at("kind=live"), &at("kind=2026-01-14"));
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn compression_is_told_by_bytes_whatever_the_name_says() {
    let text = format!("{LIVE}\n");
    for (name, stored, word) in [
        ("a.json.gz", gzip(text.as_bytes()), "gzip"),
        ("a.json.zst", zstd::encode_all(text.as_bytes(), 1).unwrap(), "zstd"),
        ("a.json", text.clone().into_bytes(), "none"),
    ] {
        let portrait = portrait(&sample([(name, stored)]));
        let inference = infer(&portrait);
        assert_eq!(inference.value("--compression"), Some(word), "{name}");
        let named = inference.left_open.iter().any(|open| open.contains("another compression"));
        assert!(!named, "{name}: {inference:#?}");
    }
}

#[test]
fn members_of_gzip_are_all_read() {
    let twice = [gzip(format!("{LIVE}\n").as_bytes()), gzip(format!("{LIVE}\n").as_bytes())].concat();
    assert_eq!(portrait(&sample([("a.json.gz", twice)])).records(), 2);
}

#[test]
fn gzip_under_the_name_of_plain_json_is_a_difference_of_its_own() {
    let live =
        portrait(&sample([(format!("{PARTITION}/a.json").as_str(), gzip(format!("{LIVE}\n").as_bytes()))]));
    let differences = compare(&live, &ours());
    let packed = found(&differences, "compression");
    assert_eq!((packed.severity, &packed.remedy), (Severity::BreaksReaders, &flags("--compression gzip")));
    let gzipped =
        portrait(&converted(RecipeSpec { compression: Compression::Gzip, ..recipe(Format::Stream) }));
    let differences = compare(&live, &gzipped);
    assert_eq!(noticed(&differences), ["name and compression"]);
    assert_eq!(found(&differences, "ending of names").severity, Severity::Cosmetic);
}

#[test]
fn partition_columns_of_other_names_or_types_are_found_with_the_flag_for_them() {
    let partitioned =
        |folder: &str| portrait(&sample([(format!("{folder}a.json").as_str(), format!("{LIVE}\n"))]));
    for (folder, what, severity, remedy) in [
        ("dt=2026-01-01/", "partition columns", Severity::BreaksReaders, "--partition dt=2026-01-01"),
        (
            "year=2026/month=01/",
            "partition columns",
            Severity::BreaksReaders,
            "--partition year=2026/month=01",
        ),
        ("date=2026-01-01/", "type of partition columns", Severity::Differs, "--partition date=2026-01-01"),
        ("2026/01/14/10/", "partition columns", Severity::Differs, "--partition 2026/01/14/10"),
        ("", "partition columns", Severity::Differs, "--partition ''"),
    ] {
        let differences = compare(&partitioned(folder), &ours());
        let difference = found(&differences, what);
        assert_eq!((difference.severity, &difference.remedy), (severity, &flags(remedy)), "{folder}");
        assert_eq!(noticed(&differences), [what], "{folder}");
    }
}

#[test]
fn objects_that_readers_pass_over_are_told() {
    let hidden = portrait(&sample([(format!("{PARTITION}/_a.json").as_str(), format!("{LIVE}\n"))]));
    assert_eq!(noticed(&compare(&hidden, &ours())), ["hidden names"]);
}

#[test]
fn what_is_no_text_is_refused_with_what_it_is_and_what_to_do() {
    for (bytes, says) in [
        (b"Obj\x01avro".to_vec(), "an Avro file"),
        (b"ORC".to_vec(), "an ORC file"),
        (b"$ion_1_0 {Item:{}}".to_vec(), "an Ion file"),
        (gzip(&gzip(b"{}")), "packed twice"),
        (b"\xff\xfe{".to_vec(), "no UTF-8 text from byte 0"),
        (b"id,name\n1,x\n".to_vec(), "no JSON at line 1, column 1"),
        (b"{\"a\":{\"S\":\"x\"}}\n{\"a\":\n".to_vec(), "no JSON at line 3"),
        (b"17\n18\n".to_vec(), "no objects"),
        (b"\n \n".to_vec(), "no record"),
        (br#"{"Records":[]}"#.to_vec(), "no record"),
        (gzip(b"{\"a\":1}\n")[..20].to_vec(), "damaged or ends too early"),
    ] {
        let error = Portrait::of(&sample([("x/1", bytes)])).unwrap_err();
        let ParityError::Unreadable { source, key, .. } = &error else { panic!("{error}") };
        assert!(source.to_string().contains(says), "{source} says not {says}");
        assert_eq!(key, "x/1");
        assert!(error.advice().is_some());
    }
}

#[test]
fn one_broken_object_among_good_ones_is_a_note() {
    let portrait = portrait(&sample([("a.json", "{".to_owned()), ("b.json", format!("{LIVE}\n"))]));
    assert_eq!((portrait.objects(), portrait.records()), (1, 1));
    assert!(portrait.notes().iter().any(|note| note.contains("a.json") && note.contains("no JSON")));
}

#[test]
fn objects_of_several_kinds_are_compared_by_the_most_frequent_and_the_others_are_named() {
    let line = format!("{LIVE}\n");
    let portrait =
        portrait(&sample([("a.json", line.clone()), ("b.json", event(&[LIVE])), ("c.json", line.clone())]));
    assert_eq!(infer(&portrait).value("--format"), Some("stream"));
    assert!(portrait.notes().iter().any(|note| note.contains("b.json")), "{:?}", portrait.notes());
}

#[test]
fn parquet_asks_for_parquet() {
    let live = portrait(&sample([(format!("{PARTITION}/a.parquet").as_str(), b"PAR1....PAR1".to_vec())]));
    let inference = infer(&live);
    assert_eq!(inference.value("--format"), Some("parquet"));
    assert_eq!(inference.value("--compression"), None);
    assert_eq!(noticed(&compare(&live, &live)), Vec::<&str>::new());
    let differences = compare(&live, &ours());
    assert_eq!(found(&differences, "kind of file").remedy, flags("--format parquet"));
}
