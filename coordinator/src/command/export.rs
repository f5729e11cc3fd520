//! `export`, and `--export-first`: has DynamoDB write down a table before it is converted.

use backfleet::plan::PlanningError;
use backfleet::spec::Request;
use backfleet::take::{Begun, How, Order, Taken, Taker};
use backfleet::target::Target;
use backfleet_core::ports::{ExportFormat, ExportSpan};
use backfleet_worker::location::{Connections, Location};
use backfleet_worker::signals::stop_on_signal;
use serde_json::json;
use tokio::time::Instant;

use super::{cost, keys, say};
use crate::cli::{ExportArgs, ExportFirstArgs, ExportPlaceArgs, JobArgs, Output};
use crate::failure::{Exit, Failure};
use crate::size::{count, print};
use crate::wording;

/// `backfleet export`.
pub async fn export(args: &ExportArgs, output: &Output, connections: &Connections) -> Result<Exit, Failure> {
    let format = if args.export_format == "ion" { ExportFormat::Ion } else { ExportFormat::Json };
    let order = order(table(&args.table)?, Location::parse(&args.to)?, &args.place);
    let taker = Taker::open(Order { format, span: args.span(), ..order }, connections).await?;
    let begun = taker.begin().await?;
    if !args.wait {
        let text = format!("{}\n  next: the same command with --wait", began(&begun));
        say(output, Exit::Done, &text, || json!({"export_arn": begun.arn, "status": "running"}));
        return Ok(Exit::Done);
    }
    let Some(taken) = wait(&taker, &begun, output).await? else { return Ok(Exit::Interrupted) };
    let text = format!(
        "{}\n  next: backfleet run --source {} --dest … --keys {}",
        done(&taken),
        taken.source,
        taker.facts.keys.join(",")
    );
    say(output, Exit::Done, &text, || {
        json!({
            "export_arn": begun.arn,
            "status": "done",
            "source": taken.source.to_string(),
            "items": taken.items,
            "billed_bytes": taken.billed_bytes,
            "keys": taker.facts.keys,
        })
    });
    Ok(Exit::Done)
}

/// What a job reads, after it was exported where that is asked for; `None` if told to stop while waiting.
pub async fn source(
    job: &JobArgs,
    export: &ExportFirstArgs,
    target: &Target,
    output: &Output,
    connections: &Connections,
) -> Result<Option<(Vec<Location>, Request)>, Failure> {
    let (mut given, mut request) =
        (job.sources()?, job.request(target.keys(keys(job)?)?, target.sink.clone())?);
    let Some(to) = &export.export_first else { return Ok(Some((given, request))) };
    let place = given.remove(0);
    if !given.is_empty() {
        return Err(PlanningError::TableInChain { place: place.to_string() }.into());
    }
    let given = place;
    let order = order(given, Location::parse(to)?, &export.place);
    let place = order.table.clone();
    let taker = Taker::open(order, connections).await?;
    cost::check_export(&job.cost, &place, &taker.facts, connections).await?;
    let begun = taker.begin().await?;
    let Some(taken) = wait(&taker, &begun, output).await? else { return Ok(None) };
    if !output.quiet {
        eprintln!("{}", done(&taken));
    }
    // The table is at hand: it says what an export does not.
    if request.keys.is_empty() {
        request.keys.clone_from(&taker.facts.keys);
    }
    request.stream_arn = request.stream_arn.or(taker.facts.stream_arn);
    Ok(Some((vec![taken.source], request)))
}

fn order(table: Location, to: Location, place: &ExportPlaceArgs) -> Order {
    Order {
        table,
        to,
        format: ExportFormat::Json,
        span: ExportSpan::Full { at: None },
        bucket_owner: place.bucket_owner.clone(),
        kms_key: place.kms_key.clone(),
        again: place.again,
        enable_recovery: place.enable_pitr,
    }
}

/// A table as people name it: by name, by ARN, or as a source.
fn table(text: &str) -> Result<Location, Failure> {
    let named = !text.contains("://") && !text.starts_with("arn:");
    Ok(Location::parse(&if named { format!("dynamodb://{text}") } else { text.to_owned() })?)
}

async fn wait(taker: &Taker, begun: &Begun, output: &Output) -> Result<Option<Taken>, Failure> {
    let stop =
        stop_on_signal(|| eprintln!("stopping to wait; DynamoDB goes on, and the same command finds it"))?;
    let (quiet, since) = (output.quiet, Instant::now());
    if !quiet {
        eprintln!("{}", began(begun));
    }
    let look = || {
        if !quiet {
            eprintln!("not written after {}", wording::span(since.elapsed()));
        }
    };
    Ok(taker.wait(&begun.arn, &stop, look).await?)
}

fn began(begun: &Begun) -> String {
    match &begun.how {
        How::Started => format!("export {} was started", begun.arn),
        How::StartedAfter(code) => {
            format!("export {} was started; the last one had failed with {code}", begun.arn)
        }
        How::Found => format!("export {} was asked for before", begun.arn),
    }
}

fn done(taken: &Taken) -> String {
    let mut text = format!("exported: {}", taken.source);
    if let Some(items) = taken.items {
        text += &format!(", {} items", count(items));
    }
    if let Some(bytes) = taken.billed_bytes.filter(|bytes| *bytes > 0) {
        text += &format!(", {} billed", print(bytes));
    }
    text
}
