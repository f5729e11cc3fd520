//! Ten thousand worlds, the same world twice, and the protocol broken on purpose.

use std::thread::available_parallelism;

use backfleet_core::mutant::Mutant;
use backfleet_sim::many::many;
use backfleet_sim::points::{CRASH_POINTS, FAULTS};
use backfleet_sim::run;

fn threads() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// So many worlds, or `SIM_WORLDS` of them: fewer need not visit everything.
const WORLDS: u64 = 10_000;

/// Worlds that break something before nobody looks at more of them.
const BROKEN_MAX: u64 = 10;

fn worlds() -> u64 {
    std::env::var("SIM_WORLDS").map_or(WORLDS, |worlds| worlds.parse().expect("a number"))
}

#[test]
fn ten_thousand_worlds_break_nothing_and_visit_everything() {
    let summary = many(0..worlds(), threads(), None, BROKEN_MAX);
    assert!(summary.broken.is_empty(), "replay with `make sim SEED=n`: {:#?}", summary.broken);
    if summary.seeds < WORLDS {
        return;
    }
    let unseen = |name: &str| !summary.seen.contains_key(name);
    let faults: Vec<String> =
        FAULTS.iter().map(|(fault, what)| format!("{fault} {what}")).filter(|name| unseen(name)).collect();
    assert!(faults.is_empty(), "these faults never happened: {faults:?}");
    let crashes: Vec<&str> = CRASH_POINTS
        .iter()
        .filter(|(_, calls)| calls.iter().all(|call| unseen(&format!("crash: {call}"))))
        .map(|(point, _)| *point)
        .collect();
    assert!(crashes.is_empty(), "nobody died here: {crashes:?}");
}

#[test]
fn the_same_seed_is_the_same_world_event_by_event() {
    for seed in 0..200 {
        let (once, again) = (run(seed, None, true), run(seed, None, true));
        assert_eq!(once.trace, again.trace, "seed {seed}");
        assert_eq!((once.digest, once.took), (again.digest, again.took), "seed {seed}");
    }
}

#[test]
fn every_way_to_break_the_protocol_is_noticed_within_ten_thousand_worlds() {
    let unnoticed: Vec<&Mutant> = Mutant::ALL
        .iter()
        .filter(|mutant| many(0..10_000, threads(), Some(**mutant), 1).broken.is_empty())
        .collect();
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
    assert!(Mutant::ALL.len() >= 20);
}
