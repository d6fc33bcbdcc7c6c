//! Answers to our own requests: logging on, and finding out what happened while nobody listened.
//!
//! Control plane but for the regular look at our trades. Allocates: for lists.

use model::body::{AssetName, Balance, Fill, LinkState, Liquidity, RejectReason, Side};
use model::num::Money;
use model::record::Kind;
use rust_decimal::Decimal;

use super::emit::{Origin, refusal};
use super::known::Owner;
use super::numbers::{self, Terms};
use super::session::{Phase, Session, TRADES_PAGE};
use super::table::{OrderKey, Request, Task};
use crate::binance::wire::codes::{Verdict, classify};
use crate::binance::wire::frame::ErrorBody;
use crate::binance::wire::order::{OrderAnswer, TradeRow};
use crate::binance::wire::rest::{Account, ServerTime};
use crate::link::venue_time::TimeOffset;
use crate::wire::error::from_raw;
use crate::wire::{Raw, WireError, order_id};

impl Session {
    pub(super) fn own_answer(
        &mut self,
        task: Task,
        request: &Request,
        result: Raw<'_>,
    ) -> Result<(), WireError> {
        match task {
            Task::Time => self.on_time(request, from_raw(result)?),
            Task::Logon => {
                self.line.logged_on = true;
                self.subscribe();
            }
            Task::Subscribe => self.begin_to_reconcile(),
            Task::Reconcile => self.on_open_orders(result)?,
            Task::List => self.on_list(result)?,
            Task::Trades { slot, from } => self.on_trades(slot, from, result)?,
            Task::TradesOf { key, status, .. } => {
                let rows: Vec<TradeRow<'_>> = from_raw(result)?;
                self.on_trades_of(key, status, &rows);
            }
            Task::Account => self.on_account(&from_raw(result)?),
            Task::CancelAll { slot } => self.all_cancelled(slot, result)?,
            Task::WhoIs { slot, order_id } => {
                let answer = OrderAnswer::read(result)?;
                let owner = owner_of(&answer);
                self.known.learn(slot, order_id, owner);
                self.place_fills(slot, order_id, owner);
            }
        }
        Ok(())
    }

    fn on_time(&mut self, request: &Request, time: ServerTime) {
        self.time_answered();
        let received_ns = self.emit.stamp_ns;
        let Some(mut round) = self.round else {
            return; // A sign of life, no more.
        };
        let sample = TimeOffset::measured(request.sent_ns, received_ns, time.server_time);
        round.best = match (round.best, sample) {
            (Some(best), Some(sample)) => Some(best.or_better(sample)),
            (best, sample) => best.or(sample),
        };
        round.left = round.left.saturating_sub(1);
        self.round = Some(round);
        if round.left > 0 {
            self.ask_time();
            return;
        }
        self.round = None;
        if let Some(best) = round.best {
            self.line.measured(best, received_ns);
        }
        if self.phase == Phase::Measuring {
            if self.line.can_log_on() {
                self.phase = Phase::LoggingOn;
                self.tasks.push_back(Task::Logon);
            } else {
                self.subscribe();
            }
        }
    }

    fn subscribe(&mut self) {
        self.phase = Phase::Subscribing;
        self.tasks.push_back(Task::Subscribe);
    }

    fn begin_to_reconcile(&mut self) {
        self.phase = Phase::Reconciling;
        self.say_syncing();
        for slot in 0..self.entries.len() {
            if std::mem::take(&mut self.cancel_wanted[slot]) {
                self.tasks.push_back(Task::CancelAll { slot });
            }
        }
        self.tasks.push_back(Task::Reconcile);
        for slot in 0..self.entries.len() {
            self.tasks.push_back(self.trades_of_slot(slot));
        }
        self.tasks.push_back(Task::Account);
        for index in 0..self.unplaced.len() {
            let (slot, fill) = self.unplaced[index];
            self.ask_who_is(slot, fill.venue_order_id);
        }
    }

    fn on_open_orders(&mut self, result: Raw<'_>) -> Result<(), WireError> {
        let orders: Vec<OrderAnswer<'_>> = from_raw(result)?;
        for answer in &orders {
            let Some(entry) = self.symbols.find(answer.symbol.as_bytes()) else {
                continue;
            };
            let (slot, instrument) = (entry.slot, entry.instrument);
            let owner = owner_of(answer);
            self.known.learn(slot, answer.order_id, owner);
            let Owner::Ours(client_id) = owner else {
                continue;
            };
            let key = OrderKey { slot, client_id };
            match self.report(key, answer) {
                Ok(report) => {
                    self.say_quantity(key, answer)?;
                    self.statuses.push((instrument, report));
                }
                Err(error) => self.doubt(key, error),
            }
        }
        Ok(())
    }

    fn on_list(&mut self, result: Raw<'_>) -> Result<(), WireError> {
        let orders: Vec<OrderAnswer<'_>> = from_raw(result)?;
        let ours = orders
            .iter()
            .filter(|answer| matches!(owner_of(answer), Owner::Ours(_)))
            .count();
        // Each of ours first: what the list does not name was not open when it was asked for.
        for answer in &orders {
            if let (Some(entry), Owner::Ours(client_id)) = (
                self.symbols.find(answer.symbol.as_bytes()),
                owner_of(answer),
            ) {
                let slot = entry.slot;
                self.listed(OrderKey { slot, client_id }, answer);
            }
        }
        self.emit
            .open_orders(ours as u64, (orders.len() - ours) as u64);
        Ok(())
    }

    fn listed(&mut self, key: OrderKey, answer: &OrderAnswer<'_>) {
        match self.report(key, answer) {
            Ok(report) => self.say(Kind::OrderStatus, key, &report, Origin::Query),
            Err(error) => {
                // It is open, whatever its numbers mean.
                let words = "listed as open";
                let report = refusal(key.client_id, RejectReason::None, 0, words);
                self.say(Kind::OrderStatus, key, &report, Origin::Query);
                self.doubt(key, error);
            }
        }
    }

    fn on_trades(
        &mut self,
        slot: usize,
        from: Option<u64>,
        result: Raw<'_>,
    ) -> Result<(), WireError> {
        let rows: Vec<TradeRow<'_>> = from_raw(result)?;
        let last = rows.iter().map(|row| row.id).max();
        let Some(from) = from else {
            // Nothing of before concerns us: orders that the machine knows it asks for itself.
            self.cursors[slot] = Some(last.unwrap_or(0));
            return Ok(());
        };
        for row in &rows {
            match self.known.owner(slot, row.order_id) {
                Some(Owner::Foreign) => {}
                Some(Owner::Ours(client_id)) => match self.fill_of(slot, client_id, row) {
                    Ok(fill) => self.found_fill(slot, Owner::Ours(client_id), fill),
                    Err(error) => self.doubt(OrderKey { slot, client_id }, error),
                },
                None => match self.fill_of(slot, 0, row) {
                    Ok(fill) => {
                        self.unplaced.push((slot, fill));
                        self.ask_who_is(slot, row.order_id);
                    }
                    Err(error) => {
                        let words = format!("trade {} that cannot be booked", row.id);
                        self.strange(&words, error);
                    }
                },
            }
        }
        self.cursors[slot] = self.cursors[slot].max(last);
        if let Some(last) = last
            && rows.len() as u64 >= TRADES_PAGE
        {
            // The last trade again: one with ourselves has two rows, which a page may part.
            let from = Some(last.max(from.saturating_add(1)));
            self.tasks.push_back(Task::Trades { slot, from });
        }
        Ok(())
    }

    fn fill_of(&self, slot: usize, client_id: u64, row: &TradeRow<'_>) -> Result<Fill, WireError> {
        let terms = Terms {
            client_id,
            order_id: row.order_id,
            trade_id: row.id,
            time_ms: row.time,
            price: &row.price,
            qty: &row.qty,
            fee: &row.commission,
            fee_asset: row.commission_asset.as_str(),
            side: if row.is_buyer { Side::Buy } else { Side::Sell },
            liquidity: if row.is_maker {
                Liquidity::Maker
            } else {
                Liquidity::Taker
            },
        };
        terms.fill(&self.entries[slot])
    }

    /// A fill that was asked for; the stream should have brought it, if it was there.
    fn found_fill(&mut self, slot: usize, owner: Owner, mut fill: Fill) {
        let Owner::Ours(client_id) = owner else {
            return;
        };
        if !self.known.fill((slot, fill.trade_id, fill.venue_order_id)) {
            return;
        }
        fill.client_id = client_id;
        let instrument = self.entries[slot].instrument;
        self.emit.fill(instrument, &fill, Origin::Query);
        let venue_ns = self.line.venue_ns(self.emit.stamp_ns);
        let late_ns = venue_ns.saturating_sub(fill.venue_time_ns);
        if self.phase == Phase::Up && late_ns > self.timing.stream_lag_ns {
            let words = "the private stream did not bring a fill: it is dead";
            self.emit.notice(0, words);
            self.end(LinkState::Down, 0, words);
        }
    }

    fn ask_who_is(&mut self, slot: usize, order_id: u64) {
        let task = Task::WhoIs { slot, order_id };
        let wanted = super::table::Purpose::Own(task);
        let asked = self.line.table.iter().any(|one| one.purpose == wanted);
        if !asked && !self.tasks.contains(&task) {
            self.tasks.push_back(task);
        }
    }

    fn place_fills(&mut self, slot: usize, order_id: u64, owner: Owner) {
        let mut rest = std::mem::take(&mut self.unplaced);
        rest.retain(|(of_slot, fill)| {
            let its = *of_slot == slot && fill.venue_order_id == order_id;
            if its {
                self.found_fill(slot, owner, *fill);
            }
            !its
        });
        self.unplaced = rest;
    }

    fn on_trades_of(
        &mut self,
        key: OrderKey,
        status: model::body::OrderReport,
        rows: &[TradeRow<'_>],
    ) {
        let instrument = self.entries[key.slot].instrument;
        let mut all = true;
        for row in rows {
            let fill = match self.fill_of(key.slot, key.client_id, row) {
                Ok(fill) => fill,
                Err(error) => {
                    // The others count; its state would claim a fill that nobody could book.
                    self.doubt(key, error);
                    all = false;
                    continue;
                }
            };
            // Reported again even if it was before: the machine asked because it lacks something.
            self.known.fill((key.slot, row.id, row.order_id));
            self.emit.fill(instrument, &fill, Origin::Query);
        }
        let last = rows.iter().map(|row| row.id).max();
        if rows.len() as u64 >= TRADES_PAGE {
            let from = last.map(|last| last.saturating_add(1));
            self.tasks.push_back(Task::TradesOf { key, from, status });
        } else if all {
            let kind = model::record::Kind::OrderStatus;
            self.emit.order(kind, instrument, &status, Origin::Query);
        }
    }

    fn on_account(&mut self, account: &Account<'_>) {
        if !account.can_trade {
            self.emit.notice(0, "the account may not trade");
        }
        let mut named = Vec::with_capacity(account.balances.len());
        for row in &account.balances {
            let asset = row.asset.as_str();
            named.push(AssetName::cut(asset));
            match numbers::balance(asset, &row.free, &row.locked, account.update_time) {
                Ok(body) => self.say_balance(&body, Origin::Query),
                Err(error) => self.strange(&format!("the balance of {asset}"), error),
            }
        }
        // Only what is not zero is listed: what was known before and is not listed is zero now.
        for index in 0..self.assets.len() {
            let asset = self.assets[index];
            if !named.contains(&asset) {
                let time_ns = numbers::nanoseconds(account.update_time);
                self.emit
                    .balance(&nothing_of(asset, time_ns), Origin::Query);
            }
        }
    }

    pub(super) fn own_refused(
        &mut self,
        task: Task,
        request: &Request,
        status: u16,
        error: &ErrorBody<'_>,
    ) {
        let (code, words) = (error.code, error.message());
        let verdict = classify(status, code, words);
        if let Task::TradesOf { .. } = task {
            self.failed(request, verdict.reason(), words);
            return;
        }
        if let Task::CancelAll { slot } = task {
            self.all_not_cancelled(slot, status, error);
            return;
        }
        match verdict {
            Verdict::Configuration(_) => self.end(LinkState::Failed, code, words),
            Verdict::Refused(_) if self.phase < Phase::Reconciling => {
                self.end(LinkState::Failed, code, words);
            }
            Verdict::Limited if self.phase >= Phase::Reconciling => self.ask_again(task),
            Verdict::Clock if self.phase >= Phase::Reconciling => self.ask_again(task),
            Verdict::Refused(_) => match task {
                Task::WhoIs { slot, order_id } => {
                    // A trade of an order that the venue does not know: not ours to count.
                    self.emit
                        .notice(code, "a trade whose order the venue does not know");
                    self.known.learn(slot, order_id, Owner::Foreign);
                    self.place_fills(slot, order_id, Owner::Foreign);
                }
                Task::Time
                | Task::Logon
                | Task::Subscribe
                | Task::Reconcile
                | Task::List
                | Task::Trades { .. }
                | Task::TradesOf { .. }
                | Task::CancelAll { .. }
                | Task::Account => self.own_failed(task, words),
            },
            Verdict::Busy
            | Verdict::Limited
            | Verdict::Clock
            | Verdict::Duplicate
            | Verdict::Partial
            | Verdict::Unknown => self.own_failed(task, words),
        }
    }

    /// The measurement that a wrong clock asked for stands before it in the queue.
    fn ask_again(&mut self, task: Task) {
        if task == Task::Time {
            self.time_answered();
            self.ask_time();
        } else {
            self.tasks.push_back(task);
        }
    }

    /// A request of our own came to nothing.
    pub(super) fn own_failed(&mut self, task: Task, words: &str) {
        match task {
            Task::TradesOf { .. } => {}
            Task::CancelAll { slot } => self.cancel_again(slot, words),
            Task::List | Task::Account | Task::WhoIs { .. } if self.phase == Phase::Up => {
                self.emit.remark(0, words);
                self.tasks.push_back(task);
            }
            // It is asked for again at its next turn.
            Task::Trades { .. } if self.phase == Phase::Up => self.emit.remark(0, words),
            Task::Time
            | Task::Logon
            | Task::Subscribe
            | Task::Reconcile
            | Task::List
            | Task::Trades { .. }
            | Task::Account
            | Task::WhoIs { .. } => {
                let words = format!("{words} to {}", task.name());
                self.end(LinkState::Down, 0, words);
            }
        }
    }
}

pub(super) fn owner_of(answer: &OrderAnswer<'_>) -> Owner {
    match order_id::parse(answer.client_id()) {
        Some(id) => Owner::Ours(id.raw()),
        None => Owner::Foreign,
    }
}

fn nothing_of(asset: AssetName, venue_time_ns: u64) -> Balance {
    Balance {
        free: Money::new(Decimal::ZERO),
        locked: Money::new(Decimal::ZERO),
        venue_time_ns,
        asset,
        reserved: [0; 26],
    }
}
