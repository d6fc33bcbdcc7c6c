//! Perpetuals at a practice venue: positions, margin, funding, mark price, liquidation.
//!
//! No venue's words. One position per account and instrument (one-way mode), cross or isolated
//! margin. The state is [`Perps`]; what moves it stands in `exchange/perps.rs` and `perps_turn.rs`,
//! because an order of a perpetual is matched like any other. For a venue's folder, all on
//! [`super::exchange::Exchange`]:
//!
//! | call | what it does |
//! |---|---|
//! | `is_perp` | whether an instrument is one (its spec's `contract`) |
//! | `mark_price`, `set_mark` | the mark: middle of the book, or what a test put there |
//! | `position`, `margin`, `liquidation_price` | what an account holds, and what stands behind it |
//! | `set_leverage`, `set_margin_mode` | an account's settings of one instrument |
//! | `place` | checks initial margin and reduce-only; `Refusal::Insufficient`, `ReduceOnly` |
//! | `modify` | another price and quantity; the order goes to the end of its level's queue |
//! | `turn_perps` | once a turn, behind `set_time`: funding at its instants, liquidations |
//! | `next_perp_due_ms` | when `turn_perps` has something to do by the clock |
//! | `perps.incomes` | what was paid: realised profit, fees, funding; oldest first |
//!
//! Private events of it: `AccountEvent::Holding` (wallet and position behind an order, or behind a
//! transfer), `AccountEvent::Funding`, and `Execution::{Modified, Liquidated}`.
//!
//! Money. The wallet is the settlement asset's `Balance`: `free`, and in `locked` what isolated
//! positions have aside; open orders of a perpetual lock nothing, their margin is reckoned.
//! Profit is by average cost; a partial close takes its share of the cost, rounded to 12 digits,
//! half to even. The other side of every profit and of funding is the clearing house, so that
//! invariant A2 of `accounts.rs` holds.
//!
//! Invariants
//! - P1: a position's lots are the sum of the account's fills in it.
//! - P2: between two calls, no reduce-only order is larger than the position that it reduces.
//! - P3: a wallet is below zero only inside one call of `turn_perps`.

mod margin;
mod position;
#[cfg(test)]
mod tests;
mod worth;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rust_decimal::Decimal;

pub(crate) use margin::{Exposure, Margin, liquidation_price};
pub(crate) use position::Position;
pub(crate) use worth::{signed_value, terms};

/// Incomes that stay queryable.
const INCOMES_MAX: usize = 100_000;

/// What stands behind a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarginMode {
    /// All of the account's money in the settlement asset.
    Cross,
    /// What was set aside for it.
    Isolated,
}

/// Rules of a practice venue's perpetuals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerpConfig {
    /// Leverage where an account set none; at least 1.
    pub leverage: u32,
    /// Margin mode where an account set none.
    pub mode: MarginMode,
    /// Part of a position's value that longs pay to shorts; below zero for the other way.
    pub funding_rate: Decimal,
    /// Time between two payments; they are at whole multiples of it since the Unix epoch.
    pub funding_every: Duration,
    /// Fee of a liquidation beside the taker's, as a part of the value.
    pub liquidation_fee: Decimal,
}

impl Default for PerpConfig {
    /// Cross margin at 20 times, 0.01 % of funding every eight hours, 1.25 % for a liquidation.
    fn default() -> Self {
        Self {
            leverage: 20,
            mode: MarginMode::Cross,
            funding_rate: Decimal::new(1, 4),
            funding_every: Duration::from_hours(8),
            liquidation_fee: Decimal::new(125, 4),
        }
    }
}

/// A position as the venue has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VenuePosition {
    /// Position in [`super::PracticeConfig::accounts`].
    pub account: usize,
    /// Position in [`super::PracticeConfig::instruments`].
    pub instrument: usize,
    /// Lots, below zero for short.
    pub lots: i64,
    /// Average price, quote per base; `None` when flat.
    pub entry: Option<Decimal>,
    /// What is set aside for it, settlement asset; 0 in cross margin.
    pub margin: Decimal,
    /// Profit of closed parts before fees, settlement asset.
    pub realised: Decimal,
    /// Funding received less paid, settlement asset.
    pub funding: Decimal,
}

/// Why money moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncomeKind {
    /// Profit or loss of a closed part.
    Realised,
    /// Fee of a fill, below zero when paid.
    Fee,
    /// Funding.
    Funding,
    /// The insurance fund paid what a liquidated account could not.
    Insurance,
}

/// Money that moved in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Income {
    /// Numbered over the whole venue, from 1.
    pub id: u64,
    /// Position in [`super::PracticeConfig::accounts`].
    pub account: usize,
    /// Position in [`super::PracticeConfig::instruments`].
    pub instrument: usize,
    /// Why.
    pub kind: IncomeKind,
    /// What the account gained; below zero for what it lost.
    pub amount: Decimal,
    /// In what.
    pub asset: String,
    /// Id of the trade, if it came of one.
    pub trade: Option<u64>,
    /// Venue time, milliseconds since the Unix epoch.
    pub time_ms: i64,
}

/// Positions and settings of all accounts.
#[derive(Debug)]
pub(crate) struct Perps {
    pub(crate) config: PerpConfig,
    positions: BTreeMap<(usize, usize), Position>,
    settings: BTreeMap<(usize, usize), (u32, MarginMode)>,
    /// Mark prices that were put there, by instrument.
    marks: BTreeMap<usize, Decimal>,
    /// Oldest first.
    pub(crate) incomes: VecDeque<Income>,
    next_income_id: u64,
    /// Funding is due at this time; `None` until the clock was seen first.
    pub(crate) next_funding_ms: Option<i64>,
}

impl Perps {
    pub(crate) fn new(config: PerpConfig) -> Self {
        Self {
            config,
            positions: BTreeMap::new(),
            settings: BTreeMap::new(),
            marks: BTreeMap::new(),
            incomes: VecDeque::new(),
            next_income_id: 1,
            next_funding_ms: None,
        }
    }

    /// A position; flat if there never was one.
    pub(crate) fn position(&self, account: usize, instrument: usize) -> Position {
        self.positions
            .get(&(account, instrument))
            .copied()
            .unwrap_or_default()
    }

    /// The position to change.
    pub(crate) fn position_mut(&mut self, account: usize, instrument: usize) -> &mut Position {
        self.positions.entry((account, instrument)).or_default()
    }

    /// All positions that ever were: account, instrument, position.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (usize, usize, &Position)> {
        self.positions
            .iter()
            .map(|((account, instrument), position)| (*account, *instrument, position))
    }

    /// Leverage and margin mode of an account in an instrument.
    pub(crate) fn setting(&self, account: usize, instrument: usize) -> (u32, MarginMode) {
        let usual = (self.config.leverage, self.config.mode);
        let set = self.settings.get(&(account, instrument));
        set.copied().unwrap_or(usual)
    }

    pub(crate) fn set(&mut self, account: usize, instrument: usize, to: (u32, MarginMode)) {
        self.settings.insert((account, instrument), to);
    }

    /// The mark price that was put there.
    pub(crate) fn mark(&self, instrument: usize) -> Option<Decimal> {
        self.marks.get(&instrument).copied()
    }

    /// Puts a mark price there, or gives it back to the book.
    pub(crate) fn set_mark(&mut self, instrument: usize, mark: Option<Decimal>) {
        match mark {
            Some(mark) => self.marks.insert(instrument, mark),
            None => self.marks.remove(&instrument),
        };
    }

    /// Notes an income and gives it its number. One of nothing is not noted, and has number 0.
    pub(crate) fn note(&mut self, mut income: Income) -> u64 {
        if income.amount.is_zero() {
            return 0;
        }
        income.id = self.next_income_id;
        self.next_income_id += 1;
        if self.incomes.len() >= INCOMES_MAX {
            self.incomes.pop_front();
        }
        let id = income.id;
        self.incomes.push_back(income);
        id
    }

    /// Time between two payments of funding, milliseconds; at least 1.
    pub(crate) fn funding_every_ms(&self) -> i64 {
        i64::try_from(self.config.funding_every.as_millis())
            .unwrap_or(i64::MAX)
            .max(1)
    }
}
