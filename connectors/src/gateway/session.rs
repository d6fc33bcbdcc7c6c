//! The order connection without its socket: what is said, in which order, and what is believed.
//!
//! ```text
//!   Closed -> Measuring -> LoggingOn (if it must) -> Subscribing -> Reconciling -> Up
//! ```
//!
//! Messages and time go in; events wait in the emitter, requests of our own in a queue that
//! [`Session::pump`] sends. Nothing here reads a clock or a socket.
//!
//! Invariants
//! - S1: `Up` is said behind every fill, order and balance that the venue has for us.
//! - S2: the cursor of an instrument's trades rises only by what was asked for, never by what the
//!   stream brought: so a silent stream loses nothing.
//! - S3: each request ends in an event about each order that it concerns.
//!
//! Hot path: yes. Allocates: no in steady state.

use std::collections::VecDeque;

use model::body::{AssetName, Fill, LinkState, OrderReport, RejectReason};
use model::ids::InstrumentId;
use model::ports::EventSink;
use model::record::Kind;

use super::changes::DOUBTS_MAX;
use super::config::{GatewayError, GatewayTiming, Setup};
use super::dialect::{Ask, Dialect, Habits};
use super::emit::{Emitter, Origin, refusal};
use super::known::{Known, is_counted};
use super::line::{Line, NotWritten, Outlet};
use super::money::MoneyCursor;
use super::replacing::Replacing;
use super::said::Event;
use super::table::{OrderKey, Purpose, Request, Task};
use crate::link::venue_time::TimeOffset;
use crate::net::{HttpFailure, HttpResponse};
use crate::wire::symbols::Entry;
use crate::wire::{Symbols, WireError};

/// Requests of our own that wait, without growing.
const TASKS: usize = 256;
/// Measurements of the venue's time in one round.
const TIME_SAMPLES: u32 = 3;

/// How far the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Closed,
    Measuring,
    LoggingOn,
    Subscribing,
    Reconciling,
    Up,
}

/// The connection has to end, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) state: LinkState,
    pub(crate) code: i32,
    pub(crate) words: String,
}

/// A round of measurements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    pub(crate) left: u32,
    pub(crate) best: Option<TimeOffset>,
}

/// What was seen and not acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GatewayCounts {
    /// Messages that could not be read.
    pub unparsed: u64,
    /// Reports of orders that are not ours.
    pub foreign: u64,
    /// Answers to no request that waits: late ones.
    pub late: u64,
    /// Connections that were lost or replaced.
    pub lost: u64,
}

/// The connection's state.
#[derive(Debug)]
pub(crate) struct Session<D> {
    pub(crate) symbols: Symbols,
    pub(crate) entries: Vec<Entry>,
    slots: Vec<Option<usize>>,
    pub(crate) line: Line<D>,
    pub(crate) habits: Habits,
    pub(super) emit: Emitter,
    pub(super) known: Known,
    pub(crate) phase: Phase,
    pub(crate) tasks: VecDeque<Task>,
    pub(crate) round: Option<Round>,
    time_asked: bool,
    /// The last trade of each instrument that was asked for and dealt with.
    pub(crate) cursors: Vec<Option<u64>>,
    /// Fills of orders that we do not know, until the venue says whose they are.
    pub(crate) unplaced: Vec<(usize, Fill)>,
    /// Open orders, reported behind the fills.
    pub(crate) statuses: Vec<(InstrumentId, OrderReport)>,
    pub(crate) assets: Vec<AssetName>,
    pub(crate) list_wanted: bool,
    /// Instruments whose cancel of everything the connection took with it: sent again.
    pub(crate) cancel_wanted: Vec<bool>,
    /// Orders whose amendment nobody answered.
    pub(crate) amends_in_doubt: Vec<OrderKey>,
    /// New orders that wait for the end of old ones.
    pub(super) replacing: Vec<Replacing>,
    /// Path of the private stream, once the venue has said it, until it is opened.
    pub(crate) stream_path: Option<String>,
    /// Events of one message; kept for its memory.
    told: Vec<Event>,
    pub(crate) end: Option<End>,
    pub(crate) counts: GatewayCounts,
    pub(crate) timing: GatewayTiming,
    announced: Option<LinkState>,
    pub(super) renewing_since_ns: Option<u64>,
    pub(super) opened_ns: u64,
    pub(super) heard_ns: u64,
    pub(super) trades_due_ns: u64,
    pub(super) next_slot: usize,
    pub(super) tick_due_ns: u64,
    pub(super) keep_alive_due_ns: u64,
    pub(super) dead_man_due_ns: u64,
    pub(super) money: [MoneyCursor; 2],
    pub(super) money_due_ns: u64,
}

impl<D: Dialect> Session<D> {
    pub(crate) fn new(setup: &Setup, dialect: D) -> Result<Self, GatewayError> {
        let symbols = Symbols::new(&setup.instruments)?;
        let specs = &setup.instruments;
        let entries: Vec<Entry> = specs
            .iter()
            .filter_map(|spec| symbols.find(spec.symbol.as_bytes()).cloned())
            .collect();
        let places = entries.iter().map(|entry| entry.instrument.index() + 1);
        let mut slots = vec![None; places.max().unwrap_or(0)];
        for (slot, entry) in entries.iter().enumerate() {
            slots[entry.instrument.index()] = Some(slot);
        }
        let mut cursors = vec![None; entries.len()];
        let cancel_wanted = vec![false; entries.len()];
        let counted = setup.resume.iter().filter(|(_, id)| is_counted(*id));
        for (instrument, trade) in counted {
            if let Some(Some(slot)) = slots.get(instrument.index()) {
                cursors[*slot] = Some(*trade);
            }
        }
        let mut assets = Vec::with_capacity(2 * specs.len() + 16);
        for name in specs.iter().flat_map(|spec| [&spec.base, &spec.quote]) {
            let name = AssetName::cut(name);
            if !assets.contains(&name) {
                assets.push(name);
            }
        }
        Ok(Self {
            symbols,
            entries,
            slots,
            habits: dialect.habits(),
            line: Line::new(setup, dialect),
            emit: Emitter::new(setup.venue, setup.account),
            known: Known::new(),
            phase: Phase::Closed,
            tasks: VecDeque::with_capacity(TASKS),
            round: None,
            time_asked: false,
            cursors,
            unplaced: Vec::with_capacity(64),
            statuses: Vec::with_capacity(64),
            assets,
            list_wanted: false,
            cancel_wanted,
            amends_in_doubt: Vec::with_capacity(DOUBTS_MAX),
            replacing: Vec::with_capacity(64),
            stream_path: None,
            told: Vec::with_capacity(64),
            end: None,
            counts: GatewayCounts::default(),
            timing: setup.timing,
            announced: None,
            renewing_since_ns: None,
            opened_ns: 0,
            heard_ns: 0,
            trades_due_ns: 0,
            next_slot: 0,
            tick_due_ns: 0,
            keep_alive_due_ns: 0,
            dead_man_due_ns: 0,
            money: Default::default(),
            money_due_ns: 0,
        })
    }

    /// Moves into the lane what it takes; whether anything was moved.
    pub(crate) fn flush(&mut self, sink: &mut impl EventSink) -> bool {
        self.emit.flush(sink)
    }

    /// The instrument's position.
    pub(crate) fn slot(&self, instrument: InstrumentId) -> Option<usize> {
        self.slots.get(instrument.index()).copied().flatten()
    }

    /// The socket is open.
    pub(crate) fn opened(&mut self, now_ns: u64) {
        self.emit.stamp_ns = now_ns;
        self.opened_ns = now_ns;
        self.heard_ns = now_ns;
        self.phase = Phase::Measuring;
        self.line.dialect.logged_on(false);
        self.stream_path = None;
        self.end = None;
        self.renewing_since_ns = None;
        self.time_asked = false;
        self.statuses.clear();
        self.emit.hold();
        self.measure();
    }

    /// Begins to measure the venue's time, if that is not under way.
    pub(crate) fn measure(&mut self) {
        if self.round.is_none() || !self.time_asked {
            self.round = Some(Round {
                left: TIME_SAMPLES,
                best: None,
            });
            self.ask_time();
        }
    }

    pub(crate) fn ask_time(&mut self) {
        if !self.time_asked {
            self.time_asked = true;
            self.tasks.push_back(Task::Time);
        }
    }

    pub(crate) const fn time_answered(&mut self) {
        self.time_asked = false;
    }

    /// One message, of the order connection or the private stream.
    pub(crate) fn text(&mut self, bytes: &[u8], stamp_ns: u64) {
        self.emit.stamp_ns = stamp_ns;
        self.heard_ns = stamp_ns;
        let mut events = std::mem::take(&mut self.told);
        let heard = self.line.dialect.hear(bytes, &self.symbols, &mut events);
        match heard {
            Ok(Some(answer)) => self.answer(answer),
            Ok(None) => {}
            Err(error) => self.unreadable(error),
        }
        for event in events.drain(..) {
            self.event(event);
        }
        self.told = events;
    }

    /// What became of a request over HTTP.
    pub(crate) fn http(
        &mut self,
        id: u64,
        result: Result<HttpResponse<'_>, HttpFailure>,
        stamp_ns: u64,
    ) {
        self.emit.stamp_ns = stamp_ns;
        let Some(purpose) = self.line.table.get(id).map(|request| request.purpose) else {
            self.counts.late += 1;
            return;
        };
        let failed = match result {
            Ok(response) => match self.line.dialect.hear_http(&purpose, &response) {
                Ok(mut answer) => {
                    answer.id = Some(id);
                    return self.answer(answer);
                }
                Err(error) => {
                    self.unreadable(error);
                    self.stopped(&response);
                    (
                        RejectReason::VenueUnsure,
                        "the answer could not be read".to_owned(),
                    )
                }
            },
            Err(failure) => (RejectReason::NoAnswer, failure.to_string()),
        };
        if let Some(request) = self.line.table.take(id) {
            self.failed(&request, failed.0, &failed.1);
        }
    }

    /// The private stream is open, where it is a connection of its own.
    pub(crate) fn stream_opened(&mut self, now_ns: u64) {
        self.emit.stamp_ns = now_ns;
        if self.phase == Phase::Subscribing {
            self.begin_to_reconcile();
        }
    }

    #[cold]
    pub(crate) fn unreadable(&mut self, error: WireError) {
        self.counts.unparsed += 1;
        self.emit.remark(0, &format!("unread message: {error}"));
    }

    /// Something of the venue's that concerns orders or money and that we cannot take: never held
    /// back, because nothing else says it.
    #[cold]
    pub(crate) fn strange(&mut self, what: &str, error: WireError) {
        self.counts.unparsed += 1;
        self.emit.notice(0, &format!("{what}: {error}"));
    }

    /// The venue will close the connection soon: replace it when no order is on its way.
    pub(crate) fn renew(&mut self) {
        let now_ns = self.emit.stamp_ns;
        self.renewing_since_ns.get_or_insert(now_ns);
    }

    #[cold]
    pub(crate) fn end(&mut self, state: LinkState, code: i32, words: impl Into<String>) {
        if self.end.is_none() {
            let words = words.into();
            self.end = Some(End { state, code, words });
        }
    }

    /// Asks once, however often that is wanted.
    pub(crate) fn want(&mut self, task: Task) {
        if !self.tasks.contains(&task) {
            self.tasks.push_back(task);
        }
    }

    /// Asks for what follows the cursor.
    pub(crate) fn trades_of_slot(&self, slot: usize) -> Task {
        Task::Trades {
            slot,
            after: self.cursors[slot],
            page: None,
            latest: 0,
        }
    }

    /// Sends requests of our own, and says `Up` when all is reconciled.
    pub(crate) fn pump(&mut self, outlet: &mut impl Outlet, now_ns: u64) -> bool {
        let mut worked = false;
        // Each once: what has to wait for a limit does not hold up what need not.
        for _ in 0..self.tasks.len() {
            let Some(task) = self.tasks.pop_front() else {
                break;
            };
            let urgent = matches!(
                task,
                Task::Time | Task::CancelAll { .. } | Task::CancelSome { .. }
            );
            if self.round.is_some() && !urgent {
                // With a clock that is known to be wrong it would be refused.
                self.tasks.push_back(task);
                continue;
            }
            match self.ask(task, outlet, now_ns) {
                Ok(()) => worked = true,
                Err(refused) if refused.is_final() => {
                    self.emit.stamp_ns = now_ns;
                    self.drop_purpose(
                        &Purpose::Own(task),
                        RejectReason::NotSent,
                        "the request cannot be written",
                    );
                    self.own_failed(task, "cannot be written: no answer");
                }
                Err(_) => self.tasks.push_back(task),
            }
        }
        worked = self.place_replacements(outlet, now_ns) || worked;
        if self.phase == Phase::Reconciling && self.is_reconciled() {
            self.up();
            worked = true;
        }
        worked
    }

    fn is_reconciled(&self) -> bool {
        if self.tasks.iter().any(|task| task.reconciles()) {
            return false;
        }
        let own =
            |request: &Request| matches!(request.purpose, Purpose::Own(task) if task.reconciles());
        self.unplaced.is_empty() && !self.line.table.iter().any(own)
    }

    fn up(&mut self) {
        for (instrument, report) in self.statuses.drain(..) {
            self.emit
                .order(Kind::OrderStatus, instrument, &report, Origin::Query);
        }
        self.emit.release();
        self.phase = Phase::Up;
        self.announced = Some(LinkState::Up);
        self.emit
            .link(LinkState::Up, 0, "orders, fills and balances reconciled");
        self.trades_due_ns = self.emit.stamp_ns.saturating_add(self.timing.trades_ns);
        self.dead_man_due_ns = 0;
        if let Some(every_ns) = self.habits.keep_alive_ns {
            self.keep_alive_due_ns = self.emit.stamp_ns.saturating_add(every_ns);
        }
        if std::mem::take(&mut self.list_wanted) {
            self.tasks.push_back(Task::LIST);
        }
    }

    /// Writes one request of our own.
    pub(crate) fn ask(
        &mut self,
        task: Task,
        outlet: &mut impl Outlet,
        now_ns: u64,
    ) -> Result<(), NotWritten> {
        let (purpose, ask) = (Purpose::Own(task), Ask::Own(task));
        self.line
            .submit(outlet, now_ns, purpose, ask, &self.entries)
    }

    /// The connection is gone: every request on its way has an unknown outcome.
    #[cold]
    pub(crate) fn lost(&mut self, end: &End, now_ns: u64) {
        self.emit.stamp_ns = now_ns;
        self.say_lost(end);
        self.phase = Phase::Closed;
        self.end = None;
        self.round = None;
        self.stream_path = None;
        self.drop_replacements();
        // What the stream said is true, whatever becomes of the rest.
        self.emit.release();
        while let Some(purpose) = self.next_lost() {
            if let Purpose::Own(Task::List { .. }) = purpose {
                self.list_wanted = true;
            }
            if let Purpose::Own(Task::CancelAll { slot } | Task::CancelSome { slot, .. }) = purpose
            {
                self.cancel_wanted[slot] = true;
            }
            self.drop_purpose(&purpose, RejectReason::NoAnswer, "the connection was lost");
        }
    }

    fn next_lost(&mut self) -> Option<Purpose> {
        let request = self.line.table.take_any().map(|request| request.purpose);
        request.or_else(|| self.tasks.pop_front().map(Purpose::Own))
    }

    /// A state is said once; what repeats it is a remark.
    fn say_lost(&mut self, end: &End) {
        if self.phase != Phase::Closed {
            self.counts.lost += 1;
        }
        if self.announced == Some(end.state) {
            self.emit.remark(end.code, &end.words);
        } else {
            self.announced = Some(end.state);
            self.emit.link(end.state, end.code, &end.words);
        }
    }

    pub(crate) fn say_syncing(&mut self) {
        self.announced = Some(LinkState::Syncing);
        let words = "connected and subscribed; reconciling";
        self.emit.link(LinkState::Syncing, 0, words);
    }

    /// An order whose fate nobody knows.
    pub(crate) fn unknown(&mut self, key: OrderKey, reason: RejectReason, code: i32, words: &str) {
        let report = refusal(key.client_id, reason, code, words);
        self.say(Kind::OrderUnknown, key, &report, Origin::Answer);
    }
}
