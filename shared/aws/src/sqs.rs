//! A queue on SQS and its dead-letter queue.

mod ack_batch;
mod text;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, DeleteMessageBatchRequestEntry, Message, MessageAttributeValue,
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use backfleet_core::limits::{QUEUE_BATCH_MAX, RECEIVE_WAIT_MAX, VISIBILITY};
use backfleet_core::ports::{Depth, Effect, Held, Hold, PortError, PortFault, Queue, SendFailure};

use crate::call::{Call, copy_of};
use crate::classify::{Scope, own};
use crate::limits::{RECEIVE_GRACE, SMALL_CALL_MAX, WINDOW_MAX};
use ack_batch::{AckBatcher, Deleter};
pub(crate) use text::{REASON_ATTRIBUTE, RECEIVES_ATTRIBUTE};
use text::{body_fault, reason_text};

/// A queue and where its dead letters go.
///
/// Acks of several callers travel together: each waits up to 50 ms for company, then one DeleteMessageBatch
/// carries up to ten. An ack that was begun is carried out even if its caller stops waiting.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
    dlq_url: Option<String>,
    acks: AckBatcher,
    /// What a receive gives.
    window: Duration,
}

impl SqsQueue {
    /// Must be called within a runtime: the batching of acks is a task of its own, which ends with the queue.
    pub(crate) fn new(client: Client, url: &str, dlq_url: Option<String>) -> Self {
        let deleter = SqsDeleter { client: client.clone(), url: url.to_owned() };
        Self {
            client,
            url: url.to_owned(),
            dlq_url,
            window: VISIBILITY,
            acks: AckBatcher::start(Arc::new(deleter)),
        }
    }

    /// The same queue, whose own visibility window is `window` and not the fleet's usual one.
    #[must_use]
    pub fn with_window(self, window: Duration) -> Self {
        Self { window, ..self }
    }

    /// The URL of its dead-letter queue, if it has one.
    pub fn dlq_url(&self) -> Option<&str> {
        self.dlq_url.as_deref()
    }

    fn call(&self, name: &'static str, scope: Scope) -> Call {
        Call { name, subject: self.url.clone(), scope, writes: true, limit: SMALL_CALL_MAX }
    }

    async fn set_window(&self, call: &Call, hold: &Hold, window: Duration) -> Result<(), PortError> {
        if window > WINDOW_MAX {
            return Err(call.refused(PortFault::Invalid, "a visibility window lasts 12 hours at most"));
        }
        let request = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(&hold.0);
        call.ask(request.visibility_timeout(whole_seconds(window)).send()).await?;
        Ok(())
    }

    async fn bury(&self, call: &Call, dlq_url: &str, held: &Held, reason: &str) -> Result<(), PortError> {
        let attribute = |kind: &str, value: String| {
            let attribute = MessageAttributeValue::builder().data_type(kind).string_value(value).build();
            attribute.map_err(|_| call.failed_as(own::NOT_BUILT, "a message attribute without a type"))
        };
        let request = self
            .client
            .send_message()
            .queue_url(dlq_url)
            .message_body(&held.body)
            .message_attributes(REASON_ATTRIBUTE, attribute("String", reason_text(reason))?)
            .message_attributes(RECEIVES_ATTRIBUTE, attribute("Number", held.receives.to_string())?);
        call.ask(request.send()).await?;
        Ok(())
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, bodies: &[String]) -> Result<Vec<SendFailure>, PortError> {
        let call = self.call("queue.send", Scope::Sqs);
        if bodies.is_empty() || bodies.len() > QUEUE_BATCH_MAX {
            return Err(call.refused(PortFault::Invalid, "a batch has 1 to 10 messages"));
        }
        let mut batch = SendBatch::default();
        for (index, body) in bodies.iter().enumerate() {
            match body_fault(body) {
                None => batch.entries.push((index, body)),
                Some((fault, why)) => {
                    batch.failures.push(SendFailure { index, error: call.refused(fault, why) })
                }
            }
        }
        batch.send(&self.client, &call).await
    }

    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Held>, PortError> {
        let call = Call { limit: wait + RECEIVE_GRACE, ..self.call("queue.receive", Scope::Sqs) };
        if !(1..=QUEUE_BATCH_MAX).contains(&max) || wait > RECEIVE_WAIT_MAX {
            return Err(call.refused(PortFault::Invalid, "a receive brings 1 to 10 messages within 20 s"));
        }
        let request = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(max as i32)
            .wait_time_seconds(whole_seconds(wait))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateFirstReceiveTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let answer = call.ask(request.send()).await?;
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(held).collect())
    }

    fn window(&self) -> Duration {
        self.window
    }

    async fn extend(&self, hold: &Hold, window: Duration) -> Result<(), PortError> {
        self.set_window(&self.call("queue.extend", Scope::Hold), hold, window).await
    }

    async fn release(&self, hold: &Hold, delay: Duration) -> Result<(), PortError> {
        self.set_window(&self.call("queue.release", Scope::Hold), hold, delay).await
    }

    async fn ack(&self, hold: &Hold) -> Result<(), PortError> {
        self.acks.ack(hold).await
    }

    /// Three calls: prove that the message is still ours, put it there, delete it here. A crash before the last
    /// leaves it in both queues, which a replay survives.
    async fn dead_letter(&self, held: &Held, reason: &str) -> Result<(), PortError> {
        let call = self.call("queue.dead_letter", Scope::Hold);
        let Some(dlq_url) = &self.dlq_url else {
            return Err(call.refused(PortFault::Invalid, "the queue has no dead-letter queue"));
        };
        self.set_window(&call, &held.hold, VISIBILITY).await?;
        let burying = Call { subject: dlq_url.clone(), scope: Scope::Sqs, ..call.clone() };
        self.bury(&burying, dlq_url, held, reason).await?;
        let deleted = self.acks.ack(&held.hold).await;
        deleted.map_err(|error| PortError { call: call.name, effect: Effect::Unknown, ..error })
    }

    async fn depth(&self) -> Result<Depth, PortError> {
        let dead = async {
            match &self.dlq_url {
                Some(url) => waiting(&self.client, url).await,
                None => Ok(Depth::default()),
            }
        };
        let (live, dead) = tokio::try_join!(waiting(&self.client, &self.url), dead)?;
        Ok(Depth { dead: dead.visible + dead.in_flight + dead.delayed, ..live })
    }
}

/// A batch without the bodies that no queue would take.
#[derive(Default)]
struct SendBatch<'a> {
    /// Each with its place in the caller's batch.
    entries: Vec<(usize, &'a String)>,
    failures: Vec<SendFailure>,
}

impl SendBatch<'_> {
    async fn send(mut self, client: &Client, call: &Call) -> Result<Vec<SendFailure>, PortError> {
        if !self.entries.is_empty() {
            let mut request = client.send_message_batch().queue_url(&call.subject);
            for (id, (_, body)) in self.entries.iter().enumerate() {
                let entry =
                    SendMessageBatchRequestEntry::builder().id(id.to_string()).message_body(*body).build();
                request = request
                    .entries(entry.map_err(|_| call.failed_as(own::NOT_BUILT, "an entry without an id"))?);
            }
            let answer = call.ask(request.send()).await?;
            let taken = answer.successful().iter().map(|entry| entry.id());
            let outcomes = outcomes(call, self.entries.len(), taken, answer.failed());
            for (outcome, (index, _)) in outcomes.into_iter().zip(&self.entries) {
                self.failures.extend(outcome.err().map(|error| SendFailure { index: *index, error }));
            }
        }
        self.failures.sort_by_key(|failure| failure.index);
        Ok(self.failures)
    }
}

/// Deletes through SQS.
#[derive(Debug)]
struct SqsDeleter {
    client: Client,
    url: String,
}

#[async_trait]
impl Deleter for SqsDeleter {
    async fn delete(&self, holds: &[Hold]) -> Vec<Result<(), PortError>> {
        let limit = SMALL_CALL_MAX;
        let call =
            Call { name: "queue.ack", subject: self.url.clone(), scope: Scope::Hold, writes: true, limit };
        self.delete_batch(&call, holds)
            .await
            .unwrap_or_else(|error| holds.iter().map(|_| Err(copy_of(&error))).collect())
    }
}

impl SqsDeleter {
    async fn delete_batch(
        &self,
        call: &Call,
        holds: &[Hold],
    ) -> Result<Vec<Result<(), PortError>>, PortError> {
        let mut request = self.client.delete_message_batch().queue_url(&self.url);
        for (id, hold) in holds.iter().enumerate() {
            let entry =
                DeleteMessageBatchRequestEntry::builder().id(id.to_string()).receipt_handle(&hold.0).build();
            request =
                request.entries(entry.map_err(|_| call.failed_as(own::NOT_BUILT, "an entry without an id"))?);
        }
        let answer = call.ask(request.send()).await?;
        let deleted = answer.successful().iter().map(|entry| entry.id());
        Ok(outcomes(call, holds.len(), deleted, answer.failed()))
    }
}

/// What became of each entry of a batch, whose ids are their places in it.
fn outcomes<'a>(
    call: &Call,
    count: usize,
    done: impl Iterator<Item = &'a str>,
    failed: &[BatchResultErrorEntry],
) -> Vec<Result<(), PortError>> {
    let unanswered = || call.failed_as(own::ENTRY_UNANSWERED, "the answer leaves out an entry of the batch");
    let mut outcomes: Vec<_> = (0..count).map(|_| Err(unanswered())).collect();
    let done = done.map(|id| (id, Ok(())));
    let failed =
        failed.iter().map(|entry| (entry.id(), Err(call.entry_failed(entry.code(), entry.sender_fault()))));
    for (id, outcome) in done.chain(failed) {
        if let Some(place) = id.parse().ok().and_then(|index: usize| outcomes.get_mut(index)) {
            *place = outcome;
        }
    }
    outcomes
}

/// Without a handle there is nothing to hold it by; SQS never sends such a one.
fn held(message: Message) -> Option<Held> {
    let receives = number(&message, &MessageSystemAttributeName::ApproximateReceiveCount);
    // Both by the queue's own clock, in milliseconds.
    let sent = number(&message, &MessageSystemAttributeName::SentTimestamp);
    let received = number(&message, &MessageSystemAttributeName::ApproximateFirstReceiveTimestamp);
    let waited = received.zip(sent).map(|(received, sent)| received.saturating_sub(sent));
    Some(Held {
        hold: Hold(message.receipt_handle?),
        body: message.body.unwrap_or_default(),
        receives: receives.and_then(|receives| u32::try_from(receives).ok()).unwrap_or(1),
        waited: waited.filter(|_| receives == Some(1)).map(Duration::from_millis),
    })
}

pub(crate) fn number(message: &Message, name: &MessageSystemAttributeName) -> Option<u64> {
    message.attributes.as_ref()?.get(name)?.parse().ok()
}

/// What waits in one queue; `dead` stays 0.
async fn waiting(client: &Client, url: &str) -> Result<Depth, PortError> {
    let limit = SMALL_CALL_MAX;
    let call = Call { name: "queue.depth", subject: url.to_owned(), scope: Scope::Sqs, writes: false, limit };
    let request = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesDelayed);
    let answer = call.ask(request.send()).await?;
    let number = |name| answer.attributes()?.get(&name)?.parse().ok();
    Ok(Depth {
        visible: number(QueueAttributeName::ApproximateNumberOfMessages).unwrap_or(0),
        in_flight: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible).unwrap_or(0),
        delayed: number(QueueAttributeName::ApproximateNumberOfMessagesDelayed).unwrap_or(0),
        dead: 0,
    })
}

/// SQS counts in whole seconds; the next full one, so that no window is shorter than was asked for.
pub(crate) fn whole_seconds(time: Duration) -> i32 {
    let up = u64::from(time.subsec_nanos() > 0);
    i32::try_from(time.as_secs() + up).unwrap_or(i32::MAX)
}
