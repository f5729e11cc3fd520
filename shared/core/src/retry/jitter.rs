//! Full jitter from a seed. Not for secrets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::RetryPolicy;

/// SplitMix64 (Steele, Lea, Flood 2014): its state is a plain sum, so drawing needs no lock.
#[derive(Debug)]
pub struct Jitter(AtomicU64);

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Jitter {
    /// Waits that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn draw(&self) -> u64 {
        let mut mixed = self.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between nothing and `ceiling`, in steps of a 2^32nd of it.
    pub fn below(&self, ceiling: Duration) -> Duration {
        ceiling.mul_f64((self.draw() >> 32) as f64 / f64::from(u32::MAX))
    }
}

/// The waits of one call, for backon's loop.
pub(super) struct FullJitter<'a> {
    jitter: &'a Jitter,
    ceiling: Duration,
    ceiling_max: Duration,
    retries_left: u32,
}

impl<'a> FullJitter<'a> {
    pub(super) fn new(jitter: &'a Jitter, policy: &RetryPolicy) -> Self {
        Self {
            jitter,
            ceiling: policy.first.min(policy.max),
            ceiling_max: policy.max,
            retries_left: policy.attempts.saturating_sub(1),
        }
    }
}

impl Iterator for FullJitter<'_> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.retries_left = self.retries_left.checked_sub(1)?;
        let wait = self.jitter.below(self.ceiling);
        self.ceiling = self.ceiling.saturating_mul(2).min(self.ceiling_max);
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that Rosetta Code gives for this seed.
    #[test]
    fn draws_are_those_of_splitmix64() {
        let jitter = Jitter::new(1_234_567);
        let draws = [(); 5].map(|()| jitter.draw());
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(draws, published);
    }

    #[test]
    fn a_wait_is_a_part_of_its_ceiling() {
        let ceiling = Duration::from_secs(8);
        let (part, draw) = (Jitter::new(9).below(ceiling).as_secs_f64() / 8.0, Jitter::new(9).draw());
        assert!((part - draw as f64 / u64::MAX as f64).abs() < 1e-8, "{part}");
    }
}
