//! The job: one backfill of one source into one destination, and the digest that names it.

use std::fmt;
use std::str::FromStr;

use backfleet_convert::{
    AttributeFilter, Compression, Document, EventName, ExtraField, Format, KinesisPrecision, Recipe,
    RecipeError, RecipeSpec, Schema, TableIdentity, ViewType,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::digest::{DigestError, parse_lower_hex};
use crate::sink::Sink;

/// The version of everything that decides output bytes besides the options: a change of the conversion that
/// changes a record's bytes raises it, and with it every job id.
pub const FORMAT_VERSION: u32 = 1;

/// Names a job: 128 bits of a digest over the source's identity and every option that changes output bytes.
/// The destination enters by its partition alone, because the id names objects inside it: a destination that
/// was moved or copied is still the same job's. Text form: 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId([u8; 16]);

impl JobId {
    /// The first eight digits, which stand in every shard's name.
    pub fn short(self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<JobId> for String {
    fn from(job: JobId) -> Self {
        job.to_string()
    }
}

impl TryFrom<String> for JobId {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl FromStr for JobId {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let mut bytes = [0; 16];
        parse_lower_hex(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

/// Every option that changes output bytes, as `plan.json` keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobOptions {
    /// `stream`, `lambda-event`, `kinesis`, `plain`, `item`, `image` or `parquet`.
    pub format: String,
    /// `gzip`, `zstd` or `none`; of `parquet` `zstd`, `snappy` or `none`.
    pub compression: String,
    /// Folder of the shards below the destination, e.g. `date=backfill-2026-11-22`; empty for the root.
    pub partition: String,
    /// Uncompressed bytes at which a shard is cut.
    pub shard_bytes_max: u64,
    /// Key attributes, hash key first.
    pub keys: Vec<String>,
    /// Table, region and stream ARN that the records name.
    pub table: Option<TableOptions>,
    /// The time every record carries, in epoch microseconds.
    pub snapshot_micros: i64,
    /// `KEYS_ONLY`, `NEW_IMAGE`, `OLD_IMAGE` or `NEW_AND_OLD_IMAGES`.
    pub view: String,
    /// Further top-level fields: name and JSON text.
    pub extra_fields: Vec<(String, String)>,
    /// Which attributes to keep; all when both are empty.
    pub include: Vec<String>,
    /// Which attributes to leave out.
    pub exclude: Vec<String>,
    /// `lambda-event` only: `line` or `object`.
    pub document: String,
    /// `lambda-event` only: records of one document.
    pub document_records_max: u32,
    /// `kinesis` only: `millisecond` or `microsecond`.
    pub kinesis_precision: String,
    /// What a change is called whose export has no old images: `INSERT` or `MODIFY`.
    pub upsert: String,
    /// `parquet` only: its columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Schema>,
    /// Where records go instead of into objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<Sink>,
}

/// Table, region and stream ARN that the records name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableOptions {
    /// Table name.
    pub name: String,
    /// Region, e.g. `eu-central-1`.
    pub region: String,
    /// The stream's ARN, as live records carry it in `eventSourceARN`.
    pub stream_arn: String,
}

/// Options that do not fit together or are not of this version.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// A word that this version does not know.
    #[error("{option} {value:?} is not known to this version")]
    Unknown {
        /// Which option.
        option: &'static str,
        /// What it said.
        value: String,
    },
    /// The recipe itself is refused.
    #[error("the options do not make a conversion")]
    Recipe(#[from] RecipeError),
}

impl JobOptions {
    /// The recipe that the converter follows; `old_images` if any export of the job carries them.
    pub fn recipe(&self, old_images: bool) -> Result<Recipe, OptionsError> {
        Ok(Recipe::new(RecipeSpec {
            format: self.format()?,
            compression: self.compression()?,
            shard_bytes_max: self.shard_bytes_max,
            shard_records_max: self.sink.as_ref().map(Sink::shard_records_max),
            keys: self.keys.clone(),
            table: self.table.as_ref().map(|table| TableIdentity {
                name: table.name.clone(),
                region: table.region.clone(),
                stream_arn: table.stream_arn.clone(),
            }),
            snapshot_micros: self.snapshot_micros,
            view: word::<ViewType>("view", &self.view)?,
            extra_fields: self
                .extra_fields
                .iter()
                .map(|(name, json)| ExtraField { name: name.clone(), json: json.clone() })
                .collect(),
            attributes: self.attributes(),
            document: word::<Document>("document", &self.document)?,
            document_records_max: self.document_records_max,
            kinesis_precision: word::<KinesisPrecision>("kinesis precision", &self.kinesis_precision)?,
            upsert: word::<EventName>("upsert", &self.upsert)?,
            schema: self.schema.clone(),
            old_images,
        })?)
    }

    /// What the names of shards end with.
    pub fn extension(&self) -> Result<&'static str, OptionsError> {
        Ok(self.format()?.extension(self.compression()?))
    }

    fn format(&self) -> Result<Format, OptionsError> {
        word("format", &self.format)
    }

    fn compression(&self) -> Result<Compression, OptionsError> {
        word("compression", &self.compression)
    }

    fn attributes(&self) -> AttributeFilter {
        if !self.include.is_empty() {
            AttributeFilter::Include(self.include.clone())
        } else if !self.exclude.is_empty() {
            AttributeFilter::Exclude(self.exclude.clone())
        } else {
            AttributeFilter::All
        }
    }
}

fn word<T: FromStr>(option: &'static str, value: &str) -> Result<T, OptionsError> {
    value.parse().map_err(|_| OptionsError::Unknown { option, value: value.to_owned() })
}

/// Builds a [`JobId`] from parts, each framed by its length so that no two lists of parts are alike.
#[derive(Default)]
pub struct JobDigest(Sha256);

impl JobDigest {
    /// Adds one part.
    pub fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The id over all parts.
    pub fn finish(self) -> JobId {
        let digest: [u8; 32] = self.0.finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        JobId(id)
    }
}

#[cfg(test)]
pub(crate) mod tests_support {
    use super::*;

    pub(crate) fn options() -> JobOptions {
        JobOptions {
            format: "stream".into(),
            compression: "gzip".into(),
            partition: "date=backfill-2026-01-14".into(),
            shard_bytes_max: 128 << 20,
            keys: vec!["pk".into(), "sk".into()],
            table: Some(TableOptions {
                name: "t".into(),
                region: "eu-north-1".into(),
                stream_arn: "arn:aws:dynamodb:eu-north-1:123456789123:table/t/stream/2026-01-14T10:18:50.622"
                    .into(),
            }),
            snapshot_micros: 1_768_385_930_622_000,
            view: "NEW_AND_OLD_IMAGES".into(),
            extra_fields: Vec::new(),
            include: Vec::new(),
            exclude: Vec::new(),
            document: "line".into(),
            document_records_max: 100,
            kinesis_precision: "millisecond".into(),
            upsert: "MODIFY".into(),
            schema: None,
            sink: None,
        }
    }
}
