//! The book against a naive second implementation, and the rules of being current.

use super::half::{BEYOND_MAX, HalfBook};
use super::*;
use model::body::{BookLevels, BookReset, Connection, Level, LinkState, Quote, Text};
use model::ids::{InstrumentId, VenueId};
use model::num::Scale;
use model::record::{Kind, flags};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn check_half(updates: impl IntoIterator<Item = (i64, i64)>) {
    let mut fast = HalfBook::new(4096);
    let mut naive: BTreeMap<i64, i64> = BTreeMap::new();
    for (key, qty) in updates {
        fast.set(key, qty);
        if qty == 0 {
            naive.remove(&key);
        } else {
            naive.insert(key, qty);
        }
        assert_eq!(fast.best(), naive.keys().next().copied());
        assert_eq!(fast.qty(key), qty);
        assert_eq!(fast.len(), naive.len());
    }
    assert!(fast.iter().eq(naive.into_iter()));
    assert_eq!(fast.dropped(), 0);
}

/// A random walk of the best price, with levels around it, far outside of the window in the end.
fn walk(seed: u64, steps: usize, stride: i64) -> Vec<(i64, i64)> {
    let mut state = seed | 1;
    let mut random = move |bound: i64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        i64::try_from(state >> 33).unwrap() % bound
    };
    let mut middle = 0;
    let mut live: Vec<i64> = Vec::new();
    let mut updates = Vec::new();
    for _ in 0..steps {
        middle += random(2 * stride + 1) - stride;
        if live.len() > 300 || (!live.is_empty() && random(3) == 0) {
            let index = usize::try_from(random(i64::try_from(live.len()).unwrap())).unwrap();
            updates.push((live.swap_remove(index), 0));
        } else {
            let key = middle + random(6_000);
            if !live.contains(&key) {
                live.push(key);
            }
            updates.push((key, 1 + random(1_000)));
        }
    }
    updates
}

#[test]
fn half_book_walking_out_of_its_window_equals_the_naive_one() {
    for seed in 1..20 {
        for stride in [1, 50, 3_000, 100_000] {
            check_half(walk(seed, 4_000, stride));
        }
    }
}

proptest! {
    #[test]
    fn prop_half_book_equals_the_naive_one(
        updates in proptest::collection::vec((-9_000_i64..9_000, 0_i64..3), 0..400),
    ) {
        check_half(updates);
    }

    #[test]
    fn prop_half_book_with_outliers_equals_the_naive_one(
        updates in proptest::collection::vec(
            (prop_oneof![-100_i64..100, -1_000_000_000_i64..1_000_000_000], 0_i64..3), 0..200),
    ) {
        check_half(updates);
    }
}

#[test]
fn half_book_full_drops_the_farthest_and_stops_being_whole_there() {
    let mut half = HalfBook::new(4096);
    let far = 10_000;
    half.set(0, 1);
    for index in 0..i64::try_from(BEYOND_MAX).unwrap() {
        half.set(far + index, 1);
    }
    assert_eq!(half.dropped(), 0);
    half.set(far - 1, 1);
    assert_eq!(half.dropped(), 1);
    assert!(half.is_whole());
    let last = far + i64::try_from(BEYOND_MAX).unwrap() - 1;
    assert_eq!(half.qty(last), 0);
    half.set(0, 0);
    for key in far - 1..last {
        assert!(half.is_whole());
        half.set(key, 0);
    }
    assert_eq!(half.len(), 0);
    assert!(!half.is_whole());
    half.set(last + 5, 1);
    assert!(!half.is_whole());
    half.clear();
    half.set(last, 1);
    assert!(half.is_whole());
}

pub(crate) fn spec() -> InstrumentSpec {
    InstrumentSpec {
        id: InstrumentId(0),
        venue: VenueId(0),
        symbol: "BTCUSDT".to_owned(),
        name: "BTC-USDT.BINANCE".to_owned(),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        tick: Scale::new(1, 2).unwrap(),
        lot: Scale::new(1, 5).unwrap(),
        price_min: None,
        price_max: None,
        qty_min: Lots(1),
        qty_max: Lots(1_000_000),
        notional_min: None,
        notional_max: None,
        trading: true,
        contract: model::instrument::Contract::Spot,
    }
}

fn reset(update_id: u64, level_records: u64) -> Record {
    let body = BookReset {
        update_id,
        level_records,
        reserved: [0; 64],
    };
    Record::new(Kind::BookReset, &body).on_instrument(InstrumentId(0))
}

fn levels(update_id: u64, added: u8, changes: &[(Side, i64, i64)]) -> Record {
    let mut body = BookLevels {
        update_id,
        venue_time_ns: 0,
        levels: [Level::UNUSED; 4],
    };
    let mut asks = 0;
    for (index, &(side, price, qty)) in changes.iter().enumerate() {
        body.levels[index] = Level {
            price: Ticks(price),
            qty: Lots(qty),
        };
        asks |= u8::from(side == Side::Sell) << index;
    }
    let mut record = Record::new(Kind::BookLevels, &body)
        .on_instrument(InstrumentId(0))
        .with_flags(added);
    record.detail = BookLevels::detail(u8::try_from(changes.len()).unwrap(), asks);
    record
}

fn quote(update_id: u64, bid: (i64, i64), ask: (i64, i64)) -> Record {
    let level = |(price, qty)| Level {
        price: Ticks(price),
        qty: Lots(qty),
    };
    let body = Quote {
        update_id,
        venue_time_ns: 0,
        bid: level(bid),
        ask: level(ask),
        reserved: [0; 32],
    };
    Record::new(Kind::Quote, &body).on_instrument(InstrumentId(0))
}

fn link(state: LinkState, instrument: bool) -> Record {
    let body = Connection {
        venue: 0,
        channel: Channel::Market,
        state,
        reserved: 0,
        code: 0,
        text: Text::EMPTY,
    };
    let record = Record::new(Kind::Connection, &body);
    if instrument {
        record.on_instrument(InstrumentId(0))
    } else {
        record
    }
}

const WHOLE: u8 = flags::LAST_OF_MESSAGE | flags::SNAPSHOT;

fn check_tops(steps: &[(Record, Option<(i64, i64)>)]) {
    let mut listing = Listing::new(spec(), 4096);
    for (index, (record, want)) in steps.iter().enumerate() {
        let event = model::event::event(record).unwrap();
        assert!(concerns(record, &event, listing.spec()));
        listing.apply(record, &event, None);
        let got = listing
            .book()
            .top()
            .map(|top| (top.bid.price.0, top.ask.price.0));
        assert_eq!(got, *want, "after step {index}: {record:?}");
    }
}

#[test]
fn book_is_current_from_the_end_of_its_snapshot_only() {
    use Side::{Buy, Sell};
    check_tops(&[
        (
            levels(1, flags::LAST_OF_MESSAGE, &[(Buy, 10, 1), (Sell, 12, 1)]),
            None,
        ),
        (reset(5, 2), None),
        (
            levels(5, flags::SNAPSHOT, &[(Buy, 99, 1), (Sell, 101, 1)]),
            None,
        ),
        (
            levels(5, WHOLE, &[(Buy, 98, 1), (Sell, 102, 1)]),
            Some((99, 101)),
        ),
        (
            levels(6, flags::LAST_OF_MESSAGE, &[(Buy, 99, 0)]),
            Some((98, 101)),
        ),
        (reset(9, 1), None),
        (
            levels(9, WHOLE, &[(Buy, 50, 1), (Sell, 51, 1)]),
            Some((50, 51)),
        ),
        (reset(12, 0), None),
        (
            levels(13, flags::LAST_OF_MESSAGE, &[(Buy, 7, 1), (Sell, 8, 1)]),
            Some((7, 8)),
        ),
    ]);
}

#[test]
fn book_top_changes_at_the_end_of_a_message_only() {
    use Side::{Buy, Sell};
    check_tops(&[
        (reset(5, 1), None),
        (
            levels(5, WHOLE, &[(Buy, 99, 1), (Sell, 101, 1)]),
            Some((99, 101)),
        ),
        (levels(6, 0, &[(Buy, 105, 1)]), Some((99, 101))),
        (
            levels(6, flags::LAST_OF_MESSAGE, &[(Sell, 101, 0), (Sell, 106, 2)]),
            Some((105, 106)),
        ),
    ]);
}

#[test]
fn book_newer_quote_wins_and_older_is_ignored() {
    use Side::{Buy, Sell};
    check_tops(&[
        (reset(5, 1), None),
        (
            levels(5, WHOLE, &[(Buy, 99, 1), (Sell, 101, 1)]),
            Some((99, 101)),
        ),
        (quote(5, (1, 1), (2, 1)), Some((99, 101))),
        (quote(8, (100, 1), (102, 1)), Some((100, 102))),
        (
            levels(7, flags::LAST_OF_MESSAGE, &[(Buy, 98, 1)]),
            Some((100, 102)),
        ),
        (
            levels(9, flags::LAST_OF_MESSAGE, &[(Buy, 97, 1)]),
            Some((99, 101)),
        ),
        (quote(10, (100, 1), (102, 0)), None),
        (quote(11, (103, 1), (102, 1)), None),
        (quote(12, (101, 1), (102, 1)), Some((101, 102))),
    ]);
}

#[test]
fn book_connection_lost_is_stale_until_it_is_whole_again() {
    use Side::{Buy, Sell};
    let snapshot = levels(5, WHOLE, &[(Buy, 99, 1), (Sell, 101, 1)]);
    check_tops(&[
        (reset(5, 1), None),
        (snapshot, Some((99, 101))),
        (link(LinkState::Notice, false), Some((99, 101))),
        (link(LinkState::Stale, true), None),
        (link(LinkState::Up, false), None),
        (link(LinkState::Up, true), Some((99, 101))),
        (link(LinkState::Down, false), None),
        (link(LinkState::Up, false), None),
        (reset(5, 1), None),
        (snapshot, Some((99, 101))),
    ]);
}

#[test]
fn book_impossible_level_makes_it_unusable_until_a_reset() {
    use Side::{Buy, Sell};
    check_tops(&[
        (reset(5, 1), None),
        (
            levels(5, WHOLE, &[(Buy, 99, 1), (Sell, 101, 1)]),
            Some((99, 101)),
        ),
        (levels(6, flags::LAST_OF_MESSAGE, &[(Buy, 98, -1)]), None),
        (
            levels(7, flags::LAST_OF_MESSAGE, &[(Buy, i64::MIN, 1)]),
            None,
        ),
        (reset(8, 1), None),
        (
            levels(8, WHOLE, &[(Buy, 99, 1), (Sell, 101, 1)]),
            Some((99, 101)),
        ),
    ]);
}

/// What a book is, in the plainest words: the second implementation.
#[derive(Default)]
struct Naive {
    sides: [BTreeMap<i64, i64>; 2],
    best_id: u64,
    best: [Option<(i64, i64)>; 2],
    update_id: u64,
    whole: bool,
}

impl Naive {
    fn apply(&mut self, record: &Record) {
        let event = model::event::event(record).unwrap();
        if let Event::BookReset(reset) = event {
            *self = Self {
                update_id: reset.update_id,
                whole: reset.level_records == 0,
                ..Self::default()
            };
        }
        if let Event::BookLevels(levels) = event {
            for (side, level) in levels.iter(record.detail) {
                let side = &mut self.sides[usize::from(side == Side::Sell)];
                side.insert(level.price.0, level.qty.0);
                side.retain(|_, qty| *qty != 0);
            }
            if record.has(flags::LAST_OF_MESSAGE) {
                self.update_id = levels.update_id;
                self.whole |= record.has(flags::SNAPSHOT);
                if self.update_id >= self.best_id {
                    self.best_id = self.update_id;
                    self.best = [self.first(Side::Buy), self.first(Side::Sell)];
                }
            }
        }
        if let Event::Quote(quote) = event
            && quote.update_id > self.update_id.max(self.best_id)
        {
            let plain = |level: Level| (level.price.0, level.qty.0);
            let some = |level: Level| (level.qty > Lots::ZERO).then(|| plain(level));
            self.best_id = quote.update_id;
            self.best = [some(quote.bid), some(quote.ask)];
        }
    }

    fn first(&self, side: Side) -> Option<(i64, i64)> {
        let level = match side {
            Side::Buy => self.sides[0].last_key_value(),
            Side::Sell => self.sides[1].first_key_value(),
        };
        level.map(|(price, qty)| (*price, *qty))
    }

    fn top(&self) -> Option<((i64, i64), (i64, i64))> {
        let (bid, ask) = (self.best[0]?, self.best[1]?);
        (self.whole && bid.0 < ask.0).then_some((bid, ask))
    }
}

fn any_message() -> impl Strategy<Value = Record> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let price = prop_oneof![6 => 990_i64..1_010, 1 => 1_i64..20_000];
    let change = (side, price, 0_i64..3);
    let known = flags::LAST_OF_MESSAGE | flags::SNAPSHOT;
    prop_oneof![
        1 => (0_u64..30, 0_u64..2).prop_map(|(id, records)| reset(id, records)),
        8 => (0_u64..30, any::<u8>(), proptest::collection::vec(change, 1..5))
            .prop_map(move |(id, bits, changes)| levels(id, bits & known, &changes)),
        2 => (0_u64..30, 990_i64..1_010, 990_i64..1_010, 0_i64..3)
            .prop_map(|(id, bid, ask, qty)| quote(id, (bid, qty), (ask, 1))),
    ]
}

proptest! {
    #[test]
    fn prop_book_of_any_messages_equals_the_naive_one(
        messages in proptest::collection::vec(any_message(), 0..120),
    ) {
        let mut listing = Listing::new(spec(), 4096);
        let mut naive = Naive::default();
        for record in &messages {
            listing.apply(record, &model::event::event(record).unwrap(), None);
            naive.apply(record);
            let plain = |level: Level| (level.price.0, level.qty.0);
            let book = listing.book();
            let top = book.top().map(|top| (plain(top.bid), plain(top.ask)));
            prop_assert_eq!(top, naive.top());
            prop_assert!(book.depth(Side::Sell).map(plain).eq(naive.sides[1].clone()));
            let bids = naive.sides[0].clone().into_iter().rev();
            prop_assert!(book.depth(Side::Buy).map(plain).eq(bids));
            for side in [Side::Buy, Side::Sell] {
                prop_assert_eq!(book.best(side).map(plain), naive.first(side));
            }
        }
    }
}
