//! Which of a venue's trades were applied already: each fill counts once.
//!
//! A venue's trade ids rise within an instrument, so the last ones are kept in order and looked up
//! from the end. Ids of 1,024 trades back are forgotten; what is older than that is applied only
//! if its order lacks it by the venue's own count (the caller decides).
//!
//! Hot path: yes. Allocates: only at creation.

use std::collections::VecDeque;

use model::body::{Fill, Side};
use model::ids::AccountId;

use serde::{Deserialize, Serialize};

use crate::machine::config::ACCOUNTS_MAX;
use crate::machine::digest::{Digest, Sink};
use crate::machine::saved::{Unsound, require};

/// Trades that an instrument remembers.
pub(crate) const TRADES_REMEMBERED: usize = 1_024;

/// What makes a fill unique on an instrument. Two orders of ours may meet in one trade: then the
/// account or the side differs. And a venue may give one trade id to fills of several orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct TradeKey {
    pub(crate) trade: u64,
    pub(crate) account: AccountId,
    pub(crate) sell: bool,
    /// Raw client id of the order; 0 where nobody could say.
    pub(crate) client_id: u64,
    /// The venue's id of the order; 0 where it was not stated.
    pub(crate) venue_order_id: u64,
}

impl TradeKey {
    /// The identity of a fill in an account.
    pub(crate) fn of(fill: &Fill, account: AccountId) -> Self {
        Self {
            trade: fill.trade_id,
            account,
            sell: fill.side == Side::Sell,
            client_id: fill.client_id,
            venue_order_id: fill.venue_order_id,
        }
    }

    const fn match_key(&self) -> (u64, u16, bool) {
        (self.trade, self.account.0, self.sell)
    }

    /// Whether both are the same fill: unless an id of the order that both state differs. A fill
    /// told first without its order and then with it is one; were two taken for one, the venue's
    /// count would show that one is missing, while nothing would show one counted twice.
    fn is(&self, other: &Self) -> bool {
        let differ = |left: u64, right: u64| left != 0 && right != 0 && left != right;
        self.match_key() == other.match_key()
            && !differ(self.client_id, other.client_id)
            && !differ(self.venue_order_id, other.venue_order_id)
    }
}

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
    /// Largest trade id of each account.
    latest: [u64; ACCOUNTS_MAX],
}

/// The same as a snapshot holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedTrades {
    keys: Vec<TradeKey>,
    forgotten: Option<TradeKey>,
    /// Largest trade id of each account.
    latest: [u64; ACCOUNTS_MAX],
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
            latest: [0; ACCOUNTS_MAX],
        }
    }

    /// Whether the trade was applied.
    pub(crate) fn seen(&self, key: TradeKey) -> Seen {
        let from = |first: TradeKey| self.keys.partition_point(|known| *known < first);
        if self.keys.back().is_some_and(|last| last.trade < key.trade) {
            return Seen::New;
        }
        let first = TradeKey {
            client_id: 0,
            venue_order_id: 0,
            ..key
        };
        let mut same = self.keys.range(from(first)..);
        if same
            .by_ref()
            .take_while(|known| known.match_key() == key.match_key())
            .any(|known| known.is(&key))
        {
            return Seen::Before;
        }
        if self.forgotten.is_some_and(|forgotten| key <= forgotten) {
            return Seen::Forgotten;
        }
        Seen::New
    }

    /// Remembers a trade that is applied now.
    pub(crate) fn remember(&mut self, key: TradeKey) {
        if let Some(latest) = self.latest.get_mut(key.account.index()) {
            *latest = key.trade.max(*latest);
        }
        match self.keys.binary_search(&key) {
            Ok(_) => return,
            Err(at) if at == self.keys.len() => self.keys.push_back(key),
            Err(at) => self.keys.insert(at, key),
        }
        if self.keys.len() > TRADES_REMEMBERED {
            self.forgotten = self.forgotten.max(self.keys.pop_front());
        }
    }

    /// Largest id of a trade of an account that was applied; 0 before the first. What another
    /// account did says nothing of what this one has heard.
    pub(crate) fn latest(&self, account: AccountId) -> u64 {
        self.latest.get(account.index()).copied().unwrap_or(0)
    }
}

impl Digest for AppliedTrades {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.keys.len() as u64);
        for key in self.keys.iter().chain(&self.forgotten) {
            sink.number(key.trade);
            sink.number(key.account.0);
            sink.number(key.sell);
            sink.number(key.client_id);
            sink.number(key.venue_order_id);
        }
        for latest in self.latest {
            sink.number(latest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn key(trade: u64) -> TradeKey {
        TradeKey {
            trade,
            account: AccountId(0),
            sell: false,
            client_id: 11,
            venue_order_id: 21,
        }
    }

    #[test]
    fn applied_trades_out_of_order_are_known_once_each() {
        let mut trades = AppliedTrades::new();
        for trade in [5, 3, 9, 4] {
            assert_eq!(trades.seen(key(trade)), Seen::New);
            trades.remember(key(trade));
            assert_eq!(trades.seen(key(trade)), Seen::Before);
        }
        let sell = TradeKey {
            sell: true,
            ..key(5)
        };
        let account = AccountId(1);
        assert_eq!(trades.seen(sell), Seen::New);
        assert_eq!(trades.seen(TradeKey { account, ..key(5) }), Seen::New);
        trades.remember(TradeKey { account, ..key(7) });
        let latest = |account| trades.latest(AccountId(account));
        assert_eq!([latest(0), latest(1), latest(2)], [9, 7, 0]);
    }

    #[test]
    fn applied_trades_with_an_id_that_the_venue_used_for_another_order_are_new() {
        let mut trades = AppliedTrades::new();
        trades.remember(key(5));
        let other = TradeKey {
            client_id: 12,
            venue_order_id: 22,
            ..key(5)
        };
        assert_eq!(trades.seen(other), Seen::New);
        trades.remember(other);
        for known in [key(5), other] {
            assert_eq!(trades.seen(known), Seen::Before);
            // Told again without one of the ids, it is the same fill.
            for (client_id, venue_order_id) in [(0, known.venue_order_id), (known.client_id, 0)] {
                let vague = TradeKey {
                    client_id,
                    venue_order_id,
                    ..known
                };
                assert_eq!(trades.seen(vague), Seen::Before);
            }
        }
        let vague = TradeKey {
            client_id: 0,
            venue_order_id: 0,
            ..key(5)
        };
        assert_eq!(trades.seen(vague), Seen::Before);
        let third = TradeKey {
            client_id: 13,
            venue_order_id: 0,
            ..key(5)
        };
        assert_eq!(trades.seen(third), Seen::New);
    }

    #[test]
    fn applied_trades_told_first_without_the_order_and_then_with_it_are_one() {
        for (client_id, venue_order_id) in [(0, 0), (11, 0), (0, 21)] {
            let mut trades = AppliedTrades::new();
            let vague = TradeKey {
                client_id,
                venue_order_id,
                ..key(5)
            };
            trades.remember(vague);
            assert_eq!(trades.seen(key(5)), Seen::Before, "{vague:?}");
            let half = TradeKey {
                client_id: 0,
                ..key(5)
            };
            assert_eq!(trades.seen(half), Seen::Before, "{vague:?}");
        }
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
