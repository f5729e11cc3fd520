//! Buckets and queues on an emulator of a test's own, set up and looked at without the product.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use backfleet_emulator::Emulator;
use serde_json::{Value, json};

use crate::destination::tree;
use crate::fleet_http::{Answer, ask};

/// An emulator of S3 and SQS.
#[derive(Debug)]
pub struct Cloud {
    emulator: Emulator,
    address: SocketAddr,
}

/// A queue by its URL.
#[derive(Debug, Clone, Copy)]
pub struct Queue<'a> {
    cloud: &'a Cloud,
    url: &'a str,
}

/// A message as SQS hands it out.
#[derive(Debug)]
pub struct Received {
    /// What was sent.
    pub body: String,
    /// Its message attributes, all as text.
    pub attributes: BTreeMap<String, String>,
}

impl Cloud {
    /// Starts one.
    pub fn start() -> Self {
        let emulator = Emulator::start().expect("the emulator starts");
        let endpoint = emulator.endpoint();
        let address = endpoint.strip_prefix("http://").and_then(|address| address.parse().ok());
        Self { emulator, address: address.expect("an endpoint is an address") }
    }

    /// What `--endpoint-url` takes.
    pub fn endpoint(&self) -> String {
        self.emulator.endpoint()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a bucket.
    pub fn create_bucket(&self, name: &str) {
        self.emulator.create_bucket(name).expect("a bucket can be made");
    }

    /// Names of all buckets.
    pub fn buckets(&self) -> Vec<String> {
        elements(&self.s3("GET /", b"").text(), "Name")
    }

    /// Puts an object, over another if need be.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        self.s3(&format!("PUT /{bucket}/{key}"), bytes);
    }

    /// An object's bytes.
    #[track_caller]
    pub fn get(&self, bucket: &str, key: &str) -> Vec<u8> {
        self.s3(&format!("GET /{bucket}/{key}"), b"").body
    }

    /// Every key of a bucket that begins with `prefix`, with all that would change if the object were put again.
    pub fn stamps(&self, bucket: &str, prefix: &str) -> BTreeMap<String, String> {
        let mut stamps = BTreeMap::new();
        let mut after = String::new();
        loop {
            let page = self
                .s3(&format!("GET /{bucket}?list-type=2&prefix={prefix}&start-after={after}"), b"")
                .text();
            for entry in elements(&page, "Contents") {
                let part = |name: &str| elements(&entry, name).pop().expect("an entry of a listing is whole");
                after = part("Key");
                stamps.insert(after.clone(), part("LastModified") + &part("ETag"));
            }
            if !page.contains("<IsTruncated>true<") {
                return stamps;
            }
        }
    }

    /// Every key of a bucket that begins with `prefix`.
    pub fn keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        self.stamps(bucket, prefix).into_keys().collect()
    }

    /// Puts every file of a folder into a bucket, under its path.
    pub fn upload(&self, folder: &Path, bucket: &str) {
        for name in tree(folder).into_keys() {
            self.put(bucket, &name, &fs::read(folder.join(&name)).expect("a file just listed"));
        }
    }

    /// Writes every object below a prefix into a folder.
    pub fn download(&self, bucket: &str, prefix: &str, folder: &Path) {
        for key in self.keys(bucket, prefix) {
            let name = key.strip_prefix(prefix).expect("listed by its prefix").trim_start_matches('/');
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("an object lies below the folder")).expect("a folder");
            fs::write(path, self.get(bucket, &key)).expect("a file can be written");
        }
    }

    /// The queue of a URL.
    pub fn queue<'a>(&'a self, url: &'a str) -> Queue<'a> {
        Queue { cloud: self, url }
    }

    /// Makes a bare queue; gives its URL.
    pub fn create_queue(&self, name: &str, attributes: &Value) -> String {
        let answer = self.sqs("CreateQueue", &json!({"QueueName": name, "Attributes": attributes}));
        answer["QueueUrl"].as_str().expect("a queue has a URL").to_owned()
    }

    /// Asks DynamoDB.
    #[track_caller]
    pub fn dynamodb(&self, action: &str, request: &Value) -> Value {
        // The emulator tells its services apart by what a request is signed for.
        let authorization = "AWS4-HMAC-SHA256 Credential=test/20260114/us-east-1/dynamodb/aws4_request, \
                             SignedHeaders=host, Signature=0";
        let target = format!("DynamoDB_20120810.{action}");
        let headers = [
            ("Content-Type", "application/x-amz-json-1.0"),
            ("X-Amz-Target", target.as_str()),
            ("Authorization", authorization),
        ];
        let answer = ask(self.address, "POST /", &headers, request.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{action}: {}", answer.text());
        serde_json::from_slice(&answer.body).expect("DynamoDB answers with JSON")
    }

    /// Asks Lambda.
    #[track_caller]
    pub fn lambda(&self, line: &str, request: &Value) -> Value {
        let authorization = "AWS4-HMAC-SHA256 Credential=test/20260114/us-east-1/lambda/aws4_request, \
                             SignedHeaders=host, Signature=0";
        let headers = [("Content-Type", "application/json"), ("Authorization", authorization)];
        let answer = ask(self.address, line, &headers, request.to_string().as_bytes());
        assert!(matches!(answer.status, 200..300), "{line}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }

    #[track_caller]
    fn s3(&self, line: &str, body: &[u8]) -> Answer {
        let answer = ask(self.address, line, &[], body);
        assert_eq!(answer.status, 200, "{line}: {}", answer.text());
        answer
    }

    #[track_caller]
    fn sqs(&self, action: &str, request: &Value) -> Value {
        let target = format!("AmazonSQS.{action}");
        let headers = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", target.as_str())];
        let answer = ask(self.address, "POST /", &headers, request.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{action}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }
}

impl Queue<'_> {
    /// Sends one message.
    pub fn send(&self, body: &str) {
        self.cloud.sqs("SendMessage", &json!({"QueueUrl": self.url, "MessageBody": body}));
    }

    /// Sets one attribute.
    pub fn set(&self, attribute: &str, value: &str) {
        let attributes = json!({attribute: value});
        self.cloud.sqs("SetQueueAttributes", &json!({"QueueUrl": self.url, "Attributes": attributes}));
    }

    /// Lets a message be received so often before it is taken for poison.
    pub fn set_receives_max(&self, receives: u32) {
        let policy = self.attribute("RedrivePolicy").expect("a queue of a pair");
        let mut policy: Value = serde_json::from_str(&policy).expect("a redrive policy in JSON");
        policy["maxReceiveCount"] = receives.into();
        self.set("RedrivePolicy", &policy.to_string());
    }

    /// Messages that a receive would find now.
    pub fn visible(&self) -> usize {
        self.count("ApproximateNumberOfMessages")
    }

    /// Messages that somebody holds.
    pub fn in_flight(&self) -> usize {
        self.count("ApproximateNumberOfMessagesNotVisible")
    }

    /// Deletes every message, those in flight too.
    pub fn purge(&self) {
        self.cloud.sqs("PurgeQueue", &json!({"QueueUrl": self.url}));
    }

    /// Every visible message; each is hidden for the queue's window from then on.
    pub fn receive_all(&self) -> Vec<Received> {
        let request = json!({"QueueUrl": self.url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0,
            "MessageAttributeNames": ["All"]});
        let mut all = Vec::new();
        loop {
            let answer = self.cloud.sqs("ReceiveMessage", &request);
            let page = answer["Messages"].as_array().cloned().unwrap_or_default();
            if page.is_empty() {
                return all;
            }
            all.extend(page.iter().map(received));
        }
    }

    fn count(&self, attribute: &str) -> usize {
        let count = self.attribute(attribute).and_then(|count| count.parse().ok());
        count.expect("a queue counts its messages")
    }

    fn attribute(&self, name: &str) -> Option<String> {
        let request = json!({"QueueUrl": self.url, "AttributeNames": ["All"]});
        let answer = self.cloud.sqs("GetQueueAttributes", &request);
        answer["Attributes"][name].as_str().map(str::to_owned)
    }
}

fn received(message: &Value) -> Received {
    let attributes = message["MessageAttributes"].as_object().cloned().unwrap_or_default();
    let text = |value: &Value| value["StringValue"].as_str().unwrap_or_default().to_owned();
    Received {
        body: message["Body"].as_str().expect("a message has a body").to_owned(),
        attributes: attributes.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
    }
}

/// What stands in the elements of one name; the names of these tests need no unescaping.
fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let inner = |rest: &str| rest.split_once(&close).map(|(inner, _)| inner.to_owned());
    xml.split(&open).skip(1).filter_map(inner).collect()
}
