//! Generated items of all types, in both notations: the same records, byte for byte, in every output.

use std::sync::Arc;

use bytes::Bytes;

use super::generated::{Random, keyed_line};
use crate::{
    AttributeFilter, Census, Compression, Converter, Counter, Document, Encoding, EventName, Format, Input,
    KinesisPrecision, Notation, Reason, Recipe, RecipeSpec, Schema, Shard, Step, TableIdentity, ViewType,
    limits,
};

fn spec(format: Format, schema: Option<Schema>) -> RecipeSpec {
    RecipeSpec {
        format,
        compression: Compression::None,
        shard_bytes_max: 16 << 10,
        shard_records_max: None,
        keys: vec!["pk".to_owned()],
        table: Some(TableIdentity {
            name: "t".to_owned(),
            region: "r".to_owned(),
            stream_arn: "arn".to_owned(),
        }),
        snapshot_micros: 1_768_385_930_622_345,
        view: ViewType::NewAndOldImages,
        extra_fields: Vec::new(),
        attributes: AttributeFilter::All,
        document: Document::Line,
        document_records_max: limits::DOCUMENT_RECORDS_DEFAULT,
        upsert: EventName::Modify,
        kinesis_precision: KinesisPrecision::Millisecond,
        schema,
        old_images: false,
    }
}

fn input(notation: Notation) -> Input {
    Input { notation, ..Input::json(Encoding::Identity) }
}

fn census(notation: Notation, text: &str) -> (Census, u64) {
    let mut counter = Counter::new(input(notation));
    counter.feed(Bytes::copy_from_slice(text.as_bytes()));
    while !counter.count().unwrap() {
        counter.finish();
    }
    counter.into_census()
}

fn converted(recipe: &Arc<Recipe>, notation: Notation, text: &str) -> (Vec<Shard>, Vec<Reason>) {
    let mut converter = Converter::new(recipe.clone(), 7, input(notation));
    converter.feed(Bytes::copy_from_slice(text.as_bytes()));
    let (mut shards, mut reasons) = (Vec::new(), Vec::new());
    loop {
        match converter.step().unwrap() {
            Step::NeedInput => converter.finish(),
            Step::Shard(shard) => shards.push(shard),
            Step::Quarantined(quarantined) => reasons.push(quarantined.reason),
            Step::Finished(_) => return (shards, reasons),
        }
    }
}

/// A line that begins with a version marker begins a value, so that of a broken one before it nothing else is lost. A field of that
/// name at the begin of a line looks just so; libraries quote it, and DynamoDB writes a value on a line.
fn has_a_line_like_another_value(ion: &str) -> bool {
    ion.lines().skip(1).any(|line| line.trim_start().starts_with("$ion_1_0"))
}

#[test]
fn the_same_items_from_ion_and_from_json_are_the_same_records_in_every_output() {
    let (mut ion, mut json) = (String::new(), String::new());
    let pairs = (0..).map(|seed| keyed_line(&mut Random(seed), seed));
    for pair in pairs.filter(|pair| !has_a_line_like_another_value(&pair.ion)).take(600) {
        ion += &format!("{}\n", pair.ion);
        json += &format!("{}\n", pair.json);
    }
    let (seen, faulty) = census(Notation::Json, &json);
    assert_eq!(census(Notation::Ion, &ion), (seen.clone(), faulty));
    let keys = ["pk".to_owned()];
    let mut outputs: Vec<(Format, Option<Schema>)> =
        [Schema::auto(&seen, &keys), Schema::typed(&seen, &keys)]
            .map(|schema| (Format::Parquet, Some(schema)))
            .into();
    let texts =
        [Format::Stream, Format::LambdaEvent, Format::Kinesis, Format::Plain, Format::Item, Format::Image];
    outputs.extend(texts.map(|format| (format, None)));
    for (format, schema) in outputs {
        let recipe = Arc::new(Recipe::new(spec(format, schema)).unwrap());
        let (shards, reasons) = converted(&recipe, Notation::Json, &json);
        let records: u64 = shards.iter().map(|shard| shard.records).sum();
        // A set may have been drawn with a member twice, which both refuse.
        assert!(records > 400 && records + reasons.len() as u64 == 600, "{format}: {records}");
        assert!(converted(&recipe, Notation::Ion, &ion) == (shards, reasons), "{format}");
    }
}
