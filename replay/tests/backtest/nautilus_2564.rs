//! NautilusTrader 2564: two orders at one price are both filled by the same trade, each as if it
//! were alone. Right is: they stand in one queue, and the later one gets what the earlier one left.

use model::body::Side;
use replay::backtest::Rules;

use crate::kit::{ASK, BID, SECOND, Step, Tape, plan, rest, run, take};

const PRICE: i64 = BID + 2;

fn market() -> (Tape, [Step; 2]) {
    let mut tape = Tape::usual();
    tape.trade(3 * SECOND, Side::Sell, PRICE, 130);
    // Through the price: no more than was traded, either.
    tape.trade(4 * SECOND, Side::Sell, PRICE - 1, 20);
    tape.levels(5 * SECOND, &[(Side::Sell, ASK, 901)]);
    let steps = [
        Step::Place(SECOND, rest(Side::Buy, PRICE, 100)),
        Step::Place(2 * SECOND, rest(Side::Buy, PRICE, 100)),
    ];
    (tape, steps)
}

#[test]
fn nautilus_2564() {
    let (tape, steps) = market();
    let seen = run(&tape, &steps, plan());
    assert_eq!(seen.got(), [(0, 100), (1, 30), (1, 20)]);
}

#[test]
fn alone_each_has_the_whole_trade() {
    let (tape, steps) = market();
    let mut plan = plan();
    plan.venue.rules = Rules::LIKE_HFTBACKTEST;
    let seen = run(&tape, &steps, plan);
    assert_eq!(seen.got(), [(0, 100), (1, 100)]);
}

#[test]
fn two_takers_share_what_is_shown() {
    let mut tape = Tape::new(&[(Side::Buy, BID, 900), (Side::Sell, ASK, 130)]);
    tape.levels(5 * SECOND, &[(Side::Buy, BID, 901)]);
    // Both arrive at one instant.
    let steps = [
        Step::Place(SECOND, take(Side::Buy, ASK, 100)),
        Step::Place(SECOND, take(Side::Buy, ASK, 100)),
    ];
    let seen = run(&tape, &steps, plan());
    assert_eq!(seen.got(), [(0, 100), (1, 30)]);
}
