//! Other inputs and outputs than a full export as lines of JSON: through S3 and workers they become what one process
//! makes of them.

use std::path::Path;

use backfleet_tests::destination::Destination;
use backfleet_tests::export::{Export, Synth};
use backfleet_tests::fleet::{DEST, Fleet};
use backfleet_tests::fleet_wait::until;
use backfleet_tests::history::{self, History, change};
use backfleet_tests::process::Call;

const TEN: &str = "2026-01-14T10:00:00.000Z";
const ELEVEN: &str = "2026-01-14T11:00:00.000Z";
const TWELVE: &str = "2026-01-14T12:00:00.000Z";
const TEN_MICROS: u64 = 1_768_384_800_000_000;

fn keys(n: u64) -> String {
    format!(r#""pk":{{"S":"{n}"}},"sk":{{"S":"x"}}"#)
}

fn image(n: u64, value: u64) -> String {
    format!(r#"{},"v":{{"N":"{value}"}}"#, keys(n))
}

#[test]
fn parquet_of_a_fleet_whose_workers_die_is_that_of_one_process() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(2_400, 8)))
        .with(&["--format", "parquet", "--shard-bytes", "100KiB"])
        .slowed();
    // Before anybody polls: what the dead had comes again soon.
    fleet.queue().set("VisibilityTimeout", "10");
    let start = fleet.start().words(&["--wait", "--json"]).start();
    let mut workers = fleet.workers(2);
    until("some units were done", || fleet.complete_units() > 1 && fleet.shards() > 4);
    workers[0].kill();
    fleet.hurry();
    workers.extend(fleet.workers(1));
    let said = start.outcome();
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(said.json()["counts"]["records_out"], 2_400, "{said}");
    fleet.assert_as_local();
}

#[test]
fn a_chain_in_a_bucket_is_done_by_workers_that_may_read_where_all_of_it_lies() {
    let history = History::default();
    let items: Vec<String> = (0..40).map(|n| format!(r#"{{"Item":{{{}}}}}"#, image(n, 0))).collect();
    let changes = |from: u64, at: u64| -> Vec<String> {
        let one = |n: u64| {
            change(
                at + n,
                &keys(n),
                Some(&image(n, 0)),
                (!n.is_multiple_of(3)).then(|| image(n, n)).as_deref(),
            )
        };
        (from..from + 10).map(one).collect()
    };
    let full = Path::new("01768384800000-00000000");
    let (a, b) = (Path::new("01768388400000-aaaaaaaa"), Path::new("01768392000000-bbbbbbbb"));
    let name = |path: &Path| path.to_str().expect("ids are text").to_owned();
    history.write(history::Export::full(&name(full), TEN), &[&items[..15], &items[15..]]);
    history.write(history::Export::window(&name(a), TEN, ELEVEN), &[&changes(0, TEN_MICROS)]);
    history
        .write(history::Export::window(&name(b), ELEVEN, TWELVE), &[&changes(5, TEN_MICROS + 3_600_000_000)]);

    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(1, 1)));
    fleet.cloud.create_bucket("history");
    fleet.cloud.upload(history.place().parent().expect("a folder around it"), "history");
    let place = |id: &Path| format!("s3://history/AWSDynamoDB/{}", id.display());
    let chain = [full, a, b].map(place).join(",");
    let worker = fleet.worker_allowed("s3://history", DEST).start_ready();
    let started = fleet.start_from(&chain).word("--wait").succeeds();
    started.says(&["60 records in", "3 exports without a gap"]);
    drop(worker);

    let local = tempfile::tempdir().expect("a temporary folder");
    let chain = [full, a, b].map(|id| history.place().join(id));
    let chain = history::chain(&chain.each_ref().map(|path| path.as_path()));
    let run = Call::new("run").flag("--source", chain).flag("--dest", local.path()).flag("--keys", "pk,sk");
    { run }.succeeds();
    let copy = tempfile::tempdir().expect("a temporary folder");
    let (there, here) = (fleet.downloaded(copy.path()), Destination::at(local.path()));
    assert_eq!(here.lines().len(), 60);
    assert!(there.lines() == here.lines() && there.shard_names() == here.shard_names());
    fleet.verify().succeeds();
}

#[test]
fn parity_looks_at_live_objects_where_they_lie() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(50, 1)));
    let _worker = fleet.worker().start_ready();
    fleet.start().word("--wait").succeeds();
    // The live pipeline's bucket holds what ours holds, and then something else.
    fleet.cloud.create_bucket("live");
    let copy = tempfile::tempdir().expect("a temporary folder");
    let ours = fleet.downloaded(copy.path());
    let shard = ours.shards().remove(0);
    let bytes = std::fs::read(&shard).expect("a shard");
    fleet.cloud.put("live", "records/date=backfill-2026-01-14/0001.json.gz", &bytes);
    let parity = |live: &str| fleet.call(&["parity"]).flag("--live", live).flag("--job", DEST);
    parity("s3://live/records").ends_with(0).says(&["no difference", "live  s3://live/records,"]);
    fleet.cloud.put("live", "bare/date=backfill-2026-01-14/0002.json", &ours.lines()[0]);
    parity("s3://live/bare").ends_with(1).says(&["--compression none"]);
    let inferred = fleet.call(&["infer"]).flag("--live", "s3://live/records").succeeds();
    inferred.says(&["--format stream", "--keys pk,sk"]);
}
