//! What risk never does, whatever happens: approve an order under a kill, starve what reduces.
//! Random histories by proptest, seeded by `SEED`; the longer form runs with `RUN_SLOW_TESTS=1`.

use std::cell::Cell;
use std::collections::BTreeSet;

use engine::machine::{Action, LevelConfig, Place, PriceSource, Trigger, TriggerKind};
use model::body::{ControlAction, OrderStatus, OrderType, RefusalReason, RejectReason, Side};
use model::command::{CommandView, command};
use model::control::{Control, Scope};
use model::event::{Event, event};
use model::ids::{AccountId, ClientOrderId, StrategyId, VenueId};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::kit::{ACCOUNT, INSTRUMENT, SECOND, approval, fill, report, request, sent, tick};
use crate::limits::{Desk, desk, sell};

const SEED: u64 = 20_261_123;

fn runner(cases: u32) -> TestRunner {
    let slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    TestRunner::new(Config {
        cases: if slow { 40 * cases } else { cases },
        rng_seed: RngSeed::Fixed(SEED),
        failure_persistence: None,
        ..Config::default()
    })
}

const SCOPES: [Scope; 6] = [
    Scope::Overall,
    Scope::Venue(VenueId(0)),
    Scope::Account(ACCOUNT),
    Scope::Strategy(StrategyId(0)),
    Scope::Strategy(StrategyId(1)),
    Scope::Instrument(INSTRUMENT),
];

/// One step of a history.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Strategy, side, lots, ticks from the middle, and what kind of order.
    Place(u16, Side, i64, i64, u8),
    /// Of an order that was asked for: another one, a smaller one, none.
    Replace(usize, i64, i64),
    Amend(usize, i64),
    Cancel(usize),
    /// The venue answers the oldest command: yes, no, filled, not sent.
    Answer(u8),
    /// The book moves by ticks.
    Market(i64),
    Kill(usize),
    Release(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let side = || prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let place = (0_u16..2, side(), 60_i64..2_000, -900_i64..900, 0_u8..5)
        .prop_map(|(who, side, qty, away, kind)| Step::Place(who, side, qty, away, kind));
    prop_oneof![
        8 => place,
        2 => (any::<usize>(), 60_i64..2_000, -900_i64..900)
            .prop_map(|(which, qty, away)| Step::Replace(which, qty, away)),
        2 => (any::<usize>(), 1_i64..3_000).prop_map(|(which, qty)| Step::Amend(which, qty)),
        1 => any::<usize>().prop_map(Step::Cancel),
        8 => (0_u8..6).prop_map(Step::Answer),
        4 => (-600_i64..600).prop_map(Step::Market),
        1 => (0..SCOPES.len()).prop_map(Step::Kill),
        2 => (0..SCOPES.len()).prop_map(Step::Release),
        2 => (0..3 * SECOND).prop_map(Step::Wait),
    ]
}

/// A desk, what it killed, and what came of it.
struct Court {
    desk: Desk,
    killed: BTreeSet<usize>,
    waiting: Vec<Record>,
    asked: Vec<(u16, ClientOrderId)>,
    numbers: u64,
    middle: i64,
    /// Orders approved while nothing, and while something was killed.
    approved: [u64; 2],
    wrong: Option<String>,
}

impl Court {
    fn new() -> Self {
        let desk = desk(|config| {
            config.limits.orders.open_orders_max = 200;
            config.limits.open_orders_max = 200;
            config.limits.orders.collar_bps = 1_000;
            config.limits.book_age_max_ns = 3_600 * SECOND;
        });
        Self {
            desk,
            killed: BTreeSet::new(),
            waiting: Vec::new(),
            asked: Vec::new(),
            numbers: 0,
            middle: 1_000_000,
            approved: [0; 2],
            wrong: None,
        }
    }

    fn covers(&self, strategy: Option<StrategyId>) -> bool {
        self.killed.iter().any(|scope| match SCOPES[*scope] {
            Scope::Strategy(own) => strategy == Some(own),
            Scope::Overall | Scope::Venue(_) | Scope::Account(_) | Scope::Instrument(_) => true,
        })
    }

    /// An event, and what risk tells at it as events, until it tells nothing.
    fn event(&mut self, record: Record) {
        let mut events = vec![record];
        while !events.is_empty() {
            let next = events.remove(0);
            self.desk.event(next);
            self.judge();
            events.extend(self.desk.out.refusals.clone());
        }
    }

    fn judge(&mut self) {
        let commands: Vec<Record> = self.desk.out.commands.iter().map(|c| *c.as_ref()).collect();
        for record in commands {
            let wrong = match command(&record).unwrap() {
                CommandView::NewOrder(_) | CommandView::ReplaceOrder(_) => {
                    self.approved[usize::from(!self.killed.is_empty())] += 1;
                    self.covers(record.strategy())
                }
                CommandView::AmendOrder(amend) => {
                    let id = ClientOrderId::from_raw(amend.client_id).unwrap();
                    let order = self.desk.risk.orders().get(id).unwrap();
                    amend.qty >= order.qty
                }
                CommandView::CancelOrder(_)
                | CommandView::CancelAll(_)
                | CommandView::QueryOrder(_)
                | CommandView::QueryOpenOrders(_)
                | CommandView::Latch(_) => false,
            };
            if wrong {
                let killed: Vec<Scope> = self.killed.iter().map(|scope| SCOPES[*scope]).collect();
                self.wrong = Some(format!("{record:?} under {killed:?}"));
            }
            self.waiting.push(record);
        }
    }

    fn place(&mut self, strategy: u16, side: Side, qty: i64, away: i64, kind: u8) {
        let price = Ticks(self.middle + away * 10);
        let id = self.desk.wish(strategy, |place: &mut Place| {
            place.side = side;
            place.qty = Lots(qty);
            place.price = price;
            match kind {
                0 => {
                    place.order_type = OrderType::Market;
                    place.time_in_force = model::body::TimeInForce::Ioc;
                }
                1 => place.reduce_only = true,
                2 => {
                    place.trigger = Some(Trigger {
                        source: PriceSource::Mid,
                        kind: TriggerKind::Stop { level: price },
                    });
                }
                _ => {}
            }
        });
        self.asked.push((strategy, id));
        self.event(tick());
    }

    fn known(&self, which: usize) -> Option<(u16, ClientOrderId)> {
        let count = self.asked.len();
        (count > 0).then(|| self.asked[which % count])
    }

    fn answer(&mut self, how: u8) {
        if self.waiting.is_empty() {
            return;
        }
        let command = self.waiting.remove(0);
        let id = model::command::command(&command).unwrap().client_id();
        let said = |kind, status| report(kind, id, status, 0, RejectReason::None);
        if command.kind() != Some(Kind::NewOrder) {
            self.event(sent(&command));
            if command.kind() == Some(Kind::CancelOrder) {
                self.event(said(Kind::OrderCancelled, OrderStatus::Cancelled));
            }
            return;
        }
        let order = crate::kit::new_order(&command);
        match how {
            0 => self.event(crate::kit::send_failed(&command)),
            1 => {
                self.event(sent(&command));
                self.event(said(Kind::OrderRejected, OrderStatus::Rejected));
            }
            2 | 3 => {
                self.event(sent(&command));
                self.event(said(Kind::OrderAcked, OrderStatus::Open));
                self.numbers += 1;
                let price = order.price.0;
                self.event(fill(id, self.numbers, order.side, price, order.qty.0));
            }
            _ => {
                self.event(sent(&command));
                self.event(said(Kind::OrderAcked, OrderStatus::Open));
            }
        }
    }

    fn market(&mut self, moved: i64) {
        self.middle = (self.middle + moved * 10).clamp(800_000, 1_200_000);
        let whole = model::record::flags::LAST_OF_MESSAGE | model::record::flags::SNAPSHOT;
        let middle = self.middle;
        let changes = [
            (Side::Buy, middle - 1, 50_000),
            (Side::Sell, middle + 1, 50_000),
        ];
        self.event(crate::kit::reset(1, 1));
        self.event(crate::kit::levels(1, whole, &changes));
    }

    fn ask(&mut self, person: u16, action: ControlAction, scope: usize) -> u64 {
        self.numbers += 1;
        // By its number, too, should a proposal of an earlier step be open.
        let number = 1_000_000 + self.numbers;
        self.event(request(number, person, action, SCOPES[scope]));
        number
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Place(who, side, qty, away, kind) => self.place(who, side, qty, away, kind),
            Step::Replace(which, qty, away) => {
                let Some((who, cancel)) = self.known(which) else {
                    return;
                };
                let price = self.middle + away * 10;
                let next = self.desk.wish(who, sell(qty, price));
                let Some(intent) = self.desk.wishes.pop() else {
                    return;
                };
                if let Action::Place(mut place) = intent.action {
                    let side = self.desk.risk.orders().get(cancel).map(|order| order.side);
                    place.side = side.unwrap_or(place.side);
                    self.desk.ask(who, Action::Replace { cancel, place });
                    self.asked.push((who, next));
                }
                self.event(tick());
            }
            Step::Amend(which, qty) => {
                if let Some((who, client_id)) = self.known(which) {
                    let qty = Lots(qty);
                    self.desk.ask(who, Action::Amend { client_id, qty });
                    self.event(tick());
                }
            }
            Step::Cancel(which) => {
                if let Some((who, client_id)) = self.known(which) {
                    self.desk.ask(who, Action::Cancel { client_id });
                    self.event(tick());
                }
            }
            Step::Answer(how) => self.answer(how),
            Step::Market(moved) => self.market(moved),
            Step::Kill(scope) => {
                // The kill holds from its own event on.
                self.killed.insert(scope);
                self.ask(0, ControlAction::Kill, scope);
            }
            Step::Release(scope) => {
                let proposal = self.ask(0, ControlAction::Release, scope);
                self.killed.remove(&scope);
                self.numbers += 1;
                self.event(approval(1_000_000 + self.numbers, 1, proposal));
            }
            Step::Wait(ns) => {
                self.desk.now += ns;
                self.event(tick());
            }
        }
    }
}

#[test]
fn killed_scope_never_approves_an_order_whatever_is_asked_for() {
    let approved = Cell::new([0; 2]);
    let history = proptest::collection::vec(step(), 1..150);
    runner(200)
        .run(&history, |steps| {
            let mut court = Court::new();
            for step in steps {
                court.take(step);
                prop_assert!(court.wrong.is_none(), "{:?}", court.wrong);
            }
            let [free, beside] = approved.get();
            approved.set([free + court.approved[0], beside + court.approved[1]]);
            Ok(())
        })
        .unwrap();
    let approved = approved.get();
    assert!(approved[0] > 200, "{approved:?}: orders without a kill");
    assert!(approved[1] > 20, "{approved:?}: orders beside a kill");
}

/// Sends what was approved, and the venue takes it or gives it back.
fn settle(desk: &mut Desk, placed: bool) {
    let commands: Vec<Record> = desk.out.commands.iter().map(|c| *c.as_ref()).collect();
    for command in commands {
        desk.event(sent(&command));
        let id = model::command::command(&command).unwrap().client_id();
        let (kind, status) = if placed {
            (Kind::OrderAcked, OrderStatus::Open)
        } else {
            (Kind::OrderCancelled, OrderStatus::Cancelled)
        };
        desk.event(report(kind, id, status, 0, RejectReason::None));
    }
}

#[derive(Debug, Clone, Copy)]
struct Rates {
    rate: u32,
    burst: u32,
    reserved: u32,
    /// Whether the same holds for a scope, too.
    scope: usize,
}

fn rates() -> impl Strategy<Value = Rates> {
    (5_u32..200, 20_u32..120, 4_u32..40, 0_usize..4).prop_map(|(rate, burst, reserved, scope)| {
        Rates {
            rate,
            burst,
            reserved: reserved.min(burst / 2),
            scope,
        }
    })
}

fn with_rates(rates: Rates) -> Desk {
    let scopes = [
        Scope::Venue(VenueId(0)),
        Scope::Account(AccountId(0)),
        Scope::Strategy(StrategyId(0)),
    ];
    desk(|config| {
        config.limits.orders.open_orders_max = 1_024;
        config.limits.open_orders_max = 1_024;
        config.limits.book_age_max_ns = 3_600 * SECOND;
        config.limits.messages_per_second = rates.rate;
        config.limits.messages_burst = rates.burst;
        config.limits.messages_reserved = rates.reserved;
        if let Some(scope) = scopes.get(rates.scope) {
            let level = |control, hard: u32| LevelConfig {
                control,
                scope: *scope,
                soft: None,
                hard: i64::from(hard),
            };
            config.control.levels = vec![
                level(Control::MessageRate, rates.rate),
                level(Control::MessageBurst, rates.burst),
                level(Control::MessageReserve, rates.reserved),
            ];
        }
    })
}

/// One round: opens until some are refused, then half of the reserve in reductions and the other
/// half in cancels. How many that open were refused.
fn round(desk: &mut Desk, rates: Rates, opens: u32, open: &mut Vec<ClientOrderId>) -> u64 {
    let mut refused = 0;
    for at in 0..opens {
        let id = desk.wish(0, |place| place.price = Ticks(992_000 + i64::from(at)));
        match desk.verdict() {
            Ok(_) => {
                settle(desk, true);
                open.push(id);
            }
            Err((reason, ..)) => {
                assert_eq!(reason, RefusalReason::MessageRate);
                refused += 1;
            }
        }
    }
    for _ in 0..rates.reserved / 2 {
        assert_eq!(desk.place(sell(60, 1_001_000)), Ok(1), "a reduction");
        let Ok(Some(id)) = command(desk.out.commands[0].as_ref())
            .map(|command| ClientOrderId::from_raw(command.client_id()))
        else {
            panic!("an order");
        };
        settle(desk, true);
        open.push(id);
    }
    for _ in 0..rates.reserved / 2 {
        let client_id = open.remove(0);
        desk.ask(0, Action::Cancel { client_id });
        assert_eq!(desk.verdict(), Ok(1), "a cancel");
        settle(desk, false);
    }
    refused
}

#[test]
fn cancels_and_reductions_are_never_starved_whatever_traffic_there_is() {
    let refused = Cell::new(0);
    let traffic = (
        rates(),
        proptest::collection::vec((0_u32..150, 0..SECOND), 1..6),
    );
    runner(24)
        .run(&traffic, |(rates, rounds)| {
            let mut desk = with_rates(rates);
            let bought = desk.open(|place| place.qty = Lots(50_000));
            desk.event(fill(bought.raw(), 1, Side::Buy, 999_000, 50_000));
            let mut open = Vec::new();
            while open.len() < 40 {
                desk.now += SECOND;
                open.push(desk.open(|place| place.price = Ticks(991_000)));
            }
            for (opens, pause) in rounds {
                // Long enough for the reserve that was used to come back; no more is promised.
                let back = u64::from(rates.reserved + 2) * SECOND / u64::from(rates.rate);
                desk.now += back + pause;
                let more = round(&mut desk, rates, opens, &mut open);
                refused.set(refused.get() + more);
            }
            Ok(())
        })
        .unwrap();
    assert!(refused.get() > 200, "{refused:?}: the rate binds");
}

#[test]
fn killed_scope_refuses_with_the_scope_that_holds_it() {
    for (number, scope) in SCOPES.into_iter().enumerate() {
        let mut court = Court::new();
        court.take(Step::Kill(number));
        court.place(0, Side::Buy, 1_000, -100, 3);
        let told = |record: &Record| match event(record) {
            Ok(Event::RiskRefused(refusal)) => Some((refusal.scope, refusal.scope_id)),
            _ => None,
        };
        let mut desk = court.desk;
        desk.wish(0, |_| {});
        desk.event(tick());
        let refused = desk.out.refusals.iter().find_map(told);
        let foreign = scope == Scope::Strategy(StrategyId(1));
        let expected = (!foreign).then_some((scope.kind(), scope.id()));
        assert_eq!(refused, expected);
    }
}
