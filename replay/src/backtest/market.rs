//! One instrument at the simulated venue: the recorded book, our orders in it, and what they get.
//!
//! Invariants
//! - M1: an order gets at most its quantity, at its price or better.
//! - M2: with `Rules::FAITHFUL` no lot of the recording is given to two orders of ours, and none
//!   is given that was neither traded nor shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::body::{Liquidity, Side, Trade};
use model::ids::AccountId;
use model::instrument::InstrumentSpec;
use model::num::Ticks;

use super::concern::Concern;
use super::orders_shown::Hit;
use super::own::{Edge, Execution, Own, fill_taker, within};
use super::queue::QueueModel;
use super::rules::{Beyond, Leftover, Rules, Through};
use super::shown::{Change, Happened, Shown};

/// See the module's header.
#[derive(Debug)]
pub(super) struct Market {
    /// What everybody sees. Kept elsewhere, and lent, where several variants share one pass.
    pub(super) shown: Box<Shown>,
    /// Resting, best price first, then by time.
    bids: Vec<Own>,
    asks: Vec<Own>,
    /// Lots that we took of a level since it was shown: by side of the level and price.
    taken: BTreeMap<(bool, i64), i64>,
    model: Arc<dyn QueueModel>,
    rules: Rules,
}

impl Market {
    pub(super) fn new(
        spec: InstrumentSpec,
        window_ticks: u32,
        model: Arc<dyn QueueModel>,
        rules: Rules,
    ) -> Self {
        Self {
            shown: Box::new(Shown::new(spec, window_ticks)),
            bids: Vec::new(),
            asks: Vec::new(),
            taken: BTreeMap::new(),
            model,
            rules,
        }
    }

    const fn own(&self, side: Side) -> &Vec<Own> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn own_mut(&mut self, side: Side) -> &mut Vec<Own> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Our orders that rest, bids first.
    pub(super) fn resting(&self) -> impl Iterator<Item = &Own> {
        self.bids.iter().chain(&self.asks)
    }

    /// Whether nothing that the market does can concern us: we have no order and took nothing.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.bids.is_empty() && self.asks.is_empty() && self.taken.is_empty()
    }

    /// What of the market can concern us.
    pub(super) fn concern(&self) -> Concern {
        Concern::of(&self.bids, &self.asks, !self.taken.is_empty())
    }

    /// What the market's next event means to our orders, behind [`Shown::apply`] of it. What it
    /// fills is appended to `out`.
    #[inline]
    pub(super) fn react(&mut self, seen: &Happened, changes: &[Change], out: &mut Vec<Execution>) {
        if self.is_idle() {
            return;
        }
        match seen {
            Happened::Levels { whole } => {
                for change in changes {
                    self.moved(change);
                }
                if *whole {
                    self.cross(out);
                }
            }
            Happened::Trade(trade) => self.trade(trade, out),
            Happened::Hit(hit) => self.hit(hit, out),
            Happened::Quote(edges) => {
                if !self.taken.is_empty() {
                    self.taken.remove(&(true, edges.bid.price));
                    self.taken.remove(&(false, edges.ask.price));
                }
                self.cross(out);
            }
            Happened::Reset => self.taken.clear(),
            Happened::Nothing => {}
        }
    }

    /// A level is shown anew: what we took of it is in the number, and queues have moved.
    #[inline]
    fn moved(&mut self, change: &Change) {
        let Change {
            side,
            price,
            before,
            now,
        } = *change;
        if !self.taken.is_empty() {
            self.taken.remove(&(side == Side::Buy, price));
        }
        let orders = match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        for own in orders.iter_mut().filter(|own| own.price == price) {
            self.model
                .level(&mut own.standing, before as f64, now as f64);
        }
    }

    /// Fills our orders that the other side's best price has reached.
    fn cross(&mut self, out: &mut Vec<Execution>) {
        for side in [Side::Buy, Side::Sell] {
            let edge = self.edge(side.opposite());
            while edge.qty > 0
                && let Some(first) = self.own(side).first()
                && within(side, edge.price, first.price)
            {
                let (price, left) = (first.price, first.left());
                let qty = match self.rules.through {
                    Through::All => left,
                    Through::Seen => self.consume(side, price, left),
                };
                if qty == 0 {
                    break;
                }
                self.fill_own(side, 0, qty, out);
            }
        }
    }

    /// Takes up to `qty` of what is shown against an order at `price`; returns how much there was.
    fn consume(&mut self, side: Side, price: i64, qty: i64) -> i64 {
        let mut got = 0;
        for (level, shown) in self.against(side, price) {
            if got == qty {
                break;
            }
            let part = shown.min(qty - got);
            self.note_taken(side.opposite(), level, part);
            got += part;
        }
        got
    }

    fn note_taken(&mut self, side: Side, price: i64, qty: i64) {
        *self.taken.entry((side == Side::Buy, price)).or_insert(0) += qty;
    }

    /// What an order may take, best first: price and lots, less what we took already.
    fn against(&self, side: Side, limit: i64) -> Vec<(i64, i64)> {
        let other = side.opposite();
        let edge = self.edge(other);
        let mut levels: Vec<(i64, i64)> = Vec::new();
        // Where a quote is newer than the depth, its best is the first level, and what the depth
        // has at that price or better is gone.
        let shown = &self.shown;
        let quoted = !shown.has_depth || shown.edges.update_id > shown.book.update_id();
        if quoted && edge.qty > 0 {
            levels.push((edge.price, edge.qty));
        }
        if shown.has_depth {
            let shown = shown
                .book
                .depth(other)
                .map(|level| (level.price.0, level.qty.0));
            let reachable = |&(price, _): &(i64, i64)| within(side, price, limit);
            let stands = |&(price, _): &(i64, i64)| !quoted || !within(side, price, edge.price);
            levels.extend(shown.take_while(reachable).filter(stands));
        }
        levels.retain(|&(price, _)| within(side, price, limit));
        for (price, qty) in &mut levels {
            let taken = self.taken.get(&(other == Side::Buy, *price));
            *qty = (*qty - taken.copied().unwrap_or(0)).max(0);
        }
        levels
    }

    fn edge(&self, side: Side) -> Edge {
        match side {
            Side::Buy => self.shown.edges.bid,
            Side::Sell => self.shown.edges.ask,
        }
    }

    fn trade(&mut self, trade: &Trade, out: &mut Vec<Execution>) {
        let side = trade.aggressor.opposite();
        // Where the venue shows each order, the orders that were hit say more.
        if self.own(side).is_empty() || self.model.by_order() {
            return;
        }
        let mut left = trade.qty.0;
        let mut index = 0;
        while let Some(own) = self.own(side).get(index) {
            if !within(side, trade.price.0, own.price) {
                break;
            }
            let given = if own.price == trade.price.0 {
                self.queued(side, index, left)
            } else {
                match self.rules.through {
                    Through::All => own.left(),
                    Through::Seen => own.left().min(left),
                }
            };
            if self.rules.shared_queue {
                left -= given.min(left);
            }
            if given == 0 || !self.fill_own(side, index, given, out) {
                index += 1;
            }
        }
    }

    /// A resting order of the venue's traded: those of ours that stand before it would have been
    /// met first, at a better price or in an earlier place.
    fn hit(&mut self, hit: &Hit, out: &mut Vec<Execution>) {
        if !self.model.by_order() {
            return;
        }
        let (mut left, mut index) = (hit.qty, 0);
        while let Some(own) = self.own(hit.side).get(index) {
            if !within(hit.side, hit.price, own.price) {
                break;
            }
            let first = own.price != hit.price || own.place <= hit.place;
            let given = match self.rules.through {
                _ if !first => 0,
                Through::All => own.left(),
                Through::Seen => own.left().min(left),
            };
            if self.rules.shared_queue {
                left -= given.min(left);
            }
            if given == 0 || !self.fill_own(hit.side, index, given, out) {
                index += 1;
            }
        }
    }

    /// What an order gets of a trade at its price.
    fn queued(&mut self, side: Side, index: usize, traded: i64) -> i64 {
        let model = Arc::clone(&self.model);
        let shown = self.edge_qty(side, index);
        let rule = self.rules.beyond;
        let Some(own) = self.own_mut(side).get_mut(index) else {
            return 0;
        };
        let left = own.left();
        let share = model.share(left as f64, shown as f64);
        if share > 0.0 {
            return ((traded as f64 * share) as i64).min(left).min(traded);
        }
        model.trade(&mut own.standing, traded as f64);
        let beyond = match rule {
            // A rounding error of the estimate is no lot.
            Beyond::Traded => ((-own.standing.ahead + 1e-6).floor() as i64).min(traded),
            Beyond::Estimated => (-own.standing.ahead).round() as i64,
        };
        if beyond <= 0 {
            return 0;
        }
        own.standing.ahead = 0.0;
        beyond.min(left)
    }

    fn edge_qty(&self, side: Side, index: usize) -> i64 {
        let price = self.own(side).get(index).map_or(0, |own| own.price);
        self.shown.book.qty(side, Ticks(price)).0
    }

    /// Fills part of a resting order at its price; true if it is gone now.
    fn fill_own(&mut self, side: Side, index: usize, qty: i64, out: &mut Vec<Execution>) -> bool {
        let orders = self.own_mut(side);
        let Some(own) = orders.get_mut(index) else {
            return true;
        };
        own.filled += qty;
        out.push(Execution {
            order: *own,
            price: own.price,
            qty,
            liquidity: Liquidity::Maker,
        });
        let done = own.left() == 0;
        if done {
            orders.remove(index);
        }
        done
    }

    /// Whether an order at this price would trade at once.
    pub(super) fn would_take(&self, side: Side, price: i64) -> bool {
        let edge = self.edge(side.opposite());
        edge.qty > 0 && within(side, edge.price, price)
    }

    /// Lots that an order could take at once, up to its price.
    pub(super) fn reach(&self, side: Side, limit: i64) -> i64 {
        let levels = self.against(side, limit);
        levels
            .iter()
            .fold(0, |sum, (_, qty)| qty.saturating_add(sum))
    }

    /// Value of the next `qty` lots up to `limit`, in ticks times lots, and how many there are.
    pub(super) fn cost(&self, side: Side, limit: i64, qty: i64) -> (i128, i64) {
        let (mut cost, mut got) = (0_i128, 0);
        for (price, shown) in self.against(side, limit) {
            let part = shown.min(qty - got);
            cost += i128::from(price) * i128::from(part);
            got += part;
        }
        (cost, got)
    }

    /// Takes what the order's price allows. The order's fills stand behind each other in `out`.
    pub(super) fn take(&mut self, order: &mut Own, rests: bool, out: &mut Vec<Execution>) {
        for (price, shown) in self.against(order.side, order.price) {
            let qty = shown.min(order.left());
            if qty == 0 {
                continue;
            }
            if self.rules.impact {
                self.note_taken(order.side.opposite(), price, qty);
            }
            fill_taker(order, price, qty, out);
        }
        let took = order.filled > 0;
        if took && rests && order.left() > 0 && self.rules.leftover == Leftover::Fills {
            let (price, left) = (order.price, order.left());
            fill_taker(order, price, left, out);
        }
    }

    /// Lets an order rest behind all that is there.
    pub(super) fn rest(&mut self, mut order: Own) {
        let resting = self.shown.book.qty(order.side, Ticks(order.price)).0;
        let edge = self.edge(order.side);
        // Without depth a quote tells of its own price only.
        let resting = if self.shown.has_depth || edge.price != order.price {
            resting
        } else {
            edge.qty
        };
        order.standing = self.model.arrive(resting as f64);
        order.place = self.shown.orders.next_place();
        let side = order.side;
        let orders = self.own_mut(side);
        // Behind all with a better price or the same one.
        let price = order.price;
        let place = orders.partition_point(|own| within(side.opposite(), own.price, price));
        orders.insert(place, order);
    }

    /// The order, if it rests.
    pub(super) fn find(&mut self, client_id: u64) -> Option<&mut Own> {
        let both = self.bids.iter_mut().chain(&mut self.asks);
        both.into_iter().find(|own| own.client_id == client_id)
    }

    /// Takes the order out of the book.
    pub(super) fn remove(&mut self, client_id: u64) -> Option<Own> {
        for side in [Side::Buy, Side::Sell] {
            let orders = self.own_mut(side);
            let found = orders.iter().position(|own| own.client_id == client_id);
            if let Some(index) = found {
                return Some(orders.remove(index));
            }
        }
        None
    }

    /// An account's own orders that an order of it would meet.
    pub(super) fn met(&self, account: AccountId, side: Side, price: i64) -> Vec<u64> {
        let against = self.own(side.opposite()).iter();
        against
            .filter(|own| own.account == account && within(side, own.price, price))
            .map(|own| own.client_id)
            .collect()
    }

    /// Twice the middle of the venue's best prices.
    pub(super) fn mid_x2(&self) -> Option<i64> {
        let (bid, ask) = (self.shown.edges.bid, self.shown.edges.ask);
        if bid.qty > 0 && ask.qty > 0 {
            Some(bid.price + ask.price)
        } else {
            None
        }
    }
}
