//! Money is conserved and never negative, whatever the accounts do.

use std::collections::VecDeque;

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::practice::PracticeInstrument;
use crate::practice::accounts::Balance;
use crate::practice::types::{OrderKind, SelfTrade, TimeInForce};

const ASSETS: [&str; 2] = ["BTC", "USDT"];

fn exchange(seed: u64) -> Exchange {
    let instrument = PracticeInstrument::btcusdt();
    let listing = Listing {
        spec: instrument.spec,
        liquidity: Liquidity::synthetic(seed, 300.0, instrument.start_price, 0),
        next_trade_id: 1,
        trades: VecDeque::new(),
        unpublished: 0,
    };
    let fees = FeeRates {
        maker: Decimal::new(75, 5),
        taker: Decimal::new(1, 3),
    };
    let mut exchange = Exchange::new(vec![listing], fees, FirstIds::default());
    for _ in 0..2 {
        let free = |amount: i64| Balance {
            free: Decimal::from(amount),
            locked: Decimal::ZERO,
        };
        exchange.accounts.open([
            ("BTC".to_owned(), free(20)),
            ("USDT".to_owned(), free(400_000)),
        ]);
    }
    exchange.open_markets();
    exchange
}

#[derive(Debug, Clone)]
enum Step {
    Place(Request),
    Cancel(usize),
    Amend(usize, i64),
    Market(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        3 => Just(OrderKind::Limit),
        1 => Just(OrderKind::Market),
        1 => Just(OrderKind::PostOnly),
    ];
    let mode = prop_oneof![
        Just(SelfTrade::Allow),
        Just(SelfTrade::ExpireMaker),
        Just(SelfTrade::ExpireBoth),
    ];
    let place = (
        0_usize..2,
        any::<bool>(),
        kind,
        mode,
        -300_i64..300,
        1_i64..900_000,
    )
        .prop_map(|(account, buy, kind, self_trade, offset, qty)| {
            Step::Place(Request {
                account,
                instrument: 0,
                client_id: String::new(),
                side: if buy { Side::Buy } else { Side::Sell },
                kind,
                time_in_force: TimeInForce::Gtc,
                self_trade,
                price: (kind != OrderKind::Market).then_some(Ticks(6_000_000 + offset)),
                qty: Lots(qty),
                quote_qty: None,
            })
        });
    prop_oneof![
        3 => place,
        1 => (0_usize..50).prop_map(Step::Cancel),
        1 => (0_usize..50, 1_i64..900_000).prop_map(|(nth, qty)| Step::Amend(nth, qty)),
        2 => (1_usize..40).prop_map(Step::Market),
    ]
}

/// E1 and A1: what is locked is what the open orders need, and nothing is below zero.
fn check_locks(exchange: &Exchange) {
    for account in 0..2 {
        for asset in ASSETS {
            let balance = exchange.accounts.balance(account, asset);
            let open = exchange
                .ledger
                .open()
                .filter(|order| order.account == account);
            let needed: Decimal = open
                .filter_map(|order| {
                    let spec = &exchange.listings[0].spec;
                    match (order.side, asset) {
                        (Side::Buy, "USDT") => spec.notional(order.price?, order.remaining()),
                        (Side::Sell, "BTC") => spec.quantity(order.remaining()),
                        _ => None,
                    }
                })
                .sum();
            assert_eq!(balance.locked, needed, "Invariant E1");
            assert!(balance.free >= Decimal::ZERO, "Invariant A1");
        }
    }
}

/// E2: the ledger's trades explain the orders.
fn check_trades(exchange: &Exchange) {
    for order in exchange.ledger.orders_from(0) {
        let trades = exchange
            .ledger
            .trades()
            .filter(|trade| trade.order == order.id);
        let filled: i64 = trades.map(|trade| trade.qty.0).sum();
        assert_eq!(filled, order.executed.0, "Invariant E2");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn prop_money_is_conserved(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut exchange = exchange(seed);
        let before: Vec<Decimal> =
            ASSETS.iter().map(|asset| exchange.accounts.total(asset)).collect();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Place(mut request) => {
                    request.client_id = format!("c{number}");
                    let would = exchange.check(&request);
                    prop_assert_eq!(exchange.place(&request).map(|_| ()), would);
                }
                Step::Cancel(nth) => {
                    let id = exchange.ledger.open().nth(nth).map(|order| order.id);
                    if let Some(id) = id {
                        prop_assert!(exchange.cancel(id, "x").is_some());
                    }
                }
                Step::Amend(nth, qty) => {
                    let order = exchange.ledger.open().nth(nth).cloned();
                    if let Some(order) = order {
                        let name = format!("a{number}");
                        let may = qty > order.executed.0 && qty < order.qty.0;
                        let amended = exchange.amend(order.id, Lots(qty), &name);
                        prop_assert_eq!(amended.is_some(), may);
                        let found = exchange.ledger.by_client(order.account, &name);
                        prop_assert_eq!(found.is_some(), may);
                    }
                }
                Step::Market(count) => (0..count).for_each(|_| exchange.step_market(0)),
            }
            check_locks(&exchange);
        }
        check_trades(&exchange);
        let after: Vec<Decimal> =
            ASSETS.iter().map(|asset| exchange.accounts.total(asset)).collect();
        prop_assert_eq!(before, after, "Invariant A2");
    }
}

#[test]
fn events_of_a_fill_come_in_order_and_numbered() {
    let mut exchange = exchange(1);
    let request = Request {
        account: 0,
        instrument: 0,
        client_id: "one".to_owned(),
        side: Side::Buy,
        kind: OrderKind::Market,
        time_in_force: TimeInForce::Gtc,
        self_trade: SelfTrade::ExpireMaker,
        price: None,
        qty: Lots(1_000),
        quote_qty: None,
    };
    exchange.place(&request).unwrap();
    let mut last = 0;
    let mut kinds = Vec::new();
    for event in exchange.take_events() {
        if let AccountEvent::Report {
            execution_id,
            execution,
            ..
        } = event
        {
            assert!(execution_id > last || last == 0);
            last = execution_id;
            kinds.push(execution);
        }
    }
    assert_eq!(kinds[0], Execution::New);
    assert!(kinds[1..].iter().all(|kind| *kind == Execution::Trade));
    assert!(exchange.take_events().is_empty());
}
