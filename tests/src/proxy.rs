//! A relay between the binaries and the emulator that does to their traffic what networks and services do.
//!
//! ```text
//! binary --request--> frame (http) --> what is it (kind) --> what happens to it (schedule)
//!                                                                 |
//! binary <--answer, or what is left of it-- relay <--fault-- none, or one of fault.rs
//!                                             |
//!                                         emulator
//! ```
//! What happens to a request follows from the seed, its kind, its target and how often that target was asked for,
//! never from the order in which connections come: the same seed does the same to the same job. Whatever was
//! done is counted where it was done, so that a test can tell a fault that was survived from one that never came.
//!
//! In flow order:

pub mod http;
pub mod kind;
pub mod fault;
pub mod schedule;
pub mod ledger;
mod canned;
mod gate;
mod relay;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub use fault::Fault;
pub use gate::Gate;
pub use kind::Kind;
pub use ledger::Ledger;
pub use schedule::{Filter, Often, Rule, Schedule};

/// A running proxy. Its connections break when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    // `None` only while it is dropped.
    runtime: Option<Runtime>,
    address: SocketAddr,
    desk: Arc<Desk>,
}

/// What all connections share.
#[derive(Debug)]
struct Desk {
    upstream: SocketAddr,
    schedule: Mutex<Schedule>,
    ledger: Mutex<Ledger>,
    gates: Mutex<Vec<gate::Waiting>>,
}

impl Proxy {
    /// Relays to `upstream` from a port of its own, at first without any fault.
    pub fn start(upstream: SocketAddr) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let desk = Arc::new(Desk {
            upstream,
            schedule: Mutex::default(),
            ledger: Mutex::default(),
            gates: Mutex::default(),
        });
        runtime.spawn(relay::accept(listener, desk.clone()));
        Ok(Self { runtime: Some(runtime), address, desk })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What happens to requests from now on.
    pub fn set(&self, schedule: Schedule) {
        *locked(&self.desk.schedule) = schedule;
    }

    /// Nothing happens to requests from now on.
    pub fn calm(&self) {
        self.set(Schedule::default());
    }

    /// What was seen and done so far.
    pub fn ledger(&self) -> Ledger {
        locked(&self.desk.ledger).clone()
    }

    /// Holds the first request that `filter` takes, until the gate is opened.
    pub fn hold(&self, filter: Filter) -> Gate {
        let (gate, waiting) = gate::pair(filter);
        locked(&self.desk.gates).push(waiting);
        gate
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
