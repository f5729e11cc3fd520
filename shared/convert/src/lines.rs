//! Lines: the inflated file cut at newlines, in a buffer that never outgrows the longest line allowed. It knows where each
//! line stands in the file, and nothing of what a line says.
//!
//! ```text
//!  buffer  | done | start ..current line.. searched .. filled | free space for the next inflate |
//! ```

use std::ops::Range;

use crate::limits::{INFLATE_BYTES, LINE_BYTES_MAX, QUARANTINE_BYTES_MAX};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Raw bytes without a newline beyond which a line is surely too long, whatever of BOM and `\r` is taken off.
const SURELY_TOO_LONG: usize = LINE_BYTES_MAX + BOM.len() + 1;

/// A line that stands in the buffer until the next call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) number: u64,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Buffer(Range<usize>),
    Head,
}

impl Line {
    pub(crate) fn is_too_long(&self) -> bool {
        self.length > LINE_BYTES_MAX as u64
    }
}

/// See the module.
pub(crate) struct Lines {
    buffer: Vec<u8>,
    start: usize,
    searched: usize,
    filled: usize,
    number: u64,
    offset: u64,
    overlong: Option<Overlong>,
    head: Vec<u8>,
}

/// A line so long that it is only counted; its first bytes are in `head`.
#[derive(Clone, Copy)]
struct Overlong {
    bytes: u64,
    last: u8,
}

impl Default for Lines {
    fn default() -> Self {
        Lines {
            buffer: vec![0; 2 * INFLATE_BYTES],
            start: 0,
            searched: 0,
            filled: 0,
            number: 0,
            offset: 0,
            overlong: None,
            head: Vec::new(),
        }
    }
}

impl Lines {
    /// Room for more of the file; what was written there is told to [`Self::commit`].
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.make_room();
        &mut self.buffer[self.filled..][..INFLATE_BYTES]
    }

    pub(crate) fn commit(&mut self, bytes: usize) {
        self.filled += bytes;
    }

    /// Bytes of the file so far.
    pub(crate) fn bytes_seen(&self) -> u64 {
        let skipped = self.overlong.map_or(0, |overlong| overlong.bytes);
        self.offset + skipped + (self.filled - self.start) as u64
    }

    /// The next line that has its newline, if it is here already.
    pub(crate) fn next(&mut self) -> Option<Line> {
        match memchr::memchr(b'\n', &self.buffer[self.searched..self.filled]) {
            Some(at) => {
                let end = self.searched + at;
                Some(self.cut(end, end + 1))
            }
            None => {
                self.searched = self.filled;
                self.skip_if_too_long();
                None
            }
        }
    }

    /// The last line, if the file does not end with a newline.
    pub(crate) fn last(&mut self) -> Option<Line> {
        let pending = self.filled > self.start || self.overlong.is_some();
        pending.then(|| self.cut(self.filled, self.filled))
    }

    /// The bytes of a line; of one that is too long, the first of them.
    pub(crate) fn bytes(&self, line: &Line) -> &[u8] {
        let bytes = match &line.place {
            Place::Buffer(range) => &self.buffer[range.clone()],
            Place::Head => &self.head,
        };
        match line.is_too_long() {
            true => &bytes[..QUARANTINE_BYTES_MAX],
            false => bytes,
        }
    }

    fn make_room(&mut self) {
        if self.buffer.len() - self.filled >= INFLATE_BYTES && self.start < self.filled {
            return;
        }
        self.buffer.copy_within(self.start..self.filled, 0);
        self.searched -= self.start;
        self.filled -= self.start;
        self.start = 0;
        if self.buffer.len() - self.filled < INFLATE_BYTES {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
    }

    fn skip_if_too_long(&mut self) {
        let pending = self.filled - self.start;
        if self.overlong.is_none() && pending <= SURELY_TOO_LONG || pending == 0 {
            return;
        }
        let overlong = match self.overlong {
            Some(overlong) => overlong,
            None => self.keep_head(),
        };
        self.overlong =
            Some(Overlong { bytes: overlong.bytes + pending as u64, last: self.buffer[self.filled - 1] });
        self.start = self.filled;
    }

    fn keep_head(&mut self) -> Overlong {
        let head = &self.buffer[self.start..][..BOM.len() + QUARANTINE_BYTES_MAX];
        self.head.clear();
        self.head.extend_from_slice(&head[self.bom_of(head)..]);
        Overlong { bytes: 0, last: 0 }
    }

    /// Ends the current line at `end`; the next one begins at `next`.
    fn cut(&mut self, end: usize, next: usize) -> Line {
        self.number += 1;
        let line = match self.overlong.take() {
            Some(overlong) => self.cut_overlong(overlong, end),
            None => self.cut_here(end),
        };
        let skipped = line.1;
        self.offset += skipped + (next - self.start) as u64;
        self.start = next;
        self.searched = next;
        line.0
    }

    fn cut_here(&self, end: usize) -> (Line, u64) {
        let raw = &self.buffer[self.start..end];
        let bom = self.bom_of(raw);
        let newline = usize::from(raw[bom..].ends_with(b"\r"));
        let range = self.start + bom..end - newline;
        let length = range.len() as u64;
        let offset = self.offset + bom as u64;
        (Line { number: self.number, offset, length, place: Place::Buffer(range) }, 0)
    }

    fn cut_overlong(&self, overlong: Overlong, end: usize) -> (Line, u64) {
        let last = if end > self.start { self.buffer[end - 1] } else { overlong.last };
        // The head lacks the BOM if there was one; the only line that may have had it is the first.
        let bom = if self.number == 1 { self.head_bom() } else { 0 };
        let bytes = overlong.bytes + (end - self.start) as u64;
        let length = bytes - bom - u64::from(last == b'\r');
        let line = Line { number: self.number, offset: self.offset + bom, length, place: Place::Head };
        (line, overlong.bytes)
    }

    /// Length of the BOM that begins `raw`, the beginning of the current line.
    fn bom_of(&self, raw: &[u8]) -> usize {
        if self.offset == 0 && raw.starts_with(BOM) { BOM.len() } else { 0 }
    }

    fn head_bom(&self) -> u64 {
        (BOM.len() + QUARANTINE_BYTES_MAX - self.head.len()) as u64
    }
}

#[cfg(test)]
mod tests;
