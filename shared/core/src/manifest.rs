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
            let about = (text.len() - head_bytes) * 17 / 16;
            text.reserve(about * elements.len());
        }
    }
    text.extend_from_slice(b"]}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::completion::Digest128;

    fn job() -> JobId {
        "0123456789abcdef0123456789abcdef".parse().unwrap()
    }

    /// A unit of two shards and one object in quarantine.
    fn completion(unit: u32, md5_proven: bool) -> Completion {
        let sha256 = Sha256Digest::of(b"object");
        let shard = |n: u32| ShardRecord {
            key: format!("p/{unit}-{n}"),
            bytes: 10,
            sha256,
            records: 2,
            passed_over: 0,
            content_bytes: 20,
            content: Digest128("00112233445566778899aabbccddeeff".parse().unwrap()),
        };
        let counts = Counts { records_in: 5, records_out: 4, quarantined: 1, shards: 2, ..Counts::default() };
        let quarantine = vec![QuarantineRecord { key: format!("q/{unit}"), bytes: 3, sha256, records: 1 }];
        Completion {
            v: 1,
            job: job(),
            unit,
            counts,
            md5_proven,
            shards: vec![shard(0), shard(1)],
            quarantine,
        }
    }

    fn manifest() -> Manifest {
        let mut manifest = Manifest::new(job());
        for (unit, md5_proven) in [true, false, true].into_iter().enumerate() {
            manifest.add(completion(unit as u32, md5_proven));
        }
        manifest
    }

    #[test]
    fn a_manifest_is_what_its_completions_add_up_to_in_their_order() {
        let manifest = manifest();
        assert_eq!((manifest.units, manifest.units_md5_proven, manifest.counts.records_in), (3, 2, 15));
        let shards: Vec<&str> = manifest.shards.iter().map(|shard| shard.key.as_str()).collect();
        assert_eq!(shards, ["p/0-0", "p/0-1", "p/1-0", "p/1-1", "p/2-0", "p/2-1"]);
        let quarantine: Vec<&str> = manifest.quarantine.iter().map(|object| object.key.as_str()).collect();
        assert_eq!(quarantine, ["q/0", "q/1", "q/2"]);
    }

    #[test]
    fn a_manifest_is_json_with_a_shard_on_every_line() {
        let manifest = manifest();
        let json = String::from_utf8(manifest.to_json()).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
        let lines: Vec<&str> = json.lines().collect();
        assert!(json.ends_with("]}\n") && lines.len() == 1 + 6, "{json}");
        for (line, shard) in lines[1..].iter().zip(&manifest.shards) {
            let line = line.trim_end_matches("]}").trim_end_matches(',');
            assert_eq!(serde_json::from_str::<ShardRecord>(line).unwrap(), *shard);
        }
        let empty = Manifest::new(job());
        assert_eq!(serde_json::from_slice::<Manifest>(&empty.to_json()).unwrap(), empty);
    }

    #[test]
    fn a_long_manifest_is_written_into_little_more_memory_than_it_takes() {
        let mut manifest = Manifest::new(job());
        // The first shard's line is shorter than the others'.
        (1..400).for_each(|unit| manifest.add(completion(unit, true)));
        let json = manifest.to_json();
        assert!(json.capacity() < json.len() + json.len() / 8, "{} for {}", json.capacity(), json.len());
    }

    #[test]
    fn a_mark_stands_for_one_manifest() {
        let manifest = manifest().to_json();
        let mark = Success::of(job(), &manifest).to_json();
        let expected =
            format!("{{\"v\":1,\"job\":\"{}\",\"manifest\":\"{}\"}}\n", job(), Sha256Digest::of(&manifest));
        assert_eq!(String::from_utf8(mark).unwrap(), expected);
    }
}
