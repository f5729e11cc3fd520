//! What this process has done so far, for a progress bar. Nothing is decided by it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Running figures of one process.
#[derive(Debug, Default)]
pub struct Tally {
    bytes_in: AtomicU64,
    shards: AtomicU64,
    bytes_out: AtomicU64,
    quarantined: AtomicU64,
}

impl Tally {
    /// Bytes of input converted so far, as stored; attempts that failed are taken back.
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }

    /// Shards put or recognised so far.
    pub fn shards(&self) -> u64 {
        self.shards.load(Ordering::Relaxed)
    }

    /// Bytes of those shards, as stored.
    pub fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Ordering::Relaxed)
    }

    /// Records met that could not be converted.
    pub fn quarantined_so_far(&self) -> u64 {
        self.quarantined.load(Ordering::Relaxed)
    }

    pub(crate) fn shard(&self, bytes: u64) {
        self.shards.fetch_add(1, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn reading(&self) -> Reading<'_> {
        Reading { tally: self, bytes: 0, quarantined: 0 }
    }
}

/// What was read and set aside in one attempt: taken back when it is dropped before it is kept.
pub(crate) struct Reading<'a> {
    tally: &'a Tally,
    bytes: u64,
    quarantined: u64,
}

impl Reading<'_> {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.tally.bytes_in.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn quarantine(&mut self) {
        self.quarantined += 1;
        self.tally.quarantined.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn keep(mut self) {
        (self.bytes, self.quarantined) = (0, 0);
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.tally.bytes_in.fetch_sub(self.bytes, Ordering::Relaxed);
        self.tally.quarantined.fetch_sub(self.quarantined, Ordering::Relaxed);
    }
}
