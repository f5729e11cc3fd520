//! Credentials and permissions that are missing for a while.

use std::time::Duration;

use backfleet_tests::fleet::DEST;
use backfleet_tests::fleet_wait::pause;
use backfleet_tests::proxy::{Fault, Filter, Kind, Often, Schedule};

use crate::wire::{LARGE, UNITS, Wire};

fn always(fault: Fault, filter: Filter) -> Schedule {
    Schedule::seeded(1).with(&[fault], filter, Often::Always)
}

#[test]
fn a_unit_that_may_not_be_written_is_put_aside_with_the_reason_and_replayed() {
    let wire = Wire::new();
    let workers = wire.workers();
    let shards = Filter::of(&[Kind::Put]).within("-000003-");
    wire.proxy.set(always(Fault::AccessDenied, shards));
    wire.start().succeeds();
    wire.until_dead(1);
    let reason = wire.reasons().remove(0);
    for fragment in ["denied", "AccessDenied", "assumed-role/worker"] {
        assert!(reason.contains(fragment), "{fragment} is not in {reason:?}");
    }
    assert_eq!(wire.fleet.complete_units(), UNITS - 1);
    assert!(
        wire.proxy.ledger().times(Fault::AccessDenied) <= 5,
        "a refusal is not tried again within an attempt"
    );

    wire.proxy.calm();
    wire.replay().succeeds();
    wire.completes();
    drop(workers);
    wire.call(&["finish"]).flag("--dest", DEST).succeeds();
    wire.assert_as_local();
}

#[test]
fn a_file_that_may_not_be_read_is_put_aside_with_the_reason() {
    let wire = Wire::new();
    let _workers = wire.workers();
    wire.proxy.set(always(Fault::AccessDenied, Filter::of(&[Kind::Get]).within(LARGE)));
    wire.start().succeeds();
    wire.until_dead(1);
    let reason = wire.reasons().remove(0);
    for fragment in ["denied", "AccessDenied", LARGE] {
        assert!(reason.contains(fragment), "{fragment} is not in {reason:?}");
    }
}

#[test]
fn credentials_that_have_expired_for_a_while_are_waited_for() {
    let wire = Wire::new();
    let workers = wire.workers();
    wire.start().succeeds();
    wire.proxy.set(always(Fault::ExpiredToken, Filter::default()));
    pause(Duration::from_secs(4));
    wire.proxy.calm();
    wire.completes();
    drop(workers);
    wire.call(&["finish"]).flag("--dest", DEST).succeeds();
    wire.assert_as_local();
    assert!(wire.proxy.ledger().times(Fault::ExpiredToken) > 0);
}

#[test]
fn credentials_that_stay_expired_end_a_command_with_their_name() {
    let wire = Wire::new();
    wire.proxy.set(always(Fault::ExpiredToken, Filter::of(&[Kind::Get])));
    let outcome = wire.start().outcome();
    assert_ne!(outcome.code, Some(0));
    outcome.explains(&["ExpiredToken", "status 400"]);
    assert!(!outcome.stderr.contains("assumed-role"), "{outcome}");
}

#[test]
fn a_destination_that_may_not_be_written_ends_a_command_with_what_is_missing() {
    let wire = Wire::new();
    wire.proxy.set(always(Fault::AccessDenied, Filter::of(&[Kind::Put])));
    let outcome = wire.start().ends_with(1);
    outcome.explains(&["AccessDenied", "plan.json", "assumed-role/worker"]);
    assert_eq!(wire.proxy.ledger().times(Fault::AccessDenied), 1, "a refusal is not tried again");
}
