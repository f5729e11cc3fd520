//! The chain of a scan unit. A live scan cannot be repeated, so the shards of a segment hang together: each was put with
//! the digest of a link that says what stands so far and where reading goes on. The put of the shard is the commit; a
//! link that no shard names is nothing.
//!
//! ```text
//!  shard 0 --metadata--> resume/<a>.json: shards [0],    after K0
//!  shard 1 --metadata--> resume/<b>.json: shards [0, 1], after K1
//!  shard 2 --metadata--> resume/<c>.json: shards [0, 1, 2], the end
//! ```

use serde::{Deserialize, Serialize};

use crate::completion::{Completion, Counts, ShardRecord};
use crate::digest::Sha256Digest;
use crate::job::JobId;
use crate::layout::{Layout, ShardName};
use crate::ports::ScanKey;

/// The metadata field of a shard that holds the digest of its link.
pub const LINK_FIELD: &str = "backfleet-resume";

/// What stands of a unit up to one of its shards, and how it goes on. Everything a completion needs is in the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The link's own form: 1.
    pub v: u32,
    /// The job.
    pub job: JobId,
    /// The unit of its plan.
    pub unit: u32,
    /// All shards so far, in order.
    pub shards: Vec<ShardRecord>,
    /// What was counted so far.
    pub counts: Counts,
    /// `LastEvaluatedKey` of the last page, as JSON text; nothing before the first page and behind the last.
    pub after: Option<String>,
    /// Whether the segment was read to its end.
    pub last: bool,
}

/// A link that cannot be believed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Not the bytes whose digest names it.
    #[error("the link {digest} of unit {unit} is damaged: its bytes have another digest")]
    Damaged {
        /// Which unit.
        unit: u32,
        /// The digest that was asked for.
        digest: Sha256Digest,
    },
    /// Not JSON of a link's form.
    #[error("the link {digest} of unit {unit} cannot be read")]
    Form {
        /// Which unit.
        unit: u32,
        /// Its digest.
        digest: Sha256Digest,
        /// Why.
        source: serde_json::Error,
    },
    /// It is another shard's, another unit's, another job's, or of another version.
    #[error("shard {shard} of unit {unit} names a link of another place: {digest}")]
    Misplaced {
        /// Which unit.
        unit: u32,
        /// The shard that names it.
        shard: u32,
        /// Its digest.
        digest: Sha256Digest,
    },
}

impl Link {
    /// Before the first page.
    pub fn beginning(job: JobId, unit: u32) -> Self {
        Self { v: 1, job, unit, shards: Vec::new(), counts: Counts::default(), after: None, last: false }
    }

    /// The number of the next shard.
    pub fn next_shard(&self) -> u32 {
        u32::try_from(self.shards.len()).expect("a unit has fewer shards than that")
    }

    /// Where reading goes on, unless at the beginning.
    pub fn resume_key(&self) -> Option<ScanKey> {
        self.after.clone().map(ScanKey)
    }

    /// The object's bytes.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec(self).expect("a link is plain data");
        json.push(b'\n');
        json
    }

    /// Reads the link that shard `name` was put with.
    pub fn parse(
        json: &[u8],
        digest: Sha256Digest,
        layout: &Layout,
        name: ShardName,
    ) -> Result<Self, LinkError> {
        let ShardName { unit, shard } = name;
        if Sha256Digest::of(json) != digest {
            return Err(LinkError::Damaged { unit, digest });
        }
        let link: Self =
            serde_json::from_slice(json).map_err(|source| LinkError::Form { unit, digest, source })?;
        let expected = layout.shard(name);
        let ends_here = link.shards.last().is_some_and(|record| record.key == expected.as_str());
        let place = (link.v, link.job, link.unit, link.next_shard());
        if place != (1, layout.job(), unit, shard + 1) || !ends_here {
            return Err(LinkError::Misplaced { unit, shard, digest });
        }
        Ok(link)
    }

    /// The completion of a unit that was read to its end.
    pub fn completion(self) -> Completion {
        debug_assert!(self.last, "only a whole unit has a completion");
        let Self { job, unit, counts, shards, .. } = self;
        Completion { v: 1, job, unit, counts, md5_proven: false, shards, quarantine: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::completion::Digest128;

    fn layout() -> Layout {
        Layout::new("0123456789abcdef0123456789abcdef".parse().unwrap(), "p", "json.gz").unwrap()
    }

    /// The link of shard 1 of unit 3.
    fn link() -> Link {
        let record = |shard| ShardRecord {
            key: layout().shard(ShardName { unit: 3, shard }).to_string(),
            bytes: 10,
            sha256: Sha256Digest::of(b"shard"),
            records: 2,
            passed_over: 0,
            content_bytes: 20,
            content: Digest128("00112233445566778899aabbccddeeff".parse().unwrap()),
        };
        let shards = vec![record(0), record(1)];
        let after = Some("{\"pk\":{\"S\":\"k\"}}".to_owned());
        Link { shards, after, ..Link::beginning(layout().job(), 3) }
    }

    fn parse(link: &Link) -> Result<Link, LinkError> {
        let json = link.to_json();
        Link::parse(&json, Sha256Digest::of(&json), &layout(), ShardName { unit: 3, shard: 1 })
    }

    #[test]
    fn a_link_says_how_its_shard_is_followed() {
        let there = parse(&link()).unwrap();
        assert_eq!(there, link());
        assert_eq!(there.next_shard(), 2);
        assert_eq!(there.resume_key(), Some(ScanKey("{\"pk\":{\"S\":\"k\"}}".to_owned())));
        let beginning = Link::beginning(layout().job(), 3);
        assert_eq!((beginning.next_shard(), beginning.resume_key()), (0, None));
    }

    #[test]
    fn a_link_of_another_place_is_not_believed() {
        let changes: [fn(&mut Link); 6] = [
            |link| link.v = 2,
            |link| link.job = "fedcba9876543210fedcba9876543210".parse().unwrap(),
            |link| link.unit = 4,
            |link| drop(link.shards.remove(0)),
            |link| link.shards.insert(0, link.shards[0].clone()),
            |link| link.shards[1].key.push('x'),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut other = link();
            change(&mut other);
            assert!(matches!(parse(&other), Err(LinkError::Misplaced { .. })), "change {index}");
        }
    }

    #[test]
    fn bytes_of_another_digest_or_form_are_refused() {
        let name = ShardName { unit: 3, shard: 1 };
        let read = |json: &[u8], digest| Link::parse(json, digest, &layout(), name);
        let json = link().to_json();
        let other = read(&json, Sha256Digest::of(b"another"));
        assert!(matches!(other, Err(LinkError::Damaged { .. })));
        let other = read(b"{}", Sha256Digest::of(b"{}"));
        assert!(matches!(other, Err(LinkError::Form { .. })));
    }

    #[test]
    fn the_last_link_is_the_completion() {
        let mut last = Link { last: true, ..link() };
        last.counts.records_in = 4;
        let Completion { job, unit, counts, shards, md5_proven, quarantine, v } = last.clone().completion();
        assert_eq!((v, job, unit, counts, &shards), (1, last.job, 3, last.counts, &last.shards));
        assert!(!md5_proven && quarantine.is_empty());
    }
}
