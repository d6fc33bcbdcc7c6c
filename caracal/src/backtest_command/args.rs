//! Arguments of `backtest`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::journal_command::parse_time;

const EXAMPLES: &str = "Examples:
  caracal import binance-capture btcusdt.gz --out data/btcusdt
  caracal backtest --config examples/backtest-maker.toml --data data/btcusdt --out report
  caracal backtest --config config.toml --data data/journal --from 2024-08-08T00:00:00Z --json
  caracal backtest --config my.toml --data data/btcusdt --journal data/backtest
  caracal replay data/backtest            # the backtest's own journal proves itself
  caracal backtest --from-journal data/journal --compare --out comparison
  caracal backtest --from-journal data/journal --compare --config my.toml --json

The configuration is a live one with a [backtest] table. A data set is what `caracal import` wrote,
or the journal of a live run.

--compare plays the orders of a live run's journal into the simulated venue and sets what it makes
of each beside what really became of it. Without --config orders arrive when they really did.";

/// Arguments of `backtest`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BacktestArgs {
    /// The configuration, with a [backtest] table.
    #[arg(long, required_unless_present = "from_journal")]
    pub(crate) config: Option<PathBuf>,
    /// A data set: a directory, as often as wanted. They are merged by time.
    #[arg(long, required_unless_present = "from_journal", num_args = 1..)]
    pub(crate) data: Vec<PathBuf>,
    /// The journal of a live run, whose orders are compared.
    #[arg(long, requires = "compare", conflicts_with_all = ["data", "from", "to", "journal"])]
    pub(crate) from_journal: Option<PathBuf>,
    /// Live against simulated: what became of each order, and what the model says.
    #[arg(long, requires = "from_journal")]
    pub(crate) compare: bool,
    /// With --compare: the journal is a backtest's own, whose market does not show our orders.
    #[arg(long, requires = "compare")]
    pub(crate) simulated: bool,
    /// Orders are placed from this time on, for example 2024-08-08T00:00:00Z.
    #[arg(long, value_parser = parse_time)]
    pub(crate) from: Option<u64>,
    /// The data is read up to this time.
    #[arg(long, value_parser = parse_time)]
    pub(crate) to: Option<u64>,
    /// Write the report into this directory.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Keep every event and command in a journal in this directory, for `replay` and `explain`.
    #[arg(long)]
    pub(crate) journal: Option<PathBuf>,
    /// Print the result as one JSON object on the last line.
    #[arg(long)]
    pub(crate) json: bool,
}

impl BacktestArgs {
    /// The configuration's file; empty where there is none, which only a comparison allows.
    pub(super) fn config(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(""))
    }

    /// What is to be run on what.
    pub(super) fn wanted(&self) -> super::Wanted<'_> {
        super::Wanted {
            path: self.config(),
            data: &self.data,
            from: self.from,
            to: self.to,
            found: None,
        }
    }
}
