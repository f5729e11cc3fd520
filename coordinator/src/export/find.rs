//! Finds the one export in a folder or below it.

use backfleet_core::key::ObjectKey;
use backfleet_core::ports::ObjectStore;

use super::ExportError;

pub(super) const SUMMARY: &str = "manifest-summary.json";
const STARTED: &str = "_started";

/// Exports that an error names at most.
const NAMED_MAX: usize = 10;

/// An export's folder below the place that was searched; empty when it is that place itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The folder.
    pub folder: String,
}

/// Finds the one export in `store` or below it. Costs one listing.
pub async fn find_export(store: &dyn ObjectStore) -> Result<Found, ExportError> {
    let mut finished = Vec::new();
    let mut started = Vec::new();
    let mut after: Option<ObjectKey> = None;
    loop {
        let page = store.list("", after.as_ref()).await?;
        for entry in &page.entries {
            let (folder, name) = split(entry.key.as_str());
            match name {
                SUMMARY => finished.push(folder.to_owned()),
                STARTED => started.push(folder.to_owned()),
                _ => {}
            }
        }
        after = page.entries.last().map(|entry| entry.key.clone());
        if !page.more {
            break;
        }
    }
    choose(store, finished, started)
}

fn choose(
    store: &dyn ObjectStore,
    mut finished: Vec<String>,
    started: Vec<String>,
) -> Result<Found, ExportError> {
    let place = store.describe();
    match (finished.len(), started.into_iter().next()) {
        (1, _) => Ok(Found { folder: finished.remove(0) }),
        (0, Some(export)) => Err(ExportError::Unfinished { place, export }),
        (0, None) => Err(ExportError::NotFound { place }),
        _ => {
            finished.truncate(NAMED_MAX);
            Err(ExportError::Several { place, exports: finished })
        }
    }
}

pub(super) fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('/').unwrap_or(("", key))
}
