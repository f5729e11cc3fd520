//! The bit stream: least significant bit first, eight bytes at a time.

use super::symbols::Tables;

/// With the seven that may be waiting, bits that are put at once must not fill a word: a shift by all of it is none.
const BITS_AT_ONCE_MAX: u32 = 63 - 7;

/// Writes into memory that is large enough, by contract with [`Deflater::bound`](super::Deflater::bound).
pub(super) struct Bits<'o> {
    out: &'o mut [u8],
    at: usize,
    waiting: u64,
    /// Below eight between calls.
    count: u32,
}

impl Bits<'_> {
    /// Bytes behind the end that are written to, though nothing is there.
    pub(super) const OVERSHOOT: usize = 8;

    pub(super) fn new(out: &mut [u8]) -> Bits<'_> {
        Bits { out, at: 0, waiting: 0, count: 0 }
    }

    /// `count` bits at most 56; those of `bits` above are zero.
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u64, count: u32) {
        debug_assert!(count <= BITS_AT_ONCE_MAX && (bits >> count) == 0);
        self.waiting |= bits << self.count;
        self.count += count;
        self.out[self.at..][..8].copy_from_slice(&self.waiting.to_le_bytes());
        self.at += (self.count >> 3) as usize;
        self.waiting >>= self.count & 0x38;
        self.count &= 7;
    }

    /// Whole bytes; only where a byte begins.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        debug_assert_eq!(self.count, 0);
        self.out[self.at..][..bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// Goes on to where a byte begins.
    pub(super) fn fill_byte(&mut self) {
        self.put(0, (8 - self.count) % 8);
    }

    /// Bytes so far.
    pub(super) fn written(&self) -> usize {
        self.at
    }

    /// Two tokens at a time wherever they fit: nearly always.
    pub(super) fn tokens(&mut self, tokens: &[u32], tables: &Tables) {
        let (pairs, rest) = tokens.as_chunks::<2>();
        for &[first, second] in pairs {
            let (bits, count) = tables.code(first);
            let (bits_after, count_after) = tables.code(second);
            if count + count_after <= BITS_AT_ONCE_MAX {
                self.put(bits | bits_after << count, count + count_after);
            } else {
                self.put(bits, count);
                self.put(bits_after, count_after);
            }
        }
        for &token in rest {
            let (bits, count) = tables.code(token);
            self.put(bits, count);
        }
    }
}
