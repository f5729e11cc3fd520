//! The two manifests of an export: whatever they say, every file is listed and there, and none is taken twice.

use std::collections::BTreeSet;

use backfleet::export::{DataFile, ExportError, Summary, read_data_files};
use backfleet_core::digest::Sha256Digest;
use backfleet_core::key::ObjectKey;
use backfleet_core::memory::MemoryStore;
use backfleet_core::ports::{Metadata, NewObject, ObjectStore as _};
use bytes::Bytes;
use futures_util::FutureExt as _;

/// `manifest-summary.json`, a zero byte, the list of files, a zero byte, and the keys of what lies there, one a line.
pub fn export(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |&byte| byte == 0);
    let [summary, list, keys] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let store = MemoryStore::new();
    put(&store, "manifest-summary.json", summary);
    let summary = match Summary::read(&store).now_or_never().expect("memory answers at once") {
        Ok(summary) => summary,
        Err(error) => return hold_refusal(&error),
    };
    assert!(summary.content().is_ok() && summary.manifest_files_s3_key.starts_with(summary.folder()));
    assert!(summary.id().is_none_or(|id| !id.contains('/')) || summary.export_arn.is_some());
    let name = summary.manifest_files_s3_key.rsplit('/').next().expect("a text has a last part");
    put(&store, name, list);
    for key in String::from_utf8_lossy(keys).lines() {
        put(&store, key, b"data");
    }
    match read_data_files(&store, &store, &summary).now_or_never().expect("memory answers at once") {
        Ok(files) => hold_files(&store, &summary, list, &files),
        Err(error) => hold_refusal(&error),
    }
}

/// Puts an object, if there can be one of that name and there is none.
fn put(store: &MemoryStore, key: &str, bytes: &[u8]) {
    let Ok(key) = ObjectKey::new(key) else { return };
    let bytes = Bytes::copy_from_slice(bytes);
    let object = NewObject { key, sha256: Sha256Digest::of(&bytes), bytes, metadata: Metadata::new() };
    store.put_new(object).now_or_never().expect("memory answers at once").expect("memory takes everything");
}

fn hold_files(store: &MemoryStore, summary: &Summary, list: &[u8], files: &[DataFile]) {
    let lines = list.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    assert_eq!(files.len(), lines.count(), "every line is a file");
    let mut keys = BTreeSet::new();
    for file in files {
        assert!(keys.insert(&file.key), "{} is taken twice", file.key);
        let there = store.head(&file.key).now_or_never().expect("memory answers at once");
        assert_eq!(there.expect("memory answers").expect("it is there").bytes, file.bytes);
    }
    let items = files.iter().try_fold(0_u64, |sum, file| Some(sum.saturating_add(file.items?)));
    assert!(items.is_none() || summary.item_count.is_none() || items == summary.item_count);
}

/// What is refused is said in words.
fn hold_refusal(error: &ExportError) {
    assert!(!error.to_string().is_empty());
    error.advice();
}
