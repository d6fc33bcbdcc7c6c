//! One position: lots, what it cost, what it made. Exact decimals; average cost.
//!
//! Hot path: yes (fills). Allocates: no.

use model::body::MarginMode;
use model::ids::{AccountId, InstrumentId};
use model::instrument::{Contract, InstrumentSpec};
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::exact::{add, share, sub};
use super::worth::{Trade, worth};
use crate::machine::digest::{Digest, Sink};

/// A position as its venue reported it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VenuePosition {
    /// Lots, below zero for short.
    pub lots: Lots,
    /// Reported lots less our own at that moment.
    pub drift: Lots,
    /// Liquidation price; 0 if there is none.
    pub liquidation: Ticks,
    /// Margin of its own, settlement asset; 0 in cross margin.
    #[serde(with = "crate::machine::saved::decimal")]
    pub margin: Decimal,
    /// Leverage, in 1/10_000; 0 if not stated.
    pub leverage_bps: u32,
    /// What stands behind it.
    pub mode: MarginMode,
}

/// Position of one account in one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The account.
    pub account: AccountId,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Net quantity, by fills; below zero when short.
    pub lots: Lots,
    /// What the open part cost, quote; below zero for a short (what it brought in). Of an inverse
    /// contract in base, with the other sign.
    #[serde(with = "crate::machine::saved::decimal")]
    pub cost: Decimal,
    /// Profit of the closed parts by average cost, quote (inverse: base), before fees.
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
    /// Funding received less paid, in the settlement asset.
    #[serde(with = "crate::machine::saved::decimal")]
    pub funding: Decimal,
    /// What the venue said of it last.
    pub venue: Option<VenuePosition>,
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
            funding: Decimal::ZERO,
            venue: None,
        }
    }

    /// The position after a trade. `None` if a number overflows.
    pub(super) fn after(mut self, trade: &Trade) -> Option<Self> {
        if trade.closing > 0 {
            let held = self.lots.0.checked_abs()?;
            let removed = if trade.closing == held {
                self.cost
            } else {
                // Rounded to 12 digits, half to even; what is rounded away stays in the open part.
                share(self.cost, trade.closing, held)?
            };
            let gain = sub(-trade.closing_worth, removed)?;
            self.realised = add(self.realised, gain)?;
            self.cost = sub(self.cost, removed)?;
        }
        self.cost = add(self.cost, trade.opening_worth)?;
        let qty = trade.closing.checked_add(trade.opening)?;
        self.lots = Lots(self.lots.0.checked_add(qty.checked_mul(trade.sign)?)?);
        self.fills = self.fills.checked_add(1)?;
        self.turnover = self.turnover.checked_add(qty.unsigned_abs())?;
        Some(self)
    }

    /// Average price of the open part, quote per base. `None` when flat.
    #[must_use]
    pub fn average_price(&self, spec: &InstrumentSpec) -> Option<Decimal> {
        let quantity = spec.quantity(self.lots)?;
        match &spec.contract {
            Contract::Spot => self.cost.checked_div(quantity),
            Contract::Linear(terms) => self
                .cost
                .checked_div(quantity.checked_mul(terms.multiplier)?),
            Contract::Inverse(terms) => (-quantity)
                .checked_mul(terms.multiplier)?
                .checked_div(self.cost),
        }
    }

    /// Profit of the open part at a price, given as twice the book's middle. `None` on overflow.
    #[must_use]
    pub fn unrealised(&self, spec: &InstrumentSpec, mid_x2: i64) -> Option<Decimal> {
        let price = spec.price(Ticks(mid_x2))?.checked_div(Decimal::TWO)?;
        self.unrealised_at(spec, price)
    }

    /// Profit of the open part at an exact price.
    pub(super) fn unrealised_at(&self, spec: &InstrumentSpec, price: Decimal) -> Option<Decimal> {
        worth(spec, price, self.lots.0)?.checked_sub(self.cost)
    }
}

impl Digest for Position {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.account.0);
        sink.number(self.instrument.0);
        sink.lots(self.lots);
        for value in [self.cost, self.realised, self.fees, self.funding] {
            sink.decimal(value);
        }
        sink.number(self.fills);
        sink.number(self.turnover);
        sink.number(self.venue.is_some());
        if let Some(venue) = self.venue {
            sink.lots(venue.lots);
            sink.lots(venue.drift);
            sink.ticks(venue.liquidation);
            sink.decimal(venue.margin);
            sink.number(venue.leverage_bps);
            sink.number(venue.mode as u8);
        }
    }
}
