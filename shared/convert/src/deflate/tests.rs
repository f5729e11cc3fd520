//! What is deflated is read back, by two readers that are not ours.

use std::io::Read;

use proptest::prelude::*;

use super::*;
use crate::block::{Kind, Landmark};

fn member(deflater: &mut Deflater, bytes: &[u8]) -> Vec<u8> {
    member_of(deflater, &Block { bytes: bytes.to_vec(), landmarks: Vec::new() })
}

fn member_of(deflater: &mut Deflater, block: &Block) -> Vec<u8> {
    let mut out = vec![0xaa; Deflater::bound(block.len())];
    let length = deflater.gzip(block, &mut out);
    out.truncate(length);
    out
}

/// Both readers check the footer too.
fn assert_read_back(member: &[u8], block: &[u8]) {
    let mut content = Vec::new();
    flate2::read::GzDecoder::new(member).read_to_end(&mut content).unwrap();
    assert!(content == block, "flate2 reads something else");
    let mut content = vec![0; block.len()];
    let length = libdeflater::Decompressor::new().gzip_decompress(member, &mut content).unwrap();
    assert!(length == block.len() && content == block, "libdeflate reads something else");
}

/// The member's length.
fn check(block: &[u8]) -> usize {
    let member = member(&mut Deflater::new(), block);
    assert_read_back(&member, block);
    member.len()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % end as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }
}

#[test]
fn nothing_and_one_byte_take_a_few_bytes() {
    assert_eq!(check(b""), 20);
    assert_eq!(check(b"x"), 21);
}

#[test]
fn every_byte_is_written_as_a_literal() {
    check(&(0..=255).collect::<Vec<u8>>());
    check(&(0..=255).rev().cycle().take(5_000).collect::<Vec<u8>>());
}

#[test]
fn runs_around_the_longest_match_are_read_back() {
    for length in (1..40).chain(255..280).chain(514..530).chain([65_535, 65_536, 1 << 20]) {
        assert!(check(&vec![b'r'; length]) < 40 + length / 100);
        check(&[vec![b'r'; length], b"end".to_vec(), vec![b'r'; length]].concat());
    }
}

#[test]
fn matches_are_found_up_to_the_farthest_distance_and_not_beyond() {
    let word = b"a word that is nowhere else";
    let mut members = Vec::new();
    for distance in [32_766, 32_767, 32_768, 32_769, 32_770] {
        // As bytes above 127, the filler never looks like the word.
        let filler: Vec<u8> = Random(3).bytes(distance - word.len()).iter().map(|byte| byte | 0x80).collect();
        members.push(check(&[word.as_slice(), &filler, word].concat()));
    }
    assert!(members[2] + 10 < members[3], "{members:?}");
    for distance in (1..600).chain([1 << 10, 1 << 14, (1 << 14) + 1, 24_576, 24_577]) {
        let piece = Random(distance as u64).bytes(distance);
        check(&[piece.as_slice(), &piece, &piece[..distance.min(300)]].concat());
    }
}

#[test]
fn a_member_never_outgrows_the_bound() {
    let bytes = Random(1).bytes(3 << 20);
    for length in [1, 100, 65_534, 65_535, 65_536, 131_070, 131_071, 512 << 10, 3 << 20] {
        assert!(check(&bytes[..length]) <= length + 18 + 5 * (length / 32_768 + 1));
    }
}

#[test]
fn what_shrinks_and_what_does_not_stand_in_one_member() {
    let mut random = Random(2);
    let mut block = Vec::new();
    for _ in 0..20 {
        let length = random.below(100_000);
        block.extend(random.bytes(length));
        block.extend(b"{\"name\":\"value\"}\n".repeat(random.below(5_000)));
    }
    assert!(check(&block) < block.len());
}

#[test]
fn counts_that_ask_for_long_codes_get_codes_within_the_limit() {
    let mut counts = [0_u32; 40];
    let (mut count, mut next) = (1, 1);
    for slot in &mut counts {
        *slot = count;
        (count, next) = (next, count + next);
    }
    for bits_max in [6, 7, 12, LENGTH_BITS_MAX] {
        let code = Code::fitting(&counts, bits_max);
        assert!(code.lengths().iter().all(|bits| (1..=bits_max).contains(&usize::from(*bits))));
        let taken: u32 = code.lengths().iter().map(|bits| 1 << (bits_max - usize::from(*bits))).sum();
        assert_eq!(taken, 1 << bits_max, "complete");
        assert!(code.lengths().is_sorted_by(|one, other| one >= other));
    }
}

#[test]
fn literals_of_very_different_frequency_are_read_back() {
    let mut block = Vec::new();
    let (mut count, mut next) = (1, 1);
    for byte in 0..23 {
        block.extend(vec![byte; count]);
        (count, next) = (next, count + next);
    }
    let mut random = Random(5);
    for place in (1..block.len()).rev() {
        block.swap(place, random.below(place + 1));
    }
    check(&block);
}

#[test]
fn a_deflater_that_has_seen_other_blocks_writes_the_same() {
    let mut used = Deflater::new();
    let mut random = Random(9);
    for length in [10, 70_000, 3, 600_000, 40_000, 0, 33_000] {
        let block: Vec<u8> = random.bytes(length).iter().map(|byte| byte & 3).collect();
        assert!(member(&mut used, &block) == member(&mut Deflater::new(), &block));
    }
}

/// Lines of two attributes with a landmark at each name, or none.
fn lines(with_landmarks: bool) -> Block {
    let mut random = Random(11);
    let mut block = Block::default();
    for _ in 0..4_000 {
        for (number, name) in [(1, "a"), (2, "of_another_length")] {
            if with_landmarks {
                block.mark(Kind::of_name(number));
            }
            block
                .bytes
                .extend_from_slice(format!("\"{name}\":{{\"N\":\"{}\"}},", random.below(100_000)).as_bytes());
        }
        block.bytes.push(b'\n');
    }
    block
}

#[test]
fn with_landmarks_more_is_found() {
    let members = [false, true].map(|with_landmarks| {
        let block = lines(with_landmarks);
        let member = member_of(&mut Deflater::new(), &block);
        assert_read_back(&member, &block.bytes);
        member.len()
    });
    assert!(members[1] < members[0], "{members:?}");
}

#[test]
fn a_like_that_is_too_far_behind_is_none() {
    let word = b"a word that is nowhere else";
    for distance in [32_767, 32_768, 32_769, 70_000] {
        let filler = Random(3).bytes(distance - word.len());
        let mut block = Block { bytes: [word.as_slice(), &filler, word].concat(), landmarks: Vec::new() };
        block.landmarks = [0, distance as u32].map(|at| Landmark { at, kind: Kind::RECORD }).to_vec();
        assert_read_back(&member_of(&mut Deflater::new(), &block), &block.bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_back(block in prop::collection::vec(any::<u8>(), 0..3_000)) {
        check(&block);
    }

    #[test]
    fn pieces_that_repeat_are_read_back(seed in any::<u64>(), letters in 1_usize..256, pieces in 0_usize..400) {
        let mut random = Random(seed);
        let mut block: Vec<u8> = Vec::new();
        for _ in 0..pieces {
            let length = random.below(400);
            if block.is_empty() || random.below(3) == 0 {
                block.extend((0..length).map(|_| random.below(letters) as u8));
            } else {
                let from = random.below(block.len());
                let to = block.len().min(from + length);
                block.extend_from_within(from..to);
            }
        }
        check(&block);
    }

    #[test]
    fn any_landmarks_change_nothing_but_the_way(
        words in prop::collection::vec(prop::sample::select(vec!["name", "\":{\"S\":\"", "x", "0123456789abcdef", "yyyyyyyyyyyy"]), 0..600),
        landmarks in prop::collection::btree_map(0..4_000_u32, 0..6_u8, 0..400),
    ) {
        let bytes = words.concat().into_bytes();
        let length = bytes.len() as u32;
        let within = landmarks.into_iter().filter(|(at, _)| *at < length);
        let landmarks = within.map(|(at, number)| Landmark { at, kind: Kind::of_name(number) }).collect();
        let block = Block { bytes, landmarks };
        assert_read_back(&member_of(&mut Deflater::new(), &block), &block.bytes);
    }
}
