//! What `caracal explain` shows: each refusal has its verdict, whatever refused, and each switch
//! stands there by itself.

use engine::machine::{LevelConfig, Place, Size};
use model::body::{ControlAction, RefusalReason, Side};
use model::control::{Control, Scope};
use model::ids::{ClientOrderId, InstrumentId, StrategyId};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};

use crate::kit::{INSTRUMENT, request, tick};
use crate::limits::{Desk, desk};

/// The lines of an order's checks.
fn lines(desk: &mut Desk, change: impl FnOnce(&mut Place)) -> Vec<String> {
    desk.wish(0, change);
    let mut twin = desk.risk.clone();
    let mut tick = tick();
    tick.event = twin.last_event() + 1;
    tick.time_ns = desk.now;
    let mut wishes = desk.wishes.clone();
    for wish in &mut wishes {
        wish.event = tick.event;
    }
    let (mut out, mut told) = (engine::machine::Outputs::new(), Vec::new());
    twin.apply_explained(&tick, &wishes, &mut out, &mut told)
        .unwrap();
    let _ = desk.verdict();
    assert_eq!(out.refusals, desk.out.refusals, "told, it decides the same");
    let refused = |record: &Record| record.kind() == Some(Kind::RiskRefused);
    let passed = told[0].verdicts.iter().all(|one| one.passed);
    assert_eq!(out.refusals.iter().any(refused), !passed);
    told[0].verdicts.iter().map(ToString::to_string).collect()
}

fn last(desk: &mut Desk, change: impl FnOnce(&mut Place)) -> String {
    lines(desk, change).pop().unwrap()
}

#[test]
fn verdicts_show_each_switch_once_and_apart() {
    let mut desk = desk(|_| {});
    let lines = lines(&mut desk, |_| {});
    let first: Vec<&str> = lines.iter().take(8).map(String::as_str).collect();
    let expected = [
        "kill (everything): off: passed",
        "stop (everything): off: passed",
        "cancel_only (everything): off: passed",
        "form (everything): yes: passed",
        "kill (venue 0): off: passed",
        "kill (account 0): off: passed",
        "kill (strategy 0): off: passed",
        "kill (instrument 0): off: passed",
    ];
    assert_eq!(first, expected);
    let mut twice = lines.clone();
    twice.sort();
    twice.dedup();
    assert_eq!(twice.len(), lines.len(), "{lines:?}");
}

#[test]
fn verdicts_name_what_refused_where_no_limit_did() {
    let mut first = desk(|_| {});
    let foreign = ClientOrderId::new(1, Some(StrategyId(1)), 99).unwrap();
    assert_eq!(
        last(&mut first, |place| place.client_id = foreign),
        "client_order_id (strategy 0): not its own, or not new: refused"
    );
    assert_eq!(
        last(&mut first, |place| place.instrument = InstrumentId(7)),
        "trading (instrument 7): no: refused"
    );
    let sized = last(&mut first, |place| place.size = Size::Sized { stop: None });
    assert!(sized.starts_with("sizing (everything): no size"), "{sized}");
    for (action, scope, line) in [
        (
            ControlAction::Pause,
            Scope::Strategy(StrategyId(0)),
            "pause (strategy 0): on: refused",
        ),
        (
            ControlAction::Kill,
            Scope::Instrument(INSTRUMENT),
            "kill (instrument 0): on: refused",
        ),
    ] {
        let mut desk = desk(|_| {});
        desk.event(request(1, 0, action, scope));
        assert_eq!(last(&mut desk, |_| {}), line);
    }
}

#[test]
fn verdicts_say_that_capital_has_no_price() {
    let mut desk = desk(|config| {
        config.reporting = "EUR".to_owned();
        config.control.levels = vec![LevelConfig {
            control: Control::Capital,
            scope: Scope::Overall,
            soft: None,
            hard: 1_000_000,
        }];
    });
    let change = |place: &mut Place| {
        place.side = Side::Buy;
        (place.price, place.qty) = (Ticks(999_000), Lots(60));
    };
    assert_eq!(
        last(&mut desk, change),
        "capital_max (everything): no price or rate: refused"
    );
    assert_eq!(desk.place(change).unwrap_err().0, RefusalReason::NoPrice);
}
