//! What becomes of a table's items, and what a crash or a twin makes of that.

use std::sync::Arc;
use std::time::Duration;

use backfleet_core::limits::COMPARED_MAX;
use backfleet_core::memory::MemoryTable;
use backfleet_core::ports::{ReadCapacity, Toucher as _};
use backfleet_core::sink::{Sink, TouchSink};
use backfleet_worker::attempt::Remedy;
use backfleet_worker::{Outlet, Settlement, attempt};
use tokio::time::timeout;

use crate::crash::{Crash, Crashing};
use crate::rig::{Rig, plan};

const MARKER: &str = "_backfleet";
/// Two receipts of 1,000, and a rest.
const ITEMS: usize = 2_500;
/// Touches of all items, three receipts and a completion.
const EFFECTS: u32 = ITEMS as u32 + 4;

fn attributes(n: usize) -> String {
    format!(r#","text":{{"S":"item {n}"}},"n":{{"N":"{n}"}}"#)
}

fn line(n: usize, attributes: &str) -> String {
    format!(r#"{{"Item":{{"pk":{{"S":"{n}"}},"sk":{{"S":"s"}}{attributes}}}}}"#)
}

fn lines() -> Vec<String> {
    (0..ITEMS).map(|n| line(n, &attributes(n))).collect()
}

/// Holds all items; of every hundred one was changed and one deleted since.
fn table() -> Arc<MemoryTable> {
    let table = MemoryTable::new(ReadCapacity::OnDemand(None));
    for n in 0..ITEMS {
        match n % 100 {
            7 => table.put(&n.to_string(), "s", r#","text":{"S":"changed since"}"#),
            8 => {}
            _ => table.put(&n.to_string(), "s", &attributes(n)),
        }
    }
    Arc::new(table)
}

async fn sink(table: &MemoryTable) -> TouchSink {
    let table_arn = table.arn().await.unwrap();
    TouchSink { table: "orders".into(), table_arn, marker: MARKER.into(), undo: None }
}

async fn rig(table: &Arc<MemoryTable>, sink: TouchSink, lines: &[String]) -> Rig {
    let plan = plan(lines, "item", &["pk", "sk"], Sink::Touch(sink));
    Rig::new(plan, lines, Outlet::Table(table.clone())).await
}

fn mark(table: &MemoryTable, n: usize) -> Option<String> {
    let item: serde_json::Value = serde_json::from_str(&table.get(&n.to_string(), "s")?).unwrap();
    item[MARKER]["S"].as_str().map(str::to_owned)
}

fn assert_marked(rig: &Rig, table: &MemoryTable) {
    let job = rig.plan.job.to_string();
    for n in 0..ITEMS {
        let is_unchanged = !matches!(n % 100, 7 | 8);
        assert_eq!(mark(table, n), is_unchanged.then(|| job.clone()), "item {n}");
    }
}

#[tokio::test(start_paused = true)]
async fn unchanged_items_are_marked_and_the_others_are_counted() {
    let table = table();
    let rig = rig(&table, sink(&table).await, &lines()).await;
    assert!(matches!(rig.work().await.unwrap(), Settlement::Completed { ours: true, .. }));
    assert_marked(&rig, &table);
    let counts = rig.completion().await.unwrap().counts;
    assert_eq!((counts.records_in, counts.records_out, counts.passed_over), (2_500, 2_450, 50));
    assert_eq!((counts.shards, counts.quarantined), (3, 0));
    assert_eq!(rig.receipt(2).await.records, 500);
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_point_is_made_good_and_changes_no_count() {
    for at in [0, 1, 999, 1_000, 1_001, 1_500, 2_501, EFFECTS - 2, EFFECTS - 1] {
        for happened in [false, true] {
            let table = table();
            let rig = rig(&table, sink(&table).await, &lines()).await;
            let crash = Crash::new(at, happened);
            let state = Arc::new(Crashing { inner: rig.state.clone(), crash: crash.clone() });
            let outlet = Outlet::Table(Arc::new(Crashing { inner: table.clone(), crash }));
            let desk = rig.desk(state, Some(outlet));
            let delivery = rig.receive().await;
            assert!(timeout(Duration::from_secs(1), attempt(&desk, &delivery)).await.is_err(), "it stopped");
            rig.work().await.unwrap();
            assert_marked(&rig, &table);
            let counts = rig.completion().await.unwrap().counts;
            assert_eq!((counts.records_out, counts.passed_over), (2_450, 50), "{at} {happened}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn marks_are_taken_away_by_a_job_of_its_own_whatever_became_of_the_items() {
    let table = table();
    let touched = rig(&table, sink(&table).await, &lines()).await;
    touched.work().await.unwrap();
    let job = touched.plan.job;
    let marked = format!(r#","text":{{"S":"changed later"}},"{MARKER}":{{"S":"{job}"}}"#);
    table.put("1", "s", &marked);
    table.put("2", "s", r#","_backfleet":{"S":"the application's own"}"#);
    let undoing = rig(&table, TouchSink { undo: Some(job), ..sink(&table).await }, &lines()).await;
    undoing.work().await.unwrap();
    for n in (0..ITEMS).filter(|n| *n != 2) {
        assert_eq!(mark(&table, n), None, "item {n}");
    }
    assert_eq!(mark(&table, 2).as_deref(), Some("the application's own"));
    assert!(table.get("1", "s").unwrap().contains("changed later"));
    let counts = undoing.completion().await.unwrap().counts;
    assert_eq!((counts.records_out, counts.passed_over), (2_449, 51));
}

#[tokio::test(start_paused = true)]
async fn items_that_cannot_be_compared_or_have_such_an_attribute_go_to_quarantine() {
    let wide: String = (0..=COMPARED_MAX).map(|n| format!(r#","a{n}":{{"S":"x"}}"#)).collect();
    let lines = [line(0, r#","_backfleet":{"S":"mine"}"#), line(1, &wide), line(2, &attributes(2))];
    let table = table();
    let rig = rig(&table, sink(&table).await, &lines).await;
    rig.work().await.unwrap();
    let reasons: Vec<String> = rig.quarantine().await.into_iter().map(|line| line.reason).collect();
    assert_eq!(reasons, ["marker-in-use", "too-wide-to-compare"]);
    assert!(mark(&table, 0).is_none() && mark(&table, 1).is_none() && mark(&table, 2).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_table_of_the_same_name_elsewhere_is_not_touched() {
    let table = table();
    let sink = TouchSink { table_arn: "arn:of:another".into(), ..sink(&table).await };
    let rig = rig(&table, sink, &lines()).await;
    let error = rig.work().await.unwrap_err();
    assert_eq!((error.class(), error.remedy()), ("foreign-sink", Remedy::PutAside));
    assert!((0..ITEMS).all(|n| mark(&table, n).is_none()));
}
