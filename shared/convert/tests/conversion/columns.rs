//! Parquet: rows are read back by the format's own reader, and rows and rest together are the items they were made of.

use backfleet_convert::{
    Census, Column, Compression, Content, ContentDigest, Counter, Encoding, Field, Format, Input, InputError,
    Kind, Member, Notation, RecipeSpec, Schema, Shard, Tag, content_digest_of,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field as Cell, Row};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::common::{Outcome, Random, convert_pieces, item_line, spec};

const CHANGES: Content = Content::Changes { old_images: true };

fn input(content: Content) -> Input {
    Input { encoding: Encoding::Identity, notation: Notation::Json, content }
}

fn recipe(schema: Schema) -> RecipeSpec {
    RecipeSpec { compression: Compression::Zstd, schema: Some(schema), ..spec(Format::Parquet) }
}

fn census_of(content: Content, text: &str) -> Census {
    let mut counter = Counter::new(input(content));
    counter.feed(Bytes::copy_from_slice(text.as_bytes()));
    assert!(!counter.count().unwrap());
    counter.finish();
    assert!(counter.count().unwrap());
    let (census, faulty) = counter.into_census();
    assert_eq!(faulty, 0);
    census
}

fn keys() -> [String; 1] {
    ["pk".to_owned()]
}

fn convert(schema: &Schema, text: &str) -> Outcome {
    convert_pieces(recipe(schema.clone()), input(Content::Items), [text.as_bytes()]).unwrap()
}

fn digest_of(stored: &[u8]) -> Result<(ContentDigest, u64), InputError> {
    content_digest_of(Format::Parquet, Compression::Zstd, stored)
}

fn rows(shard: &Shard) -> Vec<Row> {
    let file = SerializedFileReader::new(Bytes::from(shard.bytes.clone())).unwrap();
    file.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

fn cell<'r>(row: &'r Row, name: &str) -> &'r Cell {
    row.get_column_iter().find(|(column, _)| *column == name).unwrap().1
}

fn text(cell: &Cell) -> Option<&str> {
    match cell {
        Cell::Str(text) => Some(text),
        Cell::Null => None,
        other => panic!("no text: {other:?}"),
    }
}

/// The item of a row: its columns, and its rest laid over them.
fn item(schema: &Schema, row: &Row) -> Value {
    let mut item = Map::new();
    for Column { attribute, column } in &schema.columns {
        if let Some(value) = value_of(column, cell(row, attribute)) {
            item.insert(attribute.clone(), value);
        }
    }
    if let Some(rest) = text(cell(row, "_rest")) {
        lay_over(&mut item, serde_json::from_str(rest).unwrap());
    }
    item.into()
}

fn lay_over(item: &mut Map<String, Value>, rest: Map<String, Value>) {
    for (name, value) in rest {
        match item.get_mut(&name).and_then(|known| known.get_mut("M")) {
            Some(Value::Object(known)) => {
                let Value::Object(mut tagged) = value else { panic!("a typed value: {value}") };
                let Some(Value::Object(more)) = tagged.remove("M") else { panic!("only maps are split") };
                lay_over(known, more);
            }
            _ => assert_eq!(item.insert(name.clone(), value), None, "{name} is in both"),
        }
    }
}

fn value_of(kind: &Kind, cell: &Cell) -> Option<Value> {
    if *cell == Cell::Null {
        return None;
    }
    Some(match (kind, cell) {
        (Kind::String, Cell::Str(text)) => json!({"S": text}),
        (Kind::NumberText, Cell::Str(text)) => json!({"N": text}),
        (Kind::Bool, Cell::Bool(value)) => json!({"BOOL": value}),
        (Kind::Null, Cell::Bool(true)) => json!({"NULL": true}),
        (Kind::Binary, Cell::Bytes(bytes)) => json!({"B": STANDARD.encode(bytes.data())}),
        (Kind::Decimal { scale }, Cell::Decimal(decimal)) => {
            assert_eq!((decimal.precision(), decimal.scale()), (38, *scale as i32));
            let digits = i128::from_be_bytes(decimal.data().try_into().unwrap());
            json!({"N": format!("{digits}e-{scale}")})
        }
        (Kind::List { of, element }, Cell::ListInternal(list)) => {
            let values = list.elements().iter().map(|cell| value_of(element, cell).unwrap());
            let values: Vec<Value> = match of {
                Tag::L => values.collect(),
                _ => {
                    values.map(|value| value.as_object().unwrap().values().next().unwrap().clone()).collect()
                }
            };
            json!({ of.name(): values })
        }
        (Kind::Struct { fields }, Cell::Group(row)) => {
            let field = |(Field { name, column }, (_, cell)): (&Field, (&String, &Cell))| {
                Some((name.clone(), value_of(column, cell)?))
            };
            json!({"M": fields.iter().zip(row.get_column_iter()).filter_map(field).collect::<Map<_, _>>()})
        }
        (Kind::Map { value }, Cell::MapInternal(map)) => {
            let entry = |(key, cell): &(Cell, Cell)| {
                Some((text(key)?.to_owned(), value_of(value, cell).unwrap_or(json!({"M": {}}))))
            };
            json!({"M": map.entries().iter().filter_map(entry).collect::<Map<_, _>>()})
        }
        (Kind::Typed { members }, Cell::Group(row)) => {
            let member =
                |(Member { column, .. }, (_, cell)): (&Member, (&String, &Cell))| value_of(column, cell);
            let mut values: Vec<Value> =
                members.iter().zip(row.get_column_iter()).filter_map(member).collect();
            assert_eq!(values.len(), 1, "one type at a time");
            values.remove(0)
        }
        other => panic!("a cell of another type: {other:?}"),
    })
}

/// Numbers by their value, whatever their form.
fn normal(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| match (name.as_str(), value) {
                    ("N", Value::String(text)) => (name, number(&text).into()),
                    ("NS", Value::Array(texts)) => (
                        name,
                        texts.iter().map(|text| number(text.as_str().unwrap())).collect::<Vec<_>>().into(),
                    ),
                    (_, value) => (name, normal(value)),
                })
                .collect(),
        ),
        Value::Array(values) => values.into_iter().map(normal).collect::<Vec<_>>().into(),
        other => other,
    }
}

/// Digits without zeros at either end, and the exponent of the last.
fn number(text: &str) -> String {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let mut exponent: i64 = exponent.parse().unwrap();
    let (sign, unsigned) = match mantissa.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", mantissa.trim_start_matches('+')),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    exponent -= fraction.len() as i64;
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let trimmed = digits.trim_end_matches('0');
    exponent += (digits.len() - trimmed.len()) as i64;
    if trimmed.is_empty() { "0".to_owned() } else { format!("{sign}{trimmed}e{exponent}") }
}

fn generated(seed: u64, count: usize) -> (String, Vec<Value>) {
    let mut random = Random(seed);
    let mut lines = String::new();
    let mut items = Vec::new();
    while items.len() < count {
        let line = item_line(&mut random);
        // The generator makes doublets in two spellings now and then, which no item has.
        if crate::oracle::judge(line.as_bytes()).is_none() {
            continue;
        }
        let mut read: Value = serde_json::from_str(&line).unwrap();
        items.push(normal(read["Item"].take()));
        lines.push_str(&line);
        lines.push('\n');
    }
    (lines, items)
}

fn assert_rows_are(items: &[Value], schema: &Schema, outcome: &Outcome) {
    assert_eq!(outcome.quarantined, []);
    let found: Vec<Value> =
        outcome.shards.iter().flat_map(rows).map(|row| normal(item(schema, &row))).collect();
    for (found, expected) in found.iter().zip(items) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), items.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rows_and_rest_are_the_items_under_every_schema(seed: u64) {
        let (text, items) = generated(seed, 40);
        // Of half of them, so that the others surprise it.
        let half: String = text.lines().take(20).map(|line| format!("{line}\n")).collect();
        let census = census_of(Content::Items, &half);
        for schema in [Schema::auto(&census, &keys()), Schema::typed(&census, &keys()), Schema { v: 1, columns: Vec::new() }] {
            schema.check().unwrap();
            assert_eq!(Schema::parse(&serde_json::to_vec(&schema).unwrap()).unwrap(), schema);
            assert_rows_are(&items, &schema, &convert(&schema, &text));
        }
    }

    #[test]
    fn any_split_of_the_items_gives_one_census(seed: u64, at in 0usize..40) {
        let (text, _) = generated(seed, 40);
        let part = |lines: &[&str]| census_of(Content::Items, &lines.iter().map(|line| format!("{line}\n")).collect::<String>());
        let lines: Vec<&str> = text.lines().collect();
        let (mut head, tail) = (part(&lines[..at]), part(&lines[at..]));
        let mut other = tail.clone();
        other.merge(head.clone()).unwrap();
        head.merge(tail).unwrap();
        let whole = part(&lines);
        prop_assert_eq!(&head, &whole);
        prop_assert_eq!(&other, &whole);
        prop_assert_eq!(serde_json::from_str::<Census>(&serde_json::to_string(&whole).unwrap()).unwrap(), whole);
    }
}

#[test]
fn a_typed_schema_of_all_items_leaves_nothing_over_but_what_has_no_columns() {
    let (text, items) = generated(11, 300);
    let schema = Schema::typed(&census_of(Content::Items, &text), &keys());
    let outcome = convert(&schema, &text);
    assert_rows_are(&items, &schema, &outcome);
    let rests = outcome.shards.iter().flat_map(rows).filter(|row| text_of_rest(row).is_some());
    // Names that differ by case alone, and containers that are always empty.
    assert!(rests.count() < 30);
}

fn text_of_rest(row: &Row) -> Option<String> {
    text(cell(row, "_rest")).map(str::to_owned)
}

#[test]
fn what_surprises_a_column_stands_in_the_rest_at_its_own_path() {
    let census = census_of(
        Content::Items,
        concat!(
            r#"{"Item":{"pk":{"S":"1"},"n":{"N":"1.5"},"m":{"M":{"x":{"S":"a"},"i":{"M":{"y":{"N":"1"}}}}},"l":{"L":[{"S":"a"}]}}}"#,
            "\n"
        ),
    );
    let schema = Schema::auto(&census, &keys());
    for (attributes, rest) in [
        (r#""n":{"N":"2"}"#, None),
        (r#""n":{"N":"1.25"}"#, Some(r#"{"n":{"N":"1.25"}}"#)),
        (r#""n":{"S":"x"},"new":{"BOOL":true}"#, Some(r#"{"new":{"BOOL":true},"n":{"S":"x"}}"#)),
        (r#""n":{"NULL":true}"#, Some(r#"{"n":{"NULL":true}}"#)),
        (r#""m":{"M":{}}"#, None),
        (r#""m":{"M":{"x":{"N":"1"},"i":{"M":{"y":{"N":"2"}}}}}"#, Some(r#"{"m":{"M":{"x":{"N":"1"}}}}"#)),
        (
            r#""m":{"M":{"i":{"M":{"y":{"N":"2"},"z":{"S":"b"}}},"x":{"S":"c"}}}"#,
            Some(r#"{"m":{"M":{"i":{"M":{"z":{"S":"b"}}}}}}"#),
        ),
        (r#""l":{"L":[{"S":"a"},{"NULL":true}]}"#, Some(r#"{"l":{"L":[{"S":"a"},{"NULL":true}]}}"#)),
        (r#""l":{"L":[]}"#, None),
    ] {
        let outcome = convert(&schema, &format!(r#"{{"Item":{{"pk":{{"S":"1"}},{attributes}}}}}"#));
        let row = rows(&outcome.shards[0]).remove(0);
        assert_eq!(text_of_rest(&row).as_deref(), rest, "{attributes}");
    }
}

#[test]
fn rows_say_what_happened_when_and_in_which_order() {
    let lines = concat!(
        r#"{"Metadata":{"WriteTimestampMicros":{"N":"1768387673917155"}},"Keys":{"pk":{"S":"1"}},"NewImage":{"pk":{"S":"1"},"a":{"N":"1"}}}"#,
        "\n",
        r#"{"Metadata":{"WriteTimestampMicros":{"N":"1768387673917156"}},"Keys":{"pk":{"S":"2"}},"OldImage":{"pk":{"S":"2"},"a":{"N":"0"}}}"#,
        "\n"
    );
    let schema = Schema::auto(&census_of(CHANGES, lines), &keys());
    let with_old = RecipeSpec { old_images: true, ..recipe(schema.clone()) };
    let outcome = convert_pieces(with_old, input(CHANGES), [lines.as_bytes()]).unwrap();
    let rows = rows(&outcome.shards[0]);
    let names: Vec<_> = rows.iter().map(|row| text(cell(row, "_eventName")).unwrap()).collect();
    assert_eq!(names, ["INSERT", "REMOVE"]);
    let sequences: Vec<_> = rows.iter().map(|row| text(cell(row, "_sequence")).unwrap()).collect();
    assert_eq!(sequences, ["011768387673917155001", "011768387673917156002"]);
    assert_eq!(*cell(&rows[0], "_time"), Cell::TimestampMicros(1_768_387_673_917_155));
    assert_eq!(text(cell(&rows[0], "_source")), Some("backfill"));
    assert_eq!(text(cell(&rows[0], "_oldImage")), None);
    assert_eq!(text(cell(&rows[1], "_oldImage")), Some(r#"{"pk":{"S":"2"},"a":{"N":"0"}}"#));
    // Of what was removed the keys are there, and nothing else.
    assert_eq!(item(&schema, &rows[1]), json!({"pk": {"S": "2"}}));

    let full = convert(&schema, r#"{"Item":{"pk":{"S":"1"}}}"#);
    let row = self::rows(&full.shards[0]).remove(0);
    assert_eq!(*cell(&row, "_time"), Cell::TimestampMicros(1_768_385_930_622_345));
    assert_eq!(text(cell(&row, "_sequence")), Some("000000042000000000001"));
    assert!(row.get_column_iter().all(|(name, _)| name != "_oldImage"));
}

#[test]
fn files_are_a_function_of_their_rows_and_their_digest_of_the_content_alone() {
    let (text, _) = generated(3, 500);
    let schema = Schema::auto(&census_of(Content::Items, &text), &keys());
    let once = convert(&schema, &text);
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(7).collect();
    let again = convert_pieces(recipe(schema.clone()), input(Content::Items), pieces).unwrap();
    assert_eq!(once, again);
    for compression in [Compression::Snappy, Compression::None] {
        let spec = RecipeSpec { compression, ..recipe(schema.clone()) };
        let other = convert_pieces(spec, input(Content::Items), [text.as_bytes()]).unwrap();
        assert_ne!(other.shards[0].bytes, once.shards[0].bytes);
        assert_eq!(other.shards[0].content_digest, once.shards[0].content_digest);
        assert_eq!(other.shards[0].content_bytes, once.shards[0].content_bytes);
    }
    let changed = text.replacen("key-", "kay-", 1);
    assert_ne!(convert(&schema, &changed).shards[0].content_digest, once.shards[0].content_digest);
}

#[test]
fn the_digest_is_read_back_from_the_file_and_damage_is_noticed() {
    let (text, _) = generated(4, 300);
    for schema in
        [Schema::auto(&census_of(Content::Items, &text), &keys()), Schema { v: 1, columns: Vec::new() }]
    {
        let shard = &convert(&schema, &text).shards[0];
        let digest = digest_of(&shard.bytes);
        assert_eq!(digest, Ok((shard.content_digest, shard.content_bytes)));
        for end in [0, 3, shard.bytes.len() / 2, shard.bytes.len() - 1] {
            assert_eq!(digest_of(&shard.bytes[..end]), Err(InputError::CorruptParquet));
        }
    }
}

#[test]
fn a_damaged_file_is_refused_or_reads_as_something_and_never_panics() {
    let (text, _) = generated(5, 3);
    let schema = Schema::typed(&census_of(Content::Items, &text), &keys());
    let shard = &convert(&schema, &text).shards[0];
    let mut refused = 0;
    for at in 0..shard.bytes.len() {
        let mut damaged = shard.bytes.clone();
        damaged[at] ^= 0xff;
        // What does not show in the content does not matter to it.
        refused += usize::from(digest_of(&damaged).is_err());
    }
    assert!(refused > shard.bytes.len() / 20, "{refused}");
}

#[test]
fn many_columns_make_short_row_groups() {
    let kind = || Kind::Bool;
    let columns = (0..1_900).map(|n| Column { attribute: format!("c{n}"), column: kind() }).collect();
    let schema = Schema { v: 1, columns };
    let text = "{\"Item\":{\"pk\":{\"S\":\"1\"}}}\n".repeat(9_000);
    let shard = &convert(&schema, &text).shards[0];
    let file = SerializedFileReader::new(Bytes::from(shard.bytes.clone())).unwrap();
    let groups: Vec<i64> = file.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(groups, [8_806, 194]);
}

#[test]
fn shards_and_row_groups_end_at_their_limits() {
    let line = format!(r#"{{"Item":{{"pk":{{"S":"1"}},"t":{{"S":"{}"}}}}}}"#, "x".repeat(1_000_000));
    let text = format!("{line}\n").repeat(40);
    let schema = Schema::auto(&census_of(Content::Items, &text), &keys());
    let spec = RecipeSpec { shard_bytes_max: 30 << 20, ..recipe(schema) };
    let outcome = convert_pieces(spec, input(Content::Items), [text.as_bytes()]).unwrap();
    let records: Vec<u64> = outcome.shards.iter().map(|shard| shard.records).collect();
    assert_eq!(records, [31, 9]);
    let file = SerializedFileReader::new(Bytes::from(outcome.shards[0].bytes.clone())).unwrap();
    let groups: Vec<i64> = file.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(groups, [17, 14]);
    assert!(outcome.shards.iter().all(|shard| shard.content_bytes <= 30 << 20));
}

#[test]
fn rows_of_a_scan_are_those_of_a_file_and_a_shard_without_rows_is_a_whole_file() {
    let (text, items) = generated(9, 60);
    let schema = Schema::auto(&census_of(Content::Items, &text), &keys());
    let array: Vec<String> = text
        .lines()
        .map(|line| {
            let item = &line[line.find(':').unwrap() + 1..line.rfind('}').unwrap()];
            item.trim().to_owned()
        })
        .collect();
    let recipe = std::sync::Arc::new(backfleet_convert::Recipe::new(recipe(schema.clone())).unwrap());
    let mut pages = backfleet_convert::PageConverter::new(&recipe, 42, 0, 0);
    for page in array.chunks(17) {
        assert_eq!(pages.append(format!("[{}]", page.join(",")).as_bytes()).unwrap(), page.len() as u64);
    }
    let whole = pages.cut();
    let of_file = &convert(&schema, &text).shards[0];
    assert_eq!((whole.records, whole.content_digest), (60, of_file.content_digest));
    let outcome = Outcome { shards: vec![whole], ..Outcome::default() };
    assert_rows_are(&items, &schema, &outcome);

    let empty = pages.cut();
    assert_eq!((empty.index, empty.records, rows(&empty).len()), (1, 0, 0));
    assert_eq!(digest_of(&empty.bytes), Ok((empty.content_digest, 0)));
}
