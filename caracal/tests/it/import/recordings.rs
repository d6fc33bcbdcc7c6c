//! Goal: the data set of a real recording says what the recording says, message by message.
//!
//! Method: read the recording's own text with a general JSON parser, keep a naive book of it (a map
//! a side, exact decimals), and walk the data set in lockstep: every trade and quote field by
//! field, and after every book message both books, whole.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use model::body::Side;
use model::event::{Event, event};
use model::instrument::{Contract, InstrumentSpec};
use model::record::{Record, flags};
use rust_decimal::Decimal;
use serde_json::Value;

use super::{check_form, imported, instruments, records};

/// Price to quantity, exact.
type Levels = BTreeMap<Decimal, Decimal>;

#[derive(Default, PartialEq, Debug)]
pub(super) struct Book {
    bids: Levels,
    asks: Levels,
}

pub(super) fn number(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

fn set(levels: &mut Levels, price: Decimal, qty: Decimal) {
    if qty.is_zero() {
        levels.remove(&price);
    } else {
        levels.insert(price, qty);
    }
}

impl Book {
    pub(super) fn apply_text(&mut self, bids: &Value, asks: &Value) {
        for level in bids.as_array().unwrap() {
            set(&mut self.bids, number(&level[0]), number(&level[1]));
        }
        for level in asks.as_array().unwrap() {
            set(&mut self.asks, number(&level[0]), number(&level[1]));
        }
    }
}

/// The data set, record by record, with the book that it gives.
pub(super) struct Walk {
    pub(super) records: std::vec::IntoIter<Record>,
    pub(super) spec: InstrumentSpec,
    pub(super) book: Book,
}

impl Walk {
    pub(super) fn next(&mut self) -> Record {
        self.records.next().expect("the data set ends too early")
    }

    pub(super) fn price(&self, ticks: model::num::Ticks) -> Decimal {
        self.spec.price(ticks).unwrap()
    }

    pub(super) fn qty(&self, lots: model::num::Lots) -> Decimal {
        self.spec.quantity(lots).unwrap()
    }

    /// Applies the records of one book message, which was received at `ns`.
    pub(super) fn message(&mut self, ns: u64, update_id: u64, venue_ns: u64, snapshot: bool) {
        loop {
            let record = self.next();
            assert_eq!(record.stamp_ns, ns);
            assert_eq!(record.has(flags::SNAPSHOT), snapshot);
            let Event::BookLevels(levels) = event(&record).unwrap() else {
                panic!("{record:?} where levels of {update_id} belong");
            };
            assert_eq!(
                (levels.update_id, levels.venue_time_ns),
                (update_id, venue_ns)
            );
            for (side, level) in levels.iter(record.detail) {
                let (price, qty) = (self.price(level.price), self.qty(level.qty));
                match side {
                    Side::Buy => set(&mut self.book.bids, price, qty),
                    Side::Sell => set(&mut self.book.asks, price, qty),
                }
            }
            if record.has(flags::LAST_OF_MESSAGE) {
                return;
            }
        }
    }
}

/// The name of the venue's time of a message: of the match where there is one.
fn venue_ns(data: &Value) -> u64 {
    let ms = data["T"].as_u64().or_else(|| data["E"].as_u64());
    ms.unwrap_or(0) * 1_000_000
}

/// What was compared.
#[derive(Debug, Default, PartialEq, Eq)]
struct Compared {
    trades: u64,
    quotes: u64,
    updates: u64,
}

fn compare(recording: &Path, mut walk: Walk) -> Compared {
    let mut naive = Book::default();
    let mut held: Vec<Value> = Vec::new();
    let mut id = None;
    let mut compared = Compared::default();
    let file = std::fs::File::open(recording).unwrap();
    for line in BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines() {
        let line = line.unwrap();
        let (ns, json) = line.split_once(' ').unwrap();
        let (ns, json): (u64, Value) = (ns.parse().unwrap(), serde_json::from_str(json).unwrap());
        let data = &json["data"];
        if let Some(snapshot_id) = json["lastUpdateId"].as_u64() {
            naive.apply_text(&json["bids"], &json["asks"]);
            let reset = walk.next();
            assert!(matches!(event(&reset).unwrap(), Event::BookReset(_)));
            walk.book = Book::default();
            walk.message(ns, snapshot_id, venue_ns(&json), true);
            id = Some(snapshot_id);
            for data in held.drain(..).filter(|data| data["u"].as_u64() > id) {
                update(&mut walk, &mut naive, ns, &data, &mut compared);
            }
            let up = walk.next();
            assert!(matches!(event(&up).unwrap(), Event::Connection(_)));
        } else if data["e"] == "depthUpdate" {
            if id.is_none() {
                held.push(data.clone());
            } else {
                update(&mut walk, &mut naive, ns, data, &mut compared);
            }
        } else if data["e"] == "trade" {
            trade(&mut walk, ns, data);
            compared.trades += 1;
        } else {
            quote(&mut walk, ns, data);
            compared.quotes += 1;
        }
    }
    let down = walk.next();
    assert!(matches!(event(&down).unwrap(), Event::Connection(_)));
    assert!(walk.records.next().is_none());
    compared
}

fn update(walk: &mut Walk, naive: &mut Book, ns: u64, data: &Value, compared: &mut Compared) {
    naive.apply_text(&data["b"], &data["a"]);
    walk.message(ns, data["u"].as_u64().unwrap(), venue_ns(data), false);
    assert_eq!(walk.book, *naive, "after update {}", data["u"]);
    compared.updates += 1;
}

fn trade(walk: &mut Walk, ns: u64, data: &Value) {
    let record = walk.next();
    let Event::Trade(trade) = event(&record).unwrap() else {
        panic!("{record:?} where trade {data} belongs");
    };
    let side = if data["m"] == true {
        Side::Sell
    } else {
        Side::Buy
    };
    assert_eq!(
        (
            record.stamp_ns,
            trade.trade_id,
            trade.venue_time_ns,
            trade.aggressor
        ),
        (ns, data["t"].as_u64().unwrap(), venue_ns(data), side)
    );
    assert_eq!(walk.price(trade.price), number(&data["p"]));
    assert_eq!(walk.qty(trade.qty), number(&data["q"]));
}

fn quote(walk: &mut Walk, ns: u64, data: &Value) {
    let record = walk.next();
    let Event::Quote(quote) = event(&record).unwrap() else {
        panic!("{record:?} where quote {data} belongs");
    };
    assert_eq!(
        (record.stamp_ns, quote.update_id, quote.venue_time_ns),
        (ns, data["u"].as_u64().unwrap(), venue_ns(data))
    );
    for (level, price, qty) in [(quote.bid, "b", "B"), (quote.ask, "a", "A")] {
        assert_eq!(walk.price(level.price), number(&data[price]));
        assert_eq!(walk.qty(level.qty), number(&data[qty]));
    }
}

/// A recording beside this checkout; a test that does not find it says so.
#[expect(clippy::print_stderr, reason = "a skipped test says that it is")]
fn recording(market: &str) -> Option<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let path = Path::new(folder).join(format!("binance-{market}-btcusdt-20240808.gz"));
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: no recording at {}", path.display());
    None
}

/// The data set in `directory/set`, of one instrument, up to the first record of its market.
pub(super) fn walk(directory: &Path) -> Walk {
    let mut all = records(&directory.join("set"));
    let specs = instruments(&all);
    assert_eq!(specs.len(), 1);
    let begin = all.iter().position(|record| {
        !matches!(
            event(record).unwrap(),
            Event::BlobPart(_) | Event::Connection(_)
        )
    });
    Walk {
        records: all.split_off(begin.unwrap()).into_iter(),
        spec: specs.into_iter().next().unwrap(),
        book: Book::default(),
    }
}

/// Imports a recording, compares it whole, and gives the report and what was compared.
fn walked(market: &str) -> Option<(Value, InstrumentSpec, Compared)> {
    let path = recording(market)?;
    let directory = tempfile::tempdir().unwrap();
    let name = path.to_str().unwrap();
    let report = imported(directory.path(), &["binance-capture", name, "--out", "set"]);
    check_form(directory.path(), "set");
    let walk = walk(directory.path());
    let spec = walk.spec.clone();
    Some((report, spec, compare(&path, walk)))
}

fn assert_nothing_found(report: &Value) {
    for (name, found) in report["findings"].as_object().unwrap() {
        assert_eq!(found["count"], 0, "{name}: {found}");
    }
}

#[test]
fn spot_recording_is_what_its_text_says() {
    let Some((report, spec, compared)) = walked("spot") else {
        return;
    };
    let wanted = Compared {
        trades: 9_757,
        quotes: 28_040,
        updates: 3_449,
    };
    assert_eq!(compared, wanted);
    assert_nothing_found(&report);
    assert_eq!(spec.name, "BTC-USDT.BINANCE");
    assert_eq!(spec.contract, Contract::Spot);
    // Three far levels have six digits, though the venue's lot has five.
    let steps = (spec.tick.to_string(), spec.lot.to_string());
    assert_eq!(steps, ("0.01".to_owned(), "0.000001".to_owned()));
    let clock = |key: &str| report["local_minus_exchange_ns"][key].as_i64().unwrap();
    let (min, median, max) = (clock("min"), clock("median"), clock("max"));
    assert!(min < median && median < max && max < -1_000_000_000);
}

#[test]
fn usdm_recording_is_what_its_text_says() {
    let Some((report, spec, compared)) = walked("usdm") else {
        return;
    };
    let wanted = Compared {
        trades: 21_313,
        quotes: 66_089,
        updates: 6_547,
    };
    assert_eq!(compared, wanted);
    assert_nothing_found(&report);
    assert_eq!(spec.name, "BTC-USDT-PERP.BINANCE");
    assert!(matches!(&spec.contract, Contract::Linear(terms) if terms.settle == "USDT"));
    let steps = (spec.tick.to_string(), spec.lot.to_string());
    assert_eq!(steps, ("0.1".to_owned(), "0.001".to_owned()));
}

#[test]
fn lot_of_the_venue_cuts_the_three_levels_that_are_finer_and_says_so() {
    let Some(path) = recording("spot") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let name = path.to_str().unwrap();
    let arguments = ["binance-capture", name, "--out", "set", "--lot", "0.00001"];
    let report = imported(directory.path(), &arguments);
    assert_eq!(report["findings"]["cut_quantities"]["count"], 3);
    assert_eq!(report["findings"]["cut_quantities"]["first"]["line"], 1_886);
    assert_eq!(report["instruments"][0]["lot_given"], true);
}
