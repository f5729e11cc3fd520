//! The protocol, broken on purpose in one place at a time: what the simulation must notice.
//!
//! Without the feature `mutants` nothing is ever broken, at no cost: [`is`] is a constant.

/// One way to break the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutant {
    /// The message is deleted before the completion stands.
    AckBeforeCompletion,
    /// A put counts as done before the store has it.
    UploadUnawaited,
    /// Objects are put without the condition that nothing is there.
    Overwrite,
    /// A conflict that is still open (409) is taken for an object that is there (412).
    OpenConflictIsThere,
    /// Something else under a shard's name is taken for the shard.
    ConflictUnseen,
    /// A scan takes another worker's shard for its own and goes on behind its own page.
    YieldUnseen,
    /// A scan goes on behind as many shards as stand, from where the last one should have ended: at the beginning.
    ResumeWithoutKey,
    /// A link is put after the shard that names it.
    LinkAfterShard,
    /// A segment whose last pages are empty gets no last shard.
    NoLastShard,
    /// Work goes on when the lease has ended.
    WorkWithoutLease,
    /// No lease is ever extended.
    NoHeartbeat,
    /// The next segment of a lane is not sent.
    LaneNotPassedOn,
    /// The rest of a segment is not sent when its slice is over.
    RestNotSent,
    /// An outage uses up a message's receives.
    OutageCounts,
    /// A unit is put aside by the first failure of whatever kind.
    PutAsideAtOnce,
    /// A unit that can never be done is tried again and again.
    NeverPutAside,
    /// A file is not held against its MD5.
    Md5Unseen,
    /// A file's records are not held against the number that was promised.
    CountUnseen,
    /// A page that ends where it had begun is taken.
    LoopUnseen,
    /// Pages are asked for before they are paid for.
    Unpaced,
    /// A place that is not allowed is read all the same, from whatever is at hand.
    ForeignRead,
    /// Messages that the queue did not take are taken as sent.
    RefusalUnseen,
    /// A queue at rest is taken for a job that is done.
    RestIsDone,
    /// `_SUCCESS` is written before anything is verified.
    SuccessUnproven,
    /// `_SUCCESS` is written before the manifest.
    SuccessBeforeManifest,
    /// Objects of the job that nobody listed are not looked for.
    StrangersUnseen,
    /// Listed objects that are gone are not missed.
    MissingUnseen,
    /// Stored objects are not held against their digests.
    DigestUnseen,
    /// A plan is not held against its seal.
    PlanSealUnseen,
    /// A completion is not held against its seal.
    CompletionSealUnseen,
}

impl Mutant {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::AckBeforeCompletion,
        Self::UploadUnawaited,
        Self::Overwrite,
        Self::OpenConflictIsThere,
        Self::ConflictUnseen,
        Self::YieldUnseen,
        Self::ResumeWithoutKey,
        Self::LinkAfterShard,
        Self::NoLastShard,
        Self::WorkWithoutLease,
        Self::NoHeartbeat,
        Self::LaneNotPassedOn,
        Self::RestNotSent,
        Self::OutageCounts,
        Self::PutAsideAtOnce,
        Self::NeverPutAside,
        Self::Md5Unseen,
        Self::CountUnseen,
        Self::LoopUnseen,
        Self::Unpaced,
        Self::ForeignRead,
        Self::RefusalUnseen,
        Self::RestIsDone,
        Self::SuccessUnproven,
        Self::SuccessBeforeManifest,
        Self::StrangersUnseen,
        Self::MissingUnseen,
        Self::DigestUnseen,
        Self::PlanSealUnseen,
        Self::CompletionSealUnseen,
    ];
}

#[cfg(feature = "mutants")]
thread_local! {
    static ACTIVE: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Breaks the protocol so on this thread, or mends it.
#[cfg(feature = "mutants")]
pub fn set(mutant: Option<Mutant>) {
    ACTIVE.set(mutant);
}

/// Whether the protocol is broken so.
#[cfg(feature = "mutants")]
pub fn is(mutant: Mutant) -> bool {
    ACTIVE.get() == Some(mutant)
}

/// Whether the protocol is broken so: it never is.
#[cfg(not(feature = "mutants"))]
pub const fn is(_: Mutant) -> bool {
    false
}
