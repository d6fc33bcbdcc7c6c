//! Drills: risk, the real gateway and the practice venue, and what may go wrong between them.
//!
//! Counted at the venue, by its own books and its own log. `CARACAL_HISTORIES` says how many,
//! `CARACAL_SEED` which, `CARACAL_HISTORY` names the only one to run; see `cargo xtask histories`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may fail by a panic, and drills print their counts"
)]

mod chaos;
mod dice;
mod flatten;
mod full;
mod holdings;
mod kill;
mod kit;
mod limits;
mod lost_answers;
mod places;
mod records;
#[path = "../../../engine/tests/it/support/slow_disk.rs"]
mod slow_disk;
