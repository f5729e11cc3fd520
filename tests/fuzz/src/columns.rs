//! Parquet: schemas that somebody wrote, and stored shards that are damaged.

use std::sync::{Arc, LazyLock};

use backfleet_convert::{
    Compression, Encoding, Format, Input, Recipe, RecipeSpec, Schema, Shard, content_digest_of, limits,
};

use crate::conversion::{convert, count};
use crate::drawn::Drawn;
use crate::quiet::hushed;
use crate::recipes::{plain_spec, with_columns};

const ITEMS: &[u8] = br#"{"Item":{"pk":{"S":"1"},"n":{"N":"-12.50"},"b":{"B":"aGVsbG8="},"t":{"BOOL":true},"l":{"L":[{"S":"x"},{"S":""}]}}}
{"Item":{"pk":{"S":"2"},"n":{"N":"7"},"m":{"M":{"a":{"N":"1"},"b":{"NULL":true}}},"ss":{"SS":["y","x"]},"ns":{"NS":["1","2.5"]}}}
{"Item":{"pk":{"S":"3"},"n":{"S":"seven"},"bs":{"BS":["AA==","AQ=="]},"deep":{"L":[{"L":[{"M":{"x":{"L":[]}}}]}]}}}
"#;

/// The same items, stored in every way.
static STORED: LazyLock<Vec<(Format, Compression, Shard)>> = LazyLock::new(|| {
    let (census, _) = count(Input::json(Encoding::Identity), &[ITEMS]).expect("a census");
    let columns = |compression| with_columns(Schema::typed(&census, &[]), compression);
    let text = |compression| RecipeSpec { compression, ..plain_spec(Format::Stream) };
    let specs = [
        columns(Compression::None),
        columns(Compression::Snappy),
        columns(Compression::Zstd),
        text(Compression::Gzip),
        text(Compression::Zstd),
    ];
    specs.map(stored).into()
});

fn stored(spec: RecipeSpec) -> (Format, Compression, Shard) {
    let RecipeSpec { format, compression, .. } = spec;
    let recipe = Arc::new(Recipe::new(spec).expect("a recipe"));
    let mut outcome = convert(&recipe, Input::json(Encoding::Identity), &[ITEMS]).expect("whole");
    (format, compression, outcome.shards.pop().expect("a shard"))
}

/// Which shard, and its bytes, or how it is damaged: pairs of a place and what its bits are turned by; a place behind the
/// end cuts it.
pub fn parquet_digest(data: &[u8]) {
    let mut drawn = Drawn::new(data);
    let choice = usize::from(drawn.byte());
    let (format, compression, shard) = &STORED[choice % STORED.len()];
    let mut bytes = shard.bytes.clone();
    if choice >= 128 {
        bytes = drawn.rest().to_vec();
    } else {
        while !drawn.is_over() {
            let (at, bits) = (usize::from(drawn.pair()), drawn.byte());
            match bytes.get_mut(at) {
                Some(byte) => *byte ^= bits,
                None => bytes.truncate(at % (bytes.len() + 1)),
            }
        }
    }
    let digest = hushed(|| content_digest_of(*format, *compression, &bytes));
    if bytes == shard.bytes {
        assert_eq!(digest, Ok((shard.content_digest, shard.content_bytes)));
    }
}

/// The file that a schema is pinned with.
pub fn schema(json: &[u8]) {
    let Ok(schema) = Schema::parse(json) else { return };
    let printed = serde_json::to_vec(&schema).expect("a schema is plain data");
    assert_eq!(Schema::parse(&printed).ok().as_ref(), Some(&schema));
    assert!(schema.columns.len() <= limits::COLUMNS_MAX);
    let recipe = Arc::new(Recipe::new(with_columns(schema, Compression::None)).expect("a schema is checked"));
    let outcome = convert(&recipe, Input::json(Encoding::Identity), &[ITEMS]).expect("plain bytes are whole");
    assert_eq!(outcome.totals.records_out, 3);
    outcome.check(&recipe);
}
