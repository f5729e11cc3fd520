//! Samples taken from stores.

use backfleet_core::completion::{Completion, Counts, Digest128, ShardRecord};
use backfleet_core::digest::Sha256Digest;
use backfleet_core::key::ObjectKey;
use backfleet_core::memory::MemoryStore;
use backfleet_core::ports::{Metadata, NewObject, ObjectStore as _};

use super::*;
use crate::parity::limits::{OBJECTS_MAX, STORED_BYTES_MAX};
use crate::parity::sample;

const JOB: &str = "0123456789abcdef0123456789abcdef";

async fn put(store: &MemoryStore, key: &str, text: impl Into<Bytes>) {
    let bytes = text.into();
    let sha256 = Sha256Digest::of(&bytes);
    let key = ObjectKey::new(key).unwrap();
    store.put_new(NewObject { key, bytes, metadata: Metadata::new(), sha256 }).await.unwrap();
}

fn keys(sample: &Sample) -> Vec<&str> {
    sample.objects.iter().map(|object| object.key.as_str()).collect()
}

#[tokio::test]
async fn a_folder_is_sampled_from_its_first_object_to_its_last() {
    let store = MemoryStore::new();
    for n in 0..1500 {
        put(&store, &format!("orders/{n:04}.json"), LIVE).await;
    }
    put(&store, "orders-old/x.json", LIVE).await;
    put(&store, "orders/empty.json", "").await;
    let sample = sample::live(&store, "orders", None).await.unwrap();
    let keys = keys(&sample);
    assert_eq!((keys.len(), keys[0], keys[OBJECTS_MAX - 1]), (OBJECTS_MAX, "0000.json", "1499.json"));
}

#[tokio::test]
async fn one_object_is_a_sample_too_and_says_nothing_of_folders() {
    let store = MemoryStore::new();
    put(&store, "a.json", LIVE).await;
    put(&store, "a.json.old", LIVE).await;
    let sample = sample::live(&store, "a.json", None).await.unwrap();
    assert_eq!(keys(&sample), ["a.json"]);
    let inference = infer(&portrait(&sample));
    assert_eq!(inference.value("--partition"), None);
    assert!(inference.left_open.iter().any(|open| open.starts_with("--partition: ")));
}

#[tokio::test]
async fn names_that_begin_alike_are_a_sample_where_there_is_no_folder() {
    let store = MemoryStore::new();
    put(&store, "dt=1/2026-01-14-x.json", LIVE).await;
    put(&store, "dt=1/2026-02-14-x.json", LIVE).await;
    let sample = sample::live(&store, "dt=1/2026-01", None).await.unwrap();
    assert_eq!(keys(&sample), ["dt=1/2026-01-14-x.json"]);
}

#[tokio::test]
async fn a_partition_as_the_sample_keeps_its_columns() {
    let store = MemoryStore::new();
    put(&store, "orders/dt=2026-01-14/hour=10/a.json", LIVE).await;
    let sample = sample::live(&store, "orders/dt=2026-01-14", None).await.unwrap();
    assert_eq!(keys(&sample), ["dt=2026-01-14/hour=10/a.json"]);
}

#[tokio::test]
async fn what_readers_pass_over_and_what_we_wrote_is_no_sample_of_the_pipeline() {
    let store = MemoryStore::new();
    put(&store, "dt=1/live.json", LIVE).await;
    put(&store, "dt=1/_SUCCESS", "x").await;
    put(&store, "dt=1/part-01234567-000000-00000.json", "ours").await;
    put(&store, "dt=1/part-89abcdef-000000-00000.json", "ours, of another job").await;
    put(&store, &format!("_backfleet/{JOB}/plan.json"), "{}").await;
    let job = "89abcdef000000000000000000000000".parse().unwrap();
    assert_eq!(keys(&sample::live(&store, "", Some(job)).await.unwrap()), ["dt=1/live.json"]);
}

#[tokio::test]
async fn a_folder_of_ours_alone_is_looked_into_with_a_note() {
    let store = MemoryStore::new();
    put(&store, "p/part-01234567-000000-00000.json", LIVE).await;
    put(&store, &format!("_backfleet/{JOB}/plan.json"), "{}").await;
    let sample = sample::live(&store, "", None).await.unwrap();
    assert_eq!(keys(&sample), ["p/part-01234567-000000-00000.json"]);
    assert!(sample.notes[0].contains("written by backfleet"), "{:?}", sample.notes);
}

#[tokio::test]
async fn an_empty_place_is_an_error_with_its_name() {
    let store = MemoryStore::new();
    put(&store, "orders/empty.json", "").await;
    let error = sample::live(&store, "orders", None).await.unwrap_err();
    assert!(matches!(&error, ParityError::Empty { place } if place.ends_with("orders")), "{error}");
}

#[tokio::test]
async fn of_a_large_object_the_beginning_is_read() {
    let store = MemoryStore::new();
    let lines = usize::try_from(STORED_BYTES_MAX).unwrap() / LIVE.len() + 2;
    put(&store, "a.json", format!("{LIVE}\n").repeat(lines)).await;
    let sample = sample::live(&store, "", None).await.unwrap();
    assert_eq!(sample.objects[0].stored.len() as u64, STORED_BYTES_MAX);
    assert!(!sample.objects[0].whole);
    assert!(portrait(&sample).records() > 100);
}

#[tokio::test]
async fn a_destination_without_a_job_or_a_shard_is_an_error_that_says_so() {
    let store = MemoryStore::new();
    assert!(matches!(sample::newest_job(&store, None).await, Err(ParityError::NoJob { .. })));
    put(&store, &format!("_backfleet/{JOB}/plan.json"), "{}").await;
    let job = sample::newest_job(&store, Some("0123")).await.unwrap();
    assert!(matches!(sample::newest_job(&store, Some("4")).await, Err(ParityError::NoJob { .. })));
    let layout = backfleet_core::layout::Layout::new(job, PARTITION, "json").unwrap();
    assert!(matches!(sample::shard(&store, &layout).await, Err(ParityError::NoShard { .. })));
}

#[tokio::test]
async fn the_fullest_shard_of_a_job_stands_for_it() {
    let store = MemoryStore::new();
    let job = JOB.parse().unwrap();
    let layout = backfleet_core::layout::Layout::new(job, PARTITION, "json").unwrap();
    for (unit, records) in (0..).zip([0, 2, 1]) {
        let key = layout.shard(backfleet_core::layout::ShardName { unit, shard: 0 });
        let text = format!("{LIVE}\n").repeat(records);
        put(&store, key.as_str(), text).await;
        let shard = ShardRecord {
            key: key.to_string(),
            bytes: 0,
            sha256: Sha256Digest([0; 32]),
            records: records as u64,
            passed_over: 0,
            content_bytes: 0,
            content: Digest128("0".repeat(32).parse().unwrap()),
        };
        let records = records as u64;
        let counts = Counts { records_in: records, records_out: records, shards: 1, ..Counts::default() };
        let (shards, quarantine) = (vec![shard], Vec::new());
        let completion = Completion { v: 1, job, unit, counts, md5_proven: true, shards, quarantine };
        put(&store, layout.completion(unit).as_str(), completion.to_json()).await;
    }
    let sample = sample::shard(&store, &layout).await.unwrap();
    assert_eq!(keys(&sample), [format!("{PARTITION}/part-01234567-000001-00000.json")]);
    assert_eq!(portrait(&sample).records(), 2);
}
