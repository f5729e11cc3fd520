//! The completion: the write-once object that says a unit is done, with its shards, counts and digests.
//!
//! It holds nothing that differs between two attempts at the same unit (no time, no worker), so that a twin's
//! completion is recognised as equal.

use backfleet_convert::ContentDigest;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::job::JobId;
use crate::mutant::{self, Mutant};
use crate::receipt::is_zero;

/// What a finished unit became. As stored it ends with a seal, a digest of everything before it, so that damage is seen
/// also where no sum shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// The completion's own form: 1.
    pub v: u32,
    /// The job.
    pub job: JobId,
    /// The unit of its plan.
    pub unit: u32,
    /// What was counted.
    pub counts: Counts,
    /// Whether the input's MD5 was there and held.
    pub md5_proven: bool,
    /// The shards, in order.
    pub shards: Vec<ShardRecord>,
    /// The quarantine objects, in order.
    pub quarantine: Vec<QuarantineRecord>,
}

/// Counts of one unit, or of a whole job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Records read: `records_out + passed_over + quarantined`.
    pub records_in: u64,
    /// Records written.
    pub records_out: u64,
    /// Records that could not be converted.
    pub quarantined: u64,
    /// Records that a sink passed over: the item is another one by now, or gone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub passed_over: u64,
    /// Records that the table looked at and left out, as its filter says; none of `records_in`.
    pub filtered: u64,
    /// Bytes read, as stored.
    pub bytes_in: u64,
    /// Bytes read, uncompressed.
    pub bytes_inflated: u64,
    /// Bytes of records written, uncompressed.
    pub content_bytes: u64,
    /// Bytes of shards written, as stored.
    pub bytes_out: u64,
    /// Shards.
    pub shards: u64,
}

impl Counts {
    /// Adds another unit's. No sum of what can be true comes near the end of its numbers.
    pub fn add(&mut self, other: &Self) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.records_in, other.records_in);
        add(&mut self.records_out, other.records_out);
        add(&mut self.quarantined, other.quarantined);
        add(&mut self.passed_over, other.passed_over);
        add(&mut self.filtered, other.filtered);
        add(&mut self.bytes_in, other.bytes_in);
        add(&mut self.bytes_inflated, other.bytes_inflated);
        add(&mut self.content_bytes, other.content_bytes);
        add(&mut self.bytes_out, other.bytes_out);
        add(&mut self.shards, other.shards);
    }
}

/// One shard as it stands in the destination; of a sink its receipt, with the content of the shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardRecord {
    /// Its only possible key.
    pub key: String,
    /// Length as stored.
    pub bytes: u64,
    /// Of the bytes as stored.
    pub sha256: Sha256Digest,
    /// Records in it; of a receipt those that were taken.
    pub records: u64,
    /// Of a receipt: records that the sink passed over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub passed_over: u64,
    /// Length uncompressed.
    pub content_bytes: u64,
    /// Of the uncompressed records: what two attempts must agree on, whatever compressor wrote them.
    pub content: Digest128,
}

/// One quarantine object as it stands in the destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineRecord {
    /// Its key.
    pub key: String,
    /// Length as stored.
    pub bytes: u64,
    /// Of the bytes as stored.
    pub sha256: Sha256Digest,
    /// Records in it.
    pub records: u64,
}

/// A [`ContentDigest`] in JSON: 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest128(pub ContentDigest);

impl From<Digest128> for String {
    fn from(digest: Digest128) -> Self {
        digest.0.to_string()
    }
}

impl TryFrom<String> for Digest128 {
    type Error = <ContentDigest as std::str::FromStr>::Err;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// A completion that cannot be believed.
#[derive(Debug, thiserror::Error)]
pub enum CompletionError {
    /// Not JSON of a completion's form.
    #[error("the completion of unit {unit} cannot be read")]
    Form {
        /// Which unit.
        unit: u32,
        /// Why.
        source: serde_json::Error,
    },
    /// Not the bytes that were sealed.
    #[error("the completion of unit {unit} was altered after it was sealed")]
    Seal {
        /// Which unit.
        unit: u32,
    },
    /// It is another unit's, another job's, or of another version.
    #[error("the completion of unit {unit} names unit {named} of job {job}, version {v}")]
    Misplaced {
        /// Where it was found.
        unit: u32,
        /// The unit it names.
        named: u32,
        /// The job it names.
        job: JobId,
        /// The version it names.
        v: u32,
    },
    /// Its numbers contradict each other.
    #[error("the completion of unit {unit} contradicts itself: {what}")]
    Contradiction {
        /// Which unit.
        unit: u32,
        /// Which sum fails.
        what: &'static str,
    },
}

const SEAL_BEGIN: &str = ",\"seal\":\"";
const SEAL_END: &str = "\"}\n";

/// A JSON object with the seal behind its other fields.
pub fn sealed(mut json: Vec<u8>) -> Vec<u8> {
    let seal = Sha256Digest::of(&json);
    json.pop();
    json.extend_from_slice(format!("{SEAL_BEGIN}{seal}{SEAL_END}").as_bytes());
    json
}

/// The bytes that were sealed.
pub(crate) fn unsealed(json: &[u8]) -> Option<Vec<u8>> {
    let rest = json.strip_suffix(SEAL_END.as_bytes())?;
    let (rest, seal) = rest.split_at_checked(rest.len().checked_sub(Sha256Digest::HEX_DIGITS)?)?;
    let mut json = rest.strip_suffix(SEAL_BEGIN.as_bytes())?.to_vec();
    json.push(b'}');
    let seal: Sha256Digest = std::str::from_utf8(seal).ok()?.parse().ok()?;
    (Sha256Digest::of(&json) == seal || mutant::is(Mutant::CompletionSealUnseen)).then_some(json)
}

impl Completion {
    /// The object's bytes.
    pub fn to_json(&self) -> Vec<u8> {
        sealed(serde_json::to_vec(self).expect("a completion is plain data"))
    }

    /// Reads the completion of `unit` of `job` and holds it against itself.
    pub fn parse(json: &[u8], job: JobId, unit: u32) -> Result<Self, CompletionError> {
        let json = unsealed(json).ok_or(CompletionError::Seal { unit })?;
        let completion: Self =
            serde_json::from_slice(&json).map_err(|source| CompletionError::Form { unit, source })?;
        let Self { v, job: named_job, unit: named, .. } = completion;
        if (v, named_job, named) != (1, job, unit) {
            return Err(CompletionError::Misplaced { unit, named, job: named_job, v });
        }
        match completion.contradiction() {
            None => Ok(completion),
            Some(what) => Err(CompletionError::Contradiction { unit, what }),
        }
    }

    /// Whether both say the same of the records; the stored form of a shard may differ.
    pub fn same_content(&self, other: &Self) -> bool {
        let shard = |shard: &ShardRecord| {
            (shard.key.clone(), shard.records, shard.passed_over, shard.content_bytes, shard.content)
        };
        let counts = |completion: &Self| Counts { bytes_out: 0, ..completion.counts };
        (self.job, self.unit, counts(self)) == (other.job, other.unit, counts(other))
            && self.quarantine == other.quarantine
            && self.shards.iter().map(shard).eq(other.shards.iter().map(shard))
    }

    fn contradiction(&self) -> Option<&'static str> {
        let Counts {
            records_in,
            records_out,
            passed_over,
            quarantined,
            bytes_out,
            content_bytes,
            shards,
            ..
        } = self.counts;
        let sum = |of: fn(&ShardRecord) -> u64| sum(self.shards.iter().map(of));
        [
            (
                Some(records_in) == self::sum([records_out, passed_over, quarantined].into_iter()),
                "records in are not records out plus passed over plus quarantined",
            ),
            (
                Some(passed_over) == sum(|shard| shard.passed_over),
                "records passed over are not the sum of the shards'",
            ),
            (Some(records_out) == sum(|shard| shard.records), "records out are not the sum of the shards'"),
            (Some(bytes_out) == sum(|shard| shard.bytes), "bytes out are not the sum of the shards'"),
            (
                Some(content_bytes) == sum(|shard| shard.content_bytes),
                "content bytes are not the sum of the shards'",
            ),
            (shards == self.shards.len() as u64, "the number of shards is not that of the list"),
            (
                Some(quarantined) == self::sum(self.quarantine.iter().map(|object| object.records)),
                "quarantined records are not the sum of the quarantine objects'",
            ),
        ]
        .into_iter()
        .find_map(|(holds, what)| (!holds).then_some(what))
    }
}

/// `None` if it is more than any number that a completion could say.
fn sum(mut numbers: impl Iterator<Item = u64>) -> Option<u64> {
    numbers.try_fold(0_u64, u64::checked_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_stored_form_may_differ_between_twins() {
        let ours = completion();
        let mut twin = completion();
        (twin.counts.bytes_out, twin.shards[0].bytes) = (11, 11);
        twin.shards[0].sha256 = Sha256Digest::of(b"compressed by another version");
        assert!(ours.same_content(&twin));
        let changes: [fn(&mut Completion); 9] = [
            |other| other.job = "fedcba9876543210fedcba9876543210".parse().unwrap(),
            |other| other.unit = 4,
            |other| other.counts.records_in = 3,
            |other| other.quarantine.push(quarantine()),
            |other| other.shards[0].key.push('x'),
            |other| other.shards[0].records = 3,
            |other| other.shards[0].passed_over = 1,
            |other| other.shards[0].content_bytes = 21,
            |other| other.shards[0].content = Digest128("10112233445566778899aabbccddeeff".parse().unwrap()),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut other = completion();
            change(&mut other);
            assert!(!ours.same_content(&other), "change {index}");
        }
    }

    fn quarantine() -> QuarantineRecord {
        QuarantineRecord { key: "q".into(), bytes: 1, sha256: Sha256Digest::of(b"quarantine"), records: 1 }
    }

    #[test]
    fn counts_of_units_add_up() {
        let counts = |each: u64| Counts {
            records_in: each,
            records_out: 2 * each,
            quarantined: 3 * each,
            passed_over: 10 * each,
            filtered: 4 * each,
            bytes_in: 5 * each,
            bytes_inflated: 6 * each,
            content_bytes: 7 * each,
            bytes_out: 8 * each,
            shards: 9 * each,
        };
        let mut sum = counts(1);
        sum.add(&counts(10));
        assert_eq!(sum, counts(11));
    }

    fn completion() -> Completion {
        let job = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let shard = ShardRecord {
            key: "p/part-01234567-000003-00000.json".into(),
            bytes: 10,
            sha256: Sha256Digest::of(b"shard"),
            records: 2,
            passed_over: 0,
            content_bytes: 20,
            content: Digest128("00112233445566778899aabbccddeeff".parse().unwrap()),
        };
        let counts = Counts {
            records_in: 2,
            records_out: 2,
            bytes_out: 10,
            content_bytes: 20,
            shards: 1,
            ..Counts::default()
        };
        Completion {
            v: 1,
            job,
            unit: 3,
            counts,
            md5_proven: true,
            shards: vec![shard],
            quarantine: Vec::new(),
        }
    }

    #[test]
    fn a_completion_is_read_as_it_was_written() {
        let completion = completion();
        let read = Completion::parse(&completion.to_json(), completion.job, 3).unwrap();
        assert_eq!(read, completion);
        assert!(matches!(
            Completion::parse(&completion.to_json(), completion.job, 4),
            Err(CompletionError::Misplaced { unit: 4, named: 3, .. })
        ));
    }

    #[test]
    fn a_flipped_bit_is_seen_wherever_it_is() {
        let completion = completion();
        let json = completion.to_json();
        for bit in 0..json.len() * 8 {
            let mut json = json.clone();
            json[bit / 8] ^= 1 << (bit % 8);
            let read = Completion::parse(&json, completion.job, 3);
            assert!(read.is_err(), "{}", String::from_utf8_lossy(&json));
        }
        assert!(Completion::parse(&json[..json.len() - 1], completion.job, 3).is_err());
        assert!(Completion::parse(b"", completion.job, 3).is_err());
    }

    /// The sums once overflowed: a panic where that is checked, and elsewhere sums that agreed with anything.
    #[test]
    fn a_completion_whose_sums_overflow_contradicts_itself() {
        let job: JobId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let counts = Counts { records_in: 1, records_out: 2, quarantined: u64::MAX, ..Counts::default() };
        let shard = |records| ShardRecord {
            key: "k".to_owned(),
            bytes: 0,
            sha256: Sha256Digest([0; 32]),
            records,
            passed_over: 0,
            content_bytes: 0,
            content: Digest128(ContentDigest(0)),
        };
        let shards = vec![shard(u64::MAX), shard(3)];
        let completion =
            Completion { v: 1, job, unit: 0, counts, md5_proven: true, shards, quarantine: Vec::new() };
        assert!(matches!(
            Completion::parse(&completion.to_json(), job, 0),
            Err(CompletionError::Contradiction { .. })
        ));
        let counts = Counts { records_in: 2, records_out: 2, quarantined: 0, shards: 2, ..counts };
        let completion = Completion { counts, ..completion };
        assert!(matches!(
            Completion::parse(&completion.to_json(), job, 0),
            Err(CompletionError::Contradiction { .. })
        ));
    }
}
