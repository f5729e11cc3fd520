//! What a worker may touch is its own configuration's to say, whatever plans and messages name.

use std::collections::BTreeMap;

use backfleet_tests::export::{Export, Synth};
use backfleet_tests::fleet::{DEST, Fleet, SOURCE};
use backfleet_tests::fleet_wait::until;

/// Every object of every bucket, with its stamp.
fn everything(fleet: &Fleet) -> BTreeMap<String, BTreeMap<String, String>> {
    fleet
        .cloud
        .buckets()
        .into_iter()
        .map(|bucket| (bucket.clone(), fleet.cloud.stamps(&bucket, "")))
        .collect()
}

fn assert_refused(fleet: &mut Fleet, source: &str, dest: &str, class: &str) {
    // The poll of a killed worker stays out for a while and takes messages with it: nobody polls these yet.
    fleet.renew_queues();
    fleet.resume().succeeds();
    let before = everything(fleet);
    let mut worker = fleet.worker_allowed(source, dest).start_ready();
    until("every message was put aside", || fleet.dlq().visible() == 3);
    worker.kill();
    let letters = fleet.dlq().receive_all();
    assert_eq!(letters.len(), 3);
    for letter in letters {
        let reason = &letter.attributes["backfleet-reason"];
        assert!(reason.starts_with(class), "--allow-source {source} --allow-dest {dest}: {reason}");
        assert_eq!(letter.attributes["backfleet-receives"], "1", "it was tried again: {reason}");
    }
    assert_eq!(
        everything(fleet),
        before,
        "--allow-source {source} --allow-dest {dest}: something was written"
    );
}

#[test]
fn a_worker_reads_and_writes_where_it_is_allowed_to_and_nowhere_else() {
    let mut fleet = Fleet::over(Export::synthetic(Synth::telemetry(300, 3)));
    for bucket in ["export", "exports-2", "lake-2"] {
        fleet.cloud.create_bucket(bucket);
    }
    fleet.start().succeeds();
    // A name that begins alike is another place, and a folder below is less than the whole.
    for source in ["s3://exports-2", "s3://export", "s3://exports/AWS", "s3://exports/AWSDynamoDB/0", "/tmp"]
    {
        assert_refused(&mut fleet, source, DEST, "foreign-source");
    }
    let dests =
        ["s3://lake", "s3://lake/order", "s3://lake/orders-2", "s3://lake/orders/x", "s3://lake-2/orders"];
    for dest in dests {
        assert_refused(&mut fleet, SOURCE, dest, "unknown-job");
    }

    // Allowed several places, it serves the job in the one it belongs to; all else stays as it was.
    fleet.renew_queues();
    let before = everything(&fleet);
    let (sources, dests) = ("s3://exports-2,s3://exports", "s3://lake-2/orders,s3://lake/orders");
    let _worker = fleet.worker_allowed(sources, dests).start_ready();
    fleet.start().word("--wait").succeeds();
    let after = everything(&fleet);
    for (bucket, stamps) in &before {
        if bucket != "lake" {
            assert_eq!(&after[bucket], stamps, "{bucket} was written to");
        }
    }
    assert!(after["lake"].keys().all(|key| key.starts_with("orders/")), "{:?}", after["lake"].keys());
    fleet.assert_as_local();
}

#[test]
fn a_plan_that_was_altered_is_refused() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(300, 3)));
    fleet.start().succeeds();
    let job = fleet.job_id().expect("a job was planned");
    let key = format!("orders/_backfleet/{job}/plan.json");
    let plan = String::from_utf8(fleet.cloud.get("lake", &key)).expect("a plan is text");
    // Another place below what the worker may read, put there by somebody who can write to the destination.
    let altered = plan.replace("s3://exports", "s3://exports/secret");
    assert_ne!(altered, plan);
    fleet.cloud.put("lake", &key, altered.as_bytes());
    let _worker = fleet.worker().start_ready();
    until("every message was put aside", || fleet.dlq().visible() == 3);
    for letter in fleet.letters() {
        assert_eq!(letter["class"], "unusable-plan", "{letter}");
    }
    assert_eq!(fleet.shards() + fleet.complete_units(), 0);
    fleet.status().ends_with(6).explains(&["altered"]);
}
