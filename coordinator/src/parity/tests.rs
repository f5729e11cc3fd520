//! Samples of both sides are made here in bytes; only the last of these modules has a store.

mod envelopes;
mod fixtures;
mod round_trip;
mod shapes;
mod stores;

use std::io::Write as _;
use std::sync::Arc;

use backfleet_convert::{
    AttributeFilter, Compression, Converter, Document, Encoding, EventName, Format, Input, KinesisPrecision,
    Recipe, RecipeSpec, Step, TableIdentity, ViewType, limits,
};
use bytes::Bytes;

use super::sample::{Sample, SampleObject};
use super::*;

const STREAM_ARN: &str =
    "arn:aws:dynamodb:eu-north-1:123456789012:table/orders/stream/2025-02-07T06:30:08.871";

const ITEMS: &str = r#"{"Item":{"pk":{"S":"a"},"sk":{"S":"1"},"n":{"N":"1.50"},"b":{"B":"aGVsbG8="},"ns":{"NS":["1","2"]}}}
{"Item":{"pk":{"S":"b"},"sk":{"S":"2"},"m":{"M":{"l":{"L":[{"BOOL":true},{"NULL":true}]}}},"bs":{"BS":["AA=="]}}}
{"Item":{"pk":{"S":"c"},"sk":{"S":"3"},"n":{"N":"-7"}}}
"#;

/// A live stream record of an insert, as Lambda receives it.
const LIVE: &str = r#"{"eventID":"390cc13abf07d7b9a233daa65231d6c8","eventName":"INSERT","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"eu-north-1","dynamodb":{"ApproximateCreationDateTime":1739264811,"Keys":{"pk":{"S":"z"},"sk":{"S":"9"}},"NewImage":{"pk":{"S":"z"},"sk":{"S":"9"},"n":{"N":"5"}},"SequenceNumber":"21117700000000082887985843","SizeBytes":12,"StreamViewType":"NEW_AND_OLD_IMAGES"},"eventSourceARN":"arn:aws:dynamodb:eu-north-1:123456789012:table/orders/stream/2025-02-07T06:30:08.871"}"#;

const PARTITION: &str = "date=backfill-2026-01-14";

fn recipe(format: Format) -> RecipeSpec {
    RecipeSpec {
        format,
        compression: Compression::None,
        shard_bytes_max: limits::SHARD_BYTES_DEFAULT,
        shard_records_max: None,
        keys: vec!["pk".to_owned(), "sk".to_owned()],
        table: Some(TableIdentity {
            name: "orders".to_owned(),
            region: "eu-north-1".to_owned(),
            stream_arn: STREAM_ARN.to_owned(),
        }),
        snapshot_micros: 1_768_385_930_622_345,
        view: ViewType::NewAndOldImages,
        extra_fields: Vec::new(),
        attributes: AttributeFilter::All,
        document: Document::Line,
        document_records_max: 100,
        kinesis_precision: KinesisPrecision::Millisecond,
        schema: None,
        old_images: false,
        upsert: EventName::Modify,
    }
}

/// What the converter makes of [`ITEMS`], as one object under the name that it would have.
fn converted(spec: RecipeSpec) -> Sample {
    let name = format!("{PARTITION}/part-01234567-000000-00000.{}", spec.format.extension(spec.compression));
    let mut converter =
        Converter::new(Arc::new(Recipe::new(spec).unwrap()), 0, Input::json(Encoding::Identity));
    converter.feed(Bytes::from_static(ITEMS.as_bytes()));
    let mut stored = Vec::new();
    let mut fed = false;
    loop {
        match converter.step().unwrap() {
            Step::NeedInput if fed => panic!("all was fed"),
            Step::NeedInput => {
                converter.finish();
                fed = true;
            }
            Step::Shard(shard) => stored.extend_from_slice(&shard.bytes),
            Step::Quarantined(quarantined) => panic!("{quarantined:?}"),
            Step::Finished(_) => return sample([(name.as_str(), stored)]),
        }
    }
}

fn sample<'a, B: Into<Vec<u8>>>(objects: impl IntoIterator<Item = (&'a str, B)>) -> Sample {
    let object = |(key, stored): (&str, B)| SampleObject {
        key: key.to_owned(),
        stored: stored.into().into(),
        whole: true,
    };
    Sample {
        place: "s3://lake/orders".to_owned(),
        objects: objects.into_iter().map(object).collect(),
        tells_folders: true,
        notes: Vec::new(),
    }
}

/// One live object of this text, in the partition and under the name that ours would have.
fn live(text: impl Into<Vec<u8>>) -> Portrait {
    portrait(&sample([(format!("{PARTITION}/live.json").as_str(), text)]))
}

fn portrait(sample: &Sample) -> Portrait {
    Portrait::of(sample).unwrap()
}

/// Ours as they come when nothing is asked for but no compression.
fn ours() -> Portrait {
    portrait(&converted(recipe(Format::Stream)))
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// The difference of this name.
fn found<'d>(differences: &'d [Difference], what: &str) -> &'d Difference {
    let difference = differences.iter().find(|difference| difference.what == what);
    difference.unwrap_or_else(|| panic!("no difference in {what}: {differences:#?}"))
}

fn flags(text: &str) -> Remedy {
    Remedy::Flags(text.to_owned())
}

/// What readers notice.
fn noticed(differences: &[Difference]) -> Vec<&str> {
    let noticed = differences.iter().filter(|difference| difference.severity != Severity::Cosmetic);
    noticed.map(|difference| difference.what.as_str()).collect()
}

#[test]
fn live_records_of_lambda_and_ours_are_alike() {
    let differences = compare(&live(format!("{LIVE}\n")), &ours());
    assert!(differences.is_empty(), "{differences:#?}");
}
