//! What the strategies ask for, given what they see.

use model::body::{OrderType, RefusalReason, Side, TimeInForce};
use model::ids::InstrumentId;
use model::num::{Lots, Ticks};

use super::runner::{OWN_ENDED_REMEMBERED, OWN_ORDERS_MAX};
use super::*;
use crate::machine::intent::{Action, Place};
use crate::machine::orders::Orders;

const BTC: InstrumentId = InstrumentId(0);

/// A strategy whose orders vanish, so that it asks anew.
struct Bench(Rehearsal);

fn bench(kind: &str, params: Params) -> Bench {
    let btc = Rehearsal::spot(0, "BTC", "USDT", "0.01", "0.00001").unwrap();
    Bench(Rehearsal::new(Registry::standard(), kind, vec![btc], params).unwrap())
}

impl Bench {
    fn book(&mut self, bid: (i64, i64), ask: (i64, i64)) -> Vec<(Side, i64, i64)> {
        let level = |(price, qty)| (Ticks(price), Lots(qty));
        let asked = self.0.book(BTC, level(bid), level(ask)).unwrap();
        self.plain(&asked)
    }

    fn pass(&mut self, nanos: u64) -> Vec<(Side, i64, i64)> {
        let asked = self.0.pass(nanos).unwrap();
        self.plain(&asked)
    }

    fn trades(&mut self, prices: impl Iterator<Item = i64>) -> Vec<(Side, i64, i64)> {
        let mut asked = Vec::new();
        for price in prices {
            let by_time = self.pass(1_000_000_000);
            let trade = self.0.trade(BTC, Ticks(price), Lots(1), Side::Buy);
            asked = self.plain(&trade.unwrap());
            asked.extend(by_time);
        }
        asked
    }

    fn hold(&mut self, lots: i64) {
        self.0.hold(BTC, Lots(lots)).unwrap();
    }

    /// What was asked for; the orders vanish.
    fn plain(&mut self, asked: &[Action]) -> Vec<(Side, i64, i64)> {
        self.0.runner.orders = Orders::new(OWN_ORDERS_MAX, OWN_ENDED_REMEMBERED);
        let placed = asked.iter().map(|action| match action {
            Action::Place(place) => plain(place),
            Action::Cancel { .. }
            | Action::Replace { .. }
            | Action::Amend { .. }
            | Action::CancelAll { .. } => panic!("{action:?}"),
        });
        placed.collect()
    }
}

fn plain(place: &Place) -> (Side, i64, i64) {
    let fits = match place.order_type {
        OrderType::PostOnly => place.time_in_force == TimeInForce::Gtc,
        OrderType::Limit => place.time_in_force == TimeInForce::Ioc,
        OrderType::Market => false,
    };
    assert!(fits && place.instrument == BTC, "{place:?}");
    (place.side, place.price.0, place.qty.0)
}

fn maker() -> Bench {
    let params = MarketMakerParams {
        qty: Lots(10),
        half_spread_ticks: Ticks(3),
        skew_ticks: Ticks(20),
        position_max: Lots(100),
        requote_ticks: Ticks(1),
        requote_pause_ns: 1_000,
        backoff_ns: 5_000_000,
    };
    bench(MarketMakerParams::KIND, params.params())
}

#[test]
fn maker_flat_quotes_both_sides_around_the_middle() {
    let mut maker = maker();
    let quotes = [(Side::Buy, 997, 10), (Side::Sell, 1_003, 10)];
    assert_eq!(maker.book((999, 50), (1_001, 50)), quotes);
    assert_eq!(maker.book((999, 50), (1_001, 50)), [], "it pauses");
    assert_eq!(maker.pass(999), []);
    assert_eq!(maker.pass(1), quotes, "its timers ring");
}

#[test]
fn maker_leans_against_its_position_and_stops_at_the_most() {
    let mut maker = maker();
    let mut at = |position| {
        maker.hold(position);
        maker.0.pass(1_000).unwrap();
        maker.0.runner.orders = Orders::new(OWN_ORDERS_MAX, OWN_ENDED_REMEMBERED);
        maker.0.time_ns += 1_000;
        maker.book((999, 50), (1_001, 50))
    };
    let quotes = [(Side::Buy, 987, 10), (Side::Sell, 1_000, 10)];
    assert_eq!(at(50), quotes, "never through the other side");
    assert_eq!(at(91).len(), 1);
    let quotes = [(Side::Buy, 1_000, 10), (Side::Sell, 1_021, 10)];
    assert_eq!(at(-90), quotes);
    assert_eq!(at(-91), [(Side::Buy, 1_000, 10)]);
}

#[test]
fn maker_fair_price_leans_to_the_thinner_side_and_a_refusal_pauses_one_side() {
    let mut maker = maker();
    let level = |price, qty| (Ticks(price), Lots(qty));
    let asked = maker.0.book(BTC, level(990, 90), level(1_010, 10)).unwrap();
    let bid = asked[0].client_id().unwrap();
    let ask = asked[1].client_id().unwrap();
    let quotes = [(Side::Buy, 1_005, 10), (Side::Sell, 1_011, 10)];
    let Action::Place(place) = asked[0] else {
        panic!("{asked:?}");
    };
    assert_eq!(plain(&place), quotes[0]);
    maker.0.accept(ask).unwrap();
    let refused = maker.0.refuse(bid, RefusalReason::PriceCollar).unwrap();
    assert_eq!(maker.plain(&refused), []);
    assert_eq!(
        maker.pass(1_000),
        [],
        "the timer of the ask's pause is not set"
    );
    assert_eq!(maker.book((990, 90), (1_010, 10)), [quotes[1]]);
    assert_eq!(maker.pass(4_998_999), []);
    maker.0.time_ns += 1;
    assert_eq!(maker.book((990, 90), (1_010, 10)), quotes);
}

#[test]
fn maker_without_a_usable_book_asks_for_nothing() {
    assert_eq!(maker().book((1_000, 50), (1_000, 50)), []);
}

fn taker() -> Bench {
    let params = MovingAverageParams {
        fast_trades: 2,
        slow_trades: 10,
        band_ticks: Ticks(1),
        target_long: Lots(15),
        target_short: Lots(-5),
        clip: Lots(10),
        reach_ticks: Ticks(2),
        cooldown_ns: 1_000_000,
    };
    bench(MovingAverageParams::KIND, params.params())
}

#[test]
fn taker_follows_the_cross_to_its_target_in_clips() {
    let mut taker = taker();
    assert_eq!(taker.book((999, 50), (1_001, 50)), []);
    assert_eq!(taker.trades(std::iter::repeat_n(1_000, 20)), []);
    assert_eq!(taker.trades(1_001..1_010), [(Side::Buy, 1_003, 10)]);
    taker.hold(10);
    assert_eq!(taker.book((999, 50), (1_001, 50)), [], "cools down");
    assert_eq!(taker.pass(999_999), []);
    assert_eq!(taker.pass(1), [(Side::Buy, 1_003, 5)], "its timer rings");
    taker.hold(15);
    assert_eq!(taker.trades((980..1_000).rev()), [(Side::Sell, 997, 10)]);
    taker.hold(-5);
    taker.pass(1_000_000);
    assert_eq!(taker.book((999, 50), (1_001, 50)), []);
}

#[test]
fn taker_state_survives_a_snapshot() {
    let mut taker = taker();
    taker.book((999, 50), (1_001, 50));
    taker.trades(1_000..1_030);
    taker.0.restart().unwrap();
    assert_eq!(taker.trades(1_030..1_031), [(Side::Buy, 1_003, 10)]);
}
