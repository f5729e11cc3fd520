//! `parity` and `infer`: our records beside those of the live pipeline.

use std::path::Path;

use backfleet::parity::{
    Difference, Flag, Inference, ParityError, Portrait, Remedy, Severity, compare, infer, sample,
};
use backfleet::plan::{PlanningError, stored};
use backfleet_core::job::JobId;
use backfleet_worker::location::{Connections, Location};
use serde_json::{Value, json};

use super::say;
use crate::cli::{InferArgs, Output, ParityArgs};
use crate::failure::{Exit, Failure};
use crate::size::plural;

/// `backfleet parity`.
pub async fn parity(args: &ParityArgs, output: &Output, connections: &Connections) -> Result<Exit, Failure> {
    let dest =
        Location::parse(&args.job)?.open_to_read(connections).await.map_err(PlanningError::Location)?;
    let job = sample::newest_job(&*dest, args.job_id.as_deref()).await?;
    let plan = stored(&*dest, job).await?;
    if let Some(sink) = &plan.options.sink {
        return Err(ParityError::Sink { dest: dest.describe(), job, sink: sink.place() }.into());
    }
    let layout = plan.layout().expect("a stored plan was checked");
    let ours = Portrait::of(&sample::shard(&*dest, &layout).await?)?;
    let live = live_portrait(&args.live, Some(job), connections).await?;
    let differences = compare(&live, &ours);
    let counts = |difference: &Difference| difference.severity != Severity::Cosmetic || !args.accept_cosmetic;
    let exit = if differences.iter().any(counts) { Exit::Failed } else { Exit::Done };
    let text = format!(
        "{}\njob   {} in {}, {}\n\n{}",
        live_line(&live),
        job.short(),
        ours.place(),
        plural(ours.records() as u64, "record"),
        differences_text(&differences)
    );
    let text = notes(text, &[&live, &ours]);
    say(output, exit, &text, || {
        json!({
            "exit_code": exit as u8,
            "job": job,
            "live": seen_json(&live),
            "ours": seen_json(&ours),
            "differences": differences.iter().map(difference_json).collect::<Vec<_>>(),
        })
    });
    Ok(exit)
}

/// `backfleet infer`.
pub async fn infer_flags(
    args: &InferArgs,
    output: &Output,
    connections: &Connections,
) -> Result<Exit, Failure> {
    let live = live_portrait(&args.live, None, connections).await?;
    let inference = infer(&live);
    let text = match output.quiet {
        true => inference.command_line(),
        false => notes(format!("{}\n\n{}", live_line(&live), inference_text(&inference)), &[&live]),
    };
    say(output, Exit::Done, &text, || {
        let flag =
            |Flag { name, value, reason }: &Flag| json!({"name": name, "value": value, "reason": reason});
        json!({
            "live": seen_json(&live),
            "command_line": inference.command_line(),
            "flags": inference.flags.iter().map(flag).collect::<Vec<_>>(),
            "left_open": inference.left_open,
        })
    });
    Ok(Exit::Done)
}

async fn live_portrait(
    text: &str,
    job: Option<JobId>,
    connections: &Connections,
) -> Result<Portrait, Failure> {
    let (place, name) = place_and_name(Location::parse(text)?);
    let store = place.open_to_read(connections).await.map_err(PlanningError::Location)?;
    Ok(Portrait::of(&sample::live(&*store, &name, job).await?)?)
}

/// An object cannot be opened as a place: the folder above it is, and the rest is a name in there.
pub(super) fn place_and_name(location: Location) -> (Location, String) {
    match location {
        Location::Folder(path) if path.is_file() => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
            (Location::Folder(folder.to_owned()), name)
        }
        Location::S3 { bucket, prefix } => {
            let (above, name) = prefix.rsplit_once('/').unwrap_or(("", &prefix));
            (Location::S3 { bucket, prefix: above.to_owned() }, name.to_owned())
        }
        place => (place, String::new()),
    }
}

fn live_line(live: &Portrait) -> String {
    let (objects, records) = (live.objects() as u64, live.records() as u64);
    format!("live  {}, {} of {}", live.place(), plural(records, "record"), plural(objects, "object"))
}

fn notes(mut text: String, portraits: &[&Portrait]) -> String {
    for note in portraits.iter().flat_map(|portrait| portrait.notes()) {
        text += &format!("\n  note: {note}");
    }
    text
}

/// A table of what differs, what to do about each below it, and what to do about all.
fn differences_text(differences: &[Difference]) -> String {
    if differences.is_empty() {
        return "no difference".to_owned();
    }
    let head = ["severity", "what", "live", "ours"].map(str::to_owned);
    let row = |difference: &Difference| {
        let Difference { severity, what, live, ours, .. } = difference;
        [severity.to_string(), what.clone(), live.clone(), ours.clone()]
    };
    let rows: Vec<[String; 4]> = [head].into_iter().chain(differences.iter().map(row)).collect();
    let mut text = String::new();
    for (cells, difference) in rows.iter().zip([None].into_iter().chain(differences.iter().map(Some))) {
        text += &table_line(cells, &rows);
        match difference.map(|difference| &difference.remedy) {
            None => {}
            Some(Remedy::Flags(flags)) => text += &format!("    give {flags}\n"),
            Some(Remedy::Why(why)) => text += &format!("    {why}\n"),
        }
    }
    let of = |severity| differences.iter().filter(|difference| difference.severity == severity).count();
    text += &format!(
        "\n{}: {} break readers, {} differ, {} cosmetic",
        plural(differences.len() as u64, "difference"),
        of(Severity::BreaksReaders),
        of(Severity::Differs),
        of(Severity::Cosmetic)
    );
    let flags = all_flags(differences);
    if !flags.is_empty() {
        text += &format!(
            "\n  next: convert into another destination (other flags make another job) with what you gave, and {}",
            flags.join(" ")
        );
    }
    text
}

/// The flags that remove differences, each once.
fn all_flags(differences: &[Difference]) -> Vec<&str> {
    let mut all = Vec::new();
    for difference in differences {
        if let Remedy::Flags(flags) = &difference.remedy
            && !all.contains(&flags.as_str())
        {
            all.push(flags.as_str());
        }
    }
    all
}

/// The cells of one line, as wide as the widest of their column; the last as wide as it is.
fn table_line<const N: usize>(cells: &[String; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let padded =
        cells.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column)));
    format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
}

fn inference_text(inference: &Inference) -> String {
    let mut text = String::new();
    let rows: Vec<[String; 2]> =
        inference.flags.iter().map(|flag| [flag.words(), flag.reason.clone()]).collect();
    for row in &rows {
        text += &table_line(row, &rows);
    }
    for open in &inference.left_open {
        text += &format!("  left open: {open}\n");
    }
    text + "\n" + &inference.command_line()
}

fn seen_json(portrait: &Portrait) -> Value {
    json!({
        "place": portrait.place(),
        "objects": portrait.objects(),
        "records": portrait.records(),
        "notes": portrait.notes(),
    })
}

fn difference_json(difference: &Difference) -> Value {
    let Difference { severity, what, live, ours, remedy } = difference;
    let (flags, why) = match remedy {
        Remedy::Flags(flags) => (Some(flags), None),
        Remedy::Why(why) => (None, Some(why)),
    };
    json!({"severity": severity, "what": what, "live": live, "ours": ours, "flags": flags, "why": why})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_a_name_in_the_place_above_it() {
        for (text, place, name) in [
            ("s3://lake", "s3://lake", ""),
            ("s3://lake/orders/", "s3://lake", "orders"),
            ("s3://lake/orders/dt=1/a.json", "s3://lake/orders/dt=1", "a.json"),
            ("Cargo.toml", ".", "Cargo.toml"),
            ("src/main.rs", "src", "main.rs"),
            ("src", "src", ""),
        ] {
            let (above, rest) = place_and_name(Location::parse(text).unwrap());
            assert_eq!((above.to_string().as_str(), rest.as_str()), (place, name), "{text}");
        }
    }
}
