//! What an order's price is measured against, in the machine: row 40 of RISK.md.

use model::body::{Mark, RefusalReason, Side, Trade};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};

use crate::kit::{INSTRUMENT, SECOND};
use crate::limits::{Desk, desk};

fn trade(desk: &mut Desk, price: i64) {
    let body = Trade {
        trade_id: 1,
        venue_time_ns: 0,
        price: Ticks(price),
        qty: Lots(1),
        aggressor: Side::Buy,
        reserved: [0; 47],
    };
    desk.event(Record::new(Kind::Trade, &body).on_instrument(INSTRUMENT));
}

fn mark(desk: &mut Desk, price: i64) {
    let body = Mark {
        mark: Ticks(price),
        index: Ticks::ZERO,
        funding_rate_e9: 0,
        next_funding_ns: 0,
        venue_time_ns: 0,
        reserved: [0; 40],
    };
    desk.event(Record::new(Kind::Mark, &body).on_instrument(INSTRUMENT));
}

/// The collar is 100 bps; the middle of the book is 1,000,000.
fn buys_at(desk: &mut Desk, price: i64) -> Result<usize, (RefusalReason, i64, i64)> {
    desk.place(|place| place.price = Ticks(price))
}

#[test]
fn collar_asks_for_middle_and_last_trade_both_and_for_the_median_of_three() {
    let mut desk = desk(|_| {});
    assert_eq!(buys_at(&mut desk, 990_000), Ok(1));
    trade(&mut desk, 1_005_000);
    // 100 bps below the last trade is 994,950.
    let far = Err((RefusalReason::PriceCollar, 994_949, 994_950));
    assert_eq!(buys_at(&mut desk, 994_949), far);
    assert_eq!(buys_at(&mut desk, 994_950), Ok(1));
    trade(&mut desk, 2_000_000);
    let apart = buys_at(&mut desk, 999_000).unwrap_err();
    assert_eq!(apart.0, RefusalReason::PriceCollar, "no price is near both");
    // A mark near the book outvotes the trade that is off.
    mark(&mut desk, 1_000_100);
    assert_eq!(buys_at(&mut desk, 990_099), Ok(1));
    let far = Err((RefusalReason::PriceCollar, 990_098, 990_099));
    assert_eq!(buys_at(&mut desk, 990_098), far);
}

#[test]
fn collar_forgets_a_last_trade_and_a_mark_that_are_too_old() {
    let mut desk = desk(|_| {});
    trade(&mut desk, 2_000_000);
    mark(&mut desk, 2_000_000);
    assert!(buys_at(&mut desk, 999_000).is_err());
    desk.now += 5 * SECOND;
    desk.book(999_999, 1_000_001);
    assert!(
        buys_at(&mut desk, 999_000).is_err(),
        "at the limit they count"
    );
    desk.now += 1;
    desk.book(999_999, 1_000_001);
    assert_eq!(buys_at(&mut desk, 999_000), Ok(1));
}

#[test]
fn collar_of_what_reduces_is_around_the_book_alone() {
    let mut desk = desk(|_| {});
    let bought = desk.open(|place| place.price = Ticks(1_000_001));
    desk.event(crate::kit::fill(
        bought.raw(),
        1,
        Side::Buy,
        1_000_001,
        1_000,
    ));
    trade(&mut desk, 2_000_000);
    let sells = |qty| {
        move |place: &mut engine::machine::Place| {
            place.side = Side::Sell;
            place.price = Ticks(999_999);
            place.qty = Lots(qty);
        }
    };
    assert_eq!(desk.place(sells(1_000)), Ok(1), "it can only reduce");
    let more = desk.place(sells(1_000)).unwrap_err();
    assert_eq!(more.0, RefusalReason::PriceCollar, "one that could turn it");
}
