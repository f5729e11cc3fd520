//! From a job to the live records: the code that joins them, whether they meet, and what is in quarantine meanwhile.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use backfleet_tests::export::{Export, Synth};
use backfleet_tests::handmade::{DataFile, export, item};
use backfleet_tests::process::Call;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An export that was converted, and the moment it shows.
struct Scene {
    export: Export,
    job: PathBuf,
    shown: OffsetDateTime,
}

impl Scene {
    fn of(export: Export) -> Self {
        let job = export.dest("job");
        export.run(&job).succeeds();
        let time = export.summary()["exportTime"].as_str().expect("a time").to_owned();
        Self { export, job, shown: OffsetDateTime::parse(&time, &Rfc3339).expect("a time") }
    }

    fn stitch(&self, live: &Path) -> Call {
        Call::new("stitch").flag("--job", &self.job).flag("--live", live)
    }

    fn handoff(&self, job: &Path) -> Call {
        let (live, to) = (self.export.dest("live"), self.export.dest("code"));
        Call::new("handoff").flag("--job", job).flag("--live", live).flag("--to", to)
    }

    /// A live object with records of these moments, so many seconds from the one shown.
    fn live(&self, key: &str, seconds: &[i64]) -> PathBuf {
        let live = self.export.dest("live");
        self.write(&live.join(key), seconds);
        live
    }

    fn write(&self, object: &Path, seconds: &[i64]) {
        fs::create_dir_all(object.parent().expect("a folder")).expect("a folder");
        let record = |seconds: &i64| {
            let time = self.shown.unix_timestamp() + seconds;
            let dynamodb = json!({"ApproximateCreationDateTime": time, "Keys": {"pk": {"S": "a"}}});
            format!("{}\n", json!({"eventName": "REMOVE", "dynamodb": dynamodb}))
        };
        fs::write(object, seconds.iter().map(record).collect::<String>()).expect("a live object");
    }
}

fn tiny() -> Scene {
    Scene::of(Export::synthetic(Synth::tiny(30, 2)))
}

#[test]
fn live_records_that_begin_early_enough_meet_the_history_wherever_they_lie() {
    let scene = tiny();
    let live = scene.live("dt=1/a.json", &[-600, 5, 900]);
    let outcome = scene.stitch(&live).succeeds();
    outcome.says(&["they meet", "begin 9 min before"]);
    // In the job's own folder its shards are no live records, nor are the objects of `_backfleet`.
    scene.write(&scene.job.join("dt=1/a.json"), &[-61]);
    let seen = scene.stitch(&scene.job).word("--json").succeeds().json();
    assert_eq!((&seen["overlap_seconds"], &seen["live_objects"]), (&json!(1), &json!(1)), "{seen}");
}

#[test]
fn a_gap_is_named_with_the_exports_that_bridge_it() {
    let scene = tiny();
    let live = scene.live("dt=1/b.json", &[7200, 9000]);
    scene.write(&live.join("dt=1/c.json"), &[5000]);
    let outcome = scene.stitch(&live).word("--json").ends_with(1);
    let seen: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let at = |seconds: i64| {
        let time = scene.shown.replace_nanosecond(0).unwrap() + time::Duration::seconds(seconds);
        time.format(&Rfc3339).unwrap()
    };
    assert_eq!(seen["gap"], json!({"from": at(-60), "to": at(5000)}), "{seen}");
    // By the day this runs on, recovery reaches back to the synthetic export, or it does not.
    let reachable = !seen["bridge"].as_array().expect("a list").is_empty();
    let text = scene.stitch(&live).ends_with(1).stdout;
    assert!(text.contains("gap of 1 h 24 min"), "{text}");
    assert!(
        text.contains(if reachable { "--incremental --from" } else { "take a full export now" }),
        "{text}"
    );
}

#[test]
fn a_live_folder_without_a_record_of_the_pipeline_is_a_gap_up_to_now() {
    let scene = tiny();
    let live = scene.export.dest("live");
    fs::create_dir(&live).expect("a folder");
    for place in [&live, &scene.job] {
        let text = scene.stitch(place).ends_with(1).stdout;
        assert!(text.contains("0 objects: none") && text.contains("start the live pipeline"), "{text}");
    }
}

#[test]
fn a_long_break_in_the_live_records_is_told() {
    let scene = tiny();
    let live = scene.live("a.json", &[-600]);
    scene.write(&live.join("b.json"), &[50_000]);
    let shown: SystemTime = scene.shown.into();
    for (name, after) in [("a.json", 0), ("b.json", 50_000)] {
        let file = File::options().write(true).open(live.join(name)).expect("a live object");
        file.set_modified(shown + Duration::from_secs(after)).expect("its time can be set");
    }
    scene.stitch(&live).succeeds().says(&["no live object was written from"]);
}

#[test]
fn code_is_written_for_a_committed_job_alone() {
    let scene = tiny();
    let outcome = scene.handoff(&scene.job).flag("--table", "lake.orders").succeeds();
    outcome.says(&["30 records", "lake.orders", "duckdb.sql"]);
    let code = fs::read_to_string(scene.export.dest("code").join("duckdb.sql")).expect("the code");
    assert!(code.contains("30 AS expected") && code.contains("MERGE INTO lake.orders"), "{code}");

    let job =
        fs::read_dir(scene.job.join("_backfleet")).expect("jobs").next().expect("one").expect("a folder");
    let manifest = job.path().join("manifest.json");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    fs::write(&manifest, text.replacen("\"records_out\":30", "\"records_out\":31", 1)).expect("written");
    scene.handoff(&scene.job).ends_with(6).explains(&["not the one that was committed", "next:"]);
    fs::remove_file(job.path().join("_SUCCESS")).expect("the mark");
    scene.handoff(&scene.job).ends_with(6).explains(&["is not committed", "next:"]);

    let plain = scene.export.dest("plain");
    scene.export.run(&plain).flag("--format", "plain").succeeds();
    scene
        .handoff(&plain)
        .ends_with(2)
        .explains(&["records of the format plain", "next: convert with --format"]);
}

#[test]
fn quarantine_is_told_by_reason_and_shown_record_by_record_as_the_source_has_it() {
    let bad = ["{\"Item\":{\"pk\":{\"N\":1}}}", "nonsense", "{\"Item\":{\"pk\":{\"N\":2}}}"];
    let files = [
        DataFile::of_lines("a.json.gz", [item("good", "").as_str(), bad[0], bad[1]]),
        DataFile::of_lines("b.json.gz", [bad[2]]),
    ];
    let export = export(&files);
    let dest = export.dest("dest");
    let outcome = export.run(&dest).ends_with(5);
    outcome.explains(&["backfleet quarantine list"]);
    let quarantine = |what: &str| Call::new("quarantine").word(what).flag("--dest", &dest);

    let listed = quarantine("list").word("--json").succeeds().json();
    assert_eq!(listed["records"], 3, "{listed}");
    let reasons = listed["reasons"].as_array().expect("a list");
    let told: Vec<(u64, u64)> = reasons
        .iter()
        .map(|reason| (reason["records"].as_u64().unwrap(), reason["units"].as_u64().unwrap()))
        .collect();
    assert!(told.contains(&(2, 2)) && told.contains(&(1, 1)), "{listed}");
    assert!(!listed.to_string().contains("nonsense"), "items are shown on request alone: {listed}");

    let raw = quarantine("show").word("--raw").succeeds().stdout;
    assert_eq!(raw.lines().collect::<Vec<_>>(), bad);
    let twice =
        reasons.iter().find(|reason| reason["records"] == 2).expect("the reason of two")["reason"].clone();
    let reason = twice.as_str().expect("a name");
    let shown = quarantine("show").flag("--reason", reason).succeeds().stdout;
    assert_eq!(shown.lines().count(), 2, "{shown}");
    let first = shown.lines().next().unwrap();
    assert!(first.starts_with("unit 0 ") && first.contains("line 2") && first.contains(reason), "{first}");
    let unit = quarantine("show").flag("--unit", "1").word("--raw").succeeds().stdout;
    assert_eq!(unit.trim_end(), bad[2]);
    assert_eq!(quarantine("show").flag("--limit", "1").succeeds().stdout.lines().count(), 1);
}
