//! The feed without sockets, for tests of dialects: frames in, events out, and two books beside it:
//! the one that the events alone make, and a naive one made of the messages alone.

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
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::Value;

use super::core::Core;
use super::dialect::{Content, FeedDialect, Topic};
use super::frames::{SnapshotResult, Wish};
use super::{FeedConfig, FeedScope, FeedTiming, plan};
use crate::link::lane::{Backlog, Lane};
use crate::load::RestEndpoint;

pub(crate) struct Log(pub(crate) Vec<Record>);

impl EventSink for Log {
    fn free(&self) -> usize {
        usize::MAX
    }

    fn push(&mut self, record: &Record) -> bool {
        self.0.push(*record);
        true
    }
}

pub(crate) fn spec(id: u32, symbol: &str, tick: &str, lot: &str) -> InstrumentSpec {
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
pub(crate) struct Bench<D> {
    pub(crate) core: Core<D>,
    pub(crate) log: Log,
    pub(crate) backlog: Backlog,
}

impl<D: FeedDialect + Default> Bench<D> {
    pub(crate) fn new(instruments: Vec<InstrumentSpec>) -> Self {
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
        let shares = plan::shares(&D::default(), &config.instruments, &config.scope);
        let has_depth = |topic: &Topic| topic.content == Content::Depth;
        assert!(
            shares[0].topics.iter().any(has_depth),
            "all text comes over it"
        );
        let mut bench = Self {
            core: Core::new(D::default(), &config, &shares).unwrap(),
            log: Log(Vec::new()),
            backlog: Backlog::with_capacity(0),
        };
        let mut lane = Lane::new(&mut bench.log, &mut bench.backlog);
        for line in 0..shares.len() {
            bench.core.opened(line, 1, &mut lane);
        }
        bench.log.0.clear();
        bench
    }

    pub(crate) fn text(&mut self, text: &str) -> Wish {
        let mut lane = Lane::new(&mut self.log, &mut self.backlog);
        self.core.text(0, text.as_bytes(), 1, &mut lane)
    }

    pub(crate) fn snapshot(&mut self, slot: usize, body: &str) -> SnapshotResult {
        let mut lane = Lane::new(&mut self.log, &mut self.backlog);
        self.core.snapshot(slot, body.as_bytes(), 2, &mut lane)
    }

    /// Short names of the events since the last call.
    pub(crate) fn taken(&mut self) -> Vec<String> {
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

/// The book that the messages alone make, read with `serde_json` and decimals: none of it is the
/// feed's. For runs without a gap.
pub(crate) struct Naive {
    steps: [Decimal; 2],
    held: Vec<Value>,
    /// Bids and asks, once there was a snapshot.
    sides: Option<[BTreeMap<i64, i64>; 2]>,
    id: u64,
}

impl Naive {
    pub(crate) fn new(spec: &InstrumentSpec) -> Self {
        Self {
            steps: [&spec.tick, &spec.lot].map(|step| step.decimal(1).unwrap()),
            held: Vec::new(),
            sides: None,
            id: 0,
        }
    }

    /// A depth update, the payload alone.
    pub(crate) fn update(&mut self, message: Value) {
        let last = message["u"].as_u64().unwrap();
        if self.sides.is_none() {
            self.held.push(message);
        } else if last > self.id {
            self.set(&message, ["b", "a"]);
            self.id = last;
        }
    }

    pub(crate) fn snapshot(&mut self, message: &Value) {
        self.sides = Some(Default::default());
        self.set(message, ["bids", "asks"]);
        self.id = message["lastUpdateId"].as_u64().unwrap();
        for held in std::mem::take(&mut self.held) {
            self.update(held);
        }
    }

    fn set(&mut self, message: &Value, keys: [&str; 2]) {
        let number = |text: &Value| Decimal::from_str_exact(text.as_str().unwrap()).unwrap();
        for (side, key) in self.sides.as_mut().unwrap().iter_mut().zip(keys) {
            for level in message[key].as_array().unwrap() {
                let price = (number(&level[0]) / self.steps[0]).to_i64().unwrap();
                // What is below one lot does not count.
                match (number(&level[1]) / self.steps[1])
                    .floor()
                    .to_i64()
                    .unwrap()
                {
                    0 => side.remove(&price),
                    qty => side.insert(price, qty),
                };
            }
        }
    }
}

pub(crate) fn shared(path: &str) -> Option<Vec<u8>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/");
    match std::fs::read(format!("{root}{path}")) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            eprintln!("skipped: {root}{path}: {error}");
            None
        }
    }
}

/// What a run of recorded messages was found to hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Played {
    /// Best prices that were compared with the book of their update id.
    pub(crate) tops: usize,
    /// Updates behind which the whole book was compared with the naive one.
    pub(crate) books: usize,
}

/// Plays messages, with each book's snapshot where it was recorded. Behind every update the book
/// that the events make is, level for level, the naive one.
pub(crate) fn play<D: FeedDialect + Default>(
    bench: &mut Bench<D>,
    naive: &mut [Naive],
    mut feed: impl FnMut(&mut Bench<D>, &mut [Naive]) -> bool,
) -> Played {
    let mut built: Vec<_> = naive.iter().map(|_| Built::default()).collect();
    let mut quotes: Vec<BTreeMap<u64, [(i64, i64); 2]>> = vec![BTreeMap::new(); naive.len()];
    let mut played = Played::default();
    while feed(bench, naive) {
        let mut changed = None;
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
                changed = Some(slot);
                let book = &built[slot];
                if let Some(top) = quotes[slot].get(&book.id) {
                    assert_eq!(book.top().as_ref(), Some(top), "at {}", book.id);
                    played.tops += 1;
                }
            }
        }
        if let Some(slot) = changed {
            let (book, naive) = (&built[slot], &naive[slot]);
            assert_eq!(book.id, naive.id);
            assert!(
                Some(&book.sides) == naive.sides.as_ref(),
                "the books differ at {}",
                book.id
            );
            played.books += 1;
        }
    }
    assert!(bench.core.is_live(), "every book whole and in step");
    assert_eq!(bench.core.unparsed(), 0);
    played
}

/// Plays a recording of one instrument, whose lines are a time and a message.
pub(crate) fn play_recording<D: FeedDialect + Default>(
    file: &str,
    instrument: InstrumentSpec,
) -> Option<Played> {
    let packed = shared(&format!("data/{file}"))?;
    let mut text = String::new();
    let mut unpacked = flate2::read::GzDecoder::new(&packed[..]);
    std::io::Read::read_to_string(&mut unpacked, &mut text).unwrap();
    let mut naive = [Naive::new(&instrument)];
    let mut bench = Bench::<D>::new(vec![instrument]);
    let mut lines = text.lines();
    Some(play(&mut bench, &mut naive, |bench, naive| {
        let Some(line) = lines.next() else {
            return false;
        };
        let (_, message) = line.split_once(' ').unwrap();
        if message.starts_with("{\"lastUpdateId\"") {
            naive[0].snapshot(&serde_json::from_str(message).unwrap());
            assert_eq!(bench.snapshot(0, message), SnapshotResult::Taken);
            return true;
        }
        if message.contains("\"depthUpdate\"") {
            let value: Value = serde_json::from_str(message).unwrap();
            let payload = value.get("data").unwrap_or(&value).clone();
            naive[0].update(payload);
        }
        bench.text(message);
        true
    }))
}

/// Plays a recorded run of several instruments (`{"t":..,"dir":..,"msg":..}` each) with a file for
/// each one's snapshot.
pub(crate) fn play_run<D: FeedDialect + Default>(
    file: &str,
    snapshot: impl Fn(&str) -> String,
    specs: Vec<InstrumentSpec>,
) -> Option<Played> {
    let run: Vec<Value> = serde_json::from_slice(&shared(file)?).unwrap();
    // Messages and snapshots in order of their times.
    let mut steps: Vec<(f64, Option<usize>, Value)> = Vec::new();
    for entry in run.iter().filter(|entry| entry["dir"] == "in") {
        steps.push((entry["t"].as_f64().unwrap(), None, entry["msg"].clone()));
    }
    for (slot, spec) in specs.iter().enumerate() {
        let file = shared(&snapshot(&spec.symbol)).unwrap();
        let file: Value = serde_json::from_slice(&file).unwrap();
        let time = file["t"].as_f64().unwrap();
        steps.push((time, Some(slot), file["msg"].clone()));
    }
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    // The recorder asked before it listened; a snapshot that comes too early is asked for again.
    let mut waiting: Vec<(usize, Value)> = Vec::new();
    let mut steps = steps.into_iter();
    let mut naive: Vec<_> = specs.iter().map(Naive::new).collect();
    let symbols: Vec<_> = specs.iter().map(|spec| spec.symbol.clone()).collect();
    let mut bench = Bench::<D>::new(specs);
    let played = play(&mut bench, &mut naive, |bench, naive| {
        match steps.next() {
            Some((_, Some(slot), body)) => waiting.push((slot, body)),
            Some((_, None, message)) => {
                bench.text(&message.to_string());
                let payload = message.get("data").unwrap_or(&message);
                let is = |symbol: &String| payload["s"] == symbol.as_str();
                if payload["e"] == "depthUpdate"
                    && let Some(slot) = symbols.iter().position(is)
                {
                    naive[slot].update(payload.clone());
                }
            }
            None => return false,
        }
        waiting.retain(|(slot, body)| {
            let result = bench.snapshot(*slot, &body.to_string());
            if result == SnapshotResult::Taken {
                naive[*slot].snapshot(body);
            }
            result != SnapshotResult::Taken
        });
        true
    });
    assert!(waiting.is_empty());
    Some(played)
}
