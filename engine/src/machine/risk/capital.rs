//! Gross value and capital at the worst case, over accounts, venues and strategies: row 11 of the
//! plan, controls 102, 110 and 111.
//!
//! A *pair* is an account with a position or live orders in an instrument, or a strategy that has
//! such a limit of its own, with its own fills and orders there. It is worth the larger
//! of what it is after all its buys and after all its sells, in the reporting currency; its capital
//! is that part of it which the instrument's haircut says (all of it without one). At each `Tick`
//! every pair is worth anew what prices say then, and those are used until the next one; an order
//! that is approved, and a fill, count at once, and nothing counts less before the next tick. So an
//! order costs the same at any number of pairs, and the same log gives the same sums.
//!
//! A pair that cannot be priced makes the sums unknown: then nothing that increases passes.
//!
//! Hot path: yes. Allocates: only when instruments or accounts come.

use model::control::{Control, Scope};
use model::ids::{AccountId, InstrumentId, StrategyId, VenueId};
use model::limits::INSTRUMENTS_MAX;
use model::num::Lots;
use serde::{Deserialize, Serialize};

use super::Risk;
use super::bounds::Bound;
use crate::machine::digest::{Digest, Sink};
use crate::machine::divide::div_ceil_10_000;
use crate::machine::orders::sums::{Pending, VALUE_MAX, units};
use crate::machine::portfolio;

/// Whole of something, 1/10_000.
const WHOLE: i64 = 10_000;

/// Whose position and orders a pair is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Owner {
    /// Everything of an account: part of its sum, its venue's and that of all.
    Account(AccountId),
    /// What a strategy did by its own orders: part of its own sum alone.
    Strategy(StrategyId),
}

/// See the module's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Pair {
    owner: Owner,
    instrument: InstrumentId,
    /// 1e-18 of the reporting currency; `None` while it is unknown.
    value: Option<i128>,
}

/// What is counted, by owner and instrument.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Capital {
    pairs: Vec<Pair>,
    /// There may be pairs that are not known: the next tick looks for them.
    search: bool,
    /// What a lot of each instrument was worth at the last tick, or when it was first asked for,
    /// 1e-18 of the reporting currency, rounded up; `None` while it is not known.
    units: Vec<Option<i128>>,
    /// Of each account, of each strategy, of each venue, and of all; they follow from the pairs
    /// and the haircuts.
    #[serde(skip)]
    sums: Vec<Committed>,
    #[serde(skip)]
    strategies: Vec<Committed>,
    #[serde(skip)]
    venues: Vec<Committed>,
    #[serde(skip)]
    all: Committed,
}

/// Gross value and capital of some pairs, 1e-18 of the reporting currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Committed {
    /// At most 2^17 pairs of accounts, each below 1e30: no sum overflows.
    pub(super) gross: i128,
    pub(super) capital: i128,
    /// Pairs of unknown value.
    pub(super) unknown: u32,
}

impl Capital {
    /// Makes room.
    fn reserve(&mut self, accounts: usize, strategies: usize, limited: usize, instruments: usize) {
        let most = (accounts + limited).saturating_mul(instruments);
        self.pairs.reserve(most.saturating_sub(self.pairs.len()));
        self.sums.resize(accounts, Committed::default());
        self.strategies.resize(strategies, Committed::default());
        self.venues.resize(256, Committed::default());
        self.units.resize(instruments.max(self.units.len()), None);
    }

    /// There may be pairs that are not known.
    pub(super) const fn search(&mut self) {
        self.search = true;
    }

    /// Whether a snapshot's can be: each pair once, in sequence.
    pub(super) fn is_sound(&self) -> bool {
        let key = |pair: &Pair| (pair.owner, pair.instrument);
        let bounded =
            |value: &Option<i128>| value.is_none_or(|value| (0..=VALUE_MAX).contains(&value));
        self.pairs
            .is_sorted_by(|left, right| key(left) < key(right))
            && self.pairs.iter().all(|pair| bounded(&pair.value))
            && self.units.len() <= INSTRUMENTS_MAX
            && self.units.iter().all(bounded)
    }

    fn find(&self, owner: Owner, instrument: InstrumentId) -> Result<usize, usize> {
        let key = |owner, InstrumentId(instrument): InstrumentId| {
            let (strategy, id) = match owner {
                Owner::Account(account) => (0, account.0),
                Owner::Strategy(strategy) => (1, strategy.0),
            };
            // One number in the same sequence: compared without a branch.
            strategy << 48 | u64::from(id) << 32 | u64::from(instrument)
        };
        let wanted = key(owner, instrument);
        self.pairs
            .binary_search_by_key(&wanted, |pair| key(pair.owner, pair.instrument))
    }

    /// Takes away what a pair committed and adds what it commits.
    fn change(&mut self, (owner, venue): (Owner, usize), [before, after]: [Committed; 2]) {
        let sums = match owner {
            Owner::Account(account) => [
                self.sums.get_mut(account.index()),
                self.venues.get_mut(venue),
                Some(&mut self.all),
            ],
            Owner::Strategy(strategy) => [self.strategies.get_mut(strategy.index()), None, None],
        };
        for sum in sums.into_iter().flatten() {
            sum.gross += after.gross - before.gross;
            sum.capital += after.capital - before.capital;
            sum.unknown = sum.unknown + after.unknown - before.unknown;
        }
    }

    /// What is counted of a pair.
    fn counted(&self, owner: Owner, instrument: InstrumentId) -> Option<i128> {
        match self.find(owner, instrument) {
            Ok(at) => self.pairs[at].value,
            Err(_) => Some(0),
        }
    }
}

impl Digest for Capital {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.search);
        sink.number(self.units.len() as u64);
        for unit in &self.units {
            sink.number(unit.is_some());
            sink.number(unit.unwrap_or(0));
        }
        sink.number(self.pairs.len() as u64);
        for pair in &self.pairs {
            match pair.owner {
                Owner::Account(account) => sink.number(account.0),
                // Behind every account.
                Owner::Strategy(strategy) => sink.number(1 << 32 | u64::from(strategy.0)),
            }
            sink.number(pair.instrument.0);
            sink.number(pair.value.is_some());
            sink.number(pair.value.unwrap_or(0));
        }
    }
}

/// Larger of what is held after all buys and after all sells, lots.
fn worst(position: Lots, (buys, sells): (i64, i64)) -> Option<i64> {
    let long = position.0.checked_add(buys)?.checked_abs()?;
    let short = position.0.checked_sub(sells)?.checked_abs()?;
    Some(long.max(short))
}

/// So many 1/10_000 of a value, rounded up.
fn share(value: i128, of_whole: i64) -> i128 {
    if of_whole == WHOLE {
        value
    } else {
        div_ceil_10_000(value * i128::from(of_whole))
    }
}

impl Risk {
    /// Whether gross value or capital is limited at all.
    pub(super) fn limits_capital(&self) -> bool {
        self.bounds.limits(Control::GrossValue) || self.bounds.limits(Control::Capital)
    }

    /// Whether a strategy has such a limit of its own.
    fn limits_capital_of(&self, strategy: StrategyId) -> bool {
        let limited = |control| self.bounds.at(control, Scope::Strategy(strategy)) != Bound::NONE;
        limited(Control::GrossValue) || limited(Control::Capital)
    }

    /// The strategies of the configuration.
    fn strategy_ids(&self) -> impl Iterator<Item = StrategyId> + use<> {
        let strategies = self.config.as_ref().map_or(0, |c| c.strategies.len());
        (0..).map(StrategyId).take(strategies)
    }

    /// What part of an instrument's value is capital, 1/10_000.
    fn haircut(&self, instrument: InstrumentId) -> i64 {
        let own = self
            .bounds
            .at(Control::Haircut, Scope::Instrument(instrument));
        let any = self.bounds.at(Control::Haircut, Scope::Overall);
        let set = |hard: i64| (hard != i64::MAX).then_some(hard);
        set(own.hard).or(set(any.hard)).unwrap_or(WHOLE)
    }

    /// What a lot of an instrument is worth now, 1e-18 of the reporting currency, rounded up.
    fn unit_now(&self, instrument: InstrumentId) -> Option<i128> {
        let (asset, worth) = self.portfolio.worth_of(instrument, Lots(1))?;
        let worth = self.portfolio.in_reporting(&asset, worth)?;
        Some(units(worth.abs())).filter(|value| *value < VALUE_MAX)
    }

    /// What so many lots of an instrument are worth by the last tick's prices.
    fn reported_value(&self, instrument: InstrumentId, lots: i64) -> Option<i128> {
        if lots == 0 {
            return Some(0);
        }
        let known = self
            .capital
            .units
            .get(instrument.index())
            .copied()
            .flatten();
        let unit = match known {
            Some(unit) => unit,
            None => self.unit_now(instrument)?,
        };
        let value = unit.checked_mul(i128::from(lots))?;
        Some(value).filter(|value| *value < VALUE_MAX)
    }

    /// Value of a pair at the worst case, with more lots on a side.
    fn pair_value(&self, owner: Owner, instrument: InstrumentId, more: Pending) -> Option<i128> {
        let (orders, held) = (self.orders.sums(), self.held.sums());
        let (position, live, held) = match owner {
            Owner::Account(account) => (
                portfolio::lots(self.portfolio.position(account, instrument)),
                orders.pending(account, instrument),
                held.pending(account, instrument),
            ),
            Owner::Strategy(strategy) => (
                self.activity.strategy_lots(strategy, instrument),
                orders.strategy_pending(strategy, instrument),
                held.strategy_pending(strategy, instrument),
            ),
        };
        let (buys, sells) = live.with(held)?;
        let sides = (buys.checked_add(more.buys)?, sells.checked_add(more.sells)?);
        self.reported_value(instrument, worst(position, sides)?)
    }

    /// Values every pair anew, and forgets those with nothing in them.
    pub(super) fn value_pairs(&mut self) {
        if !self.limits_capital() {
            return;
        }
        if std::mem::take(&mut self.capital.search) {
            self.find_pairs();
        }
        self.capital.units.fill(None);
        for at in 0..self.capital.pairs.len() {
            self.learn_unit(self.capital.pairs[at].instrument);
        }
        for at in 0..self.capital.pairs.len() {
            let pair = self.capital.pairs[at];
            let counts = match pair.owner {
                Owner::Account(_) => true,
                Owner::Strategy(strategy) => self.limits_capital_of(strategy),
            };
            let value = match counts {
                true => self.pair_value(pair.owner, pair.instrument, Pending::default()),
                false => Some(0),
            };
            self.capital.pairs[at].value = value;
        }
        self.capital.pairs.retain(|pair| pair.value != Some(0));
        self.sum_pairs();
    }

    /// Keeps what a lot is worth until the next tick, if it is not kept already.
    fn learn_unit(&mut self, instrument: InstrumentId) {
        let place = self.capital.units.get(instrument.index());
        if place.is_some_and(Option::is_none) {
            self.capital.units[instrument.index()] = self.unit_now(instrument);
        }
    }

    /// Makes room for these accounts and instruments, and the sums anew: limits or haircuts
    /// changed. Pairs are known from the next order, fill or tick on.
    pub(super) fn open_capital(&mut self) {
        if !self.limits_capital() {
            return;
        }
        let accounts = self
            .config
            .as_ref()
            .map_or(0, |config| config.accounts.len());
        let strategies = self.strategy_ids().count();
        let limited = self.strategy_ids();
        let limited = limited.filter(|id| self.limits_capital_of(*id)).count();
        let instruments = self.entries.len();
        self.capital
            .reserve(accounts, strategies, limited, instruments);
        self.sum_pairs();
    }

    /// Counts every account, and every strategy with a limit of its own, with a position or live
    /// orders in an instrument.
    pub(super) fn find_pairs(&mut self) {
        if !self.limits_capital() {
            return;
        }
        let accounts = self
            .config
            .as_ref()
            .map_or(0, |config| config.accounts.len());
        for account in (0..).map(AccountId).take(accounts) {
            self.find_pairs_of(Owner::Account(account));
        }
        for strategy in self.strategy_ids() {
            if self.limits_capital_of(strategy) {
                self.find_pairs_of(Owner::Strategy(strategy));
            }
        }
    }

    fn find_pairs_of(&mut self, owner: Owner) {
        for instrument in 0..self.entries.len() {
            let instrument = InstrumentId(u32::try_from(instrument).unwrap_or(u32::MAX));
            if self.pair_value(owner, instrument, Pending::default()) != Some(0) {
                self.count_owner(owner, instrument);
            }
        }
    }

    fn sum_pairs(&mut self) {
        self.capital.sums.fill(Committed::default());
        self.capital.strategies.fill(Committed::default());
        self.capital.venues.fill(Committed::default());
        self.capital.all = Committed::default();
        for at in 0..self.capital.pairs.len() {
            let pair = self.capital.pairs[at];
            let adds = self.commits(pair.instrument, pair.value);
            self.commit(pair.owner, [Committed::default(), adds]);
        }
    }

    fn commit(&mut self, owner: Owner, change: [Committed; 2]) {
        let venue = match owner {
            Owner::Account(account) => self.venue_of(account),
            Owner::Strategy(_) => None,
        };
        // An account without a venue has no orders.
        let venue = venue.map_or(usize::MAX, VenueId::index);
        self.capital.change((owner, venue), change);
    }

    /// What a pair of this value commits.
    fn commits(&self, instrument: InstrumentId, value: Option<i128>) -> Committed {
        match value {
            Some(gross) => Committed {
                gross,
                capital: self.capital_of(instrument, gross),
                unknown: 0,
            },
            None => Committed {
                unknown: 1,
                ..Committed::default()
            },
        }
    }

    /// An order was approved, or a fill booked: its pairs are worth no less than before. A fill of
    /// nobody's order is no strategy's.
    pub(super) fn count_pair(
        &mut self,
        account: AccountId,
        strategy: Option<StrategyId>,
        instrument: InstrumentId,
    ) {
        if !self.limits_capital() {
            return;
        }
        self.count_owner(Owner::Account(account), instrument);
        if let Some(strategy) = strategy.filter(|id| self.limits_capital_of(*id)) {
            self.count_owner(Owner::Strategy(strategy), instrument);
        }
    }

    fn count_owner(&mut self, owner: Owner, instrument: InstrumentId) {
        self.learn_unit(instrument);
        let value = self.pair_value(owner, instrument, Pending::default());
        let at = match self.capital.find(owner, instrument) {
            Ok(at) => at,
            Err(at) => {
                let new = Pair {
                    owner,
                    instrument,
                    value: Some(0),
                };
                self.capital.pairs.insert(at, new);
                at
            }
        };
        let old = self.capital.pairs[at].value;
        let new = old.zip(value).map(|(old, new)| old.max(new));
        self.capital.pairs[at].value = new;
        let (before, after) = (self.commits(instrument, old), self.commits(instrument, new));
        self.commit(owner, [before, after]);
    }

    /// What a scope has committed.
    pub(super) fn committed(&self, scope: Scope) -> Committed {
        let at = |sums: &[Committed], index: usize| sums.get(index).copied().unwrap_or_default();
        match scope {
            Scope::Overall => self.capital.all,
            Scope::Venue(id) => at(&self.capital.venues, id.index()),
            Scope::Account(id) => at(&self.capital.sums, id.index()),
            Scope::Strategy(id) => at(&self.capital.strategies, id.index()),
            Scope::Instrument(_) => Committed::default(),
        }
    }

    /// Capital that a value takes, rounded up.
    fn capital_of(&self, instrument: InstrumentId, value: i128) -> i128 {
        share(value, self.haircut(instrument))
    }

    /// What an order adds to its pair: gross value and capital. `None` if it cannot be priced.
    pub(super) fn adds(
        &self,
        (owner, instrument): (Owner, InstrumentId),
        more: Pending,
    ) -> Option<(i128, i128)> {
        let counted = self.capital.counted(owner, instrument)?;
        let with = self.pair_value(owner, instrument, more)?;
        let haircut = self.haircut(instrument);
        let capital = share(with, haircut) - share(counted, haircut);
        Some(((with - counted).max(0), capital.max(0)))
    }
}
