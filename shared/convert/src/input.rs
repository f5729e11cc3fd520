//! The input: how a unit's file is written, and what its records are.

use std::fmt;
use std::str::FromStr;

use crate::recipe::{UnknownName, name_of, named};

/// Everything that has to be known of a file before it can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// What is to be undone first.
    pub encoding: Encoding,
    /// The language of its lines.
    pub notation: Notation,
    /// What a line says.
    pub content: Content,
}

/// Which encoding of a file is to be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// One or more gzip members.
    Gzip,
    /// One or more zstd frames.
    Zstd,
    /// Bytes as they are.
    Identity,
}

/// The language of an export's lines: `outputFormat` of its summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Notation {
    /// DynamoDB JSON.
    Json,
    /// Ion text.
    Ion,
}

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// An item as it is: full exports, and scans.
    Items,
    /// What happened to an item in the window of an incremental export.
    Changes {
        /// Whether lines carry the image before, where there was one: view `NEW_AND_OLD_IMAGES`. Without it an insert
        /// and an update look alike.
        old_images: bool,
    },
}

impl Input {
    /// Items in DynamoDB JSON, as they are in most exports.
    pub fn json(encoding: Encoding) -> Input {
        Input { encoding, notation: Notation::Json, content: Content::Items }
    }
}

impl Encoding {
    /// By the name of the file alone: a `.gz` whose first bytes are damaged is a damaged gzip, not plain text.
    pub fn of_name(name: &str) -> Encoding {
        if name.ends_with(".gz") {
            Encoding::Gzip
        } else if name.ends_with(".zst") {
            Encoding::Zstd
        } else {
            Encoding::Identity
        }
    }
}

impl Notation {
    const NAMES: [(Self, &'static str); 2] = [(Self::Json, "DYNAMODB_JSON"), (Self::Ion, "ION")];
}

impl fmt::Display for Notation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&Self::NAMES, *self))
    }
}

impl FromStr for Notation {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        named(&Self::NAMES, "export format", text)
    }
}
