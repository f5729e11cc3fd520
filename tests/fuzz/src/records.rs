//! What lies in a destination or on the queue: what is read and written again is read as the same.

use backfleet_core::chain::Link;
use backfleet_core::completion::{Completion, Counts, sealed};
use backfleet_core::control::Control;
use backfleet_core::digest::Sha256Digest;
use backfleet_core::layout::{Layout, ShardName};
use backfleet_core::manifest::{Manifest, Success};
use backfleet_core::message::Message;
use backfleet_core::plan::{Plan, Source};

/// `plan.json`. One that is not sealed is sealed, so that what is behind the seal is reached.
pub fn plan(json: &[u8]) {
    if let Ok(plan) = Plan::parse(json) {
        hold_plan(&plan);
    }
    let Ok(found) = serde_json::from_slice::<Plan>(json) else { return };
    if let Ok(plan) = Plan::new(found.location, found.source, found.options, found.units) {
        hold_plan(&plan);
    }
}

fn hold_plan(plan: &Plan) {
    assert_eq!(Plan::parse(&plan.to_json()).expect("a plan is read again"), *plan);
    plan.layout().expect("a plan was checked");
    let _ = plan.recipe();
    let _ = plan.bytes();
    let units = u32::try_from(plan.units.len()).expect("a plan has fewer units");
    for unit in 0..=units {
        assert_eq!(plan.unit_key(unit).is_some(), unit < units);
        assert_eq!(plan.input(unit).is_some(), unit < units && matches!(plan.source, Source::Export(_)));
    }
    if let Source::Scan(scan) = &plan.source {
        for segment in 0..scan.segments {
            assert!(scan.lane(segment) < scan.lanes);
            assert!(scan.next_in_lane(segment).is_none_or(|next| scan.lane(next) == scan.lane(segment)));
        }
    }
}

/// A completion, where its own job and unit say that it belongs, with its seal and without.
pub fn completion(json: &[u8]) {
    let Ok(found) = serde_json::from_slice::<Completion>(json) else { return };
    assert!(Completion::parse(json, found.job, found.unit).is_err(), "it has no seal");
    let json = sealed(json.trim_ascii_end().to_vec());
    let Ok(completion) = Completion::parse(&json, found.job, found.unit) else { return };
    assert_eq!(completion, found);
    let again = Completion::parse(&completion.to_json(), found.job, found.unit);
    assert_eq!(again.expect("a completion is read again"), completion);
    assert!(completion.same_content(&found));
    let mut manifest = Manifest::new(found.job);
    manifest.add(completion);
    manifest.add(found);
    hold_manifest(&manifest);
}

/// `manifest.json` or `_SUCCESS`.
pub fn manifest(json: &[u8]) {
    if let Ok(manifest) = serde_json::from_slice::<Manifest>(json) {
        hold_manifest(&manifest);
    }
    if let Ok(success) = serde_json::from_slice::<Success>(json) {
        let again: Success = serde_json::from_slice(&success.to_json()).expect("a mark is read again");
        assert_eq!(again, success);
    }
}

fn hold_manifest(manifest: &Manifest) {
    let again: Manifest = serde_json::from_slice(&manifest.to_json()).expect("a manifest is read again");
    assert_eq!(again, *manifest);
    let mut counts = Counts::default();
    counts.add(&manifest.counts);
    assert_eq!(counts, manifest.counts);
}

/// A link of a scan's chain, where its own job, unit and last shard say that it belongs.
pub fn link(json: &[u8]) {
    let Ok(found) = serde_json::from_slice::<Link>(json) else { return };
    let Some(last) = found.shards.last() else { return };
    let partition = last.key.rsplit_once('/').map_or("", |(partition, _)| partition);
    let Ok(layout) = Layout::new(found.job, partition, "json.gz") else { return };
    let name = ShardName { unit: found.unit, shard: found.next_shard() - 1 };
    let Ok(link) = Link::parse(json, Sha256Digest::of(json), &layout, name) else { return };
    let printed = link.to_json();
    let again =
        Link::parse(&printed, Sha256Digest::of(&printed), &layout, name).expect("a link is read again");
    assert_eq!((&again, &found), (&link, &link));
    assert_eq!(link.resume_key().map(|key| key.0), link.after);
    if link.last {
        let completion = link.clone().completion();
        assert_eq!((completion.counts, completion.shards), (link.counts, link.shards));
    }
}

/// The body of a message.
pub fn message(body: &[u8]) {
    let Ok(body) = std::str::from_utf8(body) else { return };
    match Message::parse(body) {
        Ok(message) => assert_eq!(Message::parse(&message.to_body()).expect("it is read again"), message),
        // What is refused may be written to a log, where a body has no place.
        Err(error) => assert!(error.to_string().len() < 200),
    }
}

/// `control.json`.
pub fn control(json: &[u8]) {
    let Ok(control) = Control::parse(json) else { return };
    assert!(control.read_budget > 0);
    assert_eq!(Control::parse(&control.to_json()).expect("it is read again"), control);
}
