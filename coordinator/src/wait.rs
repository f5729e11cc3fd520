//! Waits for a job that is in the hands of a fleet: looks at its completions now and then, puts back on the queue what was
//! lost, and finishes the job when every unit is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use backfleet_core::mutant::{self, Mutant};
use backfleet_core::ports::{Clock, Depth, PortError, Queue};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::dlq::{self, Choice, Letter, Letters};
use crate::enqueue::enqueue;
use crate::finish::finish;
use crate::run::RunEnd;
use crate::start::Started;
use crate::status::{Status, status};
use crate::verify::Proof;

/// How often whoever waits looks, at the most.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A look that takes long is not taken so often: at most a tenth of the time is spent looking.
pub const LOOK_SHARE: u32 = 10;
/// Looks in a row at which nothing was on the queue before what is missing is put there again. The counts of
/// a queue are approximate and lag.
const QUIET_LOOKS: u32 = 3;

/// A job in the hands of a fleet, and somebody who waits for it.
pub struct Fleet<'a> {
    /// The job.
    pub started: &'a Started,
    /// Where its messages are.
    pub queue: &'a dyn Queue,
    /// Where messages are that were put aside.
    pub letters: &'a Letters,
    /// For the rate of completions, which people see.
    pub clock: &'a dyn Clock,
    /// Who is told.
    pub tell: &'a dyn Tell,
}

/// Who is told what is seen while waiting.
pub trait Tell: Send + Sync {
    /// So far it is.
    fn looked(&self, now: &Status);
    /// So many units had no message and got one.
    fn put_again(&self, units: usize);
    /// So much does not hold.
    fn refused(&self, findings: u64);
}

impl Fleet<'_> {
    /// Waits until the job is committed, refused, at rest with dead letters, or `stop` is cancelled.
    pub async fn wait(
        &self,
        proof: Proof,
        quarantine_max: u64,
        stop: &CancellationToken,
    ) -> Result<RunEnd, PortError> {
        let mut quiet_looks = 0;
        loop {
            let began = Instant::now();
            let now = self.look().await?;
            if now.pending.is_empty() {
                return self.finish(proof, quarantine_max).await;
            }
            let resting = now.depth.as_ref().is_some_and(rests);
            quiet_looks = if resting { quiet_looks + 1 } else { 0 };
            if quiet_looks >= QUIET_LOOKS {
                quiet_looks = 0;
                if mutant::is(Mutant::RestIsDone) {
                    return self.finish(proof, quarantine_max).await;
                }
                if let Some(end) = self.resting(&now).await? {
                    return Ok(end);
                }
            }
            // Biased: whoever was told to stop does not look again.
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(RunEnd::Interrupted { complete: now.complete }),
                () = sleep(LOOK_EVERY.max(began.elapsed() * LOOK_SHARE)) => {}
            }
        }
    }

    /// Looks once.
    pub async fn look(&self) -> Result<Status, PortError> {
        let Started { plan, layout, dest, .. } = self.started;
        let now = status(&**dest, plan, layout, Some(self.queue), self.clock.now()).await?;
        self.tell.looked(&now);
        Ok(now)
    }

    /// Nothing is on the queue, and units are missing: they were put aside, or their messages are gone.
    async fn resting(&self, now: &Status) -> Result<Option<RunEnd>, PortError> {
        let job = self.started.plan.job;
        let choice = Choice { job: Some(job), ..Choice::default() };
        let dead = dlq::list(self.letters, &choice).await?;
        let unit = |letter: Letter| Some((letter.message?.unit, letter.reason));
        let mut dead: BTreeMap<u32, String> = dead.into_iter().filter_map(unit).collect();
        dead.retain(|unit, _| now.pending.contains(unit));
        let lost: BTreeSet<u32> =
            now.pending.iter().copied().filter(|unit| !dead.contains_key(unit)).collect();
        if lost.is_empty() {
            return Ok(Some(RunEnd::DeadLetters { dead, complete: now.complete }));
        }
        self.tell.put_again(lost.len());
        enqueue(self.queue, &self.started.plan, &lost).await?;
        Ok(None)
    }

    async fn finish(&self, proof: Proof, quarantine_max: u64) -> Result<RunEnd, PortError> {
        let Started { plan, layout, dest, .. } = self.started;
        let end = RunEnd::of(finish(&**dest, plan, layout, proof, quarantine_max).await?);
        if let RunEnd::Refused { verification } = &end {
            self.tell.refused(verification.findings_total);
        }
        Ok(end)
    }
}

/// Whether nothing waits on a queue and nobody holds anything of it.
pub fn rests(depth: &Depth) -> bool {
    (depth.visible, depth.in_flight, depth.delayed) == (0, 0, 0)
}
