//! A table that is read by parallel scan. Items travel as the JSON they were answered in.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use super::PortError;
use crate::plan::ScanSource;

/// Where a segment goes on: DynamoDB's `LastEvaluatedKey`, a JSON object of typed key values. Compared and handed back,
/// never taken apart; it is item data and is never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct ScanKey(pub String);

impl fmt::Debug for ScanKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScanKey({} bytes)", self.0.len())
    }
}

/// Which page of which segment.
#[derive(Debug, Clone)]
pub struct PageRequest<'a> {
    /// What is scanned, and into how many segments it is cut.
    pub scan: &'a ScanSource,
    /// From 0.
    pub segment: u32,
    /// Behind this key; from the segment's beginning when `None`.
    pub after: Option<&'a ScanKey>,
    /// Items to look at, at most; a page ends at 1 MB all the same.
    pub items_max: Option<u32>,
}

/// One page. Nothing but a missing `next` says that a segment is over: a page may be empty and go on.
#[derive(Debug, Clone)]
pub struct ScanPage {
    /// A JSON array of attribute maps.
    pub items: Bytes,
    /// Items that were looked at, filtered ones included.
    pub scanned: u64,
    /// Where the segment goes on; `None` at its end.
    pub next: Option<ScanKey>,
    /// Read capacity units that the page cost.
    pub units: f64,
}

/// How a table's reads are paid for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ReadCapacity {
    /// So many units a second, whether used or not.
    Provisioned(u64),
    /// By the request, with the table's own maximum where it has one.
    OnDemand(Option<u64>),
}

/// What a table says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct TableFacts {
    /// Its ARN.
    pub arn: String,
    /// Key attributes of the table, hash key first.
    pub keys: Vec<String>,
    /// Bytes of what is scanned; DynamoDB counts them every six hours or so.
    pub bytes: u64,
    /// Items of what is scanned, counted as rarely.
    pub items: u64,
    /// How reads of what is scanned are paid for.
    pub capacity: ReadCapacity,
    /// ARN of its latest stream.
    pub stream_arn: Option<String>,
}

/// A table, or one of its indexes.
#[async_trait]
pub trait TableScanner: Send + Sync + 'static {
    /// What the table says of itself. `NotFound` when it, or the index, is not there.
    async fn describe(&self) -> Result<TableFacts, PortError>;

    /// One page. Items that exist, unchanged, from before the first page of a segment to after its last are each on
    /// exactly one of its pages; of others nothing is promised. `Throttled` when it would cost more than there is now.
    async fn page(&self, request: &PageRequest<'_>) -> Result<ScanPage, PortError>;
}
