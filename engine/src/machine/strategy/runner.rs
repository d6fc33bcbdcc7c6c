//! One strategy with its own view of the market, its orders and its position.
//!
//! Credits: at most `INTENTS_IN_FLIGHT_MAX` intents wait for their end, which is a refusal, or the
//! gateway's word that the command was sent or was not. So no lane behind a strategy can overflow.
//!
//! Thread: one worker. Hot path: yes. Allocates: only for configuration and instruments.

use model::blob::{self, BlobKind};
use model::body::{BlobPart, Channel, Fill, LinkState, OperatorAction, OrderReport, Refusal, Side};
use model::event::{Event, event};
use model::ids::{ClientOrderId, StrategyId};
use model::instrument::InstrumentSpec;
use model::limits::{INTENTS_IN_FLIGHT_MAX, INTENTS_PER_EVENT_MAX};
use model::num::Lots;
use model::record::Record;
use rust_decimal::Decimal;

use super::asks::Asks;
use super::{Cause, Strategy, View, build};
use crate::machine::blobs::LaneBlobs;
use crate::machine::config::StrategyConfig;
use crate::machine::digest::{Digest, Sink};
use crate::machine::error::ApplyError;
use crate::machine::intent::{Action, IntentBuffer, Place};
use crate::machine::market::{self, Listing, Touched};
use crate::machine::orders::{AppliedTrades, Fact, NewlyApproved, Order, Orders, Seen};
use crate::machine::risk::placed_by;

/// Live orders of one strategy.
const OWN_ORDERS_MAX: usize = 128;
/// Ended orders that it remembers.
const OWN_ENDED_REMEMBERED: usize = 128;

/// What the machine tells a runner when it is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) book_window_ticks: u32,
    pub(crate) recv_window_ns: u64,
    pub(crate) epoch: u32,
    pub(crate) last_event: u64,
    pub(crate) time_ns: u64,
    pub(crate) killed: bool,
}

/// A strategy and what it knows.
#[derive(Debug, Clone)]
pub struct StrategyRunner {
    id: StrategyId,
    config: StrategyConfig,
    setting: Setting,
    strategy: Box<dyn Strategy>,
    blobs: LaneBlobs,
    listing: Option<Box<Listing>>,
    orders: Orders,
    trades: AppliedTrades,
    position: Lots,
    counter: u32,
    in_flight: usize,
    alarm_ns: Option<u64>,
    connected: bool,
    stopping: bool,
}

impl StrategyRunner {
    /// A strategy that has seen nothing yet.
    pub(crate) fn new(id: StrategyId, config: StrategyConfig, setting: Setting) -> Self {
        Self {
            id,
            strategy: build(&config.kind),
            config,
            setting,
            blobs: LaneBlobs::default(),
            listing: None,
            orders: Orders::new(OWN_ORDERS_MAX, OWN_ENDED_REMEMBERED),
            trades: AppliedTrades::new(),
            position: Lots::ZERO,
            counter: 0,
            in_flight: 0,
            alarm_ns: None,
            connected: false,
            stopping: false,
        }
    }

    /// Applies one event and raises the intents that it causes. What `intents` held is replaced.
    ///
    /// # Errors
    ///
    /// [`ApplyError`].
    pub fn apply(&mut self, record: &Record, intents: &mut IntentBuffer) -> Result<(), ApplyError> {
        intents.clear();
        crate::machine::check_next(self.setting.last_event, record)?;
        let event = event(record).map_err(|error| ApplyError::Record {
            event: record.event,
            error,
        })?;
        self.setting.last_event = record.event;
        self.setting.time_ns = self.setting.time_ns.max(record.time_ns);
        let cause = self.fold(record, &event)?;
        let rings = self
            .alarm_ns
            .is_some_and(|alarm| alarm <= self.setting.time_ns);
        if rings {
            self.alarm_ns = None;
            self.call(Cause::Alarm, intents);
        }
        if let Some(cause) = cause {
            self.call(cause, intents);
        }
        Ok(())
    }

    fn call(&mut self, cause: Cause, intents: &mut IntentBuffer) {
        let Some(listing) = self.listing.as_deref() else {
            return;
        };
        let raised = intents.len();
        let free_orders = OWN_ORDERS_MAX.saturating_sub(self.orders.live_count());
        let credits = INTENTS_IN_FLIGHT_MAX.saturating_sub(self.in_flight);
        let view = View {
            time_ns: self.setting.time_ns,
            spec: listing.spec(),
            book: listing.book(),
            orders: &self.orders,
            position: self.position,
        };
        let mut asks = Asks {
            event: self.setting.last_event,
            epoch: self.setting.epoch,
            strategy: self.id,
            may_trade: self.connected && !self.stopping && !self.setting.killed,
            room: raised + credits.min(free_orders).min(INTENTS_PER_EVENT_MAX - raised),
            counter: &mut self.counter,
            intents,
            alarm_ns: &mut self.alarm_ns,
        };
        self.strategy.on_event(cause, &view, &mut asks);
        for intent in intents.iter().skip(raised) {
            self.in_flight += 1;
            match &intent.action {
                Action::Place(place) => self.note_place(place, None),
                Action::Cancel { client_id } => self.note_cancel(*client_id),
                Action::Replace { cancel, place } => {
                    self.note_cancel(*cancel);
                    self.note_place(place, Some(*cancel));
                }
            }
        }
    }

    fn note_place(&mut self, place: &Place, replaces: Option<ClientOrderId>) {
        let about = NewlyApproved {
            instrument: self.config.instrument,
            account: self.config.account,
            strategy: self.id,
            command: 0,
            replaces,
            lot_value: Decimal::ZERO,
            now_ns: self.setting.time_ns,
        };
        self.orders.insert(Order::new(place, about));
    }

    fn note_cancel(&mut self, id: ClientOrderId) {
        let now = self.setting.time_ns;
        self.orders
            .update(id, |order| order.cancel.start(0, now, 0));
    }

    /// Folds one event into what the strategy knows; why it is to be called, if it is.
    fn fold(&mut self, record: &Record, event: &Event<'_>) -> Result<Option<Cause>, ApplyError> {
        Ok(match event {
            Event::BookLevels(_) | Event::Quote(_) | Event::Trade(_) | Event::BookReset(_) => {
                self.on_market(record, event)
            }
            Event::Connection(link) if link.channel == Channel::Market => {
                self.on_market(record, event)
            }
            Event::Connection(link) => self.on_order_link(link.venue, link.state),
            Event::RunStarted(start) => {
                self.on_run_started(record, event, start.epoch);
                None
            }
            Event::RunEnded(_) => {
                self.stopping = true;
                None
            }
            Event::BlobPart(part) => {
                self.on_blob_part(record, part)?;
                None
            }
            Event::OrderAcked(report)
            | Event::OrderRejected(report)
            | Event::OrderCancelled(report)
            | Event::OrderExpired(report)
            | Event::OrderUnknown(report)
            | Event::OrderStatus(report)
            | Event::OrderAbsent(report)
            | Event::CancelRejected(report) => self.on_report(event, report),
            Event::OrderFilled(fill) => self.on_fill(record, fill),
            Event::Sent(sent) => self.on_sent(record, sent.client_id),
            Event::SendFailed(report) => self.on_send_failed(record, report.client_id),
            Event::RiskRefused(refusal) => self.on_refused(record, refusal),
            Event::Operator(operator) => self.on_operator(operator.action),
            Event::Tick(_) | Event::OpenOrders(_) | Event::Balance(_) | Event::StateHash(_) => None,
        })
    }

    #[inline]
    fn on_market(&mut self, record: &Record, event: &Event<'_>) -> Option<Cause> {
        let listing = self.listing.as_deref_mut()?;
        if !market::concerns(record, event, listing.spec()) {
            return None;
        }
        match listing.apply(record, event) {
            Touched::No => None,
            Touched::Book => Some(Cause::Book),
            Touched::Trade => listing.last_trade().copied().map(Cause::Trade),
        }
    }

    fn on_order_link(&mut self, venue: u8, state: LinkState) -> Option<Cause> {
        let listing = self.listing.as_deref()?;
        if listing.spec().venue.0 != venue || state == LinkState::Notice {
            return None;
        }
        self.connected = state == LinkState::Up;
        if !self.connected {
            // Answers to cancels may be lost; risk asks, and the strategy may ask again.
            self.orders
                .update_live(|order| order.cancel.pending_ns = None);
        }
        self.connected.then_some(Cause::Fresh)
    }

    fn on_run_started(&mut self, record: &Record, event: &Event<'_>, epoch: u32) {
        self.setting.epoch = epoch;
        self.counter = 0;
        self.in_flight = 0;
        self.connected = false;
        self.stopping = false;
        self.alarm_ns = None;
        self.blobs.clear();
        if let Some(listing) = self.listing.as_deref_mut() {
            listing.apply(record, event);
        }
    }

    /// Takes over risk's view of its orders: what was only wished for in the run before is gone.
    pub(crate) fn adopt(&mut self, orders: &Orders) {
        let own = |order: &&Order| order.strategy == Some(self.id);
        let now = self.setting.time_ns;
        self.orders.update_live(|order| {
            if orders.get(order.client_id).is_none() {
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

    fn on_blob_part(&mut self, record: &Record, part: &BlobPart) -> Result<(), ApplyError> {
        let bad = |error| ApplyError::Blob {
            event: record.event,
            error,
        };
        let whole = self.blobs.push(record.source(), part).map_err(bad)?;
        if let Some((BlobKind::Instrument, bytes)) = whole {
            self.list(blob::value(&bytes).map_err(bad)?);
        }
        Ok(())
    }

    /// Takes an instrument, if it is the strategy's own.
    pub(crate) fn list(&mut self, spec: InstrumentSpec) {
        if spec.id != self.config.instrument {
            return;
        }
        match self.listing.as_deref_mut() {
            Some(listing) => listing.respecify(spec),
            None => {
                let window = self.setting.book_window_ticks;
                self.listing = Some(Box::new(Listing::new(spec, window)));
            }
        }
    }

    fn on_report(&mut self, event: &Event<'_>, report: &OrderReport) -> Option<Cause> {
        let id = self.own(report.client_id)?;
        let (now, window) = (self.setting.time_ns, self.setting.recv_window_ns);
        let (side, replaces) = self.orders.update(id, |order| {
            order.report(event, now, window);
            (order.side, order.replaces)
        })?;
        if let (Event::OrderRejected(_) | Event::OrderUnknown(_), Some(old)) = (event, replaces) {
            self.orders
                .update(old, |order| order.cancel.pending_ns = None);
        }
        let refused = matches!(event, Event::OrderRejected(_) | Event::CancelRejected(_));
        Some(if refused {
            Cause::Refused(side)
        } else {
            Cause::Order
        })
    }

    fn on_fill(&mut self, record: &Record, fill: &Fill) -> Option<Cause> {
        let id = self.own(fill.client_id)?;
        if record.instrument() != Some(self.config.instrument)
            || record.account() != Some(self.config.account)
        {
            return None;
        }
        let order = self.orders.get(id);
        let key = (fill.trade_id, self.config.account, fill.side);
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
        self.position = Lots(self.position.0.saturating_add(change));
        let now = self.setting.time_ns;
        self.orders.update(id, |order| order.fill(fill.qty, now));
        Some(Cause::Order)
    }

    fn on_sent(&mut self, record: &Record, client_id: u64) -> Option<Cause> {
        self.credit_back(record)?;
        let id = self.own(client_id)?;
        let now = self.setting.time_ns;
        self.orders.update(id, |order| order.learn(Fact::Sent, now));
        None
    }

    fn on_send_failed(&mut self, record: &Record, client_id: u64) -> Option<Cause> {
        self.credit_back(record)?;
        let id = self.own(client_id)?;
        let state = self.orders.get(id)?.state;
        self.give_up(id, placed_by(record, state))
    }

    fn on_refused(&mut self, record: &Record, refusal: &Refusal) -> Option<Cause> {
        self.credit_back(record)?;
        let id = self.own(refusal.client_id)?;
        let state = self.orders.get(id)?.state;
        let cancel = !matches!(state, crate::machine::OrderState::Approved);
        self.give_up(id, !cancel)
    }

    /// A wish came to nothing: an order that never was, or a cancel.
    fn give_up(&mut self, id: ClientOrderId, was_placed: bool) -> Option<Cause> {
        let now = self.setting.time_ns;
        let (side, replaces): (Side, _) = self.orders.update(id, |order| {
            if was_placed {
                order.learn(Fact::NotSent, now);
                return (order.side, order.replaces);
            }
            order.cancel.pending_ns = None;
            (order.side, None)
        })?;
        if let Some(old) = replaces {
            self.orders
                .update(old, |order| order.cancel.pending_ns = None);
        }
        Some(Cause::Refused(side))
    }

    fn on_operator(&mut self, action: OperatorAction) -> Option<Cause> {
        match action {
            OperatorAction::Stop => self.stopping = true,
            OperatorAction::Kill => self.setting.killed = true,
            OperatorAction::Release => {
                self.setting.killed = false;
                return Some(Cause::Fresh);
            }
            OperatorAction::ConfirmFlat => {}
        }
        None
    }

    /// One of its intents came to an end: its credit returns. `None` if it is not its own.
    fn credit_back(&mut self, record: &Record) -> Option<()> {
        (record.strategy() == Some(self.id)).then(|| {
            self.in_flight = self.in_flight.saturating_sub(1);
        })
    }

    fn own(&self, client_id: u64) -> Option<ClientOrderId> {
        ClientOrderId::from_raw(client_id).filter(|id| id.strategy() == Some(self.id))
    }

    /// Whether this runner goes on under another configuration: same name, account and instrument.
    pub(crate) fn continues(&self, config: &StrategyConfig) -> bool {
        self.config.name == config.name
            && self.config.account == config.account
            && self.config.instrument == config.instrument
    }

    /// Takes new parameters; the strategy itself starts afresh if they differ.
    pub(crate) fn reconfigure(&mut self, config: StrategyConfig, recv_window_ns: u64) {
        if self.config.kind != config.kind {
            self.strategy = build(&config.kind);
        }
        self.config = config;
        self.setting.recv_window_ns = recv_window_ns;
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> StrategyId {
        self.id
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Its configuration.
    #[must_use]
    pub const fn config(&self) -> &StrategyConfig {
        &self.config
    }

    /// Number of the event that was applied last.
    #[must_use]
    pub const fn last_event(&self) -> u64 {
        self.setting.last_event
    }

    /// What its own fills sum up to.
    #[must_use]
    pub const fn position(&self) -> Lots {
        self.position
    }

    /// Its own orders.
    #[must_use]
    pub const fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Its intents that wait for their end.
    #[must_use]
    pub const fn intents_in_flight(&self) -> usize {
        self.in_flight
    }
}

impl Digest for StrategyRunner {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.id.0);
        sink.bytes(format!("{:?}", self.config).as_bytes());
        self.strategy.digest(sink);
        sink.number(self.listing.is_some());
        if let Some(listing) = &self.listing {
            listing.digest(sink);
        }
        self.orders.digest(sink);
        self.trades.digest(sink);
        sink.lots(self.position);
        sink.number(self.counter);
        sink.number(self.in_flight as u64);
        sink.optional(self.alarm_ns);
        for flag in [self.connected, self.stopping, self.setting.killed] {
            sink.number(flag);
        }
        let numbers = [
            u64::from(self.setting.epoch),
            self.setting.last_event,
            self.setting.time_ns,
        ];
        for number in numbers {
            sink.number(number);
        }
    }
}
