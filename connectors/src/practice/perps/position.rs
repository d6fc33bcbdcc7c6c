//! One position: lots and what they cost.

use model::instrument::{Contract, InstrumentSpec};
use model::num::Lots;
use rust_decimal::Decimal;

use super::worth::{DIGITS, worth};
use crate::practice::types::Side;

/// See the module's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Position {
    /// Below zero for short.
    pub(crate) lots: i64,
    /// Worth of the lots at their average price.
    pub(crate) cost: Decimal,
    /// Set aside for it (isolated margin).
    pub(crate) margin: Decimal,
    /// Profit of closed parts before fees.
    pub(crate) realised: Decimal,
    /// Funding received less paid.
    pub(crate) funding: Decimal,
    /// When it changed last, venue time, milliseconds.
    pub(crate) updated_ms: i64,
}

impl Position {
    /// Books a fill; the profit that it realised. `None` out of range, and then nothing changed.
    pub(crate) fn fill(
        &mut self,
        spec: &InstrumentSpec,
        side: Side,
        price: Decimal,
        qty: i64,
    ) -> Option<Decimal> {
        let sign = match side {
            Side::Buy => 1,
            Side::Sell => -1,
        };
        let closing = if self.lots.signum() == -sign {
            qty.min(self.lots.checked_abs()?)
        } else {
            0
        };
        let whole = worth(spec, price, qty.checked_mul(sign)?)?;
        let closing_worth = if closing == qty {
            whole
        } else {
            worth(spec, price, closing.checked_mul(sign)?)?
        };
        let removed = self.cost_of(closing)?;
        let gain = (-closing_worth).checked_sub(removed)?;
        let gain = if closing == 0 { Decimal::ZERO } else { gain };
        let cost = self.cost.checked_sub(removed)?;
        let cost = cost.checked_add(whole.checked_sub(closing_worth)?)?;
        let lots = self.lots.checked_add(qty.checked_mul(sign)?)?;
        let realised = self.realised.checked_add(gain)?;
        (self.cost, self.lots, self.realised) = (cost, lots, realised);
        Some(gain)
    }

    /// Cost of so many of its lots. What is rounded away stays with the rest.
    fn cost_of(&self, lots: i64) -> Option<Decimal> {
        let held = self.lots.checked_abs()?;
        if lots == 0 || held == 0 {
            return Some(Decimal::ZERO);
        }
        if lots == held {
            return Some(self.cost);
        }
        let share = self.cost.checked_mul(Decimal::from(lots))?;
        Some(share.checked_div(Decimal::from(held))?.round_dp(DIGITS))
    }

    /// Average price, quote per base. `None` when flat.
    pub(crate) fn entry(&self, spec: &InstrumentSpec) -> Option<Decimal> {
        let quantity = spec.quantity(Lots(self.lots))?;
        match &spec.contract {
            Contract::Spot => None,
            Contract::Linear(terms) => self
                .cost
                .checked_div(quantity.checked_mul(terms.multiplier)?),
            Contract::Inverse(terms) => (-quantity)
                .checked_mul(terms.multiplier)?
                .checked_div(self.cost),
        }
    }

    /// Profit of what is open at a price.
    pub(crate) fn unrealised(&self, spec: &InstrumentSpec, price: Decimal) -> Option<Decimal> {
        worth(spec, price, self.lots)?.checked_sub(self.cost)
    }
}
