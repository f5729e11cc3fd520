//! `doctor`: everything that is missing, at once.

use backfleet::doctor::{Check, Outcome, dest, queue, recovery, source, table};
use backfleet_core::ports::{Clock as _, SystemClock};
use backfleet_worker::Origin;
use backfleet_worker::location::{Connections, Location};
use serde_json::json;

use super::say;
use crate::cli::{DoctorArgs, Output};
use crate::failure::{Exit, Failure};

/// `backfleet doctor`.
pub async fn doctor(args: &DoctorArgs, output: &Output, connections: &Connections) -> Result<Exit, Failure> {
    let mut checks = Vec::new();
    let mut queue_url = args.queue.clone();
    if let Some(name) = &args.create_queues {
        let pair = connections.aws().await?.create_queue_pair(name).await?;
        checks.push(Check {
            what: format!("queues {} and {}", pair.queue_url, pair.dlq_url),
            outcome: Outcome::Good,
        });
        queue_url = Some(pair.queue_url);
    }
    if let Some(url) = &queue_url {
        checks.extend(queue(connections.aws().await?, url, args.dlq.as_deref()).await);
    }
    if let Some(place) = &args.source {
        let location = Location::parse(place)?;
        match location.open_origin(connections).await? {
            Origin::Files(files) => checks.push(source(&*files).await),
            Origin::Table(scanned) => {
                let (looked_at, facts) = table(place, &*scanned).await;
                checks.extend(looked_at);
                if let Some(facts) = facts {
                    let exporter = location.open_exporter(&facts.arn, connections).await?;
                    checks.push(recovery(place, &exporter).await);
                }
            }
        }
    }
    if let Some(place) = &args.dest {
        checks.extend(
            dest(&*Location::parse(place)?.open_to_write(connections).await?, SystemClock.now()).await,
        );
    }
    let exit =
        if checks.iter().any(|check| check.outcome != Outcome::Good) { Exit::Failed } else { Exit::Done };
    say(
        output,
        exit,
        &text(&checks),
        || json!({"queue": queue_url, "checks": checks.iter().map(json_of).collect::<Vec<_>>()}),
    );
    Ok(exit)
}

fn text(checks: &[Check]) -> String {
    if checks.is_empty() {
        return "nothing to look at: give --queue, --source, --dest".to_owned();
    }
    let line = |check: &Check| match &check.outcome {
        Outcome::Good => format!("good  {}", check.what),
        Outcome::Weak { found, cure } => format!("weak  {}: {found}\n      next: {cure}", check.what),
        Outcome::Bad { found, cure } => format!("BAD   {}: {found}\n      next: {cure}", check.what),
    };
    checks.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn json_of(check: &Check) -> serde_json::Value {
    match &check.outcome {
        Outcome::Good => json!({"what": check.what, "outcome": "good"}),
        Outcome::Weak { found, cure } => {
            json!({"what": check.what, "outcome": "weak", "found": found, "cure": cure})
        }
        Outcome::Bad { found, cure } => {
            json!({"what": check.what, "outcome": "bad", "found": found, "cure": cure})
        }
    }
}
