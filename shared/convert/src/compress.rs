//! Compression of blocks: each becomes a gzip member or zstd frame of its own, so that nothing but the block decides its
//! bytes. Every reader takes members one after the other.

use crate::block::Block;
use crate::deflate::Deflater;
use crate::recipe::Compression;

/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;

/// A shard's memory grows by this share of itself, not by doubling: two workers hold two shards each at most.
const GROWTH_SHARE: usize = 8;
const GROWTH_BYTES_MIN: usize = 1 << 20;

/// Appends compressed blocks to shards.
pub(crate) struct Packer {
    method: Method,
    packed: Vec<u8>,
}

enum Method {
    Gzip(Box<Deflater>),
    Zstd(zstd::bulk::Compressor<'static>),
    None,
}

impl Packer {
    pub(crate) fn new(compression: Compression) -> Packer {
        let method = match compression {
            Compression::Gzip => Method::Gzip(Box::new(Deflater::new())),
            Compression::Zstd => {
                Method::Zstd(zstd::bulk::Compressor::new(ZSTD_LEVEL).expect("zstd has this level"))
            }
            // Snappy is Parquet's own affair.
            Compression::Snappy | Compression::None => Method::None,
        };
        Packer { method, packed: Vec::new() }
    }

    pub(crate) fn pack(&mut self, block: &Block, shard: &mut Vec<u8>) {
        let packed = match &mut self.method {
            Method::None => &block.bytes,
            Method::Gzip(deflater) => {
                make_length(&mut self.packed, Deflater::bound(block.len()));
                let length = deflater.gzip(block, &mut self.packed);
                &self.packed[..length]
            }
            Method::Zstd(compressor) => {
                make_length(&mut self.packed, zstd::zstd_safe::compress_bound(block.len()));
                let length = compressor
                    .compress_to_buffer(&block.bytes, self.packed.as_mut_slice())
                    .expect("the bound is large enough");
                &self.packed[..length]
            }
        };
        append(packed, shard);
    }
}

/// Makes a shard longer, without ever doubling its memory.
pub(crate) fn append(packed: &[u8], shard: &mut Vec<u8>) {
    grow(shard, packed.len());
    shard.extend_from_slice(packed);
}

fn make_length(buffer: &mut Vec<u8>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
}

fn grow(shard: &mut Vec<u8>, by: usize) {
    if shard.capacity() - shard.len() < by {
        shard.reserve_exact(by.max(shard.len() / GROWTH_SHARE).max(GROWTH_BYTES_MIN));
    }
}

#[cfg(test)]
mod tests;
