//! What must hold when a world has come to its end.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::time::Duration;

use backfleet::finish::verify_committed;
use backfleet::invariants::{
    every_record_is_there_once, links_are_a_chain, nothing_is_listed_twice, promise_is_kept,
    shards_stand_in_order,
};
use backfleet::verify::Proof;
use backfleet_core::chain::{LINK_FIELD, Link};
use backfleet_core::completion::Completion;
use backfleet_core::digest::Sha256Digest;
use backfleet_core::layout::ShardName;
use backfleet_core::limits::SMALL_OBJECT_BYTES_MAX;
use backfleet_core::manifest::Manifest;
use backfleet_core::ports::ObjectStore as _;

use crate::operator::{Ending, lanes};
use crate::scenario::Scenario;
use crate::site::Site;
use crate::world::World;

/// Holds a world that has come to its end against what must have come of it.
pub async fn judge(world: &World, site: &Site, scenario: &Scenario, ending: &Ending) {
    for (key, bytes) in &site.expected.foreign {
        if site.dest.bytes_of(key).is_none_or(|there| there != *bytes) {
            world.violated("I2 nothing is replaced", key.as_str());
        }
    }
    chains(world, site);
    let committed = site.dest.bytes_of(&site.layout.success()).is_some();
    match ending {
        Ending::Committed => commit(world, site, scenario).await,
        _ if committed => {
            world.violated("I4 no mark without a proof", format!("{ending:?}, and _SUCCESS stands"))
        }
        Ending::Quarantine if site.expected.quarantined <= scenario.quarantine_max => {
            world.violated("I1 nothing good is quarantined", "more is in quarantine than there can be");
        }
        _ => {}
    }
    if scenario.calm {
        nothing_was_done_twice(world, site, scenario).await;
    }
}

async fn commit(world: &World, site: &Site, scenario: &Scenario) {
    match verify_committed(&*site.dest, &site.plan, &site.layout, Proof::Read).await {
        Ok(verification) if verification.findings_total == 0 => listed(world, site, &verification.manifest),
        Ok(verification) => {
            world.violated("I4 what is committed holds", format!("{:?}", verification.findings))
        }
        Err(error) => world.violated("I4 what is committed holds", format!("{error:?}")),
    }
    if site.expected.quarantined > scenario.quarantine_max {
        world.violated("I4 nothing is committed with more in quarantine than is accepted", "it is");
    }
    for unit in 0..site.plan.units.len() as u32 {
        let json = site.dest.get_small(&site.layout.completion(unit), SMALL_OBJECT_BYTES_MAX).await;
        let json = json.ok().flatten().unwrap_or_default();
        match Completion::parse(&json, site.plan.job, unit) {
            Ok(completion)
                if shards_stand_in_order(&site.layout, &completion)
                    && promise_is_kept(&site.plan.units[unit as usize], &completion) => {}
            other => {
                world.violated("I5 a unit's shards are its own, in order", format!("unit {unit}: {other:?}"))
            }
        }
    }
}

/// I1 over what the manifest lists.
fn listed(world: &World, site: &Site, manifest: &Manifest) {
    if !nothing_is_listed_twice(manifest) {
        world.violated("I1 no object is listed twice", "one is");
    }
    let (mut records, mut versions) = (Vec::new(), BTreeSet::new());
    let everything = site.dest.everything();
    for shard in &manifest.shards {
        let key = &shard.key;
        let Some((bytes, _)) = everything.get(key) else {
            world.violated("I1 what is listed is there", key);
            continue;
        };
        if Sha256Digest::of(bytes) != shard.sha256 {
            world.violated("I2 what is listed is as it was put", key);
        }
        for line in text(bytes).lines() {
            let (Some(name), Some(version)) =
                (between(line, r#""pk":{"S":""#), between(line, r#""v":{"N":""#))
            else {
                world.violated("I2 no shard is partial", format!("{key}: {line}"));
                continue;
            };
            match site.is_scan() {
                true => records.push(name.to_owned()),
                false => records.push(format!("{name} v{version}")),
            }
            let time = line.split(r#""ApproximateCreationDateTime":"#).nth(1);
            if time.is_some_and(|time| !time.starts_with("1768385930")) {
                world.violated("I1 no record is bent", format!("another time: {line}"));
            }
            versions.insert((name.to_owned(), version.to_owned()));
        }
    }
    let shards = everything.keys().filter(|key| key.starts_with(&site.layout.shard_prefix())).count();
    if shards != manifest.shards.len() {
        world.violated("I1 nothing stands there that is not listed", format!("{shards} shards stand there"));
    }
    let expected = if site.is_scan() { site.table.stable() } else { site.expected.records.clone() };
    let possible = |name: &str| site.is_scan() && name.starts_with('i');
    if let Err(how) = every_record_is_there_once(records.iter().map(String::as_str), &expected, possible) {
        world.violated("I1 every record exactly once", how);
    }
    if site.is_scan() && expected.iter().any(|name| !versions.contains(&(name.clone(), "0".to_owned()))) {
        world.violated("I1 no record is bent", "one that never changed has another version");
    }
    if !site.is_scan() && manifest.counts.quarantined != site.expected.quarantined {
        world.violated(
            "I1 every record exactly once",
            format!("{} in quarantine", manifest.counts.quarantined),
        );
    }
}

fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    match bytes.starts_with(&[0x1f, 0x8b]) {
        true => drop(flate2::read::MultiGzDecoder::new(bytes).read_to_string(&mut text)),
        false => text.push_str(&String::from_utf8_lossy(bytes)),
    }
    text
}

fn between<'a>(line: &'a str, begin: &str) -> Option<&'a str> {
    let from = line.find(begin)? + begin.len();
    line[from..].split('"').next()
}

/// I5 over what stands in the destination, complete or not.
fn chains(world: &World, site: &Site) {
    if !site.is_scan() || site.sabotaged.load(std::sync::atomic::Ordering::Relaxed) {
        return;
    }
    let everything = site.dest.everything();
    for unit in 0..site.plan.units.len() as u32 {
        let mut links = Vec::new();
        for shard in 0.. {
            let name = ShardName { unit, shard };
            let Some((_, metadata)) = everything.get(site.layout.shard(name).as_str()) else { break };
            let digest = metadata.get(LINK_FIELD).and_then(|text| text.parse().ok());
            let link = digest.and_then(|digest| {
                let (json, _) = everything.get(site.layout.link(digest).as_str())?;
                Link::parse(json, digest, &site.layout, name).ok()
            });
            match link {
                Some(link) => links.push(link),
                None => {
                    return world
                        .violated("I5 one chain", format!("shard {shard} of unit {unit} has no link"));
                }
            }
        }
        let standing =
            everything.keys().filter(|key| key.starts_with(&site.layout.unit_prefix(unit))).count();
        if standing != links.len() {
            world.violated(
                "I5 one chain",
                format!("unit {unit} has {standing} shards, {} in order", links.len()),
            );
        }
        let whole = site.is_complete(unit);
        if let Err(how) = links_are_a_chain(&links)
            && (whole || !how.contains("not the last"))
        {
            world.violated("I5 one chain", format!("unit {unit}: {how}"));
        }
    }
}

/// In a calm world nothing is received twice, sent twice or put aside, and the read budget holds.
async fn nothing_was_done_twice(world: &World, site: &Site, scenario: &Scenario) {
    for what in [
        "redelivered",
        "operator begins again",
        "412 Shard",
        "412 Link",
        "412 Completion",
        "put on the queue again",
    ] {
        // What cannot be done is tried again, and finds what it wrote.
        if world.seen(what) > 0 && site.expected.poison.is_empty() {
            world.violated("I8 nothing is done twice without need", what);
        }
    }
    if site.queue.dead_letters().iter().any(|letter| letter.reason.is_none()) {
        world.violated("I4 what is put aside has a reason", "a letter has none");
    }
    let spent = site.table.spent();
    let (budget, lanes) = (f64::from(scenario.budget), f64::from(lanes(site)));
    for (n, (from, _)) in spent.iter().enumerate() {
        let window = spent[n..].iter().take_while(|(at, _)| *at - *from < Duration::from_secs(10));
        let units: f64 = window.map(|(_, units)| units).sum();
        // A lane may have a page in hand that costs more than its share: half a unit is the least.
        if units > 10.0 * budget * 1.05 + lanes * 1.5 {
            return world.violated(
                "I7 the read budget holds",
                format!("{units} units in ten seconds of {budget} a second"),
            );
        }
    }
}
