//! What must hold in every state, what must come of every run, and what a search must have reached to prove anything.

use stateright::Property;

use crate::chain::Chain;
use crate::link::Link;
use crate::segment::{Page, range};
use crate::state::{Put, State};
use crate::worker::Phase;

/// No position of the segment is in two shards, complete or not.
pub const NEVER_TWICE: &str = "no item is in two shards";
/// What is complete has every item that was there all the time.
pub const NEVER_LOST: &str = "a complete segment has every steady item";
/// Names count up without a gap, each shard begins where the one before ended, and nothing is behind the last.
pub const CONTIGUOUS: &str = "the shards are one chain";
/// The link of a shard says exactly what stands before it.
pub const NAMED: &str = "a shard names the shards before it";
/// Who comes next finds the link of every shard.
pub const LINKED: &str = "the link of a shard stands";
/// The completion is the last link of a chain that was read to its end.
pub const LISTED: &str = "the completion lists the chain";
/// The completion comes before the acknowledgement.
pub const KEPT: &str = "the message is let go behind the completion";
/// Objects are written once.
pub const WRITTEN_ONCE: &str = "nothing that stands is replaced";
/// No worker finds a gap, a missing link or another completion.
pub const BELIEVABLE: &str = "no worker stops at what it finds";
/// Every run ends with a completion, once nothing goes wrong any more.
pub const COMPLETES: &str = "the segment completes";

type Claim = Property<Chain>;

/// All of them.
pub fn all() -> Vec<Claim> {
    let mut properties = vec![
        Claim::always(NEVER_TWICE, |_, state| never_twice(state)),
        Claim::always(NEVER_LOST, never_lost),
        Claim::always(CONTIGUOUS, |_, state| contiguous(state)),
        Claim::always(NAMED, |_, state| neighbours(state).all(|(before, link)| link.before() == before)),
        Claim::always(LINKED, |_, state| shards(state).all(|link| state.links.contains(&link))),
        Claim::always(LISTED, |_, state| state.completion.is_none_or(|listed| lists_all(state, listed))),
        Claim::always(KEPT, |_, state| !state.let_go || state.completion.is_some()),
        Claim::always(WRITTEN_ONCE, |_, state| !state.replaced),
        Claim::always(BELIEVABLE, |_, state| !state.workers.contains(&Phase::Stopped)),
        Claim::eventually(COMPLETES, |_, state| state.let_go && state.completion.is_some()),
    ];
    properties.extend(reached());
    properties
}

fn reached() -> [Claim; 10] {
    [
        Claim::sometimes("all workers are at work at once", |chain, state| {
            chain.workers > 1 && !state.workers.contains(&Phase::Idle)
        }),
        Claim::sometimes("two readers see different items at one place", |_, state| two_readings(state)),
        Claim::sometimes("a worker reads behind a link that others went past", |_, state| {
            let late = |phase: &Phase| matches!(*phase, Phase::Reading(link) if passed(state, link));
            state.workers.iter().any(late)
        }),
        Claim::sometimes("a worker finds its own shard", |_, state| {
            refused(state).any(|(ours, theirs)| theirs == ours)
        }),
        Claim::sometimes("a worker yields to another's shard", |_, state| {
            refused(state).any(|(ours, theirs)| theirs != ours)
        }),
        Claim::sometimes("a worker finds an equal completion", |_, state| {
            let equal = |phase: &Phase| matches!(phase, Phase::CompletionRefused(_));
            state.workers.iter().any(equal)
        }),
        Claim::sometimes("a late shard arrives behind its successor", |_, state| {
            late_shards(state).any(|link| state.shards.get(link.shards()).is_some_and(Option::is_some))
        }),
        Claim::sometimes("a late shard is the commit when nobody is at work", |_, state| {
            state.is_quiet() && late_shards(state).any(|link| state.shards[link.shard()].is_none())
        }),
        Claim::sometimes("a late shard arrives behind the completion", |_, state| {
            state.let_go && late_shards(state).next().is_some()
        }),
        Claim::sometimes("a segment ends with an empty shard", |chain, state| {
            state.completion.is_some_and(|listed| chain.segment.items(listed.page()) == 0)
        }),
    ]
}

fn never_twice(state: &State) -> bool {
    let mut seen = 0;
    shards(state).all(|link| {
        let page = link.page();
        let held = range(page.start, page.end);
        let new = seen & held == 0;
        seen |= held;
        new
    })
}

fn never_lost(chain: &Chain, state: &State) -> bool {
    let items = shards(state).fold(0, |items, link| items | chain.segment.items(link.page()));
    state.completion.is_none() || chain.segment.steady() & !items == 0
}

fn contiguous(state: &State) -> bool {
    let follows = |(before, link): (Link, Link)| link.page().start == before.end() && !before.last();
    state.tail().is_some() && neighbours(state).all(follows)
}

fn lists_all(state: &State, listed: Link) -> bool {
    listed.last() && state.tail() == Some(listed)
}

fn shards(state: &State) -> impl Iterator<Item = Link> {
    state.shards.iter().copied().flatten()
}

/// Each shard's link, with the one before it.
fn neighbours(state: &State) -> impl Iterator<Item = (Link, Link)> {
    [Link::BEGINNING].into_iter().chain(shards(state)).zip(shards(state))
}

fn late_shards(state: &State) -> impl Iterator<Item = Link> {
    state.late.iter().filter_map(|put| if let Put::Shard(link) = put { Some(*link) } else { None })
}

/// Of all workers that are refused: the link they came with, and the one that stands there.
fn refused(state: &State) -> impl Iterator<Item = (Link, Link)> {
    let theirs = |ours: Link| state.shards[ours.shard()].map(|theirs| (ours, theirs));
    let ours = |phase: &Phase| if let Phase::Refused(link) = phase { Some(*link) } else { None };
    state.workers.iter().filter_map(ours).filter_map(theirs)
}

fn passed(state: &State, link: Link) -> bool {
    state.shards.get(link.shards()).is_some_and(Option::is_some)
}

/// Whether two workers are about to put the same place of the table with different items.
fn two_readings(state: &State) -> bool {
    let put = |phase: &Phase| if let Phase::PuttingShard(link) = phase { Some(link.page()) } else { None };
    let pages = || state.workers.iter().filter_map(put);
    let place = |page: Page| (page.start, page.end, page.last);
    pages().any(|one| pages().any(|other| place(one) == place(other) && one.changed != other.changed))
}
