//! Everything at once.

use backfleet_tests::fleet::DEST;
use backfleet_tests::proxy::{Fault, Filter, Ledger, Often, Schedule};

use crate::wire::{LARGE_UNIT, Wire, file};

/// All passing faults together at this share of all requests.
const SHARE: f64 = 0.15;

/// Garbled downloads only where one more request heals them: plans and completions carry a checksum, small data
/// files have an MD5. A garbled manifest of an export ends a command, as any wrong manifest does; what is read in a
/// stream has tests of its own (`changed`).
fn storm(seed: u64) -> Schedule {
    let mut others = Fault::PASSING.to_vec();
    others.retain(|fault| *fault != Fault::GarbledDownload);
    let healed = (0..LARGE_UNIT).map(file).chain(["/_backfleet/".to_owned()]);
    let garbled = healed.fold(Schedule::seeded(seed), |storm, within| {
        storm.with(&[Fault::GarbledDownload], Filter::default().within(&within), Often::Share(0.1))
    });
    garbled.with(&others, Filter::default(), Often::Share(SHARE))
}

#[track_caller]
fn of_many_classes(ledger: &Ledger) {
    let classes = Fault::PASSING.into_iter().filter(|&fault| ledger.times(fault) > 0).count();
    assert!(classes >= 12, "only {classes} classes of faults happened: {:?}", ledger.injected);
}

#[test]
fn a_storm_of_all_faults_is_survived() {
    of_many_classes(&Wire::new().survives(storm(1)));
}

#[test]
fn another_storm_of_all_faults_is_survived() {
    of_many_classes(&Wire::new().survives(storm(2)));
}

#[test]
fn a_third_storm_of_all_faults_is_survived() {
    of_many_classes(&Wire::new().survives(storm(3)));
}

#[test]
fn one_process_from_bucket_to_bucket_survives_a_storm() {
    let wire = Wire::new();
    wire.proxy.set(storm(4));
    wire.run().succeeds();
    wire.call(&["verify"]).flag("--dest", DEST).succeeds();
    wire.assert_as_local();
    let ledger = wire.proxy.ledger();
    println!("{}", ledger.summary());
    of_many_classes(&ledger);
}

/// Whoever starts a fleet of hundreds starts some of it in bad weather.
#[test]
fn a_worker_starts_in_a_storm() {
    let wire = Wire::new();
    wire.proxy.set(Schedule::seeded(5).with(&[Fault::InternalError], Filter::default(), Often::First(2)));
    let _workers = wire.workers();
    assert!(wire.proxy.ledger().times(Fault::InternalError) > 0);
}

/// What an operator types while the weather is bad.
#[test]
fn commands_survive_failures_of_whatever_they_ask() {
    let wire = Wire::new();
    wire.start().succeeds();
    wire.proxy.set(Schedule::seeded(6).with(&[Fault::InternalError], Filter::default(), Often::First(2)));
    wire.queue_call(&["status"]).flag("--dest", DEST).succeeds();
    wire.proxy.set(Schedule::storm(7, 0.3, &[Fault::InternalError]));
    wire.queue_call(&["resume"]).flag("--dest", DEST).succeeds();
    wire.queue_call(&["dlq", "list"]).succeeds();
    wire.replay().succeeds();
    assert!(wire.proxy.ledger().times(Fault::InternalError) > 0);
}
