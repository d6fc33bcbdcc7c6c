//! The venue's own orders, where it shows each one: what rests, and in which place.
//!
//! A place is a number that grows: of two orders at one price the one with the smaller number is
//! first. So no queue is kept and none is searched. What an order of ours gets follows from its
//! number alone: it is that of the next order to come when it arrived.
//!
//! Invariant: an order keeps its place through a smaller quantity and through a snapshot that
//! shows it again; another price or a larger quantity puts it behind all others.

use std::collections::HashMap;

use model::body::{BookChange, BookOrder, Side};

/// Sequence of places.
pub(super) type Place = u64;

/// A trade against a resting order of the venue's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    /// Its side.
    pub(super) side: Side,
    /// The price at which it rested.
    pub(super) price: i64,
    /// Lots that traded.
    pub(super) qty: i64,
    /// Its place.
    pub(super) place: Place,
}

#[derive(Debug, Clone, Copy)]
struct Resting {
    side: Side,
    price: i64,
    qty: i64,
    place: Place,
    /// The last snapshot that showed it, or behind which it came.
    shown: u64,
}

/// See the module's header. Orders are only looked up; their order in memory means nothing.
#[derive(Debug, Default)]
pub(super) struct OrdersShown {
    orders: HashMap<u64, Resting>,
    next: Place,
    snapshots: u64,
    /// A snapshot is being shown: what it does not name is gone behind it.
    open: bool,
}

impl OrdersShown {
    /// The place that the next order will have.
    pub(super) const fn next_place(&self) -> Place {
        self.next
    }

    /// The book is void: a snapshot may follow.
    pub(super) fn reset(&mut self) {
        self.snapshots += 1;
        self.open = !self.orders.is_empty();
    }

    /// The venue's next word on one of its orders; what it says of a trade.
    pub(super) fn apply(&mut self, told: &BookOrder, in_snapshot: bool) -> Option<Hit> {
        if self.open && !in_snapshot {
            self.open = false;
            let shown = self.snapshots;
            self.orders.retain(|_, order| order.shown == shown);
        }
        match told.change {
            BookChange::Added | BookChange::Changed => {
                self.set(told);
                None
            }
            BookChange::Removed => {
                self.orders.remove(&told.order_id);
                None
            }
            BookChange::Traded => {
                let order = self.orders.get(&told.order_id)?;
                Some(Hit {
                    side: order.side,
                    price: order.price,
                    qty: told.qty.0,
                    place: order.place,
                })
            }
        }
    }

    fn set(&mut self, told: &BookOrder) {
        let (price, qty) = (told.price.0, told.qty.0);
        let known = self.orders.get(&told.order_id);
        let keeps = known
            .filter(|order| order.side == told.side && order.price == price && qty <= order.qty);
        let place = match keeps {
            Some(order) => order.place,
            None => {
                self.next += 1;
                self.next - 1
            }
        };
        let order = Resting {
            side: told.side,
            price,
            qty,
            place,
            shown: self.snapshots,
        };
        self.orders.insert(told.order_id, order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::num::{Lots, Ticks};

    fn told(order_id: u64, change: BookChange, price: i64, qty: i64) -> BookOrder {
        BookOrder {
            order_id,
            venue_time_ns: 0,
            price: Ticks(price),
            qty: Lots(qty),
            side: Side::Buy,
            change,
            reserved: [0; 46],
        }
    }

    fn place_of(orders: &mut OrdersShown, id: u64) -> Option<Place> {
        let hit = orders.apply(&told(id, BookChange::Traded, 100, 1), false)?;
        Some(hit.place)
    }

    #[test]
    fn place_is_kept_by_less_and_lost_by_more_or_another_price() {
        let mut orders = OrdersShown::default();
        for id in 1..=3 {
            orders.apply(&told(id, BookChange::Added, 100, 10), false);
        }
        orders.apply(&told(1, BookChange::Changed, 100, 4), false);
        assert_eq!(place_of(&mut orders, 1), Some(0));
        orders.apply(&told(1, BookChange::Changed, 100, 5), false);
        assert_eq!(place_of(&mut orders, 1), Some(3));
        orders.apply(&told(2, BookChange::Changed, 101, 10), false);
        assert_eq!(place_of(&mut orders, 2), Some(4));
        orders.apply(&told(3, BookChange::Removed, 100, 0), false);
        assert_eq!(place_of(&mut orders, 3), None);
        assert_eq!(orders.next_place(), 5);
    }

    #[test]
    fn snapshot_keeps_the_places_of_what_it_shows_and_forgets_the_rest() {
        let mut orders = OrdersShown::default();
        for id in 1..=3 {
            orders.apply(&told(id, BookChange::Added, 100, 10), false);
        }
        orders.reset();
        orders.apply(&told(1, BookChange::Added, 100, 10), true);
        orders.apply(&told(3, BookChange::Added, 100, 10), true);
        orders.apply(&told(4, BookChange::Added, 100, 10), false);
        assert_eq!(place_of(&mut orders, 1), Some(0));
        assert_eq!(place_of(&mut orders, 2), None);
        assert_eq!(place_of(&mut orders, 3), Some(2));
        assert_eq!(place_of(&mut orders, 4), Some(3));
    }
}
