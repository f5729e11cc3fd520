//! Records: a unit's file taken apart, one scanned item at a time, with what cannot be one beside it.
//!
//! ```text
//!  feed -> inflate -> lines -> (Ion: rewritten) -> scan -> item
//!                        \________\_______________\__-> quarantined
//! ```

use std::sync::Arc;

use bytes::Bytes;

use crate::crew::Crew;
use crate::gunzip::InputError;
use crate::input::{Input, Notation};
use crate::ion::{Joined, Taken, Values};
use crate::limits::LINE_BYTES_MAX;
use crate::lines::{Line, Lines};
use crate::reason::Reason;
use crate::scan::{Fault, Item, Scanner};
use crate::source::{Read, Source};

/// A line that cannot be converted, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Line number, from 1.
    pub line: u64,
    /// Offset of the line's first byte in the uncompressed file.
    pub offset: u64,
    /// Length of the line in bytes, without its newline.
    pub length: u64,
    /// What is wrong.
    pub reason: Reason,
    /// Byte of the line where it was noticed, from 0.
    pub column: u64,
    /// The line without its newline; of a line that is too long, the first
    /// [`QUARANTINE_BYTES_MAX`](crate::limits::QUARANTINE_BYTES_MAX) bytes.
    pub bytes: Vec<u8>,
}

/// A record as the source has it, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRecord {
    /// Line number, from 1.
    pub line: u64,
    /// Offset of the line's first byte in the uncompressed file.
    pub offset: u64,
    /// Length of the line in bytes, without its newline.
    pub length: u64,
    /// The line without its newline; cut as those of [`Quarantined`] are.
    pub bytes: Vec<u8>,
}

/// What comes next of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing before more is fed, or the end is told.
    NeedInput,
    /// An item: see [`Records::item`].
    Item,
    /// A line that is none: see [`Records::put_aside`].
    Faulty(Fault),
    /// The file is over, and was whole.
    End,
}

/// See the module.
pub(crate) struct Records {
    source: Source,
    lines: Lines,
    /// Of an Ion file.
    values: Option<Box<Values>>,
    scanner: Scanner,
    line: Option<Line>,
    /// A line that broke a value off, to be taken again.
    held: Option<Line>,
    ended: bool,
}

impl Records {
    /// `notes_attributes`: whether items are taken apart to their attributes.
    pub(crate) fn new(input: Input, keys: &[String], notes_attributes: bool) -> Records {
        Records {
            source: Source::new(input.encoding),
            lines: Lines::default(),
            values: match input.notation {
                Notation::Json => None,
                Notation::Ion => Some(Box::default()),
            },
            scanner: Scanner::new(keys, notes_attributes, input.content),
            line: None,
            held: None,
            ended: false,
        }
    }

    /// Lets the crew inflate ahead.
    pub(crate) fn assist(&mut self, crew: Arc<Crew>) {
        self.source.assist(crew);
    }

    pub(crate) fn feed(&mut self, bytes: Bytes) {
        self.source.feed(bytes);
    }

    pub(crate) fn finish(&mut self) {
        self.source.finish();
    }

    /// Bytes of the file as stored, so far.
    pub(crate) fn bytes_in(&self) -> u64 {
        self.source.bytes_in()
    }

    /// Bytes of the file once inflated, so far.
    pub(crate) fn bytes_inflated(&self) -> u64 {
        self.lines.bytes_seen()
    }

    /// Goes to the next record; blank lines are none.
    pub(crate) fn advance(&mut self) -> Result<Next, InputError> {
        loop {
            while let Some(line) = self.held.take().or_else(|| self.lines.next()) {
                if let Some(next) = self.take(line) {
                    return Ok(next);
                }
            }
            if self.ended {
                return Ok(self.end());
            }
            match self.source.read(self.lines.space())? {
                Read::Some(bytes) => self.lines.commit(bytes),
                Read::NeedInput => return Ok(Next::NeedInput),
                Read::End => {
                    self.ended = true;
                    self.held = self.lines.last();
                }
            }
        }
    }

    /// The item that [`Next::Item`] told of, with the bytes that its ranges are into.
    pub(crate) fn item(&self) -> (&[u8], &Item) {
        let line = self.line.as_ref().expect("an item was told of");
        let bytes = match &self.values {
            None => self.lines.bytes(line),
            Some(values) => values.json(),
        };
        (bytes, self.scanner.item())
    }

    /// The same fault at its place in the file's own text, of one that was found in what [`Self::item`] gave.
    pub(crate) fn locate(&mut self, fault: Fault) -> Fault {
        let line = self.line.as_ref().expect("an item was told of");
        match &mut self.values {
            None => fault,
            Some(values) => values.locate(self.lines.bytes(line), fault),
        }
    }

    /// The record that was come to last, as one that cannot be converted.
    pub(crate) fn put_aside(&self, fault: Fault) -> Quarantined {
        let SourceRecord { line, offset, length, bytes } = self.original();
        Quarantined { line, offset, length, reason: fault.reason, column: u64::from(fault.column), bytes }
    }

    /// The record that was come to last, as the file has it.
    pub(crate) fn original(&self) -> SourceRecord {
        let line = self.line.as_ref().expect("a record was come to");
        if let Some(joined) = self.values.as_ref().and_then(|values| values.joined()) {
            let Joined { first, bytes } = joined.clone();
            let length = bytes.len() as u64;
            return SourceRecord { line: first.number, offset: first.offset, length, bytes };
        }
        let bytes = self.lines.bytes(line).to_vec();
        SourceRecord { line: line.number, offset: line.offset, length: line.length, bytes }
    }

    fn take(&mut self, line: Line) -> Option<Next> {
        match self.values.is_some() {
            false => self.take_json(line),
            true => self.take_ion(line),
        }
    }

    fn take_ion(&mut self, line: Line) -> Option<Next> {
        let values = self.values.as_mut().expect("an Ion file has values");
        let taken = values.take(&line, self.lines.bytes(&line));
        if let Taken::BrokenOff(_) = taken {
            self.held = Some(line.clone());
        }
        self.line = Some(line);
        self.told(taken)
    }

    fn told(&mut self, taken: Taken) -> Option<Next> {
        match taken {
            Taken::Nothing => None,
            Taken::Faulty(fault) | Taken::BrokenOff(fault) => Some(Next::Faulty(fault)),
            Taken::Value => {
                let values = self.values.as_ref().expect("an Ion file has values");
                let scanned = self.scanner.scan(values.json()).map(|_| Next::Item);
                Some(scanned.unwrap_or_else(|fault| Next::Faulty(self.locate(fault))))
            }
        }
    }

    /// Behind the last line.
    fn end(&mut self) -> Next {
        let Some(values) = &mut self.values else { return Next::End };
        let taken = values.finish();
        self.told(taken).unwrap_or(Next::End)
    }

    fn take_json(&mut self, line: Line) -> Option<Next> {
        let bytes = self.lines.bytes(&line);
        let next = if line.is_too_long() {
            Next::Faulty(Fault::new(Reason::LineTooLong, LINE_BYTES_MAX))
        } else if is_blank(bytes) {
            return None;
        } else {
            match self.scanner.scan(bytes) {
                Ok(_) => Next::Item,
                Err(fault) => Next::Faulty(fault),
            }
        };
        self.line = Some(line);
        Some(next)
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}
