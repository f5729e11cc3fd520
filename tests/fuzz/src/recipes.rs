//! The recipes that inputs choose from: every format, and every option that changes how records are cut or joined.

use backfleet_convert::{
    AttributeFilter, Census, Compression, Document, EventName, ExtraField, Format, KinesisPrecision, Recipe,
    RecipeSpec, Schema, TableIdentity, ViewType, limits,
};

/// How many choices there are.
const CHOICES: u8 = 12;

/// Everything, uncompressed, in one shard.
pub(crate) fn plain_spec(format: Format) -> RecipeSpec {
    RecipeSpec {
        format,
        compression: Compression::None,
        shard_bytes_max: limits::SHARD_BYTES_DEFAULT,
        shard_records_max: None,
        keys: vec!["pk".to_owned()],
        table: Some(TableIdentity {
            name: "test".to_owned(),
            region: "eu-north-1".to_owned(),
            stream_arn: "arn:aws:dynamodb:eu-north-1:123456789012:table/test/stream/2026-01-14T10:00:00.000"
                .to_owned(),
        }),
        snapshot_micros: 1_768_385_930_622_345,
        view: ViewType::NewAndOldImages,
        upsert: EventName::Modify,
        extra_fields: Vec::new(),
        attributes: AttributeFilter::All,
        document: Document::Line,
        document_records_max: 100,
        kinesis_precision: KinesisPrecision::Millisecond,
        schema: None,
        old_images: false,
    }
}

/// The recipe of this number for records of which `census` was taken.
pub(crate) fn chosen(number: u8, census: &Census) -> Recipe {
    Recipe::new(chosen_spec(number % CHOICES, census)).expect("every choice is a recipe")
}

fn chosen_spec(number: u8, census: &Census) -> RecipeSpec {
    let small = limits::SHARD_BYTES_MIN;
    let extra = ExtraField { name: "load".to_owned(), json: r#"{"a":[1]}"#.to_owned() };
    let names = || vec!["a".to_owned(), "n\u{e9}".to_owned()];
    match number {
        0 => plain_spec(Format::Stream),
        1 => RecipeSpec {
            shard_bytes_max: small,
            keys: vec!["pk".to_owned(), "sk".to_owned()],
            view: ViewType::KeysOnly,
            ..plain_spec(Format::Stream)
        },
        2 => RecipeSpec {
            kinesis_precision: KinesisPrecision::Microsecond,
            extra_fields: vec![extra],
            attributes: AttributeFilter::Exclude(names()),
            ..plain_spec(Format::Kinesis)
        },
        3 => RecipeSpec { keys: Vec::new(), extra_fields: vec![extra], ..plain_spec(Format::Plain) },
        4 => RecipeSpec { attributes: AttributeFilter::Include(names()), ..plain_spec(Format::Plain) },
        5 => RecipeSpec { keys: Vec::new(), ..plain_spec(Format::Item) },
        6 => RecipeSpec {
            attributes: AttributeFilter::Exclude(names()),
            shard_bytes_max: small,
            compression: Compression::Gzip,
            ..plain_spec(Format::Item)
        },
        7 => RecipeSpec { keys: Vec::new(), extra_fields: vec![extra], ..plain_spec(Format::Image) },
        8 => RecipeSpec { document_records_max: 2, ..plain_spec(Format::LambdaEvent) },
        9 => RecipeSpec {
            document: Document::Object,
            shard_bytes_max: small,
            view: ViewType::OldImage,
            compression: Compression::Zstd,
            ..plain_spec(Format::LambdaEvent)
        },
        10 => with_columns(Schema::auto(census, &["pk".to_owned()]), Compression::Snappy),
        _ => with_columns(Schema::typed(census, &[]), Compression::None),
    }
}

/// Parquet files with these columns, and old images where there are any.
pub(crate) fn with_columns(schema: Schema, compression: Compression) -> RecipeSpec {
    RecipeSpec {
        schema: Some(schema),
        compression,
        keys: Vec::new(),
        old_images: true,
        ..plain_spec(Format::Parquet)
    }
}
