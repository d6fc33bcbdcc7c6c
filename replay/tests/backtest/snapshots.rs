//! A snapshot of the book that was asked for: it comes behind changes that the venue sent before.

use model::body::Side;
use replay::backtest::OrderEnd;

use crate::kit::{ASK, BID, MS, SECOND, Step, Tape, plan, rest, run};

/// The snapshot is answered at 700 ms with a bid inside the spread; that this bid is deleted was
/// sent at 650 ms, and read behind the snapshot.
fn market(snapshot_there_ns: u64) -> Tape {
    let mut tape = Tape::usual();
    let stale = (Side::Buy, BID + 4, 500);
    let levels = [(Side::Buy, BID, 900), stale, (Side::Sell, ASK, 900)];
    tape.snapshot(700 * MS, snapshot_there_ns, &levels);
    tape.levels_heard(700 * MS, 650 * MS, &[(Side::Buy, BID + 4, 0)]);
    tape.levels(3 * SECOND, &[(Side::Sell, ASK, 901)]);
    tape
}

#[test]
fn snapshot_that_comes_late_does_not_bring_back_what_was_deleted() {
    let late = crate::kit::START_NS + 690 * MS;
    for there_ns in [0, late] {
        let steps = [Step::Place(SECOND, rest(Side::Sell, BID + 2, 10))];
        let seen = run(&market(there_ns), &steps, plan());
        // At the venue the bid above is gone, so a sell there is no taker.
        assert_eq!(seen.orders[0].end, OrderEnd::Open, "{there_ns}");
    }
}
