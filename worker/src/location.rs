//! Where a source or a destination is, as people write it: a folder, or `s3://bucket/prefix`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use backfleet_aws::{Aws, AwsConfig, ConnectError, DynamoExporter};
use backfleet_core::ahead::ReadAheadStore;
use backfleet_core::local::LocalStore;
use backfleet_core::paced::{InvokePace, PacedStore, StorePace, WritePace};
use backfleet_core::ports::{ControlStore, ObjectStore, PortError, TableScanner};
use backfleet_core::retry::{Retrier, RetryPolicy, RetryingScanner, RetryingStore};
use backfleet_core::sink::SinkPlace;
use tokio::sync::OnceCell;

use crate::desk::Origin;

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
    /// A table that is scanned, or one of its indexes.
    Table {
        /// Name or ARN.
        table: String,
        /// The index.
        index: Option<String>,
    },
}

/// A place that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// A kind of place that this version does not know.
    #[error("{text:?} is neither a folder, nor s3://bucket/prefix, nor dynamodb://table")]
    Unknown {
        /// What was given.
        text: String,
    },
    /// A sink where objects are asked for.
    #[error(
        "{text} holds no objects: what a job keeps of itself that puts its records there lies in its --state"
    )]
    Sink {
        /// What was given.
        text: String,
    },
    /// A table where objects are asked for.
    #[error("{place} is a table: it can be a source, and nothing else")]
    NoObjects {
        /// The place.
        place: String,
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
    paces: Paces,
}

/// How fast this process may ask of each kind of service, all places of one kind together.
pub struct Paces {
    /// Buckets.
    pub store: Arc<StorePace>,
    /// Functions.
    pub invoke: Arc<InvokePace>,
    /// Tables that are touched.
    pub write: Arc<WritePace>,
}

impl Connections {
    /// None yet.
    pub fn new(config: AwsConfig, paces: Paces) -> Self {
        // Any seed will do, as long as two processes back off differently.
        let retrier = Arc::new(Retrier::new(RetryPolicy::default(), u64::from(std::process::id())));
        Self { config, aws: OnceCell::new(), retrier, paces }
    }

    /// The clients.
    pub async fn aws(&self) -> Result<&Aws, ConnectError> {
        self.aws.get_or_try_init(|| Aws::connect(self.config.clone())).await
    }

    /// How fast services may be asked.
    pub(crate) fn paces(&self) -> &Paces {
        &self.paces
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
        if let Some(table) = text.strip_prefix("dynamodb://").or(text.strip_prefix("arn:").map(|_| text)) {
            let (table, index) = match table.split_once("/index/") {
                None => (table, None),
                Some((table, index)) => (table, Some(index.to_owned())),
            };
            let name = table.rsplit_once(":table/").map_or(table, |(_, name)| name);
            let is_name = |name: &str| {
                !name.is_empty()
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
            };
            if !is_name(name) || index.as_deref().is_some_and(|index| !is_name(index)) {
                return Err(unknown());
            }
            return Ok(Self::Table { table: table.to_owned(), index });
        }
        if SinkPlace::is_meant(text) {
            return Err(LocationError::Sink { text: text.to_owned() });
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
            Self::Table { .. } => self.clone(),
            Self::Folder(path) => Self::Folder(path.join(folder)),
            Self::S3 { bucket, prefix } if prefix.is_empty() => {
                Self::S3 { bucket: bucket.clone(), prefix: folder.to_owned() }
            }
            Self::S3 { bucket, prefix } => {
                Self::S3 { bucket: bucket.clone(), prefix: format!("{prefix}/{folder}") }
            }
        }
    }

    /// The place around this one; `None` at the top of a bucket or file system.
    pub fn parent(&self) -> Option<Self> {
        match self {
            Self::Table { .. } => None,
            Self::Folder(path) => path.parent().map(|parent| Self::Folder(parent.to_owned())),
            Self::S3 { prefix, .. } if prefix.is_empty() => None,
            Self::S3 { bucket, prefix } => {
                let around = prefix.rsplit_once('/').map_or("", |(around, _)| around);
                Some(Self::S3 { bucket: bucket.clone(), prefix: around.to_owned() })
            }
        }
    }

    /// The innermost place that both lie in; `None` if there is none.
    pub fn common(&self, other: &Self) -> Option<Self> {
        let mut around = self.clone();
        while !other.is_within(&around) {
            around = around.parent()?;
        }
        Some(around)
    }

    /// What has to be put before a key of this place to name the same object below `outer`: nothing, or a folder with
    /// a slash; `None` if this place does not lie there, or its path is no text.
    pub fn prefix_below(&self, outer: &Self) -> Option<String> {
        let folder = match (self, outer) {
            (Self::Folder(inner), Self::Folder(outer)) => inner.strip_prefix(outer).ok()?.to_str()?,
            (Self::S3 { prefix: inner, .. }, Self::S3 { prefix: around, .. }) if self.is_within(outer) => {
                inner.strip_prefix(around.as_str())?.trim_start_matches('/')
            }
            _ => return None,
        };
        Some(if folder.is_empty() { String::new() } else { format!("{folder}/") })
    }

    /// Opens the place for reading alone: nothing of a folder can be written through what this returns. Large
    /// objects of a bucket are read ahead.
    pub async fn open_to_read(
        &self,
        connections: &Connections,
    ) -> Result<Arc<dyn ObjectStore>, LocationError> {
        match self {
            Self::Table { .. } => Err(self.no_objects()),
            Self::Folder(path) => self.folder(LocalStore::open_read_only(path), connections),
            Self::S3 { bucket, prefix } => {
                let store = self.bucket(bucket, prefix, connections).await?;
                Ok(Arc::new(ReadAheadStore::new(store)))
            }
        }
    }

    /// Opens what a job reads.
    pub async fn open_origin(&self, connections: &Connections) -> Result<Origin, LocationError> {
        match self {
            Self::Table { .. } => self.open_table(connections).await.map(Origin::Table),
            _ => self.open_to_read(connections).await.map(Origin::Files),
        }
    }

    /// Opens a table.
    pub async fn open_table(
        &self,
        connections: &Connections,
    ) -> Result<Arc<dyn TableScanner>, LocationError> {
        let Self::Table { table, index } = self else {
            return Err(LocationError::Unknown { text: self.to_string() });
        };
        let aws = self.reached(connections).await?;
        let table = Arc::new(aws.table(table, index.as_deref()));
        Ok(Arc::new(RetryingScanner::new(table, connections.retrier())))
    }

    /// Opens the exports of a table, which has this ARN.
    pub async fn open_exporter(
        &self,
        table_arn: &str,
        connections: &Connections,
    ) -> Result<DynamoExporter, LocationError> {
        Ok(self.reached(connections).await?.exporter(table_arn))
    }

    /// Opens a destination for what its operator may change.
    pub async fn open_control(
        &self,
        connections: &Connections,
    ) -> Result<Arc<dyn ControlStore>, LocationError> {
        match self {
            Self::Table { .. } => Err(self.no_objects()),
            Self::Folder(path) => {
                let store = LocalStore::open(path);
                let store =
                    store.map_err(|source| LocationError::Open { place: self.to_string(), source })?;
                Ok(Arc::new(store))
            }
            Self::S3 { bucket, prefix } => {
                Ok(Arc::new(self.reached(connections).await?.s3_store(bucket, prefix)))
            }
        }
    }

    async fn reached<'c>(&self, connections: &'c Connections) -> Result<&'c Aws, LocationError> {
        let aws = connections.aws().await;
        aws.map_err(|source| LocationError::Connect { place: self.to_string(), source })
    }

    /// Opens the place for writing; a folder is made if it is not there.
    pub async fn open_to_write(
        &self,
        connections: &Connections,
    ) -> Result<Arc<dyn ObjectStore>, LocationError> {
        match self {
            Self::Table { .. } => Err(self.no_objects()),
            Self::Folder(path) => self.folder(LocalStore::open(path), connections),
            Self::S3 { bucket, prefix } => self.bucket(bucket, prefix, connections).await,
        }
    }

    /// The same place by its full name, which does not depend on where this process was started.
    pub fn resolved(&self) -> Result<Self, LocationError> {
        match self {
            Self::Folder(path) => resolve(path).map(Self::Folder),
            Self::S3 { .. } | Self::Table { .. } => Ok(self.clone()),
        }
    }

    /// Whether there can be anything at this place yet.
    pub fn exists(&self) -> bool {
        match self {
            Self::Folder(path) => path.exists(),
            Self::S3 { .. } | Self::Table { .. } => true,
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
            // By what is written: the same name elsewhere is another table.
            (Self::Table { table, index }, Self::Table { table: outer, index: outer_index }) => {
                table == outer && (outer_index.is_none() || index == outer_index)
            }
            _ => false,
        }
    }

    fn no_objects(&self) -> LocationError {
        LocationError::NoObjects { place: self.to_string() }
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
        let store = self.reached(connections).await?.s3_store(bucket, prefix);
        let paced = Arc::new(PacedStore::new(store, connections.paces.store.clone()));
        Ok(Arc::new(RetryingStore::new(paced, connections.retrier())))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Table { table, index: None } => write!(f, "dynamodb://{table}"),
            Self::Table { table, index: Some(index) } => write!(f, "dynamodb://{table}/index/{index}"),
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
    fn places_know_what_lies_around_them() {
        let place = |text| Location::parse(text).unwrap();
        for (one, other, around, prefix) in [
            ("s3://b/p/A/1", "s3://b/p/A", "s3://b/p/A", "1/"),
            ("s3://b/p/A", "s3://b/p/A/1", "s3://b/p/A", ""),
            ("s3://b/p/A", "s3://b/q", "s3://b", "p/A/"),
            ("/x/full", "/x/inc/data", "/x", "full/"),
            ("/x", "/y/z", "/", "x/"),
        ] {
            let common = place(one).common(&place(other)).unwrap();
            assert_eq!(common.to_string(), around);
            assert_eq!(place(one).prefix_below(&common).unwrap(), prefix);
        }
        assert_eq!(place("s3://b/p").common(&place("s3://c/p")), None);
        assert_eq!(place("s3://b/p").common(&place("/p")), None);
        assert_eq!(place("s3://b/px").prefix_below(&place("s3://b/p")), None);
        assert_eq!(place("s3://b").parent(), None);
    }

    #[test]
    fn a_table_is_named_by_name_or_arn_with_or_without_an_index() {
        const ARN: &str = "arn:aws:dynamodb:eu-north-1:123456789012:table/orders";
        let place = |text: &str| Location::parse(text).unwrap();
        for text in ["dynamodb://orders", "dynamodb://orders/index/by-date"] {
            assert_eq!(place(text).to_string(), text);
        }
        assert_eq!(place(ARN), place(&format!("dynamodb://{ARN}")));
        assert!(place("dynamodb://orders/index/x").is_within(&place("dynamodb://orders")));
        assert!(!place("dynamodb://orders").is_within(&place("dynamodb://orders/index/x")));
        assert!(!place(ARN).is_within(&place("dynamodb://orders")));
        for text in [
            "dynamodb://",
            "dynamodb://a/b",
            "dynamodb://a/index/",
            "arn:aws:s3:::bucket/x",
            "dynamodb://a b",
        ] {
            assert!(Location::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_of_an_unknown_kind_is_no_folder_by_accident() {
        for text in ["gs://bucket/x", "http://x", "", "s3://", "s3:///x", "s3://b//x"] {
            assert!(Location::parse(text).is_err(), "{text}");
        }
    }
}
