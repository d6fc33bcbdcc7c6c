//! A gateway and a practice venue in one thread, without a socket and by a clock that is handed in.
//!
//! The session of the gateway and the venue are the real ones; only the way between them is played
//! here, so that drills are quick, seeded and exact about what was lost where. A message takes
//! [`WAY_NS`] each way. Whoever plays may lose a request, or everything that the venue says from a
//! request on, with or without breaking the connection.
//!
//! Thread: the caller's. Not on the hot path.

use std::collections::VecDeque;
use std::marker::PhantomData;

use model::body::Side;
use model::num::{Lots, Ticks};
use model::ports::{Clock, EventSink, Gateway, Trace, Worked};
use model::record::Record;
use tungstenite::Utf8Bytes;

use super::gateway::{GatewayConfig, GatewayError, Spot};
use super::practice::BinancePractice;
use crate::gateway::drilled::{Drilled, Written};
use crate::practice::server::{self, ClientId, Outbox, Request, Venue as _, Wires};
use crate::practice::types::Side as VenueSide;
use crate::practice::{FaultSpec, OrderRequest, PracticeConfig, PracticeError, Truth, VenueOrder};

/// How long a message takes one way.
pub const WAY_NS: u64 = 1_000_000;
/// How long the client waits before it connects again.
const RETRY_NS: u64 = 100_000_000;
const MS: u64 = 1_000_000;

/// What is lost, once, at the next order request that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The request never arrives, and the connection breaks.
    Request,
    /// The request never arrives; the connection stays and says nothing of it.
    RequestOnly,
    /// The request is done; everything that the venue says from then on is lost with the
    /// connection.
    Answer,
    /// The request is done; its answer is lost and nothing else.
    AnswerOnly,
    /// The request is done; its answer and what the private stream says of it are lost.
    Both,
}

/// Why a drill cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The gateway's configuration.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The venue's configuration.
    #[error(transparent)]
    Venue(#[from] PracticeError),
}

/// A gateway with its venue.
#[derive(Debug)]
pub struct DrillGateway<C> {
    gateway: Drilled<Spot>,
    venue: BinancePractice,
    start_ns: u64,
    to_venue: VecDeque<(u64, String)>,
    written: Written,
    wires: PlayedWires,
    client: ClientId,
    open_at_ns: u64,
    open: bool,
    loss: Option<(&'static str, Loss)>,
    losses: u64,
    commands: PhantomData<fn(C)>,
}

/// What the venue said and has not arrived yet.
#[derive(Debug, Default)]
struct PlayedWires {
    now_ns: u64,
    to_client: VecDeque<(u64, String)>,
    later: Vec<(u64, String)>,
    cut: bool,
}

impl Wires for PlayedWires {
    fn send(&mut self, _client: ClientId, text: Utf8Bytes) {
        let due_ns = self.now_ns + WAY_NS;
        self.to_client.push_back((due_ns, text.as_str().to_owned()));
    }

    fn stamp_write(&mut self) {}

    fn send_later(&mut self, due_ns: u64, _client: ClientId, text: String) {
        self.later.push((due_ns, text));
    }

    fn cut(&mut self, _client: ClientId) {
        self.cut = true;
    }

    fn unread_bytes(&self, _client: ClientId) -> usize {
        0
    }
}

impl<C> DrillGateway<C> {
    /// A venue that opens at `start_ns` of the clock, and a gateway that will connect to it.
    ///
    /// # Errors
    ///
    /// [`DrillError`].
    pub fn new(
        gateway: GatewayConfig,
        venue: &PracticeConfig,
        start_ns: u64,
    ) -> Result<Self, DrillError> {
        let wall_ms = i64::try_from(start_ns / MS).unwrap_or(i64::MAX);
        let (setup, dialect) = gateway.split()?;
        Ok(Self {
            gateway: Drilled::new(&setup, dialect)?,
            venue: BinancePractice::new(venue, wall_ms)?,
            start_ns,
            to_venue: VecDeque::new(),
            written: Written::default(),
            wires: PlayedWires::default(),
            client: 0,
            open_at_ns: start_ns,
            open: false,
            loss: None,
            losses: 0,
            commands: PhantomData,
        })
    }

    /// Loses something at the next request of this method, for example `order.place`; an empty
    /// method takes any order request.
    pub const fn lose(&mut self, method: &'static str, loss: Loss) {
        self.loss = Some((method, loss));
    }

    /// Nothing is to be lost any more.
    pub const fn forget_loss(&mut self) {
        self.loss = None;
    }

    /// What was lost so far.
    #[must_use]
    pub const fn losses(&self) -> u64 {
        self.losses
    }

    /// Whether orders can be placed.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.open && self.gateway.is_up()
    }

    /// Lets something go wrong at the venue; see [`FaultSpec`].
    pub fn fault(&mut self, fault: FaultSpec) {
        self.venue.add_fault(fault);
    }

    /// What the venue holds to be true.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.venue.truth()
    }

    /// Each order that changed since the last call, as it stood right after each change, in order;
    /// from the first call on.
    pub fn take_changes(&mut self) -> Vec<VenueOrder> {
        self.venue.take_changes()
    }

    /// The order requests that arrived so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<OrderRequest> {
        self.venue.requests()
    }

    /// Best levels of an instrument, best first: price and quantity.
    #[must_use]
    pub fn book(&self, instrument: usize, side: Side, levels: usize) -> Vec<(Ticks, Lots)> {
        let side = match side {
            Side::Buy => VenueSide::Buy,
            Side::Sell => VenueSide::Sell,
        };
        self.venue.levels(instrument, side, levels)
    }

    const fn clock(&self, now_ns: u64) -> server::Clock {
        let wall_ms = (now_ns / MS) as i64;
        server::Clock {
            now_ns: now_ns.saturating_sub(self.start_ns),
            wall_ms,
        }
    }

    fn connect(&mut self, now_ns: u64) {
        self.client += 1;
        let request = Request {
            headers: Vec::new(),
            method: "GET".to_owned(),
            path: "/ws-api/v3".to_owned(),
            query: String::new(),
            body: String::new(),
            api_key: None,
            websocket_key: Some("drill".to_owned()),
            keep_alive: true,
        };
        self.venue
            .request(self.clock(now_ns), self.client, &request);
        self.open = true;
        self.gateway.opened(now_ns);
    }

    /// The connection breaks for both, with all that is on its way.
    fn cut(&mut self, now_ns: u64, gateway_knows: bool) {
        self.to_venue.clear();
        self.wires.to_client.clear();
        self.wires.later.clear();
        self.wires.cut = false;
        self.written.0.clear();
        self.open = false;
        self.open_at_ns = now_ns + RETRY_NS;
        self.venue.gone(self.client);
        if !gateway_knows {
            self.gateway.broke(now_ns);
        }
    }

    /// Puts what was written on its way.
    fn post(&mut self, now_ns: u64) {
        while let Some(text) = self.written.0.pop_front() {
            self.to_venue.push_back((now_ns + WAY_NS, text));
        }
    }

    /// The loss that strikes at this request.
    fn strike(&mut self, text: &str) -> Option<Loss> {
        let (method, loss) = self.loss?;
        let names = |method: &str| text.contains(&format!("\"method\":\"{method}\""));
        let fits = if method.is_empty() {
            ORDER_METHODS.iter().any(|method| names(method))
        } else {
            names(method)
        };
        if !fits {
            return None;
        }
        self.loss = None;
        self.losses += 1;
        Some(loss)
    }

    fn arrive(&mut self, text: &str, now_ns: u64) {
        let clock = self.clock(now_ns);
        let struck = self.strike(text);
        match struck {
            Some(Loss::Request) => {
                self.cut(now_ns, false);
                return;
            }
            Some(Loss::RequestOnly) => return,
            Some(Loss::Answer | Loss::AnswerOnly | Loss::Both) | None => {}
        }
        let before = self.wires.to_client.len();
        self.wires.now_ns = now_ns;
        let mut out = Outbox::new(&mut self.wires);
        self.venue.text(clock, self.client, text, &mut out);
        match struck {
            Some(Loss::AnswerOnly) => self.wires.to_client.truncate(before),
            Some(Loss::Answer | Loss::Both) => {
                // The private events of it go out in the venue's turn.
                let mut out = Outbox::new(&mut self.wires);
                self.venue.turn(clock, &mut out);
                self.wires.to_client.truncate(before);
                if struck == Some(Loss::Answer) {
                    self.cut(now_ns, false);
                }
            }
            Some(Loss::Request | Loss::RequestOnly) | None => {}
        }
    }

    fn turn(&mut self, now_ns: u64) {
        if !self.open && now_ns >= self.open_at_ns {
            self.connect(now_ns);
        }
        let clock = self.clock(now_ns);
        while self.open && self.to_venue.front().is_some_and(|(due, _)| *due <= now_ns) {
            if let Some((_, text)) = self.to_venue.pop_front() {
                self.arrive(&text, now_ns);
            }
        }
        self.wires.now_ns = now_ns;
        let mut out = Outbox::new(&mut self.wires);
        self.venue.turn(clock, &mut out);
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.wires.later)
            .into_iter()
            .partition(|(due_ns, _)| *due_ns <= clock.now_ns);
        self.wires.later = later;
        for (_, text) in due {
            self.wires.to_client.push_back((now_ns + WAY_NS, text));
        }
        if self.wires.cut {
            self.cut(now_ns, false);
        }
    }
}

const ORDER_METHODS: [&str; 4] = [
    "order.place",
    "order.cancel",
    "order.cancelReplace",
    "order.amend.keepPriority",
];

impl<C: AsRef<Record>> Gateway<C> for DrillGateway<C> {
    fn capacity(&self) -> usize {
        self.gateway.capacity()
    }

    fn send(&mut self, command: C, trace: Trace, clock: &impl Clock) {
        self.gateway
            .command(command.as_ref(), trace, &mut self.written, clock);
        self.post(clock.now_ns());
    }

    fn poll(&mut self, clock: &impl Clock, sink: &mut impl EventSink) -> Worked {
        let flushed = self.gateway.flush(sink);
        if !self.gateway.is_clear() {
            return Worked::from(flushed);
        }
        let now_ns = clock.now_ns();
        self.turn(now_ns);
        while self.open
            && self
                .wires
                .to_client
                .front()
                .is_some_and(|(due, _)| *due <= now_ns)
        {
            if let Some((_, text)) = self.wires.to_client.pop_front() {
                self.gateway.text(&text, now_ns);
            }
        }
        if !self.gateway.turn(&mut self.written, now_ns) {
            self.cut(now_ns, true);
        }
        self.post(now_ns);
        Worked::from(self.gateway.flush(sink) || flushed)
    }

    fn shut_down(&mut self) {}
}
