//! A chain: a full export and the incremental ones that follow on it, or incremental ones alone. Where one window ends
//! the next must begin, or writes between them are lost without a word.

use backfleet_core::plan::PartContent;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::part::OpenedPart;

/// What a full export shows may be off by so much, so windows that reach back into it a little are what one should ask
/// for (DynamoDB developer guide: "your clock" and the export's may differ by up to a minute).
const FULL_OVERLAP_FREE: time::Duration = time::Duration::MINUTE;

/// Exports that make no chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A full export may only come first.
    #[error("{export} is a full export, and only the first of a chain may be one")]
    FullInside {
        /// The export.
        export: String,
    },
    /// They are not of one table.
    #[error("{export} is of {found}, the exports before it are of {expected}")]
    OtherTable {
        /// The export.
        export: String,
        /// Its table.
        found: String,
        /// The table of the others.
        expected: String,
    },
    /// One was given twice.
    #[error("{export} was given twice")]
    Twice {
        /// The export.
        export: String,
    },
    /// An export does not say where its window begins or ends.
    #[error("{export} does not say when its window begins and ends")]
    NoWindow {
        /// The export.
        export: String,
    },
    /// Writes between two exports are in neither.
    #[error(
        "nothing covers the time from {from} to {to}: {export} begins that long after the export before it ends"
    )]
    Gap {
        /// End of the earlier one, RFC 3339.
        from: String,
        /// Begin of the later one, RFC 3339.
        to: String,
        /// The later one.
        export: String,
    },
    /// Writes are in two exports.
    #[error(
        "the time from {from} to {to} is covered twice: {export} begins that long before the export before it ends"
    )]
    Overlap {
        /// Begin of the later one, RFC 3339.
        from: String,
        /// End of the earlier one, RFC 3339.
        to: String,
        /// The later one.
        export: String,
    },
    /// They lie in places that have nothing in common.
    #[error(
        "the exports of a chain lie in {first} and {other}: one bucket or one file system must hold them all"
    )]
    Apart {
        /// One place.
        first: String,
        /// Another one.
        other: String,
    },
}

impl ChainError {
    /// What to do about it.
    pub fn advice(&self) -> Option<String> {
        Some(match self {
            Self::FullInside { .. } | Self::Twice { .. } => {
                "give the full export first, then each incremental one once, in the order of their windows".into()
            }
            Self::Gap { from, to, .. } => format!(
                "bridge it with an export of that window (at least 15 minutes long; overlaps are safe with --allow-overlap): backfleet export --table TABLE --to s3://… --incremental --from {from} --to-time {to}"
            ),
            Self::Overlap { .. } => {
                "the newest record of an item still sorts last; if changes may come twice, say --allow-overlap".into()
            }
            Self::Apart { .. } => "copy them into one place".into(),
            Self::OtherTable { .. } | Self::NoWindow { .. } => return None,
        })
    }
}

/// Whether these exports, in this order, leave no write out.
pub fn check_chain(parts: &[OpenedPart], allow_overlap: bool) -> Result<(), ChainError> {
    for (index, later) in parts.iter().enumerate().skip(1) {
        let earlier = &parts[index - 1];
        if parts[..index].iter().any(|part| part.part.export == later.part.export) {
            return Err(ChainError::Twice { export: later.part.export.clone() });
        }
        check_table(&parts[..index], later)?;
        check_windows(earlier, later, allow_overlap)?;
    }
    Ok(())
}

fn check_table(earlier: &[OpenedPart], later: &OpenedPart) -> Result<(), ChainError> {
    let differ = |name: fn(&OpenedPart) -> Option<&String>| {
        let found = name(later)?;
        let expected = earlier.iter().find_map(name).filter(|expected| *expected != found)?;
        let export = later.part.export.clone();
        Some(ChainError::OtherTable { export, found: found.clone(), expected: expected.clone() })
    };
    let by_arn = differ(|part| part.shown.table_arn.as_ref());
    // A table that was deleted and made anew has the same ARN.
    let by_id = || differ(|part| part.table_id.as_ref());
    by_arn.or_else(by_id).map_or(Ok(()), Err)
}

fn check_windows(earlier: &OpenedPart, later: &OpenedPart, allow_overlap: bool) -> Result<(), ChainError> {
    let export = || later.part.export.clone();
    let PartContent::Incremental { from, .. } = &later.part.content else {
        return Err(ChainError::FullInside { export: export() });
    };
    let begin = moment(later, from.as_ref())?;
    let (end, free) = match &earlier.part.content {
        PartContent::Full => (moment(earlier, earlier.shown.time.as_ref())?, FULL_OVERLAP_FREE),
        PartContent::Incremental { to, .. } => (moment(earlier, to.as_ref())?, time::Duration::ZERO),
    };
    let text = |time: OffsetDateTime| time.format(&Rfc3339).expect("a time that was read can be written");
    if begin > end {
        return Err(ChainError::Gap { from: text(end), to: text(begin), export: export() });
    }
    if end - begin > free && !allow_overlap {
        return Err(ChainError::Overlap { from: text(begin), to: text(end), export: export() });
    }
    Ok(())
}

fn moment(part: &OpenedPart, text: Option<&String>) -> Result<OffsetDateTime, ChainError> {
    let moment = text.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    moment.ok_or_else(|| ChainError::NoWindow { export: part.part.export.clone() })
}

#[cfg(test)]
mod tests;
