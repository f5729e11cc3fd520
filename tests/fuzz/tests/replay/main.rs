//! Every target with its seeds, with what has broken before, and with inputs made of both: the same ones in every run.
//! `FUZZ_INPUTS` says how many are made for each target.

mod mutate;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use backfleet_fuzz::TARGETS;

use mutate::Mutator;

const INPUTS: usize = 10_000;

fn folder(kind: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).join(target)
}

/// The files of a folder, in the order of their names; none if it is not there.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| (path.display().to_string(), fs::read(&path).expect("a file can be read")))
        .collect()
}

fn inputs_wanted() -> usize {
    std::env::var("FUZZ_INPUTS").map_or(INPUTS, |text| text.parse().expect("FUZZ_INPUTS is a number"))
}

fn replay(target: &str) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target of that name");
    let mut seeds = Vec::new();
    for (name, input) in [files(&folder("corpus", target)), files(&folder("regressions", target))].concat() {
        hold(*run, &input, &name);
        seeds.push(input);
    }
    let mut mutator = Mutator::new(seeds);
    for number in 0..inputs_wanted() {
        hold(*run, &mutator.next_input(), &format!("made input {number}"));
    }
}

/// Runs one input, and keeps it if it breaks a promise.
fn hold(run: fn(&[u8]), input: &[u8], name: &str) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(input))) {
        eprintln!("broken by {name}: {}", input.escape_ascii());
        resume_unwind(panic);
    }
}

#[test]
fn every_target_has_seeds_a_test_and_a_guided_run() {
    for (target, _) in TARGETS {
        assert!(!files(&folder("corpus", target)).is_empty(), "{target} has no seeds");
        assert!(include_str!("main.rs").contains(&format!("replay(\"{target}\")")), "{target} has no test");
        assert!(
            folder("guided/fuzz_targets", &format!("{target}.rs")).exists(),
            "{target} has no guided run"
        );
    }
}

#[test]
fn json_exports_hold() {
    replay("json_export");
}

#[test]
fn json_lines_are_read_as_another_reader_does() {
    replay("json_line");
}

#[test]
fn changes_hold() {
    replay("changes");
}

#[test]
fn ion_exports_hold() {
    replay("ion_export");
}

#[test]
fn ion_values_are_read_as_another_reader_does() {
    replay("ion_line");
}

#[test]
fn gzip_is_inflated_as_another_reader_does() {
    replay("gzip");
}

#[test]
fn zstd_is_inflated_as_another_reader_does() {
    replay("zstd");
}

#[test]
fn pages_are_cut_and_converted_as_lines_are() {
    replay("page");
}

#[test]
fn schemas_that_are_read_can_be_followed() {
    replay("schema");
}

#[test]
fn damaged_shards_make_nobody_panic() {
    replay("parquet_digest");
}

#[test]
fn plans_are_read_again() {
    replay("plan");
}

#[test]
fn completions_are_read_again() {
    replay("completion");
}

#[test]
fn manifests_are_read_again() {
    replay("manifest");
}

#[test]
fn links_are_read_again() {
    replay("link");
}

#[test]
fn messages_are_read_again() {
    replay("message");
}

#[test]
fn controls_are_read_again() {
    replay("control");
}

#[test]
fn keys_build_what_they_are_parsed_from() {
    replay("layout");
}

#[test]
fn manifests_of_exports_list_each_file_once() {
    replay("export");
}
