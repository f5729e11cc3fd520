//! What a folder is like after a crash at each step of a put, under races, and when it is not quite ours.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use tempfile::TempDir;

use super::commit::Slot;
use super::sidecar::META_FOLDER;
use super::staging::{Staged, TEMP_FOLDER};
use super::*;
use crate::digest::Sha256Digest;
use crate::limits::{LIST_PAGE_MAX, READ_CHUNK_BYTES};
use crate::ports::{Metadata, Retry};

const KEY: &str = "out/part-0.gz";

fn key(text: &str) -> ObjectKey {
    ObjectKey::new(text).unwrap()
}

fn object(text: &str, who: Option<&str>) -> NewObject {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let metadata: Metadata = who.map(|who| ("who".to_owned(), who.to_owned())).into_iter().collect();
    NewObject { key: key(KEY), sha256: Sha256Digest::of(&bytes), bytes, metadata }
}

/// How far a put came before its process died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Crash {
    HalfOfTheBytes,
    Staged,
    SidecarLinked,
    ObjectLinked,
}

const CRASHES: [Crash; 4] = [Crash::HalfOfTheBytes, Crash::Staged, Crash::SidecarLinked, Crash::ObjectLinked];

fn crashed_put(root: &TempDir, object: &NewObject, crash: Crash) {
    let store = LocalStore::open(root.path()).unwrap();
    let staging = store.folder.staging.as_ref().unwrap();
    let mut staged = staging.stage(&store.folder.root, object).unwrap();
    match crash {
        Crash::HalfOfTheBytes => {
            fs::write(&staged.bytes, &object.bytes[..object.bytes.len() / 2]).unwrap();
            if let Some(sidecar) = &staged.sidecar {
                fs::write(sidecar, "{\"key\": ").unwrap();
            }
        }
        Crash::Staged => {}
        Crash::SidecarLinked => assert!(store.folder.link_sidecar(&object.key, &mut staged).unwrap()),
        Crash::ObjectLinked => {
            assert!(store.folder.link_sidecar(&object.key, &mut staged).unwrap());
            assert_eq!(store.folder.slot(&object.key).unwrap(), Slot::Taken);
        }
    }
    die(&store, staged);
}

fn die(store: &LocalStore, staged: Staged) {
    std::mem::forget(staged);
    store.folder.staging.as_ref().unwrap().crash();
}

fn temp_folder(root: &TempDir) -> PathBuf {
    root.path().join(TEMP_FOLDER)
}

async fn assert_is(store: &LocalStore, object: &NewObject) {
    let info = store.head(&object.key).await.unwrap().expect("it is there");
    assert_eq!(info.metadata, object.metadata);
    assert_eq!(info.bytes, object.bytes.len() as u64);
    assert_eq!(read(store, &object.key).await.unwrap(), object.bytes);
    assert_eq!(store.list("", None).await.unwrap().entries.len(), 1);
}

async fn read(store: &LocalStore, key: &ObjectKey) -> Result<Bytes, PortError> {
    let chunks: Vec<Bytes> = store.get(key, GetRequest::default()).await?.try_collect().await?;
    Ok(chunks.concat().into())
}

#[tokio::test]
async fn opening_completes_what_was_committed_and_removes_the_rest() {
    for crash in CRASHES {
        let root = tempfile::tempdir().unwrap();
        let (first, second) = (object("first", Some("first")), object("second", Some("second")));
        crashed_put(&root, &first, crash);
        assert!(temp_folder(&root).exists());
        let store = LocalStore::open(root.path()).unwrap();
        assert!(!temp_folder(&root).exists(), "{crash:?}");
        if crash < Crash::SidecarLinked {
            assert_eq!(store.head(&first.key).await.unwrap(), None, "{crash:?}");
            assert_eq!(store.put_new(second.clone()).await.unwrap(), PutOutcome::Created, "{crash:?}");
            assert_is(&store, &second).await;
        } else {
            // The listing first: nothing but `open` may be needed.
            assert_eq!(store.list("", None).await.unwrap().entries.len(), 1, "{crash:?}");
            assert_is(&store, &first).await;
            assert_eq!(store.put_new(second).await.unwrap(), PutOutcome::AlreadyThere, "{crash:?}");
            assert_is(&store, &first).await;
        }
    }
}

#[tokio::test]
async fn whoever_comes_by_completes_what_another_process_committed() {
    let first = object("first", Some("first"));
    for way in ["head", "get", "get_small", "put_new"] {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::open(root.path()).unwrap();
        crashed_put(&root, &first, Crash::SidecarLinked);
        assert!(!root.path().join(KEY).exists());
        match way {
            "head" => assert!(store.head(&first.key).await.unwrap().is_some()),
            "get" => assert_eq!(read(&store, &first.key).await.unwrap(), first.bytes),
            "get_small" => assert_eq!(store.get_small(&first.key, 99).await.unwrap().unwrap(), first.bytes),
            _ => {
                let outcome = store.put_new(object("second", Some("second"))).await.unwrap();
                assert_eq!(outcome, PutOutcome::AlreadyThere);
            }
        }
        assert!(root.path().join(KEY).exists(), "{way}");
        assert_is(&store, &first).await;
    }
}

#[tokio::test]
async fn the_temps_of_a_living_process_are_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let first = object("first", Some("first"));
    let living = LocalStore::open(root.path()).unwrap();
    let staged = living.folder.staging.as_ref().unwrap().stage(&living.folder.root, &first).unwrap();
    drop(LocalStore::open(root.path()).unwrap());
    assert!(staged.bytes.exists());
    drop(staged);
    drop(living);
    assert!(!temp_folder(&root).exists());
}

#[tokio::test]
async fn nothing_of_ours_remains_but_metadata_when_the_last_store_is_dropped() {
    let root = tempfile::tempdir().unwrap();
    let (one, other) = (LocalStore::open(root.path()).unwrap(), LocalStore::open(root.path()).unwrap());
    assert!(!temp_folder(&root).exists(), "opening alone writes no temps");
    for store in [&one, &other] {
        store.put_new(object("x", Some("me"))).await.unwrap();
    }
    drop(one);
    drop(other);
    let names: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(root.path().join(META_FOLDER).join(format!("{KEY}.json")).exists());
}

#[tokio::test]
async fn a_folder_survives_being_copied_elsewhere() {
    let (root, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = object("first", Some("first"));
    LocalStore::open(root.path()).unwrap().put_new(first.clone()).await.unwrap();
    for relative in [KEY.to_owned(), format!("{META_FOLDER}/{KEY}.json")] {
        let to = copy.path().join(&relative);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(root.path().join(&relative), to).unwrap();
    }
    let store = LocalStore::open_read_only(copy.path()).unwrap();
    assert_is(&store, &first).await;
    assert_eq!(store.head(&first.key).await.unwrap().unwrap().sha256, Some(first.sha256));
}

#[tokio::test]
async fn what_a_person_deleted_is_gone_and_only_the_same_can_come_back() {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::open(root.path()).unwrap();
    let first = object("first", Some("first"));
    store.put_new(first.clone()).await.unwrap();
    fs::remove_file(root.path().join(KEY)).unwrap();
    assert_eq!(store.head(&first.key).await.unwrap(), None);
    assert_eq!(read(&store, &first.key).await.expect_err("gone").fault, PortFault::NotFound);
    for other in [object("second", Some("first")), object("first", Some("second")), object("first", None)] {
        assert_eq!(store.put_new(other).await.unwrap(), PutOutcome::AlreadyThere);
        assert_eq!(store.head(&first.key).await.unwrap(), None);
    }
    assert_eq!(store.put_new(first.clone()).await.unwrap(), PutOutcome::Created);
    assert_is(&store, &first).await;
}

#[tokio::test]
async fn an_object_that_was_changed_by_hand_is_not_passed_off_as_the_one_that_was_put() {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::open(root.path()).unwrap();
    let first = object("first", Some("first"));
    store.put_new(first.clone()).await.unwrap();
    fs::write(root.path().join(KEY), "longer than it was").unwrap();
    assert_eq!(store.head(&first.key).await.expect_err("changed").fault, PortFault::Corrupted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_puts_through_two_stores_one_wins_with_its_metadata() {
    for with_metadata in [true, false] {
        let root = tempfile::tempdir().unwrap();
        let stores = [LocalStore::open(root.path()).unwrap(), LocalStore::open(root.path()).unwrap()];
        let objects: Vec<NewObject> = (0..200)
            .map(|n| object(&format!("bytes of {n}"), with_metadata.then_some(n.to_string()).as_deref()))
            .collect();
        let puts = objects.iter().enumerate().map(|(n, object)| {
            let (store, object) = (stores[n % 2].clone(), object.clone());
            tokio::spawn(async move { store.put_new(object).await.unwrap() })
        });
        let outcomes = join_all(puts).await.into_iter().map(Result::unwrap);
        let winners: Vec<_> =
            outcomes.zip(&objects).filter(|(outcome, _)| *outcome == PutOutcome::Created).collect();
        let [(_, winner)] = winners[..] else { panic!("{} winners", winners.len()) };
        for store in &stores {
            assert_is(store, winner).await;
        }
        drop(stores);
        assert!(!temp_folder(&root).exists());
    }
}

#[tokio::test]
async fn a_folder_opened_for_reading_is_never_written_to() {
    let root = tempfile::tempdir().unwrap();
    let first = object("first", Some("first"));
    crashed_put(&root, &first, Crash::SidecarLinked);
    let before = tree(root.path());
    let store = LocalStore::open_read_only(root.path()).unwrap();
    assert_eq!(store.head(&first.key).await.unwrap(), None);
    assert!(read(&store, &first.key).await.is_err());
    let denied = store.put_new(object("second", None)).await.expect_err("read only");
    assert_eq!((denied.fault, denied.retry), (PortFault::Denied, Retry::Never));
    drop(store);
    assert_eq!(tree(root.path()), before);
    let missing = LocalStore::open_read_only(&root.path().join("missing")).expect_err("not there");
    assert_eq!(missing.fault, PortFault::NotFound);
    assert_eq!(tree(root.path()), before);
}

fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            paths.extend(tree(&path));
        }
        paths.push(path);
    }
    paths.sort();
    paths
}

#[tokio::test]
async fn no_link_leads_out_of_the_folder() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("real")).unwrap();
    fs::write(root.path().join("real/inside"), "inside").unwrap();
    symlink(outside.path(), root.path().join("out")).unwrap();
    symlink(outside.path().join("secret"), root.path().join("file")).unwrap();
    symlink("real/inside", root.path().join("within")).unwrap();
    symlink("..", root.path().join("real/up")).unwrap();
    let store = LocalStore::open(root.path()).unwrap();
    for text in ["out/secret", "file"] {
        assert_eq!(read(&store, &key(text)).await.expect_err("outside").fault, PortFault::Denied, "{text}");
        assert_eq!(store.head(&key(text)).await.expect_err("outside").fault, PortFault::Denied, "{text}");
    }
    let put = |text| store.put_new(NewObject { key: key(text), ..object("x", None) });
    assert_eq!(put("out/new").await.expect_err("outside").fault, PortFault::Denied);
    assert_eq!(put("out/deep/new").await.expect_err("outside").fault, PortFault::Denied);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!(read(&store, &key("within")).await.unwrap(), "inside");
    let listing = store.list("", None).await.unwrap();
    let listed: Vec<_> = listing.entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(listed, ["real/inside", "within"]);
}

#[tokio::test]
async fn a_sidecar_from_elsewhere_cannot_name_a_file_of_its_choice() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("secret"), "secret").unwrap();
    fs::create_dir_all(root.path().join(META_FOLDER)).unwrap();
    let forged = |temp: &str| {
        format!(
            "{{\"key\":\"a\",\"temp\":\"{temp}\",\"bytes\":6,\"sha256\":\"{}\",\"metadata\":{{}}}}",
            "0".repeat(64)
        )
    };
    let store = LocalStore::open(root.path()).unwrap();
    for temp in ["../secret", "../../etc/passwd", "a/../../secret", "..", "/etc/passwd", "1-0/", "1-0/lock"] {
        fs::write(root.path().join(META_FOLDER).join("a.json"), forged(temp)).unwrap();
        assert_eq!(store.head(&key("a")).await.expect_err(temp).fault, PortFault::Corrupted, "{temp}");
    }
    fs::write(root.path().join(META_FOLDER).join("a.json"), forged("1-0/7")).unwrap();
    assert_eq!(store.head(&key("a")).await.unwrap(), None);
}

#[tokio::test]
async fn our_own_files_are_no_objects() {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::open(root.path()).unwrap();
    store.put_new(object("first", Some("first"))).await.unwrap();
    let sidecar = key(&format!("{META_FOLDER}/{KEY}.json"));
    assert_eq!(store.head(&sidecar).await.unwrap(), None);
    assert_eq!(store.get_small(&sidecar, 9999).await.unwrap(), None);
    for reserved in [sidecar, key(&format!("{TEMP_FOLDER}/x"))] {
        let refused =
            store.put_new(NewObject { key: reserved, ..object("x", None) }).await.expect_err("ours");
        assert_eq!(refused.fault, PortFault::Invalid);
    }
}

#[tokio::test]
async fn a_folder_in_the_place_of_an_object_is_an_error_and_not_a_lost_race() {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::open(root.path()).unwrap();
    store.put_new(object("first", None)).await.unwrap();
    for text in ["out", &format!("{KEY}/below")] {
        let put = NewObject { key: key(text), ..object("x", Some("me")) };
        assert_eq!(store.put_new(put).await.expect_err("impossible").fault, PortFault::Invalid, "{text}");
    }
    drop(store);
    assert_eq!(tree(root.path()).iter().filter(|path| path.is_file()).count(), 1, "nothing was committed");
}

#[tokio::test]
async fn a_file_that_becomes_shorter_while_it_is_read_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("shrinking");
    fs::write(&path, vec![7; READ_CHUNK_BYTES * 3]).unwrap();
    let store = LocalStore::open_read_only(root.path()).unwrap();
    let mut stream = store.get(&key("shrinking"), GetRequest::default()).await.unwrap();
    assert_eq!(stream.try_next().await.unwrap().unwrap().len(), READ_CHUNK_BYTES);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(READ_CHUNK_BYTES as u64 + 5).unwrap();
    assert_eq!(stream.try_next().await.expect_err("ended early").fault, PortFault::Changed);
}

#[tokio::test]
async fn the_version_changes_with_the_file() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    fs::write(&path, "one").unwrap();
    let store = LocalStore::open_read_only(root.path()).unwrap();
    let before = store.head(&key("file")).await.unwrap().unwrap().etag;
    fs::write(root.path().join("new"), "two").unwrap();
    fs::rename(root.path().join("new"), &path).unwrap();
    let request = GetRequest { range: None, if_match: Some(before) };
    let changed = store.get(&key("file"), request).await.err().expect("another version");
    assert_eq!(changed.fault, PortFault::Changed);
}

mod listing_order {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn pages_and_prefixes_of_any_tree_are_those_of_the_sorted_keys(
            texts in prop::collection::btree_set("[a-c!-/0]{1,3}(/[a-c!-/0]{1,3}){0,2}", 1..30),
            prefix in "[a-c]{0,1}[!-/]{0,1}[a-c]{0,1}",
            after in "[a-c!-/0]{1,4}",
        ) {
            let root = tempfile::tempdir().unwrap();
            let mut keys: Vec<String> = texts.into_iter().filter(|text| make(root.path(), text)).collect();
            keys.sort();
            let after = ObjectKey::new(after).ok();
            let behind = |key: &&String| after.as_ref().is_none_or(|after| key.as_str() > after.as_str());
            let wanted: Vec<&String> =
                keys.iter().filter(|key| key.starts_with(&prefix)).filter(behind).collect();
            let page = listing::page(&Root::of(root.path()).unwrap(), &prefix, after.as_ref()).unwrap();
            let listed: Vec<String> = page.entries.iter().map(|entry| entry.key.to_string()).collect();
            prop_assert!(!page.more && listed.len() < LIST_PAGE_MAX);
            prop_assert_eq!(listed.iter().collect::<Vec<_>>(), wanted);
        }
    }

    /// More names in a folder than are held at once, with and without something below them, and one page after the other.
    #[test]
    fn a_folder_of_many_names_is_walked_to_its_end() {
        let root = tempfile::tempdir().unwrap();
        let mut keys = Vec::new();
        for n in 0..2 * LIST_PAGE_MAX + 300 {
            let key = match n % 3 {
                // Nothing is below it.
                _ if n < LIST_PAGE_MAX + 200 => {
                    fs::create_dir_all(root.path().join(format!("many/{n:04}"))).unwrap();
                    continue;
                }
                0 => format!("many/{n:04}/inside"),
                1 => format!("many/{n:04}"),
                _ => format!("many/{n:04}-"),
            };
            assert!(make(root.path(), &key));
            keys.push(key);
        }
        for n in 0..LIST_PAGE_MAX + 20 {
            let key = format!("more/{n:04}");
            assert!(make(root.path(), &key));
            keys.push(key);
        }
        keys.sort();
        let (mut listed, mut pages, mut after) = (Vec::new(), 0, None);
        loop {
            let page = listing::page(&Root::of(root.path()).unwrap(), "", after.as_ref()).unwrap();
            pages += 1;
            listed.extend(page.entries.iter().map(|entry| entry.key.to_string()));
            after = page.entries.last().map(|entry| entry.key.clone());
            if !page.more {
                break;
            }
            assert_eq!(page.entries.len(), LIST_PAGE_MAX);
        }
        assert_eq!((listed, pages), (keys, 3));
    }

    /// `false` where files cannot have what keys can: a folder and a file of one name.
    fn make(root: &Path, text: &str) -> bool {
        let path = root.join(text);
        ObjectKey::new(text).is_ok()
            && fs::create_dir_all(path.parent().unwrap()).is_ok()
            && fs::File::create_new(path).is_ok()
    }
}
