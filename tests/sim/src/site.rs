//! Where a simulated job lies: its source, its destination, its queue, and what must come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use backfleet_core::digest::Sha256Digest;
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::Layout;
use backfleet_core::memory::{MemoryQueue, MemoryStore};
use backfleet_core::plan::{Plan, Source};
use backfleet_core::ports::{Metadata, NewObject, ObjectStore};
use backfleet_core::retry::{RetryingScanner, RetryingStore};
use backfleet_worker::{Origin, Places};

use crate::process::Process;
use crate::scenario::{Expected, Sabotage};
use crate::store::SimStore;
use crate::table::{SimScanner, SimTable};
use crate::what::What;
use crate::world::World;

/// Where the source of the job is.
pub const PLACE: &str = "sim://source";

/// One job and everything it touches.
pub struct Site {
    /// The job.
    pub plan: Plan,
    /// Where its objects lie.
    pub layout: Layout,
    /// Data files.
    pub source: Arc<MemoryStore>,
    /// The destination.
    pub dest: Arc<MemoryStore>,
    /// The table, of a scan.
    pub table: SimTable,
    /// The queue.
    pub queue: Arc<MemoryQueue>,
    /// What must come of it.
    pub expected: Expected,
    /// What a person does to the destination when every unit is complete.
    pub sabotage: Option<Sabotage>,
    /// Whether only few messages may be in flight.
    pub few_in_flight: bool,
    /// Whether that was done.
    pub sabotaged: AtomicBool,
}

impl Site {
    /// Whether a unit has its completion.
    pub fn is_complete(&self, unit: u32) -> bool {
        self.dest.bytes_of(&self.layout.completion(unit)).is_some()
    }

    /// Whether every unit has.
    pub fn all_complete(&self) -> bool {
        (0..self.plan.units.len() as u32).all(|unit| self.is_complete(unit))
    }

    /// Whether the job is a scan.
    pub fn is_scan(&self) -> bool {
        matches!(self.plan.source, Source::Scan(_))
    }

    /// An object came to be in the destination.
    pub fn created(&self, what: What, key: &ObjectKey, world: &World) {
        match what {
            What::Success => {
                if self.dest.bytes_of(&self.layout.manifest()).is_none() {
                    world.violated("I4 no mark before the manifest", key.as_str());
                }
                if !self.all_complete() {
                    world.violated("I4 no mark before every unit is complete", key.as_str());
                }
            }
            What::Shard if self.layout.parse_shard(key).is_none() => {
                world.violated("I10 only what is allowed is touched", key.as_str());
            }
            What::Completion if self.all_complete() => self.sabotage(world),
            _ => {}
        }
    }

    /// A put landed late.
    pub fn late(&self, key: &ObjectKey, world: &World) {
        if self.dest.bytes_of(key).is_some() {
            world.saw("F05 landed behind its successor");
        }
        if self.dest.bytes_of(&self.layout.success()).is_some() {
            world.saw("F05 landed behind _SUCCESS");
        }
    }

    fn sabotage(&self, world: &World) {
        let Some(sabotage) = self.sabotage else { return };
        if self.sabotaged.swap(true, Ordering::Relaxed) {
            return;
        }
        let shards: Vec<String> = self
            .dest
            .everything()
            .into_keys()
            .filter(|key| key.starts_with(&self.layout.shard_prefix()))
            .collect();
        let Some(shard) = shards.get(world.draw(|draw| draw.below(shards.len() as u64)) as usize) else {
            return;
        };
        let key = ObjectKey::new(shard.clone()).expect("it was one");
        match sabotage {
            Sabotage::ShardRemoved => self.dest.remove(&key),
            Sabotage::ShardDamaged => {
                let mut bytes = self.dest.bytes_of(&key).expect("it is listed").to_vec();
                let Some(last) = bytes.last_mut() else { return };
                *last ^= 1;
                self.dest.overwrite(object(key, bytes));
            }
            Sabotage::Stranger => {
                let (front, back) = shard.split_at(self.layout.shard_prefix().len() + 7);
                let stranger = format!("{front}9{}", &back[1..]);
                self.dest.overwrite(object(
                    ObjectKey::new(stranger).expect("like its neighbour"),
                    b"{}\n".to_vec(),
                ));
            }
        }
        world.saw(&format!("F33 {sabotage:?}"));
        world.tell("person", &format!("{sabotage:?} {shard}"));
    }
}

/// An object with its digest.
pub fn object(key: ObjectKey, bytes: Vec<u8>) -> NewObject {
    let sha256 = Sha256Digest::of(&bytes);
    NewObject { key, bytes: bytes.into(), metadata: Metadata::new(), sha256 }
}

/// What a process may touch: the one source, and the one destination.
pub struct SimPlaces {
    dest: [Arc<dyn ObjectStore>; 1],
    origin: Origin,
}

impl SimPlaces {
    /// The places of a process, with the ways that production has to them.
    pub fn new(process: &Arc<Process>, site: &Arc<Site>) -> Self {
        Self { dest: [dest(process, site)], origin: origin(process, site) }
    }
}

/// A process' way to the destination, trying again as production does.
pub fn dest(process: &Arc<Process>, site: &Arc<Site>) -> Arc<dyn ObjectStore> {
    Arc::new(RetryingStore::new(Arc::new(SimStore::dest(process, site)), process.retrier()))
}

/// A process' way to the source, trying again as production does.
pub fn origin(process: &Arc<Process>, site: &Arc<Site>) -> Origin {
    if site.is_scan() {
        let scanner = SimScanner::new(process, site);
        return Origin::Table(Arc::new(RetryingScanner::new(Arc::new(scanner), process.retrier())));
    }
    let files = SimStore::source(process, site);
    Origin::Files(Arc::new(RetryingStore::new(Arc::new(files), process.retrier())))
}

#[async_trait]
impl Places for SimPlaces {
    fn dests(&self) -> &[Arc<dyn ObjectStore>] {
        &self.dest
    }

    async fn source(&self, location: &str) -> Option<Origin> {
        // Nothing at all is what a broken worker asks for.
        (location == PLACE || location.is_empty()).then(|| self.origin.clone())
    }
}

/// Everything in the destination, by key.
pub type Objects = BTreeMap<String, (bytes::Bytes, Metadata)>;

/// Units, by number.
pub type Units = BTreeSet<u32>;
