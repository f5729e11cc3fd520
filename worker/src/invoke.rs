//! Hands an envelope to a function, as an event source mapping with `BisectBatchOnFunctionError` and
//! `ReportBatchItemFailures` would, in the order of its records.
//!
//! ```text
//!  whole envelope --taken--> done
//!     |--fails HAND_TRIES times--> its first half, then its second, .. down to one record --fails--> refused
//!     |--reports a record--> from that record on again --the same HAND_TRIES times--> refused, on behind it
//!     \--is too large--> halves
//! ```
//! What the function reports is a checkpoint: everything from the first record named is handed again, everything before it is
//! done. A report that names no record of the envelope, or an empty one, means all of it (Lambda developer guide, "Configuring
//! partial batch response with DynamoDB and Lambda").

use std::borrow::Cow;
use std::ops::Range;

use backfleet_convert::Shard;
use backfleet_core::limits::{HAND_PAUSE, HAND_TRIES};
use backfleet_core::metrics::INVOCATIONS;
use backfleet_core::ports::{Function, FunctionFailure, PortFault, Reply};
use backfleet_core::receipt::{Refusal, Refused};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::sleep;

use crate::sink::{Effect, Room, SinkError};

/// Letters of what a function says of its failure that are kept.
const DETAIL_CHARS_MAX: usize = 400;

/// Hands over a shard that is one envelope.
pub(crate) async fn hand_over(
    function: &dyn Function,
    shard: &Shard,
    room: Room,
) -> Result<Effect, SinkError> {
    let records = usize::try_from(shard.records).expect("records in memory");
    let mut hand = Hand { function, envelope: &shard.bytes, room, refused: Vec::new() };
    // The next piece is the last one here.
    let mut pieces = vec![Piece::new(0..records)];
    while let Some(piece) = pieces.pop() {
        let said = hand.invoke(&piece, records).await?;
        pieces.extend(hand.rest(piece, said).await?.into_iter().rev());
    }
    Ok(Effect { passed_over: 0, refused: hand.refused })
}

/// Some records of an envelope, one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    records: Range<usize>,
    /// How often the function failed with all of it, running.
    failed: u32,
    /// How often it reported the first of them, running.
    reported: u32,
}

impl Piece {
    fn new(records: Range<usize>) -> Self {
        Self { records, failed: 0, reported: 0 }
    }

    /// Both halves, as if each had failed so often; a single record is tried as often as any.
    fn halves(self, failed: u32) -> Vec<Self> {
        let Range { start, end } = self.records;
        let middle = start + (end - start) / 2;
        let half = |records: Range<usize>| {
            let failed = if records.len() > 1 { failed } else { 0 };
            Self { failed, ..Self::new(records) }
        };
        vec![half(start..middle), half(middle..end)]
    }
}

/// What the function said to a piece.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Taken,
    /// Everything from this record on is to be handed again.
    From(usize),
    Failed(String),
    TooLarge,
}

struct Hand<'a> {
    function: &'a dyn Function,
    envelope: &'a [u8],
    room: Room,
    refused: Vec<Refused>,
}

impl Hand<'_> {
    /// What is left of a piece, in order.
    async fn rest(&mut self, piece: Piece, said: Said) -> Result<Vec<Piece>, SinkError> {
        let start = piece.records.start;
        Ok(match said {
            Said::Taken => Vec::new(),
            Said::From(first) => self.after_report(first, piece).await?,
            Said::Failed(_) if piece.failed + 1 < HAND_TRIES => {
                sleep(HAND_PAUSE * (1 << piece.failed)).await;
                vec![Piece { failed: piece.failed + 1, ..piece }]
            }
            // What fails as a whole is mostly one record's doing: its halves are tried once each.
            Said::Failed(_) if piece.records.len() > 1 => piece.halves(HAND_TRIES - 1),
            Said::TooLarge if piece.records.len() > 1 => piece.halves(0),
            Said::Failed(detail) => {
                self.refuse(start, Refusal::FunctionFails, detail)?;
                Vec::new()
            }
            Said::TooLarge => {
                self.refuse(start, Refusal::TooLargeForFunction, String::new())?;
                Vec::new()
            }
        })
    }

    /// A checkpoint: what is before `first` is done.
    async fn after_report(&mut self, first: usize, piece: Piece) -> Result<Vec<Piece>, SinkError> {
        let Range { start, end } = piece.records;
        let reported = if first > start { 1 } else { piece.reported + 1 };
        if reported < HAND_TRIES {
            sleep(HAND_PAUSE * (1 << (reported - 1))).await;
            return Ok(vec![Piece { reported, ..Piece::new(first..end) }]);
        }
        self.refuse(first, Refusal::FunctionReports, String::new())?;
        let behind = first + 1..end;
        Ok(if behind.is_empty() { Vec::new() } else { vec![Piece::new(behind)] })
    }

    fn refuse(&mut self, record: usize, why: Refusal, detail: String) -> Result<(), SinkError> {
        self.room.refuse(self.function.describe(), why)?;
        self.refused.push(Refused { record: record as u64, why, detail });
        Ok(())
    }

    async fn invoke(&self, piece: &Piece, records: usize) -> Result<Said, SinkError> {
        let said = match self.function.invoke(self.payload(piece, records)).await {
            Ok(Reply::Returned(answer)) => self.understood(piece, &answer)?,
            Ok(Reply::Failed(failure)) => Said::Failed(detail_of(&failure)),
            Err(error) if error.fault == PortFault::TooLarge => Said::TooLarge,
            Err(source) => return Err(SinkError::Port { sink: self.function.describe(), source }),
        };
        let outcome = match said {
            Said::Taken => "taken",
            Said::From(_) => "reported",
            Said::Failed(_) => "failed",
            Said::TooLarge => "too_large",
        };
        metrics::counter!(INVOCATIONS, "outcome" => outcome).increment(1);
        Ok(said)
    }

    /// The envelope around a piece: the one that was converted, where the piece is all of it.
    fn payload(&self, piece: &Piece, records: usize) -> Bytes {
        if piece.records == (0..records) {
            return Bytes::copy_from_slice(self.envelope);
        }
        let records: Vec<&str> =
            self.records()[piece.records.clone()].iter().map(|record| record.get()).collect();
        Bytes::from(format!(r#"{{"Records":[{}]}}"#, records.join(",")))
    }

    fn records(&self) -> Vec<&RawValue> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow, rename = "Records")]
            records: Vec<&'a RawValue>,
        }
        let envelope: Envelope<'_> = serde_json::from_slice(self.envelope).expect("we wrote it");
        envelope.records
    }

    /// What a function means by what it returns.
    fn understood(&self, piece: &Piece, answer: &[u8]) -> Result<Said, SinkError> {
        let wrong = |what| SinkError::Answer { sink: self.function.describe(), what };
        if answer.is_empty() {
            return Ok(Said::Taken);
        }
        let answer: Value = serde_json::from_slice(answer).map_err(|_| wrong("what is no JSON"))?;
        let failures = match answer.get("batchItemFailures") {
            None | Some(Value::Null) => return Ok(Said::Taken),
            Some(Value::Array(failures)) if failures.is_empty() => return Ok(Said::Taken),
            Some(Value::Array(failures)) => failures,
            Some(_) => return Err(wrong("batchItemFailures that are no list")),
        };
        let numbers: Vec<Cow<'_, str>> =
            self.records()[piece.records.clone()].iter().map(|record| number_of(record)).collect();
        let place = |failure: &Value| {
            let named = failure.get("itemIdentifier")?.as_str()?;
            numbers.iter().position(|number| number == named)
        };
        let places: Option<Vec<usize>> = failures.iter().map(place).collect();
        Ok(match places {
            Some(places) => Said::From(piece.records.start + places.into_iter().min().unwrap_or_default()),
            None => Said::Failed("the function reports a failure of no record of the envelope".to_owned()),
        })
    }
}

/// A record's sequence number, by which a function names it.
fn number_of(record: &RawValue) -> Cow<'_, str> {
    #[derive(Deserialize)]
    struct Record<'a> {
        #[serde(borrow)]
        dynamodb: Change<'a>,
    }
    #[derive(Deserialize)]
    struct Change<'a> {
        #[serde(borrow, rename = "SequenceNumber")]
        number: Cow<'a, str>,
    }
    let record: Record<'_> = serde_json::from_str(record.get()).expect("we wrote it");
    record.dynamodb.number
}

fn detail_of(failure: &FunctionFailure) -> String {
    let FunctionFailure { kind, message } = failure;
    let text = if message.is_empty() { kind.clone() } else { format!("{kind}: {message}") };
    text.chars().take(DETAIL_CHARS_MAX).collect()
}
