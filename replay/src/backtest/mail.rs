//! What is on its way between the engine and the venues of a backtest.
//!
//! A connection keeps its order: what is sent later never arrives earlier. At one instant the
//! engine hears the market first, then its own answers; then the venue its market, then orders.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use model::ids::AccountId;
use model::record::Record;

/// Where something arrives. The order is the order within one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Market data at the engine.
    MarketHere = 0,
    /// An answer, or the clock, at the engine.
    AnswerHere = 1,
    /// Market data at the venue.
    MarketThere = 2,
    /// A command at the venue.
    CommandThere = 3,
}

/// A record with the time and the place of its arrival.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letter {
    pub(super) at_ns: u64,
    pub(super) place: Place,
    pub(super) record: Record,
}

#[derive(Debug)]
struct Entry {
    key: (u64, Place, u64),
    record: Record,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

/// All that has not arrived yet, by time.
#[derive(Debug, Default)]
pub(super) struct Mail {
    heap: BinaryHeap<Reverse<Entry>>,
    number: u64,
    /// Latest arrival by account: at the engine, and at the venue.
    latest: Vec<[u64; 2]>,
}

impl Mail {
    /// Nothing on its way, for this many accounts.
    pub(super) fn new(accounts: usize) -> Self {
        Self {
            heap: BinaryHeap::new(),
            number: 0,
            latest: vec![[0; 2]; accounts],
        }
    }

    /// Sends a record over an account's connection, to arrive at `at_ns` or, where something that
    /// was sent before arrives later, right behind that. Returns the time of its arrival.
    pub(super) fn post(
        &mut self,
        account: AccountId,
        place: Place,
        at_ns: u64,
        record: Record,
    ) -> u64 {
        let way = usize::from(place == Place::CommandThere);
        let mut at_ns = at_ns;
        if let Some(latest) = self.latest.get_mut(account.index()) {
            latest[way] = latest[way].max(at_ns);
            at_ns = latest[way];
        }
        self.put(at_ns, place, record);
        at_ns
    }

    /// Puts a record where it will be taken at `at_ns`, over no connection.
    pub(super) fn put(&mut self, at_ns: u64, place: Place, record: Record) {
        self.number += 1;
        let key = (at_ns, place, self.number);
        self.heap.push(Reverse(Entry { key, record }));
    }

    /// Time and place of the next arrival.
    pub(super) fn next(&self) -> Option<(u64, Place)> {
        let Reverse(entry) = self.heap.peek()?;
        Some((entry.key.0, entry.key.1))
    }

    /// The next arrival, if it comes before this time and place.
    pub(super) fn take_before(&mut self, at_ns: u64, place: Place) -> Option<Letter> {
        if self.next()? >= (at_ns, place) {
            return None;
        }
        let Reverse(entry) = self.heap.pop()?;
        Some(Letter {
            at_ns: entry.key.0,
            place: entry.key.1,
            record: entry.record,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: AccountId = AccountId(0);

    #[test]
    fn connection_keeps_its_order_and_another_one_does_not_wait() {
        let mut mail = Mail::new(2);
        let at = |mail: &mut Mail, account: AccountId, ns: u64| {
            mail.post(account, Place::AnswerHere, ns, Record::ZERO)
        };
        assert_eq!(at(&mut mail, ACCOUNT, 100), 100);
        assert_eq!(at(&mut mail, ACCOUNT, 50), 100);
        assert_eq!(at(&mut mail, AccountId(1), 60), 60);
        let there = mail.post(ACCOUNT, Place::CommandThere, 70, Record::ZERO);
        assert_eq!(there, 70);
        let mut times = Vec::new();
        while let Some(letter) = mail.take_before(u64::MAX, Place::MarketHere) {
            times.push((letter.at_ns, letter.place));
        }
        let wanted = [
            (60, Place::AnswerHere),
            (70, Place::CommandThere),
            (100, Place::AnswerHere),
            (100, Place::AnswerHere),
        ];
        assert_eq!(times, wanted);
    }

    #[test]
    fn mail_at_one_instant_comes_in_the_order_of_the_places() {
        let mut mail = Mail::new(1);
        for place in [Place::CommandThere, Place::AnswerHere] {
            mail.put(5, place, Record::ZERO);
        }
        assert!(mail.take_before(5, Place::AnswerHere).is_none());
        let first = mail.take_before(5, Place::MarketThere).unwrap();
        assert_eq!(first.place, Place::AnswerHere);
        assert!(mail.take_before(5, Place::MarketThere).is_none());
    }
}
