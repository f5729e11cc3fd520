//! The ways from a table to its records in the lake, each with its bill.

use std::time::Duration;

use backfleet_core::limits::SLICE;
use backfleet_core::plan::ScanSource;
use backfleet_core::ports::{ReadCapacity, Recovery, TableFacts};

use super::Prices;

/// Bytes of DynamoDB JSON for one byte of a table, by the items of five kinds that `synth` writes: 1.3 (mostly binary) to
/// 2.6 (mostly short text of other scripts); 1.7 for common ones.
const JSON_PER_BYTE: f64 = 1.7;
/// Bytes of DynamoDB JSON for one byte of an export as stored, by the same items: 3.4 to 6.9, 1.0 for compressed binary.
const JSON_PER_STORED: f64 = 5.0;
/// Bytes of gzipped records for one byte of DynamoDB JSON, by the same items: 0.13 to 0.5.
const OUTPUT_PER_JSON: f64 = 0.2;
/// Bytes of records for one byte of DynamoDB JSON.
const CONTENT_PER_JSON: f64 = 1.4;
/// DynamoDB JSON that one vCPU converts in a second: half of what docs/benchmarks.md measures.
const JSON_PER_VCPU_SECOND: f64 = 100e6;
/// Until tasks run.
const START: f64 = 120.0;
/// What small exports took by their own manifests was 5 to 8 minutes; DynamoDB promises nothing for large ones.
const EXPORT_SECONDS: f64 = 600.0;
/// Requests to the queue for one unit: a part of a batch sent, received, extended, deleted.
const QUEUE_REQUESTS_PER_UNIT: f64 = 4.0;
/// Small reads for one unit: the plan once, the completion, a look at a shard.
const READS_PER_UNIT: f64 = 3.0;
/// Bytes of one read of a large file; it is read twice, once to prove it.
const READ_BYTES: f64 = (4 << 20) as f64;
/// Memory of one task for each vCPU.
const GB_PER_VCPU: f64 = 2.0;
/// Bytes that one read unit pays for, eventually consistent.
const UNIT_BYTES: f64 = 8192.0;
const SHARD_BYTES: f64 = (128 << 20) as f64;
const GB: f64 = 1e9;

/// The machines that would do it.
#[derive(Debug, Clone, Copy)]
pub struct Fleet {
    /// Tasks of one vCPU and 2 GB.
    pub tasks: u32,
}

/// One way, with its bill.
#[derive(Debug, Clone)]
pub struct Way {
    /// What it is called.
    pub name: &'static str,
    /// What is paid for, in the currency of the prices.
    pub bill: Vec<(&'static str, f64)>,
    /// From start to finish.
    pub takes: Duration,
    /// What else must be known.
    pub note: Option<String>,
}

impl Way {
    /// The sum of the bill.
    pub fn cost(&self) -> f64 {
        self.bill.iter().map(|(_, cost)| cost).sum()
    }
}

/// Converting an export that is there: so many files of so many bytes as stored.
pub fn convert(prices: &Prices, fleet: Fleet, files: u64, stored_bytes: u64) -> Way {
    let json = stored_bytes as f64 * JSON_PER_STORED;
    let seconds = conversion_seconds(json, fleet);
    let mut bill = vec![("Fargate", fargate(prices, fleet, seconds))];
    bill.push(("requests", conversion_requests(prices, files as f64, stored_bytes as f64, json)));
    bill.push(("storage for a month", storage(prices, json * OUTPUT_PER_JSON)));
    Way { name: "conversion", bill, takes: seconds_of(seconds), note: None }
}

/// Having a table exported, and converting that.
pub fn export(prices: &Prices, fleet: Fleet, table_bytes: u64, recovery: Option<Recovery>) -> Way {
    let bytes = table_bytes as f64;
    let json = bytes * JSON_PER_BYTE;
    let stored = json / JSON_PER_STORED;
    // A partition holds 10 GB, and each is a file at least.
    let files = (bytes / 10e9).ceil().max(4.0);
    let seconds = conversion_seconds(json, fleet);
    let mut bill = vec![("export", bytes / GB * prices.export_per_gb)];
    if recovery == Some(Recovery::Off) {
        bill.push(("recovery for a month", bytes / GB * prices.point_in_time_recovery_per_gb_month));
    }
    bill.push(("Fargate", fargate(prices, fleet, seconds)));
    bill.push(("requests", conversion_requests(prices, files, stored, json)));
    bill.push(("storage for a month", storage(prices, stored + json * OUTPUT_PER_JSON)));
    let mut note =
        "and what DynamoDB takes to export a large table, for which it promises nothing".to_owned();
    match recovery {
        Some(Recovery::Off) => note += "; point-in-time recovery is off: --enable-pitr",
        Some(Recovery::On { .. }) => {}
        None => note += "; whether point-in-time recovery is on could not be seen",
    }
    Way { name: "export and conversion", bill, takes: seconds_of(EXPORT_SECONDS + seconds), note: Some(note) }
}

/// Read units of a scan of so many bytes: half a unit for a page of up to 4 KB, twice that for a consistent one; an empty
/// segment costs a page too.
pub fn read_units(bytes: u64, source: &ScanSource) -> f64 {
    let pages = (bytes as f64 / UNIT_BYTES).max(f64::from(source.segments) / 2.0);
    if source.consistent { 2.0 * pages } else { pages }
}

/// Scanning a table at `budget` read units a second.
pub fn scan(prices: &Prices, table: &TableFacts, source: &ScanSource, budget: u32) -> Way {
    let ScanSource { segments, lanes, .. } = *source;
    let bytes = table.bytes as f64;
    let units = read_units(table.bytes, source);
    let seconds = units / f64::from(budget);
    let json = bytes * JSON_PER_BYTE;
    let tasks = (json / seconds.max(1.0) / JSON_PER_VCPU_SECOND).ceil().max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some tasks")]
    let fleet = Fleet { tasks: tasks as u32 };
    let (name, reads, note) = match table.capacity {
        ReadCapacity::OnDemand(_) => ("scan, paid by the request", prices.of_read_units(units), None),
        ReadCapacity::Provisioned(provisioned) => {
            let above = (f64::from(budget) - provisioned as f64).max(0.0);
            let note = if above > 0.0 {
                "the budget is above what is provisioned, which has to be raised meanwhile"
            } else {
                "within what is provisioned, and so paid for already"
            };
            let cost = above * seconds / 3600.0 * prices.provisioned_read_unit_hour;
            ("scan, provisioned", cost, Some(note.to_owned()))
        }
    };
    let shards = f64::from(segments) + json * CONTENT_PER_JSON / SHARD_BYTES;
    // A slice of a segment ends with a message.
    let slices = f64::from(segments) + f64::from(lanes) * seconds / SLICE.as_secs_f64();
    let requests = puts(prices, 2.0 * shards + f64::from(segments))
        + gets(prices, READS_PER_UNIT * slices)
        + queue(prices, QUEUE_REQUESTS_PER_UNIT * slices);
    let bill = vec![
        ("read units", reads),
        ("Fargate", fargate(prices, fleet, START + seconds)),
        ("requests", requests),
        ("storage for a month", storage(prices, json * OUTPUT_PER_JSON)),
    ];
    Way { name, bill, takes: seconds_of(START + seconds), note }
}

fn conversion_seconds(json: f64, fleet: Fleet) -> f64 {
    START + json / JSON_PER_VCPU_SECOND / f64::from(fleet.tasks)
}

fn conversion_requests(prices: &Prices, files: f64, stored: f64, json: f64) -> f64 {
    conversion_calls(files, stored, json).cost(prices)
}

fn conversion_calls(files: f64, stored: f64, json: f64) -> Requests {
    Requests {
        writes: conversion_writes(files, json),
        reads: READS_PER_UNIT * files + 2.0 * stored / READ_BYTES,
        queue: QUEUE_REQUESTS_PER_UNIT * files,
    }
}

/// A completion for each file, and its shards.
fn conversion_writes(files: f64, json: f64) -> f64 {
    2.0 * files + json * CONTENT_PER_JSON / SHARD_BYTES
}

/// Requests to S3 and SQS.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Requests {
    /// Puts, and listings, which cost as much.
    pub writes: f64,
    /// Gets and heads.
    pub reads: f64,
    /// To queues.
    pub queue: f64,
}

impl Requests {
    /// What they cost.
    pub fn cost(&self, prices: &Prices) -> f64 {
        puts(prices, self.writes) + gets(prices, self.reads) + queue(prices, self.queue)
    }
}

/// Requests that converting so many files of so many bytes as stored is reckoned to make.
pub fn requests(files: u64, stored_bytes: u64) -> Requests {
    let stored = stored_bytes as f64;
    conversion_calls(files as f64, stored, stored * JSON_PER_STORED)
}

fn fargate(prices: &Prices, fleet: Fleet, seconds: f64) -> f64 {
    let task_hour = prices.fargate_vcpu_hour + GB_PER_VCPU * prices.fargate_gb_hour;
    f64::from(fleet.tasks) * seconds / 3600.0 * task_hour
}

fn puts(prices: &Prices, puts: f64) -> f64 {
    puts / 1e3 * prices.s3_put_per_thousand
}

fn gets(prices: &Prices, gets: f64) -> f64 {
    gets / 1e3 * prices.s3_get_per_thousand
}

fn queue(prices: &Prices, requests: f64) -> f64 {
    requests / 1e6 * prices.sqs_requests_per_million
}

fn storage(prices: &Prices, bytes: f64) -> f64 {
    bytes / GB * prices.s3_storage_per_gb_month
}

/// More than anybody waits for stays that.
fn seconds_of(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use backfleet_core::plan::Expressions;

    use super::*;

    const TB: u64 = 1_000_000_000_000;

    fn table(bytes: u64, capacity: ReadCapacity) -> TableFacts {
        let arn = "arn:aws:dynamodb:us-east-1:123456789012:table/t".to_owned();
        TableFacts { arn, keys: vec!["pk".into()], bytes, items: 0, capacity, stream_arn: None }
    }

    fn source(consistent: bool) -> ScanSource {
        ScanSource {
            table_arn: "arn:aws:dynamodb:us-east-1:123456789012:table/t".into(),
            index: None,
            segments: 4_000,
            lanes: 10,
            consistent,
            dated: true,
            expressions: Expressions::default(),
        }
    }

    fn part(way: &Way, name: &str) -> f64 {
        way.bill.iter().find(|(part, _)| *part == name).map_or(0.0, |(_, cost)| *cost)
    }

    fn about(found: f64, wanted: f64) {
        assert!((found / wanted - 1.0).abs() < 0.01, "{found} is not about {wanted}");
    }

    #[test]
    fn a_terabyte_costs_what_the_arithmetic_says() {
        let prices = Prices::read(None).unwrap();
        let fleet = Fleet { tasks: 8 };
        let exported = export(&prices, fleet, TB, Some(Recovery::Off));
        about(part(&exported, "export"), 100.0);
        about(part(&exported, "recovery for a month"), 200.0);
        // 1.7 TB of JSON at 100 MB/s are 17,000 vCPU seconds, 4.72 hours of 3.95 cents; and 8 tasks for two minutes.
        about(part(&exported, "Fargate"), 0.187 + 8.0 / 30.0 * 0.0395);
        about(exported.takes.as_secs_f64(), 600.0 + 120.0 + 17_000.0 / 8.0);
        let on = Recovery::On { earliest: None, latest: None };
        about(part(&export(&prices, fleet, TB, Some(on)), "recovery for a month") + 1.0, 1.0);

        let scanned = |capacity, consistent| scan(&prices, &table(TB, capacity), &source(consistent), 5_000);
        let asked = scanned(ReadCapacity::OnDemand(None), false);
        // 122 million read units.
        about(part(&asked, "read units"), 15.26);
        about(asked.takes.as_secs_f64(), 120.0 + 122.07e6 / 5_000.0);
        about(part(&scanned(ReadCapacity::OnDemand(None), true), "read units"), 2.0 * 15.26);
        let within = scanned(ReadCapacity::Provisioned(5_000), false);
        assert!(part(&within, "read units") == 0.0 && within.note.unwrap().contains("paid for already"));
        let above = scanned(ReadCapacity::Provisioned(1_000), false);
        about(part(&above, "read units"), 4_000.0 * 122.07e6 / 5_000.0 / 3_600.0 * 0.00013);

        let converted = convert(&prices, fleet, 100, TB / 5);
        about(converted.takes.as_secs_f64(), 120.0 + 10_000.0 / 8.0);
        assert!(converted.cost() < exported.cost());
    }

    #[test]
    fn an_empty_table_costs_its_requests_and_takes_no_time() {
        let prices = Prices::read(None).unwrap();
        let way = scan(&prices, &table(0, ReadCapacity::OnDemand(None)), &source(false), 250);
        assert!(way.cost() < 0.10 && way.takes < Duration::from_secs(180), "{way:?}");
    }
}
