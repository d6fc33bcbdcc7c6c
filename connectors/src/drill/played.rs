//! The ways between a gateway and a practice venue, played by a simulated clock.

use std::collections::VecDeque;

use model::body::Side;
use model::num::{Lots, Ticks};
use model::ports::{Clock, EventSink, Trace};
use model::record::Record;

use super::venues::{PlayedVenue, Words};
use super::wires::{HttpAnswer, PlayedWires, upgrade_of};
use super::{DrillError, Loss, WAY_NS};
use crate::gateway::Setup;
use crate::gateway::dialect::Dialect;
use crate::gateway::drilled::{Drilled, Written};
use crate::net::{CloseReason, HttpFailure};
use crate::practice::server::{self, Answer, ClientId, Outbox, Reply, Request};
use crate::practice::types::Side as VenueSide;
use crate::practice::{FaultSpec, OrderRequest, Truth, VenueOrder};

/// How long the client waits before it connects again.
const RETRY_NS: u64 = 100_000_000;
const MS: u64 = 1_000_000;
/// The name of a loss at a request over HTTP.
const REST: &str = "rest";

/// A gateway with its venue, whichever.
pub(super) trait Play: std::fmt::Debug {
    fn lose(&mut self, loss: Option<(&'static str, Loss)>);
    fn losses(&self) -> u64;
    fn is_up(&self) -> bool;
    fn fault(&mut self, fault: FaultSpec);
    fn truth(&self) -> Truth;
    fn take_changes(&mut self) -> Vec<VenueOrder>;
    fn requests(&self) -> Vec<OrderRequest>;
    fn book(&self, instrument: usize, side: Side, levels: usize) -> Vec<(Ticks, Lots)>;
    fn capacity(&self) -> usize;
    fn send(&mut self, command: &Record, trace: Trace, now_ns: u64);
    fn poll(&mut self, now_ns: u64, sink: &mut dyn EventSink) -> bool;
}

/// The clock of one moment.
struct At(u64);

impl Clock for At {
    fn now_ns(&self) -> u64 {
        self.0
    }
}

/// A sink that is not known more closely.
struct Through<'s>(&'s mut dyn EventSink);

impl EventSink for Through<'_> {
    fn free(&self) -> usize {
        self.0.free()
    }

    fn push(&mut self, record: &Record) -> bool {
        self.0.push(record)
    }
}

/// Something on its way to the venue.
#[derive(Debug)]
enum Sent {
    Text(String),
    Http(u64, Request),
}

/// See the module's header.
#[derive(Debug)]
pub(super) struct Played<D, V> {
    gateway: Drilled<D>,
    venue: V,
    words: Words,
    start_ns: u64,
    to_venue: VecDeque<(u64, Sent)>,
    written: Written,
    wires: PlayedWires,
    answers: Vec<HttpAnswer>,
    /// Requests over HTTP that the venue has, without an answer on its way.
    asked: Vec<u64>,
    /// The order connection, the private stream beside it, and HTTP.
    client: ClientId,
    stream: Option<ClientId>,
    rest: ClientId,
    next_client: ClientId,
    stream_opens: Option<(u64, String)>,
    heartbeat_due_ns: u64,
    open_at_ns: u64,
    open: bool,
    loss: Option<(&'static str, Loss)>,
    losses: u64,
}

impl<D: Dialect, V: PlayedVenue> Played<D, V> {
    pub(super) fn new(
        (setup, dialect): (&Setup, D),
        venue: V,
        words: Words,
        start_ns: u64,
    ) -> Result<Self, DrillError> {
        Ok(Self {
            gateway: Drilled::new(setup, dialect)?,
            venue,
            words,
            start_ns,
            to_venue: VecDeque::new(),
            written: Written::default(),
            wires: PlayedWires::default(),
            answers: Vec::new(),
            asked: Vec::new(),
            client: 0,
            stream: None,
            rest: 1,
            next_client: 2,
            stream_opens: None,
            heartbeat_due_ns: 0,
            open_at_ns: start_ns,
            open: false,
            loss: None,
            losses: 0,
        })
    }

    const fn clock(&self, now_ns: u64) -> server::Clock {
        let wall_ms = (now_ns / MS) as i64;
        server::Clock {
            now_ns: now_ns.saturating_sub(self.start_ns),
            wall_ms,
        }
    }

    const fn new_client(&mut self) -> ClientId {
        self.next_client += 1;
        self.next_client
    }

    fn connect(&mut self, now_ns: u64) {
        self.client = self.new_client();
        let request = upgrade_of(self.words.path);
        let clock = self.clock(now_ns);
        self.venue.request(clock, self.client, &request);
        self.open = true;
        self.gateway.opened(now_ns);
    }

    /// Opens the private stream, when its way is known.
    fn open_stream(&mut self, now_ns: u64) {
        if let Some(path) = self.gateway.take_stream_path() {
            self.stream_opens = Some((now_ns + 2 * WAY_NS, path));
        }
        if let Some((_, path)) = self.stream_opens.take_if(|(due, _)| *due <= now_ns) {
            let stream = self.new_client();
            let clock = self.clock(now_ns);
            let answer = self.venue.request(clock, stream, &upgrade_of(&path));
            if matches!(answer, Answer::Upgrade) {
                self.stream = Some(stream);
                self.gateway.stream_opened(now_ns);
            } else {
                self.cut(now_ns, false);
            }
        }
    }

    /// The WebSockets break for both sides, with all that is on its way there. What went over HTTP
    /// goes on; its answers come late.
    fn cut(&mut self, now_ns: u64, gateway_knows: bool) {
        self.to_venue
            .retain(|(_, sent)| matches!(sent, Sent::Http(..)));
        self.wires.to_client.clear();
        self.wires.later.clear();
        self.wires.cut.remove(&self.client);
        self.written.texts.clear();
        self.open = false;
        self.open_at_ns = now_ns + RETRY_NS;
        self.stream_opens = None;
        self.venue.gone(self.client);
        if let Some(stream) = self.stream.take() {
            self.venue.gone(stream);
            self.wires.cut.remove(&stream);
        }
        if !gateway_knows {
            self.gateway.broke(now_ns);
        }
    }

    /// The connection of HTTP breaks: nobody knows what became of what was asked.
    fn cut_rest(&mut self, now_ns: u64) {
        self.venue.gone(self.rest);
        self.rest = self.new_client();
        let mut lost = std::mem::take(&mut self.asked);
        lost.extend(self.answers.drain(..).map(|answer| answer.id));
        self.to_venue.retain(|(_, sent)| match sent {
            Sent::Http(id, _) => {
                lost.push(*id);
                false
            }
            Sent::Text(_) => true,
        });
        for id in lost {
            let failure = HttpFailure::Unknown(CloseReason::PeerClosed);
            self.gateway.http(id, Err(failure), now_ns);
        }
    }

    /// Puts what was written on its way.
    fn post(&mut self, now_ns: u64) {
        let due_ns = now_ns + WAY_NS;
        while let Some(text) = self.written.texts.pop_front() {
            self.to_venue.push_back((due_ns, Sent::Text(text)));
        }
        while let Some((id, request)) = self.written.requests.pop_front() {
            self.to_venue.push_back((due_ns, Sent::Http(id, request)));
        }
    }

    /// The loss that strikes at this request.
    fn strike(&mut self, sent: &Sent) -> Option<Loss> {
        let (method, loss) = self.loss?;
        let fits = match sent {
            Sent::Text(text) => self.words.names(text, method),
            Sent::Http(..) => method == REST,
        };
        if !fits {
            return None;
        }
        self.loss = None;
        self.losses += 1;
        Some(loss)
    }

    fn arrive(&mut self, sent: Sent, now_ns: u64) {
        let clock = self.clock(now_ns);
        let struck = self.strike(&sent);
        match struck {
            Some(Loss::Request) => return self.break_down(&sent, now_ns),
            Some(Loss::RequestOnly) => return,
            Some(Loss::Answer | Loss::AnswerOnly | Loss::Both) | None => {}
        }
        let (before, answers) = (self.wires.to_client.len(), self.answers.len());
        self.wires.now_ns = now_ns;
        match &sent {
            Sent::Text(text) => {
                let mut out = Outbox::new(&mut self.wires);
                self.venue.text(clock, self.client, text, &mut out);
            }
            Sent::Http(id, request) => {
                let answer = self.venue.request(clock, self.rest, request);
                self.keep(*id, answer, now_ns);
            }
        }
        match struck {
            Some(Loss::AnswerOnly) => {
                self.wires.to_client.truncate(before);
                self.answers.truncate(answers);
            }
            Some(Loss::Answer | Loss::Both) => {
                // The private events of it go out in the venue's turn.
                let mut out = Outbox::new(&mut self.wires);
                self.venue.turn(clock, &mut out);
                self.wires.to_client.truncate(before);
                self.answers.truncate(answers);
                if struck == Some(Loss::Answer) {
                    self.break_down(&sent, now_ns);
                }
            }
            Some(Loss::Request | Loss::RequestOnly) | None => {}
        }
    }

    /// The connection that it came over breaks.
    fn break_down(&mut self, sent: &Sent, now_ns: u64) {
        match sent {
            Sent::Text(_) => self.cut(now_ns, false),
            Sent::Http(id, _) => {
                self.asked.push(*id);
                self.cut_rest(now_ns);
            }
        }
    }

    fn keep(&mut self, id: u64, answer: Answer, now_ns: u64) {
        let (wait_ns, reply) = match answer {
            Answer::Now(reply) => (0, reply),
            Answer::Later(wait, reply) => {
                (u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX), reply)
            }
            Answer::Never => {
                self.asked.push(id);
                return;
            }
            Answer::Upgrade => return,
        };
        self.answers.push(HttpAnswer {
            due_ns: now_ns.saturating_add(WAY_NS).saturating_add(wait_ns),
            id,
            reply,
        });
    }

    fn turn(&mut self, now_ns: u64) {
        if !self.open && now_ns >= self.open_at_ns {
            self.connect(now_ns);
        }
        self.beat(now_ns);
        self.open_stream(now_ns);
        while self.to_venue.front().is_some_and(|(due, _)| *due <= now_ns) {
            if let Some((_, sent)) = self.to_venue.pop_front() {
                self.arrive(sent, now_ns);
            }
        }
        let clock = self.clock(now_ns);
        self.wires.now_ns = now_ns;
        let mut out = Outbox::new(&mut self.wires);
        self.venue.turn(clock, &mut out);
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.wires.later)
            .into_iter()
            .partition(|(due_ns, ..)| *due_ns <= clock.now_ns);
        self.wires.later = later;
        for (_, client, text) in due {
            self.wires
                .to_client
                .push_back((now_ns + WAY_NS, client, text));
        }
        let cuts = std::mem::take(&mut self.wires.cut);
        if cuts.contains(&self.client) || self.stream.is_some_and(|one| cuts.contains(&one)) {
            self.cut(now_ns, false);
        }
        if cuts.contains(&self.rest) {
            self.cut_rest(now_ns);
        }
    }

    /// What keeps a connection open, as the link of the gateway sends it.
    fn beat(&mut self, now_ns: u64) {
        if let Some((text, every_ns)) = self.gateway.heartbeat()
            && self.open
            && now_ns >= self.heartbeat_due_ns
        {
            self.heartbeat_due_ns = now_ns + every_ns;
            let text = String::from_utf8_lossy(text).into_owned();
            self.written.texts.push_back(text);
            self.post(now_ns);
        }
    }

    /// Hands over what has arrived.
    fn hear(&mut self, now_ns: u64) {
        while let Some((due_ns, ..)) = self.wires.to_client.front()
            && *due_ns <= now_ns
            && self.open
        {
            let Some((_, client, text)) = self.wires.to_client.pop_front() else {
                return;
            };
            if client == self.client || Some(client) == self.stream {
                self.gateway.text(&text, now_ns);
            }
        }
        let mut at = 0;
        while at < self.answers.len() {
            if self.answers[at].due_ns > now_ns {
                at += 1;
                continue;
            }
            let HttpAnswer { id, reply, .. } = self.answers.remove(at);
            self.answered(id, &reply, now_ns);
        }
    }

    fn answered(&mut self, id: u64, reply: &Reply, now_ns: u64) {
        let bytes = server::written(reply);
        self.gateway.http_bytes(id, &bytes, now_ns);
    }
}

impl<D: Dialect, V: PlayedVenue> Play for Played<D, V> {
    fn lose(&mut self, loss: Option<(&'static str, Loss)>) {
        self.loss = loss;
    }

    fn losses(&self) -> u64 {
        self.losses
    }

    fn is_up(&self) -> bool {
        self.open && self.gateway.is_up()
    }

    fn fault(&mut self, fault: FaultSpec) {
        self.venue.add_fault(fault);
    }

    fn truth(&self) -> Truth {
        self.venue.truth()
    }

    fn take_changes(&mut self) -> Vec<VenueOrder> {
        self.venue.take_changes()
    }

    fn requests(&self) -> Vec<OrderRequest> {
        self.venue.requests()
    }

    fn book(&self, instrument: usize, side: Side, levels: usize) -> Vec<(Ticks, Lots)> {
        let side = match side {
            Side::Buy => VenueSide::Buy,
            Side::Sell => VenueSide::Sell,
        };
        self.venue.levels(instrument, side, levels)
    }

    fn capacity(&self) -> usize {
        self.gateway.capacity()
    }

    fn send(&mut self, command: &Record, trace: Trace, now_ns: u64) {
        self.gateway
            .command(command, trace, &mut self.written, &At(now_ns));
        self.post(now_ns);
    }

    fn poll(&mut self, now_ns: u64, sink: &mut dyn EventSink) -> bool {
        let mut sink = Through(sink);
        let flushed = self.gateway.flush(&mut sink);
        if !self.gateway.is_clear() {
            return flushed;
        }
        self.turn(now_ns);
        self.hear(now_ns);
        if !self.gateway.turn(&mut self.written, now_ns) {
            self.cut(now_ns, true);
        }
        self.post(now_ns);
        self.gateway.flush(&mut sink) || flushed
    }
}
