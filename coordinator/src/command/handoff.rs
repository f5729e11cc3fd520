//! `handoff`: the code that makes one table of history and stream.

use std::fs;
use std::time::UNIX_EPOCH;

use backfleet::finish::committed;
use backfleet::handoff::{Facts, HandoffRequest, Script, handoff as scripts};
use backfleet::history::{History, history};
use backfleet_core::completion::Counts;
use backfleet_worker::location::{Connections, Location};
use serde_json::json;

use super::say;
use crate::cli::{HandoffArgs, Output};
use crate::failure::{Exit, Failure};
use crate::size::{count, plural};

/// `backfleet handoff`.
pub async fn handoff(
    args: &HandoffArgs,
    output: &Output,
    connections: &Connections,
) -> Result<Exit, Failure> {
    let place = Location::parse(&args.job)?;
    let dest = place.open_to_read(connections).await?;
    let history = history(&*dest, &args.job_id).await?;
    let mut counts = Vec::new();
    for chapter in &history.chapters {
        let layout = chapter.plan.layout().expect("a stored plan was checked");
        counts.push(committed(&*dest, &layout).await?.counts);
    }
    let request = HandoffRequest {
        dest: place.resolved()?.to_string(),
        live: Location::parse(&args.live)?.resolved()?.to_string(),
        table: args.table.clone(),
        since_micros: args.since.map(|since| {
            let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        }),
    };
    let facts = Facts::new(&history, &counts, &request)?;
    let written = scripts(&facts);
    fs::create_dir_all(&args.to)?;
    for Script { name, text } in &written {
        fs::write(args.to.join(name), text)?;
    }
    let names: Vec<&str> = written.iter().map(|script| script.name).collect();
    let jobs: Vec<String> = history.chapters.iter().map(|chapter| chapter.plan.job.short()).collect();
    let mut text = format!(
        "{}: {} of {} {} and what is live from {} UTC on become the table {}\n",
        args.to.display(),
        plural(facts.records, "record"),
        if jobs.len() == 1 { "job" } else { "jobs" },
        jobs.join(", "),
        facts.since_text(),
        facts.table,
    );
    text += &format!("{}: {}", plural(names.len() as u64, "file"), names.join(", "));
    let quarantined = unreplayed(&history, &counts);
    if quarantined > 0 {
        text += &format!("\n  note: {} in quarantine are in no table", count(quarantined));
    }
    if let Some(note) = left_out(&history) {
        text += &format!("\n  note: {note}");
    }
    text += &format!("\n  next: read {}", args.to.join("README.md").display());
    say(output, Exit::Done, &text, || {
        json!({
            "jobs": history.chapters.iter().map(|chapter| chapter.plan.job).collect::<Vec<_>>(),
            "left_out": history.left_out,
            "folder": args.to,
            "files": names,
            "table": facts.table,
            "since": facts.since_text(),
            "records": facts.records,
        })
    });
    Ok(Exit::Done)
}

/// Records in quarantine that no other job of the history took out.
fn unreplayed(history: &History, counts: &[Counts]) -> u64 {
    let quarantined: u64 = counts.iter().map(|counts| counts.quarantined).sum();
    let replayed = history.chapters.iter().zip(counts).filter(|(chapter, _)| chapter.is_replay);
    quarantined.saturating_sub(replayed.map(|(_, counts)| counts.records_in).sum())
}

/// What a history does not hold of what stands beside it.
pub(super) fn left_out(history: &History) -> Option<String> {
    if history.left_out.is_empty() {
        return None;
    }
    let others: Vec<String> = history.left_out.iter().map(|job| job.short()).collect();
    Some(format!(
        "{} left out: {}; --job-id names the jobs that are meant",
        if others.len() == 1 { "another job is" } else { "other jobs are" },
        others.join(", ")
    ))
}
