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
