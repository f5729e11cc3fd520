//! The page about a job: what a person looks at in the morning.

use std::fs;

use backfleet_tests::destination::Destination;
use backfleet_tests::export::{Export, Synth};
use backfleet_tests::handmade::{DataFile, export, item};
use backfleet_tests::process::Call;

#[test]
fn a_committed_job_keeps_a_page_that_asks_nothing_of_any_network() {
    let export = Export::synthetic(Synth::tiny(40, 3));
    let dest = export.dest("dest");
    let ended = export.run(&dest).word("--json").succeeds().json();
    let page = dest.join(ended["report"].as_str().expect("its place"));
    let html = fs::read_to_string(&page).expect("a page");
    for word in [
        "committed: every record",
        "3 / 3",
        "records written</span>",
        "all by MD5",
        "Nothing is in quarantine",
        "Manifest</dt><dd>SHA-256 ",
        "the processes told of all units",
        "No attempt failed and no call was tried again",
        "No unit was put aside",
    ] {
        assert!(html.contains(word), "{word:?} is missing:\n{html}");
    }
    assert!(!html.contains("http") && !html.contains("src=") && !html.contains("@import"), "{html}");

    // The same job in the same place has the same page, whoever draws it.
    let other = export.dest("page.html");
    Call::new("report").flag("--dest", &dest).flag("--to", &other).succeeds().says(&["page.html"]);
    assert_eq!(fs::read_to_string(&other).expect("a page"), html);
    let stamps = Destination::at(&dest).stamps();
    export.run(&dest).succeeds();
    assert_eq!(Destination::at(&dest).stamps(), stamps);
}

#[test]
fn a_page_that_could_not_be_kept_is_written_by_the_next_run() {
    let export = Export::synthetic(Synth::tiny(10, 1));
    let dest = export.dest("dest");
    let ended = export.run(&dest).word("--json").succeeds().json();
    let page = dest.join(ended["report"].as_str().expect("its place"));
    fs::remove_file(&page).expect("a page");
    export.run(&dest).succeeds();
    assert!(page.exists());
}

#[test]
fn a_job_under_way_is_shown_with_what_is_left_and_its_records_do_no_harm_to_the_page() {
    let name = "<script>alert(1)</script>";
    let bad = item("a", &format!(r#""{name}":{{"{name}":1}}"#));
    let export =
        export(&[DataFile::of_lines("a.json.gz", [bad]), DataFile::of_lines("b.json.gz", [item("b", "")])]);
    let dest = export.dest("dest");
    export.run(&dest).ends_with(5);
    let page = export.dest("page.html");
    let draw = || Call::new("report").flag("--dest", &dest).flag("--to", &page).succeeds();
    draw();
    let html = fs::read_to_string(&page).expect("a page");
    assert!(html.contains("not proven yet: backfleet finish") && html.contains("a.json.gz line 1"), "{html}");
    assert!(!html.contains(name), "{html}");

    let completion = Destination::at(&dest).of_job("completions").join("000001.json");
    fs::remove_file(completion).expect("a completion");
    draw();
    let html = fs::read_to_string(&page).expect("a page");
    assert!(html.contains("not committed: 1 of 2 units are left") && html.contains("not yet"), "{html}");
}
