//! What a function is handed, how often, and in which order.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use backfleet_core::layout::ShardName;
use backfleet_core::limits::{HAND_TRIES, VISIBILITY};
use backfleet_core::ports::{
    Effect, Function, FunctionFailure, ObjectStore as _, PortError, PortFault, Reply,
};
use backfleet_core::receipt::{Receipt, Refusal};
use backfleet_core::retry::{Retrier, RetryPolicy, RetryingFunction};
use backfleet_core::sink::{FunctionSink, Sink};
use backfleet_worker::attempt::{AttemptError, Remedy};
use backfleet_worker::{Outlet, Settlement, attempt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::crash::{Crash, Crashing};
use crate::rig::{Rig, plan, put};

/// Records of the file and of an envelope: three envelopes, the last one short.
const RECORDS: usize = 10;
const ENVELOPE: u32 = 4;

/// The line of item `n`.
fn line(n: usize) -> String {
    format!(r#"{{"Item":{{"pk":{{"S":"{n}"}}}}}}"#)
}

/// A job whose records are handed to a function.
struct Handing {
    rig: Rig,
    function: Arc<TestFunction>,
}

impl Deref for Handing {
    type Target = Rig;

    fn deref(&self) -> &Rig {
        &self.rig
    }
}

impl Handing {
    fn crashing(&self, crash: Arc<Crash>) -> Outlet {
        let inner: Arc<dyn Function> = self.function.clone();
        Outlet::Function(Arc::new(Crashing { inner, crash }))
    }
}

async fn handing(function: Arc<TestFunction>) -> Handing {
    let lines: Vec<String> = (0..RECORDS).map(line).collect();
    let sink = FunctionSink { name: "to-lake".into(), records_max: ENVELOPE };
    let plan = plan(&lines, "lambda-event", &["pk"], Sink::Function(sink));
    let outlet = Outlet::Function(function.clone());
    Handing { rig: Rig::new(plan, &lines, outlet).await, function }
}

/// What a function is to say to the items of an envelope; the number counts envelopes, from 0.
type Answer = dyn Fn(usize, &[Handed]) -> Result<Reply, PortError> + Send + Sync;

/// One record as a function sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Handed {
    item: usize,
    number: String,
}

/// A function that takes its time, remembers what it was handed, and says what it is told to.
struct TestFunction {
    takes: Duration,
    handed: Mutex<Vec<Vec<usize>>>,
    answer: Box<Answer>,
}

impl TestFunction {
    fn new(
        answer: impl Fn(usize, &[Handed]) -> Result<Reply, PortError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { takes: Duration::ZERO, handed: Mutex::default(), answer: Box::new(answer) })
    }

    fn healthy() -> Arc<Self> {
        Self::new(|_, _| Ok(taken()))
    }

    /// The items of every envelope, in the order in which they came.
    fn handed(&self) -> Vec<Vec<usize>> {
        self.handed.lock().unwrap().clone()
    }

    fn times(&self) -> BTreeMap<usize, u32> {
        let mut times = BTreeMap::new();
        for item in self.handed().into_iter().flatten() {
            *times.entry(item).or_default() += 1;
        }
        times
    }
}

#[async_trait]
impl Function for TestFunction {
    async fn invoke(&self, payload: Bytes) -> Result<Reply, PortError> {
        let envelope: Value = serde_json::from_slice(&payload).unwrap();
        let record = |record: &Value| Handed {
            item: record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap().parse().unwrap(),
            number: record["dynamodb"]["SequenceNumber"].as_str().unwrap().to_owned(),
        };
        let records: Vec<Handed> = envelope["Records"].as_array().unwrap().iter().map(record).collect();
        let nth = {
            let mut handed = self.handed.lock().unwrap();
            handed.push(records.iter().map(|record| record.item).collect());
            handed.len() - 1
        };
        sleep(self.takes).await;
        (self.answer)(nth, &records)
    }

    fn describe(&self) -> String {
        "lambda://to-lake".to_owned()
    }
}

fn taken() -> Reply {
    Reply::Returned(Bytes::from_static(b"null"))
}

fn failed() -> Reply {
    Reply::Failed(FunctionFailure { kind: "KeyError".into(), message: "'customer'".into() })
}

fn reported(numbers: &[&str]) -> Reply {
    let failures: Vec<Value> = numbers.iter().map(|number| json!({"itemIdentifier": number})).collect();
    Reply::Returned(json!({"batchItemFailures": failures}).to_string().into())
}

fn every_item() -> Vec<usize> {
    (0..RECORDS).collect()
}

#[tokio::test(start_paused = true)]
async fn records_are_handed_over_in_order_and_every_envelope_has_a_receipt() {
    let rig = handing(TestFunction::healthy()).await;
    assert!(matches!(rig.work().await.unwrap(), Settlement::Completed { ours: true, .. }));
    assert_eq!(rig.function.handed(), [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
    let completion = rig.completion().await.unwrap();
    assert_eq!((completion.counts.records_in, completion.counts.records_out), (10, 10));
    for (n, shard) in completion.shards.iter().enumerate() {
        let receipt = rig.receipt(u32::try_from(n).unwrap()).await;
        assert_eq!((receipt.records, receipt.content), (shard.records, shard.content));
    }
    assert_eq!(completion.shards.iter().map(|shard| shard.records).collect::<Vec<_>>(), [4, 4, 2]);
    // What was handed over lies nowhere; receipts, completion and plan are all there is.
    assert_eq!(rig.state.list("", None).await.unwrap().entries.len(), 3 + 2);
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_is_complete_is_handed_over_to_nobody_again() {
    let rig = handing(TestFunction::healthy()).await;
    rig.work().await.unwrap();
    rig.send().await;
    assert!(matches!(rig.work().await.unwrap(), Settlement::Completed { ours: false, .. }));
    assert_eq!(rig.function.handed().len(), 3);
}

/// Three envelopes, each with its receipt, and a completion.
const EFFECTS: u32 = 7;

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_point_loses_no_record_and_hands_one_envelope_over_again_at_the_most() {
    for (at, happened) in (0..EFFECTS).flat_map(|at| [(at, false), (at, true)]) {
        let rig = handing(TestFunction::healthy()).await;
        let crash = Crash::new(at, happened);
        let state = Arc::new(Crashing { inner: rig.state.clone(), crash: crash.clone() });
        let desk = rig.desk(state, Some(rig.crashing(crash)));
        let delivery = rig.receive().await;
        assert!(timeout(Duration::from_secs(1), attempt(&desk, &delivery)).await.is_err(), "it stopped");

        rig.work().await.unwrap();
        assert!(rig.completion().await.is_some());
        let handed = rig.function.handed();
        let again: Vec<usize> =
            rig.function.times().into_iter().filter(|(_, times)| *times > 1).map(|(item, _)| item).collect();
        assert_eq!(rig.function.times().into_keys().collect::<Vec<_>>(), every_item(), "{at} {happened}");
        assert!(rig.function.times().into_values().all(|times| times <= 2), "{handed:?}");
        assert!(again.len() <= ENVELOPE as usize, "{at} {happened}: {handed:?}");
        assert!(handed.is_sorted(), "in the order of the file, one of them twice: {handed:?}");
        // Only what stopped between the run and its receipt is done again.
        let unsaid = (at % 2 == 0 && happened && at < EFFECTS - 1) || (at % 2 == 1 && !happened);
        assert_eq!(!again.is_empty(), unsaid, "{at} {happened}: {handed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_workers_that_both_hold_a_unit_hand_nothing_over_more_often_than_once_each() {
    let mut function = TestFunction::healthy();
    Arc::get_mut(&mut function).unwrap().takes = Duration::from_secs(10);
    let rig = handing(function).await;
    rig.send().await;
    let (one, other) = tokio::join!(rig.work(), rig.work());
    let ours = |end: Result<Settlement, AttemptError>| match end.unwrap() {
        Settlement::Completed { ours, .. } => ours,
        other => panic!("not completed but {other:?}"),
    };
    assert!(ours(one) != ours(other), "one of them wrote the completion");
    let times = rig.function.times();
    assert_eq!(times.keys().copied().collect::<Vec<_>>(), every_item());
    assert!(times.values().all(|times| *times <= 2), "{times:?}");
    assert_eq!(rig.completion().await.unwrap().counts.records_out, 10);
}

#[tokio::test(start_paused = true)]
async fn what_is_reported_is_handed_over_again_from_there_on_and_nothing_before_it() {
    let function = TestFunction::new(|nth, records| {
        // Two are named, out of order: the lower one counts.
        Ok(if nth == 0 { reported(&[&records[3].number, &records[2].number]) } else { taken() })
    });
    let rig = handing(function).await;
    rig.work().await.unwrap();
    assert_eq!(rig.function.handed(), [vec![0, 1, 2, 3], vec![2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
    assert_eq!(rig.completion().await.unwrap().counts.quarantined, 0);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_reported_every_time_is_refused_and_the_rest_goes_on() {
    let function = TestFunction::new(|_, records| {
        let poison = records.iter().find(|record| record.item == 5);
        Ok(poison.map_or_else(taken, |poison| reported(&[&poison.number])))
    });
    let rig = handing(function).await;
    rig.work().await.unwrap();
    let times = rig.function.times();
    assert_eq!((times[&4], times[&5]), (1, HAND_TRIES));
    assert!([6, 7].iter().all(|item| times[item] == HAND_TRIES + 1), "{times:?}");
    let counts = rig.completion().await.unwrap().counts;
    assert_eq!((counts.records_in, counts.records_out, counts.quarantined), (10, 9, 1));
    let kept = rig.quarantine().await;
    assert_eq!((kept.len(), kept[0].line, kept[0].reason.as_str()), (1, 6, "function-reports"));
    assert_eq!(STANDARD.decode(&kept[0].bytes).unwrap(), line(5).into_bytes(), "as the source has it");
    assert_eq!(kept[0].offset as usize, (0..5).map(|n| line(n).len() + 1).sum::<usize>());
}

#[tokio::test(start_paused = true)]
async fn a_record_that_the_function_fails_with_is_found_by_halving_and_everything_else_is_taken() {
    let function = TestFunction::new(|_, records| {
        Ok(if records.iter().any(|record| record.item == 2) { failed() } else { taken() })
    });
    let rig = handing(function).await;
    rig.work().await.unwrap();
    let whole = || vec![0, 1, 2, 3];
    let of_the_first =
        [whole(), whole(), whole(), vec![0, 1], vec![2, 3], vec![2], vec![2], vec![2], vec![3]];
    assert_eq!(rig.function.handed()[..of_the_first.len()], of_the_first);
    let kept = rig.quarantine().await;
    assert_eq!((kept.len(), kept[0].reason.as_str()), (1, "function-fails"));
    assert!(kept[0].detail.contains("KeyError: 'customer'"), "{}", kept[0].detail);
    let receipt = rig.receipt(0).await;
    assert_eq!(
        receipt.refused.iter().map(|one| (one.record, one.why)).collect::<Vec<_>>(),
        [(2, Refusal::FunctionFails)]
    );
    assert_eq!(rig.completion().await.unwrap().counts.records_out, 9);
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_on_after_a_crash_keeps_the_refusals_that_a_receipt_tells_of() {
    let function = TestFunction::new(|nth, records| {
        let first_time = nth < 9 && records.iter().any(|record| record.item == 2);
        Ok(if first_time { failed() } else { taken() })
    });
    let rig = handing(function).await;
    let desk = rig.desk(rig.state.clone(), Some(rig.crashing(Crash::new(10, true))));
    let delivery = rig.receive().await;
    assert!(timeout(Duration::from_secs(60), attempt(&desk, &delivery)).await.is_err());
    rig.work().await.unwrap();
    assert_eq!(rig.quarantine().await.len(), 1, "the function would take it by now, but the receipt stands");
    assert_eq!(rig.completion().await.unwrap().counts.quarantined, 1);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_takes_nothing_puts_the_unit_aside_and_fills_no_quarantine() {
    let mut rig = handing(TestFunction::new(|_, _| Ok(failed()))).await;
    rig.rig.refused_max = 2;
    let error = rig.work().await.unwrap_err();
    assert_eq!((error.class(), error.remedy()), ("sink-refuses", Remedy::PutAside));
    assert!(rig.quarantine().await.is_empty() && rig.completion().await.is_none());
    let told = format!("{:?}", std::error::Error::source(&error).unwrap().to_string());
    assert!(told.contains("lambda://to-lake") && told.contains("--max-refused"), "{told}");
    assert!(!told.contains("customer"), "no item data in a dead letter: {told}");
}

#[tokio::test(start_paused = true)]
async fn a_report_that_names_no_record_means_the_whole_envelope() {
    for wrong in
        [json!({"itemIdentifier": ""}), json!({"itemIdentifier": null}), json!({"id": "1"}), json!("1")]
    {
        let answer = json!({"batchItemFailures": [wrong]}).to_string();
        let function = TestFunction::new(move |nth, _| {
            Ok(if nth == 0 { Reply::Returned(answer.clone().into()) } else { taken() })
        });
        let rig = handing(function).await;
        rig.work().await.unwrap();
        assert_eq!(rig.function.handed()[..2], [vec![0, 1, 2, 3], vec![0, 1, 2, 3]]);
        assert_eq!(rig.function.handed().len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_else_a_function_returns_is_a_success_as_it_is_for_its_stream() {
    for answer in ["", "null", "{}", "\"ok\"", "[]", r#"{"statusCode":200}"#, r#"{"batchItemFailures":null}"#]
    {
        let rig = handing(TestFunction::new(move |_, _| Ok(Reply::Returned(answer.into())))).await;
        rig.work().await.unwrap();
        assert_eq!(rig.function.handed().len(), 3, "{answer}");
    }
    for answer in ["no JSON", r#"{"batchItemFailures":{"itemIdentifier":"1"}}"#] {
        let rig = handing(TestFunction::new(move |_, _| Ok(Reply::Returned(answer.into())))).await;
        let error = rig.work().await.unwrap_err();
        assert_eq!((error.class(), error.remedy()), ("sink-answer", Remedy::PutAside), "{answer}");
        assert_eq!(rig.function.handed().len(), 1, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_envelope_that_is_too_large_is_halved_and_a_record_that_is_too_large_is_refused() {
    let function = TestFunction::new(|_, records| {
        let too_large = records.len() > 2 || records.iter().any(|record| record.item == 1);
        match too_large {
            true => Err(PortError::fatal("function.invoke", "to-lake", PortFault::TooLarge)),
            false => Ok(taken()),
        }
    });
    let rig = handing(function).await;
    rig.work().await.unwrap();
    assert_eq!(rig.function.handed()[..5], [vec![0, 1, 2, 3], vec![0, 1], vec![0], vec![1], vec![2, 3]]);
    assert_eq!(rig.quarantine().await[0].reason, "too-large-for-function");
}

#[tokio::test(start_paused = true)]
async fn a_function_that_runs_as_often_as_it_may_is_waited_for() {
    let function = TestFunction::new(|nth, _| match nth < 5 {
        true => Err(PortError::passing("function.invoke", "to-lake", PortFault::Throttled, Effect::None)),
        false => Ok(taken()),
    });
    let rig = handing(function).await;
    let retrying =
        RetryingFunction::new(rig.function.clone(), Arc::new(Retrier::new(RetryPolicy::default(), 1)));
    let desk = rig.desk(rig.state.clone(), Some(Outlet::Function(Arc::new(retrying))));
    let delivery = rig.receive().await;
    attempt(&desk, &delivery).await.unwrap();
    assert_eq!(rig.function.times()[&0], 6);
    assert_eq!(rig.completion().await.unwrap().counts.quarantined, 0);
}

#[tokio::test(start_paused = true)]
async fn a_unit_is_held_for_as_long_as_its_function_runs() {
    let mut function = TestFunction::healthy();
    Arc::get_mut(&mut function).unwrap().takes = Duration::from_secs(14 * 60);
    assert!(function.takes > VISIBILITY * 3);
    let rig = handing(function).await;
    assert!(matches!(rig.work().await.unwrap(), Settlement::Completed { ours: true, .. }));
    assert_eq!(rig.function.handed().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_not_allowed_the_sink_touches_nothing() {
    let rig = handing(TestFunction::healthy()).await;
    let desk = rig.desk(rig.state.clone(), None);
    let delivery = rig.receive().await;
    let error = attempt(&desk, &delivery).await.unwrap_err();
    assert_eq!((error.class(), error.remedy()), ("foreign-sink", Remedy::PutAside));
    assert!(rig.function.handed().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_receipt_of_other_records_stops_the_unit_before_anything_is_handed_over() {
    let done = handing(TestFunction::healthy()).await;
    done.work().await.unwrap();
    let other = Receipt { content: done.receipt(1).await.content, ..done.receipt(0).await };
    let rig = handing(TestFunction::healthy()).await;
    put(&*rig.state, rig.layout.shard(ShardName { unit: 0, shard: 0 }), &other.to_json()).await;
    let error = rig.work().await.unwrap_err();
    assert_eq!((error.class(), error.remedy()), ("conflict", Remedy::PutAside));
    assert!(rig.function.handed().is_empty());
    // A receipt that is damaged is none.
    let rig = handing(TestFunction::healthy()).await;
    let mut damaged = done.receipt(0).await.to_json();
    damaged[9] ^= 1;
    put(&*rig.state, rig.layout.shard(ShardName { unit: 0, shard: 0 }), &damaged).await;
    assert_eq!(rig.work().await.unwrap_err().class(), "output-damaged");
    assert!(rig.function.handed().is_empty());
}
