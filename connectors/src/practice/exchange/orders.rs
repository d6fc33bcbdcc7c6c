//! Placing, cancelling and restoring orders.

use model::num::{Lots, Ticks};
use rust_decimal::Decimal;

use super::{AccountEvent, Exchange, Execution};
use crate::practice::matching::{Fill, Incoming, MARKET, Matched};
use crate::practice::types::{
    OrderKind, OrderStatus, SelfTrade, Side, TimeInForce, VenueOrder, VenueTrade,
};

/// A new order that passed the venue's filters.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) account: usize,
    pub(crate) instrument: usize,
    pub(crate) client_id: String,
    pub(crate) side: Side,
    pub(crate) kind: OrderKind,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) self_trade: SelfTrade,
    /// `None` for a market order.
    pub(crate) price: Option<Ticks>,
    pub(crate) qty: Lots,
    pub(crate) quote_qty: Option<Decimal>,
    /// Of a perpetual: refused, or ended, rather than larger than the position that it reduces.
    pub(crate) reduce_only: bool,
}

/// Why an order was not accepted. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Duplicate,
    Insufficient,
    WouldTake,
    /// Price times quantity is beyond any number the venue can hold.
    OutOfRange,
    /// A reduce-only order that is larger than what it would reduce.
    ReduceOnly,
    /// There is no such open order.
    Unknown,
}

/// An accepted order as it stands after matching, with the fills it got at once.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) order: VenueOrder,
    pub(crate) fills: Vec<VenueTrade>,
}

/// An order as it stands after an amendment.
#[derive(Debug, Clone)]
pub(crate) struct Amended {
    pub(crate) order: VenueOrder,
    /// Its client id before.
    pub(crate) before: String,
    pub(crate) execution_id: u64,
}

impl Request {
    pub(crate) fn incoming(&self, id: u64) -> Incoming {
        Incoming {
            id,
            owner: owner(self.account),
            side: self.side,
            kind: self.kind,
            time_in_force: self.time_in_force,
            self_trade: self.self_trade,
            price: self.price.unwrap_or_default().0,
            qty: self.qty.0,
        }
    }
}

/// Owner number of an account inside the matching engine.
pub(crate) fn owner(account: usize) -> u32 {
    u32::try_from(account).map_or(u32::MAX, |account| account + MARKET + 1)
}

impl Exchange {
    /// Accepts and matches an order.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: nothing changed.
    pub(crate) fn place(&mut self, request: &Request) -> Result<Placed, Refusal> {
        let known = self.ledger.by_client(request.account, &request.client_id);
        if known.is_some_and(|order| order.status.is_open()) {
            return Err(Refusal::Duplicate);
        }
        let id = self.next_order_id;
        let incoming = request.incoming(id);
        self.check_post_only(&incoming, request.instrument)?;
        self.reserve(request, &incoming)?;
        let matched = self.submit(request.instrument, &incoming)?;
        self.next_order_id += 1;
        self.ledger.add(self.accepted(request, id));
        self.report(id, Execution::New, None);
        self.book_matched(request, id, &matched)
    }

    /// Accepts an order that ends at once without meeting the book: some venues take a post-only
    /// order that would take, and cancel it. `why` names the cancel.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: nothing changed.
    pub(crate) fn place_and_cancel(
        &mut self,
        request: &Request,
        why: &str,
    ) -> Result<VenueOrder, Refusal> {
        let known = self.ledger.by_client(request.account, &request.client_id);
        if known.is_some_and(|order| order.status.is_open()) {
            return Err(Refusal::Duplicate);
        }
        let id = self.next_order_id;
        self.next_order_id += 1;
        self.ledger.add(self.accepted(request, id));
        self.report(id, Execution::New, None);
        // Nothing was locked for it: there is nothing to give back.
        let time_ms = self.now_ms;
        self.ledger.update(id, |order| {
            order.status = OrderStatus::Cancelled;
            order.cancel_id = Some(why.to_owned());
            order.updated_ms = time_ms;
        });
        self.report(id, Execution::Cancelled, None);
        self.ledger.order(id).cloned().ok_or(Refusal::Unknown)
    }

    /// Makes an open order as small as what is filled of it: then it is filled. `None` if nothing
    /// of it is filled, or it is not open.
    pub(crate) fn shrink_to_filled(&mut self, id: u64) -> Option<VenueOrder> {
        let order = self
            .ledger
            .order(id)
            .filter(|order| order.status.is_open() && order.executed > Lots::ZERO)?;
        let instrument = order.instrument;
        self.listings[instrument].liquidity.cancel(id)?;
        self.end(id, OrderStatus::Filled, None);
        self.ledger.update(id, |order| {
            order.qty = order.executed;
            order.amends += 1;
        });
        self.report(id, Execution::Replaced, None);
        self.report_balances_of(id);
        self.ledger.order(id).cloned()
    }

    /// Lets an order meet the book.
    pub(super) fn submit(
        &mut self,
        instrument: usize,
        incoming: &Incoming,
    ) -> Result<Matched, Refusal> {
        let submitted = self.listings[instrument].liquidity.submit(incoming);
        submitted.map_err(|_| Refusal::WouldTake)
    }

    /// Books what became of an order that stands in the ledger.
    pub(super) fn book_matched(
        &mut self,
        request: &Request,
        id: u64,
        matched: &Matched,
    ) -> Result<Placed, Refusal> {
        let fills = self.book_fills(request, id, matched);
        self.end_prevented(matched);
        self.end_taker(id, matched);
        self.report_balances_of(id);
        if !fills.is_empty() && self.is_perp(request.instrument) {
            self.sweep_reduce_only(request.instrument);
        }
        let order = self.ledger.order(id).cloned();
        let order = order.ok_or(Refusal::OutOfRange)?;
        Ok(Placed { order, fills })
    }

    /// Whether an order would be accepted, without placing it.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] that [`Exchange::place`] would give.
    pub(crate) fn check(&self, request: &Request) -> Result<(), Refusal> {
        let known = self.ledger.by_client(request.account, &request.client_id);
        if known.is_some_and(|order| order.status.is_open()) {
            return Err(Refusal::Duplicate);
        }
        let incoming = request.incoming(self.next_order_id);
        self.check_post_only(&incoming, request.instrument)?;
        if self.is_perp(request.instrument) {
            return self.check_margin(request, &incoming, 0);
        }
        let (asset, amount) = self.cost(request, &incoming).ok_or(Refusal::OutOfRange)?;
        if self.accounts.balance(request.account, &asset).free < amount {
            return Err(Refusal::Insufficient);
        }
        Ok(())
    }

    /// The most lots that a market order gets at once for no more than `value` of quote.
    pub(crate) fn lots_for_value(&self, request: &Request, value: Decimal) -> Lots {
        let listing = &self.listings[request.instrument];
        let spec = &listing.spec;
        let unit = spec
            .tick
            .decimal(1)
            .zip(spec.lot.decimal(1))
            .map(|(tick, lot)| tick * lot);
        let budget = unit
            .and_then(|unit| value.checked_div(unit))
            .and_then(|units| i128::try_from(units.trunc()).ok())
            .unwrap_or(0);
        let incoming = request.incoming(self.next_order_id);
        // The cost rises with the quantity: halve the range until it is known.
        let (mut fits, mut exceeds) = (0, spec.qty_max.0.saturating_add(1));
        while exceeds - fits > 1 {
            let qty = i64::midpoint(fits, exceeds);
            let reach = listing.liquidity.reach(&incoming, qty);
            if reach.qty == qty && reach.cost <= budget {
                fits = qty;
            } else {
                exceeds = qty;
            }
        }
        Lots(fits)
    }

    pub(super) fn check_post_only(
        &self,
        order: &Incoming,
        instrument: usize,
    ) -> Result<(), Refusal> {
        let best = self.listings[instrument]
            .liquidity
            .best(order.side.opposite());
        let crosses = best.is_some_and(|(price, _)| {
            crate::practice::matching::within(order.side, price, order.price)
        });
        if order.kind == OrderKind::PostOnly && crosses {
            return Err(Refusal::WouldTake);
        }
        Ok(())
    }

    /// What the order pays with, and how much of it at most.
    fn cost(&self, request: &Request, incoming: &Incoming) -> Option<(String, Decimal)> {
        let listing = &self.listings[request.instrument];
        let spec = &listing.spec;
        match (request.side, request.price) {
            (Side::Sell, _) => Some((spec.base.clone(), spec.quantity(request.qty)?)),
            (Side::Buy, Some(price)) => {
                Some((spec.quote.clone(), spec.notional(price, request.qty)?))
            }
            (Side::Buy, None) => {
                let reach = listing.liquidity.reach(incoming, incoming.qty);
                let unit = spec.tick.decimal(1)?.checked_mul(spec.lot.decimal(1)?)?;
                let units = Decimal::try_from_i128_with_scale(reach.cost, 0).ok()?;
                Some((spec.quote.clone(), unit.checked_mul(units)?))
            }
        }
    }

    /// Gives back what an open order has locked, and locks what it may cost as it is to be (E1).
    ///
    /// # Errors
    ///
    /// [`Refusal`]: nothing changed.
    pub(super) fn lock_anew(
        &mut self,
        order: &VenueOrder,
        request: &Request,
        incoming: &Incoming,
    ) -> Result<(), Refusal> {
        let (asset, was) = self.locked(order).ok_or(Refusal::OutOfRange)?;
        let (_, is) = self.cost(request, incoming).ok_or(Refusal::OutOfRange)?;
        let free = self.accounts.balance(order.account, &asset).free;
        if free + was < is {
            return Err(Refusal::Insufficient);
        }
        let moved = self.accounts.unlock(order.account, &asset, was);
        let moved = moved.and_then(|()| self.accounts.lock(order.account, &asset, is));
        moved.map_err(|_| Refusal::Insufficient)
    }

    /// Locks what a limit order may cost; checks that a market order can be paid, and that there is
    /// margin for a perpetual's.
    fn reserve(&mut self, request: &Request, incoming: &Incoming) -> Result<(), Refusal> {
        if self.is_perp(request.instrument) {
            return self.check_margin(request, incoming, 0);
        }
        let (asset, amount) = self.cost(request, incoming).ok_or(Refusal::OutOfRange)?;
        if request.price.is_none() {
            let free = self.accounts.balance(request.account, &asset).free;
            return if free < amount {
                Err(Refusal::Insufficient)
            } else {
                Ok(())
            };
        }
        self.accounts
            .lock(request.account, &asset, amount)
            .map_err(|_| Refusal::Insufficient)
    }

    fn accepted(&self, request: &Request, id: u64) -> VenueOrder {
        VenueOrder {
            id,
            account: request.account,
            instrument: request.instrument,
            client_id: request.client_id.clone(),
            cancel_id: None,
            side: request.side,
            kind: request.kind,
            time_in_force: request.time_in_force,
            self_trade: request.self_trade,
            price: request.price,
            qty: request.qty,
            executed: Lots::ZERO,
            executed_quote: Decimal::ZERO,
            amends: 0,
            quote_qty: request.quote_qty,
            reduce_only: request.reduce_only,
            status: OrderStatus::New,
            created_ms: self.now_ms,
            updated_ms: self.now_ms,
        }
    }

    fn book_fills(&mut self, request: &Request, id: u64, matched: &Matched) -> Vec<VenueTrade> {
        let mut booked = Vec::with_capacity(matched.fills.len());
        for fill in &matched.fills {
            let Fill {
                maker,
                maker_owner,
                price,
                qty,
            } = *fill;
            let trade_id = self.publish_trade(request.instrument, request.side, price, qty);
            let market = maker_owner == MARKET;
            let amounts = (Ticks(price), Lots(qty));
            booked.extend(self.book_fill(id, request.price, amounts, trade_id, (false, market)));
            if !market {
                self.fill_maker(maker, Ticks(price), Lots(qty), trade_id, false);
                self.report_balances_of(maker);
            }
        }
        booked
    }

    fn end_prevented(&mut self, matched: &Matched) {
        for (maker, _) in &matched.prevented_makers {
            self.end(*maker, OrderStatus::ExpiredInMatch, None);
            self.report(*maker, Execution::Prevented, None);
        }
    }

    fn end_taker(&mut self, id: u64, matched: &Matched) {
        if matched.ended == 0 {
            return;
        }
        let (status, execution) = if matched.prevented_taker {
            (OrderStatus::ExpiredInMatch, Execution::Prevented)
        } else {
            (OrderStatus::Expired, Execution::Expired)
        };
        self.end(id, status, None);
        self.report(id, execution, None);
    }

    /// Cancels an open order; `cancel_id` names the request. `None` if it is not open.
    pub(crate) fn cancel(&mut self, id: u64, cancel_id: &str) -> Option<VenueOrder> {
        let order = self
            .ledger
            .order(id)
            .filter(|order| order.status.is_open())?;
        let instrument = order.instrument;
        self.listings[instrument].liquidity.cancel(id)?;
        self.end(id, OrderStatus::Cancelled, Some(cancel_id.to_owned()));
        self.report(id, Execution::Cancelled, None);
        self.report_balances_of(id);
        self.ledger.order(id).cloned()
    }

    /// Makes an open order smaller where it rests; `client_id` is its name from now on. `None` if
    /// it is not open, or `qty` is not between what is filled and what was ordered.
    pub(crate) fn amend(&mut self, id: u64, qty: Lots, client_id: &str) -> Option<Amended> {
        let order = self
            .ledger
            .order(id)
            .filter(|order| order.status.is_open() && qty > order.executed && qty < order.qty)?;
        let (before, by) = (order.client_id.clone(), order.qty.0 - qty.0);
        let (account, instrument) = (order.account, order.instrument);
        let locked = self.locked(order);
        let listing = &mut self.listings[instrument];
        listing.liquidity.shrink(id, by).then_some(())?;
        let time_ms = self.now_ms;
        self.ledger.update(id, |order| {
            order.qty = qty;
            order.amends += 1;
            order.updated_ms = time_ms;
        });
        self.ledger.rename(id, client_id);
        let order = self.ledger.order(id)?.clone();
        if let (Some((asset, was)), Some((_, is))) = (locked, self.locked(&order)) {
            let unlocked = self.accounts.unlock(account, &asset, was - is);
            assert!(
                unlocked.is_ok(),
                "Invariant E1: order {id} had less locked than it should"
            );
        }
        self.report(id, Execution::Replaced, None);
        if let Some(AccountEvent::Report { before: name, .. }) = self.events.last_mut() {
            *name = Some(before.clone());
        }
        self.report_balances_of(id);
        Some(Amended {
            order,
            before,
            execution_id: self.next_execution_id - 1,
        })
    }

    /// Closes an order and gives back what it had locked.
    pub(crate) fn end(&mut self, id: u64, status: OrderStatus, cancel_id: Option<String>) {
        let Some(order) = self.ledger.order(id).cloned() else {
            return;
        };
        if let Some((asset, amount)) = self.locked(&order) {
            let unlocked = self.accounts.unlock(order.account, &asset, amount);
            assert!(
                unlocked.is_ok(),
                "Invariant E1: order {id} had less locked than it should"
            );
        }
        let time_ms = self.now_ms;
        self.ledger.update(id, |order| {
            order.status = status;
            order.cancel_id = cancel_id;
            order.updated_ms = time_ms;
        });
    }

    /// What an open order has locked: E1. One of a perpetual locks nothing.
    fn locked(&self, order: &VenueOrder) -> Option<(String, Decimal)> {
        let price = order.price.filter(|_| !self.is_perp(order.instrument))?;
        let spec = &self.listings[order.instrument].spec;
        match order.side {
            Side::Buy => Some((spec.quote.clone(), spec.notional(price, order.remaining())?)),
            Side::Sell => Some((spec.base.clone(), spec.quantity(order.remaining())?)),
        }
    }

    /// Puts an order back as it stood before a restart: no event, no new id.
    ///
    /// What it locks is taken from the account's free balance.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: it cannot have rested like this.
    pub(crate) fn restore(&mut self, order: VenueOrder) -> Result<(), Refusal> {
        let price = order.price.ok_or(Refusal::OutOfRange)?;
        let locked = self.locked(&order);
        if locked.is_none() && !self.is_perp(order.instrument) {
            return Err(Refusal::OutOfRange);
        }
        if self.ledger.order(order.id).is_some() {
            return Err(Refusal::Duplicate);
        }
        let incoming = Incoming {
            id: order.id,
            owner: owner(order.account),
            side: order.side,
            kind: order.kind,
            time_in_force: order.time_in_force,
            self_trade: order.self_trade,
            price: price.0,
            qty: order.remaining().0,
        };
        self.listings[order.instrument]
            .liquidity
            .restore(&incoming)
            .map_err(|_| Refusal::WouldTake)?;
        if let Some((asset, amount)) = locked {
            let held = self.accounts.lock(order.account, &asset, amount);
            held.map_err(|_| Refusal::Insufficient)?;
        }
        self.next_order_id = self.next_order_id.max(order.id + 1);
        self.ledger.add(order);
        Ok(())
    }
}
