//! The fault list of `journal/FAULTS.md`: every row that the journal answers for, with one oracle.
//!
//! `cargo xtask faults` runs these in release and prints the table. What needs root and loop
//! devices is ignored by default, and says so where it cannot run.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on must fail here; counts are printed for the table"
)]

mod calls;
mod child;
mod common;
mod corrupt;
mod flips;
mod kill;
mod life;
mod limits;
mod oracle;
mod power;
mod readers;
mod regress;
mod rig_a;
mod rig_b;
mod rig_c;
mod rigs;
mod seal;
mod sim;
mod snapshots;
mod surroundings;
mod upkeep;
