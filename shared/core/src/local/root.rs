//! Paths below the root, and nothing outside of it.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A folder as it really stands, without symbolic links on the way to it.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
}

impl Root {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        if !path.is_dir() {
            return Err(ErrorKind::NotADirectory.into());
        }
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where `relative` really is, links resolved; `None` if it is not there.
    pub(super) fn existing(&self, relative: &str) -> io::Result<Option<PathBuf>> {
        match fs::canonicalize(self.path.join(relative)) {
            Ok(path) if path.starts_with(&self.path) => Ok(Some(path)),
            Ok(_) => Err(leads_out()),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where `relative` is to be made. Makes the folders above it, and follows no link.
    pub(super) fn place(&self, relative: &str) -> io::Result<PathBuf> {
        let mut path = self.path.clone();
        let mut segments = relative.split('/').peekable();
        while let Some(segment) = segments.next() {
            path.push(segment);
            if segments.peek().is_some() {
                make_folder(&path)?;
            }
        }
        Ok(path)
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Ok(()) => sync_folder_of(path),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let there = fs::symlink_metadata(path)?.file_type();
            match (there.is_dir(), there.is_symlink()) {
                (true, _) => Ok(()),
                (_, true) => Err(leads_out()),
                _ => Err(io::Error::new(ErrorKind::InvalidInput, "a file stands where a folder is needed")),
            }
        }
        Err(error) => Err(error),
    }
}

/// Makes the entry of `path` in its folder durable.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
    File::open(folder)?.sync_all()
}

/// `link(2)`: `false` when something is there already.
pub(super) fn link_new(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) if has_no_links(&error) => Err(io::Error::new(
            ErrorKind::Unsupported,
            "this file system has no hard links; choose a destination on another one",
        )),
        Err(error) => Err(error),
    }
}

/// What `link(2)` says on FAT, exFAT and some network file systems: `EPERM`, `ENOTSUP`, `EOPNOTSUPP`, `ENOSYS`.
fn has_no_links(error: &io::Error) -> bool {
    error.kind() == ErrorKind::Unsupported || matches!(error.raw_os_error(), Some(1 | 38 | 45 | 95))
}

/// Nothing is there, or nothing can be: a name too long for the file system, a file where a folder would have to be.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename)
}

fn leads_out() -> io::Error {
    io::Error::new(
        ErrorKind::PermissionDenied,
        "a symbolic link leads out of the folder or stands in the way",
    )
}
