//! What accounts, venues, strategies are worth in the reporting currency.
//!
//! Reckoned when asked, exactly, from positions and the last prices; what is watched at each event
//! is kept in `running.rs`. Cost: the assets and positions of what is asked for. A missing price or
//! rate makes the answer `None`, never zero.
//!
//! Thread: any. Allocates: no.

use model::body::AssetName;
use model::ids::{AccountId, InstrumentId, StrategyId, VenueId};
use model::instrument::{Contract, InstrumentSpec};
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;

use super::prices::Path;
use super::worth::worth;
use super::{Portfolio, Position};

impl Portfolio {
    /// Reporting currency for one of the asset: 1 for itself, else the last `Rate` event, else the
    /// price of an instrument asset/reporting, else over one step of asset/other. `None` if it has
    /// none.
    #[must_use]
    pub fn rate(&self, asset: &AssetName) -> Option<Decimal> {
        self.prices.rate(asset).map(|(rate, _)| rate)
    }

    /// Machine time at which [`Self::rate`] was known; `u64::MAX` for the reporting currency.
    #[must_use]
    pub fn rate_ns(&self, asset: &AssetName) -> Option<u64> {
        self.prices.rate(asset).map(|(_, time)| time)
    }

    /// Price at which positions of the instrument are valued, quote per base: the venue's mark for
    /// perpetuals that have one, else the last middle of the book.
    #[must_use]
    pub fn mark(&self, instrument: InstrumentId) -> Option<Decimal> {
        self.prices.price(instrument).map(|(price, _)| price)
    }

    /// The venue's mark price, and machine time of its event. `None` before the first.
    #[inline]
    pub(crate) fn mark_ticks(&self, instrument: InstrumentId) -> Option<(Ticks, u64)> {
        self.prices.mark_of(instrument)
    }

    /// Machine time of [`Self::mark`].
    #[must_use]
    pub fn mark_ns(&self, instrument: InstrumentId) -> Option<u64> {
        self.prices.price(instrument).map(|(_, time)| time)
    }

    /// What an account is worth: assets less debts at their rates, and the open profit of its
    /// perpetuals.
    #[must_use]
    pub fn equity(&self, account: AccountId) -> Option<Decimal> {
        let mut sum = Decimal::ZERO;
        for holding in self.ledger(account)?.holdings() {
            let net = holding.total.checked_sub(holding.borrowed)?;
            sum = sum.checked_add(self.in_reporting(&holding.asset, net)?)?;
        }
        for position in self.of_account(account) {
            sum = sum.checked_add(self.open_profit(position)?)?;
        }
        Some(sum)
    }

    /// What prices act on: the value of all that an account holds or owes but for the reporting
    /// currency, and of its perpetuals, whatever their side.
    #[must_use]
    pub fn gross(&self, account: AccountId) -> Option<Decimal> {
        let mut sum = Decimal::ZERO;
        for holding in self.ledger(account)?.holdings() {
            if self.prices.path(&holding.asset) == Some(Path::One) {
                continue;
            }
            let net = holding.total.checked_sub(holding.borrowed)?;
            sum = sum.checked_add(self.in_reporting(&holding.asset, net)?.abs())?;
        }
        for position in self.of_account(account) {
            let spec = self.prices.spec(position.instrument)?;
            if spec.contract == Contract::Spot || position.lots == Lots::ZERO {
                continue;
            }
            let value = worth(spec, self.mark(position.instrument)?, position.lots.0)?;
            sum = sum.checked_add(self.in_reporting(&settle(spec)?, value)?.abs())?;
        }
        Some(sum)
    }

    /// Sum of [`Self::gross`] over the accounts of a venue; zero if it has none.
    #[must_use]
    pub fn venue_gross(&self, venue: VenueId) -> Option<Decimal> {
        self.accounts()
            .filter(|account| self.venues.get(account.index()) == Some(&venue))
            .try_fold(Decimal::ZERO, |sum, account| {
                sum.checked_add(self.gross(account)?)
            })
    }

    /// Sum over all accounts.
    #[must_use]
    pub fn equity_total(&self) -> Option<Decimal> {
        self.accounts().try_fold(Decimal::ZERO, |sum, account| {
            sum.checked_add(self.equity(account)?)
        })
    }

    /// Sum over the accounts of a venue; zero if it has none.
    #[must_use]
    pub fn venue_equity(&self, venue: VenueId) -> Option<Decimal> {
        self.accounts()
            .filter(|account| self.venues.get(account.index()) == Some(&venue))
            .try_fold(Decimal::ZERO, |sum, account| {
                sum.checked_add(self.equity(account)?)
            })
    }

    /// Profit of all open positions, spot and perpetual, by average cost.
    #[must_use]
    pub fn unrealised(&self) -> Option<Decimal> {
        self.positions
            .iter()
            .try_fold(Decimal::ZERO, |sum, position| {
                let settle = self.prices.spec(position.instrument).map(settle);
                let profit = self.profit_of(position)?;
                let value = if profit.is_zero() {
                    profit
                } else {
                    self.in_reporting(&settle??, profit)?
                };
                sum.checked_add(value)
            })
    }

    /// A strategy's lots of an instrument over all accounts, by the fills of its orders.
    #[must_use]
    pub fn strategy_position(&self, strategy: StrategyId, instrument: InstrumentId) -> Lots {
        let parts = self.shares.parts().iter();
        let own = parts
            .filter(|part| part.strategy == strategy && part.position.instrument == instrument);
        Lots(own.fold(0_i64, |sum, part| sum.saturating_add(part.position.lots.0)))
    }

    /// A strategy's position in an account by its own average cost; flat if it never traded.
    #[must_use]
    pub fn strategy_part(
        &self,
        strategy: StrategyId,
        account: AccountId,
        instrument: InstrumentId,
    ) -> Position {
        self.shares.part(strategy, account, instrument)
    }

    /// A strategy's share of an asset of an account.
    #[must_use]
    pub fn strategy_amount(
        &self,
        strategy: StrategyId,
        account: AccountId,
        asset: AssetName,
    ) -> Decimal {
        self.shares.amount(strategy, account, asset)
    }

    /// What a strategy made since the books began: its share of all assets, valued, and the open
    /// profit of its perpetuals; after fees and funding.
    #[must_use]
    pub fn strategy_pnl(&self, strategy: StrategyId) -> Option<Decimal> {
        let mut sum = Decimal::ZERO;
        let amounts = self.shares.amounts().iter();
        for held in amounts.filter(|held| held.strategy == strategy) {
            sum = sum.checked_add(self.in_reporting(&held.asset, held.amount)?)?;
        }
        let parts = self.shares.parts().iter();
        for part in parts.filter(|part| part.strategy == strategy) {
            sum = sum.checked_add(self.open_profit(&part.position)?)?;
        }
        Some(sum)
    }

    /// An asset of an account that no strategy has: the account less all shares.
    #[must_use]
    pub fn unattributed(&self, account: AccountId, asset: AssetName) -> Option<Decimal> {
        let total = self.ledger(account)?.total(&asset);
        let shares = self.shares.amounts().iter();
        shares
            .filter(|held| held.account == account && held.asset == asset)
            .try_fold(total, |sum, held| sum.checked_sub(held.amount))
    }

    /// Lots of a position that no strategy has.
    #[must_use]
    pub fn unattributed_lots(&self, account: AccountId, instrument: InstrumentId) -> Option<Lots> {
        let total = self.position(account, instrument)?.lots.0;
        let parts = self.shares.parts().iter().map(|part| part.position);
        parts
            .filter(|held| held.account == account && held.instrument == instrument)
            .try_fold(total, |sum, held| sum.checked_sub(held.lots.0))
            .map(Lots)
    }

    /// The venue's last report of an asset less our own books at that moment; `None` before the
    /// first report.
    #[must_use]
    pub fn drift(&self, account: AccountId, asset: &AssetName) -> Option<Decimal> {
        let holding = self.ledger(account)?.holding(asset)?;
        holding.reported.map(|_| holding.drift)
    }

    pub(super) fn accounts(&self) -> impl Iterator<Item = AccountId> {
        let count = u16::try_from(self.ledgers.len()).unwrap_or(u16::MAX);
        (0..count).map(AccountId)
    }

    pub(crate) fn of_account(&self, account: AccountId) -> &[Position] {
        let from = self
            .positions
            .partition_point(|held| held.account < account);
        let to = self
            .positions
            .partition_point(|held| held.account <= account);
        &self.positions[from..to]
    }

    /// An amount of an asset in the reporting currency.
    pub(crate) fn in_reporting(&self, asset: &AssetName, amount: Decimal) -> Option<Decimal> {
        if amount.is_zero() {
            return Some(Decimal::ZERO);
        }
        amount.checked_mul(self.rate(asset)?)
    }

    /// What so many lots are worth at the instrument's price, and the asset that it is in.
    pub(crate) fn worth_of(&self, id: InstrumentId, lots: Lots) -> Option<(AssetName, Decimal)> {
        let spec = self.prices.spec(id)?;
        Some((settle(spec)?, worth(spec, self.mark(id)?, lots.0)?))
    }

    /// Open profit in the asset of profit.
    pub(super) fn profit_of(&self, position: &Position) -> Option<Decimal> {
        if position.lots == Lots::ZERO {
            return Some(Decimal::ZERO);
        }
        let spec = self.prices.spec(position.instrument)?;
        position.unrealised_at(spec, self.mark(position.instrument)?)
    }

    /// Open profit of a perpetual in the reporting currency; zero for spot, whose assets count.
    fn open_profit(&self, position: &Position) -> Option<Decimal> {
        if position.lots == Lots::ZERO {
            return Some(Decimal::ZERO);
        }
        let spec = self.prices.spec(position.instrument)?;
        if spec.contract == Contract::Spot {
            return Some(Decimal::ZERO);
        }
        self.in_reporting(&settle(spec)?, self.profit_of(position)?)
    }
}

/// The asset of an instrument's profit.
pub(super) fn settle(spec: &InstrumentSpec) -> Option<AssetName> {
    AssetName::whole(match &spec.contract {
        Contract::Spot => &spec.quote,
        Contract::Linear(terms) | Contract::Inverse(terms) => &terms.settle,
    })
}
