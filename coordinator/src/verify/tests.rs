//! A job of two exports that is done, and each thing that can be wrong with it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use backfleet_core::completion::{Counts, Digest128};
use backfleet_core::layout::ShardName;
use backfleet_core::memory::MemoryStore;
use backfleet_core::plan::{ExportPart, ExportSource, PartContent, UnitPlan};
use backfleet_core::ports::{ByteStream, Effect, Listing, Metadata, NewObject, ObjectInfo, PutOutcome};
use bytes::Bytes;

use super::*;
use crate::spec::tests_support::request;
use crate::spec::{Shown, options};

/// The objects of a job that is done: units 0 and 1 of one export, unit 2 of another; a record of unit 1 is in quarantine.
pub(crate) struct Done {
    pub(crate) plan: Plan,
    pub(crate) layout: Layout,
    pub(crate) objects: BTreeMap<ObjectKey, Vec<u8>>,
}

fn plan(parts: Vec<ExportPart>, units: Vec<UnitPlan>) -> Plan {
    let table = "arn:aws:dynamodb:eu-north-1:123456789012:table/t".to_owned();
    let shown = Shown {
        table_arn: Some(table.clone()),
        time: Some("2026-01-14T10:18:50Z".into()),
        ..Shown::default()
    };
    let source = Source::Export(ExportSource { table_arn: Some(table), parts });
    Plan::new("here".into(), source, options(&request(), &shown, None).unwrap(), units).unwrap()
}

fn part(export: &str, items: Option<u64>) -> ExportPart {
    ExportPart {
        export: export.into(),
        notation: "DYNAMODB_JSON".into(),
        content: PartContent::Full,
        items,
        manifest: true,
    }
}

fn unit(n: u32, part: u32, items: Option<u64>) -> UnitPlan {
    UnitPlan { part, key: format!("data/{n}.json"), bytes: 1, items, md5: None }
}

impl Done {
    pub(crate) fn new() -> Self {
        let units = vec![unit(0, 0, Some(3)), unit(1, 0, Some(2)), unit(2, 1, Some(4))];
        let plan = plan(vec![part("first", Some(5)), part("second", Some(4))], units);
        let layout = plan.layout().unwrap();
        let mut done = Self { plan, layout, objects: BTreeMap::new() };
        for (unit, shards, quarantined) in [(0, &[2, 1][..], 0), (1, &[1], 1), (2, &[3, 1], 0)] {
            let completion = done.completion(unit, shards, quarantined);
            done.objects.insert(done.layout.completion(unit), completion.to_json());
        }
        done
    }

    /// What a unit became that wrote shards of so many records, and the shards.
    fn completion(&mut self, unit: u32, shards: &[u64], quarantined: u64) -> Completion {
        let mut records = Vec::new();
        for (n, &of_shard) in shards.iter().enumerate() {
            let key = self.layout.shard(ShardName { unit, shard: n as u32 });
            let bytes = format!("{of_shard} records of shard {n} of unit {unit}").into_bytes();
            records.push(ShardRecord {
                key: key.to_string(),
                bytes: bytes.len() as u64,
                sha256: Sha256Digest::of(&bytes),
                records: of_shard,
                passed_over: 0,
                content_bytes: 7,
                content: Digest128("00112233445566778899aabbccddeeff".parse().unwrap()),
            });
            self.objects.insert(key, bytes);
        }
        let mut quarantine = Vec::new();
        if quarantined > 0 {
            let (key, bytes) = (self.layout.quarantine(unit, 0), b"what nobody could read".to_vec());
            let (len, sha256) = (bytes.len() as u64, Sha256Digest::of(&bytes));
            let key_text = key.to_string();
            quarantine.push(QuarantineRecord { key: key_text, bytes: len, sha256, records: quarantined });
            self.objects.insert(key, bytes);
        }
        let records_out = shards.iter().sum();
        let counts = Counts {
            records_in: records_out + quarantined,
            records_out,
            quarantined,
            content_bytes: 7 * shards.len() as u64,
            bytes_out: records.iter().map(|shard| shard.bytes).sum(),
            shards: shards.len() as u64,
            ..Counts::default()
        };
        let job = self.plan.job;
        Completion { v: 1, job, unit, counts, md5_proven: false, shards: records, quarantine }
    }

    /// Other bytes under a name that is there.
    fn bend(&mut self, key: &ObjectKey, bend: impl FnOnce(&mut Vec<u8>)) {
        bend(self.objects.get_mut(key).expect("one of the job's objects"));
    }

    fn shard(&self, unit: u32, shard: u32) -> ObjectKey {
        self.layout.shard(ShardName { unit, shard })
    }

    pub(crate) async fn store(&self) -> MemoryStore {
        let store = MemoryStore::new();
        for (key, bytes) in &self.objects {
            let (key, bytes) = (key.clone(), Bytes::from(bytes.clone()));
            let sha256 = Sha256Digest::of(&bytes);
            store.put_new(NewObject { key, bytes, metadata: Metadata::new(), sha256 }).await.unwrap();
        }
        store
    }

    async fn verified(&self, proof: Proof) -> Verification {
        verify(&self.store().await, &self.plan, &self.layout, proof).await.unwrap()
    }
}

/// A store whose answers are odd.
#[derive(Default)]
pub(crate) struct Odd {
    pub(crate) memory: MemoryStore,
    /// Reads of an object that still fail, and how.
    failing: Mutex<BTreeMap<ObjectKey, (u32, PortFault)>>,
    /// Reads of objects so far.
    reads: Mutex<u32>,
    /// It does not tell what an object was put with.
    forgetful: bool,
    /// It tells this of every object.
    told: Option<Sha256Digest>,
    /// Listed, and gone when it is looked at.
    vanished: Option<ObjectKey>,
}

impl Odd {
    pub(crate) async fn over(done: &Done) -> Self {
        Self { memory: done.store().await, ..Self::default() }
    }

    fn reads(&self) -> u32 {
        *self.reads.lock().unwrap()
    }

    pub(crate) fn fail(&self, key: &ObjectKey, times: u32, fault: PortFault) {
        self.failing.lock().unwrap().insert(key.clone(), (times, fault));
    }

    fn failure(&self, key: &ObjectKey) -> Option<PortFault> {
        let mut failing = self.failing.lock().unwrap();
        let (left, fault) = failing.get_mut(key)?;
        *left = left.checked_sub(1)?;
        Some(*fault)
    }

    async fn verified(&self, done: &Done, proof: Proof) -> Result<Verification, PortError> {
        verify(self, &done.plan, &done.layout, proof).await
    }
}

#[async_trait]
impl ObjectStore for Odd {
    async fn get(&self, key: &ObjectKey, request: GetRequest) -> Result<ByteStream, PortError> {
        *self.reads.lock().unwrap() += 1;
        match self.failure(key) {
            Some(fault) => Err(PortError::passing("object_store.get", key, fault, Effect::None)),
            None => self.memory.get(key, request).await,
        }
    }

    async fn get_small(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, PortError> {
        match self.failure(key) {
            Some(fault) => Err(PortError::passing("object_store.get_small", key, fault, Effect::None)),
            None => self.memory.get_small(key, bytes_max).await,
        }
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, PortError> {
        let info = self.memory.head(key).await?.filter(|_| self.vanished.as_ref() != Some(key));
        let told = |info: &ObjectInfo| if self.forgetful { None } else { self.told.or(info.sha256) };
        Ok(info.map(|info| ObjectInfo { sha256: told(&info), ..info }))
    }

    /// A page at a time has one entry.
    async fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, PortError> {
        let Listing { mut entries, more } = self.memory.list(prefix, after).await?;
        let more = more || entries.len() > 1;
        entries.truncate(1);
        Ok(Listing { entries, more })
    }

    async fn put_new(&self, object: NewObject) -> Result<PutOutcome, PortError> {
        self.memory.put_new(object).await
    }

    fn describe(&self) -> String {
        "odd".to_owned()
    }
}

#[tokio::test]
async fn what_is_as_it_was_put_holds_and_is_listed() {
    let done = Done::new();
    for proof in [Proof::Read, Proof::Told] {
        let verification = done.verified(proof).await;
        assert_eq!((&verification.findings[..], verification.findings_total), (&[][..], 0), "{proof:?}");
        let manifest = verification.manifest;
        assert_eq!((manifest.units, manifest.counts.records_in, manifest.counts.quarantined), (3, 9, 1));
        assert_eq!((manifest.shards.len(), manifest.quarantine.len()), (5, 1));
    }
}

#[tokio::test]
async fn whatever_is_wrong_is_found_and_nothing_else() {
    type Damage = fn(&mut Done);
    let done = Done::new();
    let key = |unit, shard| done.shard(unit, shard).to_string();
    let kept = done.layout.quarantine(1, 0);
    let lost_unit = |of_unit: Finding| {
        let sum = Finding::Sum { export: "first".into(), planned: 5, found: 3 };
        let strangers = [key(1, 0), kept.to_string()].map(|key| Finding::Stranger { key });
        [vec![of_unit, sum], strangers.to_vec()].concat()
    };
    let damages: [(Damage, Vec<Finding>); 10] = [
        (
            |done| drop(done.objects.remove(&done.layout.completion(1))),
            lost_unit(Finding::Incomplete { unit: 1 }),
        ),
        (
            |done| done.bend(&done.layout.completion(1), |json| json[5] ^= 1),
            lost_unit(Finding::Completion {
                unit: 1,
                why: "the completion of unit 1 was altered after it was sealed".into(),
            }),
        ),
        (
            |done| {
                let more = done.completion(2, &[3, 2], 0);
                done.objects.insert(done.layout.completion(2), more.to_json());
            },
            vec![
                Finding::Count { unit: 2, planned: 4, found: 5 },
                Finding::Sum { export: "second".into(), planned: 4, found: 5 },
            ],
        ),
        (
            |done| {
                let mut turned = done.completion(2, &[3, 1], 0);
                turned.shards.swap(0, 1);
                done.objects.insert(done.layout.completion(2), turned.to_json());
            },
            vec![
                Finding::Completion {
                    unit: 2,
                    why: "its shards are not named as the unit's shards are".into(),
                },
                Finding::Sum { export: "second".into(), planned: 4, found: 0 },
                Finding::Stranger { key: key(2, 0) },
                Finding::Stranger { key: key(2, 1) },
            ],
        ),
        (|done| drop(done.objects.remove(&done.shard(0, 1))), vec![Finding::Missing { key: key(0, 1) }]),
        (
            |done| done.bend(&done.shard(0, 1), |bytes| bytes.push(b'x')),
            vec![Finding::Size { key: key(0, 1), found: 31, listed: 30 }],
        ),
        (
            |done| done.bend(&done.shard(0, 1), |bytes| bytes[0] = b'9'),
            vec![Finding::Digest { key: key(0, 1) }],
        ),
        (
            |done| drop(done.objects.insert(done.shard(0, 2), b"nobody's".to_vec())),
            vec![Finding::Stranger { key: key(0, 2) }],
        ),
        (
            |done| drop(done.objects.remove(&done.layout.quarantine(1, 0))),
            vec![Finding::Missing { key: kept.to_string() }],
        ),
        (
            |done| done.bend(&done.layout.quarantine(1, 0), |bytes| bytes[0] = b'9'),
            vec![Finding::Digest { key: kept.to_string() }],
        ),
    ];
    for (index, (damage, findings)) in damages.into_iter().enumerate() {
        let mut done = Done::new();
        damage(&mut done);
        for proof in [Proof::Read, Proof::Told] {
            let found = done.verified(proof).await;
            assert_eq!(found.findings, findings, "damage {index}, {proof:?}");
            assert_eq!(found.findings_total, findings.len() as u64);
        }
        let in_pages = Odd::over(&done).await.verified(&done, Proof::Read).await.unwrap();
        assert_eq!(in_pages.findings, findings, "damage {index}, listed in pages");
    }
}

#[tokio::test]
async fn what_nobody_promised_is_not_missed() {
    let plan = plan(vec![part("e", None)], vec![unit(0, 0, None)]);
    let layout = plan.layout().unwrap();
    let mut done = Done { plan, layout, objects: BTreeMap::new() };
    let completion = done.completion(0, &[1_234], 0);
    done.objects.insert(done.layout.completion(0), completion.to_json());
    assert_eq!(done.verified(Proof::Read).await.findings, []);
}

#[tokio::test]
async fn of_many_findings_a_thousand_are_kept_and_all_are_counted() {
    let plan = plan(vec![part("e", None)], (0..1_002).map(|n| unit(n, 0, None)).collect());
    let layout = plan.layout().unwrap();
    let found = Done { plan, layout, objects: BTreeMap::new() }.verified(Proof::Read).await;
    assert_eq!((found.findings.len(), found.findings_total), (1_000, 1_002));
}

#[tokio::test]
async fn a_digest_that_the_store_tells_is_believed_if_it_is_asked_for_and_spares_reading() {
    let done = Done::new();
    let odd = Odd::over(&done).await;
    assert_eq!(odd.verified(&done, Proof::Told).await.unwrap().findings, []);
    assert_eq!(odd.reads(), 0);
    assert_eq!(odd.verified(&done, Proof::Read).await.unwrap().findings, []);
    assert_eq!(odd.reads(), 6);
    let forgetful = Odd { forgetful: true, ..Odd::over(&done).await };
    assert_eq!(forgetful.verified(&done, Proof::Told).await.unwrap().findings, []);
    assert_eq!(forgetful.reads(), 6, "who does not tell is read");
    let lying = Odd { told: Some(Sha256Digest::of(b"another")), ..Odd::over(&done).await };
    assert_eq!(lying.verified(&done, Proof::Told).await.unwrap().findings_total, 6);
    assert_eq!(lying.verified(&done, Proof::Read).await.unwrap().findings_total, 0);
}

#[tokio::test]
async fn what_is_garbled_on_its_way_is_read_again_and_nothing_else_is() {
    let done = Done::new();
    let key = done.shard(2, 0);
    let fails = |times, fault| {
        let (done, key) = (&done, &key);
        async move {
            let odd = Odd::over(done).await;
            odd.fail(key, times, fault);
            (odd.verified(done, Proof::Read).await, odd.reads())
        }
    };
    let (verified, reads) = fails(READS_MAX - 1, PortFault::Corrupted).await;
    assert_eq!((verified.unwrap().findings_total, reads), (0, 5 + READS_MAX));
    let (verified, _) = fails(READS_MAX, PortFault::Corrupted).await;
    assert_eq!(verified.expect_err("garbled every time").fault, PortFault::Corrupted);
    let (verified, _) = fails(1, PortFault::Unavailable).await;
    assert_eq!(verified.expect_err("no answer is no proof").fault, PortFault::Unavailable);
}

#[tokio::test]
async fn what_is_gone_when_it_is_looked_at_does_not_hold() {
    let done = Done::new();
    for proof in [Proof::Read, Proof::Told] {
        let odd = Odd { vanished: Some(done.shard(0, 0)), ..Odd::over(&done).await };
        let gone = Finding::Digest { key: done.shard(0, 0).to_string() };
        assert_eq!(odd.verified(&done, proof).await.unwrap().findings, [gone]);
    }
}

#[test]
fn every_finding_is_a_sentence_about_its_object() {
    let key = || "p/x".to_owned();
    let sentences = [
        (Finding::Incomplete { unit: 7 }, "unit 7 has no completion"),
        (
            Finding::Completion { unit: 7, why: "it is torn".into() },
            "the completion of unit 7 cannot be believed: it is torn",
        ),
        (Finding::Count { unit: 7, planned: 2, found: 3 }, "unit 7 has 3 records, the plan promises 2"),
        (
            Finding::Sum { export: "e".into(), planned: 2, found: 3 },
            "3 records of export e were read in all, its summary promises 2",
        ),
        (Finding::Missing { key: key() }, "p/x is missing"),
        (Finding::Size { key: key(), found: 3, listed: 2 }, "p/x has 3 bytes, it was put with 2"),
        (Finding::Digest { key: key() }, "p/x has other bytes than it was put with"),
        (
            Finding::Stranger { key: key() },
            "p/x is named like a shard of this job, but no completion lists it",
        ),
        (Finding::Manifest, "manifest.json is not what the completions add up to"),
        (Finding::Success, "_SUCCESS does not belong to manifest.json"),
    ];
    for (finding, sentence) in sentences {
        assert_eq!(finding.to_string(), sentence);
    }
}
