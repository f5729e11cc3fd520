//! `dlq list`, `dlq replay`, `dlq discard`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _};
use std::time::{Duration, SystemTime};

use backfleet::dlq::{Done, Letter, discard, list, replay};
use backfleet_aws::{DeadLetterBox, MoveStart, MoveState};
use backfleet_core::ports::{Clock as _, SystemClock};
use backfleet_worker::location::{Connections, Location};
use serde_json::json;
use tokio::time::sleep;

use super::fleet::{open_dead_letter_box, open_letters};
use super::say;
use crate::cli::{DlqCommand, DlqDiscardArgs, DlqListArgs, DlqReplayArgs, Output};
use crate::failure::{Exit, Failure};
use crate::size::count;
use crate::wording;

/// How often a move task is asked how far it is.
const MOVE_LOOK_EVERY: Duration = Duration::from_secs(2);

/// Letters of one reason that people are shown.
const SHOWN_MAX: usize = 10;

/// `backfleet dlq …`.
pub async fn dlq(command: &DlqCommand, output: &Output, connections: &Connections) -> Result<Exit, Failure> {
    match command {
        DlqCommand::List(args) => show(args, output, connections).await,
        DlqCommand::Replay(args) => send_back(args, output, connections).await,
        DlqCommand::Discard(args) => throw_away(args, output, connections).await,
    }
}

async fn show(args: &DlqListArgs, output: &Output, connections: &Connections) -> Result<Exit, Failure> {
    let letters = list(&open_letters(&args.queue, connections).await?, &args.choice.choice()).await?;
    let now = SystemClock.now();
    say(
        output,
        Exit::Done,
        &text(&letters, now),
        || json!({"letters": letters.iter().map(json_of).collect::<Vec<_>>()}),
    );
    Ok(Exit::Done)
}

fn text(letters: &[Letter], now: SystemTime) -> String {
    if letters.is_empty() {
        return "no dead letters".to_owned();
    }
    let mut by_class: BTreeMap<&str, Vec<&Letter>> = BTreeMap::new();
    for letter in letters {
        by_class.entry(letter.class()).or_default().push(letter);
    }
    let mut text = format!("{} dead letters", count(letters.len() as u64));
    for (class, letters) in by_class {
        text += &format!("\n{class}: {}", count(letters.len() as u64));
        for letter in letters.iter().take(SHOWN_MAX) {
            text += &format!("\n  {}", line(letter, now));
        }
        if letters.len() > SHOWN_MAX {
            text += &format!("\n  … and {} more", count((letters.len() - SHOWN_MAX) as u64));
        }
    }
    text
}

fn line(letter: &Letter, now: SystemTime) -> String {
    let which = match &letter.message {
        Some(message) => format!("job {} unit {}", message.job.short(), message.unit),
        None => "no message of ours".to_owned(),
    };
    let ago = |time: Option<SystemTime>| match time.and_then(|time| now.duration_since(time).ok()) {
        Some(ago) => format!("{} ago", wording::span(ago)),
        None => "?".to_owned(),
    };
    format!("{which}, {} attempts, came {}: {}", letter.receives, ago(letter.sent), letter.reason)
}

fn json_of(letter: &Letter) -> serde_json::Value {
    let seconds = |time: Option<SystemTime>| {
        time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok()).map(|since| since.as_secs())
    };
    json!({
        "job": letter.message.map(|message| message.job),
        "unit": letter.message.map(|message| message.unit),
        "reason": letter.reason,
        "class": letter.class(),
        "attempts": letter.receives,
        "sent": seconds(letter.sent),
        "first_received": seconds(letter.first_received),
    })
}

async fn send_back(
    args: &DlqReplayArgs,
    output: &Output,
    connections: &Connections,
) -> Result<Exit, Failure> {
    if args.all {
        let letters = open_dead_letter_box(&args.queue, connections).await?;
        match connections.retrier().run(|| letters.start_move_task()).await? {
            MoveStart::Started => return follow(&letters, output, connections).await,
            MoveStart::NotSupportedHere if args.dest.is_none() => {
                let advice = "give --dest, and letters are sent back one by one".to_owned();
                return Err(Failure::usage(NoMoveTask, Some(advice)));
            }
            MoveStart::NotSupportedHere => {}
        }
    }
    let dest = args.dest.as_deref().unwrap_or_default();
    let dest = Location::parse(dest)?.open_to_read(connections).await?;
    let letters = open_letters(&args.queue, connections).await?;
    let done = replay(&letters, &*dest, &args.choice.choice()).await?;
    say_done(output, done);
    Ok(Exit::Done)
}

#[derive(Debug, thiserror::Error)]
#[error("these queues have no move task")]
struct NoMoveTask;

async fn follow(
    letters: &DeadLetterBox,
    output: &Output,
    connections: &Connections,
) -> Result<Exit, Failure> {
    loop {
        let Some(progress) = connections.retrier().run(|| letters.move_task_progress()).await? else {
            say(output, Exit::Done, "the move task is over", || json!({"state": "over"}));
            return Ok(Exit::Done);
        };
        let moved = count(progress.moved);
        match progress.state {
            MoveState::Running | MoveState::Cancelling | MoveState::Unknown => {
                if !output.quiet {
                    let of = progress.to_move.map_or(String::new(), |all| format!(" of {}", count(all)));
                    eprintln!("{moved}{of} letters sent back");
                }
                sleep(MOVE_LOOK_EVERY).await;
            }
            MoveState::Completed => {
                say(
                    output,
                    Exit::Done,
                    &format!("{moved} letters sent back"),
                    || json!({"sent_back": progress.moved}),
                );
                return Ok(Exit::Done);
            }
            MoveState::Cancelled | MoveState::Failed => {
                let why = progress.failure.unwrap_or_else(|| "it was cancelled".to_owned());
                let text = format!(
                    "the move task ended after {moved} letters: {why}\n  next: run the same command again"
                );
                say(output, Exit::Failed, &text, || json!({"sent_back": progress.moved, "failure": why}));
                return Ok(Exit::Failed);
            }
        }
    }
}

async fn throw_away(
    args: &DlqDiscardArgs,
    output: &Output,
    connections: &Connections,
) -> Result<Exit, Failure> {
    let letters = open_letters(&args.queue, connections).await?;
    let choice = args.choice.choice();
    if !args.yes && !confirmed(list(&letters, &choice).await?.len())? {
        say(output, Exit::Usage, "nothing was discarded; --yes does not ask", || json!({"discarded": 0}));
        return Ok(Exit::Usage);
    }
    say_done(output, discard(&letters, &choice).await?);
    Ok(Exit::Done)
}

fn confirmed(letters: usize) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("delete {} dead letters for good? [y/N] ", count(letters as u64));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn say_done(output: &Output, done: Done) {
    let text = format!(
        "{} sent back, {} dropped because their unit is complete, {} discarded, {} left",
        count(done.sent_back),
        count(done.already_complete),
        count(done.discarded),
        count(done.left)
    );
    say(output, Exit::Done, &text, || {
        json!({
            "sent_back": done.sent_back,
            "already_complete": done.already_complete,
            "discarded": done.discarded,
            "left": done.left,
        })
    });
}
