//! Whether a strategy knows what comes later: its orders over the whole data, beside those over
//! data that ends at some time. What was decided before that time must be the same.
//!
//! Here it is by construction (K2 in `backtest`): a world gets a record when our clock has reached
//! its receipt. The check shows it, and catches what comes in by another way from the same data.
//! What a strategy knows from elsewhere, such as a table of this very data in its code, is in both
//! runs and shows in none.

use std::fmt;

use model::body::{OrderType, Side, TimeInForce};
use model::ids::{AccountId, InstrumentId};
use model::num::{Lots, Ticks};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use crate::backtest::{Observer, OrderRow};

/// What was decided of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Our time, nanoseconds since the Unix epoch.
    pub decided_ns: u64,
    /// Raw client order id.
    pub client_id: u64,
    /// For which account.
    pub account: AccountId,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Limit price.
    pub price: Ticks,
    /// Quantity.
    pub qty: Lots,
    /// Side.
    pub side: Side,
    /// How it executes.
    pub order_type: OrderType,
    /// How long it lives.
    pub time_in_force: TimeInForce,
}

impl fmt::Display for Decision {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Buy => "buy",
            Side::Sell => "sell",
        };
        let (lots, ticks) = (self.qty.0, self.price.0);
        write!(
            to,
            "at {} ns {side} {lots} lots at {ticks} ticks of instrument {}",
            self.decided_ns, self.instrument.0
        )
    }
}

/// Collects every order's decision; 64 bytes an order.
#[derive(Debug, Clone, Default)]
pub struct Decisions {
    rows: Vec<Decision>,
}

impl Observer for Decisions {
    fn order(&mut self, row: &OrderRow) {
        self.rows.push(Decision {
            decided_ns: row.decided_ns,
            client_id: row.client_id,
            account: row.account,
            instrument: row.instrument,
            price: row.price,
            qty: row.qty,
            side: row.side,
            order_type: row.order_type,
            time_in_force: row.time_in_force,
        });
    }
}

/// The first decision that is not the same in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// Over the whole data; `None` if there is no such order.
    pub whole: Option<Decision>,
    /// Over the cut data.
    pub part: Option<Decision>,
}

impl fmt::Display for Difference {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let say = |one: Option<Decision>| one.map_or("nothing".to_owned(), |one| one.to_string());
        let (whole, part) = (say(self.whole), say(self.part));
        write!(to, "over all data: {whole}; over cut data: {part}")
    }
}

impl Decisions {
    fn before(&self, before_ns: u64) -> Vec<Decision> {
        let rows = self.rows.iter();
        let mut rows: Vec<Decision> = rows
            .filter(|row| row.decided_ns < before_ns)
            .copied()
            .collect();
        rows.sort_unstable_by_key(|row| (row.decided_ns, row.client_id));
        rows
    }

    /// Compares what was decided before this time, nanoseconds since the Unix epoch; gives how many
    /// orders are the same.
    ///
    /// # Errors
    ///
    /// [`Difference`]: the first order that is not.
    pub fn compare(&self, part: &Self, before_ns: u64) -> Result<usize, Difference> {
        let (whole, part) = (self.before(before_ns), part.before(before_ns));
        for place in 0..whole.len().max(part.len()) {
            let (one, other) = (whole.get(place).copied(), part.get(place).copied());
            if one != other {
                return Err(Difference {
                    whole: one,
                    part: other,
                });
            }
        }
        Ok(whole.len())
    }
}

/// So many times within `span`, at random, rising; of one seed always the same. Empty if `span` is.
#[must_use]
pub fn cuts(span: (u64, u64), count: u16, seed: u64) -> Vec<u64> {
    if span.0 >= span.1 {
        return Vec::new();
    }
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut cuts: Vec<u64> = (0..count)
        .map(|_| random.random_range(span.0..span.1))
        .collect();
    cuts.sort_unstable();
    cuts
}
