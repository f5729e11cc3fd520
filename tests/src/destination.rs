//! What a job left behind, read as its readers would: by looking at files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The folder of the jobs' own objects.
const JOBS: &str = "_backfleet";
/// The folder among them that is no job's: what was counted of exports.
const CENSUS: &str = "census";

/// A destination folder.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Its root.
    pub path: PathBuf,
}

/// Everything about a file that changes when it is written again, even with the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    modified_nanos: i128,
    digest: String,
}

impl Destination {
    /// The destination at `path`.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Path below the root to digest, of everything that anybody can see: folders that begin with a dot are the
    /// local store's own.
    pub fn visible(&self) -> BTreeMap<String, String> {
        tree(&self.path)
    }

    /// Every file, hidden ones too, with its stamp.
    pub fn stamps(&self) -> BTreeMap<String, Stamp> {
        let stamp = |path: &Path| {
            let meta = fs::metadata(path).expect("a file just listed");
            let modified_nanos = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
            Stamp { inode: meta.ino(), modified_nanos, digest: digest(path) }
        };
        walk(&self.path, &|_| true).into_iter().map(|(name, path)| (name, stamp(&path))).collect()
    }

    /// Ids of the jobs that have a folder.
    pub fn jobs(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path.join(JOBS)) else { return Vec::new() };
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry of a folder").file_name();
        let mut jobs: Vec<String> =
            entries.map(name).map(|name| name.into_string().expect("job ids are hex")).collect();
        jobs.retain(|job| job != CENSUS);
        jobs.sort();
        jobs
    }

    /// Names of the censuses that are kept.
    pub fn censuses(&self) -> Vec<String> {
        tree_names(&self.path.join(JOBS).join(CENSUS))
    }

    /// The one job there is.
    #[track_caller]
    pub fn job(&self) -> String {
        let jobs = self.jobs();
        assert_eq!(jobs.len(), 1, "one job was expected: {jobs:?}");
        jobs[0].clone()
    }

    /// An object of the one job.
    #[track_caller]
    pub fn of_job(&self, name: &str) -> PathBuf {
        self.path.join(JOBS).join(self.job()).join(name)
    }

    /// An object of the one job, as JSON.
    #[track_caller]
    pub fn json_of_job(&self, name: &str) -> Value {
        let json = fs::read(self.of_job(name)).expect("an object of the job");
        serde_json::from_slice(&json).expect("an object in JSON")
    }

    /// Whether any job has its mark.
    pub fn is_committed(&self) -> bool {
        self.jobs().iter().any(|job| self.path.join(JOBS).join(job).join("_SUCCESS").exists())
    }

    /// Units of the one job that have a completion.
    pub fn complete_units(&self) -> BTreeSet<usize> {
        let Some(job) = self.jobs().into_iter().next() else { return BTreeSet::new() };
        let names = tree_names(&self.path.join(JOBS).join(job).join("completions"));
        names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect()
    }

    /// Names of the files that units of the one job are to read, by unit.
    #[track_caller]
    pub fn unit_files(&self) -> Vec<String> {
        let plan = self.json_of_job("plan.json");
        let units = plan["units"].as_array().expect("a plan has units");
        units.iter().map(|unit| unit["key"].as_str().expect("a unit has a file").to_owned()).collect()
    }

    /// Every file that readers load, in the order of their names.
    pub fn shards(&self) -> Vec<PathBuf> {
        let for_readers = |name: &str| !name.starts_with('_') && !name.starts_with('.');
        walk(&self.path, &for_readers).into_values().collect()
    }

    /// Shards, by the names that messages use.
    pub fn shard_names(&self) -> Vec<String> {
        let name = |path: PathBuf| {
            path.strip_prefix(&self.path)
                .expect("it lies in here")
                .to_str()
                .expect("names are text")
                .to_owned()
        };
        self.shards().into_iter().map(name).collect()
    }

    /// Every line that readers load, in the order of the shards' names.
    pub fn lines(&self) -> Vec<Vec<u8>> {
        self.shards().iter().flat_map(|shard| lines_of(shard)).collect()
    }

    /// Every record that readers load, parsed.
    pub fn records(&self) -> Vec<Value> {
        let parse = |line: &Vec<u8>| match serde_json::from_slice(line) {
            Ok(record) => record,
            Err(error) => panic!("a record is no JSON, {error}: {}", String::from_utf8_lossy(line)),
        };
        self.lines().iter().map(parse).collect()
    }

    /// Every line in quarantine of the one job.
    #[track_caller]
    pub fn quarantine(&self) -> Vec<Value> {
        let objects = walk(&self.of_job("quarantine"), &|_| true).into_values();
        let lines = objects.flat_map(|object| lines_of(&object));
        lines.map(|line| serde_json::from_slice(&line).expect("quarantine is JSON lines")).collect()
    }
}

/// What a file holds, by its name's ending.
pub fn text_of(file: &Path) -> Vec<u8> {
    let stored = fs::read(file).expect("a file to read");
    let mut text = Vec::new();
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => drop(MultiGzDecoder::new(&stored[..]).read_to_end(&mut text).expect("whole gzip")),
        Some("zst") => text = zstd::decode_all(&stored[..]).expect("whole zstd"),
        _ => text = stored,
    }
    text
}

/// The lines of a file, without their newlines.
pub fn lines_of(file: &Path) -> Vec<Vec<u8>> {
    let text = text_of(file);
    let mut lines: Vec<Vec<u8>> = text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    // Behind the last newline there is no line.
    lines.pop_if(|last| last.is_empty());
    lines
}

/// Path below `root` to digest, leaving out what begins with a dot, and what is there for people, which tells places and times.
pub fn tree(root: &Path) -> BTreeMap<String, String> {
    let files = walk(root, &|name| !name.starts_with('.') && !["report.html", "effort"].contains(&name));
    files.into_iter().map(|(name, path)| (name, digest(&path))).collect()
}

fn tree_names(root: &Path) -> Vec<String> {
    walk(root, &|_| true).into_keys().collect()
}

fn digest(file: &Path) -> String {
    let bytes = fs::read(file).expect("a file just listed");
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Files below `root` whose every name on the way `enters`; none if there is no such folder.
fn walk(root: &Path, enters: &dyn Fn(&str) -> bool) -> BTreeMap<String, PathBuf> {
    let mut files = BTreeMap::new();
    let mut folders = vec![(String::new(), root.to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("an entry of a folder").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("names are text");
            let key = format!("{prefix}{name}");
            match (enters(name), path.is_dir()) {
                (false, _) => {}
                (true, true) => folders.push((format!("{key}/"), path)),
                (true, false) => drop(files.insert(key, path)),
            }
        }
    }
    files
}
