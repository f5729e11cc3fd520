//! The pages of formats and the tutorial, run: every command and every query on them prints what the page says.

use std::path::Path;
use std::process::Command;

use backfleet_tests::binary::backfleet;

#[test]
fn every_command_and_every_query_on_the_pages_of_formats_prints_what_the_page_says() {
    holds("check.py");
}

#[test]
fn the_tutorial_ends_with_a_table_that_is_dynamodbs_own() {
    holds("tutorial.py");
}

/// Runs a check of `tests/docs` in the readers' environment.
#[track_caller]
fn holds(check: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let set_up =
        Command::new(folder.join("setup.sh")).output().expect("the readers' environment can be set up");
    let why = String::from_utf8_lossy(&set_up.stderr);
    assert!(
        set_up.status.success(),
        "the readers' environment could not be set up: {}: {why}",
        set_up.status
    );

    let python = String::from_utf8(set_up.stdout).expect("a path is text");
    let checked = Command::new(python.trim())
        .arg(folder.join(check))
        .arg("--backfleet")
        .arg(backfleet())
        .output()
        .expect("Python can be started");
    let (said, failed) = (String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    assert!(checked.status.success(), "{said}{failed}");
}
