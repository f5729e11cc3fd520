//! Where everything of a job lies below the destination. The only place that builds or parses a key:
//! ```text
//! <partition>/part-<job8>-<unit:06>-<shard:05>.json.gz      what readers load
//! _backfleet/<job>/plan.json                                units, input identity, options, pinned times
//!                 /completions/<unit:06>.json               a unit is done: its shards, counts, digests
//!                 /receipts/<unit:06>-<shard:05>.json       in a shard's place: its records were put into a sink
//!                 /quarantine/<unit:06>-<n:05>.ndjson       records that could not be converted
//!                 /replay/<unit:06>-<n:05>.lines            such records as the source had them, to be read once more
//!                 /replay.json                              which job reads them
//!                 /resume/<sha256>.json                     how a scan goes on behind a shard
//!                 /effort/<sha256>.json                     what a process spent on the job and met on the way; proves nothing
//!                 /control.json                             the one mutable object: read budget, paused
//!                 /manifest.json                            every shard of the job
//!                 /schema.json                              columns of Parquet files
//!                 /_SUCCESS                                 the manifest was verified
//!                 /report.html                              the same for people; proves nothing
//! _backfleet/census/<sha256>.json                           what all records of these files were seen as
//! _backfleet/exports/<sha256>/<n:04>.json                   in the place of exports: one was asked for, with which token
//!                            /<n:04>.arn.json               what DynamoDB calls it
//! ```

use crate::digest::Sha256Digest;
use crate::job::JobId;
use crate::key::ObjectKey;

/// The folder that holds every job's own objects; readers skip names that begin with `_`.
pub const JOBS_FOLDER: &str = "_backfleet";

/// The keys of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    job: JobId,
    shards: Shards,
}

/// Where shards lie, or what stands in their place.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shards {
    Objects { partition: String, extension: &'static str },
    Receipts,
}

/// A layout that cannot be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LayoutError {
    /// A partition that readers would skip, or that is no relative folder.
    #[error("partition {partition:?} {why}")]
    Partition {
        /// What was asked for.
        partition: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Options that this version does not know.
    #[error("the options do not tell how shards are named")]
    Options(String),
}

/// The longest a partition may be, so that every key fits S3's 1,024 bytes.
const PARTITION_BYTES_MAX: usize = 700;

/// A shard's name, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShardName {
    /// The unit it is of.
    pub unit: u32,
    /// Its number within the unit.
    pub shard: u32,
}

impl Layout {
    /// The layout of `job` with its shards in `partition`, whose names end with `extension`.
    pub fn new(job: JobId, partition: &str, extension: &'static str) -> Result<Self, LayoutError> {
        if let Some(why) = partition_fault(partition) {
            return Err(LayoutError::Partition { partition: partition.to_owned(), why });
        }
        Ok(Self { job, shards: Shards::Objects { partition: partition.to_owned(), extension } })
    }

    /// The layout of a job whose records go into a sink: in the place of each shard stands its receipt.
    pub fn of_receipts(job: JobId) -> Self {
        Self { job, shards: Shards::Receipts }
    }

    /// The job these keys are of.
    pub fn job(&self) -> JobId {
        self.job
    }

    /// The only key that shard `shard` of `unit` can have.
    pub fn shard(&self, name: ShardName) -> ObjectKey {
        let ShardName { unit, shard } = name;
        key(format!("{}{unit:06}-{shard:05}.{}", self.shard_prefix(), self.extension()))
    }

    /// What every shard of `unit` begins with.
    pub fn unit_prefix(&self, unit: u32) -> String {
        format!("{}{unit:06}-", self.shard_prefix())
    }

    /// What every shard of the job begins with.
    pub fn shard_prefix(&self) -> String {
        match &self.shards {
            Shards::Receipts => format!("{}receipts/", job_prefix(self.job)),
            Shards::Objects { partition, .. } if partition.is_empty() => {
                format!("part-{}-", self.job.short())
            }
            Shards::Objects { partition, .. } => format!("{partition}/part-{}-", self.job.short()),
        }
    }

    fn extension(&self) -> &'static str {
        match self.shards {
            Shards::Receipts => "json",
            Shards::Objects { extension, .. } => extension,
        }
    }

    /// Which shard of this job a key names; `None` for anything else.
    pub fn parse_shard(&self, key: &ObjectKey) -> Option<ShardName> {
        let rest = key.as_str().strip_prefix(&self.shard_prefix())?;
        let (unit, rest) = rest.split_once('-')?;
        let shard = rest.strip_suffix(self.extension())?.strip_suffix('.')?;
        let name = ShardName { unit: unit.parse().ok()?, shard: shard.parse().ok()? };
        (self.shard(name) == *key).then_some(name)
    }

    /// The plan.
    pub fn plan(&self) -> ObjectKey {
        plan_key(self.job)
    }

    /// The completion of `unit`.
    pub fn completion(&self, unit: u32) -> ObjectKey {
        key(format!("{}{unit:06}.json", self.completions_prefix()))
    }

    /// What every completion of the job begins with.
    pub fn completions_prefix(&self) -> String {
        format!("{}completions/", job_prefix(self.job))
    }

    /// Which unit's completion a key names; `None` for anything else.
    pub fn parse_completion(&self, key: &ObjectKey) -> Option<u32> {
        let unit =
            key.as_str().strip_prefix(&self.completions_prefix())?.strip_suffix(".json")?.parse().ok()?;
        (self.completion(unit) == *key).then_some(unit)
    }

    /// The quarantine object `n` of `unit`.
    pub fn quarantine(&self, unit: u32, n: u32) -> ObjectKey {
        key(format!("{}{unit:06}-{n:05}.ndjson", self.quarantine_prefix()))
    }

    /// Which unit's quarantine object, and which of them, a key names; `None` for anything else.
    pub fn parse_quarantine(&self, key: &ObjectKey) -> Option<(u32, u32)> {
        let (unit, n) = key.as_str().strip_prefix(&self.quarantine_prefix())?.split_once('-')?;
        let (unit, n) = (unit.parse().ok()?, n.strip_suffix(".ndjson")?.parse().ok()?);
        (self.quarantine(unit, n) == *key).then_some((unit, n))
    }

    /// What every quarantine object of the job begins with.
    pub fn quarantine_prefix(&self) -> String {
        format!("{}quarantine/", job_prefix(self.job))
    }

    /// File `n` of what `unit` put into quarantine, as its source had it.
    pub fn replay_file(&self, unit: u32, n: u32) -> ObjectKey {
        key(format!("{}replay/{unit:06}-{n:05}.lines", job_prefix(self.job)))
    }

    /// Which job may convert what this one put into quarantine.
    pub fn replay_mark(&self) -> ObjectKey {
        key(format!("{}replay.json", job_prefix(self.job)))
    }

    /// The link of a scan's chain that has this digest.
    pub fn link(&self, digest: Sha256Digest) -> ObjectKey {
        key(format!("{}resume/{digest}.json", job_prefix(self.job)))
    }

    /// What a process tells of its work, by the digest of what it says.
    pub fn effort(&self, digest: Sha256Digest) -> ObjectKey {
        key(format!("{}{digest}.json", self.efforts_prefix()))
    }

    /// What every effort begins with.
    pub fn efforts_prefix(&self) -> String {
        format!("{}effort/", job_prefix(self.job))
    }

    /// What an operator may change while the job runs.
    pub fn control(&self) -> ObjectKey {
        key(format!("{}control.json", job_prefix(self.job)))
    }

    /// The job's full list of shards.
    pub fn manifest(&self) -> ObjectKey {
        key(format!("{}manifest.json", job_prefix(self.job)))
    }

    /// The columns of a Parquet job, as they may be pinned for another one.
    pub fn schema(&self) -> ObjectKey {
        key(format!("{}schema.json", job_prefix(self.job)))
    }

    /// The mark that the manifest was verified.
    pub fn success(&self) -> ObjectKey {
        key(format!("{}_SUCCESS", job_prefix(self.job)))
    }

    /// The page that shows a finished job to people.
    pub fn report(&self) -> ObjectKey {
        key(format!("{}report.html", job_prefix(self.job)))
    }
}

/// The plan of `job`.
pub fn plan_key(job: JobId) -> ObjectKey {
    key(format!("{}plan.json", job_prefix(job)))
}

/// The census of files that have this digest.
pub fn census_key(files: Sha256Digest) -> ObjectKey {
    key(format!("{JOBS_FOLDER}/census/{files}.json"))
}

/// What was asked of DynamoDB in the same words, `n` for the n-th time.
pub fn export_ticket_key(order: Sha256Digest, n: u32) -> ObjectKey {
    key(format!("{}{n:04}.json", export_tickets_prefix(order)))
}

/// The export that ticket `n` became.
pub fn export_arn_key(order: Sha256Digest, n: u32) -> ObjectKey {
    key(format!("{}{n:04}.arn.json", export_tickets_prefix(order)))
}

/// What every ticket of the same words begins with.
pub fn export_tickets_prefix(order: Sha256Digest) -> String {
    format!("{JOBS_FOLDER}/exports/{order}/")
}

/// Which ticket a key names; `None` for anything else.
pub fn parse_export_ticket(order: Sha256Digest, key: &ObjectKey) -> Option<u32> {
    let n = key.as_str().strip_prefix(&export_tickets_prefix(order))?.strip_suffix(".json")?.parse().ok()?;
    (export_ticket_key(order, n) == *key).then_some(n)
}

/// Which job's own object a key is; `None` for anything else.
pub fn parse_job(key: &ObjectKey) -> Option<JobId> {
    let (job, _) = key.as_str().strip_prefix(JOBS_FOLDER)?.strip_prefix('/')?.split_once('/')?;
    job.parse().ok()
}

fn job_prefix(job: JobId) -> String {
    format!("{JOBS_FOLDER}/{job}/")
}

fn key(text: String) -> ObjectKey {
    ObjectKey::new(text).expect("a checked partition and numbers make a valid key")
}

fn partition_fault(partition: &str) -> Option<&'static str> {
    if partition.is_empty() {
        return None;
    }
    if partition.len() > PARTITION_BYTES_MAX {
        return Some("is longer than 700 bytes");
    }
    if ObjectKey::new(partition).is_err() {
        return Some(
            "is no relative folder: no leading, trailing or double `/`, no `..`, no control characters",
        );
    }
    let hidden = |segment: &str| segment.starts_with('_') || segment.starts_with('.');
    partition.split('/').any(hidden).then_some("has a folder that begins with `_` or `.`, which readers skip")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layout(partition: &str) -> Layout {
        Layout::new("0123456789abcdef0123456789abcdef".parse().unwrap(), partition, "json.gz").unwrap()
    }

    proptest! {
        #[test]
        fn every_key_parses_back_to_what_it_was_built_from(unit in 0..99_999_999u32, shard: u32) {
            for partition in ["", "date=backfill-2026-01-14", "a/b c/d"] {
                let layout = layout(partition);
                let name = ShardName { unit, shard };
                prop_assert_eq!(layout.parse_shard(&layout.shard(name)), Some(name));
                prop_assert_eq!(layout.parse_completion(&layout.completion(unit)), Some(unit));
                prop_assert_eq!(layout.parse_shard(&layout.completion(unit)), None);
                prop_assert_eq!(layout.parse_quarantine(&layout.quarantine(unit, shard)), Some((unit, shard)));
                prop_assert_eq!(layout.parse_quarantine(&layout.shard(name)), None);
            }
        }

        #[test]
        fn parsing_never_panics_and_only_accepts_canonical_names(text in "[-_/.a-z0-9=]{0,80}") {
            let layout = layout("p");
            if let Ok(key) = ObjectKey::new(text)
                && let Some(name) = layout.parse_shard(&key)
            {
                prop_assert_eq!(layout.shard(name), key);
            }
        }
    }

    #[test]
    fn keys_sort_as_units_and_shards_do() {
        let layout = layout("p");
        let keys = [(0, 1), (0, 2), (1, 0), (999_999, 0)]
            .map(|(unit, shard)| layout.shard(ShardName { unit, shard }));
        assert!(keys.is_sorted());
        assert_eq!(keys[3].as_str(), "p/part-01234567-999999-00000.json.gz");
    }

    #[test]
    fn everything_lies_where_the_page_says() {
        let layout = layout("p");
        let (job, digest) = ("_backfleet/0123456789abcdef0123456789abcdef", Sha256Digest::of(b"x"));
        let places = [
            (layout.plan(), format!("{job}/plan.json")),
            (layout.completion(7), format!("{job}/completions/000007.json")),
            (layout.quarantine(7, 3), format!("{job}/quarantine/000007-00003.ndjson")),
            (layout.effort(digest), format!("{job}/effort/{digest}.json")),
            (layout.link(digest), format!("{job}/resume/{digest}.json")),
            (layout.control(), format!("{job}/control.json")),
            (layout.manifest(), format!("{job}/manifest.json")),
            (layout.schema(), format!("{job}/schema.json")),
            (layout.success(), format!("{job}/_SUCCESS")),
            (census_key(digest), format!("_backfleet/census/{digest}.json")),
            (export_ticket_key(digest, 2), format!("_backfleet/exports/{digest}/0002.json")),
            (export_arn_key(digest, 2), format!("_backfleet/exports/{digest}/0002.arn.json")),
        ];
        for (key, place) in places {
            assert_eq!(key.as_str(), place);
        }
        let name = ShardName { unit: 7, shard: 3 };
        assert_eq!(layout.shard(name).as_str(), "p/part-01234567-000007-00003.json.gz");
        let receipts = Layout::of_receipts(layout.job());
        assert_eq!(receipts.shard(name).as_str(), format!("{job}/receipts/000007-00003.json"));
        assert_eq!(receipts.parse_shard(&receipts.shard(name)), Some(name));
        assert_eq!(layout.unit_prefix(7), "p/part-01234567-000007-");
    }

    #[test]
    fn a_name_that_is_not_canonical_is_a_stranger() {
        let layout = layout("p");
        for stranger in [
            "p/part-01234567-0-00000.json.gz",
            "p/part-01234567-+00000-00000.json.gz",
            "p/part-01234567-000000-00000.json",
            "p/part-89abcdef-000000-00000.json.gz",
            "q/part-01234567-000000-00000.json.gz",
        ] {
            assert_eq!(layout.parse_shard(&ObjectKey::new(stranger).unwrap()), None, "{stranger}");
        }
    }

    #[test]
    fn a_partition_that_readers_would_skip_or_that_climbs_out_is_refused() {
        let job = layout("").job();
        for wrong in ["_x", "a/_b", ".x", "/a", "a/", "a//b", "../a", "a/..", &"x".repeat(701)] {
            assert!(Layout::new(job, wrong, "json.gz").is_err(), "{wrong}");
        }
        for right in ["", "a", "a_b/c.d", &"x".repeat(700)] {
            assert!(Layout::new(job, right, "json.gz").is_ok(), "{right}");
        }
    }

    #[test]
    fn a_job_is_found_by_any_object_of_its_own() {
        let layout = layout("");
        for key in [plan_key(layout.job()), layout.completion(7), layout.success()] {
            assert_eq!(parse_job(&key), Some(layout.job()));
        }
        let order = Sha256Digest::of(b"order");
        assert_eq!(parse_job(&export_ticket_key(order, 1)), None);
        assert_eq!(parse_export_ticket(order, &export_ticket_key(order, 12)), Some(12));
        assert_eq!(parse_export_ticket(order, &export_arn_key(order, 12)), None);
        for stranger in ["_backfleet/x/plan.json", "_backfleet/probe", "x/0123456789abcdef0123456789abcdef/y"]
        {
            assert_eq!(parse_job(&ObjectKey::new(stranger).unwrap()), None);
        }
    }
}
