//! Names, and recipes that cannot be followed.

use super::*;

fn spec() -> RecipeSpec {
    RecipeSpec {
        format: Format::Stream,
        compression: Compression::Gzip,
        shard_bytes_max: SHARD_BYTES_MAX,
        shard_records_max: None,
        keys: vec!["pk".to_owned(), "sk".to_owned()],
        table: Some(TableIdentity {
            name: "t".to_owned(),
            region: "r".to_owned(),
            stream_arn: "a".to_owned(),
        }),
        snapshot_micros: 0,
        view: ViewType::NewImage,
        extra_fields: Vec::new(),
        attributes: AttributeFilter::All,
        document: Document::Line,
        document_records_max: 1,
        upsert: EventName::Modify,
        kinesis_precision: KinesisPrecision::Millisecond,
        schema: None,
        old_images: false,
    }
}

fn refused(change: impl FnOnce(&mut RecipeSpec)) -> RecipeError {
    let mut spec = spec();
    change(&mut spec);
    Recipe::new(spec).unwrap_err()
}

fn extra(name: &str, json: &str) -> ExtraField {
    ExtraField { name: name.to_owned(), json: json.to_owned() }
}

#[test]
fn every_name_is_parsed_to_what_prints_it() {
    Format::NAMES.iter().for_each(|(value, name)| {
        assert_eq!((value.to_string().as_str(), name.parse()), (*name, Ok(*value)));
    });
    Compression::NAMES.iter().for_each(|(value, name)| {
        assert_eq!((value.to_string().as_str(), name.parse()), (*name, Ok(*value)));
    });
    ViewType::NAMES.iter().for_each(|(value, name)| {
        assert_eq!((value.to_string().as_str(), name.parse()), (*name, Ok(*value)));
    });
    Document::NAMES.iter().for_each(|(value, name)| {
        assert_eq!((value.to_string().as_str(), name.parse()), (*name, Ok(*value)));
    });
    KinesisPrecision::NAMES.iter().for_each(|(value, name)| {
        assert_eq!((value.to_string().as_str(), name.parse()), (*name, Ok(*value)));
    });
}

#[test]
fn an_unknown_name_is_told_the_known_ones() {
    let error = "lz4".parse::<Compression>().unwrap_err();
    assert_eq!(error.to_string(), r#"unknown compression "lz4", expected one of: gzip, zstd, snappy, none"#);
}

#[test]
fn change_records_need_keys_and_a_table() {
    assert_eq!(refused(|spec| spec.keys.clear()), RecipeError::MissingKeys(Format::Stream));
    assert_eq!(refused(|spec| spec.table = None), RecipeError::MissingTable(Format::Stream));
    for format in [Format::Plain, Format::Item] {
        let recipe = Recipe::new(RecipeSpec { format, keys: Vec::new(), table: None, ..spec() });
        assert!(recipe.is_ok());
    }
}

#[test]
fn keys_are_two_at_most_and_differ() {
    assert_eq!(refused(|spec| spec.keys.push("x".to_owned())), RecipeError::TooManyKeys(3));
    assert_eq!(refused(|spec| spec.keys[1] = "pk".to_owned()), RecipeError::DuplicateKey("pk".to_owned()));
    assert_eq!(refused(|spec| spec.keys[1].clear()), RecipeError::EmptyKeyName);
}

#[test]
fn sizes_have_limits() {
    for bytes in [SHARD_BYTES_MIN - 1, SHARD_BYTES_MAX + 1] {
        assert_eq!(refused(|spec| spec.shard_bytes_max = bytes), RecipeError::ShardBytesMax(bytes));
    }
    assert_eq!(refused(|spec| spec.shard_records_max = Some(0)), RecipeError::ShardRecordsMax);
    let no_records = |spec: &mut RecipeSpec| {
        spec.format = Format::LambdaEvent;
        spec.document_records_max = 0;
    };
    assert_eq!(refused(no_records), RecipeError::DocumentRecordsMax);
}

#[test]
fn extra_fields_collide_with_nothing_and_stay_on_their_line() {
    for format in [Format::Stream, Format::LambdaEvent, Format::Kinesis, Format::Item] {
        for name in format.own_fields() {
            let own = refused(|spec| {
                spec.format = format;
                spec.extra_fields = vec![extra(name, "1")];
            });
            assert_eq!(own, RecipeError::ExtraFieldOwn { name: (*name).to_owned(), format });
        }
    }
    let twice = refused(|spec| spec.extra_fields = vec![extra("x", "1"), extra("x", "2")]);
    assert_eq!(twice, RecipeError::ExtraFieldTwice("x".to_owned()));
    for json in ["", "[1,\n2]"] {
        let value = refused(|spec| spec.extra_fields = vec![extra("x", json)]);
        assert_eq!(value, RecipeError::ExtraFieldValue("x".to_owned()));
    }
}

#[test]
fn keys_cannot_be_excluded() {
    let refused = refused(|spec| spec.attributes = AttributeFilter::Exclude(vec!["sk".to_owned()]));
    assert_eq!(refused, RecipeError::ExcludedKey("sk".to_owned()));
}

#[test]
fn parquet_has_a_schema_and_a_compression_of_its_own_and_no_extra_fields() {
    let schema = || Schema { v: 1, columns: Vec::new() };
    let parquet = |change: fn(&mut RecipeSpec)| {
        let mut parquet = RecipeSpec {
            format: Format::Parquet,
            compression: Compression::Snappy,
            schema: Some(schema()),
            ..spec()
        };
        change(&mut parquet);
        Recipe::new(parquet).map(|_| ())
    };
    assert_eq!(parquet(|_| {}), Ok(()));
    assert_eq!(parquet(|spec| spec.schema = None), Err(RecipeError::MissingSchema));
    let gzip = RecipeError::Compression { format: Format::Parquet, compression: Compression::Gzip };
    assert_eq!(parquet(|spec| spec.compression = Compression::Gzip), Err(gzip));
    assert_eq!(
        parquet(|spec| spec.extra_fields.push(ExtraField { name: "a".to_owned(), json: "1".to_owned() })),
        Err(RecipeError::ExtraColumns)
    );
    let wrong = parquet(|spec| spec.schema.as_mut().unwrap().v = 2).unwrap_err();
    assert!(wrong.to_string().contains("version 2"), "{wrong}");
    let snappy = RecipeError::Compression { format: Format::Stream, compression: Compression::Snappy };
    assert_eq!(refused(|spec| spec.compression = Compression::Snappy), snappy);
}
