//! What we hold and what it made: a ledger for each account, a position for each instrument, and
//! what of both each strategy has.
//!
//! Invariants
//! - P1: every event's postings sum to zero for each asset, and so do both sides of each holding.
//!   One that did not would be counted in [`Portfolio::unbalanced`], which the shadow watches.
//! - P2: an event is booked whole or not at all. What cannot be booked (unknown account, overflow,
//!   a sum that would lose digits) is counted, told, and stays in the log.
//! - P3: strategies' shares and the unattributed rest sum to the account, exactly.
//! - P4: realised less cost is the same by average cost and first in, first out.

mod applied;
mod book;
#[cfg(test)]
mod contract_props;
#[cfg(test)]
mod contract_tests;
mod day;
mod exact;
mod factor;
mod fifo;
mod keeping;
mod ledger;
mod liquidation;
mod places;
mod position;
mod postings;
mod prices;
mod running;
mod shares;
#[cfg(test)]
mod tests;
mod value;
mod worth;

pub use fifo::Fifo;
pub use ledger::{Holding, Ledger};
pub use position::{Position, VenuePosition};

use model::body::{Fill, Rate};
use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::InstrumentSpec;
use model::limits::INSTRUMENTS_MAX;
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use self::applied::{Applied, SavedApplied};
use self::day::Day;
use self::exact::sound;
use self::ledger::SavedLedger;
use self::places::Places;
use self::prices::{Prices, SavedPrices};
use self::running::Running;
use self::shares::{SavedShares, Shares};
use super::digest::{Digest, Sink};
use super::saved::{COUNT_MAX, Unsound, require};

/// All accounts and positions.
#[derive(Debug, Clone, Default)]
pub struct Portfolio {
    ledgers: Vec<Ledger>,
    /// Venue of each account, as configured.
    venues: Vec<VenueId>,
    positions: Vec<Position>,
    /// Where each one stands.
    places: Places,
    /// Of each position, at the same place.
    lots: Vec<Fifo>,
    shares: Shares,
    prices: Prices,
    applied: Applied,
    day: Day,
    unbooked: u64,
    unbalanced: u64,
    /// Follows from all the others.
    running: Running,
}

/// The portfolio as a snapshot holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedPortfolio {
    ledgers: Vec<SavedLedger>,
    positions: Vec<Position>,
    lots: Vec<Fifo>,
    shares: SavedShares,
    prices: SavedPrices,
    applied: SavedApplied,
    day: Day,
    unbooked: u64,
    unbalanced: u64,
}

impl Portfolio {
    /// What a snapshot has to hold.
    pub(crate) fn save(&self) -> SavedPortfolio {
        let Self {
            ledgers,
            // From the configuration.
            venues: _,
            positions,
            // Made anew.
            places: _,
            lots,
            shares,
            prices,
            applied,
            day,
            unbooked,
            unbalanced,
            running: _,
        } = self;
        SavedPortfolio {
            ledgers: ledgers.iter().map(Ledger::save).collect(),
            positions: positions.clone(),
            lots: lots.clone(),
            shares: shares.save(),
            prices: prices.save(),
            applied: applied.save(),
            day: *day,
            unbooked: *unbooked,
            unbalanced: *unbalanced,
        }
    }

    /// The portfolio of a snapshot, for this many accounts. It must be opened before it is used.
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
        let known = |held: &Position| {
            held.account.index() < accounts && held.instrument.index() < INSTRUMENTS_MAX
        };
        require(saved.positions.iter().all(known), "whose positions")?;
        let counts = saved.unbooked.max(saved.unbalanced);
        require(counts < COUNT_MAX, "count of unbooked fills")?;
        require(
            saved.lots.len() == saved.positions.len(),
            "number of positions' lots",
        )?;
        for (position, lots) in saved.positions.iter().zip(&saved.lots) {
            lots.check(position.lots.0)?;
        }
        let ledgers: Result<_, _> = saved.ledgers.iter().map(Ledger::restore).collect();
        Ok(Self {
            ledgers: ledgers?,
            venues: Vec::new(),
            places: Places::of(&saved.positions),
            positions: saved.positions.clone(),
            lots: saved.lots.clone(),
            shares: Shares::restore(&saved.shares)?,
            prices: Prices::restore(&saved.prices),
            applied: Applied::restore(&saved.applied)?,
            day: saved.day,
            unbooked: saved.unbooked,
            unbalanced: saved.unbalanced,
            running: Running::default(),
        })
    }

    /// Takes what is configured: the reporting currency (empty: none), the venue of each account,
    /// and the instruments. Makes places, so that a fill finds its own.
    pub(crate) fn open<'a>(
        &mut self,
        reporting: &str,
        venues: impl Iterator<Item = VenueId>,
        specs: impl Iterator<Item = &'a InstrumentSpec>,
    ) {
        self.venues.clear();
        self.venues.extend(venues);
        while self.ledgers.len() < self.venues.len() {
            self.ledgers.push(Ledger::new());
        }
        self.prices.report_in(reporting);
        for spec in specs {
            if self.prices.list(spec) {
                // Prices in the old ticks mean something else now.
                let positions = self.positions.iter_mut();
                for venue in positions
                    .filter(|held| held.instrument == spec.id)
                    .filter_map(|held| held.venue.as_mut())
                {
                    venue.liquidation = Ticks::ZERO;
                }
            }
            for (index, _) in self
                .venues
                .iter()
                .enumerate()
                .filter(|(_, venue)| **venue == spec.venue)
            {
                let account = AccountId(u16::try_from(index).unwrap_or(u16::MAX));
                if let Err(at) = self.find_slot(account, spec.id) {
                    self.positions.insert(at, Position::flat(account, spec.id));
                    self.lots.insert(at, Fifo::default());
                }
            }
        }
        self.places = Places::of(&self.positions);
    }

    /// Positions in lots of the instrument that are not flat; where all are, strategies' shares of
    /// them that are not.
    pub(crate) fn open_in(&self, instrument: InstrumentId) -> i64 {
        let open =
            |held: &Position| i64::from(held.instrument == instrument && held.lots != Lots::ZERO);
        match self.positions.iter().map(open).sum() {
            0 => {
                let parts = self.shares.parts().iter();
                parts.map(|part| open(&part.position)).sum()
            }
            positions => positions,
        }
    }

    #[inline]
    fn find(&self, account: AccountId, instrument: InstrumentId) -> Option<usize> {
        self.places.get(account, instrument)
    }

    fn find_slot(&self, account: AccountId, instrument: InstrumentId) -> Result<usize, usize> {
        self.positions
            .binary_search_by_key(&(account, instrument), |position| {
                (position.account, position.instrument)
            })
    }

    /// The middle of a book, twice, at this machine time.
    #[inline]
    pub(crate) fn middle(&mut self, instrument: InstrumentId, mid_x2: i64, time_ns: u64) {
        if self.prices.middle(instrument, mid_x2, time_ns) {
            self.running.price(&self.prices, instrument);
        }
    }

    /// The venue's mark; one that is no price is counted as unbooked. Whether it was taken.
    pub(crate) fn take_mark(&mut self, instrument: InstrumentId, mark: Ticks, time: u64) -> bool {
        let taken = self.prices.mark(instrument, mark, time);
        self.running.price(&self.prices, instrument);
        self.unbooked += u64::from(!taken);
        taken
    }

    /// A rate from outside; one that is not above zero is counted as unbooked. Whether it was
    /// taken.
    pub(crate) fn take_rate(&mut self, rate: &Rate, time_ns: u64) -> bool {
        let value = sound(rate.rate);
        let taken = value.is_some_and(|value| self.prices.give(rate.asset, value, time_ns));
        if taken {
            self.keep_anew();
        }
        self.unbooked += u64::from(!taken);
        taken
    }

    /// Something came for an account or an instrument that is not there: counted.
    pub(crate) const fn no_place(&mut self) -> bool {
        self.unbooked += 1;
        false
    }

    /// The ledger of an account.
    #[must_use]
    pub fn ledger(&self, account: AccountId) -> Option<&Ledger> {
        self.ledgers.get(account.index())
    }

    /// Position of an account in an instrument.
    #[must_use]
    pub fn position(&self, account: AccountId, instrument: InstrumentId) -> Option<&Position> {
        let at = self.find(account, instrument)?;
        self.positions.get(at)
    }

    /// The lots of a position, first in, first out.
    #[must_use]
    pub fn lots(&self, account: AccountId, instrument: InstrumentId) -> Option<&Fifo> {
        let at = self.find(account, instrument)?;
        self.lots.get(at)
    }

    /// All positions, flat ones too, by account and instrument.
    #[must_use]
    pub fn positions(&self) -> &[Position] {
        &self.positions
    }

    /// What could not be booked: fills, balances, transfers, funding, marks and rates.
    #[must_use]
    pub const fn unbooked(&self) -> u64 {
        self.unbooked
    }

    /// Transfers and funding that came again.
    #[must_use]
    pub const fn repeated(&self) -> u64 {
        self.applied.repeated()
    }

    /// Events after which the books did not sum to zero. Anything but 0 is a defect of ours.
    #[must_use]
    pub const fn unbalanced(&self) -> u64 {
        self.unbalanced
    }

    /// Reckons everything again: whether all books sum to zero, and average cost and first in,
    /// first out agree. For tests and checks away from the hot path.
    #[must_use]
    pub fn holds(&self) -> bool {
        let lots = self.positions.iter().zip(&self.lots).all(|(held, lots)| {
            let by_lots = lots.cost().map(|cost| lots.realised() - cost);
            lots.total() == u128::from(held.lots.0.unsigned_abs())
                && by_lots == Some(held.realised - held.cost)
        });
        lots && self.unbalanced == 0 && self.ledgers.iter().all(Ledger::balanced)
    }
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
        for (position, lots) in self.positions.iter().zip(&self.lots) {
            position.digest(sink);
            lots.digest(sink);
        }
        self.shares.digest(sink);
        self.prices.digest(sink);
        self.applied.digest(sink);
        self.day.digest(sink);
        sink.number(self.unbooked);
        sink.number(self.unbalanced);
    }
}
