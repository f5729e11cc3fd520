//! The protocol of one delivery, over the in-memory ports and a paused clock.

#![expect(clippy::unwrap_used, reason = "a helper of a test may panic")]

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use backfleet_core::completion::Completion;
use backfleet_core::digest::Sha256Digest;
use backfleet_core::effort::told;
use backfleet_core::job::{JobOptions, TableOptions};
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::{Layout, ShardName, plan_key};
use backfleet_core::limits::{BEATS_IN_A_WINDOW, EFFORT_LAST, RECEIVES_MAX, VISIBILITY};
use backfleet_core::memory::{MemoryQueue, MemoryQueueConfig, MemoryStore};
use backfleet_core::message::Message;
use backfleet_core::plan::{ExportPart, ExportSource, PartContent, Plan, Source, UnitPlan};
use backfleet_core::ports::{
    ByteStream, Depth, Effect, GetRequest, Held, Hold, Listing, Metadata, NewObject, ObjectInfo, ObjectStore,
    PortError, PortFault, PutOutcome, Queue, SendFailure, SystemClock,
};
use backfleet_worker::hand_on::hand_on;
use backfleet_worker::receive::Delivery;
use backfleet_worker::tally::Tally;
use backfleet_worker::upload::CONTENT_FIELD;
use backfleet_worker::{Desk, Diary, OnePlace, Origin, Settled, Settlement, WorkerConfig, work};
use base64::Engine as _;
use bytes::Bytes;
use md5::Digest as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const FILE: &str = "data/a.json";
const ITEMS: &[u8] =
    b"{\"Item\":{\"pk\":{\"S\":\"1\"}}}\n{\"Item\":{\"pk\":{\"S\":\"2\"},\"n\":{\"N\":\"1\"}}}\n";

fn options() -> JobOptions {
    JobOptions {
        format: "stream".into(),
        compression: "gzip".into(),
        partition: "p".into(),
        shard_bytes_max: 1 << 20,
        keys: vec!["pk".into()],
        table: Some(TableOptions { name: "t".into(), region: "r".into(), stream_arn: "arn".into() }),
        snapshot_micros: 1_768_385_930_622_000,
        view: "NEW_AND_OLD_IMAGES".into(),
        extra_fields: Vec::new(),
        include: Vec::new(),
        exclude: Vec::new(),
        document: "line".into(),
        document_records_max: 100,
        kinesis_precision: "millisecond".into(),
        upsert: "MODIFY".into(),
        schema: None,
        sink: None,
    }
}

fn unit(bytes: &[u8], items: u64) -> UnitPlan {
    let md5 = base64::engine::general_purpose::STANDARD.encode(md5::Md5::digest(bytes));
    UnitPlan { part: 0, key: FILE.into(), bytes: bytes.len() as u64, items: Some(items), md5: Some(md5) }
}

fn plan_of(units: Vec<UnitPlan>) -> Plan {
    let part = ExportPart {
        export: "e".into(),
        notation: "DYNAMODB_JSON".into(),
        content: PartContent::Full,
        items: None,
        manifest: true,
    };
    let source = ExportSource { table_arn: None, parts: vec![part] };
    Plan::new("here".into(), Source::Export(source), options(), units).unwrap()
}

async fn put(store: &dyn ObjectStore, key: ObjectKey, bytes: &[u8]) {
    let sha256 = Sha256Digest::of(bytes);
    let object = NewObject { key, bytes: Bytes::copy_from_slice(bytes), metadata: Metadata::new(), sha256 };
    assert_eq!(store.put_new(object).await.unwrap(), PutOutcome::Created);
}

/// One job of one unit, its ports, and what became of its deliveries.
struct Rig {
    plan: Plan,
    layout: Layout,
    source: Arc<MemoryStore>,
    dest: Arc<MemoryStore>,
    queue: Arc<MemoryQueue>,
}

impl Rig {
    async fn new(file: &[u8], planned: UnitPlan) -> Self {
        let plan = plan_of(vec![planned]);
        let rig = Self {
            layout: plan.layout().unwrap(),
            plan,
            source: Arc::new(MemoryStore::new()),
            dest: Arc::new(MemoryStore::new()),
            queue: Arc::new(MemoryQueue::new(MemoryQueueConfig::default())),
        };
        put(&*rig.source, ObjectKey::new(FILE).unwrap(), file).await;
        put(&*rig.dest, plan_key(rig.plan.job), &rig.plan.to_json()).await;
        rig
    }

    async fn healthy() -> Self {
        Self::new(ITEMS, unit(ITEMS, 2)).await
    }

    async fn send(&self, body: String) {
        assert!(self.queue.send(&[body]).await.unwrap().is_empty());
    }

    async fn send_unit(&self) {
        self.send(Message::first(self.plan.job, 0).to_body()).await;
    }

    /// Works until `enough` deliveries have ended.
    async fn work(&self, enough: usize) -> Vec<Settled> {
        self.work_over(self.dest.clone(), self.queue.clone(), enough).await
    }

    async fn work_over(
        &self,
        dest: Arc<dyn ObjectStore>,
        queue: Arc<dyn Queue>,
        enough: usize,
    ) -> Vec<Settled> {
        self.work_at(self.desk(dest, queue), enough).await
    }

    fn desk(&self, dest: Arc<dyn ObjectStore>, queue: Arc<dyn Queue>) -> Desk {
        let places = OnePlace::new(Origin::Files(self.source.clone()), dest);
        Desk::new(places, queue, Arc::new(Tally::default()))
    }

    fn patient_desk(&self, dest: Arc<dyn ObjectStore>) -> Desk {
        self.desk(dest, self.queue.clone()).with_patience(Duration::from_secs(900))
    }

    async fn work_at(&self, desk: Desk, enough: usize) -> Vec<Settled> {
        let config = WorkerConfig { concurrency: 1, stop_timeout: Duration::from_secs(1) };
        let (ends, mut settled) = mpsc::channel(1);
        let (desk, stop) = (Arc::new(desk), CancellationToken::new());
        let in_hand = desk.in_hand.subscribe();
        let watching = async {
            let mut all = Vec::new();
            while all.len() < enough {
                all.push(settled.recv().await.expect("a worker lives until it is stopped"));
            }
            stop.cancel();
            while let Some(end) = settled.recv().await {
                all.push(end);
            }
            all
        };
        let all = tokio::join!(work(desk.clone(), config, stop.clone(), ends), watching).1;
        assert!(in_hand.has_changed().unwrap(), "a task that has something in hand needs protection");
        assert_eq!(*desk.in_hand.borrow(), 0, "a task that has nothing in hand needs no protection");
        all
    }

    fn disturbed(&self, disturbance: Disturbance) -> Arc<dyn ObjectStore> {
        Arc::new(Disturbed { inner: self.dest.clone(), disturbance })
    }

    fn failing(&self, extend: Option<PortFault>, ack: Option<PortFault>) -> Arc<Failing> {
        Arc::new(Failing { inner: self.queue.clone(), extend, ack, extended: Mutex::default() })
    }

    async fn completion(&self) -> Option<Completion> {
        let json = self.dest.get_small(&self.layout.completion(0), 1 << 20).await.unwrap()?;
        Some(Completion::parse(&json, self.plan.job, 0).unwrap())
    }

    async fn keys(&self) -> Vec<String> {
        let page = self.dest.list("", None).await.unwrap();
        page.entries.into_iter().map(|entry| entry.key.to_string()).collect()
    }

    async fn is_empty(&self) -> bool {
        self.queue.depth().await.unwrap() == Depth::default()
    }
}

fn dead_reason(settled: &[Settled]) -> &str {
    match &settled.last().unwrap().settlement {
        Settlement::DeadLettered { reason } => reason,
        other => panic!("not put aside but {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_unit_becomes_shards_then_a_completion_then_nothing_is_left_on_the_queue() {
    let rig = Rig::healthy().await;
    rig.send_unit().await;
    rig.work(1).await;
    let completion = rig.completion().await.unwrap();
    assert_eq!(
        (completion.counts.records_in, completion.counts.records_out, completion.shards.len()),
        (2, 2, 1)
    );
    assert!(completion.md5_proven);
    let shard = rig.layout.shard(ShardName { unit: 0, shard: 0 });
    let stored = rig.dest.get_small(&shard, 1 << 20).await.unwrap().unwrap();
    assert_eq!(Sha256Digest::of(&stored), completion.shards[0].sha256);
    // Whoever finds the name taken compares this, and reads no shard for it.
    let said = &rig.dest.head(&shard).await.unwrap().unwrap().metadata;
    assert_eq!(said[CONTENT_FIELD], completion.shards[0].content.0.to_string());
    assert!(rig.is_empty().await);
}

#[tokio::test(start_paused = true)]
async fn a_unit_delivered_again_after_its_completion_is_only_acknowledged() {
    let rig = Rig::healthy().await;
    rig.send_unit().await;
    rig.work(1).await;
    let before = rig.keys().await;
    rig.send_unit().await;
    rig.send_unit().await;
    let settled = rig.work(2).await;
    assert!(settled.iter().all(|end| matches!(&end.settlement, Settlement::Completed { ours: false, .. })));
    assert_eq!(rig.keys().await, before);
    assert!(rig.is_empty().await);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_a_twin_already_wrote_is_recognised_by_its_content_and_not_by_its_compressed_bytes() {
    let rig = Rig::healthy().await;
    rig.send_unit().await;
    rig.work(1).await;
    let shard = rig.layout.shard(ShardName { unit: 0, shard: 0 });
    let content = inflate(&rig.dest.get_small(&shard, 1 << 20).await.unwrap().unwrap());

    // Another compressor wrote the same records, and the store keeps no metadata.
    let other = Rig::healthy().await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&content).unwrap();
    let recompressed = gzip.finish().unwrap();
    put(&*other.dest, shard, &recompressed).await;
    other.send_unit().await;
    other.work(1).await;
    let completion = other.completion().await.unwrap();
    assert_eq!(
        completion.shards[0].sha256,
        Sha256Digest::of(&recompressed),
        "the completion lists what is stored"
    );
    assert!(completion.same_content(&rig.completion().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_shard_with_other_content_stops_the_unit_loudly_and_is_not_overwritten() {
    let rig = Rig::healthy().await;
    let shard = rig.layout.shard(ShardName { unit: 0, shard: 0 });
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"{\"not\":\"ours\"}\n").unwrap();
    let foreign = gzip.finish().unwrap();
    put(&*rig.dest, shard.clone(), &foreign).await;
    rig.send_unit().await;
    let settled = rig.work(1).await;
    assert!(dead_reason(&settled).starts_with("conflict: "), "{}", dead_reason(&settled));
    assert_eq!(settled.len(), 1, "a conflict is not tried again");
    assert_eq!(rig.dest.get_small(&shard, 1 << 20).await.unwrap().unwrap(), foreign);
    assert!(rig.completion().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_not_the_one_listed_writes_no_shard_and_ends_as_a_dead_letter_with_its_reason() {
    let mut altered = ITEMS.to_vec();
    altered[20] ^= 1;
    let rig = Rig::new(&altered, unit(ITEMS, 2)).await;
    rig.send_unit().await;
    let settled = rig.work(RECEIVES_MAX as usize).await;
    assert!(dead_reason(&settled).starts_with("input-md5: "), "{}", dead_reason(&settled));
    assert_eq!(rig.keys().await, [plan_key(rig.plan.job).to_string()]);
    assert_eq!(rig.queue.dead_letters().len(), 1);
    assert_eq!(rig.queue.dead_letters()[0].reason.as_deref(), Some(dead_reason(&settled)));
}

#[tokio::test(start_paused = true)]
async fn a_file_with_another_number_of_records_than_promised_is_not_completed() {
    let rig = Rig::new(ITEMS, unit(ITEMS, 3)).await;
    rig.send_unit().await;
    let settled = rig.work(RECEIVES_MAX as usize).await;
    let reason = dead_reason(&settled);
    assert!(reason.contains("holds 2 records, its manifest promises 3"), "{reason}");
    assert!(rig.completion().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn records_that_cannot_be_converted_are_kept_with_place_reason_and_bytes() {
    let lines = b"{\"Item\":{\"pk\":{\"S\":\"1\"}}}\n{\"Item\":{\"pk\":{\"N\":1}}}\n\n\xff\n";
    let rig = Rig::new(lines, unit(lines, 3)).await;
    rig.send_unit().await;
    rig.work(1).await;
    let completion = rig.completion().await.unwrap();
    assert_eq!((completion.counts.records_out, completion.counts.quarantined), (1, 2));
    let text = rig.dest.get_small(&rig.layout.quarantine(0, 0), 1 << 20).await.unwrap().unwrap();
    let kept: Vec<backfleet_worker::quarantine::QuarantineLine> = text
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let bytes = |n: usize| base64::engine::general_purpose::STANDARD.decode(&kept[n].bytes).unwrap();
    assert_eq!((kept[0].line, kept[0].offset, bytes(0)), (2, 26, b"{\"Item\":{\"pk\":{\"N\":1}}}".to_vec()));
    assert_eq!((kept[1].line, kept[1].offset, bytes(1)), (4, 51, b"\xff".to_vec()));
    assert!(kept.iter().all(|line| line.file == FILE && !line.reason.is_empty() && !line.truncated));
}

#[tokio::test(start_paused = true)]
async fn what_a_twin_put_in_quarantine_is_taken_as_it_is_and_anything_else_is_a_conflict() {
    let lines = b"{\"Item\":{\"pk\":{\"S\":\"1\"}}}\n\xff\n";
    let first = Rig::new(lines, unit(lines, 2)).await;
    first.send_unit().await;
    first.work(1).await;
    let key = first.layout.quarantine(0, 0);
    let ours = first.dest.get_small(&key, 1 << 20).await.unwrap().unwrap();
    let mut altered = ours.to_vec();
    altered[0] ^= 1;
    let planted = [
        (ours.to_vec(), None),
        (altered, Some("conflict: ")),
        (vec![b'x'; ours.len() + 9], Some("conflict: ")),
    ];
    for (bytes, refused) in planted {
        let rig = Rig::new(lines, unit(lines, 2)).await;
        put(&*rig.dest, key.clone(), &bytes).await;
        rig.send_unit().await;
        let settled = rig.work(1).await;
        assert_eq!(rig.completion().await.is_some(), refused.is_none());
        if let Some(class) = refused {
            assert!(dead_reason(&settled).starts_with(class), "{}", dead_reason(&settled));
        }
        assert_eq!(rig.dest.get_small(&key, 1 << 20).await.unwrap().unwrap(), bytes);
    }
    // What cannot be read just now is no conflict yet.
    let rig = Rig::new(lines, unit(lines, 2)).await;
    put(&*rig.dest, key.clone(), &ours).await;
    rig.send_unit().await;
    let settled = rig.work_over(rig.disturbed(Disturbance::HideFromReaders(key)), rig.queue.clone(), 1).await;
    assert!(matches!(settled[0].settlement, Settlement::Released { .. }), "{settled:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rest_is_handed_on_also_by_who_lost_its_message_meanwhile() {
    let rig = Rig::healthy().await;
    rig.send_unit().await;
    let desk = rig.desk(rig.dest.clone(), rig.queue.clone());
    let held = rig.queue.receive(1, Duration::ZERO).await.unwrap().pop().unwrap();
    sleep(VISIBILITY * 2).await;
    assert_eq!(rig.queue.receive(1, Duration::ZERO).await.unwrap().len(), 1, "somebody else has it");
    let message = Message::first(rig.plan.job, 0);
    let delivery = Delivery { held, message, stop: CancellationToken::new(), received_at: Instant::now() };
    let rest = Message { slice: 1, ..message };
    assert!(matches!(hand_on(&desk, &delivery, rest).await, Ok(Settlement::Continued)));
    let sent = rig.queue.receive(1, Duration::ZERO).await.unwrap().pop().unwrap();
    assert_eq!(Message::parse(&sent.body).unwrap(), rest);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_let_go_comes_again_unless_it_is_somebody_elses() {
    for (fault, completed) in [(PortFault::LeaseGone, true), (PortFault::Unavailable, false)] {
        let rig = Rig::healthy().await;
        rig.send_unit().await;
        let settled = rig.work_over(rig.dest.clone(), rig.failing(None, Some(fault)), 1).await;
        let end = &settled[0].settlement;
        assert_eq!(matches!(end, Settlement::Completed { ours: true, .. }), completed, "{fault:?}: {end:?}");
        assert_eq!(matches!(end, Settlement::Released { .. }), !completed, "{fault:?}: {end:?}");
        assert!(rig.completion().await.is_some());

        let rig = Rig::healthy().await;
        rig.send_unit().await;
        let desk = rig.desk(rig.dest.clone(), rig.failing(None, Some(fault)));
        let held = rig.queue.receive(1, Duration::ZERO).await.unwrap().pop().unwrap();
        let message = Message::first(rig.plan.job, 0);
        let delivery =
            Delivery { held, message, stop: CancellationToken::new(), received_at: Instant::now() };
        let handed_on = hand_on(&desk, &delivery, Message { slice: 1, ..message }).await;
        assert_eq!(matches!(handed_on, Ok(Settlement::Continued)), completed, "{fault:?}: {handed_on:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_no_plan_backs_is_put_aside_at_once() {
    let rig = Rig::healthy().await;
    let foreign = "0123456789abcdef0123456789abcdef".parse().unwrap();
    let bodies = [
        (Message::first(foreign, 0).to_body(), "unknown-job: "),
        (Message::first(rig.plan.job, 1).to_body(), "unknown-unit: "),
        ("{\"v\":1}".to_owned(), "malformed-message: "),
        (Message::first(rig.plan.job, 0).to_body().replace("\"v\":1", "\"v\":9"), "malformed-message: "),
    ];
    for (body, class) in bodies {
        rig.send(body).await;
        let settled = rig.work(1).await;
        assert_eq!(settled.len(), 1);
        assert!(dead_reason(&settled).starts_with(class), "{}", dead_reason(&settled));
    }
    assert_eq!(rig.keys().await, [plan_key(rig.plan.job).to_string()]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_lease_writes_no_completion_and_never_acknowledges() {
    let rig = Rig::healthy().await;
    rig.send_unit().await;
    let slow = rig.disturbed(Disturbance::Wait(VISIBILITY * 3));
    let queue = rig.failing(Some(PortFault::Unavailable), None);
    let began = Instant::now();
    let settled = rig.work_over(slow, queue, 1).await;
    assert!(matches!(settled[0].settlement, Settlement::Lost), "{settled:?}");
    assert!(began.elapsed() <= VISIBILITY + Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(rig.completion().await.is_none());
    rig.work(1).await;
    assert!(rig.completion().await.is_some(), "the message came again and the unit was done");
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_keeps_a_unit_that_takes_longer_than_its_window() {
    let rig = Rig::healthy().await;
    rig.send_unit().await;
    let slow = rig.disturbed(Disturbance::Wait(VISIBILITY * 3));
    let settled = rig.work_over(slow, rig.queue.clone(), 1).await;
    assert!(matches!(&settled[0].settlement, Settlement::Completed { ours: true, .. }), "{settled:?}");
    assert!(rig.is_empty().await);
}

#[tokio::test(start_paused = true)]
async fn a_heart_beats_evenly_from_the_receipt_on_and_also_after_a_beat_that_failed() {
    for (fault, windows) in [(None, 3), (Some(PortFault::Unavailable), 1)] {
        let rig = Rig::healthy().await;
        rig.send_unit().await;
        let began = Instant::now();
        let queue = rig.failing(fault, None);
        rig.work_over(rig.disturbed(Disturbance::Wait(VISIBILITY * windows)), queue.clone(), 1).await;
        let beats: Vec<Duration> = queue.extended.lock().unwrap().iter().map(|at| *at - began).collect();
        // The last of them meets the end of the lease or of the put.
        assert!(beats.len() as u32 >= windows * BEATS_IN_A_WINDOW - 1, "{beats:?}");
        for (n, beat) in (1..).zip(&beats) {
            let due = VISIBILITY * n / BEATS_IN_A_WINDOW;
            assert!(beat.abs_diff(due) < Duration::from_millis(100), "beat {n} of {beats:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_refused_is_lost_at_once() {
    for fault in [PortFault::LeaseGone, PortFault::Invalid] {
        let rig = Rig::healthy().await;
        rig.send_unit().await;
        let began = Instant::now();
        let slow = rig.disturbed(Disturbance::Wait(VISIBILITY * 3));
        let settled = rig.work_over(slow, rig.failing(Some(fault), None), 1).await;
        assert!(matches!(settled[0].settlement, Settlement::Lost), "{fault:?}: {settled:?}");
        assert!(began.elapsed() < VISIBILITY * 2 / BEATS_IN_A_WINDOW, "{fault:?}: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_ten_minutes_costs_a_unit_none_of_its_receives() {
    let rig = Rig::healthy().await;
    rig.send_unit().await;
    let down_until = Instant::now() + Duration::from_secs(600);
    let dest = rig.disturbed(Disturbance::FailUntil(down_until));
    let settled = rig.work_at(rig.patient_desk(dest), 1).await;
    assert_eq!(settled.len(), 1, "one delivery was enough: {settled:?}");
    assert!(rig.completion().await.is_some());
    assert!(Instant::now() < down_until + Duration::from_secs(31), "it began again soon after");
}

#[tokio::test(start_paused = true)]
async fn patience_is_for_outages_and_ends() {
    let rig = Rig::new(b"not what was listed", unit(ITEMS, 2)).await;
    rig.send_unit().await;
    let began = Instant::now();
    let settled = rig.work_at(rig.patient_desk(rig.dest.clone()), 1).await;
    assert!(matches!(settled[0].settlement, Settlement::Released { .. }), "{settled:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "no file becomes another one by waiting");

    let rig = Rig::healthy().await;
    rig.send_unit().await;
    let began = Instant::now();
    let down = rig.disturbed(Disturbance::FailUntil(began + Duration::from_secs(7_200)));
    let settled = rig.work_at(rig.patient_desk(down), 1).await;
    assert!(matches!(settled[0].settlement, Settlement::Released { .. }), "{settled:?}");
    let waited = began.elapsed().as_secs();
    assert!((900..960).contains(&waited), "{waited} s of patience");
}

#[tokio::test(start_paused = true)]
async fn what_was_met_on_the_way_is_told_below_the_job_and_nothing_else_is_there_for_it() {
    let rig = Rig::healthy().await;
    rig.send_unit().await;
    let down = rig.disturbed(Disturbance::FailUntil(Instant::now() + Duration::from_secs(600)));
    let diary = Diary::new(Arc::new(SystemClock));
    rig.work_at(rig.patient_desk(down).with_diary(diary.clone()), 1).await;
    let told = told(&*rig.dest, &rig.layout).await.unwrap();
    assert_eq!((told.completed, told.put_aside.len()), (1, 0));
    assert!(told.failures["unavailable"] > 10, "{told:?}");
    let [long] = told.long_units[..] else { panic!("one unit: {told:?}") };
    assert!((long.unit, long.deliveries) == (0, 1) && (600_000..700_000).contains(&long.millis), "{long:?}");
    assert!(diary.ledger.take().is_empty());

    // Of a unit that cannot be done its reason is told; without a diary nothing is.
    let spoilt = Rig::new(b"not what was listed", unit(ITEMS, 2)).await;
    spoilt.send_unit().await;
    spoilt.work_at(spoilt.patient_desk(spoilt.dest.clone()).with_diary(diary), RECEIVES_MAX as usize).await;
    let told = self::told(&*spoilt.dest, &spoilt.layout).await.unwrap();
    assert_eq!((told.completed, told.failures["input-md5"]), (0, u64::from(RECEIVES_MAX)), "{told:?}");
    assert!(told.put_aside[&0].starts_with("input-md5: "), "{told:?}");
    let silent = Rig::healthy().await;
    silent.send_unit().await;
    silent.work(1).await;
    assert!(silent.keys().await.iter().all(|key| !key.contains("/effort/")));
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_takes_no_word_of_it_holds_up_neither_work_nor_end() {
    let rig = Rig::healthy().await;
    rig.send_unit().await;
    let dest = Arc::new(Disturbed { inner: rig.dest.clone(), disturbance: Disturbance::WaitForEfforts });
    let began = Instant::now();
    let desk = rig.patient_desk(dest).with_diary(Diary::new(Arc::new(SystemClock)));
    rig.work_at(desk, 1).await;
    assert!(rig.completion().await.is_some() && rig.is_empty().await);
    assert!(began.elapsed() <= EFFORT_LAST + Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_is_in_hand_at_the_end_of_the_stop_timeout_is_visible_again_at_once() {
    let rig = Rig::healthy().await;
    rig.send_unit().await;
    let desk = rig.desk(rig.disturbed(Disturbance::Wait(VISIBILITY * 3)), rig.queue.clone());
    let config = WorkerConfig { concurrency: 2, stop_timeout: Duration::from_secs(5) };
    let (ends, mut settled) = mpsc::channel(4);
    let stop = CancellationToken::new();
    let began = Instant::now();
    let stopper = async {
        sleep(Duration::from_secs(1)).await;
        stop.cancel();
    };
    tokio::join!(work(Arc::new(desk), config, stop.clone(), ends), stopper);
    assert_eq!(began.elapsed().as_secs(), 6);
    assert!(matches!(settled.recv().await.unwrap().settlement, Settlement::Released { .. }));
    assert_eq!(rig.queue.depth().await.unwrap(), Depth { visible: 1, ..Depth::default() });
}

#[tokio::test(start_paused = true)]
async fn what_a_receive_brings_to_a_worker_that_was_told_to_stop_is_visible_again_at_once() {
    let rig = Rig::healthy().await;
    let desk = rig.desk(rig.dest.clone(), rig.failing(None, None));
    let config = WorkerConfig { concurrency: 1, stop_timeout: Duration::from_secs(5) };
    let (ends, mut settled) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let began = Instant::now();
    let stopper = async {
        sleep(Duration::from_secs(1)).await;
        stop.cancel();
        sleep(Duration::from_secs(2)).await;
        rig.send_unit().await;
    };
    tokio::join!(work(Arc::new(desk), config, stop.clone(), ends), stopper);
    assert_eq!(began.elapsed().as_secs(), 3);
    assert!(settled.recv().await.is_none(), "nothing was begun");
    let again = rig.queue.receive(1, Duration::ZERO).await.unwrap();
    assert_eq!(again[0].receives, 2, "it was received once, and given back");
}

#[tokio::test(start_paused = true)]
async fn a_completion_of_other_content_is_a_conflict_and_stays() {
    let rig = Rig::healthy().await;
    rig.send_unit().await;
    rig.work(1).await;
    let mut other = rig.completion().await.unwrap();
    other.counts.bytes_inflated += 1;

    let rig = Rig::healthy().await;
    // The foreign completion appears after the claim: while the shard is being put.
    let dest = rig.disturbed(Disturbance::Plant(rig.layout.completion(0), other.to_json()));
    rig.send_unit().await;
    let settled = rig.work_over(dest, rig.queue.clone(), 1).await;
    assert!(dead_reason(&settled).starts_with("conflict: "), "{}", dead_reason(&settled));
    assert_eq!(rig.completion().await.unwrap(), other);
}

#[tokio::test]
async fn all_slots_of_a_worker_share_one_plan_though_they_ask_at_once() {
    let rig = Rig::healthy().await;
    let desk = rig.desk(rig.disturbed(Disturbance::Wait(Duration::ZERO)), rig.queue.clone());
    let jobs = futures_util::future::join_all((0..8).map(|_| desk.job(rig.plan.job))).await;
    let first = jobs[0].as_ref().unwrap();
    assert!(jobs.iter().all(|job| Arc::ptr_eq(job.as_ref().unwrap(), first)));
}

fn inflate(gzip: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(gzip), &mut content).unwrap();
    content
}

/// A store in which something happens before every put.
struct Disturbed {
    inner: Arc<MemoryStore>,
    disturbance: Disturbance,
}

enum Disturbance {
    /// The put takes its time.
    Wait(Duration),
    /// The store does not answer before this.
    FailUntil(Instant),
    /// No effort is ever taken.
    WaitForEfforts,
    /// Somebody else puts this.
    Plant(ObjectKey, Vec<u8>),
    /// This cannot be read.
    HideFromReaders(ObjectKey),
}

#[async_trait]
impl ObjectStore for Disturbed {
    async fn get(&self, key: &ObjectKey, request: GetRequest) -> Result<ByteStream, PortError> {
        self.inner.get(key, request).await
    }
    async fn get_small(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, PortError> {
        // Others have their turn, as they have during any request.
        tokio::task::yield_now().await;
        if matches!(&self.disturbance, Disturbance::HideFromReaders(hidden) if hidden == key) {
            let fault = PortFault::Unavailable;
            return Err(PortError::passing("object_store.get_small", key, fault, Effect::None));
        }
        self.inner.get_small(key, bytes_max).await
    }
    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, PortError> {
        self.inner.head(key).await
    }
    async fn list(&self, prefix: &str, after: Option<&ObjectKey>) -> Result<Listing, PortError> {
        self.inner.list(prefix, after).await
    }
    async fn put_new(&self, object: NewObject) -> Result<PutOutcome, PortError> {
        match &self.disturbance {
            Disturbance::Wait(time) => sleep(*time).await,
            Disturbance::FailUntil(time) if Instant::now() < *time => {
                let fault = PortFault::Unavailable;
                return Err(PortError::passing("object_store.put_new", &object.key, fault, Effect::Unknown));
            }
            Disturbance::WaitForEfforts if object.key.as_str().contains("/effort/") => {
                std::future::pending().await
            }
            Disturbance::FailUntil(_) | Disturbance::WaitForEfforts | Disturbance::HideFromReaders(_) => {}
            Disturbance::Plant(key, bytes) => {
                let (sha256, bytes) = (Sha256Digest::of(bytes), Bytes::from(bytes.clone()));
                let planted = NewObject { key: key.clone(), bytes, metadata: Metadata::new(), sha256 };
                self.inner.put_new(planted).await?;
            }
        }
        self.inner.put_new(object).await
    }
    fn describe(&self) -> String {
        self.inner.describe()
    }
}

/// A queue that answers some calls with a fault.
struct Failing {
    inner: Arc<MemoryQueue>,
    extend: Option<PortFault>,
    ack: Option<PortFault>,
    /// When it was asked for an extension.
    extended: Mutex<Vec<Instant>>,
}

impl Failing {
    fn answer(call: &'static str, fault: Option<PortFault>) -> Result<(), PortError> {
        fault.map_or(Ok(()), |fault| Err(PortError::passing(call, "test", fault, Effect::Unknown)))
    }
}

#[async_trait]
impl Queue for Failing {
    fn window(&self) -> Duration {
        self.inner.window()
    }
    async fn send(&self, bodies: &[String]) -> Result<Vec<SendFailure>, PortError> {
        self.inner.send(bodies).await
    }
    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Held>, PortError> {
        self.inner.receive(max, wait).await
    }
    async fn extend(&self, hold: &Hold, window: Duration) -> Result<(), PortError> {
        self.extended.lock().unwrap().push(Instant::now());
        Self::answer("queue.extend", self.extend)?;
        self.inner.extend(hold, window).await
    }
    async fn release(&self, hold: &Hold, delay: Duration) -> Result<(), PortError> {
        self.inner.release(hold, delay).await
    }
    async fn ack(&self, hold: &Hold) -> Result<(), PortError> {
        Self::answer("queue.ack", self.ack)?;
        self.inner.ack(hold).await
    }
    async fn dead_letter(&self, held: &Held, reason: &str) -> Result<(), PortError> {
        self.inner.dead_letter(held, reason).await
    }
    async fn depth(&self) -> Result<Depth, PortError> {
        self.inner.depth().await
    }
}
