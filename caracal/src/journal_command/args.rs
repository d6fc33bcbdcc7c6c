//! The command line of `caracal journal`: what can be asked, with an example for each.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::time;

/// Arguments of `journal`.
#[derive(Debug, Args)]
pub(crate) struct JournalArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub(super) command: JournalCommand,
}

/// What to do with a journal.
#[derive(Debug, Subcommand)]
pub(super) enum JournalCommand {
    /// Print its records, one a line.
    Cat(CatArgs),
    /// Count what is in it.
    Stat(StatArgs),
    /// Write its records into one file: JSON lines or Parquet.
    Export(ExportArgs),
}

/// Which records: shared by `cat` and `export`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters (all that are given must hold)")]
pub(super) struct FilterArgs {
    /// First log sequence.
    #[arg(long)]
    pub(super) from: Option<u64>,
    /// Last log sequence.
    #[arg(long)]
    pub(super) to: Option<u64>,
    /// Machine time at or after this: 2026-11-22T10:00:00Z, a date, or nanoseconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(super) since: Option<u64>,
    /// Machine time at or before this.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(super) until: Option<u64>,
    /// Only this kind, for example Trade or NewOrder; as often as wanted.
    #[arg(long = "kind")]
    pub(super) kinds: Vec<String>,
    /// Only this instrument: its number, or a name that the journal has for it.
    #[arg(long)]
    pub(super) instrument: Option<String>,
    /// Only this order, by its client order id as printed, for example 1-0-17.
    #[arg(long)]
    pub(super) order: Option<String>,
    /// Only this strategy, by its number.
    #[arg(long)]
    pub(super) strategy: Option<u16>,
    /// Only this account, by its number.
    #[arg(long)]
    pub(super) account: Option<u16>,
}

const CAT_EXAMPLES: &str = "Examples:
  caracal journal cat data/journal --to 100
  caracal journal cat data/journal --kind OrderFilled --json
  caracal journal cat data/journal --order 1-0-17
  caracal journal cat data/journal --instrument BTCUSDT --since 2026-11-22T10:00:00Z
  caracal journal cat data/journal --kind Connection --follow";

/// Arguments of `journal cat`.
#[derive(Debug, Args)]
#[command(after_help = CAT_EXAMPLES)]
pub(super) struct CatArgs {
    /// The journal's directory.
    pub(super) journal: PathBuf,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Go on with what is appended, until Ctrl-C or --to.
    #[arg(long)]
    pub(super) follow: bool,
    /// One JSON object a line.
    #[arg(long)]
    pub(super) json: bool,
}

/// Arguments of `journal stat`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  caracal journal stat data/journal --json")]
pub(super) struct StatArgs {
    /// The journal's directory.
    pub(super) journal: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

const EXPORT_EXAMPLES: &str = "Examples:
  caracal journal export data/journal --format parquet --out day.parquet
  caracal journal export data/journal --format jsonl --out fills.jsonl --kind OrderFilled
  caracal journal export data/journal --format parquet --out btc.parquet --instrument BTCUSDT

JSON lines are those of `cat --json`. The columns of Parquet are in the README of
caracal/src/journal_command/export.";

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Columns, compressed with Zstandard.
    Parquet,
}

/// Arguments of `journal export`.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub(super) struct ExportArgs {
    /// The journal's directory.
    pub(super) journal: PathBuf,
    /// What to write.
    #[arg(long, value_enum)]
    pub(super) format: Format,
    /// The file.
    #[arg(long)]
    pub(super) out: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    pub(super) force: bool,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}
