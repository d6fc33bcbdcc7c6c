//! NautilusTrader 4370: when a stranger deletes one order, everything ahead of ours is taken for
//! gone, and the next trade fills us. Right is: a level that shrinks moves us forward by what was
//! deleted at the most, whatever the model of the queue.

use model::body::Side;
use replay::backtest::{QueueChoice, Share};

use crate::kit::{ASK, BID, SECOND, Step, Tape, plan, rest, run};

#[test]
fn nautilus_4370() {
    let mut tape = Tape::new(&[(Side::Buy, BID, 500), (Side::Sell, ASK, 900)]);
    // 500 are ahead of us when we arrive. A stranger deletes 10, then 100 trade: we get nothing.
    tape.levels(2 * SECOND, &[(Side::Buy, BID, 490)]);
    tape.trade(3 * SECOND, Side::Sell, BID, 100);
    tape.levels(3 * SECOND + 1, &[(Side::Buy, BID, 390)]);
    // The 390 that are left trade; of the next 7 all are ours.
    tape.trade(4 * SECOND, Side::Sell, BID, 390);
    tape.trade(5 * SECOND, Side::Sell, BID, 7);
    tape.levels(6 * SECOND, &[(Side::Sell, ASK, 901)]);
    let choices = [
        QueueChoice::RiskAverse,
        QueueChoice::Probable(Share::Power(3.0)),
        QueueChoice::Probable(Share::PowerOfRatio(3.0)),
        QueueChoice::Probable(Share::Log),
    ];
    for choice in choices {
        let mut plan = plan();
        plan.venue.queues = choice.clone();
        let steps = [Step::Place(SECOND, rest(Side::Buy, BID, 50))];
        let seen = run(&tape, &steps, plan);
        assert_eq!(seen.got(), [(0, 7)], "{choice:?}");
    }
}
