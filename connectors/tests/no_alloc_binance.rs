//! Proof that Binance's messages allocate nothing on the hot path: decoding market data, answers
//! and private events, writing and signing requests, and the whole feed from socket to lane.
//!
//! Its own binary, because an allocator is global. Counted per thread, so that the scripted
//! server's allocations do not show. The feed's test runs over plain TCP: what the TLS library
//! allocates is not ours.

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
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use counting::ALLOCATIONS;

use connectors::binance::feed::{FeedConfig, FeedScope, FeedTiming, MarketFeed};
use connectors::binance::start::RestEndpoint;
use connectors::binance::wire::frame::{self, Frame};
use connectors::binance::wire::order::OrderAnswer;
use connectors::binance::wire::request::{self, Context, Proof, Scratch};
use connectors::binance::wire::user::UserEvent;
use connectors::binance::wire::{Depth, decode};
use connectors::sign::Signer;
use connectors::wire::Symbols;
use model::body::{Flag, NewOrder, OrderType, Side, TimeInForce};
use model::ids::{InstrumentId, SourceId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Scale, Ticks};
use model::ports::{Clock, EventSink, Feed};
use model::record::{Kind, Record};

/// Allocations of this thread during `work`.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

fn btcusdt() -> InstrumentSpec {
    InstrumentSpec {
        id: InstrumentId(0),
        venue: VenueId(0),
        symbol: "BTCUSDT".to_owned(),
        name: "BTC-USDT.BINANCE".to_owned(),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        tick: Scale::from_text("0.01").unwrap(),
        lot: Scale::from_text("0.00001").unwrap(),
        price_min: None,
        price_max: None,
        qty_min: Lots(1),
        qty_max: Lots(i64::MAX),
        notional_min: None,
        notional_max: None,
        trading: true,
        contract: model::instrument::Contract::Spot,
    }
}

const QUOTE: &str = r#"{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}"#;
const TRADE: &str = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"#;

fn depth(first: u64, last: u64) -> String {
    let bids = (0..20).map(|n| format!("[\"{}.63000000\",\"1.50000000\"]", 61_000 - n));
    let asks = (0..20).map(|n| format!("[\"{}.64000000\",\"0.00000000\"]", 61_001 + n));
    let (bids, asks) = (bids.collect::<Vec<_>>(), asks.collect::<Vec<_>>());
    format!(
        r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":{first},"u":{last},"b":[{}],"a":[{}]}}}}"#,
        bids.join(","),
        asks.join(",")
    )
}

#[test]
fn market_messages_decode_without_allocation() {
    const ROUNDS: usize = 34_000;
    let symbols = Symbols::new(&[btcusdt()]).unwrap();
    let mut levels = Depth::with_capacity(1_000);
    let update = depth(1, 2);
    let count = allocations(|| {
        for _ in 0..ROUNDS {
            for text in [QUOTE, TRADE, &update] {
                assert!(decode(text.as_bytes(), &symbols, &mut levels).is_ok());
            }
        }
    });
    assert_eq!(count, 0, "in {} messages", 3 * ROUNDS);
}

/// As the venue sends them now; the general parser would allocate for the envelope.
const USDM: [&str; 6] = [
    r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5123107839020,"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","T":1723161256313,"E":1723161256313}}"#,
    r#"{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1723161256322,"a":5933014,"s":"BTCUSDT","p":"61800.30","q":"0.006","nq":"0.006","f":100,"l":105,"T":1723161256321,"m":true,"st":1}}"#,
    r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT","ps":"BTCUSDT","st":1,"U":5123107832006,"u":5123107837557,"pu":5123107831937,"b":[["58710.20","0.014"],["61496.50","0.010"]],"a":[["61803.00","0.000"]]}}"#,
    r#"{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"11794.15000000","i":"11784.62659091","P":"11784.25641265","r":"0.00038167","T":1562306400000,"st":1}}"#,
    r#"{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1638747660000,"s":"BTCUSDT","k":{"t":1638747660000,"T":1638747719999,"s":"BTCUSDT","i":"1m","f":100,"L":200,"o":"61800.10","c":"61800.20","h":"61801.00","l":"61799.90","v":"1000","n":100,"x":false,"q":"1.0000","V":"500","Q":"0.500","B":"123456"}}}"#,
    r#"{"stream":"btcusdt@forceOrder","data":{"e":"forceOrder","E":1568014460893,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014","p":"9910.00000000","ap":"9910.12345678","X":"FILLED","l":"0.014","z":"0.014","T":1568014460893}}}"#,
];

#[test]
fn futures_market_messages_decode_without_allocation() {
    const ROUNDS: usize = 10_000;
    let symbols = Symbols::new(&[btcusdt()]).unwrap();
    let mut levels = Depth::with_capacity(1_000);
    let count = allocations(|| {
        for _ in 0..ROUNDS {
            for text in USDM {
                let read =
                    connectors::binance::usdm::feed::decode(text.as_bytes(), &symbols, &mut levels);
                assert!(read.is_ok(), "{text}: {read:?}");
            }
        }
    });
    assert_eq!(count, 0, "in {} messages", USDM.len() * ROUNDS);
}

#[test]
fn private_events_and_answers_decode_without_allocation() {
    let report = r#"{"subscriptionId":0,"event":{"e":"executionReport","E":1499405658658,"s":"BTCUSDT","c":"caracal-0000010100000001","S":"BUY","o":"LIMIT","f":"GTC","q":"1.00000000","p":"0.10264410","P":"0.00000000","F":"0.00000000","g":-1,"C":"","x":"TRADE","X":"FILLED","r":"NONE","i":4293153,"l":"1.00000000","z":"1.00000000","L":"0.10264410","n":"0.001","N":"BNB","T":1499405658657,"t":12,"I":8641984,"w":true,"m":false,"M":false,"O":1499405658657,"Z":"0.00000000","Y":"0.00000000","Q":"0.00000000","W":1499405658657,"V":"NONE"}}"#;
    let answer = r#"{"id":7,"status":200,"result":{"symbol":"BTCUSDT","orderId":12569099453,"orderListId":-1,"clientOrderId":"caracal-0000010100000001","transactTime":1660801715793,"price":"23416.10000000","origQty":"0.00847000","executedQty":"0.00847000","origQuoteOrderQty":"0.000000","cummulativeQuoteQty":"198.33521500","status":"FILLED","timeInForce":"GTC","type":"LIMIT","side":"SELL","workingTime":1660801715793,"fills":[{"price":"23416.10000000","qty":"0.00635000","commission":"0.000000","commissionAsset":"BNB","tradeId":1650422481},{"price":"23416.50000000","qty":"0.00212000","commission":"0.000000","commissionAsset":"BNB","tradeId":1650422482}]},"rateLimits":[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":50,"count":1},{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1,"limit":160000,"count":1},{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000,"count":1}]}"#;
    let count = allocations(|| {
        for _ in 0..10_000 {
            match frame::decode(report.as_bytes()).unwrap() {
                Frame::Event(UserEvent::Report(report)) => assert_eq!(report.trade_id(), Some(12)),
                other => panic!("{other:?}"),
            }
            match frame::decode(answer.as_bytes()).unwrap() {
                Frame::Answer(answer) => {
                    let order = OrderAnswer::read(answer.outcome.unwrap().unwrap()).unwrap();
                    assert_eq!(order.fills.iter().count(), 2);
                }
                Frame::Event(event) => panic!("{event:?}"),
            }
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn signed_requests_are_written_without_allocation() {
    let symbols = Symbols::new(&[btcusdt()]).unwrap();
    let entry = symbols.find(b"BTCUSDT").unwrap();
    let signer = Signer::hmac(b"secret");
    let mut scratch = Scratch::default();
    let mut out = [0; 1_024];
    let mut order = NewOrder {
        command: 1,
        client_id: 1 << 40,
        price: Ticks(2_341_610),
        qty: Lots(847),
        tag: 0,
        side: Side::Sell,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        reduce_only: Flag::No,
        self_trade: model::body::SelfTrade::NotStated,
        reserved: [0; 35],
    };
    let count = allocations(|| {
        for id in 0..50_000 {
            let context = Context {
                id,
                timestamp_ms: 1_660_801_715_431 + id,
                recv_window_ms: 1_000,
                proof: Proof::Signed {
                    api_key: "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
                    signer: &signer,
                },
            };
            order.price.0 += 1;
            request::place(&context, entry, &order, &mut scratch, &mut out).unwrap();
            let ids = (order.client_id, 12);
            request::cancel(&context, entry, ids, &mut scratch, &mut out).unwrap();
        }
    });
    assert_eq!(count, 0);
}

struct Wall(Instant);

impl Clock for Wall {
    fn now_ns(&self) -> u64 {
        1 + u64::try_from(self.0.elapsed().as_nanos()).unwrap()
    }
}

/// Counts what comes; the last record is kept.
struct Counter {
    records: u64,
    last: Record,
}

impl EventSink for Counter {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, record: &Record) -> bool {
        self.records += 1;
        self.last = *record;
        true
    }
}

/// Serves one snapshot at update 10, then is done.
fn snapshot_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
        while !lines.next().unwrap().unwrap().is_empty() {}
        let body = r#"{"lastUpdateId":10,"bids":[["1.00","1"]],"asks":[["99999.00","1"]]}"#;
        let length = body.len();
        write!(
            socket,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        // Held open until the client is gone, so that its end is no part of the test.
        let _ = lines.next();
    });
    port
}

/// Sends updates 10..=20, waits for `go`, then sends rounds of all kinds.
fn stream_server(rounds: u64, go: std::sync::mpsc::Receiver<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut ws = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        ws.send(depth(10, 20).into()).unwrap();
        go.recv().unwrap();
        for round in 0..rounds {
            ws.write(QUOTE.into()).unwrap();
            ws.write(TRADE.into()).unwrap();
            ws.write(depth(21 + round, 21 + round).into()).unwrap();
        }
        ws.flush().unwrap();
        // Held open until the client closes.
        let _ = ws.read();
    });
    port
}

#[test]
fn feed_from_socket_to_lane_does_not_allocate() {
    const WARM: u64 = 1_000;
    const ROUNDS: u64 = 20_000;
    // A quote, a trade, and forty levels in ten records.
    const RECORDS_PER_ROUND: u64 = 12;
    let (go, wait) = std::sync::mpsc::channel();
    let tls = None;
    let mut feed = MarketFeed::new(FeedConfig {
        stream_url: format!("ws://127.0.0.1:{}", stream_server(WARM + ROUNDS, wait)),
        rest: RestEndpoint {
            url: format!("http://127.0.0.1:{}", snapshot_server()),
            tls,
        },
        venue: VenueId(0),
        source: SourceId(1),
        instruments: Arc::from([btcusdt()]),
        snapshot_levels: 1_000,
        scope: FeedScope::default(),
        timing: FeedTiming::default(),
    })
    .unwrap();
    let clock = Wall(Instant::now());
    let mut sink = Counter {
        records: 0,
        last: Record::ZERO,
    };
    let limit = Duration::from_secs(30);
    while !feed.is_live() {
        assert!(clock.0.elapsed() < limit, "not live in time");
        feed.poll(&clock, &mut sink);
    }
    go.send(()).unwrap();
    let start = sink.records;
    let mut run_to = |records: u64| {
        while sink.records < start + records {
            assert!(clock.0.elapsed() < limit, "{} records", sink.records);
            feed.poll(&clock, &mut sink);
        }
    };
    run_to(WARM * RECORDS_PER_ROUND);
    let count = allocations(|| run_to((WARM + ROUNDS) * RECORDS_PER_ROUND));
    assert_eq!(count, 0, "in {} messages", 3 * ROUNDS);
    assert_eq!(sink.last.kind(), Some(Kind::BookLevels));
    assert_eq!(feed.unparsed(), 0);
}
