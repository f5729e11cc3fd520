//! The workers: started, told to stop, killed, started again.

use std::sync::Arc;
use std::time::Duration;

use backfleet_core::limits::OUTAGE_PATIENCE;
use backfleet_core::message::Message;
use backfleet_core::ports::Queue as _;
use backfleet_core::retry::RetryingQueue;
use backfleet_worker::tally::Tally;
use backfleet_worker::{Desk, WorkerConfig, work};
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::process::Process;
use crate::queue::SimQueue;
use crate::scenario::Scenario;
use crate::site::{SimPlaces, Site};
use crate::world::World;

/// One slot of the service: a worker, and the next one when it is gone.
pub async fn slot(world: Arc<World>, site: Arc<Site>, scenario: Scenario, n: u32, massacre: Arc<Notify>) {
    let from = if scenario.calm {
        Duration::ZERO
    } else {
        world.draw(|draw| draw.time(Duration::ZERO, Duration::from_secs(30)))
    };
    sleep(from).await;
    let mut life = 0;
    while !world.over.is_cancelled() {
        let process = Process::new(&world, 100 * n + life, format!("w{n}.{life}"));
        world.tell(&process.name, "starts");
        let stop = CancellationToken::new();
        // Biased: the dead do nothing more.
        tokio::select! {
            biased;
            () = world.over.cancelled() => return,
            () = process.dead.cancelled() => world.tell(&process.name, "is dead"),
            () = massacre.notified() => {
                world.saw("F32 killed with all others");
                world.tell(&process.name, "is killed with all others");
            }
            () = until_stopped(&world, &process, &stop) => {
                world.saw("F02 killed while stopping");
                world.tell(&process.name, "is killed while stopping");
            }
            () = lives(&process, &site, &scenario, stop.clone()) => world.tell(&process.name, "has stopped"),
        }
        sleep(world.draw(|draw| draw.time(Duration::from_millis(100), Duration::from_secs(60)))).await;
        life = (life + 1) % 100;
    }
}

/// Comes back when a worker that was told to stop is out of time.
async fn until_stopped(world: &World, process: &Process, stop: &CancellationToken) {
    if !world.happens("F02 told to stop", world.climate.stopped) {
        return std::future::pending().await;
    }
    sleep(world.draw(|draw| draw.time(Duration::from_secs(1), world.climate.until / 4))).await;
    world.tell(&process.name, "is told to stop");
    stop.cancel();
    // 0 s: a second signal. Fargate Spot gives 30 s or 120 s.
    sleep(Duration::from_secs(world.draw(|draw| draw.pick(&[0, 30, 120])))).await;
}

async fn lives(process: &Arc<Process>, site: &Arc<Site>, scenario: &Scenario, stop: CancellationToken) {
    let queue = RetryingQueue::new(Arc::new(SimQueue::new(process, site)), process.retrier());
    let desk = Desk::new(SimPlaces::new(process, site), Arc::new(queue), Arc::new(Tally::default()));
    let config = WorkerConfig { concurrency: scenario.concurrency, stop_timeout: Duration::from_secs(100) };
    let (ends, mut settled) = mpsc::channel(4);
    let drain = async { while settled.recv().await.is_some() {} };
    tokio::join!(work(Arc::new(desk.with_patience(OUTAGE_PATIENCE)), config, stop, ends), drain);
}

/// Kills all workers at once, some times.
pub async fn massacres(world: Arc<World>, massacre: Arc<Notify>) {
    for _ in 0..world.climate.massacres {
        sleep(world.draw(|draw| draw.time(Duration::from_millis(100), world.climate.until / 3))).await;
        massacre.notify_waiters();
    }
}

/// What does not belong on the queue, and what is there once more.
pub async fn strangers(world: Arc<World>, site: Arc<Site>, foreign: Message) {
    let first = |unit| Message::first(site.plan.job, unit).to_body();
    for _ in 0..world.climate.strangers {
        sleep(world.draw(|draw| draw.time(Duration::ZERO, Duration::from_secs(60)))).await;
        let unit = world.draw(|draw| draw.below(site.plan.units.len() as u64)) as u32;
        let (name, body) = match world.draw(|draw| draw.below(9)) {
            0 => ("F08 no message", "{".to_owned()),
            1 => ("F08 no message", "[".repeat(60_000)),
            2 => ("F08 other version", first(unit).replace("\"v\":1", "\"v\":2")),
            3 => ("F08 further field", first(unit).replace("\"unit\"", "\"bucket\":\"other\",\"unit\"")),
            4 => ("F09 unknown job", Message::first("f".repeat(32).parse().expect("an id"), unit).to_body()),
            5 => ("F09 unknown unit", first(site.plan.units.len() as u32)),
            6 => ("F09 foreign source", foreign.to_body()),
            7 => (
                "F10 late slice",
                Message { slice: 7, progress: 3, ..Message::first(site.plan.job, unit) }.to_body(),
            ),
            _ => ("F03 message once more", first(unit)),
        };
        world.saw(name);
        world.tell("person", &format!("sends {}", body.get(..80).unwrap_or(&body)));
        let refused = site.queue.send(&[body]).await;
        debug_assert!(refused.is_ok());
    }
}

/// Somebody writes to the table.
pub async fn writers(world: Arc<World>, site: Arc<Site>) {
    for _ in 0..world.climate.changes {
        sleep(world.draw(|draw| draw.time(Duration::ZERO, Duration::from_secs(4)))).await;
        let (place, how) =
            world.draw(|draw| (draw.below(u64::from(site.table.places())) as u32, draw.below(1000)));
        world.saw("F22 item changed");
        site.table.change(place, how);
    }
}
