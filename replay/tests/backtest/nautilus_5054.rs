//! NautilusTrader 5054: an order that is delayed arrives where the data has ended, and is filled at
//! the old prices. Right is: behind the data there is no market, so nothing trades there; in a hole
//! of the data a resting order waits for the market to come back.

use model::body::Side;
use replay::backtest::OrderEnd;

use crate::kit::{
    ASK, BID, MS, SECOND, START_NS, Step, Tape, plan, plan_with_delays, rest, run, take,
};

#[test]
fn nautilus_5054() {
    let mut tape = Tape::usual();
    tape.levels(2 * SECOND, &[(Side::Buy, BID, 901)]);
    // Sent 10 ms before the data ends, 50 ms on its way.
    let steps = [Step::Place(2 * SECOND - 10 * MS, take(Side::Buy, ASK, 100))];
    let seen = run(&tape, &steps, plan_with_delays(50 * MS, MS));
    assert_eq!(seen.orders.len(), 1);
    assert_eq!(seen.orders[0].end, OrderEnd::Open);
    assert_eq!((seen.orders[0].arrived_ns, seen.orders[0].filled.0), (0, 0));
    assert!(seen.fills.is_empty());
}

#[test]
fn in_a_hole_of_the_data_nothing_is_filled() {
    let mut tape = Tape::usual();
    // An hour without a record; then somebody trades.
    let back_ns = 3_600 * SECOND;
    tape.trade(back_ns, Side::Sell, BID + 1, 40);
    tape.levels(back_ns + SECOND, &[(Side::Buy, BID, 901)]);
    let mut plan = plan();
    plan.tick_ns = 100 * MS;
    let steps = [Step::Place(SECOND, rest(Side::Buy, BID + 1, 100))];
    let seen = run(&tape, &steps, plan);
    assert_eq!(seen.got(), [(0, 40)]);
    assert_eq!(seen.fills[0].there_ns, START_NS + back_ns);
}
