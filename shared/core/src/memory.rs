//! The ports in memory: for tests, for the simulation, and the queue of a job that runs in one process.
//!
//! All pass the suites in `conformance`; what a service documents and a fake is tempted to leave out
//! (windows that end, holds that go stale, caps that answer nothing) is here, on a clock that a paused tokio
//! runtime controls.

mod function;
mod queue;
mod store;
mod table;
#[cfg(test)]
mod tests;

pub use function::MemoryFunction;
pub use queue::{MemoryQueue, MemoryQueueConfig};
pub use store::MemoryStore;
pub use table::MemoryTable;
