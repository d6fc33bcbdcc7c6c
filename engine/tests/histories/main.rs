//! Random histories against independent oracles: `cargo xtask histories` runs them by the million,
//! plain `cargo test` a few of each.
//!
//! `CARACAL_HISTORIES` says how many, `CARACAL_SEED` which; `CARACAL_HISTORY` names the only one to
//! run. A history that fails is made shorter as long as it still fails, and printed.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

mod books;
mod desks;
#[expect(
    dead_code,
    reason = "the machine's tests use the rest of their own helpers"
)]
#[path = "../machine/kit.rs"]
mod kit;
mod machine;
mod money;
mod oracle;
mod orders;
mod pair;
mod runner;
