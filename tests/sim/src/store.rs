//! An object store in bad weather.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backfleet_core::key::ObjectKey;
use backfleet_core::memory::MemoryStore;
use backfleet_core::mutant::{self, Mutant};
use backfleet_core::ports::{
    ByteStream, Effect, GetRequest, Listing, NewObject, ObjectInfo, ObjectStore, PortError, PortFault,
    PutOutcome,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::time::sleep;

use crate::process::{Call, Process};
use crate::site::Site;
use crate::what::{Verb, What, of};

/// One process' way to a store.
pub struct SimStore {
    process: Arc<Process>,
    site: Arc<Site>,
    inner: Arc<MemoryStore>,
}

impl SimStore {
    /// The way of a process to the source.
    pub fn source(process: &Arc<Process>, site: &Arc<Site>) -> Self {
        Self { process: process.clone(), site: site.clone(), inner: site.source.clone() }
    }

    /// The way of a process to the destination.
    pub fn dest(process: &Arc<Process>, site: &Arc<Site>) -> Self {
        Self { process: process.clone(), site: site.clone(), inner: site.dest.clone() }
    }

    fn call<'a>(&self, name: &'static str, verb: Verb, key: &'a ObjectKey) -> Call<'a> {
        let (what, unit) = of(key);
        if let (What::Source | What::Shard | What::Completion, Verb::Get | Verb::Put, Some(unit)) =
            (what, verb, unit)
            && self.process.name.starts_with('w')
            && (verb == Verb::Put || what == What::Source)
        {
            self.process.world.check_lease(self.process.id, &self.process.name, unit, "reads or writes");
        }
        Call { name, verb, what, subject: key.as_str() }
    }

    /// Sometimes a stored object of ours is not what it was.
    fn flip(&self, what: What, bytes: Bytes) -> Bytes {
        let ours = matches!(
            what,
            What::Plan | What::Completion | What::Manifest | What::Link | What::Success | What::Control
        );
        let world = &self.process.world;
        // What is read seldom, and matters most, more often.
        let often = world.climate.flipped
            * match what {
                What::Plan => 25.0,
                What::Completion => 10.0,
                _ => 1.0,
            };
        if !ours || bytes.is_empty() || !world.happens("F35 bit flipped", often) {
            return bytes;
        }
        let mut bytes = bytes.to_vec();
        let numbers = digits_of_numbers(&bytes);
        let (at, bit) = world.draw(|draw| {
            if !numbers.is_empty() && draw.chance(0.5) {
                // One number for another: it reads like an object as it was put.
                (numbers[draw.below(numbers.len() as u64) as usize], 0)
            } else {
                (draw.below(bytes.len() as u64) as usize, draw.below(8))
            }
        });
        bytes[at] ^= 1 << bit;
        bytes.into()
    }

    /// Puts an object into the world.
    async fn land(&self, object: NewObject, how: &str) -> Result<PutOutcome, PortError> {
        let (key, (what, _)) = (object.key.clone(), of(&object.key));
        let world = &self.process.world;
        let there = self.inner.bytes_of(&key);
        let outcome = if mutant::is(Mutant::Overwrite) {
            if there.is_some_and(|there| there != object.bytes) {
                world.violated("I2 nothing is replaced", key.as_str());
            }
            self.inner.overwrite(object);
            PutOutcome::Created
        } else {
            self.inner.put_new(object).await?
        };
        if outcome == PutOutcome::Created {
            world.tell(&self.process.name, &format!("{how} {key}"));
            self.site.created(what, &key, world);
        } else {
            world.saw(&format!("412 {what:?}"));
        }
        Ok(outcome)
    }
}

/// Where the digits of JSON's numbers are, those within strings left out.
fn digits_of_numbers(json: &[u8]) -> Vec<usize> {
    let (mut quoted, mut digits) = (false, Vec::new());
    for (at, byte) in json.iter().enumerate() {
        quoted ^= *byte == b'"';
        if !quoted && byte.is_ascii_digit() {
            digits.push(at);
        }
    }
    digits
}

#[async_trait]
impl ObjectStore for SimStore {
    async fn get(&self, key: &ObjectKey, request: GetRequest) -> Result<ByteStream, PortError> {
        let call = self.call("object_store.get", Verb::Get, key);
        let whole = self.process.call(call, self.inner.get(key, request)).await?;
        let world = self.process.world.clone();
        let process = self.process.clone();
        let broken = PortError::passing(call.name, key, PortFault::Unavailable, Effect::None);
        let key = key.clone();
        let what = call.what;
        // Few pieces, so that something can happen between them.
        let pieces = whole.flat_map(move |chunk| {
            let chunk = chunk.unwrap_or_default();
            let at = world.draw(|draw| draw.below(chunk.len() as u64 + 1)) as usize;
            stream::iter([chunk.slice(..at), chunk.slice(at..)])
        });
        let world = self.process.world.clone();
        let mut broken = world.happens("F13 stream breaks", world.climate.broken).then_some(broken);
        let pieces = pieces.filter(|piece| std::future::ready(!piece.is_empty())).enumerate();
        let pieces = pieces.then(move |(n, piece)| {
            let process = process.clone();
            let error = if n > 0 || piece.is_empty() { broken.take() } else { None };
            let key = key.clone();
            async move {
                sleep(process.takes()).await;
                let world = &process.world;
                if world.is_rough() && world.draw(|draw| draw.chance(world.climate.killed)) {
                    let call = Call { name: "stream", verb: Verb::Get, what, subject: key.as_str() };
                    return process.dies(&call, "amid").await;
                }
                error.map_or(Ok(piece), Err)
            }
        });
        Ok(pieces.boxed())
    }

    async fn get_small(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, PortError> {
        let call = self.call("object_store.get", Verb::Get, key);
        let bytes = self.process.call(call, self.inner.get_small(key, bytes_max)).await?;
        Ok(bytes.map(|bytes| self.flip(call.what, bytes)))
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, PortError> {
        let call = self.call("object_store.head", Verb::Head, key);
        self.process.call(call, self.inner.head(key)).await
    }

    async fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, PortError> {
        let what = if prefix.contains("/completions/") { What::Completion } else { What::Shard };
        let call = Call { name: "object_store.list", verb: Verb::List, what, subject: prefix };
        self.process.call(call, self.inner.list(prefix, after)).await
    }

    async fn put_new(&self, object: NewObject) -> Result<PutOutcome, PortError> {
        let key = object.key.clone();
        let call = self.call("object_store.put_new", Verb::Put, &key);
        let world = self.process.world.clone();
        if world.happens("F17 409", world.climate.open_conflict) {
            sleep(self.process.takes()).await;
            self.process.event(&call, "409");
            if mutant::is(Mutant::OpenConflictIsThere) {
                return Ok(PutOutcome::AlreadyThere);
            }
            return Err(self.process.error(&call, PortFault::Unavailable, Effect::None));
        }
        if world.happens("F05 put lands late", world.climate.late) {
            let later =
                Self { process: self.process.clone(), site: self.site.clone(), inner: self.inner.clone() };
            let late_by = world.draw(|draw| draw.time(Duration::ZERO, world.climate.late_by));
            tokio::spawn(async move {
                sleep(late_by).await;
                later.site.late(&object.key, &later.process.world);
                drop(later.land(object, "late:").await);
            });
            return self.process.no_reply(&call).await;
        }
        if mutant::is(Mutant::UploadUnawaited) && call.what == What::Shard {
            if self.inner.bytes_of(&key).is_some() {
                return Ok(PutOutcome::AlreadyThere);
            }
            let later =
                Self { process: self.process.clone(), site: self.site.clone(), inner: self.inner.clone() };
            tokio::spawn(async move {
                // Biased: the dead put nothing.
                tokio::select! {
                    biased;
                    () = later.process.dead.cancelled() => {}
                    () = sleep(Duration::from_secs(5)) => drop(later.land(object, "unawaited:").await),
                }
            });
            return Ok(PutOutcome::Created);
        }
        self.process.call(call, self.land(object, "puts")).await
    }

    fn describe(&self) -> String {
        "sim".to_owned()
    }
}
