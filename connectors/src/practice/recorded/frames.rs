//! What the recording's messages do to the book, and which of our resting orders they fill.

use std::cmp::Reverse;

use super::{Frame, MakerFill, RecordedMarket, Top};
use crate::practice::matching::within;
use crate::practice::types::Side;

impl RecordedMarket {
    /// Applies a message of the recording and says which of our orders it fills.
    pub(crate) fn apply(&mut self, frame: &Frame) -> Vec<MakerFill> {
        match frame {
            Frame::Snapshot { id, bids, asks } => self.load(*id, bids, asks),
            Frame::Depth {
                last_id,
                bids,
                asks,
                ..
            } => {
                // Older than the snapshot that the book started from.
                if *last_id <= self.update_id {
                    return Vec::new();
                }
                self.update_id = *last_id;
                bids.iter()
                    .for_each(|(price, qty)| self.set(Side::Buy, *price, *qty));
                asks.iter()
                    .for_each(|(price, qty)| self.set(Side::Sell, *price, *qty));
                self.top = None;
            }
            Frame::Top { id, bid, ask } => {
                if *id <= self.update_id {
                    return Vec::new();
                }
                self.refresh(Side::Buy, *bid);
                self.refresh(Side::Sell, *ask);
                self.top = Some(Top {
                    bid: *bid,
                    ask: *ask,
                });
            }
            Frame::Trade {
                price,
                qty,
                buyer_is_maker,
                ..
            } => {
                let side = if *buyer_is_maker {
                    Side::Buy
                } else {
                    Side::Sell
                };
                return self.trade(side, *price, *qty);
            }
            Frame::Other => return Vec::new(),
        }
        self.crossed()
    }

    fn load(&mut self, id: u64, bids: &[(i64, i64)], asks: &[(i64, i64)]) {
        if id <= self.update_id {
            return;
        }
        self.update_id = id;
        self.bids = bids
            .iter()
            .map(|(price, qty)| (Reverse(*price), *qty))
            .collect();
        self.asks = asks.iter().copied().collect();
    }

    fn set(&mut self, side: Side, price: i64, qty: i64) {
        self.taken.remove(&(side, price));
        self.shrink_queue(side, price, qty);
        match (side, qty) {
            (Side::Buy, 0) => self.bids.remove(&Reverse(price)),
            (Side::Buy, _) => self.bids.insert(Reverse(price), qty),
            (Side::Sell, 0) => self.asks.remove(&price),
            (Side::Sell, _) => self.asks.insert(price, qty),
        };
    }

    /// A best level repeats in every message; only a new quantity is news.
    fn refresh(&mut self, side: Side, (price, qty): (i64, i64)) {
        if self.recorded_grains(side, price) != qty {
            self.taken.remove(&(side, price));
        }
        self.shrink_queue(side, price, qty);
    }

    fn shrink_queue(&mut self, side: Side, price: i64, grains: i64) {
        let qty = self.lots_up(grains);
        for order in &mut self.resting {
            if order.side == side && order.price == price {
                order.ahead = order.ahead.min(qty);
            }
        }
    }

    /// A recorded trade at `price` that hit resting orders of `side`.
    fn trade(&mut self, side: Side, price: i64, grains: i64) -> Vec<MakerFill> {
        let qty = grains / self.grains_per_lot;
        let mut fills = Vec::new();
        let mut budget = qty;
        let mut order_of_fill: Vec<usize> = (0..self.resting.len()).collect();
        order_of_fill.sort_by_key(|index| match side {
            Side::Buy => -self.resting[*index].price,
            Side::Sell => self.resting[*index].price,
        });
        for index in order_of_fill {
            let order = &mut self.resting[index];
            if order.side != side || !within(side.opposite(), order.price, price) {
                continue;
            }
            let mut reached = qty;
            if order.price == price {
                reached = (qty - order.ahead).max(0);
                order.ahead = (order.ahead - qty).max(0);
            }
            let filled = order.left.min(reached).min(budget);
            if filled > 0 {
                budget -= filled;
                order.left -= filled;
                fills.push(MakerFill {
                    order: order.id,
                    price: order.price,
                    qty: filled,
                });
            }
        }
        self.resting.retain(|order| order.left > 0);
        fills
    }

    /// Fills orders of ours that the recorded book now crosses, with what it offers.
    fn crossed(&mut self) -> Vec<MakerFill> {
        let mut fills = Vec::new();
        for index in 0..self.resting.len() {
            let order = self.resting[index];
            let side = order.side.opposite();
            let offers: Vec<(i64, i64)> = self
                .current(side)
                .take_while(|(price, _)| within(order.side, *price, order.price))
                .collect();
            for (price, available) in offers {
                let left = self.resting[index].left;
                let qty = available.min(left);
                if qty == 0 {
                    continue;
                }
                *self.taken.entry((side, price)).or_default() += qty;
                self.resting[index].left -= qty;
                fills.push(MakerFill {
                    order: order.id,
                    price: order.price,
                    qty,
                });
            }
        }
        self.resting.retain(|order| order.left > 0);
        fills
    }
}
