//! The kit of the end-to-end tests: they see the product as its users do, through the real binary, files and exit
//! codes. Nothing of ours is linked in, so that a mistake in the product cannot hide in what measures it.
//!
//! A kit may panic: every function here ends the test with a sentence when the world is not as the test needs it.
//!
//! In flow order:

pub mod binary;
pub mod process;
pub mod export;
pub mod listing;
pub mod handmade;
pub mod history;
pub mod damage;
pub mod destination;
pub mod record;
pub mod size;

// A fleet on an emulator:
pub mod fleet_wait;
pub mod fleet_http;
pub mod fleet_cloud;
pub mod fleet_worker;
pub mod fleet_table;
pub mod fleet_function;
pub mod fleet;
pub mod proxy;
