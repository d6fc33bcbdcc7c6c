//! Mutation testing of orders, money and risk: each function is changed in small ways, and a test
//! has to notice. What is changed and which tests run stands in `.cargo/mutants.toml`; what was
//! found, in `engine/MUTANTS.md`.
//!
//! Hours for all of it, so not in CI; a shard is a sample.

use std::path::Path;
use std::process::Stdio;

use clap::Args;

use crate::shell::{command, run as run_command};

/// Shown behind `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo xtask mutants --shard 3/40            every fortieth change: a sample
  cargo xtask mutants --file '*/orders/*.rs'  one folder
The list of survivors is written to mutants.out/missed.txt.";

#[derive(Debug, Args)]
pub(crate) struct MutantsArguments {
    /// Only this part of the changes, for example 3/40.
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Only files that match.
    #[arg(long, value_name = "GLOB")]
    file: Option<String>,
    /// Changes that are tried at a time.
    #[arg(long, default_value_t = 1, value_name = "N")]
    jobs: usize,
}

/// Runs the tool over what was asked for.
///
/// # Errors
///
/// The tool is not installed, or a change was noticed by no test.
pub(crate) fn run(root: &Path, arguments: &MutantsArguments) -> Result<(), String> {
    let mut ask = command(root, "cargo", &["mutants", "--version"]);
    let found = ask.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        return Err("cargo-mutants is missing: cargo install --locked cargo-mutants".to_owned());
    }
    let jobs = arguments.jobs.max(1).to_string();
    let mut words = vec!["mutants", "--package", "engine", "--jobs", &jobs];
    // Every n-th change instead of n-ths of the files, so that a shard is a sample.
    words.extend(["--sharding", "round-robin"]);
    if let Some(shard) = &arguments.shard {
        words.extend(["--shard", shard]);
    }
    if let Some(file) = &arguments.file {
        words.extend(["--file", file]);
    }
    run_command(command(root, "cargo", &words))
}
