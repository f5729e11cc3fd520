//! Reading objects: the whole, a part, or what is known of them.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};

use super::Folder;
use super::commit::{Slot, is_reserved};
use super::fault::failed;
use super::sidecar::Sidecar;
use crate::key::ObjectKey;
use crate::limits::READ_CHUNK_BYTES;
use crate::ports::{ByteStream, ETag, Effect, GetRequest, ObjectInfo, PortError, PortFault};

const GET: &str = "object_store.get";
const GET_SMALL: &str = "object_store.get_small";

/// What is left to read of an open file.
pub(super) struct Part {
    key: ObjectKey,
    file: File,
    left: u64,
    /// Where chunks are made: in the same memory again once nobody holds the last one.
    buffer: BytesMut,
}

impl Folder {
    pub(super) fn open_part(&self, key: &ObjectKey, request: &GetRequest) -> Result<Part, PortError> {
        let opened = self.open(key).map_err(failed(GET, key, Effect::None))?;
        let (mut file, found) = opened.ok_or_else(|| PortError::fatal(GET, key, PortFault::NotFound))?;
        if request.if_match.as_ref().is_some_and(|wanted| *wanted != etag(&found)) {
            return Err(PortError::fatal(GET, key, PortFault::Changed));
        }
        let range = request.range_within(key, found.len())?;
        file.seek(SeekFrom::Start(range.start)).map_err(failed(GET, key, Effect::None))?;
        Ok(Part::of(key, file, range.end - range.start))
    }

    pub(super) fn read_small(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, PortError> {
        let Some((file, found)) = self.open(key).map_err(failed(GET_SMALL, key, Effect::None))? else {
            return Ok(None);
        };
        if found.len() > bytes_max as u64 {
            return Err(PortError::fatal(GET_SMALL, key, PortFault::TooLarge));
        }
        Part::of(key, file, found.len()).read(found.len()).map(Some)
    }

    pub(super) fn info(&self, key: &ObjectKey) -> io::Result<Option<ObjectInfo>> {
        let Some(found) = self.find(key)? else {
            return Ok(None);
        };
        let sidecar = Sidecar::find(&self.root, key)?;
        if sidecar.as_ref().is_some_and(|sidecar| sidecar.bytes != found.len()) {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "the object has another length than it was put with",
            ));
        }
        let (sha256, metadata) = match sidecar {
            Some(sidecar) => (Some(sidecar.sha256), sidecar.metadata),
            None => Default::default(),
        };
        Ok(Some(ObjectInfo { bytes: found.len(), etag: etag(&found), sha256, metadata }))
    }

    fn open(&self, key: &ObjectKey) -> io::Result<Option<(File, fs::Metadata)>> {
        // Looked at before opening: opening a pipe would wait for its other end.
        if self.find(key)?.is_none() {
            return Ok(None);
        }
        let Some(path) = self.root.existing(key.as_str())? else {
            return Ok(None);
        };
        let file = File::open(path)?;
        let found = file.metadata()?;
        Ok(Some((file, found)))
    }

    /// The file of an object, which is revealed first if it was only committed.
    fn find(&self, key: &ObjectKey) -> io::Result<Option<fs::Metadata>> {
        if is_reserved(key) {
            return Ok(None);
        }
        let mut path = self.root.existing(key.as_str())?;
        if path.is_none() && self.staging.is_some() && self.slot(key)? == Slot::Taken {
            path = self.root.existing(key.as_str())?;
        }
        let found = path.map(fs::metadata).transpose()?;
        match &found {
            Some(found) if !found.is_file() && !found.is_dir() => {
                Err(io::Error::new(ErrorKind::InvalidInput, "neither a file nor a folder"))
            }
            // The beginning of other keys, and no object itself.
            _ => Ok(found.filter(fs::Metadata::is_file)),
        }
    }
}

impl Part {
    fn of(key: &ObjectKey, file: File, left: u64) -> Self {
        Self { key: key.clone(), file, left, buffer: BytesMut::new() }
    }

    /// One chunk per trip to the blocking threads, read when it is asked for and not before.
    pub(super) fn into_stream(self) -> ByteStream {
        stream::try_unfold(self, |mut part| async move {
            let want = part.left.min(READ_CHUNK_BYTES as u64);
            if want == 0 {
                return Ok(None);
            }
            let key = part.key.clone();
            let reading =
                tokio::task::spawn_blocking(move || part.read(want).map(|chunk| Some((chunk, part))));
            reading.await.map_err(|stopped| {
                PortError::passing(GET, key, PortFault::Unavailable, Effect::None).because(stopped)
            })?
        })
        .boxed()
    }

    /// The next `want` bytes, all of them.
    fn read(&mut self, want: u64) -> Result<Bytes, PortError> {
        self.buffer.resize(want as usize, 0);
        self.file.read_exact(&mut self.buffer).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => {
                PortError::fatal(GET, &self.key, PortFault::Changed).because("the file became shorter")
            }
            _ => failed(GET, &self.key, Effect::None)(error),
        })?;
        self.left -= want;
        Ok(self.buffer.split().freeze())
    }
}

/// A hard link keeps all three, so revealing an object twice gives the same version.
pub(super) fn etag(found: &fs::Metadata) -> ETag {
    let modified_ns = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
    ETag(format!("{:x}-{:x}-{modified_ns:x}", found.ino(), found.len()))
}
