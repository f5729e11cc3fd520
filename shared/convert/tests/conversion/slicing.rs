//! However the input is cut, the output is the same; and what is in it is what came in.

use std::collections::BTreeSet;
use std::sync::Arc;

use backfleet_convert::{
    Compression, Converter, Crew, Encoding, Format, Input, Recipe, Step, content_digest_of,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::common::{Outcome, Random, content_of, convert, convert_pieces, gzip, item_line, run, spec};

/// A file with items, lines that are none, blank lines and both kinds of newline.
fn file(random: &mut Random, lines: usize) -> Vec<u8> {
    let mut file = Vec::new();
    if random.below(2) == 0 {
        file.extend_from_slice(b"\xef\xbb\xbf");
    }
    for _ in 0..lines {
        match random.below(12) {
            0 => {}
            1 => file.extend_from_slice(b"{\"Item\":{\"pk\":{\"S\":\"cut"),
            2 => file.extend_from_slice(b"\xff not UTF-8"),
            _ => file.extend_from_slice(item_line(random).as_bytes()),
        }
        file.extend_from_slice(random.pick(&["\n", "\n", "\r\n"]).as_bytes());
    }
    if random.below(2) == 0 {
        file.extend_from_slice(item_line(random).as_bytes());
    }
    file
}

fn pieces<'a>(file: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(file.len() + 1)).collect();
    places.extend([0, file.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &file[pair[0]..pair[1]]).collect()
}

/// But for the bytes of the stored file, which compression changes.
fn without_bytes_in(mut outcome: Outcome) -> Outcome {
    outcome.totals.bytes_in = 0;
    outcome
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_slicing_gives_the_same_shards_and_quarantines(
        seed in any::<u64>(),
        members in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        format in prop::sample::select(vec![Format::Stream, Format::LambdaEvent, Format::Plain]),
    ) {
        let mut spec = spec(format);
        spec.shard_bytes_max = 1_024;
        spec.document_records_max = 3;
        let file = file(&mut Random(seed), 20);
        let whole = without_bytes_in(convert(spec.clone(), &file));
        let stored: Vec<u8> = pieces(&file, &members).into_iter().flat_map(gzip).collect();
        let cut = convert_pieces(spec.clone(), Input::json(Encoding::Gzip), pieces(&stored, &cuts)).unwrap();
        prop_assert_eq!(&without_bytes_in(cut), &whole);
        let bytewise = convert_pieces(spec, Input::json(Encoding::Gzip), stored.chunks(1)).unwrap();
        prop_assert_eq!(&without_bytes_in(bytewise), &whole);
    }

    #[test]
    fn every_record_in_is_a_record_out_or_in_quarantine(seed in any::<u64>()) {
        let file = file(&mut Random(seed), 20);
        let outcome = convert(spec(Format::Stream), &file);
        let totals = outcome.totals;
        prop_assert_eq!(totals.records_in, totals.records_out + totals.quarantined);
        prop_assert_eq!(totals.quarantined, outcome.quarantined.len() as u64);
        prop_assert_eq!(totals.records_out, outcome.shards.iter().map(|shard| shard.records).sum::<u64>());
        prop_assert_eq!(totals.records_out, outcome.text().lines().count() as u64);
        prop_assert_eq!(totals.content_bytes, outcome.text().len() as u64);
        prop_assert_eq!(totals.bytes_inflated, file.len() as u64);
        for line in &outcome.quarantined {
            prop_assert_eq!(&file[line.offset as usize..][..line.length as usize], line.bytes.as_slice());
            let newlines = file[..line.offset as usize].iter().filter(|byte| **byte == b'\n').count();
            prop_assert_eq!(line.line, newlines as u64 + 1);
        }
    }

    #[test]
    fn the_new_image_is_the_item_byte_for_byte(seed in any::<u64>()) {
        let line = item_line(&mut Random(seed)).replace('\r', " ");
        let outcome = convert(spec(Format::Stream), &line);
        prop_assume!(outcome.totals.records_out == 1);
        let text = outcome.text();
        let item = &line[line[8..].find('{').unwrap() + 8..line.len() - 1];
        prop_assert!(text.contains(&format!(r#","NewImage":{item},"SequenceNumber":"#)), "{} in {}", item, text);
        let record: Value = serde_json::from_str(&text).unwrap();
        let input: Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(&record["dynamodb"]["NewImage"], &input["Item"]);
    }

    #[test]
    fn shards_inflate_to_what_their_digest_says(
        seed in any::<u64>(),
        compression in prop::sample::select(vec![Compression::Gzip, Compression::Zstd, Compression::None]),
    ) {
        let file = file(&mut Random(seed), 20);
        let plain = convert(spec(Format::Stream), &file);
        let mut spec = spec(Format::Stream);
        spec.compression = compression;
        let outcome = convert(spec, &file);
        for (shard, plain) in outcome.shards.iter().zip(&plain.shards) {
            prop_assert_eq!(&content_of(compression, &shard.bytes), &plain.bytes);
            prop_assert_eq!(shard.content_digest, plain.content_digest);
            let stored = content_digest_of(Format::Stream, compression, &shard.bytes).unwrap();
            prop_assert_eq!(stored, (shard.content_digest, shard.content_bytes));
        }
    }
}

/// A file that inflates to some megabytes, which hands inflate ahead while there are cores.
fn long_file() -> Vec<u8> {
    let mut random = Random(17);
    let lines: Vec<u8> = (0..200).flat_map(|_| file(&mut random, 60)).collect();
    gzip(&lines.repeat(1 + (4 << 20) / lines.len()))
}

#[test]
fn what_hands_inflate_ahead_is_the_same_file() {
    let stored = long_file();
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        let stored = match encoding {
            Encoding::Zstd => zstd::encode_all(content_of(Compression::Gzip, &stored).as_slice(), 1).unwrap(),
            _ => stored.clone(),
        };
        let recipe = Arc::new(Recipe::new(spec(Format::Stream)).unwrap());
        let with_cores = |cores: usize, piece: usize| {
            let converter = Converter::new(recipe.clone(), 42, Input::json(encoding));
            run(converter.with_crew(Crew::new(cores)), stored.chunks(piece)).unwrap()
        };
        let alone = with_cores(1, stored.len());
        assert!(alone.totals.bytes_inflated > 4 << 20);
        for (cores, piece) in [(2, 1_000), (2, 100_000), (3, stored.len()), (8, 7)] {
            assert!(with_cores(cores, piece) == alone, "{cores} cores, pieces of {piece}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_file_is_so_with_hands_too() {
    let stored = long_file();
    let mut flipped = stored.clone();
    flipped[stored.len() / 2] ^= 1;
    let mut wrong_sum = stored.clone();
    wrong_sum[stored.len() - 6] ^= 1;
    let garbage = [stored.as_slice(), b"garbage"].concat();
    for damaged in [&stored[..stored.len() / 2], &stored[..stored.len() - 1], &flipped, &wrong_sum, &garbage]
    {
        let fault = |cores: usize, piece: usize| {
            let recipe = Arc::new(Recipe::new(spec(Format::Stream)).unwrap());
            let converter = Converter::new(recipe, 42, Input::json(Encoding::Gzip));
            run(converter.with_crew(Crew::new(cores)), damaged.chunks(piece)).unwrap_err()
        };
        let alone = fault(1, damaged.len());
        for (cores, piece) in [(2, 1_000), (2, 100_000), (3, damaged.len())] {
            assert_eq!(fault(cores, piece), alone, "{cores} cores, pieces of {piece}");
        }
    }
}

#[test]
fn shards_of_many_blocks_are_whole() {
    let line = |index: usize| {
        format!("{{\"Item\":{{\"pk\":{{\"S\":\"{index}\"}},\"v\":{{\"S\":\"{}\"}}}}}}\n", "v".repeat(2_000))
    };
    let file: String = (0..2_000).map(line).collect();
    let plain = convert(spec(Format::Stream), &file);
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut spec = spec(Format::Stream);
        spec.compression = compression;
        let outcome = convert(spec, &file);
        assert_eq!(content_of(compression, &outcome.shards[0].bytes), plain.shards[0].bytes);
        assert_eq!(outcome.shards[0].content_digest, plain.shards[0].content_digest);
    }
}

#[test]
fn a_raw_carriage_return_between_tokens_does_not_split_the_record() {
    let outcome = convert(spec(Format::Stream), "{\"Item\":{\"pk\":\r{\"S\":\"1\"}}}\n");
    assert_eq!(outcome.totals.records_out, 1);
    assert!(!outcome.text().contains('\r'));
    assert!(outcome.text().contains(r#""NewImage":{"pk": {"S":"1"}}"#));
}

#[test]
fn shards_built_in_memory_handed_back_are_the_same_shards() {
    let mut spec = spec(Format::Stream);
    spec.shard_bytes_max = 1_024;
    let file = file(&mut Random(7), 60);
    let expected = convert(spec.clone(), &file).shards;
    let mut converter =
        Converter::new(Arc::new(Recipe::new(spec).unwrap()), 42, Input::json(Encoding::Identity));
    converter.feed(file.into());
    let (mut shards, mut places) = (Vec::new(), BTreeSet::new());
    loop {
        match converter.step().unwrap() {
            Step::NeedInput => converter.finish(),
            Step::Shard(shard) => {
                places.insert(shard.bytes.as_ptr() as usize);
                shards.push(shard.clone());
                converter.reuse(shard.bytes);
            }
            Step::Quarantined(_) => {}
            Step::Finished(_) => break,
        }
    }
    assert!(shards.len() > 10);
    assert_eq!(shards, expected);
    assert_eq!(places.len(), 1, "one shard's memory is enough if each is handed back at once");
}
