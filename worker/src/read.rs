//! The unit's file, proven before a byte of it is converted.
//!
//! A small file is held in memory between proving its MD5 and converting it. A larger one is read twice, the
//! second time only if it still is the version that was proven: so no shard is ever written from a file that
//! is not the one its export lists.

use std::time::Duration;

use backfleet_core::key::ObjectKey;
use backfleet_core::limits::{INPUT_HELD_BYTES_MAX, READ_CHUNK_BYTES};
use backfleet_core::mutant::{self, Mutant};
use backfleet_core::plan::UnitPlan;
use backfleet_core::ports::{ByteStream, Effect, GetRequest, ObjectInfo, ObjectStore, PortError, PortFault};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use md5::{Digest as _, Md5};
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_128;

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
pub async fn open(claimed: &Claimed, files: &dyn ObjectStore) -> Result<Input, ReadError> {
    let file = File { store: files, claimed };
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
        if self.planned().md5.is_none() {
            return self.stream(&info).await;
        }
        let prints = self.prove(&info).await?;
        Ok(checked(self.stream(&info).await?, self.claimed.key.clone(), prints))
    }

    /// Proves the MD5 and takes a print of every piece, so that the second reading can be held to the first before
    /// any of it is converted: the way from the store has no checksum of its own for a part of an object.
    async fn prove(&self, info: &ObjectInfo) -> Result<Vec<u128>, ReadError> {
        let mut pieces = pieces(self.stream(info).await?);
        let mut md5 = Md5::new();
        let mut prints = Vec::new();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| self.unreadable(error))?;
            md5.update(&piece);
            prints.push(xxh3_128(&piece));
            tokio::task::yield_now().await;
        }
        self.check_md5(md5.finalize().as_slice())?;
        Ok(prints)
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
            Some(promised) if *promised != found && !mutant::is(Mutant::Md5Unseen) => {
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
    let chunk = READ_CHUNK_BYTES;
    let starts = (0..bytes.len()).step_by(chunk);
    stream::iter(starts.map(move |at| Ok(bytes.slice(at..bytes.len().min(at + chunk))))).boxed()
}

/// The same bytes in pieces of [`READ_CHUNK_BYTES`], whatever the chunks they come in.
fn pieces(bytes: ByteStream) -> ByteStream {
    let rest = BytesMut::with_capacity(READ_CHUNK_BYTES * 2);
    stream::try_unfold((bytes, rest, false), |(mut bytes, mut rest, mut ended)| async move {
        while rest.len() < READ_CHUNK_BYTES && !ended {
            match bytes.next().await.transpose()? {
                Some(chunk) => rest.extend_from_slice(&chunk),
                None => ended = true,
            }
        }
        let piece = rest.split_to(rest.len().min(READ_CHUNK_BYTES)).freeze();
        Ok((!piece.is_empty()).then_some((piece, (bytes, rest, ended))))
    })
    .boxed()
}

/// Hands a piece on only if it is the one that was proven.
fn checked(bytes: ByteStream, key: ObjectKey, prints: Vec<u128>) -> ByteStream {
    let mut prints = prints.into_iter();
    let garbled = move || PortError::passing("object_store.get", &key, PortFault::Corrupted, Effect::None);
    pieces(bytes)
        .map(move |piece| match piece {
            Ok(piece) if prints.next() != Some(xxh3_128(&piece)) => Err(garbled()),
            piece => piece,
        })
        .boxed()
}
