//! What a worker of a fleet may touch: its own allow-list, and nothing a message or a plan says beyond it.

use std::sync::Arc;

use async_trait::async_trait;
use backfleet_core::ports::ObjectStore;

use crate::desk::{Origin, Places};
use crate::location::{Connections, Location};

/// An allow-list of sources and destinations.
pub struct Allowed {
    sources: Vec<Location>,
    dests: Vec<Arc<dyn ObjectStore>>,
    connections: Connections,
}

impl Allowed {
    /// Sources with all below them, and destinations.
    pub fn new(sources: Vec<Location>, dests: Vec<Arc<dyn ObjectStore>>, connections: Connections) -> Self {
        Self { sources, dests, connections }
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
}
