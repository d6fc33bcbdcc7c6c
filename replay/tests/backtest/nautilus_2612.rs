//! NautilusTrader 2612: exchange and strategy see a tick at the same time, so nobody can say what
//! slow market data costs. Right is: the strategy hears of it when it would have, and until then
//! the venue's market has moved on.

use model::body::Side;

use crate::kit::{ASK, BID, MS, SECOND, START_NS, Step, Tape, plan, plan_with_delays, run, take};

#[test]
fn nautilus_2612() {
    for feed_ms in [0, 3, 250] {
        let mut tape = Tape::usual();
        tape.feed_ns = feed_ms * MS;
        tape.trade(SECOND, Side::Buy, ASK, 5);
        tape.feed_ns = 0;
        // 100 ms later the ask is gone for who comes then.
        let gone = [(Side::Sell, ASK, 0), (Side::Sell, ASK + 8, 900)];
        tape.levels(SECOND + 100 * MS, &gone);
        tape.levels(3 * SECOND, &[(Side::Buy, BID, 901)]);
        let steps = [Step::AtTrade(take(Side::Buy, ASK + 9, 10))];
        let seen = run(&tape, &steps, plan());
        assert_eq!(seen.orders[0].decided_ns, START_NS + SECOND + feed_ms * MS);
        let price = if feed_ms < 100 { ASK } else { ASK + 8 };
        assert_eq!(seen.fills[0].price.0, price, "{feed_ms} ms");
    }
}

#[test]
fn answers_wait_for_their_way_back_too() {
    let mut tape = Tape::usual();
    tape.trade(SECOND, Side::Buy, ASK, 5);
    tape.levels(3 * SECOND, &[(Side::Buy, BID, 901)]);
    let steps = [Step::AtTrade(take(Side::Buy, ASK, 10))];
    let seen = run(&tape, &steps, plan_with_delays(2 * MS, 30 * MS));
    assert_eq!(seen.fills[0].here_ns, START_NS + SECOND + 32 * MS);
}
