//! Equity that is kept, not reckoned: of everything, and of each account and strategy that has a
//! level of its own.
//!
//! Each asset and each perpetual of an owner is a slot. What has a rate of its own is a pool, and
//! slots are worth an amount of their pool: an asset itself, one that is priced in the pool's asset
//! over one step, a perpetual's open profit in its settlement asset. A price changes only the slots
//! and pools that rest on it: one of each owner. Everything is a whole number, 1e-12 of the pool's
//! asset and 1e-8 of the reporting currency, cut towards zero; sums are exact, so that what is kept
//! is what a new start would reckon from the same books and prices.
//!
//! Hot path: yes. Allocates: in `keep`, and for an asset that no instrument names.

use model::body::AssetName;
use model::control::Scope;
use model::ids::InstrumentId;
use model::instrument::{Contract, InstrumentSpec};
use zerocopy::IntoBytes as _;

use super::factor::Factor;
use super::prices::{Path, Prices};
use super::value::settle;

/// Beyond this a value counts as unknown, so that no sum overflows.
const VALUE_MAX: i128 = i128::MAX >> 20;
/// 1e-12 in 1e-8.
pub(super) const E12_IN_E8: i128 = 10_000;
/// Room for assets that no instrument names.
pub(super) const SPARE: usize = 16;

/// How a slot is worth an amount of its pool.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// It is the pool's asset.
    Own,
    /// Priced by an instrument in the pool's asset.
    Step(InstrumentId, Factor),
    /// Lots of a perpetual, settled in the pool's asset.
    Linear(InstrumentId, Factor),
    /// The same, inverse.
    Inverse(InstrumentId, Factor),
    /// Nothing prices it.
    Lost,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    kind: Kind,
    pool: usize,
    /// Assets: 1e-12; perpetuals: lots. `None` beyond the range.
    pub(super) amount: Option<i128>,
    /// What the lots cost, 1e-12 of the pool's asset.
    pub(super) cost: i128,
    /// Worth, 1e-12 of the pool's asset; `None` while a price is missing.
    value: Option<i128>,
}

/// Reporting currency for one of a pool's asset.
#[derive(Debug, Clone, Copy)]
enum Rate {
    One,
    Given(Factor),
    Book(InstrumentId, Factor),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Pool {
    asset: AssetName,
    rate: Rate,
    amount: i128,
    /// Slots of unknown value.
    missing: u32,
    /// 1e-8 of the reporting currency; `None` while unknown.
    value: Option<i128>,
}

/// One whose equity is kept.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) scope: Scope,
    pub(super) assets: Vec<(AssetName, usize)>,
    pub(super) perpetuals: Vec<(InstrumentId, usize)>,
    pub(super) slots: Vec<Slot>,
    pub(super) pools: Vec<Pool>,
    worth: i128,
    /// Pools of unknown value.
    missing: u32,
    /// What came from outside, 1e-8; `None` while unknown.
    pub(super) flows: Option<i128>,
}

/// What rests on an instrument's price.
#[derive(Debug, Clone, Copy)]
enum Link {
    Slot(usize, usize),
    Pool(usize, usize),
}

/// See the module's header.
#[derive(Debug, Clone, Default)]
pub(super) struct Running {
    /// By scope.
    pub(super) owners: Vec<Owner>,
    /// By instrument.
    links: Vec<Vec<Link>>,
    /// Owners whose worth changed, by bit.
    pub(super) moved: u128,
}

pub(super) fn small(value: i128) -> Option<i128> {
    (value.abs() <= VALUE_MAX).then_some(value)
}

impl Slot {
    fn worth(&self, prices: &Prices) -> Option<i128> {
        let amount = self.amount?;
        if amount == 0 && self.cost == 0 {
            return Some(0);
        }
        let value = match self.kind {
            Kind::Own => amount,
            Kind::Step(id, factor) | Kind::Linear(id, factor) => {
                factor.of(amount.checked_mul(i128::from(prices.twice(id)?))?)?
            }
            Kind::Inverse(id, factor) => factor.over(-amount, prices.twice(id)?)?,
            Kind::Lost => return None,
        };
        small(value.checked_sub(self.cost)?)
    }

    const fn source(&self) -> Option<InstrumentId> {
        match self.kind {
            Kind::Step(id, _) | Kind::Linear(id, _) | Kind::Inverse(id, _) => Some(id),
            Kind::Own | Kind::Lost => None,
        }
    }
}

impl Pool {
    fn worth(&self, prices: &Prices) -> Option<i128> {
        if self.missing > 0 {
            return None;
        }
        if self.amount == 0 {
            return Some(0);
        }
        let value = match self.rate {
            Rate::One => self.amount / E12_IN_E8,
            Rate::Given(factor) => factor.of(self.amount)?,
            Rate::Book(id, factor) => {
                factor.of(self.amount.checked_mul(i128::from(prices.twice(id)?))?)?
            }
        };
        small(value)
    }
}

impl Owner {
    pub(super) fn new(scope: Scope) -> Self {
        Self {
            scope,
            assets: Vec::new(),
            perpetuals: Vec::new(),
            slots: Vec::new(),
            pools: Vec::new(),
            worth: 0,
            missing: 0,
            flows: None,
        }
    }

    /// The pool of an asset that has a rate of its own; of one that has none, one without worth.
    fn pool(&mut self, asset: AssetName, prices: &Prices) -> usize {
        if let Some(place) = self.pools.iter().position(|pool| pool.asset == asset) {
            return place;
        }
        let rate = match prices.path(&asset) {
            Some(Path::Given(rate, _)) => Factor::rate(rate).map(Rate::Given),
            Some(Path::Book(id)) => prices
                .spec(id)
                .and_then(|spec| Factor::price(spec, E12_IN_E8))
                .map(|factor| Rate::Book(id, factor)),
            Some(Path::One | Path::Step(..)) | None => Some(Rate::One),
        };
        self.pools.push(Pool {
            asset,
            rate: rate.unwrap_or(Rate::One),
            amount: 0,
            missing: 0,
            value: Some(0),
        });
        if rate.is_none() {
            // For good: no number of ours holds such a rate.
            let last = self.pools.len() - 1;
            self.pools[last].missing = 1;
            self.pools[last].value = None;
            self.missing += 1;
        }
        self.pools.len() - 1
    }

    fn add(&mut self, kind: Kind, pool: usize) -> usize {
        self.slots.push(Slot {
            kind,
            pool,
            amount: Some(0),
            cost: 0,
            value: Some(0),
        });
        self.slots.len() - 1
    }

    pub(super) fn add_asset(&mut self, asset: AssetName, prices: &Prices) -> usize {
        let key = |held: &(AssetName, usize)| held.0.as_bytes().cmp(asset.as_bytes());
        let place = match self.assets.binary_search_by(key) {
            Ok(place) => return self.assets[place].1,
            Err(place) => place,
        };
        let (kind, of) = match prices.path(&asset) {
            Some(Path::Step(id, quote)) => {
                let factor = prices.spec(id).and_then(|spec| Factor::price(spec, 1));
                let step = factor.map(|factor| (Kind::Step(id, factor), quote));
                step.unwrap_or((Kind::Lost, asset))
            }
            Some(Path::One | Path::Given(..) | Path::Book(_)) => (Kind::Own, asset),
            None => (Kind::Lost, asset),
        };
        let pool = self.pool(of, prices);
        let slot = self.add(kind, pool);
        self.assets.insert(place, (asset, slot));
        slot
    }

    pub(super) fn add_perpetual(&mut self, spec: &InstrumentSpec, prices: &Prices) {
        let kind = match &spec.contract {
            Contract::Spot => return,
            Contract::Linear(terms) => {
                Factor::linear(spec, terms).map(|factor| Kind::Linear(spec.id, factor))
            }
            Contract::Inverse(terms) => {
                Factor::inverse(spec, terms).map(|factor| Kind::Inverse(spec.id, factor))
            }
        };
        let Some(asset) = settle(spec) else {
            return;
        };
        // The settlement asset may itself be priced over one step: then its slot is the pool's, and
        // a perpetual in it has no pool to be in.
        let stepped = matches!(prices.path(&asset), Some(Path::Step(..)) | None);
        let kind = kind.filter(|_| !stepped).unwrap_or(Kind::Lost);
        let pool = self.pool(asset, prices);
        let slot = self.add(kind, pool);
        self.perpetuals.push((spec.id, slot));
    }

    /// Whether its worth changed.
    fn weigh_pool(&mut self, place: usize, prices: &Prices) -> bool {
        let pool = &mut self.pools[place];
        let (old, new) = (pool.value, pool.worth(prices));
        if old == new {
            return false;
        }
        pool.value = new;
        self.worth += new.unwrap_or(0) - old.unwrap_or(0);
        self.missing = self.missing + u32::from(new.is_none()) - u32::from(old.is_none());
        true
    }

    /// Whether its worth changed.
    pub(super) fn weigh_slot(&mut self, place: usize, prices: &Prices) -> bool {
        let slot = &mut self.slots[place];
        let (old, new) = (slot.value, slot.worth(prices));
        if old == new {
            return false;
        }
        slot.value = new;
        let (at, pool) = (slot.pool, &mut self.pools[slot.pool]);
        pool.amount += new.unwrap_or(0) - old.unwrap_or(0);
        pool.missing = pool.missing + u32::from(new.is_none()) - u32::from(old.is_none());
        self.weigh_pool(at, prices)
    }

    pub(super) fn known(&self) -> Option<i128> {
        (self.missing == 0).then_some(self.worth)
    }

    /// When the oldest price that it rests on was known; `None` if one was never. `u64::MAX` if it
    /// rests on none.
    pub(super) fn oldest_ns(&self, prices: &Prices) -> Option<u64> {
        let mut oldest = u64::MAX;
        for slot in self.slots.iter().filter(|slot| slot.value != Some(0)) {
            slot.value?;
            if let Some(id) = slot.source() {
                oldest = oldest.min(prices.known_ns(id)?);
            }
        }
        for pool in self.pools.iter().filter(|pool| pool.value != Some(0)) {
            pool.value?;
            oldest = oldest.min(match pool.rate {
                Rate::One => u64::MAX,
                Rate::Given(_) => prices.rate(&pool.asset)?.1,
                Rate::Book(id, _) => prices.known_ns(id)?,
            });
        }
        Some(oldest)
    }

    /// An asset that keeps the worth unknown.
    pub(super) fn missing_asset(&self) -> Option<AssetName> {
        let unknown = |slot: usize| {
            let slot = &self.slots[slot];
            slot.value.is_none() || self.pools[slot.pool].value.is_none() && slot.value != Some(0)
        };
        let assets = self.assets.iter().find(|(_, slot)| unknown(*slot));
        let pools = || self.pools.iter().find(|pool| pool.value.is_none());
        assets
            .map(|(asset, _)| *asset)
            .or_else(|| pools().map(|pool| pool.asset))
    }
}

impl Running {
    /// A price of an instrument moved.
    #[inline]
    pub(super) fn price(&mut self, prices: &Prices, instrument: InstrumentId) {
        let Some(links) = self.links.get(instrument.index()) else {
            return;
        };
        for link in links {
            let (owner, changed) = match *link {
                Link::Slot(owner, slot) => (owner, self.owners[owner].weigh_slot(slot, prices)),
                Link::Pool(owner, pool) => (owner, self.owners[owner].weigh_pool(pool, prices)),
            };
            self.moved |= u128::from(changed) << owner;
        }
    }

    pub(super) fn find(&self, scope: Scope) -> Option<&Owner> {
        let place = self.owners.binary_search_by_key(&scope, |one| one.scope);
        place.ok().map(|place| &self.owners[place])
    }

    pub(super) fn link(&mut self, instruments: usize) {
        self.links.iter_mut().for_each(Vec::clear);
        self.links.resize_with(instruments, Vec::new);
        let mut add = |id: InstrumentId, link| {
            if let Some(links) = self.links.get_mut(id.index()) {
                links.push(link);
            }
        };
        for (index, owner) in self.owners.iter().enumerate() {
            for (place, slot) in owner.slots.iter().enumerate() {
                if let Some(id) = slot.source() {
                    add(id, Link::Slot(index, place));
                }
            }
            for (place, pool) in owner.pools.iter().enumerate() {
                if let Rate::Book(id, _) = pool.rate {
                    add(id, Link::Pool(index, place));
                }
            }
        }
    }
}
