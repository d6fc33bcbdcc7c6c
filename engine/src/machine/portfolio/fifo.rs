//! Lots in the order in which they were opened: first in, first out.
//!
//! Room for [`LOTS_MAX`]. When it is full, the two oldest become one at their exact total cost, and
//! that is counted: the total stays exact, only the split between the two is averaged.
//!
//! Hot path: yes (fills). Allocates: no.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::exact::{add, share, sub};
use super::worth::Trade;
use crate::machine::digest::{Digest, Sink};
use crate::machine::saved::{COUNT_MAX, Unsound, require};

/// Lots of a position that are kept apart.
pub(super) const LOTS_MAX: usize = 32;

/// One opening that is not closed yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Lot {
    /// Lots, above 0; their direction is the position's.
    lots: i64,
    /// Signed cost, as of a position.
    #[serde(with = "crate::machine::saved::decimal")]
    cost: Decimal,
}

/// The open lots of one position, oldest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fifo {
    lots: [Lot; LOTS_MAX],
    used: u8,
    merged: u64,
    #[serde(with = "crate::machine::saved::decimal")]
    realised: Decimal,
}

impl Fifo {
    /// Profit of the closed parts, oldest lots first, before fees. In the asset of profit.
    #[must_use]
    pub const fn realised(&self) -> Decimal {
        self.realised
    }

    /// How often two lots became one because there was no more room.
    #[must_use]
    pub const fn merged(&self) -> u64 {
        self.merged
    }

    /// Cost of all open lots; `None` beyond the range of a decimal.
    #[must_use]
    pub fn cost(&self) -> Option<Decimal> {
        self.open()
            .iter()
            .try_fold(Decimal::ZERO, |sum, lot| add(sum, lot.cost))
    }

    fn open(&self) -> &[Lot] {
        &self.lots[..usize::from(self.used)]
    }

    /// Sum of the open lots, without sign; as wide as the most negative position, 2^63 lots.
    pub(super) fn total(&self) -> u128 {
        let lots = self.open().iter();
        lots.map(|lot| u128::from(lot.lots.unsigned_abs())).sum()
    }

    /// After a trade. `None` if a number overflows.
    pub(super) fn after(mut self, trade: &Trade) -> Option<Self> {
        let mut left = trade.closing;
        let mut removed = Decimal::ZERO;
        while left > 0 {
            let oldest = self.open().first().copied()?;
            let taken = left.min(oldest.lots);
            if taken == oldest.lots {
                removed = add(removed, oldest.cost)?;
                self.drop_oldest();
            } else {
                // Rounded to 12 digits, half to even; what is rounded away stays in the open part.
                let cost = share(oldest.cost, taken, oldest.lots)?;
                removed = add(removed, cost)?;
                self.lots[0] = Lot {
                    lots: oldest.lots - taken,
                    cost: sub(oldest.cost, cost)?,
                };
            }
            left -= taken;
        }
        if trade.closing > 0 {
            let gain = sub(-trade.closing_worth, removed)?;
            self.realised = add(self.realised, gain)?;
        }
        if trade.opening > 0 {
            self.push(Lot {
                lots: trade.opening,
                cost: trade.opening_worth,
            })?;
        }
        Some(self)
    }

    fn drop_oldest(&mut self) {
        self.lots.copy_within(1.., 0);
        self.lots[LOTS_MAX - 1] = Lot::default();
        self.used -= 1;
    }

    fn push(&mut self, lot: Lot) -> Option<()> {
        if usize::from(self.used) == LOTS_MAX {
            let [oldest, next, ..] = self.lots;
            let one = Lot {
                lots: oldest.lots.checked_add(next.lots)?,
                cost: add(oldest.cost, next.cost)?,
            };
            self.drop_oldest();
            self.lots[0] = one;
            self.merged += 1;
        }
        self.lots[usize::from(self.used)] = lot;
        self.used += 1;
        Some(())
    }

    /// Whether it can be a position's of this size.
    pub(super) fn check(&self, lots: i64) -> Result<(), Unsound> {
        let used = usize::from(self.used);
        require(used <= LOTS_MAX && self.merged < COUNT_MAX, "lots")?;
        let sound = self.open().iter().all(|lot| lot.lots > 0)
            && self.lots[used..].iter().all(|lot| *lot == Lot::default())
            && self.total() == u128::from(lots.unsigned_abs());
        require(sound, "quantity of the lots")
    }
}

impl Digest for Fifo {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.used);
        for lot in self.open() {
            sink.number(lot.lots);
            sink.decimal(lot.cost);
        }
        sink.number(self.merged);
        sink.decimal(self.realised);
    }
}
