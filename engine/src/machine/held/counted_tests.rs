//! The sums over held orders equal a walk over them and the orders at the venue, after any random
//! history.

use std::collections::BTreeMap;

use super::entry::{Held, HeldEnd, Phase};
use super::table::HeldOrders;
use super::terms::{Link, PriceSource, Size, Trigger, TriggerKind};
use super::watch::Watch;
use crate::machine::Place;
use crate::machine::orders::sums::{Pending, Sum, Terms};
use crate::machine::orders::{Fact, NewlyApproved, Order, Orders, When};
use model::body::{OrderType, Side, TimeInForce};
use model::control::Scope;
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId, VenueId};
use model::num::{Lots, Scale, Ticks};
use proptest::prelude::*;
use rust_decimal::Decimal;

const INSTRUMENTS: u32 = 3;
const STRATEGIES: u16 = 2;
const IDS: u32 = 12;

fn terms() -> Vec<Option<Terms>> {
    let steps = (Scale::new(1, 2).unwrap(), Scale::new(1, 3).unwrap());
    let one = |id| Terms::new(VenueId((id % 2) as u8), (0, 1), steps);
    (0..INSTRUMENTS).map(|id| Some(one(id))).collect()
}

/// Held orders have the first numbers, their orders at the venue those behind.
fn id(counter: u32) -> ClientOrderId {
    ClientOrderId::new(1, Some(StrategyId(counter as u16 % STRATEGIES)), counter).unwrap()
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Hold { lots: i64, traits: u16 },
    Go,
    Fill(i64),
    Shrink(i64),
    Report(i64),
    Learn(u8),
    Price(i64),
    Finish,
    LearnAll,
}

fn change() -> impl Strategy<Value = (u32, Change)> {
    let any = prop_oneof![
        5 => (1_i64..100, any::<u16>()).prop_map(|(lots, traits)| Change::Hold { lots, traits }),
        5 => Just(Change::Go),
        4 => (1_i64..60).prop_map(Change::Fill),
        1 => (1_i64..60).prop_map(Change::Shrink),
        1 => (1_i64..60).prop_map(Change::Report),
        4 => (1_u8..10).prop_map(Change::Learn),
        3 => (90_i64..110).prop_map(Change::Price),
        1 => Just(Change::Finish),
        1 => Just(Change::LearnAll),
    ];
    (1..=IDS, any)
}

struct World {
    held: HeldOrders,
    orders: Orders,
    next: u32,
    now: u64,
}

impl World {
    fn hold(&mut self, counter: u32, lots: i64, traits: u16) {
        let bit = |bit: u16| traits >> bit & 1 == 1;
        let name = id(counter);
        // An id is used once: not while children of an earlier one live.
        let named = |held: &Held| held.id == name || held.parent() == Some(name);
        if self.held.iter().any(named) || !self.held.has_room() {
            return;
        }
        let group = u64::from(traits >> 2 & 3) % 3;
        let strategy = name.strategy().unwrap();
        // All of a group are for one quantity of one instrument.
        let (instrument, lots) = match group {
            0 => (u32::from(traits >> 4 & 3) % INSTRUMENTS, lots),
            group => (group as u32, 50),
        };
        let parent = (bit(6) && counter > 2).then(|| id(counter - 2));
        let parent = parent.filter(|parent| self.held.get(*parent).is_some());
        let level = Ticks(95 + lots % 10);
        let (kind, source) = (TriggerKind::Stop { level }, PriceSource::Last);
        let place = Place {
            client_id: name,
            instrument: InstrumentId(instrument),
            side: if bit(0) { Side::Buy } else { Side::Sell },
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            price: Ticks(100),
            qty: Lots(lots),
            tag: 0,
            reduce_only: bit(1),
            trigger: Some(Trigger { kind, source }),
            good_till_ns: None,
            link: Some(Link { parent, group }),
            size: Size::Exact,
            acknowledges: None,
        };
        let mut new = Held {
            id: name,
            strategy,
            instrument: place.instrument,
            account: AccountId(u16::from(bit(7))),
            place,
            lot_value: Decimal::new(i64::from(traits), 2),
            watch: place.trigger.map(|on| Watch::new(on, place.side)),
            phase: if parent.is_some() {
                Phase::Dormant
            } else {
                Phase::Armed
            },
            released: if parent.is_some() {
                Lots::ZERO
            } else {
                place.qty
            },
            taken: Lots::ZERO,
            filled: Lots::ZERO,
            ending: None,
            again: false,
            escalated: false,
            since_ns: self.now,
            retry_ns: self.now,
            told: 0,
            behind: None,
        };
        let of_group = |held: &&Held| held.group().is_some() && held.group() == new.group();
        let other = self.held.iter().find(of_group).copied();
        if let Some(other) = other {
            new.taken = Lots(other.taken.0 + other.filled.0);
            new.account = other.account;
        }
        self.held.insert(new);
        if let Some(parent) = parent {
            self.held.learn(Some(parent), &self.orders, self.now);
        }
    }

    /// As risk lets one go that triggered.
    fn go(&mut self, counter: u32) {
        let Some(held) = self.held.get(id(counter)).copied() else {
            return;
        };
        let open = held.open();
        if held.phase != Phase::Going || open == Lots::ZERO || self.held.is_blocked(&held) {
            return;
        }
        self.next += 1;
        let number = IDS * 2 + self.next * u32::from(STRATEGIES) + counter % u32::from(STRATEGIES);
        let order = id(number);
        let place = Place {
            client_id: order,
            qty: open,
            ..held.place
        };
        let about = NewlyApproved {
            instrument: held.instrument,
            account: held.account,
            strategy: held.strategy,
            command: 1,
            replaces: None,
            lot_value: held.lot_value / Decimal::TWO,
            now_ns: self.now,
        };
        assert!(self.orders.insert(Order::new(&place, about)));
        self.held.change(held.id, |held| {
            let before = held.filled;
            held.phase = Phase::Working {
                order,
                before,
                qty: open,
            };
        });
    }

    /// Something happens to the order at the venue of a held one, or of a parent.
    fn venue(&mut self, counter: u32, what: impl FnOnce(&mut Order)) {
        let order = self.held.get(id(counter)).and_then(Held::working);
        if let Some(order) = order
            && self.orders.update(order, what).is_some()
        {
            self.held.learn(Some(order), &self.orders, self.now);
        }
    }

    fn happen(&mut self, counter: u32, change: Change) {
        self.now += 1_000_000_000;
        let now = self.now;
        let when = When {
            event: now,
            time_ns: now,
        };
        match change {
            Change::Hold { lots, traits } => self.hold(counter, lots, traits),
            Change::Go => self.go(counter),
            Change::Fill(lots) => self.venue(counter, |order| {
                let left = order.qty.0 - order.filled.0;
                if left > 0 {
                    order.fill(Lots(lots.min(left)), when);
                }
            }),
            Change::Shrink(lots) => self.venue(counter, |order| order.sized(Lots(lots))),
            Change::Report(lots) => self.venue(counter, |order| {
                order.reported = order.reported.max(Lots(lots).min(order.qty));
            }),
            Change::Learn(code) => self.venue(counter, |order| {
                order.learn(Fact::ALL[usize::from(code) % Fact::ALL.len()], now);
            }),
            Change::Price(price) => {
                let on = InstrumentId(counter % INSTRUMENTS);
                self.held.see(on, PriceSource::Last, price * 2, now, |_| {});
                while let Some(order) = self.held.next_cancel() {
                    self.orders
                        .update(order, |order| order.cancel_wanted = true);
                }
            }
            Change::Finish => self.held.finish(id(counter), HeldEnd::Asked, 0),
            Change::LearnAll => self.held.learn(None, &self.orders, now),
        }
        while self.held.first_ended().is_some() {
            self.held.forget_ended();
        }
        self.held.recount(&self.orders);
    }

    /// The oracle: what each unit may become, from the orders' own fields.
    fn walk(&self) -> Vec<(Held, Sum, Pending)> {
        let mut units: BTreeMap<(u16, u64, u64), Vec<Held>> = BTreeMap::new();
        for held in self.held.iter() {
            let group = held.place.link.unwrap().group;
            let alone = if group == 0 { held.id.raw() } else { 0 };
            let unit = units.entry((held.strategy.0, group, alone)).or_default();
            unit.push(*held);
        }
        let of_unit = |members: Vec<Held>| {
            let (mut sum, mut pending) = (Sum::default(), Pending::default());
            let mut live = None;
            for held in &members {
                live = live.or(held.working().and_then(|order| self.orders.get_live(order)));
                let lots = self.left(held);
                if lots > 0 {
                    sum.orders = 1;
                }
                let value = crate::machine::orders::sums::value(held.lot_value, lots);
                sum.value = sum.value.max(value);
                match (held.place.reduce_only, held.place.side) {
                    (true, _) => {}
                    (false, Side::Buy) => pending.buys = pending.buys.max(lots),
                    (false, Side::Sell) => pending.sells = pending.sells.max(lots),
                }
            }
            if let Some(order) = live {
                let lots = order.exposure().0;
                sum.orders = 0;
                sum.value -= crate::machine::orders::sums::value(order.lot_value, lots);
                sum.value = sum.value.max(0);
                match order.side {
                    Side::Buy => pending.buys = (pending.buys - lots).max(0),
                    Side::Sell => pending.sells = (pending.sells - lots).max(0),
                }
            }
            (members[0], sum, pending)
        };
        units.into_values().map(of_unit).collect()
    }

    fn left(&self, held: &Held) -> i64 {
        let parent = held.place.link.and_then(|link| link.parent);
        let may_grow = parent.is_none_or(|parent| {
            let order = self.orders.get(parent);
            self.held.get(parent).is_some() || order.is_some_and(|order| !order.is_settled())
        });
        let most = if may_grow {
            held.place.qty.0
        } else {
            held.place.qty.0.min(held.released.0)
        };
        match held.ending {
            Some(_) => 0,
            None => (most - held.taken.0 - held.filled.0).max(0),
        }
    }

    fn compare(&self) {
        let (sums, units) = (self.held.sums(), self.walk());
        let total = |of: &dyn Fn(&Held) -> bool| {
            let (mut sum, mut pending) = (Sum::default(), Pending::default());
            for (held, unit, lots) in units.iter().filter(|(held, ..)| of(held)) {
                let _ = held;
                sum = sum.and(unit);
                pending.buys += lots.buys;
                pending.sells += lots.sells;
            }
            (sum, pending)
        };
        assert_eq!(*sums.at(Scope::Overall), total(&|_| true).0);
        for venue in (0..2).map(VenueId) {
            let of = |held: &Held| held.instrument.0 % 2 == u32::from(venue.0);
            assert_eq!(*sums.at(Scope::Venue(venue)), total(&of).0);
        }
        for account in (0..2).map(AccountId) {
            let of = |held: &Held| held.account == account;
            assert_eq!(*sums.at(Scope::Account(account)), total(&of).0);
            for instrument in (0..INSTRUMENTS).map(InstrumentId) {
                let of = |held: &Held| held.account == account && held.instrument == instrument;
                assert_eq!(sums.pending(account, instrument), total(&of).1);
            }
        }
        for strategy in (0..STRATEGIES).map(StrategyId) {
            let of = |held: &Held| held.strategy == strategy;
            assert_eq!(*sums.at(Scope::Strategy(strategy)), total(&of).0);
            for instrument in (0..INSTRUMENTS).map(InstrumentId) {
                let of = |held: &Held| held.strategy == strategy && held.instrument == instrument;
                assert_eq!(sums.strategy_pending(strategy, instrument), total(&of).1);
                let of = |held: &Held| held.instrument == instrument;
                assert_eq!(*sums.at(Scope::Instrument(instrument)), total(&of).0);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if std::env::var_os("RUN_SLOW_TESTS").is_some() { 20_000 } else { 300 },
        rng_seed: proptest::test_runner::RngSeed::Fixed(410),
        ..ProptestConfig::default()
    })]

    /// Seed 410.
    #[test]
    fn prop_held_sums_equal_a_walk_over_held_orders_and_those_at_the_venue(
        changes in prop::collection::vec(change(), 1..120)
    ) {
        let mut world = World {
            held: HeldOrders::default(),
            orders: Orders::new(2_048, 8),
            next: 0,
            now: 0,
        };
        world.held.count_over(terms(), 2, &world.orders);
        let mut seen = 0;
        for (counter, change) in changes {
            world.happen(counter, change);
            world.compare();
            seen = seen.max(world.held.len());
        }
        // Counted anew, as after a restart, they are the same.
        world.held.count_over(terms(), 2, &world.orders);
        world.compare();
        prop_assert!(seen <= IDS as usize);
    }
}
