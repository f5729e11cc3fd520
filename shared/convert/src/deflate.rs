//! Deflate, tuned for lines that repeat their neighbours: one gzip member per block, in one pass. It is told where in the block
//! names and fixed texts stand, goes by the last of their kind there, and looks around only between them. Nothing but the
//! block and its landmarks decides the bytes.
//!
//! ```text
//!  block -> matches: tokens and how often each symbol occurs -> huffman: codes -> bits
//!                                                           \-> stored, if that is not longer
//! ```

mod bits;
mod codes;
mod header;
mod matches;
mod symbols;

use crate::block::Block;

use bits::Bits;
use codes::{Code, LENGTH_BITS_MAX};
use header::Header;
use matches::{Finder, Tokens};
use symbols::{DISTANCE_SYMBOLS, END_OF_BLOCK, LITLEN_SYMBOLS, Tables};

/// RFC 1952: deflate, no flags, no time, fastest algorithm unsaid, system unknown.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
const GZIP_FOOTER_BYTES: usize = 8;

/// RFC 1951: the length of a stored block has 16 bits.
const STORED_BYTES_MAX: usize = u16::MAX as usize;
/// Three bits and what fills their byte, the length and its complement.
const STORED_HEADER_BYTES: usize = 5;

const TYPE_BITS: u32 = 3;
const STORED: u64 = 0;
const FIXED: u64 = 1;
const DYNAMIC: u64 = 2;

/// Compresses blocks, keeping its memory.
pub(crate) struct Deflater {
    finder: Finder,
    tokens: Tokens,
    tables: Tables,
}

/// The two codes of a deflate block.
struct Codes {
    litlen: Code<LITLEN_SYMBOLS>,
    distance: Code<DISTANCE_SYMBOLS>,
}

impl Codes {
    /// RFC 1951, 3.2.6.
    fn fixed() -> Codes {
        let litlen = std::array::from_fn(|symbol| match symbol {
            0..=143 => 8,
            144..=255 => 9,
            256..=279 => 7,
            _ => 8,
        });
        Codes { litlen: Code::of_lengths(litlen), distance: Code::of_lengths([5; DISTANCE_SYMBOLS]) }
    }

    fn fitting(tokens: &Tokens) -> Codes {
        Codes {
            litlen: Code::fitting(&symbols::litlen_counts(tokens), LENGTH_BITS_MAX),
            distance: Code::fitting(&symbols::distance_counts(tokens), LENGTH_BITS_MAX),
        }
    }

    /// Bits that the tokens take in these codes.
    fn cost(&self, tokens: &Tokens) -> usize {
        let litlen = symbols::litlen_counts(tokens);
        let distance = symbols::distance_counts(tokens);
        self.litlen.cost(&litlen) + self.distance.cost(&distance) + symbols::extra_bits(&litlen, &distance)
    }
}

impl Deflater {
    pub(crate) fn new() -> Deflater {
        Deflater { finder: Finder::new(), tokens: Tokens::new(), tables: Tables::new() }
    }

    /// Most bytes that a member of a block of this length can take, with room for the writer to overshoot.
    pub(crate) fn bound(block_bytes: usize) -> usize {
        let stored = block_bytes / STORED_BYTES_MAX + 2 * (block_bytes / Tokens::CAPACITY + 1);
        GZIP_HEADER.len() + block_bytes + stored * STORED_HEADER_BYTES + GZIP_FOOTER_BYTES + Bits::OVERSHOOT
    }

    /// Writes the block as a gzip member to the beginning of `out`, which has the bound's length; gives the member's length.
    pub(crate) fn gzip(&mut self, block: &Block, out: &mut [u8]) -> usize {
        let mut bits = Bits::new(out);
        bits.bytes(&GZIP_HEADER);
        self.deflate(block, &mut bits);
        bits.bytes(&crc32fast::hash(&block.bytes).to_le_bytes());
        bits.bytes(&(block.len() as u32).to_le_bytes());
        bits.written()
    }

    fn deflate(&mut self, block: &Block, bits: &mut Bits) {
        self.finder.begin();
        let mut start = 0;
        loop {
            let end = self.finder.tokens(block, start, &mut self.tokens);
            self.put_block(&block.bytes[start..end], end == block.len(), bits);
            start = end;
            if end == block.len() {
                break;
            }
        }
        bits.fill_byte();
    }

    /// In the shortest of the three ways.
    fn put_block(&mut self, content: &[u8], last: bool, bits: &mut Bits) {
        let (fixed, fitting) = (Codes::fixed(), Codes::fitting(&self.tokens));
        let header = Header::of(&fitting.litlen, &fitting.distance);
        let fixed_cost = fixed.cost(&self.tokens);
        let dynamic_cost = header.cost() + fitting.cost(&self.tokens);
        let stored_cost = 8 * stored_bytes(content);
        if stored_cost <= fixed_cost.min(dynamic_cost) {
            return put_stored(content, last, bits);
        }
        let (kind, codes) = if fixed_cost <= dynamic_cost { (FIXED, fixed) } else { (DYNAMIC, fitting) };
        bits.put(u64::from(last) | kind << 1, TYPE_BITS);
        if kind == DYNAMIC {
            header.put(bits);
        }
        self.tables.fill(&codes.litlen, &codes.distance);
        bits.tokens(self.tokens.as_slice(), &self.tables);
        let (end, length) = codes.litlen.of(END_OF_BLOCK);
        bits.put(end, length);
    }
}

fn stored_bytes(content: &[u8]) -> usize {
    content.len() + content.len().div_ceil(STORED_BYTES_MAX).max(1) * STORED_HEADER_BYTES
}

fn put_stored(content: &[u8], last: bool, bits: &mut Bits) {
    let mut rest = content;
    loop {
        let (piece, after) = rest.split_at(rest.len().min(STORED_BYTES_MAX));
        bits.put(u64::from(last && after.is_empty()) | STORED << 1, TYPE_BITS);
        bits.fill_byte();
        let length = piece.len() as u16;
        bits.bytes(&length.to_le_bytes());
        bits.bytes(&(!length).to_le_bytes());
        bits.bytes(piece);
        rest = after;
        if rest.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
