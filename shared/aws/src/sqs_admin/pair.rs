//! A work queue and its dead-letter queue, as the fleet wants them.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use backfleet_core::limits::{RECEIVE_WAIT_MAX, RECEIVES_MAX, VISIBILITY};
use backfleet_core::ports::{PortError, PortFault};
use serde_json::json;

use super::facts::queue_facts;
use super::writing;
use crate::limits::RETENTION;
use crate::sqs::whole_seconds;

/// A work queue with its dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePair {
    /// The work queue.
    pub queue_url: String,
    /// Where its dead letters go.
    pub dlq_url: String,
}

/// Makes `name` and `name-dlq`. Queues of these names with other times or encryption are somebody's, and an error;
/// those that fit get the missing policies.
pub(crate) async fn create_queue_pair(client: &Client, name: &str) -> Result<QueuePair, PortError> {
    let dlq_name = format!("{name}-dlq");
    let dlq_url = create(client, &dlq_name).await?;
    let queue_url = create(client, name).await?;
    let dlq_arn = queue_facts(client, &dlq_url).await?.arn;
    let queue_arn = queue_facts(client, &queue_url).await?.arn;

    let redrive = json!({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": RECEIVES_MAX});
    let allow = json!({"redrivePermission": "byQueue", "sourceQueueArns": [queue_arn]});
    let dlq_policies = [(Name::Policy, tls_only(&dlq_arn)), (Name::RedriveAllowPolicy, allow.to_string())];
    let queue_policies = [(Name::Policy, tls_only(&queue_arn)), (Name::RedrivePolicy, redrive.to_string())];
    set(client, &dlq_url, dlq_policies).await?;
    set(client, &queue_url, queue_policies).await?;
    Ok(QueuePair { queue_url, dlq_url })
}

/// A queue that exists with the same attributes is as good as a new one (CreateQueue).
async fn create(client: &Client, name: &str) -> Result<String, PortError> {
    let call = writing("queue_admin.create", name);
    let request = client
        .create_queue()
        .queue_name(name)
        .attributes(Name::VisibilityTimeout, whole_seconds(VISIBILITY).to_string())
        .attributes(Name::MessageRetentionPeriod, whole_seconds(RETENTION).to_string())
        .attributes(Name::ReceiveMessageWaitTimeSeconds, whole_seconds(RECEIVE_WAIT_MAX).to_string())
        .attributes(Name::SqsManagedSseEnabled, "true");
    let answer = call.ask(request.send()).await?;
    answer.queue_url.ok_or_else(|| call.refused(PortFault::Invalid, "the answer names no URL"))
}

async fn set(client: &Client, url: &str, attributes: [(Name, String); 2]) -> Result<(), PortError> {
    let request = client.set_queue_attributes().queue_url(url).set_attributes(Some(attributes.into()));
    writing("queue_admin.set_policies", url).ask(request.send()).await?;
    Ok(())
}

fn tls_only(arn: &str) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "DenyWithoutTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }],
    })
    .to_string()
}
