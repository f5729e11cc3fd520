//! Objects as files below one folder.
//!
//! What a person sees is a plain folder: the file of a key stands under that key. Beside the objects there are at
//! most two folders of our own, which no listing shows:
//! ```text
//! <root>/.backfleet-meta/<key>.json          metadata and digest of each object that was put with metadata
//! <root>/.backfleet-tmp/<process>/<n>        bytes on their way; gone when nobody writes
//! ```
//! How a put stays whole, write-once and durable is told in `commit.rs`. Folders on a file system without hard
//! links cannot be written to: `put_new` says so.
//!
//! No path leads out of the root: keys cannot climb, and a symbolic link that points outside is refused. That
//! holds against what lies in a folder, not against somebody who swaps links while we work.
//!
//! Differences from S3, by nature of files: a key cannot be both an object and the beginning of another key
//! (`a` and `a/b`); a segment has at most 255 bytes (250 for an object with metadata); put one key always with
//! or always without metadata.

mod commit;
mod fault;
mod listing;
mod reading;
mod root;
mod sidecar;
mod staging;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::key::ObjectKey;
use crate::ports::{
    ByteStream, ControlStore, Effect, GetRequest, Listing, NewObject, ObjectInfo, ObjectStore, PortError,
    PortFault, PutOutcome,
};
use fault::failed;
use root::Root;
use staging::Staging;

/// An object store over a folder. Clones share it.
#[derive(Debug, Clone)]
pub struct LocalStore {
    folder: Arc<Folder>,
}

/// What the blocking side of every call works on.
#[derive(Debug)]
struct Folder {
    root: Root,
    // None for a folder that is only read.
    staging: Option<Staging>,
}

impl LocalStore {
    /// A folder to read from and write to; it is made if it is not there. What processes left behind that died
    /// while writing is completed or removed. Blocks.
    pub fn open(root: &Path) -> Result<Self, PortError> {
        let opened = || -> io::Result<Folder> {
            std::fs::create_dir_all(root)?;
            let folder = Folder { root: Root::of(root)?, staging: Some(Staging::default()) };
            folder.recover_dead_processes()?;
            Ok(folder)
        };
        let folder = opened().map_err(failed("object_store.open", root.display(), Effect::None))?;
        Ok(Self { folder: Arc::new(folder) })
    }

    /// A folder that must be there and is never changed in any way. What another process has committed but not
    /// yet moved into its place is not seen. Blocks.
    pub fn open_read_only(root: &Path) -> Result<Self, PortError> {
        let root = Root::of(root).map_err(failed("object_store.open", root.display(), Effect::None))?;
        Ok(Self { folder: Arc::new(Folder { root, staging: None }) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        call: &'static str,
        work: impl FnOnce(&Folder) -> Result<T, PortError> + Send + 'static,
    ) -> Result<T, PortError> {
        let folder = Arc::clone(&self.folder);
        match tokio::task::spawn_blocking(move || work(&folder)).await {
            Ok(done) => done,
            Err(stopped) if stopped.is_panic() => std::panic::resume_unwind(stopped.into_panic()),
            // The runtime is shutting down.
            Err(stopped) => {
                Err(PortError::passing(call, self.describe(), PortFault::Unavailable, Effect::Unknown)
                    .because(stopped))
            }
        }
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn get(&self, key: &ObjectKey, request: GetRequest) -> Result<ByteStream, PortError> {
        let key = key.clone();
        let part = self.blocking("object_store.get", move |folder| folder.open_part(&key, &request)).await?;
        Ok(part.into_stream())
    }

    async fn get_small(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, PortError> {
        let key = key.clone();
        self.blocking("object_store.get_small", move |folder| folder.read_small(&key, bytes_max)).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, PortError> {
        const CALL: &str = "object_store.head";
        let key = key.clone();
        self.blocking(CALL, move |folder| folder.info(&key).map_err(failed(CALL, &key, Effect::None))).await
    }

    async fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, PortError> {
        const CALL: &str = "object_store.list";
        let (prefix, after) = (prefix.to_owned(), after.cloned());
        self.blocking(CALL, move |folder| {
            listing::page(&folder.root, &prefix, after.as_ref()).map_err(failed(CALL, &prefix, Effect::None))
        })
        .await
    }

    async fn put_new(&self, object: NewObject) -> Result<PutOutcome, PortError> {
        self.blocking("object_store.put_new", move |folder| folder.put_new(&object)).await
    }

    fn describe(&self) -> String {
        self.folder.root.path().display().to_string()
    }
}

#[async_trait]
impl ControlStore for LocalStore {
    async fn replace(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), PortError> {
        const CALL: &str = "control_store.replace";
        let key = key.clone();
        let work = move |folder: &Folder| {
            let denied = || {
                PortError::fatal(CALL, &key, PortFault::Denied).because("the folder was opened for reading")
            };
            let staging = folder.staging.as_ref().ok_or_else(denied)?;
            staging.replace(&folder.root, &key, &bytes).map_err(failed(CALL, &key, Effect::None))
        };
        self.blocking(CALL, work).await
    }
}
