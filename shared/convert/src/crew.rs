//! Hands beside the converters: threads that compress blocks and inflate ahead while the process has cores that nobody uses.
//! What comes out is the same with any number of them.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::block::Block;
use crate::compress::Packer;
use crate::recipe::Compression;

/// Shared by all converters of a process.
///
/// Converters that are at work are counted: work is given away only while they are fewer than the cores, so that converters of
/// several files never wait for each other.
pub struct Crew {
    cores: usize,
    converters: Arc<AtomicUsize>,
    orders_out: Arc<AtomicUsize>,
    orders: Sender<Order>,
}

/// Orders out for each core that no converter uses: one that a hand is at, and one that it finds when it is done.
const ORDERS_MAX: usize = 3;

/// A converter at work, or an order that is out, until this is dropped.
pub(crate) struct AtWork(Arc<AtomicUsize>);

/// Work for a hand, which has tools for it.
type Order = Box<dyn FnOnce(&mut Packers) + Send>;

/// A hand's compressors, one for each way.
#[derive(Default)]
pub(crate) struct Packers(Vec<(Compression, Packer)>);

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
        let (orders, receiver) = mpsc::channel::<Order>();
        let receiver = Arc::new(Mutex::new(receiver));
        for hand in 1..cores {
            let orders = receiver.clone();
            let named = thread::Builder::new().name(format!("hand-{hand}"));
            named.spawn(move || work(&orders)).expect("a thread can be had");
        }
        Arc::new(Crew { cores, converters: Arc::default(), orders_out: Arc::default(), orders })
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
        self.converters.fetch_add(1, Ordering::Relaxed);
        AtWork(self.converters.clone())
    }

    /// Leave to give an order, if there is a core for it, or soon will be. Whoever asks is a converter at work.
    pub(crate) fn spare(&self) -> Option<AtWork> {
        let free = self.cores.saturating_sub(self.converters.load(Ordering::Relaxed).max(1));
        let one_more = |out: usize| (out < free * ORDERS_MAX).then_some(out + 1);
        self.orders_out
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .ok()
            .map(|_| AtWork(self.orders_out.clone()))
    }

    /// Whether there is anybody beside the converters.
    pub(crate) fn has_hands(&self) -> bool {
        self.cores > 1
    }

    /// Gives work to a hand; what is received is what it made.
    pub(crate) fn give<T: Send + 'static>(
        &self,
        core: AtWork,
        work: impl FnOnce(&mut Packers) -> T + Send + 'static,
    ) -> Receiver<T> {
        let (done, receiver) = mpsc::sync_channel(1);
        let order = move |packers: &mut Packers| {
            let made = work(packers);
            drop(core);
            // Nobody waits for a file that was given up.
            let _ = done.send(made);
        };
        // Whoever waits for it notices that no hand is left.
        let _ = self.orders.send(Box::new(order));
        receiver
    }
}

impl Packers {
    /// Compresses a block.
    pub(crate) fn pack(&mut self, content: Block, compression: Compression) -> Packed {
        let mut bytes = Vec::new();
        self.of(compression).pack(&content, &mut bytes);
        Packed { content, bytes }
    }

    fn of(&mut self, compression: Compression) -> &mut Packer {
        let known = self.0.iter().position(|(known, _)| *known == compression);
        let index = known.unwrap_or_else(|| {
            self.0.push((compression, Packer::new(compression)));
            self.0.len() - 1
        });
        &mut self.0[index].1
    }
}

/// A hand has ended amid its work: it panicked, as this thread would have done.
pub(crate) fn lost() -> ! {
    panic!("what was given to a hand is lost")
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
fn work(orders: &Mutex<Receiver<Order>>) {
    let mut packers = Packers::default();
    loop {
        let next = orders.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(order) = next else { return };
        order(&mut packers);
    }
}

#[cfg(test)]
mod tests;
