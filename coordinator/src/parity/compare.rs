//! What differs between two portraits: how badly, and what removes it.
//!
//! Values that must differ are none: ids, times, sequence numbers, sizes, the data itself. Where the form of the records
//! differs, their fields are not compared: the flag for the form comes first.

mod container;
mod fields;

use std::fmt;

use serde::Serialize;

use super::infer::{Inference, infer};
use super::json::compact;
use super::limits::EXAMPLE_CHARS_MAX;
use super::portrait::{Content, Portrait};

/// How much a difference matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// What reads the live objects reads ours the wrong way, or not at all.
    BreaksReaders,
    /// Readers find something else than in live records.
    Differs,
    /// No JSON reader notices.
    Cosmetic,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BreaksReaders => "breaks readers",
            Self::Differs => "differs",
            Self::Cosmetic => "cosmetic",
        })
    }
}

/// What can be done about a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Flags of ours remove it.
    Flags(String),
    /// None does, or none is needed: why.
    Why(String),
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// How much it matters.
    pub severity: Severity,
    /// What differs.
    pub what: String,
    /// How it is live.
    pub live: String,
    /// How it is in ours.
    pub ours: String,
    /// What to do.
    pub remedy: Remedy,
}

/// All differences, the worst first.
pub fn compare(live: &Portrait, ours: &Portrait) -> Vec<Difference> {
    let mut findings = Findings { wanted: infer(live), differences: Vec::new() };
    container::compare(live, ours, &mut findings);
    if let (Content::Json(live), Content::Json(ours)) = (&live.content, &ours.content)
        && live.class == ours.class
    {
        fields::compare(live, ours, &mut findings);
    }
    let mut differences = findings.differences;
    differences.sort_by_key(|difference| difference.severity);
    differences
}

/// Differences on their way, with the flags that live asks for.
struct Findings {
    wanted: Inference,
    differences: Vec<Difference>,
}

impl Findings {
    /// A difference that some of these flags remove, or else what cannot be done.
    fn add(&mut self, severity: Severity, what: impl Into<String>, sides: Sides, flags: &[&str], or: &str) {
        let remedy = self.wanted.words(flags).map_or_else(|| Remedy::Why(or.to_owned()), Remedy::Flags);
        self.push(severity, what, sides, remedy);
    }

    /// A difference that no flag removes.
    fn add_without_flag(
        &mut self,
        severity: Severity,
        what: impl Into<String>,
        sides: Sides,
        why: impl Into<String>,
    ) {
        self.push(severity, what, sides, Remedy::Why(why.into()));
    }

    fn push(&mut self, severity: Severity, what: impl Into<String>, sides: Sides, remedy: Remedy) {
        let Sides { live, ours } = sides;
        self.differences.push(Difference { severity, what: what.into(), live, ours, remedy });
    }
}

/// What is shown of live and of ours.
struct Sides {
    live: String,
    ours: String,
}

fn sides(live: impl Into<String>, ours: impl Into<String>) -> Sides {
    Sides { live: live.into(), ours: ours.into() }
}

/// Two long values without what they begin with in common.
fn examples(live: &str, ours: &str) -> Sides {
    let fits = |raw: &str| raw.chars().count() <= EXAMPLE_CHARS_MAX;
    if fits(live) && fits(ours) {
        return sides(live, ours);
    }
    let both = live.chars().zip(ours.chars()).take_while(|(live, ours)| live == ours);
    let common: usize = both.map(|(char, _)| char.len_utf8()).sum();
    let rest = |raw: &str| example(&format!("…{}", &raw[common..]));
    sides(rest(live), rest(ours))
}

/// A value as it is shown: on one line, and not too long.
fn example(raw: &str) -> String {
    let compact = compact(raw);
    if compact.chars().count() <= EXAMPLE_CHARS_MAX {
        return compact;
    }
    compact.chars().take(EXAMPLE_CHARS_MAX - 1).chain(['…']).collect()
}
