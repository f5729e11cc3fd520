//! Exports to work on: synthetic ones, made by the product itself, and copies of others.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::damage::copy_file;
use crate::destination::tree;
use crate::listing::Listing;
use crate::process::{Call, run};

/// An export in a temporary folder of its own.
#[derive(Debug)]
pub struct Export {
    home: TempDir,
    folder: PathBuf,
    keys: String,
}

/// What a synthetic export is like.
#[derive(Debug, Clone, Copy)]
pub struct Synth {
    /// Of the profiles of `synth`.
    pub profile: &'static str,
    /// Items in all.
    pub items: u64,
    /// Files with items.
    pub files: u32,
    /// Files without.
    pub empty_files: u32,
}

impl Synth {
    /// Items of the profile `telemetry` in so many files.
    pub fn telemetry(items: u64, files: u32) -> Self {
        Self { profile: "telemetry", items, files, empty_files: 0 }
    }

    /// Small items in so many files.
    pub fn tiny(items: u64, files: u32) -> Self {
        Self { profile: "tiny", ..Self::telemetry(items, files) }
    }
}

impl Export {
    /// Makes a synthetic export.
    pub fn synthetic(synth: Synth) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let place = home.path().join("source");
        let made = Call::new("synth")
            .flag("--to", &place)
            .flag("--profile", synth.profile)
            .flag("--items", synth.items.to_string())
            .flag("--files", synth.files.to_string())
            .flag("--empty-files", synth.empty_files.to_string())
            .word("--json")
            .succeeds();
        let made = made.json();
        let folder = made["export"].as_str().map(PathBuf::from).expect("synth names its export");
        let keys = made["keys"].as_array().expect("synth names its keys");
        let keys: Vec<&str> = keys.iter().filter_map(Value::as_str).collect();
        Self { home, folder, keys: keys.join(",") }
    }

    /// An export with the key `pk` that is put into `<place>/<path>` of a temporary folder by `write`.
    pub fn written(path: &str, write: impl FnOnce(&Path)) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let folder = home.path().join("source").join(path);
        fs::create_dir_all(&folder).expect("a folder for the export");
        write(&folder);
        Self { home, folder, keys: "pk".to_owned() }
    }

    /// `backfleet run` of it.
    pub fn run(&self, dest: &Path) -> Call {
        run(&self.place(), dest, &self.keys)
    }

    /// `backfleet plan` of it.
    pub fn plan(&self) -> Call {
        Call::new("plan").flag("--source", self.place()).flag("--keys", &self.keys)
    }

    /// The folder above everything: what people give as `--source`.
    pub fn place(&self) -> PathBuf {
        self.home.path().join("source")
    }

    /// The export's own folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A folder beside it for a destination; not there yet.
    pub fn dest(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The manifests, to be read and altered.
    pub fn listing(&self) -> Listing {
        Listing::read(&self.folder)
    }

    /// The summary.
    pub fn summary(&self) -> Value {
        let json = fs::read(self.folder.join("manifest-summary.json")).expect("a summary");
        serde_json::from_slice(&json).expect("a summary in JSON")
    }

    /// Its data files, in the order of their names.
    pub fn data_files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = tree(&self.folder.join("data"))
            .into_keys()
            .map(|name| self.folder.join("data").join(name))
            .collect();
        files.sort();
        files
    }

    /// Every line of every data file, in the order of the files' names.
    pub fn lines(&self) -> Vec<Vec<u8>> {
        self.data_files().iter().flat_map(|file| crate::destination::lines_of(file)).collect()
    }
}

/// Copies a folder with everything in it.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder to copy into");
    for entry in fs::read_dir(from).expect("a folder to copy") {
        let entry = entry.expect("an entry of a folder");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type of an entry").is_dir() {
            true => copy_tree(&entry.path(), &target),
            false => copy_file(&entry.path(), &target),
        }
    }
}
