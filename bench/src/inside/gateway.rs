//! A gateway whose socket is a buffer: encodes, signs and masks each order as the venue's gateway
//! does, and answers in the venue's place.
//!
//! The first order to buy is filled, so that the maker has all it wants and quotes one side from
//! then on: one order for each quote.
//!
//! Hot path: yes. Allocates: no; the list of samples is made at start.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::{Arc, Mutex};

use connectors::binance::wire::request::{self, Context, Proof, Scratch};
use connectors::net::Framer;
use connectors::net::frame::Opcode;
use connectors::sign::Signer;
use connectors::wire::Symbols;
use engine::machine::Approved;
use model::body::{OrderStatus, Sent, Side};
use model::command::{CommandView, command};
use model::ids::InstrumentId;
use model::limits::COMMANDS_IN_FLIGHT_MAX;
use model::ports::{Clock, EventSink, Gateway, Trace, Worked};
use model::record::{Kind, Record};

use crate::HarnessError;
use crate::events;
use crate::messages;

/// A key as long as the venue's.
const API_KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
/// Room for the longest request.
const REQUEST_BYTES_MAX: usize = 1_024;

/// How an order proves that it is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// The connection is logged on.
    Session,
    /// Each order is signed.
    Hmac,
}

/// What the gateway sent, handed over when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// Stamps of each order.
    pub(super) sent: Vec<Sent>,
    /// Bytes of all frames together.
    pub(super) bytes: u64,
}

/// See the module's header.
pub(super) struct BufferGateway {
    signer: Option<Signer>,
    symbols: Symbols,
    scratch: Scratch,
    framer: Framer,
    answers: VecDeque<Record>,
    has_filled: bool,
    venue_id: u64,
    wire: Wire,
    out: Arc<Mutex<Wire>>,
}

impl BufferGateway {
    /// A gateway with room for `orders` samples.
    ///
    /// # Errors
    ///
    /// Never with the bench's instrument.
    pub(super) fn new(
        authentication: Authentication,
        orders: usize,
        out: Arc<Mutex<Wire>>,
    ) -> Result<Self, HarnessError> {
        let mut answers = VecDeque::with_capacity(16 * COMMANDS_IN_FLIGHT_MAX);
        answers.extend(events::orders_opening());
        let mut sent = vec![empty(); orders];
        sent.clear();
        Ok(Self {
            signer: (authentication == Authentication::Hmac).then(|| Signer::hmac(&[b'k'; 64])),
            symbols: Symbols::new(&[messages::instrument()])?,
            scratch: Scratch::default(),
            framer: Framer::new(REQUEST_BYTES_MAX, 1),
            answers,
            has_filled: false,
            venue_id: 1_000_000,
            wire: Wire { sent, bytes: 0 },
            out,
        })
    }

    /// Masked frame bytes of a command, ready to be written; how many.
    fn encode(&mut self, view: &CommandView<'_>, now_ns: u64) -> usize {
        let proof = match &self.signer {
            None => Proof::Session,
            Some(signer) => Proof::Signed {
                api_key: API_KEY,
                signer,
            },
        };
        let context = Context {
            id: view.number(),
            timestamp_ms: now_ns / 1_000_000,
            recv_window_ms: 5_000,
            proof,
        };
        let (symbols, scratch) = (&self.symbols, &mut self.scratch);
        let Some(entry) = symbols.of(InstrumentId(0)) else {
            return 0;
        };
        let write = |room: &mut [u8]| {
            let written = match view {
                CommandView::NewOrder(order) => {
                    request::place(&context, entry, order, scratch, room)
                }
                CommandView::ReplaceOrder(order) => {
                    request::cancel_replace(&context, entry, order, scratch, room)
                }
                CommandView::CancelOrder(order) => {
                    let ids = (order.client_id, order.venue_order_id);
                    request::cancel(&context, entry, ids, scratch, room)
                }
                CommandView::QueryOrder(_)
                | CommandView::QueryOpenOrders(_)
                | CommandView::AmendOrder(_)
                | CommandView::CancelAll(_)
                | CommandView::Latch(_) => Ok(0),
            };
            written.unwrap_or(0)
        };
        let frame = self.framer.frame_with(Opcode::Text, write);
        frame.map_or(0, |bytes| black_box(bytes).len())
    }

    /// What the venue says to a command.
    fn answer(&mut self, record: &Record, view: &CommandView<'_>, now_ns: u64) {
        match view {
            CommandView::NewOrder(order) => {
                self.acknowledge(record, order.client_id, now_ns);
                if order.side == Side::Buy && !self.has_filled {
                    self.has_filled = true;
                    let fill =
                        events::fill(order.client_id, self.venue_id, 1, order.price, order.qty);
                    self.push(record, Record::new(Kind::OrderFilled, &fill), now_ns);
                }
            }
            CommandView::ReplaceOrder(order) => {
                self.end(record, order.cancel_client_id, now_ns);
                self.acknowledge(record, order.client_id, now_ns);
            }
            CommandView::CancelOrder(order) => self.end(record, order.client_id, now_ns),
            CommandView::QueryOrder(_)
            | CommandView::QueryOpenOrders(_)
            | CommandView::AmendOrder(_)
            | CommandView::CancelAll(_)
            | CommandView::Latch(_) => {}
        }
    }

    fn acknowledge(&mut self, about: &Record, client_id: u64, now_ns: u64) {
        self.venue_id += 1;
        let report = events::report(client_id, self.venue_id, OrderStatus::Open);
        self.push(about, Record::new(Kind::OrderAcked, &report), now_ns);
    }

    fn end(&mut self, about: &Record, client_id: u64, now_ns: u64) {
        // Its venue's id is known already.
        let report = events::report(client_id, 0, OrderStatus::Cancelled);
        self.push(about, Record::new(Kind::OrderCancelled, &report), now_ns);
    }

    fn push(&mut self, about: &Record, event: Record, now_ns: u64) {
        let mut event = event.on_instrument(InstrumentId(0)).stamped(now_ns);
        if let Some(account) = about.account() {
            event = event.on_account(account);
        }
        if let Some(strategy) = about.strategy() {
            event = event.by_strategy(strategy);
        }
        self.answers.push_back(event);
    }
}

impl Gateway<Approved<Record>> for BufferGateway {
    fn capacity(&self) -> usize {
        // Four events at most answer a command.
        (self.answers.capacity() - self.answers.len()) / 4
    }

    fn send(&mut self, approved: Approved<Record>, trace: Trace, clock: &impl Clock) {
        let taken_ns = clock.now_ns();
        let record = *approved.as_ref();
        let view = match command(&record) {
            Ok(view) => view,
            Err(error) => unreachable!("Invariant: approved commands are commands: {error}"),
        };
        let bytes = self.encode(&view, taken_ns);
        let written_ns = clock.now_ns();
        let sent = events::sent(&view, trace, taken_ns, written_ns);
        self.wire.bytes += bytes as u64;
        if self.wire.sent.len() < self.wire.sent.capacity() {
            self.wire.sent.push(sent);
        }
        self.push(&record, Record::new(Kind::Sent, &sent), written_ns);
        self.answer(&record, &view, written_ns);
    }

    fn poll(&mut self, _clock: &impl Clock, sink: &mut impl EventSink) -> Worked {
        let mut worked = Worked::No;
        while let Some(answer) = self.answers.front() {
            if !sink.push(answer) {
                break;
            }
            self.answers.pop_front();
            worked = Worked::Yes;
        }
        worked
    }

    fn shut_down(&mut self) {}
}

impl Drop for BufferGateway {
    fn drop(&mut self) {
        // Poisoned: the harness has panicked and reads nothing any more.
        if let Ok(mut out) = self.out.lock() {
            *out = std::mem::take(&mut self.wire);
        }
    }
}

const fn empty() -> Sent {
    Sent {
        command: 0,
        client_id: 0,
        received_ns: 0,
        sequenced_ns: 0,
        intended_ns: 0,
        approved_ns: 0,
        taken_ns: 0,
        written_ns: 0,
        reserved: [0; 16],
    }
}
