//! Where a source or a destination is, as people write it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use backfleet_core::local::LocalStore;
use backfleet_core::ports::{ObjectStore, PortError};
use backfleet_core::retry::{Retrier, RetryPolicy, RetryingStore};

/// A place that holds objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder of this machine.
    Folder(PathBuf),
}

/// A place that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// A kind of place that this version does not know.
    #[error("{text:?} is no folder: this version reads and writes folders of this machine")]
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

impl Location {
    /// Reads what a person wrote.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        if text.contains("://") || text.is_empty() {
            return Err(LocationError::Unknown { text: text.to_owned() });
        }
        Ok(Self::Folder(PathBuf::from(text)))
    }

    /// The place `folder` below this one; empty for the place itself.
    #[must_use]
    pub fn below(&self, folder: &str) -> Self {
        match self {
            Self::Folder(path) if folder.is_empty() => Self::Folder(path.clone()),
            Self::Folder(path) => Self::Folder(path.join(folder)),
        }
    }

    /// Opens the place for reading alone: nothing can be written through what this returns.
    pub fn open_to_read(&self) -> Result<Arc<dyn ObjectStore>, LocationError> {
        match self {
            Self::Folder(path) => self.opened(LocalStore::open_read_only(path)),
        }
    }

    /// Opens the place for writing, and makes it if it is not there.
    pub fn open_to_write(&self) -> Result<Arc<dyn ObjectStore>, LocationError> {
        match self {
            Self::Folder(path) => self.opened(LocalStore::open(path)),
        }
    }

    /// The same place by its full name, which does not depend on where this process was started.
    pub fn resolved(&self) -> Result<Self, LocationError> {
        match self {
            Self::Folder(path) => resolve(path).map(Self::Folder),
        }
    }

    /// Whether there is anything at this place yet.
    pub fn exists(&self) -> bool {
        match self {
            Self::Folder(path) => path.exists(),
        }
    }

    /// Whether objects here should be proven by reading them, which is cheap, and not by what the store says.
    pub fn is_near(&self) -> bool {
        match self {
            Self::Folder(_) => true,
        }
    }

    fn opened(&self, store: Result<LocalStore, PortError>) -> Result<Arc<dyn ObjectStore>, LocationError> {
        let store = store.map_err(|source| LocationError::Open { place: self.to_string(), source })?;
        // Any seed will do, as long as two processes back off differently.
        let retrier = Retrier::new(RetryPolicy::default(), u64::from(std::process::id()));
        Ok(Arc::new(RetryingStore::new(Arc::new(store), Arc::new(retrier))))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Refuses a destination inside its source and the other way round.
pub fn check_apart(source: &Location, dest: &Location) -> Result<(), LocationError> {
    let (Location::Folder(source_path), Location::Folder(dest_path)) = (source, dest);
    let source_path = resolve(source_path)?;
    let dest_path = resolve(dest_path)?;
    if source_path.starts_with(&dest_path) || dest_path.starts_with(&source_path) {
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
    fn an_address_of_an_unknown_kind_is_no_folder_by_accident() {
        for text in ["gs://bucket/x", "http://x", ""] {
            assert!(Location::parse(text).is_err(), "{text}");
        }
    }
}
