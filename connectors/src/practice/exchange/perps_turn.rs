//! What happens to perpetuals by itself: funding and liquidation. See `practice/perps`.

use model::num::{Lots, Ticks};
use rust_decimal::Decimal;

use super::perps::cut;
use super::{AccountEvent, Exchange, Execution, HoldingReason};
use crate::practice::perps::{Income, IncomeKind, MarginMode, signed_value};
use crate::practice::types::{OrderKind, OrderStatus, SelfTrade, Side, TimeInForce, VenueOrder};

impl Exchange {
    /// When [`Self::turn_perps`] has to do something by the clock: venue time, milliseconds.
    pub(crate) const fn next_perp_due_ms(&self) -> Option<i64> {
        self.perps.next_funding_ms
    }

    /// Pays funding that is due, and liquidates who can not keep a position.
    pub(crate) fn turn_perps(&mut self) {
        if !(0..self.listings.len()).any(|instrument| self.is_perp(instrument)) {
            return;
        }
        self.turn_funding();
        let held = self.perps.positions().filter(|(.., one)| one.lots != 0);
        let mut accounts: Vec<usize> = held.map(|(account, ..)| account).collect();
        accounts.dedup();
        for account in accounts {
            self.turn_liquidation(account);
        }
    }

    fn turn_funding(&mut self) {
        let every = self.perps.funding_every_ms();
        let next = (self.now_ms.div_euclid(every) + 1).saturating_mul(every);
        match self.perps.next_funding_ms.replace(next) {
            Some(due) if due <= self.now_ms => self.pay_funding(due),
            Some(_) | None => {}
        }
    }

    /// Lets longs pay shorts, or the other way round, at the mark.
    fn pay_funding(&mut self, time_ms: i64) {
        let rate = self.perps.config.funding_rate;
        let held = self.perps.positions().filter(|(.., one)| one.lots != 0);
        let held: Vec<(usize, usize, i64)> = held
            .map(|(account, instrument, one)| (account, instrument, one.lots))
            .collect();
        for (account, instrument, lots) in held {
            let spec = &self.listings[instrument].spec;
            let mark = self.mark_price(instrument);
            let Some(value) = mark.and_then(|mark| signed_value(spec, mark, lots)) else {
                continue;
            };
            let amount = cut(-value * rate);
            let asset = self.settle(instrument).to_owned();
            self.accounts.clear(account, &asset, amount);
            let position = self.perps.position_mut(account, instrument);
            position.funding += amount;
            self.perps.note(Income {
                id: 0,
                account,
                instrument,
                kind: IncomeKind::Funding,
                amount,
                asset: asset.clone(),
                trade: None,
                time_ms,
            });
            self.events.push(AccountEvent::Funding {
                account,
                instrument,
                asset,
                amount,
                time_ms,
            });
        }
    }

    fn turn_liquidation(&mut self, account: usize) {
        let held: Vec<usize> = (0..self.listings.len())
            .filter(|instrument| self.is_perp(*instrument))
            .filter(|instrument| self.position(account, *instrument).lots != 0)
            .collect();
        for instrument in held {
            let position = self.position(account, instrument);
            let spec = &self.listings[instrument].spec;
            let (_, mode) = self.perps.setting(account, instrument);
            let Some(mark) = self.mark_price(instrument) else {
                continue;
            };
            let (behind, needed) = match mode {
                MarginMode::Cross => {
                    let margin = self.margin(account, self.settle(instrument));
                    (margin.balance(), margin.maintenance)
                }
                MarginMode::Isolated => {
                    let profit = position.unrealised(spec, mark).unwrap_or_default();
                    let needed = position.maintenance(spec, mark).unwrap_or_default();
                    (position.margin + profit, needed)
                }
            };
            if position.lots != 0 && behind < needed {
                self.liquidate(account, instrument, mark);
            }
        }
    }

    /// Takes a position over at the mark, after cancelling the account's orders in the instrument.
    fn liquidate(&mut self, account: usize, instrument: usize, mark: Decimal) {
        let mine = |order: &&VenueOrder| order.account == account && order.instrument == instrument;
        let open: Vec<u64> = self.ledger.open().filter(mine).map(|one| one.id).collect();
        for id in open {
            let name = self.ledger.order(id).map(|order| order.client_id.clone());
            self.cancel(id, &name.unwrap_or_default());
        }
        let spec = &self.listings[instrument].spec;
        let tick = spec.tick.decimal(1).unwrap_or(Decimal::ONE);
        let ticks = (mark / tick).round();
        let (Some(price), lots) = (
            i64::try_from(ticks).ok().map(Ticks),
            self.position(account, instrument).lots,
        ) else {
            return;
        };
        let id = self.next_order_id;
        self.next_order_id += 1;
        let time_ms = self.now_ms;
        let qty = Lots(lots.abs());
        let order = VenueOrder {
            id,
            account,
            instrument,
            client_id: format!("autoclose-{time_ms}{id}"),
            cancel_id: None,
            side: if lots > 0 { Side::Sell } else { Side::Buy },
            kind: OrderKind::Limit,
            time_in_force: TimeInForce::Ioc,
            self_trade: SelfTrade::Allow,
            price: Some(price),
            qty,
            executed: Lots::ZERO,
            executed_quote: Decimal::ZERO,
            amends: 0,
            quote_qty: None,
            reduce_only: true,
            status: OrderStatus::New,
            created_ms: time_ms,
            updated_ms: time_ms,
        };
        self.ledger.add(order.clone());
        let trade_id = self.publish_trade(instrument, order.side, price.0, qty.0);
        let fee = self.fees.taker + self.perps.config.liquidation_fee;
        if let Some(trade) = self.book_perp_fill(&order, (price, qty), trade_id, (false, fee)) {
            self.record_fill(trade, Execution::Liquidated);
        }
        self.insure(account, instrument);
        self.report_holding(account, instrument, HoldingReason::Liquidation);
    }

    /// The insurance fund pays what a wallet is below zero (P3).
    fn insure(&mut self, account: usize, instrument: usize) {
        let asset = self.settle(instrument).to_owned();
        let missing = -self.accounts.balance(account, &asset).free;
        if missing <= Decimal::ZERO {
            return;
        }
        self.accounts.clear(account, &asset, missing);
        self.perps.note(Income {
            id: 0,
            account,
            instrument,
            kind: IncomeKind::Insurance,
            amount: missing,
            asset: asset.clone(),
            trade: None,
            time_ms: self.now_ms,
        });
        self.events.push(AccountEvent::Transfer {
            account,
            asset,
            amount: missing,
            time_ms: self.now_ms,
        });
    }
}
