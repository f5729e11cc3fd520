//! `backfleet`: the operator's command line. Parses, runs, prints, and picks the exit code; decides nothing else.

mod cli;
mod command;
mod failure;
mod page;
mod progress;
mod wording;
mod size;

use std::process::ExitCode;

use backfleet_core::control::Control;
use backfleet_core::limits::BLOCKING_THREADS_MAX;
use backfleet_worker::location::Connections;
use clap::Parser as _;

use cli::{Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // What a person must know is printed once, at the end; logs are for whoever asks for them.
    backfleet_worker::log::to_stderr("off");
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cli.threads())
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Failure::from(error).print(),
    };
    match runtime.block_on(dispatch(&cli)) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.print(),
    }
}

async fn dispatch(cli: &Cli) -> Result<failure::Exit, Failure> {
    let connections = Connections::new(cli.aws.config("backfleet"), cli.aws.paces());
    let (output, connections) = (&cli.output, &connections);
    match &cli.command {
        Command::Run(args) => command::run(args, output, connections).await,
        Command::Start(args) => command::fleet::start(args, output, connections).await,
        Command::Status(args) => command::fleet::show_status(args, output, connections).await,
        Command::Resume(args) => command::fleet::resume(args, output, connections).await,
        Command::Report(args) => command::report::report(args, output, connections).await,
        Command::Finish(args) => command::fleet::finish_job(args, output, connections).await,
        Command::Export(args) => command::export::export(args, output, connections).await,
        Command::Rate(args) => {
            let change = |control| Control { read_budget: args.read_budget, ..control };
            command::fleet::control(&args.job, change, output, connections).await
        }
        Command::Pause(args) => {
            let change = |control| Control { paused: true, ..control };
            command::fleet::control(args, change, output, connections).await
        }
        Command::Unpause(args) => {
            let change = |control| Control { paused: false, ..control };
            command::fleet::control(args, change, output, connections).await
        }
        Command::Dlq(dlq) => command::dlq::dlq(dlq, output, connections).await,
        Command::Quarantine(quarantine) => {
            command::quarantine::quarantine(quarantine, output, connections).await
        }
        Command::Doctor(args) => command::doctor::doctor(args, output, connections).await,
        Command::Parity(args) => command::parity::parity(args, output, connections).await,
        Command::Infer(args) => command::parity::infer_flags(args, output, connections).await,
        Command::Stitch(args) => command::stitch::stitch(args, output, connections).await,
        Command::Handoff(args) => command::handoff::handoff(args, output, connections).await,
        Command::Plan(args) => command::plan(args, output, connections).await,
        Command::Verify(args) => command::verify(args, output, connections).await,
        Command::Census(args) => command::census::census(args, output, connections).await,
        Command::Synth(args) => command::synth(args, output),
    }
}
