//! All orders and trades that the accounts ever had here, and how to find them.
//!
//! Bounded: the oldest closed orders and trades are forgotten first, as a venue archives them.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::types::{VenueOrder, VenueTrade};

/// Closed orders and trades that stay queryable.
const HISTORY_MAX: usize = 500_000;

/// The venue's order and trade books of record.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    orders: BTreeMap<u64, VenueOrder>,
    open: BTreeSet<u64>,
    /// Latest order of a client id; ids may be used again once the first order has closed.
    by_client: HashMap<(usize, String), u64>,
    closed: VecDeque<u64>,
    trades: VecDeque<VenueTrade>,
}

impl Ledger {
    /// Adds an order that was just accepted.
    pub(crate) fn add(&mut self, order: VenueOrder) {
        self.by_client
            .insert((order.account, order.client_id.clone()), order.id);
        if order.status.is_open() {
            self.open.insert(order.id);
        }
        self.orders.insert(order.id, order);
    }

    /// An order by the venue's id.
    pub(crate) fn order(&self, id: u64) -> Option<&VenueOrder> {
        self.orders.get(&id)
    }

    /// The latest order with a client id.
    pub(crate) fn by_client(&self, account: usize, client_id: &str) -> Option<&VenueOrder> {
        let id = self.by_client.get(&(account, client_id.to_owned()))?;
        self.orders.get(id)
    }

    /// Gives an order another client id.
    pub(crate) fn rename(&mut self, id: u64, client_id: &str) {
        let Some(order) = self.orders.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut order.client_id, client_id.to_owned());
        self.by_client.remove(&(order.account, before));
        self.by_client
            .insert((order.account, client_id.to_owned()), id);
    }

    /// Changes an order; closes it in the index when it has ended.
    pub(crate) fn update(&mut self, id: u64, change: impl FnOnce(&mut VenueOrder)) {
        let Some(order) = self.orders.get_mut(&id) else {
            return;
        };
        change(order);
        if !order.status.is_open() && self.open.remove(&id) {
            self.closed.push_back(id);
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        while self.closed.len() > HISTORY_MAX {
            let Some(order) = self
                .closed
                .pop_front()
                .and_then(|id| self.orders.remove(&id))
            else {
                continue;
            };
            let key = (order.account, order.client_id);
            if self.by_client.get(&key) == Some(&order.id) {
                self.by_client.remove(&key);
            }
        }
    }

    /// Open orders, oldest first.
    pub(crate) fn open(&self) -> impl Iterator<Item = &VenueOrder> {
        self.open.iter().filter_map(|id| self.orders.get(id))
    }

    /// All orders still known, oldest first, from `id` on.
    pub(crate) fn orders_from(&self, id: u64) -> impl Iterator<Item = &VenueOrder> {
        self.orders.range(id..).map(|(_, order)| order)
    }

    /// Books a trade of one account.
    pub(crate) fn add_trade(&mut self, trade: VenueTrade) {
        if self.trades.len() >= HISTORY_MAX {
            self.trades.pop_front();
        }
        self.trades.push_back(trade);
    }

    /// All trades still known, oldest first.
    pub(crate) fn trades(&self) -> impl DoubleEndedIterator<Item = &VenueTrade> {
        self.trades.iter()
    }
}
