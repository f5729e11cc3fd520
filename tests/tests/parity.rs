//! Holding a job against the live pipeline, and finding the flags that make the two alike.

use std::fs;
use std::path::{Path, PathBuf};

use backfleet_tests::destination::Destination;
use backfleet_tests::export::{Export, Synth};
use backfleet_tests::process::Call;
use serde_json::Value;

fn parity(live: &Path, job: &Path) -> Call {
    Call::new("parity").flag("--live", live).flag("--job", job)
}

fn infer(live: &Path) -> Call {
    Call::new("infer").flag("--live", live)
}

/// An export with a job, and a live folder with one object of its records, put together by `to`.
struct Lake {
    export: Export,
    job: PathBuf,
    live: PathBuf,
}

impl Lake {
    fn with(key: &str, to: impl Fn(&[String]) -> String) -> Self {
        let export = Export::synthetic(Synth::tiny(30, 2));
        let (job, live) = (export.dest("job"), export.dest("live"));
        export.run(&job).succeeds();
        let object = live.join(key);
        fs::create_dir_all(object.parent().expect("a file in a folder")).expect("a folder");
        let lines = Destination::at(&job).lines().into_iter().take(5);
        let lines: Vec<String> = lines.map(|line| String::from_utf8(line).expect("a line of text")).collect();
        fs::write(object, to(&lines)).expect("a live object");
        Self { export, job, live }
    }

    /// Runs the export anew with the flags that are inferred from the live folder.
    fn rerun(&self) -> PathBuf {
        let inferred = infer(&self.live).word("--json").succeeds().json();
        let again = self.export.dest("again");
        let mut call = Call::new("run").flag("--source", self.export.place()).flag("--dest", &again);
        for flag in inferred["flags"].as_array().expect("a list of flags") {
            let text = |field: &str| flag[field].as_str().expect("a text").to_owned();
            call = call.flag(&text("name"), text("value"));
        }
        call.succeeds();
        again
    }
}

fn whats(report: &Value) -> Vec<&str> {
    let differences = report["differences"].as_array().expect("a list of differences");
    differences.iter().map(|difference| difference["what"].as_str().expect("a text")).collect()
}

#[test]
fn what_the_live_pipeline_writes_differently_is_told_and_the_inferred_flags_remove_it() {
    let lake = Lake::with("dt=2026-01-14/event.json", |records| {
        let records: Vec<String> =
            records.iter().map(|record| record.replacen('{', r#"{"source":"it's live","#, 1)).collect();
        format!("{{\"Records\":[{}]}}", records.join(","))
    });
    let report = parity(&lake.live, &lake.job).word("--json").ends_with(1).json();
    assert_eq!(whats(&report)[..3], ["form of records", "compression", "partition columns"], "{report}");
    assert!(whats(&report).contains(&"field source"), "{report}");
    let again = lake.rerun();
    let report = parity(&lake.live, &again).words(&["--json", "--accept-cosmetic"]).succeeds().json();
    // The object was made without the one, and with a field where ours have none.
    assert_eq!(whats(&report), ["final newline", "order of fields"], "{report}");
    parity(&lake.live, &again).ends_with(1).says(&["2 cosmetic"]);
}

#[test]
fn the_printed_flags_can_be_typed_as_they_are() {
    let lake = Lake::with("dt=2026-01-14/a.json", |records| {
        let record = |record: &String| record.replacen('{', r#"{"source":"it's $HOME","#, 1) + "\n";
        records.iter().map(record).collect()
    });
    let printed = infer(&lake.live).word("--quiet").succeeds();
    let json = infer(&lake.live).word("--json").succeeds().json();
    assert_eq!(printed.stdout.trim_end(), json["command_line"].as_str().expect("a text"));
    let words = std::process::Command::new("sh")
        .args(["-c", &format!("printf '%s\\n' {}", printed.stdout.trim_end())])
        .output()
        .expect("a shell");
    let flags = json["flags"].as_array().expect("a list").iter();
    let expected: Vec<&str> = flags
        .flat_map(|flag| [&flag["name"], &flag["value"]])
        .map(|word| word.as_str().expect("a text"))
        .collect();
    assert_eq!(String::from_utf8_lossy(&words.stdout).lines().collect::<Vec<_>>(), expected);
    assert!(expected.contains(&"source=it's $HOME"), "{expected:?}");
}

#[test]
fn a_person_gets_a_table_with_what_to_do_and_nothing_is_written() {
    let lake = Lake::with("a.json", |records| records.join(""));
    let before = Destination::at(&lake.job).stamps();
    let outcome = parity(&lake.live, &lake.job).ends_with(1);
    outcome.explains(&[
        "severity",
        "breaks readers  compression",
        "give --compression none",
        "differs         partition columns",
        "give --partition ''",
        "4 differences: 1 break readers, 2 differ, 1 cosmetic",
    ]);
    infer(&lake.live).succeeds().says(&["by the first bytes of the objects", "left open: "]);
    assert_eq!(Destination::at(&lake.job).stamps(), before);
}

#[test]
fn a_job_is_no_different_from_itself_and_one_object_is_a_sample_too() {
    let lake = Lake::with("a.json", |records| records.join("\n"));
    parity(&lake.job, &lake.job).succeeds().says(&["no difference"]);
    let shard = fs::read_dir(lake.job.join("date=backfill-2026-01-14"));
    let shard = shard.expect("the job's partition").next().expect("a shard").expect("an entry").path();
    parity(&shard, &lake.job).succeeds().says(&["no difference", "of 1 object"]);
}

#[test]
fn what_cannot_be_compared_is_no_difference_and_is_explained() {
    let lake = Lake::with("a.json", |_| "id,name\n1,x\n".to_owned());
    parity(&lake.live, &lake.job).ends_with(3).explains(&["a.json", "no JSON at line 1"]);
    infer(&lake.live.join("missing")).ends_with(3).explains(&["missing"]);
    let empty = lake.export.dest("empty");
    fs::create_dir(&empty).expect("a folder");
    infer(&empty).ends_with(3).explains(&["holds no object"]);
    parity(&lake.job, &empty).ends_with(2).explains(&["no plan of a job"]);
    parity(&lake.job, &lake.job).flag("--job-id", "ffff").ends_with(2).explains(&["no plan of a job ffff…"]);
}
