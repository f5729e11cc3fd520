//! Inputs made of seeds: bits turned, bytes and tokens put in, pieces taken out, repeated, or taken from another seed.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const TOKENS: [&[u8]; 34] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\"",
    b"'",
    b"\\",
    b"\n",
    b"\\u0000",
    b"\\ud83d",
    b"{{",
    b"}}",
    b"'''",
    b"::",
    b"/*",
    b"//",
    b"$ion_1_0 ",
    b"null",
    b"true",
    b"-0.",
    b"e5",
    b"1d-6",
    b"18446744073709551615",
    b"4294967295",
    b"{\"S\":\"\"}",
    b"\"pk\":{\"N\":\"1\"}",
    b"\"M\":{",
    b"\"L\":[",
    b"\xff",
    b"\xc3\xa9",
    b"\x1f\x8b\x08\x00",
    b"\x28\xb5\x2f\xfd",
];

const BYTES_MAX: usize = 16 << 10;

/// Input after input; the same from the same seeds.
pub struct Mutator {
    random: ChaCha8Rng,
    seeds: Vec<Vec<u8>>,
}

impl Mutator {
    pub fn new(seeds: Vec<Vec<u8>>) -> Self {
        assert!(!seeds.is_empty(), "every target has a seed");
        Self { random: ChaCha8Rng::seed_from_u64(0), seeds }
    }

    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.seed().to_vec();
        for _ in 0..self.random.random_range(1..6) {
            self.mutate(&mut input);
        }
        input.truncate(BYTES_MAX);
        input
    }

    fn seed(&mut self) -> &[u8] {
        let at = self.random.random_range(0..self.seeds.len());
        &self.seeds[at]
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.random.random_range(0..=input.len());
        let end = input.len().min(at + self.random.random_range(1..32));
        match self.random.random_range(0..7) {
            0 if at < input.len() => input[at] ^= 1 << self.random.random_range(0..8),
            1 if at < input.len() => input[at] = self.random.random(),
            2 => drop(input.drain(at..end)),
            3 => input.truncate(at),
            4 => {
                let piece = input[at..end].to_vec();
                let to = self.random.random_range(0..=input.len());
                input.splice(to..to, piece);
            }
            5 => {
                let other = self.seed().to_vec();
                let from = self.random.random_range(0..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => {
                let token = TOKENS[self.random.random_range(0..TOKENS.len())];
                input.splice(at..at, token.iter().copied());
            }
        }
    }
}
