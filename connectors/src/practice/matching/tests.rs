//! The engine against a naive second implementation, and its invariants, over random orders.

use proptest::prelude::*;

use super::*;

/// An order, or a cancel or a shrinking of the n-th accepted one.
#[derive(Debug, Clone)]
enum Step {
    Submit(Incoming),
    Cancel(usize),
    Shrink(usize, i64),
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        4 => Just(OrderKind::Limit),
        1 => Just(OrderKind::Market),
        1 => Just(OrderKind::PostOnly),
    ];
    let tif = prop_oneof![
        4 => Just(TimeInForce::Gtc),
        1 => Just(TimeInForce::Ioc),
        1 => Just(TimeInForce::Fok),
    ];
    let mode = prop_oneof![
        Just(SelfTrade::Allow),
        Just(SelfTrade::ExpireTaker),
        Just(SelfTrade::ExpireMaker),
        Just(SelfTrade::ExpireBoth),
    ];
    let submit = (
        any::<bool>(),
        kind,
        tif,
        mode,
        95_i64..106,
        1_i64..20,
        0_u32..3,
    )
        .prop_map(
            |(buy, kind, time_in_force, self_trade, price, qty, owner)| {
                let side = if buy { Side::Buy } else { Side::Sell };
                Step::Submit(Incoming {
                    id: 0,
                    owner,
                    side,
                    kind,
                    time_in_force,
                    self_trade,
                    price,
                    qty,
                })
            },
        );
    prop_oneof![
        5 => submit,
        1 => (0_usize..200).prop_map(Step::Cancel),
        1 => (0_usize..100, 1_i64..20).prop_map(|(nth, qty)| Step::Shrink(nth, qty)),
    ]
}

/// Resting orders in one list, in the order of arrival; every search is a scan.
#[derive(Debug, Default)]
struct Naive(Vec<Incoming>);

impl Naive {
    /// Position of the order that a taker meets next.
    fn next(&self, taker: &Incoming) -> Option<usize> {
        let mut best: Option<usize> = None;
        for (index, order) in self.0.iter().enumerate() {
            let fits = order.side != taker.side && within(taker.side, order.price, taker.limit());
            let better = best.is_none_or(|known| match taker.side {
                Side::Buy => order.price < self.0[known].price,
                Side::Sell => order.price > self.0[known].price,
            });
            if fits && better {
                best = Some(index);
            }
        }
        best
    }

    fn submit(&mut self, order: &Incoming) -> Option<Matched> {
        if order.kind == OrderKind::PostOnly && self.next(order).is_some() {
            return None;
        }
        let before = self.0.clone();
        let mut matched = Matched::default();
        let mut left = order.qty;
        while left > 0
            && let Some(index) = self.next(order)
        {
            let maker = self.0[index];
            if is_self(order, maker.owner) && order.self_trade != SelfTrade::Allow {
                if order.self_trade != SelfTrade::ExpireTaker {
                    self.0.remove(index);
                    matched.prevented_makers.push((maker.id, maker.qty));
                }
                if order.self_trade != SelfTrade::ExpireMaker {
                    matched.prevented_taker = true;
                    break;
                }
                continue;
            }
            let qty = left.min(maker.qty);
            left -= qty;
            self.0[index].qty -= qty;
            if self.0[index].qty == 0 {
                self.0.remove(index);
            }
            let (maker, maker_owner, price) = (maker.id, maker.owner, maker.price);
            matched.fills.push(Fill {
                maker,
                maker_owner,
                price,
                qty,
            });
        }
        let fok = order.kind == OrderKind::Limit && order.time_in_force == TimeInForce::Fok;
        if fok && left > 0 {
            self.0 = before;
            return Some(Matched {
                ended: order.qty,
                ..Matched::default()
            });
        }
        if left > 0 && order.rests() && !matched.prevented_taker {
            matched.resting = left;
            self.0.push(Incoming {
                qty: left,
                ..*order
            });
        } else {
            matched.ended = left;
        }
        Some(matched)
    }

    fn levels(&self, side: Side) -> Vec<(i64, i64)> {
        let mut totals = BTreeMap::new();
        for order in self.0.iter().filter(|order| order.side == side) {
            *totals.entry(order.price).or_insert(0) += order.qty;
        }
        let levels = totals.into_iter();
        match side {
            Side::Buy => levels.rev().collect(),
            Side::Sell => levels.collect(),
        }
    }
}

fn levels(engine: &MatchingEngine, side: Side) -> Vec<(i64, i64)> {
    engine.half(side).levels().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn prop_engine_and_naive_book_agree(steps in prop::collection::vec(step(), 1..150)) {
        let mut engine = MatchingEngine::new(0);
        let mut naive = Naive::default();
        let mut shown = (BTreeMap::new(), BTreeMap::new());
        let mut ids = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Cancel(nth) => {
                    let Some(id) = ids.get(nth) else { continue };
                    let position = naive.0.iter().position(|order| order.id == *id);
                    let expected = position.map(|index| naive.0.remove(index).qty);
                    prop_assert_eq!(engine.cancel(*id), expected);
                }
                Step::Shrink(nth, qty) => {
                    let Some(id) = ids.get(nth) else { continue };
                    let large = |order: &&mut Incoming| order.id == *id && order.qty > qty;
                    let found = naive.0.iter_mut().find(large);
                    prop_assert_eq!(engine.shrink(*id, qty), found.is_some());
                    if let Some(order) = found {
                        order.qty -= qty;
                    }
                }
                Step::Submit(mut order) => {
                    order.id = u64::try_from(number).unwrap() + 1;
                    let reach = engine.reach(&order, order.qty);
                    let result = engine.submit(&order).ok();
                    prop_assert_eq!(&result, &naive.submit(&order));
                    let Some(matched) = result else { continue };
                    ids.push(order.id);
                    let filled: i64 = matched.fills.iter().map(|fill| fill.qty).sum();
                    prop_assert_eq!(filled + matched.resting + matched.ended, order.qty, "M4");
                    let fok = order.kind == OrderKind::Limit
                        && order.time_in_force == TimeInForce::Fok;
                    prop_assert!(reach.qty == filled || fok, "reach is what it gets");
                    prop_assert_eq!(engine.resting(order.id).unwrap_or(0), matched.resting);
                }
            }
            for side in [Side::Buy, Side::Sell] {
                prop_assert_eq!(levels(&engine, side), naive.levels(side), "M2");
            }
            if let (Some(bid), Some(ask)) = (engine.best(Side::Buy), engine.best(Side::Sell)) {
                prop_assert!(bid.0 < ask.0, "M1");
            }
            engine.drain_changes(|side, price, total| {
                let half = if side == Side::Buy { &mut shown.0 } else { &mut shown.1 };
                if total == 0 { half.remove(&price); } else { half.insert(price, total); }
            });
            let bids: Vec<_> = shown.0.iter().rev().map(|(price, qty)| (*price, *qty)).collect();
            let asks: Vec<_> = shown.1.iter().map(|(price, qty)| (*price, *qty)).collect();
            prop_assert_eq!(bids, levels(&engine, Side::Buy), "changes tell the whole book");
            prop_assert_eq!(asks, levels(&engine, Side::Sell));
        }
    }
}

fn limit(id: u64, side: Side, price: i64, qty: i64) -> Incoming {
    Incoming {
        id,
        owner: MARKET,
        side,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::Gtc,
        self_trade: SelfTrade::Allow,
        price,
        qty,
    }
}

#[test]
fn level_fills_in_the_order_of_arrival() {
    let mut engine = MatchingEngine::new(7);
    for id in 1..=3 {
        engine.submit(&limit(id, Side::Sell, 100, 5)).unwrap();
    }
    engine.cancel(2);
    let matched = engine.submit(&limit(9, Side::Buy, 101, 7)).unwrap();
    let makers: Vec<(u64, i64)> = matched
        .fills
        .iter()
        .map(|fill| (fill.maker, fill.qty))
        .collect();
    assert_eq!(makers, [(1, 5), (3, 2)]);
    assert_eq!(engine.resting(3), Some(3));
    assert!(engine.update_id() > 7);
}

#[test]
fn restored_order_rests_without_matching_and_may_not_cross() {
    let mut engine = MatchingEngine::new(0);
    engine.restore(&limit(1, Side::Buy, 100, 5)).unwrap();
    assert_eq!(
        engine.restore(&limit(2, Side::Sell, 100, 5)),
        Err(WouldTake)
    );
    assert_eq!(engine.best(Side::Sell), None);
    assert_eq!(engine.best(Side::Buy), Some((100, 5)));
}
