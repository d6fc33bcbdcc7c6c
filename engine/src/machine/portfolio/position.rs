//! One position: lots, what it cost, what it made. Exact decimals; average cost.
//!
//! Hot path: yes (fills). Allocates: no.

use model::body::Side;
use model::ids::{AccountId, InstrumentId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::machine::digest::{Digest, Sink};

/// Digits to which the cost of a closed part is rounded. What is rounded away stays in the open
/// part, so nothing is lost.
const COST_DIGITS: u32 = 16;

/// Position of one account in one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The account.
    pub account: AccountId,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Net quantity, by fills; below zero when short.
    pub lots: Lots,
    /// What the open part cost, quote; below zero for a short (what it brought in).
    #[serde(with = "crate::machine::saved::decimal")]
    pub cost: Decimal,
    /// Profit of the closed parts, quote, before fees.
    #[serde(with = "crate::machine::saved::decimal")]
    pub realised: Decimal,
    /// Fees that were paid in base or quote, in quote at the fills' prices. Fees in other assets
    /// are in the ledger only.
    #[serde(with = "crate::machine::saved::decimal")]
    pub fees: Decimal,
    /// Fills applied.
    pub fills: u64,
    /// Lots bought and sold together.
    pub turnover: u64,
}

impl Position {
    pub(super) const fn flat(account: AccountId, instrument: InstrumentId) -> Self {
        Self {
            account,
            instrument,
            lots: Lots::ZERO,
            cost: Decimal::ZERO,
            realised: Decimal::ZERO,
            fees: Decimal::ZERO,
            fills: 0,
            turnover: 0,
        }
    }

    /// The position after a fill. `None` if a number overflows.
    pub(super) fn after(
        mut self,
        spec: &InstrumentSpec,
        side: Side,
        price: Ticks,
        qty: Lots,
    ) -> Option<Self> {
        let change = qty.0.checked_mul(side.sign())?;
        let closes = self.lots.0.signum() == -side.sign();
        let closing = if closes {
            qty.0.min(self.lots.0.checked_abs()?)
        } else {
            0
        };
        if closing > 0 {
            self.close(spec, side, price, closing)?;
        }
        let opened = signed(spec.notional(price, Lots(qty.0 - closing))?, side);
        self.cost = self.cost.checked_add(opened)?;
        self.lots = Lots(self.lots.0.checked_add(change)?);
        self.fills = self.fills.checked_add(1)?;
        self.turnover = self.turnover.checked_add(qty.0.unsigned_abs())?;
        Some(self)
    }

    fn close(
        &mut self,
        spec: &InstrumentSpec,
        side: Side,
        price: Ticks,
        closing: i64,
    ) -> Option<()> {
        let held = self.lots.0.checked_abs()?;
        let removed = if closing == held {
            self.cost
        } else {
            let share = self.cost.checked_mul(Decimal::from(closing))?;
            share
                .checked_div(Decimal::from(held))?
                .round_dp(COST_DIGITS)
        };
        let cash = signed(spec.notional(price, Lots(closing))?, side.opposite());
        self.realised = self.realised.checked_add(cash.checked_sub(removed)?)?;
        self.cost = self.cost.checked_sub(removed)?;
        Some(())
    }

    /// Average price of the open part, quote per base. `None` when flat.
    #[must_use]
    pub fn average_price(&self, spec: &InstrumentSpec) -> Option<Decimal> {
        self.cost.checked_div(spec.quantity(self.lots)?)
    }

    /// Profit of the open part at a price, given as twice the book's middle. `None` on overflow.
    #[must_use]
    pub fn unrealised(&self, spec: &InstrumentSpec, mid_x2: i64) -> Option<Decimal> {
        let twice = spec
            .price(Ticks(mid_x2))?
            .checked_mul(spec.quantity(self.lots)?)?;
        (twice / Decimal::TWO).checked_sub(self.cost)
    }
}

fn signed(value: Decimal, side: Side) -> Decimal {
    match side {
        Side::Buy => value,
        Side::Sell => -value,
    }
}

impl Digest for Position {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.account.0);
        sink.number(self.instrument.0);
        sink.lots(self.lots);
        for value in [self.cost, self.realised, self.fees] {
            sink.decimal(value);
        }
        sink.number(self.fills);
        sink.number(self.turnover);
    }
}
