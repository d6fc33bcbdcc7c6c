//! The command line of `caracal import`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use model::num::Scale;
use rust_decimal::Decimal;

use crate::config::parse_age;

const EXAMPLES: &str = "Examples:
  caracal import binance-capture btcusdt-20240808.gz --out data/btc
  caracal import binance-capture spot.gz usdm.gz --out data/both
  caracal import okx-capture btc-usdt.gz --out data/okx
  caracal import okx-capture swap.gz --multiplier 0.01 --out data/okx-swap
  caracal import binance-archive BTCUSDT-trades-2024-08-08.zip BTCUSDT-trades-2024-08-09.zip \
      --out data/trades
  caracal import tardis binance-futures_incremental_book_L2_2024-08-08_BTCUSDT.csv.gz \
      binance-futures_trades_2024-08-08_BTCUSDT.csv.gz --out data/tardis
  caracal import hftbacktest btcusdt_20240808.npz --symbol BTCUSDT --out data/hft
  caracal import parquet day.parquet --out data/day
  caracal import candles btc.csv --symbol BTCUSDT --interval 1m --out data/candles

A capture is one raw WebSocket frame a line, plain or gzip: <local receive time, ns> <JSON>. OKX's
perpetuals count contracts: their value is taken from a frame of the channel `instruments` or a REST
answer of that name in the capture, or from --multiplier. Several
files become one data set, merged by local time; a source with one time has it for both clocks. A
candle becomes four trades: open; low, high (high, low if it closed lower); close. They stand at its
start, a third and two thirds into it and its last nanosecond, with a quarter of the volume each,
and behind a quote one tick below and above.

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
    /// Take this symbol only, and refuse files with another one. Needed where files do not say
    /// theirs: hftbacktest, candles.
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
    /// Kind of market; without it told from the file, else spot for candles and klines, usdm for
    /// hftbacktest.
    #[arg(long, value_enum)]
    pub(super) market: Option<MarketKind>,
    /// What a file of `binance-archive` holds; without it told from its name or header.
    #[arg(long, value_enum)]
    pub(super) kind: Option<ArchiveKind>,
    /// Length of a candle of `candles`, for example 1m, 4h or 1d.
    #[arg(long, value_parser = parse_age)]
    pub(super) interval: Option<Duration>,
    /// Maintenance margin of a perpetual, 1/10,000 of the position's value.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) maintenance_bps: u32,
    /// What one contract of a perpetual is worth, in the base asset; without it told from the file
    /// (OKX), else 1.
    #[arg(long, value_parser = multiplier)]
    pub(super) multiplier: Option<Decimal>,
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
    /// Raw frames of OKX's public streams, spot and linear perpetuals.
    OkxCapture,
    /// Binance's public archives: zipped CSV of aggTrades, trades, bookTicker or klines.
    BinanceArchive,
    /// Tardis's CSV: incremental_book_L2, trades, quotes or book_snapshot_5/25.
    Tardis,
    /// hftbacktest's .npz or .npy of events.
    Hftbacktest,
    /// Parquet as `caracal journal export` writes it.
    Parquet,
    /// CSV of candles: time, open, high, low, close, volume.
    Candles,
}

impl FormatName {
    /// As it is written on the command line.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::BinanceCapture => "binance-capture",
            Self::OkxCapture => "okx-capture",
            Self::BinanceArchive => "binance-archive",
            Self::Tardis => "tardis",
            Self::Hftbacktest => "hftbacktest",
            Self::Parquet => "parquet",
            Self::Candles => "candles",
        }
    }
}

/// What an archive of Binance holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "camelCase")]
pub(super) enum ArchiveKind {
    /// Trades, those of one taker at one price as one.
    AggTrades,
    /// Single trades.
    Trades,
    /// Best bid and ask.
    BookTicker,
    /// Candles.
    Klines,
}

impl ArchiveKind {
    /// As it is written on the command line and in the files' names.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::AggTrades => "aggTrades",
            Self::Trades => "trades",
            Self::BookTicker => "bookTicker",
            Self::Klines => "klines",
        }
    }
}

impl ImportArgs {
    /// How many rows too late a row may stand: as asked for, or what the format needs.
    pub(super) fn window(&self) -> usize {
        let own = match self.format {
            FormatName::Parquet => 4_096,
            FormatName::BinanceCapture
            | FormatName::OkxCapture
            | FormatName::BinanceArchive
            | FormatName::Tardis
            | FormatName::Hftbacktest
            | FormatName::Candles => 0,
        };
        usize::try_from(self.sort_window)
            .unwrap_or(usize::MAX)
            .max(own)
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

fn multiplier(text: &str) -> Result<Decimal, String> {
    let value = text.parse().ok().filter(|value| *value > Decimal::ZERO);
    value.ok_or_else(|| format!("'{text}' is no value of a contract: write 0.01 or 100"))
}
