//! Ten minutes of trading in which everything goes wrong at once: answers and private events are
//! lost, late, twice and out of order, connections break, the venue says 429, unknown codes,
//! numbers that cannot be, and its clock is off. Behind it, when the venue is left in peace, engine
//! and venue agree exactly: every order, every fill once, balances and position; no order was sent
//! twice; and the same events give the same decisions again.

use std::collections::{BTreeMap, BTreeSet};

use connectors::drill::Loss;
use connectors::protocol::Protocol;
use engine::machine::Action;
use model::body::{OrderType, TimeInForce};
use model::event::{Event, event};
use rust_decimal::Decimal;

use crate::dice::{Dice, Runs};
use crate::kit::{ACCOUNT, MS, SECOND, Terms, World};
use crate::lost_answers::{differences, duplicates};
use crate::places::Chaotic;

/// How long one of them trades.
const TRADES_FOR_NS: u64 = 600 * SECOND;
/// The venue is left in peace so long before both must agree: three rounds of queries with the
/// longest pause, a look at our trades, and a clock that has to be measured again.
const PEACE_NS: u64 = 240 * SECOND;

/// What the venue does wrong, at its next chance.
const FAULTS: [&str; 20] = [
    "drop-orders@1",
    "delay-ack:200ms@1",
    "delay-ack:2s@1",
    "silent-accept:2s@1",
    "timeout-done@1",
    "timeout-lost@1",
    "busy@1",
    "unknown-message@1",
    "unknown-code@1",
    "out-of-range@1",
    "duplicate@1",
    "reorder@1",
    "off-tick@1",
    "off-lot@1",
    "negative-balance@1",
    "mute:10s@1",
    "clock-skew:3s@1",
    "clock-skew:-3s@1",
    "expire-key@1",
    "html@1",
];

/// A refusal for too many requests stops everything for up to a minute: no more than one in this
/// time, or nothing else would ever happen.
const LIMITED_APART_NS: u64 = 120 * SECOND;

const LOSSES: [Loss; 5] = [
    Loss::Request,
    Loss::RequestOnly,
    Loss::Answer,
    Loss::AnswerOnly,
    Loss::Both,
];

const SPOT: Chaotic = Chaotic {
    name: "binance-spot",
    protocol: Protocol::BinanceSpot,
    methods: &[
        "order.place",
        "order.cancel",
        "order.cancelReplace",
        "order.amend.keepPriority",
        "",
    ],
};

const USDM: Chaotic = Chaotic {
    name: "binance-usdm",
    protocol: Protocol::BinanceUsdm,
    methods: &["order.place", "order.cancel", "order.modify", "rest", ""],
};

const OKX_SPOT: Chaotic = Chaotic {
    name: "okx-spot",
    protocol: Protocol::OkxSpot,
    methods: &["order", "cancel-order", "amend-order", "rest", ""],
};

const OKX_SWAP: Chaotic = Chaotic {
    name: "okx-swap",
    protocol: Protocol::OkxSwap,
    ..OKX_SPOT
};

/// What happened.
#[derive(Debug, Default)]
struct Seen {
    asked: u64,
    fills: u64,
    faults: u64,
    losses: u64,
    events: u64,
}

fn terms(dice: &mut Dice, world: &World) -> Option<Terms> {
    let top = world.top()?;
    let terms = match dice.below(6) {
        0 => Terms::at(dice, top, 3, 20),
        1 => Terms {
            time_in_force: TimeInForce::Ioc,
            ..Terms::at(dice, top, 1, 5_000)
        },
        2 => Terms {
            order_type: OrderType::PostOnly,
            ..Terms::at(dice, top, 5, 1_000)
        },
        3 => Terms::at(dice, top, 1, 5_000),
        _ => {
            let (short, qty) = (dice.between(0, 300), dice.between(100, 2_000));
            Terms::at(dice, top, -short, qty)
        }
    };
    Some(terms.times(world.at.unit))
}

/// One wish: mostly an order, else what becomes of one.
fn wish(world: &mut World, dice: &mut Dice) {
    let live: Vec<_> = world
        .live()
        .into_iter()
        .filter(|id| world.order(*id).is_some_and(|order| order.is_cancellable()))
        .collect();
    let many = live.len() > 40;
    if !live.is_empty() && (many || dice.below(2) == 0) {
        let id = dice.pick(&live);
        let action = match dice.below(4) {
            0 if !many => {
                let Some(terms) = terms(dice, world) else {
                    return;
                };
                let client_id = world.next_id();
                let place = terms.place(client_id);
                Action::Replace { cancel: id, place }
            }
            1 if !many => {
                let qty = world.order(id).map_or(0, |order| order.qty.0 / 2);
                let qty = model::num::Lots(qty.max(1));
                Action::Amend { client_id: id, qty }
            }
            _ => Action::Cancel { client_id: id },
        };
        world.ask(action);
    } else if let Some(terms) = terms(dice, world) {
        world.place(terms);
    }
}

/// Something goes wrong, between us or at the venue.
fn strike(at: Chaotic, world: &mut World, dice: &mut Dice, seen: &mut Seen) {
    if dice.below(3) == 0 {
        world.lose(dice.pick(at.methods), dice.pick(&LOSSES));
    } else {
        seen.faults += 1;
        world.gateway.fault(dice.pick(&FAULTS).parse().unwrap());
    }
}

/// Money at the venue and in our books, where they differ.
fn money(world: &World) -> Vec<String> {
    let truth = world.gateway.truth();
    let Some(ledger) = world.risk.portfolio().ledger(ACCOUNT) else {
        return vec!["no ledger".to_owned()];
    };
    let mut wrong = Vec::new();
    for (asset, there) in &truth.balances[0] {
        let there = there.free + there.locked;
        let name = model::body::AssetName::whole(asset).unwrap();
        let here = ledger
            .holding(&name)
            .map_or(Decimal::ZERO, |holding| holding.total);
        if here != there {
            wrong.push(format!("{asset}: {here} here, {there} there"));
        }
    }
    wrong
}

/// Trades that our books took in, each by the venue's id, and how often.
fn fills(world: &World) -> BTreeMap<u64, BTreeSet<u64>> {
    let mut fills: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for (record, _) in &world.log {
        if let Ok(Event::OrderFilled(fill)) = event(record) {
            fills
                .entry(fill.trade_id)
                .or_default()
                .insert(fill.venue_order_id);
        }
    }
    fills
}

fn unlike_fills(world: &World) -> Vec<String> {
    let truth = world.gateway.truth();
    let mut there: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for trade in &truth.trades {
        there.entry(trade.id).or_default().insert(trade.order);
    }
    let here = fills(world);
    let missing = there
        .iter()
        .filter(|(id, orders)| here.get(id) != Some(orders));
    let mut wrong: Vec<String> = missing
        .map(|(id, orders)| format!("trade {id} of {orders:?}: {:?} here", here.get(id)))
        .collect();
    let invented = here.keys().filter(|id| !there.contains_key(id));
    wrong.extend(invented.map(|id| format!("trade {id} is not the venue's")));
    wrong
}

/// Lets the venue be, takes everything back, and waits until both agree.
fn settle(world: &mut World, number: u64) -> Vec<String> {
    world.gateway.fault("clock-skew:0s@1".parse().unwrap());
    world.gateway.forget_loss();
    let end_ns = world.now_ns() + PEACE_NS;
    while world.now_ns() < end_ns {
        for id in world.live() {
            if world.order(id).is_some_and(|order| order.is_cancellable()) {
                world.ask(Action::Cancel { client_id: id });
            }
        }
        world.step_for(5 * SECOND);
        let quiet = world.live().is_empty() && world.is_settled();
        if quiet && all(world).is_empty() {
            return Vec::new();
        }
    }
    let mut wrong = all(world);
    for id in world.live() {
        wrong.push(format!("chaos {number}: {id} lives: {:?}", world.order(id)));
    }
    wrong
}

fn all(world: &World) -> Vec<String> {
    let mut wrong = differences(world, &world.gateway.truth());
    wrong.extend(money(world));
    wrong.extend(unlike_fills(world));
    wrong.extend(duplicates(world));
    wrong
}

/// One run of chaos; what is wrong behind it.
fn chaos(at: Chaotic, seed: u64, number: u64, seen: &mut Seen) -> Vec<String> {
    let mut dice = Dice::of(seed, number);
    let mut world = World::open_and_keep(at.open(dice.next()));
    let end_ns = world.now_ns() + TRADES_FOR_NS;
    let (mut wish_ns, mut strike_ns) = (0, 0);
    let mut limited_ns = world.now_ns() + dice.below(LIMITED_APART_NS);
    while world.now_ns() < end_ns {
        if world.now_ns() >= wish_ns {
            wish_ns = world.now_ns() + dice.below(1_000) * MS;
            wish(&mut world, &mut dice);
        }
        if world.now_ns() >= strike_ns {
            strike_ns = world.now_ns() + dice.below(6_000) * MS;
            strike(at, &mut world, &mut dice, seen);
        }
        if world.now_ns() >= limited_ns {
            limited_ns = world.now_ns() + LIMITED_APART_NS + dice.below(LIMITED_APART_NS);
            seen.faults += 1;
            world.gateway.fault("rate-limit@1".parse().unwrap());
        }
        world.step();
    }
    let mut wrong = settle(&mut world, number);
    wrong.extend(world.divergence());
    seen.asked += world.asked.len() as u64;
    seen.fills += fills(&world).len() as u64;
    seen.losses += world.gateway.losses();
    seen.events += world.events;
    wrong
}

fn survive(at: Chaotic) {
    let runs = Runs::from_environment(1);
    let mut violations = 0;
    let mut seen = Seen::default();
    for number in 0..runs.count {
        let number = runs.only.unwrap_or(number);
        let wrong = chaos(at, runs.seed, number, &mut seen);
        violations += wrong.len() as u64;
        println!(
            "progress chaos {number}: {} violations, so far {seen:?}",
            wrong.len()
        );
        for line in wrong.iter().take(8) {
            println!("progress chaos {number}: {line}");
        }
    }
    runs.tell(&format!("chaos-{}", at.name), seen.events, violations);
    assert_eq!(violations, 0, "run it alone with CARACAL_HISTORY=NUMBER");
    if runs.only.is_none() {
        let busy = seen.asked > 400 * runs.count && seen.fills > 50 * runs.count;
        assert!(busy && seen.faults > 50 * runs.count, "{seen:?}");
        assert!(seen.losses > 10 * runs.count, "{seen:?}");
    }
}

#[test]
fn binance_spot_and_engine_agree_behind_ten_minutes_of_every_fault() {
    survive(SPOT);
}

#[test]
fn binance_usdm_and_engine_agree_behind_ten_minutes_of_every_fault() {
    survive(USDM);
}

#[test]
fn okx_spot_and_engine_agree_behind_ten_minutes_of_every_fault() {
    survive(OKX_SPOT);
}

#[test]
fn okx_swap_and_engine_agree_behind_ten_minutes_of_every_fault() {
    survive(OKX_SWAP);
}
