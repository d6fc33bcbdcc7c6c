//! What the machine is configured with: strategies, limits, accounts. Travels in the log as a blob.
//!
//! Everything here is part of the decided state: a run is reproducible only with the same values.
//! Nothing has a default that could change money; [`MachineConfig::check`] reports every problem.
//!
//! Hot path: no. Allocates: yes, at configuration.

use std::borrow::Cow;

use model::body::AssetName;
use model::ids::{AccountId, InstrumentId, VenueId};
use model::limits::STRATEGIES_MAX;
use model::num::Lots;
use serde::{Deserialize, Serialize};

use super::control_config::ControlConfig;
use super::protection::Protection;
use super::risk::RiskLimits;
use super::strategy::Params;

/// Most accounts in one machine.
pub const ACCOUNTS_MAX: usize = 32;
/// Most instruments that one strategy watches.
pub const INSTRUMENTS_PER_STRATEGY_MAX: usize = 64;
/// Smallest book window, ticks.
pub const BOOK_WINDOW_MIN: u32 = 1 << 12;
/// Largest book window, ticks (8 MiB a side).
pub const BOOK_WINDOW_MAX: u32 = 1 << 20;

/// The machine's whole configuration: blob kind `MachineConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineConfig {
    /// Strategies, in the order in which risk judges them; the index is the strategy's id.
    pub strategies: Vec<StrategyConfig>,
    /// What risk lets through.
    pub limits: RiskLimits,
    /// Held orders, exits of positions, sizes by rule.
    pub protection: Protection,
    /// Accounts; the index is the account's id. A journal's accounts keep their places for ever.
    pub accounts: Vec<AccountConfig>,
    /// Asset in which equity and profit are summed; empty: none, and they are unknown.
    pub reporting: String,
    /// Width of the dense part of each book side, ticks. A power of two from 2^12 to 2^20. A side
    /// costs 8 bytes a tick: 2^16 is 1 MiB a book.
    pub book_window_ticks: u32,
    /// Who may change what, and what is watched behind the order.
    pub control: ControlConfig,
}

/// One strategy: what it runs, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrategyConfig {
    /// Its name in reports.
    pub name: String,
    /// The account that it trades for.
    pub account: AccountId,
    /// The instruments that it watches and trades; the first is the one that its quantities are
    /// in. 1 to [`INSTRUMENTS_PER_STRATEGY_MAX`], each once.
    pub instruments: Vec<InstrumentId>,
    /// What it does: the name of one of the program's strategies.
    pub kind: String,
    /// With which values.
    pub params: Params,
}

/// One account at one venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// The venue.
    pub venue: VenueId,
    /// Our name for it.
    pub name: String,
}

/// One thing that is wrong with a configuration: where, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} = {value}: must be {allowed}")]
pub struct ConfigProblem {
    /// Path of the key, for example `strategies[0].qty`.
    pub path: String,
    /// What stands there.
    pub value: String,
    /// What may stand there.
    pub allowed: Cow<'static, str>,
}

/// Collects problems: one line for each rule.
pub(crate) struct Problems(Vec<ConfigProblem>);

impl Problems {
    pub(crate) fn require(
        &mut self,
        holds: bool,
        path: impl Into<String>,
        value: impl ToString,
        allowed: &'static str,
    ) {
        if !holds {
            self.0.push(ConfigProblem {
                path: path.into(),
                value: value.to_string(),
                allowed: allowed.into(),
            });
        }
    }
}

impl MachineConfig {
    /// Every problem of this configuration; empty when it may be used.
    #[must_use]
    pub fn check(&self) -> Vec<ConfigProblem> {
        let mut problems = Problems(Vec::new());
        let window = self.book_window_ticks;
        problems.require(
            window.is_power_of_two() && (BOOK_WINDOW_MIN..=BOOK_WINDOW_MAX).contains(&window),
            "book_window_ticks",
            window,
            "a power of two from 4096 to 1048576",
        );
        let strategies = self.strategies.len();
        problems.require(
            strategies <= STRATEGIES_MAX,
            "strategies",
            strategies,
            "at most 64",
        );
        let accounts = self.accounts.len();
        problems.require(
            (1..=ACCOUNTS_MAX).contains(&accounts),
            "accounts",
            accounts,
            "1 to 32 accounts",
        );
        problems.require(
            AssetName::whole(&self.reporting).is_some(),
            "reporting",
            &self.reporting,
            "an asset of at most 14 bytes, or empty for none",
        );
        for (index, strategy) in self.strategies.iter().enumerate() {
            self.check_strategy(index, strategy, &mut problems);
        }
        self.limits.check(&mut problems);
        self.protection.check(self.strategies.len(), &mut problems);
        self.control.check(&mut problems);
        self.check_contradictions(&mut problems);
        problems.0
    }

    /// Limits that contradict each other: the same one twice, or one that another one makes void.
    fn check_contradictions(&self, problems: &mut Problems) {
        let base = self.limits.levels();
        for (index, level) in self.control.levels.iter().enumerate() {
            let same = base
                .iter()
                .any(|other| (other.control, other.scope) == (level.control, level.scope));
            problems.require(
                !same,
                format!("control.levels[{index}]"),
                level.control.name(),
                "set in [risk] already: a control has one limit in a scope",
            );
        }
        for (index, own) in self.limits.instruments.iter().enumerate() {
            let path = |key: &str| format!("limits.instruments[{index}].{key}");
            problems.require(
                own.orders.open_orders_max <= self.limits.open_orders_max,
                path("open_orders_max"),
                own.orders.open_orders_max,
                "at most the open_orders_max over everything",
            );
            let swing = own.orders.position_max.0.saturating_mul(2);
            problems.require(
                own.orders.position_max == Lots::ZERO || own.orders.qty_max.0 <= swing,
                path("qty_max"),
                own.orders.qty_max,
                "at most twice position_max: from one end to the other",
            );
        }
    }

    fn check_strategy(&self, index: usize, strategy: &StrategyConfig, problems: &mut Problems) {
        let path = format!("strategies[{index}]");
        problems.require(
            strategy.account.index() < self.accounts.len(),
            format!("{path}.account"),
            strategy.account,
            "one of the accounts",
        );
        let instruments = &strategy.instruments;
        let each_once =
            (1..instruments.len()).all(|at| !instruments[..at].contains(&instruments[at]));
        problems.require(
            (1..=INSTRUMENTS_PER_STRATEGY_MAX).contains(&instruments.len()) && each_once,
            format!("{path}.instruments"),
            instruments.len(),
            "1 to 64 instruments, each once",
        );
    }
}
