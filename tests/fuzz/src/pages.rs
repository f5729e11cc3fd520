//! Answers of a Scan: what is cut out of one is what serde_json finds there, and the items of a page become the records
//! that they would be on lines of a file.

use std::sync::{Arc, LazyLock};

use backfleet_convert::{Answer, Encoding, Format, Input, PageConverter, Recipe};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::conversion::{check_shard, convert};
use crate::recipes::plain_spec;

const FORMATS: [Format; 4] = [Format::Stream, Format::Kinesis, Format::Plain, Format::Image];

static RECIPES: LazyLock<[Arc<Recipe>; 4]> =
    LazyLock::new(|| FORMATS.map(|format| Arc::new(Recipe::new(plain_spec(format)).expect("a recipe"))));

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Read<'a> {
    #[serde(borrow)]
    items: Option<&'a RawValue>,
    #[serde(borrow)]
    scanned_count: Option<&'a RawValue>,
    #[serde(borrow)]
    consumed_capacity: Option<&'a RawValue>,
}

/// The body of an answer. One that begins with a bracket is a page itself.
pub fn page(body: &[u8]) {
    if body.first() == Some(&b'[') {
        return items(body);
    }
    let Ok(answer) = Answer::cut(body) else {
        let refused = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body);
        return assert!(refused.is_err(), "an object is refused");
    };
    let at = |range: &Option<std::ops::Range<usize>>| range.clone().map(|range| &body[range]);
    if let Some(found) = at(&answer.items) {
        items(found);
    }
    // Of an answer that has escapes in its names another reader sees more than is cut; DynamoDB writes none.
    let escaped = body.contains(&b'\\');
    let Ok(read) = serde_json::from_slice::<Read<'_>>(body) else { return };
    if escaped {
        return;
    }
    let raw = |value: Option<&RawValue>, first: &str| {
        value.map(RawValue::get).filter(|text| text.starts_with(first)).map(|text| text.as_bytes().to_vec())
    };
    let cut = |range| at(range).map(<[u8]>::to_vec);
    assert_eq!(cut(&answer.items), raw(read.items, "["));
    assert_eq!(cut(&answer.consumed_capacity), raw(read.consumed_capacity, "{"));
    let null = |text: &Vec<u8>| text != b"null";
    assert_eq!(cut(&answer.scanned_count).filter(null), raw(read.scanned_count, ""));
}

fn items(items: &[u8]) {
    let read = serde_json::from_slice::<Vec<&RawValue>>(items);
    // Items are copied as they stand: a newline between their tokens would end the record, so a page may have none.
    let has_newline = items.contains(&b'\n');
    for recipe in RECIPES.iter() {
        let mut converter = PageConverter::new(recipe, 42, 0, 0);
        let Ok(taken) = converter.append(items) else {
            let taken_as_lines = read.as_ref().is_ok_and(|read| all_are_items(recipe, read));
            assert!(has_newline || !taken_as_lines, "lines of these items are taken");
            continue;
        };
        let read = read.as_ref().expect("what is taken is JSON");
        assert_eq!((taken, converter.records()), (read.len() as u64, read.len() as u64));
        let shard = converter.cut();
        check_shard(recipe, &shard);
        let lines = convert(recipe, Input::json(Encoding::Identity), &[file(read).as_bytes()]);
        let lines = lines.expect("plain bytes are whole");
        assert_eq!((shard.records, lines.quarantined.len()), (taken, 0));
        let content: Vec<u8> = lines.shards.into_iter().flat_map(|shard| shard.bytes).collect();
        assert_eq!(shard.bytes, content);
    }
}

fn all_are_items(recipe: &Arc<Recipe>, read: &[&RawValue]) -> bool {
    let lines = convert(recipe, Input::json(Encoding::Identity), &[file(read).as_bytes()]);
    lines.is_ok_and(|lines| lines.quarantined.is_empty())
}

/// A file with these items.
fn file(items: &[&RawValue]) -> String {
    items.iter().map(|item| format!("{{\"Item\":{}}}\n", item.get())).collect()
}
