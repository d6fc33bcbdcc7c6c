//! Arguments of `compare`.

use std::path::PathBuf;

use clap::Args;

const EXAMPLES: &str = "Examples:
  caracal compare report-a report-b
  caracal compare report-a report-b report-c --out compare.html
  caracal compare report-a report-b --json

Each directory is one that `caracal backtest --out DIR` wrote. Differences are against the first.";

/// Arguments of `compare`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompareArgs {
    /// Directories of reports, two or more.
    #[arg(required = true, num_args = 2..=8, value_name = "DIR")]
    pub(crate) reports: Vec<PathBuf>,
    /// Write a page with the curves over one another to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Print everything as one JSON object on the last line.
    #[arg(long)]
    pub(crate) json: bool,
}
