//! The order table: live orders and the last ended ones, in a slab of fixed size.
//!
//! Orders are found by a sorted index of client ids: no hashing, and a walk in the ids' order is
//! the same on every machine. An ended order stays findable for a while, because a late fill still
//! belongs to it; evidence that it lives brings it back among the live ones.
//!
//! Trade-offs: looking up is a binary search; inserting and removing move the shorter side of the
//! index: a new id comes last and the oldest goes first, so mostly nothing, and at most 8 KiB.
//!
//! Hot path: yes. Allocates: only at creation.

use std::collections::VecDeque;

use model::ids::ClientOrderId;

use serde::{Deserialize, Serialize};

use super::Order;
use crate::machine::digest::{Digest, Sink};
use crate::machine::saved::{Unsound, require};

/// Sorted index from client id to slot. Open at both ends: ids come at one and go at the other.
#[derive(Debug, Clone)]
struct Index(VecDeque<(ClientOrderId, u32)>);

impl Index {
    fn find(&self, id: ClientOrderId) -> Option<u32> {
        let at = self.position(id).ok()?;
        self.0.get(at).map(|&(_, slot)| slot)
    }

    fn position(&self, id: ClientOrderId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&id, |&(id, _)| id)
    }

    fn insert(&mut self, id: ClientOrderId, slot: u32) {
        if let Err(at) = self.position(id) {
            self.0.insert(at, (id, slot));
        }
    }

    fn remove(&mut self, id: ClientOrderId) {
        if let Ok(at) = self.position(id) {
            self.0.remove(at);
        }
    }
}

/// Live orders and the last ended ones.
#[derive(Debug, Clone)]
pub struct Orders {
    slots: Vec<Order>,
    free: Vec<u32>,
    live: Index,
    ended: Index,
    endings: VecDeque<u32>,
    live_max: usize,
    ended_max: usize,
}

/// The table as a snapshot holds it: which slot an order stands in decides nothing.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedOrders {
    /// In the order of their ids.
    live: Vec<Order>,
    /// The oldest ending first.
    ended: Vec<Order>,
}

impl Orders {
    /// What a snapshot has to hold.
    pub(crate) fn save(&self) -> SavedOrders {
        let Self {
            slots: _,
            free: _,
            live: _,
            ended: _,
            endings: _,
            live_max: _,
            ended_max: _,
        } = self;
        SavedOrders {
            live: self.live().copied().collect(),
            ended: self.ended().copied().collect(),
        }
    }

    /// The table of a snapshot, with room as [`Orders::new`] makes it.
    ///
    /// # Errors
    ///
    /// [`Unsound`]: too many orders, an id twice, or an order on the wrong side of its end.
    pub(crate) fn restore(
        saved: &SavedOrders,
        live_max: usize,
        ended_max: usize,
    ) -> Result<Self, Unsound> {
        let SavedOrders { live, ended } = saved;
        let most = live_max + ended_max;
        require(
            ended.len() <= ended_max && live.len() + ended.len() <= most,
            "number of orders",
        )?;
        require(
            live.is_sorted_by(|left, right| left.client_id < right.client_id),
            "sequence of the live orders",
        )?;
        require(
            live.iter().all(|order| !order.is_settled()) && ended.iter().all(Order::is_settled),
            "state of an order",
        )?;
        let mut orders = Self::new(live_max, ended_max);
        for (order, slot) in live.iter().chain(ended).zip(0..) {
            require(
                orders.get(order.client_id).is_none(),
                "id of an order, which stands there twice",
            )?;
            orders.slots.push(*order);
            if order.is_settled() {
                orders.ended.insert(order.client_id, slot);
                orders.endings.push_back(slot);
            } else {
                orders.live.insert(order.client_id, slot);
            }
        }
        Ok(orders)
    }

    /// An empty table for `live_max` live orders that remembers the last `ended_max` ended ones.
    pub(crate) fn new(live_max: usize, ended_max: usize) -> Self {
        // One more: for the moment between an ending and the forgetting of the oldest one.
        let slots = live_max + ended_max + 1;
        Self {
            slots: Vec::with_capacity(slots),
            free: Vec::with_capacity(slots),
            live: Index(VecDeque::with_capacity(slots)),
            ended: Index(VecDeque::with_capacity(slots)),
            endings: VecDeque::with_capacity(slots),
            live_max,
            ended_max,
        }
    }

    /// Whether one more live order finds no place.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.live.0.len() >= self.live_max
    }

    /// Adds an order; false if the table is full or knows its id already.
    pub(crate) fn insert(&mut self, order: Order) -> bool {
        if self.is_full() || self.get(order.client_id).is_some() {
            return false;
        }
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = order;
            slot
        } else {
            let slot = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
            self.slots.push(order);
            slot
        };
        self.live.insert(order.client_id, slot);
        true
    }

    /// The order of this id, live or lately ended.
    #[must_use]
    pub fn get(&self, id: ClientOrderId) -> Option<&Order> {
        let slot = self.live.find(id).or_else(|| self.ended.find(id))?;
        self.slots.get(slot as usize)
    }

    /// The order of this id, if it is live.
    #[must_use]
    pub fn get_live(&self, id: ClientOrderId) -> Option<&Order> {
        let slot = self.live.find(id)?;
        self.slots.get(slot as usize)
    }

    /// Changes an order, and moves it to the live or the ended ones as it then is.
    pub(crate) fn update<R>(
        &mut self,
        id: ClientOrderId,
        change: impl FnOnce(&mut Order) -> R,
    ) -> Option<R> {
        let (slot, was_live) = match self.live.find(id) {
            Some(slot) => (slot, true),
            None => (self.ended.find(id)?, false),
        };
        let order = self.slots.get_mut(slot as usize)?;
        let result = change(order);
        let is_live = !order.is_settled();
        match (was_live, is_live) {
            (true, true) | (false, false) => {}
            (true, false) => self.end(id, slot),
            (false, true) => self.revive(id, slot),
        }
        Some(result)
    }

    fn end(&mut self, id: ClientOrderId, slot: u32) {
        self.live.remove(id);
        self.ended.insert(id, slot);
        self.endings.push_back(slot);
        if self.endings.len() > self.ended_max
            && let Some(oldest) = self.endings.pop_front()
        {
            self.ended.remove(self.slots[oldest as usize].client_id);
            self.free.push(oldest);
        }
    }

    fn revive(&mut self, id: ClientOrderId, slot: u32) {
        self.ended.remove(id);
        self.endings.retain(|&other| other != slot);
        self.live.insert(id, slot);
    }

    /// Changes every live order, from the last id to the first, because an ending takes its place
    /// out.
    pub(crate) fn update_live(&mut self, mut change: impl FnMut(&mut Order)) {
        for index in (0..self.live.0.len()).rev() {
            let (id, _) = self.live.0[index];
            self.update(id, &mut change);
        }
    }

    /// Live orders, in the order of their ids.
    pub fn live(&self) -> impl Iterator<Item = &Order> {
        self.live
            .0
            .iter()
            .filter_map(|&(_, slot)| self.slots.get(slot as usize))
    }

    /// The live order at a place of that order.
    pub(crate) fn live_at(&self, index: usize) -> Option<&Order> {
        let &(_, slot) = self.live.0.get(index)?;
        self.slots.get(slot as usize)
    }

    /// Number of live orders.
    #[must_use]
    pub fn live_count(&self) -> usize {
        self.live.0.len()
    }

    /// Lately ended orders, the oldest ending first.
    pub fn ended(&self) -> impl Iterator<Item = &Order> {
        self.endings
            .iter()
            .filter_map(|&slot| self.slots.get(slot as usize))
    }
}

impl Digest for Orders {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.live_count() as u64);
        for order in self.live() {
            order.digest(sink);
        }
        sink.number(self.endings.len() as u64);
        for order in self.ended() {
            order.digest(sink);
        }
    }
}
