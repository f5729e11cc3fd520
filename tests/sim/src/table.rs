//! A table that is written to while it is scanned, in bad weather.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use backfleet_core::ports::{
    Effect, PageRequest, PortError, PortFault, ReadCapacity, ScanKey, ScanPage, TableFacts, TableScanner,
};
use tokio::time::Instant;

use crate::process::{Call, Process};
use crate::queue::SECRET;
use crate::site::Site;
use crate::what::{Verb, What};

/// ARN of the one table there is.
pub const TABLE_ARN: &str = "arn:aws:dynamodb:eu-north-1:123456789012:table/sim";

/// A page holds no more items than this.
const PAGE_ITEMS: usize = 40;
/// What half a read unit pays for.
const HALF_UNIT_BYTES: usize = 4096;

/// Items by their place, which is all that a scan goes by.
pub struct SimTable {
    places: u32,
    items: Mutex<BTreeMap<u32, Item>>,
    spent: Mutex<Vec<(Instant, f64)>>,
    touched: Mutex<BTreeSet<u32>>,
}

/// One item.
#[derive(Debug, Clone, Copy)]
struct Item {
    version: u64,
    /// Looked at, and left out by the filter.
    ghost: bool,
    pad: usize,
}

impl SimTable {
    /// Items at these places: whether each is a ghost, and how long it is.
    pub fn new(places: u32, items: impl Iterator<Item = (u32, bool, usize)>) -> Self {
        let items = items.map(|(place, ghost, pad)| (place, Item { version: 0, ghost, pad })).collect();
        Self { places, items: Mutex::new(items), spent: Mutex::default(), touched: Mutex::default() }
    }

    /// What was read when, in units.
    pub fn spent(&self) -> Vec<(Instant, f64)> {
        locked(&self.spent).clone()
    }

    /// Names of the items that were there, unchanged, all the time.
    pub fn stable(&self) -> BTreeSet<String> {
        let touched = locked(&self.touched);
        let items = locked(&self.items);
        items
            .iter()
            .filter(|(place, item)| !item.ghost && !touched.contains(place))
            .map(|(place, _)| name(*place))
            .collect()
    }

    /// Writes, changes or deletes the item at a place.
    pub fn change(&self, place: u32, how: u64) {
        let mut items = locked(&self.items);
        locked(&self.touched).insert(place);
        match how % 3 {
            0 => drop(items.remove(&place)),
            _ => {
                let item = items.entry(place).or_insert(Item { version: 0, ghost: false, pad: 60 });
                item.version += 1;
                item.pad = 20 + (how % 200) as usize;
            }
        }
    }

    /// Places of the table.
    pub fn places(&self) -> u32 {
        self.places
    }

    fn page(&self, request: &PageRequest<'_>) -> Result<ScanPage, PortError> {
        let invalid =
            |why: &'static str| Err(PortError::fatal("table.page", "sim", PortFault::Invalid).because(why));
        let bound = |segment: u32| {
            (u64::from(self.places) * u64::from(segment) / u64::from(request.scan.segments)) as u32
        };
        let (first, end) = (bound(request.segment), bound(request.segment + 1));
        let from = match request.after.map(place) {
            None => first,
            Some(Some(place)) if (first..end).contains(&place) => place + 1,
            Some(_) => return invalid("the key is not in the segment"),
        };
        let max = request.items_max.map_or(PAGE_ITEMS, |max| (max as usize).min(PAGE_ITEMS));
        let items = locked(&self.items);
        let (mut page, mut bytes, mut scanned, mut next) = (String::from("["), 0, 0, None);
        for (&place, item) in items.range(from..end) {
            let json = item_json(place, item);
            bytes += json.len();
            scanned += 1;
            if !item.ghost {
                page.push_str(if page.len() == 1 { "" } else { "," });
                page.push_str(&json);
            }
            if scanned == max {
                next = Some(ScanKey(key_json(place)));
                break;
            }
        }
        page.push(']');
        let units = bytes.div_ceil(HALF_UNIT_BYTES).max(1) as f64 * 0.5;
        locked(&self.spent).push((Instant::now(), units));
        Ok(ScanPage { items: page.into(), scanned: scanned as u64, next, units })
    }
}

/// The name of the item at a place.
pub fn name(place: u32) -> String {
    format!("i{place:06}")
}

fn key_json(place: u32) -> String {
    format!(r#"{{"pk":{{"S":"{}"}}}}"#, name(place))
}

fn item_json(place: u32, item: &Item) -> String {
    let pad = "x".repeat(item.pad);
    format!(
        r#"{{"pk":{{"S":"{}"}},"v":{{"N":"{}"}},"pad":{{"S":"{SECRET}{pad}"}}}}"#,
        name(place),
        item.version
    )
}

fn place(key: &ScanKey) -> Option<u32> {
    key.0.strip_prefix(r#"{"pk":{"S":"i"#)?.strip_suffix(r#""}}"#)?.parse().ok()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One process' way to the table.
pub struct SimScanner {
    process: Arc<Process>,
    site: Arc<Site>,
}

impl SimScanner {
    /// The way of a process.
    pub fn new(process: &Arc<Process>, site: &Arc<Site>) -> Self {
        Self { process: process.clone(), site: site.clone() }
    }
}

#[async_trait]
impl TableScanner for SimScanner {
    async fn describe(&self) -> Result<TableFacts, PortError> {
        let call = Call { name: "table.describe", verb: Verb::Describe, what: What::Other, subject: "" };
        let facts = TableFacts {
            arn: TABLE_ARN.to_owned(),
            keys: vec!["pk".to_owned()],
            bytes: 0,
            items: 0,
            capacity: ReadCapacity::OnDemand(None),
            stream_arn: None,
        };
        self.process.call(call, async { Ok(facts) }).await
    }

    async fn page(&self, request: &PageRequest<'_>) -> Result<ScanPage, PortError> {
        let Process { world, id, name, .. } = &*self.process;
        world.check_lease(*id, name, request.segment, "reads a page");
        let subject = format!(
            "segment {} after {}",
            request.segment,
            request.after.map_or("nothing", |after| after.0.as_str())
        );
        let call = Call { name: "table.page", verb: Verb::Page, what: What::Source, subject: &subject };
        if world.happens("F20 throttled", world.climate.throttled) {
            return Err(self.process.error(&call, PortFault::Throttled, Effect::None));
        }
        if world.happens("F21 page fails", world.climate.page) {
            return Err(self.process.error(&call, PortFault::Unavailable, Effect::None));
        }
        let mut page = self.process.call(call, async { self.site.table.page(request) }).await?;
        if page.scanned > 0 && page.items.len() == 2 {
            world.saw("F21 empty page with a key");
        }
        if let Some(after) = request.after
            && page.next.is_some()
            && world.happens("F21 repeated key", world.climate.repeated)
        {
            page.next = Some(after.clone());
        }
        Ok(page)
    }
}
