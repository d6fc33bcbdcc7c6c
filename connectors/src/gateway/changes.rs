//! What became of an amendment, and of a cancel of everything on an instrument.
//!
//! An order's quantity only falls, so its reports may come in any order and more than once. What a
//! query says of an open order's quantity is reported too; and an order whose amendment nobody
//! answered is remembered until any word of it, its end too, says how much it is.
//!
//! Hot path: yes. Allocates: for the list of a cancel of everything.

use model::body::{Amended, OrderStatus};
use model::num::Lots;

use super::dialect::{CancelsAll, Dialect};
use super::emit::Origin;
use super::known::Owner;
use super::said::{OrderSeen, OrderState, Refusal, Verdict};
use super::session::Session;
use super::table::{CANCELS_MAX, OrderKey, Task};
use crate::wire::WireError;

/// Orders whose amendment is in doubt that are remembered.
pub(super) const DOUBTS_MAX: usize = 256;

impl<D: Dialect> Session<D> {
    /// Reports an order's quantity.
    pub(super) fn say_amended(
        &mut self,
        key: OrderKey,
        order_id: u64,
        state: &OrderState,
        qty: Lots,
        origin: Origin,
    ) {
        let body = Amended {
            client_id: key.client_id,
            venue_order_id: order_id,
            venue_time_ns: state.time_ns,
            qty,
            cum_qty: state.cum_qty,
            reserved: [0; 40],
        };
        let instrument = self.entries[key.slot].instrument;
        self.emit.amended(instrument, &body, origin);
    }

    /// An amendment is on its way: what becomes of it is not known until it is answered for sure.
    pub(super) fn amend_in_doubt(&mut self, key: OrderKey) {
        if self.amends_in_doubt.contains(&key) {
            return;
        }
        if self.amends_in_doubt.len() == DOUBTS_MAX {
            self.amends_in_doubt.remove(0);
        }
        self.amends_in_doubt.push(key);
    }

    /// An amendment was answered for sure.
    pub(super) fn amend_answered(&mut self, key: OrderKey) {
        let place = self.amends_in_doubt.iter().position(|one| *one == key);
        if let Some(place) = place {
            self.amends_in_doubt.swap_remove(place);
        }
    }

    /// Says the quantity of an order that has ended, before its end, if an amendment of it is in
    /// doubt: nothing else would say it any more.
    pub(super) fn settle_amend(
        &mut self,
        key: OrderKey,
        order_id: u64,
        state: &OrderState,
        origin: Origin,
    ) {
        let ended = match state.status {
            OrderStatus::NotStated | OrderStatus::Open | OrderStatus::PartiallyFilled => false,
            OrderStatus::Filled
            | OrderStatus::Cancelled
            | OrderStatus::Expired
            | OrderStatus::Rejected => true,
        };
        if ended
            && let Some(Ok(qty)) = state.qty
            && self.amends_in_doubt.contains(&key)
        {
            self.amend_answered(key);
            self.say_amended(key, order_id, state, qty, origin);
        }
    }

    /// The quantity of an open order that a query found.
    pub(super) fn say_quantity(&mut self, key: OrderKey, order_id: u64, state: &OrderState) {
        let open = matches!(
            state.status,
            OrderStatus::Open | OrderStatus::PartiallyFilled
        );
        match state.qty {
            Some(Ok(qty)) if open => self.say_amended(key, order_id, state, qty, Origin::Query),
            // Ordered by lots of before. What is filled still counts.
            Some(Err(error)) if open => self
                .emit
                .remark(0, &format!("an order's quantity: {error}")),
            Some(_) | None => {}
        }
    }

    /// The answer to a cancel of everything: each order is reported, as if it had been cancelled
    /// alone, or each part of the list is cancelled now. One row that cannot be read does not hide
    /// the others.
    pub(super) fn all_answered(
        &mut self,
        slot: usize,
        rows: &[Result<OrderSeen, WireError>],
        more: bool,
    ) {
        let venue_ns = self.line.venue_ns(self.emit.stamp_ns);
        self.line.ledger.knocked(false, venue_ns);
        if self.habits.cancels_all == CancelsAll::ByList {
            self.cancel_listed(slot, rows, more);
            return;
        }
        for row in rows {
            let told = match row {
                Ok(order) => self.one_of_all(slot, order),
                Err(error) => Err(*error),
            };
            if let Err(error) = told {
                self.unreadable(error);
            }
        }
    }

    /// Cancels what is listed; behind a page that had room for more the list is asked for again.
    fn cancel_listed(&mut self, slot: usize, rows: &[Result<OrderSeen, WireError>], more: bool) {
        for row in rows {
            match row {
                Ok(order) => self.known.learn(slot, order.order_id, order.owner),
                Err(error) => self.unreadable(*error),
            }
        }
        let ids: Vec<u64> = rows.iter().flatten().map(|order| order.order_id).collect();
        for part in ids.chunks(CANCELS_MAX) {
            let mut orders = [0; CANCELS_MAX];
            orders[..part.len()].copy_from_slice(part);
            self.tasks.push_back(Task::CancelSome { slot, orders });
        }
        if more && !ids.is_empty() {
            self.want(Task::CancelAll { slot });
        }
    }

    fn one_of_all(&mut self, slot: usize, order: &OrderSeen) -> Result<(), WireError> {
        self.known.learn(slot, order.order_id, order.owner);
        match order.owner {
            Owner::Ours(client_id) => self.cancelled(OrderKey { slot, client_id }, order),
            Owner::Foreign => {
                self.counts.foreign += 1;
                Ok(())
            }
        }
    }

    /// A cancel of everything is tried again until the venue has answered it for certain.
    pub(super) fn all_not_cancelled<B>(&mut self, slot: usize, refusal: &Refusal<'_, B>) {
        let venue_ns = self.line.venue_ns(self.emit.stamp_ns);
        let words = refusal.words.as_str();
        let again = match refusal.verdict {
            Verdict::Limited | Verdict::Busy | Verdict::Clock | Verdict::Unknown => true,
            Verdict::Refused(_)
            | Verdict::Configuration(_)
            | Verdict::Duplicate
            | Verdict::Partial => false,
        };
        self.line.ledger.knocked(again, venue_ns);
        if again {
            self.cancel_again(slot, words);
        } else if !refusal.nothing_open {
            let words = format!("a cancel of everything was refused: {words}");
            self.emit.notice(refusal.code, &words);
        }
    }

    /// Its outcome is not known, or it did not take place.
    pub(super) fn cancel_again(&mut self, slot: usize, words: &str) {
        let symbol = self.entries[slot].symbol();
        let words = format!("a cancel of everything on {symbol} is sent again: {words}");
        self.emit.remark(0, &words);
        self.want(Task::CancelAll { slot });
    }
}
