//! hftbacktest 256: a larger constant latency gave a better result, and its author answered that a
//! constant one is not realistic. Right is: the delays of the feed and of the order both apply,
//! each to the nanosecond; what a slow order meets is the market of its arrival, for better or for
//! worse.

use model::body::Side;
use replay::backtest::Delay;

use crate::kit::{ASK, BID, MS, SECOND, START_NS, Step, Tape, plan_with_delays, rest, run, take};

/// The best ask goes up by 5 ticks 20 ms behind the decision, and down by 9 another 20 ms later.
fn market() -> Tape {
    let mut tape = Tape::usual();
    let moved = |from: i64, to: i64| [(Side::Sell, from, 0), (Side::Sell, to, 900)];
    tape.levels(SECOND + 20 * MS, &moved(ASK, ASK + 5));
    tape.levels(SECOND + 40 * MS, &moved(ASK + 5, ASK - 4));
    tape.levels(3 * SECOND, &[(Side::Buy, BID, 901)]);
    tape
}

#[test]
fn hftbacktest_256() {
    for (there_ms, price) in [
        (1, ASK),
        (20, ASK + 5),
        (39, ASK + 5),
        (40, ASK - 4),
        (90, ASK - 4),
    ] {
        let steps = [Step::Place(SECOND, take(Side::Buy, ASK + 9, 100))];
        let seen = run(&market(), &steps, plan_with_delays(there_ms * MS, 7 * MS));
        let (order, fill) = (seen.orders[0], seen.fills[0]);
        assert_eq!(order.decided_ns, START_NS + SECOND);
        assert_eq!(order.arrived_ns, order.decided_ns + there_ms * MS);
        assert_eq!(order.acked_ns, order.arrived_ns + 7 * MS);
        assert_eq!(fill.price.0, price, "{there_ms} ms");
        assert_eq!(fill.there_ns, order.arrived_ns);
        assert_eq!(fill.here_ns, order.arrived_ns + 7 * MS);
    }
}

#[test]
fn delays_of_feed_and_order_add_up() {
    for (feed_ms, there_ms) in [(0, 1), (15, 1), (1, 15), (80, 40)] {
        let mut tape = Tape::usual();
        tape.trade(SECOND, Side::Sell, BID, 1);
        tape.levels(2 * SECOND, &[(Side::Buy, BID, 901)]);
        let mut plan = plan_with_delays(there_ms * MS, MS);
        plan.latencies.feed = Some(Delay::Constant(feed_ms * MS));
        let seen = run(&tape, &[Step::AtTrade(rest(Side::Buy, BID, 10))], plan);
        let order = seen.orders[0];
        assert_eq!(order.decided_ns, START_NS + SECOND + feed_ms * MS);
        assert_eq!(order.arrived_ns, order.decided_ns + there_ms * MS);
    }
}
