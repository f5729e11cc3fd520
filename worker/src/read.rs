//! The unit's file, proven before a byte of it is converted.
//!
//! A small file is held in memory between proving its MD5 and converting it. A larger one is read twice, the
//! second time only if it still is the version that was proven: so no shard is ever written from a file that
//! is not the one its export lists.

use std::time::Duration;

use backfleet_core::limits::INPUT_HELD_BYTES_MAX;
use backfleet_core::plan::UnitPlan;
use backfleet_core::ports::{ByteStream, GetRequest, ObjectInfo, ObjectStore, PortError, PortFault};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use md5::{Digest as _, Md5};
use tokio::time::Instant;

use crate::attempt::port_class;
use crate::claim::Claimed;

/// A proven file, ready to be converted.
pub struct Input {
    /// Its bytes as stored.
    pub bytes: ByteStream,
    /// Whether an MD5 was there and held.
    pub md5_proven: bool,
    /// How long proving it took.
    pub proven_in: Duration,
}

/// A file that cannot be read or is not what the plan says.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is gone.
    #[error("file {key} is not in {source_root}")]
    Missing {
        /// The file.
        key: String,
        /// Where it was looked for.
        source_root: String,
    },
    /// Its bytes are not those the export wrote.
    #[error("file {key} has MD5 {found}, its manifest says {promised}")]
    Md5 {
        /// The file.
        key: String,
        /// The MD5 of its bytes, base64.
        found: String,
        /// What the manifest says.
        promised: String,
    },
    /// The source did not answer.
    #[error("file {key} could not be read")]
    Port {
        /// The file.
        key: String,
        /// Why.
        source: PortError,
    },
}

impl ReadError {
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "input-missing",
            Self::Md5 { .. } => "input-md5",
            Self::Port { source, .. } => port_class(source),
        }
    }
}

/// Opens and proves the file of a claimed unit.
pub async fn open(claimed: &Claimed) -> Result<Input, ReadError> {
    let file = File { store: &*claimed.job.source, claimed };
    let began = Instant::now();
    let bytes = match file.held().await? {
        Some(bytes) => bytes,
        None => file.streamed().await?,
    };
    Ok(Input { bytes, md5_proven: file.planned().md5.is_some(), proven_in: began.elapsed() })
}

struct File<'a> {
    store: &'a dyn ObjectStore,
    claimed: &'a Claimed,
}

impl File<'_> {
    fn planned(&self) -> &UnitPlan {
        self.claimed.planned()
    }

    /// A small file in one request; `None` when it is none, by the plan or by what lies there.
    async fn held(&self) -> Result<Option<ByteStream>, ReadError> {
        if self.planned().bytes > INPUT_HELD_BYTES_MAX as u64 {
            return Ok(None);
        }
        let bytes = match self.store.get_small(&self.claimed.key, INPUT_HELD_BYTES_MAX).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(self.missing()),
            Err(error) if error.fault == PortFault::TooLarge => return Ok(None),
            Err(error) => return Err(self.unreadable(error)),
        };
        self.check_md5(Md5::digest(&bytes).as_slice())?;
        Ok(Some(in_chunks(bytes)))
    }

    async fn streamed(&self) -> Result<ByteStream, ReadError> {
        let info = self.store.head(&self.claimed.key).await.map_err(|error| self.unreadable(error))?;
        let info = info.ok_or_else(|| self.missing())?;
        if self.planned().md5.is_some() {
            self.check_md5(&self.md5(&info).await?)?;
        }
        self.stream(&info).await
    }

    async fn md5(&self, info: &ObjectInfo) -> Result<[u8; 16], ReadError> {
        let mut bytes = self.stream(info).await?;
        let mut md5 = Md5::new();
        while let Some(chunk) = bytes.next().await {
            md5.update(chunk.map_err(|error| self.unreadable(error))?);
            tokio::task::consume_budget().await;
        }
        Ok(md5.finalize().into())
    }

    async fn stream(&self, info: &ObjectInfo) -> Result<ByteStream, ReadError> {
        // The range says how much there is, so that a store can read ahead; an empty one cannot be said.
        let range = Some(0..info.bytes).filter(|range| !range.is_empty());
        let request = GetRequest { range, if_match: Some(info.etag.clone()) };
        self.store.get(&self.claimed.key, request).await.map_err(|error| self.unreadable(error))
    }

    fn check_md5(&self, found: &[u8]) -> Result<(), ReadError> {
        let found = STANDARD.encode(found);
        match &self.planned().md5 {
            Some(promised) if *promised != found => {
                Err(ReadError::Md5 { key: self.planned().key.clone(), found, promised: promised.clone() })
            }
            _ => Ok(()),
        }
    }

    fn missing(&self) -> ReadError {
        ReadError::Missing { key: self.planned().key.clone(), source_root: self.store.describe() }
    }

    fn unreadable(&self, source: PortError) -> ReadError {
        let key = self.planned().key.clone();
        match source.fault {
            PortFault::NotFound => self.missing(),
            _ => ReadError::Port { key, source },
        }
    }
}

/// The conversion yields between two chunks, so a held file is fed in chunks too.
fn in_chunks(bytes: Bytes) -> ByteStream {
    let chunk = backfleet_core::limits::READ_CHUNK_BYTES;
    let starts = (0..bytes.len()).step_by(chunk);
    stream::iter(starts.map(move |at| Ok(bytes.slice(at..bytes.len().min(at + chunk))))).boxed()
}
