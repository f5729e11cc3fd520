//! Pages of a scan become the records that lines of a file become.

use std::sync::Arc;

use backfleet_convert::{Compression, Format, PageConverter, Reason, Recipe, RecipeSpec};
use proptest::prelude::*;

use crate::common::{Random, content_of, convert, item_line, spec};

/// The one that `convert` has.
const UNIT: u32 = 42;

/// The shards of these pages, cut behind each page in `cuts`, and at the end.
fn shards(spec: &RecipeSpec, pages: &[Vec<String>], cuts: impl Fn(usize) -> bool) -> Vec<(u64, String)> {
    let mut converter = PageConverter::new(&Arc::new(Recipe::new(spec.clone()).unwrap()), UNIT, 0, 0);
    let mut shards = Vec::new();
    for (number, page) in pages.iter().enumerate() {
        let items = format!("[{}]", page.join(","));
        assert_eq!(converter.append(items.as_bytes()).unwrap(), page.len() as u64);
        if cuts(number) || number + 1 == pages.len() {
            let shard = converter.cut();
            assert_eq!(shard.index as usize, shards.len());
            let content = content_of(spec.compression, &shard.bytes);
            assert_eq!(content.len() as u64, shard.content_bytes);
            shards.push((shard.records, String::from_utf8(content).unwrap()));
        }
    }
    shards
}

/// The map inside a line.
fn item_of(line: &str) -> &str {
    let start = line[1..].find('{').unwrap() + 1;
    &line[start..line.len() - 1]
}

/// A line that is an item also by what it says.
fn sound_line(random: &mut Random) -> String {
    loop {
        let line = item_line(random);
        if convert(spec(Format::Item), &line).quarantined.is_empty() {
            return line;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn pages_and_lines_of_the_same_items_give_the_same_records(seed in any::<u64>(), pages in 1_usize..6, every in 1_usize..4) {
        let mut random = Random(seed);
        let pages: Vec<Vec<String>> =
            (0..pages).map(|_| (0..random.below(20)).map(|_| sound_line(&mut random)).collect()).collect();
        for format in [Format::Stream, Format::Kinesis, Format::Plain, Format::Item] {
            let spec = spec(format);
            let lines: String = pages.iter().flatten().map(|line| format!("{line}\n")).collect();
            let expected = convert(spec.clone(), lines.as_bytes());
            let items: Vec<Vec<String>> =
                pages.iter().map(|page| page.iter().map(|line| item_of(line).to_owned()).collect()).collect();
            let found = shards(&spec, &items, |page| page % every == 0);
            let text: String = found.iter().map(|(_, text)| text.as_str()).collect();
            prop_assert_eq!(text, expected.text());
        }
    }
}

#[test]
fn a_unit_that_is_taken_up_again_goes_on_where_it_was() {
    let spec = spec(Format::Stream);
    let recipe = Arc::new(Recipe::new(spec.clone()).unwrap());
    let page = |from: u32| {
        let item = |number| format!(r#"{{"pk":{{"S":"{number}"}}}}"#);
        format!("[{}]", (from..from + 5).map(item).collect::<Vec<_>>().join(", "))
    };
    let mut whole = PageConverter::new(&recipe, UNIT, 0, 0);
    whole.append(page(0).as_bytes()).unwrap();
    let first = whole.cut();
    whole.append(page(5).as_bytes()).unwrap();
    let second = whole.cut();
    let mut again = PageConverter::new(&recipe, UNIT, 1, first.records);
    again.append(page(5).as_bytes()).unwrap();
    assert_eq!(again.cut(), second);
    assert_eq!((second.index, second.records, again.records()), (1, 5, 10));
}

#[test]
fn a_shard_without_records_is_a_whole_file() {
    for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
        let spec = RecipeSpec { compression, ..spec(Format::Stream) };
        let mut converter = PageConverter::new(&Arc::new(Recipe::new(spec).unwrap()), UNIT, 3, 9);
        assert_eq!(converter.append(b"[ ]").unwrap(), 0);
        let shard = converter.cut();
        assert_eq!((shard.index, shard.records, shard.content_bytes), (3, 0, 0));
        assert_eq!(content_of(compression, &shard.bytes), b"");
    }
}

#[test]
fn a_page_that_holds_something_else_is_refused_with_its_place() {
    let spec = spec(Format::Stream);
    let recipe = Arc::new(Recipe::new(spec).unwrap());
    let good = r#"{"pk":{"S":"a"}}"#;
    for (page, item, reason) in [
        (format!(r#"[{good},{{"sk":{{"S":"a"}}}}]"#), 2, Reason::MissingKey),
        (format!("[{good}"), 2, Reason::UnexpectedEnd),
        (format!("[{good}]x"), 2, Reason::TrailingBytes),
        ("[1]".to_owned(), 1, Reason::ObjectExpected),
        (good.to_owned(), 1, Reason::ArrayExpected),
    ] {
        let error = PageConverter::new(&recipe, UNIT, 0, 0).append(page.as_bytes()).unwrap_err();
        assert_eq!((error.item, error.reason), (item, reason), "{page}: {error}");
    }
}
