//! Files that are not what they were, on the wire or in the bucket.

use backfleet_tests::damage::length;
use backfleet_tests::fleet::{DEST, SOURCE_BUCKET};
use backfleet_tests::fleet_wait::until;
use backfleet_tests::handmade::gzip;
use backfleet_tests::proxy::{Fault, Filter, Kind, Often, Schedule};

use crate::wire::{LARGE, LARGE_UNIT, UNITS, Wire, file};

/// Requests for the data of the large file.
fn large() -> Filter {
    Filter::of(&[Kind::Get]).within(LARGE)
}

/// Puts the file of the export into the bucket once more.
fn restore(wire: &Wire) {
    let file = wire.fleet.export.folder().join("data").join(LARGE);
    let bytes = std::fs::read(file).expect("a file of the export");
    wire.fleet.cloud.put(SOURCE_BUCKET, &wire.data_key(LARGE), &bytes);
}

#[test]
fn the_large_file_is_one_that_is_read_twice() {
    let wire = Wire::new();
    let file = wire.fleet.export.folder().join("data").join(LARGE);
    assert!(length(&file) > 4 << 20, "{} bytes would be held in memory", length(&file));
}

#[test]
fn a_file_that_is_replaced_between_proof_and_conversion_is_never_converted() {
    let wire = Wire::new();
    let workers = wire.workers();
    let gate = wire.proxy.hold(large().after(1));
    wire.start().succeeds();
    gate.reached();
    let other = gzip(b"{\"Item\":{\"pk\":{\"S\":\"swapped\"},\"sk\":{\"N\":\"1\"}}}\n");
    wire.fleet.cloud.put(SOURCE_BUCKET, &wire.data_key(LARGE), &other);
    gate.open();

    wire.until_dead(1);
    assert!(
        wire.proxy.ledger().answered(Kind::Get, 412) > 0,
        "the condition on the version was never tested"
    );
    assert!(wire.reasons()[0].contains(LARGE), "{:?}", wire.reasons());
    assert_eq!(wire.fleet.complete_units(), UNITS - 1);
    // Parts are read ahead, and may come in any order: what was converted before the swap is of the version that was proven.
    wire.assert_no_wrong_shard();

    restore(&wire);
    wire.replay().succeeds();
    wire.completes();
    drop(workers);
    wire.call(&["finish"]).flag("--dest", DEST).succeeds();
    wire.assert_as_local();
}

/// Same length, same name, other bytes, and back again before the next attempt: the version alone tells.
#[test]
fn a_file_that_is_replaced_and_restored_is_converted_from_what_was_listed() {
    let wire = Wire::new();
    let workers = wire.workers();
    let gate = wire.proxy.hold(large().after(1));
    wire.start().succeeds();
    gate.reached();
    let file = wire.fleet.export.folder().join("data").join(LARGE);
    let mut bytes = std::fs::read(file).expect("a file of the export");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    wire.fleet.cloud.put(SOURCE_BUCKET, &wire.data_key(LARGE), &bytes);
    gate.open();
    until("the version was refused", || wire.proxy.ledger().answered(Kind::Get, 412) > 0);
    restore(&wire);

    wire.completes();
    drop(workers);
    wire.call(&["finish"]).flag("--dest", DEST).succeeds();
    wire.assert_as_local();
}

/// The first download of every file held in memory is garbled, and of every plan and completion.
#[test]
fn garbled_downloads_are_noticed_and_healed() {
    let wire = Wire::new();
    let first = |schedule: Schedule, within: &str| {
        let filter = Filter::of(&[Kind::Get]).within(within);
        schedule.with(&[Fault::GarbledDownload], filter, Often::First(1))
    };
    let files = (0..LARGE_UNIT).map(file).fold(Schedule::seeded(1), |files, name| first(files, &name));
    let ledger = wire.survives(first(files, "/_backfleet/"));
    assert!(ledger.times(Fault::GarbledDownload) as usize > UNITS, "{}", ledger.summary());
}

/// Every shard carries the checksum it was put with, so whoever reads it can tell a bad way from a bad shard.
#[test]
fn a_shard_garbled_on_its_way_to_whoever_verifies_is_not_blamed_on_the_destination() {
    let wire = Wire::new();
    wire.run().succeeds();
    let shards = Filter::of(&[Kind::Get]).within("/part-");
    wire.proxy.set(Schedule::seeded(1).with(&[Fault::GarbledDownload], shards, Often::First(1)));
    wire.call(&["verify"]).flag("--dest", DEST).succeeds();
    assert!(wire.proxy.ledger().times(Fault::GarbledDownload) > 0);
}

#[test]
fn a_large_file_garbled_while_it_is_proven_is_read_again() {
    let wire = Wire::new();
    let schedule = Schedule::seeded(1).with(&[Fault::GarbledDownload], large(), Often::First(1));
    let ledger = wire.survives(schedule);
    assert!(ledger.times(Fault::GarbledDownload) > 0);
}

/// The second reading is the one that is converted: what arrives must be what was proven.
#[test]
fn a_large_file_garbled_while_it_is_converted_leaves_no_wrong_shard() {
    let wire = Wire::new();
    let workers = wire.workers();
    wire.proxy.set(Schedule::seeded(1).with(&[Fault::GarbledDownload], large().after(1), Often::First(2)));
    wire.start().succeeds();
    until("the large file was garbled", || wire.proxy.ledger().times(Fault::GarbledDownload) > 0);
    let settled = || wire.fleet.complete_units() == UNITS || !wire.reasons().is_empty();
    until("the unit was settled", settled);
    println!("put aside: {:?}", wire.reasons());
    wire.assert_no_wrong_shard();
    wire.completes();
    drop(workers);
    wire.call(&["finish"]).flag("--dest", DEST).succeeds();
    wire.assert_as_local();
}
