//! From a source to a verified destination: plan, enqueue, watch, verify, finish.
//!
//! The library holds every decision of the operator's command line; `main.rs` only parses flags, prints and
//! picks the exit code. Workers are started in-process by `run` alone.
//!
//! In flow order:

pub mod take;
pub mod export;
pub mod census;
pub mod spec;
pub mod target;
pub mod plan;
pub mod scan;
pub mod price;
pub mod enqueue;
pub mod watch;
pub mod invariants;
pub mod verify;
pub mod finish;
pub mod run;
pub mod start;
pub mod status;
pub mod dlq;
pub mod quarantine;
pub mod replay;
pub mod wait;
pub mod overview;
pub mod doctor;
pub mod parity;
pub mod history;
pub mod stitch;
pub mod handoff;
pub mod synth;
