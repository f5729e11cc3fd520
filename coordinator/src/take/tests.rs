//! One export, whatever is killed and however often it is asked for.

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use backfleet_core::memory::MemoryStore;
use backfleet_core::ports::{ExportState, ReadCapacity};
use backfleet_core::retry::RetryPolicy;

use super::*;

const TABLE: &str = "arn:aws:dynamodb:eu-north-1:123456789012:table/orders";

/// DynamoDB as far as exports go: one export for every token that it knows.
#[derive(Default)]
struct Fake {
    recovery: Mutex<Option<Recovery>>,
    /// Token and progress of each export; its place is its number.
    exports: Mutex<Vec<(String, ExportProgress)>>,
    refuses: Mutex<Option<ExportRefusal>>,
    /// Starts whose answer is lost.
    lost_answers: Mutex<u32>,
    /// Whether tokens are no longer known.
    forgets: Mutex<bool>,
}

impl Fake {
    fn set(&self, progress: ExportProgress) {
        self.exports.lock().unwrap().last_mut().unwrap().1 = progress;
    }

    fn count(&self) -> usize {
        self.exports.lock().unwrap().len()
    }
}

fn arn(number: usize) -> String {
    format!("{TABLE}/export/{number:014}-efd1a093")
}

#[async_trait]
impl Exporter for Fake {
    async fn recovery(&self) -> Result<Recovery, PortError> {
        Ok(self.recovery.lock().unwrap().unwrap_or(Recovery::On { earliest: None, latest: None }))
    }

    async fn enable_recovery(&self) -> Result<(), PortError> {
        *self.recovery.lock().unwrap() = None;
        Ok(())
    }

    async fn start(&self, request: &ExportRequest) -> Result<ExportStart, PortError> {
        if let Some(refusal) = *self.refuses.lock().unwrap() {
            return Ok(ExportStart::Refused(refusal, "no".into()));
        }
        let mut exports = self.exports.lock().unwrap();
        let known = exports.iter().position(|(token, _)| *token == request.token);
        let number = match known.filter(|_| !*self.forgets.lock().unwrap()) {
            Some(number) => number,
            None => {
                exports.push((request.token.clone(), ExportProgress::Running));
                exports.len() - 1
            }
        };
        let mut lost = self.lost_answers.lock().unwrap();
        if *lost > 0 {
            *lost -= 1;
            return Err(PortError::fatal("export.start", TABLE, PortFault::Denied));
        }
        Ok(ExportStart::Started(arn(number)))
    }

    async fn describe(&self, export_arn: &str) -> Result<ExportState, PortError> {
        let exports = self.exports.lock().unwrap();
        let found = (0..exports.len()).find(|number| arn(*number) == export_arn);
        let missing = || PortError::fatal("export.describe", export_arn, PortFault::NotFound);
        let (token, progress) = exports[found.ok_or_else(missing)?].clone();
        Ok(ExportState { token: Some(token), progress })
    }

    async fn list(&self) -> Result<Vec<String>, PortError> {
        Ok((0..self.count()).map(arn).collect())
    }
}

struct Rig {
    fake: Arc<Fake>,
    store: Arc<MemoryStore>,
}

impl Rig {
    fn new() -> Self {
        Self { fake: Arc::default(), store: Arc::default() }
    }

    /// A process that takes an export.
    fn taker(&self, change: impl FnOnce(&mut Order)) -> Taker {
        let mut order = Order {
            table: Location::parse(TABLE).unwrap(),
            to: Location::parse("s3://exports/orders").unwrap(),
            format: ExportFormat::Json,
            span: ExportSpan::Full { at: None },
            bucket_owner: None,
            kms_key: None,
            again: false,
            enable_recovery: false,
        };
        change(&mut order);
        let facts = TableFacts {
            arn: TABLE.into(),
            keys: vec!["pk".into()],
            bytes: 0,
            items: 0,
            capacity: ReadCapacity::OnDemand(None),
            stream_arn: None,
        };
        Taker {
            order,
            bucket: "exports".into(),
            prefix: "orders".into(),
            facts,
            exporter: self.fake.clone(),
            store: self.store.clone(),
            retrier: Arc::new(Retrier::new(RetryPolicy::default(), 1)),
        }
    }

    async fn begin(&self) -> Result<Begun, TakeError> {
        self.taker(|_| {}).begin().await
    }

    async fn objects(&self) -> usize {
        self.store.list("", None).await.unwrap().entries.len()
    }
}

fn done() -> ExportProgress {
    ExportProgress::Done {
        manifest_key: "orders/AWSDynamoDB/01768385930622-efd1a093/manifest-summary.json".into(),
        items: Some(7),
        billed_bytes: None,
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_words_find_the_same_export_until_it_is_done_and_after() {
    let rig = Rig::new();
    let begun = rig.begin().await.unwrap();
    assert_eq!(begun, Begun { arn: arn(0), how: How::Started });
    assert_eq!(rig.begin().await.unwrap(), Begun { arn: arn(0), how: How::Found });
    let taker = rig.taker(|_| {});
    let stop = CancellationToken::new();
    let (waited, ()) = tokio::join!(taker.wait(&begun.arn, &stop, || {}), async {
        sleep(Duration::from_secs(600)).await;
        rig.fake.set(done());
    });
    let taken = waited.unwrap().unwrap();
    assert_eq!(taken.source.to_string(), "s3://exports/orders/AWSDynamoDB/01768385930622-efd1a093");
    assert_eq!(taken.items, Some(7));
    assert_eq!(rig.begin().await.unwrap().how, How::Found);
    let again = rig.taker(|order| order.again = true).begin().await.unwrap();
    assert_eq!(again, Begun { arn: arn(1), how: How::Started });
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_starts_no_second_export() {
    let rig = Rig::new();
    *rig.fake.lost_answers.lock().unwrap() = 1;
    assert!(rig.begin().await.is_err());
    assert_eq!(rig.fake.count(), 1);
    assert_eq!(rig.begin().await.unwrap().arn, arn(0));
    assert_eq!(rig.fake.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_whose_token_is_too_old_is_looked_for_among_the_exports() {
    for was_started in [true, false] {
        let rig = Rig::new();
        let taker = rig.taker(|_| {});
        // Written long ago by a process that was killed before, or just after, it asked.
        let ticket = taker.book().write_ticket(1, UNIX_EPOCH + Duration::from_secs(1_000)).await.unwrap();
        if was_started {
            rig.fake.exports.lock().unwrap().push((ticket.token, ExportProgress::Running));
        }
        *rig.fake.forgets.lock().unwrap() = true;
        let how = if was_started { How::Found } else { How::Started };
        assert_eq!(rig.begin().await.unwrap(), Begun { arn: arn(0), how });
        assert_eq!(rig.begin().await.unwrap(), Begun { arn: arn(0), how: How::Found });
        assert_eq!(rig.fake.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_export_is_explained_and_asked_for_anew_the_next_time() {
    let rig = Rig::new();
    let begun = rig.begin().await.unwrap();
    rig.fake.set(ExportProgress::Failed { code: "S3NoSuchBucket".into(), message: "gone".into() });
    let taker = rig.taker(|_| {});
    let error = taker.wait(&begun.arn, &CancellationToken::new(), || {}).await.unwrap_err();
    assert!(matches!(&error, TakeError::Failed { code, .. } if code == "S3NoSuchBucket"), "{error}");
    let next = rig.begin().await.unwrap();
    assert_eq!(next, Begun { arn: arn(1), how: How::StartedAfter("S3NoSuchBucket".into()) });
}

#[tokio::test(start_paused = true)]
async fn an_export_that_dynamodb_has_forgotten_is_asked_for_anew() {
    let rig = Rig::new();
    let taker = rig.taker(|_| {});
    let book = taker.book();
    book.write_ticket(1, SystemTime::UNIX_EPOCH).await.unwrap();
    book.name(1, &arn(77)).await.unwrap();
    assert_eq!(rig.begin().await.unwrap(), Begun { arn: arn(0), how: How::Started });
}

#[tokio::test(start_paused = true)]
async fn other_words_are_another_export() {
    let rig = Rig::new();
    let changes: [fn(&mut Order); 5] = [
        |_| {},
        |order| order.format = ExportFormat::Ion,
        |order| order.kms_key = Some("k".into()),
        |order| order.bucket_owner = Some("210987654321".into()),
        |order| order.span = ExportSpan::Full { at: Some(UNIX_EPOCH + Duration::from_secs(1_000)) },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert_eq!(rig.taker(change).begin().await.unwrap(), Begun { arn: arn(number), how: How::Started });
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_exported_is_said_before_anything_is_written() {
    let rig = Rig::new();
    *rig.fake.recovery.lock().unwrap() = Some(Recovery::Off);
    assert!(matches!(rig.begin().await, Err(TakeError::RecoveryOff { .. })));
    let later = ExportSpan::Full { at: Some(SystemClock.now() + Duration::from_secs(3_600)) };
    *rig.fake.recovery.lock().unwrap() = None;
    assert!(matches!(rig.taker(|order| order.span = later).begin().await, Err(TakeError::Span(_))));
    assert_eq!((rig.objects().await, rig.fake.count()), (0, 0));
    *rig.fake.recovery.lock().unwrap() = Some(Recovery::Off);
    let begun = rig.taker(|order| order.enable_recovery = true).begin().await.unwrap();
    assert_eq!(begun.how, How::Started);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_passed_on_and_keeps_its_ticket_for_the_next_time() {
    let rig = Rig::new();
    for refusal in [ExportRefusal::Time, ExportRefusal::Limit, ExportRefusal::TokenUsed] {
        *rig.fake.refuses.lock().unwrap() = Some(refusal);
        let error = rig.begin().await.unwrap_err();
        assert!(matches!(error, TakeError::Refused { refusal: told, .. } if told == refusal), "{error}");
    }
    *rig.fake.refuses.lock().unwrap() = Some(ExportRefusal::RecoveryOff);
    assert!(matches!(rig.begin().await, Err(TakeError::RecoveryOff { .. })));
    *rig.fake.refuses.lock().unwrap() = None;
    assert_eq!(rig.begin().await.unwrap().how, How::Started);
    assert_eq!((rig.objects().await, rig.fake.count()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_told_to_stop_leaves_the_export_running() {
    let rig = Rig::new();
    let begun = rig.begin().await.unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    assert!(rig.taker(|_| {}).wait(&begun.arn, &stop, || {}).await.unwrap().is_none());
    assert_eq!(rig.begin().await.unwrap(), Begun { arn: arn(0), how: How::Found });
}
