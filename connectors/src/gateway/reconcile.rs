//! Answers to our own requests: logging on, and finding out what happened while nobody listened.
//!
//! Control plane but for the regular look at our trades. Allocates: for lists.

use model::body::{AssetName, Balance, Fill, LinkState, OrderReport, RejectReason};
use model::ids::InstrumentId;
use model::num::Money;
use model::record::Kind;
use rust_decimal::Decimal;

use super::answers::report_of;
use super::dialect::Dialect;
use super::emit::{Origin, refusal};
use super::known::{Owner, is_counted};
use super::said::{
    AccountSeen, FillSeen, OrderSeen, PositionSeen, Refusal, Reply, TradesSeen, Verdict,
};
use super::session::{Phase, Session};
use super::table::{OrderKey, Purpose, Request, Task};
use crate::link::venue_time::TimeOffset;
use crate::wire::WireError;

impl<D: Dialect> Session<D> {
    pub(super) fn own_answer<B>(
        &mut self,
        task: Task,
        request: &Request,
        reply: Reply<'_, B>,
    ) -> Result<(), WireError> {
        match (task, reply) {
            (Task::Time, Reply::Time(venue_ms)) => self.on_time(request, venue_ms),
            (Task::Logon, Reply::Done) => {
                self.line.dialect.logged_on(true);
                self.subscribe();
            }
            (Task::Subscribe, Reply::Done) => self.begin_to_reconcile(),
            // What follows waits for the other connection.
            (Task::Subscribe, Reply::Stream(path)) => self.stream_path = Some(path),
            (Task::KeepAlive | Task::DeadMan { .. }, Reply::Done) => {}
            (Task::Reconcile { .. }, Reply::Orders(rows, next)) => {
                self.on_open_orders(&rows, next)?;
            }
            (Task::List { ours, foreign, .. }, Reply::Orders(rows, next)) => {
                self.on_list((ours, foreign), &rows, next)?;
            }
            (
                Task::Trades {
                    slot,
                    after,
                    latest,
                    ..
                },
                Reply::Trades(trades),
            ) => self.on_trades(slot, after, latest, &trades),
            (Task::TradesOf { key, status, .. }, Reply::Trades(trades)) => {
                self.on_trades_of(key, status, &trades);
            }
            (
                Task::Money {
                    kind,
                    after,
                    latest,
                    ..
                },
                Reply::Money(seen),
            ) => self.on_money((kind, after), latest, &seen),
            (Task::Account, Reply::Account(account)) => self.on_account(account),
            (Task::Positions, Reply::Positions(rows)) => self.on_positions(&rows),
            (Task::CancelAll { slot }, Reply::Orders(rows, next)) => {
                self.all_answered(slot, &rows, next.is_some());
            }
            (Task::CancelAll { .. } | Task::CancelSome { .. }, Reply::Done) => {
                let venue_ns = self.line.venue_ns(self.emit.stamp_ns);
                self.line.ledger.knocked(false, venue_ns);
            }
            (Task::WhoIs { slot, order_id }, Reply::Order(order)) => {
                self.known.learn(slot, order_id, order.owner);
                self.place_fills(slot, order_id, order.owner);
            }
            _ => return Err(WireError::UnknownKind),
        }
        Ok(())
    }

    fn on_time(&mut self, request: &Request, venue_ms: u64) {
        self.time_answered();
        let received_ns = self.emit.stamp_ns;
        let Some(mut round) = self.round else {
            return; // A sign of life, no more.
        };
        let sample = TimeOffset::measured(request.sent_ns, received_ns, venue_ms);
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
            if self.habits.logs_on {
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

    pub(super) fn begin_to_reconcile(&mut self) {
        self.phase = Phase::Reconciling;
        self.say_syncing();
        for slot in 0..self.entries.len() {
            if std::mem::take(&mut self.cancel_wanted[slot]) {
                self.want(Task::CancelAll { slot });
            }
        }
        self.tasks.push_back(Task::Reconcile { page: None });
        for slot in 0..self.entries.len() {
            self.tasks.push_back(self.trades_of_slot(slot));
        }
        self.ask_for_money();
        self.tasks.push_back(Task::Account);
        if self.habits.has_positions {
            self.tasks.push_back(Task::Positions);
        }
        for index in 0..self.unplaced.len() {
            let (slot, fill) = self.unplaced[index];
            self.ask_who_is(slot, fill.venue_order_id);
        }
    }

    fn on_open_orders(
        &mut self,
        rows: &[Result<OrderSeen, WireError>],
        next: Option<u64>,
    ) -> Result<(), WireError> {
        for row in rows {
            // An open order that cannot be read may be ours: then nothing is reconciled.
            let order = row.as_ref().map_err(|error| *error)?;
            let Some(slot) = order.slot else {
                continue;
            };
            self.known.learn(slot, order.order_id, order.owner);
            let Owner::Ours(client_id) = order.owner else {
                continue;
            };
            let key = OrderKey { slot, client_id };
            match order.state {
                Ok(state) => {
                    let report = report_of(key, order.order_id, &state);
                    self.say_quantity(key, order.order_id, &state);
                    let instrument: InstrumentId = self.entries[slot].instrument;
                    self.statuses.push((instrument, report));
                }
                Err(error) => self.doubt(key, error),
            }
        }
        if next.is_some() {
            self.tasks.push_back(Task::Reconcile { page: next });
        }
        Ok(())
    }

    /// A page of the list that the machine counts: one that cannot be read in whole is no list.
    fn on_list(
        &mut self,
        (ours, foreign): (u64, u64),
        rows: &[Result<OrderSeen, WireError>],
        next: Option<u64>,
    ) -> Result<(), WireError> {
        if let Some(error) = rows.iter().find_map(|row| row.err()) {
            return Err(error);
        }
        let is_ours = |order: &&OrderSeen| order.owner != Owner::Foreign;
        let counted = rows.iter().flatten().filter(is_ours).count() as u64;
        let (ours, foreign) = (ours + counted, foreign + rows.len() as u64 - counted);
        // Each of ours first: what the list does not name was not open when it was asked for.
        for order in rows.iter().flatten() {
            if let (Some(slot), Owner::Ours(client_id)) = (order.slot, order.owner) {
                self.listed(OrderKey { slot, client_id }, order);
            }
        }
        if let Some(page) = next {
            self.tasks.push_back(Task::List {
                page: Some(page),
                ours,
                foreign,
            });
        } else {
            self.emit.open_orders(ours, foreign);
        }
        Ok(())
    }

    fn listed(&mut self, key: OrderKey, order: &OrderSeen) {
        match order.state {
            Ok(state) => {
                let report = report_of(key, order.order_id, &state);
                self.say(Kind::OrderStatus, key, &report, Origin::Query);
            }
            Err(error) => {
                // It is open, whatever its numbers mean.
                let words = "listed as open";
                let report = refusal(key.client_id, RejectReason::None, 0, words);
                self.say(Kind::OrderStatus, key, &report, Origin::Query);
                self.doubt(key, error);
            }
        }
    }

    fn on_trades(&mut self, slot: usize, after: Option<u64>, latest: u64, trades: &TradesSeen) {
        let rows = &trades.rows;
        let counted = rows
            .iter()
            .map(|row| row.trade_id)
            .filter(|id| is_counted(*id));
        let latest = counted.fold(latest, u64::max);
        if after.is_none() {
            // Nothing of before concerns us: orders that the machine knows it asks for itself.
            self.cursors[slot] = Some(latest);
            return;
        }
        for row in rows.iter().filter(|row| Some(row.trade_id) > after) {
            self.on_trade(row);
        }
        if let Some(page) = trades.next {
            self.tasks.push_back(Task::Trades {
                slot,
                after,
                page: Some(page),
                latest,
            });
        } else {
            // Only now: what a lost page held is asked for again.
            self.cursors[slot] = self.cursors[slot].max(Some(latest));
        }
    }

    fn on_trade(&mut self, row: &FillSeen) {
        let slot = row.slot;
        let owner = row.owner.or_else(|| self.known.owner(slot, row.order_id));
        match (owner, row.fill) {
            (Some(Owner::Foreign), _) => {}
            (Some(owner @ Owner::Ours(_)), Ok(fill)) => self.found_fill(slot, owner, fill),
            (Some(Owner::Ours(client_id)), Err(error)) => {
                self.doubt(OrderKey { slot, client_id }, error);
            }
            (None, Ok(fill)) => {
                self.unplaced.push((slot, fill));
                self.ask_who_is(slot, row.order_id);
            }
            (None, Err(error)) => {
                let words = format!("trade {} that cannot be booked", row.trade_id);
                self.strange(&words, error);
            }
        }
    }

    /// A fill that was asked for; the stream should have brought it, if it was there.
    fn found_fill(&mut self, slot: usize, owner: Owner, fill: Fill) {
        let Owner::Ours(client_id) = owner else {
            return;
        };
        if !self.known.fill((slot, fill.trade_id, fill.venue_order_id)) {
            return;
        }
        self.say_fill(OrderKey { slot, client_id }, fill, Origin::Query);
        let venue_ns = self.line.venue_ns(self.emit.stamp_ns);
        let late_ns = venue_ns.saturating_sub(fill.venue_time_ns);
        if self.phase == Phase::Up && late_ns > self.timing.stream_lag_ns {
            let words = "the private stream did not bring a fill: it is dead";
            self.emit.notice(0, words);
            self.end(LinkState::Down, 0, words);
        }
    }

    pub(super) fn ask_who_is(&mut self, slot: usize, order_id: u64) {
        let task = Task::WhoIs { slot, order_id };
        let wanted = Purpose::Own(task);
        let asked = self.line.table.iter().any(|one| one.purpose == wanted);
        if !asked {
            self.want(task);
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

    fn on_trades_of(&mut self, key: OrderKey, status: OrderReport, trades: &TradesSeen) {
        let mut all = true;
        for row in &trades.rows {
            match row.fill {
                Ok(fill) => {
                    // Reported again even if it was before: the machine asked because it lacks
                    // something.
                    self.known.fill((key.slot, row.trade_id, row.order_id));
                    self.say_fill(key, fill, Origin::Query);
                }
                Err(error) => {
                    // The others count; its state would claim a fill that nobody could book.
                    self.doubt(key, error);
                    all = false;
                }
            }
        }
        if let Some(page) = trades.next {
            let page = Some(page);
            self.tasks.push_back(Task::TradesOf { key, page, status });
        } else if all {
            self.say(Kind::OrderStatus, key, &status, Origin::Query);
        }
    }

    fn on_account(&mut self, account: AccountSeen) {
        if !account.can_trade {
            self.emit.notice(0, "the account may not trade");
        }
        let mut named = Vec::with_capacity(account.balances.len());
        for (asset, balance) in account.balances {
            named.push(asset);
            match balance {
                Ok(body) => self.say_balance(&body, Origin::Query),
                Err(error) => self.strange(&format!("the balance of {asset}"), error),
            }
        }
        // Only what is not zero is listed: what was known before and is not listed is zero now.
        for index in 0..self.assets.len() {
            let asset = self.assets[index];
            if !named.contains(&asset) {
                self.emit
                    .balance(&nothing_of(asset, account.time_ns), Origin::Query);
            }
        }
    }

    fn on_positions(&mut self, rows: &[Result<PositionSeen, WireError>]) {
        for row in rows {
            match row {
                Ok(seen) => {
                    let instrument = self.entries[seen.slot].instrument;
                    self.emit.position(instrument, &seen.report, Origin::Query);
                }
                Err(error) => self.strange("a position", *error),
            }
        }
    }

    pub(super) fn own_refused<B>(
        &mut self,
        task: Task,
        request: &Request,
        refused: &Refusal<'_, B>,
    ) {
        let (code, words) = (refused.code, refused.words.as_str());
        if let Task::TradesOf { .. } = task {
            self.failed(request, refused.verdict.reason(), words);
            return;
        }
        if let Task::CancelAll { slot } | Task::CancelSome { slot, .. } = task {
            self.all_not_cancelled(slot, refused);
            return;
        }
        match refused.verdict {
            Verdict::Configuration(_) => self.end(LinkState::Failed, code, words),
            Verdict::Refused(_) if self.phase < Phase::Reconciling => {
                self.end(LinkState::Failed, code, words);
            }
            Verdict::Limited | Verdict::Clock if self.phase >= Phase::Reconciling => {
                self.ask_again(task);
            }
            Verdict::Refused(_) => {
                if let Task::WhoIs { slot, order_id } = task {
                    // A trade of an order that the venue does not know: not ours to count.
                    self.emit
                        .notice(code, "a trade whose order the venue does not know");
                    self.known.learn(slot, order_id, Owner::Foreign);
                    self.place_fills(slot, order_id, Owner::Foreign);
                } else {
                    self.own_failed(task, words);
                }
            }
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
        let up = self.phase == Phase::Up;
        match task {
            Task::TradesOf { .. } => {}
            Task::CancelAll { slot } | Task::CancelSome { slot, .. } => {
                self.cancel_again(slot, words);
            }
            Task::List { .. } if up => {
                self.emit.remark(0, words);
                // From its start: what was counted may have changed.
                self.want(Task::LIST);
            }
            Task::Account | Task::Positions | Task::KeepAlive | Task::WhoIs { .. } if up => {
                self.emit.remark(0, words);
                self.want(task);
            }
            // It is asked for again at its next turn.
            Task::Trades { .. } | Task::Money { .. } | Task::DeadMan { .. } if up => {
                self.emit.remark(0, words);
            }
            Task::Time
            | Task::Logon
            | Task::Subscribe
            | Task::KeepAlive
            | Task::DeadMan { .. }
            | Task::Reconcile { .. }
            | Task::List { .. }
            | Task::Trades { .. }
            | Task::Money { .. }
            | Task::Account
            | Task::Positions
            | Task::WhoIs { .. } => {
                let words = format!("{words} to {}", self.line.dialect.name(task));
                self.end(LinkState::Down, 0, words);
            }
        }
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
