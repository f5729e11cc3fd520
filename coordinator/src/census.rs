//! Takes the census of an export: every record of every file, once, on as many cores as there are. What it costs is kept:
//! the same files in the same destination are not counted twice.

use std::sync::Arc;

use backfleet_convert::{Census, CensusError, CountError, Counter, Input};
use backfleet_core::digest::Sha256Digest;
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::census_key;
use backfleet_core::limits::CENSUS_BYTES_MAX;
use backfleet_core::plan::{ExportSource, PlanError, UnitPlan};
use backfleet_core::ports::{GetRequest, Metadata, NewObject, ObjectStore, PortError};
use backfleet_worker::location::{Connections, Location, LocationError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt as _, stream};
use md5::{Digest as _, Md5};

/// A census that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum TakingError {
    /// A file could not be read.
    #[error("file {key} could not be read")]
    Read {
        /// The file.
        key: String,
        /// Why.
        source: PortError,
    },
    /// A file is gone, damaged, or has no columns.
    #[error("file {key} cannot be counted")]
    File {
        /// The file.
        key: String,
        /// What is wrong with it.
        source: CountError,
    },
    /// The bytes of a file are not those that the export wrote.
    #[error("file {key} has MD5 {found}, its manifest says {promised}")]
    Md5 {
        /// The file.
        key: String,
        /// The MD5 of its bytes, base64.
        found: String,
        /// What the manifest says.
        promised: String,
    },
    /// Together the files have too many attributes.
    #[error(transparent)]
    Census(#[from] CensusError),
    /// The plan's files are none.
    #[error("the files cannot be counted")]
    Plan(#[from] PlanError),
    /// Where a census is kept cannot be opened.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// Where a census is kept did not answer.
    #[error("the census could not be kept")]
    Port(#[from] PortError),
}

impl TakingError {
    /// What to do about it.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Census(_) | Self::File { source: CountError::Census(_), .. } => Some(
                "names are data here: use --format stream or plain, or pin the columns that matter with --schema FILE"
                    .to_owned(),
            ),
            Self::File { .. } | Self::Md5 { .. } => {
                Some("copy the file again from the bucket that the export was written to".to_owned())
            }
            _ => None,
        }
    }
}

/// The files of a census.
#[derive(Clone)]
pub struct Files {
    /// Where they lie.
    pub store: Arc<dyn ObjectStore>,
    /// How they are written.
    pub source: ExportSource,
    /// Which they are.
    pub units: Arc<Vec<UnitPlan>>,
}

/// Where a census is kept: in the destination of a job, which is opened only when there is something to look for or to
/// put there.
#[derive(Clone, Copy)]
pub struct Shelf<'a> {
    /// The destination.
    pub dest: &'a Location,
    /// How it is reached.
    pub connections: &'a Connections,
    /// Whether it may be put there; dry runs only look.
    pub may_write: bool,
}

impl Shelf<'_> {
    async fn find(&self, key: &ObjectKey) -> Result<Option<Census>, TakingError> {
        if !self.dest.exists() {
            return Ok(None);
        }
        let json = self.dest.open_to_read(self.connections).await?.get_small(key, CENSUS_BYTES_MAX).await?;
        Ok(json.and_then(|json| serde_json::from_slice(&json).ok()))
    }

    async fn keep(&self, key: ObjectKey, census: &Census) -> Result<(), TakingError> {
        if !self.may_write {
            return Ok(());
        }
        let json = serde_json::to_vec(census).expect("a census is plain data");
        let sha256 = Sha256Digest::of(&json);
        let object = NewObject { key, bytes: json.into(), metadata: Metadata::new(), sha256 };
        // Who was there first has counted the same files.
        self.dest.open_to_write(self.connections).await?.put_new(object).await?;
        Ok(())
    }
}

/// The census of `files`: from the shelf, or counted now.
pub async fn take(files: &Files, shelf: Option<Shelf<'_>>) -> Result<Census, TakingError> {
    let key = census_key(files.digest());
    let Some(shelf) = shelf else { return files.count().await };
    if let Some(census) = shelf.find(&key).await? {
        return Ok(census);
    }
    let census = files.count().await?;
    shelf.keep(key, &census).await?;
    Ok(census)
}

impl Files {
    /// Names what is counted: what the exports promise of their files, as a job's id does.
    fn digest(&self) -> Sha256Digest {
        let mut text = serde_json::to_vec(&self.source).expect("a source is plain data");
        for unit in self.units.iter() {
            let UnitPlan { part, key, items, md5, .. } = unit;
            text.extend_from_slice(format!("{part} {key} {items:?} {md5:?}\n").as_bytes());
        }
        Sha256Digest::of(&text)
    }

    async fn count(&self) -> Result<Census, TakingError> {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let files = (0..self.units.len()).filter(|unit| self.units[*unit].items != Some(0));
        let counted = files.map(|unit| {
            let files = self.clone();
            tokio::spawn(async move { files.count_file(unit).await })
        });
        let mut counted = stream::iter(counted).buffer_unordered(at_once);
        let mut census = Census::default();
        while let Some(one) = counted.next().await {
            census.merge(one.expect("counting neither panics nor is stopped")?)?;
        }
        Ok(census)
    }

    async fn count_file(&self, unit: usize) -> Result<Census, TakingError> {
        let unit = &self.units[unit];
        let input: Input = self.source.parts[unit.part as usize].input(&unit.key).map_err(PlanError::from)?;
        let key = ObjectKey::new(unit.key.clone()).map_err(|source| PlanError::Key { unit: 0, source })?;
        let unread = |source| TakingError::Read { key: unit.key.clone(), source };
        let uncounted = |source| TakingError::File { key: unit.key.clone(), source };
        let mut md5 = Md5::new();
        let mut bytes = self.store.get(&key, GetRequest::default()).await.map_err(unread)?;
        let mut counter = Counter::new(input);
        while let Some(chunk) = bytes.next().await {
            let chunk = chunk.map_err(unread)?;
            md5.update(&chunk);
            counter.feed(chunk);
            counter.count().map_err(uncounted)?;
        }
        counter.finish();
        counter.count().map_err(uncounted)?;
        let found = STANDARD.encode(md5.finalize());
        if let Some(promised) = unit.md5.clone().filter(|promised| *promised != found) {
            return Err(TakingError::Md5 { key: unit.key.clone(), found, promised });
        }
        Ok(counter.into_census().0)
    }
}
