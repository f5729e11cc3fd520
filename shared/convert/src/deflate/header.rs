//! The header of a dynamic block: the lengths of both codes, run-length encoded, in a code of their own (RFC 1951, 3.2.7).

use super::bits::Bits;
use super::codes::Code;
use super::symbols::{DISTANCE_SYMBOLS, FIRST_LENGTH_SYMBOL, LITLEN_SYMBOLS};

const SYMBOLS: usize = 19;
const CODE_BITS_MAX: usize = 7;

/// In this order the lengths of the header's own code are written.
const ORDER: [usize; SYMBOLS] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The length before, 3 to 6 times.
const REPEAT: u8 = 16;
/// Nought, 3 to 10 times.
const NOUGHTS: u8 = 17;
/// Nought, 11 to 138 times.
const MANY_NOUGHTS: u8 = 18;

/// A symbol with what stands in its extra bits.
struct Run {
    symbol: u8,
    extra: u8,
}

pub(super) struct Header {
    litlens: usize,
    distances: usize,
    runs: Vec<Run>,
    code: Code<SYMBOLS>,
    /// Lengths of the own code that are written.
    own: usize,
    cost: usize,
}

impl Header {
    pub(super) fn of(litlen: &Code<LITLEN_SYMBOLS>, distance: &Code<DISTANCE_SYMBOLS>) -> Header {
        let litlens = used(litlen.lengths()).max(FIRST_LENGTH_SYMBOL);
        let distances = used(distance.lengths()).max(1);
        let runs = runs(&[&litlen.lengths()[..litlens], &distance.lengths()[..distances]].concat());
        let mut counts = [0; SYMBOLS];
        for run in &runs {
            counts[usize::from(run.symbol)] += 1;
        }
        let code = Code::fitting(&counts, CODE_BITS_MAX);
        let own = used(&ORDER.map(|symbol| code.lengths()[symbol])).max(4);
        let extra: usize = runs.iter().map(|run| extra_bits(run.symbol) as usize).sum();
        let cost = 14 + 3 * own + code.cost(&counts) + extra;
        Header { litlens, distances, runs, code, own, cost }
    }

    /// Bits that it takes.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    pub(super) fn put(&self, bits: &mut Bits) {
        bits.put((self.litlens - FIRST_LENGTH_SYMBOL) as u64, 5);
        bits.put((self.distances - 1) as u64, 5);
        bits.put((self.own - 4) as u64, 4);
        for symbol in &ORDER[..self.own] {
            bits.put(u64::from(self.code.lengths()[*symbol]), 3);
        }
        for run in &self.runs {
            let (code, length) = self.code.of(usize::from(run.symbol));
            bits.put(code, length);
            bits.put(u64::from(run.extra), extra_bits(run.symbol));
        }
    }
}

/// Lengths up to the last that is not nought.
fn used(lengths: &[u8]) -> usize {
    lengths.iter().rposition(|length| *length > 0).map_or(0, |last| last + 1)
}

fn extra_bits(symbol: u8) -> u32 {
    match symbol {
        REPEAT => 2,
        NOUGHTS => 3,
        MANY_NOUGHTS => 7,
        _ => 0,
    }
}

fn runs(lengths: &[u8]) -> Vec<Run> {
    let mut runs = Vec::new();
    for same in lengths.chunk_by(|one, other| one == other) {
        let length = same[0];
        let mut left = same.len();
        if length > 0 {
            runs.push(Run { symbol: length, extra: 0 });
            left -= 1;
        }
        while left > 0 {
            let (symbol, min, max) = match (length, left) {
                (_, ..3) => (length, 1, 1),
                (0, ..11) => (NOUGHTS, 3, 10),
                (0, _) => (MANY_NOUGHTS, 11, 138),
                _ => (REPEAT, 3, 6),
            };
            let taken = left.min(max);
            runs.push(Run { symbol, extra: (taken - min) as u8 });
            left -= taken;
        }
    }
    runs
}
