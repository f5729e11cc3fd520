//! What every [`ObjectStore`] does.
//!
//! Left out because implementations differ by nature: a key that is also the beginning of another key (`a` and
//! `a/b`, which files cannot have), the fault of a range outside of an object, and the size of chunks.

#![expect(clippy::unwrap_used, reason = "a case fails by panicking, as a test does")]

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;

use super::run_all;
use crate::digest::Sha256Digest;
use crate::key::ObjectKey;
use crate::limits::{LIST_PAGE_MAX, METADATA_BYTES_MAX};
use crate::ports::{
    ETag, GetRequest, Metadata, NewObject, ObjectStore, PortError, PortFault, PutOutcome, Retry,
};

type Store = Arc<dyn ObjectStore>;

/// Runs every case, each on an empty store of its own. Panics with the names of those that failed.
pub async fn all(make: impl AsyncFn() -> Arc<dyn ObjectStore>) {
    run_all!(
        make,
        [
            what_was_put_is_there,
            an_object_without_metadata_has_none,
            an_empty_object_is_an_object,
            a_second_put_changes_nothing,
            of_many_puts_at_once_exactly_one_wins,
            bytes_that_are_not_those_of_their_digest_are_refused,
            metadata_beyond_the_limit_is_refused,
            a_part_is_read,
            a_part_that_is_not_there_is_an_error,
            a_version_is_read_or_none,
            what_is_not_there_is_not_there,
            a_small_object_is_read_up_to_the_limit_and_not_beyond,
            a_big_object_is_streamed_whole,
            keys_are_taken_as_they_are,
            a_listing_is_in_byte_order_of_whole_keys,
            a_prefix_is_any_text,
            a_listing_goes_on_behind_a_key,
            a_long_listing_comes_in_pages,
        ]
    );
}

/// What was put comes back by every way of reading.
pub async fn what_was_put_is_there(store: Store) {
    let object = object_with("a/b.json", "hello", [("unit", "42"), ("content-digest", "ab cd=/+")]);
    assert_eq!(put(&store, &object).await, PutOutcome::Created);
    assert_whole(&store, &object).await;
    let listing = store.list("", None).await.unwrap();
    assert!(!listing.more);
    let [entry] = &listing.entries[..] else { panic!("one entry, not {:?}", listing.entries) };
    let info = store.head(&object.key).await.unwrap().unwrap();
    assert_eq!((&entry.key, entry.bytes, &entry.etag), (&object.key, 5, &info.etag));
}

/// No metadata in, none out.
pub async fn an_object_without_metadata_has_none(store: Store) {
    let object = object("plain", "hello");
    assert_eq!(put(&store, &object).await, PutOutcome::Created);
    assert_whole(&store, &object).await;
}

/// Nothing is something, too.
pub async fn an_empty_object_is_an_object(store: Store) {
    for object in [object("empty", ""), object_with("last", "", [("last", "true")])] {
        assert_eq!(put(&store, &object).await, PutOutcome::Created);
        assert_whole(&store, &object).await;
        assert_eq!(put(&store, &object).await, PutOutcome::AlreadyThere);
    }
}

/// Write once: the same bytes, other bytes, other metadata, all the same.
pub async fn a_second_put_changes_nothing(store: Store) {
    let first = object_with("x/once", "first", [("who", "first")]);
    assert_eq!(put(&store, &first).await, PutOutcome::Created);
    let before = store.head(&first.key).await.unwrap();
    let others = [
        first.clone(),
        object_with("x/once", "second", [("who", "second")]),
        object_with("x/once", "first", [("who", "second")]),
        object("x/once", ""),
    ];
    for other in others {
        assert_eq!(put(&store, &other).await, PutOutcome::AlreadyThere);
        assert_eq!(store.head(&first.key).await.unwrap(), before);
        assert_whole(&store, &first).await;
    }
}

/// One `Created`, and what is there is the winner's, bytes and metadata.
pub async fn of_many_puts_at_once_exactly_one_wins(store: Store) {
    for round in 0..4 {
        let key = format!("race/{round}");
        let objects: Vec<NewObject> = (0..16)
            .map(|who| object_with(&key, &format!("bytes of {who}"), [("who", &who.to_string())]))
            .collect();
        let outcomes = join_all(objects.iter().map(|object| put(&store, object))).await;
        let winners: Vec<usize> = (0..16).filter(|&who| outcomes[who] == PutOutcome::Created).collect();
        assert_eq!(winners.len(), 1, "winners {winners:?}");
        assert_whole(&store, &objects[winners[0]]).await;
    }
}

/// What did not arrive as it was sent is not stored.
pub async fn bytes_that_are_not_those_of_their_digest_are_refused(store: Store) {
    let wrong = NewObject { bytes: Bytes::from_static(b"hellO"), ..object("checked", "hello") };
    let error = store.put_new(wrong.clone()).await.expect_err("refused");
    assert_eq!(error.fault, PortFault::Corrupted);
    assert_nothing(&store, &wrong.key).await;
    assert_eq!(put(&store, &object("checked", "hello")).await, PutOutcome::Created);
}

/// S3's 2 KB, and ASCII; a store that took more would hide an error until the day of S3.
pub async fn metadata_beyond_the_limit_is_refused(store: Store) {
    let full = object_with("full", "x", [("n", &*"v".repeat(METADATA_BYTES_MAX - 1))]);
    assert_eq!(put(&store, &full).await, PutOutcome::Created);
    assert_whole(&store, &full).await;
    let beyond = "v".repeat(METADATA_BYTES_MAX);
    for (name, value) in [("n", &*beyond), ("n", "ü"), ("N", "x"), ("n", "a\nb")] {
        let error = store.put_new(object_with("beyond", "x", [(name, value)])).await.expect_err("refused");
        assert_eq!((error.fault, error.retry), (PortFault::Invalid, Retry::Never));
    }
    assert_nothing(&store, &key("beyond")).await;
}

/// Start, middle, end, one byte, everything.
pub async fn a_part_is_read(store: Store) {
    let object = object("part", "0123456789");
    assert_eq!(put(&store, &object).await, PutOutcome::Created);
    for (range, wanted) in [(0..3, "012"), (4..6, "45"), (7..10, "789"), (9..10, "9"), (0..10, "0123456789")]
    {
        let request = GetRequest { range: Some(range), if_match: None };
        assert_eq!(read(&store, &object.key, request).await.unwrap(), wanted);
    }
}

/// Less than what was asked for is never a silent answer.
pub async fn a_part_that_is_not_there_is_an_error(store: Store) {
    let object = object("part", "0123456789");
    assert_eq!(put(&store, &object).await, PutOutcome::Created);
    for range in [10..11, 5..11, 100..200, 5..5] {
        let request = GetRequest { range: Some(range.clone()), if_match: None };
        assert!(read(&store, &object.key, request).await.is_err(), "{range:?}");
    }
}

/// `if_match` holds or is an error, with and without a range.
pub async fn a_version_is_read_or_none(store: Store) {
    let object = object("version", "0123456789");
    assert_eq!(put(&store, &object).await, PutOutcome::Created);
    let right = store.head(&object.key).await.unwrap().unwrap().etag;
    for (range, wanted) in [(None, "0123456789"), (Some(2..4), "23")] {
        let request = |etag| GetRequest { range: range.clone(), if_match: Some(etag) };
        assert_eq!(read(&store, &object.key, request(right.clone())).await.unwrap(), wanted);
        let wrong = ETag("\"00000000000000000000000000000000\"".to_owned());
        let error = read(&store, &object.key, request(wrong)).await.expect_err("another version");
        assert_eq!((error.fault, error.retry), (PortFault::Changed, Retry::Never));
    }
}

/// By every way of reading, also below something that is an object.
pub async fn what_is_not_there_is_not_there(store: Store) {
    assert_nothing(&store, &key("missing")).await;
    assert_nothing(&store, &key("missing/below")).await;
    assert_eq!(put(&store, &object("folder/object", "x")).await, PutOutcome::Created);
    assert_nothing(&store, &key("folder")).await;
    assert_nothing(&store, &key("folder/object/below")).await;
    assert_nothing(&store, &key("folder/objec")).await;
}

/// The limit is inclusive, and `TooLarge` beyond.
pub async fn a_small_object_is_read_up_to_the_limit_and_not_beyond(store: Store) {
    let object = object("small", "0123456789");
    assert_eq!(put(&store, &object).await, PutOutcome::Created);
    assert_eq!(store.get_small(&object.key, 10).await.unwrap().unwrap(), object.bytes);
    let error = store.get_small(&object.key, 9).await.expect_err("too large");
    assert_eq!((error.fault, error.retry), (PortFault::TooLarge, Retry::Never));
}

/// 9 MiB and a bit, which no store has in one chunk or in one packet.
pub async fn a_big_object_is_streamed_whole(store: Store) {
    let pattern: Vec<u8> =
        (0_u32..(9 << 20) + 17).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let object = new_object("big", Bytes::from(pattern), Metadata::new());
    assert_eq!(put(&store, &object).await, PutOutcome::Created);
    let whole = read(&store, &object.key, GetRequest::default()).await.unwrap();
    assert!(whole == object.bytes, "other bytes came back");
    let (start, end) = (1 << 20, (9 << 20) + 1);
    let request = GetRequest { range: Some(start..end), if_match: None };
    let part = read(&store, &object.key, request).await.unwrap();
    assert!(part == object.bytes.slice(start as usize..end as usize), "other bytes came back");
}

/// No key is decoded, encoded, trimmed or folded on its way.
pub async fn keys_are_taken_as_they_are(store: Store) {
    let long = format!("long/{}/{}/{}", "l".repeat(200), "m".repeat(200), "n".repeat(200));
    let mut keys = vec![
        "a b",
        "a+b",
        "a%20b",
        "a%2Bb",
        "%",
        "%%",
        "a&b=c",
        "a'b\"c",
        "a#b?c",
        "a;b,c:d@e",
        "(a)*[b]{c}|^~`$!<>",
        "..a",
        "a..",
        ".hidden",
        "date=2026-11-22/part-0.json.gz",
        "ü/日本語/🚀",
        "e\u{301}",
        "é",
        "UPPER",
        &long,
    ];
    for text in &keys {
        assert_eq!(put(&store, &object_with(text, text, [("k", "v")])).await, PutOutcome::Created, "{text}");
    }
    for text in &keys {
        assert_whole(&store, &object_with(text, text, [("k", "v")])).await;
    }
    keys.sort_unstable();
    assert_eq!(listed(&store, "", None).await, keys);
    assert_nothing(&store, &key("a%20B")).await;
}

/// Where directories would tempt a store to another order.
pub async fn a_listing_is_in_byte_order_of_whole_keys(store: Store) {
    let ordered = [
        "a b", "a!/x", "a-b", "a-b-c/x", "a.b", "a/b", "a/b-c", "a/c/d", "a/ca", "a0", "aB", "ab/1", "b",
        "b0/0/0",
    ];
    for text in ordered.iter().rev() {
        assert_eq!(put(&store, &object(text, "x")).await, PutOutcome::Created);
    }
    assert_eq!(listed(&store, "", None).await, ordered);
    for (place, after) in ordered.iter().enumerate() {
        assert_eq!(listed(&store, "", Some(after)).await, ordered[place + 1..], "behind {after}");
    }
}

/// Also half a segment, a whole key, and nothing that is there.
pub async fn a_prefix_is_any_text(store: Store) {
    for text in ["part-1/x", "part-1/y/z", "part-10/x", "part-2/x", "q"] {
        assert_eq!(put(&store, &object(text, "x")).await, PutOutcome::Created);
    }
    for (prefix, wanted) in [
        ("part-1", &["part-1/x", "part-1/y/z", "part-10/x"][..]),
        ("part-1/", &["part-1/x", "part-1/y/z"]),
        ("part-1/y", &["part-1/y/z"]),
        ("part-1/y/z", &["part-1/y/z"]),
        ("part-1/y/z/", &[]),
        ("part-3", &[]),
        ("q", &["q"]),
        ("part-1/../q", &[]),
    ] {
        assert_eq!(listed(&store, prefix, None).await, wanted, "{prefix}");
    }
}

/// `after` need not be there, nor within the prefix.
pub async fn a_listing_goes_on_behind_a_key(store: Store) {
    for text in ["a/1", "a/2", "a/3", "b/1"] {
        assert_eq!(put(&store, &object(text, "x")).await, PutOutcome::Created);
    }
    for (prefix, after, wanted) in [
        ("", "a/1", &["a/2", "a/3", "b/1"][..]),
        ("", "a/15", &["a/2", "a/3", "b/1"]),
        ("a/", "a/2", &["a/3"]),
        ("a/", "a/3", &[]),
        ("a/", "A", &["a/1", "a/2", "a/3"]),
        ("a/", "b", &[]),
        ("", "b/1", &[]),
    ] {
        assert_eq!(listed(&store, prefix, Some(after)).await, wanted, "{prefix} behind {after}");
    }
}

/// Full pages, then the rest, nothing twice and nothing missing; a page that is just full knows whether it is last.
pub async fn a_long_listing_comes_in_pages(store: Store) {
    let keys: Vec<String> = (0..LIST_PAGE_MAX + 2).map(|n| format!("many/{:02}/{n:06}", n / 100)).collect();
    let objects: Vec<NewObject> = keys.iter().map(|text| object(text, "x")).collect();
    for some in objects.chunks(32) {
        join_all(some.iter().map(|object| put(&store, object))).await;
    }
    let first = store.list("many/", None).await.unwrap();
    assert_eq!((first.entries.len(), first.more), (LIST_PAGE_MAX, true));
    let rest = store.list("many/", first.entries.last().map(|entry| &entry.key)).await.unwrap();
    assert!(!rest.more);
    let found: Vec<&str> =
        first.entries.iter().chain(&rest.entries).map(|entry| entry.key.as_str()).collect();
    assert_eq!(found, keys);
    let just_full = store.list("many/", Some(&first.entries[1].key)).await.unwrap();
    assert_eq!((just_full.entries.len(), just_full.more), (LIST_PAGE_MAX, false));
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::new(text).expect("a key")
}

fn object(key: &str, text: &str) -> NewObject {
    new_object(key, Bytes::copy_from_slice(text.as_bytes()), Metadata::new())
}

fn object_with<const N: usize>(key: &str, text: &str, metadata: [(&str, &str); N]) -> NewObject {
    let metadata: BTreeMap<_, _> = metadata.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    new_object(key, Bytes::copy_from_slice(text.as_bytes()), metadata)
}

fn new_object(text: &str, bytes: Bytes, metadata: Metadata) -> NewObject {
    let sha256 = Sha256Digest::of(&bytes);
    NewObject { key: key(text), bytes, metadata, sha256 }
}

async fn put(store: &Store, object: &NewObject) -> PutOutcome {
    store.put_new(object.clone()).await.unwrap()
}

async fn read(store: &Store, key: &ObjectKey, request: GetRequest) -> Result<Bytes, PortError> {
    let stream = store.get(key, request).await?;
    let chunks: Vec<Bytes> = stream.try_collect().await?;
    Ok(chunks.concat().into())
}

async fn listed(store: &Store, prefix: &str, after: Option<&str>) -> Vec<String> {
    let listing = store.list(prefix, after.map(key).as_ref()).await.unwrap();
    assert!(!listing.more);
    listing.entries.iter().map(|entry| entry.key.to_string()).collect()
}

async fn assert_whole(store: &Store, object: &NewObject) {
    let info = store.head(&object.key).await.unwrap().expect("it is there");
    assert_eq!(info.bytes, object.bytes.len() as u64);
    assert_eq!(info.metadata, object.metadata);
    // Not every store can tell (S3 only if it was asked to keep it).
    assert!(info.sha256.is_none_or(|told| told == object.sha256));
    assert_eq!(read(store, &object.key, GetRequest::default()).await.unwrap(), object.bytes);
    let small = store.get_small(&object.key, object.bytes.len()).await.unwrap();
    assert_eq!(small.as_ref(), Some(&object.bytes));
}

async fn assert_nothing(store: &Store, key: &ObjectKey) {
    assert_eq!(store.head(key).await.unwrap(), None);
    assert_eq!(store.get_small(key, 10).await.unwrap(), None);
    let error = read(store, key, GetRequest::default()).await.expect_err("not there");
    assert_eq!((error.fault, error.retry), (PortFault::NotFound, Retry::Never));
    let listing = store.list(key.as_str(), None).await.unwrap();
    assert!(listing.entries.iter().all(|entry| entry.key != *key));
}
