//! Bytes on their way: each process writes in a folder of its own, and a lock says that it lives.
//!
//! ```text
//! .backfleet-tmp/<pid>-<random>/lock       held as long as the process lives
//!                              /7          the bytes of an object
//!                              /7.meta     its sidecar, not yet linked
//! ```
//! Process folders are never named alike twice, so a temp name in a sidecar means one file for all time. The lock
//! file is the first to come and the last to go: a folder without one is empty, and whoever holds the lock of a
//! folder may clean it.

use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tracing::{info, warn};

use super::Folder;
use super::root::{Root, sync_folder_of};
use super::sidecar::{Sidecar, TempName};
use crate::key::ObjectKey;
use crate::ports::NewObject;

pub(super) const TEMP_FOLDER: &str = ".backfleet-tmp";
const LOCK: &str = "lock";

/// Tries to make a process folder while others clean up around us: each can thwart one.
const MAKE_TRIES_MAX: usize = 100;

/// This process's place for temps, made when the first is written.
#[derive(Debug, Default)]
pub(super) struct Staging {
    process: Mutex<Option<ProcessFolder>>,
}

#[derive(Debug)]
struct ProcessFolder {
    name: String,
    path: PathBuf,
    temps: u64,
    // Held by being open.
    _lock: File,
}

/// Bytes that are durable but not committed. Dropping it removes them, unless a commit may refer to them.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) name: TempName,
    pub(super) bytes: PathBuf,
    pub(super) sidecar: Option<PathBuf>,
    pub(super) kept: bool,
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        for path in self.sidecar.iter().chain([&self.bytes]) {
            // What stays is removed with the process folder.
            let _ = fs::remove_file(path);
        }
    }
}

impl Staging {
    /// Writes the object's bytes, and its sidecar if it has metadata, durably.
    pub(super) fn stage(&self, root: &Root, object: &NewObject) -> io::Result<Staged> {
        let (name, path) = self.next_temp(root)?;
        let mut staged = Staged { name, bytes: path.clone(), sidecar: None, kept: false };
        write_durably(&path, &object.bytes)?;
        if !object.metadata.is_empty() {
            let sidecar = path.with_extension("meta");
            staged.sidecar = Some(sidecar.clone());
            write_durably(&sidecar, &Sidecar::of(object, staged.name.clone()).to_json()?)?;
        }
        // A sidecar must never outlive the name it refers to.
        sync_folder_of(&path)?;
        Ok(staged)
    }

    /// Writes bytes durably in place of what is there: readers see the one or the other.
    pub(super) fn replace(&self, root: &Root, key: &ObjectKey, bytes: &[u8]) -> io::Result<()> {
        let (_, temp) = self.next_temp(root)?;
        write_durably(&temp, bytes)?;
        let place = root.place(key.as_str())?;
        fs::rename(&temp, &place)?;
        sync_folder_of(&place)
    }

    fn next_temp(&self, root: &Root) -> io::Result<(TempName, PathBuf)> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let process = match &mut *process {
            Some(process) => process,
            none => none.insert(ProcessFolder::make(root)?),
        };
        process.temps += 1;
        let name = TempName::new(&process.name, process.temps);
        Ok((name, process.path.join(process.temps.to_string())))
    }

    /// Lets go of the process folder without cleaning it, as a crash does.
    #[cfg(test)]
    pub(super) fn crash(&self) {
        self.process.lock().unwrap().take();
    }
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

impl ProcessFolder {
    fn make(root: &Root) -> io::Result<Self> {
        for _ in 0..MAKE_TRIES_MAX {
            if let Some(made) = Self::try_make(root)? {
                return Ok(made);
            }
        }
        Err(io::Error::other("other processes kept removing this one's folder for temps"))
    }

    /// `None` when somebody took the folder for a dead one before its lock was held.
    fn try_make(root: &Root) -> io::Result<Option<Self>> {
        let name = format!("{}-{:016x}", std::process::id(), RandomState::new().build_hasher().finish());
        let made = || -> io::Result<Option<Self>> {
            let path = root.place(&format!("{TEMP_FOLDER}/{name}/{LOCK}"))?;
            let lock = File::create_new(&path)?;
            if !try_lock(&lock)? || fs::metadata(&path)?.ino() != lock.metadata()?.ino() {
                return Ok(None);
            }
            let path = root.path().join(TEMP_FOLDER).join(&name);
            Ok(Some(Self { name: name.clone(), path, temps: 0, _lock: lock }))
        };
        match made() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            made => made,
        }
    }
}

fn try_lock(lock: &File) -> io::Result<bool> {
    match lock.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

impl Folder {
    /// Completes what dead processes had committed and removes what they had not.
    pub(super) fn recover_dead_processes(&self) -> io::Result<()> {
        let Some(temps) = self.root.existing(TEMP_FOLDER)? else {
            return Ok(());
        };
        for entry in fs::read_dir(&temps)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                self.recover_if_dead(&entry.path())?;
            }
        }
        // Fails, and should, while anybody writes.
        let _ = fs::remove_dir(&temps);
        Ok(())
    }

    fn recover_if_dead(&self, process: &Path) -> io::Result<()> {
        match File::open(process.join(LOCK)) {
            Ok(lock) if try_lock(&lock)? => {
                info!(folder = %process.display(), "cleaning up after a process that died while writing");
                self.clean(process)
            }
            Ok(_) => Ok(()),
            // About to be locked, or as good as removed: it is empty.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let _ = fs::remove_dir(process);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Empties and removes a process folder whose lock we hold.
    fn clean(&self, process: &Path) -> io::Result<()> {
        let names = temp_names(process)?;
        for name in names.iter().filter(|name| name.ends_with(".meta")) {
            self.complete_commit(process, name)?;
        }
        for name in &names {
            fs::remove_file(process.join(name))?;
        }
        fs::remove_file(process.join(LOCK))?;
        let _ = fs::remove_dir(process);
        Ok(())
    }

    /// If the sidecar `name` was committed, its object becomes visible.
    fn complete_commit(&self, process: &Path, name: &str) -> io::Result<()> {
        let folder = process.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match Sidecar::read(&self.root, &format!("{TEMP_FOLDER}/{folder}/{name}")) {
            Ok(Some(sidecar)) => match ObjectKey::new(sidecar.key) {
                Ok(key) => self.slot(&key).map(drop),
                Err(_) => Ok(()),
            },
            Ok(None) => Ok(()),
            // Died while writing it: it was never committed.
            Err(error) if error.kind() == ErrorKind::InvalidData => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let process = self
            .staging
            .as_mut()
            .and_then(|staging| staging.process.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        let Some(process) = process else {
            return;
        };
        if let Err(error) = self.clean(&process.path) {
            // The next process that opens this folder tries again.
            warn!(%error, folder = %process.path.display(), "temporary files were left behind");
        }
        let _ = fs::remove_dir(self.root.path().join(TEMP_FOLDER));
    }
}

/// The files in a process folder that are ours, without the lock.
fn temp_names(process: &Path) -> io::Result<Vec<String>> {
    let is_ours = |name: &String| {
        let number = name.strip_suffix(".meta").unwrap_or(name);
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(process)? {
        names.extend(entry?.file_name().into_string().ok().filter(is_ours));
    }
    Ok(names)
}
