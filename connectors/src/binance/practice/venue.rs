//! The practice Binance as the server's loop sees it: requests in, answers and events out.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::calls::Call;
use super::core::Core;
use super::error::ApiError;
use super::market::{self, DepthWindow, Top};
use super::params::Params;
use super::streams::{StreamKind, Streams};
use super::ws_api::{Read, Sessions, over_limit};
use super::{reports, rest, setup, truth};
use crate::practice::exchange::{AccountEvent, Execution};
use crate::practice::faults::{Chance, DropScope, FaultKind, Faults};
use crate::practice::liquidity::Liquidity;
use crate::practice::server::{Answer, ClientId, Clock, Outbox, Question, Reply, Request, Venue};
use crate::practice::{PracticeConfig, PracticeError};

const FAST_NS: u64 = 100_000_000;
const SLOW_NS: u64 = 1_000_000_000;
/// Market events in one turn, so that clients are served in between.
const STEPS_PER_TURN: usize = 64;

/// What was last sent of one instrument.
#[derive(Debug)]
struct Tape {
    top: Option<Top>,
    fast: DepthWindow,
    slow: DepthWindow,
}

/// The whole venue.
#[derive(Debug)]
pub(crate) struct BinancePractice {
    core: Core,
    streams: Streams,
    sessions: Sessions,
    tapes: Vec<Tape>,
    faults: Faults,
    /// Private events that wait: silent accept, reorder.
    held: Vec<AccountEvent>,
    held_until_ns: u64,
    swapped: Option<AccountEvent>,
    /// REST clients that sent something signed: they count as order entry.
    order_clients: BTreeSet<ClientId>,
}

/// What becomes of a call's answer.
enum Outcome {
    Now(Result<Value, ApiError>),
    Later(Duration, Result<Value, ApiError>),
    Never,
}

impl BinancePractice {
    /// A venue that is about to open.
    pub(crate) fn new(config: &PracticeConfig, wall_ms: i64) -> Result<Self, PracticeError> {
        let mut core = setup::build(config)?;
        core.set_time(wall_ms);
        let listings = &core.exchange.listings;
        let symbols = listings
            .iter()
            .map(|listing| listing.spec.symbol.to_lowercase())
            .collect();
        let tapes = listings
            .iter()
            .map(|listing| {
                let update_id = market::update_id(listing);
                Tape {
                    top: None,
                    fast: DepthWindow::new(FAST_NS, update_id),
                    slow: DepthWindow::new(SLOW_NS, update_id),
                }
            })
            .collect();
        Ok(Self {
            core,
            streams: Streams::new(symbols),
            sessions: Sessions::default(),
            tapes,
            faults: Faults::new(&config.faults, config.fault_seed),
            held: Vec::new(),
            held_until_ns: 0,
            swapped: None,
            order_clients: BTreeSet::new(),
        })
    }

    /// Answers a call, or lets the fault that is due strike.
    fn perform(
        &mut self,
        clock: Clock,
        call: Call,
        asker: Option<usize>,
        params: &Params,
    ) -> Outcome {
        let strike = if call.is_order() {
            self.faults.strike(Chance::Order, clock.now_ns)
        } else {
            None
        };
        match strike {
            Some(FaultKind::Busy) => return Outcome::Now(Err(ApiError::busy())),
            Some(FaultKind::TimeoutLost) => return Outcome::Now(Err(ApiError::timeout())),
            Some(FaultKind::UnknownCode) => {
                let message = "This code is on no page.";
                return Outcome::Now(Err(ApiError::bad(-9_876, message)));
            }
            _ => {}
        }
        let result = self.core.call(call, asker, params);
        if result.is_err() && call.is_order() {
            // A failed order request weighs 1; that it exceeds the limit shows at the next one.
            let _ = self.core.meter.charge(self.core.now_ms, 1);
        }
        match strike {
            Some(FaultKind::TimeoutDone) => Outcome::Now(Err(ApiError::timeout())),
            Some(FaultKind::DelayAck(wait)) => Outcome::Later(wait, result),
            Some(FaultKind::SilentAccept(silence)) => {
                let silence_ns = u64::try_from(silence.as_nanos()).unwrap_or(u64::MAX);
                self.held_until_ns = clock.now_ns.saturating_add(silence_ns);
                Outcome::Never
            }
            _ => Outcome::Now(result),
        }
    }

    fn rest(&mut self, clock: Clock, client: ClientId, request: &Request) -> Answer {
        if self.faults.strike(Chance::Rest, clock.now_ns) == Some(FaultKind::Html) {
            return Answer::Now(rest::html());
        }
        let Some(call) = Call::from_rest(&request.method, &request.path) else {
            return Answer::Now(Reply::json(404, String::new()));
        };
        if call.is_signed() {
            self.order_clients.insert(client);
        }
        if let Err(error) = self.rate_limit_fault(clock) {
            return Answer::Now(rest::reply(&mut self.core, None, Err(error)));
        }
        let checked = match rest::check(&mut self.core, call, request) {
            Ok(checked) => checked,
            Err(error) => return Answer::Now(rest::reply(&mut self.core, None, Err(error))),
        };
        let counted = call.counts_orders().then_some(checked.asker).flatten();
        match self.perform(clock, checked.call, checked.asker, &checked.params) {
            Outcome::Now(result) => Answer::Now(rest::reply(&mut self.core, counted, result)),
            Outcome::Later(wait, result) => {
                Answer::Later(wait, rest::reply(&mut self.core, counted, result))
            }
            Outcome::Never => Answer::Never,
        }
    }

    fn rate_limit_fault(&mut self, clock: Clock) -> Result<(), ApiError> {
        if self.faults.strike(Chance::Request, clock.now_ns) != Some(FaultKind::RateLimit) {
            return Ok(());
        }
        let now_ms = self.core.now_ms;
        let limited = self.core.meter.limited(now_ms);
        Err(over_limit(&self.core, limited))
    }

    fn ws_api(&mut self, clock: Clock, client: ClientId, text: &str, out: &mut Outbox<'_>) {
        if let Err(error) = self.rate_limit_fault(clock) {
            let id = serde_json::from_str::<Value>(text)
                .ok()
                .and_then(|request| request.get("id").cloned())
                .unwrap_or(Value::Null);
            let answer = self
                .sessions
                .answer(client, &mut self.core, &id, None, Err(error));
            out.send(client, answer);
            return;
        }
        let (id, call, asker, params) = match self.sessions.read(client, text, &mut self.core) {
            None => return,
            Some(Read::Done(answer)) => {
                out.send(client, answer);
                return;
            }
            Some(Read::Call {
                id,
                call,
                asker,
                params,
            }) => (id, call, asker, params),
        };
        let counted = call.counts_orders().then_some(asker).flatten();
        let (wait, result) = match self.perform(clock, call, asker, &params) {
            Outcome::Now(result) => (None, result),
            Outcome::Later(wait, result) => (Some(wait), result),
            Outcome::Never => return,
        };
        let answer = self
            .sessions
            .answer(client, &mut self.core, &id, counted, result);
        match wait {
            None => out.send(client, answer),
            Some(wait) => {
                let wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
                out.send_later(clock.now_ns.saturating_add(wait_ns), client, answer);
            }
        }
    }

    fn cut(&mut self, scope: DropScope, out: &mut Outbox<'_>) {
        let market = matches!(scope, DropScope::All | DropScope::Market);
        let orders = matches!(scope, DropScope::All | DropScope::Orders);
        if market {
            self.streams.clients().for_each(|client| out.cut(client));
        }
        if orders {
            self.sessions.clients().for_each(|client| out.cut(client));
            self.order_clients
                .iter()
                .for_each(|client| out.cut(*client));
        }
    }

    fn turn_faults(&mut self, clock: Clock, out: &mut Outbox<'_>) {
        while let Some(kind) = self.faults.strike(Chance::Turn, clock.now_ns) {
            self.at_once(kind, out);
        }
    }

    fn at_once(&mut self, kind: FaultKind, out: &mut Outbox<'_>) {
        match kind {
            FaultKind::Drop(scope) => self.cut(scope, out),
            FaultKind::ClockSkew(skew_ms) => self.core.skew_ms = skew_ms,
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
            | FaultKind::RateLimit => {}
        }
    }

    /// Lets the synthetic market of an instrument catch up with the clock.
    fn step(&mut self, instrument: usize, clock: Clock, out: &mut Outbox<'_>) {
        for _ in 0..STEPS_PER_TURN {
            if self.flow_due(instrument) > clock.now_ns {
                break;
            }
            self.core.exchange.step_market(instrument);
            self.publish_changes(instrument, clock, out);
        }
        let Liquidity::Synthetic { flow, .. } =
            &mut self.core.exchange.listings[instrument].liquidity;
        if flow.due_ns() <= clock.now_ns {
            flow.skip_to(clock.now_ns);
        }
    }

    fn flow_due(&self, instrument: usize) -> u64 {
        let Liquidity::Synthetic { flow, .. } = &self.core.exchange.listings[instrument].liquidity;
        flow.due_ns()
    }

    /// Sends trades and the top of the book, and notes what the depth streams will send.
    fn publish_changes(&mut self, instrument: usize, clock: Clock, out: &mut Outbox<'_>) {
        let now_ms = self.core.now_ms;
        let listing = &mut self.core.exchange.listings[instrument];
        let tape = &mut self.tapes[instrument];
        let Liquidity::Synthetic { engine, .. } = &mut listing.liquidity;
        engine.drain_changes(|side, price, total| {
            tape.fast.note(side, price, total);
            tape.slow.note(side, price, total);
        });
        let unpublished = std::mem::take(&mut listing.unpublished);
        let mut payloads = Vec::new();
        if unpublished > 0 && self.streams.wanted((instrument, StreamKind::Trade)) {
            let skip = listing.trades.len() - unpublished;
            for trade in listing.trades.iter().skip(skip) {
                payloads.push((StreamKind::Trade, market::trade(listing, trade, now_ms)));
            }
        }
        let top = market::top(listing);
        if top != tape.top {
            tape.top = top;
            if let Some(top) = top
                && self.streams.wanted((instrument, StreamKind::BookTicker))
            {
                payloads.push((StreamKind::BookTicker, market::book_ticker(listing, &top)));
            }
        }
        for (kind, payload) in payloads {
            self.publish((instrument, kind), &payload, clock, out);
        }
    }

    /// Sends one stream message, or what a fault makes of it.
    fn publish(
        &mut self,
        stream: (usize, StreamKind),
        payload: &str,
        clock: Clock,
        out: &mut Outbox<'_>,
    ) {
        if !self.streams.wanted(stream) {
            return;
        }
        let depth = matches!(stream.1, StreamKind::Depth { .. });
        if depth && self.faults.strike(Chance::Depth, clock.now_ns) == Some(FaultKind::Gap) {
            return;
        }
        match self.faults.strike(Chance::Stream, clock.now_ns) {
            Some(FaultKind::UnknownMessage) => {
                let strange = json!({"e": "somethingNew", "E": self.core.now_ms, "x": [1, {}]});
                self.streams.publish(stream, &strange.to_string(), out);
            }
            Some(FaultKind::OutOfRange) => {
                self.streams.publish(stream, &out_of_range(payload), out);
            }
            Some(kind) => self.at_once(kind, out),
            None => {}
        }
        self.streams.publish(stream, payload, out);
    }

    fn publish_depth(&mut self, instrument: usize, clock: Clock, out: &mut Outbox<'_>) {
        for fast in [true, false] {
            let tape = &mut self.tapes[instrument];
            let window = if fast { &mut tape.fast } else { &mut tape.slow };
            if window.due_ns() > clock.now_ns {
                continue;
            }
            let listing = &self.core.exchange.listings[instrument];
            let payload = window.close(listing, clock.now_ns, self.core.now_ms);
            if let Some(payload) = payload {
                self.publish(
                    (instrument, StreamKind::Depth { fast }),
                    &payload,
                    clock,
                    out,
                );
            }
            for levels in [5, 10, 20] {
                let stream = (instrument, StreamKind::Partial { levels, fast });
                if self.streams.wanted(stream) {
                    let listing = &self.core.exchange.listings[instrument];
                    let payload = market::partial_depth(listing, levels);
                    self.publish(stream, &payload, clock, out);
                }
            }
        }
    }

    /// Sends private events, unless a fault holds them back.
    fn publish_private(&mut self, clock: Clock, out: &mut Outbox<'_>) {
        let events = self.core.exchange.take_events();
        for event in &events {
            self.count_first_fill(event);
        }
        self.held.extend(events);
        if clock.now_ns < self.held_until_ns {
            return;
        }
        for event in std::mem::take(&mut self.held) {
            match self.faults.strike(Chance::Private, clock.now_ns) {
                Some(FaultKind::Reorder) if self.swapped.is_none() => {
                    self.swapped = Some(event);
                    continue;
                }
                Some(FaultKind::Duplicate) => self.send_private(&event, out),
                _ => {}
            }
            self.send_private(&event, out);
            if let Some(late) = self.swapped.take() {
                self.send_private(&late, out);
            }
        }
    }

    fn send_private(&self, event: &AccountEvent, out: &mut Outbox<'_>) {
        let account = match event {
            AccountEvent::Report { order, .. } => order.account,
            AccountEvent::Balances { account, .. } => *account,
        };
        let subscribers = self.sessions.subscribers(account);
        if subscribers.is_empty() {
            return;
        }
        let body = reports::private_event(&self.core.exchange, event, self.core.now_ms);
        for (client, subscription) in subscribers {
            let text = json!({"subscriptionId": subscription, "event": body}).to_string();
            out.send(client, text);
        }
    }

    /// An order that fills for the first time no longer counts as unfilled.
    fn count_first_fill(&mut self, event: &AccountEvent) {
        if let AccountEvent::Report {
            execution: Execution::Trade,
            order,
            trade,
            ..
        } = event
            && trade
                .as_ref()
                .is_some_and(|trade| trade.qty == order.executed)
        {
            self.core
                .meter
                .order_filled(order.account, self.core.now_ms);
        }
    }

    fn next_due_ns(&self) -> u64 {
        let mut due = self.faults.next_due_ns().unwrap_or(u64::MAX);
        if !self.held.is_empty() {
            due = due.min(self.held_until_ns);
        }
        for (instrument, tape) in self.tapes.iter().enumerate() {
            due = due.min(tape.fast.due_ns()).min(tape.slow.due_ns());
            due = due.min(self.flow_due(instrument));
        }
        due
    }
}

impl Venue for BinancePractice {
    type Control = Question;

    fn request(&mut self, clock: Clock, client: ClientId, request: &Request) -> Answer {
        self.core.set_time(clock.wall_ms);
        if request.websocket_key.is_none() {
            return self.rest(clock, client, request);
        }
        if request.path == "/ws-api/v3" {
            self.sessions.open(client, &request.query, self.core.now_ms);
            return Answer::Upgrade;
        }
        match self.streams.open(client, &request.path, &request.query) {
            Some(()) => Answer::Upgrade,
            None => Answer::Now(Reply::json(404, String::new())),
        }
    }

    fn text(&mut self, clock: Clock, client: ClientId, text: &str, out: &mut Outbox<'_>) {
        self.core.set_time(clock.wall_ms);
        if self.sessions.has(client) {
            self.ws_api(clock, client, text, out);
        } else if self.streams.has(client) {
            match self.streams.message(client, text, clock.now_ns) {
                Some(answer) => out.send(client, answer),
                None => out.cut(client),
            }
        }
    }

    fn gone(&mut self, client: ClientId) {
        self.streams.close(client);
        self.sessions.close(client);
        self.order_clients.remove(&client);
    }

    fn turn(&mut self, clock: Clock, out: &mut Outbox<'_>) -> u64 {
        self.core.set_time(clock.wall_ms);
        self.turn_faults(clock, out);
        for instrument in 0..self.tapes.len() {
            self.publish_changes(instrument, clock, out);
            self.step(instrument, clock, out);
            self.publish_depth(instrument, clock, out);
        }
        self.publish_private(clock, out);
        self.next_due_ns()
    }

    fn control(&mut self, clock: Clock, question: Question) {
        self.core.set_time(clock.wall_ms);
        match question {
            Question::Truth(sender) => {
                // Whoever asked may have given up.
                let _ = sender.try_send(truth::truth(&self.core));
            }
            Question::Fault(spec) => self.faults.add(spec),
        }
    }
}

/// The payload with its update or trade id beyond 64 bits.
fn out_of_range(payload: &str) -> String {
    for key in ["\"u\":", "\"t\":", "\"lastUpdateId\":"] {
        if let Some(start) = payload.find(key) {
            let number = start + key.len();
            let rest = payload[number..].trim_start_matches(|digit: char| digit.is_ascii_digit());
            return format!("{}99999999999999999999999{rest}", &payload[..number]);
        }
    }
    payload.to_owned()
}
