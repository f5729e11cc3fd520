//! Ctrl-C and SIGTERM: files in hand are finished, nothing new is begun, the same command goes on.

use std::path::Path;

use backfleet_tests::destination::Destination;
use backfleet_tests::export::{Export, Synth};
use backfleet_tests::process::{Call, Running, verify};

/// Many small shards, so that there is time to come in between.
const SHARD_BYTES: &str = "8KiB";

#[test]
fn an_interrupted_job_drains_says_how_to_go_on_and_ends_as_if_nothing_had_been() {
    for signal in ["INT", "TERM"] {
        let export = Export::synthetic(Synth::telemetry(4_800, 24));
        let dest = Destination::at(&export.dest("out"));
        let mut job = convert(&export, &dest.path).start();
        wait_for_a_completion(&mut job, &dest);
        job.signal(signal);
        let outcome = job.outcome();
        assert_eq!(outcome.code, Some(130), "{signal}: {outcome}");
        outcome.explains(&["interrupted", "same command"]);
        assert!(!dest.is_committed());
        assert!(dest.complete_units().len() < dest.unit_files().len(), "there was nothing to interrupt");
        assert_drained(&dest);
        assert_goes_on(&export, &dest);
    }
}

#[test]
fn without_time_to_drain_files_in_hand_are_handed_back_and_done_later() {
    let export = Export::synthetic(Synth::telemetry(4_000, 4));
    let dest = Destination::at(&export.dest("out"));
    let mut job = convert(&export, &dest.path).flag("--stop-timeout", "0").start();
    job.until("a shard was there", || !dest.shards().is_empty());
    job.signal("INT");
    let outcome = job.outcome();
    assert_eq!(outcome.code, Some(130), "{outcome}");
    assert!(dest.complete_units().len() < 4, "there was nothing to interrupt");
    assert_goes_on(&export, &dest);
}

#[test]
fn a_second_interruption_ends_the_process_without_draining() {
    let export = Export::synthetic(Synth::telemetry(4_000, 1));
    let dest = Destination::at(&export.dest("out"));
    let mut job = convert(&export, &dest.path).start();
    job.until("a shard was there", || !dest.shards().is_empty());
    job.signal("INT");
    job.signal("TERM");
    let outcome = job.outcome();
    assert_eq!(outcome.code, Some(130), "{outcome}");
    assert!(dest.complete_units().is_empty(), "the file in hand was finished: {outcome}");
    assert_goes_on(&export, &dest);
}

fn wait_for_a_completion(job: &mut Running, dest: &Destination) {
    job.until("a unit was complete", || !dest.complete_units().is_empty());
}

/// Every shard belongs to a unit that is complete.
fn assert_drained(dest: &Destination) {
    let complete = dest.complete_units();
    for shard in dest.shard_names() {
        let unit: usize = shard.split('-').rev().nth(1).and_then(|unit| unit.parse().ok()).expect("a unit");
        assert!(complete.contains(&unit), "{shard} is of a unit that was not finished");
    }
}

fn assert_goes_on(export: &Export, dest: &Destination) {
    convert(export, &dest.path).succeeds();
    let undisturbed = Destination::at(&export.dest("undisturbed"));
    convert(export, &undisturbed.path).succeeds();
    assert_eq!(dest.visible(), undisturbed.visible());
    verify(&dest.path).succeeds();
}

fn convert(export: &Export, dest: &Path) -> Call {
    export.run(dest).flag("--shard-bytes", SHARD_BYTES).flag("--workers", "2")
}
