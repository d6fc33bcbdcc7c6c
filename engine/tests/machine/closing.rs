//! Whom a kill reaches, and how its positions are closed: accounts by scope, sizes by what is let
//! through, and the numbers of what is told.

use engine::machine::{AccountConfig, MachineConfig};
use model::blob::{self, BlobKind};
use model::body::{
    ControlAction, NewOrder, Notice, NoticeCode, OpenOrders, OrderStatus, RejectReason, Side,
};
use model::command::{CommandView, command};
use model::control::{Control, Scope};
use model::ids::{AccountId, InstrumentId, SourceId, StrategyId, VenueId};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};

use crate::control_kit::{notices, push};
use crate::kit::{
    ACCOUNT, INSTRUMENT, Rig, SECOND, config, fill, maker, new_order, report, request, spec, tick,
};

const MS: u64 = 1_000_000;

fn closing() -> MachineConfig {
    let mut config = config(vec![maker()]);
    config.control.flatten_passes = true;
    config.control.flatten_on_kill = true;
    config
}

/// A third account at a venue of its own.
fn accounts(config: &mut MachineConfig) {
    for (venue, name) in [(0, "second"), (1, "third")] {
        config.accounts.push(AccountConfig {
            venue: VenueId(venue),
            name: name.to_owned(),
        });
    }
}

fn started(config: &MachineConfig) -> Rig {
    let mut rig = Rig::new();
    rig.start(config, 0);
    push(&mut rig, tick());
    rig
}

fn listed(account: u16, ours: u64) -> Record {
    let body = OpenOrders {
        ours,
        foreign: 0,
        reserved: [0; 64],
    };
    Record::new(Kind::OpenOrders, &body).on_account(AccountId(account))
}

fn told(rig: &Rig, code: NoticeCode) -> Vec<Notice> {
    let all = notices(rig).into_iter();
    all.filter(|one| one.code == code).collect()
}

/// What is ordered now that closes.
fn closes(rig: &Rig) -> Vec<NewOrder> {
    let placed = rig
        .commands
        .iter()
        .filter(|one| one.kind() == Some(Kind::NewOrder));
    placed
        .map(new_order)
        .filter(|order| order.reduce_only.is_yes())
        .collect()
}

fn end_all(rig: &mut Rig) {
    let placed: Vec<Record> = rig
        .commands
        .iter()
        .filter(|one| one.kind() == Some(Kind::NewOrder))
        .copied()
        .collect();
    for one in placed {
        let (id, status) = (new_order(&one).client_id, OrderStatus::Cancelled);
        push(
            rig,
            report(Kind::OrderCancelled, id, status, 0, RejectReason::None),
        );
    }
}

fn later(rig: &mut Rig, time_ns: u64) {
    rig.pass(time_ns);
    rig.book(rig.machine.last_event(), 999_998, 1_000_002);
    push(rig, tick());
}

#[test]
fn kill_latches_the_accounts_of_its_scope_and_no_others() {
    for (scope, reached) in [
        (Scope::Overall, vec![0, 1, 2]),
        (Scope::Strategy(StrategyId(0)), vec![0, 1, 2]),
        (Scope::Venue(VenueId(0)), vec![0, 1]),
        (Scope::Venue(VenueId(1)), vec![2]),
        (Scope::Account(AccountId(1)), vec![1]),
        (Scope::Instrument(INSTRUMENT), vec![0, 1]),
    ] {
        let mut config = config(vec![maker()]);
        accounts(&mut config);
        let mut rig = started(&config);
        push(&mut rig, request(1, 0, ControlAction::Kill, scope));
        let latch = |record: &Record| match command(record) {
            Ok(CommandView::Latch(latch)) => {
                assert!(latch.on.is_yes());
                assert_eq!((latch.scope, latch.scope_id), (scope.kind(), scope.id()));
                Some(record.account().unwrap().0)
            }
            _ => None,
        };
        let latched: Vec<u16> = rig.commands.iter().filter_map(latch).collect();
        assert_eq!(latched, reached, "{scope:?}");
    }
}

#[test]
fn kill_is_confirmed_once_every_account_it_reaches_listed_nothing() {
    let mut config = config(vec![maker()]);
    accounts(&mut config);
    let mut rig = started(&config);
    for account in 1..3 {
        let up = crate::kit::connection(model::body::Channel::Orders, model::body::LinkState::Up);
        push(&mut rig, up.on_account(AccountId(account)));
    }
    let venue = Scope::Venue(VenueId(0));
    push(&mut rig, request(1, 0, ControlAction::Kill, venue));
    end_all(&mut rig);
    push(&mut rig, tick());
    let empty = |rig: &Rig| told(rig, NoticeCode::ConfirmedEmpty);
    assert_eq!(empty(&rig), []);
    rig.pass(3 * MS);
    push(&mut rig, listed(0, 0));
    push(&mut rig, tick());
    assert_eq!(empty(&rig), [], "the other one of the venue is missing");
    rig.pass(4 * MS);
    push(&mut rig, listed(1, 0));
    push(&mut rig, tick());
    let empty = empty(&rig);
    assert_eq!(empty.len(), 1, "the third is at another venue");
    assert_eq!((empty[0].value, empty[0].threshold), (7_000_000, 0));
    assert_eq!(empty[0].control, Control::KillSwitch.code());
}

/// A long position, a kill, and the venue's word that nothing rests.
fn killed(config: &MachineConfig, lots: i64, prepare: impl FnOnce(&mut Rig)) -> Rig {
    let mut rig = started(config);
    let first = rig.commands.first().copied();
    let id = first.map_or(0, |one| new_order(&one).client_id);
    push(&mut rig, fill(id, 1, Side::Buy, 1_000_000, lots));
    prepare(&mut rig);
    push(&mut rig, request(9, 0, ControlAction::Kill, Scope::Overall));
    end_all(&mut rig);
    push(&mut rig, tick());
    push(&mut rig, listed(0, 0));
    rig
}

#[test]
fn closing_order_beyond_the_venues_largest_goes_as_large_as_it_takes() {
    let mut rig = killed(&closing(), 500, |rig| {
        let mut smaller = spec();
        smaller.qty_max = Lots(400);
        for record in blob::records(BlobKind::Instrument, &smaller).unwrap() {
            rig.apply(record.from_source(SourceId(9)));
        }
    });
    later(&mut rig, 50 * MS);
    let order = closes(&rig);
    assert_eq!(order.len(), 1);
    assert_eq!(order[0].qty, Lots(400));
    assert_eq!(told(&rig, NoticeCode::FlattenRest), []);
    let sold = fill(order[0].client_id, 2, Side::Sell, 1_000_000, 400);
    push(&mut rig, sold);
    later(&mut rig, 50 * MS);
    let order = closes(&rig);
    assert_eq!(order.last().unwrap().qty, Lots(100));
    assert_eq!(told(&rig, NoticeCode::ExitRetried), []);
}

#[test]
fn closing_of_a_short_position_buys_at_the_collar() {
    let config = closing();
    let mut rig = started(&config);
    push(&mut rig, fill(0, 1, Side::Sell, 1_000_000, 300));
    push(&mut rig, request(9, 0, ControlAction::Kill, Scope::Overall));
    end_all(&mut rig);
    push(&mut rig, tick());
    push(&mut rig, listed(0, 0));
    later(&mut rig, 50 * MS);
    let order = closes(&rig);
    assert_eq!(order.len(), 1);
    assert_eq!(
        (order[0].side, order[0].qty, order[0].price),
        (Side::Buy, Lots(300), Ticks(1_010_000))
    );
}

#[test]
fn closing_is_told_with_its_number_its_time_and_what_stays() {
    let mut rig = killed(&closing(), 500, |_| {});
    let begun = told(&rig, NoticeCode::Flattening);
    assert_eq!((begun[0].value, begun[0].other), (1, 9));
    let flattening: Vec<_> = rig.machine.risk().flattening().collect();
    assert_eq!(flattening, [(Scope::Overall, 9, 1)]);
    rig.pass(30 * MS);
    let id = closes(&rig)[0].client_id;
    push(&mut rig, fill(id, 2, Side::Sell, 1_000_000, 499));
    let status = OrderStatus::Cancelled;
    let ended = report(Kind::OrderCancelled, id, status, 499, RejectReason::None);
    push(&mut rig, ended);
    later(&mut rig, 70 * MS);
    // A lot is worth 0.1 of quote, which the venue does not take.
    let rest = told(&rig, NoticeCode::FlattenRest);
    assert_eq!(rest.len(), 1);
    assert_eq!(
        (rest[0].value, rest[0].threshold, rest[0].qty),
        (1, i64::from(ACCOUNT.0), Lots(1))
    );
    assert_eq!(rest[0].scope_id, INSTRUMENT.0);
    let flat = told(&rig, NoticeCode::Flat);
    assert_eq!(flat.len(), 1);
    assert_eq!((flat[0].value, flat[0].threshold), (100_000_000, 1));
    assert_eq!(flat[0].other, 9);
    assert_eq!(rig.machine.risk().flattening().count(), 0);
    for _ in 0..3 {
        later(&mut rig, SECOND);
    }
    assert_eq!(closes(&rig).len(), 1, "and no more");
}

#[test]
fn closing_of_an_instrument_leaves_what_is_held_of_another() {
    for (scope, orders) in [
        (Scope::Instrument(INSTRUMENT), 1),
        (Scope::Venue(VenueId(0)), 1),
        (Scope::Account(ACCOUNT), 1),
        (Scope::Venue(VenueId(1)), 0),
        (Scope::Account(AccountId(1)), 0),
        (Scope::Instrument(InstrumentId(1)), 0),
    ] {
        let mut config = closing();
        accounts(&mut config);
        let mut rig = started(&config);
        let other = crate::watches::listed(1, "ETH", "USDT", model::instrument::Contract::Spot);
        for record in blob::records(BlobKind::Instrument, &other).unwrap() {
            rig.apply(record.from_source(SourceId(9)));
        }
        let id = new_order(&rig.commands[0]).client_id;
        push(&mut rig, fill(id, 1, Side::Buy, 1_000_000, 500));
        push(&mut rig, request(9, 0, ControlAction::Kill, scope));
        end_all(&mut rig);
        for account in 0..3 {
            push(&mut rig, tick());
            push(&mut rig, listed(account, 0));
        }
        later(&mut rig, 50 * MS);
        assert_eq!(closes(&rig).len(), orders, "{scope:?}");
    }
}
