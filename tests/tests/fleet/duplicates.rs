//! The same messages several times over.

use std::time::Duration;

use backfleet_tests::export::{Export, Synth};
use backfleet_tests::fleet::{DEST_BUCKET, Fleet};
use backfleet_tests::fleet_wait::until;

#[test]
fn every_unit_sent_five_times_is_done_once() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(3_000, 20))).with(&["--shard-bytes", "16KiB"]);
    for _ in 0..3 {
        fleet.start().succeeds();
    }
    for _ in 0..2 {
        let said = fleet.resume().word("--json").succeeds().json();
        assert_eq!(said["enqueued"], 20, "{said}");
    }
    assert_eq!(fleet.queue().visible(), 100);
    let mut workers = fleet.workers(3);
    until("nothing was left on the queue", || fleet.queue().visible() + fleet.queue().in_flight() == 0);
    for worker in &mut workers {
        worker.signal("TERM");
        assert_eq!(worker.code_within(Duration::from_secs(30)), Some(0));
    }
    fleet.finish().succeeds();
    fleet.assert_as_local();
    assert_eq!(fleet.dlq().visible(), 0);
}

#[test]
fn messages_of_a_finished_job_are_taken_away_and_change_nothing() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(400, 4)));
    let _worker = fleet.worker().start_ready();
    fleet.start().word("--wait").succeeds();
    let committed = fleet.cloud.stamps(DEST_BUCKET, "");
    for unit in [0, 3, 3] {
        fleet.queue().send(&fleet.message(unit));
    }
    until("nothing was left on the queue", || fleet.queue().visible() + fleet.queue().in_flight() == 0);
    assert_eq!(fleet.cloud.stamps(DEST_BUCKET, ""), committed);
    assert_eq!(fleet.dlq().visible(), 0);
    fleet.assert_as_local();
}
