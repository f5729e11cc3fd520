//! Tokens in terms of deflate's symbols (RFC 1951, 3.2.5), and the tables by which both become bits.
//!
//! ```text
//!  token:  | 0 | distance's extra bits: 13 | distance symbol: 5 | 0..=255 literal, 256 + match length: 10 |
//! ```

use super::codes::Code;
use super::matches::Tokens;

/// With the two that never occur, but have their place in the fixed code.
pub(super) const LITLEN_SYMBOLS: usize = 288;
pub(super) const DISTANCE_SYMBOLS: usize = 30;
pub(super) const END_OF_BLOCK: usize = 256;
pub(super) const FIRST_LENGTH_SYMBOL: usize = 257;

pub(super) const LENGTH_MIN: usize = 3;
pub(super) const LENGTH_MAX: usize = 258;
pub(super) const DISTANCE_MAX: usize = 1 << 15;

/// What a token may be but for its distance: the literals, then the lengths from 0 to 258, then nothing.
pub(super) const KINDS: usize = 1 << 10;
const FIRST_LENGTH_KIND: usize = 256;

/// The place of the distance symbol in a token that is a literal: a symbol without bits.
const NO_DISTANCE: u32 = 31;
pub(super) const DISTANCES: usize = 32;

const DISTANCE_SHIFT: u32 = 10;
const EXTRA_SHIFT: u32 = 15;

/// The first length of each length symbol, and its extra bits.
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// The length symbol of each length, less the first.
const LENGTH_SYMBOL: [u8; LENGTH_MAX + 1] = {
    let mut symbols = [0; LENGTH_MAX + 1];
    let mut length = LENGTH_MIN;
    let mut symbol = 0;
    while length <= LENGTH_MAX {
        if symbol + 1 < LENGTHS.len() && LENGTHS[symbol + 1].0 as usize == length {
            symbol += 1;
        }
        symbols[length] = symbol as u8;
        length += 1;
    }
    symbols
};

#[inline(always)]
pub(super) fn literal(byte: u8) -> u32 {
    u32::from(byte) | NO_DISTANCE << DISTANCE_SHIFT
}

/// `length` from 3 to 258, `distance` from 1 to 32,768.
#[inline(always)]
pub(super) fn matching(length: usize, distance: usize) -> u32 {
    let before = distance as u32 - 1;
    // Symbols come in pairs that share their number of extra bits; the first two pairs have none.
    let extra_bits = (before | 2).ilog2() - 1;
    let symbol = 2 * extra_bits + (before >> extra_bits);
    let extra = before & ((1 << extra_bits) - 1);
    (FIRST_LENGTH_KIND + length) as u32 | symbol << DISTANCE_SHIFT | extra << EXTRA_SHIFT
}

#[inline(always)]
pub(super) fn kind_of(token: u32) -> usize {
    token as usize % KINDS
}

#[inline(always)]
pub(super) fn distance_of(token: u32) -> usize {
    (token >> DISTANCE_SHIFT) as usize % DISTANCES
}

/// How often each symbol of literals and lengths occurs, the end of the block included.
pub(super) fn litlen_counts(tokens: &Tokens) -> [u32; LITLEN_SYMBOLS] {
    let kinds = tokens.kinds();
    let mut counts = [0; LITLEN_SYMBOLS];
    counts[..FIRST_LENGTH_KIND].copy_from_slice(&kinds[..FIRST_LENGTH_KIND]);
    counts[END_OF_BLOCK] = 1;
    for (length, symbol) in LENGTH_SYMBOL.iter().enumerate().skip(LENGTH_MIN) {
        counts[FIRST_LENGTH_SYMBOL + usize::from(*symbol)] += kinds[FIRST_LENGTH_KIND + length];
    }
    counts
}

pub(super) fn distance_counts(tokens: &Tokens) -> [u32; DISTANCE_SYMBOLS] {
    std::array::from_fn(|symbol| tokens.distances()[symbol])
}

/// Bits that stand beside the codes of so many symbols.
pub(super) fn extra_bits(litlen: &[u32; LITLEN_SYMBOLS], distance: &[u32; DISTANCE_SYMBOLS]) -> usize {
    let lengths = litlen[FIRST_LENGTH_SYMBOL..].iter().zip(LENGTHS);
    let of_lengths: usize = lengths.map(|(count, (_, extra))| *count as usize * usize::from(extra)).sum();
    let distances = distance.iter().enumerate();
    let of_distances: usize =
        distances.map(|(symbol, count)| *count as usize * distance_extra_bits(symbol) as usize).sum();
    of_lengths + of_distances
}

fn distance_extra_bits(symbol: usize) -> u32 {
    (symbol as u32 / 2).saturating_sub(1)
}

/// A token's two parts as bits.
pub(super) struct Tables {
    /// Of each kind: the code with the length's extra bits behind it, and their number from bit 24.
    kinds: [u32; KINDS],
    /// Of each distance symbol: the code, its number of bits from bit 16, with that of the extra bits from bit 24.
    distances: [u32; DISTANCES],
}

impl Tables {
    pub(super) fn new() -> Tables {
        Tables { kinds: [0; KINDS], distances: [0; DISTANCES] }
    }

    pub(super) fn fill(&mut self, litlen: &Code<LITLEN_SYMBOLS>, distance: &Code<DISTANCE_SYMBOLS>) {
        for literal in 0..FIRST_LENGTH_KIND {
            let (code, bits) = litlen.of(literal);
            self.kinds[literal] = code as u32 | bits << 24;
        }
        for (length, symbol) in LENGTH_SYMBOL.iter().enumerate().skip(LENGTH_MIN) {
            let symbol = usize::from(*symbol);
            let (first, extra_bits) = LENGTHS[symbol];
            let (code, bits) = litlen.of(FIRST_LENGTH_SYMBOL + symbol);
            let extra = (length as u32 - u32::from(first)) << bits;
            self.kinds[FIRST_LENGTH_KIND + length] =
                code as u32 | extra | (bits + u32::from(extra_bits)) << 24;
        }
        for symbol in 0..DISTANCE_SYMBOLS {
            let (code, bits) = distance.of(symbol);
            self.distances[symbol] = code as u32 | bits << 16 | (bits + distance_extra_bits(symbol)) << 24;
        }
    }

    /// A token's bits and their number: 48 at most.
    #[inline(always)]
    pub(super) fn code(&self, token: u32) -> (u64, u32) {
        let kind = self.kinds[kind_of(token)];
        let distance = self.distances[distance_of(token)];
        let kind_bits = kind >> 24;
        let code_bits = (distance >> 16) & 0xff;
        let extra = u64::from(token >> EXTRA_SHIFT);
        let behind = u64::from(distance & 0xffff) | extra << (code_bits & 63);
        (u64::from(kind & 0xff_ffff) | behind << (kind_bits & 63), kind_bits + (distance >> 24))
    }
}
