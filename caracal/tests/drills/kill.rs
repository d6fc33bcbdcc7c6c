//! The kill switch with a thousand open orders: the last is gone at the venue within two seconds,
//! and nothing that was decided after it ever leaves.
//!
//! Counted at the venue: by its books, its clock, and its own log of what arrived. The market
//! moves all the time and a maker quotes into it until the switch is pulled.

use std::time::Duration;

use journal::Durability;
use model::body::OperatorAction;
use model::event::{Event, event};
use model::record::{Kind, Record};

use crate::full::{Engine, RESTING};

/// The promise.
const GONE_WITHIN_MS: i64 = 2_000;
/// What was on its way when the switch was pulled has arrived by then.
const ON_ITS_WAY_MS: i64 = 500;

/// Pulls the switch, and holds the venue's books and its log against the promise.
fn pull(engine: &mut Engine) {
    let truth = engine.truth();
    let (before, pulled_ms) = (truth.open_orders.len(), truth.now_ms);
    assert!(before >= RESTING as usize, "only {before} orders rest");
    assert!(engine.running.operator.send(OperatorAction::Kill, "drill"));
    engine.wait("the end of the last order", |truth| {
        truth.open_orders.is_empty()
    });
    // Whatever is still decided or under way gets time to show.
    std::thread::sleep(Duration::from_secs(2));
    let truth = engine.truth();
    assert_eq!(truth.open_orders, [], "something came after");
    let last_ms = truth
        .orders
        .iter()
        .map(|order| order.updated_ms)
        .max()
        .unwrap();
    println!(
        "kill: {before} orders, the last gone after {} ms",
        last_ms - pulled_ms
    );
    assert!(last_ms >= pulled_ms, "the switch was pulled before");
    assert!(
        last_ms - pulled_ms <= GONE_WITHIN_MS,
        "{} ms",
        last_ms - pulled_ms
    );
    let mut methods = std::collections::BTreeMap::<_, u32>::new();
    for one in engine.server.requests().unwrap() {
        if one.time_ms >= pulled_ms {
            *methods.entry((one.method, one.code)).or_default() += 1;
        }
    }
    println!("kill: {methods:?}");
    let places = |method: &str| matches!(method, "order.place" | "order.cancelReplace");
    let late: Vec<_> = engine
        .server
        .requests()
        .unwrap()
        .into_iter()
        .filter(|one| places(one.method) && one.time_ms > pulled_ms + ON_ITS_WAY_MS)
        .collect();
    assert_eq!(late, [], "sent after the latch");
    decided_nothing_after(&engine.log());
}

/// No order in the log follows from an event behind the kill, whoever asked for it.
fn decided_nothing_after(log: &[Record]) {
    let kill = log.iter().find(|record| {
        let operator = event(record);
        matches!(operator, Ok(Event::Operator(operator)) if operator.action == OperatorAction::Kill)
    });
    let kill = kill.expect("the kill is in the log");
    let after = log.iter().filter(|record| record.event > kill.event);
    let placed: Vec<_> = after
        .filter(|record| matches!(record.kind(), Some(Kind::NewOrder | Kind::ReplaceOrder)))
        .collect();
    assert!(placed.is_empty(), "{placed:?}");
}

#[test]
fn kill_with_a_thousand_orders_leaves_nothing_within_two_seconds() {
    let mut engine = Engine::start(Durability::Process, |_| {});
    pull(&mut engine);
}

#[test]
fn kill_works_with_the_private_stream_dead() {
    let mut engine = Engine::start(Durability::Process, |_| {});
    engine.server.inject("mute@1".parse().unwrap()).unwrap();
    pull(&mut engine);
}

#[test]
fn kill_works_with_the_disk_failing() {
    let interval = Durability::Group;
    let mut engine = Engine::start(interval, |_| {});
    // First slow, then gone.
    engine.disk.delay(Duration::from_millis(20));
    std::thread::sleep(Duration::from_millis(100));
    engine.disk.fail();
    std::thread::sleep(Duration::from_millis(300));
    pull(&mut engine);
}

#[test]
fn kill_works_with_the_venues_limits_used_up() {
    let mut engine = Engine::start(Durability::Process, |config| {
        // The maker's orders come to -1015, and questions wait for the weight.
        config.limits.orders_per_ten_seconds = 20;
        config.limits.weight_per_minute = 300;
    });
    std::thread::sleep(Duration::from_secs(1));
    pull(&mut engine);
}

#[test]
fn kill_works_although_every_second_request_is_answered_429() {
    let mut engine = Engine::start(Durability::Process, |_| {});
    engine
        .server
        .inject("rate-limit@p0.5".parse().unwrap())
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    pull(&mut engine);
}
