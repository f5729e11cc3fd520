//! Searches the chain whole, and finds every protocol broken that leaves out one of its rules.

use std::collections::BTreeSet;

use backfleet_model::chain::Chain;
use backfleet_model::properties;
use backfleet_model::segment::Segment;
use backfleet_model::state::Left;
use backfleet_model::worker::Protocol;
use stateright::{Checker, HasDiscoveries, Model};

const THREADS: usize = 2;

fn chain(protocol: Protocol, len: u8, workers: usize, bounds: Left) -> Chain {
    let segment = Segment { len, updated: 0b0010, fleeting: 1 << (len - 1) };
    Chain { protocol, segment, workers, bounds }
}

#[test]
fn the_chain_holds_in_every_state() {
    let env = |name: &str, or: u8| std::env::var(name).map_or(or, |v| v.parse().unwrap());
    let bounds = Left { faults: env("F", 2), twins: env("T", 2), changes: env("C", 1) };
    let t = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let checker = chain(Protocol::Sound, env("K", 3), env("W", 3).into(), bounds)
        .checker()
        .threads(THREADS)
        .spawn_dfs()
        .join();
    println!(
        "{bounds:?}: {} unique states, {} steps, depth {} {:?}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap() - t
    );
    println!(
        "{}",
        std::fs::read_to_string("/proc/self/status")
            .unwrap()
            .lines()
            .find(|l| l.starts_with("VmHWM"))
            .unwrap()
    );
    assert!(checker.is_done());
    checker.assert_properties();
}

fn breaks(protocol: Protocol, invariant: &'static str) {
    let bounds = Left { faults: 1, twins: 1, changes: 1 };
    let broken = HasDiscoveries::AnyOf(BTreeSet::from([invariant]));
    let checker = chain(protocol, 3, 2, bounds).checker().finish_when(broken).spawn_bfs().join();
    let events = checker.assert_any_discovery(invariant).into_actions();
    println!(
        "{protocol:?}: {invariant:?} broken by {} events, {} unique states: {events:?}",
        events.len(),
        checker.unique_state_count()
    );
}

#[test]
fn all_break() {
    breaks(Protocol::NamesOnly, properties::CONTIGUOUS);
    breaks(Protocol::NamesOnly, properties::NEVER_TWICE);
    breaks(Protocol::NamesOnly, properties::NEVER_LOST);
    breaks(Protocol::Swallow412, properties::CONTIGUOUS);
    breaks(Protocol::Swallow412, properties::NEVER_TWICE);
    breaks(Protocol::Swallow412, properties::NEVER_LOST);
    breaks(Protocol::Overwrite, properties::WRITTEN_ONCE);
    breaks(Protocol::Overwrite, properties::CONTIGUOUS);
    breaks(Protocol::ShardFirst, properties::LINKED);
    breaks(Protocol::ShardFirst, properties::BELIEVABLE);
    breaks(Protocol::NoEndShard, properties::LISTED);
    breaks(Protocol::CompletionFirst, properties::LISTED);
    breaks(Protocol::DeleteFirst, properties::KEPT);
}
