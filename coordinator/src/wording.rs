//! What a command says at its end, for people and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use backfleet::verify::{Finding, Verification};
use backfleet_core::completion::Counts;
use backfleet_core::layout::Layout;
use backfleet_core::manifest::Manifest;
use backfleet_core::plan::{Plan, Source};
use backfleet_core::sink::Sink;
use serde_json::{Value, json};

use crate::failure::Exit;
use crate::size::{count, files, plural, print};

/// Lines of a list that people are shown.
const SHOWN_MAX: usize = 20;

/// What a person has to mend before units that were put aside can be done.
pub fn to_mend(plan: &Plan, dead: &BTreeMap<u32, String>) -> String {
    let of_sink = |reason: &String| reason.starts_with("sink-");
    match &plan.options.sink {
        Some(sink) if dead.values().all(of_sink) => sink.place().to_string(),
        Some(_) => "what the reasons name".to_owned(),
        None => "or copy these files again".to_owned(),
    }
}

/// What can become of records in quarantine.
pub fn replayed(plan: &Plan) -> &'static str {
    match &plan.options.sink {
        None => "; then `backfleet quarantine replay` converts them once more, with other options",
        Some(Sink::Function(_)) => "; then `backfleet quarantine replay` hands them over once more",
        Some(Sink::Touch(_)) => "",
    }
}

/// `proven: …`, the line that says what was proven.
pub fn proof(manifest: &Manifest, plan: &Plan) -> String {
    let Counts { records_in, records_out, filtered, quarantined, content_bytes, bytes_out, shards, .. } =
        manifest.counts;
    if let Source::Scan(_) = &plan.source {
        let left_out = if filtered > 0 {
            format!(" and {} left out by the filter", count(filtered))
        } else {
            String::new()
        };
        return format!(
            "{} (each read to its end), {}{left_out}; {}, {} ({} uncompressed), each there with its digest, none besides",
            plural(manifest.units, "segment"),
            plural(records_out, "record"),
            plural(shards, "shard"),
            print(bytes_out),
            print(content_bytes),
        );
    }
    let md5 = match manifest.units - manifest.units_md5_proven {
        0 => "all by MD5".to_owned(),
        bare => format!("{} without an MD5 to hold them against", count(bare)),
    };
    let promised = promise(plan);
    if let Some(sink) = &plan.options.sink {
        return format!(
            "{} ({md5}), {} in{promised}, {}, {} quarantined; {}, each there with its digest, none besides",
            files(manifest.units),
            plural(records_in, "record"),
            put_into(sink, &manifest.counts),
            count(quarantined),
            plural(shards, "receipt"),
        );
    }
    format!(
        "{} ({md5}), {} in{promised}, {} out, {} quarantined; {}, {} ({} uncompressed), each there with its digest, none besides",
        files(manifest.units),
        plural(records_in, "record"),
        count(records_out),
        count(quarantined),
        plural(shards, "shard"),
        print(bytes_out),
        print(content_bytes),
    )
}

/// What a sink did with the records.
fn put_into(sink: &Sink, counts: &Counts) -> String {
    let taken = count(counts.records_out);
    match sink {
        Sink::Function(_) => format!("{taken} taken by {}, each at least once", sink.place()),
        Sink::Touch(touch) => {
            let (what, why) = match touch.undo {
                None => ("touched", "another item by now, or gone"),
                Some(_) => ("unmarked", "without the mark"),
            };
            format!("{taken} {what} in {}, {} passed over ({why})", sink.place(), count(counts.passed_over))
        }
    }
}

/// What the counts were held against.
fn promise(plan: &Plan) -> String {
    let Source::Export(export) = &plan.source else { return String::new() };
    let promised = export.parts.iter().filter(|part| part.items.is_some()).count();
    match (promised, export.parts.len()) {
        _ if export.parts.iter().any(|part| !part.manifest) => {
            " held against nothing (no manifest says which files there should be, nor how many records)"
                .to_owned()
        }
        (1, 1) => " as the export promises".to_owned(),
        (all, parts) if all == parts => format!(" as {parts} exports without a gap between them promise"),
        _ => String::new(),
    }
}

/// `12.3 s, 84 MB/s in`.
pub fn pace(bytes: u64, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes per second")]
    let rate = (bytes as f64 / seconds.max(0.001)) as u64;
    format!("{seconds:.1} s, {}/s uncompressed", print(rate))
}

/// `1 h 23 min`, `45 s`.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// What is wrong, a line each.
pub fn findings(verification: &Verification) -> String {
    let lines = verification.findings.iter().map(Finding::to_string);
    list(lines, usize::try_from(verification.findings_total).unwrap_or(usize::MAX))
}

/// Units that were put aside, a line each.
pub fn dead_letters(plan: &Plan, dead: &BTreeMap<u32, String>) -> String {
    let line = |(unit, reason): (&u32, &String)| {
        format!("unit {unit} ({}): {reason}", plan.units[*unit as usize].key)
    };
    list(dead.iter().map(line), dead.len())
}

fn list(lines: impl Iterator<Item = String>, total: usize) -> String {
    let mut text: String = lines.take(SHOWN_MAX).map(|line| format!("  {line}\n")).collect();
    if total > SHOWN_MAX {
        text.push_str(&format!("  … and {} more\n", count((total - SHOWN_MAX) as u64)));
    }
    text
}

/// The machine's form of an ended job.
pub struct Ended<'a> {
    pub outcome: &'static str,
    pub exit: Exit,
    pub plan: &'a Plan,
    pub layout: &'a Layout,
    pub dest: String,
    pub took: Duration,
    pub verification: Option<&'a Verification>,
    pub dead: Option<&'a BTreeMap<u32, String>>,
    pub complete: Option<usize>,
}

impl Ended<'_> {
    /// One JSON object.
    pub fn json(&self) -> Value {
        let mut value = json!({
            "outcome": self.outcome,
            "exit_code": self.exit as u8,
            "job": self.plan.job,
            "dest": self.dest,
            "manifest": self.layout.manifest().as_str(),
            "units": self.plan.units.len(),
            "seconds": self.took.as_secs_f64(),
        });
        let fields = value.as_object_mut().expect("made as an object above");
        if let Some(verification) = self.verification {
            if self.exit == Exit::Done {
                fields.insert("report".into(), json!(self.layout.report().as_str()));
            }
            fields.insert("counts".into(), json!(verification.manifest.counts));
            fields.insert("units_md5_proven".into(), json!(verification.manifest.units_md5_proven));
            let findings: Vec<String> = verification.findings.iter().map(Finding::to_string).collect();
            fields.insert("findings".into(), json!(findings));
            fields.insert("findings_total".into(), json!(verification.findings_total));
        }
        if let Some(dead) = self.dead {
            let letter = |(unit, reason): (&u32, &String)| json!({"unit": unit, "file": self.plan.units[*unit as usize].key, "reason": reason});
            fields.insert("dead_letters".into(), dead.iter().map(letter).collect());
        }
        if let Some(complete) = self.complete {
            fields.insert("complete".into(), json!(complete));
        }
        value
    }
}
