//! Typed values where they stand in a scanned line, to be walked in any depth. What the scan has proven is not proven
//! again.

use std::ops::Range;

use crate::reason::Reason;
use crate::scan::{Cursor, Tag, Text};

const PROVEN: &str = "the line was scanned";

/// One value, braces included.
#[derive(Clone)]
pub(super) struct Value<'l> {
    pub(super) line: &'l [u8],
    pub(super) tag: Tag,
    start: usize,
    /// Where what stands behind the type begins.
    inside: usize,
}

/// The values of a list or map, one after the other.
pub(super) struct Values<'l> {
    cursor: Cursor<'l>,
    end: u8,
    begun: bool,
}

impl<'l> Value<'l> {
    /// The value that begins at `start`.
    pub(super) fn at(line: &'l [u8], start: usize) -> Value<'l> {
        let mut cursor = Cursor { line, at: start };
        cursor.skip_space();
        let start = cursor.at;
        let tag = cursor.open_value().expect(PROVEN);
        Value { line, tag, start, inside: cursor.at }
    }

    fn cursor(&self) -> Cursor<'l> {
        Cursor { line: self.line, at: self.inside }
    }

    /// Of `S`, `N` and `B`.
    pub(super) fn text(&self) -> Text {
        self.cursor().text(Reason::StringExpected).expect(PROVEN)
    }

    pub(super) fn bool(&self) -> bool {
        self.cursor().bool().expect(PROVEN)
    }

    /// Of the sets.
    pub(super) fn members(&self) -> impl Iterator<Item = Text> {
        let mut values = self.values(b'[', b']');
        std::iter::from_fn(move || {
            let more = values.more();
            more.then(|| values.cursor.text(Reason::StringExpected).expect(PROVEN))
        })
    }

    /// Of a list.
    pub(super) fn elements(&self) -> impl Iterator<Item = Value<'l>> {
        let mut values = self.values(b'[', b']');
        std::iter::from_fn(move || values.more().then(|| values.value()))
    }

    /// Of a map.
    pub(super) fn fields(&self) -> Values<'l> {
        self.values(b'{', b'}')
    }

    fn values(&self, begin: u8, end: u8) -> Values<'l> {
        let mut cursor = self.cursor();
        cursor.expect(begin).expect(PROVEN);
        Values { cursor, end, begun: false }
    }

    /// Where it stands, braces included.
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.end()
    }

    pub(super) fn bytes(&self) -> &'l [u8] {
        &self.line[self.range()]
    }

    /// Behind its closing brace.
    fn end(&self) -> usize {
        let mut cursor = self.cursor();
        match self.tag {
            Tag::S | Tag::N | Tag::B => drop(cursor.text(Reason::StringExpected).expect(PROVEN)),
            Tag::Bool | Tag::Null => drop(cursor.bool().expect(PROVEN)),
            Tag::Ss | Tag::Ns | Tag::Bs => {
                let mut values = self.values(b'[', b']');
                while values.more() {
                    values.cursor.text(Reason::StringExpected).expect(PROVEN);
                }
                cursor = values.cursor;
            }
            Tag::L => {
                let mut values = self.values(b'[', b']');
                while values.more() {
                    values.value();
                }
                cursor = values.cursor;
            }
            Tag::M => {
                let mut values = self.values(b'{', b'}');
                while values.more() {
                    values.cursor.name().expect(PROVEN);
                    values.value();
                }
                cursor = values.cursor;
            }
        }
        cursor.close_value().expect(PROVEN);
        cursor.at
    }
}

impl<'l> Values<'l> {
    /// Whether another one follows; goes to it.
    fn more(&mut self) -> bool {
        let more = match std::mem::replace(&mut self.begun, true) {
            false => !self.cursor.take(self.end),
            true => self.cursor.more(self.end).expect(PROVEN),
        };
        if more {
            self.cursor.skip_space();
        }
        more
    }

    /// The value that begins here; goes behind it.
    fn value(&mut self) -> Value<'l> {
        let value = Value::at(self.cursor.line, self.cursor.at);
        self.cursor.at = value.end();
        value
    }

    /// Names and values of a map.
    pub(super) fn named(mut self) -> impl Iterator<Item = (Text, Value<'l>)> {
        std::iter::from_fn(move || {
            self.more().then(|| {
                let name = self.cursor.name().expect(PROVEN);
                (name, self.value())
            })
        })
    }
}
