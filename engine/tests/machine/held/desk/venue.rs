//! The desk's venue: what it makes of each command, and what it answers.

use model::body::{
    AmendOrder, Amended, NewOrder, OpenOrders, OrderStatus, OrderType, RejectReason, ReplaceOrder,
    Side, TimeInForce,
};
use model::command::{CommandView, command};
use model::event::{Event, event};
use model::num::Lots;
use model::record::{Kind, Record};

use super::{AtVenue, Desk};
use crate::kit::{ACCOUNT, INSTRUMENT, fill, report, sent};

impl Desk {
    pub(super) fn answer(&mut self, record: &Record) {
        let view = command(record).unwrap();
        if let CommandView::NewOrder(new) = view {
            self.accept(record, new);
        } else if let CommandView::CancelOrder(cancel) = view {
            self.cancel(record, cancel.client_id);
        } else if let CommandView::ReplaceOrder(replace) = view {
            self.replace(record, replace);
        } else if let CommandView::AmendOrder(amend) = view {
            self.amend(record, amend);
        } else if let CommandView::QueryOrder(query) = view {
            self.look_up(record, query.client_id);
        } else if let CommandView::QueryOpenOrders(_) = view {
            self.list(record);
        } else if let CommandView::Latch(_) = view {
            self.way(0).push_back(sent(record));
        } else {
            panic!("not asked for here: {view:?}");
        }
    }

    fn accept(&mut self, record: &Record, new: &NewOrder) {
        assert_ne!(new.order_type, OrderType::PostOnly);
        let id = new.client_id;
        let meets = |other: &AtVenue| match new.side {
            Side::Buy => other.side == Side::Sell && new.price.0 >= other.price,
            Side::Sell => other.side == Side::Buy && new.price.0 <= other.price,
        };
        let mut open = self.orders.values().filter(|other| other.over.is_none());
        assert!(!open.any(meets), "it trades with an order of ours");
        let order = AtVenue {
            side: new.side,
            price: new.price.0,
            left: new.qty.0,
            filled: 0,
            over: None,
        };
        assert!(self.orders.insert(id, order).is_none(), "an id twice");
        let acked = self.say(Kind::OrderAcked, id, OrderStatus::Open);
        let way = self.way(id);
        way.push_back(sent(record));
        way.push_back(acked);
        self.cross(id);
        let over = self.orders[&id].left > 0 && new.time_in_force != TimeInForce::Gtc;
        if over {
            self.end(id, OrderStatus::Expired, Kind::OrderExpired);
        }
    }

    /// One request: the new order comes only if the old one could be cancelled.
    fn replace(&mut self, record: &Record, new: &ReplaceOrder) {
        let old = new.cancel_client_id;
        self.way(new.client_id).push_back(sent(record));
        assert!(self.orders.get(&old).is_some_and(|old| old.over.is_none()));
        self.end(old, OrderStatus::Cancelled, Kind::OrderCancelled);
        let order = AtVenue {
            side: new.side,
            price: new.price.0,
            left: new.qty.0,
            filled: 0,
            over: None,
        };
        self.orders.insert(new.client_id, order);
        let acked = self.say(Kind::OrderAcked, new.client_id, OrderStatus::Open);
        self.way(new.client_id).push_back(acked);
        self.cross(new.client_id);
    }

    fn cancel(&mut self, record: &Record, id: u64) {
        self.way(id).push_back(sent(record));
        if self.orders.get(&id).is_some_and(|o| o.over.is_none()) {
            self.end(id, OrderStatus::Cancelled, Kind::OrderCancelled);
        } else {
            let none = OrderStatus::NotStated;
            let refused = report(
                Kind::CancelRejected,
                id,
                none,
                0,
                RejectReason::UnknownOrder,
            );
            self.way(id).push_back(refused);
        }
    }

    fn amend(&mut self, record: &Record, amend: &AmendOrder) {
        let id = amend.client_id;
        self.way(id).push_back(sent(record));
        let order = self.orders.get_mut(&id).unwrap();
        if order.over.is_some() || amend.qty.0 <= order.filled {
            let none = OrderStatus::NotStated;
            let refused = report(Kind::AmendRejected, id, none, 0, RejectReason::UnknownOrder);
            self.way(id).push_back(refused);
            return;
        }
        order.left = amend.qty.0 - order.filled;
        let body = Amended {
            client_id: id,
            venue_order_id: 0,
            venue_time_ns: 0,
            qty: amend.qty,
            cum_qty: Lots(order.filled),
            reserved: [0; 40],
        };
        let record = Record::new(Kind::OrderAmended, &body)
            .on_instrument(INSTRUMENT)
            .on_account(ACCOUNT);
        self.way(id).push_back(record);
    }

    fn look_up(&mut self, record: &Record, id: u64) {
        self.way(id).push_back(sent(record));
        let is_its = |record: &&Record| {
            let event = event(record).unwrap();
            matches!(event, Event::OrderFilled(fill) if fill.client_id == id)
        };
        let own: Vec<Record> = self.fills.iter().filter(is_its).copied().collect();
        self.way(id).extend(own);
        let status = match self.orders.get(&id) {
            Some(order) => {
                let status = order.over.unwrap_or(OrderStatus::Open);
                self.say(Kind::OrderStatus, id, status)
            }
            None => self.say(Kind::OrderAbsent, id, OrderStatus::NotStated),
        };
        self.way(id).push_back(status);
    }

    fn list(&mut self, record: &Record) {
        self.way(0).push_back(sent(record));
        let open: Vec<u64> = self
            .orders
            .iter()
            .filter(|(_, order)| order.over.is_none())
            .map(|(id, _)| *id)
            .collect();
        for &id in &open {
            let status = self.say(Kind::OrderStatus, id, OrderStatus::Open);
            self.way(0).push_back(status);
        }
        let body = OpenOrders {
            ours: open.len() as u64,
            foreign: 0,
            reserved: [0; 64],
        };
        let list = Record::new(Kind::OpenOrders, &body).on_account(ACCOUNT);
        self.way(0).push_back(list);
    }

    fn say(&self, kind: Kind, id: u64, status: OrderStatus) -> Record {
        let filled = self.orders.get(&id).map_or(0, |order| order.filled);
        report(kind, id, status, filled, RejectReason::None)
    }

    fn end(&mut self, id: u64, status: OrderStatus, kind: Kind) {
        self.orders.get_mut(&id).unwrap().over = Some(status);
        let record = self.say(kind, id, status);
        self.way(id).push_back(record);
    }

    /// Fills what crosses, up to the depth.
    pub(super) fn cross(&mut self, id: u64) {
        let order = self.orders[&id];
        let takes = match order.side {
            Side::Buy => order.price >= self.ask,
            Side::Sell => order.price <= self.bid,
        };
        if !takes || order.over.is_some() || order.left == 0 {
            return;
        }
        let qty = order.left.min(self.depth);
        self.trade += 1;
        let price = match order.side {
            Side::Buy => order.price.min(self.ask),
            Side::Sell => order.price.max(self.bid),
        };
        let record = fill(id, self.trade, order.side, price, qty);
        let order = self.orders.get_mut(&id).unwrap();
        order.left -= qty;
        order.filled += qty;
        if order.left == 0 {
            order.over = Some(OrderStatus::Filled);
        }
        match order.side {
            Side::Buy => self.bought += qty,
            Side::Sell => self.sold += qty,
        }
        assert!(self.sold <= self.bought, "the position turned");
        self.fills.push(record);
        self.way(id).push_back(record);
    }
}
