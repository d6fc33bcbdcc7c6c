//! Replay through its public interface: snapshots at any sequence, and starts from them.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail here"
)]

mod cuts;
mod log;
mod starts;

/// The machine tests' own records and venue: one simulation for both crates.
#[path = "../../../engine/tests/machine/kit.rs"]
#[allow(dead_code, reason = "the machine's tests use all of it")]
mod kit;
#[path = "../../../engine/tests/machine/sim.rs"]
#[allow(dead_code, reason = "the machine's tests use all of it")]
mod sim;
