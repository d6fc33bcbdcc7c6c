//! The shipped binary: the program with the strategies that Caracal brings.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    caracal::Program::new().run()
}
