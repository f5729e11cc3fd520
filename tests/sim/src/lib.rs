//! Whole jobs in virtual time: the code of production, coordinator and workers, over ports that fail as a seed says.
//!
//! ```text
//!  seed -> scenario: job, fleet, climate -> world: processes over SimStore, SimQueue, SimTable -> oracle
//! ```
//! One thread, a paused clock, and every chance drawn from the seed: the same seed is the same world, event by event.

pub mod draw;
pub mod climate;
pub mod what;
pub mod world;
pub mod process;
pub mod store;
pub mod queue;
pub mod table;
pub mod site;
pub mod scenario;
pub mod fleet;
pub mod operator;
pub mod oracle;
pub mod run;
pub mod many;
pub mod points;
pub mod scale;

pub use run::{Outcome, run};
