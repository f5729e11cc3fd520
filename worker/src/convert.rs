//! Drives the conversion of one file: feeds what was read, uploads what comes out or puts it into the job's sink, counts what
//! it was.

use std::time::Duration;

use backfleet_convert::{Converter, InputError, Shard, Step, Totals};
use backfleet_core::completion::{Completion, Counts, ShardRecord};
use backfleet_core::layout::ShardName;
use backfleet_core::metrics::STAGE_SECONDS;
use backfleet_core::mutant::{self, Mutant};
use backfleet_core::ports::{ByteStream, ObjectStore};
use futures_util::StreamExt as _;
use tokio::time::Instant;

use crate::attempt::AttemptError;
use crate::claim::Claimed;
use crate::desk::{Desk, Outlet};
use crate::quarantine::Quarantine;
use crate::read::{self, ReadError};
use crate::sink::{Room, put_into_sink};
use crate::tally::Reading;
use crate::upload::put_shard;

/// A unit whose shards and quarantine objects all stand in the destination.
#[derive(Debug)]
pub struct Uploaded {
    pub(crate) claimed: Claimed,
    pub(crate) completion: Completion,
}

/// Converts the unit's file and puts every shard of it.
pub async fn convert_and_upload(
    desk: &Desk,
    claimed: Claimed,
    files: &dyn ObjectStore,
) -> Result<Uploaded, AttemptError> {
    let proven = read::open(&claimed, files).await?;
    let mut unit = Unit::new(desk, &claimed, proven.proven_in);
    let totals = unit.run(proven.bytes).await?;
    check_count(&claimed, &totals)?;
    let completion = unit.completion(totals, proven.md5_proven).await?;
    Ok(Uploaded { claimed, completion })
}

struct Unit<'a> {
    desk: &'a Desk,
    claimed: &'a Claimed,
    converter: Converter,
    reading: Reading<'a>,
    shards: Vec<ShardRecord>,
    quarantine: Quarantine<'a>,
    /// Records that the sink refuses, so far.
    refused: u64,
    stages: Stages,
}

#[derive(Default)]
struct Stages {
    get: Duration,
    convert: Duration,
    put: Duration,
}

impl<'a> Unit<'a> {
    fn new(desk: &'a Desk, claimed: &'a Claimed, proven_in: Duration) -> Self {
        let input = claimed.job.plan.input(claimed.unit).expect("a job over files has a plan over files");
        let converter =
            Converter::new(claimed.job.recipe.clone(), claimed.unit, input).with_crew(desk.crew.clone());
        Self {
            desk,
            claimed,
            converter: match claimed.job.outlet {
                None => converter,
                Some(_) => converter.keeping_originals(),
            },
            reading: desk.tally.reading(),
            shards: Vec::new(),
            quarantine: Quarantine::new(claimed),
            refused: 0,
            stages: Stages { get: proven_in, ..Stages::default() },
        }
    }

    async fn run(&mut self, mut bytes: ByteStream) -> Result<Totals, AttemptError> {
        loop {
            let began = Instant::now();
            let step = self.converter.step().map_err(|source| self.damaged(source))?;
            self.stages.convert += began.elapsed();
            match step {
                Step::NeedInput => self.feed(&mut bytes).await?,
                Step::Shard(shard) => self.put(shard).await?,
                Step::Quarantined(record) => {
                    self.reading.quarantine();
                    self.quarantine.add(record).await?;
                }
                Step::Finished(totals) => return Ok(totals),
            }
        }
    }

    async fn feed(&mut self, bytes: &mut ByteStream) -> Result<(), AttemptError> {
        let began = Instant::now();
        // A step may have cost milliseconds: let heartbeats and the other units have their turn.
        tokio::task::yield_now().await;
        match bytes.next().await {
            None => self.converter.finish(),
            Some(Err(source)) => {
                return Err(ReadError::Port { key: self.claimed.key.to_string(), source }.into());
            }
            Some(Ok(chunk)) => {
                self.reading.add(chunk.len() as u64);
                self.converter.feed(chunk);
            }
        }
        self.stages.get += began.elapsed();
        Ok(())
    }

    async fn put(&mut self, shard: Shard) -> Result<(), AttemptError> {
        let began = Instant::now();
        let name = ShardName { unit: self.claimed.unit, shard: shard.index };
        let job = &self.claimed.job;
        match &job.outlet {
            Some(outlet) => self.put_into(outlet, name, shard).await?,
            None => {
                let put = put_shard(self.desk, job, name, shard).await?;
                self.shards.push(put.record);
                if let Some(buffer) = put.buffer {
                    self.converter.reuse(buffer);
                }
            }
        }
        self.stages.put += began.elapsed();
        Ok(())
    }

    async fn put_into(&mut self, outlet: &Outlet, name: ShardName, shard: Shard) -> Result<(), AttemptError> {
        let max = self.desk.refused_max;
        let room = Room { left: max.saturating_sub(self.refused), max };
        let taken = put_into_sink(&self.claimed.job, outlet, name, &shard, room).await?;
        for refused in &taken.refused {
            let record = usize::try_from(refused.record).ok().and_then(|n| shard.originals.get(n));
            self.reading.quarantine();
            self.quarantine
                .add_refused(record.expect("a receipt refuses records that it has"), refused)
                .await?;
        }
        self.refused += taken.refused.len() as u64;
        self.desk.tally.shard(taken.record.bytes);
        self.shards.push(taken.record);
        self.converter.reuse(shard.bytes);
        Ok(())
    }

    async fn completion(self, totals: Totals, md5_proven: bool) -> Result<Completion, AttemptError> {
        let quarantine = self.quarantine.close().await?;
        self.stages.record();
        self.reading.keep();
        Ok(Completion {
            v: 1,
            job: self.claimed.job.plan.job,
            unit: self.claimed.unit,
            counts: counts(&totals, &self.shards, self.refused),
            md5_proven,
            shards: self.shards,
            quarantine,
        })
    }

    fn damaged(&self, source: InputError) -> AttemptError {
        AttemptError::Input { key: self.claimed.key.to_string(), source }
    }
}

impl Stages {
    fn record(&self) {
        for (stage, time) in [("get", self.get), ("convert", self.convert), ("put", self.put)] {
            metrics::histogram!(STAGE_SECONDS, "stage" => stage).record(time);
        }
    }
}

fn counts(totals: &Totals, shards: &[ShardRecord], refused: u64) -> Counts {
    let passed_over = shards.iter().map(|shard| shard.passed_over).sum();
    Counts {
        records_in: totals.records_in,
        records_out: totals.records_out - passed_over - refused,
        passed_over,
        filtered: 0,
        quarantined: totals.quarantined + refused,
        bytes_in: totals.bytes_in,
        bytes_inflated: totals.bytes_inflated,
        content_bytes: totals.content_bytes,
        bytes_out: shards.iter().map(|shard| shard.bytes).sum(),
        shards: u64::from(totals.shards),
    }
}

/// The manifest's count is of items; quarantined ones were items too.
fn check_count(claimed: &Claimed, totals: &Totals) -> Result<(), AttemptError> {
    match claimed.planned().items {
        Some(promised) if promised != totals.records_in && !mutant::is(Mutant::CountUnseen) => {
            Err(AttemptError::Count { key: claimed.key.to_string(), found: totals.records_in, promised })
        }
        _ => Ok(()),
    }
}
