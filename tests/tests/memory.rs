//! Memory does not grow with what is read.

use backfleet_tests::export::{Export, Synth};

const MIB: u64 = 1 << 20;

const LARGE_SHARDS: [&str; 2] = ["--shard-bytes", "8MiB"];
const SMALL_SHARDS: [&str; 4] = ["--shard-bytes", "1MiB", "--compression", "none"];

#[test]
fn a_file_four_times_as_long_takes_no_more_memory() {
    let small = resident_bytes_max(Synth::telemetry(30_000, 1), &LARGE_SHARDS);
    let large = resident_bytes_max(Synth::telemetry(120_000, 1), &LARGE_SHARDS);
    assert!(large < 256 * MIB, "{} MiB", large / MIB);
    assert!(large <= small + small / 4 + 8 * MIB, "{} MiB became {} MiB", small / MIB, large / MIB);
}

#[test]
fn twenty_times_as_many_files_take_no_more_memory() {
    let few = resident_bytes_max(Synth::telemetry(10_000, 10), &LARGE_SHARDS);
    let many = resident_bytes_max(Synth::telemetry(10_000, 200), &LARGE_SHARDS);
    assert!(many <= few + few / 4 + 8 * MIB, "{} MiB became {} MiB", few / MIB, many / MIB);
}

#[test]
fn ten_times_as_many_shards_take_no_more_memory() {
    let few = resident_bytes_max(Synth::telemetry(6_000, 1), &SMALL_SHARDS);
    let many = resident_bytes_max(Synth::telemetry(60_000, 1), &SMALL_SHARDS);
    assert!(many <= few + few / 4 + 6 * MIB, "{} MiB became {} MiB", few / MIB, many / MIB);
}

/// The most that a run over such an export ever had in RAM.
fn resident_bytes_max(synth: Synth, shards: &[&str]) -> u64 {
    let export = Export::synthetic(synth);
    let mut call = export.run(&export.dest("out")).words(shards).words(&["--workers", "2"]);
    let (most, outcome) = call.start().resident_bytes_max();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(most > MIB, "the process was never seen");
    most
}
