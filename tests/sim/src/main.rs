//! `backfleet-sim`: one seed with its trace, many seeds with their table, or the mutants.

use std::process::ExitCode;

use backfleet_core::mutant::Mutant;
use backfleet_sim::many::{Summary, many};
use backfleet_sim::points::{CRASH_POINTS, FAULTS};
use backfleet_sim::run;
use backfleet_sim::scale::scale;
use clap::Parser;

/// Workers of the job of many units.
const SCALE_WORKERS: usize = 500;

/// Simulates whole jobs under faults.
#[derive(Debug, Parser)]
struct Flags {
    /// Run this seed and print what happens
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Run so many seeds
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "N", default_value_t = 0)]
    from: u64,
    /// Break the protocol so, by name; `all` for one after the other, until each is noticed
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Run one calm job of so many units instead, and print what it asked of the store
    #[arg(long, value_name = "UNITS")]
    scale: Option<u32>,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    if let Some(units) = flags.scale {
        scale(units, SCALE_WORKERS);
        return ExitCode::SUCCESS;
    }
    let mutant = flags.mutant.as_deref();
    if mutant == Some("all") {
        return mutants(flags.from..flags.from + flags.seeds);
    }
    let broken = mutant.map(|name| {
        let named = |mutant: &&Mutant| format!("{mutant:?}") == name;
        *Mutant::ALL.iter().find(named).unwrap_or_else(|| panic!("there is no mutant {name}"))
    });
    match flags.seed {
        Some(seed) => one(seed, broken),
        None => table(&many(flags.from..flags.from + flags.seeds, threads(), broken, 20)),
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn one(seed: u64, broken: Option<Mutant>) -> ExitCode {
    let outcome = run(seed, broken, true);
    for line in &outcome.trace {
        println!("{line}");
    }
    println!("seed {seed}: {:?} of virtual time, trace {:016x}", outcome.took, outcome.digest);
    for violation in &outcome.violations {
        println!("violated: {violation}");
    }
    if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn table(summary: &Summary) -> ExitCode {
    let count = |name: &str| summary.seen.get(name).copied().unwrap_or(0);
    let worlds = |name: &str| summary.worlds.get(name).copied().unwrap_or(0);
    println!("| fault | what | times | worlds |\n|---|---|---:|---:|");
    for (fault, what) in FAULTS {
        let name = format!("{fault} {what}");
        println!("| {fault} | {what} | {} | {} |", count(&name), worlds(&name));
    }
    println!("\n| crash point | times |\n|---|---:|");
    for (point, calls) in CRASH_POINTS {
        let times: u64 = calls.iter().map(|call| count(&format!("crash: {call}"))).sum();
        println!("| {point} | {times} |");
    }
    println!("\n| seen | times | worlds |\n|---|---:|---:|");
    let told = |name: &str| name.starts_with('F') && name[1..2].chars().all(|digit| digit.is_ascii_digit());
    for (name, count) in summary.seen.iter().filter(|(name, _)| !told(name) && !name.starts_with("crash")) {
        println!("| {name} | {count} | {} |", summary.worlds[name]);
    }
    println!("\n{} seeds, {} of them broke something", summary.seeds, summary.broken.len());
    for (seed, violations) in summary.broken.iter().take(20) {
        let rest = violations.len().saturating_sub(1);
        println!(
            "seed {seed}: {}{}",
            violations[0],
            if rest > 0 { format!(" (and {rest} more)") } else { String::new() }
        );
    }
    if summary.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn mutants(seeds: std::ops::Range<u64>) -> ExitCode {
    println!("| mutant | seeds until noticed | by |\n|---|---:|---|");
    let mut all = true;
    for mutant in Mutant::ALL {
        let summary = many(seeds.clone(), 1, Some(*mutant), 1);
        match summary.broken.first_key_value() {
            Some((seed, violations)) => {
                println!("| {mutant:?} | {} | {} |", seed - seeds.start + 1, violations[0]);
            }
            None => {
                all = false;
                println!("| {mutant:?} | not noticed in {} | |", summary.seeds);
            }
        }
    }
    if all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
