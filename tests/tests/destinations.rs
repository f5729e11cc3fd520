//! Destinations that refuse: a clear error, nothing lost, and the same command goes on once they are mended.
//!
//! Full and read-only disks are small file systems in memory, which only root may mount: elsewhere those tests say
//! so and end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use backfleet_tests::destination::Destination;
use backfleet_tests::export::{Export, Synth};
use backfleet_tests::process::{Outcome, verify};

#[test]
fn a_file_in_the_place_of_the_destination_is_named_and_left_alone() {
    let export = Export::synthetic(Synth::tiny(40, 2));
    let dest = export.dest("out");
    fs::write(&dest, "precious").expect("a file");
    for place in [dest.clone(), dest.join("below")] {
        let outcome = export.run(&place).outcome();
        assert!(matches!(outcome.code, Some(1 | 2)), "{outcome}");
        outcome.says(&[dest.to_str().expect("a path of text")]);
        assert!(outcome.stderr.starts_with("error: ") || outcome.stderr.contains("\nerror: "), "{outcome}");
    }
    assert_eq!(fs::read(&dest).expect("a file"), b"precious");
    fs::remove_file(&dest).expect("a file");
    export.run(&dest).succeeds();
}

#[test]
fn a_disk_that_is_full_is_said_to_be_and_the_job_goes_on_once_there_is_room() {
    let export = Export::synthetic(Synth::telemetry(6_000, 2));
    let Some(disk) = Disk::mounted(&export.dest("disk"), "size=512k") else { return };
    let dest = Destination::at(&disk.path.join("out"));
    let convert = |dest: &Destination| export.run(&dest.path).flag("--shard-bytes", "64KiB").outcome();
    let outcome = convert(&dest);
    assert_failed_for_good(&outcome, &dest);
    let said = outcome.text().to_lowercase();
    assert!(said.contains("space"), "{outcome}");

    let undisturbed = Destination::at(&export.dest("undisturbed"));
    assert_eq!(convert(&undisturbed).code, Some(0));
    let whole = undisturbed.visible();
    assert!(
        dest.visible().iter().all(|(name, digest)| whole.get(name) == Some(digest)),
        "half an object is visible"
    );

    disk.remount("size=64m");
    let outcome = convert(&dest);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(dest.visible(), whole);
    verify(&dest.path).succeeds();
}

#[test]
fn a_destination_that_may_not_be_written_is_said_to_be_and_can_still_be_verified() {
    let export = Export::synthetic(Synth::tiny(40, 2));
    let Some(disk) = Disk::mounted(&export.dest("disk"), "size=16m") else { return };
    let (done, new) = (disk.path.join("done"), disk.path.join("new"));
    export.run(&done).succeeds();
    disk.remount("ro");
    let outcome = export.run(&new).outcome();
    assert_eq!(outcome.code, Some(1), "{outcome}");
    outcome.explains(&[new.to_str().expect("a path of text")]);
    assert!(!new.exists());
    verify(&done).succeeds();
    disk.remount("rw");
    export.run(&new).succeeds();
}

#[test]
fn a_process_that_runs_out_of_descriptors_says_so_and_the_job_goes_on_once_it_may_have_some() {
    let export = Export::synthetic(Synth::tiny(40, 2));
    let dest = Destination::at(&export.dest("out"));
    // Enough to begin with, and too few to write with.
    let outcome = export.run(&dest.path).descriptors_max(10).outcome();
    assert_eq!(outcome.code, Some(1), "{outcome}");
    outcome.explains(&["Too many open files", "same command"]);
    export.run(&dest.path).succeeds();
    verify(&dest.path).succeeds();
}

fn assert_failed_for_good(outcome: &Outcome, dest: &Destination) {
    assert!(matches!(outcome.code, Some(1 | 4)), "{outcome}");
    // The files are as good as before: there is nothing to mend about them.
    outcome.explains(&["same command"]);
    assert!(!outcome.stderr.contains("copy these files"), "{outcome}");
    assert!(!dest.is_committed());
}

/// A small file system, gone when dropped.
struct Disk {
    path: PathBuf,
}

impl Disk {
    fn mounted(path: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(path).expect("a folder to mount on");
        let mounted = mount(&["-t", "tmpfs", "-o", options, "tmpfs"], path);
        if !mounted {
            eprintln!("skipped: nothing can be mounted here");
        }
        mounted.then(|| Self { path: path.to_owned() })
    }

    fn remount(&self, options: &str) {
        assert!(mount(&["-o", &format!("remount,{options}")], &self.path), "a disk of ours can be remounted");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process of a test that failed may still have files open.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

fn mount(arguments: &[&str], path: &Path) -> bool {
    let output = Command::new("mount").args(arguments).arg(path).output();
    output.is_ok_and(|output| output.status.success())
}
