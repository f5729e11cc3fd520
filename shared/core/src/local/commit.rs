//! How an object comes to be, whole and once.
//!
//! ```text
//!             without metadata                     with metadata
//!  stage      temp written and synced              temp and sidecar written and synced
//!  commit     link temp -> <key>   (EEXIST: lost)  link sidecar -> .backfleet-meta/<key>.json   (EEXIST: lost)
//!  reveal     -                                    link temp -> <key>
//!  sync       the folders
//!  clean      unlink temp                          unlink temp and the staged sidecar
//! ```
//! `link(2)` is atomic and fails if the name is taken, on local and on network file systems. One link cannot publish
//! bytes and metadata together, so with metadata the sidecar is the commit: it names the temp, and whoever finds a
//! sidecar without an object (`head`, `get`, `put_new`, `open`) reveals the object first. A writer that dies between
//! the two has written; one that dies before has not.
//!
//! Rejected: extended attributes (do not survive copying to most places), one file holding both (readers expect
//! plain gzip), rename without replacing (not in std), object first (a reader could see it without its metadata).
//!
//! A sidecar whose object and temp are both gone: a person deleted the object. It reads as not there; the same
//! bytes and metadata may be put again, anything else is `AlreadyThere`.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::Folder;
use super::fault::failed;
use super::root::{link_new, sync_folder_of};
use super::sidecar::{META_FOLDER, Sidecar, TempName};
use super::staging::{Staged, Staging, TEMP_FOLDER};
use crate::key::ObjectKey;
use crate::ports::{Effect, NewObject, PortError, PortFault, PutOutcome};

const CALL: &str = "object_store.put_new";

/// What stands under a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Nothing.
    Free,
    /// An object.
    Taken,
    /// An object stood here, and a person deleted it.
    Deleted(Sidecar),
}

impl Folder {
    pub(super) fn put_new(&self, object: &NewObject) -> Result<PutOutcome, PortError> {
        object.check()?;
        let key = &object.key;
        if is_reserved(key) {
            return Err(
                PortError::fatal(CALL, key, PortFault::Invalid).because("the name is kept for our own files")
            );
        }
        let Some(staging) = &self.staging else {
            return Err(
                PortError::fatal(CALL, key, PortFault::Denied).because("the folder was opened for reading")
            );
        };
        let Some(staged) = self.stage(staging, object).map_err(failed(CALL, key, Effect::None))? else {
            return Ok(PutOutcome::AlreadyThere);
        };
        self.commit(key, staged).map_err(failed(CALL, key, Effect::Unknown))
    }

    /// `None` when the key is taken, which is worth knowing before writing megabytes.
    fn stage(&self, staging: &Staging, object: &NewObject) -> io::Result<Option<Staged>> {
        match self.slot(&object.key)? {
            Slot::Taken => return Ok(None),
            Slot::Deleted(sidecar) if !sidecar.is_of(object) => return Ok(None),
            Slot::Deleted(_) => return staging.stage(&self.root, &without_metadata(object)).map(Some),
            Slot::Free => {}
        }
        // Before the commit: what is committed must have a place to be revealed in.
        self.root.place(object.key.as_str())?;
        staging.stage(&self.root, object).map(Some)
    }

    fn commit(&self, key: &ObjectKey, staged: Staged) -> io::Result<PutOutcome> {
        let won = match staged.sidecar {
            None => self.link_object(key, &staged.bytes)?,
            Some(_) => self.commit_sidecar(key, staged)?,
        };
        Ok(if won { PutOutcome::Created } else { PutOutcome::AlreadyThere })
    }

    fn commit_sidecar(&self, key: &ObjectKey, mut staged: Staged) -> io::Result<bool> {
        if !self.link_sidecar(key, &mut staged)? {
            // The winner may have died on the way.
            self.slot(key)?;
            return Ok(false);
        }
        if !self.link_object(key, &staged.bytes)? && !self.is_same_file(key, &staged.bytes)? {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "a file was put there by other means meanwhile",
            ));
        }
        staged.kept = false;
        Ok(true)
    }

    /// The commit. From here on the staged files belong to the protocol, whatever becomes of this process.
    pub(super) fn link_sidecar(&self, key: &ObjectKey, staged: &mut Staged) -> io::Result<bool> {
        let Some(from) = &staged.sidecar else {
            return Ok(false);
        };
        let to = self.root.place(&Sidecar::path_of(key))?;
        staged.kept = true;
        let won = link_new(from, &to)?;
        staged.kept = won;
        if won {
            sync_folder_of(&to)?;
        }
        Ok(won)
    }

    /// `false` when something stands there already.
    fn link_object(&self, key: &ObjectKey, bytes: &Path) -> io::Result<bool> {
        let to = self.root.place(key.as_str())?;
        let won = link_new(bytes, &to)?;
        if won {
            sync_folder_of(&to)?;
        } else if fs::symlink_metadata(&to)?.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        Ok(won)
    }

    /// What stands under `key`, after revealing what was committed.
    pub(super) fn slot(&self, key: &ObjectKey) -> io::Result<Slot> {
        if self.is_object(key)? {
            return Ok(Slot::Taken);
        }
        match Sidecar::find(&self.root, key)? {
            None => Ok(Slot::Free),
            Some(sidecar) if self.reveal(key, &sidecar.temp)? => Ok(Slot::Taken),
            Some(sidecar) => Ok(Slot::Deleted(sidecar)),
        }
    }

    fn reveal(&self, key: &ObjectKey, temp: &TempName) -> io::Result<bool> {
        let Some(bytes) = self.root.existing(&format!("{TEMP_FOLDER}/{}", temp.as_str()))? else {
            // Its writer may have revealed it and cleaned up since we looked.
            return self.is_object(key);
        };
        match self.link_object(key, &bytes) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => self.is_object(key),
            Err(error) => Err(error),
        }
    }

    fn is_object(&self, key: &ObjectKey) -> io::Result<bool> {
        match self.root.existing(key.as_str())? {
            Some(path) if path.is_dir() => Err(ErrorKind::IsADirectory.into()),
            path => Ok(path.is_some()),
        }
    }

    fn is_same_file(&self, key: &ObjectKey, bytes: &Path) -> io::Result<bool> {
        let Some(there) = self.root.existing(key.as_str())? else {
            return Ok(false);
        };
        Ok(fs::metadata(there)?.ino() == fs::metadata(bytes)?.ino())
    }
}

/// Whether a key would lie among our own files.
pub(super) fn is_reserved(key: &ObjectKey) -> bool {
    matches!(key.as_str().split('/').next(), Some(META_FOLDER | TEMP_FOLDER))
}

/// What is restored finds its sidecar there.
fn without_metadata(object: &NewObject) -> NewObject {
    NewObject { metadata: Default::default(), ..object.clone() }
}
