//! Commands that must not write, and jobs that must not collide.

use std::fs;

use backfleet_tests::destination::Destination;
use backfleet_tests::export::{Export, Synth};
use backfleet_tests::process::{Call, verify};

#[test]
fn a_rerun_of_a_finished_job_proves_it_again_and_writes_nothing() {
    let export = Export::synthetic(Synth::telemetry(600, 3));
    let dest = Destination::at(&export.dest("out"));
    let first = export.run(&dest.path).flag("--shard-bytes", "64KiB").succeeds();
    assert!(first.stdout.starts_with("proven: "), "{first}");
    let before = dest.stamps();
    // How many work at it decides no byte.
    for workers in ["1", "7"] {
        let call = export.run(&dest.path).flag("--shard-bytes", "64KiB").flag("--workers", workers);
        let again = { call }.succeeds();
        again.says(&["proven again", "nothing written", "600 out"]);
        assert_eq!(dest.stamps(), before);
    }
}

#[test]
fn verify_writes_nothing() {
    let export = Export::synthetic(Synth::tiny(60, 2));
    let dest = Destination::at(&export.dest("out"));
    export.run(&dest.path).succeeds();
    let before = dest.stamps();
    verify(&dest.path).succeeds().says(&["proven", "60 records in", "60 out", "0 quarantined"]);
    assert_eq!(dest.stamps(), before);
}

#[test]
fn plan_writes_nothing_and_says_what_run_would_do() {
    let export = Export::synthetic(Synth { empty_files: 2, ..Synth::telemetry(500, 3) });
    let source = Destination::at(&export.place());
    let before = source.stamps();
    let (here, dest) = (tempfile::tempdir().expect("a temporary folder"), export.dest("out"));
    let plan = || export.plan().flag("--dest", &dest).inside(here.path());
    plan().succeeds().says(&["5", "500", "nothing was written"]);
    let planned = plan().word("--json").succeeds().json();
    let bytes: u64 = export.data_files().iter().map(|file| fs::metadata(file).expect("a file").len()).sum();
    assert_eq!((&planned["units"], &planned["records"]), (&5.into(), &500.into()), "{planned}");
    assert_eq!((&planned["bytes"], &planned["units_left"]), (&bytes.into(), &5.into()), "{planned}");

    assert_eq!(source.stamps(), before);
    assert!(!dest.exists());
    assert_eq!(fs::read_dir(here.path()).expect("a folder").count(), 0);

    export.run(&dest).succeeds();
    let dest = Destination::at(&dest);
    assert_eq!(planned["job"], dest.job());
    let before = dest.stamps();
    assert_eq!(plan().word("--json").succeeds().json()["units_left"], 0);
    assert_eq!(dest.stamps(), before);
}

#[test]
fn jobs_with_different_options_share_a_destination_without_touching_each_other() {
    let export = Export::synthetic(Synth::tiny(300, 3));
    let dest = Destination::at(&export.dest("out"));
    let alone = Destination::at(&export.dest("alone"));
    let stream = |dest: &Destination| export.run(&dest.path);
    let plain = |dest: &Destination| stream(dest).flag("--format", "plain").flag("--compression", "none");
    stream(&dest).succeeds();
    let (before, of_first) = (dest.stamps(), dest.visible().len());
    plain(&dest).succeeds();

    let (after, jobs) = (dest.stamps(), dest.jobs());
    assert_eq!(jobs.len(), 2);
    assert!(before.iter().all(|(name, stamp)| after.get(name) == Some(stamp)), "the first job was touched");
    plain(&alone).succeeds();
    let visible = dest.visible();
    assert!(alone.visible().iter().all(|(name, digest)| visible.get(name) == Some(digest)));
    assert_eq!(visible.len(), of_first + alone.visible().len());

    verify(&dest.path).succeeds().says(&[&jobs[0][..8], &jobs[1][..8]]);
    for job in &jobs {
        let report = verify(&dest.path).flag("--job", &job[..8]).word("--json").succeeds().json();
        assert_eq!(report["jobs"].as_array().map(Vec::len), Some(1), "{report}");
        assert_eq!(report["jobs"][0]["job"], job.as_str());
    }
    stream(&dest).succeeds().says(&["proven again"]);
    plain(&dest).succeeds().says(&["proven again"]);
    assert_eq!(dest.stamps(), after);
}

#[test]
fn every_option_that_changes_a_byte_makes_another_job() {
    let export = Export::synthetic(Synth::telemetry(20, 1));
    let job = |words: &[&str]| {
        let call = Call::new("plan").flag("--source", export.place()).words(words).word("--json");
        { call }.succeeds().json()["job"].to_string()
    };
    let asked = [
        &["--keys", "pk,sk"][..],
        &["--keys", "pk"],
        &["--keys", "pk,sk", "--format", "item"],
        &["--keys", "pk,sk", "--format", "kinesis"],
        &["--keys", "pk,sk", "--compression", "zstd"],
        &["--keys", "pk,sk", "--partition", "p"],
        &["--keys", "pk,sk", "--shard-bytes", "1MiB"],
        &["--keys", "pk,sk", "--extra-field", "a=b"],
        &["--keys", "pk,sk", "--extra-field", "a:=1"],
        &["--keys", "pk,sk", "--include", "a"],
        &["--keys", "pk,sk", "--exclude", "a"],
        &["--keys", "pk,sk", "--view-type", "NEW_IMAGE"],
        &[
            "--keys",
            "pk,sk",
            "--stream-arn",
            "arn:aws:dynamodb:eu-west-1:1:table/T/stream/2026-01-01T00:00:00.000",
        ],
        &["--keys", "pk,sk", "--snapshot-time", "2026-01-01T00:00:00Z"],
    ];
    let jobs: std::collections::BTreeSet<String> = asked.iter().map(|words| job(words)).collect();
    assert_eq!(jobs.len(), asked.len());
}
