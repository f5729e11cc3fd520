//! How many MB of an uncompressed export one CPU second converts.
//!
//! ```text
//! cargo run --release -p backfleet-convert --example throughput -- make /tmp/telemetry.json.gz [items]
//! cargo run --release -p backfleet-convert --example throughput -- FILE.json.gz [format] [compression] [runs]
//! ```

use std::error::Error;
use std::fs;
use std::sync::Arc;

use backfleet_convert::{
    AttributeFilter, Compression, Converter, Document, Encoding, Format, KinesisPrecision, Recipe,
    RecipeSpec, Step, TableIdentity, Totals, ViewType, limits,
};
use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor};

/// Bytes of one feed: what an HTTP body brings at a time, more or less.
const FEED_BYTES: usize = 64 << 10;

/// Linux counts CPU time in hundredths of a second (`_SC_CLK_TCK` on every architecture it runs on).
const TICKS_PER_SECOND: f64 = 100.0;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["make", path] => make(path, 200_000),
        ["make", path, items] => make(path, items.parse()?),
        [path] => measure(path, Format::Stream, Compression::Gzip, 5),
        [path, format] => measure(path, format.parse()?, Compression::Gzip, 5),
        [path, format, compression] => measure(path, format.parse()?, compression.parse()?, 5),
        [path, format, compression, runs] => {
            measure(path, format.parse()?, compression.parse()?, runs.parse()?)
        }
        _ => Err("usage: throughput make FILE [items] | FILE [format] [compression] [runs]".into()),
    }
}

fn measure(path: &str, format: Format, compression: Compression, runs: u32) -> Result<(), Box<dyn Error>> {
    let file = Bytes::from(fs::read(path)?);
    let recipe = Arc::new(Recipe::new(spec(format, compression))?);
    for _ in 0..runs {
        let before = cpu_seconds()?;
        let (totals, stored) = convert(&recipe, &file)?;
        let seconds = cpu_seconds()? - before;
        let megabytes = totals.bytes_inflated as f64 / 1e6;
        println!(
            "{format} {compression}: {megabytes:.0} MB in {seconds:.2} CPU s = {:.0} MB/s; {} records out, {} quarantined, \
             {:.2} x the input, compressed to {:.1} %",
            megabytes / seconds,
            totals.records_out,
            totals.quarantined,
            totals.content_bytes as f64 / totals.bytes_inflated as f64,
            100.0 * stored as f64 / totals.content_bytes as f64,
        );
    }
    Ok(())
}

fn convert(recipe: &Arc<Recipe>, file: &Bytes) -> Result<(Totals, usize), Box<dyn Error>> {
    let mut converter = Converter::new(Arc::clone(recipe), 0, Encoding::Gzip);
    let mut rest = file.clone();
    let mut stored = 0;
    loop {
        match converter.step()? {
            Step::NeedInput if rest.is_empty() => converter.finish(),
            Step::NeedInput => converter.feed(rest.split_to(FEED_BYTES.min(rest.len()))),
            Step::Shard(shard) => stored += shard.bytes.len(),
            Step::Quarantined(_) => {}
            Step::Finished(totals) => return Ok((totals, stored)),
        }
    }
}

fn spec(format: Format, compression: Compression) -> RecipeSpec {
    RecipeSpec {
        format,
        compression,
        shard_bytes_max: limits::SHARD_BYTES_DEFAULT,
        keys: vec!["device_id".to_owned(), "ts".to_owned()],
        table: Some(TableIdentity {
            name: "telemetry".to_owned(),
            region: "eu-west-1".to_owned(),
            stream_arn:
                "arn:aws:dynamodb:eu-west-1:123456789012:table/telemetry/stream/2026-01-01T00:00:00.000"
                    .to_owned(),
        }),
        snapshot_micros: 1_768_385_930_622_000,
        view: ViewType::NewAndOldImages,
        extra_fields: Vec::new(),
        attributes: AttributeFilter::All,
        document: Document::Line,
        document_records_max: limits::DOCUMENT_RECORDS_DEFAULT,
        kinesis_precision: KinesisPrecision::Millisecond,
    }
}

/// User and system time of this process so far.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field may hold spaces, but ends with the last parenthesis; utime and stime are fields 14 and 15.
    let fields = stat.rsplit(')').next().ok_or("no fields")?.split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}

/// Writes an export file of device readings, about 1.1 KB each; always the same for the same count.
fn make(path: &str, items: u64) -> Result<(), Box<dyn Error>> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let lines: String = (0..items).map(|item| reading(item, &mut random)).collect();
    let mut compressor = Compressor::new(CompressionLvl::new(6).map_err(|_| "no such level")?);
    let mut file = vec![0; compressor.gzip_compress_bound(lines.len())];
    let length = compressor.gzip_compress(lines.as_bytes(), &mut file)?;
    fs::write(path, &file[..length])?;
    println!("{items} items, {} bytes, {length} compressed", lines.len());
    Ok(())
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end
    }
}

fn reading(item: u64, random: &mut Random) -> String {
    let mut between = |low: u64, high: u64| low + random.below(high - low);
    let device = between(0, 5_000);
    let ts = 1_760_000_000_000 + item * 137 + between(0, 100);
    let numbers = [
        ("temperature", format!("{}.{:02}", between(12, 35), between(0, 100))),
        ("humidity", format!("{}.{}", between(20, 90), between(0, 10))),
        ("pressure", format!("10{}.{:03}", between(10, 30), between(0, 1000))),
        ("voltage", format!("3.{:03}", between(0, 1000))),
        ("rssi", format!("-{}", between(40, 110))),
        ("seq", item.to_string()),
        ("uptime_s", between(0, 10_000_000).to_string()),
        ("errors", "0".to_owned()),
        ("lat", format!("{}.{:06}", between(40, 60), between(0, 1_000_000))),
        ("lon", format!("{}.{:06}", between(0, 30), between(0, 1_000_000))),
    ];
    let strings = [
        ("site", format!("site-{:03}", between(0, 200))),
        ("firmware", format!("4.{}.{}", between(0, 4), between(0, 20))),
        ("model", ["AX-200", "AX-210", "BZ-7", "CX-1100"][between(0, 4) as usize].to_owned()),
        ("status", ["ok", "ok", "ok", "degraded", "maintenance"][between(0, 5) as usize].to_owned()),
        ("trace_id", format!("{:016x}{:016x}", between(0, u64::MAX), between(0, u64::MAX))),
        (
            "ingested_at",
            format!("2026-01-{:02}T{:02}:{:02}:00.000Z", between(1, 29), between(0, 24), between(0, 60)),
        ),
        ("tenant", format!("tenant-{}", between(0, 40))),
    ];
    let mut line = format!(r#"{{"Item":{{"device_id":{{"S":"dev-{device:06}"}},"ts":{{"N":"{ts}"}}"#);
    for (name, value) in numbers {
        line.push_str(&format!(r#","{name}":{{"N":"{value}"}}"#));
    }
    for (name, value) in strings {
        line.push_str(&format!(r#","{name}":{{"S":"{value}"}}"#));
    }
    line.push_str(&format!(
        concat!(
            r#","online":{{"BOOL":{}}},"alarm":{{"NULL":true}},"tags":{{"SS":["indoor","floor-{}"]}},"#,
            r#""network":{{"M":{{"iface":{{"S":"eth0"}},"ip":{{"S":"10.{}.{}.{}"}},"mtu":{{"N":"1500"}}}}}},"#,
            r#""samples":{{"L":[{{"N":"{}"}},{{"N":"{}"}},{{"N":"{}"}},{{"N":"{}"}}]}},"digest":{{"B":"{:012}AAAA"}}}}}}"#,
            "\n"
        ),
        between(0, 2) == 1,
        between(0, 12),
        between(0, 256),
        between(0, 256),
        between(0, 256),
        between(0, 4096),
        between(0, 4096),
        between(0, 4096),
        between(0, 4096),
        between(0, 1_000_000_000_000),
    ));
    line
}
