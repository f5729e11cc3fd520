//! The contracts of the ports, held against S3, SQS and DynamoDB as an endpoint gives them.
//!
//! Without any variable each test starts an emulator of its own. `BACKFLEET_TEST_ENDPOINT` names another emulator;
//! `BACKFLEET_TEST_BUCKET` and `BACKFLEET_TEST_QUEUE_PREFIX` (together) a bucket that exists and the beginning of the
//! names of queues to be made, both in a real account, with the environment's credentials. What a test makes
//! it leaves there, under names that no other run has.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking, as it does")]

use std::collections::HashMap;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::client::Waiters as _;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_sqs::types::QueueAttributeName as Name;
use backfleet_aws::{Aws, AwsConfig, DeadLetterBox, MoveStart};
use backfleet_core::conformance::{object_store, queue, table_scanner, toucher};
use backfleet_core::ports::DeadLetters as _;
use backfleet_core::ports::{DeadLetter, Effect, ObjectStore, PortFault, Queue, Retry, TableScanner};
use backfleet_emulator::Emulator;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

/// Much shorter than the fleet's, so that a test may wait for it to end.
const VISIBILITY: Duration = Duration::from_secs(3);
const RECEIVES_MAX: u32 = 3;

/// Where a test works, and under which names.
struct Site {
    aws: Aws,
    sdk: SdkConfig,
    bucket: String,
    queue_prefix: String,
    made: AtomicUsize,
    /// Ours, if it is: some answers are then known.
    emulator: Option<Emulator>,
}

impl Site {
    async fn open() -> Self {
        let emulator = (!is_set("BACKFLEET_TEST_ENDPOINT") && !is_real()).then(|| Emulator::start().unwrap());
        let endpoint_url =
            env::var("BACKFLEET_TEST_ENDPOINT").ok().or(emulator.as_ref().map(Emulator::endpoint));
        let config = AwsConfig { endpoint_url, emulated: !is_real(), ..AwsConfig::default() };
        let site = Self {
            sdk: sdk(config.endpoint_url.as_deref()).await,
            aws: Aws::connect(config).await.unwrap(),
            bucket: env::var("BACKFLEET_TEST_BUCKET").unwrap_or_else(|_| unique("backfleet")),
            queue_prefix: unique(
                &env::var("BACKFLEET_TEST_QUEUE_PREFIX").unwrap_or_else(|_| "backfleet".to_owned()),
            ),
            made: AtomicUsize::new(0),
            emulator,
        };
        if !is_real() {
            let config = aws_sdk_s3::config::Builder::from(&site.sdk).force_path_style(true).build();
            aws_sdk_s3::Client::from_conf(config).create_bucket().bucket(&site.bucket).send().await.unwrap();
        }
        site
    }

    fn new_name(&self) -> String {
        format!("{}-{}", self.queue_prefix, self.made.fetch_add(1, Ordering::Relaxed))
    }

    fn new_store(&self) -> Arc<dyn ObjectStore> {
        Arc::new(self.aws.s3_store(&self.bucket, &format!("with space/{}", self.new_name())))
    }

    /// A queue with a dead-letter queue, and the test's own short times.
    async fn new_queue(&self) -> queue::QueueUnderTest {
        let client = aws_sdk_sqs::Client::new(&self.sdk);
        let name = self.new_name();
        let dlq_url =
            client.create_queue().queue_name(format!("{name}-dlq")).send().await.unwrap().queue_url.unwrap();
        let dlq_arn = self.aws.queue_facts(&dlq_url).await.unwrap().arn;
        let redrive = format!(r#"{{"deadLetterTargetArn":"{dlq_arn}","maxReceiveCount":{RECEIVES_MAX}}}"#);
        let request = client
            .create_queue()
            .queue_name(&name)
            .attributes(Name::VisibilityTimeout, VISIBILITY.as_secs().to_string())
            .attributes(Name::RedrivePolicy, redrive);
        let url = request.send().await.unwrap().queue_url.unwrap();
        let letters = self.aws.dead_letter_box(&url, None).await.unwrap();
        queue::QueueUnderTest {
            queue: Arc::new(self.aws.sqs_queue(&url, None).await.unwrap()),
            visibility: VISIBILITY,
            lateness: Duration::from_secs(1),
            patience: Duration::from_secs(if is_real() { 60 } else { 10 }),
            receives_max: RECEIVES_MAX,
            // AWS itself says yes to a delete with a stale handle, and keeps the message.
            refuses_stale_holds: self.emulator.is_some(),
            dead_letters: Box::new(move || Box::pin(all_of(letters.clone()))),
        }
    }
}

impl Site {
    /// A table of its own, with the keys that the suites want.
    async fn make_table(&self, client: &aws_sdk_dynamodb::Client) -> String {
        let name = self.new_name();
        let attribute = |name: &str| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
        };
        let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
        let request = client
            .create_table()
            .table_name(&name)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute("pk").unwrap())
            .attribute_definitions(attribute("sk").unwrap())
            .key_schema(key("pk", KeyType::Hash).unwrap())
            .key_schema(key("sk", KeyType::Range).unwrap());
        request.send().await.unwrap();
        if is_real() {
            let made = client.wait_until_table_exists().table_name(&name);
            made.wait(Duration::from_secs(120)).await.unwrap();
        }
        name
    }

    /// A table that is touched.
    async fn new_table_to_touch(&self) -> toucher::ToucherUnderTest {
        let client = aws_sdk_dynamodb::Client::new(&self.sdk);
        let name = self.make_table(&client).await;
        let table = Arc::new(self.aws.table(&name, None));
        let (writer, written) = (client.clone(), name.clone());
        let put = move |item: Value| -> BoxFuture<'static, ()> {
            let put = writer.put_item().table_name(&written).set_item(Some(attributes(&item)));
            Box::pin(async move { put.send().await.map(drop).unwrap() })
        };
        let get = move |pk: &str, sk: &str| -> BoxFuture<'static, Option<Value>> {
            let [pk, sk] = [pk, sk].map(|text| AttributeValue::S(text.to_owned()));
            let get = client.get_item().table_name(&name).key("pk", pk).key("sk", sk).consistent_read(true);
            Box::pin(async move {
                let item = get.send().await.unwrap().item?;
                Some(item.into_iter().map(|(name, value)| (name, json_of(value))).collect())
            })
        };
        toucher::ToucherUnderTest { table, put: Box::new(put), get: Box::new(get) }
    }

    /// A table that is scanned.
    async fn new_table(&self) -> table_scanner::TableUnderTest {
        let client = aws_sdk_dynamodb::Client::new(&self.sdk);
        let name = self.make_table(&client).await;
        let table: Arc<dyn TableScanner> = Arc::new(self.aws.table(&name, None));
        table_scanner::TableUnderTest {
            table,
            write: Box::new(move |pk, sk, text| {
                let [pk, sk] = [pk, sk].map(|text| AttributeValue::S(text.to_owned()));
                let text = text.map(|text| AttributeValue::S(text.to_owned()));
                let (client, name) = (client.clone(), name.clone());
                Box::pin(async move {
                    match text {
                        Some(text) => {
                            let put = client.put_item().table_name(name).item("pk", pk).item("sk", sk);
                            put.item("text", text).send().await.map(drop).unwrap();
                        }
                        None => {
                            let delete = client.delete_item().table_name(name).key("pk", pk).key("sk", sk);
                            delete.send().await.map(drop).unwrap();
                        }
                    }
                })
            }),
        }
    }
}

/// DynamoDB JSON as the SDK wants it.
fn attributes(item: &Value) -> HashMap<String, AttributeValue> {
    item.as_object().unwrap().iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

fn attribute(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    let text = || value.as_str().unwrap().to_owned();
    let texts = || value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned());
    let bytes = |text: String| Blob::new(STANDARD.decode(text).unwrap());
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "B" => AttributeValue::B(bytes(text())),
        "BOOL" => AttributeValue::Bool(value.as_bool().unwrap()),
        "NULL" => AttributeValue::Null(true),
        "L" => AttributeValue::L(value.as_array().unwrap().iter().map(attribute).collect()),
        "M" => AttributeValue::M(attributes(value)),
        "SS" => AttributeValue::Ss(texts().collect()),
        "NS" => AttributeValue::Ns(texts().collect()),
        "BS" => AttributeValue::Bs(texts().map(bytes).collect()),
        other => panic!("no type {other}"),
    }
}

/// The way back; sets in order, which they have none.
fn json_of(value: AttributeValue) -> Value {
    let sorted = |mut texts: Vec<String>| {
        texts.sort();
        texts
    };
    let text = |bytes: &Blob| STANDARD.encode(bytes.as_ref());
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(text) => json!({"N": text}),
        AttributeValue::B(bytes) => json!({"B": text(&bytes)}),
        AttributeValue::Bool(flag) => json!({"BOOL": flag}),
        AttributeValue::Null(flag) => json!({"NULL": flag}),
        AttributeValue::L(values) => json!({"L": values.into_iter().map(json_of).collect::<Vec<_>>()}),
        AttributeValue::M(values) => {
            let map: Value = values.into_iter().map(|(name, value)| (name, json_of(value))).collect();
            json!({"M": map})
        }
        AttributeValue::Ss(texts) => json!({"SS": sorted(texts)}),
        AttributeValue::Ns(texts) => json!({"NS": sorted(texts)}),
        AttributeValue::Bs(sets) => json!({"BS": sorted(sets.iter().map(text).collect())}),
        other => panic!("no type {other:?}"),
    }
}

/// Looks at every dead letter and puts it back.
async fn all_of(letters: DeadLetterBox) -> Vec<DeadLetter> {
    let mut found = Vec::new();
    for entry in letters.peek(100).await.unwrap() {
        letters.leave(&entry).await.unwrap();
        found.push(DeadLetter { body: entry.body, reason: entry.reason, receives: entry.receives });
    }
    found
}

fn is_set(name: &str) -> bool {
    env::var(name).is_ok_and(|value| !value.is_empty())
}

fn is_real() -> bool {
    is_set("BACKFLEET_TEST_BUCKET")
}

#[expect(clippy::disallowed_methods, reason = "a name that no other run has")]
fn unique(prefix: &str) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!("{prefix}-{:x}-{:x}", since.as_nanos(), std::process::id())
}

/// The SDK itself, to make what no port makes.
async fn sdk(endpoint: Option<&str>) -> SdkConfig {
    let Some(url) = endpoint else { return aws_config::load_defaults(BehaviorVersion::latest()).await };
    let credentials = Credentials::new("test", "test", None, None, "test");
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .load()
        .await
}

#[tokio::test]
async fn s3_keeps_the_contract_of_an_object_store() {
    let site = Site::open().await;
    object_store::all(async || site.new_store()).await;
}

#[tokio::test]
async fn sqs_keeps_the_contract_of_a_queue() {
    let site = Site::open().await;
    queue::all(async || site.new_queue().await).await;
}

#[tokio::test]
async fn dynamodb_keeps_the_contract_of_a_table() {
    let site = Site::open().await;
    table_scanner::all(async || site.new_table().await).await;
}

#[tokio::test]
async fn dynamodb_keeps_the_contract_of_a_table_to_touch() {
    let site = Site::open().await;
    toucher::all(async || site.new_table_to_touch().await).await;
}

#[tokio::test]
async fn a_queue_pair_is_made_as_the_fleet_wants_it_and_making_it_again_changes_nothing() {
    let site = Site::open().await;
    let name = site.new_name();
    let pair = site.aws.create_queue_pair(&name).await.unwrap();
    let [queue, dlq] = [&pair.queue_url, &pair.dlq_url].map(|url| site.aws.queue_facts(url));
    let (queue, dlq) = tokio::try_join!(queue, dlq).unwrap();
    for facts in [&queue, &dlq] {
        assert_eq!(facts.visibility, Duration::from_secs(120));
        assert_eq!(facts.retention, Duration::from_secs(14 * 24 * 3600));
        assert!(facts.encrypted && facts.tls_only, "{facts:?}");
    }
    let redrive = queue.redrive.clone().unwrap();
    assert_eq!((redrive.receives_max, &redrive.dlq_arn), (5, &dlq.arn));
    assert_eq!(dlq.redrive, None);

    assert_eq!(site.aws.create_queue_pair(&name).await.unwrap(), pair);
    assert_eq!(site.aws.queue_facts(&pair.queue_url).await.unwrap(), queue);
}

#[tokio::test]
async fn dead_letters_are_looked_at_sent_back_discarded_and_left() {
    let site = Site::open().await;
    let rig = site.new_queue().await;
    let bodies = ["back", "away", "stay"].map(str::to_owned);
    assert!(rig.queue.send(&bodies).await.unwrap().is_empty());
    while rig.queue.depth().await.unwrap().dead < 3 {
        for held in rig.queue.receive(10, Duration::from_secs(1)).await.unwrap() {
            rig.queue.dead_letter(&held, &format!("about {}", held.body)).await.unwrap();
        }
    }
    let name = format!("{}-0", site.queue_prefix);
    let url =
        aws_sdk_sqs::Client::new(&site.sdk).get_queue_url().queue_name(name).send().await.unwrap().queue_url;
    let letters = site.aws.dead_letter_box(&url.unwrap(), None).await.unwrap();
    let entries = letters.peek(10).await.unwrap();
    assert_eq!(entries.len(), 3);
    assert!(letters.peek(10).await.unwrap().is_empty(), "kept from others while being looked at");
    for entry in &entries {
        assert_eq!(entry.reason, Some(format!("about {}", entry.body)));
        assert_eq!(entry.receives, 1);
        assert!(entry.sent.is_some() && entry.first_received.is_some() && !entry.message_id.is_empty());
        match entry.body.as_str() {
            "back" => letters.send_back(entry).await.unwrap(),
            "away" => letters.discard(entry).await.unwrap(),
            _ => letters.leave(entry).await.unwrap(),
        }
    }
    let left: Vec<String> = letters.peek(10).await.unwrap().into_iter().map(|entry| entry.body).collect();
    assert_eq!(left, ["stay"]);
    let back = rig.queue.receive(10, Duration::from_secs(5)).await.unwrap();
    assert_eq!((back[0].body.as_str(), back.len()), ("back", 1));
}

#[tokio::test]
async fn a_move_task_runs_or_is_said_not_to_be_had() {
    let site = Site::open().await;
    let pair = site.aws.create_queue_pair(&site.new_name()).await.unwrap();
    let letters = site.aws.dead_letter_box(&pair.queue_url, Some(pair.dlq_url)).await.unwrap();
    assert_eq!(letters.move_task_progress().await.unwrap(), None);
    match letters.start_move_task().await.unwrap() {
        MoveStart::Started => assert!(letters.move_task_progress().await.unwrap().is_some()),
        MoveStart::NotSupportedHere => assert_eq!(letters.move_task_progress().await.unwrap(), None),
    }
}

#[tokio::test]
async fn what_is_missing_is_told_apart() {
    let site = Site::open().await;
    let error = site.aws.s3_store("backfleet-no-such-bucket", "").list("", None).await.unwrap_err();
    assert_eq!((error.fault, error.retry), (PortFault::Invalid, Retry::Never));
    let pair = site.aws.create_queue_pair(&site.new_name()).await.unwrap();
    let url = pair.queue_url.replace("backfleet", "missing");
    let missing = site.aws.sqs_queue(&url, Some(pair.dlq_url)).await.unwrap();
    let error = missing.receive(1, Duration::ZERO).await.unwrap_err();
    assert_eq!((error.fault, error.retry), (PortFault::NotFound, Retry::Never));
}

#[tokio::test]
async fn an_endpoint_where_nobody_listens_did_nothing_and_may_be_tried_again() {
    let config = AwsConfig {
        endpoint_url: Some("http://127.0.0.1:1".to_owned()),
        emulated: true,
        ..AwsConfig::default()
    };
    let aws = Aws::connect(config).await.unwrap();
    let queue =
        aws.sqs_queue("http://127.0.0.1:1/1/q", Some("http://127.0.0.1:1/1/d".to_owned())).await.unwrap();
    let error = queue.send(&["x".to_owned()]).await.unwrap_err();
    assert_eq!(
        (error.fault, error.retry, error.effect),
        (PortFault::Unavailable, Retry::Backoff, Effect::None)
    );
}
