//! How many MB of an uncompressed export one CPU second converts, and one second on all cores that `taskset` leaves.
//!
//! ```text
//! cargo run --release -p backfleet-convert --example throughput -- make /tmp/telemetry.json.gz [items]
//! cargo run --release -p backfleet-convert --example throughput -- floor FILE.json.gz
//! cargo run --release -p backfleet-convert --example throughput -- FILE.json.gz [format] [compression] [runs] [keys]
//! ```
//! A file whose name ends with `.ion.gz` is read as Ion. Columns of Parquet are those of a census, whose time is not counted.

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::Instant;

use backfleet_convert::{
    AttributeFilter, Census, Compression, Converter, Counter, Crew, Document, Encoding, EventName, Format,
    Input, KinesisPrecision, Notation, Recipe, RecipeSpec, Schema, Step, TableIdentity, Totals, ViewType,
    limits,
};
use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};
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
        ["floor", path] => floor(path),
        [path] => measure(path, Format::Stream, Compression::Gzip, 5),
        [path, format] => measure(path, format.parse()?, Compression::Gzip, 5),
        [path, format, compression] => measure(path, format.parse()?, compression.parse()?, 5),
        [path, format, compression, runs] => {
            measure(path, format.parse()?, compression.parse()?, runs.parse()?)
        }
        [path, format, compression, runs, keys] => {
            let keys = keys.split(',').map(str::to_owned).collect();
            measure_with(
                path,
                RecipeSpec { keys, ..spec(format.parse()?, compression.parse()?) },
                runs.parse()?,
            )
        }
        _ => Err("usage: throughput make FILE [items] | FILE [format] [compression] [runs]".into()),
    }
}

fn measure(path: &str, format: Format, compression: Compression, runs: u32) -> Result<(), Box<dyn Error>> {
    measure_with(path, spec(format, compression), runs)
}

#[expect(clippy::disallowed_methods, reason = "wall time is what is measured")]
fn measure_with(path: &str, mut spec: RecipeSpec, runs: u32) -> Result<(), Box<dyn Error>> {
    let file = Bytes::from(fs::read(path)?);
    let (format, compression) = (spec.format, spec.compression);
    let notation = if path.ends_with(".ion.gz") { Notation::Ion } else { Notation::Json };
    let input = Input { notation, ..Input::json(Encoding::Gzip) };
    if format == Format::Parquet {
        spec.schema = Some(Schema::auto(&census(&file, input)?, &spec.keys));
    }
    let recipe = Arc::new(Recipe::new(spec)?);
    let crew = Crew::of_all_cores();
    for _ in 0..runs {
        let (began, before) = (Instant::now(), cpu_seconds()?);
        let (totals, stored) = convert(&recipe, &file, input, &crew)?;
        let (wall, seconds) = (began.elapsed().as_secs_f64(), cpu_seconds()? - before);
        let megabytes = totals.bytes_inflated as f64 / 1e6;
        println!(
            "{format} {compression}: {megabytes:.0} MB in {seconds:.2} CPU s = {:.0} MB/s, in {wall:.2} s = {:.0} MB/s; \
             {} records out, {} quarantined, {:.2} x the input, compressed to {:.1} %",
            megabytes / seconds,
            megabytes / wall,
            totals.records_out,
            totals.quarantined,
            totals.content_bytes as f64 / totals.bytes_inflated as f64,
            100.0 * stored as f64 / totals.content_bytes as f64,
        );
    }
    Ok(())
}

fn census(file: &Bytes, input: Input) -> Result<Census, Box<dyn Error>> {
    let before = cpu_seconds()?;
    let mut counter = Counter::new(input);
    let mut rest = file.clone();
    while !counter.count()? {
        match rest.is_empty() {
            true => counter.finish(),
            false => counter.feed(rest.split_to(FEED_BYTES.min(rest.len()))),
        }
    }
    println!("census: {:.2} CPU s", cpu_seconds()? - before);
    Ok(counter.into_census().0)
}

fn convert(
    recipe: &Arc<Recipe>,
    file: &Bytes,
    input: Input,
    crew: &Arc<Crew>,
) -> Result<(Totals, usize), Box<dyn Error>> {
    let mut converter = Converter::new(Arc::clone(recipe), 0, input).with_crew(crew.clone());
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

/// What inflating the file and deflating its records with libdeflate's level 1 take by themselves, beside what the whole
/// conversion takes.
fn floor(path: &str) -> Result<(), Box<dyn Error>> {
    let file = Bytes::from(fs::read(path)?);
    let recipe = Arc::new(Recipe::new(spec(Format::Stream, Compression::Gzip))?);
    let records = records_of(&file)?;
    let alone = Crew::new(1);
    for _ in 0..5 {
        let times = [
            cpu_seconds()?,
            inflate(&file)?,
            deflate(&records)?,
            convert(&recipe, &file, Input::json(Encoding::Gzip), &alone).and(cpu_seconds())?,
        ];
        let [inflating, deflating, converting] = [0, 1, 2].map(|step| times[step + 1] - times[step]);
        let share = 100.0 * (inflating + deflating) / converting;
        println!(
            "inflate {inflating:.2} s + libdeflate 1 {deflating:.2} s = {share:.0} % of conversion's {converting:.2} s"
        );
    }
    Ok(())
}

fn records_of(file: &Bytes) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut converter = Converter::new(
        Arc::new(Recipe::new(spec(Format::Stream, Compression::None))?),
        0,
        Input::json(Encoding::Gzip),
    );
    converter.feed(file.clone());
    let mut records = Vec::new();
    loop {
        match converter.step()? {
            Step::NeedInput => converter.finish(),
            Step::Shard(shard) => records.extend_from_slice(&shard.bytes),
            Step::Quarantined(_) => {}
            Step::Finished(_) => return Ok(records),
        }
    }
}

fn inflate(file: &[u8]) -> Result<f64, Box<dyn Error>> {
    let mut inflater = Decompress::new(false);
    let mut piece = vec![0; limits::INFLATE_BYTES];
    // The header that `make` and DynamoDB write has no optional parts.
    let deflated = &file[10..];
    while inflater.decompress(&deflated[inflater.total_in() as usize..], &mut piece, FlushDecompress::None)?
        != Status::StreamEnd
    {}
    cpu_seconds()
}

fn deflate(records: &[u8]) -> Result<f64, Box<dyn Error>> {
    let mut compressor = Compressor::new(CompressionLvl::new(1).map_err(|_| "no such level")?);
    let mut packed = vec![0; compressor.gzip_compress_bound(limits::BLOCK_BYTES)];
    for block in records.chunks(limits::BLOCK_BYTES) {
        compressor.gzip_compress(block, &mut packed)?;
    }
    cpu_seconds()
}

fn spec(format: Format, compression: Compression) -> RecipeSpec {
    RecipeSpec {
        format,
        compression,
        shard_bytes_max: limits::SHARD_BYTES_DEFAULT,
        shard_records_max: None,
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
        upsert: EventName::Modify,
        kinesis_precision: KinesisPrecision::Millisecond,
        schema: None,
        old_images: false,
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
        ("temperature_celsius", format!("{}.{:02}", between(12, 35), between(0, 100))),
        ("relative_humidity_percent", format!("{}.{}", between(20, 90), between(0, 10))),
        ("barometric_pressure_hpa", format!("10{}.{:03}", between(10, 30), between(0, 1000))),
        ("battery_voltage", format!("3.{:03}", between(0, 1000))),
        ("signal_strength_dbm", format!("-{}", between(40, 110))),
        ("sequence_number", item.to_string()),
        ("uptime_seconds", between(0, 10_000_000).to_string()),
        ("error_count", "0".to_owned()),
        ("latitude", format!("{}.{:06}", between(40, 60), between(0, 1_000_000))),
        ("longitude", format!("{}.{:06}", between(0, 30), between(0, 1_000_000))),
    ];
    let strings = [
        ("site_name", format!("site-{:03}", between(0, 200))),
        ("firmware_version", format!("4.{}.{}", between(0, 4), between(0, 20))),
        ("device_model", ["AX-200", "AX-210", "BZ-7", "CX-1100"][between(0, 4) as usize].to_owned()),
        (
            "operational_status",
            ["ok", "ok", "ok", "degraded", "maintenance"][between(0, 5) as usize].to_owned(),
        ),
        ("trace_id", format!("{:016x}{:016x}", between(0, u64::MAX), between(0, u64::MAX))),
        (
            "ingested_at",
            format!("2026-01-{:02}T{:02}:{:02}:00.000Z", between(1, 29), between(0, 24), between(0, 60)),
        ),
        (
            "message_id",
            format!(
                "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
                between(0, 1 << 32),
                between(0, 1 << 16),
                between(0, 1 << 12),
                between(0, 1 << 12),
                between(0, 1 << 48)
            ),
        ),
        ("note", "calibrated at installation, next service after the winter".to_owned()),
        ("tenant_id", format!("tenant-{:04}-production", between(0, 40))),
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
            r#""network_interface":{{"M":{{"iface":{{"S":"eth0"}},"ip":{{"S":"10.{}.{}.{}"}},"mtu":{{"N":"1500"}}}}}},"#,
            r#""vibration_samples":{{"L":[{{"N":"{}"}},{{"N":"{}"}},{{"N":"{}"}},{{"N":"{}"}}]}},"payload_digest":{{"B":"{:012}AAAA"}}}}}}"#,
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
