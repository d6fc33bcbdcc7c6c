//! What a quantity is worth by its contract, and how a fill splits into closing and opening.
//!
//! Worth is signed like the quantity for spot and linear contracts, in quote: `lots * price`. For
//! inverse contracts it is in the base asset and has the other sign: `-lots * multiplier / price`.
//! Profit is then always worth now less cost.
//!
//! Hot path: yes (fills). Allocates: no.

use model::body::Side;
use model::instrument::{Contract, InstrumentSpec};
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;

use super::exact::{DIGITS, sub};

/// Worth of signed lots at a price. Of an inverse contract it is rounded to 12 digits, half to
/// even: a fill's worth is reckoned once, so that both sides of the books have the same digits.
pub(super) fn worth(spec: &InstrumentSpec, price: Decimal, lots: i64) -> Option<Decimal> {
    let quantity = spec.quantity(Lots(lots))?;
    match &spec.contract {
        Contract::Spot => quantity.checked_mul(price),
        Contract::Linear(terms) => quantity.checked_mul(terms.multiplier)?.checked_mul(price),
        Contract::Inverse(terms) => (-quantity)
            .checked_mul(terms.multiplier)?
            .checked_div(price)
            .map(|worth| worth.round_dp(DIGITS)),
    }
}

/// A fill as a position sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trade {
    /// 1 for bought, -1 for sold.
    pub(super) sign: i64,
    /// Lots that close what is open. The rest of the fill opens.
    pub(super) closing: i64,
    /// Lots that open.
    pub(super) opening: i64,
    /// Signed worth of each part. Together exactly the fill's.
    pub(super) closing_worth: Decimal,
    /// See `closing_worth`.
    pub(super) opening_worth: Decimal,
}

impl Trade {
    /// A fill against a position of `held` lots. `None` if a number overflows.
    pub(super) fn new(
        spec: &InstrumentSpec,
        held: i64,
        side: Side,
        price: Ticks,
        qty: Lots,
    ) -> Option<Self> {
        let sign = side.sign();
        let closing = if held.signum() == -sign {
            qty.0.min(held.checked_abs()?)
        } else {
            0
        };
        let price = spec.price(price)?;
        let whole = worth(spec, price, qty.0.checked_mul(sign)?)?;
        let closing_worth = match closing {
            0 => Decimal::ZERO,
            all if all == qty.0 => whole,
            part => worth(spec, price, part.checked_mul(sign)?)?,
        };
        Some(Self {
            sign,
            closing,
            opening: qty.0.checked_sub(closing)?,
            closing_worth,
            opening_worth: sub(whole, closing_worth)?,
        })
    }
}
