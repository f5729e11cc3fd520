//! Every implementation of a port that needs no cloud passes the port's suite.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use backfleet_core::conformance::{function, object_store, queue, table_scanner, toucher};
use backfleet_core::local::LocalStore;
use backfleet_core::memory::{MemoryFunction, MemoryQueue, MemoryQueueConfig, MemoryStore, MemoryTable};
use backfleet_core::paced::{InvokePace, PacedFunction, PacedToucher, WritePace};
use backfleet_core::ports::{
    Function, FunctionFailure, ObjectStore, Queue, ReadCapacity, Reply, TableScanner, Toucher,
};
use backfleet_core::retry::{
    Retrier, RetryPolicy, RetryingFunction, RetryingQueue, RetryingScanner, RetryingStore, RetryingToucher,
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::Value;

fn retrier() -> Arc<Retrier> {
    Arc::new(Retrier::new(RetryPolicy::default(), 1))
}

fn shared(store: impl ObjectStore) -> Arc<dyn ObjectStore> {
    Arc::new(store)
}

fn local(folders: &TempDir) -> LocalStore {
    let root = tempfile::tempdir_in(folders).expect("a temp folder").keep();
    LocalStore::open(&root).expect("an empty folder opens")
}

#[tokio::test]
async fn a_folder_is_an_object_store() {
    let folders = tempfile::tempdir().unwrap();
    object_store::all(async || shared(local(&folders))).await;
}

#[tokio::test]
async fn a_folder_behind_retries_is_an_object_store() {
    let folders = tempfile::tempdir().unwrap();
    object_store::all(async || shared(RetryingStore::new(Arc::new(local(&folders)), retrier()))).await;
}

#[tokio::test]
async fn memory_is_an_object_store() {
    object_store::all(async || shared(MemoryStore::new())).await;
}

#[tokio::test]
async fn memory_behind_retries_is_an_object_store() {
    object_store::all(async || shared(RetryingStore::new(Arc::new(MemoryStore::new()), retrier()))).await;
}

fn under_test(memory: Arc<MemoryQueue>, queue: Arc<dyn Queue>) -> queue::QueueUnderTest {
    queue::QueueUnderTest {
        queue,
        visibility: MemoryQueueConfig::default().visibility,
        lateness: Duration::ZERO,
        patience: Duration::from_secs(1),
        receives_max: MemoryQueueConfig::default().receives_max,
        refuses_stale_holds: true,
        dead_letters: Box::new(move || {
            let letters = memory.dead_letters();
            Box::pin(async { letters })
        }),
    }
}

#[tokio::test(start_paused = true)]
async fn memory_is_a_queue() {
    queue::all(async || {
        let memory = Arc::new(MemoryQueue::new(MemoryQueueConfig::default()));
        under_test(Arc::clone(&memory), memory)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn memory_behind_retries_is_a_queue() {
    queue::all(async || {
        let memory = Arc::new(MemoryQueue::new(MemoryQueueConfig::default()));
        under_test(Arc::clone(&memory), Arc::new(RetryingQueue::new(memory, retrier())))
    })
    .await;
}

fn table_under_test(
    wrap: impl Fn(Arc<MemoryTable>) -> Arc<dyn TableScanner>,
) -> table_scanner::TableUnderTest {
    let memory = Arc::new(MemoryTable::new(ReadCapacity::OnDemand(None)));
    let written = Arc::clone(&memory);
    let write = move |pk: &str, sk: &str, text: Option<&str>| -> BoxFuture<'static, ()> {
        match text {
            Some(text) => written.put(pk, sk, &format!(r#","text":{{"S":"{text}"}}"#)),
            None => written.delete(pk, sk),
        }
        Box::pin(async {})
    };
    table_scanner::TableUnderTest { table: wrap(memory), write: Box::new(write) }
}

#[tokio::test]
async fn memory_is_a_table() {
    table_scanner::all(async || table_under_test(|table| table)).await;
}

#[tokio::test]
async fn memory_behind_retries_is_a_table() {
    table_scanner::all(async || table_under_test(|table| Arc::new(RetryingScanner::new(table, retrier()))))
        .await;
}

fn echo() -> MemoryFunction {
    MemoryFunction::new(|payload| match payload.starts_with(br#"{"fail""#) {
        true => Reply::Failed(FunctionFailure { kind: "ValueError".into(), message: "as asked".into() }),
        false => Reply::Returned(Bytes::copy_from_slice(payload)),
    })
}

#[tokio::test]
async fn memory_is_a_function() {
    function::all(async || Arc::new(echo()) as Arc<dyn Function>).await;
}

#[tokio::test]
async fn memory_behind_pace_and_retries_is_a_function() {
    function::all(async || {
        let paced = PacedFunction::new(echo(), Arc::new(InvokePace::new(1, Some(1e6))));
        Arc::new(RetryingFunction::new(Arc::new(paced), retrier())) as Arc<dyn Function>
    })
    .await;
}

fn toucher_under_test(wrap: impl Fn(Arc<MemoryTable>) -> Arc<dyn Toucher>) -> toucher::ToucherUnderTest {
    let memory = Arc::new(MemoryTable::new(ReadCapacity::OnDemand(None)));
    let (written, read) = (Arc::clone(&memory), Arc::clone(&memory));
    let put = move |item: Value| -> BoxFuture<'static, ()> {
        let text = |name: &str| item[name]["S"].as_str().expect("a key is text").to_owned();
        let rest =
            item.as_object().expect("an item").iter().filter(|(name, _)| *name != "pk" && *name != "sk");
        let attributes: String =
            rest.map(|(name, value)| format!(",{}:{value}", Value::from(name.as_str()))).collect();
        written.put(&text("pk"), &text("sk"), &attributes);
        Box::pin(async {})
    };
    let get = move |pk: &str, sk: &str| -> BoxFuture<'static, Option<Value>> {
        let item = read.get(pk, sk).map(|json| serde_json::from_str(&json).expect("an item is JSON"));
        Box::pin(async { item })
    };
    toucher::ToucherUnderTest { table: wrap(memory), put: Box::new(put), get: Box::new(get) }
}

#[tokio::test]
async fn memory_is_a_table_to_touch() {
    toucher::all(async || toucher_under_test(|table| table)).await;
}

#[tokio::test]
async fn memory_behind_pace_and_retries_is_a_table_to_touch() {
    toucher::all(async || {
        toucher_under_test(|table| {
            let retrying = RetryingToucher::new(table, retrier());
            Arc::new(PacedToucher::new(Arc::new(retrying), Arc::new(WritePace::new(1e6))))
        })
    })
    .await;
}
