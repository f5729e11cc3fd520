//! `start`, `status`, `resume`, `finish`: a job that a fleet works on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use backfleet::census::Shelf;
use backfleet::dlq::Letters;
use backfleet::enqueue::pending;
use backfleet::finish::finish;
use backfleet::plan::{PlanningError, jobs, make, stored};
use backfleet::run::RunEnd;
use backfleet::scan::set_control;
use backfleet::start::{Started, adopt_in};
use backfleet::status::{Status, status};
use backfleet::target::Target;
use backfleet::verify::Proof;
use backfleet::wait::{Fleet, LOOK_EVERY, LOOK_SHARE, Tell, rests};
use backfleet_aws::{DeadLetterBox, SqsQueue};
use backfleet_core::control::Control;
use backfleet_core::job::JobId;
use backfleet_core::limits::{CONTROL_BYTES_MAX, READ_BUDGET_DEFAULT};
use backfleet_core::metrics::{
    DLQ_DEPTH, ETA_SECONDS, OLDEST_INCOMPLETE_AGE_SECONDS, QUEUE_DEPTH, UNITS_PLANNED, UNITS_REMAINING,
    VERIFY_MISMATCH,
};
use backfleet_core::plan::Source;
use backfleet_core::ports::{Clock as _, Depth, ObjectStore, Queue as _, SystemClock};
use backfleet_core::retry::RetryingQueue;
use backfleet_worker::http::{self, Watchers};
use backfleet_worker::location::{Connections, Location};
use backfleet_worker::signals::stop_on_signal;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{Job, cost, export, say};
use crate::cli::{DestJobArgs, EcsName, FinishArgs, Output, QueueArgs, ResumeArgs, StartArgs, StatusArgs};
use crate::failure::{Exit, Failure};
use crate::size::{count, print};
use crate::wording;

/// How long a command that is watched stays, for its last figures to be heard: two scrapes of most settings.
const LAST_WORDS: Duration = Duration::from_secs(35);

type Queue = RetryingQueue<SqsQueue>;

/// `backfleet start`.
pub async fn start(args: &StartArgs, output: &Output, connections: &Connections) -> Result<Exit, Failure> {
    let began = Instant::now();
    let target = Target::read_to_write(&args.sink.target(&args.dest), connections).await?;
    cost::check_sink(&args.job.cost, target.sink.as_ref())?;
    let dest = target.place.clone();
    let queue = open_queue(&args.queue, connections).await?;
    let Some((sources, request)) =
        export::source(&args.job, &args.export, &target, output, connections).await?
    else {
        return Ok(Exit::Interrupted);
    };
    let planned =
        make(&sources, &request, Some(Shelf { dest: &dest, connections, may_write: true }), connections)
            .await?;
    let planned = if target.is_undo() { planned.undone().map_err(PlanningError::Plan)? } else { planned };
    cost::check(&args.job.cost, &planned, connections).await?;
    let started = adopt_in(planned, &dest, connections).await?;
    let (units, sent) = (started.plan.units.len(), started.enqueue(&queue).await?);
    if sent > 0 {
        want_tasks(args.ecs_service.as_ref(), args.job.cost.tasks, output, connections).await?;
    }
    let text = format!(
        "job {}: {} units, {} of them put on the queue\n  next: backfleet status --watch --dest {dest} --job {}, then backfleet finish --dest {dest} --job {}",
        started.plan.job,
        count(units as u64),
        count(sent as u64),
        started.plan.job.short(),
        started.plan.job.short()
    );
    if !args.wait {
        say(output, Exit::Done, &text, || json!({"job": started.plan.job, "units": units, "enqueued": sent}));
        return Ok(Exit::Done);
    }
    let watchers = serve_metrics(args.waiting.metrics_addr).await?;
    if !output.quiet {
        eprintln!(
            "job {}: {} units, {} of them put on the queue",
            started.plan.job,
            count(units as u64),
            count(sent as u64)
        );
    }
    let letters = open_letters(&args.queue, connections).await?;
    let stop = stop_on_signal(|| eprintln!("stopping to wait; the fleet goes on"))?;
    let teller = Teller { quiet: output.quiet };
    let fleet =
        Fleet { started: &started, queue: &queue, letters: &letters, clock: &SystemClock, tell: &teller };
    let proof = if dest.is_near() { Proof::Read } else { Proof::Told };
    let end = fleet.wait(proof, args.waiting.max_quarantine, &stop).await?;
    // Another job may have the same workers.
    if !matches!(end, RunEnd::Interrupted { .. }) && rests(&queue.depth().await?) {
        want_tasks(args.ecs_service.as_ref(), 0, output, connections).await?;
    }
    let job = Job { plan: started.plan.clone(), layout: started.layout.clone(), dest, began };
    job.keep_page(&end, connections).await;
    let exit = job.say(&end, args.waiting.max_quarantine, output);
    if let Some(watchers) = watchers {
        fleet.look().await?;
        watchers.heard(LAST_WORDS).await;
    }
    Ok(exit)
}

/// What a waiting command tells.
struct Teller {
    quiet: bool,
}

impl Tell for Teller {
    fn looked(&self, now: &Status) {
        record(now);
        if !self.quiet && !now.pending.is_empty() {
            eprintln!("{}", line(now));
        }
    }

    fn put_again(&self, units: usize) {
        eprintln!(
            "{} units are neither complete nor on a queue: putting them there again",
            count(units as u64)
        );
    }

    fn refused(&self, findings: u64) {
        metrics::counter!(VERIFY_MISMATCH).increment(findings);
    }
}

/// `backfleet status`.
pub async fn show_status(
    args: &StatusArgs,
    output: &Output,
    connections: &Connections,
) -> Result<Exit, Failure> {
    let started = find(&args.job, connections).await?;
    let queue = match &args.queue {
        None => None,
        Some(url) => {
            Some(open_queue(&QueueArgs { queue: url.clone(), dlq: args.dlq.clone() }, connections).await?)
        }
    };
    serve_metrics(args.metrics_addr).await?;
    loop {
        let began = Instant::now();
        let queue = queue.as_ref().map(|queue| queue as &dyn backfleet_core::ports::Queue);
        let now = status(&*started.dest, &started.plan, &started.layout, queue, SystemClock.now()).await?;
        record(&now);
        if output.json {
            println!("{}", status_json(&started, &now));
        } else if args.watch {
            println!("{}", line(&now));
        } else {
            println!("{}", text(&started, &now));
        }
        if !args.watch || now.committed {
            return Ok(Exit::Done);
        }
        sleep(LOOK_EVERY.max(began.elapsed() * LOOK_SHARE)).await;
    }
}

/// `backfleet resume`.
pub async fn resume(args: &ResumeArgs, output: &Output, connections: &Connections) -> Result<Exit, Failure> {
    let started = find(&args.job, connections).await?;
    let queue = open_queue(&args.queue, connections).await?;
    let (missing, sent) = (started.pending.len(), started.enqueue(&queue).await?);
    let put = match sent == missing {
        true => "were put on the queue".to_owned(),
        false => format!("the first of each lane was put on the queue: {}", count(sent as u64)),
    };
    let text = format!(
        "job {}: {} of {} units have no completion{} {put}",
        started.plan.job,
        count(missing as u64),
        count(started.plan.units.len() as u64),
        if sent == missing { " and" } else { ";" }
    );
    say(output, Exit::Done, &text, || json!({"job": started.plan.job, "missing": missing, "enqueued": sent}));
    Ok(Exit::Done)
}

/// `backfleet rate`, `pause`, `unpause`: what workers look at every fifteen seconds.
pub async fn control(
    args: &DestJobArgs,
    change: impl FnOnce(Control) -> Control,
    output: &Output,
    connections: &Connections,
) -> Result<Exit, Failure> {
    let started = find(args, connections).await?;
    let Source::Scan(_) = started.plan.source else {
        return Err(Failure::usage(NoScan { job: started.plan.job }, None));
    };
    let there = started.dest.get_small(&started.layout.control(), CONTROL_BYTES_MAX).await?;
    let there = there.and_then(|json| Control::parse(&json).ok());
    let control = change(there.unwrap_or(Control::of_budget(READ_BUDGET_DEFAULT)));
    set_control(&Location::parse(&args.dest)?, &started.layout, connections, control).await?;
    let paused = if control.paused { ", paused" } else { "" };
    let text = format!(
        "job {}: {} read units a second{paused}; every worker follows within 20 s",
        started.plan.job,
        count(u64::from(control.read_budget))
    );
    say(output, Exit::Done, &text, || json!({"job": started.plan.job, "control": control}));
    Ok(Exit::Done)
}

#[derive(Debug, thiserror::Error)]
#[error("job {job} reads an export, which costs its table nothing: there is no rate to set")]
struct NoScan {
    job: JobId,
}

/// `backfleet finish`.
pub async fn finish_job(
    args: &FinishArgs,
    output: &Output,
    connections: &Connections,
) -> Result<Exit, Failure> {
    let began = Instant::now();
    let started = find(&args.job, connections).await?;
    let dest = Location::parse(&args.job.dest)?;
    let proof = if dest.is_near() { Proof::Read } else { Proof::Told };
    let finished = finish(&*started.dest, &started.plan, &started.layout, proof, args.max_quarantine).await?;
    let end = RunEnd::of(finished);
    if matches!(end, RunEnd::Committed { .. }) {
        want_tasks(args.ecs_service.as_ref(), 0, output, connections).await?;
    }
    if let RunEnd::Refused { verification } = &end {
        Teller { quiet: output.quiet }.refused(verification.findings_total);
    }
    let job = Job { plan: started.plan, layout: started.layout, dest, began };
    job.keep_page(&end, connections).await;
    Ok(job.say(&end, args.max_quarantine, output))
}

/// Has the service want so many tasks, if there is one and it wants others.
async fn want_tasks(
    service: Option<&EcsName>,
    tasks: u32,
    output: &Output,
    connections: &Connections,
) -> Result<(), Failure> {
    let Some(name) = service else { return Ok(()) };
    let service = connections.aws().await?.ecs_service(&name.cluster, &name.service);
    let now = connections.retrier().run(|| service.tasks()).await?;
    if now.desired == tasks {
        return Ok(());
    }
    connections.retrier().run(|| service.set_desired(tasks)).await?;
    if !output.quiet {
        let EcsName { cluster, service } = name;
        eprintln!(
            "service {cluster}/{service}: {tasks} tasks wanted, {} before, {} run",
            now.desired, now.running
        );
    }
    Ok(())
}

/// The one job that is meant, as it stands in its destination.
async fn find(args: &DestJobArgs, connections: &Connections) -> Result<Started, Failure> {
    let dest = Location::parse(&args.dest)?.open_to_write(connections).await?;
    let job = the_job(&*dest, args).await?;
    let plan = stored(&*dest, job).await?;
    let layout = plan.layout().expect("a stored plan was checked");
    let pending = pending(&*dest, &plan, &layout).await?;
    Ok(Started { plan, layout, dest, pending })
}

/// The one job that is meant.
pub(super) async fn the_job(dest: &dyn ObjectStore, args: &DestJobArgs) -> Result<JobId, Failure> {
    let wanted =
        |job: &JobId| args.job.as_ref().is_none_or(|prefix| job.to_string().starts_with(prefix.as_str()));
    let found: Vec<JobId> = jobs(dest).await?.into_iter().filter(wanted).collect();
    let [job] = found[..] else {
        return Err(Failure::usage(
            WhichJob { dest: args.dest.clone(), found },
            Some("name one with --job".into()),
        ));
    };
    Ok(job)
}

#[derive(Debug, thiserror::Error)]
#[error("{dest} holds {} such jobs: {found:?}", found.len())]
struct WhichJob {
    dest: String,
    found: Vec<JobId>,
}

pub(super) async fn open_queue(args: &QueueArgs, connections: &Connections) -> Result<Queue, Failure> {
    let aws = connections.aws().await?;
    let queue = connections.retrier().run(|| aws.sqs_queue(&args.queue, args.dlq.clone())).await?;
    Ok(RetryingQueue::new(Arc::new(queue), connections.retrier()))
}

pub(super) async fn open_letters(args: &QueueArgs, connections: &Connections) -> Result<Letters, Failure> {
    Ok(Letters::new(Arc::new(open_dead_letter_box(args, connections).await?), connections.retrier()))
}

pub(super) async fn open_dead_letter_box(
    args: &QueueArgs,
    connections: &Connections,
) -> Result<DeadLetterBox, Failure> {
    let aws = connections.aws().await?;
    Ok(connections.retrier().run(|| aws.dead_letter_box(&args.queue, args.dlq.clone())).await?)
}

async fn serve_metrics(addr: Option<SocketAddr>) -> Result<Option<Watchers>, Failure> {
    match addr {
        Some(addr) => Ok(Some(http::serve(addr, Arc::new(AtomicBool::new(true))).await?)),
        None => Ok(None),
    }
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point")]
fn record(now: &Status) {
    metrics::gauge!(UNITS_PLANNED).set(now.units as f64);
    metrics::gauge!(UNITS_REMAINING).set(now.pending.len() as f64);
    // Not a number where nobody can say, rather than what was last said.
    let unknown = if now.pending.is_empty() { 0.0 } else { f64::NAN };
    metrics::gauge!(ETA_SECONDS).set(now.left.map_or(unknown, |left| left.as_secs_f64()));
    let quiet = if now.pending.is_empty() { Duration::ZERO } else { now.quiet.unwrap_or_default() };
    metrics::gauge!(OLDEST_INCOMPLETE_AGE_SECONDS).set(quiet.as_secs_f64());
    if let Some(Depth { visible, in_flight, delayed, dead }) = now.depth {
        metrics::gauge!(DLQ_DEPTH).set(dead as f64);
        for (state, depth) in [("visible", visible), ("in_flight", in_flight), ("delayed", delayed)] {
            metrics::gauge!(QUEUE_DEPTH, "state" => state).set(depth as f64);
        }
    }
}

/// One line for whoever watches.
fn line(now: &Status) -> String {
    let percent = now.bytes_complete.saturating_mul(100) / now.bytes.max(1);
    let mut line = format!(
        "{percent} %  {} of {} units  {} of {}",
        count(now.complete as u64),
        count(now.units as u64),
        print(now.bytes_complete),
        print(now.bytes)
    );
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes per second")]
    if let Some(rate) = now.bytes_per_second {
        line += &format!("  {}/s", print(rate as u64));
    }
    if let Some(left) = now.left {
        line += &format!("  {} left", wording::span(left));
    }
    if let Some(depth) = now.depth {
        line += &format!("  queue {} + {} in flight", count(depth.visible), count(depth.in_flight));
        if depth.dead > 0 {
            line += &format!("  {} dead letters", count(depth.dead));
        }
    }
    line
}

fn text(started: &Started, now: &Status) -> String {
    let mut text = format!("job {}: {}", started.plan.job, line(now));
    if now.committed {
        return text + "\ncommitted";
    }
    if let Some(quiet) = now.quiet {
        text += &format!("\nlast completion {} ago", wording::span(quiet));
    }
    for unit in &now.stragglers {
        let planned = &started.plan.units[*unit as usize];
        text += &format!("\nnot complete: unit {unit}, {}, {}", planned.key, print(planned.bytes));
    }
    if now.pending.is_empty() {
        text += "\nevery unit is complete\n  next: backfleet finish";
    }
    text
}

fn status_json(started: &Started, now: &Status) -> serde_json::Value {
    json!({
        "job": started.plan.job,
        "units": now.units,
        "complete": now.complete,
        "bytes": now.bytes,
        "bytes_complete": now.bytes_complete,
        "bytes_per_second": now.bytes_per_second,
        "seconds_left": now.left.map(|left| left.as_secs()),
        "seconds_quiet": now.quiet.map(|quiet| quiet.as_secs()),
        "committed": now.committed,
        "queue": now.depth.map(|depth| json!({
            "visible": depth.visible, "in_flight": depth.in_flight, "delayed": depth.delayed, "dead": depth.dead,
        })),
        "stragglers": now.stragglers,
    })
}
