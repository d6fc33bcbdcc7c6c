//! What we hold and what it made: a ledger for each account, a position for each instrument.
//!
//! Every fill is booked by double entry: what an account gains of an asset, the market or the
//! venue's fees lose. Fills that cannot be booked (unknown account, overflow) are counted, and
//! stay in the log.

mod ledger;
mod position;
#[cfg(test)]
mod tests;

pub use ledger::{Holding, Ledger};
pub use position::Position;

use model::body::{AssetName, Balance, Fill, Side};
use model::ids::{AccountId, InstrumentId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Money};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use self::ledger::SavedLedger;
use super::digest::{Digest, Sink};
use super::saved::{COUNT_MAX, Unsound, require};

/// Whose holding an entry changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    /// Our account.
    Own,
    /// Whoever traded with us.
    Market,
    /// The venue's fees.
    Fees,
}

/// All accounts and positions.
#[derive(Debug, Clone, Default)]
pub struct Portfolio {
    ledgers: Vec<Ledger>,
    positions: Vec<Position>,
    unbooked: u64,
}

/// The portfolio as a snapshot holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedPortfolio {
    ledgers: Vec<SavedLedger>,
    positions: Vec<Position>,
    unbooked: u64,
}

impl Portfolio {
    /// What a snapshot has to hold.
    pub(crate) fn save(&self) -> SavedPortfolio {
        let Self {
            ledgers,
            positions,
            unbooked,
        } = self;
        SavedPortfolio {
            ledgers: ledgers.iter().map(Ledger::save).collect(),
            positions: positions.clone(),
            unbooked: *unbooked,
        }
    }

    /// The portfolio of a snapshot, for this many accounts.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(crate) fn restore(saved: &SavedPortfolio, accounts: usize) -> Result<Self, Unsound> {
        require(saved.ledgers.len() == accounts, "number of ledgers")?;
        let ascend = saved.positions.is_sorted_by(|left, right| {
            (left.account, left.instrument) < (right.account, right.instrument)
        });
        require(ascend, "sequence of the positions")?;
        require(saved.unbooked < COUNT_MAX, "count of unbooked fills")?;
        let ledgers: Result<_, _> = saved.ledgers.iter().map(Ledger::restore).collect();
        Ok(Self {
            ledgers: ledgers?,
            positions: saved.positions.clone(),
            unbooked: saved.unbooked,
        })
    }

    /// Makes places for every account and instrument, so that a fill finds its own.
    pub(crate) fn open(
        &mut self,
        accounts: usize,
        tradable: impl Iterator<Item = (AccountId, InstrumentId)>,
    ) {
        while self.ledgers.len() < accounts {
            self.ledgers.push(Ledger::new());
        }
        for (account, instrument) in tradable {
            if let Err(at) = self.find(account, instrument) {
                self.positions
                    .insert(at, Position::flat(account, instrument));
            }
        }
    }

    fn find(&self, account: AccountId, instrument: InstrumentId) -> Result<usize, usize> {
        self.positions
            .binary_search_by_key(&(account, instrument), |position| {
                (position.account, position.instrument)
            })
    }

    /// Books a fill that was not booked before.
    pub(crate) fn fill(&mut self, spec: &InstrumentSpec, account: AccountId, fill: &Fill) {
        if self.book(spec, account, fill).is_none() {
            self.unbooked += 1;
        }
    }

    fn book(&mut self, spec: &InstrumentSpec, account: AccountId, fill: &Fill) -> Option<()> {
        let at = self.find(account, spec.id).ok()?;
        let mut position = self.positions[at].after(spec, fill.side, fill.price, fill.qty)?;
        let fee = sound(fill.fee)?;
        let fee_in_quote = fee_in_quote(spec, fill).unwrap_or_default();
        position.fees = position.fees.checked_add(fee_in_quote)?;
        let own = own_amounts(spec, fill)?;
        let ledger = self.ledgers.get_mut(account.index())?;
        ledger.book(&own)?;
        ledger.add_fee(fill.fee_asset, fee)?;
        self.positions[at] = position;
        Some(())
    }

    /// Takes the venue's report of a balance.
    pub(crate) fn report(&mut self, account: AccountId, balance: &Balance) {
        if self.take_report(account, balance).is_none() {
            self.unbooked += 1;
        }
    }

    fn take_report(&mut self, account: AccountId, balance: &Balance) -> Option<()> {
        let total = sound(balance.free)?.checked_add(sound(balance.locked)?)?;
        let ledger = self.ledgers.get_mut(account.index())?;
        ledger.report(balance.asset, total)
    }

    /// The ledger of an account.
    #[must_use]
    pub fn ledger(&self, account: AccountId) -> Option<&Ledger> {
        self.ledgers.get(account.index())
    }

    /// Position of an account in an instrument.
    #[must_use]
    pub fn position(&self, account: AccountId, instrument: InstrumentId) -> Option<&Position> {
        let at = self.find(account, instrument).ok()?;
        self.positions.get(at)
    }

    /// All positions, flat ones too, by account and instrument.
    #[must_use]
    pub fn positions(&self) -> &[Position] {
        &self.positions
    }

    /// Fills and balances that could not be booked.
    #[must_use]
    pub const fn unbooked(&self) -> u64 {
        self.unbooked
    }
}

/// The entries of a fill: what each book gains of each asset. They sum to zero for each asset.
pub(crate) fn entries(
    spec: &InstrumentSpec,
    fill: &Fill,
) -> Option<[(Party, AssetName, Decimal); 6]> {
    let quantity = spec.quantity(fill.qty)?;
    let value = spec.notional(fill.price, fill.qty)?;
    let base = AssetName::whole(&spec.base)?;
    let quote = AssetName::whole(&spec.quote)?;
    let fee = sound(fill.fee)?;
    let (gained, paid) = match fill.side {
        Side::Buy => (quantity, value),
        Side::Sell => (-quantity, -value),
    };
    Some([
        (Party::Own, base, gained),
        (Party::Market, base, -gained),
        (Party::Own, quote, -paid),
        (Party::Market, quote, paid),
        (Party::Own, fill.fee_asset, -fee),
        (Party::Fees, fill.fee_asset, fee),
    ])
}

fn own_amounts(spec: &InstrumentSpec, fill: &Fill) -> Option<[(AssetName, Decimal); 3]> {
    let entries = entries(spec, fill)?;
    let mut own = entries
        .iter()
        .filter(|(party, ..)| *party == Party::Own)
        .map(|&(_, asset, amount)| (asset, amount));
    Some([own.next()?, own.next()?, own.next()?])
}

fn fee_in_quote(spec: &InstrumentSpec, fill: &Fill) -> Option<Decimal> {
    let fee = sound(fill.fee)?;
    let asset = fill.fee_asset.as_str();
    if asset == spec.quote {
        Some(fee)
    } else if asset == spec.base {
        fee.checked_mul(spec.price(fill.price)?)
    } else {
        None
    }
}

/// The value of money out of a record; `None` if its bytes are no decimal, which no writer of ours
/// makes.
fn sound(money: Money) -> Option<Decimal> {
    let value = money.get();
    (value.scale() <= Decimal::MAX_SCALE).then_some(value)
}

/// Lots of a position; zero where there is none.
pub(crate) fn lots(position: Option<&Position>) -> Lots {
    position.map_or(Lots::ZERO, |position| position.lots)
}

impl Digest for Portfolio {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.ledgers.len() as u64);
        for ledger in &self.ledgers {
            ledger.digest(sink);
        }
        sink.number(self.positions.len() as u64);
        for position in &self.positions {
            position.digest(sink);
        }
        sink.number(self.unbooked);
    }
}
