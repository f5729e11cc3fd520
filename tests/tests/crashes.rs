//! `kill -9`, at any moment: nothing half done is ever seen, nothing is lost, nothing is done twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use backfleet_tests::damage::garble;
use backfleet_tests::destination::Destination;
use backfleet_tests::export::{Export, Synth};
use backfleet_tests::process::{Call, verify};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Named so that a failure can be repeated.
const SEED: u64 = 20_261_122;
const KILLS: usize = 50;
/// A job that takes a second or two, so that it is killed several times on its way.
const FILES: u32 = 12;
const ITEMS: u64 = 6_000;
const SHARD_BYTES: &str = "16KiB";

#[test]
fn fifty_kills_at_random_moments_leave_what_an_undisturbed_run_leaves() {
    let export = Export::synthetic(Synth::telemetry(ITEMS, FILES));
    let undisturbed = undisturbed(&export);
    let mut moments = ChaCha8Rng::seed_from_u64(SEED);
    let (mut kills, mut jobs) = (0, 0);
    while kills < KILLS {
        let dest = Destination::at(&export.dest(&format!("killed-{jobs}")));
        let killed = kill_until_done(&export, &dest, &mut moments, &undisturbed);
        assert!(killed > 0, "job {jobs} was never killed: it is too small for this test");
        assert_eq!(dest.visible(), undisturbed, "job {jobs} after {killed} kills");
        assert_eq!(leftovers(&dest), Vec::<String>::new(), "job {jobs} after {killed} kills");
        verify(&dest.path).succeeds();
        (kills, jobs) = (kills + killed, jobs + 1);
    }
}

/// Starts the job and kills it, again and again, until it comes to its end first. Gives the number of kills.
fn kill_until_done(
    export: &Export,
    dest: &Destination,
    moments: &mut ChaCha8Rng,
    undisturbed: &BTreeMap<String, String>,
) -> usize {
    for kills in 0..1000 {
        let mut job = convert(export, &dest.path).start();
        let moment = Duration::from_micros(moments.random_range(1_000..400_000));
        if job.ends_within(moment) || !job.kill() {
            convert(export, &dest.path).succeeds();
            return kills;
        }
        assert_only_whole_objects(dest, undisturbed);
    }
    panic!("the job makes no progress")
}

/// What can be seen at any moment is some of what will be there in the end, and already final.
fn assert_only_whole_objects(dest: &Destination, undisturbed: &BTreeMap<String, String>) {
    for (name, digest) in dest.visible() {
        assert_eq!(Some(&digest), undisturbed.get(&name), "{name} was visible after a kill");
    }
}

#[test]
fn units_that_were_complete_before_a_kill_are_not_read_again() {
    let export = Export::synthetic(Synth::telemetry(ITEMS, FILES));
    let undisturbed = undisturbed(&export);
    let dest = Destination::at(&export.dest("killed"));
    let mut job = convert(&export, &dest.path).start();
    job.until("three units were complete", || dest.complete_units().len() >= 3);
    assert!(job.kill(), "the job ended before it could be killed");
    let (complete, files) = (dest.complete_units(), dest.unit_files());
    assert!(complete.len() < files.len(), "nothing is left to do");
    // Whoever reads one of these now fails by its MD5; nobody who only looks at its length can tell.
    for &unit in &complete {
        garble(&export.folder().join(&files[unit]));
    }
    convert(&export, &dest.path).succeeds();
    assert_eq!(dest.visible(), undisturbed);
}

#[test]
fn a_unit_that_is_not_complete_would_notice_a_file_that_cannot_be_trusted() {
    // The counterpart of the test above: without the completions, its trick is seen through.
    let export = Export::synthetic(Synth::tiny(40, 2));
    let dest = Destination::at(&export.dest("out"));
    convert(&export, &dest.path).succeeds();
    garble(&export.folder().join(&dest.unit_files()[0]));
    fs::remove_file(dest.of_job("completions/000000.json")).expect("a completion");
    convert(&export, &dest.path).ends_with(4);
}

#[test]
fn a_job_that_died_between_any_two_steps_of_its_end_is_finished_by_the_same_command() {
    let export = Export::synthetic(Synth::telemetry(600, 3));
    let undisturbed = undisturbed(&export);
    let shard_of_unit_1 = |name: &&String| name.contains("-000001-");
    let dest = Destination::at(&export.dest("out"));
    convert(&export, &dest.path).succeeds();
    let own = ["_SUCCESS", "manifest.json", "completions/000001.json"].map(|name| dest.of_job(name));
    let shards = dest.shard_names();
    let unit_1 = shards.iter().filter(shard_of_unit_1).map(|name| dest.path.join(name));
    // Each step was preceded by all that stand behind it in this list.
    let steps: Vec<_> = own.into_iter().chain(unit_1.collect::<Vec<_>>().into_iter().rev()).collect();
    assert!(steps.len() > 5, "more shards are wanted: {steps:?}");
    for undone in 1..=steps.len() {
        for step in &steps[..undone] {
            fs::remove_file(step).expect("a step to undo");
        }
        convert(&export, &dest.path).succeeds();
        assert_eq!(dest.visible(), undisturbed, "the last {undone} steps were undone");
    }
}

#[test]
fn two_processes_that_do_the_same_job_at_once_do_it_once() {
    let export = Export::synthetic(Synth::telemetry(4_000, 8));
    let undisturbed = undisturbed(&export);
    let dest = Destination::at(&export.dest("shared"));
    let twins = [(); 2].map(|()| convert(&export, &dest.path).start());
    for twin in twins {
        let outcome = twin.outcome();
        assert_eq!(outcome.code, Some(0), "{outcome}");
    }
    assert_eq!(dest.visible(), undisturbed);
    verify(&dest.path).succeeds();
}

fn undisturbed(export: &Export) -> BTreeMap<String, String> {
    let dest = export.dest("undisturbed");
    convert(export, &dest).succeeds();
    let visible = Destination::at(&dest).visible();
    assert!(visible.keys().any(|name| name.ends_with("/_SUCCESS")), "{visible:?}");
    visible
}

fn convert(export: &Export, dest: &Path) -> Call {
    export.run(dest).flag("--shard-bytes", SHARD_BYTES).flag("--workers", "2")
}

/// Files on their way that nobody will ever finish.
fn leftovers(dest: &Destination) -> Vec<String> {
    dest.stamps().into_keys().filter(|name| name.starts_with(".backfleet-tmp/")).collect()
}
