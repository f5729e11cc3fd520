//! A model of the chain of shards of a scan's segment, small enough to be searched whole.
//!
//! It imports nothing of ours: it is the protocol as it was meant, not as it was written. A search visits every state
//! that can come of the bounds, in whatever order workers, requests and the table get there, and holds each against
//! the invariants.
//!
//! ```text
//!  Idle --receive--> Claimed -> Looking -> Reading --page--> PuttingLink -> PuttingShard --412--> Refused
//!   ^                   |          |          ^                                  |                   |
//!   |                   |          |          \----------- not the last ---------+-------------------/
//!   |               complete     whole                                           | the last
//!   |                   v          \---------------------------------------------v
//!   \---- the message let go --- Deleting <--equal-- CompletionRefused <--412-- PuttingCompletion
//! ```
//! What goes wrong: a message comes to several workers, and again after it was let go; a worker dies at any step or works
//! on as long as it likes after its lease; a request arrives and its reply does not; a request arrives when nobody
//! waits for it any more; items change, come and go; every reader's pages end elsewhere.
//!
//! What is left out: links nobody names and late puts of links, which change nothing; lanes and their budget; the message
//! for the rest of a segment, which is the message coming again after its worker stopped between two shards; pages
//! that share a shard; reads that fail, which are a worker that dies.
//!
//! In flow order:

pub mod segment;
pub mod link;
pub mod state;
pub mod worker;
pub mod chain;
pub mod properties;
