//! What lots of a perpetual are worth, by its contract.
//!
//! Worth is signed like the lots for a linear contract, in quote. For an inverse one it is in base
//! and has the other sign, so that profit is always worth now less cost.

use model::instrument::{Contract, InstrumentSpec, Perpetual};
use model::num::Lots;
use rust_decimal::Decimal;

/// Digits of a quotient, rounded half to even.
pub(super) const DIGITS: u32 = 12;

/// The terms of a perpetual; `None` for what is none.
pub(crate) const fn terms(spec: &InstrumentSpec) -> Option<&Perpetual> {
    match &spec.contract {
        Contract::Linear(terms) | Contract::Inverse(terms) => Some(terms),
        Contract::Spot => None,
    }
}

/// Worth of signed lots at a price, see the module's header. `None` out of range, or for spot.
pub(crate) fn worth(spec: &InstrumentSpec, price: Decimal, lots: i64) -> Option<Decimal> {
    let quantity = spec.quantity(Lots(lots))?;
    match &spec.contract {
        Contract::Spot => None,
        Contract::Linear(terms) => quantity.checked_mul(terms.multiplier)?.checked_mul(price),
        Contract::Inverse(terms) => (-quantity)
            .checked_mul(terms.multiplier)?
            .checked_div(price)
            .map(|worth| worth.round_dp(DIGITS)),
    }
}

/// Value of signed lots in the settlement asset, signed like the lots.
pub(crate) fn signed_value(spec: &InstrumentSpec, price: Decimal, lots: i64) -> Option<Decimal> {
    let value = worth(spec, price, lots)?.abs();
    Some(if lots < 0 { -value } else { value })
}
