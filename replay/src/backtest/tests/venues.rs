//! What a simulated venue does with commands: lifetimes, changes, limits, fees, funding, margin.

use model::body::{
    AmendOrder, AssetName, CancelAll, CancelOrder, Flag, Mark, NewOrder, OrderType, RejectReason,
    ReplaceOrder, SelfTrade, Side, TimeInForce,
};
use model::event::{Event, View, view};
use model::ids::{AccountId, InstrumentId};
use model::instrument::{Contract, InstrumentSpec, MaintenanceTier, Perpetual};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use super::{INSTRUMENT, MS, START_NS, levels, plan, spec, trade, walk};
use crate::backtest::shown::{Seen, Shown};
use crate::backtest::venue::Venues;
use crate::backtest::{FeeTier, QueueChoice, VenuePlan};

const ACCOUNT: AccountId = AccountId(0);
/// The first book of `walk`: 900 lots at two levels a side.
const BID: i64 = 6_000_000 - 2;
const ASK: i64 = 6_000_000 + 2;

struct Desk {
    venues: Venues,
    #[expect(clippy::vec_box, reason = "each is lent by its pointer")]
    shown: Vec<Box<Shown>>,
    now_ns: u64,
}

impl Desk {
    fn new(spec: &InstrumentSpec, plan: VenuePlan, balances: &[(&str, i64)]) -> Self {
        let amount =
            |&(asset, amount): &(&str, i64)| (AssetName::cut(asset), Decimal::from(amount));
        let balances: Vec<_> = balances.iter().map(amount).collect();
        let mut desk = Self {
            shown: vec![Box::new(Shown::new(spec.clone(), 1 << 12))],
            venues: Venues::new(std::slice::from_ref(spec), 1 << 12, &[balances], plan),
            now_ns: START_NS,
        };
        for (_, record) in walk(1, 0) {
            desk.market(&record);
        }
        desk
    }

    fn spot() -> Self {
        Self::new(&spec(), plan(4).venue, &[("BTC", 10), ("USDT", 1_000_000)])
    }

    fn market(&mut self, record: &Record) -> Vec<Told> {
        self.now_ns += MS;
        let mut seen = Seen::default();
        assert!(seen.see(&mut self.shown, record));
        if !self.venues.is_idle(&seen) {
            let done = self
                .venues
                .seeing(&mut self.shown, |venues| venues.market(&seen, self.now_ns));
            done.unwrap();
        }
        self.told()
    }

    fn ask<B: model::body::Body>(&mut self, kind: Kind, body: &B) -> Vec<Told> {
        self.now_ns += MS;
        let record = Record::new(kind, body)
            .on_instrument(INSTRUMENT)
            .on_account(ACCOUNT);
        let done = self.venues.seeing(&mut self.shown, |venues| {
            venues.command(&record, self.now_ns)
        });
        done.unwrap();
        self.told()
    }

    /// What was said, without balances.
    fn told(&mut self) -> Vec<Told> {
        let answers: Vec<_> = self.venues.answers.drain(..).collect();
        let told = answers.iter().filter_map(|(_, record)| Told::of(record));
        told.collect()
    }

    fn has(&self, asset: &str) -> Decimal {
        let purses = self.venues.accounts[0].purses.iter();
        let mut own = purses.filter(|purse| purse.asset == AssetName::cut(asset));
        own.next().map_or(Decimal::ZERO, |purse| purse.total)
    }

    fn locked(&self) -> Decimal {
        let purses = self.venues.accounts[0].purses.iter();
        purses.map(|purse| purse.locked).sum()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Acked(u64),
    Filled(u64, i64, i64),
    Cancelled(u64, i64),
    Expired(u64, i64),
    Amended(u64, i64),
    Rejected(u64, RejectReason),
    Funded(Decimal),
    Other(Kind),
}

impl Told {
    fn of(record: &Record) -> Option<Self> {
        let Ok(View::Event(event)) = view(record) else {
            panic!("{record:?}");
        };
        if let Event::OrderAcked(report) = event {
            return Some(Self::Acked(report.client_id));
        }
        if let Event::OrderFilled(fill) = event {
            return Some(Self::Filled(fill.client_id, fill.price.0, fill.qty.0));
        }
        if let Event::OrderCancelled(report) = event {
            return Some(Self::Cancelled(report.client_id, report.cum_qty.0));
        }
        if let Event::OrderExpired(report) = event {
            return Some(Self::Expired(report.client_id, report.cum_qty.0));
        }
        if let Event::OrderAmended(body) = event {
            return Some(Self::Amended(body.client_id, body.qty.0));
        }
        if let Event::OrderRejected(report)
        | Event::CancelRejected(report)
        | Event::AmendRejected(report) = event
        {
            return Some(Self::Rejected(report.client_id, report.reason));
        }
        if let Event::Funding(funding) = event {
            return Some(Self::Funded(funding.amount.get()));
        }
        if let Event::Balance(_) = event {
            return None;
        }
        record.kind().map(Self::Other)
    }
}

fn new(client_id: u64, side: Side, price: i64, qty: i64) -> NewOrder {
    NewOrder {
        command: client_id,
        client_id,
        price: Ticks(price),
        qty: Lots(qty),
        tag: 0,
        side,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        reduce_only: Flag::No,
        self_trade: SelfTrade::ExpireTaker,
        reserved: [0; 35],
    }
}

#[test]
fn lifetimes_take_what_they_may_and_give_back_the_rest() {
    let mut desk = Desk::spot();
    let mut order = new(1, Side::Buy, ASK, 1_000);
    order.time_in_force = TimeInForce::Fok;
    let told = desk.ask(Kind::NewOrder, &order);
    assert_eq!(told, [Told::Acked(1), Told::Expired(1, 0)]);
    order.client_id = 2;
    order.time_in_force = TimeInForce::Ioc;
    let told = desk.ask(Kind::NewOrder, &order);
    let wanted = [
        Told::Acked(2),
        Told::Filled(2, ASK, 900),
        Told::Expired(2, 900),
    ];
    assert_eq!(told, wanted);
    assert_eq!(desk.locked(), Decimal::ZERO);
    // What it took is gone: the next one gets the level behind, and its rest stands.
    let told = desk.ask(Kind::NewOrder, &new(3, Side::Buy, ASK + 2, 1_000));
    assert_eq!(told, [Told::Acked(3), Told::Filled(3, ASK + 2, 900)]);
    let post_only = NewOrder {
        order_type: OrderType::PostOnly,
        ..new(4, Side::Buy, ASK + 2, 10)
    };
    // Nothing is left to take there until it is shown anew.
    let shown = levels(9, START_NS, false, &[(Side::Sell, ASK + 2, 50)]);
    let told = desk.market(&shown);
    assert_eq!(told, [Told::Filled(3, ASK + 2, 50)]);
    let told = desk.ask(Kind::NewOrder, &post_only);
    assert_eq!(told, [Told::Rejected(4, RejectReason::WouldTake)]);
    let all = CancelAll {
        command: 9,
        reserved: [0; 72],
    };
    assert_eq!(desk.ask(Kind::CancelAll, &all), [Told::Cancelled(3, 950)]);
    assert_eq!(desk.locked(), Decimal::ZERO);
}

#[test]
fn market_order_pays_what_the_book_asks_and_is_refused_beyond_the_balance() {
    let mut desk = Desk::new(&spec(), plan(4).venue, &[("USDT", 500)]);
    let mut order = new(1, Side::Buy, ASK + 500, 900);
    order.order_type = OrderType::Market;
    order.time_in_force = TimeInForce::Ioc;
    // 900 lots of 0.00001 at 60000.02 are 540.00018.
    let told = desk.ask(Kind::NewOrder, &order);
    assert_eq!(told, [Told::Rejected(1, RejectReason::Balance)]);
    order.qty = Lots(800);
    let told = desk.ask(Kind::NewOrder, &order);
    assert_eq!(told, [Told::Acked(1), Told::Filled(1, ASK, 800)]);
    assert_eq!(desk.has("USDT"), Decimal::new(50_000_000 - 48_000_016, 5));
    // The fee of a purchase is taken from what was bought: 4 in 10,000, cut to eight decimals.
    assert_eq!(desk.has("BTC"), Decimal::new(800_000 - 320, 8));
}

#[test]
fn orders_are_amended_replaced_and_cancelled_where_they_stand() {
    let mut desk = Desk::spot();
    desk.ask(Kind::NewOrder, &new(1, Side::Buy, BID - 10, 300));
    let mut amend = AmendOrder {
        command: 2,
        client_id: 1,
        venue_order_id: 0,
        qty: Lots(200),
        reserved: [0; 48],
    };
    assert_eq!(desk.ask(Kind::AmendOrder, &amend), [Told::Amended(1, 200)]);
    amend.qty = Lots(250);
    let unknown = RejectReason::UnknownOrder;
    assert_eq!(
        desk.ask(Kind::AmendOrder, &amend),
        [Told::Rejected(1, unknown)]
    );
    let mut replace = ReplaceOrder {
        command: 3,
        cancel_client_id: 1,
        cancel_venue_order_id: 0,
        client_id: 2,
        price: Ticks(BID - 12),
        qty: Lots(100),
        tag: 0,
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        reduce_only: Flag::No,
        self_trade: SelfTrade::ExpireTaker,
        reserved: [0; 19],
    };
    let told = desk.ask(Kind::ReplaceOrder, &replace);
    assert_eq!(told, [Told::Cancelled(1, 0), Told::Acked(2)]);
    replace.client_id = 3;
    let told = desk.ask(Kind::ReplaceOrder, &replace);
    let wanted = [
        Told::Rejected(1, unknown),
        Told::Rejected(3, RejectReason::Other),
    ];
    assert_eq!(told, wanted);
    let cancel = CancelOrder {
        command: 4,
        client_id: 2,
        venue_order_id: 0,
        reserved: [0; 56],
    };
    assert_eq!(
        desk.ask(Kind::CancelOrder, &cancel),
        [Told::Cancelled(2, 0)]
    );
    assert_eq!(desk.locked(), Decimal::ZERO);
}

#[test]
fn self_trade_ends_the_order_that_its_rule_names() {
    for (rule, taker_lives, maker_lives) in [
        (SelfTrade::ExpireTaker, false, true),
        (SelfTrade::ExpireMaker, true, false),
        (SelfTrade::ExpireBoth, false, false),
    ] {
        let mut desk = Desk::spot();
        desk.ask(Kind::NewOrder, &new(1, Side::Sell, ASK - 1, 100));
        let mut order = new(2, Side::Buy, ASK - 1, 100);
        order.self_trade = rule;
        let told = desk.ask(Kind::NewOrder, &order);
        assert!(
            !told.iter().any(|one| matches!(one, Told::Filled(..))),
            "{rule:?}"
        );
        let ids: Vec<u64> = desk.venues.markets[0]
            .resting()
            .map(|own| own.client_id)
            .collect();
        assert_eq!(ids.contains(&2), taker_lives, "{rule:?}");
        assert_eq!(ids.contains(&1), maker_lives, "{rule:?}");
    }
}

#[test]
fn fees_follow_the_volume_of_thirty_days_and_a_rebate_pays() {
    let tier = |from: i64, maker, taker| FeeTier {
        volume_from: Decimal::from(from),
        maker: Decimal::new(maker, 4),
        taker: Decimal::new(taker, 4),
    };
    let venue = VenuePlan {
        tiers: vec![tier(0, 2, 10), tier(500, -1, 5)],
        ..plan(4).venue
    };
    let mut desk = Desk::new(&spec(), venue, &[("BTC", 10)]);
    let mut order = new(1, Side::Sell, BID, 900);
    order.time_in_force = TimeInForce::Ioc;
    desk.ask(Kind::NewOrder, &order);
    // 900 lots at 59999.98 are 539.99982; ten in 10,000 of it, cut towards zero.
    let first = Decimal::new(53_999_982, 5) - Decimal::new(53_999_982, 8);
    assert_eq!(desk.has("USDT"), first);
    // Beyond 500 the maker is paid.
    desk.ask(Kind::NewOrder, &new(2, Side::Sell, ASK - 1, 100));
    desk.market(&trade(1, START_NS, Side::Buy, ASK - 1, 100));
    let value = Decimal::new(6_000_001, 5);
    assert_eq!(desk.has("USDT"), first + value + Decimal::new(600_000, 8));
    // A month later the volume is forgotten.
    desk.now_ns += 31 * 86_400_000_000_000;
    let tier = desk.venues.accounts[0].tier(&[tier(0, 2, 10), tier(500, -1, 5)], desk.now_ns);
    assert_eq!(tier.taker, Decimal::new(10, 4));
}

#[test]
fn account_beyond_its_rate_is_banned_for_the_time_of_the_ban() {
    let venue = VenuePlan {
        orders_per_10s: 2,
        ban_ns: 20_000 * MS,
        ..plan(4).venue
    };
    let mut desk = Desk::new(&spec(), venue, &[("USDT", 1_000_000)]);
    let limited = |id| [Told::Rejected(id, RejectReason::RateLimit)];
    for id in 1..=2 {
        let order = new(id, Side::Buy, BID - 50, 10);
        assert_eq!(desk.ask(Kind::NewOrder, &order), [Told::Acked(id)]);
    }
    for id in 3..=4 {
        assert_eq!(
            desk.ask(Kind::NewOrder, &new(id, Side::Buy, BID - 50, 10)),
            limited(id)
        );
    }
    desk.now_ns += 19_000 * MS;
    assert_eq!(
        desk.ask(Kind::NewOrder, &new(5, Side::Buy, BID - 50, 10)),
        limited(5)
    );
    desk.now_ns += 2_000 * MS;
    let order = new(6, Side::Buy, BID - 50, 10);
    assert_eq!(desk.ask(Kind::NewOrder, &order), [Told::Acked(6)]);
}

fn perpetual() -> InstrumentSpec {
    let terms = Perpetual {
        multiplier: Decimal::ONE,
        settle: "USDT".to_owned(),
        maintenance: vec![MaintenanceTier {
            value_from: Decimal::ZERO,
            rate_bps: 500,
            deduction: Decimal::ZERO,
        }],
    };
    InstrumentSpec {
        contract: Contract::Linear(terms),
        ..spec()
    }
}

fn mark(price: i64, time_ns: u64, rate_e9: i64, next_ns: u64) -> Record {
    let body = Mark {
        mark: Ticks(price),
        index: Ticks(price),
        funding_rate_e9: rate_e9,
        next_funding_ns: next_ns,
        venue_time_ns: time_ns,
        reserved: [0; 40],
    };
    Record::new(Kind::Mark, &body).on_instrument(InstrumentId(0))
}

fn contracts(usdt: i64) -> Desk {
    let venue = VenuePlan {
        queues: QueueChoice::RiskAverse,
        tiers: vec![FeeTier {
            volume_from: Decimal::ZERO,
            maker: Decimal::ZERO,
            taker: Decimal::ZERO,
        }],
        ..plan(4).venue
    };
    Desk::new(&perpetual(), venue, &[("USDT", usdt)])
}

#[test]
fn contract_needs_its_margin_and_reduces_without() {
    // 900 lots at the middle of 60000 are 540: with ten for one 54.
    let mut poor = contracts(53);
    let refused = [Told::Rejected(1, RejectReason::Balance)];
    assert_eq!(
        poor.ask(Kind::NewOrder, &new(1, Side::Buy, ASK, 900)),
        refused
    );
    let mut desk = contracts(54);
    let told = desk.ask(Kind::NewOrder, &new(1, Side::Buy, ASK, 900));
    assert_eq!(told, [Told::Acked(1), Told::Filled(1, ASK, 900)]);
    // The other way it is free, up to twice the position.
    let reduce = NewOrder {
        reduce_only: Flag::Yes,
        ..new(2, Side::Sell, BID, 5_000)
    };
    let told = desk.ask(Kind::NewOrder, &reduce);
    assert_eq!(told, [Told::Acked(2), Told::Filled(2, BID, 900)]);
    // Bought at 60000.02 and sold at 59999.98: 0.04 times 0.009 is lost.
    assert_eq!(desk.has("USDT"), Decimal::from(54) - Decimal::new(36, 5));
    let reduce = NewOrder {
        client_id: 3,
        ..reduce
    };
    let refused = [Told::Rejected(3, RejectReason::Other)];
    assert_eq!(desk.ask(Kind::NewOrder, &reduce), refused);
}

#[test]
fn funding_is_paid_at_its_instant_by_the_rate_before_it() {
    let mut desk = contracts(1_000);
    desk.ask(Kind::NewOrder, &new(1, Side::Buy, ASK, 900));
    let due = START_NS + 1_000 * MS;
    let later = due + 28_800_000 * MS;
    assert_eq!(desk.market(&mark(6_000_000, START_NS, 100_000, due)), []);
    assert_eq!(desk.market(&mark(6_000_000, due - 1, 200_000, due)), []);
    // 540 at 0.0002: long pays 0.108. The rate behind the instant is the next one's.
    let told = desk.market(&mark(6_100_000, due, 900_000, later));
    assert_eq!(told, [Told::Funded(Decimal::new(-108, 3))]);
    assert_eq!(desk.market(&mark(6_100_000, due + 1, 900_000, later)), []);
    assert_eq!(
        desk.has("USDT"),
        Decimal::from(1_000) - Decimal::new(108, 3)
    );
}

#[test]
fn position_without_its_maintenance_is_closed_by_the_venue() {
    let mut desk = contracts(60);
    desk.ask(Kind::NewOrder, &new(1, Side::Buy, ASK, 900));
    desk.ask(Kind::NewOrder, &new(2, Side::Sell, ASK + 100, 10));
    // At 55000 the loss is 45.00018 of 60, and 24.75 must be left.
    assert_eq!(desk.market(&mark(5_700_000, START_NS, 0, 0)), []);
    let told = desk.market(&mark(5_500_000, START_NS, 0, 0));
    let wanted = [Told::Cancelled(2, 0), Told::Filled(u64::MAX, BID, 900)];
    assert_eq!(told, wanted);
    assert_eq!(desk.venues.liquidations, 1);
    assert_eq!(desk.venues.accounts[0].position(INSTRUMENT).lots, 0);
    assert_eq!(desk.market(&mark(5_400_000, START_NS, 0, 0)), []);
}
