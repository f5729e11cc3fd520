//! What an object is packed as, told by its first bytes and never by its name, and its text.

use std::io::{ErrorKind, Read};

use super::ObjectFault;
use super::limits::TEXT_BYTES_MAX;

/// How an object is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Packing {
    /// As it is.
    Plain,
    /// One or more gzip members.
    Gzip,
    /// One or more zstd frames.
    Zstd,
}

/// What an object is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Magic {
    /// Text, packed or not, as far as one can see.
    Text(Packing),
    /// A Parquet file.
    Parquet,
    /// Something else that is no text.
    Foreign(&'static str),
}

/// An object's beginning, unpacked.
pub(super) struct Unpacked {
    pub(super) packing: Packing,
    pub(super) text: String,
    /// Whether that is all of it.
    pub(super) whole: bool,
}

impl Packing {
    /// The word of `--compression`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Plain => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

const FOREIGN: [(&[u8], &str); 8] = [
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"BZh", "packed with bzip2"),
    (b"\xff\x06\x00\x00sNaPpY", "packed with snappy"),
    (b"\x04\x22\x4d\x18", "packed with lz4"),
    (b"\xfd7zXZ\x00", "packed with xz"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\xe0\x01\x00\xea", "a binary Ion file"),
];

/// What `bytes` begin as.
pub(super) fn magic(bytes: &[u8]) -> Magic {
    if bytes.starts_with(b"PAR1") {
        return Magic::Parquet;
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Magic::Text(Packing::Gzip);
    }
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Magic::Text(Packing::Zstd);
    }
    let foreign = FOREIGN.iter().find(|(magic, _)| bytes.starts_with(magic));
    foreign.map_or(Magic::Text(Packing::Plain), |(_, what)| Magic::Foreign(what))
}

/// The text of an object's first bytes; `whole` says that these are all it has.
pub(super) fn unpack(stored: &[u8], packing: Packing, whole: bool) -> Result<Unpacked, ObjectFault> {
    let (bytes, whole) = match packing {
        Packing::Plain => beginning(stored, packing, whole)?,
        Packing::Gzip => beginning(flate2::bufread::MultiGzDecoder::new(stored), packing, whole)?,
        Packing::Zstd => {
            let corrupt = |_| ObjectFault::Corrupt { packing: packing.word() };
            beginning(zstd::stream::read::Decoder::with_buffer(stored).map_err(corrupt)?, packing, whole)?
        }
    };
    match magic(&bytes) {
        Magic::Text(Packing::Plain) => Ok(Unpacked { packing, text: text(bytes, whole)?, whole }),
        Magic::Text(_) => Err(ObjectFault::Foreign { what: "packed twice" }),
        Magic::Parquet => Err(ObjectFault::Foreign { what: "a Parquet file that was packed once more" }),
        Magic::Foreign(what) => Err(ObjectFault::Foreign { what }),
    }
}

/// At most [`TEXT_BYTES_MAX`] of what can be read, and whether that is all. Of a beginning, the end may be missing.
fn beginning(reader: impl Read, packing: Packing, whole: bool) -> Result<(Vec<u8>, bool), ObjectFault> {
    let mut bytes = Vec::new();
    let read = reader.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    let cut = bytes.len() > TEXT_BYTES_MAX;
    bytes.truncate(TEXT_BYTES_MAX);
    match read {
        Ok(_) => Ok((bytes, whole && !cut)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof && !whole => Ok((bytes, false)),
        Err(_) => Err(ObjectFault::Corrupt { packing: packing.word() }),
    }
}

/// A character that was cut in two at the end of a beginning is left out.
fn text(bytes: Vec<u8>, whole: bool) -> Result<String, ObjectFault> {
    if bytes.starts_with(b"$ion_1_0") {
        return Err(ObjectFault::Foreign { what: "an Ion file" });
    }
    String::from_utf8(bytes).or_else(|error| {
        let (offset, cut) = (error.utf8_error().valid_up_to(), error.utf8_error().error_len().is_none());
        if whole || !cut {
            return Err(ObjectFault::NotText { offset });
        }
        let mut bytes = error.into_bytes();
        bytes.truncate(offset);
        Ok(String::from_utf8(bytes).expect("valid up to here"))
    })
}
