//! The order table: live orders and the last ended ones, in a slab of fixed size.
//!
//! An order is found by its id through a hash table that nothing walks (`index.rs`). Walks go along
//! chains in the order in which orders came, the same on every machine and in a snapshot. An ended
//! order stays findable for a while, because a late fill still belongs to it; evidence that it
//! lives brings it back among the live ones.
//!
//! Two agendas hold what has to be done and when: *timers*, which only change what we know, and
//! *work*, which sends. Every change of an order goes through [`Orders::update`] or
//! [`Orders::update_live`], which put it where it belongs; so an event costs what it concerns, not
//! what is live.
//!
//! Hot path: yes. Allocates: only at creation.

use model::body::Side;
use model::ids::{ClientOrderId, InstrumentId};
use model::num::Ticks;
use serde::{Deserialize, Serialize};

use super::agenda::Agenda;
use super::chain::Chain;
use super::index::Index;
use super::ladder::Ladders;
use super::newest::Newest;
use super::sums::{Footprint, Sums, Terms};
use super::{Order, OrderState};
use crate::machine::digest::{Digest, Sink};
use crate::machine::saved::{Unsound, require};

/// How long risk waits for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// For a confirmation, or an answer.
    pub(crate) ack_timeout_ns: u64,
    /// For fills that a report counts to come by themselves.
    pub(crate) fills_pause_ns: u64,
}

/// What the table knows of a slot beside its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Standing {
    counts: Option<Footprint>,
    live: bool,
    rests: bool,
    unknown: bool,
    needs_human: bool,
}

/// Live orders and the last ended ones.
#[derive(Debug, Clone)]
pub struct Orders {
    slots: Vec<Order>,
    standing: Vec<Standing>,
    free: Vec<u32>,
    index: Index,
    newest: Newest,
    live: Chain,
    ended: Chain,
    ladders: Ladders,
    timers: Agenda,
    work: Agenda,
    sums: Sums,
    pace: Option<Pace>,
    unknown: usize,
    needing_human: usize,
    live_max: usize,
    ended_max: usize,
}

/// The table as a snapshot holds it: which slot an order stands in decides nothing.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedOrders {
    /// In the order in which they came.
    live: Vec<Order>,
    /// The oldest ending first.
    ended: Vec<Order>,
}

impl Orders {
    /// What a snapshot has to hold.
    pub(crate) fn save(&self) -> SavedOrders {
        let Self {
            slots: _,
            standing: _,
            free: _,
            index: _,
            newest: _,
            live: _,
            ended: _,
            ladders: _,
            timers: _,
            work: _,
            sums: _,
            pace: _,
            unknown: _,
            needing_human: _,
            live_max: _,
            ended_max: _,
        } = self;
        SavedOrders {
            live: self.live().copied().collect(),
            ended: self.ended().copied().collect(),
        }
    }

    /// The table of a snapshot, with room as [`Orders::new`] makes it. Its pace is to be set.
    ///
    /// # Errors
    ///
    /// [`Unsound`]: too many orders, an id twice, an order on the wrong side of its end, or one
    /// that does not follow from its facts.
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
            live.iter().all(|order| !order.is_settled()) && ended.iter().all(Order::is_settled),
            "state of an order",
        )?;
        let mut orders = Self::new(live_max, ended_max);
        for order in live.iter().chain(ended) {
            let mut again = *order;
            again.settle();
            require(again == *order, "order, by its facts")?;
            require(
                orders.get(order.client_id).is_none(),
                "id of an order, which stands there twice",
            )?;
            let slot = orders.take_slot(*order);
            orders.index.insert(order.client_id, slot);
            orders.newest.learn(order.client_id);
            if order.is_settled() {
                orders.ended.push(slot);
            } else {
                orders.enter(slot);
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
            standing: Vec::with_capacity(slots),
            free: Vec::with_capacity(slots),
            index: Index::new(slots),
            newest: Newest::new(),
            live: Chain::new(slots),
            ended: Chain::new(slots),
            ladders: Ladders::new(slots),
            timers: Agenda::new(slots),
            work: Agenda::new(slots),
            sums: Sums::default(),
            pace: None,
            unknown: 0,
            needing_human: 0,
            live_max,
            ended_max,
        }
    }

    /// Sets how long risk waits for what. Without it nothing is ever due.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        self.pace = Some(pace);
        self.look_again();
    }

    /// Makes room for the sums over these instruments, accounts and assets, and counts anew.
    pub(crate) fn count_over(&mut self, terms: Vec<Option<Terms>>, accounts: usize, assets: usize) {
        self.sums = Sums::open(terms, accounts, assets);
        for standing in &mut self.standing {
            standing.counts = None;
        }
        self.look_again();
    }

    /// Running sums over the live orders.
    pub(crate) const fn sums(&self) -> &Sums {
        &self.sums
    }

    /// Whether one more live order finds no place.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.live.len() >= self.live_max
    }

    /// Adds an order; false if the table is full or knows its id already.
    pub(crate) fn insert(&mut self, order: Order) -> bool {
        if self.is_full() || self.get(order.client_id).is_some() {
            return false;
        }
        let slot = self.take_slot(order);
        self.index.insert(order.client_id, slot);
        self.newest.learn(order.client_id);
        self.enter(slot);
        true
    }

    fn take_slot(&mut self, order: Order) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = order;
            return slot;
        }
        // The room is bounded far below the largest u32.
        let slot = self.slots.len() as u32;
        self.slots.push(order);
        self.standing.push(Standing::default());
        self.live.grow();
        self.ended.grow();
        self.ladders.grow();
        self.timers.grow();
        self.work.grow();
        slot
    }

    /// Whether no order of this id is known. An id above all that came of its strategy is new
    /// without a look into the table.
    #[inline]
    pub(crate) fn is_new(&self, id: ClientOrderId) -> bool {
        self.newest.is_before(id) || self.get(id).is_none()
    }

    /// The order of this id, live or lately ended.
    #[must_use]
    #[inline]
    pub fn get(&self, id: ClientOrderId) -> Option<&Order> {
        self.slots.get(self.index.get(id)? as usize)
    }

    /// The order of this id, if it is live.
    #[must_use]
    pub fn get_live(&self, id: ClientOrderId) -> Option<&Order> {
        self.get(id).filter(|order| !order.is_settled())
    }

    /// Changes an order, live or lately ended, and puts it where it belongs then. `None` if it is
    /// not known.
    pub(crate) fn update<T>(
        &mut self,
        id: ClientOrderId,
        change: impl FnOnce(&mut Order) -> T,
    ) -> Option<T> {
        let slot = self.index.get(id)?;
        let result = change(self.slots.get_mut(slot as usize)?);
        self.place(slot);
        Some(result)
    }

    /// Changes every live order, in the order in which they came.
    pub(crate) fn update_live(&mut self, mut change: impl FnMut(&mut Order)) {
        let mut walk = self.live.first();
        while let Some(slot) = walk {
            walk = self.live.next(slot);
            change(&mut self.slots[slot as usize]);
            self.place(slot);
        }
    }

    /// Puts an order where it belongs after a change.
    fn place(&mut self, slot: u32) {
        let was_live = self.standing[slot as usize].live;
        match (was_live, self.slots[slot as usize].is_settled()) {
            (true, true) => self.end(slot),
            (false, false) => {
                self.ended.remove(slot);
                self.enter(slot);
            }
            (true, false) => self.stand(slot),
            (false, true) => {}
        }
    }

    fn enter(&mut self, slot: u32) {
        self.live.push(slot);
        self.stand(slot);
    }

    fn end(&mut self, slot: u32) {
        self.stand(slot);
        self.live.remove(slot);
        self.ended.push(slot);
        if self.ended.len() > self.ended_max
            && let Some(oldest) = self.ended.first()
        {
            self.ended.remove(oldest);
            self.index.remove(self.slots[oldest as usize].client_id);
            self.free.push(oldest);
        }
    }

    /// Brings ladder, counts and agendas to what the order is now.
    fn stand(&mut self, slot: u32) {
        let order = &self.slots[slot as usize];
        let live = !order.is_settled();
        let now = Standing {
            counts: Footprint::of(order),
            live,
            rests: live && order.may_rest(),
            unknown: live && order.state == OrderState::Unknown,
            needs_human: live && order.needs_human,
        };
        let before = std::mem::replace(&mut self.standing[slot as usize], now);
        self.sums
            .change(before.counts.as_ref(), now.counts.as_ref());
        let side = (order.instrument, order.side);
        match (before.rests, now.rests) {
            (false, true) => self
                .ladders
                .insert(slot, side, order.price, order.client_id),
            (true, false) => self.ladders.remove(slot, side),
            (true, true) | (false, false) => {}
        }
        self.unknown = self.unknown + usize::from(now.unknown) - usize::from(before.unknown);
        self.needing_human =
            self.needing_human + usize::from(now.needs_human) - usize::from(before.needs_human);
        let pace = self.pace.filter(|_| live);
        let id = order.client_id.raw();
        self.timers
            .set(slot, id, pace.and_then(|pace| order.timer_due(pace)));
        self.work
            .set(slot, id, pace.and_then(|pace| order.work_due(pace)));
    }

    /// The order whose timer is the first to be due, if it is by now.
    pub(crate) fn timer_due(&self, now_ns: u64) -> Option<ClientOrderId> {
        self.due(&self.timers, now_ns)
    }

    /// The order for which the first thing is due to be sent, if it is by now.
    #[inline]
    pub(crate) fn work_due(&self, now_ns: u64) -> Option<ClientOrderId> {
        self.due(&self.work, now_ns)
    }

    fn due(&self, agenda: &Agenda, now_ns: u64) -> Option<ClientOrderId> {
        let (due_ns, slot) = agenda.first()?;
        (due_ns <= now_ns).then(|| self.slots[slot as usize].client_id)
    }

    /// Nothing can be sent for it now. It is looked at again when it changes, or with all others.
    pub(crate) fn park(&mut self, id: ClientOrderId) {
        if let Some(slot) = self.index.get(id) {
            self.work.set(slot, id.raw(), None);
        }
    }

    /// Looks at every live order again: what was parked may be possible now.
    pub(crate) fn look_again(&mut self) {
        self.update_live(|_| {});
    }

    /// Live orders, in the order in which they came.
    pub fn live(&self) -> impl Iterator<Item = &Order> {
        self.live.iter().map(|slot| &self.slots[slot as usize])
    }

    /// Number of live orders.
    #[must_use]
    pub const fn live_count(&self) -> usize {
        self.live.len()
    }

    /// Whether the running sums, by which limits are judged, are those of a walk over all live
    /// orders. As slow as the walk.
    pub(crate) fn sums_hold(&self) -> bool {
        self.sums.are_of(self.live())
    }

    /// Number of live orders whose outcome is unknown.
    #[must_use]
    pub const fn unknown_count(&self) -> usize {
        self.unknown
    }

    /// Number of live orders that need a person's decision.
    #[must_use]
    pub const fn needing_human_count(&self) -> usize {
        self.needing_human
    }

    /// Best price of the orders of an instrument and side that may rest at the venue.
    #[inline]
    pub(crate) fn best_resting(&self, instrument: InstrumentId, side: Side) -> Option<Ticks> {
        self.ladders.best_price(instrument, side)
    }

    /// Orders of an instrument and side that may rest at the venue or get there, the best price
    /// first, then by id. The first one costs a few steps, each next one a few more.
    pub fn resting(&self, instrument: InstrumentId, side: Side) -> impl Iterator<Item = &Order> {
        let mut walk = self.ladders.best(instrument, side);
        std::iter::from_fn(move || {
            let slot = walk?;
            walk = self.ladders.next(slot, instrument, side);
            self.slots.get(slot as usize)
        })
    }

    /// Lately ended orders, the oldest ending first.
    pub fn ended(&self) -> impl Iterator<Item = &Order> {
        self.ended.iter().map(|slot| &self.slots[slot as usize])
    }
}

impl Digest for Orders {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.live_count() as u64);
        for order in self.live() {
            order.digest(sink);
        }
        sink.number(self.ended.len() as u64);
        for order in self.ended() {
            order.digest(sink);
        }
    }
}
