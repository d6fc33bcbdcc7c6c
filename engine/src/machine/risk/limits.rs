//! What risk lets through: typed limits with their units and ranges.
//!
//! There is no default. A limit that nobody set is a limit that nobody thought about.

use model::body::SelfTrade;
use model::control::{Control, Scope};
use model::ids::InstrumentId;
use model::limits::OPEN_ORDERS_MAX;
use model::num::Lots;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::checks::e8;
use crate::machine::config::Problems;
use crate::machine::control_config::LevelConfig;
use crate::machine::orders::{ABSENCE_SPACING_NS, Pace};

/// All limits of risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskLimits {
    /// Limits of each order on an instrument without limits of its own.
    pub orders: OrderLimits,
    /// Limits for single instruments. An instrument stands here at most once.
    pub instruments: Vec<InstrumentLimits>,
    /// Open and unresolved orders over everything. 1 to 16_384.
    pub open_orders_max: u32,
    /// Messages that one second brings back. 1 to 100_000.
    pub messages_per_second: u32,
    /// Messages that may go at once after a pause. 1 to 100_000.
    pub messages_burst: u32,
    /// Of the burst, the part that only cancels and queries may use. Below `messages_burst`.
    pub messages_reserved: u32,
    /// Oldest book that an order may be judged against, nanoseconds. Above 0.
    pub book_age_max_ns: u64,
    /// Longest wait for a confirmation or the answer to a cancel, nanoseconds. Above 0.
    pub ack_timeout_ns: u64,
    /// How long after sending the venue still accepts a request, nanoseconds. Above 0.
    pub recv_window_ns: u64,
    /// First pause between two queries for one order, nanoseconds; doubles each time. Above 0.
    pub query_pause_min_ns: u64,
    /// Longest pause between two queries, nanoseconds. At least the first one.
    pub query_pause_max_ns: u64,
    /// Queries for an order whose outcome is unknown before it needs a person. 1 to 1_000.
    pub query_attempts_max: u32,
    /// Windows of time, and what is done about trades with ourselves.
    pub flow: FlowRules,
}

/// Windows of time, and what is done about trades with ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowRules {
    /// Over how long value ordered beyond half the collar is summed, nanoseconds. Above 0.
    pub collar_window_ns: u64,
    /// Over how long messages and fills are counted, nanoseconds. Above 0.
    pub order_to_trade_window_ns: u64,
    /// What happens to our resting order when a new one would trade with it. The new one is
    /// refused in any case.
    pub self_trade: SelfTradeRule,
    /// What the venue is told to do, should two orders of the account meet there after all.
    pub venue_self_trade: SelfTrade,
}

impl Default for FlowRules {
    fn default() -> Self {
        Self {
            collar_window_ns: 60_000_000_000,
            order_to_trade_window_ns: 60_000_000_000,
            self_trade: SelfTradeRule::Keep,
            venue_self_trade: SelfTrade::NotStated,
        }
    }
}

/// What happens to the older order when two of ours would trade with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelfTradeRule {
    /// It stays.
    Keep,
    /// It is cancelled, so that the new one can be asked for again.
    CancelOlder,
}

/// Limits of each order and of the position that it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderLimits {
    /// Largest quantity of one order, lots. Above 0.
    pub qty_max: Lots,
    /// Largest value of one order, quote currency. Above 0.
    pub value_max: Decimal,
    /// Farthest an order's price may be from the book's middle, in 1/10_000 of it. 1 to 10_000.
    pub collar_bps: u32,
    /// Largest position on either side, counting every order that could still fill, lots. From 0.
    pub position_max: Lots,
    /// Open and unresolved orders on the instrument. 1 to 1_024.
    pub open_orders_max: u32,
}

/// Limits of one instrument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentLimits {
    /// The instrument.
    pub instrument: InstrumentId,
    /// Its limits.
    pub orders: OrderLimits,
}

impl RiskLimits {
    /// The limits of orders on `instrument`.
    #[must_use]
    pub fn of(&self, instrument: InstrumentId) -> &OrderLimits {
        self.instruments
            .iter()
            .find(|entry| entry.instrument == instrument)
            .map_or(&self.orders, |entry| &entry.orders)
    }

    /// How long risk waits for what.
    pub(crate) fn pace(&self) -> Pace {
        Pace {
            ack_timeout_ns: self.ack_timeout_ns,
            fills_pause_ns: self.query_pause_min_ns.min(self.query_pause_max_ns),
        }
    }

    pub(crate) fn check(&self, problems: &mut Problems) {
        let orders = self.open_orders_max as usize;
        problems.require(
            (1..=OPEN_ORDERS_MAX).contains(&orders),
            "limits.open_orders_max",
            orders,
            "1 to 16384",
        );
        let counts = [
            ("limits.messages_per_second", self.messages_per_second),
            ("limits.messages_burst", self.messages_burst),
        ];
        for (path, value) in counts {
            problems.require((1..=100_000).contains(&value), path, value, "1 to 100000");
        }
        problems.require(
            self.messages_reserved < self.messages_burst,
            "limits.messages_reserved",
            self.messages_reserved,
            "below messages_burst",
        );
        let times = [
            ("limits.book_age_max_ns", self.book_age_max_ns),
            ("limits.ack_timeout_ns", self.ack_timeout_ns),
            ("limits.recv_window_ns", self.recv_window_ns),
            ("limits.query_pause_min_ns", self.query_pause_min_ns),
            ("limits.flow.collar_window_ns", self.flow.collar_window_ns),
            (
                "limits.flow.order_to_trade_window_ns",
                self.flow.order_to_trade_window_ns,
            ),
        ];
        for (path, value) in times {
            let fits = (1..=i64::MAX.unsigned_abs() / 4).contains(&value);
            problems.require(fits, path, value, "above 0");
        }
        problems.require(
            self.query_pause_max_ns >= self.query_pause_min_ns.max(ABSENCE_SPACING_NS / 2)
                && self.query_pause_max_ns <= i64::MAX.unsigned_abs() / 4,
            "limits.query_pause_max_ns",
            self.query_pause_max_ns,
            "at least query_pause_min_ns and half a second",
        );
        problems.require(
            (1..=1_000).contains(&self.query_attempts_max),
            "limits.query_attempts_max",
            self.query_attempts_max,
            "1 to 1000",
        );
        self.orders.check("limits.orders", problems);
        for (index, entry) in self.instruments.iter().enumerate() {
            let path = format!("limits.instruments[{index}]");
            let before = &self.instruments[..index];
            problems.require(
                before
                    .iter()
                    .all(|other| other.instrument != entry.instrument),
                format!("{path}.instrument"),
                entry.instrument,
                "named once only",
            );
            entry.orders.check(&path, problems);
        }
    }
}

impl RiskLimits {
    /// These limits as levels: of each instrument that has limits of its own, and over everything.
    pub(crate) fn levels(&self) -> Vec<LevelConfig> {
        let open = LevelConfig {
            control: Control::OpenOrders,
            scope: Scope::Overall,
            soft: None,
            hard: i64::from(self.open_orders_max),
        };
        let instruments = self.instruments.iter();
        std::iter::once(open)
            .chain(instruments.flat_map(|own| own.orders.levels(own.instrument)))
            .collect()
    }
}

impl OrderLimits {
    /// These limits as levels of an instrument. The value is cut to 1e-8: never looser.
    pub(crate) fn levels(&self, instrument: InstrumentId) -> impl Iterator<Item = LevelConfig> {
        let level = move |(control, hard)| LevelConfig {
            control,
            scope: Scope::Instrument(instrument),
            soft: None,
            hard,
        };
        [
            (Control::MaxQuantity, self.qty_max.0),
            (Control::MaxValue, e8(self.value_max)),
            (Control::PriceCollar, i64::from(self.collar_bps)),
            (Control::Position, self.position_max.0),
            (Control::OpenOrders, i64::from(self.open_orders_max)),
        ]
        .into_iter()
        .map(level)
    }

    fn check(&self, path: &str, problems: &mut Problems) {
        let at = |key: &str| format!("{path}.{key}");
        problems.require(
            self.qty_max > Lots::ZERO,
            at("qty_max"),
            self.qty_max,
            "above 0",
        );
        problems.require(
            self.value_max > Decimal::ZERO,
            at("value_max"),
            self.value_max,
            "above 0",
        );
        problems.require(
            (1..=10_000).contains(&self.collar_bps),
            at("collar_bps"),
            self.collar_bps,
            "1 to 10000",
        );
        problems.require(
            self.position_max >= Lots::ZERO,
            at("position_max"),
            self.position_max,
            "at least 0",
        );
        problems.require(
            (1..=1_024).contains(&self.open_orders_max),
            at("open_orders_max"),
            self.open_orders_max,
            "1 to 1024",
        );
    }
}
