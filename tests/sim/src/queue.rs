//! A queue and its dead letters in bad weather.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backfleet_core::limits::RECEIVES_MAX;
use backfleet_core::memory::MemoryQueue;
use backfleet_core::message::Message;
use backfleet_core::ports::{
    DeadLetterEntry, DeadLetters, Depth, Effect, Held, Hold, PortError, PortFault, Queue, SendFailure,
};
use tokio::time::sleep;

use crate::process::{Call, Process};
use crate::site::Site;
use crate::what::{Verb, What};

/// What stands in every item and must never stand in a dead letter.
pub const SECRET: &str = "s3cr3t";

/// Reasons for which a message may be put aside before it was received as often as it may.
const AT_ONCE: &[&str] = &[
    "malformed-message",
    "unknown-job",
    "unknown-unit",
    "foreign-source",
    "unusable-plan",
    "output-damaged",
    "conflict",
];

/// One process' way to the queue.
pub struct SimQueue {
    process: Arc<Process>,
    site: Arc<Site>,
}

impl SimQueue {
    /// The way of a process.
    pub fn new(process: &Arc<Process>, site: &Arc<Site>) -> Self {
        Self { process: process.clone(), site: site.clone() }
    }

    fn inner(&self) -> &Arc<MemoryQueue> {
        &self.site.queue
    }

    fn call(verb: Verb, subject: &str) -> Call<'_> {
        Call { name: "queue", verb, what: What::Other, subject }
    }

    async fn put_on(&self, bodies: &[String]) -> Result<Vec<SendFailure>, PortError> {
        let world = &self.process.world;
        let mut taken = Vec::new();
        let mut failures = Vec::new();
        for (index, body) in bodies.iter().enumerate() {
            if world.happens("F29 entry of a batch not taken", world.climate.partly) {
                let passing = world.draw(|draw| draw.chance(0.7));
                let mut error =
                    PortError::passing("queue.send", "entry", PortFault::Unavailable, Effect::None);
                if !passing {
                    error = PortError::fatal("queue.send", "entry", PortFault::Invalid);
                }
                failures.push(SendFailure { index, error });
                continue;
            }
            world.sent(body);
            if world.happens("F07 message lost", world.climate.lost) {
                world.tell(&self.process.name, "the message is lost");
                continue;
            }
            taken.push(body.clone());
            if world.happens("F03 message doubled", world.climate.doubled) {
                taken.push(body.clone());
            }
        }
        for batch in taken.chunks(10) {
            let refused = self.inner().send(batch).await?;
            assert!(refused.is_empty(), "our own messages are well-formed");
        }
        Ok(failures)
    }

    /// The message is somebody else's again, although its lease has not ended.
    fn steal(&self, held: &Held) {
        let world = self.process.world.clone();
        if !world.happens("F04 lease ends unnoticed", world.climate.stolen) {
            return;
        }
        let (queue, hold) = (self.inner().clone(), held.hold.clone());
        tokio::spawn(async move {
            let after = world.draw(|draw| draw.time(Duration::ZERO, Duration::from_secs(10)));
            sleep(after).await;
            let _ = queue.release(&hold, Duration::ZERO).await;
        });
    }

    fn check_ack(&self, hold: &Hold) {
        let world = &self.process.world;
        let Some(message) = world.message(hold) else { return };
        if message.job != self.site.plan.job {
            return;
        }
        let complete = self.site.is_complete(message.unit);
        if !complete && !world.was_sent(message.unit, message.slice + 1) {
            world.violated(
                "I4 no message is deleted before its completion stands",
                format!("{} lets unit {} go", self.process.name, message.unit),
            );
        }
    }

    fn check_letter(&self, held: &Held, reason: &str) {
        let world = &self.process.world;
        if reason.contains(SECRET) {
            world.violated("I9 no item data in a dead letter", reason);
        }
        let class = reason.split(':').next().unwrap_or_default();
        if held.receives < RECEIVES_MAX && !AT_ONCE.contains(&class) {
            world.violated("I4 a unit is tried as often as it may be", reason);
        }
        if class == "unavailable" {
            world.violated("I4 an outage puts nothing aside", reason);
        }
        world.saw(&format!("letter: {class}"));
    }
}

#[async_trait]
impl Queue for SimQueue {
    async fn send(&self, bodies: &[String]) -> Result<Vec<SendFailure>, PortError> {
        let subject = bodies.join(" ");
        self.process.call(Self::call(Verb::Send, &subject), self.put_on(bodies)).await
    }

    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Held>, PortError> {
        let world = &self.process.world;
        let window = self.window();
        let take = async {
            let held = self.inner().receive(max, wait).await?;
            for held in &held {
                world.leased(self.process.id, held, window);
                self.steal(held);
                let unit = Message::parse(&held.body).ok().map(|message| message.unit);
                let poison = unit.is_some_and(|unit| self.site.expected.poison.contains(&unit));
                if held.receives > 1 {
                    world.saw(if poison { "poison redelivered" } else { "redelivered" });
                }
            }
            Ok(held)
        };
        let held = self.process.call(Self::call(Verb::Receive, ""), take).await?;
        for held in &held {
            self.process.event(&Self::call(Verb::Receive, &held.body), "has it");
        }
        Ok(held)
    }

    fn window(&self) -> Duration {
        self.inner().window()
    }

    async fn extend(&self, hold: &Hold, window: Duration) -> Result<(), PortError> {
        let world = &self.process.world;
        if world.happens("F06 heartbeat fails", world.climate.heartbeat) {
            sleep(world.draw(|draw| draw.time(Duration::ZERO, window / 2))).await;
            let error =
                PortError::passing("queue.extend", "message", PortFault::Unavailable, Effect::Unknown);
            return Err(error);
        }
        if world.happens("F31 extension refused", world.climate.extension) {
            let fault = world.draw(|draw| draw.pick(&[PortFault::LeaseGone, PortFault::Invalid]));
            return Err(PortError::fatal("queue.extend", "message", fault));
        }
        let extend = async {
            self.inner().extend(hold, window).await?;
            world.extended(hold, window);
            Ok(())
        };
        self.process.call(Self::call(Verb::Extend, &hold.0), extend).await
    }

    async fn release(&self, hold: &Hold, delay: Duration) -> Result<(), PortError> {
        let release = async {
            self.inner().release(hold, delay).await?;
            self.process.world.let_go(hold);
            Ok(())
        };
        self.process.call(Self::call(Verb::Release, &hold.0), release).await
    }

    async fn ack(&self, hold: &Hold) -> Result<(), PortError> {
        let ack = async {
            self.check_ack(hold);
            self.inner().ack(hold).await?;
            self.process.world.let_go(hold);
            Ok(())
        };
        self.process.call(Self::call(Verb::Ack, &hold.0), ack).await
    }

    async fn dead_letter(&self, held: &Held, reason: &str) -> Result<(), PortError> {
        let put_aside = async {
            self.inner().dead_letter(held, reason).await?;
            self.check_letter(held, reason);
            Ok(())
        };
        self.process.call(Self::call(Verb::DeadLetter, reason), put_aside).await
    }

    async fn depth(&self) -> Result<Depth, PortError> {
        let world = &self.process.world;
        let ask = async {
            let depth = self.inner().depth().await?;
            let nothing = world.happens("F30 depth told as nothing", world.climate.depth);
            Ok(if nothing { Depth { dead: depth.dead, ..Depth::default() } } else { depth })
        };
        self.process.call(Self::call(Verb::Depth, ""), ask).await
    }
}

/// One process' way to the dead letters.
pub struct SimLetters {
    process: Arc<Process>,
    site: Arc<Site>,
}

impl SimLetters {
    /// The way of a process.
    pub fn new(process: &Arc<Process>, site: &Arc<Site>) -> Self {
        Self { process: process.clone(), site: site.clone() }
    }
}

#[async_trait]
impl DeadLetters for SimLetters {
    async fn peek(&self, max: usize) -> Result<Vec<DeadLetterEntry>, PortError> {
        self.process.call(SimQueue::call(Verb::Peek, ""), self.site.queue.peek(max)).await
    }

    async fn send_back(&self, entry: &DeadLetterEntry) -> Result<(), PortError> {
        self.process.world.saw("F10 dead letter sent back");
        self.process.call(SimQueue::call(Verb::SendBack, &entry.body), self.site.queue.send_back(entry)).await
    }

    async fn discard(&self, entry: &DeadLetterEntry) -> Result<(), PortError> {
        self.process.call(SimQueue::call(Verb::Discard, &entry.body), self.site.queue.discard(entry)).await
    }

    async fn leave(&self, entry: &DeadLetterEntry) -> Result<(), PortError> {
        self.process.call(SimQueue::call(Verb::Release, &entry.body), self.site.queue.leave(entry)).await
    }
}
