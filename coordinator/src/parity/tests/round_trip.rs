//! What the converter itself writes is inferred back to the flags that it was written with, and is no different from
//! what these flags give.

use backfleet_convert::ExtraField;

use super::*;

fn extra(name: &str, json: &str) -> ExtraField {
    ExtraField { name: name.to_owned(), json: json.to_owned() }
}

/// Infers the flags of what `spec` gives, and finds no difference to it.
#[track_caller]
fn inferred(spec: RecipeSpec) -> String {
    let portrait = portrait(&converted(spec));
    let differences = compare(&portrait, &portrait);
    assert!(differences.is_empty(), "{differences:#?}");
    infer(&portrait).command_line()
}

const TAIL: &str = "--compression none --partition date=backfill-2026-01-14";

#[test]
fn stream_records_are_inferred_back_with_every_view() {
    for view in ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"] {
        let spec = RecipeSpec { view: view.parse().unwrap(), ..recipe(Format::Stream) };
        let flags =
            format!("--format stream --keys pk,sk --view-type {view} --stream-arn {STREAM_ARN} {TAIL}");
        assert_eq!(inferred(spec), flags);
    }
}

#[test]
fn lambda_documents_are_inferred_back_with_their_extent() {
    let common = format!("--keys pk,sk --view-type NEW_AND_OLD_IMAGES --stream-arn {STREAM_ARN} {TAIL}");
    let object = RecipeSpec { document: Document::Object, ..recipe(Format::LambdaEvent) };
    assert_eq!(inferred(object), format!("--format lambda-event --document object {common}"));
    let line = RecipeSpec { document_records_max: 2, ..recipe(Format::LambdaEvent) };
    assert_eq!(
        inferred(line),
        format!("--format lambda-event --document line --document-records 2 {common}")
    );
}

#[test]
fn kinesis_records_are_inferred_back_with_their_precision() {
    for precision in [KinesisPrecision::Millisecond, KinesisPrecision::Microsecond] {
        let spec = RecipeSpec { kinesis_precision: precision, ..recipe(Format::Kinesis) };
        assert_eq!(
            inferred(spec),
            format!("--format kinesis --keys pk,sk --kinesis-precision {precision} {TAIL}")
        );
    }
}

#[test]
fn items_and_plain_records_are_inferred_back() {
    assert_eq!(inferred(recipe(Format::Item)), format!("--format item {TAIL}"));
    assert_eq!(inferred(recipe(Format::Image)), format!("--format image {TAIL}"));
    assert_eq!(inferred(recipe(Format::Plain)), format!("--format plain {TAIL}"));
}

#[test]
fn every_compression_is_inferred_back() {
    for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
        let spec = RecipeSpec { compression, ..recipe(Format::Item) };
        let flags = format!("--format item --compression {compression} --partition date=backfill-2026-01-14");
        assert_eq!(inferred(spec), flags);
    }
}

#[test]
fn extra_fields_of_every_form_are_inferred_back() {
    let extra_fields = vec![
        extra("source", r#""it's a \"backfill\"""#),
        extra("at", r#"{"a":[1.50,null]}"#),
        extra("number", "1.50"),
        extra("none", "null"),
        extra("tab", r#""a\tb""#),
    ];
    let flags = r#"--extra-field 'source=it'\''s a "backfill"' --extra-field 'at:={"a":[1.50,null]}' --extra-field number:=1.50 --extra-field none:=null --extra-field 'tab:="a\tb"'"#;
    for format in [Format::Stream, Format::LambdaEvent, Format::Kinesis, Format::Item] {
        let spec = RecipeSpec { extra_fields: extra_fields.clone(), ..recipe(format) };
        let line = inferred(spec);
        assert!(line.contains(flags), "{format}: {line}");
    }
    // Among the attributes of a bare image those that have no type are the pipeline's, as long as they are few.
    let spec = RecipeSpec { extra_fields: vec![extra("number", "1.50")], ..recipe(Format::Image) };
    assert!(inferred(spec).contains("--format image --extra-field number:=1.50"));
}

#[test]
fn an_extra_field_of_plain_records_could_as_well_be_an_attribute_and_that_is_said() {
    let spec = RecipeSpec { extra_fields: vec![extra("source", r#""live""#)], ..recipe(Format::Plain) };
    let inference = infer(&portrait(&converted(spec)));
    assert_eq!(inference.value("--extra-field"), None);
    assert!(inference.left_open.iter().any(|open| open.contains("--extra-field")), "{inference:#?}");
}

#[test]
fn two_recipes_of_different_form_are_told_apart() {
    let formats =
        [Format::Stream, Format::LambdaEvent, Format::Kinesis, Format::Plain, Format::Item, Format::Image];
    for (at, one) in formats.into_iter().enumerate() {
        for other in formats.into_iter().skip(at + 1) {
            let differences =
                compare(&portrait(&converted(recipe(one))), &portrait(&converted(recipe(other))));
            let form = found(&differences, "form of records");
            assert_eq!(form.severity, Severity::BreaksReaders);
            let Remedy::Flags(flags) = &form.remedy else { panic!("no flag: {form:?}") };
            assert!(flags.starts_with(&format!("--format {one}")), "{flags}");
        }
    }
}
