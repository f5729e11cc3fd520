//! What a job is, where everything of it lies, and the ports through which the fleet touches the world.
//!
//! Owns the words of the protocol (job, unit, plan, message, completion, manifest), the layout of every key,
//! every limit, the metrics table, the ports with their error type, and the implementations of the ports that
//! need no cloud: local files and memory. It never names an AWS SDK type and never starts a task of its own.
//!
//! In flow order:

pub mod limits;
pub mod digest;
pub mod key;
pub mod job;
pub mod sink;
pub mod plan;
pub mod layout;
pub mod message;
pub mod completion;
pub mod receipt;
pub mod control;
pub mod manifest;
pub mod ports;
pub mod effort;
pub mod chain;
pub mod pace;
pub mod paced;
pub mod retry;
pub mod ahead;
pub mod local;
pub mod memory;
pub mod metrics;
pub mod mutant;
#[cfg(feature = "conformance")]
pub mod conformance;
