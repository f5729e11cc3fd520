//! One function per command: call the library, say how it ended. Here are those of one machine.

pub mod census;
pub mod cost;
pub mod dlq;
pub mod doctor;
pub mod export;
pub mod fleet;
pub mod handoff;
pub mod parity;
pub mod quarantine;
pub mod report;
pub mod stitch;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backfleet::census::Shelf;
use backfleet::finish::verify_committed;
use backfleet::plan::{Planned, PlanningError, jobs, make, stored};
use backfleet::price::read_units;
use backfleet::run::{Run, RunConfig, RunEnd};
use backfleet::scan::Budget;
use backfleet::spec::keys_of_schema;
use backfleet::synth::{self, SynthSpec};
use backfleet::target::Target;
use backfleet::verify::{Proof, Verification};
use backfleet_convert::Crew;
use backfleet_core::job::{JobId, JobOptions};
use backfleet_core::layout::Layout;
use backfleet_core::plan::{ExportSource, Expressions, PartContent, Plan, ScanSource, Source};
use backfleet_core::ports::ObjectStore;
use backfleet_core::sink::Sink;
use backfleet_worker::location::{Connections, Location, check_apart};
use backfleet_worker::signals::stop_on_signal;
use serde_json::json;
use tokio::time::Instant;

use self::cost::Estimate;
use crate::cli::{HereArgs, JobArgs, Output, PlanArgs, RunArgs, SynthArgs, VerifyArgs};
use crate::failure::{Exit, Failure};
use crate::progress;
use crate::size::{count, files, plural, print, print_limit};
use crate::wording::{self, Ended};

/// `backfleet run`.
pub async fn run(args: &RunArgs, output: &Output, connections: &Connections) -> Result<Exit, Failure> {
    let began = Instant::now();
    let target = Target::read_to_write(&args.sink.target(&args.dest), connections).await?;
    cost::check_sink(&args.job.cost, target.sink.as_ref())?;
    let dest = target.place.clone();
    let Some((sources, request)) =
        export::source(&args.job, &args.export, &target, output, connections).await?
    else {
        return Ok(Exit::Interrupted);
    };
    sources.iter().try_for_each(|source| check_apart(source, &dest))?;
    let planned =
        make(&sources, &request, Some(Shelf { dest: &dest, connections, may_write: true }), connections)
            .await?;
    let planned = if target.is_undo() { planned.undone().map_err(PlanningError::Plan)? } else { planned };
    cost::check(&args.job.cost, &planned, connections).await?;
    carry_out(planned, dest, &args.here, began, output, connections).await
}

/// Does a planned job in this process, and says how it ended.
async fn carry_out(
    planned: Planned,
    dest: Location,
    here: &HereArgs,
    began: Instant,
    output: &Output,
    connections: &Connections,
) -> Result<Exit, Failure> {
    let run = Run::prepare(planned, &dest, connections).await?;
    let plan = run.plan().clone();
    if !output.quiet {
        announce(&run, &dest);
    }
    let config = RunConfig {
        workers: here.workers(),
        stop_timeout: Duration::from_secs(here.stop_timeout),
        quarantine_max: here.max_quarantine,
        refused_max: here.max_refused,
        crew: Crew::of_all_cores(),
    };
    let seconds = here.stop_timeout;
    let stop = stop_on_signal(move || {
        eprintln!("stopping: files in hand have {seconds} s; once more to stop at once")
    })?;
    let (tally, total) = (run.tally(), run.pending_bytes());
    let end = progress::show(tally, total, output.quiet, run.run(&config, stop)).await?;
    let job = Job { layout: plan.layout().expect("a plan that was run has a layout"), plan, dest, began };
    job.keep_page(&end, connections).await;
    Ok(job.say(&end, here.max_quarantine, output))
}

fn announce(run: &Run, dest: &Location) {
    let plan = run.plan();
    let done = plan.units.len() - run.pending();
    let resumed =
        if done > 0 { format!(", {} of them done before", count(done as u64)) } else { String::new() };
    let units = plan.units.len() as u64;
    let what = match &plan.source {
        Source::Export(_) => format!("{}, {} compressed", files(units), print(plan.bytes())),
        Source::Scan(scan) => {
            format!("{} in {} lanes, {}", plural(units, "segment"), scan.lanes, print(plan.bytes()))
        }
    };
    let to = match &plan.options.sink {
        None => format!("{dest}/{}", plan.options.partition),
        Some(sink) => format!("{}, receipts in {dest}", sink.place()),
    };
    eprintln!("job {}: {what}{resumed} -> {to}", plan.job.short());
}

struct Job {
    plan: Plan,
    layout: Layout,
    dest: Location,
    began: Instant,
}

impl Job {
    /// A job that ended well keeps a page for people.
    async fn keep_page(&self, end: &RunEnd, connections: &Connections) {
        if let RunEnd::Committed { .. } = end {
            report::keep_page(&self.plan, &self.layout, &self.dest, connections).await;
        }
    }

    fn say(&self, end: &RunEnd, max_quarantine: u64, output: &Output) -> Exit {
        let took = self.began.elapsed();
        let mut ended = Ended {
            outcome: "",
            exit: Exit::Done,
            plan: &self.plan,
            layout: &self.layout,
            dest: self.dest.to_string(),
            took,
            verification: None,
            dead: None,
            complete: None,
        };
        let text = match end {
            RunEnd::Committed { verification, before } => {
                (ended.outcome, ended.exit) = ("committed", Exit::Done);
                ended.verification = Some(verification);
                self.committed(verification, *before, took)
            }
            RunEnd::QuarantineExceeded { verification } => {
                (ended.outcome, ended.exit) = ("quarantine-exceeded", Exit::Quarantine);
                ended.verification = Some(verification);
                self.quarantine_exceeded(verification, max_quarantine)
            }
            RunEnd::Refused { verification } => {
                (ended.outcome, ended.exit) = ("unproven", Exit::Unproven);
                ended.verification = Some(verification);
                self.refused(verification)
            }
            RunEnd::DeadLetters { dead, complete } => {
                (ended.outcome, ended.exit) = ("dead-letters", Exit::DeadLetters);
                (ended.dead, ended.complete) = (Some(dead), Some(*complete));
                format!(
                    "incomplete: {} of {} could not be {}; the other {} are done; no _SUCCESS was written\n{}  next: mend {}, then run the same command: it does only what is left",
                    count(dead.len() as u64),
                    files(self.plan.units.len() as u64),
                    if self.plan.options.sink.is_some() { "done" } else { "used" },
                    count(*complete as u64),
                    wording::dead_letters(&self.plan, dead),
                    wording::to_mend(&self.plan, dead),
                )
            }
            RunEnd::Exhausted { reason, complete } => {
                (ended.outcome, ended.exit) = ("exhausted", Exit::Failed);
                ended.complete = Some(*complete);
                format!(
                    "stopped: no room is left in {} ({reason}); {} of {} are done\n  next: free some, then run the same command: it goes on where it stopped",
                    self.dest,
                    count(*complete as u64),
                    files(self.plan.units.len() as u64)
                )
            }
            RunEnd::Interrupted { complete } => {
                (ended.outcome, ended.exit) = ("interrupted", Exit::Interrupted);
                ended.complete = Some(*complete);
                format!(
                    "interrupted: {} of {} are done\n  next: run the same command again, it goes on where it stopped",
                    count(*complete as u64),
                    files(self.plan.units.len() as u64)
                )
            }
        };
        say(output, ended.exit, &text, || ended.json());
        ended.exit
    }

    fn committed(&self, verification: &Verification, before: bool, took: Duration) -> String {
        let proof = wording::proof(&verification.manifest, &self.plan);
        if before {
            return format!("proven again, nothing written: {proof}; {:.1} s", took.as_secs_f64());
        }
        format!("proven: {proof}; {}", wording::pace(verification.manifest.counts.bytes_inflated, took))
    }

    fn quarantine_exceeded(&self, verification: &Verification, allowed: u64) -> String {
        let found = verification.manifest.counts.quarantined;
        format!(
            "not committed: {} in quarantine, {} allowed; everything else is done ({})\n  next: `backfleet quarantine list --dest {}` says why; run the same command with --max-quarantine {found} to accept them{}",
            plural(found, "record"),
            count(allowed),
            wording::proof(&verification.manifest, &self.plan),
            self.dest,
            wording::replayed(&self.plan),
        )
    }

    fn refused(&self, verification: &Verification) -> String {
        format!(
            "not proven: {} found in {} (job {})\n{}  next: find out who changed the destination; a job is rebuilt by running it into an empty one",
            plural(verification.findings_total, "fault"),
            self.dest,
            self.plan.job.short(),
            wording::findings(verification)
        )
    }
}

/// The last word: JSON or text on standard output; text on standard error where something is wrong.
fn say(output: &Output, exit: Exit, text: &str, json: impl FnOnce() -> serde_json::Value) {
    if output.json {
        println!("{}", json());
    } else if exit == Exit::Done {
        println!("{text}");
    } else {
        eprintln!("{text}");
    }
}

/// `backfleet plan`.
pub async fn plan(args: &PlanArgs, output: &Output, connections: &Connections) -> Result<Exit, Failure> {
    let target = match &args.dest {
        None => None,
        Some(dest) => Some(Target::read(&args.sink.target(dest), connections).await?),
    };
    let dest = target.as_ref().map(|target| target.place.clone());
    let shelf = dest.as_ref().map(|dest| Shelf { dest, connections, may_write: false });
    let given = keys(&args.job)?;
    let request = match &target {
        None => args.job.request(given, None)?,
        Some(target) => args.job.request(target.keys(given)?, target.sink.clone())?,
    };
    let planned = make(&args.job.sources()?, &request, shelf, connections).await?;
    let is_undo = target.as_ref().is_some_and(Target::is_undo);
    let planned = if is_undo { planned.undone().map_err(PlanningError::Plan)? } else { planned };
    let layout = planned.plan.layout().expect("a plan that was made has a layout");
    let there = match &dest {
        None => None,
        Some(dest) => {
            planned.check_apart(dest)?;
            Some(pending_there(dest, &planned.plan, &layout, connections).await?)
        }
    };
    let estimate = cost::estimate(&args.job.cost, &planned, connections).await?;
    let text = plan_text(&planned.plan, planned.budget, &estimate, there);
    if let Err(refused) = estimate.check(args.job.cost.ceiling()) {
        eprintln!("{text}");
        return Err(refused);
    }
    say(output, Exit::Done, &text, || plan_json(&planned.plan, &estimate, there));
    Ok(Exit::Done)
}

async fn pending_there(
    dest: &Location,
    plan: &Plan,
    layout: &Layout,
    connections: &Connections,
) -> Result<usize, Failure> {
    if !dest.exists() {
        return Ok(plan.units.len());
    }
    Ok(backfleet::enqueue::pending(&*dest.open_to_read(connections).await?, plan, layout).await?.len())
}

fn plan_text(plan: &Plan, budget: Budget, estimate: &Estimate, pending: Option<usize>) -> String {
    let units = plan.units.len() as u64;
    let items = plan.items();
    let bare = plan.units.iter().filter(|unit| unit.md5.is_none()).count();
    let empty = plan.units.iter().filter(|unit| unit.items == Some(0)).count();
    let largest = plan.units.iter().map(|unit| unit.bytes).max().unwrap_or(0);
    let mut text = format!("job        {}\n", plan.job);
    match &plan.source {
        Source::Export(export) => {
            text += &sources_text(export);
            text += &format!(
                "files      {} ({} empty), {} compressed, the largest {}\n",
                count(units),
                count(empty as u64),
                print(plan.bytes()),
                print(largest)
            );
            text += &format!("records    {}\n", items.map_or("not said by the manifest".into(), count));
            let proof = if bare == 0 {
                "MD5 of every file, ".to_owned()
            } else {
                format!("{} without an MD5, ", files(bare as u64))
            };
            let counts = if items.is_some() { "count of every file" } else { "no counts" };
            text += &format!("proof      {proof}{counts}\n");
        }
        Source::Scan(scan) => text += &scan_text(plan, scan, budget),
    }
    text += &output_text(plan);
    text += &estimate.text();
    let (shown, deadline) = cost::deadline(plan.options.snapshot_micros);
    text += &format!(
        "live       whoever reads the live stream by {deadline} misses nothing since {shown}; whoever comes later needs an incremental export from then on\n"
    );
    if let Some(pending) = pending {
        text += &format!("left to do {}\n", files(pending as u64));
    }
    text + "nothing was written"
}

/// What the records become.
fn output_text(plan: &Plan) -> String {
    let JobOptions { format, compression, shard_bytes_max, partition, sink, .. } = &plan.options;
    let bytes = print_limit(*shard_bytes_max);
    match sink {
        None => format!("output     {format}, {compression}, shards of {bytes} in {partition:?}\n"),
        Some(sink @ Sink::Function(function)) => format!(
            "output     handed to {}, each record at least once, at most {} and {bytes} at a time\n",
            sink.place(),
            plural(function.records_max.into(), "record"),
        ),
        Some(sink @ Sink::Touch(touch)) => {
            let what = if touch.undo.is_some() { "loses" } else { "that is unchanged gets" };
            format!(
                "output     each item of {} {what} the mark {:?}: a write unit for every KB of it, passed over or not, and a record in its stream\n",
                sink.place(),
                touch.marker,
            )
        }
    }
}

/// The exports, each with what it shows.
fn sources_text(export: &ExportSource) -> String {
    let table = export.table_arn.as_ref().map_or(String::new(), |arn| format!(" of {arn}"));
    let mut text = String::new();
    for (n, part) in export.parts.iter().enumerate() {
        let notation = if part.notation == "ION" { " in Ion" } else { "" };
        let what = match &part.content {
            PartContent::Full => "export".to_owned(),
            PartContent::Incremental { from: Some(from), to: Some(to), .. } => {
                format!("changes from {from} to {to}, export")
            }
            PartContent::Incremental { .. } => "changes, export".to_owned(),
        };
        let head = if n == 0 { "source" } else { "and then" };
        let table = if n == 0 { table.as_str() } else { "" };
        let manifest = if part.manifest { "" } else { ", without a manifest" };
        text += &format!("{head:<10} {what} {}{notation}{table}{manifest}\n", part.export);
    }
    text
}

/// A scan, what it will cost in read units, and how long it will take at the budget.
fn scan_text(plan: &Plan, scan: &ScanSource, budget: Budget) -> String {
    let index = scan.index.as_ref().map_or(String::new(), |index| format!(", its index {index}"));
    let mut text = format!("source     scan of {}{index}\n", scan.table_arn);
    let size = match plan.bytes() {
        0 => "of a size that DynamoDB has not counted yet".to_owned(),
        bytes => format!("of about {} each by DynamoDB's own count", print(bytes / u64::from(scan.segments))),
    };
    text += &format!("segments   {}, {size}, in {} lanes\n", count(u64::from(scan.segments)), scan.lanes);
    let Expressions { filter, projection, .. } = &scan.expressions;
    for (what, expression) in [("filter", filter), ("projection", projection)] {
        if let Some(expression) = expression {
            text += &format!("{what:<10} {expression} (saves no read units)\n");
        }
    }
    let reads = if scan.consistent { "strongly consistent, twice the cost" } else { "eventually consistent" };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some read units")]
    let units = read_units(plan.bytes(), scan).ceil() as u64;
    text += &format!("reads      {reads}: about {} read units\n", count(units));
    if let Some(rate) = budget.units() {
        let time = wording::span(Duration::from_secs(units / u64::from(rate)));
        text += &format!(
            "budget     {} units a second ({}): {time} at the least\n",
            count(u64::from(rate)),
            budget.reason
        );
    }
    text
}

fn plan_json(plan: &Plan, estimate: &Estimate, pending: Option<usize>) -> serde_json::Value {
    json!({
        "estimate": estimate.json(),
        "stream_deadline": cost::deadline(plan.options.snapshot_micros).1,
        "job": plan.job,
        "source": plan.source,
        "options": plan.options,
        "units": plan.units.len(),
        "bytes": plan.bytes(),
        "records": plan.items(),
        "units_without_md5": plan.units.iter().filter(|unit| unit.md5.is_none()).count(),
        "units_left": pending,
    })
}

/// `backfleet verify`.
pub async fn verify(args: &VerifyArgs, output: &Output, connections: &Connections) -> Result<Exit, Failure> {
    let location = Location::parse(&args.dest)?;
    let dest = location.open_to_read(connections).await?;
    let wanted = |job: &JobId| args.job.as_ref().is_none_or(|prefix| job.to_string().starts_with(prefix));
    let jobs: Vec<JobId> = jobs(&*dest).await?.into_iter().filter(wanted).collect();
    if jobs.is_empty() {
        let which = args.job.as_ref().map_or("job".to_owned(), |prefix| format!("job {prefix}…"));
        say(
            output,
            Exit::Unproven,
            &format!("not proven: no {which} has a plan in {location}"),
            || json!({"jobs": []}),
        );
        return Ok(Exit::Unproven);
    }
    let mut exit = Exit::Done;
    let mut reports = Vec::new();
    for job in jobs {
        let (job_exit, report) = verify_job(&*dest, &location, job, output).await?;
        exit = if job_exit == Exit::Done { exit } else { job_exit };
        reports.push(report);
    }
    if output.json {
        println!("{}", json!({"exit_code": exit as u8, "jobs": reports}));
    }
    Ok(exit)
}

async fn verify_job(
    dest: &dyn ObjectStore,
    location: &Location,
    job: JobId,
    output: &Output,
) -> Result<(Exit, serde_json::Value), Failure> {
    let began = Instant::now();
    let plan = match stored(dest, job).await {
        Err(error @ PlanningError::NoPlan { .. }) => {
            let text = format!(
                "not proven: {error}\n  next: find out who deleted it; its shards are listed nowhere"
            );
            if !output.json {
                say(output, Exit::Unproven, &text, || json!(null));
            }
            return Ok((
                Exit::Unproven,
                json!({"outcome": "unproven", "job": job, "findings": [error.to_string()]}),
            ));
        }
        plan => plan?,
    };
    let layout = plan.layout().expect("a stored plan was checked");
    let verification = verify_committed(dest, &plan, &layout, Proof::Read).await?;
    let job = Job { plan, layout, dest: location.clone(), began };
    let (outcome, exit) = match verification.findings_total {
        0 => ("proven", Exit::Done),
        _ => ("unproven", Exit::Unproven),
    };
    if !output.json {
        let text = match exit {
            Exit::Done => format!(
                "job {} proven: {}",
                job.plan.job.short(),
                wording::proof(&verification.manifest, &job.plan)
            ),
            _ => job.refused(&verification),
        };
        say(output, exit, &text, || json!(null));
    }
    let ended = Ended {
        outcome,
        exit,
        plan: &job.plan,
        layout: &job.layout,
        dest: location.to_string(),
        took: began.elapsed(),
        verification: Some(&verification),
        dead: None,
        complete: None,
    };
    Ok((exit, ended.json()))
}

/// `backfleet synth`.
pub fn synth(args: &SynthArgs, output: &Output) -> Result<Exit, Failure> {
    let spec = SynthSpec {
        profile: args.profile,
        items: args.items,
        files: args.files,
        empty_files: args.empty_files,
        seed: args.seed,
        table: args.table.clone(),
        prefix: args.prefix.clone(),
        notation: args.format,
        ..SynthSpec::default()
    };
    let report =
        synth::synth(&spec, &args.to, &written(output.quiet)).map_err(|error| Failure::usage(error, None))?;
    let keys = report.keys.join(",");
    let text = format!(
        "{}: {} items in {} files, {} ({} compressed)\nconvert it: backfleet run --source {} --dest out --keys {keys}",
        report.export_dir.display(),
        count(report.items),
        count(u64::from(report.files)),
        print(report.bytes_uncompressed),
        print(report.bytes_compressed),
        args.to.display(),
    );
    say(output, Exit::Done, &text, || {
        json!({
            "export": report.export_dir,
            "items": report.items,
            "files": report.files,
            "bytes_uncompressed": report.bytes_uncompressed,
            "bytes_compressed": report.bytes_compressed,
            "keys": report.keys,
        })
    });
    Ok(Exit::Done)
}

/// Says how much was written, a line a gigabyte.
fn written(quiet: bool) -> impl Fn(u64) + Sync {
    let said = AtomicU64::new(0);
    move |bytes| {
        let gigabytes = bytes / 1_000_000_000;
        if !quiet && said.fetch_max(gigabytes, Ordering::Relaxed) < gigabytes {
            eprintln!("{} written, uncompressed", print(bytes));
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the key schema {file} cannot be read")]
struct KeySchemaFile {
    file: String,
    source: std::io::Error,
}

fn keys(args: &JobArgs) -> Result<Vec<String>, Failure> {
    match &args.key_schema {
        None => Ok(args.keys.clone()),
        Some(file) => {
            let unreadable = |source| KeySchemaFile { file: file.display().to_string(), source };
            let advice = || Some("give a file with the answer of `aws dynamodb describe-table`".to_owned());
            let json = std::fs::read(file).map_err(|error| Failure::usage(unreadable(error), advice()))?;
            Ok(keys_of_schema(&json)?)
        }
    }
}
