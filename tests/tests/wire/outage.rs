//! Everything is down for a while: no storm of retries, and the work goes on by itself.

use std::time::Duration;

use backfleet_tests::fleet::DEST;
use backfleet_tests::fleet_wait::pause;
use backfleet_tests::proxy::{Fault, Filter, Kind, Often, Schedule};

use crate::wire::Wire;

/// What one process may spend on retries at once, and what it gains by the second (`retry/budget.rs`).
const RETRIES_HELD: u64 = 100;
const RETRIES_PER_SECOND: u64 = 2;
/// Attempts of one call (`retry.rs`): with their waits about half a minute.
const ATTEMPTS: u64 = 10;
/// Slots of a worker for each of its units at the same time.
const SLOTS_PER_UNIT: u64 = 2;
const OUTAGE: Duration = Duration::from_secs(8);

fn down() -> Schedule {
    Schedule::seeded(1).with(&[Fault::SlowDown], Filter::default(), Often::Always)
}

#[test]
fn an_outage_is_not_answered_by_a_storm_and_the_job_goes_on_behind_it() {
    let wire = Wire::new();
    let workers = wire.workers();
    wire.start().succeeds();
    wire.proxy.set(down());
    let before = wire.proxy.ledger().all_requests();
    pause(OUTAGE);
    let requests = wire.proxy.ledger().all_requests() - before;
    wire.proxy.calm();

    // Waits that double keep a slot's first call busy throughout, with about seven attempts; without waits it would be
    // done with ten of them in no time, and begin again every second.
    let slots = u64::try_from(workers.len()).unwrap() * SLOTS_PER_UNIT;
    println!("{requests} requests of {slots} slots in {OUTAGE:?} of the outage");
    assert!(requests > 0, "nobody asked anything");
    assert!(requests <= slots * ATTEMPTS * 2, "{requests} requests of {slots} slots: that is no backing off");
    wire.completes();
    drop(workers);
    wire.call(&["finish"]).flag("--dest", DEST).succeeds();
    wire.assert_as_local();
}

/// Messages go round all the while, so each failed attempt costs one of the receives that a unit has.
#[test]
fn a_minute_without_the_store_puts_no_unit_aside() {
    let wire = Wire::new();
    wire.start().succeeds();
    let store = Filter::of(&[Kind::Get, Kind::Head, Kind::List, Kind::Put]);
    let worker = wire.worker("6").start_ready();
    wire.proxy.set(Schedule::seeded(1).with(&[Fault::SlowDown], store, Often::Always));
    pause(Duration::from_secs(60));
    wire.proxy.calm();
    wire.completes();
    drop(worker);
    wire.call(&["finish"]).flag("--dest", DEST).succeeds();
    wire.assert_as_local();
}

/// Forty slots, each with ten attempts to make: more than a process may spend.
#[test]
fn a_wide_worker_in_an_outage_stays_within_its_budget() {
    let wire = Wire::new();
    let receives = Filter::of(&[Kind::Receive]);
    wire.proxy.set(Schedule::seeded(1).with(&[Fault::SlowDown], receives, Often::Always));
    let mut worker = wire.worker("20").start_ready();
    let slots = 20 * SLOTS_PER_UNIT;
    let seconds = 12;
    pause(Duration::from_secs(seconds));
    let requests = wire.proxy.ledger().requests[&Kind::Receive];
    println!("{requests} requests of {slots} slots in {seconds} s");
    // A slot without a retry left pauses for a second, then makes one call.
    let calls = slots * (seconds + 1);
    let budget = RETRIES_HELD + seconds * RETRIES_PER_SECOND + calls / 5;
    assert!(requests <= calls + budget, "{requests} requests, where {} are granted", calls + budget);
    assert!(!worker.has_ended(), "{}{}", worker.log(), worker.errors());
}
