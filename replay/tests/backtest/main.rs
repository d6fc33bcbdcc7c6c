//! Backtests through the public interface: what went wrong in other programs' threads, and what is
//! right, one file a thread; and the check for a look ahead. Small data sets, made here.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail here"
)]

mod hftbacktest_256;
mod hftbacktest_279;
mod hftbacktest_316;
mod kit;
mod lookahead;
mod nautilus_2564;
mod nautilus_2612;
mod nautilus_4370;
mod nautilus_5054;
mod snapshots;
