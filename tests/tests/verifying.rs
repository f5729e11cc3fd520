//! `verify` finds whatever happened to a finished destination, and names it.

use std::fs;
use std::path::PathBuf;

use backfleet_tests::damage::{add_one, copy_file, flip_byte, flip_middle, halve, length};
use backfleet_tests::destination::Destination;
use backfleet_tests::export::{Export, Synth, copy_tree};
use backfleet_tests::handmade::{self, DataFile, item};
use backfleet_tests::process::{Outcome, verify};

/// A finished job of three units, and copies of it to be damaged.
struct Finished {
    export: Export,
    dest: Destination,
}

impl Finished {
    fn new() -> Self {
        let export = Export::synthetic(Synth::telemetry(300, 3));
        let dest = Destination::at(&export.dest("finished"));
        export.run(&dest.path).flag("--shard-bytes", "64KiB").succeeds();
        assert!(dest.shards().len() > 6);
        Self { export, dest }
    }

    /// What `verify` says of a copy that `damage` was done to.
    fn damaged(&self, name: &str, damage: impl FnOnce(&Destination)) -> Outcome {
        let copy = Destination::at(&self.export.dest(name));
        copy_tree(&self.dest.path, &copy.path);
        damage(&copy);
        verify(&copy.path).outcome()
    }

    /// `verify` must end with 6 and say this of it, on standard error.
    #[track_caller]
    fn must_find(&self, name: &str, fragments: &[&str], damage: impl FnOnce(&Destination)) {
        let outcome = self.damaged(name, damage);
        assert_eq!(outcome.code, Some(6), "{name}: {outcome}");
        outcome.explains(fragments);
    }

    /// A shard in the middle.
    fn shard(&self) -> String {
        self.dest.shard_names()[3].clone()
    }
}

#[test]
fn an_undamaged_copy_is_proven() {
    let finished = Finished::new();
    let outcome = finished.damaged("untouched", |_| {});
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn damage_to_a_shard_is_found_and_the_shard_named() {
    let finished = Finished::new();
    let shard = finished.shard();
    let named = &[shard.as_str()][..];
    let path = |copy: &Destination| copy.path.join(&shard);
    finished.must_find("deleted", named, |copy| fs::remove_file(path(copy)).expect("a shard"));
    finished.must_find("truncated", named, |copy| halve(&path(copy)));
    finished.must_find("emptied", named, |copy| fs::write(path(copy), "").expect("a shard"));
    finished.must_find("first byte", named, |copy| flip_byte(&path(copy), 0));
    finished.must_find("middle byte", named, |copy| flip_middle(&path(copy)));
    finished.must_find("last byte", named, |copy| flip_byte(&path(copy), length(&path(copy)) - 1));
    finished.must_find("another shard's bytes", named, |copy| {
        let other = copy.shards().remove(0);
        copy_file(&other, &path(copy));
    });
}

#[test]
fn a_shard_that_nobody_listed_is_found_and_named() {
    let finished = Finished::new();
    let (before, _) =
        finished.shard().rsplit_once('-').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a shard");
    let stranger = format!("{before}-00077.json.gz");
    finished.must_find("stranger", &[&stranger], |copy| {
        copy_file(&copy.path.join(finished.shard()), &copy.path.join(&stranger));
    });
}

#[test]
fn what_belongs_to_nobody_is_nobodys_business() {
    let finished = Finished::new();
    let outcome = finished.damaged("guests", |copy| {
        let partition = copy.shards()[0].parent().map(PathBuf::from).expect("a shard lies in a folder");
        fs::write(partition.join("part-00000000-000000-00000.json.gz"), "x").expect("a guest");
        fs::write(partition.join("notes.txt"), "x").expect("a guest");
        fs::write(copy.path.join("README"), "x").expect("a guest");
    });
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn damage_to_a_completion_is_found_and_the_unit_named() {
    let finished = Finished::new();
    let completion = |copy: &Destination| copy.of_job("completions/000001.json");
    let named = &["unit 1"][..];
    finished.must_find("deleted", named, |copy| fs::remove_file(completion(copy)).expect("a completion"));
    finished.must_find("truncated", named, |copy| halve(&completion(copy)));
    finished.must_find("another unit's", named, |copy| {
        copy_file(&copy.of_job("completions/000000.json"), &completion(copy));
    });
    finished.must_find("a count", named, |copy| {
        add_one(&completion(copy), "/counts/records_in");
    });
    // Still in agreement with itself and with the plan: only the manifest can tell.
    finished.must_find("a count that is only told", &["manifest.json"], |copy| {
        add_one(&completion(copy), "/counts/bytes_inflated");
    });
}

#[test]
fn a_completion_that_disowns_a_shard_is_found_by_the_shard() {
    let finished = Finished::new();
    let outcome = finished.damaged("disowned", |copy| {
        let path = copy.of_job("completions/000001.json");
        let mut completion = copy.json_of_job("completions/000001.json");
        let shard = completion["shards"].as_array_mut().and_then(Vec::pop).expect("a shard");
        for (count, of_shard) in
            [("records_out", "records"), ("bytes_out", "bytes"), ("content_bytes", "content_bytes")]
        {
            let left = completion["counts"][count].as_u64().zip(shard[of_shard].as_u64());
            completion["counts"][count] = left.map(|(all, one)| all - one).into();
        }
        completion["counts"]["shards"] = completion["shards"].as_array().map(Vec::len).into();
        // The records are gone without being missed by any sum.
        completion["counts"]["records_in"] = completion["counts"]["records_out"].clone();
        fs::write(path, completion.to_string()).expect("a completion");
    });
    assert_eq!(outcome.code, Some(6), "{outcome}");
    let lost =
        finished.dest.shard_names().into_iter().rfind(|name| name.contains("-000001-")).expect("a shard");
    outcome.explains(&[&lost]);
}

#[test]
fn damage_to_manifest_mark_and_plan_is_found_and_named() {
    let finished = Finished::new();
    finished
        .must_find("manifest altered", &["manifest.json"], |copy| flip_middle(&copy.of_job("manifest.json")));
    finished.must_find("manifest deleted", &["manifest.json"], |copy| {
        fs::remove_file(copy.of_job("manifest.json")).expect("a manifest");
    });
    finished.must_find("mark deleted", &["_SUCCESS"], |copy| {
        fs::remove_file(copy.of_job("_SUCCESS")).expect("a mark");
    });
    finished.must_find("mark altered", &["_SUCCESS"], |copy| flip_middle(&copy.of_job("_SUCCESS")));
    finished.must_find("plan altered", &["plan"], |copy| {
        add_one(&copy.of_job("plan.json"), "/units/1/items");
    });
    finished.must_find("plan truncated", &["plan"], |copy| halve(&copy.of_job("plan.json")));
}

#[test]
fn a_job_without_its_plan_is_not_proven() {
    let finished = Finished::new();
    let outcome = finished.damaged("plan deleted", |copy| {
        fs::remove_file(copy.of_job("plan.json")).expect("a plan");
    });
    assert_eq!(outcome.code, Some(6), "{outcome}");
    outcome.says(&["plan"]);
}

#[test]
fn a_job_without_its_plan_is_not_overlooked_beside_a_good_one() {
    let finished = Finished::new();
    let outcome = finished.damaged("one plan of two deleted", |copy| {
        fs::remove_file(copy.of_job("plan.json")).expect("a plan");
        finished.export.run(&copy.path).flag("--format", "item").succeeds();
    });
    assert_eq!(outcome.code, Some(6), "{outcome}");
    outcome.says(&[&finished.dest.job()[..8]]);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let finished = Finished::new();
    let shards = finished.dest.shard_names();
    finished.must_find("several", &[&shards[0], &shards[1], "unit 2", "manifest.json"], |copy| {
        fs::remove_file(copy.path.join(&shards[0])).expect("a shard");
        flip_middle(&copy.path.join(&shards[1]));
        fs::remove_file(copy.of_job("completions/000002.json")).expect("a completion");
        fs::remove_file(copy.of_job("manifest.json")).expect("a manifest");
    });
}

#[test]
fn a_rerun_of_a_damaged_job_ends_like_verify_and_repairs_nothing_in_silence() {
    let finished = Finished::new();
    flip_middle(&finished.dest.path.join(finished.shard()));
    let before = finished.dest.stamps();
    let again = finished.export.run(&finished.dest.path).flag("--shard-bytes", "64KiB").ends_with(6);
    again.explains(&[&finished.shard()]);
    assert_eq!(finished.dest.stamps(), before);
}

#[test]
fn damage_to_quarantine_is_found_and_named() {
    let good = item("good", "");
    let export = handmade::export(&[DataFile::of_lines("a.json.gz", [good.as_str(), "nonsense"])]);
    let dest = Destination::at(&export.dest("out"));
    export.run(&dest.path).flag("--max-quarantine", "1").succeeds();
    verify(&dest.path).succeeds();
    flip_middle(&dest.of_job("quarantine/000000-00000.ndjson"));
    verify(&dest.path).ends_with(6).explains(&["quarantine/000000-00000.ndjson"]);
}

#[test]
fn a_place_without_jobs_is_not_proven_and_a_place_that_is_not_there_is_named() {
    let home = tempfile::tempdir().expect("a temporary folder");
    verify(home.path()).ends_with(6).says(&["no job", home.path().to_str().expect("a path of text")]);
    let missing = home.path().join("missing");
    let outcome = verify(&missing).outcome();
    assert_ne!(outcome.code, Some(0), "{outcome}");
    outcome.explains(&["missing"]);
    assert!(!missing.exists());
}
