//! One strategy with its own view of the market, its orders and its position.
//!
//! Credits: at most `INTENTS_IN_FLIGHT_MAX` intents wait for their end, which is a refusal, or the
//! gateway's word that the command was sent or was not. So no lane behind a strategy can overflow.
//!
//! Thread: one worker. Hot path: yes. Allocates: only for configuration and instruments.

use model::event::{Event, event};
use model::ids::{ClientOrderId, InstrumentId, StrategyId, VenueId};
use model::limits::{INTENTS_IN_FLIGHT_MAX, INTENTS_PER_EVENT_MAX};
use model::num::Lots;
use model::record::Record;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::asks::Asks;
use super::candles::Candles;
use super::registry::Registry;
use super::running::AnyStrategy;
use super::timer::Timers;
use super::watched::Watched;
use super::{Cause, View};
use crate::machine::blobs::LaneBlobs;
use crate::machine::config::{ConfigProblem, StrategyConfig};
use crate::machine::digest::{Digest, Sink};
use crate::machine::error::ApplyError;
use crate::machine::intent::{Action, IntentBuffer, Place};
use crate::machine::market::{Book, Moved};
use crate::machine::orders::{AppliedTrades, NewlyApproved, Order, Orders};

/// Live orders of one strategy.
pub(super) const OWN_ORDERS_MAX: usize = 128;
/// Ended orders that it remembers.
pub(super) const OWN_ENDED_REMEMBERED: usize = 128;

/// What the machine tells a runner when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setting {
    /// Venue of its account.
    pub(crate) venue: VenueId,
    pub(crate) book_window_ticks: u32,
    pub(crate) recv_window_ns: u64,
    pub(crate) epoch: u32,
    pub(crate) last_event: u64,
    pub(crate) time_ns: u64,
    /// Kills that stop it: a bit for each kind of scope.
    pub(crate) killed: u8,
}

/// A strategy and what it knows.
#[derive(Debug, Clone)]
pub struct StrategyRunner {
    pub(super) id: StrategyId,
    pub(super) config: StrategyConfig,
    pub(super) setting: Setting,
    pub(super) strategy: Box<dyn AnyStrategy>,
    pub(super) blobs: LaneBlobs,
    pub(super) watched: Vec<Watched>,
    pub(super) candles: Vec<Candles>,
    pub(super) orders: Orders,
    pub(super) trades: AppliedTrades,
    pub(super) counter: u32,
    pub(super) in_flight: usize,
    pub(super) timers: Timers,
    /// The first time at which a timer rings or a candle closes; made anew from those.
    pub(super) due_ns: u64,
    pub(super) connected: bool,
    pub(super) stopping: bool,
}

impl StrategyRunner {
    /// A strategy that has seen nothing yet.
    ///
    /// # Errors
    ///
    /// [`ConfigProblem`]: the program has no such strategy, or it cannot be made of these values.
    pub(crate) fn new(
        id: StrategyId,
        config: StrategyConfig,
        setting: Setting,
        registry: &Registry,
    ) -> Result<Self, ConfigProblem> {
        let strategy = registry.make(&path(id), &config)?;
        let candles = strategy.candles().into_iter().map(Candles::new).collect();
        Ok(Self {
            id,
            strategy,
            setting,
            blobs: LaneBlobs::default(),
            watched: config
                .instruments
                .iter()
                .copied()
                .map(Watched::new)
                .collect(),
            candles,
            config,
            orders: Orders::new(OWN_ORDERS_MAX, OWN_ENDED_REMEMBERED),
            trades: AppliedTrades::new(),
            counter: 0,
            in_flight: 0,
            timers: Timers::default(),
            due_ns: u64::MAX,
            connected: false,
            stopping: false,
        })
    }

    /// Applies one event and raises the intents that it causes. What `intents` held is replaced.
    ///
    /// # Errors
    ///
    /// [`ApplyError`].
    pub fn apply(&mut self, record: &Record, intents: &mut IntentBuffer) -> Result<(), ApplyError> {
        self.apply_followed(record, intents, None)
    }

    /// As [`Self::apply`], where the depth of its books is kept elsewhere, and `moved` is what the
    /// event did to it.
    pub(crate) fn apply_followed(
        &mut self,
        record: &Record,
        intents: &mut IntentBuffer,
        moved: Option<Moved>,
    ) -> Result<(), ApplyError> {
        intents.clear();
        crate::machine::check_next(self.setting.last_event, record)?;
        let event = event(record).map_err(|error| ApplyError::Record {
            event: record.event,
            error,
        })?;
        self.setting.last_event = record.event;
        self.setting.time_ns = self.setting.time_ns.max(record.time_ns);
        let due = self.due_ns <= self.setting.time_ns;
        let closed = if due { self.close_candles() } else { 0 };
        let cause = self.fold(record, &event, moved)?;
        if due {
            self.ring(closed, intents);
        }
        if let Some(cause) = cause
            && (!cause.is_market() || self.strategy.hears_market())
        {
            self.call(cause, intents);
        }
        Ok(())
    }

    /// Before this machine time a market event cannot make the strategy do anything.
    #[inline]
    pub(crate) fn quiet_until_ns(&self) -> u64 {
        if self.candles.is_empty() && !self.strategy.hears_market() {
            self.due_ns
        } else {
            0
        }
    }

    /// Takes a market event that has this number and comes before [`Self::quiet_until_ns`].
    #[inline]
    pub(crate) fn pass(
        &mut self,
        number: u64,
        record: &Record,
        event: &Event<'_>,
        moved: Option<Moved>,
    ) {
        self.setting.last_event = number;
        self.setting.time_ns = self.setting.time_ns.max(record.time_ns);
        let _not_called = self.on_market(record, event, moved);
    }

    /// Its books, to give or take their depth.
    pub(crate) fn books_mut(&mut self) -> impl Iterator<Item = (InstrumentId, &mut Book)> {
        let listed = self.watched.iter_mut();
        listed.filter_map(|one| Some((one.id, one.listing.as_deref_mut()?.book_mut())))
    }

    /// Closes the candles whose interval is over, before the event itself counts. A bit each.
    fn close_candles(&mut self) -> u16 {
        let now = self.setting.time_ns;
        let feeds = (0_u16..).zip(&mut self.candles);
        feeds.fold(0, |closed, (feed, candles)| {
            closed | u16::from(candles.pass(now)) << feed
        })
    }

    /// Calls the strategy for closed candles, then for due timers. A timer that is set again
    /// meanwhile, however early, waits for the next event.
    fn ring(&mut self, closed: u16, intents: &mut IntentBuffer) {
        for feed in 0..self.candles.len() {
            if closed >> feed & 1 == 1 {
                self.call(Cause::Candle(feed), intents);
            }
        }
        let now = self.setting.time_ns;
        let mut due = self.timers.due(now);
        while due != 0 {
            if let Some(timer) = self.timers.take(now, &mut due) {
                self.call(Cause::Timer(timer), intents);
            } else if self.timers.due(now) & due == 0 {
                break;
            }
        }
        self.reckon_due();
    }

    fn call(&mut self, cause: Cause, intents: &mut IntentBuffer) {
        if !self.is_listed() {
            return;
        }
        let raised = intents.len();
        let credits = INTENTS_IN_FLIGHT_MAX.saturating_sub(self.in_flight);
        let view = View {
            time_ns: self.setting.time_ns,
            watched: &self.watched,
            candles: &self.candles,
            orders: &self.orders,
        };
        let mut asks = Asks {
            event: self.setting.last_event,
            time_ns: self.setting.time_ns,
            epoch: self.setting.epoch,
            strategy: self.id,
            may_trade: self.connected && !self.stopping && self.setting.killed == 0,
            room: raised + credits.min(INTENTS_PER_EVENT_MAX - raised),
            orders_room: OWN_ORDERS_MAX.saturating_sub(self.orders.live_count()),
            watched: &self.watched,
            orders: &self.orders,
            counter: &mut self.counter,
            intents,
            timers: &mut self.timers,
        };
        self.strategy.on_event(cause, &view, &mut asks);
        self.note(raised, intents);
        self.reckon_due();
    }

    /// Takes down what was just asked for.
    fn note(&mut self, raised: usize, intents: &IntentBuffer) {
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
                Action::CancelAll { instrument } => self.orders.update_live(|order| {
                    order.cancel_wanted |= instrument.is_none_or(|on| order.instrument == on);
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

    /// The first time at which anything rings or closes.
    pub(super) fn reckon_due(&mut self) {
        let closes = self.candles.iter().map(Candles::ends_ns);
        let first = closes.min().unwrap_or(u64::MAX);
        self.due_ns = first.min(self.timers.next_ns());
    }

    /// Whether this runner goes on under another configuration: same name, account, instruments.
    pub(crate) fn continues(&self, config: &StrategyConfig) -> bool {
        self.config.name == config.name
            && self.config.account == config.account
            && self.config.instruments == config.instruments
    }

    /// Takes new parameters; the strategy itself, its candles and its timers start afresh if they
    /// differ.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub(crate) fn reconfigure(
        &mut self,
        config: StrategyConfig,
        recv_window_ns: u64,
        registry: &Registry,
    ) -> Result<(), ConfigProblem> {
        if (&self.config.kind, &self.config.params) != (&config.kind, &config.params) {
            self.strategy = registry.make(&path(self.id), &config)?;
            self.candles = self
                .strategy
                .candles()
                .into_iter()
                .map(Candles::new)
                .collect();
            self.timers = Timers::default();
            self.reckon_due();
        }
        self.config = config;
        self.setting.recv_window_ns = recv_window_ns;
        Ok(())
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

    /// What its own fills in an instrument sum up to.
    #[must_use]
    pub fn position(&self, instrument: InstrumentId) -> Lots {
        let watched = self.watched.iter().find(|one| one.id == instrument);
        watched.map_or(Lots::ZERO, |one| one.position)
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

/// Where a strategy stands in a configuration.
fn path(id: StrategyId) -> String {
    format!("strategies[{}]", id.0)
}

impl Digest for StrategyRunner {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.id.0);
        sink.value(&self.config);
        self.strategy.digest(sink);
        for watched in &self.watched {
            watched.digest(sink);
        }
        for candles in &self.candles {
            candles.digest(sink);
        }
        self.orders.digest(sink);
        self.trades.digest(sink);
        sink.number(self.counter);
        sink.number(self.in_flight as u64);
        self.timers.digest(sink);
        for flag in [self.connected, self.stopping] {
            sink.number(flag);
        }
        sink.number(self.setting.killed);
        let numbers = [
            u64::from(self.setting.venue.0),
            u64::from(self.setting.epoch),
            self.setting.last_event,
            self.setting.time_ns,
        ];
        for number in numbers {
            sink.number(number);
        }
    }
}
