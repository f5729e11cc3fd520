//! A table in a map, read as DynamoDB reads one: by the hash of the partition key, in pages, at a cost.

mod touch;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

use crate::ports::{
    PageRequest, PortError, PortFault, ReadCapacity, ScanKey, ScanPage, TableFacts, TableScanner,
};

/// A page ends with the item that brings it to this many bytes.
const PAGE_BYTES: usize = 1 << 20;
const ARN: &str = "arn:aws:dynamodb:eu-north-1:123456789012:table/memory";
/// What half a read unit pays for.
const HALF_UNIT_BYTES: usize = 4096;

/// Items that live as long as they are held. Their keys are strings, `pk` and `sk`.
#[derive(Debug)]
pub struct MemoryTable {
    /// By hash of the partition key, then by key: DynamoDB's own order, as far as anybody may know it.
    items: Mutex<BTreeMap<(u64, String), String>>,
    spent: Mutex<Vec<(Instant, f64)>>,
    capacity: ReadCapacity,
}

impl MemoryTable {
    /// An empty table that is paid for like this.
    pub fn new(capacity: ReadCapacity) -> Self {
        Self { items: Mutex::default(), spent: Mutex::default(), capacity }
    }

    /// Puts an item, in place of the one of the same key; `attributes` is what follows its keys: `,"name":{…}` each.
    pub fn put(&self, pk: &str, sk: &str, attributes: &str) {
        let key = key_json(pk, sk);
        let item = format!("{}{attributes}}}", &key[..key.len() - 1]);
        locked(&self.items).insert((xxh3_64(pk.as_bytes()), key), item);
    }

    /// Deletes an item, if it is there.
    pub fn delete(&self, pk: &str, sk: &str) {
        locked(&self.items).remove(&(xxh3_64(pk.as_bytes()), key_json(pk, sk)));
    }

    /// An item as JSON, if it is there.
    pub fn get(&self, pk: &str, sk: &str) -> Option<String> {
        locked(&self.items).get(&(xxh3_64(pk.as_bytes()), key_json(pk, sk))).cloned()
    }

    /// What was read when, in units.
    pub fn spent(&self) -> Vec<(Instant, f64)> {
        locked(&self.spent).clone()
    }
}

#[async_trait]
impl TableScanner for MemoryTable {
    async fn describe(&self) -> Result<TableFacts, PortError> {
        let items = locked(&self.items);
        Ok(TableFacts {
            arn: ARN.to_owned(),
            keys: vec!["pk".to_owned(), "sk".to_owned()],
            bytes: items.values().map(|item| item.len() as u64).sum(),
            items: items.len() as u64,
            capacity: self.capacity,
            stream_arn: None,
        })
    }

    async fn page(&self, request: &PageRequest<'_>) -> Result<ScanPage, PortError> {
        let invalid = |why: &'static str| {
            Err(PortError::fatal("table.page", "memory", PortFault::Invalid).because(why))
        };
        let (segment, segments) = (request.segment, request.scan.segments);
        if segment >= segments {
            return invalid("the segment is none of that many");
        }
        let bound = |segment: u32| ((u128::from(segment) << 64) / u128::from(segments)) as u64;
        let first = bound(segment);
        let end = if segment + 1 == segments { None } else { Some(bound(segment + 1)) };
        let items = locked(&self.items);
        let from = match request.after {
            None => Bound::Included((first, String::new())),
            Some(after) => match place_of(after) {
                Some(place) if place.0 >= first && end.is_none_or(|end| place.0 < end) => {
                    Bound::Excluded(place)
                }
                _ => return invalid("the key is not in the segment"),
            },
        };
        let to = end.map_or(Bound::Unbounded, |end| Bound::Excluded((end, String::new())));
        let (mut page, mut bytes, mut scanned, mut next) = (String::from("["), 0, 0, None);
        for ((_, key), item) in items.range((from, to)) {
            page.push_str(if scanned == 0 { "" } else { "," });
            page.push_str(item);
            bytes += item.len();
            scanned += 1;
            if bytes >= PAGE_BYTES || request.items_max.is_some_and(|max| scanned >= u64::from(max)) {
                next = Some(ScanKey(key.clone()));
                break;
            }
        }
        page.push(']');
        let half_units = bytes.div_ceil(HALF_UNIT_BYTES).max(1);
        let units = half_units as f64 * if request.scan.consistent { 1.0 } else { 0.5 };
        locked(&self.spent).push((Instant::now(), units));
        Ok(ScanPage { items: page.into(), scanned, next, units })
    }
}

fn key_json(pk: &str, sk: &str) -> String {
    let quoted = |text: &str| serde_json::to_string(text).expect("a string is JSON");
    format!(r#"{{"pk":{{"S":{}}},"sk":{{"S":{}}}}}"#, quoted(pk), quoted(sk))
}

fn place_of(key: &ScanKey) -> Option<(u64, String)> {
    let parsed: serde_json::Value = serde_json::from_str(&key.0).ok()?;
    Some((xxh3_64(parsed["pk"]["S"].as_str()?.as_bytes()), key.0.clone()))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
