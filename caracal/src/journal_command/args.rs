//! The command line of `caracal journal`: what can be asked, with an example for each.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::time;
use crate::config::{parse_age, parse_bytes};

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
    /// Copy what is intact of a damaged journal into a new one.
    Salvage(SalvageArgs),
    /// Pack old segments; they are read as before.
    Archive(ArchiveArgs),
    /// Remove the oldest segments.
    Prune(PruneArgs),
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

const SALVAGE_EXAMPLES: &str = "Example:
  caracal journal salvage data/journal --to data/journal-new

The new journal holds every record before the first damage; it replays, and an engine can go on with
it. Intact records behind the damage are no log any more: they go to NEW.behind.jsonl. The damaged
journal is not changed.";

/// Arguments of `journal salvage`.
#[derive(Debug, Args)]
#[command(after_help = SALVAGE_EXAMPLES)]
pub(super) struct SalvageArgs {
    /// The damaged journal's directory.
    pub(super) journal: PathBuf,
    /// Directory of the new journal: not there yet, or empty.
    #[arg(long, value_name = "NEW")]
    pub(super) to: PathBuf,
    /// Print the result as one JSON object on the last line.
    #[arg(long)]
    pub(super) json: bool,
}

const ARCHIVE_EXAMPLES: &str = "Examples:
  caracal journal archive data/journal
  caracal journal archive data/journal --keep-last 10 --level 9 --json

An engine may be running. Only segments that are full, on stable storage and sealed are packed; each
archive is read back and compared before the segment's raw file is removed.";

/// Arguments of `journal archive`.
#[derive(Debug, Args)]
#[command(after_help = ARCHIVE_EXAMPLES)]
pub(super) struct ArchiveArgs {
    /// The journal's directory.
    pub(super) journal: PathBuf,
    /// How many of the newest full segments stay as they are.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) keep_last: u32,
    /// Effort of the compression, as zstd counts it.
    #[arg(long, default_value_t = 3, allow_negative_numbers = true)]
    pub(super) level: i32,
    /// Print the result as one JSON object on the last line.
    #[arg(long)]
    pub(super) json: bool,
}

const PRUNE_EXAMPLES: &str = "Examples:
  caracal journal prune data/journal --keep-bytes 10GiB --dry-run
  caracal journal prune data/journal --keep-age 30d
  caracal journal prune data/journal --keep-bytes 10GiB --keep-age 30d --json

A segment goes as soon as one of the two limits says so, and only if the oldest good snapshot does
not need it. For a running engine set keep_bytes or keep_age in [journal] of its configuration.";

/// Arguments of `journal prune`.
#[derive(Debug, Args)]
#[command(after_help = PRUNE_EXAMPLES)]
#[command(group(clap::ArgGroup::new("keep").required(true).multiple(true)))]
pub(super) struct PruneArgs {
    /// The journal's directory.
    pub(super) journal: PathBuf,
    /// Keep at most this much, for example 10GiB.
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, group = "keep")]
    pub(super) keep_bytes: Option<u64>,
    /// Keep what is younger than this, for example 30d or 12h.
    #[arg(long, value_name = "AGE", value_parser = parse_age, group = "keep")]
    pub(super) keep_age: Option<Duration>,
    /// Only say what would be removed.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print the result as one JSON object on the last line.
    #[arg(long)]
    pub(super) json: bool,
}
