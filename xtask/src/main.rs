//! Repository chores behind `cargo xtask`: the tidy rules, the whole CI, the fuzz runs, the
//! table of faults, the random histories, a peer in Python.
//!
//! A tool of the people who work on Caracal, never part of what is shipped. It depends on no
//! other member of the workspace, so that it still runs when they do not compile.

#![forbid(unsafe_code)]

mod chaos;
mod ci;
mod faults;
mod fuzz;
mod histories;
mod interop;
mod mutants;
mod peers;
mod shell;
mod test_binary;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Repository chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", after_help = "Example: cargo xtask tidy")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Check the house rules that a machine can check; exit 1 and one line for each violation.
    Tidy,
    /// Run everything that CI runs, then say which steps ran and how long each took.
    Ci,
    /// Build a fuzz target with coverage instrumentation on the stable toolchain and run it.
    #[command(after_help = "Example: cargo xtask fuzz ws_deframer --seconds 60")]
    Fuzz(fuzz::FuzzArguments),
    /// Run the fault tests of journal/FAULTS.md in release and print the table, with counts.
    #[command(after_help = "Example: cargo xtask faults --rows 11,12 --quick")]
    Faults(faults::FaultsArguments),
    /// Run random histories against their oracles in release: what, count, seed, violations.
    #[command(after_help = histories::EXAMPLES)]
    Histories(histories::HistoriesArguments),
    /// Trade at practice venues under every fault at once, from many seeds, in release.
    #[command(after_help = chaos::EXAMPLES)]
    Chaos(chaos::ChaosArguments),
    /// Install ccxt under target/ and let it trade at each practice venue.
    #[command(after_help = interop::EXAMPLES)]
    Interop(interop::InteropArguments),
    /// Change orders, money and risk in small ways, and see whether a test notices.
    #[command(after_help = mutants::EXAMPLES)]
    Mutants(mutants::MutantsArguments),
    /// Install NautilusTrader's Python package under target/ and measure its backtest.
    #[command(after_help = peers::EXAMPLES)]
    Peers(peers::PeersArguments),
}

fn main() -> ExitCode {
    let root = repository_root();
    let result = match Arguments::parse().chore {
        Chore::Tidy => tidy::run(root),
        Chore::Ci => ci::run(root),
        Chore::Fuzz(arguments) => fuzz::run(root, &arguments),
        Chore::Faults(arguments) => faults::run(root, &arguments),
        Chore::Histories(arguments) => histories::run(root, &arguments),
        Chore::Chaos(arguments) => chaos::run(root, &arguments),
        Chore::Interop(arguments) => interop::run(root, &arguments),
        Chore::Mutants(arguments) => mutants::run(root, &arguments),
        Chore::Peers(arguments) => peers::run(root, &arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            shell::say(&format!("xtask: {message}"));
            ExitCode::FAILURE
        }
    }
}

/// The folder above this package: fixed at compile time, so the caller's folder does not matter.
fn repository_root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}
