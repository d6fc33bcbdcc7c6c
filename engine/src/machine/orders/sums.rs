//! Running sums over the live orders: how many there are, what they may still fill and what that
//! is worth, for each thing that a limit may hold for.
//!
//! Counted at the worst case: every live order may still fill wholly, whatever is unknown of it.
//! What the engine holds has sums of its own (`held/counted.rs`).
//! Values are whole 1e-18 of the quote asset in 128 bits: exact for every price and quantity whose
//! product has at most 18 digits behind the point, and rounded up beyond that. The sums follow from
//! the orders alone, so a snapshot does not hold them.
//!
//! Hot path: yes. Allocates: only when instruments or accounts come.

use model::body::Side;
use model::control::Scope;
use model::ids::{AccountId, InstrumentId, StrategyId, VenueId};
use model::limits::STRATEGIES_MAX;
use model::num::{Lots, Scale, Ticks};
use rust_decimal::Decimal;

use super::{Order, OrderState};

/// Digits behind the point of a value.
const DIGITS: u32 = 18;
/// Largest value of one order that is counted as it is, 1e-18: 1e12 of the quote asset. One above
/// it counts as this much, which is above every limit, so that no sum can overflow.
pub(crate) const VALUE_MAX: i128 = 1_000_000_000_000_000_000_000_000_000_000;
/// Most lots of one order that are counted as they are: 2^48, for the same reason.
const LOTS_MAX: i64 = 1 << 48;

/// Powers of ten.
const POWERS: [i128; DIGITS as usize + 1] = {
    let mut powers = [1; DIGITS as usize + 1];
    let mut place = 1;
    while place < powers.len() {
        powers[place] = 10 * powers[place - 1];
        place += 1;
    }
    powers
};

/// What the sums have to know of an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Its venue.
    pub(crate) venue: VenueId,
    /// Number of its base asset, in the list of all assets.
    pub(crate) base: u16,
    /// Number of its quote asset.
    pub(crate) quote: u16,
    /// A lot, 1e-18 of the base asset.
    lot: i128,
    /// What one lot at one tick is worth: this many units ...
    step: i128,
    /// ... of which so many are 1e-18 of the quote asset; 1 unless they are smaller.
    step_parts: i128,
}

impl Terms {
    /// Of an instrument of this venue, with these steps of price and quantity.
    pub(crate) fn new(
        venue: VenueId,
        (base, quote): (u16, u16),
        (tick, lot): (Scale, Scale),
    ) -> Self {
        let digits = u32::from(tick.decimals()) + u32::from(lot.decimals());
        let step = i128::from(tick.mantissa()) * i128::from(lot.mantissa());
        // At most 18 digits each.
        let (step, step_parts) = in_units(step, digits).unwrap_or((VALUE_MAX, 1));
        Self {
            venue,
            base,
            quote,
            lot: lot.decimal(1).map_or(VALUE_MAX, units),
            step,
            step_parts,
        }
    }

    /// The same of contracts, each of which stands for `multiplier` of the base asset. A value that
    /// cannot be counted so finely counts as the most there is: no limit lets it through.
    pub(crate) fn of_contracts(mut self, (tick, lot): (Scale, Scale), multiplier: Decimal) -> Self {
        let multiplier = multiplier.normalize();
        let digits = u32::from(tick.decimals()) + u32::from(lot.decimals()) + multiplier.scale();
        let step = i128::from(tick.mantissa()) * i128::from(lot.mantissa());
        let step = step.checked_mul(multiplier.mantissa());
        let whole = step.and_then(|step| in_units(step, digits));
        (self.step, self.step_parts) = whole.unwrap_or((VALUE_MAX, 1));
        self
    }

    /// Value of `qty` at `price` in whole 1e-18 of the quote asset, rounded up, cut at the most.
    #[inline]
    fn value(&self, price: Ticks, qty: Lots) -> i128 {
        let steps = i128::from(price.0).checked_mul(i128::from(qty.0));
        let units = steps.and_then(|steps| steps.checked_mul(self.step));
        let units = match self.step_parts {
            1 => units,
            parts => units.map(|units| crate::machine::divide::div_ceil(units, parts)),
        };
        units.map_or(VALUE_MAX, |units| units.clamp(-VALUE_MAX, VALUE_MAX))
    }
}

/// A value of so many digits behind the point as units and how many of them are 1e-18; `None`
/// beyond what can be counted.
fn in_units(step: i128, digits: u32) -> Option<(i128, i128)> {
    match DIGITS.checked_sub(digits) {
        Some(missing) => Some((step.checked_mul(*POWERS.get(missing as usize)?)?, 1)),
        None => Some((step, *POWERS.get((digits - DIGITS) as usize)?)),
    }
}

/// Number and value of some orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sum {
    /// How many.
    pub(crate) orders: u32,
    /// What they may still fill is worth, 1e-18 of the quote asset.
    pub(crate) value: i128,
    /// Of these, orders whose outcome is unknown.
    pub(crate) unknown: u32,
    /// Their value.
    pub(crate) unknown_value: i128,
    /// Orders that the venue has not confirmed since its connection was last down.
    pub(crate) unconfirmed: u32,
}

/// What orders of somebody on one instrument may still fill, lots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pending {
    /// What buys may still fill.
    pub(crate) buys: i64,
    /// The same for sells.
    pub(crate) sells: i64,
}

/// What an order adds to the sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footprint {
    instrument: InstrumentId,
    account: AccountId,
    strategy: Option<StrategyId>,
    side: Side,
    lots: i64,
    value: i128,
    /// Whether it is an order of its own in their number.
    counts: bool,
    unknown: bool,
    unconfirmed: bool,
}

impl Footprint {
    /// `None` for an order that is not live.
    pub(super) fn of(order: &Order) -> Option<Self> {
        if order.is_settled() {
            return None;
        }
        let lots = order.exposure().0.min(LOTS_MAX);
        Some(Self {
            instrument: order.instrument,
            account: order.account,
            strategy: order.strategy,
            side: order.side,
            lots,
            value: value(order.lot_value, lots),
            counts: true,
            unknown: order.state == OrderState::Unknown,
            unconfirmed: !order.confirmed,
        })
    }

    /// What orders that the engine holds may become: lots that they may open on a side, and their
    /// value, 1e-18.
    pub(crate) fn held(
        (instrument, account, strategy): (InstrumentId, AccountId, StrategyId),
        side: Side,
        (lots, value): (i64, i128),
        counts: bool,
    ) -> Self {
        Self {
            instrument,
            account,
            strategy: Some(strategy),
            side,
            lots: lots.min(LOTS_MAX),
            value,
            counts,
            unknown: false,
            unconfirmed: false,
        }
    }
}

/// Value of some lots, rounded up to whole 1e-18.
pub(crate) fn value(lot_value: Decimal, lots: i64) -> i128 {
    units(lot_value)
        .saturating_mul(i128::from(lots))
        .clamp(0, VALUE_MAX)
}

/// A decimal in whole 1e-18, rounded up; cut at [`VALUE_MAX`].
pub(crate) fn units(value: Decimal) -> i128 {
    let (mantissa, scale) = (value.mantissa(), value.scale());
    let units = if scale <= DIGITS {
        mantissa.saturating_mul(POWERS[(DIGITS - scale) as usize])
    } else {
        // A decimal has at most 28 digits behind the point.
        crate::machine::divide::div_ceil(mantissa, POWERS[(scale - DIGITS) as usize])
    };
    units.clamp(-VALUE_MAX, VALUE_MAX)
}

/// See the module's header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    terms: Vec<Option<Terms>>,
    assets: usize,
    all: Sum,
    venues: Vec<Sum>,
    accounts: Vec<Sum>,
    strategies: Vec<Sum>,
    instruments: Vec<Sum>,
    /// By account, then instrument.
    pending: Vec<Pending>,
    /// By strategy, then instrument.
    strategy_pending: Vec<Pending>,
    /// By account, then asset, 1e-18.
    reserved: Vec<i128>,
}

impl Sums {
    /// Empty sums with room for these instruments, by their ids, accounts and assets.
    pub(crate) fn open(terms: Vec<Option<Terms>>, accounts: usize, assets: usize) -> Self {
        let width = terms.len();
        Self {
            assets,
            all: Sum::default(),
            venues: vec![Sum::default(); 256],
            accounts: vec![Sum::default(); accounts],
            strategies: vec![Sum::default(); STRATEGIES_MAX],
            instruments: vec![Sum::default(); width],
            pending: vec![Pending::default(); accounts * width],
            strategy_pending: vec![Pending::default(); STRATEGIES_MAX * width],
            reserved: vec![0; accounts * assets],
            terms,
        }
    }

    /// Whether these sums are those of the orders.
    pub(super) fn are_of<'a>(&self, orders: impl Iterator<Item = &'a Order>) -> bool {
        let mut walk = Self::open(self.terms.clone(), self.accounts.len(), self.assets);
        for order in orders {
            walk.change(None, Footprint::of(order).as_ref());
        }
        // Before the first configuration there is nothing to count by.
        self.accounts.is_empty() || walk == *self
    }

    /// An order changed from one footprint to another.
    #[inline]
    pub(crate) fn change(&mut self, before: Option<&Footprint>, after: Option<&Footprint>) {
        if before == after {
            return;
        }
        if let Some(footprint) = before {
            self.add(footprint, -1);
        }
        if let Some(footprint) = after {
            self.add(footprint, 1);
        }
    }

    fn add(&mut self, order: &Footprint, sign: i8) {
        self.all.add(order, sign);
        let width = self.terms.len();
        let (instrument, account) = (order.instrument.index(), order.account.index());
        if let Some(sum) = self.accounts.get_mut(account) {
            sum.add(order, sign);
        }
        let pending = (instrument < width)
            .then(|| self.pending.get_mut(account * width + instrument))
            .flatten();
        if let Some(pending) = pending {
            pending.add(order, sign);
        }
        if let Some(strategy) = order.strategy.map(StrategyId::index) {
            if let Some(sum) = self.strategies.get_mut(strategy) {
                sum.add(order, sign);
            }
            let pending = (instrument < width)
                .then(|| self.strategy_pending.get_mut(strategy * width + instrument))
                .flatten();
            if let Some(pending) = pending {
                pending.add(order, sign);
            }
        }
        let Some(terms) = self.terms.get(instrument).copied().flatten() else {
            return;
        };
        self.instruments[instrument].add(order, sign);
        self.venues[usize::from(terms.venue.0)].add(order, sign);
        let (asset, held) = terms.needs(order.side, order.lots, order.value);
        if let Some(reserved) = self.reserved.get_mut(account * self.assets + asset) {
            *reserved += i128::from(sign) * held;
        }
    }

    /// Value of `qty` at `price` on an instrument, 1e-18 of its quote asset, rounded up. `None`
    /// for an instrument that is not known, and for as much as cannot be counted.
    #[inline]
    pub(crate) fn value(&self, instrument: InstrumentId, price: Ticks, qty: Lots) -> Option<i128> {
        let terms = self.terms.get(instrument.index())?.as_ref()?;
        Some(terms.value(price, qty)).filter(|value| *value < VALUE_MAX)
    }

    /// Of a venue.
    pub(crate) fn venue(&self, venue: VenueId) -> Sum {
        at(&self.venues, usize::from(venue.0))
    }

    /// Of an account.
    pub(crate) fn account(&self, account: AccountId) -> Sum {
        at(&self.accounts, account.index())
    }

    /// Of a scope, where it stands: a sum is large, and one number of it is wanted mostly.
    #[inline]
    pub(crate) fn at(&self, scope: Scope) -> &Sum {
        let sum = match scope {
            Scope::Overall => Some(&self.all),
            Scope::Venue(id) => self.venues.get(usize::from(id.0)),
            Scope::Account(id) => self.accounts.get(id.index()),
            Scope::Strategy(id) => self.strategies.get(id.index()),
            Scope::Instrument(id) => self.instruments.get(id.index()),
        };
        sum.unwrap_or(&Sum::NONE)
    }

    /// Of an account on an instrument.
    pub(crate) fn pending(&self, account: AccountId, instrument: InstrumentId) -> Pending {
        let width = self.terms.len();
        match instrument.index() < width {
            true => at(&self.pending, account.index() * width + instrument.index()),
            false => Pending::default(),
        }
    }

    /// Of a strategy on an instrument.
    pub(crate) fn strategy_pending(
        &self,
        strategy: StrategyId,
        instrument: InstrumentId,
    ) -> Pending {
        let width = self.terms.len();
        let place = strategy.index() * width + instrument.index();
        match instrument.index() < width {
            true => at(&self.strategy_pending, place),
            false => Pending::default(),
        }
    }

    /// What live orders of the account hold of the asset that an order on this side of the
    /// instrument needs, 1e-18 of it; and what `lots` of `value` need. `None` for an instrument
    /// that is not known.
    pub(crate) fn reserved(
        &self,
        account: AccountId,
        instrument: InstrumentId,
        side: Side,
        (lots, value): (i64, i128),
    ) -> Option<(i128, i128)> {
        let terms = self.terms.get(instrument.index()).copied().flatten()?;
        let (asset, needed) = terms.needs(side, lots, value);
        let held = self.reserved.get(account.index() * self.assets + asset)?;
        Some((*held, needed))
    }
}

fn at<T: Copy + Default>(values: &[T], place: usize) -> T {
    values.get(place).copied().unwrap_or_default()
}

impl Terms {
    /// The asset that an order on a side needs, and how much of it, 1e-18.
    fn needs(&self, side: Side, lots: i64, value: i128) -> (usize, i128) {
        match side {
            Side::Buy => (usize::from(self.quote), value),
            Side::Sell => {
                let lots = i128::from(lots);
                let base = self.lot.saturating_mul(lots).clamp(0, VALUE_MAX);
                (usize::from(self.base), base)
            }
        }
    }
}

impl Sum {
    /// Of no orders.
    const NONE: Self = Self {
        orders: 0,
        value: 0,
        unknown: 0,
        unknown_value: 0,
        unconfirmed: 0,
    };

    /// With other orders.
    #[cfg(test)]
    pub(crate) const fn and(&self, other: &Self) -> Self {
        Self {
            orders: self.orders.saturating_add(other.orders),
            value: self.value + other.value,
            unknown: self.unknown.saturating_add(other.unknown),
            unknown_value: self.unknown_value + other.unknown_value,
            unconfirmed: self.unconfirmed.saturating_add(other.unconfirmed),
        }
    }

    fn add(&mut self, order: &Footprint, sign: i8) {
        let one = |count: u32, counts: bool| match (counts, sign > 0) {
            (true, true) => count + 1,
            (true, false) => count - 1,
            (false, _) => count,
        };
        self.orders = one(self.orders, order.counts);
        self.unknown = one(self.unknown, order.unknown);
        self.unconfirmed = one(self.unconfirmed, order.unconfirmed);
        let value = i128::from(sign) * order.value;
        self.value += value;
        if order.unknown {
            self.unknown_value += value;
        }
    }
}

impl Pending {
    /// With other orders: buys and sells.
    pub(crate) fn with(self, other: Self) -> Option<(i64, i64)> {
        let (buys, sells) = (self.buys, self.sells);
        Some((
            buys.checked_add(other.buys)?,
            sells.checked_add(other.sells)?,
        ))
    }

    fn add(&mut self, order: &Footprint, sign: i8) {
        let lots = i64::from(sign) * order.lots;
        let sum = match order.side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        };
        *sum += lots;
    }
}
