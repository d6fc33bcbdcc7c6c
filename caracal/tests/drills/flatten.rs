//! The kill switch with a flatten: everything that rests is cancelled, and what is held is sold,
//! past the gateway's latch, until the venue's books say that nothing is left.
//!
//! Counted at the venue: what it filled of our orders, bought less sold. The market moves all the
//! time and a maker quotes into it until the switch is pulled.

use std::time::Duration;

use connectors::practice::{MarketConfig, Side, Truth};
use journal::Durability;
use model::body::{Flag, NoticeCode, OperatorAction};
use model::command::{CommandView, command};
use model::event::{Event, event};
use model::record::Record;

use crate::full::Engine;

/// Bought less sold, lots.
fn position(truth: &Truth) -> i64 {
    let signed = truth.orders.iter().map(|order| match order.side {
        Side::Buy => order.executed.0,
        Side::Sell => -order.executed.0,
    });
    signed.sum()
}

/// After the kill nothing was placed but orders that reduce, and people were told that it is flat.
fn reduced_only(log: &[Record]) {
    let kill = log.iter().find(|record| {
        let operator = event(record);
        matches!(operator, Ok(Event::Operator(operator)) if operator.action == OperatorAction::Kill)
    });
    let kill = kill.expect("the kill is in the log").event;
    let mut closing = 0;
    for record in log.iter().filter(|record| record.event > kill) {
        match command(record) {
            Ok(CommandView::NewOrder(order)) => {
                assert_eq!(order.reduce_only, Flag::Yes, "{record:?}");
                closing += 1;
            }
            Ok(CommandView::ReplaceOrder(_)) => panic!("{record:?}"),
            _ => {}
        }
    }
    assert!(closing > 0, "something was held");
    let told = |code: NoticeCode| {
        let notices = log.iter().filter_map(|record| match event(record) {
            Ok(Event::RiskNotice(notice)) => Some(*notice),
            _ => None,
        });
        notices.into_iter().find(|notice| notice.code == code)
    };
    let flat = told(NoticeCode::Flat).expect("it is told");
    assert_eq!(flat.threshold, 0, "nothing is left");
    let (empty, begun) = (
        told(NoticeCode::ConfirmedEmpty),
        told(NoticeCode::Flattening),
    );
    assert!(
        empty.unwrap().number < begun.unwrap().number,
        "cancels come first"
    );
    println!(
        "flatten: {closing} orders, flat {} ms after the venue was empty",
        flat.value / 1_000_000
    );
}

#[test]
fn kill_with_flatten_leaves_nothing_resting_and_no_position() {
    let mut engine = Engine::start_with(Durability::Process, true, |config| {
        config.market = MarketConfig::Synthetic {
            seed: 7,
            events_per_second: 300.0,
        };
    });
    engine.wait("a position", |truth| position(truth) != 0);
    assert!(engine.running.operator.send(OperatorAction::Kill, "drill"));
    engine.wait("the end of the last order", |truth| {
        truth.open_orders.is_empty()
    });
    engine.wait("a flat account", |truth| {
        truth.open_orders.is_empty() && position(truth) == 0
    });
    // Whatever is still decided or under way gets time to show.
    std::thread::sleep(Duration::from_secs(2));
    let truth = engine.truth();
    assert_eq!((truth.open_orders.len(), position(&truth)), (0, 0));
    reduced_only(&engine.log());
}
