//! What all workers share: the table, the objects, the requests that are still on their way, the message.
//!
//! Workers have no names: a state holds them in order, so that two states that differ only in who is who are one.

use std::collections::BTreeSet;

use crate::link::{Link, SHARDS_MAX};
use crate::segment::Table;
use crate::worker::Phase;

/// One moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The items.
    pub table: Table,
    /// The shards that stand, each with the digest of its link.
    pub shards: [Option<Link>; SHARDS_MAX],
    /// The links that stand, as far as somebody names them.
    pub links: BTreeSet<Link>,
    /// The completion, which is the last link.
    pub completion: Option<Link>,
    /// Whether an object that stood was replaced by another one.
    pub replaced: bool,
    /// Whether the message was let go.
    pub let_go: bool,
    /// Requests that nobody waits for any more.
    pub late: BTreeSet<Put>,
    /// Where each worker is.
    pub workers: Vec<Phase>,
    /// What may still go wrong.
    pub left: Left,
}

/// How often something may happen, or may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Left {
    /// Crashes, lost replies and requests that are given up.
    pub faults: u8,
    /// Receives of a message that somebody works on, or that was let go.
    pub twins: u8,
    /// Changes of the table.
    pub changes: u8,
}

/// A request that creates an object unless it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Put {
    /// The link itself.
    Link(Link),
    /// The last shard of a link.
    Shard(Link),
    /// The completion that says what a link says.
    Completion(Link),
}

/// What the store says to a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It stands now.
    Created,
    /// Something stood there: 412.
    AlreadyThere,
}

impl State {
    /// Before the first receive.
    pub fn beginning(workers: usize, left: Left) -> Self {
        Self {
            table: Table::default(),
            shards: [None; SHARDS_MAX],
            links: BTreeSet::new(),
            completion: None,
            replaced: false,
            let_go: false,
            late: BTreeSet::new(),
            workers: vec![Phase::Idle; workers],
            left,
        }
    }

    /// Whether no worker is at work.
    pub fn is_quiet(&self) -> bool {
        self.workers.iter().all(|phase| *phase == Phase::Idle)
    }

    /// A put arrives; `overwrites` is what a store does that is not asked to refuse.
    pub fn land(&mut self, put: Put, overwrites: bool) -> Reply {
        let (place, link) = match put {
            Put::Link(link) => {
                return if self.links.insert(link) { Reply::Created } else { Reply::AlreadyThere };
            }
            Put::Shard(link) => (&mut self.shards[link.shard()], link),
            Put::Completion(link) => (&mut self.completion, link),
        };
        match *place {
            Some(_) if !overwrites => Reply::AlreadyThere,
            there => {
                self.replaced |= there.is_some_and(|there| there != link);
                *place = Some(link);
                Reply::Created
            }
        }
    }

    /// The last link of the chain, as the names of the shards tell it; nothing if one is missing in between.
    pub fn tail(&self) -> Option<Link> {
        let standing = self.shards.iter().flatten().count();
        let tail = standing.checked_sub(1).map_or(Some(Link::BEGINNING), |last| self.shards[last])?;
        self.shards[..standing].iter().all(Option::is_some).then_some(tail)
    }

    /// Nobody waits for `put` any more; it may arrive all the same. A late link changes nothing, so it is not kept.
    pub fn give_up(&mut self, put: Put) {
        if !matches!(put, Put::Link(_)) {
            self.late.insert(put);
        }
    }

    /// The same moment in its one form: workers in order, and no link that nothing names.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.workers.sort_unstable();
        let Self { shards, late, workers, links, .. } = &mut self;
        links.retain(|link| {
            shards.contains(&Some(*link))
                || late.contains(&Put::Shard(*link))
                || workers.contains(&Phase::PuttingShard(*link))
        });
        self
    }
}
