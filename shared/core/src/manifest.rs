//! The manifest: the job's commit, the full list of its shards; and `_SUCCESS`, the mark that it was verified.

use serde::{Deserialize, Serialize};

use crate::completion::{Completion, Counts, QuarantineRecord, ShardRecord};
use crate::digest::Sha256Digest;
use crate::job::JobId;

/// Everything a job wrote. A function of the completions alone: a rerun gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The manifest's own form: 1.
    pub v: u32,
    /// The job.
    pub job: JobId,
    /// Units of the plan, each complete.
    pub units: u64,
    /// Units whose input was proven by an MD5.
    pub units_md5_proven: u64,
    /// Sums over all units.
    pub counts: Counts,
    /// All quarantine objects, by unit.
    pub quarantine: Vec<QuarantineRecord>,
    /// All shards, by unit and number.
    pub shards: Vec<ShardRecord>,
}

/// The content of `_SUCCESS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Success {
    /// Its own form: 1.
    pub v: u32,
    /// The job.
    pub job: JobId,
    /// SHA-256 of `manifest.json`.
    pub manifest: Sha256Digest,
}

impl Manifest {
    /// An empty manifest of `job`, to which completions are added in the order of their units.
    pub fn new(job: JobId) -> Self {
        Self {
            v: 1,
            job,
            units: 0,
            units_md5_proven: 0,
            counts: Counts::default(),
            quarantine: Vec::new(),
            shards: Vec::new(),
        }
    }

    /// Adds the next unit's completion.
    pub fn add(&mut self, completion: Completion) {
        self.units += 1;
        self.units_md5_proven += u64::from(completion.md5_proven);
        self.counts.add(&completion.counts);
        self.quarantine.extend(completion.quarantine);
        self.shards.extend(completion.shards);
    }

    /// The object's bytes: one shard a line.
    pub fn to_json(&self) -> Vec<u8> {
        let head = Self { quarantine: self.quarantine.clone(), shards: Vec::new(), ..*self };
        json_with_lines(&head, &self.shards)
    }
}

impl Success {
    /// The mark for a manifest of these bytes.
    pub fn of(job: JobId, manifest: &[u8]) -> Self {
        Self { v: 1, job, manifest: Sha256Digest::of(manifest) }
    }

    /// The object's bytes.
    pub fn to_json(self) -> Vec<u8> {
        let mut json = serde_json::to_vec(&self).expect("a mark is plain data");
        json.push(b'\n');
        json
    }
}

/// JSON of an object with each element of its last field, a list, on a line of its own. `head` is the object
/// with that list empty.
pub(crate) fn json_with_lines<T: Serialize, E: Serialize>(head: &T, elements: &[E]) -> Vec<u8> {
    let mut text = serde_json::to_vec(head).expect("plain data");
    assert!(text.ends_with(b"[]}"), "the list is the last field and empty");
    text.truncate(text.len() - b"]}".len());
    let head_bytes = text.len();
    for (n, element) in elements.iter().enumerate() {
        text.extend_from_slice(if n > 0 { b",\n" } else { b"\n" });
        serde_json::to_writer(&mut text, element).expect("writing to memory");
        if n == 0 {
            // The others are about as long; growing by doubling would hold up to three times as much.
            text.reserve((text.len() - head_bytes) * elements.len());
        }
    }
    text.extend_from_slice(b"]}\n");
    text
}
