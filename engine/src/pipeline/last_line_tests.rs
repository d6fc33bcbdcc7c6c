//! The last line by itself: every latch, every rate at the limit and one beyond, and what always
//! passes.

use super::*;
use model::body::{
    AmendOrder, CancelAll, CancelOrder, NewOrder, OrderType, QueryOpenOrders, QueryOrder,
    ReplaceOrder, SelfTrade, Side, TimeInForce,
};
use model::control::Scope;
use model::ids::{AccountId, StrategyId, VenueId};
use model::instrument::Contract;
use model::num::Scale;

fn spec() -> InstrumentSpec {
    InstrumentSpec {
        id: InstrumentId(3),
        venue: VenueId(0),
        symbol: "BTCUSDT".to_owned(),
        name: "BTC-USDT.TEST".to_owned(),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        tick: Scale::new(1, 2).unwrap(),
        lot: Scale::new(1, 5).unwrap(),
        price_min: None,
        price_max: None,
        qty_min: Lots(1),
        qty_max: Lots(1_000_000),
        notional_min: None,
        notional_max: None,
        trading: true,
        contract: Contract::Spot,
    }
}

/// Three orders and 1,000 of quote in a second.
fn line(flatten_passes: bool) -> LastLine {
    let limits = LastLineLimits {
        orders_per_second: 3,
        value_per_second: Decimal::from(1_000),
        flatten_passes,
    };
    LastLine::new(Some(limits), &[spec()], Arc::default())
}

fn placed(record: Record) -> Record {
    record
        .on_instrument(InstrumentId(3))
        .on_account(AccountId(2))
}

/// A limit order at 100.00 for `qty` lots: 0.001 of quote a lot.
fn order(qty: i64, reduce_only: Flag) -> Record {
    let body = NewOrder {
        command: 1,
        client_id: 1 << 41,
        price: Ticks(10_000),
        qty: Lots(qty),
        tag: 0,
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        reduce_only,
        self_trade: SelfTrade::NotStated,
        reserved: [0; 35],
    };
    placed(Record::new(Kind::NewOrder, &body))
}

fn by_strategy(qty: i64) -> Record {
    order(qty, Flag::No).by_strategy(StrategyId(5))
}

fn replacement() -> Record {
    let body = ReplaceOrder {
        command: 1,
        cancel_client_id: 1 << 41,
        cancel_venue_order_id: 0,
        client_id: 2 << 41,
        price: Ticks(10_000),
        qty: Lots(1),
        tag: 0,
        side: Side::Sell,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        reduce_only: Flag::No,
        self_trade: SelfTrade::NotStated,
        reserved: [0; 19],
    };
    placed(Record::new(Kind::ReplaceOrder, &body)).by_strategy(StrategyId(5))
}

/// Everything that takes risk away or asks.
fn harmless() -> Vec<Record> {
    let (command, client_id, venue_order_id) = (1, 1 << 41, 0);
    let cancel = CancelOrder {
        command,
        client_id,
        venue_order_id,
        reserved: [0; 56],
    };
    let query = QueryOrder {
        command,
        client_id,
        venue_order_id,
        reserved: [0; 56],
    };
    let amend = AmendOrder {
        command,
        client_id,
        venue_order_id,
        qty: Lots(1),
        reserved: [0; 48],
    };
    let all = CancelAll {
        command,
        reserved: [0; 72],
    };
    let list = QueryOpenOrders {
        command,
        reserved: [0; 72],
    };
    let records = [
        Record::new(Kind::CancelOrder, &cancel),
        Record::new(Kind::QueryOrder, &query),
        Record::new(Kind::AmendOrder, &amend),
        Record::new(Kind::CancelAll, &all),
        Record::new(Kind::QueryOpenOrders, &list),
    ];
    records.into_iter().map(placed).collect()
}

fn latch(scope: Scope, on: bool) -> Latch {
    Latch {
        command: 1,
        scope_id: scope.id(),
        scope: scope.kind(),
        on: Flag::from(on),
        reserved: [0; 66],
    }
}

#[test]
fn latch_of_every_scope_stops_orders_and_nothing_else() {
    let mine = [
        Scope::Overall,
        Scope::Venue(VenueId(0)),
        Scope::Account(AccountId(2)),
        Scope::Strategy(StrategyId(5)),
        Scope::Instrument(InstrumentId(3)),
    ];
    for scope in mine {
        let mut line = line(false);
        line.latch(&latch(scope, true));
        for record in [by_strategy(1), replacement()] {
            assert_eq!(
                line.judge(&record, 1),
                Err(LastLineStop::Latched),
                "{scope:?}"
            );
        }
        for record in harmless() {
            assert_eq!(line.judge(&record, 1), Ok(()), "{scope:?}");
        }
        line.latch(&latch(scope, false));
        assert_eq!(line.judge(&by_strategy(1), 1), Ok(()), "{scope:?}");
    }
    let mut line = line(false);
    for scope in [
        Scope::Account(AccountId(0)),
        Scope::Strategy(StrategyId(0)),
        Scope::Instrument(InstrumentId(0)),
        Scope::Instrument(InstrumentId(u32::MAX)),
    ] {
        line.latch(&latch(scope, true));
    }
    assert_eq!(line.judge(&by_strategy(1), 1), Ok(()));
}

#[test]
fn shared_flag_stops_orders_without_any_command() {
    let flag: Arc<AtomicBool> = Arc::default();
    let mut line = LastLine::new(None, &[spec()], Arc::clone(&flag));
    assert_eq!(line.judge(&by_strategy(1), 1), Ok(()));
    flag.store(true, Ordering::Release);
    assert_eq!(line.judge(&by_strategy(1), 1), Err(LastLineStop::Latched));
    for record in harmless() {
        assert_eq!(line.judge(&record, 1), Ok(()));
    }
}

#[test]
fn orders_in_a_second_at_the_limit_pass_and_one_more_latches_the_line() {
    let mut line = line(true);
    for at in [0, 1, 2] {
        assert_eq!(line.judge(&by_strategy(1), at), Ok(()));
    }
    // The first one leaves the window after a whole second.
    assert_eq!(line.judge(&by_strategy(1), SECOND_NS), Ok(()));
    assert_eq!(
        line.judge(&by_strategy(1), SECOND_NS),
        Err(LastLineStop::Orders)
    );
    let later = 100 * SECOND_NS;
    assert_eq!(
        line.judge(&by_strategy(1), later),
        Err(LastLineStop::Latched)
    );
    // Nor what closes: its counters are the last thing that is trusted.
    assert_eq!(
        line.judge(&order(1, Flag::Yes), later),
        Err(LastLineStop::Latched)
    );
    for record in harmless() {
        assert_eq!(line.judge(&record, later), Ok(()));
    }
    line.latch(&latch(Scope::Account(AccountId(2)), false));
    assert_eq!(
        line.judge(&by_strategy(1), later),
        Err(LastLineStop::Latched)
    );
    line.latch(&latch(Scope::Overall, false));
    assert_eq!(line.judge(&by_strategy(1), later), Ok(()));
}

#[test]
fn value_in_a_second_at_the_limit_passes_and_one_lot_more_latches_the_line() {
    // 1,000 of quote are a million lots at 0.001 each.
    let mut line = line(false);
    assert_eq!(line.judge(&by_strategy(400_000), 0), Ok(()));
    assert_eq!(line.judge(&by_strategy(600_000), 1), Ok(()));
    assert_eq!(line.judge(&by_strategy(400_000), SECOND_NS), Ok(()));
    assert_eq!(
        line.judge(&by_strategy(1), SECOND_NS),
        Err(LastLineStop::Value)
    );
    assert_eq!(
        line.judge(&by_strategy(1), 9 * SECOND_NS),
        Err(LastLineStop::Latched)
    );
}

#[test]
fn clock_that_falls_back_opens_no_window() {
    let mut line = line(false);
    for at in [5 * SECOND_NS, 0, 0] {
        assert_eq!(line.judge(&by_strategy(1), at), Ok(()));
    }
    assert_eq!(line.judge(&by_strategy(1), 0), Err(LastLineStop::Orders));
}

#[test]
fn order_without_a_value_is_stopped_and_no_number_overflows() {
    let mut line = line(false);
    let unknown = by_strategy(1).on_instrument(InstrumentId(9));
    assert_eq!(line.judge(&unknown, 0), Err(LastLineStop::NoValue));
    for qty in [0, -1, i64::MIN] {
        assert_eq!(line.judge(&by_strategy(qty), 0), Err(LastLineStop::NoValue));
    }
    assert_eq!(
        line.judge(&by_strategy(i64::MAX), 0),
        Err(LastLineStop::Value)
    );
}

#[test]
fn only_the_engines_own_reductions_pass_a_latch_and_only_where_that_is_configured() {
    for passes in [false, true] {
        let mut line = line(passes);
        line.latch(&latch(Scope::Overall, true));
        let expected = if passes {
            Ok(())
        } else {
            Err(LastLineStop::Latched)
        };
        assert_eq!(line.judge(&order(1, Flag::Yes), 0), expected);
        assert_eq!(
            line.judge(&order(1, Flag::No), 0),
            Err(LastLineStop::Latched)
        );
        let reduction = order(1, Flag::Yes).by_strategy(StrategyId(5));
        assert_eq!(line.judge(&reduction, 0), Err(LastLineStop::Latched));
    }
}

#[test]
fn stopped_command_ends_as_one_typed_event_about_its_order() {
    let record = by_strategy(1);
    let event = stopped(&record, LastLineStop::Value, 77);
    assert_eq!(event.kind(), Some(Kind::SendFailed));
    assert_eq!(event.detail, record.kind);
    assert_eq!(event.strategy(), record.strategy());
    assert_eq!(event.account(), record.account());
    let Ok(model::event::Event::SendFailed(report)) = model::event::event(&event) else {
        panic!("not a report: {event:?}");
    };
    assert_eq!(report.client_id, 1 << 41);
    assert_eq!(report.reason, RejectReason::LastLine);
    assert_eq!(
        LastLineStop::from_code(report.code),
        Some(LastLineStop::Value)
    );
}
