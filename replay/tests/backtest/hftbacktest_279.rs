//! hftbacktest 279: a taker takes the same liquidity again and again, for the recorded book does
//! not know of it. Right is: what we took is gone until the venue shows the level anew.

use model::body::Side;
use replay::backtest::{OrderEnd, Rules};

use crate::kit::{ASK, BID, SECOND, Step, Tape, plan, run, take};

fn market() -> (Tape, [Step; 3]) {
    let mut tape = Tape::new(&[(Side::Buy, BID, 900), (Side::Sell, ASK, 120)]);
    // The same quantity, told again: somebody's order is there now.
    tape.levels(3 * SECOND, &[(Side::Sell, ASK, 120)]);
    tape.levels(5 * SECOND, &[(Side::Buy, BID, 901)]);
    let steps = [
        Step::Place(SECOND, take(Side::Buy, ASK, 100)),
        Step::Place(2 * SECOND, take(Side::Buy, ASK, 100)),
        Step::Place(4 * SECOND, take(Side::Buy, ASK, 100)),
    ];
    (tape, steps)
}

#[test]
fn hftbacktest_279() {
    let (tape, steps) = market();
    let seen = run(&tape, &steps, plan());
    assert_eq!(seen.got(), [(0, 100), (1, 20), (2, 100)]);
    assert_eq!(seen.orders[1].end, OrderEnd::Expired);
}

#[test]
fn without_impact_a_taker_has_it_every_time() {
    let (tape, steps) = market();
    let mut plan = plan();
    plan.venue.rules = Rules {
        impact: false,
        ..Rules::FAITHFUL
    };
    let seen = run(&tape, &steps, plan);
    assert_eq!(seen.got(), [(0, 100), (1, 100), (2, 100)]);
}
