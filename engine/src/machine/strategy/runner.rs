//! One strategy with its own view of the market, its orders and its position.
//!
//! Credits: at most `INTENTS_IN_FLIGHT_MAX` intents wait for their end, which is a refusal, or the
//! gateway's word that the command was sent or was not. So no lane behind a strategy can overflow.
//!
//! Thread: one worker. Hot path: yes. Allocates: only for configuration and instruments.

use model::event::event;
use model::ids::{ClientOrderId, StrategyId};
use model::limits::{INTENTS_IN_FLIGHT_MAX, INTENTS_PER_EVENT_MAX};
use model::num::Lots;
use model::record::Record;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::asks::Asks;
use super::{Cause, Strategy, View, build};
use crate::machine::blobs::LaneBlobs;
use crate::machine::config::StrategyConfig;
use crate::machine::digest::{Digest, Sink};
use crate::machine::error::ApplyError;
use crate::machine::intent::{Action, IntentBuffer, Place};
use crate::machine::market::Listing;
use crate::machine::orders::{AppliedTrades, NewlyApproved, Order, Orders};

/// Live orders of one strategy.
pub(super) const OWN_ORDERS_MAX: usize = 128;
/// Ended orders that it remembers.
pub(super) const OWN_ENDED_REMEMBERED: usize = 128;

/// What the machine tells a runner when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    pub(super) id: StrategyId,
    pub(super) config: StrategyConfig,
    pub(super) setting: Setting,
    pub(super) strategy: Box<dyn Strategy>,
    pub(super) blobs: LaneBlobs,
    pub(super) listing: Option<Box<Listing>>,
    pub(super) orders: Orders,
    pub(super) trades: AppliedTrades,
    pub(super) position: Lots,
    pub(super) counter: u32,
    pub(super) in_flight: usize,
    pub(super) alarm_ns: Option<u64>,
    pub(super) connected: bool,
    pub(super) stopping: bool,
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
            time_ns: self.setting.time_ns,
            epoch: self.setting.epoch,
            strategy: self.id,
            instrument: listing.spec().id,
            may_trade: self.connected && !self.stopping && !self.setting.killed,
            room: raised + credits.min(free_orders).min(INTENTS_PER_EVENT_MAX - raised),
            counter: &mut self.counter,
            intents,
            alarm_ns: &mut self.alarm_ns,
        };
        self.strategy.on_event(cause, &view, &mut asks);
        for intent in intents.iter().skip(raised) {
            self.in_flight += usize::from(intent.action.takes_credit());
            match &intent.action {
                Action::Place(place) => self.note_place(place, None),
                Action::Cancel { client_id } => self.note_cancel(*client_id),
                Action::Replace { cancel, place } => {
                    self.note_cancel(*cancel);
                    self.note_place(place, Some(*cancel));
                }
                Action::Amend { client_id, .. } => self.note_amend(*client_id),
                Action::CancelAll { .. } => self.orders.update_live(|order| {
                    order.cancel_wanted = true;
                }),
            }
        }
    }

    fn note_place(&mut self, place: &Place, replaces: Option<ClientOrderId>) {
        let about = NewlyApproved {
            instrument: place.instrument,
            account: self.config.account,
            strategy: self.id,
            command: 0,
            replaces,
            lot_value: Decimal::ZERO,
            now_ns: self.setting.time_ns,
        };
        let order = if place.is_held() {
            Order::new_held(place, about)
        } else {
            Order::new(place, about)
        };
        self.orders.insert(order);
    }

    fn note_cancel(&mut self, id: ClientOrderId) {
        let now = self.setting.time_ns;
        self.orders
            .update(id, |order| order.cancel.start(0, now, 0));
    }

    fn note_amend(&mut self, id: ClientOrderId) {
        let now = self.setting.time_ns;
        self.orders.update(id, |order| order.amend.start(0, now, 0));
    }

    /// Whether this runner goes on under another configuration: same name, account and instrument.
    pub(crate) fn continues(&self, config: &StrategyConfig) -> bool {
        self.config.name == config.name
            && self.config.account == config.account
            && self.config.instruments == config.instruments
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
        sink.value(&self.config);
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
