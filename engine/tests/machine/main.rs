//! The machine from outside: through its events, commands and state hash.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

mod capital;
mod changes;
mod closing;
mod control;
mod control_kit;
mod determinism;
mod equity;
mod exits;
mod fills;
mod flatten;
mod held;
mod instruments;
mod kills;
mod kit;
mod life;
mod limits;
mod losses;
mod monitors;
mod never;
mod rates;
mod references;
mod restart;
mod saved;
mod scopes;
mod shown;
mod sim;
mod sizing;
mod soup;
mod strategies;
mod switches;
mod trading;
mod unpriced;
mod verdicts;
mod watches;
