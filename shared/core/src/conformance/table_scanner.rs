//! What every [`TableScanner`] does.
//!
//! Left out because they differ by nature: what a page costs beyond that it costs something, and in which order items
//! come. A key that is not in its segment is AWS's to refuse; emulators go on from it.

#![expect(clippy::unwrap_used, reason = "a case fails by panicking, as a test does")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::run_all;
use crate::plan::{Expressions, ScanSource};
use crate::ports::{PageRequest, PortFault, Retry, ScanKey, ScanPage, TableScanner};

/// A page holds no more than this, and the item that goes beyond it (Scan).
const PAGE_BYTES: usize = 1 << 20;

/// An empty table with the keys `pk` and `sk`, both text, and a way to change it.
pub struct TableUnderTest {
    /// The table.
    pub table: Arc<dyn TableScanner>,
    /// Puts an item of these keys with an attribute `text`; deletes it where there is no text.
    #[expect(clippy::type_complexity, reason = "one function, named here and nowhere else")]
    pub write: Box<dyn Fn(&str, &str, Option<&str>) -> BoxFuture<'static, ()>>,
}

/// Keys of an item.
type Keys = (String, String);

/// Runs every case, each on an empty table of its own. Panics with the names of those that failed.
pub async fn all(make: impl AsyncFn() -> TableUnderTest) {
    run_all!(
        make,
        [
            it_says_its_name_and_its_keys_hash_key_first,
            an_empty_table_is_one_page_without_a_key_to_go_on,
            every_item_is_on_one_page_of_one_segment,
            items_of_a_partition_are_in_one_segment,
            a_page_looks_at_no_more_than_was_asked,
            a_page_ends_at_a_megabyte,
            a_page_goes_on_behind_an_item_that_is_gone,
            what_is_behind_the_key_is_seen_as_it_is_now,
            a_segment_beyond_the_last_is_refused,
        ]
    );
}

/// The facts that a plan is made of.
pub async fn it_says_its_name_and_its_keys_hash_key_first(rig: TableUnderTest) {
    let facts = rig.table.describe().await.unwrap();
    assert_eq!(facts.keys, ["pk", "sk"]);
    assert!(facts.arn.starts_with("arn:"), "{}", facts.arn);
}

/// Nothing is a page, too, and it costs something.
pub async fn an_empty_table_is_one_page_without_a_key_to_go_on(rig: TableUnderTest) {
    for segments in [1, 5] {
        let page = rig.page(&scan(segments), 0, None, None).await;
        assert_eq!((keys_of(&page).len(), page.scanned, &page.next), (0, 0, &None));
        assert!(page.units > 0.0, "{}", page.units);
    }
}

/// However the table is cut.
pub async fn every_item_is_on_one_page_of_one_segment(rig: TableUnderTest) {
    let wanted = rig.fill(200).await;
    for segments in [1, 7, 100] {
        let mut found = BTreeMap::new();
        for segment in 0..segments {
            for keys in rig.segment(segments, segment, Some(13)).await {
                *found.entry(keys).or_insert(0) += 1;
            }
        }
        assert!(found.values().all(|count| *count == 1), "{segments} segments");
        assert_eq!(found.into_keys().collect::<BTreeSet<_>>(), wanted, "{segments} segments");
    }
}

/// Segments cut the hash of the partition key.
pub async fn items_of_a_partition_are_in_one_segment(rig: TableUnderTest) {
    rig.fill(200).await;
    let mut segment_of = BTreeMap::new();
    for segment in 0..9 {
        for (pk, _) in rig.segment(9, segment, None).await {
            assert_eq!(*segment_of.entry(pk).or_insert(segment), segment);
        }
    }
}

/// `Limit`, which is of items looked at.
pub async fn a_page_looks_at_no_more_than_was_asked(rig: TableUnderTest) {
    rig.fill(30).await;
    for max in [1, 7] {
        let page = rig.page(&scan(1), 0, None, Some(max)).await;
        assert_eq!((page.scanned, keys_of(&page).len()), (u64::from(max), max as usize));
        assert!(page.next.is_some());
    }
}

/// The megabyte is of items, not of JSON, and nothing is lost at the seam.
pub async fn a_page_ends_at_a_megabyte(rig: TableUnderTest) {
    let text = "x".repeat(100_000);
    for number in 0..25 {
        (rig.write)("big", &number.to_string(), Some(&text)).await;
    }
    let page = rig.page(&scan(1), 0, None, None).await;
    let most = PAGE_BYTES / text.len() + 1;
    assert!((1..=most).contains(&keys_of(&page).len()), "{}", keys_of(&page).len());
    assert!(page.next.is_some());
    assert_eq!(rig.segment(1, 0, None).await.len(), 25);
}

/// The key is a place, not an item.
pub async fn a_page_goes_on_behind_an_item_that_is_gone(rig: TableUnderTest) {
    let wanted = rig.fill(20).await;
    let first = rig.page(&scan(1), 0, None, Some(5)).await;
    let seen = keys_of(&first);
    let (pk, sk) = &seen[4];
    (rig.write)(pk, sk, None).await;
    let rest = rig.page(&scan(1), 0, first.next.as_ref(), None).await;
    let found: BTreeSet<Keys> = seen.into_iter().chain(keys_of(&rest)).collect();
    assert_eq!(found, wanted);
    assert!(rest.next.is_none());
}

/// A scan is no snapshot: pages that are still to come show what was written meanwhile.
pub async fn what_is_behind_the_key_is_seen_as_it_is_now(rig: TableUnderTest) {
    let wanted = rig.fill(20).await;
    let first = rig.page(&scan(1), 0, None, Some(5)).await;
    let seen: BTreeSet<Keys> = keys_of(&first).into_iter().collect();
    let later: Vec<&Keys> = wanted.difference(&seen).collect();
    let (gone, changed) = (later[0], later[1]);
    (rig.write)(&gone.0, &gone.1, None).await;
    (rig.write)(&changed.0, &changed.1, Some("changed meanwhile")).await;
    let rest = rig.page(&scan(1), 0, first.next.as_ref(), None).await;
    let found: BTreeSet<Keys> = keys_of(&rest).into_iter().collect();
    assert!(!found.contains(gone) && found.contains(changed));
    assert!(String::from_utf8_lossy(&rest.items).contains("changed meanwhile"));
}

/// Segments are counted from 0.
pub async fn a_segment_beyond_the_last_is_refused(rig: TableUnderTest) {
    let scan = scan(4);
    let request = PageRequest { scan: &scan, segment: 4, after: None, items_max: None };
    let error = rig.table.page(&request).await.unwrap_err();
    assert_eq!((error.fault, error.retry), (PortFault::Invalid, Retry::Never));
}

impl TableUnderTest {
    /// So many items, four to a partition, with keys of every awkward kind.
    async fn fill(&self, items: usize) -> BTreeSet<Keys> {
        let mut keys = BTreeSet::new();
        for number in 0..items {
            let pk = format!("pk \"{}\" ü\\{}", number / 4, "k".repeat(number % 50));
            let pk = if number % 4 == 0 { pk } else { format!("plain {}", number / 4) };
            let sk = format!("{number}\n😀");
            (self.write)(&pk, &sk, Some(&format!("text of {number}"))).await;
            keys.insert((pk, sk));
        }
        keys
    }

    async fn page(
        &self,
        scan: &ScanSource,
        segment: u32,
        after: Option<&ScanKey>,
        items_max: Option<u32>,
    ) -> ScanPage {
        self.table.page(&PageRequest { scan, segment, after, items_max }).await.unwrap()
    }

    /// The keys of a whole segment, page after page.
    async fn segment(&self, segments: u32, segment: u32, items_max: Option<u32>) -> Vec<Keys> {
        let (scan, mut keys, mut after) = (scan(segments), Vec::new(), None);
        loop {
            let page = self.page(&scan, segment, after.as_ref(), items_max).await;
            keys.extend(keys_of(&page));
            assert!(page.next.is_none() || page.next != after, "a page ended where it began");
            after = page.next;
            if after.is_none() {
                return keys;
            }
        }
    }
}

fn scan(segments: u32) -> ScanSource {
    ScanSource {
        table_arn: "arn".to_owned(),
        index: None,
        segments,
        lanes: 1,
        consistent: true,
        dated: true,
        expressions: Expressions::default(),
    }
}

fn keys_of(page: &ScanPage) -> Vec<Keys> {
    let items: Vec<serde_json::Value> = serde_json::from_slice(&page.items).unwrap();
    let text =
        |item: &serde_json::Value, name: &str| item[name]["S"].as_str().expect("a key of text").to_owned();
    items.iter().map(|item| (text(item, "pk"), text(item, "sk"))).collect()
}
