//! Events of the private stream as events of the engine.
//!
//! Hot path: yes. Allocates: no.

use model::body::{Balance, Fill, LinkState, OrderReport, RejectReason};
use model::ids::ClientOrderId;
use model::record::Kind;

use super::answers::report_of;
use super::dialect::Dialect;
use super::emit::Origin;
use super::known::Owner;
use super::said::{Change, Event, FillSeen, OrderChange};
use super::session::Session;
use super::table::{OrderKey, Task};
use crate::wire::WireError;

impl<D: Dialect> Session<D> {
    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::Order(change) => self.changed(&change),
            Event::Fill(seen) => self.filled(&seen),
            Event::Balance(balance) => self.say_balance(&balance, Origin::Stream),
            Event::Position(seen) => {
                let instrument = self.entries[seen.slot].instrument;
                self.emit.position(instrument, &seen.report, Origin::Stream);
            }
            Event::Transfer(transfer) => {
                self.want(Task::Account);
                self.emit.transfer(&transfer);
            }
            Event::Funding(slot, funding) => {
                self.emit.funding(self.entries[slot].instrument, &funding);
            }
            Event::MoneyMoved(kind) => self.money_moved(kind),
            Event::Strange(what, error) => self.strange(what, error),
            Event::Notice(code, words) => self.emit.notice(code, &words),
            Event::Ended(words) => self.end(LinkState::Down, 0, words),
            Event::Closing => {
                self.emit.notice(0, "the venue is shutting down");
                self.renew();
            }
        }
    }

    fn changed(&mut self, change: &OrderChange) {
        let order = &change.order;
        let Some(slot) = order.slot else {
            self.counts.foreign += 1;
            if order.owner != Owner::Foreign {
                self.strange("a report of an order of ours", WireError::UnknownSymbol);
            }
            return;
        };
        self.known.learn(slot, order.order_id, order.owner);
        let Owner::Ours(client_id) = order.owner else {
            self.counts.foreign += 1;
            return;
        };
        let key = OrderKey { slot, client_id };
        if let Err(error) = self.tell(key, change) {
            self.doubt(key, error);
        }
    }

    /// Something happened to an order that we cannot read: the machine has to ask.
    pub(super) fn doubt(&mut self, key: OrderKey, error: WireError) {
        let words = match ClientOrderId::from_raw(key.client_id) {
            Some(id) => format!("order {id}: a report of it cannot be taken"),
            None => "an order: a report of it cannot be taken".to_owned(),
        };
        self.strange(&words, error);
        let words = format!("unread report: {error}");
        self.unknown(key, RejectReason::VenueUnsure, 0, &words);
    }

    fn tell(&mut self, key: OrderKey, told: &OrderChange) -> Result<(), WireError> {
        let state = told.order.state?;
        let order_id = told.order.order_id;
        let kind = match told.change {
            None => return Ok(()),
            Some(Change::Amended) => {
                let missing = WireError::Missing { field: "qty" };
                let qty = state.qty.ok_or(missing)??;
                self.amend_answered(key);
                self.say_amended(key, order_id, &state, qty, Origin::Stream);
                return Ok(());
            }
            Some(Change::Open) => Kind::OrderAcked,
            Some(Change::Cancelled) => Kind::OrderCancelled,
            Some(Change::Rejected) => Kind::OrderRejected,
            Some(Change::Expired) => Kind::OrderExpired,
            Some(Change::NotAmended) => Kind::AmendRejected,
        };
        self.settle_amend(key, order_id, &state, Origin::Stream);
        let report = OrderReport {
            code: told.code,
            reason: told.reason,
            text: told.words,
            ..report_of(key, order_id, &state)
        };
        self.say(kind, key, &report, Origin::Stream);
        Ok(())
    }

    fn filled(&mut self, seen: &FillSeen) {
        let slot = seen.slot;
        let owner = seen.owner.or_else(|| self.known.owner(slot, seen.order_id));
        if let Some(owner) = seen.owner {
            self.known.learn(slot, seen.order_id, owner);
        }
        match (owner, seen.fill) {
            (Some(Owner::Foreign), _) => self.counts.foreign += 1,
            (Some(Owner::Ours(client_id)), Ok(fill)) => {
                if self.known.fill((slot, seen.trade_id, seen.order_id)) {
                    self.say_fill(OrderKey { slot, client_id }, fill, Origin::Stream);
                }
            }
            (Some(Owner::Ours(client_id)), Err(error)) => {
                self.doubt(OrderKey { slot, client_id }, error);
            }
            (None, Ok(fill)) => {
                self.unplaced.push((slot, fill));
                self.ask_who_is(slot, seen.order_id);
            }
            (None, Err(error)) => self.strange("a fill that cannot be booked", error),
        }
    }

    /// Reports a fill of one of our orders.
    pub(super) fn say_fill(&mut self, key: OrderKey, mut fill: Fill, origin: Origin) {
        fill.client_id = key.client_id;
        let instrument = self.entries[key.slot].instrument;
        self.emit.fill(instrument, &fill, origin);
    }

    /// Reports a balance; one below zero is said to people too.
    pub(super) fn say_balance(&mut self, body: &Balance, origin: Origin) {
        if !self.assets.contains(&body.asset) {
            self.assets.push(body.asset);
        }
        let (free, locked) = (body.free.get(), body.locked.get());
        if free.is_sign_negative() || locked.is_sign_negative() {
            let words = format!("{} is below zero: {free} free, {locked} locked", body.asset);
            self.emit.notice(0, &words);
        }
        self.emit.balance(body, origin);
    }
}
