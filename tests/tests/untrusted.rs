//! Files that are not what their export says: put aside with the reason, everything else done, nothing committed;
//! once they are mended the same command finishes the job.
//!
//! A unit is tried five times with growing pauses before it is put aside, so each of these takes a quarter of a
//! minute; they sleep beside one another.

use std::fs;
use std::path::{Path, PathBuf};

use backfleet_tests::damage::{flip_middle, halve};
use backfleet_tests::destination::Destination;
use backfleet_tests::export::{Export, Synth};
use backfleet_tests::handmade::{DataFile, bare_export, item};
use backfleet_tests::process::{Call, Outcome, verify};

const FILES: u32 = 4;
/// The unit whose file is damaged.
const UNIT: usize = 2;

#[test]
fn a_file_whose_md5_is_wrong_is_put_aside_before_a_shard_is_made_of_it_and_done_once_mended() {
    let scene = Scene::new(flip_middle);
    let outcome = scene.ends_put_aside(&["MD5"]);
    outcome.explains(&["no _SUCCESS"]);
    let written: Vec<String> = scene.shards_of_unit();
    assert!(written.is_empty(), "{written:?}");
    scene.page_tells("told of 3 of 4 units", "to be done");
    scene.mended_ends_undisturbed();
    scene.page_tells("told of all units", "complete since");
}

#[test]
fn a_file_that_was_cut_short_is_put_aside_and_done_once_mended() {
    let scene = Scene::new(halve);
    scene.ends_put_aside(&[]);
    let written: Vec<String> = scene.shards_of_unit();
    assert!(written.is_empty(), "{written:?}");
    scene.mended_ends_undisturbed();
}

#[test]
fn files_that_are_damaged_as_their_export_lists_them_are_put_aside_each_for_its_reason() {
    let export = Export::synthetic(Synth::telemetry(600, FILES));
    let files = export.data_files();
    halve(&files[0]);
    flip_middle(&files[1]);
    let mut listing = export.listing().promising_bytes_of(&files[0]).promising_bytes_of(&files[1]);
    let items = listing.line_of(&files[2])["itemCount"].as_u64().expect("a count");
    listing.line_of(&files[2])["itemCount"] = (items + 1).into();
    listing.summary["itemCount"] = 601.into();
    listing.write();

    let dest = Destination::at(&export.dest("out"));
    let outcome = export.run(&dest.path).word("--json").ends_with(4);
    assert!(!outcome.stderr.contains('\u{1b}'), "escape codes are for terminals: {outcome}");
    let report = outcome.json();
    let letters = report["dead_letters"].as_array().expect("dead letters");
    let reason = |file: &Path| {
        let letter =
            letters.iter().find(|letter| letter["file"].as_str().is_some_and(|name| file.ends_with(name)));
        letter
            .and_then(|letter| letter["reason"].as_str())
            .unwrap_or_else(|| panic!("{}: {report}", file.display()))
    };
    assert_eq!(letters.len(), 3, "{report}");
    assert!(reason(&files[0]).contains("ends") || reason(&files[0]).contains("truncated"), "{report}");
    assert!(reason(&files[1]).contains("gzip") || reason(&files[1]).contains("deflate"), "{report}");
    let counts = [format!("{items} records"), (items + 1).to_string()];
    assert!(counts.iter().all(|count| reason(&files[2]).contains(count)), "{report}");
    assert_eq!(dest.complete_units().into_iter().collect::<Vec<_>>(), [3]);
    assert!(!dest.is_committed());
    let unproven = verify(&dest.path).ends_with(6);
    unproven.explains(&["unit 0", "unit 1", "unit 2"]);
}

#[test]
fn a_damaged_file_without_an_md5_is_put_aside_and_done_once_mended() {
    let lines = |name: &'static str| {
        let line =
            |n: usize| item(&format!("{name}-{n}"), r#""text":{"S":"some text that is worth compressing"}"#);
        DataFile::of_lines(name, (0..50).map(line).collect::<Vec<_>>())
    };
    let export = bare_export(&[lines("00000.json.gz"), lines("00001.json.gz")]);
    let convert = |dest: &Destination| {
        let arn = "arn:aws:dynamodb:eu-west-1:123456789123:table/Bare";
        export.run(&dest.path).flag("--stream-arn", arn).flag("--snapshot-time", "2026-01-14T10:18:50Z")
    };
    let undisturbed = Destination::at(&export.dest("undisturbed"));
    convert(&undisturbed).succeeds();

    let file = export.data_files().remove(1);
    let whole = fs::read(&file).expect("a data file");
    flip_middle(&file);
    let dest = Destination::at(&export.dest("out"));
    convert(&dest).ends_with(4).explains(&["00001.json.gz", "same command"]);
    assert!(!dest.is_committed());
    fs::write(&file, whole).expect("a data file can be mended");
    convert(&dest).succeeds();
    assert_same_for_readers(&dest, &undisturbed);
    verify(&dest.path).succeeds();
}

/// An export one of whose files is damaged after it was converted elsewhere.
struct Scene {
    export: Export,
    undisturbed: Destination,
    dest: Destination,
    file: PathBuf,
    whole: Vec<u8>,
}

impl Scene {
    fn new(damage: impl FnOnce(&Path)) -> Self {
        let export = Export::synthetic(Synth::telemetry(600, FILES));
        let undisturbed = Destination::at(&export.dest("undisturbed"));
        export.run(&undisturbed.path).flag("--shard-bytes", "64KiB").succeeds();
        let file = export.folder().join(&undisturbed.unit_files()[UNIT]);
        let whole = fs::read(&file).expect("a data file");
        damage(&file);
        Self { dest: Destination::at(&export.dest("out")), export, undisturbed, file, whole }
    }

    /// The job must end with 4, with all other units done, naming the file and the reason.
    fn ends_put_aside(&self, reason: &[&str]) -> Outcome {
        let outcome = self.export.run(&self.dest.path).flag("--shard-bytes", "64KiB").ends_with(4);
        let name = self.file.file_name().and_then(|name| name.to_str()).expect("a name");
        outcome.explains(&[name]).says(reason);
        assert!(!self.dest.is_committed());
        let others: Vec<usize> = (0..FILES as usize).filter(|&unit| unit != UNIT).collect();
        assert_eq!(self.dest.complete_units().into_iter().collect::<Vec<_>>(), others);
        outcome
    }

    fn shards_of_unit(&self) -> Vec<String> {
        let of_unit = |name: &String| name.contains(&format!("-{UNIT:06}-"));
        self.dest.shard_names().into_iter().filter(of_unit).collect()
    }

    /// The job's page says what failed how often, how long the unit took, why it was put aside, and what it is now.
    fn page_tells(&self, told: &str, now: &str) {
        let page = self.export.dest("page.html");
        Call::new("report").flag("--dest", &self.dest.path).flag("--to", &page).succeeds();
        let html = fs::read_to_string(&page).expect("a page");
        let name = self.file.file_name().and_then(|name| name.to_str()).expect("a name");
        let row = |cells: &[&str]| {
            html.lines().any(|line| line.starts_with("<tr>") && cells.iter().all(|cell| line.contains(cell)))
        };
        assert!(html.contains(told), "{told}: {html}");
        assert!(row(&["attempts at a unit that failed", "input-md5", ">5<"]), "{html}");
        assert!(row(&[name, ">5<", " s</td>"]) || row(&[name, ">6<", " s</td>"]), "its time: {html}");
        assert!(row(&[name, "input-md5: ", now]), "{now}: {html}");
    }

    fn mended_ends_undisturbed(&self) {
        fs::write(&self.file, &self.whole).expect("a data file can be mended");
        self.export.run(&self.dest.path).flag("--shard-bytes", "64KiB").succeeds();
        assert_same_for_readers(&self.dest, &self.undisturbed);
        // The plan says how long the file was when the job was planned, and is written once.
        let but_the_plan = |destination: &Destination| {
            let mut visible = destination.visible();
            visible.retain(|key, _| !key.ends_with("/plan.json"));
            visible
        };
        assert_eq!(but_the_plan(&self.dest), but_the_plan(&self.undisturbed));
        verify(&self.dest.path).succeeds();
    }
}

/// What a reader of the partition gets: nothing twice, nothing missing.
#[track_caller]
fn assert_same_for_readers(dest: &Destination, undisturbed: &Destination) {
    assert_eq!(dest.shard_names(), undisturbed.shard_names());
    assert!(dest.lines() == undisturbed.lines(), "the shards of {} hold other records", dest.path.display());
}
