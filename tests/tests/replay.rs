//! Records out of quarantine converted once more: exactly once, under the proof of a job of their own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use backfleet_tests::destination::Destination;
use backfleet_tests::export::Export;
use backfleet_tests::handmade::{DataFile, export, item};
use backfleet_tests::process::Call;
use serde_json::Value;

/// An item with both keys.
fn both(pk: &str) -> String {
    item(pk, r#""sk":{"S":"s"}"#)
}

/// Six records in two files: of three the key `sk` is missing, which the job was told to take; one is no record.
struct Scene {
    export: Export,
    dest: PathBuf,
    first: String,
}

impl Scene {
    fn new() -> Self {
        let export = export(&[
            DataFile::of_lines("a.json.gz", [both("a"), item("b", ""), "nonsense".to_owned(), both("c")]),
            DataFile::of_lines("b.json.gz", [item("d", r#""n":{"N":"1"}"#), item("e", "")]),
        ]);
        let dest = export.dest("dest");
        let first = Self::run(&export, &dest).succeeds().json()["job"].as_str().expect("an id").to_owned();
        Self { export, dest, first }
    }

    fn run(export: &Export, dest: &Path) -> Call {
        let run = Call::new("run").flag("--source", export.place()).flag("--dest", dest);
        run.flag("--keys", "pk,sk").flag("--max-quarantine", "4").word("--json")
    }

    /// `quarantine <what>` of a job.
    fn quarantine(&self, what: &str, job: &str) -> Call {
        Call::new("quarantine").word(what).flag("--dest", &self.dest).flag("--job", job)
    }

    fn replay(&self, keys: &str) -> Call {
        self.quarantine("replay", &self.first).flag("--keys", keys).word("--json")
    }

    /// Every `pk` in the shards, each as often as it is there.
    fn items(&self) -> Vec<String> {
        let pk = |record: Value| record["dynamodb"]["Keys"]["pk"]["S"].as_str().expect("a key").to_owned();
        let mut items: Vec<String> = Destination::at(&self.dest).records().into_iter().map(pk).collect();
        items.sort();
        items
    }
}

#[test]
fn records_that_other_options_can_convert_come_out_once_and_the_others_stay_in_quarantine() {
    let scene = Scene::new();
    assert_eq!(scene.items(), ["a", "c"]);
    let refused = scene.replay("pk").ends_with(5);
    assert!(refused.stdout.contains("\"quarantined\":1"), "{}", refused.stdout);

    let replayed = scene.replay("pk").flag("--max-quarantine", "1").succeeds().json();
    let counts = &replayed["counts"];
    assert_eq!(
        (&counts["records_in"], &counts["records_out"], &counts["quarantined"]),
        (&4.into(), &3.into(), &1.into()),
        "{replayed}"
    );
    assert_eq!(scene.items(), ["a", "b", "c", "d", "e"]);
    let second = replayed["job"].as_str().expect("an id");
    Call::new("verify")
        .flag("--dest", &scene.dest)
        .succeeds()
        .says(&["4 records in", "3 out, 1 quarantined"]);
    let raw = scene.quarantine("show", second).word("--raw").succeeds().stdout;
    assert_eq!(raw, "nonsense\n");

    // Said again, it is proven again; what is left can be taken on from the job that it is now of.
    let stamps = Destination::at(&scene.dest).stamps();
    scene.replay("pk").flag("--max-quarantine", "1").succeeds();
    assert_eq!(Destination::at(&scene.dest).stamps(), stamps);
    let third =
        scene.quarantine("replay", second).flag("--max-quarantine", "1").word("--json").succeeds().json();
    assert_eq!(third["counts"]["quarantined"], 1);
    let jobs: BTreeSet<String> = Destination::at(&scene.dest).jobs().into_iter().collect();
    assert_eq!(jobs.len(), 3);

    // The newest job is no history by itself, and one of other keys is no part of it.
    let handoff = || {
        let live = scene.export.dest("live");
        Call::new("handoff")
            .flag("--job", &scene.dest)
            .flag("--live", live)
            .flag("--to", scene.export.dest("code"))
    };
    let said = handoff().succeeds();
    said.says(&[
        &format!("2 records of job {} and", &scene.first[..8]),
        "other jobs are left out",
        "4 in quarantine",
    ]);
    handoff()
        .flag("--job-id", format!("{},{second}", scene.first))
        .ends_with(2)
        .explains(&["other keys", "next:"]);
}

#[test]
fn no_record_is_converted_in_two_ways() {
    let scene = Scene::new();
    scene.replay("pk").flag("--max-quarantine", "1").succeeds();
    let items = scene.items();
    let refused =
        scene.quarantine("replay", &scene.first).flag("--keys", "pk").flag("--exclude", "n").ends_with(2);
    refused.explains(&["to convert", "next: give the same options"]);
    assert_eq!(scene.items(), items);
}

#[test]
fn what_cannot_be_converted_once_more_is_told_with_what_to_do() {
    let scene = Scene::new();
    scene.replay("pk,pk").ends_with(2).explains(&["next: mend --keys"]);
    let whole = scene.export.dest("whole");
    let run =
        Call::new("run").flag("--source", scene.export.place()).flag("--dest", &whole).flag("--keys", "pk");
    { run }.ends_with(5);
    let replay = || Call::new("quarantine").word("replay").flag("--dest", &whole);
    replay().ends_with(6).explains(&["is not committed", "next: accept what is in quarantine"]);

    let clean = export(&[DataFile::of_lines("a.json.gz", [both("a")])]);
    let dest = clean.dest("dest");
    clean.run(&dest).succeeds();
    let nothing = Call::new("quarantine").word("replay").flag("--dest", &dest).ends_with(2);
    nothing.explains(&["no record in quarantine", "next:"]);
}

/// Everything goes into quarantine and out of it again, whatever the export's language: as if nothing had been wrong.
#[test]
fn records_of_every_language_come_out_of_quarantine_as_they_would_have_come_at_once() {
    for language in ["json", "ion"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (source, right, wrong) =
            (folder.path().join("source"), folder.path().join("right"), folder.path().join("wrong"));
        let synth = Call::new("synth").flag("--to", &source).flag("--items", "60").flag("--files", "2");
        synth.flag("--profile", "unicode").flag("--format", language).succeeds();
        let run = |dest: &Path, keys: &str| {
            Call::new("run").flag("--source", &source).flag("--dest", dest).flag("--keys", keys)
        };
        run(&right, "pk,sk").succeeds();
        run(&wrong, "pk,none").flag("--max-quarantine", "60").succeeds();
        assert!(Destination::at(&wrong).shards().is_empty());
        let mut replay =
            Call::new("quarantine").word("replay").flag("--dest", &wrong).flag("--keys", "pk,sk");
        replay.succeeds().says(&["60 records in as the export promises, 60 out"]);
        let lines = |dest: &Path| {
            let mut lines = Destination::at(dest).lines();
            lines.sort();
            lines
        };
        assert_eq!(lines(&wrong), lines(&right), "{language}");
    }
}
