//! The source: input as it was fed, given on as inflated bytes, piece by piece.

use bytes::{Buf, Bytes};

use crate::gunzip::{Gunzip, InputError};
use crate::input::Encoding;
use crate::unzstd::Unzstd;

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// So many bytes.
    Some(usize),
    /// Nothing to give before more is fed.
    NeedInput,
    /// The file is over, and was whole.
    End,
}

/// See the module.
pub(crate) struct Source {
    input: Bytes,
    ended: bool,
    decoding: Decoding,
    bytes_in: u64,
}

enum Decoding {
    Gzip(Box<Gunzip>),
    Zstd(Box<Unzstd>),
    Identity,
}

impl Source {
    pub(crate) fn new(encoding: Encoding) -> Source {
        let decoding = match encoding {
            Encoding::Gzip => Decoding::Gzip(Box::default()),
            Encoding::Zstd => Decoding::Zstd(Box::default()),
            Encoding::Identity => Decoding::Identity,
        };
        Source { input: Bytes::new(), ended: false, decoding, bytes_in: 0 }
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
        // What an inflater still holds comes out with the bytes that follow: a member's trailer at the least.
        while !self.input.is_empty() {
            let produced = self.decode(space)?;
            if produced > 0 {
                return Ok(Read::Some(produced));
            }
        }
        if !self.ended {
            return Ok(Read::NeedInput);
        }
        match &mut self.decoding {
            Decoding::Gzip(gunzip) => gunzip.finish()?,
            Decoding::Zstd(unzstd) => match unzstd.drain(space)? {
                0 => unzstd.finish()?,
                produced => return Ok(Read::Some(produced)),
            },
            Decoding::Identity => {}
        }
        Ok(Read::End)
    }

    fn decode(&mut self, space: &mut [u8]) -> Result<usize, InputError> {
        match &mut self.decoding {
            Decoding::Gzip(gunzip) => {
                let progress = gunzip.inflate(&self.input, space)?;
                self.input.advance(progress.consumed);
                Ok(progress.produced)
            }
            Decoding::Zstd(unzstd) => {
                let progress = unzstd.inflate(&self.input, space)?;
                self.input.advance(progress.consumed);
                Ok(progress.produced)
            }
            Decoding::Identity => {
                let bytes = self.input.len().min(space.len());
                self.input.copy_to_slice(&mut space[..bytes]);
                Ok(bytes)
            }
        }
    }
}
