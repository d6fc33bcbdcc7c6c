//! The order connection without its socket: what is said, in which order, and what is believed.
//!
//! ```text
//!   Closed -> Measuring -> LoggingOn (Ed25519) -> Subscribing -> Reconciling -> Up
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
use model::record::Kind;

use super::config::{GatewayConfig, GatewayError, GatewayTiming};
use super::emit::{Emitter, Origin, refusal};
use super::known::Known;
use super::line::{Line, NotWritten, Outlet};
use super::table::{OrderKey, Purpose, Request, Task};
use crate::binance::wire::frame::{self, Frame};
use crate::binance::wire::request::{self, Trades};
use crate::link::venue_time::TimeOffset;
use crate::wire::symbols::Entry;
use crate::wire::{Symbols, WireError};

/// Requests of our own that wait, without growing.
const TASKS: usize = 256;
/// Measurements of the venue's time in one round.
const TIME_SAMPLES: u32 = 3;
/// Deadlines are looked at this often.
const TICK_NS: u64 = 5_000_000;
const SECOND_NS: u64 = 1_000_000_000;
/// Most rows of one page of trades.
pub(super) const TRADES_PAGE: u64 = 1_000;

/// How far the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Closed,
    Measuring,
    LoggingOn,
    Subscribing,
    Reconciling,
    Up,
}

/// The connection has to end, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) state: LinkState,
    pub(super) code: i32,
    pub(super) words: String,
}

/// A round of measurements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) left: u32,
    pub(super) best: Option<TimeOffset>,
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
pub(super) struct Session {
    pub(super) symbols: Symbols,
    pub(super) entries: Vec<Entry>,
    slots: Vec<Option<usize>>,
    pub(super) line: Line,
    pub(super) emit: Emitter,
    pub(super) known: Known,
    pub(super) phase: Phase,
    pub(super) tasks: VecDeque<Task>,
    pub(super) round: Option<Round>,
    time_asked: bool,
    /// The last trade of each instrument that was asked for and dealt with.
    pub(super) cursors: Vec<Option<u64>>,
    /// Fills of orders that we do not know, until the venue says whose they are.
    pub(super) unplaced: Vec<(usize, Fill)>,
    /// Open orders, reported behind the fills.
    pub(super) statuses: Vec<(InstrumentId, OrderReport)>,
    pub(super) assets: Vec<AssetName>,
    pub(super) list_wanted: bool,
    /// Instruments whose cancel of everything the connection took with it: sent again.
    pub(super) cancel_wanted: Vec<bool>,
    pub(super) end: Option<End>,
    pub(super) counts: GatewayCounts,
    pub(super) timing: GatewayTiming,
    announced: Option<LinkState>,
    renewing_since_ns: Option<u64>,
    opened_ns: u64,
    heard_ns: u64,
    trades_due_ns: u64,
    next_slot: usize,
    tick_due_ns: u64,
}

impl Session {
    pub(super) fn new(config: &mut GatewayConfig) -> Result<Self, GatewayError> {
        config.check()?;
        let symbols = Symbols::new(&config.instruments)?;
        let specs = &config.instruments;
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
        for (instrument, trade) in &config.resume {
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
            line: Line::new(config),
            emit: Emitter::new(config.venue, config.account),
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
            end: None,
            counts: GatewayCounts::default(),
            timing: config.timing,
            announced: None,
            renewing_since_ns: None,
            opened_ns: 0,
            heard_ns: 0,
            trades_due_ns: 0,
            next_slot: 0,
            tick_due_ns: 0,
        })
    }

    /// The instrument's position.
    pub(super) fn slot(&self, instrument: InstrumentId) -> Option<usize> {
        self.slots.get(instrument.index()).copied().flatten()
    }

    /// The socket is open.
    pub(super) fn opened(&mut self, now_ns: u64) {
        self.emit.stamp_ns = now_ns;
        self.opened_ns = now_ns;
        self.heard_ns = now_ns;
        self.phase = Phase::Measuring;
        self.line.logged_on = false;
        self.end = None;
        self.renewing_since_ns = None;
        self.time_asked = false;
        self.statuses.clear();
        self.emit.hold();
        self.measure();
    }

    /// Begins to measure the venue's time, if that is not under way.
    pub(super) fn measure(&mut self) {
        if self.round.is_none() || !self.time_asked {
            self.round = Some(Round {
                left: TIME_SAMPLES,
                best: None,
            });
            self.ask_time();
        }
    }

    pub(super) fn ask_time(&mut self) {
        if !self.time_asked {
            self.time_asked = true;
            self.tasks.push_back(Task::Time);
        }
    }

    pub(super) const fn time_answered(&mut self) {
        self.time_asked = false;
    }

    /// One message.
    pub(super) fn text(&mut self, bytes: &[u8], stamp_ns: u64) {
        self.emit.stamp_ns = stamp_ns;
        self.heard_ns = stamp_ns;
        match frame::decode(bytes) {
            Ok(Frame::Answer(answer)) => self.answer(&answer),
            Ok(Frame::Event(event)) => self.event(&event),
            Err(error) => self.unreadable(error),
        }
    }

    #[cold]
    pub(super) fn unreadable(&mut self, error: WireError) {
        self.counts.unparsed += 1;
        self.emit.remark(0, &format!("unread message: {error}"));
    }

    /// Something of the venue's that concerns orders or money and that we cannot take: never held
    /// back, because nothing else says it.
    #[cold]
    pub(super) fn strange(&mut self, what: &str, error: WireError) {
        self.counts.unparsed += 1;
        self.emit.notice(0, &format!("{what}: {error}"));
    }

    /// The venue will close the connection soon: replace it when no order is on its way.
    pub(super) fn renew(&mut self) {
        let now_ns = self.emit.stamp_ns;
        self.renewing_since_ns.get_or_insert(now_ns);
    }

    #[cold]
    pub(super) fn end(&mut self, state: LinkState, code: i32, words: impl Into<String>) {
        if self.end.is_none() {
            let words = words.into();
            self.end = Some(End { state, code, words });
        }
    }

    /// Deadlines. Cheap when nothing is due.
    pub(super) fn tick(&mut self, now_ns: u64) {
        if now_ns < self.tick_due_ns || self.phase == Phase::Closed {
            return;
        }
        self.tick_due_ns = now_ns.saturating_add(TICK_NS);
        self.emit.stamp_ns = now_ns;
        while let Some(request) = self.line.table.take_overdue(now_ns) {
            self.failed(&request, RejectReason::NoAnswer, "no answer in time");
            if self.phase == Phase::Up {
                self.ask_time();
            }
        }
        if self.phase != Phase::Up {
            return;
        }
        if now_ns.saturating_sub(self.heard_ns) >= self.timing.probe_ns {
            self.ask_time();
        }
        let measured_ns = self.line.time.measured_ns();
        if now_ns.saturating_sub(measured_ns) >= self.timing.measure_ns {
            self.measure();
        }
        self.ask_trades(now_ns);
        if now_ns.saturating_sub(self.opened_ns) >= self.timing.renew_ns {
            self.renew();
        }
        self.renew_when_quiet(now_ns);
    }

    fn ask_trades(&mut self, now_ns: u64) {
        let count = self.entries.len();
        if now_ns < self.trades_due_ns || count == 0 {
            return;
        }
        let spacing_ns = (self.timing.trades_ns / count as u64).max(SECOND_NS);
        self.trades_due_ns = now_ns.saturating_add(spacing_ns.min(self.timing.trades_ns));
        let slot = self.next_slot % count;
        self.next_slot = slot + 1;
        let asked =
            |task: &Task| matches!(task, Task::Trades { slot: other, .. } if *other == slot);
        if !self.tasks.iter().any(asked) {
            self.tasks.push_back(self.trades_of_slot(slot));
        }
    }

    /// Asks for what follows the cursor.
    pub(super) fn trades_of_slot(&self, slot: usize) -> Task {
        let from = self.cursors[slot].map(|last| last.saturating_add(1));
        Task::Trades { slot, from }
    }

    fn renew_when_quiet(&mut self, now_ns: u64) {
        let Some(since_ns) = self.renewing_since_ns else {
            return;
        };
        let waited = now_ns.saturating_sub(since_ns) >= self.timing.request_ns;
        if waited || self.line.table.is_empty() {
            self.end(
                LinkState::Down,
                0,
                "replaced by a new connection, as planned",
            );
        }
    }

    /// Sends requests of our own, and says `Up` when all is reconciled.
    pub(super) fn pump(&mut self, outlet: &mut impl Outlet, now_ns: u64) -> bool {
        let mut worked = false;
        // Each once: what has to wait for a limit does not hold up what need not.
        for _ in 0..self.tasks.len() {
            let Some(task) = self.tasks.pop_front() else {
                break;
            };
            let urgent = matches!(task, Task::Time | Task::CancelAll { .. });
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
        if std::mem::take(&mut self.list_wanted) {
            self.tasks.push_back(Task::List);
        }
    }

    /// Writes one request of our own.
    pub(super) fn ask(
        &mut self,
        task: Task,
        outlet: &mut impl Outlet,
        now_ns: u64,
    ) -> Result<(), NotWritten> {
        let entries = &self.entries;
        self.line.submit(
            outlet,
            now_ns,
            Purpose::Own(task),
            |context, scratch, out| {
                let trades = |slot: usize, which, scratch, out| {
                    request::my_trades(context, &entries[slot], which, scratch, out)
                };
                match task {
                    Task::Time => request::time(context, scratch, out),
                    Task::Logon => request::logon(context, scratch, out),
                    Task::Subscribe => request::subscribe(context, scratch, out),
                    Task::Reconcile | Task::List => request::all_open_orders(context, scratch, out),
                    Task::Account => request::account_status(context, scratch, out),
                    Task::WhoIs { slot, order_id } => {
                        let entry = &entries[slot];
                        request::order_by_venue_id(context, entry, order_id, scratch, out)
                    }
                    Task::CancelAll { slot } => {
                        request::cancel_all(context, &entries[slot], scratch, out)
                    }
                    Task::Trades { slot, from: None } => {
                        trades(slot, Trades::Latest(1), scratch, out)
                    }
                    Task::Trades {
                        slot,
                        from: Some(id),
                    } => {
                        let limit = TRADES_PAGE;
                        trades(slot, Trades::From { id, limit }, scratch, out)
                    }
                    Task::TradesOf { key, from, status } => {
                        let order = status.venue_order_id;
                        let which = match from {
                            None => Trades::OfOrder(order),
                            Some(id) => Trades::OfOrderFrom { order, id },
                        };
                        trades(key.slot, which, scratch, out)
                    }
                }
            },
        )
    }

    /// The connection is gone: every request on its way has an unknown outcome.
    #[cold]
    pub(super) fn lost(&mut self, end: &End, now_ns: u64) {
        self.emit.stamp_ns = now_ns;
        self.say_lost(end);
        self.phase = Phase::Closed;
        self.end = None;
        self.round = None;
        // What the stream said is true, whatever becomes of the rest.
        self.emit.release();
        while let Some(purpose) = self.next_lost() {
            if purpose == Purpose::Own(Task::List) {
                self.list_wanted = true;
            }
            if let Purpose::Own(Task::CancelAll { slot }) = purpose {
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

    pub(super) fn say_syncing(&mut self) {
        self.announced = Some(LinkState::Syncing);
        let words = "connected and subscribed; reconciling";
        self.emit.link(LinkState::Syncing, 0, words);
    }

    /// An order whose fate nobody knows.
    pub(super) fn unknown(&mut self, key: OrderKey, reason: RejectReason, code: i32, words: &str) {
        let report = refusal(key.client_id, reason, code, words);
        let instrument = self.entries[key.slot].instrument;
        self.emit
            .order(Kind::OrderUnknown, instrument, &report, Origin::Answer);
    }
}
