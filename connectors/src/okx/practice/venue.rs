//! The practice OKX as the server's loop sees it: requests in, answers and events out.

use std::collections::BTreeSet;

use model::num::{Lots, Ticks};
use serde_json::{Value, json};

use super::core::Core;
use super::error::Error;
use super::faulty::{Outcome, op_of};
use super::frames::{Frames, Road, Said};
use super::market::Tape;
use super::orders::OrderCall;
use crate::practice::delivery::{Delivery, after};
use crate::practice::faults::{Chance, DropScope, FaultKind, Faults};
use crate::practice::server::{Answer, ClientId, Clock, Outbox, Question, Reply, Request, Venue};
use crate::practice::truth;
use crate::practice::{
    FaultSpec, OrderRequest, PracticeConfig, PracticeError, Side, Truth, VenueOrder,
};

/// Between two messages of a book.
const BOOK_NS: u64 = 100_000_000;
const SLOW_NS: u64 = 1_000_000_000;
/// From the word of an upgrade to the cut.
const UPGRADE_NS: u64 = 5_000_000_000;

/// The whole venue.
#[derive(Debug)]
pub(crate) struct OkxPractice {
    pub(super) core: Core,
    pub(super) frames: Frames,
    pub(super) tapes: Vec<Tape>,
    pub(super) faults: Faults,
    /// Private events on their way.
    pub(super) delivery: Delivery,
    /// Market channels are silent until then.
    pub(super) market_muted_until_ns: u64,
    /// When each book without changes is confirmed.
    pub(super) quiet_due_ns: Vec<u64>,
    book_due_ns: u64,
    slow_due_ns: u64,
    /// Private connections are cut then, after the word of it.
    upgrade_due_ns: Option<u64>,
    /// REST clients that asked as an account: they count as order entry.
    pub(super) order_clients: BTreeSet<ClientId>,
    /// Each order as it stood after each change, if a drill wants them.
    pub(super) changes: Option<Vec<VenueOrder>>,
}

impl OkxPractice {
    /// A venue that is about to open.
    pub(crate) fn new(config: &PracticeConfig, wall_ms: i64) -> Result<Self, PracticeError> {
        let mut core = Core::new(config)?;
        core.set_time(Clock { now_ns: 0, wall_ms });
        let count = core.exchange.listings.len();
        Ok(Self {
            core,
            frames: Frames::default(),
            tapes: (0..count).map(|_| Tape::default()).collect(),
            faults: Faults::new(&config.faults, config.fault_seed),
            delivery: Delivery::default(),
            market_muted_until_ns: 0,
            quiet_due_ns: vec![u64::MAX; count],
            book_due_ns: 0,
            slow_due_ns: 0,
            upgrade_due_ns: None,
            order_clients: BTreeSet::new(),
            changes: None,
        })
    }

    fn cut(&self, scope: DropScope, out: &mut Outbox<'_>) {
        let market = matches!(scope, DropScope::All | DropScope::Market);
        let orders = matches!(scope, DropScope::All | DropScope::Orders);
        let wanted = |road| match road {
            Road::Public | Road::Business => market,
            Road::Private => orders,
        };
        for client in self.frames.on(wanted) {
            out.cut(client);
        }
        if orders {
            for client in &self.order_clients {
                out.cut(*client);
            }
        }
    }

    pub(super) fn at_once(&mut self, kind: FaultKind, clock: Clock, out: &mut Outbox<'_>) {
        match kind {
            FaultKind::Drop(scope) => self.cut(scope, out),
            FaultKind::ClockSkew(skew_ms) => self.core.skew_ms = skew_ms,
            FaultKind::MuteMarket(silence) => {
                self.market_muted_until_ns = after(clock.now_ns, silence);
            }
            // The venue has no listen keys: a session ends with the server that it is on.
            FaultKind::ExpireKey => {
                self.upgrade_due_ns = Some(clock.now_ns.saturating_add(UPGRADE_NS));
                let message = "The connection will soon be closed for a service upgrade. Please \
                    reconnect.";
                let notice = json!({
                    "event": "notice", "code": "64008", "msg": message, "connId": "a4d3ae55",
                });
                for client in self.frames.on(|road| road == Road::Private) {
                    out.send(client, notice.to_string());
                }
            }
            FaultKind::Gap
            | FaultKind::DelayAck(_)
            | FaultKind::SilentAccept(_)
            | FaultKind::TimeoutDone
            | FaultKind::TimeoutLost
            | FaultKind::Busy
            | FaultKind::Html
            | FaultKind::UnknownMessage
            | FaultKind::UnknownCode
            | FaultKind::OutOfRange
            | FaultKind::Duplicate
            | FaultKind::Reorder
            | FaultKind::RateLimit
            | FaultKind::OffTick
            | FaultKind::OffLot
            | FaultKind::NegativeBalance
            | FaultKind::Mute(_) => {}
        }
    }

    fn turn_faults(&mut self, clock: Clock, out: &mut Outbox<'_>) {
        while let Some(kind) = self.faults.strike(Chance::Turn, clock.now_ns) {
            self.at_once(kind, clock, out);
        }
        if self.upgrade_due_ns.is_some_and(|due| clock.now_ns >= due) {
            self.upgrade_due_ns = None;
            self.cut(DropScope::Orders, out);
        }
    }

    /// A request about orders over WebSocket.
    fn order_frame(
        &mut self,
        (clock, client): (Clock, ClientId),
        (id, op, account): (&Value, &str, usize),
        (args, expires_ms): (Vec<Value>, Option<i64>),
        out: &mut Outbox<'_>,
    ) {
        if self.faults.strike(Chance::Request, clock.now_ns) == Some(FaultKind::RateLimit) {
            out.send(client, self.frame_of(id, op, Err(Error::limited())));
            return;
        }
        let named = op_of(op).filter(|(_, several)| *several || args.len() == 1);
        let Some((kind, _)) = named else {
            let error = Error::new(60_013, "Invalid args");
            out.send(client, self.frame_of(id, op, Err(error)));
            return;
        };
        let call = OrderCall {
            op: kind,
            args,
            by_code: true,
            expires_ms,
        };
        match self.perform(clock, account, &call) {
            Outcome::Now(result) => {
                let text = self.frame_of(id, op, result);
                out.send(client, text);
            }
            Outcome::Later(wait, result) => {
                let text = self.frame_of(id, op, result);
                out.send_later(after(clock.now_ns, wait), client, text);
            }
            Outcome::Never => {}
        }
    }

    /// Everything, for drills without a server.
    pub(crate) fn truth(&self) -> Truth {
        truth::truth(&self.core.exchange, self.core.now_ms, None)
    }

    pub(crate) fn requests(&self) -> Vec<OrderRequest> {
        self.core.log.all()
    }

    /// What changed since the last call, in order; from the first call on.
    pub(crate) fn take_changes(&mut self) -> Vec<VenueOrder> {
        self.changes.replace(Vec::new()).unwrap_or_default()
    }

    pub(crate) fn add_fault(&mut self, fault: FaultSpec) {
        self.faults.add(fault);
    }

    /// Best levels of a synthetic book.
    pub(crate) fn levels(
        &self,
        instrument: usize,
        side: Side,
        levels: usize,
    ) -> Vec<(Ticks, Lots)> {
        let liquidity = &self.core.exchange.listings[instrument].liquidity;
        let rows = liquidity.levels(side).take(levels);
        rows.map(|(price, qty)| (Ticks(price), Lots(qty))).collect()
    }

    fn next_due_ns(&self) -> u64 {
        let mut due = self.faults.next_due_ns().unwrap_or(u64::MAX);
        due = due.min(self.delivery.due_ns());
        due = due.min(self.book_due_ns).min(self.slow_due_ns);
        due = due.min(self.upgrade_due_ns.unwrap_or(u64::MAX));
        for listing in &self.core.exchange.listings {
            due = due.min(listing.liquidity.due_ns());
        }
        due
    }
}

impl Venue for OkxPractice {
    type Control = Question;

    fn request(&mut self, clock: Clock, client: ClientId, request: &Request) -> Answer {
        self.core.set_time(clock);
        if request.websocket_key.is_none() {
            return self.rest(clock, client, request);
        }
        match Road::of(&request.path) {
            Some(road) => {
                self.frames.open(client, road);
                Answer::Upgrade
            }
            None => Answer::Now(Reply::json(404, String::new())),
        }
    }

    fn text(&mut self, clock: Clock, client: ClientId, text: &str, out: &mut Outbox<'_>) {
        self.core.set_time(clock);
        match self.frames.read(client, text, &self.core) {
            None => {}
            Some(Said::Answers(answers)) => {
                for answer in answers {
                    out.send(client, answer);
                }
            }
            Some(Said::Subscribed(answers, new)) => {
                for answer in answers {
                    out.send(client, answer);
                }
                self.greet(client, new, clock, out);
            }
            Some(Said::Request {
                id,
                op,
                account,
                args,
                expires_ms,
            }) => {
                let whose = (&id, op.as_str(), account);
                self.order_frame((clock, client), whose, (args, expires_ms), out);
            }
        }
    }

    fn gone(&mut self, client: ClientId) {
        self.frames.close(client);
        self.order_clients.remove(&client);
    }

    fn turn(&mut self, clock: Clock, out: &mut Outbox<'_>) -> u64 {
        self.core.set_time(clock);
        self.core.exchange.turn_perps();
        self.core.count_down();
        self.turn_faults(clock, out);
        for instrument in 0..self.tapes.len() {
            self.publish_changes(instrument, clock, out);
            self.step(instrument, clock, out);
        }
        if clock.now_ns >= self.book_due_ns {
            self.book_due_ns = (clock.now_ns / BOOK_NS + 1) * BOOK_NS;
            for instrument in 0..self.tapes.len() {
                self.publish_book(instrument, clock, out);
            }
        }
        if clock.now_ns >= self.slow_due_ns {
            self.slow_due_ns = (clock.now_ns / SLOW_NS + 1) * SLOW_NS;
            self.publish_slow(clock, out);
        }
        self.publish_private(clock, out);
        self.next_due_ns()
    }

    fn control(&mut self, clock: Clock, question: Question) {
        self.core.set_time(clock);
        match question {
            Question::Truth(sender) => {
                // Whoever asked may have given up.
                let _ = sender.try_send(self.truth());
            }
            Question::Progress(sender) => {
                let _ = sender.try_send(None);
            }
            Question::Fault(spec) => self.faults.add(spec),
            Question::Mark { instrument, mark } => self.core.exchange.set_mark(instrument, mark),
            Question::Setting {
                account,
                instrument,
                leverage,
                mode,
                done,
            } => {
                let exchange = &mut self.core.exchange;
                let set = exchange.set_margin(account, instrument, leverage, mode);
                let _ = done.try_send(set);
            }
            Question::Requests(sender) => {
                let _ = sender.try_send(self.core.log.all());
            }
            Question::Transfer {
                account,
                asset,
                amount,
                done,
            } => {
                let _ = done.try_send(self.core.exchange.transfer(account, &asset, amount));
            }
        }
    }
}
