//! Are the names of a map, or the members of a set, all different? Scopes nest as maps do.
//!
//! While few, a newcomer is looked up in a 256-bit filter and, on a hit, compared one by one. When there are many, they
//! are sorted by hash when the scope ends, ties by what they say: n log n however the hashes collide, without a table
//! that an attacker could fill.

use std::cmp::Ordering;

use crate::scan::text::Text;

/// Up to so many, each newcomer is checked at once; a filter of 256 bits still rarely hits.
const FEW_MAX: usize = 64;

/// One map's names or one set's members.
pub(crate) struct Scope {
    base: usize,
    filter: [u64; 4],
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    hash: u64,
    text: Text,
}

/// Everything seen in the scopes that are open.
#[derive(Debug, Default)]
pub(crate) struct Distinct {
    seen: Vec<Seen>,
    scratch: Vec<u8>,
}

impl Distinct {
    /// Forgets what a line that was given up has left.
    pub(crate) fn clear(&mut self) {
        self.seen.clear();
    }

    pub(crate) fn open(&self) -> Scope {
        Scope { base: self.seen.len(), filter: [0; 4] }
    }

    /// Adds `text`; false if it is known to have been there already. Always inlined: as a call it took a twentieth of all time.
    #[inline(always)]
    pub(crate) fn add(&mut self, scope: &mut Scope, line: &[u8], text: Text) -> bool {
        let hash = match text.is_escaped() {
            false => hash_in_place(line, text),
            true => hash(text.decoded(line, &mut self.scratch)),
        };
        let slot = &mut scope.filter[(hash >> 62) as usize];
        let bit = 1 << ((hash >> 56) & 63);
        let perhaps = *slot & bit != 0;
        *slot |= bit;
        let fresh = !perhaps || !self.is_known(scope, line, hash, text);
        self.seen.push(Seen { hash, text });
        fresh
    }

    /// Ends the scope: the first text of the line that was there before, if there were too many to tell at once.
    #[inline]
    pub(crate) fn close(&mut self, scope: Scope, line: &[u8]) -> Option<Text> {
        let repeated = match self.seen.len() - scope.base > FEW_MAX {
            true => first_repeated(&mut self.seen[scope.base..], line),
            false => None,
        };
        self.seen.truncate(scope.base);
        repeated
    }

    #[cold]
    fn is_known(&self, scope: &Scope, line: &[u8], hash: u64, text: Text) -> bool {
        let seen = &self.seen[scope.base..];
        seen.len() <= FEW_MAX
            && seen.iter().any(|other| other.hash == hash && compare(line, other.text, text).is_eq())
    }
}

fn first_repeated(seen: &mut [Seen], line: &[u8]) -> Option<Text> {
    let by_content = |a: &Seen, b: &Seen| a.hash.cmp(&b.hash).then_with(|| compare(line, a.text, b.text));
    seen.sort_unstable_by(|a, b| by_content(a, b).then(a.text.start.cmp(&b.text.start)));
    let repeated = seen.windows(2).filter(|pair| by_content(&pair[0], &pair[1]).is_eq());
    repeated.map(|pair| pair[1].text).min_by_key(|text| text.start)
}

fn compare(line: &[u8], a: Text, b: Text) -> Ordering {
    if !a.is_escaped() && !b.is_escaped() {
        return a.raw(line).cmp(b.raw(line));
    }
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    a.decoded(line, &mut of_a).cmp(b.decoded(line, &mut of_b))
}

/// `hash` of a short text without gathering its bytes one by one: the line goes on behind it.
#[inline]
fn hash_in_place(line: &[u8], text: Text) -> u64 {
    let length = (text.end - text.start) as usize;
    match line.get(text.start as usize..).and_then(|rest| rest.first_chunk()) {
        Some(word) if length < 8 => mix(u64::from_le_bytes(*word) & ((1 << (8 * length)) - 1), 0, length),
        _ => hash(text.raw(line)),
    }
}

/// Of the first eight bytes, the last eight and the length: texts that agree in those are told apart by comparing.
pub(super) fn hash(text: &[u8]) -> u64 {
    match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) => mix(u64::from_le_bytes(*first), u64::from_le_bytes(*last), text.len()),
        _ => {
            let mut word = [0; 8];
            word[..text.len()].copy_from_slice(text);
            mix(u64::from_le_bytes(word), 0, text.len())
        }
    }
}

#[inline]
fn mix(first: u64, last: u64, length: usize) -> u64 {
    // An odd constant of MurmurHash3's finalizer; the filter takes the high bits, where a product is mixed best.
    (first ^ last.rotate_left(29) ^ length as u64).wrapping_mul(0xff51_afd7_ed55_8ccd)
}

#[cfg(test)]
mod tests;
