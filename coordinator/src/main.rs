//! `backfleet`: the operator's command line. Parses, runs, prints, and picks the exit code; decides nothing else.

mod cli;
mod command;
mod failure;
mod progress;
mod report;
mod size;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cli.threads())
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
    match &cli.command {
        Command::Run(args) => command::run(args, &cli.output).await,
        Command::Plan(args) => command::plan(args, &cli.output).await,
        Command::Verify(args) => command::verify(args, &cli.output).await,
        Command::Synth(args) => command::synth(args, &cli.output),
    }
}

/// Decisions are logged where `RUST_LOG` asks for them; by default only what a person must know.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
