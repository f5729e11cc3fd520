//! Hands beside the converters: threads that compress blocks while the process has cores that nobody uses. What comes out is
//! the same with any number of them.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::block::Block;
use crate::compress::Packer;
use crate::recipe::Compression;

/// Shared by all converters of a process.
///
/// Converters and hands that are at work are counted: a block is given away only while they are fewer than the cores, so
/// that converters of several files never wait for each other.
pub struct Crew {
    cores: usize,
    at_work: Arc<AtomicUsize>,
    blocks: Sender<Order>,
}

/// Somebody at work, until this is dropped.
pub(crate) struct AtWork(Arc<AtomicUsize>);

/// A block on its way to a hand.
struct Order {
    content: Block,
    compression: Compression,
    done: SyncSender<Packed>,
    at_work: AtWork,
}

/// A block that was compressed, with the memory it came in.
pub(crate) struct Packed {
    pub(crate) content: Block,
    pub(crate) bytes: Vec<u8>,
}

impl Crew {
    /// For a process that may use so many cores. With one there is nobody to give anything to.
    ///
    /// # Panics
    /// If no thread can be had.
    pub fn new(cores: usize) -> Arc<Crew> {
        let (blocks, receiver) = mpsc::channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for hand in 1..cores {
            let blocks = receiver.clone();
            let named = thread::Builder::new().name(format!("hand-{hand}"));
            named.spawn(move || work(&blocks)).expect("a thread can be had");
        }
        Arc::new(Crew { cores, at_work: Arc::default(), blocks })
    }

    /// For all the cores that this process may use.
    ///
    /// # Panics
    /// If no thread can be had.
    pub fn of_all_cores() -> Arc<Crew> {
        Crew::new(thread::available_parallelism().map_or(1, NonZeroUsize::get))
    }

    /// A converter goes to work on a core of its own.
    pub(crate) fn enter(&self) -> AtWork {
        self.at_work.fetch_add(1, Ordering::Relaxed);
        AtWork(self.at_work.clone())
    }

    /// A core that nobody uses, with a hand for it. Whoever asks is at work.
    pub(crate) fn spare(&self) -> Option<AtWork> {
        let one_more = |at_work: usize| (at_work > 0 && at_work < self.cores).then_some(at_work + 1);
        self.at_work
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .ok()
            .map(|_| AtWork(self.at_work.clone()))
    }

    /// Gives a block to a hand; what is received is the block, compressed.
    pub(crate) fn give(&self, content: Block, compression: Compression, at_work: AtWork) -> Receiver<Packed> {
        let (done, receiver) = mpsc::sync_channel(1);
        let order = Order { content, compression, done, at_work };
        // Whoever waits for it notices that no hand is left.
        let _ = self.blocks.send(order);
        receiver
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("cores", &self.cores).finish_non_exhaustive()
    }
}

/// Until the crew is gone.
fn work(blocks: &Mutex<Receiver<Order>>) {
    let mut packers: Vec<(Compression, Packer)> = Vec::new();
    loop {
        let next = blocks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Order { content, compression, done, at_work }) = next else { return };
        let mut bytes = Vec::new();
        packer(&mut packers, compression).pack(&content, &mut bytes);
        drop(at_work);
        // Nobody waits for a file that was given up.
        let _ = done.send(Packed { content, bytes });
    }
}

fn packer(packers: &mut Vec<(Compression, Packer)>, compression: Compression) -> &mut Packer {
    let known = packers.iter().position(|(known, _)| *known == compression);
    let index = known.unwrap_or_else(|| {
        packers.push((compression, Packer::new(compression)));
        packers.len() - 1
    });
    &mut packers[index].1
}

#[cfg(test)]
mod tests;
