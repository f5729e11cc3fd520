//! Whoever runs the job: starts it, waits for it, replays what was put aside, starts again after a crash.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use backfleet::dlq::{Choice, Letters, replay};
use backfleet::enqueue::due;
use backfleet::run::{Run, RunConfig, RunEnd};
use backfleet::start::Started;
use backfleet::status::Status;
use backfleet::verify::Proof;
use backfleet::wait::{Fleet, Tell};
use backfleet_convert::Crew;
use backfleet_core::plan::Source;
use backfleet_core::retry::RetryingQueue;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::process::Process;
use crate::queue::{SimLetters, SimQueue};
use crate::scenario::Scenario;
use crate::site::{Site, dest, object, origin};
use crate::world::{SimClock, World};

/// What an operator is left with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Committed.
    Committed,
    /// More in quarantine than is accepted.
    Quarantine,
    /// The destination is not what it should be.
    Refused,
    /// These units cannot be done.
    Dead(BTreeSet<u32>),
}

impl Tell for World {
    fn looked(&self, _: &Status) {}

    fn put_again(&self, _: usize) {
        self.saw("put on the queue again");
    }

    fn refused(&self, _: u64) {}
}

/// Runs the job to its end, whatever it takes.
pub async fn operate(world: Arc<World>, site: Arc<Site>, scenario: Scenario, n: u32) -> Ending {
    for life in 0.. {
        let rough = world.is_rough();
        let process = Process::new(&world, 10_000 * (n + 1) + life, format!("c{n}.{life}"));
        world.tell(&process.name, "starts");
        let once = async {
            match scenario.local {
                true => alone(&process, &site, &scenario).await,
                false => with_fleet(&process, &site, &scenario).await,
            }
        };
        // Biased: the dead do nothing more.
        let end = tokio::select! {
            biased;
            () = process.dead.cancelled() => Err("dies".to_owned()),
            end = once => end,
        };
        world.tell(&process.name, &format!("ends: {end:?}"));
        match end {
            Ok(ending) if accepted(&world, &site, &scenario, &ending, rough).await => return ending,
            Ok(_) => {}
            Err(_) => world.saw("operator begins again"),
        }
        sleep(world.draw(|draw| draw.time(Duration::from_secs(1), Duration::from_secs(60)))).await;
    }
    unreachable!("the loop has no end")
}

/// Whether nothing more can be done; else what can be done was done.
async fn accepted(
    world: &Arc<World>,
    site: &Arc<Site>,
    scenario: &Scenario,
    ending: &Ending,
    rough: bool,
) -> bool {
    match ending {
        Ending::Committed | Ending::Quarantine => true,
        Ending::Refused => {
            let sabotaged = site.sabotaged.load(std::sync::atomic::Ordering::Relaxed);
            if !sabotaged && (!rough || world.seen("F35 bit flipped") == 0) {
                world.violated("I4 what is right is not refused", "finish refuses");
                return true;
            }
            sabotaged && !rough
        }
        Ending::Dead(dead) => {
            if !world.is_rough() || scenario.calm {
                let mended: BTreeSet<u32> = site.expected.mends.iter().map(|(unit, ..)| *unit).collect();
                if *dead == site.expected.poison && scenario.mended && !mended.is_empty() {
                    world.saw("F15 input put right");
                    for (_, key, bytes) in &site.expected.mends {
                        site.source.overwrite(object(key.clone(), bytes.clone()));
                    }
                } else if dead.is_subset(&site.expected.poison) {
                    let left = site.expected.poison.difference(&mended).copied().collect();
                    return *dead == site.expected.poison || *dead == left;
                }
            }
            if world.is_rough() && dead.is_subset(&site.expected.poison) {
                // Whoever knows that it is no use waits.
                sleep(world.climate.until - world.now()).await;
            }
            replay_letters(world, site).await;
            false
        }
    }
}

/// Sends every letter of the job back.
pub async fn replay_letters(world: &Arc<World>, site: &Arc<Site>) {
    let process = Process::new(world, 9_999, "person".to_owned());
    let letters = Letters::new(Arc::new(SimLetters::new(&process, site)), process.retrier());
    let choice = Choice { job: Some(site.plan.job), ..Choice::default() };
    let dest = dest(&process, site);
    // Biased: the dead do nothing more.
    tokio::select! {
        biased;
        () = process.dead.cancelled() => {}
        done = replay(&letters, &*dest, &choice) => drop(done),
    }
}

/// Replays letters while the job runs.
pub async fn replays(world: Arc<World>, site: Arc<Site>) {
    for _ in 0..world.climate.replays {
        sleep(world.draw(|draw| draw.time(Duration::ZERO, world.climate.until / 2))).await;
        replay_letters(&world, &site).await;
    }
}

async fn with_fleet(process: &Arc<Process>, site: &Arc<Site>, scenario: &Scenario) -> Result<Ending, String> {
    let queue = RetryingQueue::new(Arc::new(SimQueue::new(process, site)), process.retrier());
    let letters = Letters::new(Arc::new(SimLetters::new(process, site)), process.retrier());
    let started =
        Started::over(site.plan.clone(), dest(process, site)).await.map_err(|error| format!("{error:?}"))?;
    started.enqueue(&queue).await.map_err(|error| format!("{error:?}"))?;
    for unit in due(&started.plan, &started.pending) {
        if !process.world.was_sent(unit, 0) {
            process.world.violated("I4 what is due is on the queue", format!("unit {unit} was never sent"));
        }
    }
    let clock = SimClock(process.world.clone());
    let fleet =
        Fleet { started: &started, queue: &queue, letters: &letters, clock: &clock, tell: &*process.world };
    let end = fleet.wait(Proof::Told, scenario.quarantine_max, &CancellationToken::new()).await;
    end.map_err(|error| format!("{error:?}")).and_then(ending)
}

async fn alone(process: &Arc<Process>, site: &Arc<Site>, scenario: &Scenario) -> Result<Ending, String> {
    let (source, dest) = (origin(process, site), dest(process, site));
    let run = Run::over(site.plan.clone(), source, dest, Proof::Read)
        .await
        .map_err(|error| format!("{error:?}"))?;
    let config = RunConfig {
        workers: scenario.concurrency,
        stop_timeout: Duration::from_secs(20),
        quarantine_max: scenario.quarantine_max,
        refused_max: 0,
        crew: Crew::new(1),
        diary: None,
    };
    let stop = CancellationToken::new();
    let world = &process.world;
    let interrupt = async {
        if world.happens("F02 told to stop", world.climate.stopped) {
            sleep(world.draw(|draw| draw.time(Duration::from_secs(1), world.climate.until / 4))).await;
            stop.cancel();
        }
        std::future::pending::<()>().await;
    };
    // Biased: what was asked for first is done first.
    let end = tokio::select! {
        biased;
        () = interrupt => unreachable!("it waits for ever"),
        end = run.run(&config, stop.clone()) => end,
    };
    end.map_err(|error| format!("{error:?}")).and_then(ending)
}

fn ending(end: RunEnd) -> Result<Ending, String> {
    match end {
        RunEnd::Committed { .. } => Ok(Ending::Committed),
        RunEnd::QuarantineExceeded { .. } => Ok(Ending::Quarantine),
        RunEnd::Refused { .. } => Ok(Ending::Refused),
        RunEnd::DeadLetters { dead, .. } => Ok(Ending::Dead(dead.into_keys().collect())),
        RunEnd::Exhausted { .. } => Err("exhausted".to_owned()),
        RunEnd::Interrupted { .. } => Err("interrupted".to_owned()),
    }
}

/// Whether the job of a site is a scan in lanes.
pub fn lanes(site: &Site) -> u32 {
    match &site.plan.source {
        Source::Scan(scan) => scan.lanes,
        Source::Export(_) => 0,
    }
}
