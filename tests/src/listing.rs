//! An export's two manifests: read, altered, written back with their checksums.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde_json::Value;

use crate::destination::lines_of;

/// The manifests of the export in a folder.
#[derive(Debug)]
pub struct Listing {
    folder: PathBuf,
    /// `manifest-files.json`, a value a line.
    pub lines: Vec<Value>,
    /// `manifest-summary.json`.
    pub summary: Value,
}

impl Listing {
    /// Reads both.
    pub fn read(folder: &Path) -> Self {
        let text = |name: &str| fs::read_to_string(folder.join(name)).expect("a manifest");
        let value = |line: &str| serde_json::from_str(line).expect("a manifest in JSON");
        Self {
            folder: folder.to_owned(),
            lines: text("manifest-files.json").lines().map(value).collect(),
            summary: value(&text("manifest-summary.json")),
        }
    }

    /// Where the file of a line lies.
    pub fn path(&self, line: &Value) -> PathBuf {
        let key = line["dataFileS3Key"].as_str().expect("a line names its file");
        let (_, name) = key.rsplit_once('/').expect("a key has folders");
        self.folder.join("data").join(name)
    }

    /// The line of a file.
    pub fn line_of(&mut self, file: &Path) -> &mut Value {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a file has a name");
        let of_file =
            |line: &&mut Value| line["dataFileS3Key"].as_str().is_some_and(|key| key.ends_with(name));
        self.lines.iter_mut().find(of_file).expect("every data file is listed")
    }

    /// Takes length, MD5 and count of a file into its line, as if the export had written it so.
    #[must_use]
    pub fn promising(self, file: &Path) -> Self {
        let items = lines_of(file).iter().filter(|line| !line.trim_ascii().is_empty()).count();
        let mut listing = self.promising_bytes_of(file);
        listing.line_of(file)["itemCount"] = items.into();
        let count = |line: &Value| line["itemCount"].as_u64().expect("a line has its count");
        listing.summary["itemCount"] = listing.lines.iter().map(count).sum::<u64>().into();
        listing
    }

    /// Takes the MD5 of a file into its line and leaves its count alone.
    #[must_use]
    pub fn promising_bytes_of(mut self, file: &Path) -> Self {
        let bytes = fs::read(file).expect("a data file");
        self.line_of(file)["md5Checksum"] = md5_base64(&bytes).into();
        self
    }

    /// Writes both back, each with its checksum.
    pub fn write(&self) {
        let lines: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        write_with_md5(&self.folder, "manifest-files", lines.as_bytes());
        write_with_md5(&self.folder, "manifest-summary", self.summary.to_string().as_bytes());
    }
}

/// Writes `<name>.json` and `<name>.md5`.
pub fn write_with_md5(folder: &Path, name: &str, json: &[u8]) {
    fs::write(folder.join(format!("{name}.json")), json).expect("a manifest can be written");
    fs::write(folder.join(format!("{name}.md5")), md5_base64(json)).expect("a checksum can be written");
}

/// MD5 as manifests write it.
pub fn md5_base64(bytes: &[u8]) -> String {
    STANDARD.encode(Md5::digest(bytes))
}
