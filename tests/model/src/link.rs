//! A link: all shards so far, and where reading goes on. It stands for its own digest, as it is as short: one byte for
//! each shard, with all that tells two shards of one start apart.
//!
//! ```text
//!  bit   7 .. 4          3        2 .. 0
//!        changed items   last     end
//! ```

use std::fmt;

use crate::segment::{POSITIONS_MAX, Page, Position};

/// The most shards of a segment: one for each position, and an empty one at the end.
pub const SHARDS_MAX: usize = POSITIONS_MAX as usize + 1;

/// What stands of a segment up to one of its shards, and the digest of that.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link(u64);

impl Link {
    /// Before the first shard.
    pub const BEGINNING: Self = Self(0);

    /// The link of the shard that holds this page, behind this one.
    #[must_use]
    pub fn then(self, page: Page) -> Self {
        debug_assert_eq!(page.start, self.end(), "a reader goes on where its link ends");
        let byte = page.changed << 4 | u8::from(page.last) << 3 | page.end;
        Self(self.0 << 8 | u64::from(byte))
    }

    /// How many shards it lists, and with that the number of the next.
    pub fn shards(self) -> usize {
        (u64::BITS - self.0.leading_zeros()).div_ceil(8) as usize
    }

    /// What stood before its last shard; the beginning for that itself.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0 >> 8)
    }

    /// Where reading goes on.
    pub fn end(self) -> Position {
        self.byte() & 0b111
    }

    /// Whether the segment was read to its end.
    pub fn last(self) -> bool {
        self.byte() & 0b1000 != 0
    }

    /// What its last shard holds.
    pub fn page(self) -> Page {
        Page { start: self.before().end(), end: self.end(), last: self.last(), changed: self.byte() >> 4 }
    }

    /// The number of its last shard.
    pub fn shard(self) -> usize {
        self.shards().checked_sub(1).expect("there is no shard before the first page")
    }

    fn byte(self) -> u8 {
        (self.0 & 0xff) as u8
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::BEGINNING {
            return f.write_str("|");
        }
        let Page { start, end, last, changed } = self.page();
        let stop = if last { "." } else { "" };
        write!(f, "{:?}{start}..{end}{stop}~{changed:04b}|", self.before())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{Segment, Table};

    #[test]
    fn a_link_tells_all_of_its_shards_back() {
        let segment = Segment { len: POSITIONS_MAX, updated: 0b0111, fleeting: 0b1000 };
        let mut open = vec![Link::BEGINNING];
        let mut ends = 0;
        while let Some(link) = open.pop() {
            for page in
                [0b0000, 0b0101, 0b1111].into_iter().flat_map(|bits| segment.pages(Table(bits), link.end()))
            {
                let next = link.then(page);
                assert_eq!((next.page(), next.before(), next.shards()), (page, link, link.shards() + 1));
                assert!(next.shards() <= SHARDS_MAX, "{next:?}");
                if page.last { ends += 1 } else { open.push(next) }
            }
        }
        assert!(ends > 100, "{ends} ways to read a segment");
    }
}
