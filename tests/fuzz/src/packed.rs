//! Compressed files: another inflater must read what ours reads, and the other way round, to the same bytes.

use std::io::{BufReader, Read as _, Write as _};
use std::sync::{Arc, LazyLock};

use backfleet_convert::{
    Compression, Content, Encoding, Format, Input, InputError, Notation, Recipe, RecipeSpec,
    content_digest_of,
};

use crate::conversion::{Outcome, convert};
use crate::drawn::{Drawn, pieces};
use crate::recipes::plain_spec;

/// A file that makes more of it says nothing more: deflate makes a thousand bytes of one, zstd any number.
const CONTENT_BYTES_MAX: u64 = 1 << 20;

static ITEM: LazyLock<Arc<Recipe>> = LazyLock::new(|| {
    let spec = RecipeSpec { keys: Vec::new(), ..plain_spec(Format::Item) };
    Arc::new(Recipe::new(spec).expect("a recipe"))
});

/// How the file is made, slicing, and the file, or what it is made of.
pub fn gzip(data: &[u8]) {
    let mut drawn = Drawn::new(data);
    let (making, slicing) = (drawn.byte(), drawn.byte());
    let stored = match making % 3 {
        0 => drawn.rest().to_vec(),
        1 => in_a_member(drawn.rest()),
        _ => damaged(drawn, gzip_member),
    };
    let theirs = bounded(flate2::read::MultiGzDecoder::new(stored.as_slice()));
    hold(Encoding::Gzip, Compression::Gzip, slicing, &stored, theirs);
}

/// How the file is made, slicing, and the file, or what it is made of.
pub fn zstd(data: &[u8]) {
    let mut drawn = Drawn::new(data);
    let (making, slicing) = (drawn.byte(), drawn.byte());
    let stored = match making % 2 {
        0 => drawn.rest().to_vec(),
        _ => damaged(drawn, zstd_frame),
    };
    let theirs = unzstd(&stored);
    hold(Encoding::Zstd, Compression::Zstd, slicing, &stored, theirs);
}

/// Frame by frame, as its window allows: fed little at a time, or the decoder would pass over the window of a small frame.
fn unzstd(stored: &[u8]) -> Result<Vec<u8>, Unread> {
    let frames = zstd::stream::read::Decoder::with_buffer(BufReader::with_capacity(3, stored));
    bounded(frames.map_err(|_| Unread::Damaged)?)
}

enum Unread {
    Damaged,
    TooLong,
}

fn bounded(inflater: impl std::io::Read) -> Result<Vec<u8>, Unread> {
    let mut content = Vec::new();
    inflater.take(CONTENT_BYTES_MAX + 1).read_to_end(&mut content).map_err(|_| Unread::Damaged)?;
    if content.len() as u64 > CONTENT_BYTES_MAX { Err(Unread::TooLong) } else { Ok(content) }
}

fn hold(
    encoding: Encoding,
    compression: Compression,
    slicing: u8,
    stored: &[u8],
    theirs: Result<Vec<u8>, Unread>,
) {
    if let Err(Unread::TooLong) = theirs {
        return;
    }
    let input = Input { encoding, notation: Notation::Json, content: Content::Items };
    let ours = convert(&ITEM, input, &[stored]);
    let sliced = convert(&ITEM, input, &pieces(stored, slicing));
    assert_eq!(ours.as_ref().ok(), sliced.as_ref().ok());
    let digested = content_digest_of(Format::Item, compression, stored);
    // An empty file is none, which other readers do not mind.
    let Some(content) = theirs.ok().filter(|_| !stored.is_empty()) else {
        assert!(ours.is_err(), "only ours reads it: {:?}", ours.map(|outcome| outcome.totals));
        assert!(digested.is_err(), "only the digest reads it");
        return;
    };
    if ours.is_err() && is_damaged(encoding, &ours, stored, &content) {
        return;
    }
    let ours = ours.unwrap_or_else(|error| panic!("only the other one reads it: {error}"));
    assert_eq!(digested, content_digest_of(Format::Item, Compression::None, &content));
    let expected =
        convert(&ITEM, Input::json(Encoding::Identity), &[&content]).expect("plain bytes are whole");
    assert_eq!(ours.totals.bytes_inflated, content.len() as u64);
    assert_eq!((ours.shards, ours.quarantined), (expected.shards, expected.quarantined));
}

/// Whether ours refuses with reason what another reader took. Of gzip it stops at the last member, whatever follows; of
/// zstd it does not hold frames against the length in their headers, which it only does when it is given all at once.
fn is_damaged(encoding: Encoding, ours: &Result<Outcome, InputError>, stored: &[u8], content: &[u8]) -> bool {
    match encoding {
        Encoding::Zstd => zstd::bulk::decompress(stored, content.len()).is_err(),
        _ => matches!(ours, Err(InputError::TrailingGarbage { .. })),
    }
}

/// A member around deflate data that is whatever it is; the trailer is right if the data is.
fn in_a_member(deflated: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    let inflater = flate2::read::DeflateDecoder::new(deflated);
    let _ = inflater.take(CONTENT_BYTES_MAX).read_to_end(&mut content);
    let mut checksum = flate2::Crc::new();
    checksum.update(&content);
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    member.extend_from_slice(deflated);
    member.extend_from_slice(&checksum.sum().to_le_bytes());
    member.extend_from_slice(&checksum.amount().to_le_bytes());
    member
}

/// Two members or frames, of which one byte may be another; which one, what it is, where the cut is, and the content.
fn damaged(mut drawn: Drawn<'_>, packed: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (at, bits, cut) = (usize::from(drawn.pair()), drawn.byte(), usize::from(drawn.byte()));
    let content = drawn.rest();
    let (first, second) = content.split_at(content.len() * cut / 256);
    let mut stored = [packed(first), packed(second)].concat();
    let length = stored.len();
    stored[at % length] ^= bits;
    stored
}

fn gzip_member(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn zstd_frame(content: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(content, 1).expect("memory takes it")
}
