//! What goes into a sink, how often, and in which order: one unit over the in-memory ports and a paused clock.

#![expect(clippy::unwrap_used, reason = "a helper of a test may panic")]

mod crash;
mod functions;
mod rig;
mod touches;
