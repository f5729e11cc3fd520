//! What a worker of a fleet may touch: its own allow-list, and nothing a message or a plan says beyond it.

use std::sync::Arc;

use async_trait::async_trait;
use backfleet_core::ports::ObjectStore;
use backfleet_core::sink::{Sink, SinkPlace};

use crate::desk::{Origin, Outlet, Places};
use crate::location::{Connections, Location};
use crate::outlet;

/// An allow-list of sources, destinations and sinks.
pub struct Allowed {
    sources: Vec<Location>,
    dests: Vec<Arc<dyn ObjectStore>>,
    sinks: Vec<SinkPlace>,
    connections: Connections,
}

impl Allowed {
    /// Sources with all below them, and destinations.
    pub fn new(sources: Vec<Location>, dests: Vec<Arc<dyn ObjectStore>>, connections: Connections) -> Self {
        Self { sources, dests, sinks: Vec::new(), connections }
    }

    /// The same with sinks, as they are written.
    #[must_use]
    pub fn with_sinks(self, sinks: Vec<SinkPlace>) -> Self {
        Self { sinks, ..self }
    }
}

#[async_trait]
impl Places for Allowed {
    fn dests(&self) -> &[Arc<dyn ObjectStore>] {
        &self.dests
    }

    async fn source(&self, location: &str) -> Option<Origin> {
        let location = Location::parse(location).ok()?;
        if !self.sources.iter().any(|source| location.is_within(source)) {
            return None;
        }
        location.open_origin(&self.connections).await.ok()
    }

    async fn outlet(&self, sink: &Sink) -> Option<Outlet> {
        if !self.sinks.contains(&sink.place()) {
            return None;
        }
        outlet::open(sink, &self.connections).await.ok()
    }
}
