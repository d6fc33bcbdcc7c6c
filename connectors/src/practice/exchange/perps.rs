//! The exchange's perpetuals: margin checks, fills, modifications. See `practice/perps`.

use model::num::{Lots, Ticks};
use rust_decimal::{Decimal, RoundingStrategy};

use super::{AccountEvent, Exchange, Execution, HoldingReason, Placed, Refusal, Request};
use crate::practice::matching::Incoming;
use crate::practice::perps::{
    Exposure, Income, IncomeKind, Margin, MarginMode, Position, VenuePosition, liquidation_price,
    signed_value, terms,
};
use crate::practice::types::{OrderStatus, Side, VenueOrder, VenueTrade};

/// Digits of a fee and of funding, cut towards zero.
const MONEY_DECIMALS: u32 = 8;

pub(super) fn cut(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(MONEY_DECIMALS, RoundingStrategy::ToZero)
}

impl Exchange {
    /// Whether an instrument is a perpetual.
    pub(crate) fn is_perp(&self, instrument: usize) -> bool {
        terms(&self.listings[instrument].spec).is_some()
    }

    /// The asset that an instrument settles in; its quote for spot.
    pub(crate) fn settle(&self, instrument: usize) -> &str {
        let spec = &self.listings[instrument].spec;
        terms(spec).map_or(&spec.quote, |terms| &terms.settle)
    }

    /// The mark price: what was put there, or the middle of the book, or the last trade.
    pub(crate) fn mark_price(&self, instrument: usize) -> Option<Decimal> {
        if let Some(mark) = self.perps.mark(instrument) {
            return Some(mark);
        }
        let listing = &self.listings[instrument];
        let best = |side| {
            let (price, _) = listing.liquidity.top(side)?;
            listing.spec.price(Ticks(price))
        };
        match (best(Side::Buy), best(Side::Sell)) {
            (Some(bid), Some(ask)) => Some((bid + ask) / Decimal::TWO),
            (Some(_) | None, _) => listing.spec.price(listing.trades.back()?.price),
        }
    }

    /// A position of an account; flat if it has none.
    pub(crate) fn position(&self, account: usize, instrument: usize) -> Position {
        self.perps.position(account, instrument)
    }

    /// All positions that ever were, for the venue's truth.
    pub(crate) fn venue_positions(&self) -> Vec<VenuePosition> {
        let of = |(account, instrument, position): (usize, usize, &Position)| VenuePosition {
            account,
            instrument,
            lots: position.lots,
            entry: position.entry(&self.listings[instrument].spec),
            margin: position.margin,
            realised: position.realised,
            funding: position.funding,
        };
        self.perps.positions().map(of).collect()
    }

    /// Position and open orders of an account in an instrument, valued; without the order `except`.
    pub(crate) fn exposure(&self, account: usize, instrument: usize, except: u64) -> Exposure {
        let spec = &self.listings[instrument].spec;
        let value = |price: Decimal, lots: i64| signed_value(spec, price, lots).unwrap_or_default();
        let mut exposure = Exposure::default();
        let position = self.position(account, instrument);
        if let Some(mark) = self.mark_price(instrument).filter(|_| position.lots != 0) {
            exposure.position = value(mark, position.lots);
        }
        let mine = |order: &&VenueOrder| {
            order.account == account
                && order.instrument == instrument
                && order.id != except
                && !order.reduce_only
        };
        for order in self.ledger.open().filter(mine) {
            let price = order.price.and_then(|price| spec.price(price));
            let value = value(price.unwrap_or_default(), order.remaining().0);
            match order.side {
                Side::Buy => exposure.bids += value,
                Side::Sell => exposure.asks += value,
            }
        }
        exposure
    }

    /// Initial margin that an account must have free for an instrument: an isolated position has
    /// its own already.
    fn initial(&self, account: usize, instrument: usize, exposure: &Exposure) -> Decimal {
        let (leverage, _) = self.perps.setting(account, instrument);
        let aside = self.position(account, instrument).margin;
        (exposure.initial(leverage) - aside).max(Decimal::ZERO)
    }

    /// An account's money in a settlement asset; `except` is an order that does not count.
    fn margin_except(&self, account: usize, asset: &str, except: u64) -> Margin {
        let balance = self.accounts.balance(account, asset);
        let mut margin = Margin {
            wallet: balance.free + balance.locked,
            cross_wallet: balance.free,
            ..Margin::default()
        };
        for instrument in 0..self.listings.len() {
            if !self.is_perp(instrument) || self.settle(instrument) != asset {
                continue;
            }
            let exposure = self.exposure(account, instrument, except);
            margin.initial += self.initial(account, instrument, &exposure);
            let position = self.position(account, instrument);
            let (_, mode) = self.perps.setting(account, instrument);
            if let Some(mark) = self.mark_price(instrument)
                && position.lots != 0
                && mode == MarginMode::Cross
            {
                let spec = &self.listings[instrument].spec;
                margin.cross_unrealised += position.unrealised(spec, mark).unwrap_or_default();
                margin.maintenance += position.maintenance(spec, mark).unwrap_or_default();
            }
        }
        margin
    }

    /// An account's money in a settlement asset.
    pub(crate) fn margin(&self, account: usize, asset: &str) -> Margin {
        self.margin_except(account, asset, 0)
    }

    /// Price at which an account's position would be liquidated; `None` if there is none.
    pub(crate) fn liquidation_price(&self, account: usize, instrument: usize) -> Option<Decimal> {
        let position = self.position(account, instrument);
        let mark = self.mark_price(instrument)?;
        let spec = &self.listings[instrument].spec;
        let (_, mode) = self.perps.setting(account, instrument);
        let behind = match mode {
            MarginMode::Isolated => position.margin,
            MarginMode::Cross => {
                let margin = self.margin(account, self.settle(instrument));
                let own = position.unrealised(spec, mark)?;
                let others = margin.maintenance - position.maintenance(spec, mark)?;
                margin.balance() - own - others
            }
        };
        liquidation_price(spec, &position, mark, behind)
    }

    /// Whether an account can have this order beside what it has; `replaced` is one of its orders
    /// that ends with it (0 for none).
    ///
    /// # Errors
    ///
    /// [`Refusal::Insufficient`], [`Refusal::ReduceOnly`], [`Refusal::OutOfRange`].
    pub(super) fn check_margin(
        &self,
        request: &Request,
        incoming: &Incoming,
        replaced: u64,
    ) -> Result<(), Refusal> {
        let (account, instrument) = (request.account, request.instrument);
        if request.reduce_only {
            return self.check_reduce_only(request, replaced);
        }
        let spec = &self.listings[instrument].spec;
        let price = match request.price {
            Some(price) => spec.price(price),
            None => self.reach_price(instrument, incoming),
        };
        let price = price.or_else(|| self.mark_price(instrument));
        let value = price.and_then(|price| signed_value(spec, price, request.qty.0));
        let value = value.ok_or(Refusal::OutOfRange)?;
        let before = self.exposure(account, instrument, replaced);
        let mut after = before;
        match request.side {
            Side::Buy => after.bids += value,
            Side::Sell => after.asks += value,
        }
        let more =
            self.initial(account, instrument, &after) - self.initial(account, instrument, &before);
        let margin = self.margin_except(account, self.settle(instrument), replaced);
        if more > Decimal::ZERO && margin.initial + more > margin.balance() {
            return Err(Refusal::Insufficient);
        }
        Ok(())
    }

    /// Average price that a market order would get now.
    fn reach_price(&self, instrument: usize, incoming: &Incoming) -> Option<Decimal> {
        let listing = &self.listings[instrument];
        let reach = listing.liquidity.reach(incoming, incoming.qty);
        let cost = Decimal::try_from_i128_with_scale(reach.cost, 0).ok()?;
        let ticks = cost.checked_div(Decimal::from(reach.qty))?;
        listing.spec.tick.decimal(1)?.checked_mul(ticks)
    }

    /// P2: all reduce-only orders together are no larger than the position.
    fn check_reduce_only(&self, request: &Request, replaced: u64) -> Result<(), Refusal> {
        let position = self.position(request.account, request.instrument);
        let reduces = match request.side {
            Side::Buy => -position.lots,
            Side::Sell => position.lots,
        };
        let mine = |order: &&VenueOrder| {
            order.reduce_only
                && order.id != replaced
                && order.account == request.account
                && order.instrument == request.instrument
        };
        let open = self.ledger.open().filter(mine);
        let open: i64 = open.map(|order| order.remaining().0).sum();
        if request.qty.0.saturating_add(open) > reduces {
            return Err(Refusal::ReduceOnly);
        }
        Ok(())
    }

    /// Ends the reduce-only orders that became larger than what they reduce (P2).
    pub(crate) fn sweep_reduce_only(&mut self, instrument: usize) {
        let too_large = |order: &&VenueOrder| {
            let position = self.position(order.account, instrument).lots;
            let reduces = match order.side {
                Side::Buy => -position,
                Side::Sell => position,
            };
            order.reduce_only && order.instrument == instrument && order.remaining().0 > reduces
        };
        let open = self.ledger.open().filter(too_large);
        let ends: Vec<u64> = open.map(|order| order.id).collect();
        for id in ends {
            if self.listings[instrument].liquidity.cancel(id).is_some() {
                self.end(id, OrderStatus::Expired, None);
                self.report(id, Execution::Expired, None);
            }
        }
    }

    /// Books one account's side of a trade in a perpetual (E2, P1).
    pub(super) fn book_perp_fill(
        &mut self,
        order: &VenueOrder,
        (price, qty): (Ticks, Lots),
        trade_id: u64,
        (maker, fee_rate): (bool, Decimal),
    ) -> Option<VenueTrade> {
        let (account, instrument) = (order.account, order.instrument);
        let spec = self.listings[instrument].spec.clone();
        let exact = spec.price(price)?;
        let value = signed_value(&spec, exact, qty.0)?;
        let fee = cut(value * fee_rate);
        let asset = self.settle(instrument).to_owned();
        let time_ms = self.now_ms;
        let position = self.perps.position_mut(account, instrument);
        let held = position.lots;
        let realised = position.fill(&spec, order.side, exact, qty.0)?;
        position.updated_ms = time_ms;
        self.accounts.clear(account, &asset, realised);
        self.accounts.charge(account, &asset, fee);
        self.move_isolated(account, instrument, held, value);
        for (kind, amount) in [(IncomeKind::Realised, realised), (IncomeKind::Fee, -fee)] {
            self.perps.note(Income {
                id: 0,
                account,
                instrument,
                kind,
                amount,
                asset: asset.clone(),
                trade: Some(trade_id),
                time_ms,
            });
        }
        Some(VenueTrade {
            id: trade_id,
            order: order.id,
            account,
            instrument,
            side: order.side,
            price,
            qty,
            quote: spec.notional(price, qty)?,
            realised,
            commission: fee,
            commission_asset: asset,
            maker,
            time_ms,
        })
    }

    /// Sets money aside for what a fill opened, or gives back its share of what it closed.
    fn move_isolated(&mut self, account: usize, instrument: usize, held: i64, value: Decimal) {
        let (leverage, mode) = self.perps.setting(account, instrument);
        if mode == MarginMode::Cross {
            return;
        }
        let asset = self.settle(instrument).to_owned();
        let position = self.position(account, instrument);
        let (was, is) = (held.abs(), position.lots.abs());
        let turned = held.signum() * position.lots.signum() < 0;
        let wanted = if is == 0 {
            Decimal::ZERO
        } else if turned {
            position.cost.abs() / Decimal::from(leverage.max(1))
        } else if is > was {
            position.margin + value / Decimal::from(leverage.max(1))
        } else {
            position.margin * Decimal::from(is) / Decimal::from(was.max(1))
        };
        let wanted = cut(wanted);
        let change = wanted - position.margin;
        let moved = if change >= Decimal::ZERO {
            self.accounts.lock(account, &asset, change)
        } else {
            self.accounts.unlock(account, &asset, -change)
        };
        // Without enough that is free the position has less aside, and is liquidated sooner.
        if moved.is_ok() {
            self.perps.position_mut(account, instrument).margin = wanted;
        }
    }

    /// Gives an open order another price and quantity. It goes to the end of its level's queue, and
    /// takes what it now crosses; one that is post-only is cancelled instead, and so is one whose
    /// new quantity is filled already.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: the order is as it was. [`Refusal::Unknown`] if it is not open.
    pub(crate) fn modify(&mut self, id: u64, price: Ticks, qty: Lots) -> Result<Placed, Refusal> {
        let order = self.ledger.order(id).filter(|order| order.status.is_open());
        let order = order.ok_or(Refusal::Unknown)?.clone();
        let left = Lots(qty.0 - order.executed.0);
        let request = Request {
            account: order.account,
            instrument: order.instrument,
            client_id: order.client_id.clone(),
            side: order.side,
            kind: order.kind,
            time_in_force: order.time_in_force,
            self_trade: order.self_trade,
            price: Some(price),
            qty: left,
            quote_qty: None,
            reduce_only: order.reduce_only,
        };
        let incoming = request.incoming(id);
        let crosses = self.check_post_only(&incoming, order.instrument).is_err();
        if left.0 <= 0 || crosses {
            let ended = self.cancel(id, &order.client_id);
            let order = ended.ok_or(Refusal::Unknown)?;
            return Ok(Placed {
                order,
                fills: Vec::new(),
            });
        }
        if self.is_perp(order.instrument) {
            self.check_margin(&request, &incoming, id)?;
        } else {
            self.lock_anew(&order, &request, &incoming)?;
        }
        let liquidity = &mut self.listings[order.instrument].liquidity;
        liquidity.cancel(id).ok_or(Refusal::Unknown)?;
        let time_ms = self.now_ms;
        self.ledger.update(id, |order| {
            order.price = Some(price);
            order.qty = qty;
            order.amends += 1;
            order.updated_ms = time_ms;
        });
        self.report(id, Execution::Modified, None);
        let matched = self.submit(order.instrument, &incoming)?;
        self.book_matched(&request, id, &matched)
    }

    /// Sets an account's leverage in an instrument, at least 1.
    pub(crate) fn set_leverage(&mut self, account: usize, instrument: usize, leverage: u32) {
        let (_, mode) = self.perps.setting(account, instrument);
        let to = (leverage.max(1), mode);
        self.perps.set(account, instrument, to);
    }

    /// Sets an account's margin mode in an instrument; false with a position or open orders in it.
    pub(crate) fn set_margin_mode(
        &mut self,
        account: usize,
        instrument: usize,
        mode: MarginMode,
    ) -> bool {
        let mut open = self.ledger.open();
        let busy = open.any(|order| order.account == account && order.instrument == instrument);
        if busy || self.position(account, instrument).lots != 0 {
            return false;
        }
        let (leverage, _) = self.perps.setting(account, instrument);
        self.perps.set(account, instrument, (leverage, mode));
        true
    }

    /// Puts a mark price there, or gives it back to the book.
    pub(crate) fn set_mark(&mut self, instrument: usize, mark: Option<Decimal>) {
        self.perps.set_mark(instrument, mark);
    }

    /// Sets leverage and margin mode of an account in a perpetual; false if there is no such one,
    /// or the mode cannot change now.
    pub(crate) fn set_margin(
        &mut self,
        account: usize,
        instrument: usize,
        leverage: u32,
        mode: MarginMode,
    ) -> bool {
        let there = instrument < self.listings.len() && self.is_perp(instrument);
        if !there || account >= self.accounts.count() {
            return false;
        }
        let (_, before) = self.perps.setting(account, instrument);
        if before != mode && !self.set_margin_mode(account, instrument, mode) {
            return false;
        }
        self.set_leverage(account, instrument, leverage);
        true
    }

    /// Tells an account its wallet and position.
    pub(super) fn report_holding(
        &mut self,
        account: usize,
        instrument: usize,
        reason: HoldingReason,
    ) {
        self.events.push(AccountEvent::Holding {
            account,
            asset: self.settle(instrument).to_owned(),
            instrument,
            reason,
        });
    }
}
