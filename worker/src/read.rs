//! The unit's file, proven before a byte of it is converted.
//!
//! A small file is held in memory between proving its MD5 and converting it. A larger one is read twice, the
//! second time only if it still is the version that was proven: so no shard is ever written from a file that
//! is not the one its export lists.

use std::time::Duration;

use backfleet_core::limits::INPUT_HELD_BYTES_MAX;
use backfleet_core::plan::UnitPlan;
use backfleet_core::ports::{ByteStream, ETag, GetRequest, ObjectStore, PortError, PortFault};
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
    /// Its length is another one.
    #[error("file {key} has {found} bytes, it had {planned} when the job was planned")]
    Length {
        /// The file.
        key: String,
        /// Its length.
        found: u64,
        /// Its length when the job was planned.
        planned: u64,
    },
    /// It was replaced, and there is no MD5 to prove that it is the same.
    #[error("file {key} was replaced since the job was planned, and its manifest has no MD5 to prove it by")]
    Replaced {
        /// The file.
        key: String,
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
            Self::Length { .. } | Self::Replaced { .. } => "input-changed",
            Self::Md5 { .. } => "input-md5",
            Self::Port { source, .. } => port_class(source),
        }
    }
}

/// Opens and proves the file of a claimed unit.
pub async fn open(claimed: &Claimed) -> Result<Input, ReadError> {
    let file = File { store: &*claimed.job.source, claimed };
    let began = Instant::now();
    let bytes = if file.planned().bytes <= INPUT_HELD_BYTES_MAX && file.planned().md5.is_some() {
        file.held().await?
    } else {
        file.streamed().await?
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

    async fn held(&self) -> Result<ByteStream, ReadError> {
        // One byte more than planned is enough to see that the file has grown.
        let bytes_max = usize::try_from(self.planned().bytes).unwrap_or(usize::MAX).saturating_add(1);
        let bytes = match self.store.get_small(&self.claimed.key, bytes_max).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(self.missing()),
            Err(error) if error.fault == PortFault::TooLarge => {
                return Err(self.length(self.planned().bytes + 1));
            }
            Err(error) => return Err(self.unreadable(error)),
        };
        if bytes.len() as u64 != self.planned().bytes {
            return Err(self.length(bytes.len() as u64));
        }
        self.check_md5(Md5::digest(&bytes).as_slice())?;
        Ok(in_chunks(bytes))
    }

    async fn streamed(&self) -> Result<ByteStream, ReadError> {
        let info = self.store.head(&self.claimed.key).await.map_err(|error| self.unreadable(error))?;
        let info = info.ok_or_else(|| self.missing())?;
        if info.bytes != self.planned().bytes {
            return Err(self.length(info.bytes));
        }
        if self.planned().md5.is_some() {
            self.check_md5(&self.md5(&info.etag).await?)?;
        } else if self.planned().etag.as_ref().is_some_and(|etag| *etag != info.etag.0) {
            return Err(ReadError::Replaced { key: self.planned().key.clone() });
        }
        self.stream(&info.etag).await
    }

    async fn md5(&self, etag: &ETag) -> Result<[u8; 16], ReadError> {
        let mut bytes = self.stream(etag).await?;
        let mut md5 = Md5::new();
        while let Some(chunk) = bytes.next().await {
            md5.update(chunk.map_err(|error| self.unreadable(error))?);
            tokio::task::consume_budget().await;
        }
        Ok(md5.finalize().into())
    }

    async fn stream(&self, etag: &ETag) -> Result<ByteStream, ReadError> {
        // The range says how much there is, so that a store can read ahead; an empty one cannot be said.
        let range = Some(0..self.planned().bytes).filter(|range| !range.is_empty());
        let request = GetRequest { range, if_match: Some(etag.clone()) };
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

    fn length(&self, found: u64) -> ReadError {
        ReadError::Length { key: self.planned().key.clone(), found, planned: self.planned().bytes }
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
