//! Keys in byte order.
//!
//! The order of a folder's names is not that of the keys below them: `a-b` stands before `a/b`, which stands before
//! `a0`. Comparing the names of folders with their `/` makes it so, because every key below begins with exactly
//! that. A page reads no folder that cannot contribute, and holds no more names of a folder than it has entries: there may
//! be a million.

use std::collections::BinaryHeap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use tracing::warn;

use super::reading::etag;
use super::root::Root;
use super::sidecar::META_FOLDER;
use super::staging::TEMP_FOLDER;
use crate::key::ObjectKey;
use crate::limits::LIST_PAGE_MAX;
use crate::ports::{Listing, ListingEntry};

/// Names of a folder that are held at once.
const NAMES_MAX: usize = LIST_PAGE_MAX + 1;

/// The page of keys that begin with `prefix` and stand behind `after`. Links to folders are not entered, lest one
/// leads back up.
pub(super) fn page(root: &Root, prefix: &str, after: Option<&ObjectKey>) -> io::Result<Listing> {
    let listing = Listing { entries: Vec::new(), more: false };
    let mut walk = Walk { root, prefix, after: after.map_or("", ObjectKey::as_str), listing };
    walk.folder(root.path(), "")?;
    Ok(walk.listing)
}

struct Walk<'a> {
    root: &'a Root,
    prefix: &'a str,
    after: &'a str,
    listing: Listing,
}

impl Walk<'_> {
    /// Lists what is in `folder`, all of whose keys begin with `above`.
    fn folder(&mut self, folder: &Path, above: &str) -> io::Result<()> {
        let (mut walked, mut at_end) = (String::new(), false);
        while !at_end && !self.listing.more {
            let keys = self.wanted(folder, above, &walked)?;
            at_end = keys.len() < NAMES_MAX;
            walked = keys.last().cloned().unwrap_or_default();
            for key in keys {
                if self.listing.more {
                    break;
                }
                if let Some(subfolder) = key.strip_suffix('/') {
                    self.folder(&self.root.path().join(subfolder), &key)?;
                } else {
                    self.file(key)?;
                }
            }
        }
        Ok(())
    }

    /// The first keys in `folder` that matter and stand behind `walked`, in order, as many as there may be; those of folders
    /// end in `/`.
    fn wanted(&self, folder: &Path, above: &str, walked: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut first = BinaryHeap::new();
        for entry in entries {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                warn!(path = %entry.path().display(), "not listed: its name is not UTF-8");
                continue;
            };
            let is_ours = above.is_empty() && [META_FOLDER, TEMP_FOLDER].contains(&name.as_str());
            let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
            let key = format!("{above}{name}{slash}");
            if !is_ours && key.as_str() > walked && self.may_hold(&key) {
                first.push(key);
                if first.len() > NAMES_MAX {
                    first.pop();
                }
            }
        }
        Ok(first.into_sorted_vec())
    }

    /// Whether `key`, or something below it if it ends in `/`, belongs into the listing.
    fn may_hold(&self, key: &str) -> bool {
        let is_folder = key.ends_with('/');
        let in_prefix = key.starts_with(self.prefix) || (is_folder && self.prefix.starts_with(key));
        let behind = key > self.after || (is_folder && self.after.starts_with(key));
        in_prefix && behind
    }

    fn file(&mut self, key: String) -> io::Result<()> {
        let Some(found) = self.found(&key)? else {
            return Ok(());
        };
        let Ok(key) = ObjectKey::new(key) else {
            warn!("not listed: a file whose name cannot be a key");
            return Ok(());
        };
        if self.listing.entries.len() == LIST_PAGE_MAX {
            self.listing.more = true;
            return Ok(());
        }
        self.listing.entries.push(ListingEntry {
            key,
            bytes: found.len(),
            etag: etag(&found),
            modified: found.modified()?,
        });
        Ok(())
    }

    /// `None` for what is no object: gone since, a link to nowhere or out of the root, a socket.
    fn found(&self, key: &str) -> io::Result<Option<fs::Metadata>> {
        let path = match self.root.existing(key) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                warn!(key, "not listed: it cannot be read");
                return Ok(None);
            }
            path => path?,
        };
        match path.map(fs::metadata).transpose() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            found => Ok(found?.filter(fs::Metadata::is_file)),
        }
    }
}
