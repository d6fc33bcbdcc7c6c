//! What the strategies ask for, given what they see.

use model::body::{BookLevels, BookReset, Level, OrderType, TimeInForce};
use model::ids::StrategyId;
use model::num::Ticks;
use model::record::{Kind, Record, flags};

use super::*;
use crate::machine::config::{MarketMakerParams, MovingAverageParams};
use crate::machine::intent::{Action, IntentBuffer, Place};
use crate::machine::market::Listing;
use crate::machine::market::tests::spec;

/// A strategy with a book of its own and no orders.
struct Bench {
    strategy: Box<dyn Strategy>,
    listing: Listing,
    orders: Orders,
    position: Lots,
    now: u64,
    alarm: Option<u64>,
}

fn bench(kind: &StrategyKind, bid: (i64, i64), ask: (i64, i64)) -> Bench {
    let mut listing = Listing::new(spec(), 4096);
    let reset = BookReset {
        update_id: 1,
        level_records: 1,
        reserved: [0; 64],
    };
    let level = |(price, qty)| Level {
        price: Ticks(price),
        qty: Lots(qty),
    };
    let levels = BookLevels {
        update_id: 1,
        venue_time_ns: 0,
        levels: [level(bid), level(ask), Level::UNUSED, Level::UNUSED],
    };
    let mut whole =
        Record::new(Kind::BookLevels, &levels).with_flags(flags::LAST_OF_MESSAGE | flags::SNAPSHOT);
    whole.detail = BookLevels::detail(2, 0b10);
    for record in [Record::new(Kind::BookReset, &reset), whole] {
        listing.apply(&record, &model::event::event(&record).unwrap());
    }
    Bench {
        strategy: build(kind),
        listing,
        orders: Orders::new(8, 8),
        position: Lots::ZERO,
        now: 1_000_000_000,
        alarm: None,
    }
}

impl Bench {
    fn call(&mut self, cause: Cause) -> Vec<(Side, i64, i64)> {
        let mut intents = IntentBuffer::new();
        let mut counter = 0;
        let view = View {
            time_ns: self.now,
            spec: self.listing.spec(),
            book: self.listing.book(),
            orders: &self.orders,
            position: self.position,
        };
        let mut asks = Asks {
            event: 1,
            time_ns: self.now,
            epoch: 1,
            strategy: StrategyId(0),
            instrument: model::ids::InstrumentId(0),
            may_trade: true,
            room: 8,
            counter: &mut counter,
            intents: &mut intents,
            alarm_ns: &mut self.alarm,
        };
        self.strategy.on_event(cause, &view, &mut asks);
        intents
            .iter()
            .map(|intent| match intent.action {
                Action::Place(place) => plain(&place),
                Action::Cancel { .. }
                | Action::Replace { .. }
                | Action::Amend { .. }
                | Action::CancelAll { .. } => panic!("{intent:?}"),
            })
            .collect()
    }

    fn trades(&mut self, prices: impl Iterator<Item = i64>) -> Vec<(Side, i64, i64)> {
        let mut asked = Vec::new();
        for price in prices {
            self.now += 1_000_000_000;
            asked = self.call(Cause::Trade(LastTrade {
                trade_id: 0,
                price: Ticks(price),
                qty: Lots(1),
                aggressor: Side::Buy,
                time_ns: self.now,
            }));
        }
        asked
    }
}

fn plain(place: &Place) -> (Side, i64, i64) {
    let fits = match place.order_type {
        OrderType::PostOnly => place.time_in_force == TimeInForce::Gtc,
        OrderType::Limit => place.time_in_force == TimeInForce::Ioc,
        OrderType::Market => false,
    };
    assert!(fits, "{place:?}");
    (place.side, place.price.0, place.qty.0)
}

fn maker() -> StrategyKind {
    StrategyKind::MarketMaker(MarketMakerParams {
        qty: Lots(10),
        half_spread_ticks: Ticks(3),
        skew_ticks: Ticks(20),
        position_max: Lots(100),
        requote_ticks: Ticks(1),
        requote_pause_ns: 1_000,
        backoff_ns: 5_000,
    })
}

#[test]
fn maker_flat_quotes_both_sides_around_the_middle() {
    let mut bench = bench(&maker(), (999, 50), (1_001, 50));
    let quotes = [(Side::Buy, 997, 10), (Side::Sell, 1_003, 10)];
    assert_eq!(bench.call(Cause::Book), quotes);
    assert_eq!(bench.call(Cause::Book), []);
    assert_eq!(bench.alarm, Some(bench.now + 1_000));
    bench.now += 1_000;
    assert_eq!(bench.call(Cause::Alarm), quotes);
}

#[test]
fn maker_leans_against_its_position_and_stops_at_the_most() {
    let mut bench = bench(&maker(), (999, 50), (1_001, 50));
    bench.position = Lots(50);
    let quotes = [(Side::Buy, 987, 10), (Side::Sell, 1_000, 10)];
    assert_eq!(
        bench.call(Cause::Book),
        quotes,
        "never through the other side"
    );
    bench.now += 1_000;
    bench.position = Lots(91);
    assert_eq!(bench.call(Cause::Book).len(), 1);
    bench.now += 1_000;
    bench.position = Lots(-90);
    assert_eq!(
        bench.call(Cause::Book),
        [(Side::Buy, 1_000, 10), (Side::Sell, 1_021, 10)]
    );
    bench.now += 1_000;
    bench.position = Lots(-91);
    assert_eq!(bench.call(Cause::Book), [(Side::Buy, 1_000, 10)]);
}

#[test]
fn maker_fair_price_leans_to_the_thinner_side_and_a_refusal_pauses_one_side() {
    let mut bench = bench(&maker(), (990, 90), (1_010, 10));
    let quotes = [(Side::Buy, 1_005, 10), (Side::Sell, 1_011, 10)];
    assert_eq!(bench.call(Cause::Book), quotes);
    bench.now += 1_000;
    assert_eq!(bench.call(Cause::Refused(Side::Buy)), [quotes[1]]);
    bench.now += 4_999;
    assert_eq!(bench.call(Cause::Book), [quotes[1]]);
    bench.now += 1;
    assert_eq!(bench.call(Cause::Alarm), [quotes[0]]);
}

#[test]
fn maker_without_a_usable_book_asks_for_nothing() {
    let mut bench = bench(&maker(), (1_000, 50), (1_000, 50));
    assert_eq!(bench.call(Cause::Book), []);
}

#[test]
fn taker_follows_the_cross_to_its_target_in_clips() {
    let params = MovingAverageParams {
        fast_trades: 2,
        slow_trades: 10,
        band_ticks: Ticks(1),
        target_long: Lots(15),
        target_short: Lots(-5),
        clip: Lots(10),
        reach_ticks: Ticks(2),
        cooldown_ns: 500,
    };
    let kind = StrategyKind::MovingAverage(params);
    let mut bench = bench(&kind, (999, 50), (1_001, 50));
    assert_eq!(bench.trades(std::iter::repeat_n(1_000, 20)), []);
    assert_eq!(bench.trades(1_001..1_010), [(Side::Buy, 1_003, 10)]);
    bench.position = Lots(10);
    assert_eq!(bench.call(Cause::Order), [], "cools down");
    assert_eq!(bench.alarm, Some(bench.now + 500));
    bench.now += 500;
    assert_eq!(bench.call(Cause::Alarm), [(Side::Buy, 1_003, 5)]);
    bench.position = Lots(15);
    assert_eq!(bench.trades((980..1_000).rev()), [(Side::Sell, 997, 10)]);
    bench.position = Lots(-5);
    bench.now += 500;
    assert_eq!(bench.call(Cause::Order), []);
}
