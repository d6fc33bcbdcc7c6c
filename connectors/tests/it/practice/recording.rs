//! A recording played to a client: byte for byte, with a book that equals an independent replay.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use connectors::practice::{MarketConfig, OrderStatus, PracticeServer, Speed};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::client::{DEADLINE, Venue, config, start};
use super::market::NaiveBook;

const STREAMS: &str = "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade";

/// The recording's path, or `None` (said aloud) where it is not present.
fn recording() -> Option<PathBuf> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/binance-spot-btcusdt-20240808.gz"
    );
    if Path::new(path).exists() {
        return Some(path.into());
    }
    eprintln!("skipped: there is no recording at {path}");
    None
}

/// The JSON of every line.
fn lines(path: &Path) -> impl Iterator<Item = String> + use<> {
    let file = std::fs::File::open(path).unwrap();
    let lines = BufReader::new(MultiGzDecoder::new(file)).lines();
    lines.map(|line| line.unwrap().split_once(' ').unwrap().1.to_owned())
}

fn venue(path: &Path, speed: Speed) -> Venue {
    let (mut config, ed) = config(1);
    config.market = MarketConfig::Recording {
        path: path.to_owned(),
        speed,
    };
    start(config, ed)
}

/// An independent replay: the whole book after every `every`-th depth message, by its last id.
fn replay(path: &Path, every: usize) -> (BTreeMap<u64, NaiveBook>, u64) {
    let snapshot = lines(path)
        .find(|line| line.starts_with("{\"lastUpdateId\""))
        .unwrap();
    let mut book = NaiveBook::from_snapshot(&serde_json::from_str(&snapshot).unwrap());
    let mut checkpoints = BTreeMap::new();
    let mut count = 0;
    for line in lines(path).filter(|line| line.starts_with("{\"stream\":\"btcusdt@depth@100ms\"")) {
        let message: Value = serde_json::from_str(&line).unwrap();
        assert!(book.update(&message["data"]));
        count += 1;
        if count % every == 0 {
            checkpoints.insert(book.last_id, book.clone());
        }
    }
    let last = book.last_id;
    checkpoints.insert(last, book);
    (checkpoints, last)
}

#[test]
fn recording_at_full_speed_arrives_whole_and_its_book_equals_an_independent_replay() {
    let Some(path) = recording() else { return };
    let (checkpoints, last_id) = replay(&path, 100);
    let venue = venue(&path, Speed::Max);
    let mut ws = venue.ws(STREAMS);
    let mut book: Option<NaiveBook> = None;
    let mut compared = 0;
    let mut early = Vec::new();
    for line in lines(&path).filter(|line| line.starts_with("{\"stream\"")) {
        let text = ws.next_text();
        assert_eq!(text, line);
        if !text.starts_with("{\"stream\":\"btcusdt@depth") {
            continue;
        }
        let message: Value = serde_json::from_str(&text).unwrap();
        let Some(book) = book.as_mut() else {
            early.push(message["data"].clone());
            let target = "/api/v3/depth?symbol=BTCUSDT&limit=5000";
            let snapshot = venue.rest().get(target).json();
            if snapshot["lastUpdateId"].as_u64() >= early[0]["U"].as_u64() {
                let mut synced = NaiveBook::from_snapshot(&snapshot);
                assert!(early.iter().all(|event| synced.update(event)));
                book = Some(synced);
            }
            continue;
        };
        assert!(book.update(&message["data"]), "gap at {text}");
        if let Some(expected) = checkpoints.get(&book.last_id) {
            assert_eq!(
                book.levels(),
                expected.levels(),
                "at update {}",
                book.last_id
            );
            compared += 1;
        }
    }
    assert!(compared > 25, "only {compared} checkpoints compared");
    assert_eq!(book.unwrap().last_id, last_id);
    assert!(venue.server.progress().unwrap().unwrap().finished);
    let truth = venue.server.truth().unwrap().books[0].clone();
    assert_eq!((truth.bids, truth.asks), checkpoints[&last_id].levels());
}

#[test]
fn orders_in_a_recording_fill_as_it_allows() {
    let Some(path) = recording() else { return };
    let venue = venue(&path, Speed::Max);
    let mut orders = venue.ws("/ws-api/v3");
    let book = venue.server.truth().unwrap().books[0].clone();
    let (bid, ask) = (book.bids[0], book.asks[0]);
    let order = |side: &str, kind: &str, price: Decimal, qty: Decimal| {
        let mut params = json!({
            "symbol": "BTCUSDT", "side": side, "type": kind, "quantity": qty.to_string(),
            "price": price.to_string(),
        });
        if kind == "LIMIT" {
            params["timeInForce"] = json!("IOC");
        }
        venue.signed_params(params)
    };
    let tiny = Decimal::new(1, 3);
    let crossing = orders.ask("order.place", order("BUY", "LIMIT_MAKER", ask.0, tiny));
    assert_eq!(crossing["error"]["code"], -2010);
    let taken = orders.ask("order.place", order("BUY", "LIMIT", ask.0, ask.1));
    assert_eq!(taken["result"]["status"], "FILLED", "{taken}");
    let again = orders.ask("order.place", order("BUY", "LIMIT", ask.0, tiny));
    assert_eq!(
        again["result"]["status"], "EXPIRED",
        "the level was taken: {again}"
    );
    let rested = orders.ask("order.place", order("BUY", "LIMIT_MAKER", bid.0, tiny));
    assert_eq!(rested["status"], 200, "{rested}");
    let far = orders.ask(
        "order.place",
        order("BUY", "LIMIT_MAKER", Decimal::from(50_000), tiny),
    );
    assert_eq!(far["status"], 200, "{far}");
    let mut market = venue.ws(STREAMS);
    let until = Instant::now() + DEADLINE;
    while !venue.server.progress().unwrap().unwrap().finished {
        assert!(Instant::now() < until, "the recording did not end in time");
        for _ in 0..200 {
            if market.try_next(Duration::from_millis(50)).is_none() {
                break;
            }
        }
    }
    let truth = venue.server.truth().unwrap();
    let id = rested["result"]["orderId"].as_u64().unwrap();
    let filled = truth.orders.iter().find(|order| order.id == id).unwrap();
    assert_eq!(filled.status, OrderStatus::Filled);
    let fill = truth.trades.iter().find(|trade| trade.order == id).unwrap();
    assert!(fill.maker);
    assert_eq!(truth.open_orders.len(), 1);
    assert_eq!(
        truth.open_orders[0].id,
        far["result"]["orderId"].as_u64().unwrap()
    );
}

#[test]
fn recording_at_a_multiple_of_real_time_keeps_its_pace() {
    let Some(path) = recording() else { return };
    let venue = venue(&path, Speed::Times(10));
    let progress = || venue.server.progress().unwrap().unwrap();
    assert_eq!(progress().lines, 0, "nobody listens yet");
    let mut ws = venue.ws(STREAMS);
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(1) {
        ws.next_text();
    }
    let lines = progress().lines;
    assert!(
        (300..8_000).contains(&lines),
        "{lines} lines in a second at tenfold speed"
    );
    assert!(!progress().finished);
}

fn write_gz(path: &Path, lines: impl Iterator<Item = String>) {
    let mut encoder = GzEncoder::new(std::fs::File::create(path).unwrap(), Compression::fast());
    for (number, line) in lines.enumerate() {
        writeln!(encoder, "{number} {line}").unwrap();
    }
    encoder.finish().unwrap();
}

#[test]
fn damaged_recording_is_refused_with_line_and_reason() {
    let Some(path) = recording() else { return };
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.gz");
    let say = || {
        let (mut config, _) = config(1);
        config.market = MarketConfig::Recording {
            path: copy.clone(),
            speed: Speed::Max,
        };
        PracticeServer::start(config).unwrap_err().to_string()
    };
    assert!(say().contains("cannot be opened"), "{}", say());
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&copy, &bytes[..bytes.len() / 3]).unwrap();
    assert!(
        say().contains("cut off") && say().contains(" line "),
        "{}",
        say()
    );
    write_gz(
        &copy,
        lines(&path)
            .take(100)
            .enumerate()
            .filter(|(n, _)| *n != 1)
            .map(|(_, l)| l),
    );
    assert!(
        say().contains("line 5") && say().contains("hole"),
        "{}",
        say()
    );
    write_gz(
        &copy,
        lines(&path)
            .take(100)
            .map(|line| line.replace("61837.64", "61837.641")),
    );
    assert!(
        say().contains("line 1") && say().contains("61837.641"),
        "{}",
        say()
    );
    write_gz(
        &copy,
        lines(&path)
            .take(100)
            .map(|line| line.replace("BTCUSDT\",\"b\"", "")),
    );
    assert!(
        say().contains("is not a message") || say().contains("bookTicker"),
        "{}",
        say()
    );
    write_gz(&copy, lines(&path).take(5));
    assert!(say().contains("no depth snapshot"), "{}", say());
    write_gz(&copy, std::iter::empty());
    assert!(say().contains("empty"), "{}", say());
}
