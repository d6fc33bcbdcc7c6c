//! The whole thing from outside: the real binary, real processes, real sockets, real kills.
//!
//! `RUN_SLOW_TESTS=1` raises the number of kills from a few to two hundred.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod backtest;
mod bad_input;
mod compare;
mod compared;
mod control;
mod explain;
mod import;
mod journal_cat;
mod journal_export;
mod journal_rig;
mod journal_upkeep;
mod kill;
mod modes;
mod paper;
mod recording;
mod rig;
mod session;
mod several;
mod snapshots;
mod sweep;
mod verify;
