//! Workers that die, and workers that come back from the dead.

use std::collections::BTreeMap;
use std::time::Duration;

use backfleet_tests::export::{Export, Synth};
use backfleet_tests::fleet::{DEST_BUCKET, Fleet};
use backfleet_tests::fleet_wait::{pause, until};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Named so that a failure can be repeated.
const SEED: u64 = 20_261_122;
/// Of a fleet of three, all through the job.
const KILLS: usize = 20;
/// A job with enough shards to be hit in the middle of every unit.
const SHARD_BYTES: &[&str] = &["--shard-bytes", "8KiB"];

/// The queue gives a message away again after two seconds. A worker extends it meanwhile, but one that was killed,
/// or stopped, or starved by its neighbours for two seconds does not, and the unit is done twice, often at the same
/// time. That is sound, and a harder adversary than two minutes would be, because safety never rests on the lease:
/// the store takes the first put of a key, and every attempt makes the same bytes.
fn forget_quickly(fleet: &Fleet) {
    fleet.queue().set("VisibilityTimeout", "2");
    // A crash counts as a receive. Dozens of them in one job are no poison.
    fleet.queue().set_receives_max(1_000);
}

#[test]
fn workers_killed_at_random_leave_what_an_undisturbed_run_leaves() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(1_200, 40))).with(SHARD_BYTES).slowed();
    // Before anybody polls: a poll that is out keeps to the window it began with.
    forget_quickly(&fleet);
    let mut workers = fleet.workers(3);
    // Every unit twice, so that the dying have twins.
    fleet.start().succeeds();
    let waiting = fleet.start().word("--wait").start();
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let (mut kills, mut hits) = (0, 0);
    while kills < KILLS && fleet.complete_units() < 40 {
        pause(Duration::from_millis(random.random_range(50..500)));
        let victim = random.random_range(0..workers.len());
        hits += usize::from(fleet.queue().in_flight() > 0);
        workers[victim].kill();
        workers[victim] = fleet.worker().start_ready();
        kills += 1;
    }
    assert!(
        hits > KILLS / 2,
        "only {hits} of {kills} kills came while units were in hand: the job is too small"
    );
    let outcome = waiting.outcome();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    drop(workers);
    fleet.assert_as_local();
}

/// Everything that stands there but what processes tell of themselves, which each does when it ends.
fn stamps_but_efforts(fleet: &Fleet) -> BTreeMap<String, String> {
    let all = fleet.cloud.stamps(DEST_BUCKET, "");
    all.into_iter().filter(|(key, _)| !key.contains("/effort/")).collect()
}

#[test]
fn a_worker_that_wakes_after_its_successor_finished_changes_nothing() {
    // It finds its lease over, or, with two minutes to go, believes in it while others do the unit by another message.
    for believing in [false, true] {
        let fleet = Fleet::over(Export::synthetic(Synth::telemetry(4_000, 4))).with(SHARD_BYTES);
        if !believing {
            forget_quickly(&fleet);
        }
        let mut sleeper = fleet.worker().start_ready();
        fleet.start().succeeds();
        until("shards were there", || fleet.shards() > 3);
        sleeper.signal("STOP");
        assert!(fleet.complete_units() < 4, "there was nothing left to take over");

        let mut successor = fleet.worker().start_ready();
        fleet.start().word("--wait").succeeds().says(&["proven"]);
        let committed = stamps_but_efforts(&fleet);

        sleeper.signal("CONT");
        // What it held is settled one way or another when it has drained.
        sleeper.signal("TERM");
        assert_eq!(sleeper.code_within(Duration::from_secs(60)), Some(0), "{}", sleeper.log());
        successor.signal("TERM");
        assert_eq!(successor.code_within(Duration::from_secs(60)), Some(0), "{}", successor.log());
        assert_eq!(stamps_but_efforts(&fleet), committed, "believing: {believing}: {}", sleeper.log());
        fleet.assert_as_local();
        assert_eq!(fleet.dlq().visible(), 0, "believing: {believing}: {}", sleeper.log());
    }
}
