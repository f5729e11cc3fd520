//! What is committed, what is refused, and that neither changes when it is asked for again.

use backfleet_core::memory::MemoryStore;

use super::*;
use crate::verify::tests::{Done, Odd};

async fn finished(store: &MemoryStore, done: &Done, quarantine_max: u64) -> Finished {
    finish(store, &done.plan, &done.layout, Proof::Read, quarantine_max).await.unwrap()
}

async fn bytes(store: &MemoryStore, key: &ObjectKey) -> Option<Vec<u8>> {
    store.get_small(key, usize::MAX).await.unwrap().map(|bytes| bytes.to_vec())
}

async fn plant(store: &MemoryStore, key: ObjectKey, bytes: Vec<u8>) {
    assert!(put(store, key, bytes).await.unwrap() == Put::Created);
}

/// The job's manifest and mark, as they should be.
async fn expected(done: &Done) -> (Vec<u8>, Vec<u8>) {
    let verification = verify(&done.store().await, &done.plan, &done.layout, Proof::Read).await.unwrap();
    let manifest = verification.manifest.to_json();
    let mark = Success::of(done.plan.job, &manifest).to_json();
    (manifest, mark)
}

async fn findings(store: &MemoryStore, done: &Done) -> Vec<Finding> {
    let verification = verify_committed(store, &done.plan, &done.layout, Proof::Read).await.unwrap();
    assert_eq!(verification.findings.len() as u64, verification.findings_total);
    verification.findings
}

#[tokio::test]
async fn a_job_that_holds_is_committed_once_and_found_committed_ever_after() {
    let done = Done::new();
    let store = done.store().await;
    assert!(!is_committed(&store, &done.layout).await.unwrap());
    for first in [true, false, false] {
        let end = finished(&store, &done, 1).await;
        assert!(matches!(end, Finished::Committed { now, .. } if now == first), "{end:?}");
    }
    assert!(is_committed(&store, &done.layout).await.unwrap());
    let (manifest, mark) = expected(&done).await;
    assert_eq!(bytes(&store, &done.layout.manifest()).await.unwrap(), manifest);
    assert_eq!(bytes(&store, &done.layout.success()).await.unwrap(), mark);
    assert_eq!(findings(&store, &done).await, []);
    assert_eq!(committed(&store, &done.layout).await.unwrap().to_json(), manifest);
}

#[tokio::test]
async fn a_job_that_does_not_hold_is_not_committed() {
    let mut done = Done::new();
    done.objects.remove(&done.layout.completion(2));
    let store = done.store().await;
    let Finished::Refused { verification } = finished(&store, &done, 1).await else {
        panic!("a unit is missing")
    };
    assert_eq!(verification.findings[0], Finding::Incomplete { unit: 2 });
    assert_eq!(bytes(&store, &done.layout.manifest()).await, None);
    assert!(!is_committed(&store, &done.layout).await.unwrap());
}

#[tokio::test]
async fn a_job_with_more_in_quarantine_than_allowed_is_not_committed() {
    let done = Done::new();
    let store = done.store().await;
    assert!(matches!(finished(&store, &done, 0).await, Finished::QuarantineExceeded { .. }));
    assert_eq!(bytes(&store, &done.layout.manifest()).await, None);
    assert!(!is_committed(&store, &done.layout).await.unwrap());
    for enough in [1, 2] {
        let end = finished(&done.store().await, &done, enough).await;
        assert!(matches!(end, Finished::Committed { now: true, .. }), "{enough}: {end:?}");
    }
}

#[tokio::test]
async fn another_manifest_or_mark_is_neither_replaced_nor_taken_for_ours() {
    let done = Done::new();
    let (manifest, mark) = expected(&done).await;
    let longer = |bytes: &[u8], by: usize| [bytes, &vec![b' '; by][..]].concat();
    for by in [1, 2, 1_000] {
        let (store, other) = (done.store().await, longer(&manifest, by));
        plant(&store, done.layout.manifest(), other.clone()).await;
        let Finished::Refused { verification } = finished(&store, &done, 1).await else { panic!("{by}") };
        assert_eq!((&verification.findings[..], verification.findings_total), (&[Finding::Manifest][..], 1));
        assert_eq!(bytes(&store, &done.layout.manifest()).await.unwrap(), other);
        assert!(!is_committed(&store, &done.layout).await.unwrap());

        let (store, other) = (done.store().await, longer(&mark, by));
        plant(&store, done.layout.success(), other.clone()).await;
        let Finished::Refused { verification } = finished(&store, &done, 1).await else { panic!("{by}") };
        assert_eq!((&verification.findings[..], verification.findings_total), (&[Finding::Success][..], 1));
        assert_eq!(bytes(&store, &done.layout.success()).await.unwrap(), other);
    }
}

#[tokio::test]
async fn a_commit_that_was_bent_or_lost_is_found() {
    let done = Done::new();
    let (manifest, mark) = expected(&done).await;
    let cases = [
        (None, None, vec![Finding::Manifest, Finding::Success]),
        (Some(manifest.clone()), None, vec![Finding::Success]),
        (None, Some(mark.clone()), vec![Finding::Manifest]),
        (Some(b"{}".to_vec()), Some(mark.clone()), vec![Finding::Manifest]),
        (Some(manifest.clone()), Some(b"{}".to_vec()), vec![Finding::Success]),
        (Some(manifest.clone()), Some(mark.clone()), vec![]),
    ];
    for (index, (manifest, mark, expected)) in cases.into_iter().enumerate() {
        let store = done.store().await;
        for (key, bytes) in [(done.layout.manifest(), manifest), (done.layout.success(), mark.clone())] {
            if let Some(bytes) = bytes {
                plant(&store, key, bytes).await;
            }
        }
        assert_eq!(findings(&store, &done).await, expected, "case {index}");
        match committed(&store, &done.layout).await {
            Ok(_) => assert!(expected.is_empty(), "case {index}"),
            Err(CommitError::NotCommitted { .. }) => assert!(mark.is_none(), "case {index}"),
            Err(CommitError::Damaged { .. }) => {
                assert!(mark.is_some() && !expected.is_empty(), "case {index}");
            }
            Err(CommitError::Port(error)) => panic!("case {index}: {error}"),
        }
    }
}

#[tokio::test]
async fn an_object_too_long_to_be_ours_is_another_one_and_no_failure_of_the_store() {
    let store = MemoryStore::new();
    let key = || ObjectKey::new("x").unwrap();
    plant(&store, key(), vec![b'x'; 100]).await;
    assert!(put(&store, key(), vec![b'x'; 10]).await.unwrap() == Put::Different);
    assert!(put(&store, key(), vec![b'x'; 100]).await.unwrap() == Put::Same);
    assert!(put(&store, key(), vec![b'y'; 100]).await.unwrap() == Put::Different);
    let too_large = store.get_small(&key(), 10).await.expect_err("longer than asked for");
    assert_eq!(too_large.fault, PortFault::TooLarge);
}

#[tokio::test]
async fn what_stands_there_and_cannot_be_read_is_a_failure_and_no_other_object() {
    let done = Done::new();
    let store = Odd::over(&done).await;
    let key = || ObjectKey::new("x").unwrap();
    plant(&store.memory, key(), vec![b'x'; 10]).await;
    store.fail(&key(), 1, PortFault::Unavailable);
    let failed = put(&store, key(), vec![b'x'; 10]).await.err().expect("it was not read");
    assert_eq!(failed.fault, PortFault::Unavailable);
    assert!(put(&store, key(), vec![b'x'; 10]).await.unwrap() == Put::Same);
}
