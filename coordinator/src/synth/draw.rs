//! The dice: one seed, and a stream of its own for every purpose and every data file.
//!
//! The bytes of an export are promised to stay what they are for a seed. So the generator is named (ChaCha
//! with 8 rounds), its seed is laid out here and the ranges are drawn here, rather than by methods that a
//! library may improve.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// File `k` draws from stream `k`; purposes of the whole export draw from above all files.
const STREAM_OF_SPREAD: u64 = 1 << 63;
const STREAM_OF_IDENTITY: u64 = STREAM_OF_SPREAD + 1;

pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    pub(super) fn of_file(seed: u64, file: u32) -> Self {
        Draw::stream(seed, u64::from(file))
    }

    pub(super) fn of_spread(seed: u64) -> Self {
        Draw::stream(seed, STREAM_OF_SPREAD)
    }

    pub(super) fn of_identity(seed: u64) -> Self {
        Draw::stream(seed, STREAM_OF_IDENTITY)
    }

    fn stream(seed: u64, stream: u64) -> Self {
        let mut key = *b"________synthetic DynamoDB items";
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(stream);
        Draw(generator)
    }

    pub(super) fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// Below `bound`, which is not zero. Biased by less than bound / 2^32, which nobody sees in test data.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// From `low` to `high`, both included, less than 2^32 apart.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let choices = u32::try_from(high - low + 1).expect("a range of less than 2^32");
        low + i64::from(self.below(choices))
    }

    pub(super) fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    pub(super) fn one_of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len() as u32) as usize]
    }

    pub(super) fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last as u32 + 1) as usize);
        }
    }
}
