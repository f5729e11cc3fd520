//! One line of a full export, held against serde_json: what ours takes it takes too, and sees the same in it; what it
//! refuses, or what breaks a rule of DynamoDB, ours quarantines.
//!
//! Names that are there twice, forms of numbers and depth are rules of the oracle, which holds them against what serde_json
//! has read. The one exception is of files, not of lines: a byte order mark at the beginning is passed over.

use std::sync::{Arc, LazyLock};

use backfleet_convert::{Encoding, Format, Input, Recipe};

use crate::conversion::convert;
use crate::oracle::{Node, judge};
use crate::recipes::plain_spec;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

static STREAM: LazyLock<Arc<Recipe>> = LazyLock::new(|| recipe(Format::Stream));
static ITEM: LazyLock<Arc<Recipe>> = LazyLock::new(|| recipe(Format::Item));

fn recipe(format: Format) -> Arc<Recipe> {
    Arc::new(Recipe::new(plain_spec(format)).expect("a recipe"))
}

/// A line without its newline.
pub fn json_line(line: &[u8]) {
    if line.contains(&b'\n') || line.starts_with(BYTE_ORDER_MARK) || is_blank(line) {
        return;
    }
    let stream = text(&STREAM, line);
    let judged = judge(line);
    assert_eq!(stream.is_some(), judged.is_some(), "{}", String::from_utf8_lossy(line));
    let item = text(&ITEM, line);
    assert_eq!(stream.is_some(), item.is_some(), "whether a line is an item is no matter of the format");
    let (Some(judged), Some(stream), Some(item)) = (judged, stream, item) else { return };
    let record: serde_json::Value = serde_json::from_str(&stream).expect("a record is JSON");
    let said = record["dynamodb"]["SizeBytes"].as_u64();
    assert_eq!(said, Some(judged.keys_size + judged.image_size));
    let node = |json: &[u8]| serde_json::from_slice::<Node>(json).expect("the oracle has read it");
    assert_eq!(node(item.as_bytes()), node(line));
}

/// The record, if the line is one.
fn text(recipe: &Arc<Recipe>, line: &[u8]) -> Option<String> {
    let mut outcome =
        convert(recipe, Input::json(Encoding::Identity), &[line]).expect("plain bytes are whole");
    assert_eq!(outcome.totals.records_in, 1);
    let shard = outcome.shards.pop()?;
    Some(String::from_utf8(shard.bytes).expect("records are UTF-8"))
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}
