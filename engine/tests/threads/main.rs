//! What went wrong elsewhere, played against our machine: each test names a public thread, says
//! what happened there, and shows that it cannot here.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

mod freqtrade;
mod hftbacktest;
mod hummingbot;
#[expect(
    dead_code,
    reason = "the machine's tests use the rest of their own helpers"
)]
#[path = "../machine/kit.rs"]
mod kit;
mod nautilus;
mod scene;
