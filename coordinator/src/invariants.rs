//! What always holds of a job, as functions of what was read of it: `verify` asks them of a destination, the simulation of
//! every world.

use std::collections::{BTreeMap, BTreeSet};

use backfleet_core::chain::Link;
use backfleet_core::completion::{Completion, ShardRecord};
use backfleet_core::layout::{Layout, ShardName};
use backfleet_core::manifest::Manifest;
use backfleet_core::plan::UnitPlan;

/// The shards of a unit are named by their places, from 0, without a gap.
pub fn shards_stand_in_order(layout: &Layout, completion: &Completion) -> bool {
    let named = |(n, shard): (usize, &ShardRecord)| {
        let name = ShardName { unit: completion.unit, shard: u32::try_from(n).unwrap_or(u32::MAX) };
        layout.shard(name).as_str() == shard.key
    };
    completion.shards.iter().enumerate().all(named)
}

/// A unit read as many records as were promised of it.
pub fn promise_is_kept(planned: &UnitPlan, completion: &Completion) -> bool {
    planned.items.is_none_or(|items| items == completion.counts.records_in)
}

/// No object is listed twice.
pub fn nothing_is_listed_twice(manifest: &Manifest) -> bool {
    let mut keys = BTreeSet::new();
    manifest.shards.iter().all(|shard| keys.insert(shard.key.as_str()))
}

/// The shards of a scanned unit are one chain: each link continues the one before, and only the last one ends it. `links` are
/// those that the shards were put with, by the shards' numbers. Says what is wrong.
pub fn links_are_a_chain(links: &[Link]) -> Result<(), String> {
    for (n, link) in links.iter().enumerate() {
        let before = n.checked_sub(1).map_or(&[][..], |before| &links[before].shards[..]);
        if link.shards.len() != n + 1 || link.shards[..n] != *before {
            return Err(format!("link {n} does not continue the one before"));
        }
        if link.last != (n + 1 == links.len()) {
            return Err(format!(
                "link {n} of {} says that it is {}the last",
                links.len(),
                if link.last { "" } else { "not " }
            ));
        }
        if link.last != link.after.is_none() {
            return Err(format!("link {n} says both that it is the last and where it goes on, or neither"));
        }
    }
    Ok(())
}

/// Every expected record is there exactly once, every possible one at most once, and nothing else is. Says what is wrong.
pub fn every_record_is_there_once<'a>(
    found: impl Iterator<Item = &'a str>,
    expected: &BTreeSet<String>,
    possible: impl Fn(&str) -> bool,
) -> Result<(), String> {
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for record in found {
        *times.entry(record).or_default() += 1;
    }
    if let Some((record, times)) = times.iter().find(|(_, times)| **times > 1) {
        return Err(format!("{record} is there {times} times"));
    }
    if let Some(missing) = expected.iter().find(|record| !times.contains_key(record.as_str())) {
        return Err(format!("{missing} is not there"));
    }
    match times.keys().find(|record| !expected.contains(**record) && !possible(record)) {
        Some(stranger) => Err(format!("{stranger} was never in the source")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
