//! The real binaries over loopback with a fault proxy between them and the emulator.
//!
//! Whatever the network and the services do, a job ends with the bytes that an undisturbed run in one process
//! leaves, or says why it does not. Every test asserts that its faults really happened.

mod changed;
mod classes;
mod outage;
mod refused;
mod storm;
mod wire;
