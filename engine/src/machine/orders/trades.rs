//! Which of a venue's trades were applied already: each fill counts once.
//!
//! A venue's trade ids rise within an instrument, so the last ones are kept in order and looked up
//! from the end. Ids of 1,024 trades back are forgotten; what is older than that is applied only
//! if its order lacks it by the venue's own count (the caller decides).
//!
//! Hot path: yes. Allocates: only at creation.

use std::collections::VecDeque;

use model::body::Side;
use model::ids::AccountId;

use serde::{Deserialize, Serialize};

use crate::machine::digest::{Digest, Sink};
use crate::machine::saved::{Unsound, require};

/// Trades that an instrument remembers.
pub(crate) const TRADES_REMEMBERED: usize = 1_024;

/// What makes a fill unique on an instrument. Two orders of ours may meet in one trade: then the
/// account or the side differs.
pub(crate) type TradeKey = (u64, AccountId, Side);

/// What is known of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Not applied before.
    New,
    /// Applied before.
    Before,
    /// Older than what is remembered: it may have been applied.
    Forgotten,
}

/// The last trades of one instrument that were applied.
#[derive(Debug, Clone)]
pub(crate) struct AppliedTrades {
    keys: VecDeque<TradeKey>,
    forgotten: Option<TradeKey>,
    latest: u64,
}

/// The same as a snapshot holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedTrades {
    keys: Vec<TradeKey>,
    forgotten: Option<TradeKey>,
    latest: u64,
}

impl AppliedTrades {
    /// What a snapshot has to hold.
    pub(crate) fn save(&self) -> SavedTrades {
        let Self {
            keys,
            forgotten,
            latest,
        } = self;
        SavedTrades {
            keys: keys.iter().copied().collect(),
            forgotten: *forgotten,
            latest: *latest,
        }
    }

    /// The trades of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`]: more than are remembered, or not in their order.
    pub(crate) fn restore(saved: &SavedTrades) -> Result<Self, Unsound> {
        let ascend = saved.keys.is_sorted_by(|left, right| left < right);
        require(
            ascend && saved.keys.len() <= TRADES_REMEMBERED,
            "remembered trades",
        )?;
        let mut trades = Self::new();
        trades.keys.extend(&saved.keys);
        trades.forgotten = saved.forgotten;
        trades.latest = saved.latest;
        Ok(trades)
    }

    pub(crate) fn new() -> Self {
        Self {
            keys: VecDeque::with_capacity(TRADES_REMEMBERED + 1),
            forgotten: None,
            latest: 0,
        }
    }

    /// Whether the trade was applied.
    pub(crate) fn seen(&self, key: TradeKey) -> Seen {
        if self.forgotten.is_some_and(|forgotten| key <= forgotten) {
            Seen::Forgotten
        } else if self.keys.back().is_some_and(|&last| last < key) {
            Seen::New
        } else if self.keys.binary_search(&key).is_ok() {
            Seen::Before
        } else {
            Seen::New
        }
    }

    /// Remembers a trade that is applied now.
    pub(crate) fn remember(&mut self, key: TradeKey) {
        self.latest = self.latest.max(key.0);
        match self.keys.binary_search(&key) {
            Ok(_) => return,
            Err(at) if at == self.keys.len() => self.keys.push_back(key),
            Err(at) => self.keys.insert(at, key),
        }
        if self.keys.len() > TRADES_REMEMBERED {
            self.forgotten = self.forgotten.max(self.keys.pop_front());
        }
    }

    /// Largest id of a trade that was applied; 0 before the first.
    pub(crate) const fn latest(&self) -> u64 {
        self.latest
    }
}

impl Digest for AppliedTrades {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.keys.len() as u64);
        for &(trade, account, side) in self.keys.iter().chain(&self.forgotten) {
            sink.number(trade);
            sink.number(account.0);
            sink.number(side as u8);
        }
        sink.number(self.latest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn key(trade: u64) -> TradeKey {
        (trade, AccountId(0), Side::Buy)
    }

    #[test]
    fn applied_trades_out_of_order_are_known_once_each() {
        let mut trades = AppliedTrades::new();
        for trade in [5, 3, 9, 4] {
            assert_eq!(trades.seen(key(trade)), Seen::New);
            trades.remember(key(trade));
            assert_eq!(trades.seen(key(trade)), Seen::Before);
        }
        assert_eq!(trades.seen((5, AccountId(0), Side::Sell)), Seen::New);
        assert_eq!(trades.seen((5, AccountId(1), Side::Buy)), Seen::New);
        assert_eq!(trades.latest(), 9);
    }

    #[test]
    fn applied_trades_beyond_memory_are_forgotten_not_new() {
        let mut trades = AppliedTrades::new();
        let last = TRADES_REMEMBERED as u64 + 2;
        for trade in 1..=last {
            trades.remember(key(trade));
        }
        assert_eq!(trades.seen(key(1)), Seen::Forgotten);
        assert_eq!(trades.seen(key(2)), Seen::Forgotten);
        assert_eq!(trades.seen(key(3)), Seen::Before);
        assert_eq!(trades.seen(key(last + 1)), Seen::New);
    }
}
