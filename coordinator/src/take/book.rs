//! What was asked for before: tickets and the exports they became.

use std::time::{Duration, SystemTime};

use backfleet_core::digest::Sha256Digest;
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::{export_arn_key, export_ticket_key, export_tickets_prefix, parse_export_ticket};
use backfleet_core::limits::CONTROL_BYTES_MAX;
use backfleet_core::ports::{Metadata, NewObject, ObjectStore, PortError, PutOutcome};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The tickets of everything that was asked for in the same words.
pub(super) struct Book<'s> {
    store: &'s dyn ObjectStore,
    order: Sha256Digest,
    words: Vec<String>,
}

/// An intention to export, kept before DynamoDB hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ticket {
    v: u32,
    /// DynamoDB's `ClientToken`.
    pub(super) token: String,
    /// When it was written, RFC 3339.
    asked: String,
    /// What is asked for, for people.
    order: Vec<String>,
}

/// A ticket, and its export where that has a name.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) number: u32,
    pub(super) ticket: Ticket,
    pub(super) arn: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    export_arn: String,
}

/// What was asked before cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The bucket failed.
    #[error("the place of exports cannot keep what is asked for")]
    Port(#[from] PortError),
    /// An object that is none of ours, or damaged.
    #[error("{key} in {place} is no ticket of an export")]
    Form {
        /// The object.
        key: String,
        /// Where.
        place: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A ticket that was just seen is not there.
    #[error("{key} in {place} is gone again")]
    Gone {
        /// The object.
        key: String,
        /// Where.
        place: String,
    },
    /// Two calls at once named two exports: there are two now.
    #[error("the export {ours} was started, and {theirs} by another call at the same time")]
    Twice {
        /// What this call started.
        ours: String,
        /// What is written down.
        theirs: String,
    },
}

impl Ticket {
    /// How old it is; one that does not say is very old.
    pub(super) fn age(&self, now: SystemTime) -> Duration {
        match OffsetDateTime::parse(&self.asked, &Rfc3339) {
            Ok(asked) => now.duration_since(asked.into()).unwrap_or_default(),
            Err(_) => Duration::MAX,
        }
    }
}

impl<'s> Book<'s> {
    /// Of what these words ask for.
    pub(super) fn new(store: &'s dyn ObjectStore, words: &[&str]) -> Self {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let order = Sha256Digest::of(&serde_json::to_vec(&words).expect("words are plain data"));
        Self { store, order, words }
    }

    /// The last ticket; `None` before the first.
    pub(super) async fn last(&self) -> Result<Option<Entry>, BookError> {
        let (mut last, mut after) = (None, None);
        loop {
            let page = self.store.list(&export_tickets_prefix(self.order), after.as_ref()).await?;
            let tickets = page.entries.iter().filter_map(|entry| parse_export_ticket(self.order, &entry.key));
            last = last.max(tickets.max());
            match page.entries.last().filter(|_| page.more) {
                Some(entry) => after = Some(entry.key.clone()),
                None => break,
            }
        }
        let Some(number) = last else { return Ok(None) };
        let ticket = self.read(&export_ticket_key(self.order, number)).await?;
        let key = export_ticket_key(self.order, number);
        let ticket = ticket.ok_or_else(|| self.gone(&key))?;
        let named: Option<Named> = self.read(&export_arn_key(self.order, number)).await?;
        Ok(Some(Entry { number, ticket, arn: named.map(|named| named.export_arn) }))
    }

    /// Writes ticket `number`, or takes the one that another call wrote just before.
    pub(super) async fn write_ticket(&self, number: u32, now: SystemTime) -> Result<Ticket, BookError> {
        let asked = OffsetDateTime::from(now);
        let seed = format!("{} {number} {} {}", self.order, asked.unix_timestamp_nanos(), std::process::id());
        let token = Sha256Digest::of(seed.as_bytes()).to_string()[..32].to_owned();
        let asked = asked.format(&Rfc3339).expect("a year of four digits");
        let ticket = Ticket { v: 1, token, asked, order: self.words.clone() };
        let key = export_ticket_key(self.order, number);
        match self.put(key.clone(), &ticket).await? {
            PutOutcome::Created => Ok(ticket),
            PutOutcome::AlreadyThere => self.read(&key).await?.ok_or_else(|| self.gone(&key)),
        }
    }

    /// Writes down the export that ticket `number` became.
    pub(super) async fn name(&self, number: u32, arn: &str) -> Result<(), BookError> {
        let key = export_arn_key(self.order, number);
        if self.put(key.clone(), &Named { export_arn: arn.to_owned() }).await? == PutOutcome::Created {
            return Ok(());
        }
        let there: Named = self.read(&key).await?.ok_or_else(|| self.gone(&key))?;
        if there.export_arn == arn {
            return Ok(());
        }
        Err(BookError::Twice { ours: arn.to_owned(), theirs: there.export_arn })
    }

    async fn put(&self, key: ObjectKey, object: &impl Serialize) -> Result<PutOutcome, BookError> {
        let mut bytes = serde_json::to_vec(object).expect("a ticket is plain data");
        bytes.push(b'\n');
        let sha256 = Sha256Digest::of(&bytes);
        let object = NewObject { key, bytes: bytes.into(), metadata: Metadata::new(), sha256 };
        Ok(self.store.put_new(object).await?)
    }

    async fn read<T: for<'de> Deserialize<'de>>(&self, key: &ObjectKey) -> Result<Option<T>, BookError> {
        let Some(json) = self.store.get_small(key, CONTROL_BYTES_MAX).await? else { return Ok(None) };
        let form = |source| BookError::Form { key: key.to_string(), place: self.store.describe(), source };
        serde_json::from_slice(&json).map(Some).map_err(form)
    }

    fn gone(&self, key: &ObjectKey) -> BookError {
        BookError::Gone { key: key.to_string(), place: self.store.describe() }
    }
}
