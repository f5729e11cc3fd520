//! A unit that cannot be done, from the dead letter with its reason to the repaired job.

use std::fs;

use backfleet_tests::export::{Export, Synth};
use backfleet_tests::fleet::{DEST, DEST_BUCKET, Fleet, SOURCE_BUCKET};
use backfleet_tests::fleet_wait::until;

/// One file of an export in its bucket.
struct File {
    key: String,
    name: String,
    bytes: Vec<u8>,
}

impl File {
    /// The `n`th data file, as it should be.
    fn of(fleet: &Fleet, n: usize) -> Self {
        let path = &fleet.export.data_files()[n];
        let key = path.strip_prefix(fleet.export.place()).expect("it lies in the export");
        let key = key.to_str().expect("a plain name").to_owned();
        let name = key.rsplit('/').next().expect("a key has a last part").to_owned();
        Self { key, name, bytes: fs::read(path).expect("a data file") }
    }

    /// The same length, so that nothing but its MD5 tells.
    fn damage(&self, fleet: &Fleet) {
        let mut bytes = self.bytes.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fleet.cloud.put(SOURCE_BUCKET, &self.key, &bytes);
    }

    fn repair(&self, fleet: &Fleet) {
        fleet.cloud.put(SOURCE_BUCKET, &self.key, &self.bytes);
    }
}

#[test]
fn a_damaged_file_ends_as_a_dead_letter_and_once_repaired_and_replayed_as_if_nothing_had_been() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(1_200, 12)));
    let file = File::of(&fleet, 7);
    file.damage(&fleet);
    let mut worker = fleet.worker().start_ready();
    let outcome = fleet.start().word("--wait").ends_with(4);
    outcome.says(&["11", "12", &file.name, "MD5", "no _SUCCESS"]);
    assert_eq!(fleet.complete_units(), 11);

    let letters = fleet.letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    let unit = letters[0]["unit"].as_u64().expect("the letter names its unit");
    assert_eq!(letters[0]["class"], "input-md5", "{letters:?}");
    assert_eq!(letters[0]["attempts"], 5, "{letters:?}");
    assert!(letters[0]["sent"].is_u64() && letters[0]["first_received"].is_u64(), "{letters:?}");
    let listed = fleet.queue_call(&["dlq", "list"]).succeeds();
    listed.says(&["input-md5: 1", &format!("unit {unit}"), "5 attempts", &file.name]);
    // Looking takes nothing away, and hides nothing from the next look.
    assert_eq!(fleet.letters().len(), 1);
    fleet.finish().ends_with(6).explains(&["not proven"]);

    file.repair(&fleet);
    let job = fleet.job_id().expect("a job was planned");
    let other = fleet.replay().flag("--unit", "99999").word("--json").succeeds().json();
    assert_eq!((&other["sent_back"], fleet.letters().is_empty()), (&0.into(), false), "{other}");
    let said =
        fleet.replay().flag("--reason", "input-md5").flag("--job", &job).word("--json").succeeds().json();
    assert!(said["sent_back"].as_u64() >= Some(1), "{said}");
    let again = fleet.replay().word("--json").succeeds().json();
    assert_eq!(again["sent_back"], 0, "{again}");
    until("every unit was complete", || fleet.complete_units() == 12);
    fleet.finish().succeeds().says(&["proven"]);
    fleet.assert_as_local();
    let html = fleet.page();
    for word in ["input-md5: ", "complete since", "Requests and their price", "object_store.put_new"] {
        assert!(html.contains(word), "{word:?} is missing:\n{html}");
    }

    // The letter once more, after `_SUCCESS`: it is dropped, not done again.
    let committed = fleet.cloud.stamps(DEST_BUCKET, "");
    fleet.dlq().send(&fleet.message(u32::try_from(unit).expect("a small number")));
    let said = fleet.replay().word("--json").succeeds().json();
    assert_eq!((&said["already_complete"], &said["sent_back"]), (&1.into(), &0.into()), "{said}");
    assert!(fleet.letters().is_empty());
    worker.kill();
    assert_eq!(fleet.cloud.stamps(DEST_BUCKET, ""), committed);
}

#[test]
fn letters_replayed_twice_while_the_job_runs_are_harmless() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(3_000, 15))).with(&["--shard-bytes", "8KiB"]);
    fleet.start().succeeds();
    let _worker = fleet.worker().start_ready();
    for _ in 0..2 {
        // As a queue does that took them for poison while a worker was at them.
        for unit in 0..15 {
            fleet.dlq().send(&fleet.message(unit));
        }
        let said = fleet.replay().word("--json").succeeds().json();
        let done = said["sent_back"].as_u64().zip(said["already_complete"].as_u64());
        assert_eq!(done.map(|(sent, complete)| sent + complete), Some(15), "{said}");
    }
    fleet.start().word("--wait").succeeds();
    fleet.assert_as_local();
    assert!(fleet.letters().is_empty());
}

#[test]
fn replaying_all_says_when_the_queues_have_no_move_task_and_does_without_given_a_destination() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(200, 2)));
    fleet.start().succeeds();
    fleet.queue().purge();
    for unit in 0..2 {
        fleet.dlq().send(&fleet.message(unit));
    }
    let all = || fleet.queue_call(&["dlq", "replay", "--all"]);
    all().ends_with(2).explains(&["no move task", "--dest"]);
    assert_eq!(fleet.dlq().visible(), 2);
    let said = all().flag("--dest", DEST).word("--json").succeeds().json();
    assert_eq!(said["sent_back"], 2, "{said}");
    assert_eq!((fleet.dlq().visible(), fleet.queue().visible()), (0, 2));
    // What would move everything cannot be asked to choose.
    all().flag("--unit", "1").ends_with(2);
}

#[test]
fn discarding_asks_and_takes_only_what_is_meant() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(400, 4)));
    fleet.start().succeeds();
    fleet.queue().purge();
    for unit in 0..4 {
        fleet.dlq().send(&fleet.message(unit));
    }
    fleet.dlq().send("none of ours");
    let discard = || fleet.queue_call(&["dlq", "discard"]);
    // Nobody is there to answer.
    discard().ends_with(2).says(&["nothing was discarded", "--yes"]);
    assert_eq!(fleet.letters().len(), 5);

    let said = discard().words(&["--unit", "2", "--yes", "--json"]).succeeds().json();
    assert_eq!((&said["discarded"], &said["left"]), (&1.into(), &4.into()), "{said}");
    assert!(fleet.letters().iter().all(|letter| letter["unit"] != 2));
    discard().word("--yes").succeeds().says(&["4 discarded"]);
    assert!(fleet.letters().is_empty());
    fleet.queue_call(&["dlq", "list"]).succeeds().says(&["no dead letters"]);

    // What was thrown away is not lost: its units lack a completion.
    let said = fleet.resume().word("--json").succeeds().json();
    assert_eq!(said["enqueued"], 4, "{said}");
    let _worker = fleet.worker().start_ready();
    fleet.start().word("--wait").succeeds();
    fleet.assert_as_local();
}
