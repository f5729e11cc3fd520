//! The page about a job: one HTML file that asks nothing of any network. The same job gives the same page once it is committed.

use std::time::{Duration, SystemTime};

use askama::Template;
use backfleet::handoff::source_name;
use backfleet::overview::{Commit, Overview, UnitOutput};
use backfleet::price::{Prices, writes};
use backfleet_core::plan::{Plan, Source};
use backfleet_core::sink::Sink;
use backfleet_worker::location::Location;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::size::{count, plural, print};
use crate::wording;

/// Rows of the table of units.
const UNITS_SHOWN: usize = 200;
/// Bars of the chart.
const BARS: usize = 60;
/// Of the chart, in its own units.
const WIDTH: usize = 720;
const HEIGHT: f64 = 160.0;
/// Plan, manifest, mark and the page.
const OBJECTS_OF_THE_JOB: u64 = 4;

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    job: String,
    job_short: String,
    source: String,
    state: String,
    committed: bool,
    tiles: Vec<(String, &'static str)>,
    facts: Vec<(&'static str, String)>,
    chart: Option<Chart>,
    units_say: String,
    units: Vec<Unit>,
    quarantine: Vec<Kind>,
    writes: Vec<Write>,
    currency: String,
    prices: String,
    digest: Option<String>,
    dest: String,
    looked: String,
    version: &'static str,
}

struct Chart {
    width: usize,
    height: f64,
    bars: Vec<Bar>,
    from: String,
    to: String,
    each: String,
    highest: String,
}

struct Bar {
    x: usize,
    y: f64,
    width: usize,
    height: f64,
    says: String,
}

struct Unit {
    unit: usize,
    input: String,
    bytes_in: String,
    records: String,
    quarantined: String,
    shards: String,
    bytes_out: String,
    completed: String,
}

struct Kind {
    reason: String,
    records: String,
    units: String,
    first: String,
}

struct Write {
    what: &'static str,
    objects: String,
    cost: String,
}

/// The page of a job in `dest`, looked at `now`.
pub fn page(plan: &Plan, dest: &Location, seen: &Overview, prices: &Prices, now: SystemTime) -> String {
    let page = Page {
        job: plan.job.to_string(),
        job_short: plan.job.short(),
        source: source_name(plan),
        state: state(plan, seen),
        committed: seen.commit.is_some(),
        tiles: tiles(plan, seen),
        facts: facts(plan, seen),
        chart: chart(plan, &seen.completed),
        units_say: units_say(plan),
        units: units(plan, seen),
        quarantine: quarantine(seen),
        writes: written(plan, dest, seen.commit.as_ref(), prices),
        currency: prices.currency.clone(),
        prices: format!("{} of {}", prices.region, prices.date),
        digest: seen.commit.as_ref().map(|commit| commit.digest.to_string()),
        dest: dest.to_string(),
        looked: if seen.commit.is_some() { String::new() } else { utc(now) },
        version: env!("CARGO_PKG_VERSION"),
    };
    page.render().expect("the template writes into memory")
}

fn state(plan: &Plan, seen: &Overview) -> String {
    if seen.commit.is_some() {
        return "committed: every record of the source is accounted for".into();
    }
    match seen.pending.len() {
        0 => "every unit is complete; not proven yet: backfleet finish".into(),
        left => format!(
            "not committed: {} of {} are left",
            count(left as u64),
            plural(plan.units.len() as u64, "unit")
        ),
    }
}

fn tiles(plan: &Plan, seen: &Overview) -> Vec<(String, &'static str)> {
    let done = plan.units.len() - seen.pending.len();
    let mut tiles =
        vec![(format!("{} / {}", count(done as u64), count(plan.units.len() as u64)), "units complete")];
    match &seen.commit {
        Some(commit) => {
            let counts = &commit.manifest.counts;
            let sink = plan.options.sink.as_ref();
            let (written, shards, output) = match sink {
                None => ("records written", "shards", "of output"),
                Some(Sink::Function(_)) => ("records handed over", "receipts", "of receipts"),
                Some(Sink::Touch(_)) => ("items touched", "receipts", "of receipts"),
            };
            tiles.push((count(counts.records_out), written));
            if counts.passed_over > 0 {
                tiles.push((count(counts.passed_over), "items passed over"));
            }
            tiles.push((count(counts.quarantined), "in quarantine"));
            tiles.push((count(counts.shards), shards));
            tiles.push((print(counts.bytes_out), output));
        }
        None => {
            let bytes: u64 = seen.completed.iter().map(|(_, unit)| plan.units[*unit as usize].bytes).sum();
            tiles.push((format!("{} / {}", print(bytes), print(plan.bytes())), "of input"));
            let records: u64 = seen.quarantine.values().map(|kind| kind.records).sum();
            tiles.push((count(records), "in quarantine so far"));
        }
    }
    if let Some(took) = span(&seen.completed) {
        tiles.push((wording::span(took), "from first to last completion"));
    }
    tiles
}

fn facts(plan: &Plan, seen: &Overview) -> Vec<(&'static str, String)> {
    let options = &plan.options;
    let partition = if options.partition.is_empty() { "the destination itself" } else { &options.partition };
    let mut facts = Vec::new();
    if let Some(commit) = &seen.commit {
        facts.push(("Proof", wording::proof(&commit.manifest, plan)));
    }
    let what = match &plan.source {
        Source::Scan(scan) => format!("scan in {} segments, {} lanes", scan.segments, scan.lanes),
        Source::Export(export) => plural(export.parts.len() as u64, "export"),
    };
    facts.push(("Source", format!("{what}, {}", plan.location)));
    let format = match &options.sink {
        None => format!("{}, {}, into {partition}", options.format, options.compression),
        Some(sink) => format!("{}, into {}", options.format, sink.place()),
    };
    facts.push(("Format", format));
    facts.push(("Keys", options.keys.join(", ")));
    facts
}

/// From the first completion to the last, unless all came at once.
fn span(completed: &[(SystemTime, u32)]) -> Option<Duration> {
    let ((first, _), (last, _)) = (completed.first()?, completed.last()?);
    last.duration_since(*first).ok().filter(|span| span.as_secs() > 0)
}

/// Input by the time its unit was completed.
fn chart(plan: &Plan, completed: &[(SystemTime, u32)]) -> Option<Chart> {
    let took = span(completed)?;
    let (from, to) = (completed.first()?.0, completed.last()?.0);
    let each = (took / u32::try_from(BARS).expect("a few bars")).max(Duration::from_secs(1));
    let mut sums = vec![0; BARS];
    for (at, unit) in completed {
        let since = at.duration_since(from).unwrap_or_default();
        let bar = usize::try_from(since.as_nanos() / each.as_nanos()).unwrap_or(usize::MAX);
        sums[bar.min(BARS - 1)] += plan.units[*unit as usize].bytes;
    }
    let used = sums.iter().rposition(|sum| *sum > 0)? + 1;
    let highest = *sums.iter().max()?;
    let rate = |bytes: u64| print(per_second(bytes, each));
    let bars = sums[..used].iter().enumerate().filter(|(_, sum)| **sum > 0).map(|(n, sum)| {
        let height = HEIGHT * *sum as f64 / highest as f64;
        let (left, right) = (n * WIDTH / used, (n + 1) * WIDTH / used);
        let begins = utc(from + each * u32::try_from(n).expect("a few bars"));
        Bar {
            x: left,
            y: HEIGHT - height,
            width: (right - left).saturating_sub(1).max(1),
            height,
            says: format!("{begins}: {}/s", rate(*sum)),
        }
    });
    Some(Chart {
        width: WIDTH,
        height: HEIGHT,
        bars: bars.collect(),
        from: utc(from),
        to: utc(to),
        each: wording::span(each),
        highest: rate(highest),
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes per second")]
fn per_second(bytes: u64, time: Duration) -> u64 {
    (bytes as f64 / time.as_secs_f64()) as u64
}

fn units_say(plan: &Plan) -> String {
    if plan.units.len() <= UNITS_SHOWN {
        return "All of them, the last completed first; units without a completion on top.".into();
    }
    format!(
        "The {UNITS_SHOWN} that were completed last, units without a completion on top; the other {} are in the manifest.",
        count((plan.units.len() - UNITS_SHOWN) as u64)
    )
}

/// What people look for first is what is missing, then what kept everything waiting.
fn units(plan: &Plan, seen: &Overview) -> Vec<Unit> {
    let pending = seen.pending.iter().map(|unit| (*unit, None));
    let completed = seen.completed.iter().rev().map(|(at, unit)| (*unit, Some(*at)));
    let row = |(unit, at): (u32, Option<SystemTime>)| {
        let unit = unit as usize;
        let (planned, output) = (&plan.units[unit], seen.commit.as_ref().map(|commit| commit.units[unit]));
        let figure = |of: fn(&UnitOutput) -> String| output.as_ref().map_or_else(|| "?".into(), of);
        Unit {
            unit,
            input: planned.key.clone(),
            bytes_in: print(planned.bytes),
            records: figure(|unit| count(unit.records)),
            quarantined: figure(|unit| count(unit.quarantined)),
            shards: figure(|unit| count(unit.shards)),
            bytes_out: figure(|unit| print(unit.bytes)),
            completed: at.map_or_else(|| "not yet".into(), utc),
        }
    };
    pending.chain(completed).take(UNITS_SHOWN).map(row).collect()
}

fn quarantine(seen: &Overview) -> Vec<Kind> {
    let kind = |(reason, kind): (&String, &backfleet::quarantine::Kind)| Kind {
        reason: reason.clone(),
        records: count(kind.records),
        units: count(kind.units),
        first: format!("{} line {}: {}", kind.first.line.file, kind.first.line.line, kind.first.line.detail),
    };
    seen.quarantine.iter().map(kind).collect()
}

/// What stands beside what was reckoned; nothing where nothing is paid for.
fn written(plan: &Plan, dest: &Location, commit: Option<&Commit>, prices: &Prices) -> Vec<Write> {
    let (Location::S3 { .. }, Some(commit)) = (dest, commit) else { return Vec::new() };
    let manifest = &commit.manifest;
    let write = |what, objects| Write {
        what,
        objects: count(objects),
        cost: format!("{:.4}", prices.of_writes(objects)),
    };
    let stands =
        manifest.counts.shards + manifest.units + manifest.quarantine.len() as u64 + OBJECTS_OF_THE_JOB;
    let mut all = Vec::new();
    let is_sink = plan.options.sink.is_some();
    if let (Source::Export(_), false) = (&plan.source, is_sink) {
        all.push(write("reckoned before", writes(plan.units.len() as u64, plan.bytes())));
    }
    all.push(write(if is_sink { "receipts" } else { "shards" }, manifest.counts.shards));
    all.push(write("completions", manifest.units));
    all.push(write("all that stands", stands));
    all
}

fn utc(time: SystemTime) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    OffsetDateTime::from(time).format(form).expect("a time of this form")
}
