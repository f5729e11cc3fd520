//! `stitch`: whether history and live records meet.

use backfleet::handoff::{LIVE_MARGIN, shown, source_name};
use backfleet::parity::sample::newest_job;
use backfleet::plan::stored;
use backfleet::stitch::{Live, Seam, Window, judge, read};
use backfleet_core::plan::Plan;
use backfleet_core::ports::{Clock as _, SystemClock};
use backfleet_worker::location::{Connections, Location};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::parity::place_and_name;
use crate::cli::{Output, StitchArgs};
use crate::failure::{Exit, Failure};
use crate::size::plural;
use crate::wording::span;

/// `backfleet stitch`.
pub async fn stitch(args: &StitchArgs, output: &Output, connections: &Connections) -> Result<Exit, Failure> {
    let dest = Location::parse(&args.job)?.open_to_read(connections).await?;
    let job = newest_job(&*dest, args.job_id.as_deref()).await?;
    let plan = stored(&*dest, job).await?;
    let shown = shown(&plan)?;
    let since = shown - LIVE_MARGIN;
    let (place, name) = place_and_name(Location::parse(&args.live)?);
    let live = read(&*place.open_to_read(connections).await?, &name, job, since).await?;
    let seam = judge(since, live.first, SystemClock.now().into());
    let exit = if matches!(seam, Seam::Overlap { .. }) { Exit::Done } else { Exit::Failed };
    let text = text(&plan, args, shown, &live, &seam);
    // A gap is an answer, not an error.
    if output.json {
        println!("{}", json_of(&plan, shown, since, &live, &seam, exit));
    } else {
        println!("{text}");
    }
    Ok(exit)
}

fn text(plan: &Plan, args: &StitchArgs, shown: OffsetDateTime, live: &Live, seam: &Seam) -> String {
    let first =
        live.first.map_or("none".to_owned(), |first| format!("the first record is of {}", utc(first)));
    let mut text = format!(
        "job   {} of {} shows {}\nlive  {}, {}: {first}\n",
        plan.job.short(),
        source_name(plan),
        utc(shown),
        args.live,
        plural(live.objects as u64, "object"),
    );
    match seam {
        Seam::Overlap { by } => {
            text += &format!(
                "they meet: live records begin {} before they are needed; nothing is missing if the pipeline ran without a break",
                span(*by)
            );
        }
        Seam::Gap { gap, bridge, stream_until } => {
            let length = span((gap.to - gap.from).unsigned_abs());
            text +=
                &format!("gap of {length}: changes from {} to {} are in neither", utc(gap.from), utc(gap.to));
            if let Some(until) = stream_until {
                text += &format!(
                    "\n  next: the stream still holds them, until {}: have the live pipeline read it from TRIM_HORIZON",
                    utc(*until)
                );
            }
            text += &match live.first {
                None => {
                    "\n  next: start the live pipeline, then ask again: what is still missing then is named"
                        .into()
                }
                Some(_) => bridge_text(plan, bridge),
            };
        }
    }
    if let Some(Window { from, to }) = live.quiet {
        text += &format!(
            "\n  note: no live object was written from {} to {}: if the table was written to then, changes are missing",
            utc(from),
            utc(to)
        );
    }
    for note in &live.notes {
        text += &format!("\n  note: {note}");
    }
    text
}

/// The commands that close the gap.
fn bridge_text(plan: &Plan, bridge: &[Window]) -> String {
    if bridge.is_empty() {
        return "\n  next: point-in-time recovery does not reach back so far: take a full export now, and convert that".into();
    }
    let mut text = "\n  next: have DynamoDB export what was written meanwhile,".to_owned();
    let to = plan.location.split_once("/AWSDynamoDB").map_or("s3://BUCKET/PREFIX", |(above, _)| above);
    let to = if to.starts_with("s3://") { to } else { "s3://BUCKET/PREFIX" };
    for Window { from, to: end } in bridge {
        text += &format!(
            "\n    backfleet export --table {} --to {to} --incremental --from {} --to-time {} --wait",
            source_name(plan),
            utc(*from),
            utc(*end)
        );
    }
    text + "\n  and convert it beside this job: backfleet run --source <that export> --dest <the same> with the same flags"
}

fn utc(time: OffsetDateTime) -> String {
    let whole = time.to_offset(time::UtcOffset::UTC).replace_nanosecond(0).expect("nought is a nanosecond");
    whole.format(&Rfc3339).unwrap_or_else(|_| whole.to_string())
}

fn json_of(
    plan: &Plan,
    shown: OffsetDateTime,
    since: OffsetDateTime,
    live: &Live,
    seam: &Seam,
    exit: Exit,
) -> Value {
    let window = |window: &Window| json!({"from": utc(window.from), "to": utc(window.to)});
    let (gap, bridge, overlap, until) = match seam {
        Seam::Overlap { by } => (None, Vec::new(), Some(by.as_secs()), None),
        Seam::Gap { gap, bridge, stream_until } => {
            (Some(window(gap)), bridge.iter().map(window).collect(), None, stream_until.map(utc))
        }
    };
    json!({
        "exit_code": exit as u8,
        "job": plan.job,
        "shown": utc(shown),
        "needed_from": utc(since),
        "live_first": live.first.map(utc),
        "live_objects": live.objects,
        "quiet": live.quiet.as_ref().map(window),
        "overlap_seconds": overlap,
        "gap": gap,
        "bridge": bridge,
        "stream_until": until,
        "notes": live.notes,
    })
}
