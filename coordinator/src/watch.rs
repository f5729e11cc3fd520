//! Follows the units of a job that works in this process, until none is left to wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use backfleet_core::message::Message;
use backfleet_core::ports::DeadLetter;
use backfleet_worker::{Settled, Settlement};
use tokio::sync::mpsc;
use tokio::time::interval;

/// How often the dead letters are looked at.
const ROUNDS_EVERY: Duration = Duration::from_secs(5);

/// What is left of a job's units.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Remaining {
    /// Units without a completion or a dead letter.
    pub pending: BTreeSet<u32>,
    /// Units put aside, with the reason.
    pub dead: BTreeMap<u32, String>,
    /// Why the job should stop: there is no room for more at the destination.
    pub exhausted: Option<String>,
}

impl Remaining {
    /// Waits for deliveries to end until no unit is pending, there is no room, or the workers are gone. Now and then it asks
    /// `dead_letters`: a unit whose leases were all lost is put aside by the queue itself, without a delivery.
    pub async fn follow(
        &mut self,
        settled: &mut mpsc::Receiver<Settled>,
        dead_letters: impl Fn() -> Vec<DeadLetter>,
    ) {
        let mut rounds = interval(ROUNDS_EVERY);
        while !self.pending.is_empty() && self.exhausted.is_none() {
            // Biased: what the workers say comes first; the rounds are for what nobody says.
            tokio::select! {
                biased;
                end = settled.recv() => match end {
                    None => return,
                    Some(end) => self.note(end),
                },
                _ = rounds.tick() => self.note_dead(dead_letters()),
            }
        }
    }

    fn note_dead(&mut self, letters: Vec<DeadLetter>) {
        for letter in letters {
            let Ok(message) = Message::parse(&letter.body) else { continue };
            if self.pending.remove(&message.unit) {
                let reason =
                    letter.reason.unwrap_or_else(|| "lease-lost: every lease on it ended first".to_owned());
                self.dead.insert(message.unit, reason);
            }
        }
    }

    /// Takes one delivery's end into account.
    pub fn note(&mut self, end: Settled) {
        let Some(unit) = end.unit else { return };
        match end.settlement {
            Settlement::Completed { .. } => {
                self.pending.remove(&unit);
                self.dead.remove(&unit);
            }
            Settlement::DeadLettered { reason } => {
                self.pending.remove(&unit);
                self.dead.insert(unit, reason);
            }
            Settlement::Released { reason, exhausted: true } => self.exhausted = Some(reason),
            Settlement::Continued | Settlement::Released { .. } | Settlement::Lost => {}
        }
    }
}
