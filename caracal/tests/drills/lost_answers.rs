//! An acknowledgement is lost, and nobody but the venue knows what became of the order: it rests,
//! it was filled wholly or in part, it was refused, or it never arrived. Whatever it was, in the
//! end our books say what the venue's books say, and no order is there twice.

use std::collections::BTreeMap;

use connectors::drill::Loss;
use connectors::practice::{OrderStatus, Truth, VenueOrder};
use engine::machine::{Action, OrderState};
use model::body::{OrderType, TimeInForce};
use model::ids::ClientOrderId;
use model::num::Ticks;

use crate::dice::{Dice, Runs};
use crate::kit::{MS, SECOND, Terms, World};

/// Drills that one venue goes through.
const PER_VENUE: u64 = 50;
/// Longest time that an order may stay unresolved; three queries with the longest pause.
const RESOLVED_WITHIN_NS: u64 = 90 * SECOND;

/// The gateway looks at our trades every 30 s.
const AGREED_WITHIN_NS: u64 = 40 * SECOND;

/// What is to become of the order at the venue, as far as the terms can decide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Rests,
    Fills,
    FillsInPart,
    ExpiresInPart,
    Refused,
    Market,
}

const FATES: [Fate; 6] = [
    Fate::Rests,
    Fate::Fills,
    Fate::FillsInPart,
    Fate::ExpiresInPart,
    Fate::Refused,
    Fate::Market,
];

const LOSSES: [Loss; 5] = [
    Loss::Request,
    Loss::RequestOnly,
    Loss::Answer,
    Loss::AnswerOnly,
    Loss::Both,
];

/// What the venue itself can do wrong on top of it.
const FAULTS: [&str; 6] = [
    "timeout-done@1",
    "timeout-lost@1",
    "silent-accept:3s@1",
    "delay-ack:2s@1",
    "duplicate@1",
    "reorder@1",
];

fn terms(dice: &mut Dice, top: (Ticks, Ticks), fate: Fate) -> Terms {
    match fate {
        Fate::Rests => {
            let short = dice.between(50, 2_000);
            Terms::at(dice, top, -short, 1_000)
        }
        Fate::Fills => Terms::at(dice, top, 3, 20),
        Fate::FillsInPart => Terms::at(dice, top, 1, 100_000),
        Fate::ExpiresInPart => Terms {
            time_in_force: TimeInForce::Ioc,
            ..Terms::at(dice, top, 1, 100_000)
        },
        Fate::Refused => Terms {
            order_type: OrderType::PostOnly,
            ..Terms::at(dice, top, 5, 1_000)
        },
        Fate::Market => Terms {
            order_type: OrderType::Market,
            time_in_force: TimeInForce::Ioc,
            ..Terms::at(dice, top, 0, 500)
        },
    }
}

/// What the venue had made of the orders whose answer was lost, when we found out.
#[derive(Debug, Default)]
struct Seen {
    unknown: u64,
    resting: u64,
    filled: u64,
    partly: u64,
    refused: u64,
    never_there: u64,
    losses: u64,
    events: u64,
}

impl Seen {
    fn count(&mut self, world: &World, id: ClientOrderId) {
        let truth = world.gateway.truth();
        let there = world.venue_order(&truth.orders, id);
        let sent = world.venue_requests(id) > 0;
        *match there.first() {
            None if sent => &mut self.refused,
            None => &mut self.never_there,
            Some(order) if order.executed == order.qty => &mut self.filled,
            Some(order) if order.executed.0 > 0 => &mut self.partly,
            Some(_) => &mut self.resting,
        } += 1;
    }
}

/// One drill; what is wrong after it.
fn drill(world: &mut World, dice: &mut Dice, seen: &mut Seen) -> Vec<String> {
    let fate = dice.pick(&FATES);
    // A large order may have emptied a side.
    world.step_until(60 * SECOND, |world| world.top().is_some());
    let Some(top) = world.top() else {
        return vec!["the market has no two sides any more".to_owned()];
    };
    let terms = terms(dice, top, fate);
    if dice.below(4) == 0 {
        world.gateway.fault(dice.pick(&FAULTS).parse().unwrap());
    }
    let loss = dice.pick(&LOSSES);
    world.lose("order.place", loss);
    let id = world.place(terms);
    world.step_for(10 * MS);
    let mut wrong = Vec::new();
    let what = format!("{fate:?} {loss:?} {id}");
    let unknown = |world: &World| {
        let order = world.order(id);
        order.is_none_or(|order| order.state == OrderState::Unknown || order.state.is_ended())
    };
    world.step_until(6 * SECOND, unknown);
    let state = world.order(id).map(|order| order.state);
    if state == Some(OrderState::Unknown) {
        seen.unknown += 1;
        seen.count(world, id);
    }
    if !world.step_until(RESOLVED_WITHIN_NS, World::is_settled) {
        wrong.push(format!("{what}: not resolved: {:?}", world.order(id)));
    }
    // Sometimes the cancel's answer is lost too, and sometimes a replacement's.
    if world.order(id).is_some_and(|order| order.is_cancellable()) && dice.below(3) > 0 {
        let (method, action) = match dice.below(3) {
            0 => {
                let client_id = world.next_id();
                let place = terms.place(client_id);
                ("order.cancelReplace", Action::Replace { cancel: id, place })
            }
            _ => ("order.cancel", Action::Cancel { client_id: id }),
        };
        if dice.below(2) == 0 {
            world.lose(method, dice.pick(&LOSSES));
        }
        world.ask(action);
        world.step_for(10 * MS);
        if !world.step_until(RESOLVED_WITHIN_NS, World::is_settled) {
            wrong.push(format!(
                "{what}: its end was not resolved: {:?}",
                world.order(id)
            ));
        }
    }
    wrong
}

/// Whether our view of an order is the venue's.
fn same(world: &World, id: ClientOrderId, there: Option<&VenueOrder>) -> bool {
    let Some(here) = world.order(id) else {
        // Refused by risk: it never left.
        return there.is_none();
    };
    let Some(there) = there else {
        return matches!(
            here.state,
            OrderState::Rejected | OrderState::NotSent | OrderState::Absent
        ) && here.filled.0 == 0;
    };
    let state = match there.status {
        OrderStatus::New | OrderStatus::PartiallyFilled => OrderState::Open,
        OrderStatus::Filled => OrderState::Filled,
        // OKX takes a post-only order that would take, and cancels it for that: a refusal.
        OrderStatus::Cancelled if there.cancel_id.as_deref() == Some("31") => OrderState::Rejected,
        OrderStatus::Cancelled => OrderState::Cancelled,
        OrderStatus::Expired | OrderStatus::ExpiredInMatch => OrderState::Expired,
    };
    here.state == state && here.filled == there.executed && here.qty == there.qty
}

pub(crate) fn differences(world: &World, truth: &Truth) -> Vec<String> {
    let mut wrong = Vec::new();
    for &id in &world.asked {
        let there = world.venue_order(&truth.orders, id);
        if there.len() > 1 {
            wrong.push(format!("{id} is at the venue {} times", there.len()));
        }
        if !same(world, id, there.first().copied()) {
            wrong.push(format!(
                "{id}: here {:?}, there {:?}",
                world.order(id),
                there.first()
            ));
        }
    }
    let sold_and_bought: i64 = truth
        .trades
        .iter()
        .map(|trade| match trade.side {
            connectors::practice::Side::Buy => trade.qty.0,
            connectors::practice::Side::Sell => -trade.qty.0,
        })
        .sum();
    if sold_and_bought != world.position().0 {
        wrong.push(format!(
            "position {} here, {sold_and_bought} there",
            world.position().0
        ));
    }
    wrong
}

/// No client id was ever placed twice, whatever became of it.
pub(crate) fn duplicates(world: &World) -> Vec<String> {
    let mut placed: BTreeMap<String, u32> = BTreeMap::new();
    for request in world.gateway.requests() {
        let places = matches!(
            request.method,
            "order.place" | "order.cancelReplace" | "order"
        );
        if places {
            *placed.entry(request.client_id).or_default() += 1;
        }
    }
    placed
        .into_iter()
        .filter(|(_, times)| *times > 1)
        .map(|(name, times)| format!("{name} was sent {times} times"))
        .collect()
}

/// Drills of one venue, and a look at both books after each. Returns the violations.
fn session(seed: u64, number: u64, drills: u64, seen: &mut Seen) -> Vec<String> {
    let mut dice = Dice::of(seed, number);
    let mut world = World::open(dice.next());
    let mut wrong = Vec::new();
    for _ in 0..drills {
        wrong.extend(drill(&mut world, &mut dice, seen));
        // Fills may be on their way at any moment, and what the private stream never brought is
        // found by the regular look at our trades: both books agree within that time.
        let agree = |world: &World| differences(world, &world.gateway.truth()).is_empty();
        if !world.step_until(AGREED_WITHIN_NS, agree) {
            wrong.extend(differences(&world, &world.gateway.truth()));
        }
        world.asked.retain(|id| {
            let live = world.risk.orders().get_live(*id);
            live.is_some()
        });
    }
    wrong.extend(duplicates(&world));
    seen.losses += world.gateway.losses();
    seen.events += world.events;
    wrong
}

#[test]
fn lost_answer_leaves_our_books_as_the_venues_and_no_order_twice() {
    let runs = Runs::from_environment(200);
    let sessions = runs.count.div_ceil(PER_VENUE);
    let mut violations = 0;
    let mut seen = Seen::default();
    for number in 0..sessions {
        if runs.only.is_some_and(|only| only != number) {
            continue;
        }
        let drills = PER_VENUE.min(runs.count - number * PER_VENUE);
        let wrong = session(runs.seed, number, drills, &mut seen);
        violations += wrong.len() as u64;
        for line in wrong.iter().take(5) {
            println!("progress session {number}: {line}");
        }
    }
    println!("progress {seen:?}");
    runs.tell("lost-answers", seen.events, violations);
    assert_eq!(violations, 0, "run it alone with CARACAL_HISTORY=SESSION");
    if runs.count >= 200 && runs.only.is_none() {
        let Seen {
            resting,
            filled,
            partly,
            refused,
            never_there,
            ..
        } = seen;
        let least = [resting, filled, partly, refused, never_there]
            .into_iter()
            .min();
        assert!(least > Some(0), "an outcome that never came: {seen:?}");
        assert!(seen.losses >= runs.count / 2, "{seen:?}");
    }
}
