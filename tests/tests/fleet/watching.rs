//! What a fleet tells whoever watches it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use backfleet_tests::destination::lines_of;
use backfleet_tests::export::{Export, Synth};
use backfleet_tests::fleet::Fleet;
use backfleet_tests::fleet_http::{ask, get};
use backfleet_tests::fleet_wait::until;
use serde_json::Value;

/// Samples of `/metrics`, by name and labels as they stand there. Every one must be explained by a HELP and a TYPE.
#[track_caller]
fn samples(address: SocketAddr) -> BTreeMap<String, f64> {
    let answer = get(address, "/metrics");
    assert_eq!(answer.status, 200);
    let text = answer.text();
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').expect("a sample has a value");
        let plain = name.split('{').next().expect("a first part");
        let family =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| plain.strip_suffix(end)).unwrap_or(plain);
        assert!(plain.starts_with("backfleet_"), "{plain} is not ours");
        for what in ["HELP", "TYPE"] {
            assert!(text.contains(&format!("# {what} {family} ")), "{plain} has no {what}:\n{text}");
        }
        samples.insert(name.to_owned(), value.parse().expect("a sample is a number"));
    }
    samples
}

fn sum(samples: &BTreeMap<String, f64>, name: &str) -> f64 {
    samples.iter().filter(|(sample, _)| sample.starts_with(name)).map(|(_, value)| value).sum()
}

/// Free a moment ago: who takes it in between makes the test fail, not lie.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound port has an address")
}

#[test]
fn a_worker_counts_what_it_did() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(900, 9))).with(&["--shard-bytes", "32KiB"]);
    // Two thirds of a second between heartbeats.
    fleet.queue().set("VisibilityTimeout", "2");
    let worker = fleet.worker().start_ready();
    let address = worker.metrics_address();
    assert_eq!(get(address, "/healthz").status, 200);
    assert_eq!(get(address, "/readyz").status, 200);
    assert_eq!(get(address, "/").status, 404);
    assert_eq!(ask(address, "GET /metrics?x=1", &[], b"").status, 200);

    let job = fleet.start().words(&["--wait", "--json"]).succeeds().json();
    fleet.queue().send("garbage");
    until("it was put aside", || fleet.dlq().visible() == 1);
    until("nothing was in hand", || sum(&samples(address), "backfleet_in_flight_units") == 0.0);
    let samples = samples(address);
    let exactly = |name: &str, value: &Value| {
        assert_eq!(Some(sum(&samples, name)), value.as_f64(), "{name}: {samples:#?}");
    };
    exactly("backfleet_units_completed_total", &9.into());
    exactly("backfleet_records_in_total", &900.into());
    exactly("backfleet_records_out_total", &900.into());
    exactly("backfleet_shards_written_total", &job["counts"]["shards"]);
    exactly("backfleet_bytes_in_total", &job["counts"]["bytes_in"]);
    exactly("backfleet_bytes_out_total", &job["counts"]["bytes_out"]);
    assert!(sum(&samples, "backfleet_units_received_total") >= 10.0, "{samples:#?}");
    for stage in ["get", "convert", "put"] {
        exactly(&format!("backfleet_stage_seconds_count{{stage=\"{stage}\"}}"), &9.into());
        assert!(
            sum(&samples, &format!("backfleet_stage_seconds_sum{{stage=\"{stage}\"}}")) > 0.0,
            "{samples:#?}"
        );
    }
    assert!(
        sum(&samples, "backfleet_units_failed_total{class=\"malformed-message\"}") >= 1.0,
        "{samples:#?}"
    );
    fleet.assert_as_local();
}

#[test]
fn workers_count_their_leases_and_the_twins_they_met() {
    let job = Fleet::over(Export::synthetic(Synth::telemetry(80, 4))).with(&["--shard-bytes", "4KiB"]);
    let fleet = job.slowed();
    fleet.queue().set("VisibilityTimeout", "2");
    // Every unit twice, so that two workers are at the same one.
    for _ in 0..2 {
        fleet.start().succeeds();
    }
    let workers = fleet.workers(2);
    let both =
        |name: &str| workers.iter().map(|worker| sum(&samples(worker.metrics_address()), name)).sum::<f64>();
    until("a worker had units in hand", || both("backfleet_in_flight_units") > 0.0);
    until("nothing was left", || fleet.queue().visible() + fleet.queue().in_flight() == 0);
    assert_eq!(fleet.complete_units(), 4);
    assert!(both("backfleet_lease_extended_total") > 0.0, "no unit took longer than a heartbeat");
    assert!(both("backfleet_put_conflicts_total{kind=\"equal_412\"}") > 0.0, "no twin met the other");
    assert_eq!(both("backfleet_put_conflicts_total{kind=\"different_412\"}"), 0.0);
}

#[test]
fn a_worker_that_drains_says_so() {
    let job = Fleet::over(Export::synthetic(Synth::telemetry(60, 2))).with(&["--shard-bytes", "4KiB"]);
    let fleet = job.slowed();
    fleet.start().succeeds();
    let mut worker = fleet.worker().start_ready();
    let address = worker.metrics_address();
    assert_eq!(sum(&samples(address), "backfleet_draining"), 0.0);
    until("shards were there", || fleet.shards() > 3);
    worker.signal("TERM");
    until("it knew", || worker.log().contains("told to stop"));
    let seen = samples(address);
    assert_eq!(sum(&seen, "backfleet_draining"), 1.0, "{seen:#?}");
    fleet.hurry();
    assert_eq!(worker.code_within(Duration::from_secs(60)), Some(0), "{}", worker.log());
}

#[test]
fn a_waiting_coordinator_serves_what_it_sees() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(500, 5)));
    fleet.start().succeeds();
    fleet.dlq().send("none of ours");
    let addresses = [free_address(), free_address()];
    let watch = fleet.status().word("--watch").flag("--metrics-addr", addresses[0].to_string()).start();
    let wait = fleet.start().word("--wait").flag("--metrics-addr", addresses[1].to_string()).start();
    until("ten messages were on the queue", || fleet.queue().visible() == 10);
    for address in addresses {
        until("somebody listened", || std::net::TcpStream::connect(address).is_ok());
        until("the first look was taken", || sum(&samples(address), "backfleet_units_planned") > 0.0);
        assert_eq!(get(address, "/healthz").status, 200);
        let seen = samples(address);
        assert_eq!(sum(&seen, "backfleet_units_planned"), 5.0, "{seen:#?}");
        assert_eq!(sum(&seen, "backfleet_units_remaining"), 5.0, "{seen:#?}");
        assert_eq!(sum(&seen, "backfleet_dlq_depth"), 1.0, "{seen:#?}");
        assert!(sum(&seen, "backfleet_queue_depth{state=\"visible\"}") >= 5.0, "{seen:#?}");
    }
    let _worker = fleet.worker().start_ready();
    let (wait, watch) = (wait.outcome(), watch.outcome());
    assert_eq!(wait.code, Some(0), "{wait}");
    wait.says(&["proven", "500 out"]);
    assert_eq!(watch.code, Some(0), "{watch}");
    watch.says(&["5 of 5 units"]);
}

#[test]
fn status_is_one_document_and_names_who_is_late() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(3_000, 3))).with(&["--shard-bytes", "16KiB"]);
    fleet.call(&["status", "--dest", "s3://lake/orders"]).ends_with(2).explains(&["s3://lake/orders"]);
    fleet.start().succeeds();
    let before = fleet.status().word("--json").succeeds().json();
    assert_eq!(before["units"], 3, "{before}");
    assert_eq!(before["complete"], 0, "{before}");
    assert_eq!(before["committed"], false, "{before}");
    assert_eq!(before["queue"]["visible"], 3, "{before}");
    assert_eq!(before["stragglers"].as_array().map(Vec::len), Some(3), "{before}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let late: Vec<String> = fleet.downloaded(folder.path()).unit_files();
    let said = fleet.status().succeeds();
    for (unit, file) in late.iter().enumerate() {
        said.says(&[&format!("unit {unit}"), file]);
    }

    let mut worker = fleet.worker().start_ready();
    until("a unit was complete", || fleet.complete_units() > 0);
    worker.kill();
    let complete = fleet.complete_units();
    let now = fleet.status().word("--json").succeeds().json();
    assert_eq!(now["complete"], complete, "{now}");
    assert_eq!(now["stragglers"].as_array().map(Vec::len), Some(3 - complete), "{now}");
    assert!(now["seconds_quiet"].is_u64() && now["bytes_complete"].as_u64() > Some(0), "{now}");
}

#[test]
fn a_log_is_lines_of_json_about_decisions_and_holds_no_item() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(400, 4)));
    let mut worker = fleet.worker().start_ready();
    fleet.start().word("--wait").succeeds();
    fleet.queue().send("garbage");
    until("it was put aside", || fleet.dlq().visible() == 1);
    worker.signal("TERM");
    assert_eq!(worker.code_within(Duration::from_secs(30)), Some(0));
    let lines = worker.log_lines();
    for line in &lines {
        for field in ["timestamp", "level", "message"] {
            assert!(line[field].is_string(), "no {field} in {line}");
        }
    }
    // One line per decision: each unit's end is one.
    let of_units = |line: &&Value| line["unit"].is_u64();
    let units: std::collections::BTreeSet<u64> =
        lines.iter().filter(of_units).filter_map(|line| line["unit"].as_u64()).collect();
    assert_eq!(units.len(), 4, "not every unit's end is in the log:\n{}", worker.log());

    let log = worker.log() + &worker.errors();
    for value in values(&fleet) {
        assert!(!log.contains(&value), "{value:?} of an item is in the log:\n{log}");
    }
    assert!(!log.contains("AWS_SECRET") && !log.contains("Signature="), "{log}");
}

/// Values of the items that are long enough not to be met by chance.
fn values(fleet: &Fleet) -> Vec<String> {
    let files = fleet.export.data_files();
    let lines = files.iter().flat_map(|file| lines_of(file));
    let mut values = Vec::new();
    for line in lines {
        let item: Value = serde_json::from_slice(&line).expect("an item in JSON");
        collect_texts(&item, &mut values);
    }
    values.sort();
    values.dedup();
    assert!(values.len() > 100, "too few values to look for");
    values
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= 8 => texts.push(text.clone()),
        Value::Array(elements) => elements.iter().for_each(|element| collect_texts(element, texts)),
        Value::Object(members) => members.values().for_each(|member| collect_texts(member, texts)),
        _ => {}
    }
}

#[test]
fn a_log_that_nobody_reads_stops_no_worker() {
    let fleet = Fleet::over(Export::synthetic(Synth::telemetry(600, 60)));
    let _worker = fleet.worker().unread().start();
    let waiting = fleet.start().word("--wait").start();
    assert_eq!(waiting.outcome().code, Some(0));
    fleet.assert_as_local();
}
