//! Proves a destination against its plan: a completion for every unit, counts that add up, every shard there
//! with its size and digest, and no shard of the job that nobody listed. Writes nothing.

use std::fmt;

use backfleet_core::completion::{Completion, CompletionError, QuarantineRecord, ShardRecord};
use backfleet_core::digest::Sha256Digest;
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::Layout;
use backfleet_core::limits::SMALL_OBJECT_BYTES_MAX;
use backfleet_core::manifest::Manifest;
use backfleet_core::mutant::{self, Mutant};
use backfleet_core::plan::{Plan, Source};
use backfleet_core::ports::{GetRequest, ListingEntry, ObjectStore, PortError, PortFault};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::invariants::{promise_is_kept, shards_stand_in_order};

/// How a stored object is held against its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Every byte is read again.
    Read,
    /// The store is asked for the digest it verified when the object was put.
    Told,
}

/// Calls under way at once.
const CALLS_MAX: usize = 64;
/// Objects that are read at once, each a chunk in memory: enough for the hashing of several cores.
const OPEN_MAX: usize = 8;
/// Reads of an object that arrives garbled.
const READS_MAX: u32 = 5;
/// Findings that are kept; more are only counted.
const FINDINGS_MAX: usize = 1000;

/// What the proof found.
#[derive(Debug)]
pub struct Verification {
    /// What the completions add up to.
    pub manifest: Manifest,
    /// What is wrong, the first of it.
    pub findings: Vec<Finding>,
    /// How much is wrong in all.
    pub findings_total: u64,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A unit has no completion.
    Incomplete {
        /// The unit.
        unit: u32,
    },
    /// A completion cannot be believed.
    Completion {
        /// The unit.
        unit: u32,
        /// Why.
        why: String,
    },
    /// A completion counts something else than the plan promises.
    Count {
        /// The unit.
        unit: u32,
        /// What the plan promises.
        planned: u64,
        /// What the completion says.
        found: u64,
    },
    /// All units of an export together have another number of records than its summary.
    Sum {
        /// The export.
        export: String,
        /// What the summary says.
        planned: u64,
        /// What the completions add up to.
        found: u64,
    },
    /// A listed object is not there.
    Missing {
        /// The object.
        key: String,
    },
    /// A listed object has another length.
    Size {
        /// The object.
        key: String,
        /// Its length.
        found: u64,
        /// The length it was put with.
        listed: u64,
    },
    /// A listed object has other bytes.
    Digest {
        /// The object.
        key: String,
    },
    /// An object of this job that no completion lists.
    Stranger {
        /// The object.
        key: String,
    },
    /// The manifest is not what the completions add up to.
    Manifest,
    /// `_SUCCESS` is not the mark of the manifest.
    Success,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete { unit } => write!(f, "unit {unit} has no completion"),
            Self::Completion { unit, why } => {
                write!(f, "the completion of unit {unit} cannot be believed: {why}")
            }
            Self::Count { unit, planned, found } => {
                write!(f, "unit {unit} has {found} records, the plan promises {planned}")
            }
            Self::Sum { export, planned, found } => {
                write!(
                    f,
                    "{found} records of export {export} were read in all, its summary promises {planned}"
                )
            }
            Self::Missing { key } => write!(f, "{key} is missing"),
            Self::Size { key, found, listed } => {
                write!(f, "{key} has {found} bytes, it was put with {listed}")
            }
            Self::Digest { key } => write!(f, "{key} has other bytes than it was put with"),
            Self::Stranger { key } => {
                write!(f, "{key} is named like a shard of this job, but no completion lists it")
            }
            Self::Manifest => write!(f, "manifest.json is not what the completions add up to"),
            Self::Success => write!(f, "_SUCCESS does not belong to manifest.json"),
        }
    }
}

/// Holds the destination against the plan.
pub async fn verify(
    dest: &dyn ObjectStore,
    plan: &Plan,
    layout: &Layout,
    proof: Proof,
) -> Result<Verification, PortError> {
    let parts = match &plan.source {
        Source::Export(export) => export.parts.len(),
        Source::Scan(_) => 0,
    };
    let mut verifier = Verifier {
        dest,
        plan,
        layout,
        records_of_part: vec![0; parts],
        manifest: Manifest::new(plan.job),
        findings: Findings::default(),
    };
    verifier.completions().await?;
    verifier.sum();
    let Verifier { manifest, mut findings, .. } = verifier;
    for (prefix, listed) in [
        (layout.shard_prefix(), by_key(&manifest.shards)),
        (layout.quarantine_prefix(), by_key(&manifest.quarantine)),
    ] {
        let whole = hold_against_listing(dest, &prefix, listed, &mut findings).await?;
        hold_against_digests(dest, proof, whole, &mut findings).await?;
    }
    let Findings { first, total } = findings;
    Ok(Verification { manifest, findings: first, findings_total: total })
}

struct Verifier<'a> {
    dest: &'a dyn ObjectStore,
    plan: &'a Plan,
    layout: &'a Layout,
    /// Of each export of the plan.
    records_of_part: Vec<u64>,
    manifest: Manifest,
    findings: Findings,
}

/// What is wrong, so far.
#[derive(Default)]
struct Findings {
    first: Vec<Finding>,
    total: u64,
}

impl Findings {
    fn add(&mut self, finding: Finding) {
        self.total += 1;
        if self.first.len() < FINDINGS_MAX {
            self.first.push(finding);
        }
    }
}

/// What the manifest says of one object. There may be a million of them at a time: nothing is copied.
#[derive(Clone, Copy)]
struct Listed<'m> {
    key: &'m str,
    bytes: u64,
    sha256: &'m Sha256Digest,
}

impl<'m> From<&'m ShardRecord> for Listed<'m> {
    fn from(shard: &'m ShardRecord) -> Self {
        Self { key: &shard.key, bytes: shard.bytes, sha256: &shard.sha256 }
    }
}

impl<'m> From<&'m QuarantineRecord> for Listed<'m> {
    fn from(object: &'m QuarantineRecord) -> Self {
        Self { key: &object.key, bytes: object.bytes, sha256: &object.sha256 }
    }
}

/// In the order of a listing, which that of the units is not once their numbers have another digit.
fn by_key<'m, O>(objects: &'m [O]) -> Vec<Listed<'m>>
where
    Listed<'m>: From<&'m O>,
{
    let mut listed: Vec<Listed<'m>> = objects.iter().map(Listed::from).collect();
    listed.sort_unstable_by_key(|listed| listed.key);
    listed
}

impl Verifier<'_> {
    fn found(&mut self, finding: Finding) {
        self.findings.add(finding);
    }

    async fn completions(&mut self) -> Result<(), PortError> {
        let (dest, layout, job) = (self.dest, self.layout, self.plan.job);
        let units = u32::try_from(self.plan.units.len()).expect("a plan has at most UNITS_MAX units");
        let fetch = |unit| async move {
            let json = dest.get_small(&layout.completion(unit), SMALL_OBJECT_BYTES_MAX).await?;
            Ok::<_, PortError>((unit, json.map(|json| Completion::parse(&json, job, unit))))
        };
        let mut completions = stream::iter(0..units).map(fetch).buffered(CALLS_MAX);
        while let Some((unit, completion)) = completions.try_next().await? {
            self.completion(unit, completion);
        }
        Ok(())
    }

    fn completion(&mut self, unit: u32, completion: Option<Result<Completion, CompletionError>>) {
        let completion = match completion {
            None => return self.found(Finding::Incomplete { unit }),
            Some(Err(error)) => return self.found(Finding::Completion { unit, why: error.to_string() }),
            Some(Ok(completion)) => completion,
        };
        let planned = &self.plan.units[unit as usize];
        let counts = &completion.counts;
        let found = counts.records_in;
        if !promise_is_kept(planned, &completion) {
            let planned = planned.items.unwrap_or_default();
            self.found(Finding::Count { unit, planned, found });
        }
        if !shards_stand_in_order(self.layout, &completion) {
            let why = "its shards are not named as the unit's shards are".to_owned();
            return self.found(Finding::Completion { unit, why });
        }
        if let Some(records) = self.records_of_part.get_mut(planned.part as usize) {
            *records += found;
        }
        self.manifest.add(completion);
    }

    fn sum(&mut self) {
        let Source::Export(source) = &self.plan.source else { return };
        for (part, &found) in source.parts.iter().zip(&self.records_of_part.clone()) {
            if let Some(planned) = part.items.filter(|&planned| planned != found) {
                self.found(Finding::Sum { export: part.export.clone(), planned, found });
            }
        }
    }
}

/// Holds a listing of `prefix` against what the manifest lists there, by key, and gives what is there in full length. Both are
/// walked side by side.
async fn hold_against_listing<'m>(
    dest: &dyn ObjectStore,
    prefix: &str,
    expected: Vec<Listed<'m>>,
    findings: &mut Findings,
) -> Result<Vec<Listed<'m>>, PortError> {
    let mut whole = Vec::with_capacity(expected.len());
    let mut expected = expected.into_iter().peekable();
    let mut after: Option<ObjectKey> = None;
    loop {
        let page = dest.list(prefix, after.as_ref()).await?;
        for entry in &page.entries {
            while let Some(absent) = expected.next_if(|listed| listed.key < entry.key.as_str()) {
                missing(absent, findings);
            }
            let listed = expected.next_if(|listed| listed.key == entry.key.as_str());
            whole.extend(there(entry, listed, findings));
        }
        after = page.entries.last().map(|entry| entry.key.clone());
        if !page.more {
            break;
        }
    }
    expected.for_each(|absent| missing(absent, findings));
    Ok(whole)
}

fn missing(listed: Listed<'_>, findings: &mut Findings) {
    if !mutant::is(Mutant::MissingUnseen) {
        findings.add(Finding::Missing { key: listed.key.to_owned() });
    }
}

fn there<'m>(
    entry: &ListingEntry,
    listed: Option<Listed<'m>>,
    findings: &mut Findings,
) -> Option<Listed<'m>> {
    let key = || entry.key.to_string();
    match listed {
        None if mutant::is(Mutant::StrangersUnseen) => {}
        None => findings.add(Finding::Stranger { key: key() }),
        Some(listed) if listed.bytes != entry.bytes => {
            findings.add(Finding::Size { key: key(), found: entry.bytes, listed: listed.bytes });
        }
        listed => return listed,
    }
    None
}

async fn hold_against_digests(
    dest: &dyn ObjectStore,
    proof: Proof,
    listed: Vec<Listed<'_>>,
    findings: &mut Findings,
) -> Result<(), PortError> {
    let prover = &Prover { dest, proof, open: Semaphore::new(OPEN_MAX) };
    // By number: a closure that takes something borrowed makes a future that may not go to another thread.
    let check = |n: usize| {
        let entry = listed[n];
        async move { Ok::<_, PortError>((entry.key, prover.holds(entry).await?)) }
    };
    let mut checks = stream::iter(0..listed.len()).map(check).buffered(CALLS_MAX);
    while let Some((key, held)) = checks.try_next().await? {
        if !held && !mutant::is(Mutant::DigestUnseen) {
            findings.add(Finding::Digest { key: key.to_owned() });
        }
    }
    Ok(())
}

/// Holds one object after the other against its digest.
struct Prover<'d> {
    dest: &'d dyn ObjectStore,
    proof: Proof,
    open: Semaphore,
}

impl Prover<'_> {
    /// Whether an object has the bytes it was put with. What was garbled on its way here is read again.
    async fn holds(&self, entry: Listed<'_>) -> Result<bool, PortError> {
        let mut reads = 1;
        loop {
            match self.holds_once(entry).await {
                Err(error) if error.fault == PortFault::Corrupted && reads < READS_MAX => reads += 1,
                told => return told,
            }
        }
    }

    async fn holds_once(&self, entry: Listed<'_>) -> Result<bool, PortError> {
        let Ok(key) = ObjectKey::new(entry.key) else { return Ok(false) };
        // What vanishes between the listing and now does not hold either.
        let Some(info) = self.dest.head(&key).await? else { return Ok(false) };
        if self.proof == Proof::Told
            && let Some(told) = info.sha256
        {
            return Ok(told == *entry.sha256);
        }
        let _open = self.open.acquire().await.expect("nobody closes the semaphore");
        let mut bytes = self.dest.get(&key, GetRequest { range: None, if_match: Some(info.etag) }).await?;
        let mut sha256 = Sha256::new();
        while let Some(chunk) = bytes.try_next().await? {
            sha256.update(&chunk);
        }
        Ok(Sha256Digest(sha256.finalize().into()) == *entry.sha256)
    }
}

#[cfg(test)]
pub(crate) mod tests;
