//! Looks at everything a job will need, and says all that is missing at once, each with its cure.

use std::time::{Duration, SystemTime};

use backfleet_aws::{Aws, QueueFacts};
use backfleet_core::digest::Sha256Digest;
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::JOBS_FOLDER;
use backfleet_core::limits::{RECEIVES_MAX, VISIBILITY};
use backfleet_core::plan::{Expressions, ScanSource};
use backfleet_core::ports::{
    Exporter, Metadata, NewObject, ObjectStore, PageRequest, PortError, PortFault, PutOutcome, Recovery,
    TableFacts, TableScanner,
};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub what: String,
    /// How it is.
    pub outcome: Outcome,
}

/// How a thing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Good,
    /// It works, but not as it should.
    Weak {
        /// What is wrong.
        found: String,
        /// What to do about it.
        cure: String,
    },
    /// A job cannot be trusted to it.
    Bad {
        /// What is wrong.
        found: String,
        /// What to do about it.
        cure: String,
    },
}

/// How long messages should be kept: both queues, 14 days, the most SQS has.
const RETENTION: Duration = Duration::from_secs(14 * 24 * 3600);

/// A clock that is further off has its requests refused (S3 allows 15 minutes).
const SKEW_MAX: Duration = Duration::from_secs(60);

/// The one object that is written: it stays, and proves itself again the next time.
fn probe_key() -> ObjectKey {
    ObjectKey::new(format!("{JOBS_FOLDER}/probe")).expect("a constant key")
}

/// Looks at the queue and its dead-letter queue.
pub async fn queue(aws: &Aws, queue_url: &str, dlq_url: Option<&str>) -> Vec<Check> {
    let facts = match aws.queue_facts(queue_url).await {
        Ok(facts) => facts,
        Err(error) => {
            return vec![unreachable(format!("queue {queue_url}"), &error, "sqs:GetQueueAttributes")];
        }
    };
    let mut checks = queue_checks("queue", &facts);
    checks.push(redrive_check(&facts));
    let dead = match dlq_url {
        Some(url) => aws.queue_facts(url).await.map(Some),
        None => aws.dead_letter_facts(queue_url).await,
    };
    match dead {
        Ok(Some(dead)) => {
            checks.extend(queue_checks("dead-letter queue", &dead));
            checks.push(retention_order(&facts, &dead));
        }
        Ok(None) => {}
        Err(error) => checks.push(unreachable("dead-letter queue".into(), &error, "sqs:GetQueueAttributes")),
    }
    checks
}

fn queue_checks(which: &str, facts: &QueueFacts) -> Vec<Check> {
    let set = |attribute: &str, value: u64| format!("set {attribute} to {value}");
    let window = VISIBILITY.as_secs();
    let mut checks = vec![
        weak_unless(
            facts.retention >= RETENTION,
            format!("{which}: retention"),
            format!(
                "messages are kept for {} hours: a job that rests longer loses them",
                facts.retention.as_secs() / 3600
            ),
            set("MessageRetentionPeriod", RETENTION.as_secs()),
        ),
        weak_unless(
            facts.encrypted,
            format!("{which}: encryption"),
            "messages are not encrypted at rest".into(),
            "set SqsManagedSseEnabled to true".into(),
        ),
        weak_unless(
            facts.tls_only,
            format!("{which}: transport"),
            "its policy does not deny requests without TLS".into(),
            "deny sqs:* where aws:SecureTransport is false".into(),
        ),
    ];
    if which == "queue" {
        checks.push(weak_unless(
            facts.visibility == VISIBILITY,
            format!("{which}: visibility"),
            format!(
                "the visibility window is {} s, the queues of a fleet have {window} s",
                facts.visibility.as_secs()
            ),
            set("VisibilityTimeout", window),
        ));
    }
    checks
}

fn redrive_check(facts: &QueueFacts) -> Check {
    let what = "queue: dead letters".to_owned();
    let outcome = match &facts.redrive {
        Some(redrive) if redrive.receives_max == RECEIVES_MAX => Outcome::Good,
        Some(redrive) => Outcome::Weak {
            found: format!("messages are moved after {} receives, not {RECEIVES_MAX}", redrive.receives_max),
            cure: format!("set maxReceiveCount of the redrive policy to {RECEIVES_MAX}"),
        },
        None => Outcome::Bad {
            found: "there is no dead-letter queue: a unit that always fails would be tried for ever".into(),
            cure:
                "give it one by a RedrivePolicy; `backfleet doctor --create-queues NAME` makes a correct pair"
                    .into(),
        },
    };
    Check { what, outcome }
}

/// A message keeps its age when it is moved.
fn retention_order(queue: &QueueFacts, dead: &QueueFacts) -> Check {
    weak_unless(
        dead.retention >= queue.retention,
        "dead-letter queue: age".into(),
        "dead letters are kept for less time than messages, and bring their age along".into(),
        "set its MessageRetentionPeriod to at least that of the queue".into(),
    )
}

/// Looks at a place that is read.
pub async fn source(store: &dyn ObjectStore) -> Check {
    let what = format!("source {}", store.describe());
    match store.list("", None).await {
        Err(error) => unreachable(what, &error, "s3:ListBucket and s3:GetObject"),
        Ok(page) if page.entries.is_empty() => Check {
            what,
            outcome: Outcome::Bad {
                found: "nothing is there, or nothing may be seen".into(),
                cure: "check the prefix, and that s3:ListBucket is allowed for it".into(),
            },
        },
        Ok(_) => Check { what, outcome: Outcome::Good },
    }
}

/// Looks at a table that is scanned: its description, which is given as well, and one item.
pub async fn table(place: &str, table: &dyn TableScanner) -> (Vec<Check>, Option<TableFacts>) {
    let what = |part: &str| format!("source {place}: {part}");
    let facts = match table.describe().await {
        Ok(facts) => facts,
        Err(error) => {
            return (vec![unreachable(what("description"), &error, "dynamodb:DescribeTable")], None);
        }
    };
    let scan = ScanSource {
        table_arn: facts.arn.clone(),
        index: None,
        segments: 1,
        lanes: 1,
        consistent: false,
        dated: true,
        expressions: Expressions::default(),
    };
    let request = PageRequest { scan: &scan, segment: 0, after: None, items_max: Some(1) };
    let read = match table.page(&request).await {
        // Who is throttled may read.
        Err(error) if error.fault == PortFault::Throttled => {
            Check { what: what("scan"), outcome: Outcome::Good }
        }
        Ok(_) => Check { what: what("scan"), outcome: Outcome::Good },
        Err(error) => unreachable(what("scan"), &error, "dynamodb:Scan"),
    };
    (vec![Check { what: what("description"), outcome: Outcome::Good }, read], Some(facts))
}

/// Looks at whether a table can be exported; a scan can do without.
pub async fn recovery(place: &str, exporter: &dyn Exporter) -> Check {
    let what = format!("source {place}: point-in-time recovery");
    match exporter.recovery().await {
        Ok(Recovery::On { .. }) => Check { what, outcome: Outcome::Good },
        Ok(Recovery::Off) => Check {
            what,
            outcome: Outcome::Weak {
                found: "it is off: the table can be scanned, but not exported".into(),
                cure: "`backfleet export --enable-pitr` turns it on; it costs by the month and the gigabyte"
                    .into(),
            },
        },
        Err(error) => unreachable(what, &error, "dynamodb:DescribeContinuousBackups"),
    }
}

/// Looks at the destination: reads, lists, and writes one small object twice to see that the second put is
/// refused. That object stays.
pub async fn dest(store: &dyn ObjectStore, now: SystemTime) -> Vec<Check> {
    let what = |part: &str| format!("destination {}: {part}", store.describe());
    let mut checks = Vec::new();
    match store.list(&format!("{JOBS_FOLDER}/"), None).await {
        Ok(_) => checks.push(Check { what: what("list"), outcome: Outcome::Good }),
        Err(error) => checks.push(unreachable(what("list"), &error, "s3:ListBucket")),
    }
    match write_once(store).await {
        Ok(outcome) => checks.push(Check { what: what("write once"), outcome }),
        Err(error) => {
            checks.push(unreachable(
                what("write once"),
                &error,
                "s3:PutObject (with If-None-Match) and s3:GetObject",
            ));
            return checks;
        }
    }
    checks.push(clock(store, now).await);
    checks
}

async fn write_once(store: &dyn ObjectStore) -> Result<Outcome, PortError> {
    let first = b"backfleet asks whether an object can be written twice\n".as_slice();
    let second = b"backfleet found that it can\n".as_slice();
    put(store, first).await?;
    let again = put(store, second).await?;
    let there = store.get_small(&probe_key(), 1024).await?;
    if again == PutOutcome::AlreadyThere && there.as_deref() == Some(first) {
        return Ok(Outcome::Good);
    }
    Ok(Outcome::Bad {
        found: "a second put of the same key was not refused: shards could be overwritten".into(),
        cure: "use a store that honours If-None-Match on PutObject, as S3 does; see that nothing between strips the header"
            .into(),
    })
}

async fn put(store: &dyn ObjectStore, bytes: &'static [u8]) -> Result<PutOutcome, PortError> {
    let sha256 = Sha256Digest::of(bytes);
    store
        .put_new(NewObject { key: probe_key(), bytes: bytes.into(), metadata: Metadata::new(), sha256 })
        .await
}

/// The probe was written just now, the first time; later its age says nothing, and a clock that is far off has
/// its requests refused anyway.
async fn clock(store: &dyn ObjectStore, now: SystemTime) -> Check {
    let what = "clock".to_owned();
    let page = match store.list(probe_key().as_str(), None).await {
        Ok(page) => page,
        Err(error) => return unreachable(what, &error, "s3:ListBucket"),
    };
    let ahead = page.entries.first().and_then(|entry| entry.modified.duration_since(now).ok());
    weak_unless(
        ahead.is_none_or(|ahead| ahead <= SKEW_MAX),
        what,
        "this machine's clock is behind the store's".into(),
        "synchronise it (NTP); requests signed more than 15 minutes off are refused".into(),
    )
}

fn weak_unless(good: bool, what: String, found: String, cure: String) -> Check {
    Check { what, outcome: if good { Outcome::Good } else { Outcome::Weak { found, cure } } }
}

fn unreachable(what: String, error: &PortError, rights: &str) -> Check {
    let mut found = error.to_string();
    if let Some(source) = &error.source {
        found = format!("{found}: {source}");
    }
    Check {
        what,
        outcome: Outcome::Bad {
            found,
            cure: format!("check that it exists and that this role has {rights}"),
        },
    }
}
