//! `report`: the page about a job; and the page that a finished one keeps.

use std::fs;
use std::time::Duration;

use backfleet::overview::overview;
use backfleet::plan::stored;
use backfleet::price::Prices;
use backfleet_core::digest::Sha256Digest;
use backfleet_core::effort::told;
use backfleet_core::layout::Layout;
use backfleet_core::plan::Plan;
use backfleet_core::ports::{Clock as _, Metadata, NewObject, SystemClock};
use backfleet_worker::location::{Connections, Location};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::fleet::the_job;
use super::say;
use crate::cli::{Output, ReportArgs};
use crate::failure::{Exit, Failure};
use crate::page::page;

/// Between two looks at what processes have told.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// `backfleet report`.
pub async fn report(args: &ReportArgs, output: &Output, connections: &Connections) -> Result<Exit, Failure> {
    let place = Location::parse(&args.job.dest)?;
    let dest = place.open_to_read(connections).await?;
    let job = the_job(&*dest, &args.job).await?;
    let plan = stored(&*dest, job).await?;
    let layout = plan.layout().expect("a stored plan was checked");
    let seen = overview(&*dest, &plan, &layout).await?;
    let prices = Prices::read(args.prices.as_deref())?;
    let file = args.to.clone().unwrap_or_else(|| format!("backfleet-{}.html", job.short()).into());
    fs::write(&file, page(&plan, &place, &seen, &prices, SystemClock.now()))?;
    if args.open {
        open::that_detached(&file)?;
    }
    let text = format!("{}: the page about job {}", file.display(), job.short());
    say(
        output,
        Exit::Done,
        &text,
        || json!({"job": job, "file": file, "committed": seen.commit.is_some(), "units_left": seen.pending.len()}),
    );
    Ok(Exit::Done)
}

/// Puts the page beside the manifest of a committed job, unless it is there. It proves nothing, so nothing fails for it.
/// Processes that have not told of all units are waited for so long.
pub async fn keep_page(
    plan: &Plan,
    layout: &Layout,
    place: &Location,
    patience: Duration,
    connections: &Connections,
) {
    if let Err(failure) = try_to_keep(plan, layout, place, patience, connections).await {
        eprintln!("the page {} was not written; `backfleet report` makes another:", layout.report());
        failure.print();
    }
}

async fn try_to_keep(
    plan: &Plan,
    layout: &Layout,
    place: &Location,
    patience: Duration,
    connections: &Connections,
) -> Result<(), Failure> {
    let dest = place.open_to_write(connections).await?;
    if dest.head(&layout.report()).await?.is_some() {
        return Ok(());
    }
    let until = Instant::now() + patience;
    while Instant::now() < until && told(&*dest, layout).await?.completed < plan.units.len() as u64 {
        sleep(LOOK_AGAIN).await;
    }
    let seen = overview(&*dest, plan, layout).await?;
    let html = page(plan, place, &seen, &Prices::read(None)?, SystemClock.now()).into_bytes();
    let sha256 = Sha256Digest::of(&html);
    let object = NewObject { key: layout.report(), bytes: html.into(), metadata: Metadata::new(), sha256 };
    dest.put_new(object).await?;
    Ok(())
}
