//! Where a source or a destination is, as people write it: a folder, or `s3://bucket/prefix`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use backfleet_aws::{Aws, AwsConfig, ConnectError};
use backfleet_core::ahead::ReadAheadStore;
use backfleet_core::local::LocalStore;
use backfleet_core::ports::{ObjectStore, PortError};
use backfleet_core::retry::{Retrier, RetryPolicy, RetryingStore};
use tokio::sync::OnceCell;

/// A place that holds objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder of this machine.
    Folder(PathBuf),
    /// Keys of a bucket that begin with `prefix` and a slash; all of them when it is empty.
    S3 {
        /// The bucket.
        bucket: String,
        /// Without a slash at either end.
        prefix: String,
    },
}

/// A place that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// A kind of place that this version does not know.
    #[error("{text:?} is neither a folder nor s3://bucket/prefix")]
    Unknown {
        /// What was given.
        text: String,
    },
    /// It cannot be opened.
    #[error("{place} cannot be opened")]
    Open {
        /// The place.
        place: String,
        /// Why.
        source: PortError,
    },
    /// AWS cannot be reached with these settings.
    #[error("{place} cannot be reached")]
    Connect {
        /// The place.
        place: String,
        /// Why.
        source: ConnectError,
    },
    /// The destination would lie in the source, or the source in the destination.
    #[error("{dest} and {source_place} lie in each other: give the destination a folder of its own")]
    Nested {
        /// The destination.
        dest: String,
        /// The source.
        source_place: String,
    },
    /// A path cannot be resolved.
    #[error("{place} cannot be resolved")]
    Resolve {
        /// The place.
        place: String,
        /// Why.
        source: io::Error,
    },
}

/// The connections of one process: made when first needed, one for all places, with one budget for retries.
pub struct Connections {
    config: AwsConfig,
    aws: OnceCell<Aws>,
    retrier: Arc<Retrier>,
}

impl Connections {
    /// None yet.
    pub fn new(config: AwsConfig) -> Self {
        // Any seed will do, as long as two processes back off differently.
        let retrier = Arc::new(Retrier::new(RetryPolicy::default(), u64::from(std::process::id())));
        Self { config, aws: OnceCell::new(), retrier }
    }

    /// The clients.
    pub async fn aws(&self) -> Result<&Aws, ConnectError> {
        self.aws.get_or_try_init(|| Aws::connect(self.config.clone())).await
    }

    /// What tries calls again.
    pub fn retrier(&self) -> Arc<Retrier> {
        self.retrier.clone()
    }
}

impl Location {
    /// Reads what a person wrote.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let unknown = || LocationError::Unknown { text: text.to_owned() };
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let prefix = prefix.trim_end_matches('/');
            if bucket.is_empty() || prefix.starts_with('/') {
                return Err(unknown());
            }
            return Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() });
        }
        if text.contains("://") || text.is_empty() {
            return Err(unknown());
        }
        Ok(Self::Folder(PathBuf::from(text)))
    }

    /// The place `folder` below this one; empty for the place itself.
    #[must_use]
    pub fn below(&self, folder: &str) -> Self {
        if folder.is_empty() {
            return self.clone();
        }
        match self {
            Self::Folder(path) => Self::Folder(path.join(folder)),
            Self::S3 { bucket, prefix } if prefix.is_empty() => {
                Self::S3 { bucket: bucket.clone(), prefix: folder.to_owned() }
            }
            Self::S3 { bucket, prefix } => {
                Self::S3 { bucket: bucket.clone(), prefix: format!("{prefix}/{folder}") }
            }
        }
    }

    /// Opens the place for reading alone: nothing of a folder can be written through what this returns. Large
    /// objects of a bucket are read ahead.
    pub async fn open_to_read(
        &self,
        connections: &Connections,
    ) -> Result<Arc<dyn ObjectStore>, LocationError> {
        match self {
            Self::Folder(path) => self.folder(LocalStore::open_read_only(path), connections),
            Self::S3 { bucket, prefix } => {
                let store = self.bucket(bucket, prefix, connections).await?;
                Ok(Arc::new(ReadAheadStore::new(store)))
            }
        }
    }

    /// Opens the place for writing; a folder is made if it is not there.
    pub async fn open_to_write(
        &self,
        connections: &Connections,
    ) -> Result<Arc<dyn ObjectStore>, LocationError> {
        match self {
            Self::Folder(path) => self.folder(LocalStore::open(path), connections),
            Self::S3 { bucket, prefix } => self.bucket(bucket, prefix, connections).await,
        }
    }

    /// The same place by its full name, which does not depend on where this process was started.
    pub fn resolved(&self) -> Result<Self, LocationError> {
        match self {
            Self::Folder(path) => resolve(path).map(Self::Folder),
            Self::S3 { .. } => Ok(self.clone()),
        }
    }

    /// Whether there can be anything at this place yet.
    pub fn exists(&self) -> bool {
        match self {
            Self::Folder(path) => path.exists(),
            Self::S3 { .. } => true,
        }
    }

    /// Whether objects here are better proven by reading them than by what the store says of them.
    pub fn is_near(&self) -> bool {
        matches!(self, Self::Folder(_))
    }

    /// Whether this place is `outer` or lies in it, by name.
    pub fn is_within(&self, outer: &Self) -> bool {
        match (self, outer) {
            (Self::Folder(inner), Self::Folder(outer)) => inner.starts_with(outer),
            (Self::S3 { bucket, prefix }, Self::S3 { bucket: outer_bucket, prefix: outer }) => {
                let below = || prefix.strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('/'));
                bucket == outer_bucket && (outer.is_empty() || prefix == outer || below())
            }
            _ => false,
        }
    }

    fn folder(
        &self,
        store: Result<LocalStore, PortError>,
        connections: &Connections,
    ) -> Result<Arc<dyn ObjectStore>, LocationError> {
        let store = store.map_err(|source| LocationError::Open { place: self.to_string(), source })?;
        Ok(Arc::new(RetryingStore::new(Arc::new(store), connections.retrier())))
    }

    async fn bucket(
        &self,
        bucket: &str,
        prefix: &str,
        connections: &Connections,
    ) -> Result<Arc<dyn ObjectStore>, LocationError> {
        let aws = connections.aws().await;
        let aws = aws.map_err(|source| LocationError::Connect { place: self.to_string(), source })?;
        let store = Arc::new(aws.s3_store(bucket, prefix));
        Ok(Arc::new(RetryingStore::new(store, connections.retrier())))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

/// Refuses a destination inside its source and the other way round.
pub fn check_apart(source: &Location, dest: &Location) -> Result<(), LocationError> {
    let (source_real, dest_real) = (source.resolved()?, dest.resolved()?);
    if source_real.is_within(&dest_real) || dest_real.is_within(&source_real) {
        return Err(LocationError::Nested { dest: dest.to_string(), source_place: source.to_string() });
    }
    Ok(())
}

/// The real path of what exists, with what does not exist yet behind it.
fn resolve(path: &Path) -> Result<PathBuf, LocationError> {
    let failed = |source| LocationError::Resolve { place: path.display().to_string(), source };
    let path = std::path::absolute(path).map_err(failed)?;
    let mut missing = Vec::new();
    let mut there: &Path = &path;
    while !there.exists() {
        let Some((parent, name)) = there.parent().zip(there.file_name()) else { break };
        missing.push(name.to_owned());
        there = parent;
    }
    let mut real = there.canonicalize().map_err(failed)?;
    real.extend(missing.iter().rev());
    Ok(real)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_inside_its_source_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| Location::Folder(dir.path().join(name));
        assert!(check_apart(&at("export"), &at("export/out")).is_err());
        assert!(check_apart(&at("lake/export"), &at("lake")).is_err());
        assert!(check_apart(&at("export"), &at("export")).is_err());
        assert!(check_apart(&at("export"), &at("export-out")).is_ok());
    }

    #[test]
    fn a_bucket_and_its_prefix_are_read_and_written_alike() {
        for (text, canonical) in
            [("s3://b", "s3://b"), ("s3://b/", "s3://b"), ("s3://b/a b/c/", "s3://b/a b/c")]
        {
            assert_eq!(Location::parse(text).unwrap().to_string(), canonical);
        }
        let place = |text| Location::parse(text).unwrap();
        assert_eq!(place("s3://b").below("x/y").to_string(), "s3://b/x/y");
        assert_eq!(place("s3://b/p").below("x").to_string(), "s3://b/p/x");
        assert!(place("s3://b/p/x").is_within(&place("s3://b/p")));
        assert!(!place("s3://b/px").is_within(&place("s3://b/p")));
        assert!(!place("s3://c/p").is_within(&place("s3://b")));
        assert!(check_apart(&place("s3://b/p"), &place("s3://b/p/out")).is_err());
        assert!(check_apart(&place("s3://b/p"), &place("out")).is_ok());
    }

    #[test]
    fn an_address_of_an_unknown_kind_is_no_folder_by_accident() {
        for text in ["gs://bucket/x", "http://x", "", "s3://", "s3:///x", "s3://b//x"] {
            assert!(Location::parse(text).is_err(), "{text}");
        }
    }
}
