//! The receipt: the write-once object that stands in a shard's place where records go into a sink. It says that the shard's
//! records were put there, and which of them the sink refuses.
//!
//! Put after the effect and before anything that follows, it bounds what is done twice: whoever finds it does nothing. The
//! first one decides what is said of its records, so that every worker writes the same completion.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::completion::{Digest128, ShardRecord, sealed, unsealed};
use crate::digest::Sha256Digest;
use crate::job::JobId;
use crate::key::ObjectKey;
use crate::layout::ShardName;

/// What became of one shard's records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The receipt's own form: 1.
    pub v: u32,
    /// The job.
    pub job: JobId,
    /// The unit of its plan.
    pub unit: u32,
    /// The shard's number within the unit.
    pub shard: u32,
    /// Records of the shard.
    pub records: u64,
    /// Those of them that the sink passed over: the item is another one by now, or gone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub passed_over: u64,
    /// Length of the shard, which is stored nowhere.
    pub content_bytes: u64,
    /// Digest of the shard.
    pub content: Digest128,
    /// The records that the sink refuses, in order.
    pub refused: Vec<Refused>,
}

pub(crate) fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A record that the sink refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Its place in the shard, from 0.
    pub record: u64,
    /// Why.
    pub why: Refusal,
    /// What the sink itself says, where it says something. May quote the record.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Why a sink refuses a record. The names are part of the quarantine files' format, as those of
/// [`Reason`](backfleet_convert::Reason) are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The function fails with this record, alone and every time.
    FunctionFails,
    /// The function names this record among its failures, every time.
    FunctionReports,
    /// The record alone is more than a function can be handed.
    TooLargeForFunction,
    /// The item has more attributes than one condition can compare.
    TooWideToCompare,
    /// The item has an attribute of the marker's name already.
    MarkerInUse,
    /// DynamoDB refuses the write itself.
    WriteRefused,
}

impl Refusal {
    /// Every one there is.
    pub const ALL: [Self; 6] = [
        Self::FunctionFails,
        Self::FunctionReports,
        Self::TooLargeForFunction,
        Self::TooWideToCompare,
        Self::MarkerInUse,
        Self::WriteRefused,
    ];

    /// The stable name, in kebab-case.
    pub fn code(self) -> &'static str {
        self.code_and_sentence().0
    }

    fn code_and_sentence(self) -> (&'static str, &'static str) {
        match self {
            Self::FunctionFails => {
                ("function-fails", "the function fails with this record alone, every time")
            }
            Self::FunctionReports => {
                ("function-reports", "the function reports this record as failed, every time")
            }
            Self::TooLargeForFunction => {
                ("too-large-for-function", "the record alone is more than a function can be handed")
            }
            Self::TooWideToCompare => {
                ("too-wide-to-compare", "the item has more attributes than one condition can compare")
            }
            Self::MarkerInUse => ("marker-in-use", "the item has an attribute of the marker's name already"),
            Self::WriteRefused => ("write-refused", "DynamoDB refuses to write the mark to this item"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code_and_sentence().1)
    }
}

/// A receipt that cannot be believed.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// Not the bytes that were sealed.
    #[error("receipt {shard} of unit {unit} was altered after it was sealed", unit = name.unit, shard = name.shard)]
    Seal {
        /// Which receipt.
        name: ShardName,
    },
    /// Not JSON of a receipt's form.
    #[error("receipt {shard} of unit {unit} cannot be read", unit = name.unit, shard = name.shard)]
    Form {
        /// Which receipt.
        name: ShardName,
        /// Why.
        source: serde_json::Error,
    },
    /// It is another shard's, another job's, of another version, or says what cannot be.
    #[error("receipt {shard} of unit {unit} is not that of this job's shard", unit = name.unit, shard = name.shard)]
    Misplaced {
        /// Which receipt.
        name: ShardName,
    },
}

impl Receipt {
    /// The object's bytes.
    pub fn to_json(&self) -> Vec<u8> {
        sealed(serde_json::to_vec(self).expect("a receipt is plain data"))
    }

    /// Reads the receipt of shard `name` of `job` and holds it against itself.
    pub fn parse(json: &[u8], job: JobId, name: ShardName) -> Result<Self, ReceiptError> {
        let json = unsealed(json).ok_or(ReceiptError::Seal { name })?;
        let receipt: Self =
            serde_json::from_slice(&json).map_err(|source| ReceiptError::Form { name, source })?;
        let placed = (receipt.v, receipt.job, receipt.unit, receipt.shard) == (1, job, name.unit, name.shard);
        let in_order = receipt.refused.is_sorted_by(|one, next| one.record < next.record);
        let within = receipt.refused.last().is_none_or(|last| last.record < receipt.records);
        let counted = receipt.passed_over.saturating_add(receipt.refused.len() as u64) <= receipt.records;
        match placed && in_order && within && counted {
            true => Ok(receipt),
            false => Err(ReceiptError::Misplaced { name }),
        }
    }

    /// How a completion lists it, standing under `key` as `json`.
    pub fn listed(&self, key: &ObjectKey, json: &[u8]) -> ShardRecord {
        ShardRecord {
            key: key.to_string(),
            bytes: json.len() as u64,
            sha256: Sha256Digest::of(json),
            records: self.records - self.passed_over - self.refused.len() as u64,
            passed_over: self.passed_over,
            content_bytes: self.content_bytes,
            content: self.content,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const NAME: ShardName = ShardName { unit: 3, shard: 7 };

    fn receipt() -> Receipt {
        let refused = |record| Refused { record, why: Refusal::FunctionFails, detail: "KeyError".into() };
        Receipt {
            v: 1,
            job: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            unit: 3,
            shard: 7,
            records: 10,
            passed_over: 1,
            content_bytes: 1_000,
            content: Digest128("00112233445566778899aabbccddeeff".parse().unwrap()),
            refused: vec![refused(0), refused(9)],
        }
    }

    #[test]
    fn a_receipt_is_read_as_it_was_written_and_lists_what_was_taken() {
        let receipt = receipt();
        let json = receipt.to_json();
        assert_eq!(Receipt::parse(&json, receipt.job, NAME).unwrap(), receipt);
        let listed = receipt.listed(&ObjectKey::new("r").unwrap(), &json);
        assert_eq!((listed.records, listed.passed_over, listed.bytes), (7, 1, json.len() as u64));
    }

    #[test]
    fn no_flipped_bit_of_a_receipt_goes_unseen() {
        let json = receipt().to_json();
        for bit in 0..json.len() * 8 {
            let mut damaged = json.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Receipt::parse(&damaged, receipt().job, NAME).is_err());
        }
    }

    #[test]
    fn a_receipt_that_is_anothers_or_refuses_what_it_does_not_have_is_refused() {
        let changes: [fn(&mut Receipt); 5] = [
            |other| other.unit = 4,
            |other| other.shard = 8,
            |other| other.records = 9,
            |other| other.refused.reverse(),
            |other| other.passed_over = 9,
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut other = receipt();
            change(&mut other);
            let read = Receipt::parse(&other.to_json(), receipt().job, NAME);
            assert!(matches!(read, Err(ReceiptError::Misplaced { .. })), "change {n}");
        }
    }

    #[test]
    fn every_refusal_has_a_name_of_its_own_that_no_reason_of_the_conversion_has() {
        let names: BTreeSet<&str> = Refusal::ALL.into_iter().map(Refusal::code).collect();
        assert_eq!(names.len(), Refusal::ALL.len());
        assert!(backfleet_convert::Reason::ALL.into_iter().all(|reason| !names.contains(reason.code())));
        for refusal in Refusal::ALL {
            assert_eq!(serde_json::to_string(&refusal).unwrap(), format!("{:?}", refusal.code()));
        }
    }
}
