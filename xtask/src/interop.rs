//! Another library's client against each practice venue: installs ccxt into a virtual environment
//! under `target/`, at a fixed version, starts the venue on loopback, and runs
//! `connectors/interop/client.py` on it.
//!
//! Proof that the venue speaks its protocol and not merely ours. Python and its package are needed
//! for this chore only. Where pip finds packages is pip's own configuration.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clap::Args;

use crate::shell::{self, say};

/// What is installed.
const PACKAGE: &str = "ccxt==4.5.90";
/// Where, under the repository.
const PLACE: &str = "target/interop";
const SCRIPT: &str = "connectors/interop/client.py";
/// Practice venues, as `caracal practice --venue` names them.
const VENUES: [&str; 4] = ["binance", "binance-usdm", "okx-spot", "okx-swap"];

/// Shown behind `--help`.
pub(crate) const EXAMPLES: &str = "Examples:
  cargo xtask interop
  cargo xtask interop --venue okx-swap";

#[derive(Debug, Args)]
pub(crate) struct InteropArguments {
    /// Only this venue.
    #[arg(long, value_name = "VENUE", value_parser = VENUES)]
    venue: Option<String>,
    /// The interpreter that makes the environment: Python 3.9 or later.
    #[arg(long, default_value = "python3")]
    python: String,
}

/// Installs, if that was not done yet, and lets the client talk to each venue.
///
/// # Errors
///
/// No Python, an installation or a build that fails, or the venues that were not understood.
pub(crate) fn run(root: &Path, arguments: &InteropArguments) -> Result<(), String> {
    let python = root.join(PLACE).join("venv/bin/python");
    if !python.exists() {
        let place = format!("{PLACE}/venv");
        let made = ["-m", "venv", place.as_str()];
        shell::run(shell::command(root, &arguments.python, &made))?;
    }
    let python = python.display().to_string();
    let install = ["-m", "pip", "install", "--quiet", PACKAGE];
    shell::run(shell::command(root, &python, &install))?;
    let build = ["build", "--release", "--locked", "-p", "caracal"];
    shell::run(shell::command(root, "cargo", &build))?;
    let mut failed = Vec::new();
    for venue in VENUES {
        if arguments.venue.as_deref().is_some_and(|only| only != venue) {
            continue;
        }
        say(&format!("{venue}:"));
        if let Err(why) = talk(root, &python, venue) {
            say(&format!("{venue}: {why}"));
            failed.push(venue);
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "not understood by {PACKAGE}: {}",
            failed.join(", ")
        ))
    }
}

/// A venue that ends with us.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn talk(root: &Path, python: &str, venue: &str) -> Result<(), String> {
    let keys = format!("{PLACE}/keys-{venue}");
    let mut command = Command::new(root.join("target/release/caracal"));
    command
        .args(["practice", "--venue", venue, "--listen", "127.0.0.1:0"])
        .args(["--signature", "hmac", "--keys", &keys, "--for", "120s"])
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut server = Server(
        command
            .spawn()
            .map_err(|error| format!("the practice venue did not start: {error}"))?,
    );
    let said = server.0.stdout.take().map(BufReader::new);
    let mut lines = said.into_iter().flat_map(BufReader::lines);
    let first = lines.next().and_then(Result::ok).unwrap_or_default();
    let base = first
        .split_whitespace()
        .find(|word| word.starts_with("https://"))
        .ok_or_else(|| format!("the practice venue said {first:?}, and no address"))?;
    shell::run(shell::command(root, python, &[SCRIPT, venue, base, &keys]))
}
