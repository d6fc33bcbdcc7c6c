//! Orders: any order of the facts gives the same end; ended orders stay findable.

mod table;

use super::*;
use crate::machine::Place;
use model::body::{
    Amended, OrderReport, OrderStatus, OrderType, RejectReason, Side, Text, TimeInForce,
};
use model::event::{Event, event};
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};
use proptest::prelude::*;
use rust_decimal::Decimal;

const WINDOW_NS: u64 = 5_000_000_000;

fn id(counter: u32) -> ClientOrderId {
    ClientOrderId::new(1, Some(StrategyId(0)), counter).unwrap()
}

fn order(counter: u32) -> Order {
    let place = Place {
        client_id: id(counter),
        instrument: InstrumentId(0),
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        price: Ticks(100),
        qty: Lots(10),
        tag: 0,
        reduce_only: false,
        trigger: None,
        good_till_ns: None,
        link: None,
        size: crate::machine::held::Size::Exact,
        acknowledges: None,
    };
    let about = NewlyApproved {
        instrument: InstrumentId(0),
        account: AccountId(0),
        strategy: StrategyId(0),
        command: 1,
        replaces: None,
        lot_value: Decimal::ONE,
        now_ns: 0,
    };
    Order::new(&place, about)
}

fn report(status: OrderStatus, cum: i64, reason: RejectReason) -> OrderReport {
    OrderReport {
        client_id: id(1).raw(),
        venue_order_id: 77,
        venue_time_ns: 0,
        cum_qty: Lots(cum),
        code: 0,
        status,
        reason,
        text: Text::EMPTY,
    }
}

/// A fact, as the events bring it.
#[derive(Debug, Clone, Copy)]
enum Step {
    Sent,
    TimedOut,
    NotSent,
    Lost,
    Decided,
    NotListed,
    Fill(u64, i64),
    Acked(i64),
    Cancelled(i64),
    Expired,
    Status(OrderStatus, i64),
    Rejected,
    Duplicate,
    Unknown,
    Absent,
    CancelRejected,
    AmendRejected,
    Amended(i64),
}

/// A fact with the event that brought it first.
type Dated = (Step, When);

fn about(order: &mut Order, kind: Kind, (status, cum): (OrderStatus, i64), when: When) {
    say(order, kind, (status, cum, RejectReason::None), when);
}

fn say(
    order: &mut Order,
    kind: Kind,
    (status, cum, reason): (OrderStatus, i64, RejectReason),
    when: When,
) {
    let report = report(status, cum, reason);
    let record = Record::new(kind, &report);
    order.report(&event(&record).unwrap(), when, WINDOW_NS);
}

fn apply(order: &mut Order, trades: &mut AppliedTrades, (step, when): Dated) {
    let none = OrderStatus::NotStated;
    match step {
        Step::Sent => {
            order.maybe_sent(when.time_ns);
            order.learn(Fact::Sent, when.time_ns);
        }
        Step::TimedOut => order.learn(Fact::OutcomeUnknown, when.time_ns),
        Step::NotSent => order.learn(Fact::NotSent, when.time_ns),
        Step::Lost => order.disconnect(when.event),
        Step::Decided => order.learn(Fact::AbsenceProven, when.time_ns),
        Step::NotListed => order.not_listed(when.time_ns),
        Step::Fill(trade, qty) => {
            let key = TradeKey {
                trade,
                account: AccountId(0),
                sell: false,
                client_id: order.client_id.raw(),
                venue_order_id: 0,
            };
            if trades.seen(key) == Seen::New {
                trades.remember(key);
                order.fill(Lots(qty), when);
            }
        }
        Step::Acked(cum) => about(order, Kind::OrderAcked, (OrderStatus::Open, cum), when),
        Step::Cancelled(cum) => about(order, Kind::OrderCancelled, (none, cum), when),
        Step::Expired => about(order, Kind::OrderExpired, (none, 0), when),
        Step::Status(status, cum) => about(order, Kind::OrderStatus, (status, cum), when),
        Step::Unknown => about(order, Kind::OrderUnknown, (none, 0), when),
        Step::Absent => about(order, Kind::OrderAbsent, (none, 0), when),
        Step::CancelRejected => about(order, Kind::CancelRejected, (none, 0), when),
        Step::AmendRejected => about(order, Kind::AmendRejected, (none, 0), when),
        Step::Rejected => {
            let why = (none, 0, RejectReason::Balance);
            say(order, Kind::OrderRejected, why, when);
        }
        Step::Duplicate => {
            let why = (none, 0, RejectReason::Duplicate);
            say(order, Kind::OrderRejected, why, when);
        }
        Step::Amended(qty) => {
            let body = Amended {
                client_id: id(1).raw(),
                venue_order_id: 77,
                venue_time_ns: 0,
                qty: Lots(qty),
                cum_qty: Lots(0),
                reserved: [0; 40],
            };
            order.report(&Event::OrderAmended(&body), when, WINDOW_NS);
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let status = prop_oneof![
        Just(OrderStatus::Open),
        Just(OrderStatus::PartiallyFilled),
        Just(OrderStatus::Filled),
        Just(OrderStatus::Cancelled),
        Just(OrderStatus::Expired),
        Just(OrderStatus::Rejected),
    ];
    prop_oneof![
        1 => Just(Step::Sent),
        1 => Just(Step::TimedOut),
        1 => Just(Step::NotSent),
        1 => Just(Step::Lost),
        1 => Just(Step::Decided),
        2 => Just(Step::NotListed),
        3 => (1_u64..4).prop_map(|trade| Step::Fill(trade, 4)),
        1 => (0_i64..3).prop_map(|fills| Step::Acked(fills * 4)),
        1 => (0_i64..3).prop_map(|fills| Step::Cancelled(fills * 4)),
        1 => Just(Step::Expired),
        2 => (status, 0_i64..3).prop_map(|(status, fills)| Step::Status(status, fills * 4)),
        1 => Just(Step::Rejected),
        1 => Just(Step::Duplicate),
        1 => Just(Step::Unknown),
        4 => Just(Step::Absent),
        1 => Just(Step::CancelRejected),
        1 => Just(Step::AmendRejected),
        2 => (2_i64..10).prop_map(Step::Amended),
    ]
}

/// Up to seven facts: the time of each is its own, in half seconds, on either side of the window.
fn facts() -> impl Strategy<Value = Vec<Dated>> {
    proptest::collection::vec((step(), 0_u64..24), 0..=7).prop_map(|steps| {
        let mut dated: Vec<Dated> = Vec::new();
        for (event, (step, halves)) in (1..).zip(steps) {
            let time_ns = halves * 500_000_000;
            let first = dated.iter().find_map(|&(other, when)| match (other, step) {
                // A trade that is told again is the same fact.
                (Step::Fill(known, _), Step::Fill(again, _)) if known == again => Some(when),
                _ => None,
            });
            dated.push((step, first.unwrap_or(When { event, time_ns })));
        }
        dated
    })
}

/// All that is true of an order: what later decisions rest on.
type Truth = (
    (OrderState, Lots, Lots, Lots, Lots),
    (bool, bool, bool, bool, bool),
    (u64, u64),
);

fn end_of(facts: &[Dated]) -> Truth {
    let mut order = order(1);
    let mut trades = AppliedTrades::new();
    for &fact in facts {
        apply(&mut order, &mut trades, fact);
    }
    (
        (
            order.state,
            order.qty,
            order.filled,
            order.reported,
            order.exposure(),
        ),
        (
            order.confirmed,
            order.doubtful,
            order.is_settled(),
            order.wants_query(),
            order.wants_list(),
        ),
        (order.venue_order_id, order.sent_ns),
    )
}

fn permutations(steps: &mut [Dated], from: usize, check: &mut impl FnMut(&[Dated])) {
    if from == steps.len() {
        check(steps);
        return;
    }
    for index in from..steps.len() {
        steps.swap(from, index);
        permutations(steps, from + 1, check);
        steps.swap(from, index);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn prop_order_every_permutation_of_its_facts_gives_the_same_end(facts in facts()) {
        let want = end_of(&facts);
        permutations(&mut facts.clone(), 0, &mut |permuted| {
            assert_eq!(end_of(permuted), want, "{permuted:?}");
        });
    }

    #[test]
    fn prop_order_facts_twice_are_facts_once(facts in facts(), from in 0_usize..7) {
        let mut twice: Vec<Dated> = facts.iter().flat_map(|&fact| [fact, fact]).collect();
        twice.extend(&facts[from.min(facts.len())..]);
        prop_assert_eq!(end_of(&twice), end_of(&facts));
    }

    #[test]
    fn prop_order_never_loses_exposure_while_its_outcome_is_unknown(facts in facts()) {
        let ((state, qty, filled, _, exposure), (_, _, settled, asks, _), _) = end_of(&facts);
        if state == OrderState::Unknown {
            prop_assert!(exposure >= Lots((qty.0 - filled.0).max(0)));
            prop_assert!(asks && !settled);
        }
    }
}

/// Cases of a property; `RUN_SLOW_TESTS=1` makes it a hundred times as many.
fn cases() -> u32 {
    let slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    if slow { 20_000 } else { 200 }
}

#[test]
fn order_ended_with_fills_missing_stays_live_until_they_come() {
    let mut orders = Orders::new(4, 4);
    assert!(orders.insert(order(1)));
    let mut trades = AppliedTrades::new();
    orders.update(id(1), |order| {
        apply(order, &mut trades, (Step::Cancelled(8), at(1)))
    });
    let live = orders.get_live(id(1)).unwrap();
    assert_eq!(
        (live.state, live.exposure()),
        (OrderState::Cancelled, Lots(8))
    );
    assert!(live.wants_query());
    orders.update(id(1), |order| {
        apply(order, &mut trades, (Step::Fill(1, 4), at(2)))
    });
    assert_eq!(orders.live_count(), 1);
    orders.update(id(1), |order| {
        apply(order, &mut trades, (Step::Fill(2, 4), at(3)))
    });
    assert_eq!(orders.live_count(), 0);
    assert_eq!(orders.get(id(1)).unwrap().filled, Lots(8));
}

const fn at(time_ns: u64) -> When {
    When {
        event: time_ns,
        time_ns,
    }
}

fn absent(order: &mut Order, time_ns: u64) {
    let none = OrderStatus::NotStated;
    about(order, Kind::OrderAbsent, (none, 0), at(time_ns));
}

#[test]
fn order_absent_is_proven_by_two_answers_a_second_apart_and_a_list_after_the_window() {
    let second = 1_000_000_000;
    let mut order = order(1);
    order.learn(Fact::OutcomeUnknown, 1);
    order.not_listed(WINDOW_NS + 2);
    absent(&mut order, WINDOW_NS);
    absent(&mut order, WINDOW_NS + 1);
    assert_eq!(order.state, OrderState::Unknown);
    absent(&mut order, WINDOW_NS + second);
    assert_eq!(order.state, OrderState::Unknown);
    assert!(order.wants_query());
    absent(&mut order, WINDOW_NS + 1 + second);
    assert_eq!(order.state, OrderState::Absent);
    assert!(order.is_settled());
    order.fill(Lots(4), at(WINDOW_NS + 3 * second));
    assert_eq!((order.state, order.filled), (OrderState::Open, Lots(4)));
}

#[test]
fn order_absent_without_a_list_that_was_asked_for_late_enough_stays_unknown() {
    let second = 1_000_000_000;
    let mut order = order(1);
    order.learn(Fact::OutcomeUnknown, 1);
    assert!(!order.wants_list());
    absent(&mut order, WINDOW_NS + 1);
    absent(&mut order, WINDOW_NS + 2 * second);
    assert!(order.wants_list());
    order.not_listed(WINDOW_NS);
    assert_eq!(order.state, OrderState::Unknown);
    order.not_listed(WINDOW_NS + 1);
    assert_eq!(order.state, OrderState::Absent);
    assert!(!order.wants_list());
}

#[test]
fn order_refused_and_then_filled_lives() {
    let (mut order, mut trades) = (order(1), AppliedTrades::new());
    apply(&mut order, &mut trades, (Step::Rejected, at(1)));
    assert!(order.is_settled());
    apply(&mut order, &mut trades, (Step::Fill(1, 4), at(2)));
    assert_eq!((order.state, order.exposure()), (OrderState::Open, Lots(6)));
    let said = Step::Status(OrderStatus::Rejected, 4);
    apply(&mut order, &mut trades, (said, at(3)));
    assert!(order.is_settled() && order.state == OrderState::Rejected);
}

#[test]
fn order_amended_counts_the_smallest_quantity_and_is_filled_by_it() {
    let (mut order, mut trades) = (order(1), AppliedTrades::new());
    order.amend.start(7, 1, 1);
    assert!(order.overlays().pending_amend && order.exposure() == Lots(10));
    apply(&mut order, &mut trades, (Step::Amended(6), at(2)));
    apply(&mut order, &mut trades, (Step::Amended(8), at(3)));
    assert!(!order.overlays().pending_amend);
    assert_eq!((order.qty, order.exposure()), (Lots(6), Lots(6)));
    apply(&mut order, &mut trades, (Step::Fill(1, 4), at(4)));
    assert_eq!((order.state, order.exposure()), (OrderState::Open, Lots(2)));
    apply(&mut order, &mut trades, (Step::Amended(4), at(5)));
    assert_eq!(order.state, OrderState::Filled);
}

#[test]
fn order_held_is_not_asked_for_and_does_not_rest_and_goes_on_when_it_is_let_go() {
    let held = Order {
        state: OrderState::Held,
        facts: super::facts::Facts::NONE,
        ..order(1)
    };
    let mut order = held;
    order.settle();
    assert_eq!(order, held);
    assert!(!order.state.is_ended() && !order.state.is_unconfirmed());
    assert!(order.is_cancellable() && !order.wants_query() && !order.may_rest());
    order.learn(Fact::NotSent, 7);
    assert!(order.is_settled());
    let (mut order, mut trades) = (held, AppliedTrades::new());
    apply(&mut order, &mut trades, (Step::Sent, at(5)));
    assert_eq!(order.state, OrderState::Sent);
    apply(&mut order, &mut trades, (Step::Fill(1, 4), at(6)));
    assert_eq!((order.state, order.exposure()), (OrderState::Open, Lots(6)));
}

#[test]
fn orders_needs_human_is_over_when_the_venue_knows_it() {
    let (mut order, mut trades) = (order(1), AppliedTrades::new());
    order.count_query(1);
    assert!(
        order.asked == 0 && !order.needs_human,
        "only an unknown order"
    );
    order.learn(Fact::OutcomeUnknown, 1);
    order.count_query(1);
    assert!(order.is_exhausted(1) && !order.overlays().needs_human);
    order.count_query(1);
    assert!(!order.is_exhausted(1) && order.overlays().needs_human);
    let mut resolved = order;
    resolved.learn(Fact::AbsenceProven, 9);
    assert!(resolved.is_settled() && !resolved.needs_human);
    apply(&mut order, &mut trades, (Step::Acked(0), at(2)));
    assert!(!order.needs_human && order.asked == 0);
}

#[test]
fn order_is_given_up_at_its_time_and_not_before() {
    let (mut order, mut trades) = (order(1), AppliedTrades::new());
    apply(&mut order, &mut trades, (Step::Sent, at(1)));
    order.time_out(999, 2, 1_000);
    assert_eq!(order.state, OrderState::Sent);
    order.time_out(1_000, 3, 1_000);
    assert_eq!(order.state, OrderState::Unknown);
}

#[test]
fn order_is_doubted_until_the_venue_says_its_state() {
    let (mut order, mut trades) = (order(1), AppliedTrades::new());
    apply(&mut order, &mut trades, (Step::Acked(0), at(1)));
    assert!(!order.doubtful && !order.wants_query());
    apply(&mut order, &mut trades, (Step::CancelRejected, at(2)));
    assert!(order.doubtful && order.wants_query());
    let open = Step::Status(OrderStatus::Open, 0);
    apply(&mut order, &mut trades, (open, at(3)));
    assert!(!order.doubtful && !order.wants_query());
}

#[test]
fn order_that_is_filled_whole_waits_for_its_fills_from_the_first_word_on() {
    let (mut order, mut trades) = (order(1), AppliedTrades::new());
    let (first, again) = (at(2), at(5));
    for when in [first, again] {
        let filled = Step::Status(OrderStatus::Filled, 10);
        apply(&mut order, &mut trades, (filled, when));
        assert!(order.waits_for_fills());
        assert_eq!(order.query_due(7), Some(first.time_ns + 7), "{when:?}");
    }
}

#[test]
fn order_that_was_made_smaller_is_whole_at_its_new_size() {
    let (mut order, mut trades) = (order(1), AppliedTrades::new());
    for (asked, want) in [(0, 10), (-1, 10), (20, 10), (4, 4), (7, 4)] {
        order.sized(Lots(asked));
        assert_eq!((order.qty, order.exposure()), (Lots(want), Lots(want)));
    }
    apply(&mut order, &mut trades, (Step::Fill(1, 4), at(1)));
    assert_eq!(
        (order.state, order.exposure()),
        (OrderState::Filled, Lots::ZERO)
    );
}
