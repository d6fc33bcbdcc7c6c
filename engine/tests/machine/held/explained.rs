//! Every order that the engine makes itself has its checks, as those that a strategy asks for.

use engine::machine::{Explanation, Outputs, PriceSource};
use model::body::{NoticeCode, OperatorAction, OrderType, Side, TimeInForce};
use model::control::Control;
use model::ids::ClientOrderId;
use model::num::{Lots, Ticks};

use super::desk::{Desk, quiet, trigger};
use super::{long, stop};
use crate::kit::{new_order, operator, tick};

/// Applies the desk's last `events` to risk as it was before them, explained.
fn explained(desk: &Desk, before: &engine::machine::Risk, events: usize) -> Vec<Explanation> {
    let (mut risk, mut out, mut explanations) = (before.clone(), Outputs::new(), Vec::new());
    for record in &desk.log[desk.log.len() - events..] {
        risk.apply_explained(record, &[], &mut out, &mut explanations)
            .unwrap();
    }
    explanations
}

fn of(explanations: &[Explanation], id: ClientOrderId) -> &Explanation {
    let own = |explanation: &&Explanation| explanation.client_id == Some(id);
    explanations.iter().find(own).unwrap()
}

fn value(explanation: &Explanation, control: Control) -> (i64, i64, bool) {
    let its = |verdict: &&engine::machine::Verdict| verdict.control == control;
    let verdict = explanation.verdicts.iter().find(its).unwrap();
    (verdict.value, verdict.hard, verdict.passed)
}

#[test]
fn held_order_is_explained_when_it_is_taken_and_when_it_triggers() {
    let mut desk = long(21);
    let id = desk.wish(|place| {
        place.reduce_only = false;
        place.trigger = trigger(stop(990_000), PriceSource::Mid);
    });
    let wish = desk.wishes();
    let before = desk.parts.risk.clone();
    desk.event(tick());
    let (mut risk, mut out, mut taken) = (before, Outputs::new(), Vec::new());
    let last = desk.log.last().unwrap();
    let wish = wish.map(|mut wish| {
        wish.event = last.event;
        wish
    });
    risk.apply_explained(last, &wish, &mut out, &mut taken)
        .unwrap();
    let taken = of(&taken, id);
    assert_eq!(value(taken, Control::MaxQuantity), (1_000, 1_000, true));
    assert_eq!(value(taken, Control::Position), (0, 5_000, true));
    while desk.deliver() {}

    let before = desk.parts.risk.clone();
    desk.market(980_000, 980_010);
    let order = new_order(desk.commands.last().unwrap());
    assert_eq!(order.client_id, id.raw());
    let gone = explained(&desk, &before, 2);
    let gone = of(&gone, id);
    assert_eq!(gone.event, desk.log.last().unwrap().event);
    // 1,000 lots at the collar of 10 % below 980,005: 88.2005, in 1e-8.
    assert_eq!(value(gone, Control::MaxValue).0, 8_820_050_000);
    assert_eq!(value(gone, Control::ReduceOnly).0, 1_000);
    let (needs, free, fits) = value(gone, Control::Funds);
    assert!(
        fits && needs == 1_000_000 && free >= needs,
        "{needs} of {free}"
    );
}

#[test]
fn held_order_that_is_refused_when_it_triggers_names_the_check() {
    let mut desk = Desk::new(22, &quiet(|_| {}));
    let id = desk.wish(|place| {
        place.side = Side::Buy;
        place.reduce_only = false;
        place.order_type = OrderType::Limit;
        place.time_in_force = TimeInForce::Gtc;
        place.price = Ticks(1_300_000);
        place.qty = Lots(100);
        place.trigger = trigger(stop(1_010_000), PriceSource::Mid);
    });
    desk.event(tick());
    while desk.deliver() {}
    let before = desk.parts.risk.clone();
    // The limit price is farther from the book than the collar lets through.
    desk.market(1_020_000, 1_020_010);
    assert_eq!(desk.count(NoticeCode::HeldEnded), 1);
    let gone = explained(&desk, &before, 2);
    let last = of(&gone, id).verdicts.last().unwrap();
    assert_eq!((last.control, last.passed), (Control::PriceCollar, false));
    assert_eq!(last.hard, 1_000);
}

#[test]
fn exit_is_explained() {
    let config = quiet(crate::exits::with(crate::exits::rules()));
    let mut desk = Desk::new(23, &config);
    desk.buy(1_000);
    let before = desk.parts.risk.clone();
    desk.market(950_000, 950_010);
    let order = new_order(desk.commands.last().unwrap());
    let gone = explained(&desk, &before, 2);
    let exit = of(&gone, ClientOrderId::from_raw(order.client_id).unwrap());
    assert_eq!(value(exit, Control::ReduceOnly), (1_000, 1_000, true));
    assert!(exit.verdicts.iter().all(|verdict| verdict.passed));

    // Refused: the check that did it stands last.
    let mut desk = Desk::new(24, &config);
    desk.buy(1_000);
    desk.event(operator(OperatorAction::CancelOnly));
    let before = desk.parts.risk.clone();
    desk.market(950_000, 950_010);
    let gone = explained(&desk, &before, 2);
    let last = gone[0].verdicts.last().unwrap();
    assert_eq!((last.control, last.passed), (Control::KillSwitch, false));
}
