//! The check for a look ahead: a strategy that follows the trades that it heard of passes, and one
//! that peeps at the data behind them is caught.

use std::cell::RefCell;

use engine::strategy::{Asks, Cause, Registry, Setup, SetupError, Strategy, View};
use model::body::{Side, Trade};
use model::event::{self, Event};
use replay::backtest::Backtest;
use replay::search::{Decisions, Difference, cuts};

use crate::kit::{ASK, BID, MS, SECOND, START_NS, Tape, feed, plan, take};

/// As the feed of `kit` has it.
const LATE_MAX_NS: u64 = 2 * SECOND;
const LENGTH_NS: u64 = 120 * SECOND;

thread_local! {
    /// Our time and price of every trade of the data that is run: what a strategy has no door to.
    /// A test runs on its thread.
    static PEEP: RefCell<Vec<(u64, i64)>> = const { RefCell::new(Vec::new()) };
}

/// Buys at a trade, and sells if the price is to fall: below the last trade's that it heard of, or,
/// with `AHEAD_MS` above 0, of the first trade so much later.
#[derive(Debug)]
struct Follower<const AHEAD_MS: u64>;

impl<const AHEAD_MS: u64> Strategy for Follower<AHEAD_MS> {
    const KIND: &'static str = "follower";
    /// Price of the last trade.
    type State = i64;

    fn new(_: &Setup<'_>) -> Result<Self, SetupError> {
        Ok(Self)
    }

    fn on_event(&self, last: &mut i64, cause: Cause, view: &View<'_>, asks: &mut Asks<'_>) {
        let Cause::Trade(_, trade) = cause else {
            return;
        };
        let later_ns = view.time_ns() + AHEAD_MS * MS;
        let peep = || {
            PEEP.with_borrow(|all| {
                let later = all.iter().find(|(time_ns, _)| *time_ns >= later_ns);
                later.map(|(_, price)| *price)
            })
        };
        let next = if AHEAD_MS > 0 { peep() } else { Some(*last) };
        *last = trade.price.0;
        if let Some(next) = next {
            let wish = if next < trade.price.0 {
                take(Side::Sell, BID, 1)
            } else {
                take(Side::Buy, ASK, 1)
            };
            asks.place(wish).unwrap();
        }
    }
}

/// Two minutes with a trade each 100 ms whose prices a fixed seed draws.
fn market() -> Tape {
    let mut tape = Tape::usual();
    let mut state = 7_u64;
    for at_ns in (0..LENGTH_NS).step_by(100_000_000).skip(1) {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let price = BID + i64::try_from((state >> 33) % 11).unwrap();
        tape.trade(at_ns, Side::Buy, price, 1);
    }
    tape
}

fn decisions<const AHEAD_MS: u64>(tape: &Tape, to_ns: u64) -> Decisions {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    tape.write(&dir);
    let trades = tape.rows().iter().filter(|(time_ns, _)| *time_ns < to_ns);
    let trades = trades.filter_map(|(time_ns, record)| match event::view(record) {
        Ok(event::View::Event(Event::Trade(Trade { price, .. }))) => Some((*time_ns, price.0)),
        _ => None,
    });
    PEEP.set(trades.collect());
    let registry = Registry::standard().with::<Follower<AHEAD_MS>>().unwrap();
    let mut plan = plan();
    plan.machine.strategies[0].kind = Follower::<AHEAD_MS>::KIND.to_owned();
    let mut seen = [Decisions::default()];
    let backtest = Backtest::new(feed(&dir, to_ns), vec![plan], &registry, None).unwrap();
    backtest.run(&mut seen, |_| {}).unwrap();
    let [seen] = seen;
    seen
}

/// Each cut's result; seed 5.
fn check<const AHEAD_MS: u64>() -> Vec<Result<usize, Difference>> {
    let tape = market();
    let whole = decisions::<AHEAD_MS>(&tape, u64::MAX);
    let span = (
        START_NS + 10 * SECOND,
        START_NS + LENGTH_NS - 2 * LATE_MAX_NS,
    );
    let cuts = cuts(span, 6, 5);
    let each = cuts.iter().map(|cut_ns| {
        let part = decisions::<AHEAD_MS>(&tape, cut_ns + LATE_MAX_NS);
        whole.compare(&part, *cut_ns)
    });
    each.collect()
}

#[test]
fn strategy_that_follows_what_it_heard_passes() {
    let results = check::<0>();
    assert_eq!(results.len(), 6);
    for result in results {
        assert!(result.unwrap() > 80);
    }
}

#[test]
fn strategy_that_peeps_at_what_comes_later_is_caught() {
    // Five seconds ahead: behind what the cut leaves for lateness.
    for result in check::<5_000>() {
        let difference = result.unwrap_err();
        let (whole, part) = (difference.whole.unwrap(), difference.part);
        assert!(part.is_none_or(|part| part != whole), "{difference}");
        let said = difference.to_string();
        assert!(
            said.starts_with("over all data: at ") && said.contains("1 lots"),
            "{said}"
        );
    }
}

#[test]
fn cuts_are_those_of_their_seed_and_within_their_span() {
    let all = cuts((100, 200), 50, 9);
    assert_eq!(all, cuts((100, 200), 50, 9));
    assert_ne!(all, cuts((100, 200), 50, 10));
    assert!(all.is_sorted() && all.iter().all(|cut| (100..200).contains(cut)));
    assert!(cuts((200, 200), 5, 1).is_empty());
}
