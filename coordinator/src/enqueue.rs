//! Puts a message on the queue for every unit that has no completion.

use std::collections::BTreeSet;

use backfleet_core::layout::Layout;
use backfleet_core::limits::QUEUE_BATCH_MAX;
use backfleet_core::message::Message;
use backfleet_core::mutant::{self, Mutant};
use backfleet_core::plan::{Plan, Source};
use backfleet_core::ports::{ObjectStore, PortError, Queue};

/// The units of a plan that have no completion yet. Costs one listing.
pub async fn pending(
    dest: &dyn ObjectStore,
    plan: &Plan,
    layout: &Layout,
) -> Result<BTreeSet<u32>, PortError> {
    let units = u32::try_from(plan.units.len()).expect("a plan has at most UNITS_MAX units");
    let mut pending: BTreeSet<u32> = (0..units).collect();
    let mut after = None;
    loop {
        let page = dest.list(&layout.completions_prefix(), after.as_ref()).await?;
        for entry in &page.entries {
            if let Some(unit) = layout.parse_completion(&entry.key) {
                pending.remove(&unit);
            }
        }
        let Some(last) = page.entries.last().filter(|_| page.more) else { return Ok(pending) };
        after = Some(last.key.clone());
    }
}

/// Those of `pending` that get a message now. Of files all, the largest first, so that no fat one ends the night alone;
/// of a scan the first segment of each lane, which brings the next one.
pub fn due(plan: &Plan, pending: &BTreeSet<u32>) -> Vec<u32> {
    match &plan.source {
        Source::Export(_) => {
            let mut units: Vec<u32> = pending.iter().copied().collect();
            units.sort_by_key(|&unit| (std::cmp::Reverse(plan.units[unit as usize].bytes), unit));
            units
        }
        Source::Scan(scan) => {
            let mut lanes = BTreeSet::new();
            pending.iter().copied().filter(|&unit| lanes.insert(scan.lane(unit))).collect()
        }
    }
}

/// Sends one message for each unit that is [`due`]. A batch that was taken in part is sent again for the rest; a message
/// that arrives twice is harmless. Gives how many were sent.
pub async fn enqueue(queue: &dyn Queue, plan: &Plan, pending: &BTreeSet<u32>) -> Result<usize, PortError> {
    let units = due(plan, pending);
    for batch in units.chunks(QUEUE_BATCH_MAX) {
        let bodies: Vec<String> =
            batch.iter().map(|&unit| Message::first(plan.job, unit).to_body()).collect();
        let refused = queue.send(&bodies).await?.into_iter().next();
        if let Some(failure) = refused.filter(|_| !mutant::is(Mutant::RefusalUnseen)) {
            return Err(failure.error);
        }
    }
    Ok(units.len())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use backfleet_core::memory::{MemoryQueue, MemoryQueueConfig, MemoryStore};
    use backfleet_core::ports::{Depth, Held, Hold, PortFault, SendFailure};

    use super::*;
    use crate::verify::tests::Done;
    use crate::watch::tests::scan_of_six_in_two_lanes;

    async fn sent(queue: &MemoryQueue) -> Vec<u32> {
        let mut units = Vec::new();
        loop {
            let held = queue.receive(QUEUE_BATCH_MAX, Duration::ZERO).await.unwrap();
            if held.is_empty() {
                return units;
            }
            units.extend(held.iter().map(|held| Message::parse(&held.body).unwrap().unit));
        }
    }

    #[tokio::test]
    async fn pending_is_what_has_no_completion() {
        let mut done = Done::new();
        let left = async |done: &Done| {
            Vec::from_iter(pending(&done.store().await, &done.plan, &done.layout).await.unwrap())
        };
        assert!(left(&done).await.is_empty());
        done.objects.remove(&done.layout.completion(0));
        done.objects.remove(&done.layout.completion(2));
        assert_eq!(left(&done).await, [0, 2]);
        let of_another_job = MemoryStore::new();
        let all = pending(&of_another_job, &done.plan, &done.layout).await.unwrap();
        assert_eq!(all, [0, 1, 2].into());
    }

    #[test]
    fn files_are_due_all_the_largest_first_and_of_a_scan_the_first_segment_of_each_lane() {
        let mut files = Done::new().plan;
        for (unit, bytes) in files.units.iter_mut().zip([5, 9, 5]) {
            unit.bytes = bytes;
        }
        assert_eq!(due(&files, &[0, 1, 2].into()), [1, 0, 2]);
        assert_eq!(due(&files, &[0, 2].into()), [0, 2]);
        let scan = scan_of_six_in_two_lanes();
        assert_eq!(due(&scan, &(0..6).collect()), [0, 1]);
        assert_eq!(due(&scan, &[2, 4, 5].into()), [2, 5]);
    }

    #[tokio::test]
    async fn every_unit_that_is_due_gets_a_message_in_however_many_batches() {
        let mut plan = Done::new().plan;
        let unit = plan.units[0].clone();
        plan.units = vec![unit; 2 * QUEUE_BATCH_MAX + 3];
        let pending: BTreeSet<u32> = (0..plan.units.len() as u32).collect();
        let queue = MemoryQueue::new(MemoryQueueConfig::default());
        assert_eq!(enqueue(&queue, &plan, &pending).await.unwrap(), pending.len());
        assert_eq!(sent(&queue).await, Vec::from_iter(pending));
        assert_eq!(enqueue(&queue, &plan, &BTreeSet::new()).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_message_that_the_queue_did_not_take_is_no_message() {
        let refused = enqueue(&Refusing, &Done::new().plan, &[0, 1].into()).await;
        assert_eq!(refused.expect_err("the second was not taken").fault, PortFault::Throttled);
    }

    /// A queue that takes all but the last of a batch.
    struct Refusing;

    #[async_trait]
    impl Queue for Refusing {
        async fn send(&self, bodies: &[String]) -> Result<Vec<SendFailure>, PortError> {
            let error = PortError::fatal("queue.send", "queue", PortFault::Throttled);
            Ok(vec![SendFailure { index: bodies.len() - 1, error }])
        }

        fn window(&self) -> Duration {
            unreachable!("nothing is received")
        }

        async fn receive(&self, _: usize, _: Duration) -> Result<Vec<Held>, PortError> {
            unreachable!("nothing is received")
        }

        async fn extend(&self, _: &Hold, _: Duration) -> Result<(), PortError> {
            unreachable!("nothing is received")
        }

        async fn release(&self, _: &Hold, _: Duration) -> Result<(), PortError> {
            unreachable!("nothing is received")
        }

        async fn ack(&self, _: &Hold) -> Result<(), PortError> {
            unreachable!("nothing is received")
        }

        async fn dead_letter(&self, _: &Held, _: &str) -> Result<(), PortError> {
            unreachable!("nothing is received")
        }

        async fn depth(&self) -> Result<Depth, PortError> {
            unreachable!("nothing is asked")
        }
    }
}
