//! What is kept beside an object that was put with metadata.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};

use serde::{Deserialize, Serialize};

use super::root::Root;
use crate::digest::Sha256Digest;
use crate::key::ObjectKey;
use crate::ports::{Metadata, NewObject};

pub(super) const META_FOLDER: &str = ".backfleet-meta";

/// A key of 1 KB and metadata of 2 KB, every byte escaped, stay far below.
const SIDECAR_BYTES_MAX: u64 = 64 * 1024;

/// The commit of an object: see `commit.rs`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sidecar {
    pub(super) key: String,
    pub(super) temp: TempName,
    pub(super) bytes: u64,
    pub(super) sha256: Sha256Digest,
    pub(super) metadata: Metadata,
}

impl Sidecar {
    pub(super) fn of(object: &NewObject, temp: TempName) -> Self {
        Self {
            key: object.key.to_string(),
            temp,
            bytes: object.bytes.len() as u64,
            sha256: object.sha256,
            metadata: object.metadata.clone(),
        }
    }

    /// Whether `object` is what was committed under this key.
    pub(super) fn is_of(&self, object: &NewObject) -> bool {
        self.sha256 == object.sha256 && self.metadata == object.metadata
    }

    pub(super) fn path_of(key: &ObjectKey) -> String {
        format!("{META_FOLDER}/{key}.json")
    }

    pub(super) fn find(root: &Root, key: &ObjectKey) -> io::Result<Option<Self>> {
        Self::read(root, &Self::path_of(key))
    }

    pub(super) fn read(root: &Root, relative: &str) -> io::Result<Option<Self>> {
        let Some(path) = root.existing(relative)?.filter(|path| path.is_file()) else {
            return Ok(None);
        };
        let mut text = Vec::new();
        File::open(path)?.take(SIDECAR_BYTES_MAX).read_to_end(&mut text)?;
        serde_json::from_slice(&text).map(Some).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }

    pub(super) fn to_json(&self) -> io::Result<Vec<u8>> {
        serde_json::to_vec_pretty(self).map_err(io::Error::other)
    }
}

/// `<process>/<n>` below the temp folder. A sidecar may come from anywhere: any other text is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct TempName(String);

impl TempName {
    pub(super) fn new(process: &str, number: u64) -> Self {
        Self(format!("{process}/{number}"))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TempName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        };
        match text.split_once('/') {
            Some((process, number)) if plain(process) && plain(number) => Ok(Self(text)),
            _ => Err("not the name of a temp file"),
        }
    }
}

impl From<TempName> for String {
    fn from(name: TempName) -> Self {
        name.0
    }
}
