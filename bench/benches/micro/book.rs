//! Updating the book, for one message of 20 levels, the best of both sides read after each.
//!
//! Base case: a `BTreeMap` a side, from the same records. Both hold the same levels at the end.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, Throughput};
use engine::machine::Book;
use model::body::{BookLevels, BookReset, Level, Side};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record, flags};
use zerocopy::FromBytes;

/// Ticks of a side that are held densely.
const WINDOW: u32 = 1 << 17;
/// Messages of the stream, and records of each: five times four levels.
const MESSAGES: u64 = 4_096;
const RECORDS: usize = 5;
/// Middle of the market at the start.
const MIDDLE: i64 = 6_183_763;

pub(crate) fn bench(criterion: &mut Criterion) {
    let stream = stream();
    let (mut ours, mut base) = (Ours::new(), Base::default());
    for message in &stream {
        assert_eq!(
            ours.apply(message),
            base.apply(message),
            "both have the same best levels"
        );
    }
    assert_eq!(ours.levels(), base.levels(), "both hold as many levels");

    let mut group = criterion.benchmark_group("book/update/20levels");
    group.throughput(Throughput::Elements(4 * RECORDS as u64));
    let mut messages = stream.iter().cycle();
    group.bench_function("base_btreemap", |bencher| {
        bencher.iter(|| base.apply(black_box(messages.next().unwrap())));
    });
    let mut messages = stream.iter().cycle();
    group.bench_function("caracal", |bencher| {
        bencher.iter(|| ours.apply(black_box(messages.next().unwrap())));
    });
    group.finish();
}

type Message = [Record; RECORDS];

/// Best bid and ask.
type Best = (Option<Level>, Option<Level>);

struct Ours(Book);

impl Ours {
    fn new() -> Self {
        let mut book = Book::new(WINDOW);
        let reset = BookReset {
            update_id: 1,
            level_records: 0,
            reserved: [0; 64],
        };
        book.reset(&Record::new(Kind::BookReset, &reset), &reset);
        Self(book)
    }

    fn apply(&mut self, message: &Message) -> Best {
        for record in message {
            let levels = BookLevels::ref_from_bytes(&record.body).unwrap();
            self.0.levels(record, levels);
        }
        (self.0.best(Side::Buy), self.0.best(Side::Sell))
    }

    fn levels(&self) -> usize {
        self.0.depth_len(Side::Buy) + self.0.depth_len(Side::Sell)
    }
}

#[derive(Default)]
struct Base {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Base {
    fn apply(&mut self, message: &Message) -> Best {
        for record in message {
            let levels = BookLevels::ref_from_bytes(&record.body).unwrap();
            for (side, level) in levels.iter(record.detail) {
                let half = match side {
                    Side::Buy => &mut self.bids,
                    Side::Sell => &mut self.asks,
                };
                if level.qty.0 == 0 {
                    half.remove(&level.price.0);
                } else {
                    half.insert(level.price.0, level.qty.0);
                }
            }
        }
        let level = |(&price, &qty): (&i64, &i64)| Level {
            price: Ticks(price),
            qty: Lots(qty),
        };
        (
            self.bids.last_key_value().map(level),
            self.asks.first_key_value().map(level),
        )
    }

    fn levels(&self) -> usize {
        self.bids.len() + self.asks.len()
    }
}

/// Updates as a market makes them: most close to the middle, some far away, a fifth of them
/// removals, the middle wandering. The same in every run.
fn stream() -> Vec<Message> {
    let mut dice = Dice(7);
    let mut middle = MIDDLE;
    let mut message = |number: u64| {
        middle += dice.below(9) as i64 - 4;
        let mut records = [Record::ZERO; RECORDS];
        for record in &mut records {
            *record = four_levels(&mut dice, middle, number + 2);
        }
        records[RECORDS - 1].flags |= flags::LAST_OF_MESSAGE;
        records
    };
    (0..MESSAGES).map(&mut message).collect()
}

fn four_levels(dice: &mut Dice, middle: i64, update_id: u64) -> Record {
    // Two bids, two asks.
    let mut level = |sign: i64| {
        let reach = if dice.below(8) == 0 { 20_000 } else { 200 };
        Level {
            price: Ticks(middle + sign * (1 + dice.below(reach) as i64)),
            qty: Lots(if dice.below(5) == 0 {
                0
            } else {
                1 + dice.below(100_000) as i64
            }),
        }
    };
    let levels = BookLevels {
        update_id,
        venue_time_ns: 0,
        levels: [level(-1), level(-1), level(1), level(1)],
    };
    let mut record = Record::new(Kind::BookLevels, &levels);
    record.detail = BookLevels::detail(4, 0b1100);
    record
}

/// A linear congruential generator: no more is needed than that it never changes.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
