//! Every reason for a refusal, through risk's own front door: at its threshold and one step beyond.

use crate::kit::{
    ACCOUNT, INSTRUMENT, Rig, SECOND, balance, config, connection, fill, limits, maker, operator,
    report, taker, tick,
};
use engine::machine::{Action, Intent, MachineConfig, Outputs, Parts, Place, Risk, Size};
use model::body::{
    Channel, LinkState, OperatorAction, OrderStatus, OrderType, RefusalReason, RejectReason, Side,
    TimeInForce,
};
use model::event::{Event, event};
use model::ids::{ClientOrderId, StrategyId};
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

/// Risk alone, with intents made by hand.
pub(crate) struct Desk {
    pub(crate) risk: Risk,
    pub(crate) out: Outputs,
    pub(crate) now: u64,
    counter: u32,
    pub(crate) wishes: Vec<Intent>,
}

pub(crate) fn desk(change: impl FnOnce(&mut MachineConfig)) -> Desk {
    let mut config = config(vec![maker(), taker()]);
    config.limits.orders.qty_max = Lots(100_000_000);
    config.limits.orders.value_max = Decimal::from(8_000_000);
    config.limits.orders.position_max = Lots(1_000_000_000);
    change(&mut config);
    let mut rig = Rig::new();
    rig.begin(&config, 0);
    let Parts { risk, .. } = rig.machine.into_parts();
    let mut desk = Desk {
        risk,
        out: Outputs::new(),
        now: rig.now,
        counter: 0,
        wishes: Vec::new(),
    };
    desk.event(connection(Channel::Orders, LinkState::Up));
    desk.event(balance("BTC", 100_000));
    desk.event(balance("USDT", 100_000_000));
    desk.book(999_999, 1_000_001);
    desk
}

impl Desk {
    pub(crate) fn event(&mut self, record: Record) {
        let mut record = record;
        record.event = self.risk.last_event() + 1;
        record.time_ns = self.now;
        for wish in &mut self.wishes {
            wish.event = record.event;
        }
        self.risk
            .apply(&record, &self.wishes, &mut self.out)
            .unwrap();
        self.wishes.clear();
    }

    pub(crate) fn book(&mut self, bid: i64, ask: i64) {
        use model::record::flags;
        self.event(crate::kit::reset(1, 1));
        let whole = flags::LAST_OF_MESSAGE | flags::SNAPSHOT;
        let changes = [(Side::Buy, bid, 50_000), (Side::Sell, ask, 50_000)];
        self.event(crate::kit::levels(1, whole, &changes));
    }

    pub(crate) fn wish(&mut self, strategy: u16, change: impl FnOnce(&mut Place)) -> ClientOrderId {
        self.counter += 1;
        let client_id = ClientOrderId::new(1, Some(StrategyId(strategy)), self.counter).unwrap();
        let mut place = Place {
            client_id,
            instrument: crate::kit::INSTRUMENT,
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            price: Ticks(999_000),
            qty: Lots(1_000),
            tag: 7,
            reduce_only: false,
            trigger: None,
            good_till_ns: None,
            link: None,
            size: Size::Exact,
            acknowledges: None,
        };
        change(&mut place);
        self.ask(strategy, Action::Place(place));
        client_id
    }

    pub(crate) fn ask(&mut self, strategy: u16, action: Action) {
        self.wishes.push(Intent {
            event: 0,
            strategy: StrategyId(strategy),
            intended_ns: 0,
            action,
        });
    }

    /// Judges what was wished for, with a tick as the cause.
    pub(crate) fn verdict(&mut self) -> Result<usize, (RefusalReason, i64, i64)> {
        self.event(tick());
        let refused = |record: &&Record| record.kind() == Some(Kind::RiskRefused);
        if let Some(refusal) = self.out.refusals.iter().find(refused) {
            let Event::RiskRefused(refusal) = event(refusal).unwrap() else {
                panic!("not a refusal");
            };
            return Err((refusal.reason, refusal.value, refusal.threshold));
        }
        Ok(self.out.commands.len())
    }

    pub(crate) fn place(
        &mut self,
        change: impl FnOnce(&mut Place),
    ) -> Result<usize, (RefusalReason, i64, i64)> {
        self.wish(0, change);
        self.verdict()
    }

    pub(crate) fn open(&mut self, change: impl FnOnce(&mut Place)) -> ClientOrderId {
        let id = self.wish(0, change);
        assert_eq!(self.verdict(), Ok(1));
        let command = *self.out.commands[0].as_ref();
        self.event(crate::kit::sent(&command));
        let acked = report(
            Kind::OrderAcked,
            id.raw(),
            OrderStatus::Open,
            0,
            RejectReason::None,
        );
        self.event(acked);
        id
    }
}

pub(crate) const fn price(ticks: i64) -> impl FnOnce(&mut Place) {
    move |place| place.price = Ticks(ticks)
}

pub(crate) const fn qty(lots: i64) -> impl FnOnce(&mut Place) {
    move |place| place.qty = Lots(lots)
}

pub(crate) const fn sell(lots: i64, ticks: i64) -> impl FnOnce(&mut Place) {
    move |place| {
        place.side = Side::Sell;
        place.qty = Lots(lots);
        place.price = Ticks(ticks);
    }
}

#[test]
fn risk_switches_links_and_form_refuse_with_their_reasons() {
    use RefusalReason::{Killed, Malformed, NotConnected, Stopping};
    let mut desk = desk(|_| {});
    assert_eq!(desk.place(|_| {}), Ok(1));
    assert_eq!(desk.place(qty(0)), Err((Malformed, 0, 0)));
    assert_eq!(desk.place(price(0)), Err((Malformed, 0, 0)));
    let contradiction = desk.place(|place| {
        place.order_type = OrderType::PostOnly;
        place.time_in_force = TimeInForce::Ioc;
    });
    assert_eq!(contradiction, Err((Malformed, 0, 0)));
    let again = ClientOrderId::new(1, Some(StrategyId(0)), 1).unwrap();
    assert_eq!(
        desk.place(|place| place.client_id = again),
        Err((Malformed, 0, 0))
    );
    let foreign = ClientOrderId::new(1, Some(StrategyId(1)), 99).unwrap();
    assert_eq!(
        desk.place(|place| place.client_id = foreign),
        Err((Malformed, 0, 0))
    );
    desk.event(connection(Channel::Orders, LinkState::Syncing));
    assert_eq!(
        desk.place(|_| {}),
        Err((NotConnected, LinkState::Syncing as i64, 0))
    );
    desk.event(connection(Channel::Orders, LinkState::Up));
    assert_eq!(
        desk.place(|_| {}),
        Err((NotConnected, LinkState::Up as i64, 1))
    );
    desk.event(operator(OperatorAction::Stop));
    assert_eq!(desk.place(|_| {}), Err((Stopping, 0, 0)));
    desk.event(operator(OperatorAction::Kill));
    assert_eq!(desk.place(|_| {}), Err((Killed, 0, 0)));
}

#[test]
fn risk_venue_filters_refuse_one_step_beyond() {
    use RefusalReason::{NotionalFilter, PriceFilter, QuantityFilter};
    let mut desk = desk(|config| {
        config.limits.orders.collar_bps = 10_000;
        config.limits.orders.value_max = Decimal::from(100_000_000);
        config.limits.orders.qty_max = Lots(1_000_000_000);
    });
    // 5 USDT at 9,990: 51 lots are 5.0949, 50 lots are 4.995.
    assert_eq!(desk.place(qty(51)), Ok(1));
    assert_eq!(
        desk.place(qty(50)),
        Err((NotionalFilter, 499_500_000, 500_000_000))
    );
    // 9,000,000 USDT at 9,990: 90,090,090 lots are 8,999,999.991.
    assert_eq!(desk.place(qty(90_090_090)), Ok(1));
    let over = desk.place(qty(90_090_091));
    assert_eq!(
        over,
        Err((NotionalFilter, 900_000_009_090_000, 900_000_000_000_000))
    );
    let beyond = desk.place(qty(900_000_001));
    assert_eq!(beyond, Err((QuantityFilter, 900_000_001, 900_000_000)));
    desk.book(59_999_999, 60_000_001);
    let beyond = desk.place(|place| {
        place.price = Ticks(100_000_001);
        place.qty = Lots(10);
    });
    assert_eq!(beyond, Err((PriceFilter, 100_000_001, 100_000_000)));
}

#[test]
fn risk_quantity_value_and_collar_refuse_one_step_beyond() {
    use RefusalReason::{MaxQuantity, MaxValue, PriceCollar};
    let mut desk = desk(|config| {
        config.limits.orders.qty_max = Lots(1_000);
        config.limits.orders.value_max = Decimal::new(9_990, 2);
        config.limits.orders.collar_bps = 100;
    });
    assert_eq!(desk.place(qty(1_000)), Ok(1));
    assert_eq!(desk.place(qty(1_001)), Err((MaxQuantity, 1_001, 1_000)));
    let value = desk.place(price(999_001));
    assert_eq!(value, Err((MaxValue, 9_990_010_000, 9_990_000_000)));
    let mut desk = self::desk(|config| config.limits.orders.collar_bps = 100);
    assert_eq!(desk.place(price(990_000)), Ok(1));
    assert_eq!(
        desk.place(price(989_999)),
        Err((PriceCollar, 989_999, 990_000))
    );
    assert_eq!(desk.place(price(1_010_000)), Ok(1));
    assert_eq!(
        desk.place(price(1_010_001)),
        Err((PriceCollar, 1_010_001, 1_010_000))
    );
}

#[test]
fn risk_market_order_is_priced_at_the_collar() {
    let mut desk = desk(|config| config.limits.orders.collar_bps = 100);
    for (side, worst) in [(Side::Buy, 1_010_000), (Side::Sell, 990_000)] {
        desk.wish(0, |place| {
            place.side = side;
            place.order_type = OrderType::Market;
            place.time_in_force = TimeInForce::Ioc;
            place.price = Ticks(0);
        });
        desk.event(tick());
        let refused = desk.out.refusals.len();
        if side == Side::Sell {
            // It would meet our own buy, priced at the worst, too.
            assert_eq!((refused, desk.out.commands.len()), (1, 0));
            continue;
        }
        let order = crate::kit::new_order(desk.out.commands[0].as_ref());
        assert_eq!(order.price, Ticks(worst));
    }
}

#[test]
fn risk_position_counts_what_is_filled_open_and_unknown() {
    use RefusalReason::PositionLimit;
    let mut desk = desk(|config| config.limits.orders.position_max = Lots(3_000));
    let filled = desk.open(qty(1_000));
    desk.event(fill(filled.raw(), 1, Side::Buy, 999_000, 1_000));
    let unknown = desk.open(qty(1_000));
    desk.event(report(
        Kind::OrderUnknown,
        unknown.raw(),
        OrderStatus::NotStated,
        0,
        RejectReason::NoAnswer,
    ));
    assert_eq!(desk.place(qty(1_001)), Err((PositionLimit, 3_001, 3_000)));
    assert_eq!(desk.place(qty(1_000)), Ok(1));
    // The other side may sell the position, and then go short to the limit.
    assert_eq!(
        desk.place(sell(4_001, 1_001_000)),
        Err((PositionLimit, 3_001, 3_000))
    );
    assert_eq!(desk.place(sell(4_000, 1_001_000)), Ok(1));
}

#[test]
fn risk_open_orders_are_counted_by_instrument_and_over_everything() {
    use RefusalReason::OpenOrders;
    for (own, all) in [(2, 40), (20, 2)] {
        let mut desk = desk(|config| {
            config.limits.orders.open_orders_max = own;
            config.limits.open_orders_max = all;
        });
        assert_eq!(desk.place(|_| {}), Ok(1));
        assert_eq!(desk.place(|_| {}), Ok(1));
        assert_eq!(desk.place(|_| {}), Err((OpenOrders, 3, 2)));
    }
}

#[test]
fn risk_message_rate_keeps_a_reserve_for_cancels() {
    use RefusalReason::MessageRate;
    let mut desk = desk(|config| {
        config.limits.messages_per_second = 10;
        config.limits.messages_burst = 3;
        config.limits.messages_reserved = 1;
    });
    let open = desk.open(|_| {});
    assert_eq!(desk.place(|_| {}), Ok(1));
    let tenth = i64::try_from(SECOND / 10).unwrap();
    assert_eq!(desk.place(|_| {}), Err((MessageRate, tenth, 0)));
    desk.ask(0, Action::Cancel { client_id: open });
    assert_eq!(desk.verdict(), Ok(1));
    desk.now += SECOND / 5 - 1;
    assert_eq!(desk.place(|_| {}), Err((MessageRate, 1, 0)));
    desk.now += 1;
    assert_eq!(desk.place(|_| {}), Ok(1));
}

#[test]
fn risk_stale_one_sided_crossed_or_old_book_refuses() {
    use RefusalReason::StaleBook;
    let five = i64::try_from(5 * SECOND).unwrap();
    let mut desk = desk(|_| {});
    desk.now += 5 * SECOND;
    assert_eq!(desk.place(|_| {}), Ok(1));
    desk.now += 1;
    assert_eq!(desk.place(|_| {}), Err((StaleBook, five + 1, five)));
    for (bid, ask) in [(1_000_000, 1_000_000), (1_000_001, 1_000_000)] {
        desk.book(bid, ask);
        assert_eq!(desk.place(|_| {}), Err((StaleBook, 0, five)));
    }
    desk.event(crate::kit::reset(3, 1));
    assert_eq!(desk.place(|_| {}), Err((StaleBook, 0, five)));
}

#[test]
fn risk_self_cross_is_refused_over_all_strategies() {
    use RefusalReason::SelfCross;
    let mut desk = desk(|_| {});
    let rests = desk.open(price(999_000));
    let cross = |desk: &mut Desk, ticks| {
        desk.wish(1, sell(1_000, ticks));
        desk.verdict()
    };
    let id = i64::try_from(rests.raw()).unwrap();
    assert_eq!(cross(&mut desk, 999_000), Err((SelfCross, id, 999_000)));
    assert_eq!(cross(&mut desk, 999_001), Ok(1));
}

#[test]
fn risk_commands_in_flight_leave_room_for_cancels() {
    use RefusalReason::InFlight;
    let mut desk = desk(|_| {});
    let open = desk.open(|_| {});
    for _ in 0..19 {
        assert_eq!(desk.place(|_| {}), Ok(1));
    }
    assert_eq!(desk.place(|_| {}), Err((RefusalReason::OpenOrders, 21, 20)));
    let mut desk = self::desk(|config| config.limits.orders.open_orders_max = 40);
    let _ = open;
    let open = desk.open(|_| {});
    for _ in 0..20 {
        assert_eq!(desk.place(|_| {}), Ok(1));
    }
    assert_eq!(desk.place(|_| {}), Err((InFlight, 21, 20)));
    desk.ask(0, Action::Cancel { client_id: open });
    assert_eq!(desk.verdict(), Ok(1));
}

#[test]
fn risk_reduce_only_counts_what_is_open_already() {
    use RefusalReason::ReduceOnly;
    let reduce = |lots, ticks| {
        move |place: &mut Place| {
            sell(lots, ticks)(place);
            place.reduce_only = true;
        }
    };
    let mut desk = desk(|_| {});
    assert_eq!(
        desk.place(reduce(1_000, 1_001_000)),
        Err((ReduceOnly, 1_000, 0))
    );
    let bought = desk.open(qty(2_000));
    desk.event(fill(bought.raw(), 1, Side::Buy, 999_000, 2_000));
    assert_eq!(
        desk.place(reduce(2_001, 1_001_000)),
        Err((ReduceOnly, 2_001, 2_000))
    );
    assert_eq!(desk.place(sell(500, 1_001_000)), Ok(1));
    assert_eq!(
        desk.place(reduce(1_501, 1_001_000)),
        Err((ReduceOnly, 2_001, 2_000))
    );
    assert_eq!(desk.place(reduce(1_500, 1_001_000)), Ok(1));
}

#[test]
fn risk_funds_are_what_is_held_less_what_open_orders_hold() {
    use RefusalReason::Funds;
    let mut rig = Rig::new();
    let mut config = config(vec![maker(), taker()]);
    config.limits = limits();
    config.limits.orders.qty_max = Lots(1_000_000);
    config.limits.orders.value_max = Decimal::from(1_000_000);
    config.limits.orders.position_max = Lots(10_000_000);
    rig.begin(&config, 0);
    let Parts { risk, .. } = rig.machine.into_parts();
    let mut desk = Desk {
        risk,
        out: Outputs::new(),
        now: rig.now,
        counter: 0,
        wishes: Vec::new(),
    };
    desk.event(connection(Channel::Orders, LinkState::Up));
    desk.book(999_999, 1_000_001);
    assert_eq!(desk.place(|_| {}), Err((Funds, 9_990_000_000, 0)));
    desk.event(balance("BTC", 1));
    desk.event(balance("USDT", 999));
    assert_eq!(desk.place(qty(5_000)), Ok(1));
    assert_eq!(
        desk.place(qty(5_001)),
        Err((Funds, 49_959_990_000, 49_950_000_000))
    );
    assert_eq!(desk.place(qty(5_000)), Ok(1));
    assert_eq!(
        desk.place(sell(100_001, 1_001_000)),
        Err((Funds, 100_001_000, 100_000_000))
    );
    assert_eq!(desk.place(sell(100_000, 1_001_000)), Ok(1));
}

#[test]
fn risk_cancel_or_replace_of_what_is_not_open_or_not_own_is_refused() {
    use RefusalReason::NotOpen;
    let mut desk = desk(|_| {});
    let open = desk.open(|_| {});
    let id = i64::try_from(open.raw()).unwrap();
    desk.ask(1, Action::Cancel { client_id: open });
    assert_eq!(desk.verdict(), Err((NotOpen, id, 0)));
    let mut place = None;
    desk.wish(0, |wanted| place = Some(*wanted));
    desk.wishes.clear();
    let replace = Action::Replace {
        cancel: open,
        place: place.unwrap(),
    };
    desk.ask(0, replace);
    assert_eq!(desk.verdict(), Ok(1));
    assert_eq!(
        desk.out.commands[0].as_ref().kind(),
        Some(Kind::ReplaceOrder)
    );
    desk.ask(0, Action::Cancel { client_id: open });
    assert_eq!(desk.verdict(), Err((NotOpen, id, 0)));
    let orders = desk.risk.orders();
    assert_eq!(orders.live_count(), 2);
    assert!(
        orders
            .live()
            .all(|o| (o.instrument, o.account) == (INSTRUMENT, ACCOUNT))
    );
}
