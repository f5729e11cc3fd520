//! One worker's way, from receiving the message to letting it go. Every function here is one step; between two steps
//! anything may happen to everybody else.

use crate::link::Link;
use crate::segment::{Page, Segment};
use crate::state::{Put, Reply, State};

/// Where a worker is. What it knows is in the link it goes on behind; it forgets all of that when it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Without a message.
    Idle,
    /// It has the message, and looks for the completion next.
    Claimed,
    /// It looks for the tail of the chain next.
    Looking,
    /// It reads a page behind this link next.
    Reading(Link),
    /// It has sent this link.
    PuttingLink(Link),
    /// It has sent the last shard of this link.
    PuttingShard(Link),
    /// Something stands where it sent the last shard of this link.
    Refused(Link),
    /// It has sent the completion that says what this link says.
    PuttingCompletion(Link),
    /// A completion stands where it sent one that says what this link says.
    CompletionRefused(Link),
    /// It lets the message go next, as what this link says is complete.
    Deleting(Link),
    /// It found what cannot be, and stopped.
    Stopped,
}

/// The protocol, and what becomes of it when one of its rules is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// As it is meant.
    Sound,
    /// No links, as for a file, which can be read again: who begins reads from the beginning, and a shard that stands
    /// under the name is taken for the same.
    NamesOnly,
    /// A shard that stands already is taken for the worker's own, unseen.
    Swallow412,
    /// Shards are put over what stands there.
    Overwrite,
    /// A shard is put before the link that it names.
    ShardFirst,
    /// A segment that ends with nothing has no shard for that.
    NoEndShard,
    /// The completion is put before the last shard.
    CompletionFirst,
    /// The message is let go before the completion is put.
    DeleteFirst,
}

impl Phase {
    /// What it has sent and waits for.
    pub fn put(self) -> Option<Put> {
        match self {
            Self::PuttingLink(link) => Some(Put::Link(link)),
            Self::PuttingShard(link) => Some(Put::Shard(link)),
            Self::PuttingCompletion(link) => Some(Put::Completion(link)),
            _ => None,
        }
    }
}

impl Protocol {
    /// Whether a put of this protocol replaces what stands there.
    pub fn overwrites(self, put: Put) -> bool {
        self == Self::Overwrite && matches!(put, Put::Shard(_))
    }

    /// What a worker does next that neither reads a page nor waits for a reply.
    pub fn step(self, state: &mut State, phase: Phase) -> Phase {
        match phase {
            Phase::Claimed => self.claim(state),
            Phase::Looking => self.look(state),
            Phase::Refused(link) => self.compare(state, link),
            Phase::CompletionRefused(link) if state.completion == Some(link) => self.completed(link),
            Phase::CompletionRefused(_) => Phase::Stopped,
            Phase::Deleting(link) => self.delete(state, link),
            _ => phase,
        }
    }

    /// A worker that goes on behind `link` got this page.
    pub fn read(self, segment: &Segment, link: Link, page: Page) -> Phase {
        let ended = page.last && segment.items(page) == 0;
        match self {
            Self::NoEndShard if ended => Phase::PuttingCompletion(link),
            Self::NamesOnly | Self::ShardFirst => Phase::PuttingShard(link.then(page)),
            _ => Phase::PuttingLink(link.then(page)),
        }
    }

    /// A worker was told what became of its put.
    pub fn told(self, put: Put, reply: Reply) -> Phase {
        match (put, reply, self) {
            (Put::Link(link), _, Self::ShardFirst) => self.committed(link),
            (Put::Link(link), _, Self::CompletionFirst) if link.last() => Phase::PuttingCompletion(link),
            (Put::Link(link), ..) => Phase::PuttingShard(link),
            (Put::Shard(link), Reply::AlreadyThere, Self::NamesOnly | Self::Swallow412) => {
                self.committed(link)
            }
            (Put::Shard(link), Reply::AlreadyThere, _) => Phase::Refused(link),
            (Put::Shard(link), Reply::Created, Self::ShardFirst) => Phase::PuttingLink(link),
            (Put::Shard(link), Reply::Created, _) => self.committed(link),
            (Put::Completion(link), Reply::AlreadyThere, _) => Phase::CompletionRefused(link),
            (Put::Completion(link), Reply::Created, _) => self.completed(link),
        }
    }

    fn claim(self, state: &State) -> Phase {
        match (state.completion, self) {
            (Some(link), _) => Phase::Deleting(link),
            (None, Self::NamesOnly) => Phase::Reading(Link::BEGINNING),
            (None, _) => Phase::Looking,
        }
    }

    fn look(self, state: &State) -> Phase {
        let tail = state.tail().filter(|tail| *tail == Link::BEGINNING || state.links.contains(tail));
        tail.map_or(Phase::Stopped, |tail| self.committed(tail))
    }

    /// What stands there is the worker's own, or another's, which then decides.
    fn compare(self, state: &State, ours: Link) -> Phase {
        match state.shards[ours.shard()] {
            Some(theirs) if theirs == ours && self == Self::ShardFirst => Phase::PuttingLink(ours),
            Some(theirs) if theirs == ours || state.links.contains(&theirs) => self.committed(theirs),
            _ => Phase::Stopped,
        }
    }

    /// Everything up to `link` stands.
    fn committed(self, link: Link) -> Phase {
        match self {
            _ if !link.last() => Phase::Reading(link),
            Self::CompletionFirst | Self::DeleteFirst => Phase::Deleting(link),
            _ => Phase::PuttingCompletion(link),
        }
    }

    fn completed(self, link: Link) -> Phase {
        match self {
            Self::CompletionFirst => Phase::PuttingShard(link),
            Self::DeleteFirst => Phase::Idle,
            _ => Phase::Deleting(link),
        }
    }

    fn delete(self, state: &mut State, link: Link) -> Phase {
        state.let_go = true;
        match self {
            Self::DeleteFirst if state.completion.is_none() => Phase::PuttingCompletion(link),
            _ => Phase::Idle,
        }
    }
}
