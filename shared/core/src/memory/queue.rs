//! A queue in memory, as honest as SQS about windows, holds and caps.
//!
//! ```text
//!            receive                     window ends, or release
//!  visible ----------> held until t  ------------------------------> visible (behind what became visible before)
//!     |                   |  ack: gone     dead_letter: dead, with a reason
//!     +-- a receive finds it received `receives_max` times already: dead, without a reason
//! ```
//! A message has one time, `visible_at`, and is visible from then on; nothing has to happen when a window ends.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, RangeBounds};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::limits::{
    MESSAGE_BYTES_MAX, QUEUE_BATCH_MAX, REASON_BYTES_MAX, RECEIVE_WAIT_MAX, RECEIVES_MAX, VISIBILITY,
    VISIBILITY_TOTAL_MAX,
};
use crate::ports::{
    DeadLetter, DeadLetterEntry, DeadLetters, Depth, Held, Hold, PortError, PortFault, Queue, SendFailure,
};

const SUBJECT: &str = "memory queue";

/// Messages held at once by all receivers of one standard queue (SQS quotas page).
const IN_FLIGHT_MAX: usize = 120_000;

/// A dead letter that was looked at is kept from others for so long.
const PEEK_WINDOW: Duration = Duration::from_secs(120);

/// How a [`MemoryQueue`] behaves; by default as the fleet's queues are set up.
#[derive(Debug, Clone, Copy)]
pub struct MemoryQueueConfig {
    /// How long a received message is invisible.
    pub visibility: Duration,
    /// Receives of one message before it is dead-lettered.
    pub receives_max: u32,
    /// Messages held at once; beyond that a receive finds nothing, and says so by nothing.
    pub in_flight_max: usize,
}

impl Default for MemoryQueueConfig {
    fn default() -> Self {
        Self { visibility: VISIBILITY, receives_max: RECEIVES_MAX, in_flight_max: IN_FLIGHT_MAX }
    }
}

/// A queue that lives as long as it is held.
#[derive(Debug)]
pub struct MemoryQueue {
    config: MemoryQueueConfig,
    state: Mutex<State>,
    // Rung when a message may have become visible earlier than a waiting receiver knows.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    messages: BTreeMap<u64, Message>,
    // Every message once, in the order of delivery.
    order: BTreeSet<(Instant, u64)>,
    // In the order in which they came; the number is a letter's own.
    dead: BTreeMap<u64, Dead>,
    buried: u64,
    sent: u64,
    received: u64,
}

#[derive(Debug)]
struct Message {
    body: String,
    sent_at: Instant,
    visible_at: Instant,
    receives: u32,
    receipt: Option<Receipt>,
}

#[derive(Debug)]
struct Dead {
    letter: DeadLetter,
    /// Nobody else sees it before.
    looked_at_until: Option<Instant>,
}

/// The latest receive of a message. Earlier holds are stale.
#[derive(Debug, Clone, Copy)]
struct Receipt {
    number: u64,
    at: Instant,
}

/// What a receive found.
struct Found {
    held: Vec<Held>,
    // When to look again if nothing was found.
    visible_next: Option<Instant>,
}

impl MemoryQueue {
    /// An empty queue.
    pub fn new(config: MemoryQueueConfig) -> Self {
        Self { config, state: Mutex::default(), changed: Notify::new() }
    }

    /// What lies in the dead-letter queue, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.state().dead.values().map(|dead| dead.letter.clone()).collect()
    }

    /// Puts every dead letter back as a new message, oldest first.
    pub fn redrive(&self) {
        let mut state = self.state();
        for dead in std::mem::take(&mut state.dead).into_values() {
            state.add(dead.letter.body, Instant::now());
        }
        drop(state);
        self.changed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_window(&self, call: &'static str, hold: &Hold, window: Duration) -> Result<(), PortError> {
        let now = Instant::now();
        self.state().set_window(call, hold, now, window)?;
        self.changed.notify_waiters();
        Ok(())
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, bodies: &[String]) -> Result<Vec<SendFailure>, PortError> {
        if bodies.is_empty() || bodies.len() > QUEUE_BATCH_MAX {
            return Err(refused("queue.send", PortFault::Invalid).because("a batch has 1 to 10 messages"));
        }
        let mut failures = Vec::new();
        let mut state = self.state();
        for (index, body) in bodies.iter().enumerate() {
            match body_fault(body) {
                None => state.add(body.clone(), Instant::now()),
                Some((fault, why)) => {
                    failures.push(SendFailure { index, error: refused("queue.send", fault).because(why) });
                }
            }
        }
        drop(state);
        self.changed.notify_waiters();
        Ok(failures)
    }

    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Held>, PortError> {
        if !(1..=QUEUE_BATCH_MAX).contains(&max) || wait > RECEIVE_WAIT_MAX {
            return Err(refused("queue.receive", PortFault::Invalid).because("1 to 10 messages, within 20 s"));
        }
        let give_up_at = Instant::now() + wait;
        loop {
            // Listening begins before looking, so that nothing rings in between unheard.
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let now = Instant::now();
            let found = self.state().take(max, now, &self.config);
            if !found.held.is_empty() || now >= give_up_at {
                return Ok(found.held);
            }
            let look_again_at = found.visible_next.map_or(give_up_at, |at| at.min(give_up_at));
            tokio::select! {
                // In the order of what is cheaper to find out; either leads to another look.
                biased;
                () = changed => {}
                () = sleep_until(look_again_at) => {}
            }
        }
    }

    async fn extend(&self, hold: &Hold, window: Duration) -> Result<(), PortError> {
        self.set_window("queue.extend", hold, window)
    }

    async fn release(&self, hold: &Hold, delay: Duration) -> Result<(), PortError> {
        self.set_window("queue.release", hold, delay)
    }

    async fn ack(&self, hold: &Hold) -> Result<(), PortError> {
        let mut state = self.state();
        let Some((sequence, receipt)) = parse(hold) else {
            return Err(refused("queue.ack", PortFault::LeaseGone));
        };
        match state.messages.get(&sequence) {
            // Deleting what is deleted is no error (SQS DeleteMessage).
            None => return Ok(()),
            Some(message) if message.receipt.is_none_or(|latest| latest.number != receipt) => {
                return Err(refused("queue.ack", PortFault::LeaseGone));
            }
            Some(_) => state.remove(sequence),
        };
        drop(state);
        // One less in flight: somebody may be waiting under the cap.
        self.changed.notify_waiters();
        Ok(())
    }

    async fn dead_letter(&self, held: &Held, reason: &str) -> Result<(), PortError> {
        let mut state = self.state();
        let sequence =
            state.held(&held.hold).ok_or_else(|| refused("queue.dead_letter", PortFault::LeaseGone))?;
        let reason = reason[..reason.floor_char_boundary(REASON_BYTES_MAX)].to_owned();
        state.bury(sequence, Some(reason));
        drop(state);
        self.changed.notify_waiters();
        Ok(())
    }

    fn may_drop_receive(&self) -> bool {
        true
    }

    fn window(&self) -> Duration {
        self.config.visibility
    }

    async fn depth(&self) -> Result<Depth, PortError> {
        let state = self.state();
        let in_flight = state.in_flight(Instant::now()) as u64;
        let visible = state.messages.len() as u64 - in_flight;
        // A message given back with a delay still counts as in flight, as it does on SQS.
        Ok(Depth { visible, in_flight, delayed: 0, dead: state.dead.len() as u64 })
    }
}

#[async_trait]
impl DeadLetters for MemoryQueue {
    async fn peek(&self, max: usize) -> Result<Vec<DeadLetterEntry>, PortError> {
        let now = Instant::now();
        let mut state = self.state();
        let free =
            state.dead.iter_mut().filter(|(_, dead)| dead.looked_at_until.is_none_or(|until| until <= now));
        let look = |(number, dead): (&u64, &mut Dead)| {
            dead.looked_at_until = Some(now + PEEK_WINDOW);
            let DeadLetter { body, reason, receives } = dead.letter.clone();
            let hold = Hold(number.to_string());
            let message_id = hold.0.clone();
            DeadLetterEntry { body, reason, receives, sent: None, first_received: None, message_id, hold }
        };
        Ok(free.take(max).map(look).collect())
    }

    async fn send_back(&self, entry: &DeadLetterEntry) -> Result<(), PortError> {
        let mut state = self.state();
        state.add(entry.body.clone(), Instant::now());
        state.dead.remove(&number(entry)?);
        drop(state);
        self.changed.notify_waiters();
        Ok(())
    }

    async fn discard(&self, entry: &DeadLetterEntry) -> Result<(), PortError> {
        self.state().dead.remove(&number(entry)?);
        Ok(())
    }

    async fn leave(&self, entry: &DeadLetterEntry) -> Result<(), PortError> {
        if let Some(dead) = self.state().dead.get_mut(&number(entry)?) {
            dead.looked_at_until = None;
        }
        Ok(())
    }
}

fn number(entry: &DeadLetterEntry) -> Result<u64, PortError> {
    entry.hold.0.parse().map_err(|_| refused("dead_letters", PortFault::Invalid))
}

impl State {
    fn add(&mut self, body: String, visible_at: Instant) {
        self.sent += 1;
        self.order.insert((visible_at, self.sent));
        self.messages
            .insert(self.sent, Message { body, sent_at: visible_at, visible_at, receives: 0, receipt: None });
    }

    fn take(&mut self, max: usize, now: Instant, config: &MemoryQueueConfig) -> Found {
        let mut room = self.room(now, config.in_flight_max).min(max);
        let mut held = Vec::new();
        while room > 0
            && let Some(&(visible_at, sequence)) = self.order.first()
            && visible_at <= now
        {
            if self.messages[&sequence].receives >= config.receives_max {
                self.bury(sequence, None);
                continue;
            }
            held.push(self.hold(sequence, now, config.visibility));
            room -= 1;
        }
        let visible_next = self.order.range(after(now)).next().map(|&(visible_at, _)| visible_at);
        Found { held, visible_next }
    }

    fn hold(&mut self, sequence: u64, now: Instant, visibility: Duration) -> Held {
        self.received += 1;
        let receipt = Receipt { number: self.received, at: now };
        self.reorder(sequence, now + visibility);
        let message = self.message(sequence);
        message.receives += 1;
        message.receipt = Some(receipt);
        let hold = Hold(format!("{sequence}.{}", receipt.number));
        let waited = (message.receives == 1).then(|| now - message.sent_at);
        Held { body: message.body.clone(), hold, receives: message.receives, waited }
    }

    fn room(&self, now: Instant, in_flight_max: usize) -> usize {
        // Counting is worth it only when there can be that many.
        if self.messages.len() <= in_flight_max {
            return in_flight_max;
        }
        in_flight_max.saturating_sub(self.in_flight(now))
    }

    fn in_flight(&self, now: Instant) -> usize {
        self.order.range(after(now)).count()
    }

    fn set_window(
        &mut self,
        call: &'static str,
        hold: &Hold,
        now: Instant,
        window: Duration,
    ) -> Result<(), PortError> {
        let gone = || refused(call, PortFault::LeaseGone);
        let sequence = self.held(hold).ok_or_else(gone)?;
        let message = self.message(sequence);
        if message.visible_at <= now {
            return Err(gone().because("its window has ended"));
        }
        let received_at = message.receipt.map_or(now, |receipt| receipt.at);
        if window > VISIBILITY_TOTAL_MAX.saturating_sub(now - received_at) {
            return Err(refused(call, PortFault::Invalid).because("held for more than 12 hours in all"));
        }
        self.reorder(sequence, now + window);
        Ok(())
    }

    /// The message whose latest receive gave `hold`.
    fn held(&self, hold: &Hold) -> Option<u64> {
        let (sequence, receipt) = parse(hold)?;
        let latest = self.messages.get(&sequence)?.receipt?;
        (latest.number == receipt).then_some(sequence)
    }

    fn message(&mut self, sequence: u64) -> &mut Message {
        self.messages.get_mut(&sequence).expect("every sequence number in use names a message")
    }

    fn reorder(&mut self, sequence: u64, visible_at: Instant) {
        let before = std::mem::replace(&mut self.message(sequence).visible_at, visible_at);
        self.order.remove(&(before, sequence));
        self.order.insert((visible_at, sequence));
    }

    fn remove(&mut self, sequence: u64) -> Message {
        let message = self.messages.remove(&sequence).expect("every sequence number in use names a message");
        self.order.remove(&(message.visible_at, sequence));
        message
    }

    fn bury(&mut self, sequence: u64, reason: Option<String>) {
        let message = self.remove(sequence);
        self.buried += 1;
        let letter = DeadLetter { body: message.body, reason, receives: message.receives };
        self.dead.insert(self.buried, Dead { letter, looked_at_until: None });
    }
}

fn after(now: Instant) -> impl RangeBounds<(Instant, u64)> {
    (Bound::Excluded((now, u64::MAX)), Bound::Unbounded)
}

fn parse(hold: &Hold) -> Option<(u64, u64)> {
    let (sequence, receipt) = hold.0.split_once('.')?;
    Some((sequence.parse().ok()?, receipt.parse().ok()?))
}

fn refused(call: &'static str, fault: PortFault) -> PortError {
    PortError::fatal(call, SUBJECT, fault)
}

fn body_fault(body: &str) -> Option<(PortFault, &'static str)> {
    if body.is_empty() {
        return Some((PortFault::Invalid, "a message has at least one character"));
    }
    if body.len() > MESSAGE_BYTES_MAX {
        return Some((PortFault::TooLarge, "a message has at most 64 KiB"));
    }
    (!body.chars().all(is_xml_char))
        .then_some((PortFault::Invalid, "a message has only characters that XML allows"))
}

/// `Char` of XML 1.0, which is what SQS takes (SendMessage).
fn is_xml_char(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}
