//! The table: one segment of a few items, some of which change while it is read.

/// Where an item stands in its segment, from nought.
pub type Position = u8;

/// Positions, one bit each.
pub type Positions = u8;

/// The most positions that a [`Page`] can tell apart.
pub const POSITIONS_MAX: u8 = 4;

/// A segment, and what may happen to its items.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    /// How many positions it has, at most [`POSITIONS_MAX`].
    pub len: u8,
    /// Items that are updated, and updated back.
    pub updated: Positions,
    /// Items that are not there at first, come, and go.
    pub fleeting: Positions,
}

/// Which items are not as they were at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Table(pub Positions);

/// A page, as one reader got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The position it began at.
    pub start: Position,
    /// The position behind its last.
    pub end: Position,
    /// Whether the table said that there is nothing behind it.
    pub last: bool,
    /// Those of its items that were not as at the beginning.
    pub changed: Positions,
}

impl Segment {
    /// The positions whose items may change.
    pub fn live(&self) -> impl Iterator<Item = Position> {
        let live = self.updated | self.fleeting;
        (0..self.len).filter(move |position| live & (1 << position) != 0)
    }

    /// All pages that a reader may get that goes on at `start`. A page ends behind an item, or with the segment; one that
    /// ends behind the last item does not always know that it was the last.
    pub fn pages(&self, table: Table, start: Position) -> impl Iterator<Item = Page> {
        let page = move |end, last| Page { start, end, last, changed: table.0 & range(start, end) };
        let there = self.there(table.0);
        let full = (start..self.len).filter(move |item| there & (1 << item) != 0);
        full.map(move |item| page(item + 1, false)).chain([page(self.len, true)])
    }

    /// The items that a page holds.
    pub fn items(&self, page: Page) -> Positions {
        range(page.start, page.end) & self.there(page.changed)
    }

    /// The items that are there from beginning to end.
    pub fn steady(&self) -> Positions {
        range(0, self.len) & !self.fleeting
    }

    fn there(&self, changed: Positions) -> Positions {
        !self.fleeting | changed
    }
}

impl Table {
    /// The table after one more change of one item.
    #[must_use]
    pub fn change(self, position: Position) -> Self {
        Self(self.0 ^ (1 << position))
    }
}

/// The positions from `start` to before `end`.
pub fn range(start: Position, end: Position) -> Positions {
    ((1 << end) - 1) & !((1 << start) - 1)
}
