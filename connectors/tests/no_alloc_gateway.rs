//! Proof that the order gateway allocates nothing from a command to the socket and from the socket
//! to the lane: placement, acknowledgement, private report, fill and balances.
//!
//! Its own binary, because an allocator is global. Counted per thread, so that the scripted
//! server's allocations do not show. Over plain TCP: what the TLS library allocates is not ours.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic; helpers are not seen as tests"
)]

mod counting;

use std::cell::Cell;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use counting::ALLOCATIONS;

use connectors::binance::gateway::{BinanceGateway, GatewayConfig, GatewayTiming};
use connectors::binance::start::Limits;
use connectors::link::TimeOffset;
use connectors::practice::PracticeInstrument;
use connectors::sign::Signer;
use model::body::{Flag, NewOrder, OrderType, Side, TimeInForce};
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId, VenueId};
use model::num::{Lots, Ticks};
use model::ports::{Clock, EventSink, Gateway, Trace};
use model::record::{Kind, Record};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

const ORDERS: u32 = 500;
const WARM: u32 = 20;
const DEADLINE: Duration = Duration::from_secs(20);

struct Wall;

impl Clock for Wall {
    fn now_ns(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(now.as_nanos()).unwrap()
    }
}

struct Command(Record);

impl AsRef<Record> for Command {
    fn as_ref(&self) -> &Record {
        &self.0
    }
}

/// Counts events by kind.
#[derive(Default)]
struct Counts {
    fills: u32,
    acks: u32,
    balances: u32,
}

impl EventSink for Counts {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, record: &Record) -> bool {
        self.fills += u32::from(record.kind() == Some(Kind::OrderFilled));
        self.acks += u32::from(record.kind() == Some(Kind::OrderAcked));
        self.balances += u32::from(record.kind() == Some(Kind::Balance));
        true
    }
}

/// Answers what the gateway asks, and fills every order at once.
fn serve(mut server: WebSocket<TcpStream>) {
    let mut order = 0_u64;
    while let Ok(message) = server.read() {
        if !message.is_text() {
            continue;
        }
        let request: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        let result = match request["method"].as_str().unwrap() {
            "time" => json!({"serverTime": Wall.now_ns() / 1_000_000}),
            "userDataStream.subscribe.signature" => json!({"subscriptionId": 0}),
            "openOrders.status" | "myTrades" => json!([]),
            "account.status" => json!({"balances": []}),
            "order.place" => {
                order += 1;
                accept(&mut server, order, &request["params"]["newClientOrderId"])
            }
            other => panic!("{other}"),
        };
        let limits = json!([{
            "rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1,
            "limit": 6000, "count": 70,
        }]);
        let answer = json!({
            "id": request["id"], "status": 200, "result": result, "rateLimits": limits,
        });
        server.send(Message::text(answer.to_string())).unwrap();
    }
}

/// Sends the private events of an order that fills; returns its answer.
fn accept(server: &mut WebSocket<TcpStream>, order: u64, name: &Value) -> Value {
    let report = |what: &str, status: &str, trade: i64, qty: &str| {
        json!({
            "e": "executionReport", "E": 1, "s": "BTCUSDT", "c": name, "S": "BUY", "o": "LIMIT",
            "f": "GTC", "q": "0.00100000", "p": "60000.00000000", "C": "", "x": what, "X": status,
            "r": "NONE", "i": order, "l": qty, "z": qty, "L": "60000.00000000", "n": "0.00000100",
            "N": "BTC", "T": 1, "t": trade, "m": false,
        })
    };
    // As the venue writes it: the kind first.
    let balances = concat!(
        r#"{"subscriptionId":0,"event":{"e":"outboundAccountPosition","E":1,"u":1,"B":["#,
        r#"{"a":"BTC","f":"1.5","l":"0"},{"a":"USDT","f":"1000","l":"0"}]}}"#
    );
    let trade = i64::try_from(order).unwrap();
    for event in [
        report("NEW", "NEW", -1, "0.00000000"),
        report("TRADE", "FILLED", trade, "0.00100000"),
    ] {
        let message = json!({"subscriptionId": 0, "event": event}).to_string();
        server.send(Message::text(message)).unwrap();
    }
    server.send(Message::text(balances)).unwrap();
    json!({
        "symbol": "BTCUSDT", "orderId": order, "orderListId": -1, "clientOrderId": name,
        "transactTime": 1, "executedQty": "0.00100000", "status": "FILLED", "side": "BUY",
        "fills": [{
            "price": "60000.00000000", "qty": "0.00100000", "commission": "0.00000100",
            "commissionAsset": "BTC", "tradeId": trade,
        }],
    })
}

fn order(counter: u32) -> Command {
    let client_id = ClientOrderId::new(1, Some(StrategyId(0)), counter).unwrap();
    let body = NewOrder {
        command: u64::from(counter),
        client_id: client_id.raw(),
        price: Ticks(6_000_000),
        qty: Lots(100),
        tag: 0,
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        reduce_only: Flag::No,
        self_trade: model::body::SelfTrade::NotStated,
        reserved: [0; 35],
    };
    let record = Record::new(Kind::NewOrder, &body).on_instrument(InstrumentId(0));
    Command(record.on_account(AccountId(0)).by_strategy(StrategyId(0)))
}

fn gateway(port: u16) -> BinanceGateway<Command> {
    let config = GatewayConfig {
        url: format!("ws://127.0.0.1:{port}"),
        tls: None,
        api_key: "key".to_owned(),
        signer: Signer::hmac(b"secret"),
        account: AccountId(0),
        venue: VenueId(0),
        instruments: Arc::new([PracticeInstrument::btcusdt().spec]),
        recv_window_ms: 5_000,
        limits: Limits {
            weight_per_minute: 1_000_000,
            orders_per_ten_seconds: 1_000_000,
            orders_per_day: 1_000_000,
        },
        time: TimeOffset::default(),
        resume: Vec::new(),
        timing: GatewayTiming::default(),
    };
    BinanceGateway::new(config).unwrap()
}

/// Places one order and polls until its last event is out.
fn trade(gateway: &mut BinanceGateway<Command>, counts: &mut Counts, counter: u32) {
    gateway.send(order(counter), Trace::default(), &Wall);
    poll_until(gateway, counts, |_, counts| {
        counts.acks == 2 * counter && counts.balances >= 2 * counter
    });
}

fn poll_until(
    gateway: &mut BinanceGateway<Command>,
    counts: &mut Counts,
    done: impl Fn(&BinanceGateway<Command>, &Counts) -> bool,
) {
    let begin = Instant::now();
    while !done(gateway, counts) {
        assert!(begin.elapsed() < DEADLINE, "not in time");
        if !gateway.poll(&Wall, counts).is_yes() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn order_from_command_to_fill_does_not_allocate() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let socket = listener.accept().unwrap().0;
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_nodelay(true).unwrap();
        serve(tungstenite::accept(socket).unwrap());
    });
    let mut gateway = gateway(port);
    let mut counts = Counts::default();
    poll_until(&mut gateway, &mut counts, |gateway, _| gateway.is_up());
    counts = Counts::default();
    for counter in 1..=WARM {
        trade(&mut gateway, &mut counts, counter);
    }
    let before = ALLOCATIONS.with(Cell::get);
    for counter in WARM + 1..=ORDERS {
        trade(&mut gateway, &mut counts, counter);
    }
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
    assert_eq!(
        counts.fills, ORDERS,
        "each trade comes twice and counts once"
    );
    drop(gateway);
    server.join().unwrap();
}

#[test]
fn counting_allocator_sees_an_allocation() {
    let before = ALLOCATIONS.with(Cell::get);
    drop(std::hint::black_box(Vec::<u8>::with_capacity(10)));
    assert!(ALLOCATIONS.with(Cell::get) > before);
}
