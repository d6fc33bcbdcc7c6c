//! No allocation on the hot path: a counting allocator watches 100,000 mixed events with orders
//! being placed, confirmed, filled, replaced and cancelled.
//!
//! A binary of its own, because of its allocator, which counts for each thread.
//! The market and the venue's answers are made before the counting starts, by a first run of the
//! same machine: it is deterministic, so the recorded log causes the same commands again.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

#[path = "../../bench/src/crowd.rs"]
#[expect(
    unreachable_pub,
    reason = "shared with the benches, whose library it is part of"
)]
mod crowd;
#[path = "machine/kit.rs"]
#[expect(dead_code, reason = "shared with the tests of the machine")]
mod kit;
#[path = "machine/sim.rs"]
#[expect(dead_code, reason = "shared with the tests of the machine")]
mod sim;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::VecDeque;

use engine::machine::{Action, Intent, Machine, Order, Outputs};
use engine::strategy::Registry;
use model::body::{OrderStatus, RejectReason};
use model::codec::encode_snapshot;
use model::ids::StrategyId;
use model::num::Lots;
use model::record::{Kind, Record};

thread_local! {
    static COUNT: Cell<Option<u64>> = const { Cell::new(None) };
}

struct Counting;

fn count() {
    COUNT.with(|count| count.set(count.get().map(|count| count + 1)));
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches only a
// thread-local cell without a destructor, which never allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on as they are.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's promises are passed on as they are.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on as they are.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations and frees of `work` on this thread.
fn counted(work: impl FnOnce()) -> u64 {
    COUNT.with(|count| count.set(Some(0)));
    work();
    COUNT.with(|count| count.replace(None)).unwrap()
}

#[test]
fn machine_applies_a_hundred_thousand_events_without_allocating() {
    assert!(counted(|| drop(std::hint::black_box(Box::new(7)))) >= 2);
    let mut sim = sim::Sim::new(17, vec![kit::maker(), kit::taker()]);
    let configured = sim.rig.log.len();
    let started = sim.rig.commands.len();
    while sim.rig.log.len() < configured + 100_000 {
        sim.step();
    }
    let log = &sim.rig.log;
    let orders = [
        Kind::OrderAcked,
        Kind::OrderFilled,
        Kind::OrderCancelled,
        Kind::Sent,
        Kind::RiskRefused,
        Kind::Tick,
        Kind::Quote,
        Kind::Trade,
    ];
    for kind in orders {
        let seen = log
            .iter()
            .filter(|record| record.kind() == Some(kind))
            .count();
        assert!(seen > 50, "{seen} {kind:?} events");
    }
    let mut machine = Machine::new();
    let mut out = Outputs::new();
    for record in &log[..configured] {
        machine.apply(record, &mut out).unwrap();
    }
    let mut commands = 0;
    let allocations = counted(|| {
        for record in &log[configured..] {
            machine.apply(record, &mut out).unwrap();
            commands += out.commands.len();
        }
    });
    assert_eq!(allocations, 0);
    assert_eq!(commands, sim.rig.commands.len() - started);
    assert_eq!(machine.state_hash(), sim.rig.machine.state_hash());
    thawed_machine_does_not_allocate_either(log, configured + 30_000, &machine.state_hash());
}

/// A machine out of a snapshot has the room of a new one.
fn thawed_machine_does_not_allocate_either(log: &[Record], cut: usize, end: &[u8; 32]) {
    let mut machine = Machine::new();
    let mut out = Outputs::new();
    for record in &log[..cut] {
        machine.apply(record, &mut out).unwrap();
    }
    let bytes = encode_snapshot(&machine).unwrap();
    let mut machine = Machine::from_snapshot(&bytes, &Registry::standard()).unwrap();
    let allocations = counted(|| {
        for record in &log[cut..] {
            machine.apply(record, &mut out).unwrap();
        }
    });
    assert_eq!(allocations, 0);
    assert_eq!(machine.state_hash(), *end);
}

/// Every check of an order, its entry and its end, with 10,000 others open.
#[test]
fn risk_with_ten_thousand_open_orders_does_not_allocate() {
    let mut crowd = crowd::Crowd::new();
    assert_eq!(crowd.risk.orders().live_count(), crowd::ORDERS);
    let allocations = counted(|| {
        for update in 0..2_000 {
            crowd.apply(crowd::quote(update));
            let intent = crowd.intent();
            assert_eq!(crowd.risk.would_refuse(&intent), None);
            let intent = crowd.intent();
            crowd.order(intent);
            crowd.take_back();
        }
    });
    assert_eq!(allocations, 0);
    assert_eq!(crowd.risk.orders().live_count(), crowd::ORDERS);
}

/// Amendments and a cancel of everything, with as many open: each order of the strategy goes.
#[test]
fn amendments_and_a_cancel_of_everything_of_ten_thousand_orders_do_not_allocate() {
    let mut crowd = crowd::Crowd::new();
    let strategy = StrategyId(1);
    let own = |order: &&Order| order.strategy == Some(strategy);
    let orders: Vec<Order> = crowd.risk.orders().live().filter(own).copied().collect();
    assert!(orders.len() > 100, "{} orders", orders.len());
    let mut waiting = VecDeque::with_capacity(4_096);
    let (mut amended, mut cancelled) = (0, 0);
    let allocations = counted(|| {
        for order in &orders[..100] {
            let (client_id, qty) = (order.client_id, Lots(order.qty.0 - 1));
            ask(&mut crowd, strategy, Action::Amend { client_id, qty });
            waiting.extend(crowd.out.commands.iter().map(|command| *command.get()));
            amended += answer(&mut crowd, &mut waiting, Kind::AmendRejected);
        }
        let all = Action::CancelAll { instrument: None };
        ask(&mut crowd, strategy, all);
        waiting.extend(crowd.out.commands.iter().map(|command| *command.get()));
        cancelled += answer(&mut crowd, &mut waiting, Kind::OrderCancelled);
    });
    assert_eq!(allocations, 0);
    assert_eq!((amended, cancelled), (100, orders.len()));
    let left = crowd.risk.orders().live().filter(own).count();
    assert_eq!(left, 0);
    assert_eq!(
        crowd.risk.orders().live_count(),
        crowd::ORDERS - orders.len()
    );
}

fn ask(crowd: &mut crowd::Crowd, strategy: StrategyId, action: Action) {
    let event = crowd.next(crowd::tick());
    let intent = Intent {
        event: event.event,
        strategy,
        intended_ns: 0,
        action,
    };
    crowd.feed(&event, &[intent]);
}

/// Sends and answers what waits, and what comes of that; how many cancels (or amendments).
fn answer(crowd: &mut crowd::Crowd, waiting: &mut VecDeque<Record>, kind: Kind) -> usize {
    let (about, status) = if kind == Kind::OrderCancelled {
        (Kind::CancelOrder, OrderStatus::Cancelled)
    } else {
        (Kind::AmendOrder, OrderStatus::NotStated)
    };
    let mut answers = 0;
    while let Some(command) = waiting.pop_front() {
        let id = model::command::command(&command).unwrap().client_id();
        for record in [
            kit::sent(&command),
            kit::report(kind, id, status, 0, RejectReason::None),
        ] {
            let record = record.on_account(command.account().unwrap());
            crowd.apply(record.on_instrument(command.instrument().unwrap()));
            waiting.extend(crowd.out.commands.iter().map(|command| *command.get()));
        }
        answers += usize::from(command.kind() == Some(about));
    }
    answers
}
