//! Held orders, groups, children and exits in every stage: a snapshot and its reading, and the log
//! from its beginning, give the same state. Seeded.

use engine::machine::{
    Action, ExitRules, Machine, MachineConfig, Offset, PriceSource, TriggerKind,
};
use model::body::{BookReset, NoticeCode, OperatorAction, OrderType, Side, TimeInForce};
use model::ids::{ClientOrderId, StrategyId};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};

use super::desk::{Desk, link, quiet, trigger};
use super::{histories, profit, stop};
use crate::exits::{rules, with};
use crate::kit::{INSTRUMENT, SECOND, operator, tick};

const OTHER: StrategyId = StrategyId(1);

/// Two strategies; the first has exits that close in clips.
fn config() -> MachineConfig {
    quiet(|config| {
        let mut other = config.strategies[0].clone();
        other.name = "other".to_owned();
        config.strategies.push(other);
        with(ExitRules {
            trailing_bps: 150,
            time_stop_ns: 20 * SECOND,
            clip: Lots(300),
            reentry_pause_ns: SECOND,
            ..rules()
        })(config);
    })
}

fn kind(desk: &mut Desk, level: i64) -> TriggerKind {
    match desk.roll(4) {
        0 => profit(level),
        1 => TriggerKind::Trailing {
            offset: Offset::Ticks(1 + desk.roll(9_000)),
            activation: None,
        },
        2 => TriggerKind::Trailing {
            offset: Offset::Bps(1 + u32::try_from(desk.roll(90)).unwrap()),
            activation: Some(Ticks(level)),
        },
        _ => stop(level),
    }
}

/// Something is held: of either side, in or without a group, a child or not, for a time or not.
fn hold(desk: &mut Desk, ids: &[ClientOrderId], middle: i64) -> ClientOrderId {
    let level = middle + desk.roll(16_000) - 8_000;
    let (kind, qty, buys) = (kind(desk, level), 100 + desk.roll(500), desk.roll(2) == 0);
    let group = u64::try_from(desk.roll(3)).unwrap();
    let parent = ids.last().copied().filter(|_| desk.roll(3) == 0);
    let (rests, waits) = (desk.roll(3) == 0, desk.roll(8) > 0);
    let end = (desk.roll(4) == 0).then(|| desk.now + 5 * SECOND);
    desk.wish(|place| {
        if buys {
            place.side = Side::Buy;
            place.reduce_only = false;
        }
        if rests || !waits {
            place.order_type = OrderType::Limit;
            place.time_in_force = TimeInForce::Gtc;
            place.price = Ticks(level);
        }
        place.qty = Lots(if group == 0 { qty } else { 300 });
        place.trigger = trigger(kind, PriceSource::Mid).filter(|_| waits);
        place.link = link(parent, group);
        place.good_till_ns = end;
    })
}

fn step(desk: &mut Desk, ids: &mut Vec<ClientOrderId>, middle: &mut i64) {
    let any = |desk: &mut Desk, ids: &[ClientOrderId]| {
        let at = usize::try_from(desk.roll(1 + ids.len() as i64)).unwrap();
        ids.get(at).copied()
    };
    match desk.roll(16) {
        0..3 => ids.push(hold(desk, ids, *middle)),
        3 => {
            let id = desk.wish_of(OTHER, |place| {
                place.side = Side::Buy;
                place.reduce_only = false;
                place.order_type = OrderType::Limit;
                place.time_in_force = TimeInForce::Gtc;
                place.price = Ticks(*middle - 15_000);
                place.qty = Lots(200);
            });
            let cancels = desk.roll(2) == 0;
            if cancels {
                desk.ask_of(OTHER, Action::Cancel { client_id: id });
            }
        }
        4 => {
            if let Some(client_id) = any(desk, ids) {
                let qty = Lots(50 + desk.roll(300));
                desk.ask(Action::Amend { client_id, qty });
            }
        }
        5 => {
            if let Some(client_id) = any(desk, ids) {
                desk.ask(Action::Cancel { client_id });
            }
        }
        6 => {
            if let Some(cancel) = any(desk, ids) {
                let new = hold(desk, ids, *middle);
                if let Action::Place(place) = desk.take_wish() {
                    desk.ask(Action::Replace { cancel, place });
                    ids.push(new);
                }
            }
        }
        7 if desk.roll(6) == 0 => desk.ask(Action::CancelAll { instrument: None }),
        7 => {
            let what = [OperatorAction::CancelOnly, OperatorAction::Resume];
            let at = usize::try_from(desk.roll(2)).unwrap();
            desk.event(operator(what[at]));
        }
        8 => {
            let gap = BookReset {
                update_id: 1_000_000,
                level_records: 3,
                reserved: [0; 64],
            };
            desk.event(Record::new(Kind::BookReset, &gap).on_instrument(INSTRUMENT));
        }
        9..12 => {
            let reach = if desk.roll(6) == 0 { 40_000 } else { 6_000 };
            *middle += desk.roll(reach) - reach / 2;
            desk.market(*middle - 10, *middle + 10);
        }
        _ => {
            desk.deliver();
        }
    }
    desk.now += SECOND / 8;
    desk.event(tick());
}

/// A history; `upset` may do something at each step.
fn mixed(seed: u64, mut upset: impl FnMut(&mut Desk, u64)) -> Desk {
    let mut desk = Desk::new(seed, &config());
    desk.buy(1_000);
    let (mut ids, mut middle) = (Vec::new(), 1_000_000);
    for at in 0..100 {
        desk.depth = (1 + desk.roll(10)) * 100;
        step(&mut desk, &mut ids, &mut middle);
        upset(&mut desk, at);
    }
    desk
}

#[test]
fn held_orders_and_exits_frozen_at_every_event_are_the_same() {
    let mut told = [0; 5];
    for seed in 0..histories(12) {
        let plain = mixed(seed, |_, _| {});
        let frozen = mixed(seed, |desk, _| desk.freeze_and_thaw());
        assert_eq!(plain.commands, frozen.commands, "seed {seed}");
        let codes = [
            NoticeCode::HeldPlaced,
            NoticeCode::Triggered,
            NoticeCode::HeldEnded,
            NoticeCode::ExitFired,
            NoticeCode::ExitRetried,
        ];
        for (told, code) in told.iter_mut().zip(codes) {
            *told += plain.count(code);
        }
        let hash = |desk: Desk| Machine::from_parts(desk.parts).state_hash();
        assert_eq!(hash(plain), hash(frozen), "seed {seed}");
    }
    assert!(told.iter().all(|count| *count > 5), "{told:?}");
}

#[test]
fn held_orders_and_exits_of_a_log_applied_again_are_the_same() {
    for seed in 0..histories(60) {
        // Every third run dies and starts again, thawed, somewhere.
        let cut = (seed % 3 == 0).then_some(seed % 97);
        let desk = mixed(seed, |desk, at| {
            if Some(at) == cut {
                desk.freeze_and_thaw();
                desk.restart();
            }
        });
        let [hash, again] = desk.replayed();
        assert_eq!(hash, again, "seed {seed}");
    }
}
