//! The control of the wire-to-wire measurement: a bare echo through the same kind of sockets.
//!
//! The same TLS WebSocket client on the same two connections to the same venue; every bookTicker
//! message is answered at once with bytes of an order's size that mean nothing. What is left is the
//! kernel, TLS, framing and the venue: nothing that sends orders can be faster.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use connectors::net::{CloseReason, Endpoint, Target, WsClient, WsConfig, WsMessage};
use engine::clock::WallClock;
use mio::{Poll, Token};
use model::ports::Clock;

use super::pairs::Answer;
use super::venue::Venue;
use super::{DEADLINE, Found};
use crate::{HarnessError, cores};

/// The streams that the engine's feed takes.
const STREAMS: &str = "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade";
/// How a best bid and ask begins on a combined stream.
const QUOTE: &[u8] = b"{\"stream\":\"btcusdt@bookTicker\"";

/// Echoes at `venue` for `time` with messages of `order_bytes`.
pub(super) fn run(venue: Venue, time: Duration, order_bytes: usize) -> Result<Found, HarnessError> {
    let clock = WallClock::anchored_now();
    let core = cores::last();
    let ended = AtomicBool::new(false);
    let connected = Echo::connect(&venue, order_bytes, clock)?;
    let answers = std::thread::scope(|scope| {
        let echo = scope.spawn(|| {
            if let Some(id) = core {
                core_affinity::set_for_current(core_affinity::CoreId { id });
            }
            connected.turn(&ended, core.is_none())
        });
        std::thread::sleep(time);
        // Relaxed: nothing is read through it.
        ended.store(true, Ordering::Relaxed);
        echo.join().unwrap_or(Err(HarnessError::Stopped))
    })?;
    Ok(Found::of(&venue.stop(&clock), &answers))
}

struct Echo {
    market: WsClient,
    orders: WsClient,
    order: Vec<u8>,
    clock: WallClock,
    answers: Vec<Answer>,
    _poll: Poll,
}

impl Echo {
    /// Both connections open.
    fn connect(venue: &Venue, order_bytes: usize, clock: WallClock) -> Result<Self, HarnessError> {
        let poll = Poll::new()?;
        let open = |path: &str, token: usize| -> Result<WsClient, HarnessError> {
            let endpoint = Endpoint::parse(&venue.url("wss", path))?;
            let config = WsConfig::new(Target::resolve(&endpoint, Some(&venue.tls))?);
            let client = WsClient::connect(config, poll.registry(), Token(token), clock.now_ns())?;
            opened(client, &clock)
        };
        let orders = open("/ws-api/v3", 1)?;
        let market = open(STREAMS, 2)?;
        let head = "{\"id\":1,\"method\":\"ping\",\"params\":{},\"padding\":\"";
        let padding = "x".repeat(order_bytes.saturating_sub(head.len() + 2));
        Ok(Self {
            market,
            orders,
            order: format!("{head}{padding}\"}}").into_bytes(),
            clock,
            answers: Vec::with_capacity(1 << 20),
            _poll: poll,
        })
    }

    /// Answers quotes until the end is called.
    fn turn(mut self, ended: &AtomicBool, yields: bool) -> Result<Vec<Answer>, HarnessError> {
        while !ended.load(Ordering::Relaxed) {
            self.echo()?;
            self.orders.poll(self.clock.now_ns())?;
            while self.orders.next_message()?.is_some() {}
            if yields {
                std::thread::yield_now();
            }
        }
        Ok(self.answers)
    }

    fn echo(&mut self) -> Result<(), CloseReason> {
        let received_ns = self.clock.now_ns();
        self.market.poll(received_ns)?;
        // As the engine's feed: the stamp is taken when the bytes are here.
        let received_ns = self.clock.now_ns();
        while let Some(message) = self.market.next_message()? {
            if let WsMessage::Text(bytes) = message
                && bytes.starts_with(QUOTE)
            {
                let taken_ns = self.clock.now_ns();
                if self.orders.send_text(&self.order).is_ok() {
                    self.answers.push(Answer {
                        received_ns,
                        taken_ns,
                    });
                }
            }
        }
        Ok(())
    }
}

fn opened(mut client: WsClient, clock: &WallClock) -> Result<WsClient, HarnessError> {
    let began = Instant::now();
    while !client.is_open() {
        client.poll(clock.now_ns())?;
        if DEADLINE < began.elapsed() {
            return Err(HarnessError::Late {
                what: "a connection to the practice venue",
                seconds: DEADLINE.as_secs(),
            });
        }
        std::thread::yield_now();
    }
    Ok(client)
}
