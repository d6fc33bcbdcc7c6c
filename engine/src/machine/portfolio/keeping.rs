//! How the kept equity follows the books: made anew when what prices assets changes, else asset by
//! asset.
//!
//! Hot path: fills and other changes of the books. Allocates: as `running.rs` says.

use model::body::AssetName;
use model::control::Scope;
use model::ids::{AccountId, InstrumentId, StrategyId};
use rust_decimal::Decimal;
use zerocopy::IntoBytes as _;

use super::Portfolio;
use super::factor::e12;
use super::running::{E12_IN_E8, Owner, SPARE, small};
use super::value::settle;

impl Portfolio {
    /// Keeps the equity of these scopes from here on: everything, accounts, strategies. Ascending.
    pub(crate) fn keep(&mut self, scopes: &[Scope]) {
        let mut running = std::mem::take(&mut self.running);
        running.owners.clear();
        let mut assets: Vec<AssetName> = Vec::new();
        for spec in self.prices.specs() {
            let names = [Some(spec.base.as_str()), Some(spec.quote.as_str())];
            assets.extend(names.into_iter().flatten().filter_map(AssetName::whole));
            assets.extend(settle(spec));
        }
        for ledger in &self.ledgers {
            assets.extend(ledger.holdings().iter().map(|held| held.asset));
        }
        assets.extend(self.shares.amounts().iter().map(|held| held.asset));
        assets.sort_unstable_by(|one, two| one.as_bytes().cmp(two.as_bytes()));
        assets.dedup();
        for scope in scopes {
            let mut owner = Owner::new(*scope);
            owner.assets.reserve(assets.len() + SPARE);
            owner.slots.reserve(assets.len() + SPARE);
            owner.pools.reserve(assets.len() + SPARE);
            for asset in &assets {
                owner.add_asset(*asset, &self.prices);
            }
            for spec in self.prices.specs() {
                owner.add_perpetual(spec, &self.prices);
            }
            running.owners.push(owner);
        }
        running.link(self.prices.instruments());
        for index in 0..running.owners.len() {
            let owner = &mut running.owners[index];
            for place in 0..owner.assets.len() {
                let asset = owner.assets[place].0;
                self.set_asset(owner, asset);
            }
            for place in 0..owner.perpetuals.len() {
                let instrument = owner.perpetuals[place].0;
                self.set_lots(owner, instrument);
            }
            owner.flows = self.flows_of(owner.scope);
        }
        running.moved = (1 << running.owners.len().min(127)) - 1;
        self.running = running;
    }

    /// The same scopes, after a rate came from outside.
    pub(super) fn keep_anew(&mut self) {
        let owners = self.running.owners.iter();
        let scopes: Vec<Scope> = owners.map(|owner| owner.scope).collect();
        self.keep(&scopes);
    }

    /// The books of an account changed in these assets and this instrument; of one strategy, or of
    /// any.
    pub(super) fn touch(
        &mut self,
        account: AccountId,
        instrument: Option<InstrumentId>,
        strategy: Option<StrategyId>,
        assets: &[AssetName],
    ) {
        let mut running = std::mem::take(&mut self.running);
        for (index, owner) in running.owners.iter_mut().enumerate() {
            let concerns = match owner.scope {
                Scope::Overall => true,
                Scope::Account(own) => own == account,
                Scope::Strategy(own) => strategy.is_none_or(|strategy| strategy == own),
                Scope::Venue(_) | Scope::Instrument(_) => false,
            };
            if !concerns {
                continue;
            }
            let before = (owner.known(), owner.flows);
            for asset in assets {
                self.set_asset(owner, *asset);
            }
            if let Some(instrument) = instrument {
                self.set_lots(owner, instrument);
            }
            owner.flows = self.flows_of(owner.scope);
            let changed = before != (owner.known(), owner.flows);
            running.moved |= u128::from(changed) << index;
        }
        self.running = running;
    }

    fn set_asset(&self, owner: &mut Owner, asset: AssetName) {
        let amount = self.amount_of(owner.scope, &asset).and_then(e12);
        let place = owner.add_asset(asset, &self.prices);
        owner.slots[place].amount = amount;
        owner.weigh_slot(place, &self.prices);
    }

    fn set_lots(&self, owner: &mut Owner, instrument: InstrumentId) {
        let known = owner.perpetuals.iter().find(|one| one.0 == instrument);
        let Some(&(_, place)) = known else {
            return;
        };
        let slot = &mut owner.slots[place];
        match self.lots_of(owner.scope, instrument) {
            Some((lots, cost)) => (slot.amount, slot.cost) = (Some(lots), cost),
            None => (slot.amount, slot.cost) = (None, 0),
        }
        owner.weigh_slot(place, &self.prices);
    }

    /// What a scope has of an asset, less what it owes.
    fn amount_of(&self, scope: Scope, asset: &AssetName) -> Option<Decimal> {
        let of = |sum: Decimal, ledger: &super::Ledger| {
            let held = ledger.holding(asset);
            let net = held.map_or(Some(Decimal::ZERO), |held| {
                held.total.checked_sub(held.borrowed)
            })?;
            sum.checked_add(net)
        };
        match scope {
            Scope::Account(account) => of(Decimal::ZERO, self.ledger(account)?),
            Scope::Strategy(strategy) => {
                let amounts = self.shares.amounts().iter();
                let own = amounts.filter(|held| held.strategy == strategy && held.asset == *asset);
                own.map(|held| held.amount)
                    .try_fold(Decimal::ZERO, Decimal::checked_add)
            }
            Scope::Overall | Scope::Venue(_) | Scope::Instrument(_) => {
                self.ledgers.iter().try_fold(Decimal::ZERO, of)
            }
        }
    }

    /// A scope's lots of a perpetual, and what they cost, 1e-12.
    fn lots_of(&self, scope: Scope, instrument: InstrumentId) -> Option<(i128, i128)> {
        let mut sum = (0_i128, 0_i128);
        let mut add = |held: &super::Position| {
            sum = (
                sum.0 + i128::from(held.lots.0),
                small(sum.1 + e12(held.cost)?)?,
            );
            Some(())
        };
        match scope {
            // An account has no place for the instruments of other venues: it holds none of them.
            Scope::Account(account) => {
                if let Some(held) = self.position(account, instrument) {
                    add(held)?;
                }
            }
            Scope::Strategy(strategy) => {
                let parts = self.shares.parts().iter().filter(|part| {
                    part.strategy == strategy && part.position.instrument == instrument
                });
                for part in parts {
                    add(&part.position)?;
                }
            }
            Scope::Overall | Scope::Venue(_) | Scope::Instrument(_) => {
                for account in self.accounts() {
                    if let Some(held) = self.position(account, instrument) {
                        add(held)?;
                    }
                }
            }
        }
        Some(sum)
    }

    /// What came from outside, 1e-8; to a strategy nothing does.
    fn flows_of(&self, scope: Scope) -> Option<i128> {
        let flows = match scope {
            Scope::Account(account) => self.account_flows(account)?,
            Scope::Strategy(_) => Decimal::ZERO,
            Scope::Overall | Scope::Venue(_) | Scope::Instrument(_) => self.flows()?,
        };
        Some(e12(flows)? / E12_IN_E8)
    }

    /// What came from outside was valued anew.
    pub(super) fn flows_changed(&mut self) {
        for index in 0..self.running.owners.len() {
            let owner = &self.running.owners[index];
            let (old, new) = (owner.flows, self.flows_of(owner.scope));
            self.running.owners[index].flows = new;
            self.running.moved |= u128::from(old != new) << index;
        }
    }

    /// Scopes whose equity moved since this was asked last, by their places.
    #[inline]
    pub(crate) const fn take_moved(&mut self) -> u128 {
        let moved = self.running.moved;
        self.running.moved = 0;
        moved
    }

    /// The scope at a place, and what it made: equity less what came from outside, 1e-8 of the
    /// reporting currency; `None` while anything is unknown.
    pub(crate) fn made(&self, place: usize) -> Option<(Scope, Option<i64>)> {
        let owner = self.running.owners.get(place)?;
        let made = owner.known().zip(owner.flows);
        let made = made.and_then(|(worth, flows)| i64::try_from(worth - flows).ok());
        Some((owner.scope, made))
    }

    /// Equity of a scope as it is kept, 1e-8 of the reporting currency; `None` if it is unknown or
    /// not kept.
    #[must_use]
    pub fn running_equity(&self, scope: Scope) -> Option<i64> {
        i64::try_from(self.running.find(scope)?.known()?).ok()
    }

    /// Machine time of the oldest price that the equity of a place rests on, `u64::MAX` if on none;
    /// else an asset whose price was never known.
    pub(crate) fn oldest_price_ns(&self, place: usize) -> Option<Result<u64, Option<AssetName>>> {
        let owner = self.running.owners.get(place)?;
        let known = owner.flows.and_then(|_| owner.oldest_ns(&self.prices));
        Some(known.ok_or_else(|| owner.missing_asset()))
    }
}
