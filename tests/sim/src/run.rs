//! One world, from its seed to the judgement.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Once};
use std::time::Duration;

use backfleet_core::control::Control;
use backfleet_core::message::Message;
use backfleet_core::mutant::{self, Mutant};
use backfleet_core::plan::Plan;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::draw::Draw;
use crate::fleet::{massacres, slot, strangers, writers};
use crate::operator::{Ending, operate, replays};
use crate::oracle::judge;
use crate::scenario::{Scenario, scenario};
use crate::site::{Site, object};
use crate::world::{Seen, World};

/// Virtual time that a job may take when nothing goes wrong any more.
const PATIENCE: Duration = Duration::from_secs(6 * 3600);

/// What came of a seed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What must never be, and was.
    pub violations: Vec<String>,
    /// What happened, and how often.
    pub seen: Seen,
    /// A digest of everything that happened, in its order.
    pub digest: u64,
    /// What happened, line by line, if that was asked for.
    pub trace: Vec<String>,
    /// Virtual time until the job's end.
    pub took: Duration,
}

/// Runs the world of a seed on this thread, whose protocol is broken so, if at all.
pub fn run(seed: u64, broken: Option<Mutant>, traced: bool) -> Outcome {
    note_panics();
    mutant::set(broken);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without threads or files");
    PANICS.set(Some(Vec::new()));
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(world(seed, traced))));
    drop(runtime);
    mutant::set(None);
    let mut outcome = outcome.unwrap_or_else(|_| Outcome::nothing(seed));
    outcome.violations.extend(PANICS.take().unwrap_or_default());
    outcome
}

thread_local! {
    /// Panics of the world on this thread, wherever they end; nothing while there is no world.
    static PANICS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Has every panic noted as a violation: a task's own would be lost with the task.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            PANICS.with_borrow_mut(|panics| match panics {
                Some(panics) => panics.push(format!("a panic: {panic}")),
                None => usual(panic),
            });
        }));
    });
}

impl Outcome {
    fn nothing(seed: u64) -> Self {
        let (violations, trace, seen) = (Vec::new(), Vec::new(), Seen::new());
        Self { seed, violations, seen, digest: 0, trace, took: Duration::ZERO }
    }
}

async fn world(seed: u64, traced: bool) -> Outcome {
    let mut draw = Draw::new(seed);
    let (scenario, site) = scenario(&mut draw);
    let site = Arc::new(site);
    let world = World::new(scenario.climate.clone(), seed ^ 0x5eed, !scenario.local, traced);
    world.tell("world", &format!("{scenario:?}"));
    let (ending, took) = live(&world, &site, &scenario).await;
    match &ending {
        None => world.violated("I6 the job ends", format!("not within {PATIENCE:?} after the last fault")),
        Some(ending) => {
            world.saw(&format!("ending: {}", name(ending)));
            expected(&world, &site, &scenario, ending);
            judge(&world, &site, &scenario, ending).await;
        }
    }
    if scenario.local {
        world.saw("jobs in one process");
    }
    if scenario.operators > 1 {
        world.saw("F28 two coordinators");
    }
    if site.few_in_flight {
        world.saw("F30 few messages in flight");
    }
    for _ in &site.expected.poison {
        world.saw("F11 poison");
    }
    world.saw(if site.is_scan() { "scans" } else { "exports" });
    Outcome {
        seed,
        violations: world.violations(),
        seen: world.all_seen(),
        digest: world.digest(),
        trace: world.trace(),
        took,
    }
}

fn name(ending: &Ending) -> &'static str {
    match ending {
        Ending::Committed => "committed",
        Ending::Quarantine => "too much in quarantine",
        Ending::Refused => "refused",
        Ending::Dead(_) => "dead letters",
    }
}

async fn live(world: &Arc<World>, site: &Arc<Site>, scenario: &Scenario) -> (Option<Ending>, Duration) {
    let foreign = foreign_plan(site);
    if site.is_scan() {
        site.dest.overwrite(object(site.layout.control(), Control::of_budget(scenario.budget).to_json()));
    }
    let massacre = Arc::new(Notify::new());
    let mut others = JoinSet::new();
    if !scenario.local {
        for n in 0..scenario.workers {
            others.spawn(slot(world.clone(), site.clone(), scenario.clone(), n, massacre.clone()));
        }
        others.spawn(massacres(world.clone(), massacre));
        others.spawn(strangers(world.clone(), site.clone(), foreign));
        others.spawn(replays(world.clone(), site.clone()));
    }
    others.spawn(writers(world.clone(), site.clone()));
    let mut operators = JoinSet::new();
    for n in 0..scenario.operators {
        operators.spawn(operate(world.clone(), site.clone(), scenario.clone(), n));
    }
    let mut endings = Vec::new();
    let all = async {
        while let Some(ending) = operators.join_next().await {
            endings.push(ending.expect("an operator does not panic"));
        }
    };
    let ended = timeout(world.climate.until + PATIENCE, all).await.is_ok();
    let took = world.now();
    // Now and then somebody runs it once more.
    let ending = if ended { endings.last().cloned() } else { None };
    world.over.cancel();
    others.shutdown().await;
    drop(operators);
    if ending == Some(Ending::Committed) {
        again(world, site, scenario).await;
    }
    // What is still under way lands.
    sleep(world.climate.late_by + Duration::from_secs(60)).await;
    (ending, took)
}

/// I3: the job run once more changes nothing.
async fn again(world: &Arc<World>, site: &Arc<Site>, scenario: &Scenario) {
    while world.is_rough() {
        sleep(world.climate.until - world.now() + Duration::from_millis(1)).await;
    }
    let shards = |site: &Site| {
        let everything = site.dest.everything().into_iter();
        let mut ours: Vec<_> = everything.map(|(key, (bytes, _))| (key, bytes)).collect();
        ours.retain(|(key, _)| !key.contains("/resume/"));
        ours
    };
    let before = shards(site);
    let ending = operate(world.clone(), site.clone(), scenario.clone(), 7).await;
    if ending != Ending::Committed || shards(site) != before {
        world.violated("I3 a job that is done stays as it is", format!("run again it ends as {ending:?}"));
    }
}

/// A plan under this destination whose source is not allowed.
fn foreign_plan(site: &Site) -> Message {
    let mut options = site.plan.options.clone();
    options.partition = "elsewhere".to_owned();
    let plan =
        Plan::new("sim://elsewhere".into(), site.plan.source.clone(), options, site.plan.units.clone());
    let plan = plan.expect("like the other");
    site.dest.overwrite(object(backfleet_core::layout::plan_key(plan.job), plan.to_json()));
    Message::first(plan.job, 0)
}

fn expected(world: &World, site: &Site, scenario: &Scenario, ending: &Ending) {
    let sabotaged = site.sabotaged.load(std::sync::atomic::Ordering::Relaxed);
    let fits = match ending {
        Ending::Committed => {
            let left = site.expected.poison.len();
            let mended = if scenario.mended { site.expected.mends.len() } else { 0 };
            left == mended
        }
        Ending::Quarantine => true,
        Ending::Refused => sabotaged,
        Ending::Dead(_) => !site.expected.poison.is_empty(),
    };
    if !fits {
        world.violated("I6 the job ends as it should", format!("{ending:?}"));
    }
}
