//! Finds a native export and reads its two manifests. Data files are known by the manifest alone, never by a
//! listing; keys of an export that was copied elsewhere are taken relative to the export's own folder.

mod find;
mod summary;
mod files;
mod bare;
mod part;
mod chain;

pub use chain::{ChainError, check_chain};
pub use files::{DataFile, read_data_files};
pub use find::{Found, find_export};
pub use part::OpenedPart;
pub use summary::Summary;

use backfleet_core::key::KeyError;
use backfleet_core::ports::PortError;

/// An export that cannot be used, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is none.
    #[error("no export is in {place}: it has no manifest-summary.json in it or below it")]
    NotFound {
        /// Where it was looked for.
        place: String,
    },
    /// It was never finished.
    #[error(
        "export {export} in {place} has begun but has no manifest-summary.json: it is still running, or it failed"
    )]
    Unfinished {
        /// Where it was looked for.
        place: String,
        /// The export's folder.
        export: String,
    },
    /// There are several.
    #[error("{place} holds {} exports: {}", exports.len(), exports.join(", "))]
    Several {
        /// Where they were found.
        place: String,
        /// Their folders below it.
        exports: Vec<String>,
    },
    /// A manifest is not there.
    #[error("{file} is not in {place}")]
    ManifestMissing {
        /// Which.
        file: String,
        /// Where it was looked for.
        place: String,
    },
    /// A manifest is not the one its checksum file was made for.
    #[error("{file} has MD5 {found}, {checksum_file} says {promised}")]
    ManifestMd5 {
        /// Which.
        file: String,
        /// The MD5 it has.
        found: String,
        /// The file that says otherwise.
        checksum_file: String,
        /// What it says.
        promised: String,
    },
    /// A manifest cannot be read.
    #[error("{file} cannot be read, line {line}")]
    ManifestForm {
        /// Which.
        file: String,
        /// Where, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// A line of a manifest is longer than any real one.
    #[error("{file} has a line {line} of more than {} bytes", files::LINE_BYTES_MAX)]
    ManifestLine {
        /// Which.
        file: String,
        /// Where, from 1.
        line: usize,
    },
    /// More files than a job may have units.
    #[error("{file} lists more than {} files", backfleet_core::limits::UNITS_MAX)]
    TooManyFiles {
        /// Which.
        file: String,
    },
    /// The export is of a kind that this version does not read.
    #[error("the export is {what}, which this version does not read")]
    Unsupported {
        /// Which kind.
        what: String,
    },
    /// A file is listed that lies elsewhere.
    #[error("{file} lists {key} in line {line}, which does not lie in the export's folder {folder}")]
    ForeignKey {
        /// The manifest.
        file: String,
        /// The key.
        key: String,
        /// Where, from 1.
        line: usize,
        /// The export's folder as the summary says it.
        folder: String,
    },
    /// The list of files cannot be where the summary says it is.
    #[error("manifest-summary.json names {name:?} as the list of its files")]
    ManifestName {
        /// The name.
        name: String,
        /// What is wrong with it.
        source: KeyError,
    },
    /// A key that is none.
    #[error("{file} lists an impossible key in line {line}")]
    Key {
        /// The manifest.
        file: String,
        /// Where, from 1.
        line: usize,
        /// What is wrong with it.
        source: KeyError,
    },
    /// A file is listed twice.
    #[error("{file} lists {key} twice")]
    ListedTwice {
        /// The manifest.
        file: String,
        /// The key.
        key: String,
    },
    /// A folder without data files.
    #[error(
        "{place} holds no data files: their names end with .json or .ion, with .gz or .zst behind it or not"
    )]
    NoDataFiles {
        /// The folder.
        place: String,
    },
    /// A folder of files without a manifest whose first file does not say what it holds.
    #[error("the first record of {first} in {place} is neither an item nor a change of a DynamoDB export")]
    NoRecords {
        /// The folder.
        place: String,
        /// The file.
        first: String,
    },
    /// Files of both languages.
    #[error("{place} holds both JSON and Ion files, e.g. {one} and {other}")]
    TwoNotations {
        /// The folder.
        place: String,
        /// A file.
        one: String,
        /// A file of the other language.
        other: String,
    },
    /// Changes without a manifest.
    #[error(
        "the files hold changes, and without a manifest nothing says whether old images would be among them"
    )]
    NoView,
    /// Exports that make no chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Listed files are not there.
    #[error("{missing} of {listed} data files are not in {place}, the first is {first}")]
    FilesMissing {
        /// How many.
        missing: usize,
        /// Of how many.
        listed: usize,
        /// Where they were looked for.
        place: String,
        /// One of them.
        first: String,
    },
    /// The two manifests disagree.
    #[error("the data files have {files} items by manifest-files.json, {summary} by manifest-summary.json")]
    Items {
        /// Sum over the files.
        files: u64,
        /// What the summary says.
        summary: u64,
    },
    /// The source did not answer.
    #[error("the source failed")]
    Port(#[from] PortError),
}

impl ExportError {
    /// What to do about it.
    pub fn advice(&self) -> Option<String> {
        Some(match self {
            Self::NotFound { .. } => {
                "point --source at the export's folder, …/AWSDynamoDB/<ExportId>, or at a folder above it".into()
            }
            Self::Unfinished { .. } => {
                "`aws dynamodb describe-export --export-arn …` says how it stands; wait for COMPLETED, or start a new one"
                    .into()
            }
            Self::Several { exports, .. } => {
                format!("choose one by its folder, e.g. --source …/{}", exports.first().map_or("", String::as_str))
            }
            Self::ManifestMissing { .. } | Self::FilesMissing { .. } => {
                "the copy is incomplete: copy the export again, e.g. with `aws s3 sync`".into()
            }
            Self::ManifestMd5 { .. } | Self::ManifestName { .. } | Self::ManifestForm { .. } | Self::ListedTwice { .. } | Self::Items { .. } => {
                "the manifest was altered or damaged: copy it again from the bucket the export was written to".into()
            }
            Self::TooManyFiles { .. } => {
                "an export has far fewer: look whether this is its own list; a folder of copies can be converted part by part"
                    .into()
            }
            Self::NoView => "give --export-view NEW_IMAGE or NEW_AND_OLD_IMAGES".into(),
            Self::TwoNotations { .. } => "give a folder of one kind".into(),
            Self::NoDataFiles { .. } => "point --source at the folder that holds them".into(),
            Self::NoRecords { .. } => {
                "check what the file holds; empty files alone cannot be told from each other".into()
            }
            Self::Chain(error) => return error.advice(),
            _ => return None,
        })
    }
}
