//! `quarantine list`, `quarantine show`, `quarantine replay`.

use std::io::{Write as _, stdout};
use std::sync::Arc;

use backfleet::plan::stored;
use backfleet::quarantine::{Kept, Kind, QuarantineChoice, for_each, kinds};
use backfleet::replay::{Changes, prepare};
use backfleet_core::layout::Layout;
use backfleet_core::ports::ObjectStore;
use backfleet_worker::location::{Connections, Location};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::fleet::the_job;
use super::{carry_out, say};
use crate::cli::{DestJobArgs, Output, QuarantineCommand, QuarantineReplayArgs, QuarantineShowArgs};
use crate::failure::{Exit, Failure};
use crate::size::{count, plural};

/// `backfleet quarantine …`.
pub async fn quarantine(
    command: &QuarantineCommand,
    output: &Output,
    connections: &Connections,
) -> Result<Exit, Failure> {
    match command {
        QuarantineCommand::List(args) => list(args, output, connections).await,
        QuarantineCommand::Show(args) => show(args, output, connections).await,
        QuarantineCommand::Replay(args) => replay(args, output, connections).await,
    }
}

async fn open(
    args: &DestJobArgs,
    connections: &Connections,
) -> Result<(Arc<dyn ObjectStore>, Layout), Failure> {
    let dest = Location::parse(&args.dest)?.open_to_read(connections).await?;
    let job = the_job(&*dest, args).await?;
    let layout = stored(&*dest, job).await?.layout().expect("a stored plan was checked");
    Ok((dest, layout))
}

async fn list(args: &DestJobArgs, output: &Output, connections: &Connections) -> Result<Exit, Failure> {
    let (dest, layout) = open(args, connections).await?;
    let kinds = kinds(&*dest, &layout, &QuarantineChoice::default()).await?;
    let records: u64 = kinds.values().map(|kind| kind.records).sum();
    let mut text = format!("job {}: {} in quarantine", layout.job().short(), plural(records, "record"));
    for (reason, Kind { records, units, first }) in &kinds {
        text += &format!(
            "\n{reason}: {} in {}; the first is {}",
            count(*records),
            plural(*units, "unit"),
            place(first)
        );
    }
    if records > 0 {
        text += &format!("\n  next: backfleet quarantine show --dest {} [--reason …] [--raw]", args.dest);
    }
    say(output, Exit::Done, &text, || {
        let kind = |(reason, kind): (&String, &Kind)| json!({"reason": reason, "records": kind.records, "units": kind.units, "first": json_of(&kind.first, false)});
        json!({"job": layout.job(), "records": records, "reasons": kinds.iter().map(kind).collect::<Vec<_>>()})
    });
    Ok(Exit::Done)
}

async fn show(
    args: &QuarantineShowArgs,
    output: &Output,
    connections: &Connections,
) -> Result<Exit, Failure> {
    let (dest, layout) = open(&args.job, connections).await?;
    let choice = QuarantineChoice { unit: args.unit, reason: args.reason.clone() };
    let (mut shown, mut failed) = (0, None);
    for_each(&*dest, &layout, &choice, |kept| {
        shown += 1;
        failed = print(&kept, args.raw, output.json).err();
        failed.is_none() && shown < args.limit
    })
    .await?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    if shown == 0 && !output.json {
        eprintln!("no such record is in quarantine of job {}", layout.job().short());
    }
    Ok(Exit::Done)
}

async fn replay(
    args: &QuarantineReplayArgs,
    output: &Output,
    connections: &Connections,
) -> Result<Exit, Failure> {
    let began = Instant::now();
    let place = Location::parse(&args.job.dest)?;
    let dest = place.open_to_write(connections).await?;
    let plan = stored(&*dest, the_job(&*dest, &args.job).await?).await?;
    let changes = Changes {
        keys: args.keys.clone(),
        extra_fields: args.extra_fields.clone(),
        exclude: args.exclude.clone(),
    };
    let prepared = prepare(dest, &place, &plan, &changes).await?;
    if prepared.truncated > 0 {
        eprintln!(
            "not among them: {}, too long to have been kept whole; only the source has {}",
            plural(prepared.truncated, "record"),
            if prepared.truncated == 1 { "it" } else { "them" }
        );
    }
    if !output.quiet {
        eprintln!("{} of job {}, once more", plural(prepared.records, "record"), plan.job.short());
    }
    carry_out(prepared.planned, place, &args.here, began, output, connections).await
}

/// One record: a line for people, a JSON object, or its own bytes as the source has them.
fn print(kept: &Kept, raw: bool, as_json: bool) -> std::io::Result<()> {
    let mut out = stdout().lock();
    if as_json {
        return writeln!(out, "{}", json_of(kept, raw));
    }
    if !raw {
        return writeln!(out, "{}: {}", place(kept), kept.line.detail);
    }
    out.write_all(&STANDARD.decode(&kept.line.bytes).map_err(std::io::Error::other)?)?;
    out.write_all(b"\n")
}

/// Where it is, and which reason put it there.
fn place(kept: &Kept) -> String {
    let line = &kept.line;
    format!("unit {} {} line {} column {} ({})", kept.unit, line.file, line.line, line.column, line.reason)
}

/// The record without its bytes, unless they are asked for.
fn json_of(kept: &Kept, raw: bool) -> Value {
    let mut value = json!(kept.line);
    let fields = value.as_object_mut().expect("a record is an object");
    fields.insert("unit".into(), json!(kept.unit));
    if !raw {
        fields.remove("bytes");
    }
    value
}
