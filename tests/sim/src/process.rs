//! A process of the fleet, as the world sees it: every call it makes can fail, be lost, be late, or be its last.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use backfleet_core::ports::{Effect, PortError, PortFault, Retry};
use backfleet_core::retry::{Retrier, RetryPolicy};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::what::{Verb, What};
use crate::world::{Event, World};

/// A call is given up after this long.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// One life of one process.
pub struct Process {
    /// Its number in the world.
    pub id: u32,
    /// Which slot, and which life of it.
    pub name: String,
    /// Where it lives.
    pub world: Arc<World>,
    /// Cancelled by its death.
    pub dead: CancellationToken,
    worker: bool,
}

/// One call, as faults see it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Its name in errors.
    pub name: &'static str,
    /// What is done.
    pub verb: Verb,
    /// To what.
    pub what: What,
    /// To which.
    pub subject: &'a str,
}

/// What becomes of a call.
enum Fate {
    Well,
    Refused(PortFault),
    ReplyLost,
    DiesBefore,
    DiesAfter,
}

impl Process {
    /// A process of a slot.
    pub fn new(world: &Arc<World>, id: u32, name: String) -> Arc<Self> {
        let worker = name.starts_with('w');
        Arc::new(Self { id, name, world: world.clone(), dead: CancellationToken::new(), worker })
    }

    /// How it tries again: as production does, from a seed of its own.
    pub fn retrier(&self) -> Arc<Retrier> {
        Arc::new(Retrier::new(RetryPolicy::default(), u64::from(self.id)))
    }

    /// Makes a call. `effect` is what it does to the world, at one moment.
    pub async fn call<T>(
        &self,
        call: Call<'_>,
        effect: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        let fate = self.fate(&call);
        sleep(self.takes()).await;
        match fate {
            Fate::DiesBefore => return self.dies(&call, "before").await,
            Fate::Refused(fault) => {
                self.event(&call, "refused");
                let unknown = self.world.draw(|draw| draw.chance(0.5));
                let effect = if unknown { Effect::Unknown } else { Effect::None };
                return Err(self.error(&call, fault, effect));
            }
            _ => {}
        }
        let done = effect.await;
        match fate {
            Fate::DiesAfter => return self.dies(&call, "after").await,
            Fate::ReplyLost => {
                self.event(&call, "reply lost");
                sleep(self.takes()).await;
                return Err(self.error(&call, PortFault::Unavailable, Effect::Unknown));
            }
            _ => {}
        }
        self.event(&call, if done.is_ok() { "ok" } else { "error" });
        done
    }

    /// Waits as long as anybody waits for a reply, and gets none.
    pub async fn no_reply<T>(&self, call: &Call<'_>) -> Result<T, PortError> {
        sleep(CALL_LIMIT).await;
        self.event(call, "no reply");
        Err(self.error(call, PortFault::Unavailable, Effect::Unknown))
    }

    /// The error of a call that may be tried again.
    pub fn error(&self, call: &Call<'_>, fault: PortFault, effect: Effect) -> PortError {
        let error = PortError::passing(call.name, call.subject, fault, effect);
        match fault {
            PortFault::Throttled if self.world.draw(|draw| draw.chance(0.2)) => {
                PortError { retry: Retry::After(Duration::from_secs(1)), ..error }
            }
            _ => error,
        }
    }

    /// Dies in a call.
    pub async fn dies<T>(&self, call: &Call<'_>, when: &str) -> Result<T, PortError> {
        self.world.saw("F01 killed in a call");
        self.world.saw(&format!(
            "crash: {} {when} {:?} {:?}",
            if self.worker { "worker" } else { "coordinator" },
            call.verb,
            call.what
        ));
        self.event(call, if when == "before" { "dies before" } else { "dies after" });
        self.dead.cancel();
        pending().await
    }

    /// Tells the trace.
    pub fn event(&self, call: &Call<'_>, end: &str) {
        let Call { verb, what, subject, .. } = *call;
        self.world.event(&Event { process: &self.name, verb, what, subject, end });
    }

    /// How long half a call takes.
    pub fn takes(&self) -> Duration {
        let world = &self.world;
        if world.happens("slow call", world.climate.slow) {
            return world.draw(|draw| draw.time(Duration::from_secs(1), world.climate.slow_by));
        }
        world.draw(|draw| draw.time(Duration::from_millis(1), Duration::from_millis(15)))
    }

    fn fate(&self, call: &Call<'_>) -> Fate {
        let world = &self.world;
        let climate = &world.climate;
        if !world.is_rough() {
            return Fate::Well;
        }
        let stored = matches!(call.verb, Verb::Get | Verb::Head | Verb::List | Verb::Put);
        if stored && climate.storm.is_some_and(|(from, to)| (from..to).contains(&world.now())) {
            world.saw("F12 refused in a storm");
            return Fate::Refused(PortFault::Throttled);
        }
        if world.draw(|draw| draw.chance(climate.killed)) {
            let before = world.draw(|draw| draw.chance(0.5));
            return if before { Fate::DiesBefore } else { Fate::DiesAfter };
        }
        if world.happens("F12 call refused", climate.refused) {
            return Fate::Refused(PortFault::Unavailable);
        }
        if world.happens("F18 reply lost", climate.reply_lost) {
            return Fate::ReplyLost;
        }
        Fate::Well
    }
}
