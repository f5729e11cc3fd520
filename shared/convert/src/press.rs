//! The press: blocks in, compressed blocks at the end of a shard, in their order, by this thread or by a hand of the crew.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use crate::block::Block;
use crate::compress::{Packer, append};
use crate::crew::{Crew, Packed, lost};
use crate::recipe::Compression;

/// Blocks of one shard that are out of the house at a time: each holds its content and what it is compressed to.
const BLOCKS_OUT_MAX: usize = 8;

/// See the module.
pub(crate) struct Press {
    compression: Compression,
    packer: Packer,
    crew: Option<Arc<Crew>>,
    /// Blocks that are not in the shard yet, the next one first.
    coming: VecDeque<Coming>,
    /// Memory of blocks that came back.
    spare: Vec<Block>,
}

enum Coming {
    Here(Vec<u8>),
    Out(Receiver<Packed>),
}

impl Press {
    pub(crate) fn new(compression: Compression) -> Press {
        Press {
            compression,
            packer: Packer::new(compression),
            crew: None,
            coming: VecDeque::new(),
            spare: Vec::new(),
        }
    }

    /// Lets the crew help.
    pub(crate) fn assist(&mut self, crew: Arc<Crew>) {
        let compresses = matches!(self.compression, Compression::Gzip | Compression::Zstd);
        self.crew = compresses.then_some(crew);
    }

    /// Takes a block, which is empty afterwards; the shard gets it now or later.
    pub(crate) fn press(&mut self, block: &mut Block, shard: &mut Vec<u8>) {
        self.take_in(shard);
        if let Some(packed) = self.give(block) {
            self.coming.push_back(Coming::Out(packed));
        } else if self.coming.is_empty() {
            self.packer.pack(block, shard);
        } else {
            let mut packed = Vec::new();
            self.packer.pack(block, &mut packed);
            self.coming.push_back(Coming::Here(packed));
        }
        block.clear();
        while self.coming.len() > BLOCKS_OUT_MAX {
            self.wait_for_next(shard);
        }
    }

    /// Gives the block to a hand, if there is one with a core.
    fn give(&mut self, block: &mut Block) -> Option<Receiver<Packed>> {
        let crew = self.crew.as_ref()?;
        let core = crew.spare()?;
        let content = std::mem::replace(block, self.spare.pop().unwrap_or_default());
        let compression = self.compression;
        Some(crew.give(core, move |packers| packers.pack(content, compression)))
    }

    /// All blocks are in the shard afterwards.
    pub(crate) fn finish(&mut self, shard: &mut Vec<u8>) {
        while !self.coming.is_empty() {
            self.wait_for_next(shard);
        }
    }

    /// What a shard without content consists of.
    pub(crate) fn press_nothing(&mut self, shard: &mut Vec<u8>) {
        self.packer.pack(&Block::default(), shard);
    }

    /// Takes in what is back, as far as it is its turn.
    fn take_in(&mut self, shard: &mut Vec<u8>) {
        while let Some(next) = self.coming.pop_front() {
            match next {
                Coming::Here(bytes) => append(&bytes, shard),
                Coming::Out(receiver) => match receiver.try_recv() {
                    Ok(packed) => self.take_back(packed, shard),
                    Err(TryRecvError::Empty) => {
                        self.coming.push_front(Coming::Out(receiver));
                        return;
                    }
                    Err(TryRecvError::Disconnected) => lost(),
                },
            }
        }
    }

    fn wait_for_next(&mut self, shard: &mut Vec<u8>) {
        match self.coming.pop_front() {
            None => {}
            Some(Coming::Here(bytes)) => append(&bytes, shard),
            Some(Coming::Out(receiver)) => {
                let packed = receiver.recv().unwrap_or_else(|_| lost());
                self.take_back(packed, shard);
            }
        }
    }

    fn take_back(&mut self, Packed { mut content, bytes }: Packed, shard: &mut Vec<u8>) {
        append(&bytes, shard);
        content.clear();
        self.spare.push(content);
    }
}
