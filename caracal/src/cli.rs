//! The command line: what can be asked of the binary, with an example for each.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::backtest_command::BacktestArgs;
use crate::compare_command::CompareArgs;
use crate::config::parse_duration;
use crate::control::ControlArgs;
use crate::explain_command::ExplainArgs;
use crate::import_command::ImportArgs;
use crate::journal_command::JournalArgs;
use crate::prove_command::ProveArgs;
use crate::run::Release;
use crate::strategies_command::StrategiesArgs;
use crate::sweep_command::SweepArgs;
use crate::verify_command::VerifyArgs;

/// A low-latency, event-sourced trading engine for crypto venues.
#[derive(Debug, Parser)]
#[command(name = "caracal", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Trade: start the engine on its journal and run until it is told to end.
    Run(RunArgs),
    /// Start a practice venue: a server that speaks a real venue's protocol on this machine.
    Practice(PracticeArgs),
    /// Apply a journal again and compare every command, bit for bit.
    Replay(ReplayArgs),
    /// Run strategies over recorded markets, against simulated venues.
    Backtest(BacktestArgs),
    /// Run one backtest with many values, and compare what each brought.
    Sweep(SweepArgs),
    /// Put the reports of several backtests side by side.
    Compare(CompareArgs),
    /// Look at every byte of a journal, and name the first one that was changed.
    Verify(VerifyArgs),
    /// Prove that a record is in a journal, for somebody who has only the key or a checkpoint.
    Prove(ProveArgs),
    /// Tell why an order was let through or refused, and what became of it.
    Explain(ExplainArgs),
    /// Ask a running engine for a change: kill, release, limits, pauses; or show them.
    Control(ControlArgs),
    /// List the strategies of this program, and what each can be configured with.
    Strategies(StrategiesArgs),
    /// Look into a journal.
    Journal(JournalArgs),
    /// Make a data set of recordings and archives: a journal of the market, for a backtest.
    Import(ImportArgs),
}

const RUN_EXAMPLES: &str = "Examples:
  caracal run
  caracal run --for 60s --json
  caracal run --config my.toml
  caracal run --config paper.toml   # orders = \"paper\" in a [[venue]]: a rehearsal, live market
  caracal run --recording binance-spot-btcusdt-20240808.gz --speed 10 --for 60s

Ctrl-C ends the run in order: what rests is cancelled and confirmed gone. SIGUSR1 pulls the kill
switch, which stays pulled across restarts until two persons release it: `caracal control release`
and `approve`, or a run with --release-kill REASON --by NAME --approved-by NAME.";

/// Arguments of `run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct RunArgs {
    /// The configuration.
    #[arg(long, default_value = "config.toml")]
    pub(crate) config: PathBuf,
    /// End in order after this time, for example 60s or 5m. Without it: run until Ctrl-C.
    #[arg(long = "for", value_parser = duration)]
    pub(crate) run_for: Option<Duration>,
    /// Keep the journal in this directory instead of the configured one.
    #[arg(long)]
    pub(crate) journal: Option<PathBuf>,
    /// Let the embedded practice venue play this recording instead of a synthetic market.
    #[arg(long)]
    pub(crate) recording: Option<PathBuf>,
    /// Speed of the recording: 1, 10, or max.
    #[arg(long, requires = "recording", value_parser = ["1", "10", "max"])]
    pub(crate) speed: Option<String>,
    /// Take a file system on which a sync is not known to survive a power failure, whatever the
    /// durability promises.
    #[arg(long)]
    pub(crate) allow_unsafe_fs: bool,
    /// Release the kill switch of everything, with the reason for the log. Takes two persons.
    #[arg(long, value_name = "REASON", requires = "by", requires = "approved_by")]
    pub(crate) release_kill: Option<String>,
    /// Who releases it: a name out of the configuration's list of persons.
    #[arg(long, value_name = "NAME", requires = "release_kill")]
    pub(crate) by: Option<String>,
    /// The second person.
    #[arg(long, value_name = "NAME", requires = "release_kill")]
    pub(crate) approved_by: Option<String>,
    /// Print the result as one JSON object on the last line.
    #[arg(long)]
    pub(crate) json: bool,
}

impl RunArgs {
    /// Who releases the kill of everything, if that is asked for.
    pub(crate) fn release(&self) -> Option<Release<'_>> {
        Some(Release {
            reason: self.release_kill.as_deref()?,
            by: self.by.as_deref()?,
            approved_by: self.approved_by.as_deref()?,
        })
    }
}

const PRACTICE_EXAMPLES: &str = "Examples:
  caracal practice --venue binance --keys practice-keys
  caracal practice --venue binance --recording binance-spot-btcusdt-20240808.gz --speed 10
  caracal practice --venue binance --fault drop@5s --fault gap@10s
  caracal practice --venue okx-swap --keys practice-keys

The certificate, the API key and its secrets are written into the --keys directory, for the
configuration of `caracal run` to name. They are made anew at each start and worth nothing.";

/// Arguments of `practice`.
#[derive(Debug, Args)]
#[command(after_help = PRACTICE_EXAMPLES)]
pub(crate) struct PracticeArgs {
    /// Whose protocol to speak: Binance spot or its USD-M futures, OKX spot or its perpetuals.
    #[arg(
        long,
        default_value = "binance",
        value_parser = ["binance", "binance-usdm", "okx-spot", "okx-swap"]
    )]
    pub(crate) venue: String,
    /// Where to listen. Loopback only, unless you know why.
    #[arg(long, default_value = "127.0.0.1:9443")]
    pub(crate) listen: std::net::SocketAddr,
    /// Play this recording; without it the market is synthetic.
    #[arg(long, conflicts_with = "synthetic")]
    pub(crate) recording: Option<PathBuf>,
    /// A synthetic market (the default).
    #[arg(long)]
    pub(crate) synthetic: bool,
    /// Speed of the recording: 1, 10, or max.
    #[arg(long, requires = "recording", value_parser = ["1", "10", "max"])]
    pub(crate) speed: Option<String>,
    /// Seed of the synthetic market.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// A symbol to trade, as often as wanted; without it all that there are. A recording plays the
    /// first one, the others are synthetic.
    #[arg(long = "symbol")]
    pub(crate) symbols: Vec<String>,
    /// An account beside the first one, as often as wanted. Its keys are in a folder with its name
    /// inside the directory of the keys.
    #[arg(long = "account", value_parser = account_name)]
    pub(crate) accounts: Vec<String>,
    /// Take fees in BNB, a quarter less, while an account has some.
    #[arg(long)]
    pub(crate) fees_in_bnb: bool,
    /// Request weight that the venue allows in a minute; beyond it come 429 and a ban.
    #[arg(long, default_value_t = 6_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) weight_per_minute: u32,
    /// A fault to play, as often as wanted; see the README for the list.
    #[arg(long = "fault")]
    pub(crate) faults: Vec<String>,
    /// Kind of the key: ed25519 logs a connection on, hmac signs each request.
    #[arg(long, default_value = "ed25519", value_parser = ["ed25519", "hmac"])]
    pub(crate) signature: String,
    /// Directory for the certificate and the keys.
    #[arg(long, default_value = "practice-keys")]
    pub(crate) keys: PathBuf,
    /// End after this time.
    #[arg(long = "for", value_parser = duration)]
    pub(crate) run_for: Option<Duration>,
}

const REPLAY_EXAMPLES: &str = "Examples:
  caracal replay data/journal
  caracal replay data/journal --to 100000 --json

Exit code 0: no difference. 1: a difference, which is printed, or an unreadable journal.";

/// Arguments of `replay`.
#[derive(Debug, Args)]
#[command(after_help = REPLAY_EXAMPLES)]
pub(crate) struct ReplayArgs {
    /// The journal's directory.
    pub(crate) journal: PathBuf,
    /// Compare from this log sequence on. What stands before is applied all the same.
    #[arg(long, default_value_t = 1)]
    pub(crate) from: u64,
    /// Stop after this log sequence.
    #[arg(long)]
    pub(crate) to: Option<u64>,
    /// Print the result as one JSON object on the last line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A name that can be a folder's.
fn account_name(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if text.is_empty() || !text.bytes().all(allowed) {
        return Err(format!(
            "'{text}' is no account: write letters, digits, - and _"
        ));
    }
    Ok(text.to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| format!("'{text}' is no duration: write 250ms, 60s, 5m or 2h"))
}
