//! Goal: a run against a recording of the real market ends with the book that the recording gives.
//!
//! Method: follow the run's journal with a machine, and at every fiftieth depth message compare
//! every level with a naive book (a map a side) that is built from the recording's own text.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use engine::machine::Book;
use model::body::Side;
use model::event::{Event, event};
use model::ids::InstrumentId;
use model::record::{Kind, Record, flags};
use replay::Shadow;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::rig::recording;
use crate::session::run;

/// Price in ticks to quantity in lots.
type Levels = BTreeMap<i64, i64>;

/// The recording's book, one depth message after another.
struct Naive {
    bids: Levels,
    asks: Levels,
    update_id: u64,
    diffs: std::vec::IntoIter<Value>,
}

fn scaled(text: &Value, decimals: u32) -> i64 {
    let value: Decimal = text.as_str().unwrap().parse().unwrap();
    // Real books hold quantities finer than the lot; what is not a whole lot is cut off.
    let scaled = (value * Decimal::from(10_i64.pow(decimals)))
        .trunc()
        .normalize();
    scaled.to_string().parse().unwrap()
}

fn apply(levels: &mut Levels, changes: &Value) {
    for change in changes.as_array().unwrap() {
        let (price, qty) = (scaled(&change[0], 2), scaled(&change[1], 5));
        if qty == 0 {
            levels.remove(&price);
        } else {
            levels.insert(price, qty);
        }
    }
}

impl Naive {
    fn of(path: &Path) -> Self {
        let file = std::fs::File::open(path).unwrap();
        let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
        let mut book = Self {
            bids: Levels::new(),
            asks: Levels::new(),
            update_id: 0,
            diffs: vec![].into_iter(),
        };
        let mut diffs = Vec::new();
        for line in lines {
            let line = line.unwrap();
            let json: Value = serde_json::from_str(line.split_once(' ').unwrap().1).unwrap();
            if let Some(id) = json["lastUpdateId"].as_u64() {
                apply(&mut book.bids, &json["bids"]);
                apply(&mut book.asks, &json["asks"]);
                book.update_id = id;
            } else if json["data"]["e"] == "depthUpdate" {
                diffs.push(json["data"].clone());
            }
        }
        diffs.retain(|diff| book.update_id < diff["u"].as_u64().unwrap());
        book.diffs = diffs.into_iter();
        book
    }

    fn advance_to(&mut self, update_id: u64) {
        while self.update_id < update_id {
            let diff = self
                .diffs
                .next()
                .expect("the journal is ahead of the recording");
            apply(&mut self.bids, &diff["b"]);
            apply(&mut self.asks, &diff["a"]);
            self.update_id = diff["u"].as_u64().unwrap();
        }
        assert_eq!(
            self.update_id, update_id,
            "the journal's update ids are the recording's"
        );
    }

    /// What a snapshot of so many levels shows of it.
    fn cut(&mut self, levels: usize) {
        let worst_bid = self.bids.keys().rev().nth(levels).copied();
        self.bids
            .retain(|price, _| worst_bid.is_none_or(|worst| worst < *price));
        let worst_ask = self.asks.keys().nth(levels).copied();
        self.asks
            .retain(|price, _| worst_ask.is_none_or(|worst| *price < worst));
    }

    fn assert_equals(&self, book: &Book) {
        let side = |side| -> Levels {
            book.depth(side)
                .map(|level| (level.price.0, level.qty.0))
                .collect()
        };
        assert_eq!(
            side(Side::Buy),
            self.bids,
            "bids after update {}",
            self.update_id
        );
        assert_eq!(
            side(Side::Sell),
            self.asks,
            "asks after update {}",
            self.update_id
        );
    }
}

fn ends_a_depth_message(record: &Record) -> bool {
    let is_recorded = record.instrument() == Some(InstrumentId(0));
    is_recorded && record.kind() == Some(Kind::BookLevels) && record.has(flags::LAST_OF_MESSAGE)
}

/// Compares along the whole journal. Returns the checkpoints that were compared.
fn compare_books(directory: &Path, recording: &Path) -> u64 {
    let mut reader = journal::Reader::open(&directory.join("data/journal")).unwrap();
    let mut shadow = Shadow::new();
    let mut naive = Naive::of(recording);
    let (mut messages, mut checkpoints) = (0_u64, 0);
    while let Some(record) = reader.next().unwrap() {
        assert_eq!(shadow.take(record).unwrap(), None);
        if let Ok(Event::BookReset(reset)) = event(record) {
            if record.instrument() != Some(InstrumentId(0)) {
                continue;
            }
            naive.advance_to(reset.update_id);
            naive.cut(1_000);
            continue;
        }
        if !ends_a_depth_message(record) {
            continue;
        }
        let book = shadow.machine().listing(InstrumentId(0)).unwrap().book();
        naive.advance_to(book.update_id());
        messages += 1;
        if messages.is_multiple_of(50) {
            naive.assert_equals(book);
            checkpoints += 1;
        }
    }
    let book = shadow.machine().listing(InstrumentId(0)).unwrap().book();
    naive.assert_equals(book);
    assert_eq!(book.dropped() + book.malformed() + book.disagreements(), 0);
    checkpoints + 1
}

#[test]
fn run_on_a_recording_at_full_speed_keeps_the_recorded_book_at_every_level() {
    let Some(path) = recording() else {
        eprintln!("skipped: no recording in ../shared/data");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let text = path.to_str().unwrap();
    let arguments = ["--recording", text, "--speed", "max", "--for", "50s"];
    let run = run(directory.path(), &arguments);
    assert!(run["orders"].as_u64().unwrap() > 0, "{run}");
    crate::session::assert_replays(directory.path(), &run);
    assert_no_notices(directory.path());
    assert!(compare_books(directory.path(), &path) > 10);
}

/// No message was left unparsed, no gap was found: the link events say neither.
fn assert_no_notices(directory: &Path) {
    let mut reader = journal::Reader::open(&directory.join("data/journal")).unwrap();
    while let Some(record) = reader.next().unwrap() {
        if let Ok(Event::Connection(link)) = event(record) {
            let bad = matches!(
                link.state,
                model::body::LinkState::Notice | model::body::LinkState::Stale
            );
            let at_the_end = link.text.as_str() == "closed by us";
            assert!(!bad || at_the_end, "{}", replay::describe(record));
        }
    }
}
