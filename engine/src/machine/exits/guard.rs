//! The exits of one position, as pure functions of its fills and of single prices.
//!
//! The position is what its strategy's fills sum up to; its entry price is their average cost.
//! Levels are compared in half ticks, rounded so that none is reached before its distance is. A
//! market that jumps over a level reaches it at the first price beyond.
//!
//! Hot path: yes. Allocates: no.

use model::body::Side;
use model::control::Control;
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};
use serde::{Deserialize, Serialize};

use crate::machine::divide::{div_ceil, div_floor};
use crate::machine::protection::ExitRules;

/// One in basis points.
const BPS: i128 = 10_000;

/// An exit at work: the position is being closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Firing {
    /// Why.
    pub(crate) control: Control,
    /// Its order that is or was at the venue.
    pub(crate) order: Option<ClientOrderId>,
    /// Not before this time again.
    pub(crate) retry_ns: u64,
    /// Most lots that the account can deliver, as the last refusal said; none if it said nothing.
    pub(crate) deliverable: Option<i64>,
    /// Reasons of the refusals that were told, a bit for each.
    pub(crate) told: u64,
    /// The order of ours that it would trade with, and that is on its way out.
    pub(crate) behind: Option<ClientOrderId>,
}

/// A strategy's position in an instrument, and its exits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Guard {
    pub(crate) instrument: InstrumentId,
    pub(crate) strategy: StrategyId,
    pub(crate) account: AccountId,
    /// Net, by fills.
    pub(crate) lots: i64,
    /// What the open part cost, in ticks times lots; its sign is that of the lots.
    cost: i128,
    /// When it was opened.
    pub(crate) since_ns: u64,
    /// Best price since then, half ticks.
    best: Option<i64>,
    pub(crate) firing: Option<Firing>,
    /// Nothing opens before this time.
    pub(crate) closed_until_ns: u64,
    /// A rest of this many lots is too small for the venue: no exit fires for it.
    pub(crate) dust: i64,
}

impl Guard {
    /// Flat.
    pub(crate) const fn new(
        instrument: InstrumentId,
        strategy: StrategyId,
        account: AccountId,
    ) -> Self {
        Self {
            instrument,
            strategy,
            account,
            lots: 0,
            cost: 0,
            since_ns: 0,
            best: None,
            firing: None,
            closed_until_ns: 0,
            dust: 0,
        }
    }

    /// Takes a fill. `None` if a number overflows: nothing changed then.
    pub(crate) fn fill(&mut self, side: Side, price: Ticks, qty: Lots, now_ns: u64) -> Option<()> {
        let change = qty.0.checked_mul(side.sign())?;
        let lots = self.lots.checked_add(change)?;
        let (change, before) = (i128::from(change), i128::from(self.lots));
        let price = i128::from(price.0);
        let closes = before.signum() * change.signum() < 0;
        let stays = i128::from(lots).signum() * before.signum() > 0;
        let cost = if closes && stays {
            // What stays keeps its average price; the rounding is below a tick over all lots.
            let closed = self.cost.checked_mul(-change)? / before;
            self.cost.checked_sub(closed)?
        } else if closes || before == 0 {
            i128::from(lots).checked_mul(price)?
        } else {
            self.cost.checked_add(change.checked_mul(price)?)?
        };
        if closes && !stays || before == 0 {
            self.since_ns = now_ns;
            self.best = None;
        }
        (self.lots, self.cost) = (lots, cost);
        Some(())
    }

    const fn is_long(&self) -> bool {
        self.lots > 0
    }

    /// The side that closes it.
    pub(crate) const fn closing_side(&self) -> Side {
        if self.is_long() {
            Side::Sell
        } else {
            Side::Buy
        }
    }

    /// The price this far from the entry, half ticks, and whether it is above it.
    fn level(&self, profit: bool, bps: u32) -> Option<(i64, bool)> {
        let above = self.is_long() == profit;
        let part = if above {
            BPS + i128::from(bps)
        } else {
            BPS - i128::from(bps)
        };
        let lots = i128::from(self.lots).abs();
        if lots == 0 || part <= 0 {
            return None;
        }
        let whole = self.cost.abs().checked_mul(2 * part)?;
        let per = lots * BPS;
        let level = if above {
            div_ceil(whole, per)
        } else {
            div_floor(whole, per)
        };
        Some((i64::try_from(level).ok()?, above))
    }

    fn reaches(&self, price: i64, profit: bool, bps: u32) -> Option<i64> {
        let (level, above) = self.level(profit, bps).filter(|_| bps > 0)?;
        let reached = if above {
            price >= level
        } else {
            price <= level
        };
        reached.then_some(level)
    }

    /// The trailing stop's level, once it trails.
    fn trail(&self, rules: &ExitRules) -> Option<i64> {
        let best = self.best.filter(|_| rules.trailing_bps > 0)?;
        if rules.trailing_from_bps > 0 {
            self.reaches(best, true, rules.trailing_from_bps)?;
        }
        let away = div_ceil(i128::from(best) * i128::from(rules.trailing_bps), BPS);
        let away = i64::try_from(away).ok()?;
        Some(if self.is_long() {
            best.saturating_sub(away)
        } else {
            best.saturating_add(away)
        })
    }

    /// Whether an exit may fire at all.
    pub(crate) const fn is_watched(&self) -> bool {
        self.lots != 0 && self.firing.is_none() && self.lots != self.dust
    }

    /// Sees a price: the exit that it fires, and at which level.
    pub(crate) fn see(&mut self, price: i64, rules: &ExitRules) -> Option<(Control, i64)> {
        if self.lots == 0 {
            return None;
        }
        let best = self.best.unwrap_or(price);
        self.best = Some(if self.is_long() {
            best.max(price)
        } else {
            best.min(price)
        });
        if !self.is_watched() {
            return None;
        }
        if let Some(level) = self.reaches(price, false, rules.stop_loss_bps) {
            return Some((Control::StopLoss, level));
        }
        let trailed = self.trail(rules).filter(|&level| {
            if self.is_long() {
                price <= level
            } else {
                price >= level
            }
        });
        if let Some(level) = trailed {
            return Some((Control::TrailingStop, level));
        }
        let level = self.reaches(price, true, rules.take_profit_bps)?;
        Some((Control::TakeProfit, level))
    }

    /// When its time is over.
    pub(crate) const fn time_stop_ns(&self, rules: &ExitRules) -> u64 {
        if rules.time_stop_ns == 0 || !self.is_watched() {
            return u64::MAX;
        }
        self.since_ns.saturating_add(rules.time_stop_ns)
    }
}
