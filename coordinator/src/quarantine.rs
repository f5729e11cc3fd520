//! Reads what a job put into quarantine: by reason, and record by record. Writes nothing.

use std::collections::BTreeMap;

use backfleet_core::key::ObjectKey;
use backfleet_core::layout::Layout;
use backfleet_core::ports::{ListingEntry, ObjectStore, PortError};
use backfleet_worker::quarantine::QuarantineLine;

/// Which records are asked for; all, unless something is said.
#[derive(Debug, Clone, Default)]
pub struct QuarantineChoice {
    /// Of this unit.
    pub unit: Option<u32>,
    /// Of this reason, by its stable name.
    pub reason: Option<String>,
}

/// One record in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The unit it is of.
    pub unit: u32,
    /// The record.
    pub line: QuarantineLine,
}

/// Records of one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// How many.
    pub records: u64,
    /// In how many units.
    pub units: u64,
    /// The first of them.
    pub first: Kept,
}

/// A quarantine that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    /// A line that is no quarantined record.
    #[error("line {line} of {key} is no quarantined record")]
    Line {
        /// The object.
        key: ObjectKey,
        /// Which line of it, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// An object that was listed and is not there.
    #[error("{key} was removed while it was read")]
    Gone {
        /// The object.
        key: ObjectKey,
    },
    /// The destination failed.
    #[error("the destination failed")]
    Port(#[from] PortError),
}

/// All reasons by their names.
pub async fn kinds(
    dest: &dyn ObjectStore,
    layout: &Layout,
    choice: &QuarantineChoice,
) -> Result<BTreeMap<String, Kind>, QuarantineError> {
    let mut kinds: BTreeMap<String, (Kind, u32)> = BTreeMap::new();
    for_each(dest, layout, choice, |kept| {
        match kinds.get_mut(&kept.line.reason) {
            None => {
                let (unit, reason) = (kept.unit, kept.line.reason.clone());
                kinds.insert(reason, (Kind { records: 1, units: 1, first: kept }, unit));
            }
            // Units come one after the other.
            Some((kind, unit)) => {
                kind.records += 1;
                kind.units += u64::from(*unit != kept.unit);
                *unit = kept.unit;
            }
        }
        true
    })
    .await?;
    Ok(kinds.into_iter().map(|(reason, (kind, _))| (reason, kind)).collect())
}

/// Gives every chosen record, by unit and place, to `each`, until that says that it has enough. Holds one object at a time.
pub async fn for_each(
    dest: &dyn ObjectStore,
    layout: &Layout,
    choice: &QuarantineChoice,
    mut each: impl FnMut(Kept) -> bool,
) -> Result<(), QuarantineError> {
    let prefix = layout.quarantine_prefix();
    let narrow = choice.unit.map_or_else(|| prefix.clone(), |unit| format!("{prefix}{unit:06}-"));
    let mut after: Option<ObjectKey> = None;
    loop {
        let page = dest.list(&narrow, after.as_ref()).await?;
        for entry in &page.entries {
            let Some((unit, _)) = layout.parse_quarantine(&entry.key) else { continue };
            for line in lines(dest, entry).await? {
                let chosen = choice.reason.as_ref().is_none_or(|reason| *reason == line.reason);
                if chosen && !each(Kept { unit, line }) {
                    return Ok(());
                }
            }
        }
        match page.entries.last() {
            Some(last) if page.more => after = Some(last.key.clone()),
            _ => return Ok(()),
        }
    }
}

async fn lines(dest: &dyn ObjectStore, entry: &ListingEntry) -> Result<Vec<QuarantineLine>, QuarantineError> {
    let bytes_max = usize::try_from(entry.bytes).unwrap_or(usize::MAX);
    let gone = || QuarantineError::Gone { key: entry.key.clone() };
    let text = dest.get_small(&entry.key, bytes_max).await?.ok_or_else(gone)?;
    parse(&entry.key, &text)
}

/// The records of one object.
pub(crate) fn parse(key: &ObjectKey, text: &[u8]) -> Result<Vec<QuarantineLine>, QuarantineError> {
    let line = |(n, json): (usize, &[u8])| {
        serde_json::from_slice(json).map_err(|source| QuarantineError::Line {
            key: key.clone(),
            line: n + 1,
            source,
        })
    };
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate().map(line).collect()
}
