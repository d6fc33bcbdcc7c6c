//! Arguments of `sweep`.

use std::path::PathBuf;

use clap::Args;

use super::variants::Setting;
use super::walk::Lengths;
use crate::journal_command::parse_time;

const EXAMPLES: &str = "Examples:
  caracal sweep --config examples/backtest-maker.toml --data data/btcusdt \\
      --set strategy.maker.spread=2,4,8 --set strategy.maker.levels=1..5/2 --out sweep
  caracal sweep --config my.toml --data d --set backtest.latency.new=1ms,5ms --out s --metric sharpe
  caracal sweep --config my.toml --data d --set strategy.maker.spread=1..50/1 --random 20 --out s
  caracal sweep --config my.toml --data d --set strategy.maker.qty=log:0.0001..0.0100 \\
      --set strategy.maker.skew=0..40 --random 200 --seed 7 --out s
  caracal sweep --config my.toml --data d --set strategy.maker.spread=2,4 --out s --plan
  caracal sweep --config my.toml --data d --set strategy.maker.spread=2,4,8 --out s \\
      --walk-forward 7d/1d --metric sharpe
  caracal sweep --config my.toml --data d --set strategy.maker.spread=2,4 --out s --check-lookahead
  caracal sweep --item 1 --out s          # one variant of a plan, for a scheduler elsewhere

The same command again goes on with what is missing. A path names a key of the configuration; of
tables that stand several times, such as [[strategy]], the one with that name.";

/// Arguments of `sweep`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SweepArgs {
    /// The configuration, with a [backtest] table.
    #[arg(long, required_unless_present = "item")]
    pub(crate) config: Option<PathBuf>,
    /// A data set, as often as wanted.
    #[arg(long, num_args = 1.., required_unless_present = "item")]
    pub(crate) data: Vec<PathBuf>,
    /// What varies: PATH=A,B,C or PATH=FROM..TO/STEP, several make every combination; or, for
    /// --random, PATH=FROM..TO, drawn evenly, and PATH=log:FROM..TO, evenly in the logarithm, both
    /// with as many decimals as the ends are written with.
    #[arg(
        long = "set",
        value_name = "PATH=VALUES",
        required_unless_present = "item"
    )]
    pub(crate) settings: Vec<Setting>,
    /// Draw this many variants: of the combinations, or out of the ranges.
    #[arg(long)]
    pub(crate) random: Option<usize>,
    /// Seed of what is drawn.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Walk forward: in each window of TRAIN every variant runs, and the best by --metric trades in
    /// the following TEST; windows move on by TEST. For example 7d/1d, or 2m/30s.
    #[arg(long, value_name = "TRAIN/TEST")]
    pub(crate) walk_forward: Option<Lengths>,
    /// With --walk-forward: every training begins at the start of the data.
    #[arg(long, requires = "walk_forward")]
    pub(crate) anchored: bool,
    /// Orders are placed from this time on, for example 2024-08-08T00:00:00Z.
    #[arg(long, value_parser = parse_time)]
    pub(crate) from: Option<u64>,
    /// The data is read up to this time.
    #[arg(long, value_parser = parse_time)]
    pub(crate) to: Option<u64>,
    /// Where the results are kept: each variant as it ends, then the whole.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Threads; half of the cores if not given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// By what variants are compared.
    #[arg(long, default_value = "pnl", value_parser = ["pnl", "sharpe", "sortino", "calmar"])]
    pub(crate) metric: String,
    /// Run the best variant (walking forward: the last window's choice) over all data and over data
    /// that ends at N random times (--seed): every order before such an end must be the same. Exit
    /// code 1 if one is not.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "5",
        value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) check_lookahead: Option<u16>,
    /// Write the plan and run nothing.
    #[arg(long, conflicts_with_all = ["item", "check_lookahead"])]
    pub(crate) plan: bool,
    /// Run this one variant of the plan in --out and nothing else.
    #[arg(long)]
    pub(crate) item: Option<usize>,
    /// Print the result as one JSON object on the last line.
    #[arg(long)]
    pub(crate) json: bool,
}
