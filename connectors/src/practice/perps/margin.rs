//! What an account must have behind its positions and orders.

use model::instrument::{Contract, InstrumentSpec};
use rust_decimal::Decimal;

use super::Position;
use super::worth::{signed_value, terms};

/// One instrument of an account: position and open orders, valued.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Exposure {
    /// Value of the position at the mark, signed.
    pub(crate) position: Decimal,
    /// Value of open buy orders at their prices.
    pub(crate) bids: Decimal,
    /// Value of open sell orders at their prices.
    pub(crate) asks: Decimal,
}

impl Exposure {
    /// Initial margin at a leverage: for the larger of what it is if all buys fill or all sells.
    pub(crate) fn initial(&self, leverage: u32) -> Decimal {
        let bought = (self.position + self.bids).abs();
        let sold = (self.position - self.asks).abs();
        bought.max(sold) / Decimal::from(leverage.max(1))
    }

    /// Initial margin of the position alone.
    pub(crate) fn initial_of_position(&self, leverage: u32) -> Decimal {
        self.position.abs() / Decimal::from(leverage.max(1))
    }
}

/// An account's money in one settlement asset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Margin {
    /// Wallet, with what isolated positions have aside.
    pub(crate) wallet: Decimal,
    /// Wallet without that.
    pub(crate) cross_wallet: Decimal,
    /// Profit of open cross positions at the mark.
    pub(crate) cross_unrealised: Decimal,
    /// Initial margin that cross positions and all open orders need.
    pub(crate) initial: Decimal,
    /// Maintenance margin of cross positions.
    pub(crate) maintenance: Decimal,
}

impl Margin {
    /// What stands behind cross positions.
    pub(crate) fn balance(&self) -> Decimal {
        self.cross_wallet + self.cross_unrealised
    }

    /// What new orders may use; never below zero.
    pub(crate) fn available(&self) -> Decimal {
        (self.balance() - self.initial).max(Decimal::ZERO)
    }
}

/// Rate and deduction of the tier that a value falls into.
fn tier(spec: &InstrumentSpec, value: Decimal) -> Option<(Decimal, Decimal)> {
    let tiers = &terms(spec)?.maintenance;
    let tier = tiers.iter().rev().find(|tier| tier.value_from <= value);
    let tier = tier.or(tiers.first())?;
    Some((Decimal::new(i64::from(tier.rate_bps), 4), tier.deduction))
}

impl Position {
    /// Maintenance margin at a price.
    pub(crate) fn maintenance(&self, spec: &InstrumentSpec, price: Decimal) -> Option<Decimal> {
        let value = signed_value(spec, price, self.lots)?.abs();
        let (rate, deduction) = tier(spec, value)?;
        let needed = value.checked_mul(rate)?.checked_sub(deduction)?;
        Some(needed.max(Decimal::ZERO))
    }
}

/// Price at which `behind` and the position's own profit just cover its maintenance margin, by the
/// tier that it is in at the mark. `None` if there is no such price above zero.
pub(crate) fn liquidation_price(
    spec: &InstrumentSpec,
    position: &Position,
    mark: Decimal,
    behind: Decimal,
) -> Option<Decimal> {
    let value = signed_value(spec, mark, position.lots)?.abs();
    let (rate, deduction) = tier(spec, value)?;
    let multiplier = terms(spec)?.multiplier;
    let signed = spec
        .quantity(model::num::Lots(position.lots))?
        .checked_mul(multiplier)?;
    let missing = position.cost.checked_sub(behind)?.checked_sub(deduction)?;
    let price = match &spec.contract {
        Contract::Spot => return None,
        // behind + signed * p - cost = |signed| * p * rate - deduction
        Contract::Linear(_) => {
            let slope = signed.checked_sub(signed.abs().checked_mul(rate)?)?;
            missing.checked_div(slope)?
        }
        // behind - signed / p - cost = |signed| / p * rate - deduction
        Contract::Inverse(_) => {
            let slope = (-signed).checked_sub(signed.abs().checked_mul(rate)?)?;
            slope.checked_div(missing)?
        }
    };
    (price > Decimal::ZERO).then_some(price)
}
