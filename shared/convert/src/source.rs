//! The source: input as it was fed, given on as inflated bytes, piece by piece. While the crew has a core to spare, a hand
//! inflates what comes next, and input is asked for before it is needed.
//!
//! ```text
//!  fed -> input -> (a hand: inflated ahead) -> bytes that are read
//!              \-> inflated when asked for -/
//! ```

use std::mem::{replace, take};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use bytes::{Buf, Bytes};

use crate::crew::{Crew, lost};
use crate::gunzip::{Gunzip, InputError};
use crate::input::Encoding;
use crate::limits::AHEAD_BYTES;
use crate::unzstd::Unzstd;

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// So many bytes.
    Some(usize),
    /// More is to be fed, or the end told, before anything is given.
    NeedInput,
    /// The file is over, and was whole.
    End,
}

/// See the module.
pub(crate) struct Source {
    input: Bytes,
    ended: bool,
    /// Nowhere while a hand has it.
    decoding: Option<Decoding>,
    bytes_in: u64,
    crew: Option<Arc<Crew>>,
    ahead: Ahead,
}

enum Decoding {
    Gzip(Box<Gunzip>),
    Zstd(Box<Unzstd>),
    Identity,
}

/// What was inflated before it was asked for.
#[derive(Default)]
struct Ahead {
    /// A hand is at it.
    coming: Option<Receiver<Inflated>>,
    bytes: Vec<u8>,
    /// Of the bytes, what was not read yet.
    from: usize,
    to: usize,
    /// What is wrong behind the bytes.
    fault: Option<InputError>,
    /// Memory for the next bytes.
    spare: Vec<u8>,
}

/// What a hand gives back.
struct Inflated {
    decoding: Decoding,
    /// What it left, because there was no more room.
    input: Bytes,
    bytes: Vec<u8>,
    filled: usize,
    fault: Option<InputError>,
}

impl Source {
    pub(crate) fn new(encoding: Encoding) -> Source {
        let decoding = match encoding {
            Encoding::Gzip => Decoding::Gzip(Box::default()),
            Encoding::Zstd => Decoding::Zstd(Box::default()),
            Encoding::Identity => Decoding::Identity,
        };
        Source {
            input: Bytes::new(),
            ended: false,
            decoding: Some(decoding),
            bytes_in: 0,
            crew: None,
            ahead: Ahead::default(),
        }
    }

    /// Lets the crew inflate ahead.
    pub(crate) fn assist(&mut self, crew: Arc<Crew>) {
        let inflates = !matches!(self.decoding, Some(Decoding::Identity));
        self.crew = Some(crew).filter(|crew| inflates && crew.has_hands());
    }

    pub(crate) fn feed(&mut self, bytes: Bytes) {
        assert!(self.input.is_empty() && !self.ended, "input is fed when it is asked for");
        self.bytes_in += bytes.len() as u64;
        self.input = bytes;
    }

    pub(crate) fn finish(&mut self) {
        self.ended = true;
    }

    /// Bytes fed so far.
    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in
    }

    pub(crate) fn read(&mut self, space: &mut [u8]) -> Result<Read, InputError> {
        if self.ahead.is_empty() {
            self.take_in();
        }
        if !self.ahead.is_empty() {
            self.send_ahead();
            return Ok(match self.wants_input() {
                true => Read::NeedInput,
                false => Read::Some(self.ahead.give(space)),
            });
        }
        if let Some(fault) = self.ahead.fault {
            return Err(fault);
        }
        // What an inflater still holds comes out with the bytes that follow: a member's trailer at the least.
        while !self.input.is_empty() {
            let decoding = self.decoding.as_mut().expect("no hand has it");
            let produced = decoding.decode(&mut self.input, space)?;
            if produced > 0 {
                self.send_ahead();
                return Ok(Read::Some(produced));
            }
        }
        match self.ended {
            true => self.end(space),
            false => Ok(Read::NeedInput),
        }
    }

    fn end(&mut self, space: &mut [u8]) -> Result<Read, InputError> {
        match self.decoding.as_mut().expect("no hand has it") {
            Decoding::Gzip(gunzip) => gunzip.finish()?,
            Decoding::Zstd(unzstd) => match unzstd.drain(space)? {
                0 => unzstd.finish()?,
                produced => return Ok(Read::Some(produced)),
            },
            Decoding::Identity => {}
        }
        Ok(Read::End)
    }

    /// Whether input should come now, though there is still something to read: a hand could go on with it meanwhile.
    fn wants_input(&self) -> bool {
        self.input.is_empty() && self.ahead.coming.is_none() && !self.ended && self.ahead.fault.is_none()
    }

    /// Has a hand go on with the input, if there is one with a core.
    fn send_ahead(&mut self) {
        let Some(crew) = &self.crew else { return };
        if self.input.is_empty() || self.ahead.coming.is_some() || self.ahead.fault.is_some() {
            return;
        }
        let Some(core) = crew.spare() else { return };
        let decoding = self.decoding.take().expect("no hand has it");
        let (input, bytes) = (take(&mut self.input), take(&mut self.ahead.spare));
        self.ahead.coming = Some(crew.give(core, |_| Inflated::of(decoding, input, bytes)));
    }

    /// Waits for what a hand has inflated.
    fn take_in(&mut self) {
        let Some(coming) = self.ahead.coming.take() else { return };
        let inflated = coming.recv().unwrap_or_else(|_| lost());
        debug_assert!(self.input.is_empty(), "nothing is fed while a hand has the input");
        self.decoding = Some(inflated.decoding);
        self.input = inflated.input;
        self.ahead.spare = replace(&mut self.ahead.bytes, inflated.bytes);
        (self.ahead.from, self.ahead.to) = (0, inflated.filled);
        self.ahead.fault = inflated.fault;
    }
}

impl Ahead {
    fn is_empty(&self) -> bool {
        self.from == self.to
    }

    fn give(&mut self, space: &mut [u8]) -> usize {
        let bytes = space.len().min(self.to - self.from);
        space[..bytes].copy_from_slice(&self.bytes[self.from..][..bytes]);
        self.from += bytes;
        bytes
    }
}

impl Inflated {
    /// As far as there is input, room and nothing wrong.
    fn of(mut decoding: Decoding, mut input: Bytes, mut bytes: Vec<u8>) -> Inflated {
        bytes.resize(AHEAD_BYTES, 0);
        let mut filled = 0;
        let mut fault = None;
        while !input.is_empty() && filled < bytes.len() && fault.is_none() {
            match decoding.decode(&mut input, &mut bytes[filled..]) {
                Ok(produced) => filled += produced,
                Err(error) => fault = Some(error),
            }
        }
        Inflated { decoding, input, bytes, filled, fault }
    }
}

impl Decoding {
    fn decode(&mut self, input: &mut Bytes, space: &mut [u8]) -> Result<usize, InputError> {
        let progress = match self {
            Decoding::Gzip(gunzip) => gunzip.inflate(input, space)?,
            Decoding::Zstd(unzstd) => unzstd.inflate(input, space)?,
            Decoding::Identity => {
                let bytes = input.len().min(space.len());
                input.copy_to_slice(&mut space[..bytes]);
                return Ok(bytes);
            }
        };
        input.advance(progress.consumed);
        Ok(progress.produced)
    }
}
