//! `handoff`: the code that makes one table of history and stream.

use std::fs;
use std::time::UNIX_EPOCH;

use backfleet::finish::committed;
use backfleet::handoff::{Facts, HandoffRequest, Script, handoff as scripts};
use backfleet::parity::sample::newest_job;
use backfleet::plan::stored;
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
    let job = newest_job(&*dest, args.job_id.as_deref()).await?;
    let plan = stored(&*dest, job).await?;
    let layout = plan.layout().expect("a stored plan was checked");
    let manifest = committed(&*dest, &layout).await?;
    let request = HandoffRequest {
        dest: place.resolved()?.to_string(),
        live: Location::parse(&args.live)?.resolved()?.to_string(),
        table: args.table.clone(),
        since_micros: args.since.map(|since| {
            let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        }),
    };
    let facts = Facts::new(&plan, &manifest.counts, &request)?;
    let written = scripts(&facts);
    fs::create_dir_all(&args.to)?;
    for Script { name, text } in &written {
        fs::write(args.to.join(name), text)?;
    }
    let names: Vec<&str> = written.iter().map(|script| script.name).collect();
    let mut text = format!(
        "{}: {} of job {} and what is live from {} UTC on become the table {}\n",
        args.to.display(),
        plural(manifest.counts.records_out, "record"),
        job.short(),
        facts.since_text(),
        facts.table,
    );
    text += &format!("{}: {}", plural(names.len() as u64, "file"), names.join(", "));
    if manifest.counts.quarantined > 0 {
        let quarantined = count(manifest.counts.quarantined);
        text += &format!("\n  note: {quarantined} in quarantine are in no table");
    }
    text += &format!("\n  next: read {}", args.to.join("README.md").display());
    say(output, Exit::Done, &text, || {
        json!({
            "job": job,
            "folder": args.to,
            "files": names,
            "table": facts.table,
            "since": facts.since_text(),
            "records": facts.records,
        })
    });
    Ok(Exit::Done)
}
