//! The running sums equal a walk over all orders, after any random history.

use super::sums::{Footprint, Pending, Sum, Sums, Terms};
use super::*;
use crate::machine::Place;
use model::body::{OrderType, Side, TimeInForce};
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId, VenueId};
use model::num::{Lots, Scale, Ticks};
use proptest::prelude::*;
use rust_decimal::Decimal;

const INSTRUMENTS: u32 = 4;
const ACCOUNTS: u16 = 3;
const STRATEGIES: u16 = 3;
/// Base and quote assets: two of each.
const ASSETS: usize = 4;
const IDS: u32 = 24;

fn terms() -> Vec<Option<Terms>> {
    (0..INSTRUMENTS)
        .map(|id| {
            let assets = ((id % 2) as u16, 2 + (id / 2) as u16);
            let steps = (Scale::new(1, 2).unwrap(), Scale::new(1, 3).unwrap());
            Some(Terms::new(VenueId((id % 2) as u8), assets, steps))
        })
        .collect()
}

fn id(counter: u32) -> ClientOrderId {
    ClientOrderId::new(1, Some(StrategyId(counter as u16 % STRATEGIES)), counter).unwrap()
}

/// What happens to one of the orders.
#[derive(Debug, Clone, Copy)]
enum Change {
    Insert { lots: i64, value: i64, traits: u8 },
    Fill(i64),
    Learn(u8),
    Shrink(i64),
    Disconnect,
    Hear,
}

fn change() -> impl Strategy<Value = (u32, Change)> {
    let any = prop_oneof![
        4 => (1_i64..1 << 50, 0_i64..1 << 60, any::<u8>())
            .prop_map(|(lots, value, traits)| Change::Insert { lots, value, traits }),
        4 => (1_i64..1 << 30).prop_map(Change::Fill),
        4 => (0_u8..10).prop_map(Change::Learn),
        2 => (1_i64..1 << 40).prop_map(Change::Shrink),
        1 => Just(Change::Disconnect),
        1 => Just(Change::Hear),
    ];
    (1..=IDS, any)
}

fn insert(orders: &mut Orders, counter: u32, (lots, value, traits): (i64, i64, u8), event: u64) {
    let bit = |bit: u8| traits >> bit & 1 == 1;
    let place = Place {
        client_id: id(counter),
        instrument: InstrumentId(0),
        side: if bit(0) { Side::Buy } else { Side::Sell },
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        price: Ticks(100 + i64::from(traits)),
        qty: Lots(lots),
        tag: 0,
        reduce_only: bit(1),
        trigger: None,
        good_till_ns: None,
        link: None,
        size: crate::machine::held::Size::Exact,
        acknowledges: None,
    };
    let about = NewlyApproved {
        instrument: InstrumentId(u32::from(traits >> 2) % INSTRUMENTS),
        account: AccountId(u16::from(traits >> 4) % ACCOUNTS),
        strategy: StrategyId(counter as u16 % STRATEGIES),
        command: event,
        replaces: None,
        lot_value: Decimal::new(value, 9),
        now_ns: event,
    };
    orders.insert(Order::new(&place, about));
}

fn happen(orders: &mut Orders, (counter, change): (u32, Change), event: u64) {
    let when = When {
        event,
        time_ns: event * 1_000_000_000,
    };
    let fact = |code: u8| match code {
        0 => Fact::Approved,
        1 => Fact::Sent,
        2 => Fact::OutcomeUnknown,
        3 => Fact::NotSent,
        4 => Fact::Exists,
        5 => Fact::AbsenceProven,
        6 => Fact::Rejected,
        7 => Fact::Expired,
        8 => Fact::Cancelled,
        _ => Fact::FilledWhole,
    };
    match change {
        Change::Insert {
            lots,
            value,
            traits,
        } => insert(orders, counter, (lots, value, traits), event),
        Change::Disconnect => orders.update_live(|order| order.disconnect(event)),
        Change::Fill(lots) => {
            orders.update(id(counter), |order| order.fill(Lots(lots), when));
        }
        Change::Learn(code) => {
            orders.update(id(counter), |order| order.learn(fact(code), when.time_ns));
        }
        Change::Shrink(lots) => {
            orders.update(id(counter), |order| {
                order.qty = order.qty.min(Lots(lots));
                order.settle();
            });
        }
        Change::Hear => {
            orders.update(id(counter), |order| order.doubt(event));
        }
    }
}

/// The oracle: a walk over every live order, one limit after the other.
fn walk(orders: &Orders) -> Sums {
    let mut sums = Sums::open(terms(), usize::from(ACCOUNTS), ASSETS);
    for order in orders.live() {
        sums.change(None, Footprint::of(order).as_ref());
    }
    sums
}

/// As [`walk`], from the orders' own fields only.
fn count(orders: &Orders, of: impl Fn(&Order) -> bool) -> (Sum, Pending) {
    let (mut sum, mut pending) = (Sum::default(), Pending::default());
    for order in orders.live().filter(|order| of(order)) {
        let lots = order.qty.0 - order.filled.0.min(order.qty.0);
        let exposed = order.exposure().0;
        assert!(
            exposed >= lots,
            "{order:?}: the worst case is not below what is open"
        );
        let exposed = exposed.min(1 << 48);
        let value = super::sums::value(order.lot_value, exposed);
        sum.orders += 1;
        sum.value += value;
        if order.state == OrderState::Unknown {
            sum.unknown += 1;
            sum.unknown_value += value;
        }
        sum.unconfirmed += u32::from(!order.confirmed);
        match order.side {
            Side::Buy => pending.buys += exposed,
            Side::Sell => pending.sells += exposed,
        }
    }
    (sum, pending)
}

fn compare(orders: &Orders) {
    let sums = orders.sums();
    assert_eq!(
        *sums.at(model::control::Scope::Overall),
        count(orders, |_| true).0
    );
    for venue in (0..2).map(VenueId) {
        let of = |order: &Order| order.instrument.0 % 2 == u32::from(venue.0);
        assert_eq!(sums.venue(venue), count(orders, of).0);
    }
    for strategy in (0..STRATEGIES).map(StrategyId) {
        let of = |order: &Order| order.strategy == Some(strategy);
        assert_eq!(
            *sums.at(model::control::Scope::Strategy(strategy)),
            count(orders, of).0
        );
    }
    let walked = walk(orders);
    for instrument in (0..INSTRUMENTS).map(InstrumentId) {
        let of = |order: &Order| order.instrument == instrument;
        assert_eq!(
            *sums.at(model::control::Scope::Instrument(instrument)),
            count(orders, of).0
        );
        for strategy in (0..STRATEGIES).map(StrategyId) {
            let own = |order: &Order| of(order) && order.strategy == Some(strategy);
            let pending = sums.strategy_pending(strategy, instrument);
            assert_eq!(pending, count(orders, own).1);
        }
        for account in (0..ACCOUNTS).map(AccountId) {
            let own = |order: &Order| of(order) && order.account == account;
            assert_eq!(sums.pending(account, instrument), count(orders, own).1);
            assert_eq!(
                sums.account(account),
                count(orders, |order| order.account == account).0
            );
            for side in [Side::Buy, Side::Sell] {
                let reserved = |sums: &Sums| sums.reserved(account, instrument, side, (1, 1));
                assert_eq!(reserved(sums), reserved(&walked));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if std::env::var_os("RUN_SLOW_TESTS").is_some() { 5_000 } else { 100 },
        rng_seed: proptest::test_runner::RngSeed::Fixed(4),
        ..ProptestConfig::default()
    })]

    /// Seed 4.
    #[test]
    fn prop_sums_equal_a_walk_over_all_orders(
        changes in prop::collection::vec(change(), 1..120)
    ) {
        let mut orders = Orders::new(16, 8);
        orders.count_over(terms(), usize::from(ACCOUNTS), ASSETS);
        for (event, change) in changes.into_iter().enumerate() {
            happen(&mut orders, change, event as u64 + 1);
            compare(&orders);
        }
        // Counted anew, as after a restart, they are the same.
        let running = orders.clone();
        orders.count_over(terms(), usize::from(ACCOUNTS), ASSETS);
        compare(&running);
        compare(&orders);
    }
}

proptest! {
    /// The fast way gives what exact decimals give, for every step that an instrument may have.
    #[test]
    fn prop_value_is_that_of_decimals(
        (tick, tick_digits) in (1_i64..100_000, 0_u8..=18),
        (lot, lot_digits) in (1_i64..100_000, 0_u8..=10),
        (multiplier, contract_digits) in (1_i64..1_000, 0_u32..=4),
        price in 1_i64..1_000_000_000,
        qty in 1_i64..1_000_000,
    ) {
        let tick = Scale::new(tick, tick_digits).unwrap();
        let lot = Scale::new(lot, lot_digits).unwrap();
        let multiplier = Decimal::new(multiplier, contract_digits);
        let terms = Terms::new(VenueId(0), (0, 1), (tick, lot));
        let terms = terms.of_contracts((tick, lot), multiplier);
        let sums = Sums::open(vec![Some(terms)], 1, 2);
        let exact = tick.decimal(price).unwrap().checked_mul(lot.decimal(qty).unwrap());
        let exact = exact.and_then(|exact| exact.checked_mul(multiplier));
        // A product of more than 28 digits is no exact decimal.
        prop_assume!(exact.is_some_and(|exact| {
            let digits = u32::from(tick.decimals()) + u32::from(lot.decimals());
            exact.scale() == digits + multiplier.scale()
        }));
        let want = exact.map(super::sums::units);
        let want = want.filter(|units| *units < super::sums::VALUE_MAX);
        prop_assert_eq!(sums.value(InstrumentId(0), Ticks(price), Lots(qty)), want);
    }
}
