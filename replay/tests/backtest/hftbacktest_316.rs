//! hftbacktest 316: an order that rests and is filled in parts. Only the last part, and only if it
//! completes the order, reached the strategy's position, balance and fees. Right is: every part
//! does, when it is heard.

use model::body::Side;
use replay::backtest::OrderEnd;
use rust_decimal::Decimal;

use crate::kit::{ASK, BID, MS, SECOND, Step, Tape, plan, rest, run};

#[test]
fn hftbacktest_316() {
    let mut tape = Tape::usual();
    // Ours is alone at its price.
    let price = ASK - 3;
    tape.trade(2_000 * MS, Side::Buy, price, 30);
    tape.trade(4_000 * MS, Side::Buy, price, 40);
    tape.trade(9_000 * MS, Side::Buy, ASK, 1);
    let steps = [
        Step::Place(SECOND, rest(Side::Sell, price, 100)),
        Step::CancelAll(5 * SECOND),
    ];
    let seen = run(&tape, &steps, plan());
    assert_eq!(seen.got(), [(0, 30), (0, 40)]);
    assert_eq!(seen.orders[0].filled.0, 70);
    assert_eq!(seen.orders[0].end, OrderEnd::Cancelled);
    // The position moves with each part, not with the order's end.
    let at = |ns: u64| {
        let behind =
            |sample: &&replay::backtest::Sample| sample.time_ns >= crate::kit::START_NS + ns;
        seen.samples.iter().find(behind).unwrap().positions[0]
    };
    let start = seen.samples[0].positions[0];
    assert_eq!(at(2_500 * MS) - start, -30);
    assert_eq!(at(4_500 * MS) - start, -70);
    // 0.0003 and 0.0004 at 60000.07, of which 0.01 % is the fee, each to 8 digits.
    let outcome = seen.outcome.unwrap();
    assert_eq!(outcome.fees, Decimal::new(18, 4) + Decimal::new(24, 4));
    // What was sold is worth less at the middle.
    let gain = Decimal::new(70, 5) * Decimal::new(2 * price - ASK - BID, 2) / Decimal::TWO;
    assert_eq!(outcome.profit, Some(gain - outcome.fees));
}
