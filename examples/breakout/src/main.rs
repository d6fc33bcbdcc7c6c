//! A trading engine with one strategy more: all that the binary is.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    caracal::Program::new()
        .strategy::<breakout::Breakout>()
        .run()
}
