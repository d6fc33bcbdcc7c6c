//! Wishes of every kind, far more than the limits allow, while answers are lost, fills are partial
//! and the venue misbehaves: what the venue holds never exceeds a limit. Counted at the venue, in
//! its own books, after every single change of an order: open orders, their value, and the position
//! that they could make. The limits of each session are drawn, too.

use std::collections::{BTreeMap, BTreeSet};

use connectors::drill::Loss;
use connectors::practice::{Side as VenueSide, VenueOrder};
use engine::machine::{Action, LevelConfig, MachineConfig};
use model::body::{OrderType, TimeInForce};
use model::control::{Control, Scope};
use model::ids::{StrategyId, VenueId};
use model::num::Lots;
use rust_decimal::Decimal;

use crate::dice::{Dice, Runs};
use crate::kit::{self, ACCOUNT, BTC, MS, Terms, World};

/// Wishes that one venue hears.
const WISHES: u64 = 200;
/// Ticks of 0.01 and lots of 0.00001 in one unit of the quote asset.
const GRAINS: i64 = 10_000_000;

/// The limits of one session.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    open: u32,
    position: i64,
    qty: i64,
    /// Of one order, quote.
    value: i64,
    /// Of all open orders, quote.
    open_value: i64,
    scope: Scope,
}

impl Bounds {
    fn drawn(dice: &mut Dice) -> Self {
        let scopes = [
            Scope::Overall,
            Scope::Venue(VenueId(0)),
            Scope::Account(ACCOUNT),
            Scope::Strategy(StrategyId(0)),
            Scope::Instrument(BTC),
        ];
        let number = |dice: &mut Dice, low, high| dice.between(low, high);
        Self {
            open: u32::try_from(number(dice, 2, 12)).unwrap(),
            position: number(dice, 1_600, 8_000),
            qty: number(dice, 300, 1_500),
            value: number(dice, 200, 900),
            open_value: number(dice, 500, 4_000),
            scope: dice.pick(&scopes),
        }
    }

    fn config(self) -> MachineConfig {
        let mut config = kit::machine_config();
        config.limits.orders.open_orders_max = self.open;
        config.limits.open_orders_max = self.open;
        config.limits.orders.position_max = Lots(self.position);
        config.limits.orders.qty_max = Lots(self.qty);
        config.limits.orders.value_max = Decimal::from(self.value);
        config.control.levels.push(LevelConfig {
            control: Control::OpenValue,
            scope: self.scope,
            soft: None,
            hard: self.open_value * 100_000_000,
        });
        config
    }
}

/// What the venue holds, led from change to change.
#[derive(Debug, Default)]
struct Held {
    orders: BTreeMap<u64, VenueOrder>,
    /// Orders that could only reduce the position when they came: the value limit lets them pass.
    reducing: BTreeSet<u64>,
    position: i64,
    /// The most that was held at any moment: open orders, their value, the position.
    most: (usize, i64, i64),
    changes: u64,
    fills: u64,
}

impl Held {
    /// Takes a change, and says what is beyond a limit right after it.
    fn change(&mut self, order: VenueOrder, bounds: Bounds) -> Option<String> {
        self.changes += 1;
        let before = self
            .orders
            .get(&order.id)
            .map_or(0, |order| order.executed.0);
        let filled = order.executed.0 - before;
        self.fills += u64::from(filled > 0);
        self.position += signed(order.side, Lots(filled));
        let beyond = excess_of(&order, bounds);
        let (id, side) = (order.id, order.side);
        let is_new = self.orders.insert(id, order).is_none();
        // By what the venue knows, which is never behind what we know: who reduces there may have
        // opened by our books, and not the other way round.
        if is_new && self.could(side) <= -signed(side, Lots(self.position)) {
            self.reducing.insert(id);
        }
        let opens = is_new && !self.reducing.contains(&id);
        beyond.or_else(|| self.excess(bounds, opens))
    }

    fn open(&self) -> impl Iterator<Item = &VenueOrder> {
        self.orders.values().filter(|order| order.status.is_open())
    }

    /// What the open orders of a side may still fill.
    fn could(&self, side: VenueSide) -> i64 {
        let orders = self.open().filter(|order| order.side == side);
        orders.map(|order| order.remaining().0).sum()
    }

    /// What is beyond a limit. All that is open counts when an order comes that opens, and at any
    /// time all that opened.
    fn excess(&mut self, bounds: Bounds, opens: bool) -> Option<String> {
        let count = self.open().count();
        let counted = |order: &&VenueOrder| opens || !self.reducing.contains(&order.id);
        let value: i64 = self
            .open()
            .filter(counted)
            .map(|order| order.price.map_or(0, |price| price.0 * order.remaining().0))
            .sum();
        let highest = self.position + self.could(VenueSide::Buy);
        let lowest = self.position - self.could(VenueSide::Sell);
        let (most, far) = (&mut self.most, self.position.abs());
        *most = (most.0.max(count), most.1.max(value), most.2.max(far));
        if count > bounds.open as usize {
            return Some(format!("{count} open orders of {bounds:?}"));
        }
        if value > bounds.open_value * GRAINS {
            let value = value / GRAINS;
            return Some(format!("open orders worth {value} of {bounds:?}"));
        }
        (highest > bounds.position || lowest < -bounds.position).then(|| {
            let position = self.position;
            format!("position {position}, could become {lowest} to {highest} of {bounds:?}")
        })
    }
}

fn excess_of(order: &VenueOrder, bounds: Bounds) -> Option<String> {
    if order.qty.0 > bounds.qty {
        return Some(format!("an order of {} lots of {bounds:?}", order.qty.0));
    }
    let value = order.price.map(|price| price.0 * order.qty.0);
    value
        .is_some_and(|value| value > bounds.value * GRAINS)
        .then(|| format!("an order of too large a value, {order:?} of {bounds:?}"))
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

fn wish(world: &mut World, bounds: Bounds, dice: &mut Dice) {
    let Some(top) = world.top() else {
        return;
    };
    let beyond = dice.between(-150, 60);
    let qty = dice.between(10, 2 * bounds.qty);
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
            let qty = Lots(dice.between(1, bounds.qty));
            world.ask(Action::Amend { client_id, qty });
        }
        _ => {
            world.place(terms);
        }
    }
}

/// One venue: events, what it held, and violations.
fn session(seed: u64, number: u64) -> (u64, Held, Vec<String>) {
    let mut dice = Dice::of(seed, number);
    let bounds = Bounds::drawn(&mut dice);
    let mut world = World::open_with(dice.next(), &bounds.config());
    world.gateway.take_changes();
    let (mut held, mut wrong) = (Held::default(), Vec::new());
    for _ in 0..WISHES {
        for _ in 0..=dice.below(3) {
            wish(&mut world, bounds, &mut dice);
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
            for order in world.gateway.take_changes() {
                wrong.extend(held.change(order, bounds));
            }
        }
        if wrong.len() > 5 {
            break;
        }
    }
    check_books(&mut world, &held, &mut wrong);
    (world.events, held, wrong)
}

/// What was led from change to change is what the venue has at the end.
fn check_books(world: &mut World, held: &Held, wrong: &mut Vec<String>) {
    let truth = world.gateway.truth();
    let trades = truth.trades.iter();
    let position: i64 = trades.map(|trade| signed(trade.side, trade.qty)).sum();
    if position != held.position {
        wrong.push(format!("counted {} of position {position}", held.position));
    }
    let open = held.orders.values().filter(|order| order.status.is_open());
    let (counted, there) = (open.count(), truth.open_orders.len());
    if counted != there {
        wrong.push(format!("counted {counted} of {there} open orders"));
    }
}

#[test]
fn venue_never_holds_more_than_a_limit() {
    let runs = Runs::from_environment(6);
    let (mut events, mut changes, mut fills, mut violations) = (0, 0, 0, 0);
    for number in 0..runs.count {
        if runs.only.is_some_and(|only| only != number) {
            continue;
        }
        let (applied, held, wrong) = session(runs.seed, number);
        events += applied;
        changes += held.changes;
        fills += held.fills;
        violations += wrong.len() as u64;
        for line in wrong.iter().take(5) {
            println!("progress session {number}: {line}");
        }
        if runs.only.is_some() {
            println!("progress session {number}: at most {:?}", held.most);
        }
    }
    println!("progress {changes} changes of orders at the venue, {fills} of them fills");
    runs.tell("limits-at-venue", events, violations);
    assert_eq!(violations, 0, "run it alone with CARACAL_HISTORY=SESSION");
    let enough = changes >= runs.count * 40 && fills >= runs.count * 2;
    assert!(
        enough || runs.only.is_some(),
        "{changes} changes, {fills} fills"
    );
}
