//! Gzip framing around raw inflate: headers, several members, checksums. It refuses whatever cannot be trusted, and it
//! never decides where a record begins.

use flate2::{Decompress, FlushDecompress, Status};

use crate::limits::{INFLATE_FREE_BYTES, INFLATE_RATIO_MAX};

const MAGIC: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;
const HEADER_BYTES: usize = 10;
const TRAILER_BYTES: usize = 8;
const FLAG_HCRC: u8 = 2;
const FLAG_EXTRA: u8 = 4;
const FLAG_NAME: u8 = 8;
const FLAG_COMMENT: u8 = 16;
const FLAGS_RESERVED: u8 = 0xe0;

/// The file cannot be trusted: nothing made from it may be kept. Members are counted from 1, offsets are into the
/// stored file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// It does not begin as gzip does.
    #[error("the file is not gzip")]
    NotGzip,
    /// A member's header breaks RFC 1952.
    #[error("gzip member {member} has a corrupt header before byte {offset}")]
    CorruptHeader {
        /// Which member.
        member: u32,
        /// Where it was noticed.
        offset: u64,
    },
    /// It ends inside a member, or before the first.
    #[error("the file ends inside gzip member {member}, after {offset} bytes")]
    Truncated {
        /// Which member.
        member: u32,
        /// Length of the file.
        offset: u64,
    },
    /// The compressed data breaks RFC 1951.
    #[error("gzip member {member} has corrupt deflate data after byte {offset}")]
    CorruptDeflate {
        /// Which member.
        member: u32,
        /// The data before was taken.
        offset: u64,
    },
    /// The member's CRC-32 is not that of its bytes.
    #[error("gzip member {member} has checksum {actual:08x}, its trailer says {expected:08x}")]
    ChecksumMismatch {
        /// Which member.
        member: u32,
        /// What the trailer says.
        expected: u32,
        /// What the bytes give.
        actual: u32,
    },
    /// The member's length (modulo 2^32) is not what its trailer says.
    #[error("gzip member {member} has {actual} bytes, its trailer says {expected}")]
    LengthMismatch {
        /// Which member.
        member: u32,
        /// What the trailer says.
        expected: u32,
        /// What was inflated.
        actual: u32,
    },
    /// Bytes after the last member that begin no other.
    #[error("bytes that are not gzip follow the last member at byte {offset}")]
    TrailingGarbage {
        /// Where they begin.
        offset: u64,
    },
    /// So much from so little: a bomb.
    #[error("{stored} stored bytes inflate to {inflated} and more")]
    InflateRatio {
        /// Stored bytes so far.
        stored: u64,
        /// Inflated bytes so far.
        inflated: u64,
    },
    /// A stored Parquet shard is not whole.
    #[error("the Parquet file is corrupt or truncated")]
    CorruptParquet,
    /// Zstd frames that are not whole, or need a window of more than 128 MiB.
    #[error("the zstd frames are corrupt or truncated")]
    CorruptZstd,
}

/// What one call did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) consumed: usize,
    pub(crate) produced: usize,
}

/// A gzip file on its way through.
pub(crate) struct Gunzip {
    state: State,
    inflater: Decompress,
    checksum: crc32fast::Hasher,
    member: u32,
    member_bytes: u64,
    stored: u64,
    inflated: u64,
}

enum State {
    /// Before the first member or after a whole one: the only places where a file may end (after one, that is).
    Between,
    Header(Header),
    Body,
    Trailer(Trailer),
}

impl Default for Gunzip {
    fn default() -> Self {
        Gunzip {
            state: State::Between,
            inflater: Decompress::new(false),
            checksum: crc32fast::Hasher::new(),
            member: 0,
            member_bytes: 0,
            stored: 0,
            inflated: 0,
        }
    }
}

/// Refuses a file that makes too much of too little.
pub(crate) fn refuse_bomb(stored: u64, inflated: u64) -> Result<(), InputError> {
    match inflated > INFLATE_FREE_BYTES && inflated / INFLATE_RATIO_MAX > stored {
        true => Err(InputError::InflateRatio { stored, inflated }),
        false => Ok(()),
    }
}

impl Gunzip {
    /// Takes from `input`, writes to `output`, until one of them ends. Some of what was taken may come out with later
    /// input only; nothing is held back once a member's trailer was taken.
    pub(crate) fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, InputError> {
        let mut done = Progress::default();
        loop {
            let step = self.advance(&input[done.consumed..], &mut output[done.produced..])?;
            done.consumed += step.consumed;
            done.produced += step.produced;
            if step == Progress::default() {
                return Ok(done);
            }
        }
    }

    /// The file has ended: may it end here?
    pub(crate) fn finish(&self) -> Result<(), InputError> {
        match self.state {
            State::Between if self.member > 0 => Ok(()),
            _ => Err(InputError::Truncated { member: self.member.max(1), offset: self.stored }),
        }
    }

    fn advance(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, InputError> {
        if let State::Body = self.state {
            return self.body(input, output);
        }
        let Some(&byte) = input.first() else { return Ok(Progress::default()) };
        self.frame_byte(byte)?;
        self.stored += 1;
        Ok(Progress { consumed: 1, produced: 0 })
    }

    fn body(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, InputError> {
        let before = (self.inflater.total_in(), self.inflater.total_out());
        let status = self
            .inflater
            .decompress(input, output, FlushDecompress::None)
            .map_err(|_| InputError::CorruptDeflate { member: self.member, offset: self.stored })?;
        let consumed = self.inflater.total_in() - before.0;
        let produced = self.inflater.total_out() - before.1;
        self.checksum.update(&output[..produced as usize]);
        self.stored += consumed;
        self.inflated += produced;
        self.member_bytes += produced;
        refuse_bomb(self.stored, self.inflated)?;
        if status == Status::StreamEnd {
            self.state = State::Trailer(Trailer::default());
        }
        Ok(Progress { consumed: consumed as usize, produced: produced as usize })
    }

    fn frame_byte(&mut self, byte: u8) -> Result<(), InputError> {
        match &mut self.state {
            State::Between => self.begin_member(byte),
            State::Header(header) => match header.push(byte) {
                Ok(true) => {
                    self.begin_body();
                    Ok(())
                }
                Ok(false) => Ok(()),
                Err(BadHeader::Magic) => Err(self.no_member(1)),
                Err(BadHeader::Corrupt) => {
                    Err(InputError::CorruptHeader { member: self.member, offset: self.stored + 1 })
                }
            },
            State::Trailer(trailer) => match trailer.push(byte) {
                Some(trailer) => self.end_member(trailer),
                None => Ok(()),
            },
            State::Body => unreachable!("body() takes the bytes of a body"),
        }
    }

    fn begin_member(&mut self, byte: u8) -> Result<(), InputError> {
        self.member += 1;
        if byte != MAGIC[0] {
            return Err(self.no_member(0));
        }
        self.state = State::Header(Header::default());
        Ok(())
    }

    /// What begins here is no member; `taken` of its bytes looked like one.
    fn no_member(&self, taken: u64) -> InputError {
        match self.member {
            1 => InputError::NotGzip,
            _ => InputError::TrailingGarbage { offset: self.stored - taken },
        }
    }

    fn begin_body(&mut self) {
        self.inflater.reset(false);
        self.checksum.reset();
        self.member_bytes = 0;
        self.state = State::Body;
    }

    fn end_member(&mut self, [crc, length]: [u32; 2]) -> Result<(), InputError> {
        let member = self.member;
        let actual = self.checksum.clone().finalize();
        if actual != crc {
            return Err(InputError::ChecksumMismatch { member, expected: crc, actual });
        }
        // ISIZE is the length modulo 2^32 by definition.
        let actual = self.member_bytes as u32;
        if actual != length {
            return Err(InputError::LengthMismatch { member, expected: length, actual });
        }
        self.state = State::Between;
        Ok(())
    }
}

enum BadHeader {
    Magic,
    Corrupt,
}

/// A header that comes byte by byte. The first magic byte is checked by whoever makes one.
struct Header {
    part: Part,
    flags: u8,
    checksum: crc32fast::Hasher,
}

#[derive(Clone, Copy)]
enum Part {
    Fixed { at: usize },
    ExtraLength { low: Option<u8> },
    Extra { left: u16 },
    Name,
    Comment,
    Checksum { low: Option<u8> },
    Done,
}

impl Default for Header {
    fn default() -> Self {
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&MAGIC[..1]);
        Header { part: Part::Fixed { at: 1 }, flags: 0, checksum }
    }
}

impl Header {
    /// Takes one byte: is the header whole now?
    fn push(&mut self, byte: u8) -> Result<bool, BadHeader> {
        self.part = match self.part {
            Part::Fixed { at } => self.fixed(at, byte)?,
            Part::ExtraLength { low: None } => Part::ExtraLength { low: Some(byte) },
            Part::ExtraLength { low: Some(low) } => match u16::from_le_bytes([low, byte]) {
                0 => self.after(FLAG_EXTRA),
                left => Part::Extra { left },
            },
            Part::Extra { left: 1 } => self.after(FLAG_EXTRA),
            Part::Extra { left } => Part::Extra { left: left - 1 },
            Part::Name if byte == 0 => self.after(FLAG_NAME),
            Part::Comment if byte == 0 => self.after(FLAG_COMMENT),
            Part::Name => Part::Name,
            Part::Comment => Part::Comment,
            Part::Checksum { low: None } => Part::Checksum { low: Some(byte) },
            Part::Checksum { low: Some(low) } => self.check([low, byte])?,
            Part::Done => unreachable!("a whole header takes no bytes"),
        };
        if !matches!(self.part, Part::Checksum { low: Some(_) }) {
            self.checksum.update(&[byte]);
        }
        Ok(matches!(self.part, Part::Done))
    }

    fn fixed(&mut self, at: usize, byte: u8) -> Result<Part, BadHeader> {
        match at {
            1 if byte != MAGIC[1] => return Err(BadHeader::Magic),
            2 if byte != DEFLATE => return Err(BadHeader::Corrupt),
            3 if byte & FLAGS_RESERVED != 0 => return Err(BadHeader::Corrupt),
            3 => self.flags = byte,
            _ => {}
        }
        Ok(if at + 1 < HEADER_BYTES { Part::Fixed { at: at + 1 } } else { self.after(0) })
    }

    /// The optional part that follows the one of `flag`, in the order of RFC 1952.
    fn after(&self, flag: u8) -> Part {
        let has = |next: u8| self.flags & next != 0;
        match flag {
            0 if has(FLAG_EXTRA) => Part::ExtraLength { low: None },
            0 | FLAG_EXTRA if has(FLAG_NAME) => Part::Name,
            0 | FLAG_EXTRA | FLAG_NAME if has(FLAG_COMMENT) => Part::Comment,
            _ if has(FLAG_HCRC) => Part::Checksum { low: None },
            _ => Part::Done,
        }
    }

    fn check(&self, stored: [u8; 2]) -> Result<Part, BadHeader> {
        let crc = self.checksum.clone().finalize();
        match crc as u16 == u16::from_le_bytes(stored) {
            true => Ok(Part::Done),
            false => Err(BadHeader::Corrupt),
        }
    }
}

#[derive(Default)]
struct Trailer {
    bytes: [u8; TRAILER_BYTES],
    filled: usize,
}

impl Trailer {
    /// Takes one byte; the last one gives CRC-32 and length.
    fn push(&mut self, byte: u8) -> Option<[u32; 2]> {
        self.bytes[self.filled] = byte;
        self.filled += 1;
        if self.filled < TRAILER_BYTES {
            return None;
        }
        let [a, b, c, d, e, f, g, h] = self.bytes;
        Some([u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])])
    }
}
