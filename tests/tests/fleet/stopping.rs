//! SIGTERM, as Fargate sends it: no more is taken, what can be finished is, the rest is handed back.

use std::time::Duration;

use backfleet_tests::export::{Export, Synth};
use backfleet_tests::fleet::Fleet;
use backfleet_tests::fleet_wait::{holds_within, until};
use backfleet_tests::fleet_worker::Worker;

/// Units that take a second or more each.
fn fleet_of_long_units() -> Fleet {
    Fleet::over(Export::synthetic(Synth::telemetry(180, 6))).with(&["--shard-bytes", "4KiB"]).slowed()
}

/// A worker in the middle of its first units.
fn at_work(fleet: &Fleet, stop_timeout: &str) -> Worker {
    fleet.start().succeeds();
    let worker = fleet.worker().flag("--stop-timeout", stop_timeout).start_ready();
    until("shards were there", || fleet.shards() > 3);
    assert_eq!(fleet.complete_units(), 0, "a unit was done too soon for this test");
    worker
}

fn assert_goes_on(fleet: &Fleet) {
    fleet.hurry();
    let _worker = fleet.worker().start_ready();
    fleet.start().word("--wait").succeeds();
    fleet.assert_as_local();
    assert!(fleet.letters().is_empty());
}

#[test]
fn a_worker_told_to_stop_finishes_what_it_has_and_takes_no_more() {
    let fleet = fleet_of_long_units();
    let mut worker = at_work(&fleet, "60");
    let held = fleet.queue().in_flight();
    worker.signal("TERM");
    assert_eq!(worker.code_within(Duration::from_secs(60)), Some(0), "{}", worker.log());
    assert_eq!(fleet.complete_units(), held, "{}", worker.log());
    assert_eq!((fleet.queue().visible(), fleet.queue().in_flight()), (6 - held, 0));
    assert_eq!(worker.errors(), "");
    assert_goes_on(&fleet);
}

#[test]
fn what_cannot_be_finished_in_time_is_handed_back_and_visible_at_once() {
    let fleet = fleet_of_long_units();
    let mut worker = at_work(&fleet, "0");
    worker.signal("TERM");
    assert_eq!(worker.code_within(Duration::from_secs(5)), Some(0), "{}", worker.log());
    let complete = fleet.complete_units();
    assert!(complete < 2, "there was nothing to hand back");
    assert_eq!((fleet.queue().visible(), fleet.queue().in_flight()), (6 - complete, 0), "{}", worker.log());
    assert_goes_on(&fleet);
}

#[test]
fn a_second_signal_ends_the_worker_at_once_and_its_messages_come_back() {
    let fleet = fleet_of_long_units();
    fleet.queue().set("VisibilityTimeout", "3");
    let mut worker = at_work(&fleet, "100");
    worker.signal("TERM");
    until("it knew", || worker.log().contains("told to stop"));
    worker.signal("TERM");
    assert_eq!(worker.code_within(Duration::from_secs(2)), Some(130), "{}", worker.log());
    assert_eq!(fleet.complete_units(), 0, "it finished units first");
    until("its leases had run out", || fleet.queue().visible() == 6);
    assert_goes_on(&fleet);
}

#[test]
fn a_worker_that_stopped_while_it_waited_for_work_hides_none_from_the_next() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(100, 1)));
    let mut worker = fleet.worker().start_ready();
    worker.signal("TERM");
    // A long poll may still be out.
    assert_eq!(worker.code_within(Duration::from_secs(25)), Some(0), "{}", worker.log());
    // Nothing it asked for is on its way to it: what comes now stays there for whoever asks next, and is not hidden
    // for a window that nobody holds.
    fleet.start().succeeds();
    let taken = holds_within(Duration::from_secs(3), || fleet.queue().in_flight() > 0);
    assert!(!taken, "the message went to a worker that is no more: {}", worker.log());
    assert_goes_on(&fleet);
}
