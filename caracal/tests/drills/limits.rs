//! Wishes of every kind, far more than the limits allow, while answers are lost, fills are partial
//! and the venue misbehaves: what the venue holds never exceeds a limit. Counted at the venue, in
//! its own books, after every step.

use connectors::binance::drill::Loss;
use connectors::practice::{Side as VenueSide, Truth};
use engine::machine::{Action, MachineConfig};
use model::body::{OrderType, TimeInForce};
use model::num::Lots;
use rust_decimal::Decimal;

use crate::dice::{Dice, Runs};
use crate::kit::{self, MS, Terms, World};

const OPEN_MAX: u32 = 8;
const POSITION_MAX: i64 = 5_000;
const QTY_MAX: i64 = 1_500;
const VALUE_MAX: i64 = 800;
/// Wishes that one venue hears.
const WISHES: u64 = 150;

fn config() -> MachineConfig {
    let mut config = kit::machine_config();
    config.limits.orders.open_orders_max = OPEN_MAX;
    config.limits.open_orders_max = OPEN_MAX;
    config.limits.orders.position_max = Lots(POSITION_MAX);
    config.limits.orders.qty_max = Lots(QTY_MAX);
    config.limits.orders.value_max = Decimal::from(VALUE_MAX);
    config
}

/// What the venue holds beyond a limit.
fn excess(truth: &Truth) -> Vec<String> {
    let mut wrong = Vec::new();
    let open = truth.open_orders.len();
    if open > OPEN_MAX as usize {
        wrong.push(format!("{open} open orders"));
    }
    let position: i64 = truth
        .trades
        .iter()
        .map(|trade| signed(trade.side, trade.qty))
        .sum();
    let could = |side| -> i64 {
        let orders = truth.open_orders.iter().filter(|order| order.side == side);
        orders.map(|order| order.remaining().0).sum()
    };
    let highest = position + could(VenueSide::Buy);
    let lowest = position - could(VenueSide::Sell);
    if highest > POSITION_MAX || lowest < -POSITION_MAX {
        wrong.push(format!(
            "position {position}, could become {lowest} to {highest}"
        ));
    }
    for order in &truth.orders {
        if order.qty.0 > QTY_MAX {
            wrong.push(format!("an order of {} lots", order.qty.0));
        }
        let value = order.price.map(|price| price.0.saturating_mul(order.qty.0));
        // Ticks of 0.01, lots of 0.00001.
        if value.is_some_and(|value| value > VALUE_MAX * 10_000_000) {
            wrong.push(format!("an order of too large a value: {order:?}"));
        }
    }
    wrong
}

const fn signed(side: VenueSide, qty: Lots) -> i64 {
    match side {
        VenueSide::Buy => qty.0,
        VenueSide::Sell => -qty.0,
    }
}

const LOSSES: [Loss; 5] = [
    Loss::Request,
    Loss::RequestOnly,
    Loss::Answer,
    Loss::AnswerOnly,
    Loss::Both,
];

const FAULTS: [&str; 9] = [
    "timeout-done@1",
    "timeout-lost@1",
    "silent-accept:2s@1",
    "delay-ack:1s@1",
    "duplicate@1",
    "reorder@1",
    "unknown-code@1",
    "busy@1",
    "mute:1s@1",
];

fn wish(world: &mut World, dice: &mut Dice) {
    let Some(top) = world.top() else {
        return;
    };
    let beyond = dice.between(-400, 20);
    let qty = dice.between(10, 2 * QTY_MAX);
    let mut terms = Terms::at(dice, top, beyond, qty);
    match dice.below(6) {
        0 => terms.time_in_force = TimeInForce::Ioc,
        1 => {
            terms.order_type = OrderType::Market;
            terms.time_in_force = TimeInForce::Ioc;
        }
        2 => terms.order_type = OrderType::PostOnly,
        _ => {}
    }
    let live = world.live();
    let some = (!live.is_empty()).then(|| dice.pick(&live));
    match (dice.below(10), some) {
        (0, Some(client_id)) => world.ask(Action::Cancel { client_id }),
        (1, Some(cancel)) => {
            let client_id = world.next_id();
            let place = terms.place(client_id);
            world.ask(Action::Replace { cancel, place });
        }
        (2, Some(client_id)) => {
            let qty = Lots(dice.between(1, QTY_MAX));
            world.ask(Action::Amend { client_id, qty });
        }
        _ => {
            world.place(terms);
        }
    }
}

/// One venue: events, orders that it took, and violations.
fn session(seed: u64, number: u64) -> (u64, usize, Vec<String>) {
    let mut dice = Dice::of(seed, number);
    let mut world = World::open_with(dice.next(), &config());
    let mut wrong = Vec::new();
    for _ in 0..WISHES {
        for _ in 0..=dice.below(3) {
            wish(&mut world, &mut dice);
        }
        if dice.below(12) == 0 {
            world.lose("", dice.pick(&LOSSES));
        }
        if dice.below(12) == 0 {
            world.gateway.fault(dice.pick(&FAULTS).parse().unwrap());
        }
        let end_ns = world.now_ns() + MS * (5 + dice.below(200));
        while world.now_ns() < end_ns {
            world.step();
            wrong.extend(excess(&world.gateway.truth()));
        }
        if wrong.len() > 5 {
            break;
        }
    }
    (world.events, world.gateway.truth().orders.len(), wrong)
}

#[test]
fn venue_never_holds_more_than_a_limit() {
    let runs = Runs::from_environment(6);
    let (mut events, mut orders, mut violations) = (0, 0, 0);
    for number in 0..runs.count {
        if runs.only.is_some_and(|only| only != number) {
            continue;
        }
        let (applied, taken, wrong) = session(runs.seed, number);
        events += applied;
        orders += taken as u64;
        violations += wrong.len() as u64;
        for line in wrong.iter().take(5) {
            println!("progress session {number}: {line}");
        }
    }
    println!("progress {orders} orders at the venue");
    runs.tell("limits-at-venue", events, violations);
    assert_eq!(violations, 0, "run it alone with CARACAL_HISTORY=SESSION");
    assert!(
        orders >= runs.count * 20 || runs.only.is_some(),
        "{orders} orders"
    );
}
