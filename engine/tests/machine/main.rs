//! The machine from outside: through its events, commands and state hash.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

mod capital;
mod changes;
mod control;
mod control_kit;
mod determinism;
mod equity;
mod exits;
mod flatten;
mod held;
mod instruments;
mod kills;
mod kit;
mod life;
mod limits;
mod monitors;
mod never;
mod rates;
mod references;
mod restart;
mod saved;
mod scopes;
mod sim;
mod sizing;
mod soup;
mod strategies;
mod switches;
mod trading;
mod verdicts;
mod watches;
