//! Requests that wait for their answers, found by number.
//!
//! Invariants
//! - T1: a number is never used twice, so a late answer never meets another request.
//! - T2: a request leaves the table exactly once: by its answer, its deadline, or the loss of the
//!   connection.
//!
//! Hot path: yes. Allocates: at construction only.

use model::body::OrderReport;

/// Most requests without an answer.
const REQUESTS_MAX: usize = 1_024;

/// An order by our own id, at one of our instruments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderKey {
    /// Position of the instrument.
    pub slot: usize,
    /// Raw client order id.
    pub client_id: u64,
}

/// Most orders that one request of a cancel by list names.
pub const CANCELS_MAX: usize = 20;

/// Orders of one instrument by the venue's ids; 0 behind the last.
pub type OrderIds = [u64; CANCELS_MAX];

/// Why money moved without a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyKind {
    /// Funding of perpetuals.
    Funding,
    /// In or out.
    Transfer,
}

/// A request of our own, and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// The venue's time: a measurement and a sign of life.
    Time,
    /// Logs the connection on.
    Logon,
    /// Subscribes to the private stream, or asks for the way to it.
    Subscribe,
    /// Keeps the private stream open.
    KeepAlive,
    /// Tells the venue to cancel everything unless it hears from us again; `false` takes it back.
    DeadMan {
        /// Whether it is to be on.
        on: bool,
        /// Position of the instrument; 0 where it is for the whole account.
        slot: usize,
    },
    /// The open orders: after connecting, each is reported. `page` as the answer before said.
    Reconcile {
        /// Where this page begins.
        page: Option<u64>,
    },
    /// The open orders, counted for the machine: ours and others' so far.
    List {
        /// Where this page begins.
        page: Option<u64>,
        /// Counted on the pages before.
        ours: u64,
        /// Counted on the pages before.
        foreign: u64,
    },
    /// Our trades of an instrument behind one that is known; without one, the latest.
    Trades {
        /// Position of the instrument.
        slot: usize,
        /// Last trade that is known.
        after: Option<u64>,
        /// Where this page begins.
        page: Option<u64>,
        /// The latest trade of the pages before.
        latest: u64,
    },
    /// The trades of one order, page by page, and what to report behind them.
    TradesOf {
        /// The order.
        key: OrderKey,
        /// Where this page begins.
        page: Option<u64>,
        /// What to report.
        status: OrderReport,
    },
    /// The account's balances.
    Account,
    /// The account's positions.
    Positions,
    /// Money that moved without a trade, behind what is known; without that, the latest.
    Money {
        /// Why it moved.
        kind: MoneyKind,
        /// What is known: see [`super::said::MoneyRow::at`].
        after: Option<u64>,
        /// Where this page begins.
        page: Option<u64>,
        /// The latest of the pages before.
        latest: u64,
    },
    /// Whose order this is.
    WhoIs {
        /// Position of the instrument.
        slot: usize,
        /// The venue's id of the order.
        order_id: u64,
    },
    /// A cancel of everything on an instrument that did not go through yet.
    CancelAll {
        /// Position of the instrument.
        slot: usize,
    },
    /// A cancel of a part of the list that a cancel of everything asked for.
    CancelSome {
        /// Position of the instrument.
        slot: usize,
        /// Which.
        orders: OrderIds,
    },
}

impl Task {
    /// The whole list of open orders, from its start.
    pub(super) const LIST: Self = Self::List {
        page: None,
        ours: 0,
        foreign: 0,
    };

    /// Whether its answer is needed before the connection is `Up`.
    pub(super) const fn reconciles(self) -> bool {
        match self {
            Self::Reconcile { .. }
            | Self::Trades { .. }
            | Self::Account
            | Self::Positions
            | Self::Money { .. }
            | Self::WhoIs { .. } => true,
            Self::Time
            | Self::Logon
            | Self::Subscribe
            | Self::KeepAlive
            | Self::DeadMan { .. }
            | Self::List { .. }
            | Self::TradesOf { .. }
            | Self::CancelAll { .. }
            | Self::CancelSome { .. } => false,
        }
    }
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To place an order.
    Place(OrderKey),
    /// To cancel one.
    Cancel(OrderKey),
    /// To cancel one and place another in one request.
    Replace {
        /// The one.
        old: OrderKey,
        /// The other.
        new: OrderKey,
    },
    /// To make an order smaller.
    Amend(OrderKey),
    /// To know how an order is.
    Status(OrderKey),
    /// The session's own.
    Own(Task),
}

/// A request without its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) id: u64,
    pub(super) sent_ns: u64,
    pub(super) deadline_ns: u64,
    pub(super) purpose: Purpose,
}

/// The table.
#[derive(Debug)]
pub(super) struct Table {
    places: Vec<Option<Request>>,
    free: Vec<usize>,
    rounds: u64,
    /// No deadline is earlier.
    earliest_ns: u64,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            places: vec![None; REQUESTS_MAX],
            free: (0..REQUESTS_MAX).rev().collect(),
            rounds: 0,
            earliest_ns: u64::MAX,
        }
    }

    /// Places that are free.
    pub(super) const fn room(&self) -> usize {
        self.free.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.free.len() == REQUESTS_MAX
    }

    /// The number that the next request gets; `None` if the table is full.
    pub(super) fn next_id(&self) -> Option<u64> {
        let place = *self.free.last()?;
        Some((self.rounds + 1) * REQUESTS_MAX as u64 + place as u64)
    }

    /// Keeps a request under the number that [`Self::next_id`] gave.
    pub(super) fn put(&mut self, request: Request) {
        if let Some(place) = self.free.pop() {
            self.rounds += 1;
            self.earliest_ns = self.earliest_ns.min(request.deadline_ns);
            self.places[place] = Some(request);
        }
    }

    /// The request of this number, if it waits.
    pub(super) fn get(&self, id: u64) -> Option<&Request> {
        let place = usize::try_from(id % REQUESTS_MAX as u64).ok()?;
        let request = self.places.get(place)?.as_ref();
        request.filter(|request| request.id == id)
    }

    /// The request of an answer.
    pub(super) fn take(&mut self, id: u64) -> Option<Request> {
        let place = usize::try_from(id % REQUESTS_MAX as u64).ok()?;
        let request = self.places[place].take_if(|request| request.id == id)?;
        self.free.push(place);
        Some(request)
    }

    /// A request whose deadline is over.
    pub(super) fn take_overdue(&mut self, now_ns: u64) -> Option<Request> {
        if now_ns < self.earliest_ns {
            return None;
        }
        let overdue = self.oldest(|request| now_ns >= request.deadline_ns);
        if overdue.is_none() {
            let deadlines = self.iter().map(|request| request.deadline_ns);
            self.earliest_ns = deadlines.min().unwrap_or(u64::MAX);
        }
        self.take(overdue?)
    }

    /// Any request, the oldest first: the connection is gone.
    pub(super) fn take_any(&mut self) -> Option<Request> {
        let id = self.oldest(|_| true)?;
        self.take(id)
    }

    /// Requests that wait.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Request> {
        self.places.iter().flatten()
    }

    fn oldest(&self, wanted: impl Fn(&Request) -> bool) -> Option<u64> {
        let ids = self.iter().filter(|request| wanted(request));
        ids.map(|request| request.id).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(table: &mut Table, deadline_ns: u64) -> u64 {
        let id = table.next_id().unwrap();
        table.put(Request {
            id,
            sent_ns: 0,
            deadline_ns,
            purpose: Purpose::Own(Task::Time),
        });
        id
    }

    #[test]
    fn request_is_taken_once_and_its_number_never_comes_back() {
        let mut table = Table::new();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..3 * REQUESTS_MAX {
            let id = put(&mut table, 5);
            assert!(seen.insert(id));
            assert_eq!(table.take(id).unwrap().id, id);
            assert_eq!(table.take(id), None);
        }
        assert!(table.is_empty());
    }

    #[test]
    fn full_table_gives_no_number() {
        let mut table = Table::new();
        while table.room() > 0 {
            put(&mut table, 5);
        }
        assert_eq!(table.next_id(), None);
    }

    #[test]
    fn overdue_requests_come_oldest_first() {
        let mut table = Table::new();
        let first = put(&mut table, 10);
        let second = put(&mut table, 10);
        let third = put(&mut table, 20);
        assert_eq!(table.take_overdue(9), None);
        assert_eq!(table.take_overdue(10).unwrap().id, first);
        assert_eq!(table.take_overdue(10).unwrap().id, second);
        assert_eq!(table.take_overdue(10), None);
        assert_eq!(table.take_overdue(20).unwrap().id, third);
        assert!(table.take_overdue(99).is_none() && table.is_empty());
    }
}
