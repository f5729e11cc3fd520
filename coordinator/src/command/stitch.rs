//! `stitch`: whether history and live records meet.

use backfleet::handoff::{LIVE_MARGIN, source_name};
use backfleet::history::{History, history};
use backfleet::stitch::{Live, Seam, Window, judge, read};
use backfleet_core::plan::Plan;
use backfleet_core::ports::{Clock as _, SystemClock};
use backfleet_worker::location::{Connections, Location};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::handoff::left_out;
use super::parity::place_and_name;
use crate::cli::{Output, StitchArgs};
use crate::failure::{Exit, Failure};
use crate::size::plural;
use crate::wording::span;

/// `backfleet stitch`.
pub async fn stitch(args: &StitchArgs, output: &Output, connections: &Connections) -> Result<Exit, Failure> {
    let dest = Location::parse(&args.job)?.open_to_read(connections).await?;
    let history = history(&*dest, &args.job_id).await?;
    let since = history.shown - LIVE_MARGIN;
    let (place, name) = place_and_name(Location::parse(&args.live)?);
    let live = read(&*place.open_to_read(connections).await?, &name, history.base().job, since).await?;
    let seam = judge(since, live.first, SystemClock.now().into());
    let exit = if matches!(seam, Seam::Overlap { .. }) { Exit::Done } else { Exit::Failed };
    let text = text(&history, args, &live, &seam);
    // A gap is an answer, not an error.
    if output.json {
        println!("{}", json_of(&history, since, &live, &seam, exit));
    } else {
        println!("{text}");
    }
    Ok(exit)
}

fn text(history: &History, args: &StitchArgs, live: &Live, seam: &Seam) -> String {
    let first =
        live.first.map_or("none".to_owned(), |first| format!("the first record is of {}", utc(first)));
    let jobs: Vec<String> = history.chapters.iter().map(|chapter| chapter.plan.job.short()).collect();
    let mut text = format!(
        "job   {} of {} shows {}\nlive  {}, {}: {first}\n",
        jobs.join(", "),
        source_name(history.base()),
        utc(history.shown),
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
                Some(_) => bridge_text(history.base(), &args.job, bridge),
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
    for note in live.notes.iter().cloned().chain(left_out(history)) {
        text += &format!("\n  note: {note}");
    }
    text
}

/// The commands that close the gap.
fn bridge_text(plan: &Plan, dest: &str, bridge: &[Window]) -> String {
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
    let and = if bridge.len() > 1 {
        "one after the other, or all with commas between them as one job"
    } else {
        "into the same place"
    };
    text += &format!(
        "\n  and convert what it names, {and}; stitch and handoff then take it for a part of the history:"
    );
    text + &format!("\n    backfleet run --source EXPORT --dest {dest} {}", flags(plan))
}

/// The flags that make records of changes like those of a job.
fn flags(plan: &Plan) -> String {
    let options = &plan.options;
    let mut flags =
        vec![format!("--format {}", options.format), format!("--keys {}", options.keys.join(","))];
    if options.format == "kinesis" {
        flags.push(format!("--kinesis-precision {}", options.kinesis_precision));
    }
    if options.view != "NEW_AND_OLD_IMAGES" {
        flags.push(format!("--view-type {}", options.view));
    }
    if options.format == "lambda-event" {
        flags.push(format!("--document {}", options.document));
    }
    flags.push(format!("--compression {}", options.compression));
    if let Some(table) = &options.table {
        flags.push(format!("--stream-arn {}", table.stream_arn));
    }
    if !(options.extra_fields.is_empty() && options.include.is_empty() && options.exclude.is_empty()) {
        flags.push("and the same --extra-field, --include and --exclude".to_owned());
    }
    flags.join(" ")
}

fn utc(time: OffsetDateTime) -> String {
    let whole = time.to_offset(time::UtcOffset::UTC).replace_nanosecond(0).expect("nought is a nanosecond");
    whole.format(&Rfc3339).unwrap_or_else(|_| whole.to_string())
}

fn json_of(history: &History, since: OffsetDateTime, live: &Live, seam: &Seam, exit: Exit) -> Value {
    let window = |window: &Window| json!({"from": utc(window.from), "to": utc(window.to)});
    let (gap, bridge, overlap, until) = match seam {
        Seam::Overlap { by } => (None, Vec::new(), Some(by.as_secs()), None),
        Seam::Gap { gap, bridge, stream_until } => {
            (Some(window(gap)), bridge.iter().map(window).collect(), None, stream_until.map(utc))
        }
    };
    json!({
        "exit_code": exit as u8,
        "jobs": history.chapters.iter().map(|chapter| chapter.plan.job).collect::<Vec<_>>(),
        "left_out": history.left_out,
        "shown": utc(history.shown),
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
