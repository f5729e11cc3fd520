//! Holds one request while a test changes the world behind it.

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::locked;
use super::schedule::{Filter, Sight};

/// A request that has not come by now never will.
const PATIENCE: Duration = Duration::from_secs(60);

/// The test's side of a gate. Dropped, it opens.
#[derive(Debug)]
pub struct Gate {
    arrived: mpsc::Receiver<()>,
    opened: Option<oneshot::Sender<()>>,
}

/// The proxy's side.
#[derive(Debug)]
pub(super) struct Waiting {
    filter: Filter,
    arrived: mpsc::Sender<()>,
    opened: oneshot::Receiver<()>,
}

pub(super) fn pair(filter: Filter) -> (Gate, Waiting) {
    let (arrived_here, arrived) = mpsc::channel();
    let (opened, opened_there) = oneshot::channel();
    let gate = Gate { arrived, opened: Some(opened) };
    (gate, Waiting { filter, arrived: arrived_here, opened: opened_there })
}

impl Gate {
    /// Waits until the request stands before the gate.
    #[track_caller]
    pub fn reached(&self) {
        self.arrived.recv_timeout(PATIENCE).expect("the request that is to be held never came");
    }

    /// Lets it go on.
    pub fn open(mut self) {
        // The request's connection may be gone by now.
        let _ = self.opened.take().map(|opened| opened.send(()));
    }
}

/// Waits before the gate that is meant for this request, if there is one.
pub(super) async fn pass(gates: &Mutex<Vec<Waiting>>, sight: &Sight<'_>) {
    let meant = {
        let mut gates = locked(gates);
        let place = gates.iter().position(|waiting| waiting.filter.takes(sight));
        place.map(|place| gates.swap_remove(place))
    };
    if let Some(Waiting { arrived, opened, .. }) = meant {
        let _ = arrived.send(());
        let _ = opened.await;
    }
}
