//! Dead letters: what lies there and why, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use backfleet_core::job::JobId;
use backfleet_core::layout::Layout;
use backfleet_core::limits::QUEUE_BATCH_MAX;
use backfleet_core::message::Message;
use backfleet_core::plan::PlanError;
use backfleet_core::ports::{DeadLetterEntry, DeadLetters, ObjectStore, PortError};
use backfleet_core::retry::Retrier;

use crate::plan::{PlanningError, stored};

/// One dead letter, as far as people need to know it.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The job and unit it names; `None` when it is no message of ours.
    pub message: Option<Message>,
    /// Why it is here.
    pub reason: String,
    /// How often it was received.
    pub receives: u32,
    /// When it came here.
    pub sent: Option<SystemTime>,
    /// When it was first received after that.
    pub first_received: Option<SystemTime>,
}

/// Which letters are meant.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Only of this job.
    pub job: Option<JobId>,
    /// Only of this unit.
    pub unit: Option<u32>,
    /// Only with this in their reason.
    pub reason: Option<String>,
}

/// What was done to the letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Sent back to the work queue.
    pub sent_back: u64,
    /// Dropped because their unit is complete.
    pub already_complete: u64,
    /// Deleted because that was asked.
    pub discarded: u64,
    /// Left where they are.
    pub left: u64,
}

/// Letters looked at in one call at most.
const LOOKED_AT_MAX: usize = 10_000;

/// The dead letters of one queue, whose calls are tried again.
pub struct Letters {
    inner: Arc<dyn DeadLetters>,
    retrier: Arc<Retrier>,
}

impl Letters {
    /// These letters, with this way of trying again.
    pub fn new(inner: Arc<dyn DeadLetters>, retrier: Arc<Retrier>) -> Self {
        Self { inner, retrier }
    }

    async fn peek(&self, max: usize) -> Result<Vec<DeadLetterEntry>, PortError> {
        self.retrier.run(|| self.inner.peek(max)).await
    }

    /// A lost reply may send a letter back twice, which is harmless.
    async fn send_back(&self, entry: &DeadLetterEntry) -> Result<(), PortError> {
        self.retrier.run(|| self.inner.send_back(entry)).await
    }

    async fn discard(&self, entry: &DeadLetterEntry) -> Result<(), PortError> {
        self.retrier.run(|| self.inner.discard(entry)).await
    }

    async fn leave(&self, entry: &DeadLetterEntry) -> Result<(), PortError> {
        self.retrier.run(|| self.inner.leave(entry)).await
    }
}

impl Letter {
    fn of(entry: &DeadLetterEntry) -> Self {
        let unsaid = || "too many receives: the workers that had it died or lost their leases".to_owned();
        Self {
            message: Message::parse(&entry.body).ok(),
            reason: entry.reason.clone().unwrap_or_else(unsaid),
            receives: entry.receives,
            sent: entry.sent,
            first_received: entry.first_received,
        }
    }

    /// The reason's class: what stands before the first colon.
    pub fn class(&self) -> &str {
        self.reason.split(':').next().unwrap_or_default()
    }
}

impl Choice {
    /// Whether a letter is meant.
    pub fn takes(&self, letter: &Letter) -> bool {
        let message = letter.message.as_ref();
        self.job.is_none_or(|job| message.is_some_and(|message| message.job == job))
            && self.unit.is_none_or(|unit| message.is_some_and(|message| message.unit == unit))
            && self.reason.as_ref().is_none_or(|reason| letter.reason.contains(reason.as_str()))
    }
}

/// What lies there, and leaves it there.
pub async fn list(letters: &Letters, choice: &Choice) -> Result<Vec<Letter>, PortError> {
    let mut found = Vec::new();
    for entry in take(letters).await? {
        let letter = Letter::of(&entry);
        letters.leave(&entry).await?;
        if choice.takes(&letter) {
            found.push(letter);
        }
    }
    Ok(found)
}

/// Sends chosen letters back to the work queue; drops those whose unit is complete by now.
pub async fn replay(
    letters: &Letters,
    dest: &dyn ObjectStore,
    choice: &Choice,
) -> Result<Done, PlanningError> {
    let mut jobs = Jobs { dest, layouts: BTreeMap::new() };
    let mut done = Done::default();
    for entry in take(letters).await? {
        let letter = Letter::of(&entry);
        if !choice.takes(&letter) {
            letters.leave(&entry).await?;
            done.left += 1;
        } else if jobs.is_complete(letter.message).await? {
            letters.discard(&entry).await?;
            done.already_complete += 1;
        } else {
            letters.send_back(&entry).await?;
            done.sent_back += 1;
        }
    }
    Ok(done)
}

/// Deletes chosen letters for good. Their units stay without a completion, and `resume` can bring them back.
pub async fn discard(letters: &Letters, choice: &Choice) -> Result<Done, PortError> {
    let mut done = Done::default();
    for entry in take(letters).await? {
        if choice.takes(&Letter::of(&entry)) {
            letters.discard(&entry).await?;
            done.discarded += 1;
        } else {
            letters.leave(&entry).await?;
            done.left += 1;
        }
    }
    Ok(done)
}

/// Everything that lies there, each held for us for two minutes.
async fn take(letters: &Letters) -> Result<Vec<DeadLetterEntry>, PortError> {
    let mut taken = Vec::new();
    let mut seen = BTreeSet::new();
    while taken.len() < LOOKED_AT_MAX {
        let page = letters.peek(QUEUE_BATCH_MAX).await?;
        let fresh: Vec<_> = page.into_iter().filter(|entry| seen.insert(entry.message_id.clone())).collect();
        if fresh.is_empty() {
            break;
        }
        taken.extend(fresh);
    }
    Ok(taken)
}

struct Jobs<'a> {
    dest: &'a dyn ObjectStore,
    layouts: BTreeMap<JobId, Option<Layout>>,
}

impl Jobs<'_> {
    async fn is_complete(&mut self, message: Option<Message>) -> Result<bool, PlanningError> {
        let Some(message) = message else { return Ok(false) };
        if !self.layouts.contains_key(&message.job) {
            let layout = self.layout(message.job).await?;
            self.layouts.insert(message.job, layout);
        }
        match &self.layouts[&message.job] {
            None => Ok(false),
            Some(layout) => Ok(self.dest.head(&layout.completion(message.unit)).await?.is_some()),
        }
    }

    /// `None` for a job that has no plan here: its letters are somebody else's to judge.
    async fn layout(&self, job: JobId) -> Result<Option<Layout>, PlanningError> {
        match stored(self.dest, job).await {
            Ok(plan) => Ok(Some(plan.layout().map_err(PlanError::from)?)),
            Err(PlanningError::NoPlan { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
