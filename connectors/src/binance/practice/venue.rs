//! The practice Binance as the server's loop sees it: requests in, answers and events out.

use std::collections::BTreeSet;
use std::time::Duration;

use model::num::{Lots, Ticks};
use serde_json::Value;

use super::calls::Call;
use super::core::Core;
use super::error::ApiError;
use super::market::{self, DepthWindow, Top};
use super::params::Params;
use super::player::Player;
use super::streams::Streams;
use super::ws_api::{Read, Sessions, over_limit};
use super::{rest, setup};
use crate::binance::usdm::practice::streams::listen_key;
use crate::practice::delivery::Delivery;
use crate::practice::faults::{Chance, DropScope, FaultKind, Faults};
use crate::practice::server::{Answer, ClientId, Clock, Outbox, Question, Reply, Request, Venue};
use crate::practice::truth;
use crate::practice::{
    FaultSpec, OrderRequest, PracticeConfig, PracticeError, RecordingProgress, Side, Truth,
    VenueOrder,
};
use crate::protocol::Protocol;

const FAST_NS: u64 = 100_000_000;
const SLOW_NS: u64 = 1_000_000_000;
const SLOW_USDM_NS: u64 = 250_000_000;

/// What was last sent of one instrument.
#[derive(Debug)]
pub(in crate::binance) struct Tape {
    pub(in crate::binance) top: Option<Top>,
    pub(in crate::binance) fast: DepthWindow,
    pub(in crate::binance) slow: DepthWindow,
}

/// The whole venue.
#[derive(Debug)]
pub(crate) struct BinancePractice {
    pub(in crate::binance) core: Core,
    pub(in crate::binance) streams: Streams,
    pub(in crate::binance) sessions: Sessions,
    pub(in crate::binance) tapes: Vec<Tape>,
    pub(in crate::binance) faults: Faults,
    /// Private events on their way.
    pub(in crate::binance) delivery: Delivery,
    /// Market streams are silent until then.
    pub(in crate::binance) market_muted_until_ns: u64,
    /// Plays the recording, if there is one.
    pub(in crate::binance) player: Option<Player>,
    /// REST clients that sent something signed: they count as order entry.
    order_clients: BTreeSet<ClientId>,
    /// Each order as it stood after each change, if a drill wants them.
    pub(in crate::binance) changes: Option<Vec<VenueOrder>>,
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
        let (mut core, player) = setup::build(config)?;
        core.set_time(Clock { now_ns: 0, wall_ms });
        let listings = &core.exchange.listings;
        let symbols = listings
            .iter()
            .map(|listing| listing.spec.symbol.to_lowercase())
            .collect();
        let tapes = listings
            .iter()
            .map(|listing| {
                let update_id = market::update_id(listing);
                let usdm = config.protocol == Protocol::BinanceUsdm;
                let slow_ns = if usdm { SLOW_USDM_NS } else { SLOW_NS };
                Tape {
                    top: None,
                    fast: DepthWindow::new(FAST_NS, update_id, usdm),
                    slow: DepthWindow::new(slow_ns, update_id, usdm),
                }
            })
            .collect();
        Ok(Self {
            core,
            streams: Streams::new(symbols, config.protocol),
            sessions: Sessions::default(),
            tapes,
            faults: Faults::new(&config.faults, config.fault_seed),
            delivery: Delivery::default(),
            market_muted_until_ns: 0,
            player,
            order_clients: BTreeSet::new(),
            changes: None,
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
        if strike.is_some() {
            // What the client hears of it is the fault's; it may have been done all the same.
            self.core.log.answered(-1);
        }
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
        if call.is_order() {
            let code = result.as_ref().map_or_else(|error| error.code, |_| 0);
            self.core.log.answered(code);
        }
        if result.is_err() && call.is_order() {
            // A failed order request weighs 1; that it exceeds the limit shows at the next one.
            let _ = self.core.meter.charge(self.core.now_ms, 1);
        }
        match strike {
            Some(FaultKind::TimeoutDone) => Outcome::Now(Err(ApiError::timeout())),
            Some(FaultKind::DelayAck(wait)) => Outcome::Later(wait, result),
            Some(FaultKind::SilentAccept(silence)) => {
                self.delivery.hold(silence, clock.now_ns);
                Outcome::Never
            }
            _ => Outcome::Now(result),
        }
    }

    fn rest(&mut self, clock: Clock, client: ClientId, request: &Request) -> Answer {
        if self.faults.strike(Chance::Rest, clock.now_ns) == Some(FaultKind::Html) {
            return Answer::Now(rest::html());
        }
        let usdm = self.core.protocol == Protocol::BinanceUsdm;
        if request.path == "/api/v3/userDataStream" && !usdm {
            // Listen keys ended in 2026: the private stream is on the WebSocket API.
            return Answer::Now(Reply::json(410, String::new()));
        }
        let protocol = self.core.protocol;
        let Some(call) = Call::from_rest(protocol, &request.method, &request.path) else {
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
        let params = &checked.params;
        self.core
            .log(call, params.get("symbol"), params.get("newClientOrderId"));
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

    /// Logs a request as it arrives, whatever becomes of it.
    fn log_text(&mut self, text: &str) {
        let Ok(request) = serde_json::from_str::<Value>(text) else {
            return;
        };
        let call = request.get("method").and_then(Value::as_str);
        let protocol = self.core.protocol;
        if let Some(call) = call.and_then(|method| Call::from_method(protocol, method)) {
            let param = |name: &str| request.get("params")?.get(name)?.as_str();
            self.core
                .log(call, param("symbol"), param("newClientOrderId"));
        }
    }

    fn ws_api(&mut self, clock: Clock, client: ClientId, text: &str, out: &mut Outbox<'_>) {
        self.log_text(text);
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
            self.core.usdm.clients().for_each(|client| out.cut(client));
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

    pub(in crate::binance) fn at_once(&mut self, kind: FaultKind, out: &mut Outbox<'_>) {
        match kind {
            FaultKind::Drop(scope) => self.cut(scope, out),
            FaultKind::ClockSkew(skew_ms) => self.core.skew_ms = skew_ms,
            FaultKind::ExpireKey => self.expire_keys(true, out),
            FaultKind::MuteMarket(silence) => {
                let silence_ns = u64::try_from(silence.as_nanos()).unwrap_or(u64::MAX);
                let until_ns = self.core.now_ns.saturating_add(silence_ns);
                self.market_muted_until_ns = until_ns;
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

    /// Everything, for drills without a server.
    pub(crate) fn truth(&self) -> Truth {
        truth::truth(&self.core.exchange, self.core.now_ms, self.progress())
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

    fn progress(&self) -> Option<RecordingProgress> {
        self.player.as_ref().map(Player::progress)
    }

    fn next_due_ns(&self, out: &Outbox<'_>) -> u64 {
        let mut due = self.faults.next_due_ns().unwrap_or(u64::MAX);
        due = due.min(self.delivery.due_ns());
        if self.core.protocol == Protocol::BinanceUsdm {
            due = due.min(self.core.usdm.marks_due_ns);
        }
        for (tape, listing) in self.tapes.iter().zip(&self.core.exchange.listings) {
            due = due.min(tape.fast.due_ns()).min(tape.slow.due_ns());
            due = due.min(listing.liquidity.due_ns());
        }
        due.min(self.player_due_ns(out))
    }
}

impl Venue for BinancePractice {
    type Control = Question;

    fn request(&mut self, clock: Clock, client: ClientId, request: &Request) -> Answer {
        self.core.set_time(clock);
        if request.websocket_key.is_none() {
            return self.rest(clock, client, request);
        }
        let usdm = self.core.protocol == Protocol::BinanceUsdm;
        let api = if usdm { "/ws-fapi/v1" } else { "/ws-api/v3" };
        if request.path == api {
            self.sessions.open(client, &request.query, self.core.now_ms);
            return Answer::Upgrade;
        }
        if let Some(key) = listen_key(&request.path, &request.query).filter(|_| usdm) {
            // A key that is none is let in and hears nothing, as at the venue.
            self.core.usdm.listen(client, key, self.core.now_ms);
            return Answer::Upgrade;
        }
        match self.streams.open(client, &request.path, &request.query) {
            Some(()) => Answer::Upgrade,
            None => Answer::Now(Reply::json(404, String::new())),
        }
    }

    fn text(&mut self, clock: Clock, client: ClientId, text: &str, out: &mut Outbox<'_>) {
        self.core.set_time(clock);
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
        self.core.usdm.gone(client);
    }

    fn turn(&mut self, clock: Clock, out: &mut Outbox<'_>) -> u64 {
        self.core.set_time(clock);
        self.core.exchange.turn_perps();
        self.turn_faults(clock, out);
        for instrument in 0..self.tapes.len() {
            self.publish_changes(instrument, clock, out);
            self.step(instrument, clock, out);
            self.publish_depth(instrument, clock, out);
        }
        self.play(clock, out);
        self.turn_usdm(clock, out);
        self.publish_private(clock, out);
        self.next_due_ns(out)
    }

    fn control(&mut self, clock: Clock, question: Question) {
        self.core.set_time(clock);
        match question {
            Question::Truth(sender) => {
                // Whoever asked may have given up.
                let _ = sender.try_send(truth::truth(
                    &self.core.exchange,
                    self.core.now_ms,
                    self.progress(),
                ));
            }
            Question::Progress(sender) => {
                let _ = sender.try_send(self.progress());
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
