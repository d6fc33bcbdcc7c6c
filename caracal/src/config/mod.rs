//! The configuration: read, checked as a whole, and turned into what the parts are built from.
//!
//! Every problem of a file is found in one pass and reported with its line, the key's path, the
//! value and what is allowed. A checked configuration holds only values that passed.

mod account_section;
mod backtest_file;
mod backtest_section;
mod control_section;
mod draft;
mod engine_section;
mod feed_section;
mod journal_section;
mod keep;
mod protection_section;
mod risk_section;
mod section;
mod strategy_section;
mod venue_section;

use std::path::{Path, PathBuf};

use engine::strategy::Registry;

pub(crate) use account_section::AccountDraft;
pub(crate) use backtest_file::BacktestConfig;
pub(crate) use backtest_section::{BacktestSection, QUEUE, queue_of};
pub(crate) use draft::MachineDraft;
pub(crate) use engine_section::{EngineConfig, gateway_names, lane_name};
pub(crate) use feed_section::FeedChoice;
pub(crate) use journal_section::{JournalConfig, SealConfig};
pub(crate) use keep::{parse_age, parse_bytes};
pub(crate) use section::parse_duration;
use section::{Problem, Problems, Section};
pub(crate) use venue_section::{
    Connect, External, KeyFiles, MarketChoice, PracticeVenue, Signature, VenueConfig,
    instrument_name,
};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}; name another file with --config")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path}: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The parser's message, with the place.
        message: String,
    },
    /// The file says things that cannot be.
    #[error("{}", problem_list(path, problems))]
    Problems {
        /// The file.
        path: PathBuf,
        /// All of them.
        problems: Vec<Problem>,
    },
}

fn problem_list(path: &Path, problems: &[Problem]) -> String {
    let count = problems.len();
    let noun = if count == 1 { "problem" } else { "problems" };
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("\n  {problem}"))
        .collect();
    format!("{}: {count} {noun}{}", path.display(), lines.concat())
}

/// A checked configuration.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where and how to keep the journal.
    pub(crate) journal: JournalConfig,
    /// The venues, in the order of their ids.
    pub(crate) venues: Vec<VenueConfig>,
    /// What the machine is made of; instruments come from the venues.
    pub(crate) machine: MachineDraft,
    /// Threads, queues and the tick.
    pub(crate) engine: EngineConfig,
    /// What paper venues are made of, if there is one.
    pub(crate) paper: Option<BacktestSection>,
}

/// A journal that ends with its process numbers its runs from 1 each time, so client order ids come
/// again; a venue that outlives the process would take them for repetitions.
fn check_volatile(
    journal: Option<&JournalConfig>,
    venues: &[VenueConfig],
    problems: &mut Problems<'_>,
) {
    let is_volatile =
        journal.and_then(|journal| journal.durability) == Some(journal::Durability::Volatile);
    let is_external = |venue: &VenueConfig| matches!(venue.connect, Connect::External(_));
    if is_volatile && venues.iter().any(is_external) {
        let what = "\"volatile\" is not allowed with an external venue: order ids would come again \
                    after a restart; \"process\" or more is";
        problems.push_at(None, "journal.durability", what);
    }
}

/// `[backtest]`, where a paper venue needs it; otherwise it is for `caracal backtest`, which checks
/// it. `None` if it is wrong.
fn paper(
    root: &mut Section<'_>,
    venues: &[VenueConfig],
    problems: &mut Problems<'_>,
) -> Option<Option<BacktestSection>> {
    if !venues.iter().any(|venue| venue.paper) {
        root.pass_over("backtest");
        return Some(None);
    }
    if !root.has("backtest") {
        let what = "is missing: orders = \"paper\" fills orders by it; write a [backtest] table";
        root.problem(problems, "backtest", what);
        return None;
    }
    let section = backtest_section::read(root.table(problems, "backtest"), problems)?;
    if section.venue.queues.needs_orders() {
        let what = "has queue = \"fifo\", which needs each order of the venue's, and a live market \
                    shows levels: choose another queue for orders = \"paper\"";
        root.problem(problems, "backtest", what);
        return None;
    }
    Some(Some(section))
}

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], with every problem that the file has.
    pub(crate) fn load(path: &Path, registry: &Registry) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &text, registry)
    }

    fn parse(path: &Path, text: &str, registry: &Registry) -> Result<Self, ConfigError> {
        Self::checked(path, text, |root, problems| {
            Self::read(root, registry, problems)
        })
    }

    /// What `read` makes of the file's text, if nothing is wrong with it.
    fn checked<T>(
        path: &Path,
        text: &str,
        read: impl FnOnce(&mut Section<'_>, &mut Problems<'_>) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let table = toml::de::DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            message: error.to_string(),
        })?;
        let mut problems = Problems::new(text);
        let mut root = Section::new("", None, table.into_inner());
        let config = read(&mut root, &mut problems);
        root.finish(&mut problems);
        problems.found.sort_by_key(|problem| problem.line);
        match config {
            Some(config) if problems.found.is_empty() => Ok(config),
            _ => Err(ConfigError::Problems {
                path: path.to_owned(),
                problems: problems.found,
            }),
        }
    }

    fn read(
        root: &mut Section<'_>,
        registry: &Registry,
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        let journal = journal_section::read(root.table(problems, "journal"), problems);
        let (names, venues) = venue_section::read(root, problems);
        check_volatile(journal.as_ref(), venues.as_deref().unwrap_or(&[]), problems);
        let paper = paper(root, venues.as_deref().unwrap_or(&[]), problems);
        let known = names.as_slice();
        let accounts = account_section::read(root, known, problems);
        let accounts_known = accounts.as_deref().unwrap_or(&[]);
        let venues_known = venues.as_deref().unwrap_or(&[]);
        account_section::check(venues_known, accounts_known, problems);
        let strategies =
            strategy_section::strategies(root, known, accounts_known, registry, problems);
        let risk = risk_section::read(root.table(problems, "risk"), known, problems);
        let count = strategies.as_ref().map_or(0, Vec::len);
        let engine = engine_section::read(root, known, accounts_known, count, problems);
        let flattens = engine
            .as_ref()
            .is_some_and(|engine| engine.last_line.flatten_passes);
        let control = control_section::read(root, flattens, problems);
        let engine = engine?;
        Some(Self {
            journal: journal?,
            venues: venues?,
            machine: MachineDraft {
                accounts: accounts?,
                strategies: strategies?,
                risk: risk?,
                book_window_ticks: engine.book_window_ticks,
                control: control?,
                venue_names: known.iter().map(|venue| venue.name.clone()).collect(),
                reporting: engine.reporting.clone(),
                registry: registry.clone(),
            },
            engine,
            paper: paper?,
        })
    }
}
