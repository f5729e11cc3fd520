//! Each invariant holds of what is right, and says what is wrong with the rest.

use backfleet_convert::ContentDigest;
use backfleet_core::completion::{Counts, Digest128};
use backfleet_core::digest::Sha256Digest;
use backfleet_core::job::JobId;

use super::*;

fn job() -> JobId {
    "0123456789abcdef0123456789abcdef".parse().unwrap()
}

fn layout() -> Layout {
    Layout::new(job(), "p", "json.gz").unwrap()
}

fn shard(shard: u32) -> ShardRecord {
    ShardRecord {
        key: layout().shard(ShardName { unit: 3, shard }).to_string(),
        bytes: 1,
        sha256: Sha256Digest::of(b"shard"),
        records: 1,
        passed_over: 0,
        content_bytes: 1,
        content: Digest128(ContentDigest(0)),
    }
}

fn completion(shards: Vec<ShardRecord>) -> Completion {
    let counts = Counts { records_in: shards.len() as u64, ..Counts::default() };
    Completion { v: 1, job: job(), unit: 3, counts, md5_proven: false, shards, quarantine: Vec::new() }
}

#[test]
fn a_units_shards_are_named_by_their_places() {
    let stand = |shards| shards_stand_in_order(&layout(), &completion(shards));
    assert!(stand(vec![]) && stand(vec![shard(0)]) && stand(vec![shard(0), shard(1)]));
    assert!(!stand(vec![shard(1)]) && !stand(vec![shard(0), shard(2)]) && !stand(vec![shard(1), shard(0)]));
    let of_another_unit = Completion { unit: 4, ..completion(vec![shard(0)]) };
    assert!(!shards_stand_in_order(&layout(), &of_another_unit));
}

#[test]
fn a_promise_is_a_number_or_there_is_none() {
    let kept = |items| {
        let planned = UnitPlan { part: 0, key: "f".into(), bytes: 1, items, md5: None };
        promise_is_kept(&planned, &completion(vec![shard(0), shard(1)]))
    };
    assert!(kept(None) && kept(Some(2)));
    assert!(!kept(Some(1)) && !kept(Some(3)));
}

#[test]
fn an_object_that_is_listed_twice_is_seen() {
    let once = Manifest { shards: vec![shard(0), shard(1)], ..Manifest::new(job()) };
    assert!(nothing_is_listed_twice(&once));
    assert!(!nothing_is_listed_twice(&Manifest { shards: vec![shard(0), shard(1), shard(0)], ..once }));
}

/// The links of three shards, the last of which ends the segment.
fn links() -> Vec<Link> {
    let link = |n: u32| Link {
        shards: (0..=n).map(shard).collect(),
        after: (n < 2).then(|| format!("key {n}")),
        last: n == 2,
        ..Link::beginning(job(), 3)
    };
    (0..3).map(link).collect()
}

/// A way to bend a chain.
type Bend = fn(&mut Vec<Link>);

#[test]
fn links_that_continue_each_other_to_one_end_are_a_chain() {
    assert_eq!(links_are_a_chain(&links()), Ok(()));
    assert_eq!(links_are_a_chain(&[]), Ok(()));
    let bends: [(Bend, &str); 9] = [
        (|links| drop(links.remove(0)), "link 0 does not continue the one before"),
        (|links| drop(links[1].shards.pop()), "link 1 does not continue the one before"),
        (|links| links[1].shards.push(shard(2)), "link 1 does not continue the one before"),
        (|links| links[1].shards[0].bytes = 2, "link 1 does not continue the one before"),
        (|links| drop(links.pop()), "link 1 of 2 says that it is not the last"),
        (|links| links[2].last = false, "link 2 of 3 says that it is not the last"),
        (|links| links[0].last = true, "link 0 of 3 says that it is the last"),
        (
            |links| links[1].after = None,
            "link 1 says both that it is the last and where it goes on, or neither",
        ),
        (
            |links| links[2].after = Some("key".into()),
            "link 2 says both that it is the last and where it goes on, or neither",
        ),
    ];
    for (bend, how) in bends {
        let mut links = links();
        bend(&mut links);
        assert_eq!(links_are_a_chain(&links), Err(how.to_owned()));
    }
}

#[test]
fn every_record_is_counted() {
    let expected: BTreeSet<String> = ["a", "b"].map(str::to_owned).into();
    let found = |records: &[&str]| {
        every_record_is_there_once(records.iter().copied(), &expected, |name| name.starts_with('i'))
    };
    assert_eq!(found(&["a", "b"]), Ok(()));
    assert_eq!(found(&["b", "i1", "a"]), Ok(()), "what is possible may be there");
    for (records, how) in [
        (&["a", "b", "b"][..], "b is there 2 times"),
        (&["a", "b", "a", "a"], "a is there 3 times"),
        (&["a", "b", "i1", "i1"], "i1 is there 2 times"),
        (&["a"], "b is not there"),
        (&["a", "i1"], "b is not there"),
        (&["a", "b", "c"], "c was never in the source"),
    ] {
        assert_eq!(found(records), Err(how.to_owned()));
    }
}
