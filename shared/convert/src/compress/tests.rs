//! Blocks are compressed to the same bytes wherever they stand.

use super::*;

fn block(bytes: &[u8]) -> Block {
    Block { bytes: bytes.to_vec(), landmarks: Vec::new() }
}

#[test]
fn a_block_alone_decides_its_bytes() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut packer = Packer::new(compression);
        let mut shards = [Vec::new(), Vec::new()];
        packer.pack(&block(&[b'x'; 10_000]), &mut shards[0]);
        packer.pack(&block(b"something else"), &mut Vec::new());
        packer.pack(&block(&[b'x'; 10_000]), &mut shards[1]);
        assert_eq!(shards[0], shards[1]);
    }
}

#[test]
fn a_gzip_header_names_no_time_and_no_system() {
    let mut shard = Vec::new();
    Packer::new(Compression::Gzip).pack(&block(b"x"), &mut shard);
    assert_eq!(shard[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    assert_eq!(shard[9], 255);
}

#[test]
fn a_shard_takes_little_more_memory_than_its_bytes() {
    let mut shard = Vec::new();
    let mut packer = Packer::new(Compression::None);
    for _ in 0..100 {
        packer.pack(&block(&[0; 512 << 10]), &mut shard);
        assert!(shard.capacity() <= shard.len() + shard.len() / 8 + GROWTH_BYTES_MIN);
    }
}
