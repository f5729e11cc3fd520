//! Values of an Ion file: a line each as a rule, but a value may go on over several, and a line may hold none.

use crate::ion::{Extent, Progress, Transcoder};
use crate::limits::LINE_BYTES_MAX;
use crate::lines::Line;
use crate::reason::Reason;
use crate::scan::Fault;

/// What a line came to.
pub(crate) enum Taken {
    /// Nothing yet, or nothing at all.
    Nothing,
    /// A value: see [`Values::json`].
    Value,
    /// A value that is none.
    Faulty(Fault),
    /// The value that was open is broken off by this line, which is to be taken again.
    BrokenOff(Fault),
}

/// A value of several lines, those of it that were read.
#[derive(Debug, Clone)]
pub(crate) struct Joined {
    /// Its first line.
    pub(crate) first: Line,
    /// The lines, with newlines between them.
    pub(crate) bytes: Vec<u8>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Values {
    transcoder: Transcoder,
    extent: Extent,
    open: Option<Joined>,
    ended: Option<Joined>,
}

impl Values {
    /// Takes a line, whose bytes are these.
    pub(crate) fn take(&mut self, line: &Line, bytes: &[u8]) -> Taken {
        self.ended = None;
        match self.open.take() {
            None => self.begin(line, bytes),
            Some(open) => self.go_on(open, line, bytes),
        }
    }

    /// The file is over: a value that is open never ends.
    pub(crate) fn finish(&mut self) -> Taken {
        match self.open.take() {
            None => Taken::Nothing,
            Some(open) => Taken::Faulty(self.break_off(open, Reason::UnexpectedEnd)),
        }
    }

    /// The value as a line of JSON.
    pub(crate) fn json(&self) -> &[u8] {
        self.transcoder.json()
    }

    /// The lines of the value that was come to last, if they were several.
    pub(crate) fn joined(&self) -> Option<&Joined> {
        self.ended.as_ref()
    }

    /// The same fault at the place in the value that its place in the line of JSON was made from.
    pub(crate) fn locate(&mut self, line: &[u8], fault: Fault) -> Fault {
        let value = self.ended.as_ref().map_or(line, |joined| &joined.bytes);
        Fault::new(fault.reason, self.transcoder.origin(value, fault.column as usize))
    }

    /// The first thing that is wrong with a value that has no end, or else `reason`.
    fn break_off(&mut self, open: Joined, reason: Reason) -> Fault {
        let fault = match self.transcoder.transcode(&open.bytes) {
            Err(fault) if fault.reason != Reason::UnexpectedEnd => fault,
            _ => Fault::new(reason, open.bytes.len()),
        };
        self.ended = Some(open);
        fault
    }

    fn begin(&mut self, line: &Line, bytes: &[u8]) -> Taken {
        if line.is_too_long() {
            return Taken::Faulty(Fault::new(Reason::LineTooLong, LINE_BYTES_MAX));
        }
        match self.transcoder.transcode(bytes) {
            Ok(None) => Taken::Nothing,
            Ok(Some(_)) => Taken::Value,
            Err(fault) if fault.reason == Reason::UnexpectedEnd => {
                self.extent = Extent::default();
                if self.extent.take(bytes) == Progress::Whole {
                    return Taken::Faulty(fault);
                }
                self.open = Some(Joined { first: line.clone(), bytes: bytes.to_vec() });
                Taken::Nothing
            }
            Err(fault) => Taken::Faulty(fault),
        }
    }

    fn go_on(&mut self, mut open: Joined, line: &Line, bytes: &[u8]) -> Taken {
        let length = open.bytes.len();
        let reason = if line.is_too_long() || length + bytes.len() >= LINE_BYTES_MAX {
            Some(Reason::LineTooLong)
        } else {
            // No version marker stands inside a value: a new one begins.
            bytes.trim_ascii_start().starts_with(b"$ion_1_0").then_some(Reason::UnexpectedEnd)
        };
        if let Some(reason) = reason {
            return Taken::BrokenOff(self.break_off(open, reason));
        }
        open.bytes.push(b'\n');
        open.bytes.extend_from_slice(bytes);
        if self.extent.take(bytes) == Progress::Open {
            self.open = Some(open);
            return Taken::Nothing;
        }
        let taken = match self.transcoder.transcode(&open.bytes) {
            Ok(None) => Taken::Nothing,
            Ok(Some(_)) => Taken::Value,
            Err(fault) => Taken::Faulty(fault),
        };
        self.ended = Some(open);
        taken
    }
}
