//! A feed whose socket is a buffer: bookTicker frames at a fixed pace, as the venue frames them.
//!
//! From the stamp on it does what a venue's feed does with bytes that it has just read: takes the
//! frame apart, decodes the message, puts the record into its lane.
//!
//! Hot path: yes. Allocates: no; the list of ticks is made at start.

use std::sync::{Arc, Mutex};

use connectors::binance::wire::{self, Depth, Market};
use connectors::net::Deframer;
use connectors::wire::Symbols;
use model::ids::InstrumentId;
use model::num::Ticks;
use model::ports::{Clock, EventSink, Feed, Worked};
use model::record::{Kind, Record};

use crate::HarnessError;
use crate::events::{self, BID};
use crate::messages;

/// Time for connections and first orders, before the first tick.
const OPENING_NS: u64 = 50_000_000;
/// By how much the market moves up and down, ticks.
const MOVES: [i64; 4] = [0, 4, 8, 4];
/// First update id: eleven digits, and so are all that follow.
const FIRST_UPDATE_ID: u64 = 50_093_239_213;
const UPDATE_ID_DIGITS: usize = 11;
/// Longest frame.
const FRAME_BYTES_MAX: usize = 4_096;

/// One message of the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tick {
    /// When it should have come.
    pub(super) due_ns: u64,
    /// When its bytes were taken.
    pub(super) received_ns: u64,
}

/// Ticks, handed over when the feed is dropped.
pub(super) type TickLog = Arc<Mutex<Vec<Tick>>>;

/// See the module's header.
#[derive(Debug)]
pub(super) struct BufferFeed {
    pace_ns: u64,
    count: usize,
    due_ns: u64,
    opening: Vec<Record>,
    frames: Vec<Vec<u8>>,
    deframer: Deframer,
    symbols: Symbols,
    depth: Depth,
    ticks: Vec<Tick>,
    log: TickLog,
}

impl BufferFeed {
    /// A feed of `count` ticks, one every `pace_ns`.
    ///
    /// # Errors
    ///
    /// Never with the bench's instrument.
    pub(super) fn new(pace_ns: u64, count: usize, log: TickLog) -> Result<Self, HarnessError> {
        let frame = |(at, moved): (usize, &i64)| {
            let id = FIRST_UPDATE_ID + at as u64;
            frame(messages::quote(id, Ticks(BID + moved), Ticks(BID + moved + 1)).as_bytes())
        };
        let mut ticks = vec![Tick::default(); count];
        ticks.clear();
        Ok(Self {
            pace_ns,
            count,
            due_ns: 0,
            opening: events::market_opening(),
            frames: MOVES.iter().enumerate().map(frame).collect(),
            deframer: Deframer::new(FRAME_BYTES_MAX),
            symbols: Symbols::new(&[messages::instrument()])?,
            depth: Depth::default(),
            ticks,
            log,
        })
    }

    fn open(&mut self, now_ns: u64, sink: &mut impl EventSink) -> Worked {
        for record in self.opening.drain(..) {
            // The smallest lane has room for all of them.
            sink.push(&record.on_instrument(InstrumentId(0)).stamped(now_ns));
        }
        self.due_ns = now_ns + OPENING_NS;
        Worked::Yes
    }

    /// Bytes in memory to a record in the lane.
    fn take(&mut self, received_ns: u64, sink: &mut impl EventSink) {
        let frame = &self.frames[self.ticks.len() % MOVES.len()];
        self.deframer.push(frame);
        let span = match self.deframer.next_span() {
            Ok(Some(span)) => span,
            other => unreachable!("Invariant: a whole frame was pushed, got {other:?}"),
        };
        let bytes = self.deframer.payload(&span);
        let quote = match wire::decode(bytes, &self.symbols, &mut self.depth) {
            Ok(Market::Quote { quote, .. }) => quote,
            other => unreachable!("Invariant: the message is a quote, got {other:?}"),
        };
        let record = Record::new(Kind::Quote, &quote);
        sink.push(&record.on_instrument(InstrumentId(0)).stamped(received_ns));
    }

    /// The frame for the tick after the next round: the same quote with a later update id.
    fn renew(&mut self, tick: usize) {
        let frame = &mut self.frames[tick % MOVES.len()];
        let mut id = FIRST_UPDATE_ID + (tick + MOVES.len()) as u64;
        let start = FRAME_HEADER_BYTES + ID_AT;
        for digit in frame[start..start + UPDATE_ID_DIGITS].iter_mut().rev() {
            *digit = b'0' + (id % 10) as u8;
            id /= 10;
        }
    }
}

impl Feed for BufferFeed {
    fn poll(&mut self, clock: &impl Clock, sink: &mut impl EventSink) -> Worked {
        let now_ns = clock.now_ns();
        if !self.opening.is_empty() {
            return self.open(now_ns, sink);
        }
        if now_ns < self.due_ns || self.ticks.len() == self.count || sink.free() == 0 {
            return Worked::No;
        }
        self.take(now_ns, sink);
        self.renew(self.ticks.len());
        self.ticks.push(Tick {
            due_ns: self.due_ns,
            received_ns: now_ns,
        });
        // After a stall the plan starts anew: a burst of old messages would measure the burst.
        let behind = self.due_ns + self.pace_ns < now_ns;
        self.due_ns = self.pace_ns + if behind { now_ns } else { self.due_ns };
        Worked::Yes
    }

    fn shut_down(&mut self) {
        self.count = self.ticks.len();
    }
}

impl Drop for BufferFeed {
    fn drop(&mut self) {
        // Poisoned: the harness has panicked and reads nothing any more.
        if let Ok(mut log) = self.log.lock() {
            *log = std::mem::take(&mut self.ticks);
        }
    }
}

const FRAME_HEADER_BYTES: usize = 4;
/// Where the update id stands in the message.
const ID_AT: usize = r#"{"stream":"btcusdt@bookTicker","data":{"u":"#.len();

/// A text frame as a server sends it: without mask, length in two bytes.
fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let mut frame = vec![0x81, 126];
    frame.extend(length.to_be_bytes());
    frame.extend(payload);
    frame
}
