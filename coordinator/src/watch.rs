//! Follows the units of a job that works in this process, until none is left to wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use backfleet_core::memory::MemoryQueue;
use backfleet_core::message::Message;
use backfleet_core::plan::Plan;
use backfleet_core::ports::{DeadLetter, Depth, PortError, Queue as _};
use backfleet_worker::{Settled, Settlement};
use tokio::sync::mpsc;
use tokio::time::interval;

use crate::enqueue::enqueue;

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
    /// Waits for deliveries to end until no unit is pending, there is no room, or the workers are gone. Now and then it looks
    /// at the queue: a unit whose leases were all lost is put aside by the queue itself, without a delivery, and then nobody
    /// sends the next segment of its lane.
    pub async fn follow(
        &mut self,
        settled: &mut mpsc::Receiver<Settled>,
        queue: &MemoryQueue,
        plan: &Plan,
    ) -> Result<(), PortError> {
        let mut rounds = interval(ROUNDS_EVERY);
        while !self.pending.is_empty() && self.exhausted.is_none() {
            // Biased: what the workers say comes first; the rounds are for what nobody says.
            tokio::select! {
                biased;
                end = settled.recv() => match end {
                    None => return Ok(()),
                    Some(end) => self.note(end),
                },
                _ = rounds.tick() => {
                    self.note_dead(queue.dead_letters());
                    let Depth { visible, in_flight, delayed, .. } = queue.depth().await?;
                    if (visible, in_flight, delayed) == (0, 0, 0) {
                        enqueue(queue, plan, &self.pending).await?;
                    }
                }
            }
        }
        Ok(())
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

#[cfg(test)]
pub(crate) mod tests {
    use backfleet_core::memory::MemoryQueueConfig;
    use backfleet_core::plan::{Expressions, ScanSource, Source, UnitPlan};

    use super::*;
    use crate::spec::tests_support::request;
    use crate::spec::{Request, Shown, options};

    pub(crate) fn scan_of_six_in_two_lanes() -> Plan {
        let request = Request { format: "item".into(), ..request() };
        let shown = Shown { time: Some("2026-01-14T10:18:50Z".into()), ..Shown::default() };
        let scan = ScanSource {
            table_arn: "arn".into(),
            index: None,
            segments: 6,
            lanes: 2,
            consistent: false,
            dated: true,
            expressions: Expressions::default(),
        };
        let unit = |n| UnitPlan { part: 0, key: format!("segment/{n}"), bytes: 0, items: None, md5: None };
        let options = options(&request, &shown, None).unwrap();
        Plan::new("dynamodb://t".into(), Source::Scan(scan), options, (0..6).map(unit).collect()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_whose_segment_the_queue_put_aside_goes_on_with_the_next() {
        let plan = scan_of_six_in_two_lanes();
        let queue = MemoryQueue::new(MemoryQueueConfig { receives_max: 1, ..Default::default() });
        let mut remaining = Remaining { pending: [0, 2, 4].into(), ..Remaining::default() };
        enqueue(&queue, &plan, &remaining.pending).await.unwrap();
        let (ends, mut settled) = mpsc::channel(1);
        let worker = async {
            // The first delivery is never heard of again; the window ends, and the queue puts it aside.
            let lost = queue.receive(1, Duration::from_secs(20)).await.unwrap();
            assert_eq!(Message::parse(&lost[0].body).unwrap().unit, 0);
            for unit in [2, 4] {
                let held = loop {
                    let held = queue.receive(1, Duration::from_secs(20)).await.unwrap();
                    if let Some(held) = held.into_iter().next() {
                        break held;
                    }
                };
                assert_eq!(Message::parse(&held.body).unwrap().unit, unit);
                queue.ack(&held.hold).await.unwrap();
                let settlement = Settlement::DeadLettered { reason: "done with".into() };
                ends.send(Settled { unit: Some(unit), settlement }).await.unwrap();
            }
        };
        let (followed, ()) = tokio::join!(remaining.follow(&mut settled, &queue, &plan), worker);
        followed.unwrap();
        assert!(remaining.pending.is_empty() && remaining.dead[&0].contains("lease-lost"), "{remaining:?}");
    }
    fn released(exhausted: bool) -> Settlement {
        Settlement::Released { reason: "no room".into(), exhausted }
    }

    #[test]
    fn what_a_delivery_ended_in_is_what_is_left_of_its_unit() {
        let mut remaining = Remaining { pending: [0, 1].into(), ..Remaining::default() };
        let before = remaining.clone();
        let end = |unit, settlement| Settled { unit, settlement };
        for nothing in [Settlement::Continued, Settlement::Lost, released(false)] {
            remaining.note(end(Some(0), nothing));
        }
        remaining.note(end(None, Settlement::DeadLettered { reason: "malformed".into() }));
        assert_eq!(remaining, before);
        remaining.note(end(Some(0), Settlement::DeadLettered { reason: "damaged".into() }));
        assert_eq!((remaining.pending.len(), remaining.dead[&0].as_str()), (1, "damaged"));
        remaining.note(end(Some(1), released(true)));
        assert_eq!((remaining.pending.len(), remaining.exhausted.as_deref()), (1, Some("no room")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_is_followed_until_there_is_no_room_or_nobody_works() {
        let plan = scan_of_six_in_two_lanes();
        let queue = MemoryQueue::new(MemoryQueueConfig::default());
        let mut remaining = Remaining { pending: [0, 1].into(), ..Remaining::default() };
        let (ends, mut settled) = mpsc::channel(1);
        ends.send(Settled { unit: Some(0), settlement: released(true) }).await.unwrap();
        remaining.follow(&mut settled, &queue, &plan).await.unwrap();
        assert!(remaining.exhausted.is_some() && remaining.pending.len() == 2, "{remaining:?}");

        let mut remaining = Remaining { pending: [0].into(), ..Remaining::default() };
        drop(ends);
        remaining.follow(&mut settled, &queue, &plan).await.unwrap();
        assert_eq!(remaining.pending, [0].into());
    }
}
