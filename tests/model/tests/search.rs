//! The chain holds in every state that the bounds allow, and no rule of it can be left out.

use std::collections::{BTreeSet, HashMap};

use backfleet_model::chain::Chain;
use backfleet_model::properties::{self, all};
use backfleet_model::segment::Segment;
use backfleet_model::state::{Left, State};
use backfleet_model::worker::Protocol;
use stateright::{Checker, Expectation, HasDiscoveries, Model};

/// The runs that break a protocol are much shorter.
const EVENTS_MAX: usize = 30;

/// Every broken protocol, and what breaks.
const BROKEN: [(Protocol, &str); 13] = [
    (Protocol::NamesOnly, properties::NEVER_TWICE),
    (Protocol::NamesOnly, properties::NEVER_LOST),
    (Protocol::NamesOnly, properties::CONTIGUOUS),
    (Protocol::Swallow412, properties::NEVER_TWICE),
    (Protocol::Swallow412, properties::NEVER_LOST),
    (Protocol::Swallow412, properties::NAMED),
    (Protocol::Overwrite, properties::WRITTEN_ONCE),
    (Protocol::Overwrite, properties::CONTIGUOUS),
    (Protocol::ShardFirst, properties::LINKED),
    (Protocol::ShardFirst, properties::BELIEVABLE),
    (Protocol::NoEndShard, properties::LISTED),
    (Protocol::CompletionFirst, properties::LISTED),
    (Protocol::DeleteFirst, properties::KEPT),
];

#[test]
fn three_workers_keep_the_chain_in_every_state() {
    let bounds = Left { faults: 2, twins: 2, changes: 1 };
    // The second item updated as well makes a third more to visit; the longer chain below has that.
    let segment = Segment { updated: 0, ..segment(3) };
    let states = search_whole(Chain { protocol: Protocol::Sound, segment, workers: 3, bounds });
    assert!(states >= 1_000_000, "{states} states");
}

#[test]
fn two_workers_keep_a_longer_chain_in_every_state() {
    let bounds = Left { faults: 2, twins: 1, changes: 1 };
    let states = search_whole(Chain { protocol: Protocol::Sound, segment: segment(4), workers: 2, bounds });
    assert!(states >= 1_000_000, "{states} states");
}

/// With a twin left, it would be the twin that completes the segment.
#[test]
fn a_message_that_comes_again_until_it_is_let_go_is_enough() {
    let bounds = Left { faults: 4, twins: 0, changes: 1 };
    let checker = Chain { bounds, ..small(Protocol::Sound) }.checker().threads(2).spawn_dfs().join();
    assert!(checker.is_done(), "some states were not visited");
    checker.assert_no_discovery(properties::COMPLETES);
}

#[test]
fn a_protocol_that_leaves_out_a_rule_breaks() {
    for (protocol, invariant) in BROKEN {
        let (events, states) = shortest_break(protocol, invariant);
        println!("{protocol:?}: \"{invariant}\" breaks after {events} events, within {states} states");
    }
}

#[test]
fn a_message_let_go_too_early_leaves_its_segment_for_ever() {
    let broken = HasDiscoveries::AnyOf(BTreeSet::from([properties::COMPLETES]));
    let bounds = Left { faults: 1, twins: 0, changes: 0 };
    let chain = Chain { bounds, ..small(Protocol::DeleteFirst) };
    let checker = chain.checker().finish_when(broken).spawn_dfs().join();
    let path = checker.assert_any_discovery(properties::COMPLETES);
    assert_eq!(path.last_state().completion, None);
}

#[test]
fn every_invariant_is_broken_by_leaving_out_some_rule() {
    let broken: BTreeSet<&str> = BROKEN.map(|(_, invariant)| invariant).into();
    let always = all().into_iter().filter(|property| property.expectation == Expectation::Always);
    assert_eq!(always.map(|property| property.name).collect::<BTreeSet<_>>(), broken);
}

/// What must come of every run is only found out if no run goes on for ever.
#[test]
fn every_run_ends() {
    let chain = small(Protocol::Sound);
    let mut ways_in: HashMap<State, usize> =
        chain.init_states().into_iter().map(|state| (state, 0)).collect();
    let mut open = chain.init_states();
    while let Some(state) = open.pop() {
        for next in chain.next_states(&state) {
            let ways = ways_in.entry(next.clone()).or_insert_with(|| {
                open.push(next);
                0
            });
            *ways += 1;
        }
    }
    let mut free = chain.init_states();
    while let Some(state) = free.pop() {
        ways_in.remove(&state);
        for next in chain.next_states(&state) {
            let ways = ways_in.get_mut(&next).expect("a state is free only when every way into it is taken");
            *ways -= 1;
            if *ways == 0 {
                free.push(next);
            }
        }
    }
    assert_eq!(ways_in.len(), 0, "states on a circle or behind one");
}

/// Its second item is updated, its last one comes and goes.
fn segment(len: u8) -> Segment {
    Segment { len, updated: 0b10, fleeting: 1 << (len - 1) }
}

fn small(protocol: Protocol) -> Chain {
    let bounds = Left { faults: 1, twins: 1, changes: 1 };
    Chain { protocol, segment: segment(3), workers: 2, bounds }
}

/// Visits every state, and gives their number.
fn search_whole(chain: Chain) -> usize {
    let bounds = format!("{} workers, {} items, {:?}", chain.workers, chain.segment.len, chain.bounds);
    let checker = chain.checker().threads(2).spawn_dfs().join();
    let (states, steps) = (checker.unique_state_count(), checker.state_count());
    println!("{bounds}: {states} states, {steps} steps, runs of up to {} events", checker.max_depth() - 1);
    assert!(checker.is_done(), "some states were not visited");
    checker.assert_properties();
    states
}

/// The number of events of the shortest run that breaks an invariant, and of the states that were seen for it.
fn shortest_break(protocol: Protocol, invariant: &'static str) -> (usize, usize) {
    let breaks = |events: usize| {
        // The depth of a state is one more than the events before it, and the bound is the first depth left out.
        let checker = small(protocol).checker().target_max_depth(events + 2).spawn_bfs().join();
        let path = checker.discovery(invariant)?;
        Some((path.into_actions().len(), checker.unique_state_count()))
    };
    let broken = (1..EVENTS_MAX).find_map(breaks);
    broken.unwrap_or_else(|| panic!("{protocol:?} keeps \"{invariant}\""))
}
