//! Risk's own state from the events: orders, fills, balances, connections, operators, runs.
//!
//! Hot path: yes. Allocates: no, but for blobs.

use model::body::{
    Balance, Channel, Connection, Fill, LinkState, NoticeCode, NoticeLevel, Operator,
    OperatorAction, OrderReport, Refusal, RunStarted, Sent,
};
use model::control::{Control, Scope};
use model::event::Event;
use model::ids::{AccountId, ClientOrderId};
use model::num::{Lots, Money};
use model::record::{Kind, Record};

use super::notices::Told;
use super::{Risk, checks};
use crate::machine::error::ApplyError;
use crate::machine::market;
use crate::machine::orders::{Fact, OrderState, Seen};

/// What has to be looked after behind an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follow {
    /// Nothing: market data.
    Nothing,
    /// Orders in doubt and orders to cancel.
    Orders,
    /// These, and the lists that an operator wants.
    All,
}

impl Risk {
    /// Folds one event into the state.
    pub(super) fn fold(
        &mut self,
        record: &Record,
        event: &Event<'_>,
    ) -> Result<Follow, ApplyError> {
        match event {
            Event::BookLevels(_) | Event::Quote(_) | Event::Trade(_) | Event::BookReset(_) => {
                self.on_market(record, event);
                return Ok(Follow::Nothing);
            }
            Event::RunStarted(start) => self.on_run_started(record, start)?,
            Event::BlobPart(part) => self.on_blob_part(record, part)?,
            Event::RunEnded(_) => self.stopping = true,
            Event::Tick(_) => {
                self.notices.wake();
                self.time_out();
            }
            Event::Connection(link) => self.on_connection(record, event, link),
            Event::OrderAcked(report)
            | Event::OrderRejected(report)
            | Event::OrderCancelled(report)
            | Event::OrderExpired(report)
            | Event::OrderUnknown(report)
            | Event::OrderStatus(report)
            | Event::OrderAbsent(report)
            | Event::CancelRejected(report) => self.on_report(event, report),
            Event::OrderFilled(fill) => self.on_fill(record, fill),
            Event::Sent(sent) => self.on_sent(sent),
            Event::SendFailed(report) => self.on_send_failed(record, report),
            Event::OpenOrders(list) => {
                self.counts.listed_ours = list.ours;
                self.counts.listed_foreign = list.foreign;
                self.counts.lists += 1;
            }
            Event::Balance(balance) => {
                if let Some(account) = record.account() {
                    self.portfolio.report(account, balance);
                    self.tell_of_negative(account, balance);
                }
            }
            Event::Operator(operator) => self.on_operator(operator),
            Event::RiskRefused(refusal) => self.on_refused(refusal),
            Event::RiskNotice(notice) => {
                self.notices.seen(notice);
                return Ok(Follow::Nothing);
            }
            Event::Mark(_)
            | Event::Rate(_)
            | Event::OrderAmended(_)
            | Event::AmendRejected(_)
            | Event::Transfer(_)
            | Event::Funding(_)
            | Event::PositionReport(_)
            | Event::Control(_)
            | Event::StateHash(_)
            | Event::Recovered(_) => return Ok(Follow::Nothing),
        }
        let all = matches!(
            event,
            Event::Tick(_) | Event::Connection(_) | Event::Operator(_)
        );
        Ok(if all { Follow::All } else { Follow::Orders })
    }

    fn on_market(&mut self, record: &Record, event: &Event<'_>) {
        let entry = record
            .instrument()
            .and_then(|instrument| self.entries.get_mut(instrument.index()));
        if let Some(Some(entry)) = entry {
            entry.listing.apply(record, event);
        }
    }

    fn on_run_started(&mut self, record: &Record, start: &RunStarted) -> Result<(), ApplyError> {
        let event = record.event;
        if start.epoch <= self.epoch || start.epoch >= 1 << 24 {
            return Err(ApplyError::Epoch {
                event,
                last: self.epoch,
                got: start.epoch,
            });
        }
        if start.commands_journaled > self.commands {
            return Err(ApplyError::CommandsAhead {
                event,
                journaled: start.commands_journaled,
                decided: self.commands,
            });
        }
        self.epoch = start.epoch;
        self.commands = start.commands_journaled;
        self.refusals = self.refusals_seen;
        self.notices.start();
        self.in_flight = 0;
        self.stopping = false;
        self.cancel_only = false;
        self.lists_wanted.fill(false);
        self.blobs.clear();
        self.links.fill(LinkState::Down);
        for entry in self.entries.iter_mut().flatten() {
            entry.listing.apply(record, &Event::RunStarted(start));
        }
        let now = record.time_ns;
        self.orders.update_live(|order| {
            if order.command > start.commands_journaled {
                order.learn(Fact::NotSent, now);
            } else if order.state.is_unconfirmed() {
                // It may have been written at the last moment of the run before.
                order.sent_ns = now;
                order.learn(Fact::OutcomeUnknown, now);
            }
            order.confirmed = false;
            order.cancel.forget();
            order.query.forget();
        });
        Ok(())
    }

    fn on_connection(&mut self, record: &Record, event: &Event<'_>, link: &Connection) {
        match link.channel {
            Channel::Market => {
                for entry in self.entries.iter_mut().flatten() {
                    if market::concerns(record, event, entry.listing.spec()) {
                        entry.listing.apply(record, event);
                    }
                }
            }
            Channel::Orders => self.on_order_link(link, record.time_ns),
        }
    }

    fn on_order_link(&mut self, link: &Connection, now_ns: u64) {
        if link.state == LinkState::Notice {
            return;
        }
        self.links[usize::from(link.venue)] = link.state;
        if link.state == LinkState::Up {
            return;
        }
        let lost = matches!(link.state, LinkState::Down | LinkState::Failed);
        let entries = &self.entries;
        self.orders.update_live(|order| {
            let entry = entries
                .get(order.instrument.index())
                .and_then(Option::as_deref);
            if entry.is_none_or(|entry| entry.listing.spec().venue.0 != link.venue) {
                return;
            }
            order.confirmed = false;
            order.cancel.forget();
            order.query.forget();
            if lost && order.state.is_unconfirmed() {
                order.learn(Fact::OutcomeUnknown, now_ns);
            }
        });
    }

    fn on_report(&mut self, event: &Event<'_>, report: &OrderReport) {
        let (now, window) = (self.time_ns, self.recv_window_ns());
        self.venue_order_id_max = self.venue_order_id_max.max(report.venue_order_id);
        let Some(id) = ClientOrderId::from_raw(report.client_id) else {
            self.counts.stray_reports += 1;
            return;
        };
        let reported = self.orders.update(id, |order| {
            let before = order.state;
            order.report(event, now, window);
            (before, order.state, order.replaces)
        });
        let Some((before, after, replaces)) = reported else {
            self.counts.stray_reports += 1;
            return;
        };
        if before != after {
            self.count_change(after);
        }
        if let (Event::OrderUnknown(_), Some(old)) = (event, replaces) {
            // The outcome of a replacement is unknown, so that of its cancel is, too.
            self.doubt(old);
        }
    }

    fn count_change(&mut self, state: OrderState) {
        let counts = &mut self.counts;
        match state {
            OrderState::Open => counts.acked += 1,
            OrderState::Rejected => counts.rejected += 1,
            OrderState::Cancelled | OrderState::Expired => counts.cancelled += 1,
            OrderState::Unknown => counts.unknown += 1,
            OrderState::Approved
            | OrderState::Sent
            | OrderState::NotSent
            | OrderState::Absent
            | OrderState::Filled => {}
        }
    }

    fn doubt(&mut self, id: ClientOrderId) {
        self.orders.update(id, |order| {
            order.cancel.pending_ns = None;
            order.doubtful = true;
        });
    }

    fn on_fill(&mut self, record: &Record, fill: &Fill) {
        self.venue_order_id_max = self.venue_order_id_max.max(fill.venue_order_id);
        let entry = record
            .instrument()
            .and_then(|instrument| self.entries.get_mut(instrument.index()));
        let sane = fill.qty > Lots::ZERO;
        let (Some(Some(entry)), Some(account), true) = (entry, record.account(), sane) else {
            self.counts.unplaced_fills += 1;
            self.tell_of_fill(NoticeCode::UnplacedFill, Scope::Overall, fill);
            return;
        };
        let id = ClientOrderId::from_raw(fill.client_id);
        let order = id.and_then(|id| self.orders.get(id));
        let key = (fill.trade_id, account, fill.side);
        let applies = match entry.trades.seen(key) {
            Seen::New => true,
            Seen::Before => false,
            // Older than memory: only if the venue counts more than we do.
            Seen::Forgotten => order
                .is_some_and(|order| order.filled.0.saturating_add(fill.qty.0) <= order.reported.0),
        };
        if !applies {
            self.counts.repeated_fills += 1;
            return;
        }
        let unknown = order.is_none();
        entry.trades.remember(key);
        self.counts.fills += 1;
        self.portfolio.fill(entry.listing.spec(), account, fill);
        if unknown {
            self.counts.orphan_fills += 1;
            self.tell_of_fill(NoticeCode::UnknownFill, Scope::Account(account), fill);
        }
        if let Some(id) = id {
            let now = self.time_ns;
            self.orders.update(id, |order| {
                if fill.venue_order_id != 0 {
                    order.venue_order_id = fill.venue_order_id;
                }
                order.fill(fill.qty, now);
            });
        }
    }

    fn tell_of_fill(&mut self, code: NoticeCode, scope: Scope, fill: &Fill) {
        let told = Told::new(code, NoticeLevel::Hard, scope)
            .about(fill.trade_id)
            .at(fill.price, fill.qty);
        self.notice(told);
    }

    /// A venue that reports less than nothing: the holding is taken as reported, and people told.
    fn tell_of_negative(&mut self, account: AccountId, balance: &Balance) {
        let negative = [balance.free, balance.locked]
            .into_iter()
            .map(Money::get)
            .filter(|amount| amount.is_sign_negative() && !amount.is_zero());
        for amount in negative {
            let told = Told::new(
                NoticeCode::NegativeBalance,
                NoticeLevel::Hard,
                Scope::Account(account),
            );
            self.notice(told.by(Control::Funds, checks::e8(amount), 0));
        }
    }

    fn on_sent(&mut self, sent: &Sent) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let now = self.time_ns;
        if let Some(id) = ClientOrderId::from_raw(sent.client_id) {
            self.orders.update(id, |order| {
                if order.command == sent.command {
                    order.sent_ns = order.sent_ns.max(now);
                    order.learn(Fact::Sent, now);
                }
            });
        }
    }

    fn on_send_failed(&mut self, record: &Record, report: &OrderReport) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.counts.send_failed += 1;
        let now = self.time_ns;
        let Some(id) = ClientOrderId::from_raw(report.client_id) else {
            if let Some(account) = record.account()
                && let Some(wanted) = self.lists_wanted.get_mut(account.index())
            {
                *wanted = true;
            }
            return;
        };
        let replaced = self.orders.update(id, |order| {
            if placed_by(record, order.state) {
                order.learn(Fact::NotSent, now);
                return order.replaces;
            }
            let failed = Kind::from_code(record.detail);
            if failed != Some(Kind::QueryOrder) {
                order.cancel.pending_ns = None;
            }
            if failed != Some(Kind::CancelOrder) {
                order.query.pending_ns = None;
            }
            None
        });
        if let Some(Some(old)) = replaced {
            self.orders
                .update(old, |order| order.cancel.pending_ns = None);
        }
    }

    fn on_operator(&mut self, operator: &Operator) {
        match operator.action {
            OperatorAction::Stop => self.stopping = true,
            OperatorAction::Kill => {
                self.switches.kill(Scope::Overall, Control::KillSwitch);
            }
            OperatorAction::Release => {
                self.switches.release(Scope::Overall);
            }
            OperatorAction::CancelOnly => self.cancel_only = true,
            OperatorAction::Resume => self.cancel_only = false,
            OperatorAction::ConfirmFlat => {
                let accounts = self
                    .config
                    .as_ref()
                    .map_or(0, |config| config.accounts.len());
                for wanted in self.lists_wanted.iter_mut().take(accounts) {
                    *wanted = true;
                }
            }
        }
    }

    fn on_refused(&mut self, refusal: &Refusal) {
        self.refusals_seen = self.refusals_seen.max(refusal.number);
        self.counts.refused += 1;
    }

    fn recv_window_ns(&self) -> u64 {
        self.config
            .as_ref()
            .map_or(u64::MAX, |config| config.limits.recv_window_ns)
    }
}

/// Whether a failed command was the one that places the order. Its kind says so; without that, the
/// gateway's order of commands does: the placement's report comes before any later command's.
pub(crate) fn placed_by(record: &Record, state: OrderState) -> bool {
    match Kind::from_code(record.detail) {
        Some(kind) => matches!(kind, Kind::NewOrder | Kind::ReplaceOrder),
        None => state == OrderState::Approved,
    }
}
