//! Market streams: an independent, naive book that follows them equals the venue's.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::client::{config, quiet, start};

/// Prices and quantities, best first.
type Levels = Vec<(Decimal, Decimal)>;

/// A book by Binance's rules, in the simplest form: decimals in maps.
#[derive(Debug, Default, Clone)]
pub(super) struct NaiveBook {
    pub(super) last_id: u64,
    pub(super) bids: BTreeMap<Decimal, Decimal>,
    pub(super) asks: BTreeMap<Decimal, Decimal>,
}

impl NaiveBook {
    pub(super) fn from_snapshot(snapshot: &Value) -> Self {
        let mut book = Self {
            last_id: snapshot["lastUpdateId"].as_u64().unwrap(),
            ..Self::default()
        };
        apply(&mut book.bids, &snapshot["bids"]);
        apply(&mut book.asks, &snapshot["asks"]);
        book
    }

    /// Applies a depth event; `false` on a gap.
    pub(super) fn update(&mut self, event: &Value) -> bool {
        let (first, last) = (event["U"].as_u64().unwrap(), event["u"].as_u64().unwrap());
        if last <= self.last_id {
            return true;
        }
        if first > self.last_id + 1 {
            return false;
        }
        apply(&mut self.bids, &event["b"]);
        apply(&mut self.asks, &event["a"]);
        self.last_id = last;
        true
    }

    pub(super) fn levels(&self) -> (Levels, Levels) {
        let pair = |(price, qty): (&Decimal, &Decimal)| (*price, *qty);
        (
            self.bids.iter().rev().map(pair).collect(),
            self.asks.iter().map(pair).collect(),
        )
    }
}

fn apply(side: &mut BTreeMap<Decimal, Decimal>, levels: &Value) {
    for level in levels.as_array().unwrap() {
        let number = |index: usize| level[index].as_str().unwrap().parse::<Decimal>().unwrap();
        if number(1).is_zero() {
            side.remove(&number(0));
        } else {
            side.insert(number(0), number(1));
        }
    }
}

#[test]
fn book_that_follows_the_streams_equals_the_venues() {
    let (mut config, ed) = config(5);
    config.market = connectors::practice::MarketConfig::Synthetic {
        seed: 5,
        events_per_second: 2_000.0,
    };
    let venue = start(config, ed);
    let mut ws = venue.ws("/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade");
    let first = ws.until(|value| value["stream"] == "btcusdt@depth@100ms");
    let snapshot = venue
        .rest()
        .get("/api/v3/depth?symbol=BTCUSDT&limit=5000")
        .json();
    let mut book = NaiveBook::from_snapshot(&snapshot);
    assert!(book.update(&first["data"]));
    let mut chained = first["data"]["u"].as_u64().unwrap();
    let (mut tickers, mut trades, mut last_trade) = (BTreeMap::new(), 0, 0);
    let until = Instant::now() + Duration::from_millis(1_500);
    let mut compared = 0;
    while Instant::now() < until {
        let value = ws.next();
        let data = &value["data"];
        match value["stream"].as_str().unwrap() {
            "btcusdt@depth@100ms" => {
                assert_eq!(
                    data["U"].as_u64(),
                    Some(chained + 1),
                    "the ids have a hole or overlap"
                );
                chained = data["u"].as_u64().unwrap();
                assert!(book.update(data), "gap at {data}");
                let (bids, asks) = book.levels();
                assert!(bids[0].0 < asks[0].0);
                if let Some(ticker) = tickers.get(&book.last_id) {
                    let ticker: &Value = ticker;
                    let text = |key: &str| ticker[key].as_str().unwrap().parse::<Decimal>();
                    assert_eq!((text("b"), text("B")), (Ok(bids[0].0), Ok(bids[0].1)));
                    assert_eq!((text("a"), text("A")), (Ok(asks[0].0), Ok(asks[0].1)));
                    compared += 1;
                }
            }
            "btcusdt@bookTicker" => {
                tickers.insert(data["u"].as_u64().unwrap(), data.clone());
            }
            "btcusdt@trade" => {
                let id = data["t"].as_u64().unwrap();
                assert!(
                    last_trade == 0 || id == last_trade + 1,
                    "trade ids have a hole at {id}"
                );
                last_trade = id;
                trades += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(
        trades > 50 && tickers.len() > 100,
        "{trades} trades, {} tops",
        tickers.len()
    );
    println!("compared {compared} tops at equal ids");
    compare_at_rest(&venue, &mut ws, &mut book);
}

/// The venue's truth is of one moment: wait for the event that reaches it.
fn compare_at_rest(venue: &super::client::Venue, ws: &mut super::client::Ws, book: &mut NaiveBook) {
    for _ in 0..50 {
        let event = ws.until(|value| value["stream"] == "btcusdt@depth@100ms");
        assert!(book.update(&event["data"]));
        let truth = venue.server.truth().unwrap().books[0].clone();
        if truth.last_update_id == book.last_id {
            assert_eq!(book.levels(), (truth.bids, truth.asks));
            return;
        }
        let snapshot = venue
            .rest()
            .get("/api/v3/depth?symbol=BTCUSDT&limit=5000")
            .json();
        let event = ws.until(|value| {
            value["stream"] == "btcusdt@depth@100ms"
                && value["data"]["u"].as_u64() >= snapshot["lastUpdateId"].as_u64()
        });
        let mut other = NaiveBook::from_snapshot(&snapshot);
        assert!(other.update(&event["data"]));
        // The events in between were skipped by `until`; start over from this book if so.
        if event["data"]["U"].as_u64().unwrap() == book.last_id + 1 {
            assert!(book.update(&event["data"]));
            assert_eq!(book.levels(), other.levels());
            return;
        }
        *book = other;
    }
    panic!("no moment at which both could be compared");
}

#[test]
fn our_orders_show_in_the_book() {
    let venue = quiet(|_| {});
    let mut ws = venue.ws("/ws");
    ws.send(&json!({"method": "SUBSCRIBE", "params": ["btcusdt@depth"], "id": 1}));
    assert_eq!(ws.next(), json!({"result": null, "id": 1}));
    let mut orders = venue.ws("/ws-api/v3");
    orders.ask(
        "order.place",
        venue.signed_params(super::orders::far_bid("seen")),
    );
    let event = ws.until(|value| value["e"] == "depthUpdate");
    assert_eq!(event["b"], json!([["50000.00000000", "0.00100000"]]));
    let cancel = json!({"symbol": "BTCUSDT", "origClientOrderId": "seen"});
    orders.ask("order.cancel", venue.signed_params(cancel));
    let event = ws.until(|value| value["e"] == "depthUpdate");
    assert_eq!(event["b"], json!([["50000.00000000", "0.00000000"]]));
}

#[test]
fn subscriptions_are_listed_changed_and_refused() {
    let venue = quiet(|_| {});
    let mut ws = venue.ws("/ws/btcusdt@trade");
    let ask = |ws: &mut super::client::Ws, request: Value| {
        ws.send(&request);
        let answer = ws.next();
        std::thread::sleep(Duration::from_millis(210));
        answer
    };
    let list = json!({"method": "LIST_SUBSCRIPTIONS", "id": 3});
    assert_eq!(
        ask(&mut ws, list.clone())["result"],
        json!(["btcusdt@trade"])
    );
    let unknown = json!({"method": "SUBSCRIBE", "params": ["nousdt@trade"], "id": "x"});
    assert_eq!(ask(&mut ws, unknown), json!({"result": null, "id": "x"}));
    let end = json!({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 4});
    assert_eq!(ask(&mut ws, end)["result"], json!(null));
    assert_eq!(ask(&mut ws, list)["result"], json!(["nousdt@trade"]));
    let set = json!({"method": "SET_PROPERTY", "params": ["combined", true], "id": 5});
    assert_eq!(ask(&mut ws, set)["result"], json!(null));
    let get = json!({"method": "GET_PROPERTY", "params": ["combined"], "id": 6});
    assert_eq!(ask(&mut ws, get)["result"], json!(true));
    assert_eq!(ask(&mut ws, json!({"method": "FLY", "id": 7}))["code"], 2);
    ws.send_text("nonsense");
    assert_eq!(ws.next()["code"], 3);
    let mut hasty = venue.ws("/ws");
    for id in 0..6 {
        hasty.send(&json!({"method": "LIST_SUBSCRIPTIONS", "id": id}));
    }
    assert!(
        hasty.ends(),
        "more than five messages a second must end the connection"
    );
}

#[test]
fn partial_depth_and_pings_come_by_themselves() {
    let venue = quiet(|config| config.ping_every = Duration::from_millis(50));
    let mut ws = venue.ws("/stream?streams=btcusdt@depth5@100ms");
    let depth = ws.until(|value| value["stream"] == "btcusdt@depth5@100ms");
    assert_eq!(depth["data"]["bids"].as_array().unwrap().len(), 5);
    let truth = venue.server.truth().unwrap().books[0].clone();
    assert_eq!(
        depth["data"]["asks"][0][0],
        format!("{:.8}", truth.asks[0].0)
    );
    let until = Instant::now() + Duration::from_secs(5);
    while !ws.next_frame().is_ping() {
        assert!(Instant::now() < until, "no ping came");
    }
}

#[test]
fn client_that_answers_no_ping_is_dropped() {
    let venue = quiet(|config| {
        config.ping_every = Duration::from_millis(50);
        config.pong_within = Duration::from_millis(300);
    });
    let mut silent = venue.ws("/ws");
    let mut alive = venue.ws("/ws-api/v3");
    let until = Instant::now() + Duration::from_millis(700);
    while Instant::now() < until {
        alive.next_frame();
    }
    assert!(silent.ends(), "no pong came, and the connection stays");
    assert_eq!(alive.ask("ping", json!({}))["status"], 200);
}

#[test]
fn socket_stamps_tell_of_writes_and_reads() {
    use connectors::practice::StampKind;
    let venue = quiet(|config| {
        config.stamps = Some(1_000);
        config.market = connectors::practice::MarketConfig::Synthetic {
            seed: 1,
            events_per_second: 500.0,
        };
    });
    let stamps = venue.server.take_stamps().unwrap();
    assert!(venue.server.take_stamps().is_none());
    let begin = Instant::now();
    let mut ws = venue.ws("/ws/btcusdt@bookTicker");
    ws.next();
    venue.ws("/ws-api/v3").ask("ping", json!({}));
    let (mut writes, mut reads) = (0, 0);
    while let Ok(stamp) = stamps.recv_timeout(Duration::from_millis(100)) {
        assert!(stamp.at >= begin);
        match stamp.kind {
            StampKind::MarketWrite => writes += 1,
            StampKind::OrderRead => reads += 1,
        }
        if writes > 0 && reads > 2 {
            break;
        }
    }
    assert!(writes > 0 && reads > 0, "{writes} writes, {reads} reads");
}
