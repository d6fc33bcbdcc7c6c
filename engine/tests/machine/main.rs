//! The machine from outside: through its events, commands and state hash.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

mod control;
mod determinism;
mod held;
mod instruments;
mod kit;
mod life;
mod limits;
mod restart;
mod saved;
mod sim;
mod soup;
mod switches;
mod trading;
