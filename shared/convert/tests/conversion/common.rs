//! What the tests share: recipes, a converter driven to its end, generated items.

use std::io::{Read, Write};
use std::sync::Arc;

use backfleet_convert::{
    AttributeFilter, Compression, Converter, Document, Encoding, EventName, Format, Input, InputError,
    KinesisPrecision, Quarantined, Recipe, RecipeSpec, Shard, Step, TableIdentity, Totals, ViewType, limits,
};
use bytes::Bytes;

pub const STREAM_ARN: &str =
    "arn:aws:dynamodb:eu-north-1:123456789012:table/test/stream/2026-01-14T10:00:00.000";

pub fn spec(format: Format) -> RecipeSpec {
    RecipeSpec {
        format,
        compression: Compression::None,
        shard_bytes_max: limits::SHARD_BYTES_DEFAULT,
        shard_records_max: None,
        keys: vec!["pk".to_owned()],
        table: Some(TableIdentity {
            name: "test".to_owned(),
            region: "eu-north-1".to_owned(),
            stream_arn: STREAM_ARN.to_owned(),
        }),
        snapshot_micros: 1_768_385_930_622_345,
        view: ViewType::NewAndOldImages,
        extra_fields: Vec::new(),
        attributes: AttributeFilter::All,
        document: Document::Line,
        document_records_max: 100,
        upsert: EventName::Modify,
        kinesis_precision: KinesisPrecision::Millisecond,
        schema: None,
        old_images: false,
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub shards: Vec<Shard>,
    pub quarantined: Vec<Quarantined>,
    pub totals: Totals,
}

impl Outcome {
    /// The content of all shards of an uncompressed recipe.
    pub fn text(&self) -> String {
        let content: Vec<u8> = self.shards.iter().flat_map(|shard| shard.bytes.clone()).collect();
        String::from_utf8(content).unwrap()
    }
}

/// Converts `pieces`, each fed on its own.
pub fn convert_pieces<'a>(
    spec: RecipeSpec,
    input: Input,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Outcome, InputError> {
    run(Converter::new(Arc::new(Recipe::new(spec).unwrap()), 42, input), pieces)
}

/// Feeds `pieces` one by one, to the end.
pub fn run<'a>(
    mut converter: Converter,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Outcome, InputError> {
    let mut pieces = pieces.into_iter();
    let mut outcome = Outcome::default();
    loop {
        match converter.step()? {
            Step::NeedInput => match pieces.next() {
                Some(piece) => converter.feed(Bytes::copy_from_slice(piece)),
                None => converter.finish(),
            },
            Step::Shard(shard) => outcome.shards.push(shard),
            Step::Quarantined(quarantined) => outcome.quarantined.push(quarantined),
            Step::Finished(totals) => {
                outcome.totals = totals;
                return Ok(outcome);
            }
        }
    }
}

/// Converts an uncompressed file fed at once.
pub fn convert(spec: RecipeSpec, file: impl AsRef<[u8]>) -> Outcome {
    convert_pieces(spec, Input::json(Encoding::Identity), [file.as_ref()]).unwrap()
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Inflated by someone else's reader.
pub fn content_of(compression: Compression, shard: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    match compression {
        Compression::Gzip => flate2::read::MultiGzDecoder::new(shard).read_to_end(&mut content).unwrap(),
        Compression::Zstd => {
            zstd::stream::read::Decoder::new(shard).unwrap().read_to_end(&mut content).unwrap()
        }
        Compression::Snappy => panic!("only Parquet has it"),
        Compression::None => content.write(shard).unwrap(),
    };
    content
}

/// SplitMix64: the same seed, the same item.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % end as u64) as usize
    }

    pub fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

const SPACES: [&str; 8] = ["", "", "", "", "", " ", "\t", " \r "];
const NAMES: [&str; 14] = [
    "a",
    "b",
    "S",
    "N",
    "Item",
    "Keys",
    "device_temperature",
    "a.b",
    r#"q\"uote"#,
    r"\u0061",
    r"\ud83d\ude00",
    "\u{1F600}",
    r"\u0000",
    "naïve name",
];
const STRINGS: [&str; 12] = [
    "",
    "x",
    "hello world",
    "eight by",
    "eight byt",
    r#"tab\tquote\""#,
    r"\u00e9\/",
    "é",
    "日本語の文字列です",
    r"\ud83d\ude00",
    "a rather long string that takes the eight-byte path more than once, with an end",
    r#"{\"json\":[1,2]}"#,
];
const NUMBERS: [&str; 16] = [
    "0",
    "-0",
    "1",
    "-17.4E37",
    "+3",
    ".123",
    "5.",
    "0001.23",
    "1e+5",
    "100000000000000000000",
    "63.06",
    "1524147164000",
    "0.00000000000000000000000000001",
    "12345678901234567890123456789012345678",
    r"\u0031",
    "1E-130",
];
const BINARIES: [&str; 6] = ["", "aGVsbG8=", "AA==", "QSoBAA==", r"\/\/\/\/", "++++"];

/// A line that is an item, in some spelling, with key `pk`.
pub fn item_line(random: &mut Random) -> String {
    let mut line = format!("{{{0}\"Item\"{0}:{0}{{\"pk\":", random.pick(&SPACES));
    line.push_str(&format!(r#"{{"S":"key-{}"}}"#, random.below(1000)));
    push_attributes(random, &mut line, 3);
    line.push_str(random.pick(&SPACES));
    line.push_str("}}");
    line
}

/// Some attributes, all named differently, each with a comma before it.
fn push_attributes(random: &mut Random, line: &mut String, depth: usize) {
    let first = random.below(NAMES.len());
    for index in 0..random.below(5) {
        // Two of the names are spellings of one and the same: the oracle must see that as we do.
        let name = NAMES[(first + index) % NAMES.len()];
        line.push_str(&format!("{0},{0}\"{name}\"{1}:{1}", random.pick(&SPACES), random.pick(&SPACES)));
        push_value(random, line, depth);
    }
}

fn push_value(random: &mut Random, line: &mut String, depth: usize) {
    let kinds = if depth == 0 { 8 } else { 10 };
    let space = random.pick(&SPACES);
    let value = match random.below(kinds) {
        0 => format!(r#"{{"S":{space}"{}"}}"#, random.pick(&STRINGS)),
        1 => format!(r#"{{{space}"N":"{}"}}"#, random.pick(&NUMBERS)),
        2 => format!(r#"{{"B"{space}:"{}"}}"#, random.pick(&BINARIES)),
        3 => format!(r#"{{"BOOL":{}{space}}}"#, random.pick(&["true", "false"])),
        4 => format!(r#"{{"NULL":{space}true}}"#),
        5 => set(random, "SS", &STRINGS),
        6 => set(random, "NS", &NUMBERS),
        7 => set(random, "BS", &BINARIES),
        8 => {
            let mut list = format!(r#"{{"L":{space}["#);
            for index in 0..random.below(4) {
                list.push_str(if index == 0 { "" } else { "," });
                push_value(random, &mut list, depth - 1);
            }
            list + "]}"
        }
        _ => {
            let mut map = format!(r#"{{"M":{space}{{"first":{{"NULL":true}}"#);
            push_attributes(random, &mut map, depth - 1);
            map + "}}"
        }
    };
    line.push_str(&value);
}

fn set(random: &mut Random, tag: &str, from: &[&str]) -> String {
    let first = random.below(from.len());
    let members = (0..1 + random.below(4)).map(|index| format!("\"{}\"", from[(first + index) % from.len()]));
    format!(r#"{{"{tag}":[{}]}}"#, members.collect::<Vec<_>>().join(","))
}
