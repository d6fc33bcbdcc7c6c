//! The configuration of a backtest: a live one with `[backtest]`, of which what only a live run
//! needs (journal, threads, the way to the venues) may be left out and is not looked at.

use std::path::Path;
use std::time::Duration;

use engine::strategy::Registry;
use rust_decimal::Decimal;

use super::backtest_section::{self, BacktestSection};
use super::section::{Problems, Section};
use super::{
    Config, ConfigError, MachineDraft, account_section, control_section, engine_section,
    risk_section, strategy_section, venue_section,
};

/// A checked configuration of a backtest.
#[derive(Debug, Clone)]
pub(crate) struct BacktestConfig {
    /// What the machine is made of.
    pub(crate) machine: MachineDraft,
    /// Symbols of each venue, in the order of the venues.
    pub(crate) symbols: Vec<Vec<String>>,
    /// Balances of each account at the start.
    pub(crate) balances: Vec<Vec<(String, Decimal)>>,
    /// The machine's tick.
    pub(crate) tick_interval: Duration,
    /// The simulated venue.
    pub(crate) backtest: BacktestSection,
}

impl BacktestConfig {
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

    /// The same from a text; `path` is for the messages.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub(crate) fn parse(path: &Path, text: &str, registry: &Registry) -> Result<Self, ConfigError> {
        Config::checked(path, text, |root, problems| {
            Self::read(root, registry, problems)
        })
    }

    fn read(
        root: &mut Section<'_>,
        registry: &Registry,
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        for live in ["journal", "last_line", "worker"] {
            root.pass_over(live);
        }
        let (names, practice) = venue_section::read_names(root, problems);
        let known = names.as_slice();
        let accounts = account_section::read(root, known, problems);
        let accounts_known = accounts.as_deref().unwrap_or(&[]);
        let strategies =
            strategy_section::strategies(root, known, accounts_known, registry, problems);
        let risk = risk_section::read(root.table(problems, "risk"), known, problems);
        let engine = engine_section::read_machine(root, problems);
        let control = control_section::read(root, true, problems);
        if !root.has("backtest") {
            root.problem(problems, "backtest", "is missing: write a [backtest] table");
        }
        let backtest = backtest_section::read(root.table(problems, "backtest"), problems);
        let balances = accounts_known.iter().map(|account| {
            let own = account.balances.clone();
            own.or_else(|| practice.get(account.venue).cloned().flatten())
        });
        let balances: Option<Vec<_>> = balances.collect();
        if balances.is_none() {
            let what =
                "balances are missing: write balances = [\"USDT 10000\"] in each [[account]]";
            root.problem(problems, "account", what);
        }
        let engine = engine?;
        Some(Self {
            machine: MachineDraft {
                accounts: accounts?,
                strategies: strategies?,
                risk: risk?,
                book_window_ticks: engine.book_window_ticks,
                control: control?,
                venue_names: known.iter().map(|venue| venue.name.clone()).collect(),
                reporting: engine.reporting,
                registry: registry.clone(),
            },
            symbols: known.iter().map(|venue| venue.symbols.clone()).collect(),
            balances: balances?,
            tick_interval: engine.tick_interval,
            backtest: backtest?,
        })
    }
}
