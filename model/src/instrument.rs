//! What is traded: an instrument's steps and filters, as its venue published them.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::{InstrumentId, VenueId};
use crate::num::{Lots, Scale, Ticks};

/// An instrument as its venue defines it. Travels in the log as a blob; a change is a new blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstrumentSpec {
    /// Our id.
    pub id: InstrumentId,
    /// The venue it trades on.
    pub venue: VenueId,
    /// The venue's own symbol, for example `BTCUSDT`.
    pub symbol: String,
    /// Our name, for example `BTC-USDT.BINANCE`.
    pub name: String,
    /// Asset bought or sold.
    pub base: String,
    /// Asset paid with; prices and notionals are in it.
    pub quote: String,
    /// Smallest price step, quote per base.
    pub tick: Scale,
    /// Smallest quantity step, base.
    pub lot: Scale,
    /// Price range that the venue accepts; `None` where it sets no bound.
    pub price_min: Option<Ticks>,
    /// See `price_min`.
    pub price_max: Option<Ticks>,
    /// Quantity range that the venue accepts.
    pub qty_min: Lots,
    /// See `qty_min`.
    pub qty_max: Lots,
    /// Smallest and largest value of an order, in quote; `None` where the venue sets no bound.
    pub notional_min: Option<Decimal>,
    /// See `notional_min`.
    pub notional_max: Option<Decimal>,
    /// Whether the venue accepts new orders.
    pub trading: bool,
    /// What a lot of it stands for.
    pub contract: Contract,
}

/// What is traded: the asset itself, or a contract on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Contract {
    /// The base asset itself.
    Spot,
    /// A perpetual whose profit is in the quote asset.
    Linear(Perpetual),
    /// A perpetual whose profit is in the base asset: worth `multiplier` quote a contract.
    Inverse(Perpetual),
}

/// Terms of a perpetual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Perpetual {
    /// Base (linear) or quote (inverse) of a quantity of 1. Above 0.
    pub multiplier: Decimal,
    /// Asset of profit, margin and funding.
    pub settle: String,
    /// Maintenance margin by the position's value, ascending; the first from 0. Not empty.
    pub maintenance: Vec<MaintenanceTier>,
}

/// One tier of the maintenance margin: `value * rate - deduction`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceTier {
    /// Smallest value that it holds for, settlement asset.
    pub value_from: Decimal,
    /// Rate, in 1/10_000.
    pub rate_bps: u32,
    /// What is taken off, so that the tiers join, settlement asset.
    pub deduction: Decimal,
}

impl InstrumentSpec {
    /// Exact value of `qty` at `price`, in quote: of a linear contract by its multiplier. `None`
    /// beyond the range of a decimal. An inverse contract's value is in base and has no place here.
    #[must_use]
    pub fn notional(&self, price: Ticks, qty: Lots) -> Option<Decimal> {
        self.tick.decimal(price.0)?.checked_mul(self.in_base(qty)?)
    }

    /// What a quantity stands for, in base: itself, or of a linear contract by its multiplier. Of
    /// an inverse contract it is the quantity, in contracts.
    #[must_use]
    pub fn in_base(&self, qty: Lots) -> Option<Decimal> {
        let quantity = self.lot.decimal(qty.0)?;
        match &self.contract {
            Contract::Linear(terms) => quantity.checked_mul(terms.multiplier),
            Contract::Spot | Contract::Inverse(_) => Some(quantity),
        }
    }

    /// Exact price in quote per base.
    #[must_use]
    pub fn price(&self, price: Ticks) -> Option<Decimal> {
        self.tick.decimal(price.0)
    }

    /// Exact quantity as the venue counts it: in base, or in contracts.
    #[must_use]
    pub fn quantity(&self, qty: Lots) -> Option<Decimal> {
        self.lot.decimal(qty.0)
    }
}
