//! A job drawn from a seed: what it reads, how it is written, who works on it, and what is wrong with its input.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use backfleet_core::job::{JobOptions, TableOptions};
use backfleet_core::key::ObjectKey;
use backfleet_core::layout::ShardName;
use backfleet_core::limits::VISIBILITY;
use backfleet_core::memory::{MemoryQueue, MemoryQueueConfig, MemoryStore};
use backfleet_core::plan::{
    ExportPart, ExportSource, Expressions, PartContent, Plan, ScanSource, Source, UnitPlan,
};
use base64::Engine as _;
use md5::Digest as _;

use crate::climate::Climate;
use crate::draw::Draw;
use crate::queue::SECRET;
use crate::site::{PLACE, Site, object};
use crate::table::{SimTable, TABLE_ARN};

/// Everything that a seed decides before anything happens.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What can go wrong.
    pub climate: Climate,
    /// Whether the job runs in one process.
    pub local: bool,
    /// Whether nothing goes wrong: then nothing may be done twice either.
    pub calm: bool,
    /// Workers of the fleet.
    pub workers: u32,
    /// Units each works on at the same time.
    pub concurrency: usize,
    /// Coordinators that wait for the job at the same time.
    pub operators: u32,
    /// Read units a second.
    pub budget: u32,
    /// Records in quarantine that are accepted.
    pub quarantine_max: u64,
    /// Whether somebody puts the input right in the end.
    pub mended: bool,
}

/// What must come of a job.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Records of an export.
    pub records: BTreeSet<String>,
    /// Records that cannot be converted.
    pub quarantined: u64,
    /// Units that cannot be done.
    pub poison: BTreeSet<u32>,
    /// Objects that stand in the way, and must stay as they are.
    pub foreign: Vec<(ObjectKey, Vec<u8>)>,
    /// Data files that somebody may put right.
    pub mends: Vec<(u32, ObjectKey, Vec<u8>)>,
}

/// What a person does to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// A shard is taken away.
    ShardRemoved,
    /// A shard has another byte.
    ShardDamaged,
    /// A file that is named like a shard.
    Stranger,
}

/// What is wrong with a data file, or in its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Missing,
    Damaged,
    Miscounted,
    ForeignShard,
}

/// Draws a world.
pub fn scenario(draw: &mut Draw) -> (Scenario, Site) {
    let calm = draw.chance(0.05);
    let local = draw.chance(0.15);
    let climate = if calm { Climate::calm(draw) } else { Climate::draw(draw) };
    let mut scenario = Scenario {
        climate,
        local,
        calm,
        workers: draw.pick(&[1, 1, 2, 2, 3, 5]) as u32,
        concurrency: draw.pick(&[1, 2, 3]) as usize,
        operators: if !calm && draw.chance(0.15) { 2 } else { 1 },
        budget: draw.pick(&[1, 5, 50, 1000]) as u32,
        quarantine_max: if draw.chance(0.3) { 0 } else { 1000 },
        mended: draw.chance(0.5),
    };
    let site = if draw.chance(0.45) { scan(draw, &mut scenario) } else { export(draw, &scenario) };
    (scenario, site)
}

fn options(draw: &mut Draw) -> JobOptions {
    JobOptions {
        format: draw.pick(&["item", "item", "stream"]).into(),
        compression: draw.pick(&["none", "none", "none", "gzip"]).into(),
        partition: "p".into(),
        shard_bytes_max: draw.pick(&[1 << 10, 1 << 10, 1 << 12, 1 << 20]),
        keys: vec!["pk".into()],
        table: Some(TableOptions { name: "t".into(), region: "r".into(), stream_arn: "arn".into() }),
        snapshot_micros: 1_768_385_930_622_000,
        view: "NEW_AND_OLD_IMAGES".into(),
        extra_fields: Vec::new(),
        include: Vec::new(),
        exclude: Vec::new(),
        document: "line".into(),
        document_records_max: 100,
        kinesis_precision: "millisecond".into(),
        upsert: "MODIFY".into(),
        schema: None,
        sink: None,
    }
}

fn queue(draw: &mut Draw, few: bool) -> Arc<MemoryQueue> {
    let visibility = if draw.chance(0.3) { Duration::from_secs(30) } else { VISIBILITY };
    let in_flight_max = if few { draw.between(1, 3) as usize } else { 120_000 };
    Arc::new(MemoryQueue::new(MemoryQueueConfig { visibility, in_flight_max, ..Default::default() }))
}

fn sabotage(draw: &mut Draw) -> Option<Sabotage> {
    draw.chance(0.05)
        .then(|| draw.pick(&[Sabotage::ShardRemoved, Sabotage::ShardDamaged, Sabotage::Stranger]))
}

fn scan(draw: &mut Draw, scenario: &mut Scenario) -> Site {
    let segments = draw.between(1, 8) as u32;
    let lanes = draw.between(1, u64::from(segments.min(4))) as u32;
    let places = segments * draw.pick(&[20, 20, 60]) + draw.below(100) as u32;
    let (dense, ghosts) = (draw.pick(&[0.2, 0.6, 0.9]), draw.pick(&[0.0, 0.0, 0.3, 0.9]));
    let pad_max = draw.pick(&[300, 300, 300, 3000]);
    let items: Vec<(u32, bool, usize)> = (0..places)
        .filter_map(|place| {
            let (there, ghost, pad) = (draw.chance(dense), draw.chance(ghosts), draw.below(pad_max) as usize);
            there.then_some((place, ghost, pad))
        })
        .collect();
    let expressions = match ghosts > 0.0 {
        true => Expressions { filter: Some("attribute_not_exists(ghost)".into()), ..Expressions::default() },
        false => Expressions::default(),
    };
    let source = ScanSource {
        table_arn: TABLE_ARN.into(),
        index: None,
        segments,
        lanes,
        consistent: false,
        dated: false,
        expressions,
    };
    let unit = |n: u32| UnitPlan { part: 0, key: format!("segment/{n}"), bytes: 1, items: None, md5: None };
    let units = (0..segments).map(unit).collect();
    let plan =
        Plan::new(PLACE.into(), Source::Scan(source), options(draw), units).expect("a plan that holds");
    scenario.quarantine_max = 1000;
    site(
        draw,
        scenario,
        plan,
        MemoryStore::new(),
        SimTable::new(places, items.into_iter()),
        Expected::default(),
    )
}

fn export(draw: &mut Draw, scenario: &Scenario) -> Site {
    let files = draw.pick(&[1, 2, 4, 8, 16, 50]) as u32;
    let troubled = draw.chance(0.15);
    let (badly, packed) = (draw.chance(0.2), draw.chance(0.2));
    let options = options(draw);
    let source = MemoryStore::new();
    let (mut expected, mut units, mut foreign) = (Expected::default(), Vec::new(), Vec::new());
    for unit in 0..files {
        let trouble = (troubled && draw.chance(0.2)).then(|| {
            draw.pick(&[Trouble::Missing, Trouble::Damaged, Trouble::Miscounted, Trouble::ForeignShard])
        });
        let items = draw.below(12);
        let (mut text, mut records) = (Vec::new(), Vec::new());
        for n in 0..items {
            if badly && draw.chance(0.1) {
                text.extend_from_slice(b"{\"Item\":{\"pk\":{\"N\":1}}}\n");
                expected.quarantined += 1;
                continue;
            }
            let (name, pad) = (format!("u{unit:04}-{n:03}"), "x".repeat(draw.below(300) as usize));
            records.push(format!("{name} v{n}"));
            writeln!(
                text,
                r#"{{"Item":{{"pk":{{"S":"{name}"}},"v":{{"N":"{n}"}},"pad":{{"S":"{SECRET}{pad}"}}}}}}"#
            )
            .expect("writing to memory");
        }
        let bytes = if packed { gzip(&text) } else { text };
        let extension = if packed { "json.gz" } else { "json" };
        let key = ObjectKey::new(format!("data/{unit:06}.{extension}")).expect("a plain key");
        let promised = items + u64::from(trouble == Some(Trouble::Miscounted));
        units.push(UnitPlan {
            part: 0,
            key: key.to_string(),
            // What is said to be large is read in pieces.
            bytes: if draw.chance(0.2) { 5 << 20 } else { bytes.len() as u64 },
            items: Some(promised),
            md5: Some(base64::engine::general_purpose::STANDARD.encode(md5::Md5::digest(&bytes))),
        });
        let written = !records.is_empty();
        expected.records.extend(records);
        match trouble {
            None => source.overwrite(object(key, bytes)),
            Some(Trouble::Missing) => expected.mends.push((unit, key, bytes)),
            Some(Trouble::Damaged) => {
                let mut damaged = bytes.clone();
                damaged.extend_from_slice(b"\n");
                source.overwrite(object(key.clone(), damaged));
                expected.mends.push((unit, key, bytes));
            }
            Some(Trouble::Miscounted) => source.overwrite(object(key, bytes)),
            Some(Trouble::ForeignShard) => {
                source.overwrite(object(key, bytes));
                if written {
                    foreign.push(unit);
                }
            }
        }
        let harmless = trouble == Some(Trouble::ForeignShard) && !written;
        if trouble.is_some() && !harmless {
            expected.poison.insert(unit);
        }
    }
    let part = ExportPart {
        export: "01768384800000-00000000".into(),
        notation: "DYNAMODB_JSON".into(),
        content: PartContent::Full,
        items: None,
        manifest: true,
    };
    let exports = ExportSource { table_arn: None, parts: vec![part] };
    let plan = Plan::new(PLACE.into(), Source::Export(exports), options, units).expect("a plan that holds");
    let layout = plan.layout().expect("a layout that holds");
    for unit in foreign {
        expected.foreign.push((layout.shard(ShardName { unit, shard: 0 }), b"{\"not\":\"ours\"}\n".to_vec()));
    }
    site(draw, scenario, plan, source, SimTable::new(1, std::iter::empty()), expected)
}

fn site(
    draw: &mut Draw,
    scenario: &Scenario,
    plan: Plan,
    source: MemoryStore,
    table: SimTable,
    expected: Expected,
) -> Site {
    let dest = MemoryStore::new();
    for (key, bytes) in &expected.foreign {
        dest.overwrite(object(key.clone(), bytes.clone()));
    }
    let sabotage = if scenario.calm || !expected.poison.is_empty() { None } else { sabotage(draw) };
    let few_in_flight = !scenario.calm && draw.chance(0.1);
    Site {
        layout: plan.layout().expect("a layout that holds"),
        plan,
        source: Arc::new(source),
        dest: Arc::new(dest),
        table,
        queue: queue(draw, few_in_flight),
        few_in_flight,
        expected,
        sabotage,
        sabotaged: AtomicBool::new(false),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).expect("writing to memory");
    gzip.finish().expect("writing to memory")
}
