//! Orders: any order of the facts gives the same end; ended orders stay findable.

use super::*;
use crate::machine::Place;
use model::body::{OrderReport, OrderStatus, OrderType, RejectReason, Side, Text, TimeInForce};
use model::event::Event;
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};
use proptest::prelude::*;
use rust_decimal::Decimal;

const WINDOW_NS: u64 = 5_000_000_000;

fn id(counter: u32) -> ClientOrderId {
    ClientOrderId::new(1, Some(StrategyId(0)), counter).unwrap()
}

fn order(counter: u32) -> Order {
    let place = Place {
        client_id: id(counter),
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

#[derive(Debug, Clone, Copy)]
enum Step {
    Learn(Fact, u64),
    Fill(u64, i64),
    Acked(i64),
    Cancelled(i64),
    StatusFilled,
    Rejected,
    Duplicate,
}

fn apply(order: &mut Order, trades: &mut AppliedTrades, step: Step) {
    let time = 20_000_000_000;
    match step {
        Step::Learn(fact, time) => order.learn(fact, time),
        Step::Fill(trade, qty) => {
            let key = (trade, AccountId(0), Side::Buy);
            if trades.seen(key) == Seen::New {
                trades.remember(key);
                order.fill(Lots(qty), time);
            }
        }
        Step::Acked(cum) => {
            let report = report(OrderStatus::Open, cum, RejectReason::None);
            order.report(&Event::OrderAcked(&report), time, WINDOW_NS);
        }
        Step::Cancelled(cum) => {
            let report = report(OrderStatus::Cancelled, cum, RejectReason::None);
            order.report(&Event::OrderCancelled(&report), time, WINDOW_NS);
        }
        Step::StatusFilled => {
            let report = report(OrderStatus::Filled, 10, RejectReason::None);
            order.report(&Event::OrderStatus(&report), time, WINDOW_NS);
        }
        Step::Rejected => {
            let report = report(OrderStatus::NotStated, 0, RejectReason::Balance);
            order.report(&Event::OrderRejected(&report), time, WINDOW_NS);
        }
        Step::Duplicate => {
            let report = report(OrderStatus::NotStated, 0, RejectReason::Duplicate);
            order.report(&Event::OrderRejected(&report), time, WINDOW_NS);
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Learn(Fact::Sent, 1)),
        Just(Step::Learn(Fact::OutcomeUnknown, 2)),
        Just(Step::Learn(Fact::NotSent, 2)),
        Just(Step::Learn(Fact::AbsenceProven, 9_000_000_000)),
        Just(Step::Learn(Fact::AbsenceProven, 30_000_000_000)),
        (1_u64..4).prop_map(|trade| Step::Fill(trade, 4)),
        (0_i64..3).prop_map(|fills| Step::Acked(fills * 4)),
        (0_i64..3).prop_map(|fills| Step::Cancelled(fills * 4)),
        Just(Step::StatusFilled),
        Just(Step::Rejected),
        Just(Step::Duplicate),
    ]
}

/// State, filled, reported, exposure, settled: what later decisions rest on.
fn end_of(steps: &[Step]) -> (OrderState, Lots, Lots, Lots, bool) {
    let mut order = order(1);
    let mut trades = AppliedTrades::new();
    for &step in steps {
        apply(&mut order, &mut trades, step);
    }
    let exposure = order.exposure();
    (
        order.state,
        order.filled,
        order.reported,
        exposure,
        order.is_settled(),
    )
}

fn permutations(steps: &mut Vec<Step>, from: usize, check: &mut impl FnMut(&[Step])) {
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
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn prop_order_every_permutation_of_its_facts_gives_the_same_end(
        steps in proptest::collection::vec(step(), 0..7),
    ) {
        let want = end_of(&steps);
        permutations(&mut steps.clone(), 0, &mut |permuted| {
            assert_eq!(end_of(permuted), want, "{permuted:?}");
        });
    }

    #[test]
    fn prop_order_facts_twice_are_facts_once(steps in proptest::collection::vec(step(), 0..7)) {
        let twice: Vec<Step> = steps.iter().flat_map(|&step| [step, step]).collect();
        prop_assert_eq!(end_of(&twice), end_of(&steps));
    }
}

#[test]
fn order_ended_with_fills_missing_stays_live_until_they_come() {
    let mut orders = Orders::new(4, 4);
    assert!(orders.insert(order(1)));
    let mut trades = AppliedTrades::new();
    orders.update(id(1), |order| apply(order, &mut trades, Step::Cancelled(8)));
    let live = orders.get_live(id(1)).unwrap();
    assert_eq!(
        (live.state, live.exposure()),
        (OrderState::Cancelled, Lots(8))
    );
    assert!(live.wants_query());
    orders.update(id(1), |order| apply(order, &mut trades, Step::Fill(1, 4)));
    assert_eq!(orders.live_count(), 1);
    orders.update(id(1), |order| apply(order, &mut trades, Step::Fill(2, 4)));
    assert_eq!(orders.live_count(), 0);
    assert_eq!(orders.get(id(1)).unwrap().filled, Lots(8));
}

fn absent(order: &mut Order, time_ns: u64) {
    let report = report(OrderStatus::NotStated, 0, RejectReason::UnknownOrder);
    order.report(&Event::OrderAbsent(&report), time_ns, WINDOW_NS);
}

#[test]
fn order_absent_is_proven_by_two_answers_a_second_apart_after_the_window() {
    let second = 1_000_000_000;
    let mut order = order(1);
    order.learn(Fact::OutcomeUnknown, 1);
    absent(&mut order, WINDOW_NS);
    absent(&mut order, WINDOW_NS + 1);
    assert_eq!(order.state, OrderState::Unknown);
    absent(&mut order, WINDOW_NS + second);
    assert_eq!(order.state, OrderState::Unknown);
    assert!(order.wants_query());
    absent(&mut order, WINDOW_NS + 1 + second);
    assert_eq!(order.state, OrderState::Absent);
    assert!(order.is_settled());
    order.fill(Lots(4), WINDOW_NS + 3 * second);
    assert_eq!((order.state, order.filled), (OrderState::Open, Lots(4)));
}

#[test]
fn orders_ended_are_remembered_to_a_bound_and_slots_are_used_again() {
    let mut orders = Orders::new(2, 3);
    let mut trades = AppliedTrades::new();
    for counter in 1..=10 {
        assert!(orders.insert(order(counter)));
        assert!(!orders.insert(order(counter)));
        orders.update(id(counter), |order| {
            apply(order, &mut trades, Step::Rejected)
        });
        assert_eq!(orders.live_count(), 0);
    }
    let kept: Vec<u32> = orders
        .ended()
        .map(|order| order.client_id.counter())
        .collect();
    assert_eq!(kept, [8, 9, 10]);
    assert!(orders.insert(order(11)) && orders.insert(order(12)));
    assert!(!orders.insert(order(13)));
    let learned = orders.update(id(9), |order| order.learn(Fact::Cancelled, 1));
    assert!(learned.is_some() && orders.get_live(id(9)).is_none());
    assert!(orders.update(id(5), |_| ()).is_none());
}
