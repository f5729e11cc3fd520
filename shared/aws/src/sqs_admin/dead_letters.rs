//! Dead letters, one by one: look, then send back, discard or leave.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as Name};
use backfleet_core::limits::QUEUE_BATCH_MAX;
use backfleet_core::ports::{DeadLetterEntry, DeadLetters, Hold, PortError, PortFault};

use super::facts::{dlq_url_of, queue_facts};
use super::{reading, writing};
use crate::call::Call;
use crate::classify::Scope;
use crate::limits::{PEEK_EMPTY_ANSWERS_MAX, PEEK_WAIT, PEEK_WINDOW, RECEIVE_GRACE};
use crate::sqs::{REASON_ATTRIBUTE, RECEIVES_ATTRIBUTE, number, whole_seconds};

/// The dead letters of one queue.
#[derive(Debug, Clone)]
pub struct DeadLetterBox {
    pub(super) client: Client,
    pub(super) dlq_url: String,
    pub(super) dlq_arn: String,
    queue_url: String,
}

impl DeadLetterBox {
    pub(crate) async fn open(
        client: Client,
        queue_url: &str,
        dlq_url: Option<String>,
    ) -> Result<Self, PortError> {
        let found = match dlq_url {
            Some(url) => Some(url),
            None => dlq_url_of(&client, queue_url).await?,
        };
        let call = reading("queue_admin.dead_letter_queue", queue_url);
        let dlq_url =
            found.ok_or_else(|| call.refused(PortFault::NotFound, "the queue has no dead-letter queue"))?;
        let dlq_arn = queue_facts(&client, &dlq_url).await?.arn;
        Ok(Self { client, dlq_url, dlq_arn, queue_url: queue_url.to_owned() })
    }

    async fn receive(&self, max: usize) -> Result<Vec<Message>, PortError> {
        let limit = PEEK_WAIT + RECEIVE_GRACE;
        let call = Call { limit, ..writing("queue_admin.peek", &self.dlq_url) };
        let request = self
            .client
            .receive_message()
            .queue_url(&self.dlq_url)
            .max_number_of_messages(max as i32)
            .wait_time_seconds(whole_seconds(PEEK_WAIT))
            .visibility_timeout(whole_seconds(PEEK_WINDOW))
            .message_system_attribute_names(Name::ApproximateReceiveCount)
            .message_system_attribute_names(Name::ApproximateFirstReceiveTimestamp)
            .message_system_attribute_names(Name::SentTimestamp)
            .message_attribute_names(REASON_ATTRIBUTE)
            .message_attribute_names(RECEIVES_ATTRIBUTE);
        Ok(call.ask(request.send()).await?.messages.unwrap_or_default())
    }

    async fn delete(&self, name: &'static str, entry: &DeadLetterEntry) -> Result<(), PortError> {
        let request = self.client.delete_message().queue_url(&self.dlq_url).receipt_handle(&entry.hold.0);
        self.holding(name).ask(request.send()).await?;
        Ok(())
    }

    fn holding(&self, name: &'static str) -> Call {
        Call { scope: Scope::Hold, ..writing(name, &self.dlq_url) }
    }
}

#[async_trait]
impl DeadLetters for DeadLetterBox {
    async fn peek(&self, max: usize) -> Result<Vec<DeadLetterEntry>, PortError> {
        let mut entries = Vec::new();
        let mut empty_answers = 0;
        while entries.len() < max && empty_answers < PEEK_EMPTY_ANSWERS_MAX {
            let page = self.receive((max - entries.len()).min(QUEUE_BATCH_MAX)).await?;
            empty_answers = if page.is_empty() { empty_answers + 1 } else { 0 };
            entries.extend(page.into_iter().filter_map(entry));
        }
        Ok(entries)
    }

    async fn send_back(&self, entry: &DeadLetterEntry) -> Result<(), PortError> {
        let call = writing("queue_admin.send_back", &self.queue_url);
        let request = self.client.send_message().queue_url(&self.queue_url).message_body(&entry.body);
        call.ask(request.send()).await?;
        self.delete("queue_admin.send_back", entry).await
    }

    async fn discard(&self, entry: &DeadLetterEntry) -> Result<(), PortError> {
        self.delete("queue_admin.discard", entry).await
    }

    async fn leave(&self, entry: &DeadLetterEntry) -> Result<(), PortError> {
        let request = self.client.change_message_visibility().queue_url(&self.dlq_url);
        let request = request.receipt_handle(&entry.hold.0).visibility_timeout(0);
        self.holding("queue_admin.leave").ask(request.send()).await?;
        Ok(())
    }
}

fn entry(message: Message) -> Option<DeadLetterEntry> {
    let reason = attribute(&message, REASON_ATTRIBUTE).map(str::to_owned);
    let receives = attribute(&message, RECEIVES_ATTRIBUTE).and_then(|text| text.parse().ok());
    let receives = receives.or_else(|| number(&message, &Name::ApproximateReceiveCount));
    let sent = time(&message, &Name::SentTimestamp);
    let first_received = time(&message, &Name::ApproximateFirstReceiveTimestamp);
    Some(DeadLetterEntry {
        hold: Hold(message.receipt_handle?),
        body: message.body.unwrap_or_default(),
        reason,
        receives: receives.and_then(|receives| u32::try_from(receives).ok()).unwrap_or(0),
        sent,
        first_received,
        message_id: message.message_id.unwrap_or_default(),
    })
}

fn attribute<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.message_attributes.as_ref()?.get(name)?.string_value()
}

fn time(message: &Message, name: &Name) -> Option<SystemTime> {
    number(message, name).map(|since| UNIX_EPOCH + Duration::from_millis(since))
}
