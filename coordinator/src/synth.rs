//! Writes a full export as DynamoDB would have written it, for tests, demos and measurements.
//!
//! Everything here follows exports that AWS really wrote: names, field orders, which file ends with a
//! newline, gzip headers, and a `manifest-summary.json` that comes last because it is the mark that an export
//! is whole. The items are invented, and legal: an item that DynamoDB would refuse never leaves this module,
//! and neither does a damaged file. Output is a pure function of [`SynthSpec`]; the number of threads changes
//! nothing but the time.
//!
//! ```text
//!  spec -> spread items over files -> data/<name>.json.gz (or .ion.gz), file by file -> manifest-files -> manifest-summary
//!                                     profile -> lines -> gzip -> md5
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use backfleet_convert::Notation;
use clap::ValueEnum;

mod spread;
mod identity;
mod draw;
mod text;
mod attributes;
mod profiles;
mod ion;
mod data_file;
mod manifest;

#[cfg(test)]
mod tests;

use identity::Identity;

/// When an export happened unless the spec says otherwise: 2026-01-14T10:18:50.622Z, the moment of a real
/// one.
pub const EXPORT_TIME_MILLIS_DEFAULT: i64 = 1_768_385_930_622;

/// An export id has room for 14 digits of milliseconds.
const EXPORT_TIME_MILLIS_MAX: i64 = 99_999_999_999_999;

/// `S3Prefix` of `ExportTableToPointInTime` is limited to 1,024 characters.
const PREFIX_CHARS_MAX: usize = 1024;

/// What the items of a synthetic export look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Profile {
    /// Readings of devices, about 1.1 KB a line: what most tables that need a backfill hold. Keys `pk`, `sk`.
    Telemetry,
    /// About 100 bytes a line, to measure the cost of a record rather than of a byte. Key `id`.
    Tiny,
    /// 200 attributes and about 7 KB a line. Key `pk`.
    Wide,
    /// 100 to 400 KB an item, most of it binary, always under DynamoDB's limit of 409,600 bytes. Key `pk`.
    Blob,
    /// Every name, number, text and nesting that is legal and hard to read. Keys `pk`, `sk`.
    Unicode,
}

impl Profile {
    /// The names of the key attributes, hash key first. A full export does not carry them.
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Profile::Telemetry | Profile::Unicode => &["pk", "sk"],
            Profile::Tiny => &["id"],
            Profile::Wide | Profile::Blob => &["pk"],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Profile::Telemetry => "telemetry",
            Profile::Tiny => "tiny",
            Profile::Wide => "wide",
            Profile::Blob => "blob",
            Profile::Unicode => "unicode",
        }
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}

/// The name of no profile.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown profile {0:?}")]
pub struct UnknownProfile(String);

impl std::str::FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        let named = Profile::value_variants().iter().find(|profile| profile.name() == name);
        named.copied().ok_or_else(|| UnknownProfile(name.to_owned()))
    }
}

/// Everything that decides the bytes of an export, and `threads`, which does not.
#[derive(Clone, Debug)]
pub struct SynthSpec {
    /// What the items look like.
    pub profile: Profile,
    /// Items in the whole export.
    pub items: u64,
    /// Data files to spread the items over, unevenly, as the hash of the partition key would.
    pub files: u32,
    /// Data files without an item, as empty partitions leave them, in addition to `files`.
    pub empty_files: u32,
    /// Exports of one seed hold the same items in the same files; another seed changes all of them.
    pub seed: u64,
    /// Table name, for the ARNs.
    pub table: String,
    /// Region, for the ARNs.
    pub region: String,
    /// Account number, for the ARNs.
    pub account: String,
    /// The bucket the summary names.
    pub bucket: String,
    /// `S3Prefix`: folders between the bucket's root and `AWSDynamoDB/`.
    pub prefix: Option<String>,
    /// Start of the export, and the time its data is from, in milliseconds since 1970.
    pub export_time_millis: i64,
    /// The language of the lines.
    pub notation: Notation,
    /// Data files written at once. Each takes some megabytes of memory, whatever its size.
    pub threads: usize,
}

impl Default for SynthSpec {
    /// About 10 MB of telemetry in four files, as a young on-demand table has them.
    fn default() -> Self {
        SynthSpec {
            profile: Profile::Telemetry,
            items: 9_200,
            files: 4,
            empty_files: 0,
            seed: 0,
            table: "telemetry".to_owned(),
            region: "eu-north-1".to_owned(),
            account: "123456789012".to_owned(),
            bucket: "synthetic-exports".to_owned(),
            prefix: None,
            export_time_millis: EXPORT_TIME_MILLIS_DEFAULT,
            notation: Notation::Json,
            threads: 1,
        }
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynthReport {
    /// The folder named by the export id; it holds the manifests and `data/`.
    pub export_dir: PathBuf,
    /// Items over all data files.
    pub items: u64,
    /// Data files, empty ones included.
    pub files: u32,
    /// Bytes of all lines, newlines included.
    pub bytes_uncompressed: u64,
    /// Bytes of all data files.
    pub bytes_compressed: u64,
    /// The names of the key attributes, hash key first.
    pub keys: &'static [&'static str],
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// Nothing was written: the folder belongs to another export, or to an earlier attempt at this one.
    #[error("export folder {} already exists", .0.display())]
    Exists(PathBuf),
    /// An export has at least one data file, even of an empty table.
    #[error("an export of no data files")]
    NoFiles,
    /// Items need a file that is not meant to be empty.
    #[error("{items} items and only empty data files")]
    OnlyEmptyFiles {
        /// Items that found no place.
        items: u64,
    },
    /// More items or files than their keys can tell apart.
    #[error("{items} items in {files} data files exceed what unique keys are made for")]
    TooLarge {
        /// Items asked for.
        items: u64,
        /// Data files asked for, empty ones included.
        files: u64,
    },
    /// DynamoDB refuses an empty or overlong prefix; one that climbs out of the destination is refused here.
    #[error("prefix {0:?} is not a path of plain folder names")]
    Prefix(String),
    /// The time does not fit the 14 digits of an export id.
    #[error("export time {0} ms does not fit an export id")]
    ExportTime(i64),
    /// The destination failed; what was written so far stays, without a summary.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder that failed.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
}

/// Writes one export below `dest`, which stands for the root of a bucket.
///
/// `progress` is told the uncompressed bytes so far, about once a megabyte and from every thread: a late call
/// may carry a smaller number than an earlier one. The same spec always writes the same bytes (compressed
/// ones as long as the compressor stays the same version), and never over what is there.
pub fn synth(
    spec: &SynthSpec,
    dest: &Path,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<SynthReport, SynthError> {
    check(spec)?;
    let identity = Identity::of(spec);
    let export_dir = create_folders(&dest.join(identity.folder()))?;
    write_whole(&export_dir.join("_started"), b"")?;

    let counts = spread::items_per_file(spec);
    let files = data_file::write_all(spec, &identity, &counts, &export_dir.join("data"), progress)?;
    for (name, content) in manifest::files_in_order_of_writing(spec, &identity, &files) {
        write_whole(&export_dir.join(name), &content)?;
    }

    Ok(SynthReport {
        export_dir,
        items: files.iter().map(|file| file.items).sum(),
        files: spec.files + spec.empty_files,
        bytes_uncompressed: files.iter().map(|file| file.bytes_uncompressed).sum(),
        bytes_compressed: files.iter().map(|file| file.bytes_compressed).sum(),
        keys: spec.profile.keys(),
    })
}

fn check(spec: &SynthSpec) -> Result<(), SynthError> {
    let files = u64::from(spec.files) + u64::from(spec.empty_files);
    if files == 0 {
        return Err(SynthError::NoFiles);
    }
    if spec.files == 0 && spec.items > 0 {
        return Err(SynthError::OnlyEmptyFiles { items: spec.items });
    }
    if files > identity::FILES_MAX || spec.items > identity::ITEMS_MAX {
        return Err(SynthError::TooLarge { items: spec.items, files });
    }
    if let Some(prefix) = spec.prefix.as_deref().filter(|prefix| !is_plain_path(prefix)) {
        return Err(SynthError::Prefix(prefix.to_owned()));
    }
    if !(0..=EXPORT_TIME_MILLIS_MAX).contains(&spec.export_time_millis) {
        return Err(SynthError::ExportTime(spec.export_time_millis));
    }
    Ok(())
}

/// Keys are text and may hold anything, but here they become paths: nothing may lead out of the destination.
fn is_plain_path(prefix: &str) -> bool {
    let plain = |name: &str| !matches!(name, "" | "." | "..") && !name.contains(['\\', '\0']);
    prefix.chars().count() <= PREFIX_CHARS_MAX && prefix.split('/').all(plain)
}

/// Creating the export's own folder is the one step that two writers cannot both take.
fn create_folders(export_dir: &Path) -> Result<PathBuf, SynthError> {
    let failed = |path: &Path, source| SynthError::Write { path: path.to_owned(), source };
    let parent = export_dir.parent().expect("an export folder lies below AWSDynamoDB/");
    fs::create_dir_all(parent).map_err(|source| failed(parent, source))?;
    match fs::create_dir(export_dir) {
        Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {
            return Err(SynthError::Exists(export_dir.to_owned()));
        }
        created => created.map_err(|source| failed(export_dir, source))?,
    }
    let data = export_dir.join("data");
    fs::create_dir(&data).map_err(|source| failed(&data, source))?;
    Ok(export_dir.to_owned())
}

fn write_whole(path: &Path, content: &[u8]) -> Result<(), SynthError> {
    fs::write(path, content).map_err(|source| SynthError::Write { path: path.to_owned(), source })
}
