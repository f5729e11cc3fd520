//! `backfleet-worker`: flags, connect, work, exit code.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use backfleet_convert::Crew;
use backfleet_core::limits::{BLOCKING_THREADS_MAX, OUTAGE_PATIENCE, REFUSED_MAX_DEFAULT};
use backfleet_core::metrics::DRAINING;
use backfleet_core::ports::{ObjectStore, SystemClock};
use backfleet_core::retry::RetryingQueue;
use backfleet_core::sink::SinkPlace;
use backfleet_worker::flags::AwsFlags;
use backfleet_worker::location::{Connections, Location};
use backfleet_worker::places::Allowed;
use backfleet_worker::protect::{self, AGENT_VARIABLE};
use backfleet_worker::tally::Tally;
use backfleet_worker::{Desk, Diary, WorkerConfig, http, signals, work};
use clap::Parser;
use tokio::sync::mpsc;
use tracing::info;

/// Pull units from a queue, convert them, write them: one worker of a fleet.
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "\
Every flag can be given by the environment. A worker serves only plans under its own destinations, and only where they
read from its own sources; nothing that travels on the queue can widen that.

Example:
  backfleet-worker --queue https://sqs.eu-north-1.amazonaws.com/123456789012/backfleet \\
    --allow-source s3://exports --allow-dest s3://lake/orders --metrics-addr 0.0.0.0:9464

BACKFLEET_MEMORY_LIMIT, in bytes, is what /metrics says of the memory there is, where the control group does not say.
SIGTERM: takes no more, finishes what it can within --stop-timeout, hands the rest back, exits 0. Again: exits at once."
)]
struct Flags {
    /// URL of the work queue
    #[arg(long, env = "BACKFLEET_QUEUE", value_name = "URL")]
    queue: String,
    /// URL of the dead-letter queue [default: the one the queue's redrive policy names]
    #[arg(long, env = "BACKFLEET_DLQ", value_name = "URL")]
    dlq: Option<String>,
    /// Place that may be read, with all below it; may be repeated
    #[arg(
        long,
        env = "BACKFLEET_ALLOW_SOURCE",
        value_name = "PLACE",
        value_delimiter = ',',
        required = true
    )]
    allow_source: Vec<String>,
    /// Destination that is served, or the state of jobs with a sink, which is named beside it: lambda://<function>,
    /// touch://<table>; may be repeated
    #[arg(long, env = "BACKFLEET_ALLOW_DEST", value_name = "PLACE", value_delimiter = ',', required = true)]
    allow_dest: Vec<String>,
    /// Units converted at the same time [default: number of CPUs]
    #[arg(long, env = "BACKFLEET_CONCURRENCY", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    concurrency: Option<u16>,
    /// Records of one unit that a function or table may refuse before the unit is put aside
    #[arg(long, env = "BACKFLEET_MAX_REFUSED", value_name = "N", default_value_t = REFUSED_MAX_DEFAULT)]
    max_refused: u64,
    /// Seconds that units in hand may go on after SIGTERM; a Fargate task has at most 120 in all
    #[arg(long, env = "BACKFLEET_STOP_TIMEOUT", value_name = "SECONDS", default_value_t = 100)]
    stop_timeout: u64,
    /// Where to answer /metrics, /healthz and /readyz, e.g. 0.0.0.0:9464
    #[arg(long, env = "BACKFLEET_METRICS_ADDR", value_name = "ADDR")]
    metrics_addr: Option<SocketAddr>,
    #[command(flatten)]
    aws: AwsFlags,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let _lines = backfleet_worker::log::to_json("info");
    let concurrency = flags.concurrency.map_or_else(cpus, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(concurrency + 1)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build();
    let done = runtime
        .context("the runtime cannot be started")
        .and_then(|runtime| runtime.block_on(run(flags, concurrency)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags, concurrency: usize) -> anyhow::Result<()> {
    let stop_timeout = Duration::from_secs(flags.stop_timeout);
    let stop = signals::stop_on_signal(|| {
        metrics::gauge!(DRAINING).set(1.0);
        info!("told to stop");
    })?;
    let ready = Arc::new(AtomicBool::new(false));
    if let Some(addr) = flags.metrics_addr {
        http::serve(addr, ready.clone()).await?;
        metrics::gauge!(DRAINING).set(0.0);
    }
    let desk = open(&flags).await?;
    if let Ok(agent) = std::env::var(AGENT_VARIABLE) {
        tokio::spawn(protect::follow(agent, desk.in_hand.subscribe()));
    }
    ready.store(true, Ordering::Relaxed);
    // While some units wait for the network, as many others are converted.
    let config = WorkerConfig { concurrency: concurrency * 2, stop_timeout };
    let (ends, mut settled) = mpsc::channel(config.concurrency);
    info!(concurrency, "ready for work");
    let log = async { while settled.recv().await.is_some() {} };
    tokio::join!(work(Arc::new(desk), config, stop, ends), log);
    info!("stopped");
    Ok(())
}

async fn open(flags: &Flags) -> anyhow::Result<Desk> {
    let connections = Connections::new(flags.aws.config("backfleet-worker"), flags.aws.paces());
    let sources =
        flags.allow_source.iter().map(|text| Location::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let (mut dests, mut sinks): (Vec<Arc<dyn ObjectStore>>, Vec<SinkPlace>) = Default::default();
    for text in &flags.allow_dest {
        match SinkPlace::is_meant(text) {
            true => sinks.push(text.parse()?),
            false => dests.push(Location::parse(text)?.open_to_write(&connections).await?),
        }
    }
    let aws = connections.aws().await?;
    // Leases last as long as this queue says, whatever the fleet's queues should be set to.
    let retrier = connections.retrier();
    let window = retrier.run(|| aws.queue_facts(&flags.queue)).await?.visibility;
    let queue = retrier.run(|| aws.sqs_queue(&flags.queue, flags.dlq.clone())).await?.with_window(window);
    let queue = Arc::new(RetryingQueue::new(Arc::new(queue), retrier));
    let allowed = Allowed::new(sources, dests, connections).with_sinks(sinks);
    let desk = Desk::new(allowed, queue, Arc::new(Tally::default())).with_refused_max(flags.max_refused);
    let diary = Diary::new(Arc::new(SystemClock));
    Ok(desk.with_patience(OUTAGE_PATIENCE).with_crew(Crew::of_all_cores()).with_diary(diary))
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
