//! Closing the positions of a killed scope: when it begins, how it goes on, and how it ends.

use engine::machine::{ChangeRefusal, LastLineStop, MachineConfig};
use model::body::{
    ControlAction, Flag, NewOrder, Notice, NoticeCode, NoticeLevel, OpenOrders, OrderReport,
    OrderStatus, OrderType, RejectReason, Side, TimeInForce,
};
use model::control::Scope;
use model::ids::StrategyId;
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};

use zerocopy::TryFromBytes as _;

use crate::control_kit::{answer, change, codes, notices, push, refused};
use crate::kit::{
    self, ACCOUNT, Rig, SECOND, approval, config, fill, maker, new_order, report, request, sent,
    tick,
};

const STRATEGY: Scope = Scope::Strategy(StrategyId(0));
const MS: u64 = 1_000_000;

fn closing(on_kill: bool) -> MachineConfig {
    let mut config = config(vec![maker()]);
    config.control.flatten_passes = true;
    config.control.flatten_on_kill = on_kill;
    config
}

/// A maker whose bid was filled by so many lots.
fn holding(config: &MachineConfig, lots: i64) -> Rig {
    let mut rig = Rig::new();
    rig.start(config, 0);
    push(&mut rig, tick());
    // Where the maker may place nothing, the position is nobody's.
    let id = orders(&rig).first().map_or(0, |order| order.client_id);
    push(&mut rig, fill(id, 1, Side::Buy, 1_000_000, lots));
    rig
}

fn orders(rig: &Rig) -> Vec<NewOrder> {
    let placed = rig
        .commands
        .iter()
        .filter(|one| one.kind() == Some(Kind::NewOrder));
    placed.map(new_order).collect()
}

fn ended(rig: &mut Rig, id: u64) {
    let status = OrderStatus::Cancelled;
    push(
        rig,
        report(Kind::OrderCancelled, id, status, 0, RejectReason::None),
    );
}

fn listed(ours: u64) -> Record {
    let body = OpenOrders {
        ours,
        foreign: 0,
        reserved: [0; 64],
    };
    Record::new(Kind::OpenOrders, &body).on_account(ACCOUNT)
}

/// The venue cancels everything, and says that nothing rests. How many orders there were by then.
fn emptied(rig: &mut Rig) -> usize {
    let before = orders(rig);
    for order in &before {
        ended(rig, order.client_id);
    }
    assert_eq!(
        orders(rig).len(),
        before.len(),
        "not before the venue's word"
    );
    push(rig, listed(0));
    before.len()
}

fn last(rig: &Rig, code: NoticeCode) -> Option<Notice> {
    notices(rig).into_iter().rfind(|one| one.code == code)
}

/// Time passes, and a tick comes.
fn later(rig: &mut Rig, time_ns: u64) {
    rig.pass(time_ns);
    rig.book(rig.machine.last_event(), 999_998, 1_000_002);
    push(rig, tick());
}

fn lots(rig: &Rig) -> i64 {
    let position = rig.machine.position(kit::INSTRUMENT, ACCOUNT);
    position.unwrap().lots.0
}

#[test]
fn flatten_follows_a_kill_once_nothing_rests_and_goes_on_until_it_is_flat() {
    let mut rig = holding(&closing(true), 500);
    push(&mut rig, request(1, 0, ControlAction::Kill, Scope::Overall));
    let before = emptied(&mut rig);
    let placed = orders(&rig)[before..].to_vec();
    assert_eq!(placed.len(), 1);
    let order = placed[0];
    // All of it, at the collar: 1 % below the middle of 10,000.00.
    assert_eq!(
        (order.side, order.qty, order.price, order.reduce_only),
        (Side::Sell, Lots(500), Ticks(990_000), Flag::Yes)
    );
    assert_eq!(
        (order.order_type, order.time_in_force),
        (OrderType::Limit, TimeInForce::Ioc)
    );
    // The last line knows it as the engine's own.
    assert_eq!(rig.commands.last().unwrap().strategy(), None);
    let told = last(&rig, NoticeCode::Flattening).unwrap();
    assert_eq!((told.other, told.value), (1, 1));
    // Nothing filled: again after a quarter of a second.
    ended(&mut rig, order.client_id);
    later(&mut rig, 249 * MS);
    assert_eq!(orders(&rig).len(), before + 1);
    later(&mut rig, MS);
    let order = orders(&rig)[before + 1];
    // A part filled: the rest at once, but for the pause between any two.
    push(
        &mut rig,
        fill(order.client_id, 2, Side::Sell, 1_000_000, 200),
    );
    ended(&mut rig, order.client_id);
    later(&mut rig, 50 * MS);
    let order = orders(&rig)[before + 2];
    assert_eq!(order.qty, Lots(300));
    assert_eq!(last(&rig, NoticeCode::Flat), None);
    push(
        &mut rig,
        fill(order.client_id, 3, Side::Sell, 1_000_000, 300),
    );
    assert_eq!(lots(&rig), 0);
    push(&mut rig, tick());
    let flat = last(&rig, NoticeCode::Flat).unwrap();
    assert_eq!((flat.level, flat.threshold), (NoticeLevel::Info, 0));
    assert!(rig.machine.risk().kill_latched());
    later(&mut rig, SECOND);
    assert_eq!(orders(&rig).len(), before + 3);
}

#[test]
fn flatten_goes_in_clips_and_no_faster_than_twenty_orders_in_a_second() {
    let mut config = closing(true);
    config.limits.orders.qty_max = Lots(100);
    let mut rig = holding(&config, 5_000);
    push(&mut rig, request(1, 0, ControlAction::Kill, Scope::Overall));
    let before = emptied(&mut rig);
    // The venue fills each at once.
    let mut done = 0;
    for step in 0..100 {
        let order = *orders(&rig).last().unwrap();
        if order.reduce_only == Flag::Yes && order.client_id != done {
            done = order.client_id;
            assert!(order.qty <= Lots(100));
            let trade = 100 + step;
            push(
                &mut rig,
                fill(order.client_id, trade, Side::Sell, 1_000_000, order.qty.0),
            );
        }
        later(&mut rig, 10 * MS);
    }
    let placed = orders(&rig).len() - before;
    assert!((15..=21).contains(&placed), "{placed}");
}

#[test]
fn flatten_of_a_person_kills_its_scope_and_needs_the_last_lines_leave() {
    let flatten = |number| request(number, 0, ControlAction::Flatten, STRATEGY);
    let mut rig = holding(&config(vec![maker()]), 500);
    push(&mut rig, flatten(1));
    assert_eq!(refused(&rig, 1), ChangeRefusal::FlattenBlocked);
    assert!(!codes(&rig).contains(&NoticeCode::Killed));
    let mut rig = holding(&closing(false), 500);
    push(&mut rig, flatten(1));
    assert_eq!(answer(&rig, 1).0, NoticeCode::ChangeApplied);
    push(&mut rig, flatten(2));
    assert_eq!(refused(&rig, 2), ChangeRefusal::NothingToDo);
    assert!(codes(&rig).contains(&NoticeCode::Killed));
    let before = emptied(&mut rig);
    let order = orders(&rig)[before];
    assert_eq!((order.side, order.qty), (Side::Sell, Lots(500)));
    // A kill without it closes nothing.
    let mut rig = holding(&closing(false), 500);
    push(&mut rig, request(1, 0, ControlAction::Kill, STRATEGY));
    let before = emptied(&mut rig);
    later(&mut rig, SECOND);
    assert_eq!(orders(&rig).len(), before);
    // Asked for afterwards, the venue's word comes first again.
    push(&mut rig, flatten(2));
    assert_eq!(orders(&rig).len(), before);
    later(&mut rig, SECOND);
    push(&mut rig, listed(0));
    assert_eq!(orders(&rig).len(), before + 1);
}

#[test]
fn flatten_stops_when_a_person_takes_it_back_or_two_release_the_kill() {
    for release in [false, true] {
        let mut rig = holding(&closing(true), 500);
        push(&mut rig, request(7, 0, ControlAction::Kill, Scope::Overall));
        let before = emptied(&mut rig);
        assert_eq!(orders(&rig).len(), before + 1);
        if release {
            push(
                &mut rig,
                request(8, 0, ControlAction::Release, Scope::Overall),
            );
            push(&mut rig, approval(9, 1, 8));
        } else {
            let back = request(8, 1, ControlAction::Withdraw, Scope::Overall);
            push(&mut rig, change(back, |body| body.target = 7));
            assert_eq!(answer(&rig, 8).0, NoticeCode::ChangeWithdrawn);
        }
        assert_eq!(last(&rig, NoticeCode::FlattenStopped).unwrap().other, 7);
        let id = orders(&rig)[before].client_id;
        ended(&mut rig, id);
        later(&mut rig, SECOND);
        let more = orders(&rig)[before + 1..].to_vec();
        assert!(more.iter().all(|order| order.reduce_only == Flag::No));
        assert_eq!(more.is_empty(), !release, "{more:?}");
    }
}

#[test]
fn flatten_leaves_what_the_venue_does_not_take_and_says_so() {
    // One lot is worth 0.1 of quote; the venue takes 5 and more.
    let mut rig = holding(&closing(true), 1);
    push(&mut rig, request(1, 0, ControlAction::Kill, Scope::Overall));
    let before = emptied(&mut rig);
    push(&mut rig, tick());
    assert_eq!(orders(&rig).len(), before);
    let rest = last(&rig, NoticeCode::FlattenRest).unwrap();
    assert_eq!((rest.qty, rest.level), (Lots(1), NoticeLevel::Hard));
    let flat = last(&rig, NoticeCode::Flat).unwrap();
    assert_eq!((flat.level, flat.threshold), (NoticeLevel::Hard, 1));
}

#[test]
fn flatten_waits_for_a_fresh_book_and_begins_anew_after_a_restart() {
    let config = closing(true);
    let mut rig = holding(&config, 500);
    push(&mut rig, request(1, 0, ControlAction::Kill, Scope::Overall));
    rig.pass(10 * SECOND);
    let before = emptied(&mut rig);
    assert_eq!(orders(&rig).len(), before, "no price to sell at");
    assert!(codes(&rig).contains(&NoticeCode::ExitRetried));
    later(&mut rig, SECOND);
    assert_eq!(orders(&rig).len(), before + 1);
    let command = *rig.commands.last().unwrap();
    push(&mut rig, sent(&command));
    let id = orders(&rig)[before].client_id;
    let journaled = rig.machine.commands_decided();
    rig.start(&config, journaled);
    ended(&mut rig, id);
    later(&mut rig, SECOND);
    let before = orders(&rig).len();
    push(&mut rig, listed(0));
    later(&mut rig, SECOND);
    push(&mut rig, listed(0));
    later(&mut rig, SECOND);
    let again = orders(&rig)[before..].to_vec();
    assert_eq!(again.len(), 1, "{again:?}");
    assert_eq!((again[0].side, again[0].qty), (Side::Sell, Lots(500)));
}

#[test]
fn flatten_ends_where_a_last_line_that_latched_itself_lets_nothing_pass() {
    let mut rig = holding(&closing(true), 500);
    push(&mut rig, request(1, 0, ControlAction::Kill, Scope::Overall));
    let before = emptied(&mut rig);
    let command = *rig.commands.last().unwrap();
    let mut failed = kit::send_failed(&command);
    let body = OrderReport::try_mut_from_bytes(&mut failed.body).unwrap();
    (body.reason, body.code) = (RejectReason::LastLine, LastLineStop::Latched.code());
    push(&mut rig, failed);
    assert_eq!(last(&rig, NoticeCode::FlattenStopped).unwrap().other, 1);
    later(&mut rig, SECOND);
    assert_eq!(orders(&rig).len(), before + 1);
    assert_eq!(lots(&rig), 500);
}
