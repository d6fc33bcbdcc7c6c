//! Positions, margin, funding and liquidation, by hand and at random (seed: proptest's own, fixed
//! by its regression file).

use std::collections::VecDeque;

use model::instrument::{Contract, InstrumentSpec, MaintenanceTier, Perpetual};
use model::num::{Lots, Scale, Ticks};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::{IncomeKind, MarginMode, PerpConfig, Perps};
use crate::practice::exchange::{
    AccountEvent, Exchange, Execution, FeeRates, Listing, Placed, Refusal, Request,
};
use crate::practice::liquidity::Liquidity;
use crate::practice::matching::{Incoming, MARKET};
use crate::practice::types::{OrderKind, OrderStatus, SelfTrade, Side, TimeInForce};
use crate::practice::{Balance, FirstIds, PracticeInstrument};

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// Tick 0.1, lot 0.001; 0.4 % to 50,000, then 0.5 %.
fn spec(inverse: bool) -> InstrumentSpec {
    let tier = |value_from: i64, rate_bps, deduction: i64| MaintenanceTier {
        value_from: Decimal::from(value_from),
        rate_bps,
        deduction: Decimal::from(deduction),
    };
    let terms = Perpetual {
        multiplier: if inverse {
            Decimal::from(100)
        } else {
            Decimal::ONE
        },
        settle: if inverse { "BTC" } else { "USDT" }.to_owned(),
        maintenance: vec![tier(0, 40, 0), tier(50_000, 50, 50)],
    };
    InstrumentSpec {
        tick: Scale::from_text("0.1").unwrap(),
        lot: Scale::from_text(if inverse { "1" } else { "0.001" }).unwrap(),
        price_max: Some(Ticks(10_000_000)),
        qty_max: Lots(10_000_000),
        contract: if inverse {
            Contract::Inverse(terms)
        } else {
            Contract::Linear(terms)
        },
        ..PracticeInstrument::btcusdt().spec
    }
}

/// An empty book with two accounts of 10,000 USDT and 1 BTC each.
fn exchange(inverse: bool) -> Exchange {
    let listing = Listing {
        spec: spec(inverse),
        liquidity: Liquidity::synthetic(1, 300.0, (Ticks(500_000), 1), 0),
        next_trade_id: 1,
        trades: VecDeque::new(),
        unpublished: 0,
    };
    let fees = FeeRates {
        maker: dec("0.0002"),
        taker: dec("0.0004"),
    };
    let mut exchange = Exchange::new(vec![listing], fees, FirstIds::default());
    exchange.perps = Perps::new(PerpConfig {
        leverage: 10,
        ..PerpConfig::default()
    });
    for _ in 0..2 {
        let free = |free: i64| Balance {
            free: Decimal::from(free),
            locked: Decimal::ZERO,
        };
        let balances = [("USDT", free(10_000)), ("BTC", free(1))];
        let named = balances.map(|(asset, balance)| (asset.to_owned(), balance));
        exchange.accounts.open(named);
    }
    exchange
}

/// The market's own order at a price.
fn market(exchange: &mut Exchange, side: Side, price: i64, qty: i64) {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1 << 62);
    let incoming = Incoming {
        id: NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
        owner: MARKET,
        side,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::Gtc,
        self_trade: SelfTrade::Allow,
        price,
        qty,
    };
    let matched = exchange.listings[0].liquidity.submit(&incoming).unwrap();
    for fill in matched.fills {
        exchange.fill_maker(fill.maker, Ticks(fill.price), Lots(fill.qty), 9_000, true);
    }
    exchange.sweep_reduce_only(0);
}

fn request(name: &str, side: Side, price: i64, qty: i64) -> Request {
    Request {
        account: 0,
        instrument: 0,
        client_id: name.to_owned(),
        side,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::Gtc,
        self_trade: SelfTrade::ExpireMaker,
        price: Some(Ticks(price)),
        qty: Lots(qty),
        quote_qty: None,
        reduce_only: false,
    }
}

/// Trades at exactly this price against the market.
fn trade(exchange: &mut Exchange, name: &str, side: Side, price: i64, qty: i64) -> Placed {
    market(exchange, side.opposite(), price, qty);
    let placed = exchange.place(&request(name, side, price, qty)).unwrap();
    assert_eq!(placed.order.status, OrderStatus::Filled, "{name}");
    placed
}

fn free(exchange: &Exchange, account: usize, asset: &str) -> Decimal {
    exchange.accounts.balance(account, asset).free
}

#[test]
fn profit_is_by_average_cost_and_fees_are_in_the_settlement_asset() {
    let mut exchange = exchange(false);
    exchange.set_leverage(0, 0, 20);
    // 1 at 50,000 and 1 at 51,000: fees 20 and 20.4.
    trade(&mut exchange, "a", Side::Buy, 500_000, 1_000);
    trade(&mut exchange, "b", Side::Buy, 510_000, 1_000);
    let position = exchange.position(0, 0);
    assert_eq!((position.lots, position.cost), (2_000, dec("101000")));
    assert_eq!(position.entry(&spec(false)), Some(dec("50500")));
    assert_eq!(free(&exchange, 0, "USDT"), dec("9959.6"));
    // 3 sold at 52,000: 2 close with 3,000, 1 opens short; fee 62.4.
    let placed = trade(&mut exchange, "c", Side::Sell, 520_000, 3_000);
    assert_eq!(placed.fills[0].realised, dec("3000"));
    assert_eq!(placed.fills[0].commission, dec("62.4"));
    let position = exchange.position(0, 0);
    assert_eq!((position.lots, position.cost), (-1_000, dec("-52000")));
    assert_eq!(free(&exchange, 0, "USDT"), dec("12897.2"));
    // The short makes 1,000 when it is bought back at 51,000.
    let placed = trade(&mut exchange, "d", Side::Buy, 510_000, 1_000);
    assert_eq!(placed.fills[0].realised, dec("1000"));
    assert_eq!(exchange.position(0, 0).lots, 0);
    let notes: Vec<_> = exchange
        .perps
        .incomes
        .iter()
        .map(|one| (one.kind, one.amount))
        .collect();
    let realised = (IncomeKind::Realised, dec("3000"));
    assert_eq!(notes[2..4], [realised, (IncomeKind::Fee, dec("-62.4"))]);
}

#[test]
fn inverse_contract_earns_base() {
    let mut exchange = exchange(true);
    // 100 contracts of 100 USD at 50,000 are 0.2 BTC; at 62,500 they are 0.16.
    trade(&mut exchange, "a", Side::Buy, 500_000, 100);
    assert_eq!(exchange.position(0, 0).cost, dec("-0.2"));
    assert_eq!(
        exchange.position(0, 0).entry(&spec(true)),
        Some(dec("50000"))
    );
    let placed = trade(&mut exchange, "b", Side::Sell, 625_000, 100);
    assert_eq!(placed.fills[0].realised, dec("0.04"));
    // Fees: 0.2 and 0.16 at 0.04 %.
    assert_eq!(free(&exchange, 0, "BTC"), dec("1.039856"));
}

#[test]
fn initial_margin_counts_the_larger_side_and_what_reduces_is_free() {
    let mut exchange = exchange(false);
    exchange.perps.set_mark(0, Some(dec("50000")));
    // 10 times 10,000 is two coins at 50,000.
    let refused = exchange
        .place(&request("a", Side::Buy, 500_000, 2_001))
        .unwrap_err();
    assert_eq!(refused, Refusal::Insufficient);
    exchange
        .place(&request("b", Side::Buy, 500_000, 1_500))
        .unwrap();
    // Sells up to as much need nothing more: both sides cannot fill first.
    exchange
        .place(&request("c", Side::Sell, 500_100, 1_500))
        .unwrap();
    let margin = exchange.margin(0, "USDT");
    assert_eq!(margin.initial, dec("7501.5"));
    assert_eq!(margin.available(), dec("2498.5"));
    let refused = exchange.place(&request("d", Side::Buy, 500_000, 1_000));
    assert_eq!(refused.unwrap_err(), Refusal::Insufficient);
    exchange.set_leverage(0, 0, 20);
    exchange
        .place(&request("e", Side::Buy, 500_000, 1_000))
        .unwrap();
}

#[test]
fn reduce_only_order_never_exceeds_the_position() {
    let mut exchange = exchange(false);
    let reducing = |name: &str, price, qty| Request {
        reduce_only: true,
        ..request(name, Side::Sell, price, qty)
    };
    let refused = exchange.place(&reducing("a", 520_000, 1)).unwrap_err();
    assert_eq!(refused, Refusal::ReduceOnly, "nothing to reduce");
    trade(&mut exchange, "b", Side::Buy, 500_000, 1_000);
    exchange.place(&reducing("c", 520_000, 600)).unwrap();
    let refused = exchange.place(&reducing("d", 520_000, 401)).unwrap_err();
    assert_eq!(refused, Refusal::ReduceOnly, "more than is left");
    // The position shrinks below the resting order: the venue ends it.
    exchange.take_events();
    trade(&mut exchange, "e", Side::Sell, 500_000, 500);
    let order = exchange.ledger.by_client(0, "c").unwrap();
    assert_eq!(order.status, OrderStatus::Expired);
    let expired = exchange.take_events().into_iter().any(|event| {
        matches!(
            event,
            AccountEvent::Report {
                execution: Execution::Expired,
                ..
            }
        )
    });
    assert!(expired, "its owner hears of it");
}

#[test]
fn modified_order_goes_to_the_end_of_the_queue_or_takes_or_ends() {
    let mut exchange = exchange(false);
    let first = exchange
        .place(&request("a", Side::Buy, 500_000, 100))
        .unwrap()
        .order
        .id;
    let mut other = request("b", Side::Buy, 500_000, 100);
    other.account = 1;
    let second = exchange.place(&other).unwrap().order.id;
    // Smaller at the same price: behind the other all the same.
    let placed = exchange.modify(first, Ticks(500_000), Lots(90)).unwrap();
    assert_eq!(
        (placed.order.qty, placed.order.status),
        (Lots(90), OrderStatus::New)
    );
    market(&mut exchange, Side::Sell, 500_000, 100);
    let left = |exchange: &Exchange, id| exchange.ledger.order(id).unwrap().remaining().0;
    assert_eq!((left(&exchange, first), left(&exchange, second)), (90, 0));
    // A price that crosses takes.
    market(&mut exchange, Side::Sell, 500_100, 30);
    let placed = exchange.modify(first, Ticks(500_100), Lots(90)).unwrap();
    assert_eq!((placed.fills.len(), placed.order.executed), (1, Lots(30)));
    // No more than is filled: cancelled.
    let placed = exchange.modify(first, Ticks(500_100), Lots(30)).unwrap();
    assert_eq!(placed.order.status, OrderStatus::Cancelled);
    assert_eq!(
        exchange.modify(first, Ticks(1), Lots(9)).unwrap_err(),
        Refusal::Unknown
    );
    // Post-only that would cross: cancelled.
    let mut maker = request("c", Side::Buy, 499_000, 10);
    maker.kind = OrderKind::PostOnly;
    let id = exchange.place(&maker).unwrap().order.id;
    market(&mut exchange, Side::Sell, 500_200, 30);
    let placed = exchange.modify(id, Ticks(500_200), Lots(10)).unwrap();
    assert_eq!(placed.order.status, OrderStatus::Cancelled);
    assert!(placed.fills.is_empty());
}

#[test]
fn funding_is_paid_at_its_instants_by_longs_to_shorts() {
    let mut exchange = exchange(false);
    let every = exchange.perps.funding_every_ms();
    exchange.set_time(every * 100 + 5);
    exchange.turn_perps();
    trade(&mut exchange, "a", Side::Buy, 500_000, 1_000);
    exchange.perps.set_mark(0, Some(dec("60000")));
    let before = free(&exchange, 0, "USDT");
    exchange.set_time(every * 101 - 1);
    exchange.turn_perps();
    assert_eq!(free(&exchange, 0, "USDT"), before, "not yet");
    exchange.set_time(every * 101);
    exchange.take_events();
    exchange.turn_perps();
    exchange.turn_perps();
    assert_eq!(
        free(&exchange, 0, "USDT"),
        before - dec("6"),
        "0.01 % of 60,000, once"
    );
    assert_eq!(exchange.next_perp_due_ms(), Some(every * 102));
    let events = exchange.take_events();
    let [
        AccountEvent::Funding {
            amount, time_ms, ..
        },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((*amount, *time_ms), (dec("-6"), every * 101));
}

#[test]
fn position_that_is_not_covered_is_liquidated_and_insured() {
    let mut exchange = exchange(false);
    exchange.set_time(1_000);
    // Two coins at 50,000 with 10,000: maintenance 450 of 100,000 (0.5 % less 50).
    trade(&mut exchange, "a", Side::Buy, 500_000, 1_900);
    exchange.perps.set_mark(0, Some(dec("50000")));
    let price = exchange.liquidation_price(0, 0).unwrap();
    // 10,000 - 38 of fees + 1.9 (p - 50,000) = 1.9 p 0.005 - 50
    let covered = dec("9962") + dec("1.9") * (price - dec("50000"));
    let needed = dec("1.9") * price * dec("0.005") - dec("50");
    assert!((covered - needed).abs() < dec("0.000001"), "{price}");
    exchange.perps.set_mark(0, Some(price + Decimal::ONE));
    exchange.turn_perps();
    assert_eq!(exchange.position(0, 0).lots, 1_900);
    let resting = exchange
        .place(&request("b", Side::Sell, 600_000, 1))
        .unwrap()
        .order
        .id;
    exchange
        .perps
        .set_mark(0, Some(price - Decimal::from(1_000)));
    let total = exchange.accounts.total("USDT");
    exchange.turn_perps();
    assert_eq!(exchange.position(0, 0).lots, 0);
    assert_eq!(
        exchange.ledger.order(resting).unwrap().status,
        OrderStatus::Cancelled
    );
    let forced = exchange.ledger.orders_from(0).last().unwrap();
    assert!(
        forced.client_id.starts_with("autoclose-"),
        "{}",
        forced.client_id
    );
    assert_eq!(forced.status, OrderStatus::Filled);
    assert_eq!(exchange.accounts.total("USDT"), total, "Invariant A2");
    assert_eq!(
        free(&exchange, 0, "USDT"),
        Decimal::ZERO,
        "the insurance fund paid the rest"
    );
    let kinds: Vec<IncomeKind> = exchange.perps.incomes.iter().map(|one| one.kind).collect();
    assert!(kinds.contains(&IncomeKind::Insurance), "{kinds:?}");
}

#[test]
fn isolated_position_has_its_own_margin_and_loses_no_more() {
    let mut exchange = exchange(false);
    assert!(exchange.set_margin_mode(0, 0, MarginMode::Isolated));
    trade(&mut exchange, "a", Side::Buy, 500_000, 1_000);
    let balance = exchange.accounts.balance(0, "USDT");
    assert_eq!((balance.free, balance.locked), (dec("4980"), dec("5000")));
    assert!(
        !exchange.set_margin_mode(0, 0, MarginMode::Cross),
        "with a position"
    );
    trade(&mut exchange, "b", Side::Sell, 500_000, 400);
    assert_eq!(exchange.position(0, 0).margin, dec("3000"));
    // 0.6 coins with 3,000 aside end near 45,200.
    let price = exchange.liquidation_price(0, 0).unwrap();
    assert!((dec("45180")..dec("45185")).contains(&price), "{price}");
    exchange.perps.set_mark(0, Some(dec("45100")));
    exchange.turn_perps();
    let balance = exchange.accounts.balance(0, "USDT");
    assert_eq!(
        (exchange.position(0, 0).lots, balance.locked),
        (0, Decimal::ZERO)
    );
    assert!(balance.free > dec("4900"), "{}", balance.free);
}

#[derive(Debug, Clone)]
enum Step {
    Place(Request),
    Modify(usize, i64, i64),
    Cancel(usize),
    Market(bool, i64, i64),
    Mark(i64),
    Time(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let price = || 499_000_i64..501_000;
    let place = (
        0..2_usize,
        any::<bool>(),
        price(),
        1_i64..900,
        any::<bool>(),
        any::<u32>(),
    );
    let place = place.prop_map(|(account, buy, price, qty, reduce_only, name)| {
        let side = if buy { Side::Buy } else { Side::Sell };
        Step::Place(Request {
            account,
            reduce_only,
            ..request(&format!("r{name}"), side, price, qty)
        })
    });
    prop_oneof![
        6 => place,
        1 => (0..9_usize, price(), 1_i64..900).prop_map(|(a, b, c)| Step::Modify(a, b, c)),
        1 => (0..9_usize).prop_map(Step::Cancel),
        4 => (any::<bool>(), price(), 1_i64..900).prop_map(|(a, b, c)| Step::Market(a, b, c)),
        1 => (30_000_i64..70_000).prop_map(Step::Mark),
        1 => (1_i64..20_000_000).prop_map(Step::Time),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn prop_money_is_conserved_and_positions_are_the_sum_of_fills(
        steps in proptest::collection::vec(step(), 1..80), isolated in any::<bool>(),
    ) {
        let mut exchange = exchange(false);
        if isolated {
            exchange.set_margin_mode(0, 0, MarginMode::Isolated);
        }
        let total = exchange.accounts.total("USDT");
        let mut now_ms = 1_000_000;
        for step in steps {
            let open: Vec<u64> = exchange.ledger.open().map(|order| order.id).collect();
            match step {
                Step::Place(request) => drop(exchange.place(&request)),
                Step::Modify(at, price, qty) => if let Some(id) = open.get(at) {
                    let _ = exchange.modify(*id, Ticks(price), Lots(qty));
                },
                Step::Cancel(at) => if let Some(id) = open.get(at) {
                    exchange.cancel(*id, "cancel");
                },
                Step::Market(buy, price, qty) => {
                    let side = if buy { Side::Buy } else { Side::Sell };
                    market(&mut exchange, side, price, qty);
                }
                Step::Mark(mark) => exchange.perps.set_mark(0, Some(Decimal::from(mark))),
                Step::Time(ms) => now_ms += ms,
            }
            exchange.set_time(now_ms);
            exchange.turn_perps();
            prop_assert_eq!(exchange.accounts.total("USDT"), total, "Invariant A2");
            for account in 0..2 {
                let fills = exchange.ledger.trades().filter(|trade| trade.account == account);
                let sum: i64 = fills.map(|trade| match trade.side {
                    Side::Buy => trade.qty.0,
                    Side::Sell => -trade.qty.0,
                }).sum();
                prop_assert_eq!(exchange.position(account, 0).lots, sum, "Invariant P1");
                let balance = exchange.accounts.balance(account, "USDT");
                prop_assert!(balance.free >= Decimal::ZERO, "Invariant P3");
                let aside = exchange.position(account, 0).margin;
                prop_assert_eq!(balance.locked, aside);
            }
            for order in exchange.ledger.open().filter(|order| order.reduce_only) {
                let held = exchange.position(order.account, 0).lots;
                let reduces = if order.side == Side::Buy { -held } else { held };
                prop_assert!(order.remaining().0 <= reduces, "Invariant P2");
            }
        }
    }
}
