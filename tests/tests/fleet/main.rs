//! The fleet as its users have it: the real programs, S3 and SQS on an emulator of each test's own.
//!
//! One program for all of them, because most of their time is waiting and waits can overlap.

mod places;
mod crashes;
mod duplicates;
mod coordinators;
mod dead_letters;
mod refusals;
mod authority;
mod stopping;
mod watching;
mod doctor;
mod scans;
mod exports;
mod sinks;
mod touches;
mod inputs;
