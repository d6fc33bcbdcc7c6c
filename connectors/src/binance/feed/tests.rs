//! Book synchronisation on recorded and invented runs, without sockets.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks only for the events that it is about"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use model::body::LinkState;
use model::event::{Event, event};
use model::ids::{InstrumentId, SourceId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Scale};
use model::ports::EventSink;
use model::record::{Record, flags};

use super::{FeedConfig, FeedScope, FeedTiming, SpotStreams};
use crate::binance::start::RestEndpoint;
use crate::feed::core::Core;
use crate::feed::frames::{SnapshotResult, Wish};
use crate::feed::plan;
use crate::link::lane::{Backlog, Lane};

struct Log(Vec<Record>);

impl EventSink for Log {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, record: &Record) -> bool {
        self.0.push(*record);
        true
    }
}

fn spec(id: u32, symbol: &str, tick: &str, lot: &str) -> InstrumentSpec {
    InstrumentSpec {
        id: InstrumentId(id),
        venue: VenueId(0),
        symbol: symbol.to_owned(),
        name: symbol.to_owned(),
        base: String::new(),
        quote: String::new(),
        tick: Scale::from_text(tick).unwrap(),
        lot: Scale::from_text(lot).unwrap(),
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

/// The feed's core with a log behind it, and a book built from the log alone.
struct Bench {
    core: Core<SpotStreams>,
    log: Log,
    backlog: Backlog,
}

impl Bench {
    fn new(instruments: Vec<InstrumentSpec>) -> Self {
        let config = FeedConfig {
            stream_url: String::new(),
            rest: RestEndpoint {
                url: String::new(),
                tls: None,
            },
            venue: VenueId(0),
            source: SourceId(1),
            instruments: Arc::from(instruments),
            snapshot_levels: 1_000,
            scope: FeedScope::default(),
            timing: FeedTiming::default(),
        };
        let shares = plan::shares(&SpotStreams, &config.instruments, &config.scope);
        assert_eq!(shares.len(), 1);
        let mut bench = Self {
            core: Core::new(SpotStreams, &config, &shares).unwrap(),
            log: Log(Vec::new()),
            backlog: Backlog::with_capacity(0),
        };
        let mut lane = Lane::new(&mut bench.log, &mut bench.backlog);
        bench.core.opened(0, 1, &mut lane);
        bench.log.0.clear();
        bench
    }

    fn text(&mut self, text: &str) -> Wish {
        let mut lane = Lane::new(&mut self.log, &mut self.backlog);
        self.core.text(0, text.as_bytes(), 1, &mut lane)
    }

    fn depth(&mut self, first: u64, last: u64, bid: &str) {
        self.text(&format!(
            r#"{{"e":"depthUpdate","E":5,"s":"BTCUSDT","U":{first},"u":{last},"b":[{bid}],"a":[]}}"#
        ));
    }

    fn snapshot(&mut self, slot: usize, body: &str) -> SnapshotResult {
        let mut lane = Lane::new(&mut self.log, &mut self.backlog);
        self.core.snapshot(slot, body.as_bytes(), 2, &mut lane)
    }

    /// Short names of the events since the last call.
    fn taken(&mut self) -> Vec<String> {
        let name = |record: &Record| match event(record).unwrap() {
            Event::Connection(link) => format!("{:?}", link.state),
            Event::BookReset(reset) => format!("reset {}", reset.update_id),
            Event::BookLevels(levels) => {
                let last = record.has(flags::LAST_OF_MESSAGE);
                format!(
                    "levels {}{}",
                    levels.update_id,
                    if last { "" } else { ".." }
                )
            }
            other => format!("{:?}", std::mem::discriminant(&other)),
        };
        self.log.0.drain(..).map(|record| name(&record)).collect()
    }
}

fn btcusdt() -> Bench {
    Bench::new(vec![spec(0, "BTCUSDT", "0.01", "0.00001")])
}

const SNAPSHOT_10: &str = r#"{"lastUpdateId":10,"bids":[["1.00","1"],["0.99","1"],["0.98","1"],
    ["0.97","1"]],"asks":[["2.00","1"]]}"#;
const BID: &str = r#"["1.00000000","2.00000000"]"#;

#[test]
fn snapshot_that_is_straddled_makes_the_book_live() {
    let mut bench = btcusdt();
    assert!(!bench.core.wants_snapshot(0), "not before the first update");
    bench.depth(7, 9, BID);
    bench.depth(10, 12, BID);
    bench.depth(13, 13, BID);
    assert!(bench.core.wants_snapshot(0));
    assert_eq!(bench.taken(), ["Up"], "the connection's first message");
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::Taken);
    let want = [
        "reset 10",
        "levels 10..",
        "levels 10",
        "levels 12",
        "levels 13",
        "Up",
    ];
    assert_eq!(bench.taken(), want);
    bench.depth(14, 20, BID);
    assert_eq!(bench.taken(), ["levels 20"]);
    bench.depth(15, 20, BID);
    assert_eq!(bench.taken(), [""; 0], "older than the book");
}

#[test]
fn snapshot_whose_next_update_is_the_first_held_fits() {
    let mut bench = btcusdt();
    bench.depth(11, 12, BID);
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::Taken);
}

#[test]
fn snapshot_older_than_the_held_updates_is_asked_for_again() {
    let mut bench = btcusdt();
    bench.depth(12, 12, BID);
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::AskAgain);
    assert!(bench.core.wants_snapshot(0));
    assert_eq!(bench.taken(), ["Up"]);
}

#[test]
fn snapshot_newer_than_all_held_updates_waits_for_the_next() {
    let mut bench = btcusdt();
    bench.depth(5, 6, BID);
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::Taken);
    bench.taken();
    bench.depth(7, 11, BID);
    assert_eq!(bench.taken(), ["levels 11"]);
}

#[test]
fn gap_says_stale_before_anything_else_and_heals() {
    let mut bench = btcusdt();
    bench.depth(9, 10, BID);
    bench.snapshot(0, SNAPSHOT_10);
    bench.taken();
    bench.depth(12, 14, BID);
    assert_eq!(bench.taken(), ["Stale"], "and no level of the update");
    assert!(!bench.core.is_live());
    bench.depth(15, 15, BID);
    assert_eq!(bench.taken(), [""; 0]);
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::AskAgain);
    let newer = SNAPSHOT_10.replace("10,", "14,");
    assert_eq!(bench.snapshot(0, &newer), SnapshotResult::Taken);
    let want = ["reset 14", "levels 14..", "levels 14", "levels 15", "Up"];
    assert_eq!(bench.taken(), want);
}

#[test]
fn gap_among_held_updates_keeps_only_what_follows() {
    let mut bench = btcusdt();
    bench.depth(5, 6, BID);
    bench.depth(9, 11, BID);
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::Taken);
    let want = [
        "Up",
        "reset 10",
        "levels 10..",
        "levels 10",
        "levels 11",
        "Up",
    ];
    assert_eq!(bench.taken(), want);
}

#[test]
fn update_that_ends_before_it_begins_is_a_gap() {
    let mut bench = btcusdt();
    bench.depth(9, 10, BID);
    bench.snapshot(0, SNAPSHOT_10);
    bench.taken();
    bench.depth(11, 3, BID);
    assert_eq!(bench.taken(), ["Stale"]);
    assert!(!bench.core.wants_snapshot(0), "nothing of use is held");
}

#[test]
fn lost_connection_makes_live_books_stale_first() {
    let mut bench = btcusdt();
    bench.depth(9, 10, BID);
    bench.snapshot(0, SNAPSHOT_10);
    bench.taken();
    let mut lane = Lane::new(&mut bench.log, &mut bench.backlog);
    bench.core.lost(0, LinkState::Down, "test", 3, &mut lane);
    assert_eq!(bench.taken(), ["Stale", "Down"]);
    assert_eq!(bench.snapshot(0, SNAPSHOT_10), SnapshotResult::Unwanted);
}

#[test]
fn best_prices_ahead_of_the_updates_are_noticed() {
    let quote =
        |id: u64| format!(r#"{{"u":{id},"s":"BTCUSDT","b":"1.00","B":"1","a":"2.00","A":"1"}}"#);
    let mut bench = btcusdt();
    bench.depth(9, 10, BID);
    bench.snapshot(0, SNAPSHOT_10);
    bench.text(&quote(10));
    assert!(
        !bench.core.misses_updates(0, 100, 50),
        "the book is there already"
    );
    bench.text(&quote(12));
    assert!(!bench.core.misses_updates(0, 50, 50), "not long enough");
    assert!(bench.core.misses_updates(0, 51, 50));
    bench.depth(11, 13, BID);
    assert!(!bench.core.misses_updates(0, 100, 50));
}

#[test]
fn unread_message_is_a_remark_and_a_count() {
    let mut bench = btcusdt();
    assert_eq!(bench.text("<html>"), Wish::Nothing);
    assert_eq!(bench.text("{"), Wish::Nothing);
    assert_eq!(bench.core.unparsed(), 2);
    assert_eq!(bench.taken(), ["Notice"], "one a second");
    assert_eq!(bench.text(r#"{"e":"serverShutdown","E":1}"#), Wish::Replace);
}

/// The book that the events alone make: price to quantity, a side each, and the last update id.
#[derive(Default)]
struct Built {
    sides: [BTreeMap<i64, i64>; 2],
    id: u64,
}

impl Built {
    fn apply(&mut self, record: &Record) {
        match event(record).unwrap() {
            Event::BookReset(reset) => {
                *self = Self::default();
                self.id = reset.update_id;
            }
            Event::BookLevels(levels) => {
                for (side, level) in levels.iter(record.detail) {
                    let side = &mut self.sides[usize::from(side == model::body::Side::Sell)];
                    match level.qty.0 {
                        0 => side.remove(&level.price.0),
                        qty => side.insert(level.price.0, qty),
                    };
                }
                if record.has(flags::LAST_OF_MESSAGE) {
                    self.id = levels.update_id;
                    let bid = self.sides[0].last_key_value().map(|(price, _)| *price);
                    let ask = self.sides[1].first_key_value().map(|(price, _)| *price);
                    assert!(bid < ask || ask.is_none(), "crossed at {}", self.id);
                }
            }
            _ => {}
        }
    }

    fn top(&self) -> Option<[(i64, i64); 2]> {
        let (bid, ask) = (
            self.sides[0].last_key_value()?,
            self.sides[1].first_key_value()?,
        );
        Some([(*bid.0, *bid.1), (*ask.0, *ask.1)])
    }
}

fn shared(path: &str) -> Option<Vec<u8>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/");
    match std::fs::read(format!("{root}{path}")) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            eprintln!("skipped: {root}{path}: {error}");
            None
        }
    }
}

/// Plays messages, with each book's snapshot where it was recorded; returns how many best prices
/// of equal update id were compared with the book.
fn play(bench: &mut Bench, books: usize, mut feed: impl FnMut(&mut Bench) -> bool) -> usize {
    let mut built: Vec<_> = (0..books).map(|_| Built::default()).collect();
    let mut quotes: Vec<BTreeMap<u64, [(i64, i64); 2]>> = vec![BTreeMap::new(); books];
    let mut compared = 0;
    while feed(bench) {
        for record in bench.log.0.drain(..) {
            let Some(instrument) = record.instrument() else {
                continue;
            };
            let slot = instrument.index();
            match event(&record).unwrap() {
                Event::Quote(quote) => {
                    let pair = |level: model::body::Level| (level.price.0, level.qty.0);
                    let top = [pair(quote.bid), pair(quote.ask)];
                    quotes[slot].insert(quote.update_id, top);
                }
                Event::Connection(link) => assert_eq!(link.state, LinkState::Up),
                _ => built[slot].apply(&record),
            }
            if record.has(flags::LAST_OF_MESSAGE) {
                let book = &built[slot];
                if let Some(top) = quotes[slot].get(&book.id) {
                    assert_eq!(book.top().as_ref(), Some(top), "at {}", book.id);
                    compared += 1;
                }
            }
        }
    }
    assert!(bench.core.is_live(), "every book whole and in step");
    assert_eq!(bench.core.unparsed(), 0);
    compared
}

#[test]
fn recorded_run_of_four_symbols_agrees_with_its_best_prices() {
    let Some(run) = shared("venues/binance/depth_delta_run_spot_ws_recorded_real2021.json") else {
        return;
    };
    let run: Vec<serde_json::Value> = serde_json::from_slice(&run).unwrap();
    let symbols = [
        ("NKNUSDT", "0.00001", "0.1"),
        ("BLZETH", "0.00000001", "1"),
        ("LRCBTC", "0.00000001", "1"),
        ("RUNEEUR", "0.001", "0.1"),
    ];
    let specs = symbols.iter().enumerate();
    let specs = specs.map(|(id, (symbol, tick, lot))| spec(id as u32, symbol, tick, lot));
    let mut bench = Bench::new(specs.collect());
    // Messages and snapshots in order of their times.
    let mut steps: Vec<(f64, Option<usize>, String)> = Vec::new();
    for entry in run.iter().filter(|entry| entry["dir"] == "in") {
        let time = entry["t"].as_f64().unwrap();
        steps.push((time, None, entry["msg"].to_string()));
    }
    for (slot, (symbol, ..)) in symbols.iter().enumerate() {
        let name = format!("venues/binance/depth_snapshot_spot_{symbol}_real2021.json");
        let file: serde_json::Value = serde_json::from_slice(&shared(&name).unwrap()).unwrap();
        let time = file["t"].as_f64().unwrap();
        steps.push((time, Some(slot), file["msg"].to_string()));
    }
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    // The recorder asked before it listened; a snapshot that comes too early is asked for again.
    let mut waiting: Vec<(usize, String)> = Vec::new();
    let mut steps = steps.into_iter();
    let compared = play(&mut bench, 4, |bench| {
        match steps.next() {
            Some((_, Some(slot), body)) => waiting.push((slot, body)),
            Some((_, None, text)) => {
                bench.text(&text);
            }
            None => return false,
        }
        waiting.retain(|(slot, body)| bench.snapshot(*slot, body) != SnapshotResult::Taken);
        true
    });
    assert!(waiting.is_empty());
    assert_eq!(compared, 26);
}

#[test]
fn recording_of_2024_agrees_with_its_best_prices() {
    let Some(packed) = shared("data/binance-spot-btcusdt-20240808.gz") else {
        return;
    };
    let mut text = String::new();
    let mut unpacked = flate2::read::GzDecoder::new(&packed[..]);
    std::io::Read::read_to_string(&mut unpacked, &mut text).unwrap();
    let mut bench = btcusdt();
    let mut lines = text.lines();
    let mut taken = 0;
    let compared = play(&mut bench, 1, |bench| {
        let Some(line) = lines.next() else {
            return false;
        };
        let (_, message) = line.split_once(' ').unwrap();
        if message.starts_with("{\"lastUpdateId\"") {
            assert_eq!(bench.snapshot(0, message), SnapshotResult::Taken);
            taken += 1;
        } else {
            bench.text(message);
        }
        true
    });
    assert_eq!(taken, 1);
    assert!(compared > 500, "{compared}");
}
