//! Names seen before. Nearly every name of an item stood in items before it, mostly behind the same name: such a one is known
//! by one comparison, without a look for its end, and that it is the only one of its map is told by one bit.
//!
//! ```text
//!  line        …,"carrier":{"S":"lte-m"},"retries":{"N":"0"},…
//!  book        4 carrier, behind it mostly 7; 7 retries, …
//! ```
//! A name is written into the book once it was seen twice, and then stays; so names that are data, each seen once, do not fill it.
//! That happens between two lines only: within a line a name is in the book all the time or not at all, and so it is known of all
//! names by the same means whether they are different.

use wide::u8x16;

use super::distinct::hash;
use super::text::special;

/// Names that the book has room for, the first of which is none.
const NAMES_MAX: usize = 256;

/// Bytes of the line that are compared: the name, its closing quote and its colon, and what follows them.
const SPAN: usize = 32;
const BEHIND: &[u8] = b"\":";

/// Ways to a name by its hash: twice as many as names, so that few share one.
const SLOTS: usize = 2 * NAMES_MAX;

/// Names seen once are remembered by so many of their hashes.
const ONCE: usize = 1 << 10;

/// Names that are new to the book in one line; the others can wait for the next.
const PENDING_MAX: usize = 32;

/// A name of the book.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    pub(super) number: u8,
    /// Bytes of the name.
    pub(super) length: u8,
    /// Whether it names a key of the table.
    pub(super) is_key: bool,
    /// Who came last behind it.
    next: u8,
}

/// What a name looks like.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// The name with what is behind it, then noughts.
    bytes: [u8; SPAN],
    /// Which of the bytes are compared.
    mask: [u8; SPAN],
}

impl Look {
    /// Stands for no name: nothing is like it.
    const NONE: Look = Look { bytes: [1; SPAN], mask: [0; SPAN] };

    #[inline(always)]
    fn stands_in(&self, span: &[u8; SPAN]) -> bool {
        let differs = |at: usize| {
            let part = |bytes: &[u8; SPAN]| u8x16::new(*bytes[at..].first_chunk().expect("two parts"));
            (part(span) & part(&self.mask)) ^ part(&self.bytes)
        };
        (differs(0) | differs(SPAN / 2)) == u8x16::splat(0)
    }
}

/// Which names of the book a map has had so far.
#[derive(Debug, Default)]
pub(super) struct Marks([u64; NAMES_MAX / 64]);

impl Marks {
    /// False if it was there before.
    #[inline(always)]
    pub(super) fn add(&mut self, number: u8) -> bool {
        let word = &mut self.0[usize::from(number >> 6)];
        let bit = 1 << (number & 63);
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }
}

/// The book.
#[derive(Debug)]
pub(super) struct Names {
    looks: Box<[Look; NAMES_MAX]>,
    known: [Known; NAMES_MAX],
    used: usize,
    /// Who came last.
    last: u8,
    slots: Box<[u8; SLOTS]>,
    once: Box<[u32; ONCE]>,
    pending: Vec<[u8; SPAN]>,
    keys: Vec<Vec<u8>>,
}

impl Names {
    pub(super) fn new(keys: &[String]) -> Names {
        Names {
            looks: Box::new([Look::NONE; NAMES_MAX]),
            known: [Known::default(); NAMES_MAX],
            used: 1,
            last: 0,
            slots: Box::new([0; SLOTS]),
            once: Box::new([0; ONCE]),
            pending: Vec::new(),
            keys: keys.iter().map(|key| key.clone().into_bytes()).collect(),
        }
    }

    /// The known name whose first byte is `line[at]`, with its closing quote and colon right behind it.
    #[inline(always)]
    pub(super) fn at(&mut self, line: &[u8], at: usize) -> Option<Known> {
        if let Some(span) = line.get(at..).and_then(|rest| rest.first_chunk()) {
            let expected = self.known[usize::from(self.last)].next;
            if self.looks[usize::from(expected)].stands_in(span) {
                self.last = expected;
                return Some(self.known[usize::from(expected)]);
            }
        }
        self.unexpected_at(line, at)
    }

    #[inline(never)]
    fn unexpected_at(&mut self, line: &[u8], at: usize) -> Option<Known> {
        let name = &line[at..special(line, at)];
        let behind = line[at + name.len()..].starts_with(BEHIND);
        let known = self.find(name).filter(|_| behind)?;
        self.known[usize::from(self.last)].next = known.number;
        self.last = known.number;
        Some(known)
    }

    /// The name of the book that says this.
    pub(super) fn find(&self, name: &[u8]) -> Option<Known> {
        let span = spanned(name)?;
        self.ways(name)
            .map(|slot| usize::from(self.slots[slot]))
            .find(|number| self.looks[*number].bytes == span)
            .map(|number| self.known[number])
    }

    /// Takes note of a name that is not in the book.
    pub(super) fn propose(&mut self, name: &[u8]) {
        let Some(span) = spanned(name) else { return };
        let hash = hash(name);
        let once = &mut self.once[(hash >> 54) as usize % ONCE];
        let seen = (hash >> 22) as u32;
        if std::mem::replace(once, seen) == seen && self.pending.len() < PENDING_MAX {
            self.pending.push(span);
        }
    }

    /// Between two lines: writes down what was proposed twice.
    #[inline]
    pub(super) fn turn_page(&mut self) {
        while let Some(span) = self.pending.pop() {
            self.write(span);
        }
    }

    fn write(&mut self, span: [u8; SPAN]) {
        let length = span.iter().rposition(|byte| *byte != 0).expect("a colon at least") + 1 - BEHIND.len();
        let name = &span[..length];
        let free = self.ways(name).find(|slot| self.slots[*slot] == 0);
        let (Some(slot), None, true) = (free, self.find(name), self.used < NAMES_MAX) else { return };
        let number = self.used as u8;
        let mask = std::array::from_fn(|at| if at < length + BEHIND.len() { 0xff } else { 0 });
        self.looks[self.used] = Look { bytes: span, mask };
        self.known[self.used] =
            Known { number, length: length as u8, is_key: self.keys.iter().any(|key| key == name), next: 0 };
        self.slots[slot] = number;
        self.used += 1;
    }

    /// Where a name may stand among the slots.
    fn ways(&self, name: &[u8]) -> impl Iterator<Item = usize> + use<> {
        let first = (hash(name) >> 55) as usize;
        (0..4).map(move |way| (first + way) % SLOTS)
    }
}

/// What is compared of a name with what is behind it, if it is short enough.
fn spanned(name: &[u8]) -> Option<[u8; SPAN]> {
    let mut span = [0; SPAN];
    let length = name.len();
    span.get_mut(..length)?.copy_from_slice(name);
    span[length..].get_mut(..BEHIND.len())?.copy_from_slice(BEHIND);
    Some(span)
}

#[cfg(test)]
mod tests;
