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
        liquidity: Liquidity::synthetic(seed, 300.0, (instrument.start_price, 1), 0),
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
                reduce_only: false,
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
        reduce_only: false,
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

/// All four markets, two accounts with some of each asset, fees in BNB.
fn all_markets(seed: u64, bnb: Decimal) -> Exchange {
    let listing = |(index, symbol): (u64, String)| {
        let instrument = PracticeInstrument::named(&symbol).unwrap();
        Listing {
            spec: instrument.spec,
            liquidity: Liquidity::synthetic(seed + index, 300.0, (instrument.start_price, 1), 0),
            next_trade_id: 1,
            trades: VecDeque::new(),
            unpublished: 0,
        }
    };
    let symbols = PracticeInstrument::symbols();
    let listings = (0..).zip(symbols).map(listing).collect();
    let fees = FeeRates {
        maker: Decimal::new(75, 5),
        taker: Decimal::new(1, 3),
    };
    let mut exchange = Exchange::new(listings, fees, FirstIds::default());
    exchange.fees_in_bnb = true;
    let free = |free: Decimal| Balance {
        free,
        locked: Decimal::ZERO,
    };
    for _ in 0..2 {
        exchange.accounts.open([
            ("BTC".to_owned(), free(Decimal::from(20))),
            ("ETH".to_owned(), free(Decimal::from(200))),
            ("BNB".to_owned(), free(bnb)),
            ("USDT".to_owned(), free(Decimal::from(400_000))),
        ]);
    }
    exchange.open_markets();
    exchange
}

fn buy(instrument: usize, qty: i64) -> Request {
    Request {
        account: 0,
        instrument,
        client_id: format!("b{instrument}-{qty}"),
        side: Side::Buy,
        kind: OrderKind::Market,
        time_in_force: TimeInForce::Gtc,
        self_trade: SelfTrade::ExpireMaker,
        price: None,
        qty: Lots(qty),
        quote_qty: None,
        reduce_only: false,
    }
}

#[test]
fn cross_stays_where_its_legs_put_it_and_each_market_has_its_own_flow() {
    let mut exchange = all_markets(3, Decimal::TWO);
    // A tenth above what the legs imply: it comes back.
    let Liquidity::Synthetic(cross) = &mut exchange.listings[3].liquidity else {
        panic!("the cross is synthetic");
    };
    cross.flow.pull(15_000.0);
    for step in 0..20_000 {
        (0..4).for_each(|instrument| exchange.step_market(instrument));
        let bid = exchange.listings[3].liquidity.best(Side::Buy).unwrap().0;
        let implied = exchange.implied_ticks(3).unwrap();
        #[expect(clippy::cast_precision_loss, reason = "some thousand ticks")]
        let apart = (bid as f64 - implied).abs();
        assert!(
            step < 5_000 || apart < 15.0,
            "step {step}: {bid} for {implied}"
        );
    }
    let trades = |at: usize| exchange.listings[at].next_trade_id;
    assert!((0..4).all(|at| trades(at) > 100), "each market trades");
    assert_ne!(trades(0), trades(1), "each has its own seed");
}

#[test]
fn fees_are_paid_in_bnb_while_there_is_some_and_nothing_is_lost() {
    let assets = ["BTC", "ETH", "BNB", "USDT"];
    let mut exchange = all_markets(5, Decimal::new(2, 3));
    let total = |exchange: &Exchange| assets.map(|asset| exchange.accounts.total(asset));
    let before = total(&exchange);
    let mut paid = Vec::new();
    for (instrument, qty) in [(0, 1_000), (3, 2_000), (1, 5_000), (0, 2_000), (2, 500)] {
        for fill in exchange.place(&buy(instrument, qty)).unwrap().fills {
            let (rate, value) = (exchange.fees.taker, fill.quote);
            if fill.commission_asset == "BNB" && instrument == 0 {
                // A quarter less, at about 600 USDT for one.
                let full = value * rate / Decimal::from(600);
                let share = fill.commission / full;
                let (low, high) = (Decimal::new(74, 2), Decimal::new(76, 2));
                assert!(low < share && share < high, "{share}");
            }
            paid.push(fill.commission_asset);
        }
    }
    assert_eq!(total(&exchange), before, "Invariant A2");
    assert_eq!(paid.first().unwrap(), "BNB");
    // 0.002 BNB are soon gone, then the fee is of what is received.
    assert!(
        paid.iter().any(|asset| asset == "BTC" || asset == "ETH"),
        "{paid:?}"
    );
    assert!(exchange.accounts.balance(0, "BNB").free >= Decimal::ZERO);
}
