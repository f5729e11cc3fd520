//! Scans one segment, from wherever its chain ends to the end of the segment, of the slice, or of the worker.
//!
//! ```text
//!  tail of the chain -> page, page, .. -> link -> shard (the commit) -> page, ..
//!        ^                                          |
//!        \---- somebody else's shard stands there --/
//! ```
//! A live scan cannot be repeated, so of two workers on one segment the first to put a shard decides what it is, and the
//! other goes on behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use backfleet_convert::{PageConverter, PageError, Shard};
use backfleet_core::chain::{LINK_FIELD, Link, LinkError};
use backfleet_core::completion::{Digest128, ShardRecord};
use backfleet_core::digest::Sha256Digest;
use backfleet_core::layout::ShardName;
use backfleet_core::limits::{SLICE, SMALL_OBJECT_BYTES_MAX};
use backfleet_core::message::Message;
use backfleet_core::metrics::{BYTES_OUT, PUT_CONFLICTS, SHARDS_WRITTEN};
use backfleet_core::mutant::{self, Mutant};
use backfleet_core::plan::ScanSource;
use backfleet_core::ports::{NewObject, PageRequest, PortError, PutOutcome, ScanKey, TableScanner};
use bytes::Bytes;
use tokio::time::Instant;
use tracing::info;

use crate::attempt::{AttemptError, port_class};
use crate::claim::Claimed;
use crate::convert::Uploaded;
use crate::desk::{Desk, Job};
use crate::lane::{Lane, Patience};
use crate::receive::Delivery;
use crate::upload::{CONTENT_FIELD, put_same};

/// How a slice of a segment ended.
#[derive(Debug)]
pub enum Scanned {
    /// The segment was read to its end, and all its shards stand.
    Whole(Uploaded),
    /// There is more: what was read so far stands, and this message is to be sent for the rest.
    Sliced(Message),
}

/// A segment that cannot be scanned.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The table did not answer.
    #[error("segment {segment} could not be read")]
    Port {
        /// The segment.
        segment: u32,
        /// Why.
        source: PortError,
    },
    /// An item that is none, or that the options do not allow.
    #[error("a page of segment {segment} cannot be converted")]
    Page {
        /// The segment.
        segment: u32,
        /// What is wrong with it.
        source: PageError,
    },
    /// A page ended where it had begun.
    #[error("segment {segment} does not go on: a page ended with the key it was asked to begin behind")]
    Loop {
        /// The segment.
        segment: u32,
    },
    /// The chain of shards is broken.
    #[error("the shards of segment {segment} are no chain: {what}")]
    Chain {
        /// The segment.
        segment: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// A link of the chain cannot be believed.
    #[error(transparent)]
    Link(#[from] LinkError),
}

impl ScanError {
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::Port { source, .. } => port_class(source),
            Self::Page { .. } => "input-item",
            Self::Loop { .. } => "input-loop",
            Self::Chain { .. } | Self::Link(_) => "output-damaged",
        }
    }
}

/// Scans a segment as far as this delivery goes.
pub async fn scan_and_upload(
    desk: &Desk,
    claimed: Claimed,
    delivery: &Delivery,
    scan: &ScanSource,
    table: &dyn TableScanner,
) -> Result<Scanned, AttemptError> {
    let job = claimed.job.clone();
    let link = tail(&job, claimed.unit).await?;
    let lane = job.lanes.lane(scan.lane(claimed.unit));
    let slice = Slice { desk, job: &job, scan, table, lane, unit: claimed.unit };
    let patience = Patience { until: Instant::now() + SLICE, stop: &delivery.stop };
    let link = slice.run(link, &patience).await?;
    if link.last {
        return Ok(Scanned::Whole(Uploaded { claimed, completion: link.completion() }));
    }
    let progress = link.next_shard();
    info!(unit = claimed.unit, shards = progress, "a slice is over");
    Ok(Scanned::Sliced(Message { slice: delivery.message.slice + 1, progress, ..delivery.message }))
}

struct Slice<'a> {
    desk: &'a Desk,
    job: &'a Arc<Job>,
    scan: &'a ScanSource,
    table: &'a dyn TableScanner,
    lane: Arc<Lane>,
    unit: u32,
}

/// The shard that is open, and how the scan would go on behind it.
struct Open {
    converter: PageConverter,
    after: Option<ScanKey>,
    bytes_in: u64,
    filtered: u64,
    pages: u64,
}

impl Slice<'_> {
    /// Reads on behind `link` until the segment or patience ends; gives the chain's last link then.
    async fn run(&self, mut link: Link, patience: &Patience<'_>) -> Result<Link, AttemptError> {
        let shard_bytes_max = self.job.recipe.spec().shard_bytes_max;
        let mut open = self.open(&link);
        self.lane.begin().await;
        while !link.last {
            let page = self.page(open.after.as_ref(), patience).await?;
            let Some(page) = page else {
                return if open.pages > 0 { Ok(self.commit(link, open, false).await?.0) } else { Ok(link) };
            };
            let taken = open
                .converter
                .append(&page.items)
                .map_err(|source| ScanError::Page { segment: self.unit, source })?;
            if page.next.is_some() && page.next == open.after && !mutant::is(Mutant::LoopUnseen) {
                return Err(ScanError::Loop { segment: self.unit }.into());
            }
            open.pages += 1;
            open.bytes_in += page.items.len() as u64;
            open.filtered += page.scanned.saturating_sub(taken);
            let last = page.next.is_none();
            open.after = page.next;
            if last
                && open.converter.open_bytes() == 0
                && link.next_shard() > 0
                && mutant::is(Mutant::NoLastShard)
            {
                return Ok(Link { last, after: None, ..link });
            }
            if last || open.converter.open_bytes() >= shard_bytes_max {
                let buffer;
                (link, buffer) = self.commit(link, open, last).await?;
                open = self.open(&link);
                if let Some(buffer) = buffer {
                    open.converter.reuse(buffer);
                }
            }
            // A page is milliseconds of work: let heartbeats and the other units have their turn.
            tokio::task::yield_now().await;
        }
        Ok(link)
    }

    fn open(&self, link: &Link) -> Open {
        let converter =
            PageConverter::new(&self.job.recipe, self.unit, link.next_shard(), link.counts.records_in)
                .with_crew(self.desk.crew.clone());
        Open { converter, after: link.resume_key(), bytes_in: 0, filtered: 0, pages: 0 }
    }

    async fn page(
        &self,
        after: Option<&ScanKey>,
        patience: &Patience<'_>,
    ) -> Result<Option<backfleet_core::ports::ScanPage>, AttemptError> {
        let request = PageRequest { scan: self.scan, segment: self.unit, after, items_max: None };
        let page = self.lane.page(self.job, self.table, &request, patience).await;
        Ok(page.map_err(|source| ScanError::Port { segment: self.unit, source })?)
    }

    /// Puts the open shard behind `before`. Gives the link that stands there now, be it another worker's, and the
    /// shard's memory.
    async fn commit(
        &self,
        before: Link,
        open: Open,
        last: bool,
    ) -> Result<(Link, Option<Vec<u8>>), AttemptError> {
        let Open { mut converter, after, bytes_in, filtered, .. } = open;
        let Shard { index, bytes, records, content_bytes, content_digest, .. } = converter.cut();
        let name = ShardName { unit: self.unit, shard: index };
        let (key, bytes) = (self.job.layout.shard(name), Bytes::from(bytes));
        let record = ShardRecord {
            key: key.to_string(),
            bytes: bytes.len() as u64,
            sha256: Sha256Digest::of(&bytes),
            records,
            passed_over: 0,
            content_bytes,
            content: Digest128(content_digest),
        };
        let sha256 = record.sha256;
        let link = Link { after: after.map(|key| key.0), last, ..longer(before, record, bytes_in, filtered) };
        let link_json = link.to_json();
        let digest = Sha256Digest::of(&link_json);
        let link_key = self.job.layout.link(digest);
        if !mutant::is(Mutant::LinkAfterShard) {
            put_same(&*self.job.dest, link_key.clone(), link_json.clone()).await?;
        }
        let metadata = BTreeMap::from([
            (CONTENT_FIELD.to_owned(), content_digest.to_string()),
            (LINK_FIELD.to_owned(), digest.to_string()),
        ]);
        let stored = bytes.len() as u64;
        let object = NewObject { key, bytes: bytes.clone(), metadata, sha256 };
        let link = match self.job.dest.put_new(object).await.map_err(crate::upload::UploadError::Port)? {
            PutOutcome::Created => {
                metrics::counter!(SHARDS_WRITTEN).increment(1);
                metrics::counter!(BYTES_OUT).increment(stored);
                self.desk.tally.shard(stored);
                if mutant::is(Mutant::LinkAfterShard) {
                    put_same(&*self.job.dest, link_key, link_json).await?;
                }
                link
            }
            PutOutcome::AlreadyThere => self.yielded(name, digest, link).await?,
        };
        Ok((link, bytes.is_unique().then(|| bytes.into())))
    }

    /// What stands there is ours, its reply lost, or another worker's, which then decides.
    async fn yielded(&self, name: ShardName, ours: Sha256Digest, link: Link) -> Result<Link, AttemptError> {
        let theirs = link_digest(self.job, name).await?;
        if theirs == ours || mutant::is(Mutant::YieldUnseen) {
            metrics::counter!(PUT_CONFLICTS, "kind" => "equal_412").increment(1);
            return Ok(link);
        }
        metrics::counter!(PUT_CONFLICTS, "kind" => "yielded_412").increment(1);
        info!(unit = self.unit, shard = name.shard, "another worker was first: going on behind its shard");
        read_link(self.job, name, theirs).await
    }
}

fn longer(before: Link, record: ShardRecord, bytes_in: u64, filtered: u64) -> Link {
    let mut link = before;
    link.counts.records_in += record.records;
    link.counts.records_out += record.records;
    link.counts.filtered += filtered;
    link.counts.bytes_in += bytes_in;
    link.counts.bytes_inflated += bytes_in;
    link.counts.content_bytes += record.content_bytes;
    link.counts.bytes_out += record.bytes;
    link.counts.shards += 1;
    link.shards.push(record);
    link
}

/// The last link of a unit's chain, as its shards say; the beginning where there is none.
async fn tail(job: &Job, unit: u32) -> Result<Link, AttemptError> {
    let mut shards = 0;
    let mut after = None;
    loop {
        let page = job.dest.list(&job.layout.unit_prefix(unit), after.as_ref()).await.map_err(port(unit))?;
        for entry in &page.entries {
            let expected = ShardName { unit, shard: shards };
            match job.layout.parse_shard(&entry.key) {
                Some(name) if name == expected => shards += 1,
                Some(_) => return Err(ScanError::Chain { segment: unit, what: "one is missing" }.into()),
                None => {}
            }
        }
        let Some(last) = page.entries.last().filter(|_| page.more) else { break };
        after = Some(last.key.clone());
    }
    let Some(shard) = shards.checked_sub(1) else { return Ok(Link::beginning(job.plan.job, unit)) };
    let name = ShardName { unit, shard };
    let digest = link_digest(job, name).await?;
    let link = read_link(job, name, digest).await?;
    if mutant::is(Mutant::ResumeWithoutKey) {
        return Ok(Link { after: None, ..link });
    }
    Ok(link)
}

/// The link that a shard was put with.
async fn link_digest(job: &Job, name: ShardName) -> Result<Sha256Digest, AttemptError> {
    let broken = |what| ScanError::Chain { segment: name.unit, what };
    let info = job.dest.head(&job.layout.shard(name)).await.map_err(port(name.unit))?;
    let info = info.ok_or_else(|| broken("the last one is gone again"))?;
    let digest = info.metadata.get(LINK_FIELD).and_then(|text| text.parse().ok());
    Ok(digest.ok_or_else(|| broken("the last one does not say how it goes on"))?)
}

async fn read_link(job: &Job, name: ShardName, digest: Sha256Digest) -> Result<Link, AttemptError> {
    let json = job.dest.get_small(&job.layout.link(digest), SMALL_OBJECT_BYTES_MAX).await;
    let json = json.map_err(port(name.unit))?;
    let missing = ScanError::Chain { segment: name.unit, what: "the link of the last one is missing" };
    Ok(Link::parse(&json.ok_or(missing)?, digest, &job.layout, name).map_err(ScanError::Link)?)
}

fn port(segment: u32) -> impl Fn(PortError) -> ScanError {
    move |source| ScanError::Port { segment, source }
}
