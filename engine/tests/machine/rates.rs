//! Message rates of single scopes, and commands in flight: controls 60 to 63 of RISK.md.

use engine::machine::{Action, LevelConfig, Place};
use model::body::{RefusalReason, Side};
use model::control::{Control, Scope};
use model::ids::{AccountId, StrategyId, VenueId};
use model::num::{Lots, Ticks};

use crate::kit::{SECOND, fill};
use crate::limits::{Desk, desk, sell};

fn limited(scope: Scope, burst: i64, reserved: i64) -> Desk {
    let level = |control, hard| LevelConfig {
        control,
        scope,
        soft: None,
        hard,
    };
    desk(|config| {
        config.control.levels = vec![
            level(Control::MessageRate, 2),
            level(Control::MessageBurst, burst),
            level(Control::MessageReserve, reserved),
        ];
    })
}

fn rate(desk: &mut Desk, change: impl FnOnce(&mut Place)) -> Result<usize, RefusalReason> {
    desk.place(change).map_err(|(reason, ..)| reason)
}

const EMPTY: Result<usize, RefusalReason> = Err(RefusalReason::MessageRate);

#[test]
fn rate_of_a_scope_holds_for_what_falls_under_it_and_refills() {
    let scopes = [
        Scope::Venue(VenueId(0)),
        Scope::Account(AccountId(0)),
        Scope::Strategy(StrategyId(0)),
    ];
    for scope in scopes {
        let mut desk = limited(scope, 3, 1);
        for _ in 0..2 {
            desk.open(|_| {});
        }
        assert_eq!(
            rate(&mut desk, |_| {}),
            EMPTY,
            "{scope:?}: one is for cancels"
        );
        desk.wish(1, |place| place.price = Ticks(998_000));
        let others = desk.verdict().is_ok();
        assert_eq!(others, matches!(scope, Scope::Strategy(_)), "{scope:?}");
        desk.now += SECOND / 2;
        assert_eq!(rate(&mut desk, |_| {}), Ok(1), "{scope:?}: two a second");
        assert_eq!(rate(&mut desk, |_| {}), EMPTY, "{scope:?}");
    }
    let mut desk = limited(Scope::Strategy(StrategyId(1)), 1, 0);
    for _ in 0..5 {
        desk.open(|_| {});
    }
}

#[test]
fn rate_keeps_half_of_the_reserve_for_reductions_and_the_rest_for_cancels() {
    let mut desk = limited(Scope::Account(AccountId(0)), 8, 4);
    let bought = desk.open(|place| place.price = Ticks(1_000_001));
    desk.event(fill(bought.raw(), 1, Side::Buy, 1_000_001, 1_000));
    let resting: Vec<_> = (0..3).map(|_| desk.open(|_| {})).collect();
    assert_eq!(rate(&mut desk, |_| {}), EMPTY);
    let sell = |place: &mut Place| {
        place.side = Side::Sell;
        place.qty = Lots(100);
        place.price = Ticks(1_001_000);
    };
    for _ in 0..2 {
        desk.open(sell);
    }
    assert_eq!(rate(&mut desk, sell), EMPTY, "the rest is for cancels");
    for client_id in &resting[..2] {
        desk.ask(
            0,
            Action::Cancel {
                client_id: *client_id,
            },
        );
        assert_eq!(desk.verdict(), Ok(1));
    }
    desk.ask(
        0,
        Action::Cancel {
            client_id: resting[2],
        },
    );
    assert_eq!(desk.verdict().unwrap_err().0, RefusalReason::MessageRate);
}

#[test]
fn commands_in_flight_leave_room_for_reductions_and_beyond_it_for_cancels() {
    use RefusalReason::InFlight;
    let mut desk = desk(|config| config.limits.orders.open_orders_max = 60);
    let bought = desk.open(|_| {});
    desk.event(fill(bought.raw(), 1, Side::Buy, 999_000, 1_000));
    let open: Vec<_> = (0..7).map(|_| desk.open(|_| {})).collect();
    for _ in 0..20 {
        assert_eq!(desk.place(|_| {}), Ok(1));
    }
    assert_eq!(desk.place(|_| {}), Err((InFlight, 21, 20)), "it opens");
    for _ in 0..6 {
        assert_eq!(desk.place(sell(60, 1_001_000)), Ok(1), "it can only reduce");
    }
    assert_eq!(
        desk.place(sell(60, 1_001_000)),
        Err((InFlight, 27, 26)),
        "the rest is for cancels"
    );
    for client_id in &open[..6] {
        let client_id = *client_id;
        desk.ask(0, Action::Cancel { client_id });
        assert_eq!(desk.verdict(), Ok(1));
    }
    desk.ask(0, Action::Cancel { client_id: open[6] });
    assert_eq!(desk.verdict(), Err((InFlight, 33, 32)));
}
