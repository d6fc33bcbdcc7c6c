//! Events of the private stream as events of the engine.
//!
//! Hot path: yes. Allocates: no.

use model::body::{Balance, LinkState, Liquidity, OrderReport, OrderStatus, RejectReason, Text};
use model::ids::ClientOrderId;
use model::record::Kind;

use super::changes::Smaller;
use super::emit::Origin;
use super::known::Owner;
use super::numbers::{self, Terms};
use super::session::Session;
use super::table::{OrderKey, Task};
use crate::binance::wire::user::{Balances, Execution, Report, UserEvent};
use crate::wire::{WireError, order_id};

impl Session {
    pub(super) fn event(&mut self, event: &UserEvent<'_>) {
        let done = match event {
            UserEvent::Report(report) => {
                self.execution(report);
                Ok(())
            }
            UserEvent::Balances(balances) => {
                self.balances(balances);
                Ok(())
            }
            UserEvent::Transfer(moved) => {
                self.ask_account();
                match numbers::transfer(moved) {
                    Ok(transfer) => self.emit.transfer(&transfer),
                    Err(error) => self.strange("a transfer that cannot be booked", error),
                }
                Ok(())
            }
            UserEvent::Terminated => {
                self.end(LinkState::Down, 0, "the venue ended the private stream");
                Ok(())
            }
            UserEvent::Shutdown => {
                self.emit.notice(0, "the venue is shutting down");
                self.renew();
                Ok(())
            }
            UserEvent::Ignored => Ok(()),
        };
        if let Err(error) = done {
            self.unreadable(error);
        }
    }

    pub(super) fn ask_account(&mut self) {
        if !self.tasks.contains(&Task::Account) {
            self.tasks.push_back(Task::Account);
        }
    }

    fn execution(&mut self, report: &Report<'_>) {
        let ours = order_id::parse(report.client_id());
        let Some(entry) = self.symbols.find(report.symbol.as_bytes()) else {
            self.counts.foreign += 1;
            if ours.is_some() {
                self.strange("a report of an order of ours", WireError::UnknownSymbol);
            }
            return;
        };
        let slot = entry.slot;
        let Some(client_id) = ours else {
            self.counts.foreign += 1;
            self.known.learn(slot, report.order_id, Owner::Foreign);
            return;
        };
        let client_id = client_id.raw();
        self.known
            .learn(slot, report.order_id, Owner::Ours(client_id));
        if let Err(error) = self.tell(slot, client_id, report) {
            self.doubt(OrderKey { slot, client_id }, error);
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

    fn tell(&mut self, slot: usize, client_id: u64, report: &Report<'_>) -> Result<(), WireError> {
        let execution = report.execution()?;
        if execution == Execution::Trade {
            return self.traded(slot, client_id, report);
        }
        if execution == Execution::Replaced {
            let missing = WireError::Missing { field: "q" };
            let smaller = Smaller {
                order_id: report.order_id,
                time_ms: report.time_ms,
                qty: report.qty.as_ref().ok_or(missing)?,
                filled: Some(&report.cum_qty),
            };
            return self.say_amended(OrderKey { slot, client_id }, &smaller, Origin::Stream);
        }
        let entry = &self.entries[slot];
        let status = report.status()?;
        let reason = report.reason.as_ref().map_or("", |reason| reason.as_str());
        let expiry = report.expiry.as_ref().map_or("", |expiry| expiry.as_str());
        let body = OrderReport {
            client_id,
            venue_order_id: report.order_id,
            venue_time_ns: numbers::nanoseconds(report.time_ms),
            cum_qty: numbers::filled(entry, &report.cum_qty, "z")?,
            code: 0,
            status,
            reason: if execution == Execution::Rejected {
                reason_of(reason)
            } else {
                RejectReason::None
            },
            text: match (execution, expiry) {
                (Execution::Rejected, _) => Text::cut(reason),
                (_, words) => Text::cut(words),
            },
        };
        let ended = !matches!(
            status,
            OrderStatus::Open | OrderStatus::PartiallyFilled | OrderStatus::NotStated
        );
        let kind = match execution {
            Execution::New => Kind::OrderAcked,
            Execution::Cancelled => Kind::OrderCancelled,
            Execution::Rejected => Kind::OrderRejected,
            Execution::Expired => Kind::OrderExpired,
            // A part was prevented and the rest lives, or all of it is over.
            Execution::TradePrevention if ended => Kind::OrderExpired,
            Execution::TradePrevention => Kind::OrderAcked,
            Execution::Trade | Execution::Replaced | Execution::Calculated => {
                return Err(WireError::Value { field: "x" });
            }
        };
        self.emit
            .order(kind, entry.instrument, &body, Origin::Stream);
        Ok(())
    }

    fn traded(
        &mut self,
        slot: usize,
        client_id: u64,
        report: &Report<'_>,
    ) -> Result<(), WireError> {
        let missing = |field| WireError::Missing { field };
        let trade_id = report.trade_id().ok_or(missing("t"))?;
        let liquidity = if report.maker {
            Liquidity::Maker
        } else {
            Liquidity::Taker
        };
        let terms = Terms {
            client_id,
            order_id: report.order_id,
            trade_id,
            time_ms: report.time_ms,
            price: report.last_price.as_ref().ok_or(missing("L"))?,
            qty: report.last_qty.as_ref().ok_or(missing("l"))?,
            fee: report.fee.as_ref().ok_or(missing("n"))?,
            fee_asset: report.fee_asset.as_ref().map_or("", |asset| asset.as_str()),
            side: report.side()?,
            liquidity,
        };
        let entry = &self.entries[slot];
        let fill = terms.fill(entry)?;
        if self.known.fill((slot, trade_id, report.order_id)) {
            self.emit.fill(entry.instrument, &fill, Origin::Stream);
        }
        Ok(())
    }

    fn balances(&mut self, balances: &Balances<'_>) {
        for row in balances.rows.iter() {
            let asset = row.asset.as_str();
            match numbers::balance(asset, &row.free, &row.locked, balances.time_ms) {
                Ok(body) => self.say_balance(&body, Origin::Stream),
                Err(error) => self.strange(&format!("the balance of {asset}"), error),
            }
        }
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

fn reason_of(word: &str) -> RejectReason {
    match word {
        "INSUFFICIENT_BALANCES" => RejectReason::Balance,
        "WOULD_MATCH_IMMEDIATELY" => RejectReason::WouldTake,
        _ => RejectReason::Other,
    }
}
