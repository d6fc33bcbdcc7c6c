//! NautilusTrader's backtest beside ours: installs its Python package into a virtual environment
//! under `target/`, at a fixed version, and runs `bench/peers/nautilus/backtest.py` on a recording.
//!
//! Python and its package are needed for this chore only. Where pip finds packages is pip's own
//! configuration.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::shell;

/// What is installed.
const PACKAGE: &str = "nautilus_trader==1.221.0";
/// Where, under the repository.
const PLACE: &str = "target/peers-nautilus";
const SCRIPT: &str = "bench/peers/nautilus/backtest.py";

pub(crate) const EXAMPLES: &str = "Examples:
  cargo xtask peers
  cargo xtask peers --recording ../shared/data/binance-spot-btcusdt-20240808.gz --times 10

Ours on the same recording: cargo bench -p bench --features peers -- backtest";

#[derive(Debug, Args)]
pub(crate) struct PeersArguments {
    /// A capture of Binance's depth and trades of BTCUSDT, spot.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "../shared/data/binance-spot-btcusdt-20240808.gz"
    )]
    pub(crate) recording: PathBuf,
    /// How often it is repeated.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) times: u32,
    /// The interpreter that makes the environment: Python 3.11 to 3.13.
    #[arg(long, default_value = "python3")]
    pub(crate) python: String,
}

/// Installs, if that was not done yet, and measures.
///
/// # Errors
///
/// A recording that is not there, no Python, an installation that fails, or a run that does.
pub(crate) fn run(root: &Path, arguments: &PeersArguments) -> Result<(), String> {
    let recording = root.join(&arguments.recording);
    if !recording.is_file() {
        return Err(format!(
            "{}: no such recording; name one with --recording",
            recording.display()
        ));
    }
    let recording = recording.display().to_string();
    let python = root.join(PLACE).join("bin/python").display().to_string();
    // pip says at once that the version is there already.
    if !Path::new(&python).exists() {
        let made = ["-m", "venv", PLACE];
        shell::run(shell::command(root, &arguments.python, &made))?;
    }
    let install = ["-m", "pip", "install", "--quiet", PACKAGE];
    shell::run(shell::command(root, &python, &install))?;
    let times = arguments.times.to_string();
    shell::run(shell::command(root, &python, &[SCRIPT, &recording, &times]))
}
