//! The same job in every combination of places, by a fleet and by one process.

use backfleet_tests::destination::{Destination, tree};
use backfleet_tests::export::{Export, Synth};
use backfleet_tests::fleet::{DEST, DEST_BUCKET, Fleet, SOURCE, assert_same};

#[test]
fn three_workers_leave_what_one_process_leaves() {
    let synth = Synth { empty_files: 3, ..Synth::telemetry(6_000, 37) };
    let fleet = Fleet::over(Export::synthetic(synth)).with(&["--shard-bytes", "32KiB"]);
    let _workers = fleet.workers(3);
    let said = fleet.start().words(&["--wait", "--json"]).succeeds().json();
    assert_eq!(said["outcome"], "committed", "{said}");
    assert_eq!(said["units"], 40, "{said}");
    assert_eq!(said["counts"]["records_out"], 6_000, "{said}");
    fleet.assert_as_local();
    assert_eq!(fleet.dlq().visible(), 0);
    assert_eq!((fleet.queue().visible(), fleet.queue().in_flight()), (0, 0));
}

#[test]
fn start_status_and_finish_do_by_hand_what_wait_does() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(600, 6)));
    let started = fleet.start().word("--json").succeeds().json();
    assert_eq!(started["units"], 6, "{started}");
    assert_eq!(started["enqueued"], 6, "{started}");
    fleet.finish().ends_with(6).explains(&["not proven"]);
    let mut worker = fleet.worker().start_ready();
    backfleet_tests::fleet_wait::until("every unit was complete", || fleet.complete_units() == 6);
    fleet.status().succeeds().says(&["6 of 6 units", "backfleet finish"]);
    fleet.finish().succeeds().says(&["proven"]);
    fleet.status().succeeds().says(&["committed"]);
    worker.kill();
    fleet.assert_as_local();

    // Everything again: nothing is enqueued, nothing is written.
    let stamps = fleet.cloud.stamps(DEST_BUCKET, "");
    let again = fleet.start().word("--json").succeeds().json();
    assert_eq!(again["enqueued"], 0, "{again}");
    fleet.start().word("--wait").succeeds().says(&["proven again"]);
    fleet.finish().succeeds().says(&["proven again"]);
    assert_eq!(fleet.cloud.stamps(DEST_BUCKET, ""), stamps);
    assert_eq!(fleet.queue().visible(), 0);
}

#[test]
fn one_process_reads_and_writes_buckets_and_folders_alike() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(900, 5))).with(&["--shard-bytes", "32KiB"]);
    let expected = fleet.visible_locally(&[&[]]);
    let folder = fleet.export.dest("from-bucket");
    fleet.run(SOURCE, folder.to_str().expect("a plain name")).succeeds();
    let mut from_bucket = Destination::at(&folder).visible();
    from_bucket.retain(|name, _| !name.ends_with("/plan.json"));
    assert_same(&from_bucket, &expected);

    let place = fleet.export.place();
    let source = place.to_str().expect("a plain name");
    for (source, dest) in
        [(source, "s3://lake/from-folder"), (SOURCE, "s3://lake/from-bucket"), (SOURCE, DEST)]
    {
        fleet.run(source, dest).succeeds().says(&["proven"]);
        fleet.call(&["verify"]).flag("--dest", dest).succeeds();
        let copy = tempfile::tempdir().expect("a temporary folder");
        let prefix = dest.strip_prefix("s3://lake/").expect("all lie in one bucket");
        fleet.cloud.download(DEST_BUCKET, prefix, copy.path());
        let mut found = tree(copy.path());
        found.retain(|name, _| !name.ends_with("/plan.json"));
        assert_same(&found, &expected);
        let stamps = fleet.cloud.stamps(DEST_BUCKET, "");
        fleet.run(source, dest).succeeds().says(&["proven again"]);
        assert_eq!(fleet.cloud.stamps(DEST_BUCKET, ""), stamps);
    }
}
