//! The command line of `caracal import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use model::num::Scale;

const EXAMPLES: &str = "Examples:
  caracal import binance-capture btcusdt-20240808.gz --out data/btc
  caracal import binance-capture spot.gz usdm.gz --out data/both

A capture is one raw WebSocket frame a line, plain or gzip: <local receive time, ns> <JSON>. Several
files become one data set, merged by local time.

The result is a journal of market records: `caracal journal cat|stat` and `caracal verify` read it.
days.json in it says where each UTC day begins; report.json is what this command prints.
Nothing is repaired in silence: what is left out is counted, with the first example's file and line.
Exit code 0: the files were read to their ends. 1: they were not; what was read before is kept, and
the report says so.";

/// Arguments of `import`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ImportArgs {
    /// What the files are.
    #[arg(value_enum)]
    pub(super) format: FormatName,
    /// The files.
    #[arg(required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Directory of the data set: not there yet, or empty.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Take this symbol only, and refuse files with another one.
    #[arg(long)]
    pub(super) symbol: Option<String>,
    /// Smallest price step; without it the finest decimal step that occurs.
    #[arg(long, value_parser = scale)]
    pub(super) tick: Option<Scale>,
    /// Smallest quantity step; without it the finest decimal step that occurs.
    #[arg(long, value_parser = scale)]
    pub(super) lot: Option<Scale>,
    /// Asset that is traded; without it told from the symbol.
    #[arg(long)]
    pub(super) base: Option<String>,
    /// Asset that prices are in; without it told from the symbol.
    #[arg(long)]
    pub(super) quote: Option<String>,
    /// Kind of market; without it told from the file.
    #[arg(long, value_enum)]
    pub(super) market: Option<MarketKind>,
    /// Maintenance margin of a perpetual, 1/10,000 of the position's value.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) maintenance_bps: u32,
    /// Sort rows that stand up to so many rows too late in a file; without it such a row is an
    /// error.
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub(super) sort_window: u32,
    /// Print the report as one JSON object on the last line.
    #[arg(long)]
    pub(super) json: bool,
}

/// What the files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FormatName {
    /// Raw frames of Binance's streams, spot or USD-M futures, with the REST depth snapshot.
    BinanceCapture,
}

impl FormatName {
    /// As it is written on the command line.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::BinanceCapture => "binance-capture",
        }
    }
}

/// Kind of market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum MarketKind {
    /// The asset itself.
    Spot,
    /// A perpetual with profit in the quote asset.
    Usdm,
}

impl MarketKind {
    /// As it is written on the command line.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::Usdm => "usdm",
        }
    }
}

fn scale(text: &str) -> Result<Scale, String> {
    Scale::from_text(text).map_err(|_| format!("'{text}' is no step: write 0.01, 0.5 or 1"))
}
