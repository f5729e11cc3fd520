//! Content digests: what proves that two shards hold the same records, however they were compressed.

use std::fmt;
use std::str::FromStr;

use xxhash_rust::xxh3::Xxh3;

use crate::columns::content_digest_of_parquet;
use crate::gunzip::{Gunzip, InputError};
use crate::limits::INFLATE_BYTES;
use crate::recipe::{Compression, Format};
use crate::unzstd::Unzstd;

/// xxh3-128 of a shard's uncompressed bytes; as text 32 lowercase hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentDigest(pub u128);

/// Text that is no content digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("content digest {0:?} is not 32 lowercase hex digits")]
pub struct MalformedDigest(String);

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for ContentDigest {
    type Err = MalformedDigest;

    fn from_str(text: &str) -> Result<Self, MalformedDigest> {
        let malformed = || MalformedDigest(text.to_owned());
        if text.len() != 32 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(malformed());
        }
        u128::from_str_radix(text, 16).map(ContentDigest).map_err(|_| malformed())
    }
}

/// Inflates a stored shard piece by piece and digests it: (digest, uncompressed bytes).
///
/// # Errors
/// The shard is not whole.
pub fn content_digest_of(
    format: Format,
    compression: Compression,
    stored: &[u8],
) -> Result<(ContentDigest, u64), InputError> {
    match (format, compression) {
        (Format::Parquet, _) => content_digest_of_parquet(stored),
        (_, Compression::Snappy | Compression::None) => Ok(digest_of_pieces([stored])),
        (_, Compression::Gzip) => digest_of_gzip(stored),
        (_, Compression::Zstd) => digest_of_zstd(stored),
    }
}

fn digest_of_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (ContentDigest, u64) {
    let mut content = ContentHasher::default();
    pieces.into_iter().for_each(|piece| content.update(piece));
    (content.digest(), content.bytes())
}

fn digest_of_gzip(mut stored: &[u8]) -> Result<(ContentDigest, u64), InputError> {
    let mut gunzip = Gunzip::default();
    let mut piece = vec![0; INFLATE_BYTES];
    let mut content = ContentHasher::default();
    loop {
        let progress = gunzip.inflate(stored, &mut piece)?;
        stored = &stored[progress.consumed..];
        content.update(&piece[..progress.produced]);
        if stored.is_empty() {
            gunzip.finish()?;
            return Ok((content.digest(), content.bytes()));
        }
    }
}

fn digest_of_zstd(mut stored: &[u8]) -> Result<(ContentDigest, u64), InputError> {
    let mut unzstd = Unzstd::default();
    let mut piece = vec![0; INFLATE_BYTES];
    let mut content = ContentHasher::default();
    while !stored.is_empty() {
        let progress = unzstd.inflate(stored, &mut piece)?;
        stored = &stored[progress.consumed..];
        content.update(&piece[..progress.produced]);
    }
    loop {
        match unzstd.drain(&mut piece)? {
            0 => break,
            produced => content.update(&piece[..produced]),
        }
    }
    unzstd.finish()?;
    Ok((content.digest(), content.bytes()))
}

/// Digest and length of bytes that come piece by piece.
#[derive(Default, Clone)]
pub(crate) struct ContentHasher {
    state: Xxh3,
    bytes: u64,
}

impl ContentHasher {
    pub(crate) fn update(&mut self, piece: &[u8]) {
        self.state.update(piece);
        self.bytes += piece.len() as u64;
    }

    pub(crate) fn digest(&self) -> ContentDigest {
        ContentDigest(self.state.digest128())
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests;
