//! What can happen next, for the search.
//!
//! No run goes on for ever: each step brings a worker further along its way or uses up something that is bounded, and
//! the one thing without a bound, the message coming again when nobody works on it, has a fault or a completion before
//! it every time.

use stateright::{Model, Property};

use crate::properties;
use crate::segment::{Page, Position, Segment};
use crate::state::{Left, Put, State};
use crate::worker::{Phase, Protocol};

/// What is searched.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The protocol.
    pub protocol: Protocol,
    /// The segment that is scanned.
    pub segment: Segment,
    /// How many workers there are.
    pub workers: usize,
    /// How much may go wrong in one run.
    pub bounds: Left,
}

/// Something that happens. A worker is told by its place in the order of the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An item changes.
    Change(Position),
    /// The message comes to a worker.
    Receive(usize),
    /// A worker looks, compares, or lets the message go.
    Step(usize),
    /// A worker gets a page.
    Read(usize, Page),
    /// A worker's put arrives, and it is told.
    Land(usize),
    /// A worker is told that its put failed.
    Fail(usize, Failure),
    /// A worker dies. What it has sent may arrive or not.
    Crash(usize),
    /// A put arrives that nobody waits for.
    LandLate(Put),
    /// A put that nobody waits for never arrives.
    Lose(Put),
}

/// How a put fails: what happened, and what the worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Whether the put took effect all the same. If not, it may yet.
    pub happened: bool,
    /// Whether the worker sends it again; otherwise it begins again with what stands.
    pub again: bool,
}

const FAILURES: [Failure; 4] = [
    Failure { happened: true, again: true },
    Failure { happened: true, again: false },
    Failure { happened: false, again: true },
    Failure { happened: false, again: false },
];

impl Chain {
    fn worker_events(&self, state: &State, worker: usize, events: &mut Vec<Event>) {
        let phase = state.workers[worker];
        match phase {
            Phase::Idle => {
                if state.left.twins > 0 || is_due(state) {
                    events.push(Event::Receive(worker));
                }
                return;
            }
            Phase::Stopped => return,
            Phase::Reading(link) => {
                let pages = self.segment.pages(state.table, link.end());
                events.extend(pages.map(|page| Event::Read(worker, page)));
            }
            _ if phase.put().is_some() => {
                events.push(Event::Land(worker));
                if state.left.faults > 0 {
                    events.extend(FAILURES.map(|failure| Event::Fail(worker, failure)));
                }
            }
            _ => events.push(Event::Step(worker)),
        }
        if state.left.faults > 0 {
            events.push(Event::Crash(worker));
        }
    }

    fn after(&self, state: &mut State, worker: usize, event: &Event) -> Phase {
        let phase = state.workers[worker];
        match (event, phase, phase.put()) {
            (Event::Receive(_), ..) => {
                state.left.twins -= u8::from(!is_due(state));
                Phase::Claimed
            }
            (Event::Read(_, page), Phase::Reading(link), _) => self.protocol.read(&self.segment, link, *page),
            (Event::Land(_), _, Some(put)) => {
                let reply = state.land(put, self.protocol.overwrites(put));
                self.protocol.told(put, reply)
            }
            (Event::Fail(_, failure), _, Some(put)) => {
                state.left.faults -= 1;
                if failure.happened {
                    state.land(put, self.protocol.overwrites(put));
                } else {
                    state.give_up(put);
                }
                if failure.again { phase } else { Phase::Claimed }
            }
            (Event::Crash(_), _, put) => {
                state.left.faults -= 1;
                put.into_iter().for_each(|put| state.give_up(put));
                Phase::Idle
            }
            _ => self.protocol.step(state, phase),
        }
    }
}

impl Model for Chain {
    type State = State;
    type Action = Event;

    fn init_states(&self) -> Vec<State> {
        vec![State::beginning(self.workers, self.bounds)]
    }

    fn actions(&self, state: &State, events: &mut Vec<Event>) {
        if state.left.changes > 0 {
            events.extend(self.segment.live().map(Event::Change));
        }
        for worker in 0..state.workers.len() {
            let twin_of_last = worker > 0 && state.workers[worker - 1] == state.workers[worker];
            if !twin_of_last {
                self.worker_events(state, worker, events);
            }
        }
        events.extend(state.late.iter().copied().map(Event::LandLate));
        // Earlier it is as if it had not arrived yet.
        if state.is_quiet() {
            events.extend(state.late.iter().copied().map(Event::Lose));
        }
    }

    fn next_state(&self, last: &State, event: Event) -> Option<State> {
        let mut state = last.clone();
        match event {
            Event::Change(position) => {
                state.table = state.table.change(position);
                state.left.changes -= 1;
            }
            Event::LandLate(put) => {
                state.late.remove(&put);
                state.land(put, self.protocol.overwrites(put));
            }
            Event::Lose(put) => _ = state.late.remove(&put),
            Event::Receive(worker)
            | Event::Step(worker)
            | Event::Read(worker, _)
            | Event::Land(worker)
            | Event::Fail(worker, _)
            | Event::Crash(worker) => state.workers[worker] = self.after(&mut state, worker, &event),
        }
        Some(state.in_order())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

/// Whether the message comes again of itself: nobody has let it go, and nobody works on it.
fn is_due(state: &State) -> bool {
    !state.let_go && state.is_quiet()
}
