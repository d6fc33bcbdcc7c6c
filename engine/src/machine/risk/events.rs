//! Risk's own state from the events: orders, fills, balances, connections, operators, runs.
//!
//! Hot path: yes. Allocates: no, but for blobs.

use model::body::{
    Balance, Channel, Connection, Fill, LinkState, NoticeCode, NoticeLevel, OpenOrders, Operator,
    OperatorAction, PositionReport, Refusal, RunStarted,
};
use model::control::{Control, Scope};
use model::event::Event;
use model::ids::{AccountId, InstrumentId};
use model::num::{Lots, Money, Ticks};
use model::record::Record;
use rust_decimal::Decimal;

use super::changes::ChangeRefusal;
use super::notices::Told;
use super::{Risk, checks, monitors};
use crate::machine::error::ApplyError;
use crate::machine::market::{self, Moved};
use crate::machine::portfolio::Holding;

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
        moved: Option<Moved>,
    ) -> Result<Follow, ApplyError> {
        match event {
            Event::BookLevels(_) | Event::Quote(_) | Event::Trade(_) | Event::BookReset(_) => {
                self.on_market(record, event, moved);
                return Ok(Follow::Nothing);
            }
            Event::RunStarted(start) => self.on_run_started(record, start)?,
            Event::BlobPart(part) => self.on_blob_part(record, part)?,
            Event::RunEnded(_) => self.stopping = true,
            Event::Tick(_) => {
                self.notices.wake();
                self.killing.wake();
                self.expire_proposals();
                self.end_restrictions();
                self.portfolio.tick(self.time_ns);
                self.value_pairs();
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
            | Event::CancelRejected(report)
            | Event::AmendRejected(report) => {
                self.on_report(event, report.client_id, report.venue_order_id);
            }
            Event::OrderAmended(amended) => {
                self.on_report(event, amended.client_id, amended.venue_order_id);
            }
            Event::OrderFilled(fill) => self.on_fill(record, fill),
            Event::Sent(sent) => self.on_sent(sent),
            Event::SendFailed(report) => {
                self.on_send_failed(record, report.client_id);
                self.hear_last_line(record, report);
            }
            Event::OpenOrders(list) => self.on_open_orders(record, list),
            Event::Balance(balance) => self.on_balance(record, balance),
            Event::Operator(operator) => self.on_operator(operator),
            Event::Control(request) => self.on_control(request),
            Event::RiskRefused(refusal) => self.on_refused(refusal),
            Event::RiskNotice(notice) => {
                self.notices.seen(notice);
                return Ok(Follow::Nothing);
            }
            Event::Mark(_)
            | Event::Rate(_)
            | Event::Transfer(_)
            | Event::Funding(_)
            | Event::PositionReport(_) => {
                self.on_money(record, event);
                return Ok(Follow::Nothing);
            }
            // Recorded for people and research, or said by the levels behind it; no rule of ours
            // looks at them.
            Event::BookOrder(_)
            | Event::Candle(_)
            | Event::OpenInterest(_)
            | Event::Liquidation(_)
            | Event::StateHash(_)
            | Event::Recovered(_) => return Ok(Follow::Nothing),
        }
        let all = matches!(
            event,
            Event::Tick(_) | Event::Connection(_) | Event::Operator(_) | Event::Control(_)
        );
        Ok(if all { Follow::All } else { Follow::Orders })
    }

    fn on_open_orders(&mut self, record: &Record, list: &OpenOrders) {
        self.counts.listed_ours = list.ours;
        self.counts.listed_foreign = list.foreign;
        self.counts.lists += 1;
        self.on_list(record);
        if let Some(account) = record.account() {
            self.kills_see_list(account, list.ours);
        }
    }

    #[inline]
    pub(super) fn on_market(&mut self, record: &Record, event: &Event<'_>, moved: Option<Moved>) {
        let entry = record
            .instrument()
            .and_then(|instrument| self.entries.get_mut(instrument.index()));
        if let Some(Some(entry)) = entry {
            entry.listing.apply(record, event, moved);
            if let Some(top) = entry.listing.book().top() {
                let id = entry.listing.spec().id;
                self.portfolio.middle(id, top.mid_x2(), self.time_ns);
            }
        }
    }

    fn on_balance(&mut self, record: &Record, balance: &Balance) {
        if let Some(account) = record.account() {
            let held = |risk: &Self| {
                let ledger = risk.portfolio.ledger(account);
                ledger.and_then(|ledger| ledger.holding(&balance.asset).copied())
            };
            let before = held(self);
            let booked = self.portfolio.report(account, balance);
            if booked && before.is_none_or(|held| held.reported.is_none()) {
                let total = |held: Option<Holding>| held.map_or(Decimal::ZERO, |held| held.total);
                let brought = total(held(self)).checked_sub(total(before));
                self.tell_of_adopted(account, balance, brought.unwrap_or_default());
            }
            self.tell_of_unbooked(booked, record);
            self.tell_of_negative(account, balance);
        }
    }

    /// Marks, rates, and money that moves without a trade.
    fn on_money(&mut self, record: &Record, event: &Event<'_>) {
        let (account, instrument) = (record.account(), record.instrument());
        let now = self.time_ns;
        if let (Event::PositionReport(report), Some(account), Some(id)) =
            (event, account, instrument)
        {
            self.tell_of_foreign(account, id, report);
        }
        let books = &mut self.portfolio;
        let booked = match (event, account, instrument) {
            (Event::Mark(mark), _, Some(id)) => books.take_mark(id, mark.mark, now),
            (Event::Rate(rate), ..) => books.take_rate(rate, now),
            (Event::Transfer(transfer), Some(account), _) => books.transfer(account, transfer),
            (Event::Funding(funding), Some(account), Some(id)) => {
                books.funding(account, id, funding)
            }
            (Event::PositionReport(report), Some(account), Some(id)) => {
                books.report_position(account, id, report)
            }
            _ => books.no_place(),
        };
        self.tell_of_unbooked(booked, record);
    }

    /// What an account held of an asset before us is ours from its first report on.
    fn tell_of_adopted(&mut self, account: AccountId, balance: &Balance, brought: Decimal) {
        if !brought.is_zero() {
            let scope = Scope::Account(account);
            let told = Told::new(NoticeCode::Adopted, NoticeLevel::Info, scope);
            let told = told.by(Control::Drift, checks::e8(brought), 1);
            self.notice(told.about(monitors::short(&balance.asset)));
        }
    }

    /// A position that was there before us is not ours: our books know neither what it cost nor
    /// whose it is. It stays beside them, as drift.
    fn tell_of_foreign(&mut self, account: AccountId, id: InstrumentId, report: &PositionReport) {
        let own = self.portfolio.position(account, id);
        let first = own.is_some_and(|own| own.venue.is_none() && own.fills == 0);
        if first && report.qty != Lots::ZERO {
            let scope = Scope::Instrument(id);
            let told = Told::new(NoticeCode::Adopted, NoticeLevel::Hard, scope);
            let told = told.by(Control::Drift, report.qty.0, 0);
            self.notice(told.at(Ticks::ZERO, report.qty));
        }
    }

    /// Something that our books could not take: it is counted, and stays in the log.
    pub(super) fn tell_of_unbooked(&mut self, booked: bool, record: &Record) {
        if !booked {
            let scope = record.account().map_or(Scope::Overall, Scope::Account);
            let told = Told::new(NoticeCode::Unbooked, NoticeLevel::Hard, scope);
            self.notice(told.about(record.event));
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
        self.killing.restart(&self.switches, record.time_ns);
        self.in_flight = 0;
        self.stopping = false;
        self.cancel_only = false;
        self.lists_wanted.fill(false);
        self.blobs.clear();
        self.links.fill(LinkState::Down);
        for entry in self.entries.iter_mut().flatten() {
            entry.listing.apply(record, &Event::RunStarted(start), None);
        }
        self.lists_asked.fill(None);
        self.restart_orders(start.commands_journaled);
        Ok(())
    }

    fn on_connection(&mut self, record: &Record, event: &Event<'_>, link: &Connection) {
        match link.channel {
            Channel::Market => {
                for entry in self.entries.iter_mut().flatten() {
                    if market::concerns(record, event, entry.listing.spec()) {
                        entry.listing.apply(record, event, None);
                    }
                }
            }
            Channel::Orders => self.on_order_link(record, link),
        }
    }

    pub(super) fn tell_of_fill(&mut self, code: NoticeCode, scope: Scope, fill: &Fill) {
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

    fn on_operator(&mut self, operator: &Operator) {
        match operator.action {
            OperatorAction::Stop => {
                self.stopping = true;
                self.want_cancels(|_| true);
            }
            OperatorAction::Kill => {
                self.pull_kill(Scope::Overall, Control::KillSwitch, 0);
            }
            // One voice is not enough: two persons release by requests.
            OperatorAction::Release => {
                let refusal = ChangeRefusal::UnknownPerson as i64;
                let told = Told::new(NoticeCode::ChangeRefused, NoticeLevel::Info, Scope::Overall);
                self.notice(told.by(Control::KillSwitch, refusal, 0));
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

    pub(super) fn recv_window_ns(&self) -> u64 {
        self.config
            .as_ref()
            .map_or(u64::MAX, |config| config.limits.recv_window_ns)
    }
}
