//! How far the mark is from the price at which the venue liquidates a position.
//!
//! A position is liquidated where what stands behind it (isolated: its margin; cross: the account's
//! money in the settlement asset with the profit of its other positions, less their maintenance)
//! plus its own profit falls to its maintenance margin `value * rate - deduction`. Solved for each
//! tier; the tier counts whose range has the value at that price. Where the venue reports a price
//! too, the nearer one counts. Everything rounds against us: the distance down.
//!
//! Thread: any. Allocates: no.

use model::body::{AssetName, MarginMode};
use model::ids::{AccountId, InstrumentId};
use model::instrument::{Contract, InstrumentSpec, MaintenanceTier, Perpetual};
use model::num::{Lots, Ticks};
use rust_decimal::prelude::{Decimal, ToPrimitive as _};

use super::value::settle;
use super::worth::worth;
use super::{Portfolio, Position};

impl Portfolio {
    /// Distance from the mark to liquidation, 1/10_000 of the mark, rounded down; 0 if it is there
    /// or behind. `i64::MAX` for what cannot be liquidated: spot, flat, or covered at any price.
    /// `None` if a price is missing, ours or that of another position behind it.
    #[must_use]
    pub fn liquidation_distance_bps(
        &self,
        account: AccountId,
        instrument: InstrumentId,
    ) -> Option<i64> {
        let position = self.position(account, instrument)?;
        let spec = self.prices.spec(instrument)?;
        let terms = match &spec.contract {
            Contract::Spot => return Some(i64::MAX),
            Contract::Linear(terms) | Contract::Inverse(terms) => terms,
        };
        if position.lots == Lots::ZERO {
            return Some(i64::MAX);
        }
        let mark = self.mark(instrument)?;
        let behind = self.behind(position, &settle(spec)?)?;
        let own = self.solve(spec, terms, position, behind, mark)?;
        let told = position.venue.map(|venue| venue.liquidation);
        let told = told
            .filter(|ticks| *ticks > Ticks::ZERO)
            .and_then(|ticks| distance(spec.price(ticks)?, mark, position.lots));
        Some(told.map_or(own, |told| told.min(own)))
    }

    /// Money behind a position, without its own profit.
    fn behind(&self, position: &Position, settle_in: &AssetName) -> Option<Decimal> {
        if let Some(venue) = position.venue
            && venue.mode == MarginMode::Isolated
        {
            return Some(venue.margin);
        }
        let holding = self.ledger(position.account)?.holding(settle_in);
        let mut money = holding.map_or(Some(Decimal::ZERO), |held| {
            held.total.checked_sub(held.borrowed)
        })?;
        for other in self.of_account(position.account) {
            if other.lots == Lots::ZERO {
                continue;
            }
            let spec = self.prices.spec(other.instrument)?;
            let terms = match &spec.contract {
                Contract::Spot => continue,
                Contract::Linear(terms) | Contract::Inverse(terms) => terms,
            };
            if settle(spec)? != *settle_in {
                continue;
            }
            if let Some(venue) = other.venue
                && venue.mode == MarginMode::Isolated
            {
                // Its margin stands behind it alone.
                money = money.checked_sub(venue.margin)?;
                continue;
            }
            if other.instrument == position.instrument {
                continue;
            }
            let value = worth(spec, self.mark(other.instrument)?, other.lots.0)?.abs();
            money = money.checked_add(self.profit_of(other)?)?;
            money = money.checked_sub(maintenance(terms, value)?)?;
        }
        Some(money)
    }

    fn solve(
        &self,
        spec: &InstrumentSpec,
        terms: &Perpetual,
        position: &Position,
        behind: Decimal,
        mark: Decimal,
    ) -> Option<i64> {
        let value = worth(spec, mark, position.lots.0)?.abs();
        let margin = behind.checked_add(self.profit_of(position)?)?;
        if margin <= maintenance(terms, value)? {
            return Some(0);
        }
        let mut nearest = i64::MAX;
        for (index, tier) in terms.maintenance.iter().enumerate() {
            let Some(price) = price_in(spec, terms, tier, position, behind) else {
                continue;
            };
            let value = worth(spec, price, position.lots.0)?.abs();
            let next = terms.maintenance.get(index + 1);
            let within =
                value >= tier.value_from && next.is_none_or(|next| value <= next.value_from);
            if within && let Some(distance) = distance(price, mark, position.lots) {
                nearest = nearest.min(distance);
            }
        }
        Some(nearest)
    }
}

/// Maintenance margin of a value, settlement asset.
fn maintenance(terms: &Perpetual, value: Decimal) -> Option<Decimal> {
    let tier = terms
        .maintenance
        .iter()
        .rfind(|tier| value >= tier.value_from)
        .or(terms.maintenance.first())?;
    value.checked_mul(rate(tier))?.checked_sub(tier.deduction)
}

fn rate(tier: &MaintenanceTier) -> Decimal {
    Decimal::new(i64::from(tier.rate_bps), 4)
}

/// The price at which margin equals maintenance, were this the tier. `None` if there is none.
fn price_in(
    spec: &InstrumentSpec,
    terms: &Perpetual,
    tier: &MaintenanceTier,
    position: &Position,
    behind: Decimal,
) -> Option<Decimal> {
    let size = spec
        .quantity(position.lots)?
        .checked_mul(terms.multiplier)?;
    let direction = Decimal::from(position.lots.0.signum());
    // Linear: behind + size * p - cost = |size| * p * rate - deduction.
    // Inverse, with y = 1 / p: behind - size * y - cost = |size| * y * rate - deduction.
    let free = behind
        .checked_sub(position.cost)?
        .checked_add(tier.deduction)?;
    let price = match spec.contract {
        Contract::Spot => return None,
        Contract::Linear(_) => {
            let slope = size.abs().checked_mul(rate(tier) - direction)?;
            free.checked_div(slope)?
        }
        Contract::Inverse(_) => {
            let slope = size.abs().checked_mul(rate(tier) + direction)?;
            slope.checked_div(free)?
        }
    };
    (price > Decimal::ZERO).then_some(price)
}

/// Distance in the direction that hurts, rounded down; 0 for a price that is behind. `None` if it
/// does not fit.
fn distance(price: Decimal, mark: Decimal, lots: Lots) -> Option<i64> {
    let gap = (mark - price).checked_mul(Decimal::from(lots.0.signum()))?;
    let bps = gap.checked_mul(Decimal::from(10_000))?.checked_div(mark)?;
    Some(bps.max(Decimal::ZERO).floor().to_i64().unwrap_or(i64::MAX))
}
