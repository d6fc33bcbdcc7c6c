//! 200 instruments at 20,000 messages a second on one feed thread: nothing is lost, and nothing is
//! allocated, so that memory cannot grow.
//!
//! Four connections of 50 instruments over loopback, each a thread of the venue's. Its own binary,
//! because an allocator is global; counted on the feed's thread. One second by default, ten minutes
//! with `RUN_SLOW_TESTS=1`. No randomness.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic; helpers are not seen as tests"
)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test panics on whatever it did not expect"
)]

mod counting;

use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use connectors::binance::feed::SpotStreams;
use connectors::feed::dialect::Snapshots;
use connectors::feed::{
    Contents, Depth, FeedConfig, FeedDialect, FeedScope, FeedTiming, Market, MarketFeed, Opening,
    Rules, Scratch, Topic,
};
use connectors::load::RestEndpoint;
use connectors::wire::symbols::Entry;
use connectors::wire::{Symbols, WireError};
use counting::ALLOCATIONS;
use model::body::LinkState;
use model::event::{Event, event};
use model::ids::{InstrumentId, SourceId, VenueId};
use model::instrument::{Contract, InstrumentSpec};
use model::num::{Lots, Scale};
use model::ports::{Clock, EventSink, Feed};
use model::record::{Record, flags};

const INSTRUMENTS: usize = 200;
const CONNECTIONS: usize = 4;
const PER_CONNECTION: usize = INSTRUMENTS / CONNECTIONS;
const PER_SECOND: u64 = 20_000;
/// Messages behind which the feed's buffers have their size.
const WARM: u64 = 10_000;
const DEADLINE: Duration = Duration::from_secs(20);

/// Binance spot, but for snapshots without a pause: 200 would take as many seconds.
#[derive(Debug, Default)]
struct Hasty;

impl FeedDialect for Hasty {
    const RULES: Rules = Rules {
        snapshots: Snapshots::Rest { apart_ns: 0 },
        connects_apart_ns: 0,
        ..SpotStreams::RULES
    };

    fn topics(&self, slot: usize, spec: &InstrumentSpec, contents: Contents) -> Vec<Topic> {
        SpotStreams.topics(slot, spec, contents)
    }

    fn opening(&self, route: u8, topics: &[Topic]) -> Opening {
        SpotStreams.opening(route, topics)
    }

    fn subscribe(&self, topics: &[Topic], id: u64, out: &mut String) {
        SpotStreams.subscribe(topics, id, out);
    }

    fn unsubscribe(&self, topics: &[Topic], id: u64, out: &mut String) {
        SpotStreams.unsubscribe(topics, id, out);
    }

    fn decode(
        &self,
        bytes: &[u8],
        symbols: &Symbols,
        scratch: &mut Scratch,
    ) -> Result<Market, WireError> {
        SpotStreams.decode(bytes, symbols, scratch)
    }

    fn snapshot_path(&self, symbol: &str, levels: u32) -> String {
        SpotStreams.snapshot_path(symbol, levels)
    }

    fn decode_snapshot(
        &self,
        bytes: &[u8],
        entry: &Entry,
        depth: &mut Depth,
    ) -> Result<u64, WireError> {
        SpotStreams.decode_snapshot(bytes, entry, depth)
    }
}

fn symbol(slot: usize) -> String {
    format!("SOAK{slot:03}USDT")
}

fn spec(slot: usize) -> InstrumentSpec {
    InstrumentSpec {
        id: InstrumentId(slot as u32),
        venue: VenueId(0),
        symbol: symbol(slot),
        name: symbol(slot),
        base: "SOAK".to_owned(),
        quote: "USDT".to_owned(),
        tick: Scale::from_text("0.01").unwrap(),
        lot: Scale::from_text("0.001").unwrap(),
        price_min: None,
        price_max: None,
        qty_min: Lots(1),
        qty_max: Lots(i64::MAX),
        notional_min: None,
        notional_max: None,
        trading: true,
        contract: Contract::Spot,
    }
}

/// Serves the same book for each symbol, over one connection.
fn snapshot_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.set_nodelay(true).unwrap();
        let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
        while let Some(Ok(line)) = lines.next() {
            if !line.is_empty() {
                continue;
            }
            let side = |price: &dyn Fn(i64) -> i64| {
                let level = |at| format!("[\"{}.00000000\",\"5.00000000\"]", price(at));
                (0..100).map(level).collect::<Vec<_>>().join(",")
            };
            let (bids, asks) = (side(&|at| 1_000 - at), side(&|at| 1_001 + at));
            let body = format!("{{\"lastUpdateId\":10,\"bids\":[{bids}],\"asks\":[{asks}]}}");
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            if socket.write_all((head + &body).as_bytes()).is_err() {
                return;
            }
        }
    });
    port
}

/// What the threads of the venue share.
struct Plan {
    messages: u64,
    ready: Barrier,
    /// How late the slowest connection ended, nanoseconds.
    late_ns: AtomicU64,
}

/// The venue's streams: a first update of each book, then messages at the planned pace.
fn stream_server(plan: &Arc<Plan>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let plan = Arc::clone(plan);
    let served = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        while let Ok((socket, _)) = listener.accept() {
            let (plan, served) = (Arc::clone(&plan), Arc::clone(&served));
            std::thread::spawn(move || serve(socket, &plan, &served));
        }
    });
    port
}

#[expect(clippy::result_large_err, reason = "the library's own type")]
fn serve(socket: TcpStream, plan: &Plan, served: &AtomicUsize) {
    assert!(
        served.fetch_add(1, Ordering::Relaxed) < CONNECTIONS,
        "one came again"
    );
    let mut path = String::new();
    let look = |request: &tungstenite::handshake::server::Request, answer| {
        path = request.uri().to_string();
        Ok(answer)
    };
    let mut ws = tungstenite::accept_hdr(socket, look).unwrap();
    let slots: Vec<usize> = (0..INSTRUMENTS)
        .filter(|slot| path.contains(&format!("{}@trade", symbol(*slot).to_lowercase())))
        .collect();
    assert_eq!(slots.len(), PER_CONNECTION, "{path}");
    for &slot in &slots {
        ws.send(message(slot, 0).into()).unwrap();
    }
    plan.ready.wait();
    let start = Instant::now();
    let share = plan.messages / CONNECTIONS as u64;
    let pace_ns = 1_000_000_000 * CONNECTIONS as u64 / PER_SECOND;
    let mut sent = 0;
    while sent < share {
        let due = (start.elapsed().as_nanos() as u64 / pace_ns).min(share);
        for number in sent..due {
            let slot = slots[number as usize % PER_CONNECTION];
            let round = number / PER_CONNECTION as u64 + 1;
            ws.write(message(slot, round).into()).unwrap();
        }
        ws.flush().unwrap();
        sent = due;
        std::thread::sleep(Duration::from_millis(1));
    }
    let planned_ns = share * pace_ns;
    let late_ns = (start.elapsed().as_nanos() as u64).saturating_sub(planned_ns);
    plan.late_ns.fetch_max(late_ns, Ordering::Relaxed);
    // Held open until the client closes.
    let _ = ws.read();
}

/// The message of an instrument's `round`: of five one updates ten levels, one is a trade, three
/// are best prices. Ids count the messages of each kind.
fn message(slot: usize, round: u64) -> String {
    let (name, lower) = (symbol(slot), symbol(slot).to_lowercase());
    let id = round / 5;
    match round % 5 {
        0 => {
            let level = |at: u64| {
                let (price, qty) = (990 + (at + id) % 8, (id + at) % 3);
                format!("[\"{price}.00000000\",\"{qty}.50000000\"]")
            };
            let bids = (0..10).map(level).collect::<Vec<_>>().join(",");
            format!(
                "{{\"stream\":\"{lower}@depth@100ms\",\"data\":{{\"e\":\"depthUpdate\",\"E\":1,\
                 \"s\":\"{name}\",\"U\":{0},\"u\":{0},\"b\":[{bids}],\"a\":[]}}}}",
                id + 11
            )
        }
        1 => format!(
            "{{\"stream\":\"{lower}@trade\",\"data\":{{\"e\":\"trade\",\"E\":1,\"s\":\"{name}\",\
             \"t\":{id},\"p\":\"1000.00000000\",\"q\":\"1.00000000\",\"T\":1,\"m\":true,\
             \"M\":true}}}}"
        ),
        kind => format!(
            "{{\"stream\":\"{lower}@bookTicker\",\"data\":{{\"u\":{},\"s\":\"{name}\",\
             \"b\":\"1000.00000000\",\"B\":\"5.00000000\",\"a\":\"1001.00000000\",\
             \"A\":\"5.00000000\"}}}}",
            3 * id + kind
        ),
    }
}

/// Checks that every message of every instrument is there, in order.
struct Check {
    next: Vec<[u64; 3]>,
    messages: u64,
    live: usize,
}

impl EventSink for Check {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, record: &Record) -> bool {
        let slot = record.instrument().map(InstrumentId::index);
        let counted = match event(record).unwrap() {
            Event::BookLevels(levels)
                if record.has(flags::LAST_OF_MESSAGE) && !record.has(flags::SNAPSHOT) =>
            {
                Some((0, levels.update_id))
            }
            Event::Trade(trade) => Some((1, trade.trade_id)),
            Event::Quote(quote) => Some((2, quote.update_id)),
            Event::Connection(link) => {
                assert_ne!(link.state, LinkState::Stale, "{}", link.text.as_str());
                assert_ne!(link.state, LinkState::Down, "{}", link.text.as_str());
                self.live += usize::from(slot.is_some() && link.state == LinkState::Up);
                None
            }
            _ => None,
        };
        if let (Some(slot), Some((kind, id))) = (slot, counted) {
            assert_eq!(id, self.next[slot][kind], "instrument {slot}, kind {kind}");
            self.next[slot][kind] += 1;
            self.messages += 1;
        }
        true
    }
}

struct Wall(Instant);

impl Clock for Wall {
    fn now_ns(&self) -> u64 {
        1 + self.0.elapsed().as_nanos() as u64
    }
}

fn feed(plan: &Arc<Plan>) -> MarketFeed<Hasty> {
    MarketFeed::new(FeedConfig {
        stream_url: format!("ws://127.0.0.1:{}", stream_server(plan)),
        rest: RestEndpoint {
            url: format!("http://127.0.0.1:{}", snapshot_server()),
            tls: None,
        },
        venue: VenueId(0),
        source: SourceId(1),
        instruments: (0..INSTRUMENTS).map(spec).collect(),
        snapshot_levels: 100,
        scope: FeedScope {
            topics_per_connection: Some(3 * PER_CONNECTION),
            ..FeedScope::default()
        },
        timing: FeedTiming::default(),
    })
    .unwrap()
}

#[test]
fn two_hundred_instruments_at_twenty_thousand_messages_a_second() {
    let is_long = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let seconds = if is_long { 600 } else { 1 };
    let plan = Arc::new(Plan {
        messages: PER_SECOND * seconds,
        ready: Barrier::new(CONNECTIONS + 1),
        late_ns: AtomicU64::new(0),
    });
    let mut feed = feed(&plan);
    let clock = Wall(Instant::now());
    let mut check = Check {
        // The first update of each book, and the ids of round one and two.
        next: vec![[11, 0, 2]; INSTRUMENTS],
        messages: 0,
        live: 0,
    };
    while !feed.is_live() || check.messages < INSTRUMENTS as u64 {
        assert!(
            clock.0.elapsed() < DEADLINE,
            "{} books are live",
            check.live
        );
        feed.poll(&clock, &mut check);
    }
    assert_eq!(check.live, INSTRUMENTS);
    plan.ready.wait();
    let (start, first) = (Instant::now(), check.messages);
    let limit = Duration::from_secs(seconds) + DEADLINE;
    let (mut warm, mut busy) = (None, Duration::ZERO);
    while check.messages < first + plan.messages {
        assert!(start.elapsed() < limit, "{} messages", check.messages);
        let began = Instant::now();
        if feed.poll(&clock, &mut check).is_yes() {
            busy += began.elapsed();
        } else {
            std::thread::yield_now();
        }
        if warm.is_none() && check.messages >= first + WARM {
            warm = Some(ALLOCATIONS.with(Cell::get));
        }
    }
    let took = start.elapsed();
    let grown = ALLOCATIONS.with(Cell::get) - warm.unwrap();
    assert_eq!(grown, 0, "allocations of the feed's thread");
    assert_eq!(feed.unparsed(), 0);
    let late = Duration::from_nanos(plan.late_ns.load(Ordering::Relaxed));
    eprintln!(
        "{} messages in {took:.2?} ({:.0} a second), none lost; the feed's thread was busy \
         {:.1} %; the venue was {late:.2?} late",
        plan.messages,
        plan.messages as f64 / took.as_secs_f64(),
        100.0 * busy.as_secs_f64() / took.as_secs_f64(),
    );
    // In the long form the pace itself is part of the claim.
    let allowed = Duration::from_secs(1);
    assert!(
        !is_long || took < Duration::from_secs(seconds) + allowed,
        "{took:?}"
    );
}
