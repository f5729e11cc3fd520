//! How a queue is set up.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use backfleet_core::ports::{Depth, PortError, PortFault};
use serde_json::Value;

use super::reading;

/// How a queue is set up, and what waits in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueFacts {
    /// Its ARN.
    pub arn: String,
    /// How long a received message is invisible.
    pub visibility: Duration,
    /// How long a message is kept.
    pub retention: Duration,
    /// How long a receive waits when it does not say.
    pub long_poll: Duration,
    /// The largest message it takes, in bytes.
    pub message_bytes_max: u64,
    /// Where messages go that are received too often.
    pub redrive: Option<RedriveFacts>,
    /// Whether messages are encrypted at rest, by SQS's own key or by `kms_key`.
    pub encrypted: bool,
    /// The KMS key, if one is used.
    pub kms_key: Option<String>,
    /// Whether its policy denies whoever does not come over TLS.
    pub tls_only: bool,
    /// Approximate numbers; `dead` is always 0 here.
    pub depth: Depth,
}

/// A redrive policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedriveFacts {
    /// Receives before a message is moved.
    pub receives_max: u32,
    /// The ARN of the dead-letter queue.
    pub dlq_arn: String,
}

/// How the queue at `url` is set up.
pub(crate) async fn queue_facts(client: &Client, url: &str) -> Result<QueueFacts, PortError> {
    let call = reading("queue_admin.facts", url);
    let request = client.get_queue_attributes().queue_url(url).attribute_names(Name::All);
    let answer = call.ask(request.send()).await?;
    let attributes = Attributes(answer.attributes.unwrap_or_default());
    attributes.facts().ok_or_else(|| call.refused(PortFault::Invalid, "the queue has no ARN"))
}

/// The URL of the dead-letter queue that the redrive policy of the queue at `url` names.
pub(crate) async fn dlq_url_of(client: &Client, url: &str) -> Result<Option<String>, PortError> {
    let call = reading("queue_admin.dead_letter_queue", url);
    let request = client.get_queue_attributes().queue_url(url).attribute_names(Name::RedrivePolicy);
    let answer = call.ask(request.send()).await?;
    let Some(redrive) = Attributes(answer.attributes.unwrap_or_default()).redrive() else {
        return Ok(None);
    };
    let [.., account, name] = redrive.dlq_arn.split(':').collect::<Vec<_>>()[..] else {
        return Err(call.refused(PortFault::Invalid, "the redrive policy names no ARN"));
    };
    let request = client.get_queue_url().queue_name(name).queue_owner_aws_account_id(account);
    Ok(call.ask(request.send()).await?.queue_url)
}

struct Attributes(HashMap<Name, String>);

impl Attributes {
    fn facts(&self) -> Option<QueueFacts> {
        let kms_key = self.text(Name::KmsMasterKeyId).map(str::to_owned);
        Some(QueueFacts {
            arn: self.text(Name::QueueArn)?.to_owned(),
            visibility: self.seconds(Name::VisibilityTimeout),
            retention: self.seconds(Name::MessageRetentionPeriod),
            long_poll: self.seconds(Name::ReceiveMessageWaitTimeSeconds),
            message_bytes_max: self.number(Name::MaximumMessageSize),
            redrive: self.redrive(),
            encrypted: kms_key.is_some() || self.text(Name::SqsManagedSseEnabled) == Some("true"),
            kms_key,
            tls_only: self.json(Name::Policy).is_some_and(|policy| denies_without_tls(&policy)),
            depth: Depth {
                visible: self.number(Name::ApproximateNumberOfMessages),
                in_flight: self.number(Name::ApproximateNumberOfMessagesNotVisible),
                delayed: self.number(Name::ApproximateNumberOfMessagesDelayed),
                dead: 0,
            },
        })
    }

    fn redrive(&self) -> Option<RedriveFacts> {
        let policy = self.json(Name::RedrivePolicy)?;
        // Both 5 and "5" are met in the wild.
        let count = policy.get("maxReceiveCount")?;
        let receives_max = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
        Some(RedriveFacts {
            receives_max: u32::try_from(receives_max).ok()?,
            dlq_arn: policy.get("deadLetterTargetArn")?.as_str()?.to_owned(),
        })
    }

    fn text(&self, name: Name) -> Option<&str> {
        self.0.get(&name).map(String::as_str).filter(|text| !text.is_empty())
    }

    fn json(&self, name: Name) -> Option<Value> {
        serde_json::from_str(self.text(name)?).ok()
    }

    fn number(&self, name: Name) -> u64 {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn seconds(&self, name: Name) -> Duration {
        Duration::from_secs(self.number(name))
    }
}

/// Looks for the one statement everybody writes for this; a policy that gets there by another way counts as none.
fn denies_without_tls(policy: &Value) -> bool {
    let denies = |statement: &Value| {
        let transport = statement.pointer("/Condition/Bool/aws:SecureTransport");
        let insecure = transport.is_some_and(|value| value == "false" || value == &Value::Bool(false));
        insecure && statement.get("Effect").is_some_and(|effect| effect == "Deny")
    };
    match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().any(denies),
        Some(statement) => denies(statement),
        None => false,
    }
}
