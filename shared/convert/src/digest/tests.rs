//! Digests as text, and of shards that are not whole.

use super::*;
use crate::block::Block;
use crate::compress::Packer;

#[test]
fn a_digest_is_parsed_from_what_prints_it() {
    let digest = ContentDigest(0x0123);
    assert_eq!(digest.to_string(), "00000000000000000000000000000123");
    assert_eq!(digest.to_string().parse(), Ok(digest));
    for text in ["", "123", "+0000000000000000000000000000123", "0000000000000000000000000000012G"] {
        assert!(text.parse::<ContentDigest>().is_err(), "{text}");
    }
}

#[test]
fn a_digest_is_xxh3_128() {
    let (digest, bytes) = content_digest_of(Format::Stream, Compression::None, b"abc").unwrap();
    assert_eq!((digest.to_string().as_str(), bytes), ("06b05ab6733a618578af5f94892f3950", 3));
}

#[test]
fn a_shard_that_is_cut_short_has_no_digest() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut shard = Vec::new();
        Packer::new(compression).pack(&Block { bytes: vec![b'x'; 10_000], ..Block::default() }, &mut shard);
        assert!(content_digest_of(Format::Stream, compression, &shard).is_ok());
        assert!(
            content_digest_of(Format::Stream, compression, &shard[..shard.len() - 1]).is_err(),
            "{compression}"
        );
    }
}
