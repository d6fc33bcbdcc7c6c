//! The session without a socket: messages in, events and requests out.

use std::collections::VecDeque;
use std::sync::Arc;

use model::body::{LinkState, OrderReport, OrderStatus, RejectReason};
use model::event::{Event, event};
use model::ids::{AccountId, ClientOrderId, InstrumentId, VenueId};
use model::num::Lots;
use model::ports::{Clock, EventSink, Trace};
use model::record::{Kind, Record};
use serde_json::{Value, json};

use super::config::GatewayConfig;
use super::dialect::Spot;
use crate::binance::start::Limits;
use crate::gateway::GatewayTiming;
use crate::gateway::line::Outlet;
use crate::gateway::session::{Phase, Session};
use crate::link::venue_time::TimeOffset;
use crate::net::{HttpRequest, SendError};
use crate::practice::PracticeInstrument;
use crate::sign::Signer;

mod changes;
mod misc;
mod orders;
mod trades;

const BTC: InstrumentId = InstrumentId(0);
const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

#[derive(Default)]
struct Wire(VecDeque<Value>);

impl Outlet for Wire {
    fn text(&mut self, text: &[u8]) -> Result<(), SendError> {
        self.0.push_back(serde_json::from_slice(text).unwrap());
        Ok(())
    }

    fn http(&mut self, _: u64, _: &HttpRequest<'_>) -> Result<(), SendError> {
        Err(SendError::NotOpen)
    }
}

#[derive(Default)]
struct Events(Vec<Record>);

impl EventSink for Events {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, record: &Record) -> bool {
        self.0.push(*record);
        true
    }
}

struct Fixed(u64);

impl Clock for Fixed {
    fn now_ns(&self) -> u64 {
        self.0
    }
}

/// A session, what it sent, and the time.
struct Bench {
    session: Session<Spot>,
    wire: Wire,
    events: Events,
    now_ns: u64,
}

/// Our order with this counter.
fn id(counter: u32) -> u64 {
    ClientOrderId::new(1, None, counter).unwrap().raw()
}

/// Its text on the wire.
fn name(counter: u32) -> String {
    String::from_utf8(crate::wire::order_id::text_of(id(counter)).to_vec()).unwrap()
}

impl Bench {
    fn new() -> Self {
        let config = GatewayConfig {
            url: "wss://venue.example".to_owned(),
            tls: None,
            api_key: "key".to_owned(),
            signer: Signer::hmac(b"secret"),
            account: AccountId(0),
            venue: VenueId(0),
            instruments: Arc::new([PracticeInstrument::btcusdt().spec]),
            recv_window_ms: 5_000,
            limits: Limits::default(),
            time: TimeOffset::default(),
            resume: vec![(BTC, 100)],
            timing: GatewayTiming::default(),
        };
        let (setup, dialect) = config.split().unwrap();
        Self {
            session: Session::new(&setup, dialect).unwrap(),
            wire: Wire::default(),
            events: Events::default(),
            now_ns: 1_700_000_000 * SECOND,
        }
    }

    /// Connected and reconciled, with nothing to find.
    fn up() -> Self {
        let mut bench = Self::new();
        bench.subscribe();
        bench.answer("openOrders.status", json!([]));
        bench.answer("myTrades", json!([]));
        bench.answer("account.status", json!({"balances": []}));
        assert_eq!(bench.session.phase, Phase::Up);
        bench.events.0.clear();
        bench
    }

    /// Connected and subscribed: the questions of reconciling are out.
    fn subscribe(&mut self) {
        self.session.opened(self.now_ns);
        self.pump();
        for _ in 0..3 {
            let ms = self.now_ns / MS;
            self.answer("time", json!({"serverTime": ms}));
        }
        self.answer(
            "userDataStream.subscribe.signature",
            json!({"subscriptionId": 0}),
        );
    }

    fn pump(&mut self) {
        self.session.pump(&mut self.wire, self.now_ns);
        self.session.flush(&mut self.events);
    }

    fn text(&mut self, message: &Value) {
        self.bytes(message.to_string().as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.session.text(bytes, self.now_ns);
        self.pump();
    }

    /// Lets time pass.
    fn wait(&mut self, time_ns: u64) {
        self.now_ns += time_ns;
        self.session.tick(self.now_ns);
        self.pump();
    }

    /// Takes the oldest request, which must be of this method.
    #[track_caller]
    fn request(&mut self, method: &str) -> Value {
        let request = self.wire.0.pop_front().expect("a request");
        assert_eq!(request["method"], method, "{request}");
        request
    }

    #[track_caller]
    fn answer(&mut self, method: &str, result: Value) {
        let request = self.request(method);
        self.text(&json!({"id": request["id"], "status": 200, "result": result}));
    }

    #[track_caller]
    fn refuse(&mut self, method: &str, status: u16, error: Value) {
        let request = self.request(method);
        self.text(&json!({"id": request["id"], "status": status, "error": error}));
    }

    fn event(&mut self, event: &Value) {
        self.text(&json!({"subscriptionId": 0, "event": event}));
    }

    fn command<B: model::body::Body>(&mut self, kind: Kind, body: &B) {
        let record = Record::new(kind, body).on_instrument(BTC);
        let clock = Fixed(self.now_ns);
        let wire = Some(&mut self.wire);
        self.session
            .command(&record, Trace::default(), wire, &clock);
        self.pump();
    }

    /// The connection breaks.
    fn lose(&mut self) {
        let end = crate::gateway::session::End {
            state: LinkState::Down,
            code: 0,
            words: "broken".to_owned(),
        };
        self.session.lost(&end, self.now_ns);
        self.wire.0.clear();
        self.pump();
    }

    fn take(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.events.0)
    }
}

/// A report's kind and body.
fn report(record: &Record) -> Option<(Kind, OrderReport)> {
    let report = match event(record).unwrap() {
        Event::OrderAcked(report)
        | Event::OrderRejected(report)
        | Event::OrderCancelled(report)
        | Event::OrderExpired(report)
        | Event::OrderUnknown(report)
        | Event::OrderStatus(report)
        | Event::OrderAbsent(report)
        | Event::CancelRejected(report)
        | Event::SendFailed(report) => *report,
        Event::OrderFilled(_)
        | Event::RunStarted(_)
        | Event::RunEnded(_)
        | Event::BlobPart(_)
        | Event::Tick(_)
        | Event::Connection(_)
        | Event::BookReset(_)
        | Event::BookLevels(_)
        | Event::BookOrder(_)
        | Event::Trade(_)
        | Event::Quote(_)
        | Event::Sent(_)
        | Event::OpenOrders(_)
        | Event::Balance(_)
        | Event::Operator(_)
        | Event::RiskRefused(_)
        | Event::StateHash(_)
        | Event::Mark(_)
        | Event::Rate(_)
        | Event::Candle(_)
        | Event::OpenInterest(_)
        | Event::Liquidation(_)
        | Event::OrderAmended(_)
        | Event::AmendRejected(_)
        | Event::Transfer(_)
        | Event::Funding(_)
        | Event::PositionReport(_)
        | Event::Control(_)
        | Event::RiskNotice(_)
        | Event::Recovered(_) => return None,
    };
    Some((record.kind().unwrap(), report))
}

/// Kind, order and reason of every report.
fn reports(events: &[Record]) -> Vec<(Kind, u64, RejectReason)> {
    let found = events.iter().filter_map(report);
    found
        .map(|(kind, report)| (kind, report.client_id, report.reason))
        .collect()
}

/// Trade ids and orders of every fill.
fn fills(events: &[Record]) -> Vec<(u64, u64)> {
    let found = events.iter().filter_map(|record| match event(record) {
        Ok(Event::OrderFilled(fill)) => Some((fill.trade_id, fill.client_id)),
        _ => None,
    });
    found.collect()
}

/// A sample of the venue's messages, or `None` where the samples are not present.
fn sample(name: &str) -> Option<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/venues/binance/");
    let text = std::fs::read_to_string(format!("{folder}{name}")).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

fn trade_row(trade: u64, order: u64, time_ms: u64) -> Value {
    json!({
        "symbol": "BTCUSDT", "id": trade, "orderId": order, "orderListId": -1,
        "price": "60000.00000000", "qty": "0.00001000", "quoteQty": "0.60000000",
        "commission": "0.00000001", "commissionAsset": "BTC", "time": time_ms,
        "isBuyer": true, "isMaker": true, "isBestMatch": true,
    })
}

fn order_row(counter: u32, order: u64, status: &str, executed: &str) -> Value {
    json!({
        "symbol": "BTCUSDT", "orderId": order, "clientOrderId": name(counter),
        "price": "60000.00000000", "origQty": "1.00000000", "executedQty": executed,
        "status": status, "timeInForce": "GTC", "type": "LIMIT", "side": "BUY",
        "time": 1_700_000_000_000_u64, "updateTime": 1_700_000_000_000_u64,
    })
}

/// A report of the private stream.
fn execution(counter: u32, order: u64, what: &str, status: &str) -> Value {
    json!({
        "e": "executionReport", "E": 1_700_000_000_001_u64, "s": "BTCUSDT", "c": name(counter),
        "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "1.00000000", "p": "60000.00000000",
        "C": "", "x": what, "X": status, "r": "NONE", "i": order, "l": "0.00000000",
        "z": "0.00000000", "L": "0.00000000", "n": "0", "N": null,
        "T": 1_700_000_000_000_u64, "t": -1, "w": true, "m": false,
    })
}

fn traded(counter: u32, order: u64, trade: u64) -> Value {
    let mut report = execution(counter, order, "TRADE", "PARTIALLY_FILLED");
    report["t"] = trade.into();
    report["l"] = "0.00001000".into();
    report["z"] = "0.00001000".into();
    report["L"] = "60000.00000000".into();
    report["N"] = "BTC".into();
    report
}

const OPEN: OrderStatus = OrderStatus::Open;
const NO_LOTS: Lots = Lots(0);
