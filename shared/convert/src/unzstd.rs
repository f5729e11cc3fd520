//! Zstd copies of data files: frames one after the other, each whole.

use zstd::stream::raw::{Decoder, InBuffer, Operation as _, OutBuffer};

use crate::gunzip::{InputError, Progress, refuse_bomb};

/// A zstd file on its way through.
pub(crate) struct Unzstd {
    decoder: Decoder<'static>,
    /// Whether every frame that has begun is whole.
    between: bool,
    stored: u64,
    inflated: u64,
}

impl Default for Unzstd {
    fn default() -> Self {
        // Windows above the library's own 128 MiB are refused by it: memory stays bounded.
        let decoder = Decoder::new().expect("a decoder without a dictionary can be made");
        Unzstd { decoder, between: true, stored: 0, inflated: 0 }
    }
}

impl Unzstd {
    /// Takes from `input`, writes to `output`, until one of them ends.
    pub(crate) fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Result<Progress, InputError> {
        let mut source = InBuffer::around(input);
        let mut target = OutBuffer::around(output);
        let hint = self.decoder.run(&mut source, &mut target).map_err(|_| InputError::CorruptZstd)?;
        self.between = hint == 0;
        let progress = Progress { consumed: source.pos(), produced: target.pos() };
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
