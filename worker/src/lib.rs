//! One delivery from receipt to acknowledgement.
//!
//! [`attempt()`] tells the whole story of one delivery; read it first. Progress is a type
//! (`Delivery` -> `Claimed` -> `Uploaded` -> `Completed`) and only `Completed` can be acknowledged, so
//! acknowledging early does not compile. A worker keeps nothing between two deliveries but the plans it has
//! read, and it never imports the coordinator.
//!
//! In flow order:

pub mod flags;
pub mod log;
pub mod signals;
pub mod http;
pub mod vitals;
pub mod protect;
pub mod location;
pub mod desk;
pub mod outlet;
pub mod places;
pub mod receive;
pub mod attempt;
pub mod keepalive;
pub mod claim;
pub mod read;
pub mod convert;
pub mod lane;
pub mod scan;
pub mod upload;
pub mod sink;
pub mod invoke;
pub mod touch;
pub mod quarantine;
pub mod complete;
pub mod hand_on;
pub mod ack;
pub mod settle;
pub mod tally;

pub use attempt::attempt;
pub use desk::{Desk, OnePlace, Origin, Outlet, Places};
pub use receive::{Settled, WorkerConfig, work};
pub use settle::Settlement;
