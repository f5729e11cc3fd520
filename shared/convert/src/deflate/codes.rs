//! Huffman codes of limited length, as deflate writes them.

/// RFC 1951: longest code of a literal, length or distance.
pub(super) const LENGTH_BITS_MAX: usize = 15;

/// Lengths of a code before they are limited: no more symbols than deflate has fit below.
const DEPTHS: usize = 320;

/// The code of each symbol, first bit lowest; a symbol that does not occur has none.
pub(super) struct Code<const N: usize> {
    lengths: [u8; N],
    codes: [u16; N],
}

impl<const N: usize> Code<N> {
    /// The best, or nearly so: lengths above `bits_max` are cut to it, and shorter ones pay. Always of two symbols at least:
    /// some readers want no fewer.
    pub(super) fn fitting(counts: &[u32; N], bits_max: usize) -> Code<N> {
        let mut used: Vec<(u32, u16)> = Vec::with_capacity(N);
        for (symbol, &count) in counts.iter().enumerate() {
            if count > 0 {
                used.push((count, symbol as u16));
            }
        }
        let spare = (0..).filter(|symbol| counts[usize::from(*symbol)] == 0);
        used.extend(spare.take(2_usize.saturating_sub(used.len())).map(|symbol| (1, symbol)));
        used.sort_unstable();
        let depths = limited(depths(&used), bits_max);
        Code::of_lengths(assigned(&used, &depths))
    }

    pub(super) fn of_lengths(lengths: [u8; N]) -> Code<N> {
        let mut next = [0_u16; LENGTH_BITS_MAX + 2];
        // First the number of codes that are one bit shorter.
        for &length in lengths.iter().filter(|length| **length > 0) {
            next[usize::from(length) + 1] += 1;
        }
        for length in 1..=LENGTH_BITS_MAX {
            next[length] = (next[length] + next[length - 1]) << 1;
        }
        let codes = lengths.map(|length| match u32::from(length) {
            0 => 0,
            bits => {
                let code = next[usize::from(length)];
                next[usize::from(length)] += 1;
                code.reverse_bits() >> (16 - bits)
            }
        });
        Code { lengths, codes }
    }

    pub(super) fn lengths(&self) -> &[u8; N] {
        &self.lengths
    }

    /// A symbol's code and its bits.
    #[inline]
    pub(super) fn of(&self, symbol: usize) -> (u64, u32) {
        (u64::from(self.codes[symbol]), u32::from(self.lengths[symbol]))
    }

    /// Bits that so many of each symbol take.
    pub(super) fn cost(&self, counts: &[u32; N]) -> usize {
        counts.iter().zip(&self.lengths).map(|(count, bits)| *count as usize * usize::from(*bits)).sum()
    }
}

/// How many symbols are at each depth of the Huffman tree; `used` ascends.
fn depths(used: &[(u32, u16)]) -> [u32; DEPTHS] {
    let leaves = used.len();
    // Nodes in the order of their weight: those made of two are made in that order too.
    let mut weights: Vec<u64> = used.iter().map(|(count, _)| u64::from(*count)).collect();
    let mut parents = vec![0_usize; 2 * leaves - 1];
    let (mut leaf, mut inner) = (0, leaves);
    for node in leaves..2 * leaves - 1 {
        let mut weight = 0;
        for _ in 0..2 {
            let takes_leaf = leaf < leaves && (inner == node || weights[leaf] <= weights[inner]);
            let next = if takes_leaf { &mut leaf } else { &mut inner };
            weight += weights[*next];
            parents[*next] = node;
            *next += 1;
        }
        weights.push(weight);
    }
    let mut depth = vec![0_usize; 2 * leaves - 1];
    let mut counts = [0; DEPTHS];
    for node in (0..2 * leaves - 2).rev() {
        depth[node] = depth[parents[node]] + 1;
        if node < leaves {
            counts[depth[node]] += 1;
        }
    }
    counts
}

/// Brings all to `bits_max` at most, and makes the code complete again: a symbol from the deepest level that is not full
/// goes one down, where one from the bottom joins it.
fn limited(mut depths: [u32; DEPTHS], bits_max: usize) -> [u32; DEPTHS] {
    let below: u32 = depths[bits_max + 1..].iter().sum();
    depths[bits_max + 1..].fill(0);
    depths[bits_max] += below;
    let mut taken: u32 = (1..=bits_max).map(|bits| depths[bits] << (bits_max - bits)).sum();
    while taken > 1 << bits_max {
        depths[bits_max] -= 1;
        let bits = (1..bits_max).rev().find(|bits| depths[*bits] > 0).expect("fewer symbols than codes");
        depths[bits] -= 1;
        depths[bits + 1] += 2;
        taken -= 1;
    }
    depths
}

/// The rarest symbols get the longest codes.
fn assigned<const N: usize>(used: &[(u32, u16)], depths: &[u32; DEPTHS]) -> [u8; N] {
    let mut lengths = [0; N];
    let mut symbols = used.iter();
    for bits in (1..=LENGTH_BITS_MAX).rev() {
        for (_, symbol) in symbols.by_ref().take(depths[bits] as usize) {
            lengths[usize::from(*symbol)] = bits as u8;
        }
    }
    lengths
}
