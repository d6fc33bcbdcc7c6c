//! What the venue's own markets say of other prices: a fee in BNB, a cross between two markets.
//!
//! Thread: the practice server's. Hot path: no.

use model::num::Scale;
use rust_decimal::Decimal;

use super::{Exchange, Listing};
use crate::practice::accounts::BNB;
use crate::practice::types::Side;

/// What a fee in BNB costs of the full one: a quarter less, as at Binance.
const BNB_SHARE: Decimal = Decimal::from_parts(75, 0, 0, false, 2);

/// For each listing the two others whose prices imply its own: base/X and quote/X.
pub(super) fn legs(listings: &[Listing]) -> Vec<Option<(usize, usize)>> {
    let find = |base: &str, quote: &str| {
        listings
            .iter()
            .position(|one| one.spec.base == base && one.spec.quote == quote)
    };
    let of = |cross: &Listing| {
        let (base, quote) = (&cross.spec.base, &cross.spec.quote);
        listings.iter().enumerate().find_map(|(index, leg)| {
            let fits = leg.spec.base == *base && leg.spec.quote != *quote;
            fits.then_some((index, find(quote, &leg.spec.quote)?))
        })
    };
    listings.iter().map(of).collect()
}

impl Exchange {
    /// Price of a listing in ticks as its legs imply it.
    pub(super) fn implied_ticks(&self, instrument: usize) -> Option<f64> {
        let (base, quote) = self.legs[instrument]?;
        let price = |index: usize| {
            let tick = step(self.listings[index].spec.tick);
            self.middle_x2(index).map(|middle| middle * tick)
        };
        let tick = step(self.listings[instrument].spec.tick);
        Some(price(base)? / price(quote)? / tick)
    }

    /// Twice the middle of a book, in ticks, for the dice only.
    fn middle_x2(&self, instrument: usize) -> Option<f64> {
        let liquidity = &self.listings[instrument].liquidity;
        let (bid, ask) = (liquidity.best(Side::Buy)?.0, liquidity.best(Side::Sell)?.0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a price in ticks is far below 2^52"
        )]
        Some(bid.saturating_add(ask) as f64)
    }

    /// The fee of a fill of this value in BNB; `None` if it is not to be paid so, or BNB has no
    /// price in `quote`, neither of its own nor by way of a third asset.
    pub(super) fn fee_in_bnb(
        &self,
        quote: &str,
        notional: Decimal,
        rate: Decimal,
    ) -> Option<Decimal> {
        if !self.fees_in_bnb {
            return None;
        }
        let fee = notional.checked_mul(rate)?.checked_mul(BNB_SHARE)?;
        fee.checked_div(self.bnb_price(quote)?)
    }

    /// What one BNB costs in `quote`.
    fn bnb_price(&self, quote: &str) -> Option<Decimal> {
        if quote == BNB {
            return Some(Decimal::ONE);
        }
        let direct = self.last_of(BNB, quote);
        direct.or_else(|| {
            self.listings
                .iter()
                .filter(|one| one.spec.base == BNB)
                .find_map(|one| {
                    let via = self.last_of(quote, &one.spec.quote)?;
                    self.last_of(BNB, &one.spec.quote)?.checked_div(via)
                })
        })
    }

    /// The last price of base/quote, or the best bid before the first trade.
    fn last_of(&self, base: &str, quote: &str) -> Option<Decimal> {
        let listing = self
            .listings
            .iter()
            .find(|one| one.spec.base == base && one.spec.quote == quote)?;
        let traded = listing.trades.back().map(|trade| trade.price.0);
        let ticks = traded.or_else(|| Some(listing.liquidity.best(Side::Buy)?.0))?;
        listing
            .spec
            .tick
            .decimal(ticks)
            .filter(|price| *price > Decimal::ZERO)
    }
}

/// A step as a float, for the dice only.
fn step(scale: Scale) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a step's mantissa is small")]
    let mantissa = scale.mantissa() as f64;
    mantissa / 10_f64.powi(i32::from(scale.decimals()))
}
