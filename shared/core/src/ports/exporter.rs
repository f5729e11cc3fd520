//! A table's own exports to S3: started once, then watched. Reading what they wrote is for others.

use std::time::SystemTime;

use async_trait::async_trait;

use super::PortError;

/// What is asked of DynamoDB. Two requests that are equal but for the token are two exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRequest {
    /// What makes a repeated request the same one: for 8 hours after the first was answered (ExportTableToPointInTime).
    pub token: String,
    /// Bucket that is written to.
    pub bucket: String,
    /// Prefix there; none when empty.
    pub prefix: String,
    /// Account that owns the bucket, 12 digits; needed when it is another one's.
    pub bucket_owner: Option<String>,
    /// Key of SSE-KMS; SSE-S3 when absent.
    pub kms_key: Option<String>,
    /// How items are written.
    pub format: ExportFormat,
    /// Which items.
    pub span: ExportSpan,
}

/// How items of an export are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// DynamoDB JSON.
    Json,
    /// Ion.
    Ion,
}

/// Which items an export holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportSpan {
    /// All there were at a moment; now when absent.
    Full {
        /// The moment.
        at: Option<SystemTime>,
    },
    /// Those written in a span of time.
    Incremental {
        /// From here on.
        from: SystemTime,
        /// Until just before; the latest that can be had when absent.
        to: Option<SystemTime>,
        /// Whether items come as they were before as well.
        old_images: bool,
    },
}

/// An export was started, or DynamoDB would not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportStart {
    /// Its ARN; that of the first request when it was asked for before.
    Started(String),
    /// Why not, with DynamoDB's own words.
    Refused(ExportRefusal, String),
}

/// Why an export is not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportRefusal {
    /// The table's point-in-time recovery is off.
    RecoveryOff,
    /// Its times are none that can be exported.
    Time,
    /// Too many exports run already: 300 at once, or 100 TB (DynamoDB quotas).
    Limit,
    /// The token was used for another request.
    TokenUsed,
}

/// How an export is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportState {
    /// The token it was started with.
    pub token: Option<String>,
    /// Whether it is done.
    pub progress: ExportProgress,
}

/// How far an export is. DynamoDB tells no more than this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportProgress {
    /// Not done yet.
    Running,
    /// Everything is written.
    Done {
        /// Key of `manifest-summary.json`, from the bucket's root.
        manifest_key: String,
        /// Items in it.
        items: Option<u64>,
        /// Bytes that are paid for.
        billed_bytes: Option<u64>,
    },
    /// It will not be done.
    Failed {
        /// DynamoDB's code, e.g. `S3NoSuchBucket`.
        code: String,
        /// DynamoDB's words.
        message: String,
    },
}

/// Point-in-time recovery of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// Off: nothing can be exported.
    Off,
    /// On, for this span.
    On {
        /// The earliest moment that can be exported.
        earliest: Option<SystemTime>,
        /// The latest, some five minutes ago.
        latest: Option<SystemTime>,
    },
}

/// The exports of one table.
#[async_trait]
pub trait Exporter: Send + Sync + 'static {
    /// Whether and for which time the table can be exported. `NotFound` when it is not there.
    async fn recovery(&self) -> Result<Recovery, PortError>;

    /// Turns point-in-time recovery on. The same call again changes nothing.
    async fn enable_recovery(&self) -> Result<(), PortError>;

    /// Starts an export, or finds the one that was started with this token.
    async fn start(&self, request: &ExportRequest) -> Result<ExportStart, PortError>;

    /// How an export is. `NotFound` when there is none of that ARN (they are kept for 90 days).
    async fn describe(&self, export_arn: &str) -> Result<ExportState, PortError>;

    /// ARNs of all the table's exports.
    async fn list(&self) -> Result<Vec<String>, PortError>;
}
