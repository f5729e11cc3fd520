//! Coordinators that die, come twice, disagree, or find their messages gone.

use std::time::Duration;

use backfleet_tests::export::{Export, Synth};
use backfleet_tests::fleet::{DEST, Fleet, assert_same};
use backfleet_tests::fleet_wait::{pause, until};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Named so that a failure can be repeated.
const SEED: u64 = 20_261_123;
/// Forty batches of messages.
const UNITS: u32 = 400;

#[test]
fn a_start_killed_anywhere_and_run_again_hands_over_every_unit() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(800, UNITS)));
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut part_way = 0;
    for _ in 0..12 {
        let mut start = fleet.start().start();
        if !start.ends_within(Duration::from_millis(random.random_range(10..500))) {
            start.kill();
        }
        let sent = fleet.queue().visible();
        part_way += usize::from(sent > 0 && sent < UNITS as usize);
        // Only what one start has sent is to be seen, so that the next one is counted alone.
        fleet.queue().purge();
    }
    assert!(part_way > 0, "no kill came between two batches: choose other moments");
    // Killed once more, and nothing purged: what was sent twice is harmless.
    let mut start = fleet.start().start();
    until("some units were on the queue", || fleet.queue().visible() > 0 || start.has_ended());
    start.kill();
    let _workers = fleet.workers(2);
    let said = fleet.start().words(&["--wait", "--json"]).succeeds().json();
    assert_eq!(said["units"], UNITS, "{said}");
    fleet.assert_as_local();
}

#[test]
fn a_waiting_coordinator_can_be_killed_interrupted_and_attached_again() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(2_000, 20)));
    let killed = fleet.start().word("--wait").start();
    until("units were on the queue", || fleet.queue().visible() == 20);
    assert!(killed.kill());

    let interrupted = fleet.start().word("--wait").start();
    until("they were there again", || fleet.queue().visible() == 40);
    // It begins to wait, and to listen to signals, when the last message is sent.
    pause(Duration::from_secs(1));
    interrupted.signal("INT");
    let outcome = interrupted.outcome();
    assert_eq!(outcome.code, Some(130), "{outcome}");
    outcome.says(&["interrupted", "same command"]);

    let _workers = fleet.workers(2);
    let last = fleet.start().word("--wait").outcome();
    assert_eq!(last.code, Some(0), "{last}");
    fleet.assert_as_local();
}

#[test]
fn two_coordinators_at_once_agree() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(2_000, 20)));
    let mut both = [(); 2].map(|()| fleet.start().words(&["--wait", "--json"]));
    let both = both.each_mut().map(backfleet_tests::process::Call::start);
    let _workers = fleet.workers(2);
    for coordinator in both {
        let outcome = coordinator.outcome();
        assert_eq!(outcome.code, Some(0), "{outcome}");
        assert_eq!(outcome.json()["outcome"], "committed", "{outcome}");
    }
    fleet.assert_as_local();
}

#[test]
fn a_changed_option_is_another_job_beside_the_first() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(1_200, 8)));
    let plain: &[&str] = &["--format", "plain"];
    fleet.start().succeeds();
    fleet.start().words(plain).succeeds();
    let _workers = fleet.workers(2);
    let first = fleet.start().words(&["--wait", "--json"]).succeeds().json();
    let second = fleet.start().words(plain).words(&["--wait", "--json"]).succeeds().json();
    assert_ne!(first["job"], second["job"]);
    assert_same(&fleet.visible(), &fleet.visible_locally(&[&[], plain]));
    fleet.verify().succeeds();
    // Which of them is meant must be said from now on.
    fleet.finish().ends_with(2).explains(&["--job"]);
    let job = second["job"].as_str().expect("a job has an id");
    fleet.finish().flag("--job", &job[..8]).succeeds();
}

#[test]
fn resume_puts_back_exactly_what_lacks_a_completion() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(3_000, 30))).with(&["--shard-bytes", "8KiB"]);
    fleet.start().succeeds();
    let mut worker = fleet.worker().start_ready();
    until("some units were complete", || fleet.complete_units() >= 3);
    worker.kill();
    let lacking = 30 - fleet.complete_units();
    assert!(lacking > 0, "the worker was done already");
    fleet.queue().purge();
    assert_eq!(fleet.queue().visible() + fleet.queue().in_flight(), 0);

    let said = fleet.resume().word("--json").succeeds().json();
    assert_eq!(said["enqueued"], lacking, "{said}");
    assert_eq!(fleet.queue().visible(), lacking);
    let mut units: Vec<_> = fleet.queue().receive_all().into_iter().map(|message| message.body).collect();
    units.sort();
    units.dedup();
    assert_eq!(units.len(), lacking, "a unit was put back twice");

    // Those are held by nobody who works: one more time, and to the end.
    fleet.queue().purge();
    fleet.resume().succeeds();
    let _workers = fleet.workers(2);
    fleet.start().word("--wait").succeeds();
    fleet.assert_as_local();
}

#[test]
fn a_waiting_coordinator_notices_by_itself_that_messages_are_gone() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(1_000, 10)));
    let waiting = fleet.start().word("--wait").start();
    until("units were on the queue", || fleet.queue().visible() == 10);
    fleet.queue().purge();
    pause(Duration::from_secs(1));
    assert_eq!(fleet.queue().visible(), 0);
    until("they were there again", || fleet.queue().visible() == 10);
    let _workers = fleet.workers(2);
    let outcome = waiting.outcome();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    outcome.says(&["10 units are neither complete nor on a queue"]);
    fleet.assert_as_local();
}

#[test]
fn a_job_of_another_source_is_never_mistaken_for_this_one() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(300, 3)));
    fleet.start().succeeds();
    // The same export in another bucket: the same job, whose plan says that it is read from the first.
    fleet.cloud.create_bucket("elsewhere");
    fleet.cloud.upload(&fleet.export.place(), "elsewhere");
    fleet.start_from("s3://elsewhere").ends_with(2).explains(&["s3://exports", "s3://elsewhere", "resume"]);
    let _worker = fleet.worker().start_ready();
    fleet.start().word("--wait").succeeds();
    fleet.call(&["verify", "--dest", DEST]).succeeds();
    fleet.assert_as_local();
}
