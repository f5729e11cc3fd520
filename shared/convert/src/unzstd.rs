//! Zstd copies of data files: frames one after the other, each whole.

use zstd::stream::raw::{Decoder, InBuffer, Operation as _, OutBuffer};
use zstd::zstd_safe::get_frame_content_size;

use crate::gunzip::{InputError, Progress, refuse_bomb};

/// The longest header of a frame (RFC 8878): magic number, descriptor, window, dictionary, length.
const HEADER_BYTES_MAX: usize = 18;

/// A zstd file on its way through.
pub(crate) struct Unzstd {
    decoder: Decoder<'static>,
    /// Whether every frame that has begun is whole.
    between: bool,
    frame: Frame,
    stored: u64,
    inflated: u64,
}

impl Default for Unzstd {
    fn default() -> Self {
        // Windows above the library's own 128 MiB are refused by it: memory stays bounded.
        let decoder = Decoder::new().expect("a decoder without a dictionary can be made");
        Unzstd { decoder, between: true, frame: Frame::default(), stored: 0, inflated: 0 }
    }
}

impl Unzstd {
    /// Takes from `input`, writes to `output`, until one of them ends.
    pub(crate) fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, InputError> {
        // A frame that comes at once is decoded at once, without looking at its window. One byte less, and a file is held
        // to the same rules however it is sliced.
        let offered = if self.between { 1 } else { input.len() };
        let mut source = InBuffer::around(&input[..offered.min(input.len())]);
        let mut target = OutBuffer::around(output);
        let hint = self.decoder.run(&mut source, &mut target).map_err(|_| InputError::CorruptZstd)?;
        self.between = hint == 0;
        let progress = Progress { consumed: source.pos(), produced: target.pos() };
        self.frame.take(&input[..progress.consumed], progress.produced);
        if self.between && !std::mem::take(&mut self.frame).is_whole() {
            return Err(InputError::CorruptZstd);
        }
        self.stored += progress.consumed as u64;
        self.inflated += progress.produced as u64;
        refuse_bomb(self.stored, self.inflated)?;
        Ok(progress)
    }

    /// What the decoder still holds when all input was taken: bytes written, none when it holds nothing more.
    pub(crate) fn drain(&mut self, output: &mut [u8]) -> Result<usize, InputError> {
        match self.between {
            true => Ok(0),
            false => Ok(self.inflate(&[], output)?.produced),
        }
    }

    /// The file has ended: may it end here?
    pub(crate) fn finish(&self) -> Result<(), InputError> {
        match self.between && self.stored > 0 {
            true => Ok(()),
            false => Err(InputError::CorruptZstd),
        }
    }
}

/// A frame as far as it was taken. What its header says of its length is held against it here: the decoder does not where
/// the last block is empty.
#[derive(Default)]
struct Frame {
    header: [u8; HEADER_BYTES_MAX],
    header_bytes: usize,
    inflated: u64,
}

impl Frame {
    fn take(&mut self, stored: &[u8], inflated: usize) {
        let rest = &mut self.header[self.header_bytes..];
        let length = rest.len().min(stored.len());
        rest[..length].copy_from_slice(&stored[..length]);
        self.header_bytes += length;
        self.inflated += inflated as u64;
    }

    fn is_whole(&self) -> bool {
        match get_frame_content_size(&self.header[..self.header_bytes]) {
            Ok(said) => said.is_none_or(|said| said == self.inflated),
            Err(_) => false,
        }
    }
}
