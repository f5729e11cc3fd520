//! Touches the items of a shard, so that the table's own stream carries them: sets the job's mark on each that is still as
//! the source has it, or takes it away again. What was touched before is touched again without any effect.

use std::borrow::Cow;
use std::collections::BTreeMap;

use backfleet_convert::Shard;
use backfleet_core::limits::{COMPARED_MAX, TOUCHES_AT_ONCE};
use backfleet_core::metrics::ITEMS_TOUCHED;
use backfleet_core::plan::Plan;
use backfleet_core::ports::{TouchChange, TouchRequest, Touched, Toucher};
use backfleet_core::receipt::{Refusal, Refused};
use backfleet_core::sink::{Sink, TouchSink};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::desk::Job;
use crate::sink::{Effect, Room, SinkError};

/// What is done to every item of a job.
pub(crate) struct Marking<'a> {
    sink: &'a TouchSink,
    keys: &'a [String],
    mark: String,
    change: TouchChange,
}

impl<'a> Marking<'a> {
    /// What a job does that has such a sink.
    pub(crate) fn of(job: &'a Job) -> Self {
        let Plan { job, options, .. } = &job.plan;
        let Some(Sink::Touch(sink)) = &options.sink else { unreachable!("only a table is touched") };
        let (mark, change) = match sink.undo {
            None => (*job, TouchChange::Set),
            Some(of) => (of, TouchChange::Remove),
        };
        Self { sink, keys: &options.keys, mark: mark.to_string(), change }
    }
}

/// Touches every item of a shard, some at once, in no order: each is there once.
pub(crate) async fn touch_all(
    table: &dyn Toucher,
    marking: &Marking<'_>,
    shard: &Shard,
    mut room: Room,
) -> Result<Effect, SinkError> {
    let lines: Vec<&[u8]> =
        shard.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let (mut lines, mut under_way) = (lines.into_iter(), FuturesOrdered::new());
    let (mut effect, mut record) = (Effect::default(), 0);
    loop {
        while under_way.len() < TOUCHES_AT_ONCE
            && let Some(line) = lines.next()
        {
            under_way.push_back(touch(table, marking, line));
        }
        let Some(outcome) = under_way.next().await else { return Ok(effect) };
        let outcome = outcome?;
        match outcome {
            Outcome::Touched => {}
            Outcome::PassedOver => effect.passed_over += 1,
            Outcome::Refused(why) => {
                room.refuse(table.describe(), why)?;
                effect.refused.push(Refused { record, why, detail: String::new() });
            }
        }
        record += 1;
        metrics::counter!(ITEMS_TOUCHED, "outcome" => outcome.label()).increment(1);
    }
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    Touched,
    PassedOver,
    Refused(Refusal),
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Touched => "touched",
            Self::PassedOver => "passed_over",
            Self::Refused(_) => "refused",
        }
    }
}

/// A line of format `item`.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, rename = "Item")]
    item: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

async fn touch(table: &dyn Toucher, marking: &Marking<'_>, line: &[u8]) -> Result<Outcome, SinkError> {
    let line: Line<'_> = serde_json::from_slice(line).expect("we wrote it");
    let item: BTreeMap<String, &str> =
        line.item.into_iter().map(|(name, value)| (name.into_owned(), value.get())).collect();
    let Marking { sink, keys, mark, change } = marking;
    if *change == TouchChange::Set {
        if item.contains_key(&sink.marker) {
            return Ok(Outcome::Refused(Refusal::MarkerInUse));
        }
        if item.len() - keys.len() > COMPARED_MAX {
            return Ok(Outcome::Refused(Refusal::TooWideToCompare));
        }
    }
    let request = TouchRequest { item: &item, keys, marker: &sink.marker, mark, change: *change };
    let answer = table.touch(&request).await;
    let answer = answer.map_err(|source| SinkError::Port { sink: table.describe(), source })?;
    Ok(match answer.touched {
        Touched::Done => Outcome::Touched,
        Touched::PassedOver => Outcome::PassedOver,
        Touched::Refused => Outcome::Refused(Refusal::WriteRefused),
    })
}
