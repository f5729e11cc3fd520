//! Records that could not be converted, or that the job's sink refuses, kept whole: one JSON object a line with file, line, offset, reason and
//! the original bytes in base64, in write-once objects beside the completions.

use backfleet_convert::{Quarantined, SourceRecord};
use backfleet_core::completion::QuarantineRecord;
use backfleet_core::limits::QUARANTINE_OBJECT_BYTES;
use backfleet_core::receipt::Refused;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::claim::Claimed;
use crate::upload::{UploadError, put_same};

/// One quarantined record as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineLine {
    /// The data file, below the source's root.
    pub file: String,
    /// Line in the file, from 1.
    pub line: u64,
    /// Where the line begins in the uncompressed file, in bytes.
    pub offset: u64,
    /// Length of the line in bytes.
    pub length: u64,
    /// Where in the line the trouble is, in bytes from 0.
    pub column: u64,
    /// The reason's stable name.
    pub reason: String,
    /// The reason for people.
    pub detail: String,
    /// Whether `bytes` is only the beginning of a line too long to keep.
    pub truncated: bool,
    /// The line's bytes, base64.
    pub bytes: String,
}

/// Collects a unit's quarantined records into objects of bounded size.
pub(crate) struct Quarantine<'a> {
    claimed: &'a Claimed,
    text: Vec<u8>,
    records: u64,
    objects: Vec<QuarantineRecord>,
}

impl<'a> Quarantine<'a> {
    pub(crate) fn new(claimed: &'a Claimed) -> Self {
        Self { claimed, text: Vec::new(), records: 0, objects: Vec::new() }
    }

    pub(crate) async fn add(&mut self, record: Quarantined) -> Result<(), UploadError> {
        let line = QuarantineLine {
            file: self.claimed.key.to_string(),
            line: record.line,
            offset: record.offset,
            length: record.length,
            column: record.column,
            reason: record.reason.code().to_owned(),
            detail: record.reason.to_string(),
            truncated: (record.bytes.len() as u64) < record.length,
            bytes: STANDARD.encode(&record.bytes),
        };
        self.push(&line).await
    }

    /// A record that was converted, and that the sink refuses.
    pub(crate) async fn add_refused(
        &mut self,
        record: &SourceRecord,
        refused: &Refused,
    ) -> Result<(), UploadError> {
        let said = if refused.detail.is_empty() { String::new() } else { format!(" ({})", refused.detail) };
        let line = QuarantineLine {
            file: self.claimed.key.to_string(),
            line: record.line,
            offset: record.offset,
            length: record.length,
            column: 0,
            reason: refused.why.code().to_owned(),
            detail: format!("{}{said}", refused.why),
            truncated: false,
            bytes: STANDARD.encode(&record.bytes),
        };
        self.push(&line).await
    }

    async fn push(&mut self, line: &QuarantineLine) -> Result<(), UploadError> {
        serde_json::to_writer(&mut self.text, line).expect("writing to memory");
        self.text.push(b'\n');
        self.records += 1;
        if self.text.len() >= QUARANTINE_OBJECT_BYTES {
            self.put().await?;
        }
        Ok(())
    }

    pub(crate) async fn close(mut self) -> Result<Vec<QuarantineRecord>, UploadError> {
        if self.records > 0 {
            self.put().await?;
        }
        Ok(self.objects)
    }

    async fn put(&mut self) -> Result<(), UploadError> {
        let n = u32::try_from(self.objects.len()).expect("fewer objects than records of a file");
        let key = self.claimed.job.layout.quarantine(self.claimed.unit, n);
        let text = std::mem::take(&mut self.text);
        let (bytes, records) = (text.len() as u64, std::mem::take(&mut self.records));
        let sha256 = put_same(&*self.claimed.job.dest, key.clone(), text).await?;
        self.objects.push(QuarantineRecord { key: key.to_string(), bytes, sha256, records });
        Ok(())
    }
}
