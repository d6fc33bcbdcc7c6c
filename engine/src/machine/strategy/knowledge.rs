//! What a strategy's runner learns from the events: market, orders, fills, and its credits.
//!
//! Thread: one worker. Hot path: yes. Allocates: only for instruments.

use model::blob::{self, BlobKind};
use model::body::{
    BlobPart, Channel, Connection, Fill, LinkState, Mark, Notice, NoticeCode, OperatorAction,
    Outcome, Refusal,
};
use model::control::ScopeKind;
use model::event::Event;
use model::ids::{ClientOrderId, InstrumentId};
use model::instrument::InstrumentSpec;
use model::num::Lots;
use model::record::Record;

use super::timer::Timers;
use super::watched::{MarkPrice, Watched};
use super::{Cause, Refused, RefusedBy, StrategyRunner};
use crate::machine::error::ApplyError;
use crate::machine::market::{self, LastTrade, Listing, Moved, Touched};
use crate::machine::orders::{Fact, Order, OrderState, Orders, Seen, TradeKey, When};
use crate::machine::risk::{kill_bit, placed_by};

/// Pause after a cancel that came to nothing. Without it, a refusal's own event would cause the
/// next attempt.
const CANCEL_RETRY_NS: u64 = 100_000_000;

impl StrategyRunner {
    /// Folds one event into what the strategy knows; why it is to be called, if it is.
    pub(super) fn fold(
        &mut self,
        record: &Record,
        event: &Event<'_>,
        moved: Option<Moved>,
    ) -> Result<Option<Cause>, ApplyError> {
        Ok(match event {
            Event::BookLevels(_) | Event::Quote(_) | Event::Trade(_) | Event::BookReset(_) => {
                self.on_market(record, event, moved)
            }
            Event::Connection(link) if link.channel == Channel::Market => {
                self.on_market_link(record, event, link.venue)
            }
            Event::Mark(mark) => self.on_mark(record, mark),
            Event::Connection(link) => self.on_order_link(record, link),
            Event::RunStarted(start) => {
                self.on_run_started(record, event, start.epoch);
                None
            }
            Event::RunEnded(_) => {
                self.stopping = true;
                None
            }
            Event::BlobPart(part) => self.on_blob_part(record, part)?,
            Event::OrderAcked(report)
            | Event::OrderRejected(report)
            | Event::OrderCancelled(report)
            | Event::OrderExpired(report)
            | Event::OrderUnknown(report)
            | Event::OrderStatus(report)
            | Event::OrderAbsent(report)
            | Event::CancelRejected(report)
            | Event::AmendRejected(report) => self.on_report(event, report.client_id),
            Event::OrderAmended(amended) => self.on_report(event, amended.client_id),
            Event::OrderFilled(fill) => self.on_fill(record, fill),
            Event::Sent(sent) => self.on_sent(record, sent.client_id),
            Event::SendFailed(report) => self.on_send_failed(record, report.client_id),
            Event::RiskRefused(refusal) => self.on_refused(record, refusal),
            Event::Operator(operator) => self.on_operator(operator.action),
            Event::RiskNotice(notice) => self.on_notice(notice),
            Event::Tick(_)
            | Event::BookOrder(_)
            | Event::OpenOrders(_)
            | Event::Balance(_)
            | Event::StateHash(_)
            | Event::Rate(_)
            | Event::Candle(_)
            | Event::OpenInterest(_)
            | Event::Liquidation(_)
            | Event::Transfer(_)
            | Event::Funding(_)
            | Event::PositionReport(_)
            | Event::Control(_)
            | Event::Recovered(_) => None,
        })
    }

    fn watched_mut(&mut self, instrument: Option<InstrumentId>) -> Option<&mut Watched> {
        let id = instrument?;
        self.watched.iter_mut().find(|one| one.id == id)
    }

    #[inline]
    pub(super) fn on_market(
        &mut self,
        record: &Record,
        event: &Event<'_>,
        moved: Option<Moved>,
    ) -> Option<Cause> {
        let watched = self.watched_mut(record.instrument())?;
        let (id, listing) = (watched.id, watched.listing.as_deref_mut()?);
        match listing.apply(record, event, moved) {
            Touched::No => None,
            Touched::Book => Some(Cause::Book(id)),
            Touched::Trade => {
                let trade = *listing.last_trade()?;
                self.feed_candles(id, &trade);
                Some(Cause::Trade(id, trade))
            }
        }
    }

    fn feed_candles(&mut self, id: InstrumentId, trade: &LastTrade) {
        let now = self.setting.time_ns;
        for candles in &mut self.candles {
            if candles.feed().instrument == id {
                candles.take(trade, now);
                self.due_ns = self.due_ns.min(candles.ends_ns());
            }
        }
    }

    /// The market connection of one instrument or of a whole venue changed. The cause names the
    /// first instrument that it concerns; the view shows the others.
    fn on_market_link(&mut self, record: &Record, event: &Event<'_>, venue: u8) -> Option<Cause> {
        let mut cause = None;
        for watched in &mut self.watched {
            let Some(listing) = watched.listing.as_deref_mut() else {
                continue;
            };
            if listing.spec().venue.0 != venue || !market::concerns(record, event, listing.spec()) {
                continue;
            }
            listing.apply(record, event, None);
            for candles in &mut self.candles {
                if candles.feed().instrument == watched.id {
                    candles.interrupt();
                }
            }
            cause = cause.or(Some(Cause::Book(watched.id)));
        }
        cause
    }

    fn on_mark(&mut self, record: &Record, mark: &Mark) -> Option<Cause> {
        let now = self.setting.time_ns;
        let watched = self.watched_mut(record.instrument())?;
        watched.mark = Some(MarkPrice::of(mark, now));
        Some(Cause::Mark(watched.id))
    }

    fn on_order_link(&mut self, record: &Record, link: &Connection) -> Option<Cause> {
        let other = |account| account != self.config.account;
        if self.setting.venue.0 != link.venue
            || record.account().is_some_and(other)
            || link.state == LinkState::Notice
        {
            return None;
        }
        self.connected = link.state == LinkState::Up;
        if !self.connected {
            // Answers to cancels may be lost; risk asks, and the strategy may ask again.
            self.orders.update_live(|order| {
                order.cancel.pending_ns = None;
                order.amend.pending_ns = None;
            });
        }
        self.connected.then_some(Cause::Fresh)
    }

    fn on_run_started(&mut self, record: &Record, event: &Event<'_>, epoch: u32) {
        self.setting.epoch = epoch;
        self.counter = 0;
        self.in_flight = 0;
        self.connected = false;
        self.stopping = false;
        self.timers = Timers::default();
        self.blobs.clear();
        for listing in self
            .watched
            .iter_mut()
            .filter_map(|one| one.listing.as_deref_mut())
        {
            listing.apply(record, event, None);
        }
        for candles in &mut self.candles {
            candles.interrupt();
        }
        self.reckon_due();
    }

    /// Takes over risk's view of its orders: what was only wished for in the run before is gone.
    pub(crate) fn adopt(&mut self, orders: &Orders, is_held: impl Fn(ClientOrderId) -> bool) {
        let own = |order: &&Order| order.strategy == Some(self.id);
        let now = self.setting.time_ns;
        self.orders.update_live(|order| {
            if orders.get(order.client_id).is_none() && !is_held(order.client_id) {
                order.learn(Fact::NotSent, now);
            }
        });
        for order in orders.live().filter(own) {
            if self
                .orders
                .update(order.client_id, |known| *known = *order)
                .is_none()
            {
                self.orders.insert(*order);
            }
        }
        for order in orders.ended().filter(own) {
            self.orders.update(order.client_id, |known| *known = *order);
        }
    }

    /// With the last of its instruments a strategy that is connected already can begin.
    fn on_blob_part(
        &mut self,
        record: &Record,
        part: &BlobPart,
    ) -> Result<Option<Cause>, ApplyError> {
        let bad = |error| ApplyError::Blob {
            event: record.event,
            error,
        };
        let whole = self.blobs.push(record.source(), part).map_err(bad)?;
        if let Some((BlobKind::Instrument, bytes)) = whole {
            let waited = !self.is_listed();
            self.list(blob::value(&bytes).map_err(bad)?);
            let begins = waited && self.is_listed() && self.connected;
            return Ok(begins.then_some(Cause::Fresh));
        }
        Ok(None)
    }

    /// Whether all of its instruments are listed: before that it is not called.
    pub(super) fn is_listed(&self) -> bool {
        self.watched.iter().all(|one| one.listing.is_some())
    }

    /// Takes an instrument, if it is one of the strategy's own.
    pub(crate) fn list(&mut self, spec: InstrumentSpec) {
        let id = spec.id;
        let resting = self.orders.live().any(|order| order.instrument == id);
        let window = self.setting.book_window_ticks;
        let Some(watched) = self.watched_mut(Some(id)) else {
            return;
        };
        let Some(listing) = watched.listing.as_deref_mut() else {
            watched.listing = Some(Box::new(Listing::new(spec, window)));
            return;
        };
        if listing.same_steps(&spec) {
            listing.respecify(spec);
        } else if resting {
            // As risk: orders keep the steps that they were placed in.
            listing.halt();
        } else {
            listing.respecify(spec);
            for candles in &mut self.candles {
                if candles.feed().instrument == id {
                    candles.forget();
                }
            }
            self.reckon_due();
        }
    }

    fn on_report(&mut self, event: &Event<'_>, client_id: u64) -> Option<Cause> {
        let id = self.own(client_id)?;
        let (when, window) = (self.when(), self.setting.recv_window_ns);
        let now = when.time_ns;
        let (refused, replaces) = self.orders.update(id, |order| {
            order.report(event, when, window);
            if matches!(event, Event::CancelRejected(_)) {
                order.cancel.put_off(now, CANCEL_RETRY_NS);
            }
            if matches!(event, Event::AmendRejected(_)) {
                order.amend.put_off(now, CANCEL_RETRY_NS);
            }
            (refused_by_venue(order, event), order.replaces)
        })?;
        if let (Event::OrderRejected(_) | Event::OrderUnknown(_), Some(old)) = (event, replaces) {
            self.orders
                .update(old, |order| order.cancel.pending_ns = None);
        }
        Some(refused.map_or(Cause::Order(id), Cause::Refused))
    }

    fn on_fill(&mut self, record: &Record, fill: &Fill) -> Option<Cause> {
        let id = self.own(fill.client_id)?;
        let instrument = record.instrument()?;
        if !self.config.instruments.contains(&instrument)
            || record.account() != Some(self.config.account)
            || fill.qty <= Lots::ZERO
        {
            return None;
        }
        let order = self.orders.get(id);
        if order.is_some_and(|o| o.side != fill.side || o.instrument != instrument) {
            return None;
        }
        let key = TradeKey::of(fill, self.config.account);
        let applies = match self.trades.seen(key) {
            Seen::New => true,
            Seen::Before => false,
            Seen::Forgotten => order
                .is_some_and(|order| order.filled.0.saturating_add(fill.qty.0) <= order.reported.0),
        };
        if !applies {
            return None;
        }
        self.trades.remember(key);
        let change = fill.qty.0.saturating_mul(fill.side.sign());
        if let Some(watched) = self.watched_mut(Some(instrument)) {
            watched.position = Lots(watched.position.0.saturating_add(change));
        }
        let when = self.when();
        self.orders.update(id, |order| order.fill(fill.qty, when));
        Some(Cause::Order(id))
    }

    fn on_sent(&mut self, record: &Record, client_id: u64) -> Option<Cause> {
        // What the engine sent for it took no credit.
        let _ = self.credit_back(record);
        let id = self.own(client_id)?;
        let now = self.setting.time_ns;
        self.orders.update(id, |order| {
            if order.state == OrderState::Approved {
                order.maybe_sent(now);
            }
            order.learn(Fact::Sent, now);
        });
        None
    }

    fn on_send_failed(&mut self, record: &Record, client_id: u64) -> Option<Cause> {
        self.credit_back(record)?;
        let id = self.own(client_id)?;
        let state = self.orders.get(id)?.state;
        self.give_up(id, placed_by(record, state), RefusedBy::Gateway)
    }

    fn on_refused(&mut self, record: &Record, refusal: &Refusal) -> Option<Cause> {
        self.credit_back(record)?;
        let id = self.own(refusal.client_id)?;
        let state = self.orders.get(id)?.state;
        // A refused placement names its quantity, a refused cancel of a held order does not.
        let is_amended = self.orders.get(id)?.overlays().pending_amend;
        let placed = match state {
            OrderState::Held => refusal.qty > Lots::ZERO && !is_amended,
            OrderState::Approved => true,
            OrderState::Sent
            | OrderState::Unknown
            | OrderState::NotSent
            | OrderState::Open
            | OrderState::Absent
            | OrderState::Rejected
            | OrderState::Expired
            | OrderState::Cancelled
            | OrderState::Filled => false,
        };
        self.give_up(id, placed, RefusedBy::Risk(refusal.reason))
    }

    /// A wish came to nothing: an order that never was, or a cancel.
    fn give_up(&mut self, id: ClientOrderId, was_placed: bool, by: RefusedBy) -> Option<Cause> {
        let now = self.setting.time_ns;
        let (refused, replaces) = self.orders.update(id, |order| {
            let refused = refused(order, by);
            if was_placed {
                order.learn(Fact::NotSent, now);
                return (refused, order.replaces);
            }
            order.cancel.put_off(now, CANCEL_RETRY_NS);
            order.amend.put_off(now, CANCEL_RETRY_NS);
            (refused, None)
        })?;
        if let Some(old) = replaces {
            self.orders
                .update(old, |order| order.cancel.put_off(now, CANCEL_RETRY_NS));
        }
        Some(Cause::Refused(refused))
    }

    /// What risk tells of an order of its own: that the engine holds it or held it, and how one
    /// whose outcome was unknown ended, for the proofs are risk's alone.
    fn on_notice(&mut self, notice: &Notice) -> Option<Cause> {
        // Kill and release, by whatever cause.
        let released = notice.code == NoticeCode::Released;
        if released || notice.code == NoticeCode::Killed {
            return self.on_kill(notice, released);
        }
        let id = self.own(notice.other)?;
        if notice.code == NoticeCode::Sized {
            self.orders.update(id, |order| order.sized(notice.qty))?;
            return Some(Cause::Order(id));
        }
        let held = [NoticeCode::HeldPlaced, NoticeCode::HeldEnded];
        if held.contains(&notice.code) {
            return self.on_held(id, notice);
        }
        let resolved = notice.code == NoticeCode::Resolved;
        let fact = if resolved && notice.value == Outcome::Cancelled as i64 {
            Fact::Cancelled
        } else if resolved || notice.code == NoticeCode::AbsenceProven {
            Fact::AbsenceProven
        } else {
            return None;
        };
        // It was so when risk told it: what came since counts for more.
        let then = u64::try_from(notice.threshold).ok()?;
        self.orders.update(id, |order| order.learn(fact, then))?;
        Some(Cause::Order(id))
    }

    fn on_held(&mut self, id: ClientOrderId, notice: &Notice) -> Option<Cause> {
        // It answers a wish of this run: the credit returns.
        if notice.value == i64::from(self.setting.epoch) {
            self.in_flight = self.in_flight.saturating_sub(1);
        }
        let now = self.setting.time_ns;
        self.orders.update(id, |order| {
            if notice.code == NoticeCode::HeldPlaced {
                order.sized(notice.qty);
                order.amend.forget();
            }
            let outside = order.may_rest() && !order.state.is_unconfirmed();
            if notice.code == NoticeCode::HeldEnded && !outside {
                // What the venue said of it stands.
                order.learn(Fact::NotSent, now);
            }
        });
        Some(Cause::Order(id))
    }

    fn on_operator(&mut self, action: OperatorAction) -> Option<Cause> {
        match action {
            OperatorAction::Stop => self.stopping = true,
            OperatorAction::Kill => self.setting.killed |= kill_bit(ScopeKind::Overall),
            // Cancel-only is risk's: a strategy goes on wishing and is refused, with its backoff.
            // A release takes two persons: risk tells when it holds.
            OperatorAction::Release
            | OperatorAction::ConfirmFlat
            | OperatorAction::CancelOnly
            | OperatorAction::Resume => {}
        }
        None
    }

    /// One of its intents came to an end: its credit returns. `None` if it is not its own.
    fn credit_back(&mut self, record: &Record) -> Option<()> {
        (record.strategy() == Some(self.id)).then(|| {
            self.in_flight = self.in_flight.saturating_sub(1);
        })
    }

    const fn when(&self) -> When {
        When {
            event: self.setting.last_event,
            time_ns: self.setting.time_ns,
        }
    }

    fn own(&self, client_id: u64) -> Option<ClientOrderId> {
        ClientOrderId::from_raw(client_id).filter(|id| id.strategy() == Some(self.id))
    }
}

const fn refused(order: &Order, by: RefusedBy) -> Refused {
    Refused {
        order: order.client_id,
        instrument: order.instrument,
        side: order.side,
        by,
    }
}

/// What a report refuses, if it refuses anything.
const fn refused_by_venue(order: &Order, event: &Event<'_>) -> Option<Refused> {
    if let Event::OrderRejected(report)
    | Event::CancelRejected(report)
    | Event::AmendRejected(report) = event
    {
        return Some(refused(order, RefusedBy::Venue(report.reason)));
    }
    None
}
