//! Many seeds on all cores.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use backfleet_core::mutant::Mutant;

use crate::run::{Outcome, run};
use crate::world::Seen;

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many.
    pub seeds: u64,
    /// What happened in all of them.
    pub seen: Seen,
    /// In how many of them.
    pub worlds: Seen,
    /// Seeds that broke something, with what.
    pub broken: BTreeMap<u64, Vec<String>>,
}

impl Summary {
    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        for (name, count) in outcome.seen {
            *self.worlds.entry(name.clone()).or_default() += 1;
            *self.seen.entry(name).or_default() += count;
        }
        if !outcome.violations.is_empty() {
            self.broken.insert(outcome.seed, outcome.violations);
        }
    }

    fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        for (name, count) in other.seen {
            *self.seen.entry(name).or_default() += count;
        }
        for (name, count) in other.worlds {
            *self.worlds.entry(name).or_default() += count;
        }
        self.broken.extend(other.broken);
    }
}

/// Runs the seeds on so many threads, until `broken_max` of them broke something.
pub fn many(seeds: Range<u64>, threads: usize, mutant: Option<Mutant>, broken_max: u64) -> Summary {
    let (next, broken) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let one = || {
        let mut summary = Summary::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || broken.load(Ordering::Relaxed) >= broken_max {
                return summary;
            }
            let outcome = run(seed, mutant, false);
            broken.fetch_add(u64::from(!outcome.violations.is_empty()), Ordering::Relaxed);
            summary.add(outcome);
        }
    };
    let mut all = Summary::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(one)).collect();
        for thread in threads {
            all.merge(thread.join().expect("a world does not panic"));
        }
    });
    all
}
