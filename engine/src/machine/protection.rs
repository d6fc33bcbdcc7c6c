//! What protects positions, as configured: held orders, exits of positions, sizes by rule.
//!
//! Hot path: no. Allocates: yes, at configuration.

use model::ids::StrategyId;
use model::num::Lots;
use serde::{Deserialize, Serialize};

use super::config::Problems;
use super::held::{HELD_MAX, PriceSource};

/// Longest time that a rule may name: 366 days, ns.
const TIME_MAX_NS: u64 = 366 * 86_400 * 1_000_000_000;
/// One in basis points.
const BPS: u32 = 10_000;

/// Held orders, and what each strategy has of exits and sizing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protection {
    /// Held orders.
    pub held: HeldRules,
    /// By strategy's index; a strategy beyond the end has none.
    pub strategies: Vec<StrategyRules>,
}

/// How held orders are looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldRules {
    /// Most orders that the engine holds. 0 to 1_024.
    pub orders_max: u32,
    /// How long a triggered order that protects a position may rest unfilled before it goes on at
    /// the collar, ns. 1 ms to 366 days.
    pub patience_ns: u64,
    /// Pause before a protective order that was refused is tried again, ns. 1 ms to 366 days.
    pub retry_pause_ns: u64,
}

/// Exits and sizing of one strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrategyRules {
    /// What closes its position.
    pub exits: Option<ExitRules>,
    /// How risk answers its wishes for a size.
    pub sizing: Option<SizingRule>,
}

/// When and how a strategy's position is closed. Distances are from its average entry price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExitRules {
    /// Which price is watched.
    pub source: PriceSource,
    /// Closed at this loss, 1/10_000 of the entry price. 0 (none) to 9_999.
    pub stop_loss_bps: u32,
    /// Closed at this profit. 0 (none) to 1_000_000.
    pub take_profit_bps: u32,
    /// Closed when the price came back this far from its best since the entry, 1/10_000 of that
    /// best. 0 (none) to 9_999.
    pub trailing_bps: u32,
    /// Profit from which it trails. 0 (at once) to 1_000_000.
    pub trailing_from_bps: u32,
    /// Closed after this time, ns. 0 (none) to 366 days.
    pub time_stop_ns: u64,
    /// Largest order of an exit, lots. 0: all at once.
    pub clip: Lots,
    /// Pause before the next try after a refusal or an order that did not fill, ns. 1 ms to 366
    /// days.
    pub retry_pause_ns: u64,
    /// After an exit, orders of the strategy that open are refused for this time, ns. 0 to 366
    /// days.
    pub reentry_pause_ns: u64,
}

/// How large an order is whose size the strategy leaves to risk. Equity is that of its account in
/// the instrument's quote asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SizingRule {
    /// A part of the equity.
    FixedFraction {
        /// 1/10_000 of the equity. 1 to 100_000.
        fraction_bps: u32,
    },
    /// A part of the equity that moves as much as the target: the calmer the market, the larger.
    VolatilityTarget {
        /// Wanted standard deviation of the position's value over one sample, 1/10_000 of the
        /// equity. 1 to 10_000.
        target_bps: u32,
        /// How the market's volatility is measured.
        volatility: VolatilityRule,
        /// Largest part of the equity, 1/10_000. 1 to 100_000.
        cap_bps: u32,
    },
    /// Kelly's fraction of the equity: `win - (1 - win) / payoff`.
    Kelly {
        /// Probability of a win, 1/10_000. 1 to 9_999.
        win_bps: u32,
        /// Mean win for one unit of mean loss, 1/10_000. 1 to 1_000_000.
        payoff_bps: u32,
        /// Part of Kelly's fraction that is used, 1/10_000. 1 to 10_000.
        part_bps: u32,
        /// Largest part of the equity, 1/10_000. 1 to 100_000.
        cap_bps: u32,
    },
    /// As large as loses this part of the equity at the stop that the order names.
    RiskPerTrade {
        /// 1/10_000 of the equity. 1 to 10_000.
        risk_bps: u32,
        /// Largest part of the equity, 1/10_000. 1 to 100_000.
        cap_bps: u32,
    },
    /// The same risk for each of several instruments: an equal share of a volatility target.
    EqualRisk {
        /// Wanted standard deviation of all of them together if they moved as one, 1/10_000 of the
        /// equity. 1 to 10_000.
        target_bps: u32,
        /// How many share it. 1 to 4_096.
        instruments: u32,
        /// How each market's volatility is measured.
        volatility: VolatilityRule,
        /// Largest part of the equity for each, 1/10_000. 1 to 100_000.
        cap_bps: u32,
    },
}

/// Mean of squared simple returns between the last trades of `samples` + 1 equal spans of time,
/// with no mean taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolatilityRule {
    /// Length of a span, ns. 1 ms to 366 days.
    pub span_ns: u64,
    /// Returns in the mean. 2 to 256.
    pub samples: u32,
}

impl Default for HeldRules {
    fn default() -> Self {
        Self {
            orders_max: 256,
            patience_ns: 1_000_000_000,
            retry_pause_ns: 250_000_000,
        }
    }
}

impl Protection {
    /// What a strategy has of exits and sizing.
    #[must_use]
    pub fn of(&self, strategy: StrategyId) -> StrategyRules {
        self.strategies
            .get(strategy.index())
            .copied()
            .unwrap_or_default()
    }

    pub(crate) fn check(&self, strategies: usize, problems: &mut Problems) {
        let held = &self.held;
        problems.require(
            held.orders_max as usize <= HELD_MAX,
            "protection.held.orders_max",
            held.orders_max,
            "0 to 1024",
        );
        let times = [
            ("protection.held.patience_ns", held.patience_ns),
            ("protection.held.retry_pause_ns", held.retry_pause_ns),
        ];
        for (path, value) in times {
            pause(path, value, problems);
        }
        problems.require(
            self.strategies.len() <= strategies,
            "protection.strategies",
            self.strategies.len(),
            "at most one for each strategy",
        );
        for (index, rules) in self.strategies.iter().enumerate() {
            if let Some(exits) = &rules.exits {
                exits.check(&format!("protection.strategies[{index}].exits"), problems);
            }
            if let Some(sizing) = &rules.sizing {
                sizing.check(&format!("protection.strategies[{index}].sizing"), problems);
            }
        }
    }
}

fn pause(path: &str, value: u64, problems: &mut Problems) {
    let fits = (1_000_000..=TIME_MAX_NS).contains(&value);
    problems.require(fits, path, value, "1 ms to 366 days");
}

impl ExitRules {
    fn check(&self, path: &str, problems: &mut Problems) {
        let at = |key: &str| format!("{path}.{key}");
        let parts = [
            ("stop_loss_bps", self.stop_loss_bps, BPS - 1),
            ("take_profit_bps", self.take_profit_bps, 100 * BPS),
            ("trailing_bps", self.trailing_bps, BPS - 1),
            ("trailing_from_bps", self.trailing_from_bps, 100 * BPS),
        ];
        for (key, value, most) in parts {
            let allowed = if most < BPS {
                "0 to 9999"
            } else {
                "0 to 1000000"
            };
            problems.require(value <= most, at(key), value, allowed);
        }
        let times = [
            ("time_stop_ns", self.time_stop_ns),
            ("reentry_pause_ns", self.reentry_pause_ns),
        ];
        for (key, value) in times {
            problems.require(value <= TIME_MAX_NS, at(key), value, "0 to 366 days");
        }
        problems.require(self.clip >= Lots::ZERO, at("clip"), self.clip, "at least 0");
        pause(&at("retry_pause_ns"), self.retry_pause_ns, problems);
    }
}

impl SizingRule {
    fn check(&self, path: &str, problems: &mut Problems) {
        let mut within = |key: &str, value: u32, most: u32, allowed: &'static str| {
            let fits = (1..=most).contains(&value);
            problems.require(fits, format!("{path}.{key}"), value, allowed);
        };
        let (all, tenfold) = ("1 to 10000", "1 to 100000");
        match self {
            Self::FixedFraction { fraction_bps } => {
                within("fraction_bps", *fraction_bps, 10 * BPS, tenfold);
            }
            Self::Kelly {
                win_bps,
                payoff_bps,
                part_bps,
                cap_bps,
            } => {
                within("win_bps", *win_bps, BPS - 1, "1 to 9999");
                within("payoff_bps", *payoff_bps, 100 * BPS, "1 to 1000000");
                within("part_bps", *part_bps, BPS, all);
                within("cap_bps", *cap_bps, 10 * BPS, tenfold);
            }
            Self::RiskPerTrade { risk_bps, cap_bps } => {
                within("risk_bps", *risk_bps, BPS, all);
                within("cap_bps", *cap_bps, 10 * BPS, tenfold);
            }
            Self::VolatilityTarget {
                target_bps,
                volatility,
                cap_bps,
            } => {
                within("target_bps", *target_bps, BPS, all);
                within("cap_bps", *cap_bps, 10 * BPS, tenfold);
                volatility.check(path, problems);
            }
            Self::EqualRisk {
                target_bps,
                instruments,
                volatility,
                cap_bps,
            } => {
                within("target_bps", *target_bps, BPS, all);
                within("instruments", *instruments, 4_096, "1 to 4096");
                within("cap_bps", *cap_bps, 10 * BPS, tenfold);
                volatility.check(path, problems);
            }
        }
    }
}

impl VolatilityRule {
    fn check(&self, path: &str, problems: &mut Problems) {
        pause(&format!("{path}.span_ns"), self.span_ns, problems);
        let fits = (2..=256).contains(&self.samples);
        problems.require(fits, format!("{path}.samples"), self.samples, "2 to 256");
    }
}
