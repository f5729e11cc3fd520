//! What all processes of a simulation share: the draws, the trace, the leases, and what was seen to be wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backfleet_core::message::Message;
use backfleet_core::ports::{Clock, Held, Hold};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::Xxh3;

use crate::climate::Climate;
use crate::draw::Draw;
use crate::what::{Verb, What};

/// How often something was seen, by its name.
pub type Seen = BTreeMap<String, u64>;

/// One simulated world.
pub struct World {
    /// What can go wrong in it.
    pub climate: Climate,
    /// When it began.
    pub began: Instant,
    /// Cancelled when nobody works any more.
    pub over: CancellationToken,
    /// Whether messages come with leases that are watched.
    pub leased: bool,
    state: Mutex<State>,
}

struct State {
    draw: Draw,
    trace: Option<Vec<String>>,
    digest: Xxh3,
    seen: Seen,
    violations: Vec<String>,
    leases: BTreeMap<String, Lease>,
    sent: BTreeSet<(u32, u32)>,
}

#[derive(Debug, Clone)]
struct Lease {
    process: u32,
    message: Option<Message>,
    ends: Instant,
}

/// What a call did.
pub struct Event<'a> {
    /// Whose.
    pub process: &'a str,
    /// The call.
    pub verb: Verb,
    /// Of what.
    pub what: What,
    /// The object, message or page.
    pub subject: &'a str,
    /// How it ended.
    pub end: &'a str,
}

impl World {
    /// A world of a climate, whose chances follow from a seed.
    pub fn new(climate: Climate, seed: u64, leased: bool, traced: bool) -> Arc<Self> {
        let state = State {
            draw: Draw::new(seed),
            trace: traced.then(Vec::new),
            digest: Xxh3::new(),
            seen: Seen::new(),
            violations: Vec::new(),
            leases: BTreeMap::new(),
            sent: BTreeSet::new(),
        };
        let (began, over) = (Instant::now(), CancellationToken::new());
        Arc::new(Self { climate, began, over, leased, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws.
    pub fn draw<T>(&self, of: impl FnOnce(&mut Draw) -> T) -> T {
        of(&mut self.state().draw)
    }

    /// Since the beginning.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether anything goes wrong still.
    pub fn is_rough(&self) -> bool {
        self.now() < self.climate.until
    }

    /// Whether a fault that is so frequent happens now; if so, it is counted under `name`.
    pub fn happens(&self, name: &str, often: f64) -> bool {
        let happens = self.is_rough() && self.draw(|draw| draw.chance(often));
        if happens {
            self.saw(name);
        }
        happens
    }

    /// Counts something.
    pub fn saw(&self, name: &str) {
        let mut state = self.state();
        match state.seen.get_mut(name) {
            Some(count) => *count += 1,
            None => drop(state.seen.insert(name.to_owned(), 1)),
        }
    }

    /// How often that was seen.
    pub fn seen(&self, name: &str) -> u64 {
        self.state().seen.get(name).copied().unwrap_or(0)
    }

    /// Everything that was counted.
    pub fn all_seen(&self) -> Seen {
        self.state().seen.clone()
    }

    /// Something that must never be.
    pub fn violated(&self, invariant: &str, how: impl Into<String>) {
        let text = format!("{invariant}: {}", how.into());
        self.tell("world", &text);
        self.state().violations.push(text);
    }

    /// All that must never have been.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// A call that ended.
    pub fn event(&self, event: &Event<'_>) {
        let Event { process, verb, what, subject, end } = event;
        let now = self.now();
        let mut state = self.state();
        state.digest.update(&(now.as_nanos() as u64).to_le_bytes());
        state.digest.update(&[*verb as u8, *what as u8]);
        for text in [process, subject, end] {
            state.digest.update(text.as_bytes());
        }
        if let Some(trace) = &mut state.trace {
            let mut line = format!("{:>12.3} {process:<6}", now.as_secs_f64());
            let _ = write!(line, " {verb:?} {what:?} {subject}: {end}");
            trace.push(line);
        }
    }

    /// Anything else that people should read in the trace.
    pub fn tell(&self, process: &str, text: &str) {
        let now = self.now();
        let mut state = self.state();
        state.digest.update(text.as_bytes());
        if let Some(trace) = &mut state.trace {
            trace.push(format!("{:>12.3} {process:<6} {text}", now.as_secs_f64()));
        }
    }

    /// A digest of everything that happened, in its order.
    pub fn digest(&self) -> u64 {
        self.state().digest.digest()
    }

    /// What happened, line by line.
    pub fn trace(&self) -> Vec<String> {
        self.state().trace.clone().unwrap_or_default()
    }

    /// A message was taken by a process, for so long.
    pub fn leased(&self, process: u32, held: &Held, window: Duration) {
        let lease =
            Lease { process, message: Message::parse(&held.body).ok(), ends: Instant::now() + window };
        self.state().leases.insert(held.hold.0.clone(), lease);
    }

    /// A lease lasts so long from now.
    pub fn extended(&self, hold: &Hold, window: Duration) {
        if let Some(lease) = self.state().leases.get_mut(&hold.0) {
            lease.ends = Instant::now() + window;
        }
    }

    /// A message was let go.
    pub fn let_go(&self, hold: &Hold) -> Option<Message> {
        self.state().leases.remove(&hold.0)?.message
    }

    /// What a held message says.
    pub fn message(&self, hold: &Hold) -> Option<Message> {
        self.state().leases.get(&hold.0)?.message
    }

    /// Leases that a process has now.
    pub fn leases(&self, process: u32) -> usize {
        let now = Instant::now();
        self.state().leases.values().filter(|lease| lease.process == process && lease.ends > now).count()
    }

    /// I8: whoever works on a unit has a lease on it.
    pub fn check_lease(&self, process: u32, name: &str, unit: u32, doing: &str) {
        if !self.leased {
            return;
        }
        let now = Instant::now();
        let held = self.state().leases.values().any(|lease| {
            lease.process == process
                && lease.ends >= now
                && lease.message.is_some_and(|message| message.unit == unit)
        });
        if !held {
            self.violated("I8 nothing is done without a lease", format!("{name} {doing} of unit {unit}"));
        }
    }

    /// A message went onto the queue.
    pub fn sent(&self, body: &str) {
        if let Ok(message) = Message::parse(body) {
            self.state().sent.insert((message.unit, message.slice));
        }
    }

    /// Whether a message of that unit and slice ever went onto the queue.
    pub fn was_sent(&self, unit: u32, slice: u32) -> bool {
        self.state().sent.contains(&(unit, slice))
    }
}

/// Wall time of a simulated world.
pub struct SimClock(pub Arc<World>);

impl Clock for SimClock {
    fn now(&self) -> std::time::SystemTime {
        let jump = if self.0.is_rough() && self.0.draw(|draw| draw.chance(0.02)) {
            self.0.saw("F24 wall clock jumps");
            Duration::from_secs(self.0.draw(|draw| draw.below(7200)))
        } else {
            Duration::from_secs(3600)
        };
        std::time::UNIX_EPOCH + self.0.now() + jump
    }
}
