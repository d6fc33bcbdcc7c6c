//! What one market gives, order by order.

use std::sync::Arc;

use model::body::{Liquidity, Side};
use model::ids::AccountId;
use model::record::{Kind, Record};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use super::{START_NS, spec, trade, walk};
use crate::backtest::market::Market;
use crate::backtest::own::{Execution, Own};
use crate::backtest::{ProRata, Probable, QueueModel, RiskAverse, Rules, Share, Standing};

pub(super) fn own(id: u64, side: Side, price: i64, qty: i64) -> Own {
    Own {
        client_id: id,
        venue_order_id: id,
        account: AccountId(0),
        strategy: None,
        side,
        price,
        qty,
        filled: 0,
        market: false,
        standing: Standing::default(),
        place: 0,
    }
}

/// What a record could give at most: lots that it trades, or shows at prices that reach an order.
pub(super) fn apply(market: &mut Market, record: &Record, out: &mut Vec<Execution>) {
    let mut changes = Vec::new();
    let happened = market.shown.apply(record, &mut changes);
    market.react(&happened, &changes, out);
}

fn most(market: &Market, side: Side, price: i64) -> i64 {
    market.reach(side, price)
}

#[test]
fn fills_never_exceed_what_was_traded_or_shown() {
    // Seeds 100 to 139: M1 and M2 over random markets with random orders of ours.
    for seed in 100..140 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let models: [Arc<dyn QueueModel>; 3] = [
            Arc::new(RiskAverse),
            Arc::new(Probable::new(Share::Log, 1.0)),
            Arc::new(ProRata),
        ];
        let model = Arc::clone(&models[usize::try_from(seed % 3).unwrap()]);
        let mut market = Market::new(spec(), 1 << 12, model, Rules::FAITHFUL);
        let mut out: Vec<Execution> = Vec::new();
        let mut next_id = 1;
        for (_, record) in walk(seed, 800) {
            let shown = [Side::Buy, Side::Sell].map(|side| {
                let resting = market.resting().filter(|own| own.side == side);
                resting.map(Own::left).sum::<i64>()
            });
            apply(&mut market, &record, &mut out);
            let filled: i64 = out.iter().map(|one| one.qty).sum();
            if record.kind == Kind::Trade.code() {
                let traded = market.shown.last_trade.unwrap().qty.0;
                assert!(filled <= traded, "seed {seed}: {filled} of {traded}");
            }
            assert!(filled <= shown[0] + shown[1]);
            for one in &out {
                assert_eq!(one.price, one.order.price);
                assert!(one.order.filled <= one.order.qty);
                assert_eq!(one.liquidity, Liquidity::Maker);
            }
            out.clear();
            if random.random_range(0..4) == 0
                && let Some(middle) = market.mid_x2()
            {
                let side = if random.random() {
                    Side::Buy
                } else {
                    Side::Sell
                };
                let price = middle / 2 + random.random_range(-4..=4);
                let mut order = own(next_id, side, price, random.random_range(1..500));
                next_id += 1;
                let offered = most(&market, side, price);
                market.take(&mut order, true, &mut out);
                let took: i64 = out.iter().map(|one| one.qty).sum();
                assert_eq!(took, offered.min(order.qty), "seed {seed}");
                for one in &out {
                    let better = (price - one.price) * side.sign() >= 0;
                    assert!(better && one.liquidity == Liquidity::Taker);
                }
                // What was taken is gone until it is shown anew.
                assert_eq!(most(&market, side, price), offered - took);
                out.clear();
                if order.left() > 0 {
                    market.rest(order);
                }
            }
        }
    }
}

#[test]
fn two_orders_at_a_price_share_one_trade_in_their_order() {
    let mut market = Market::new(spec(), 1 << 12, Arc::new(RiskAverse), Rules::FAITHFUL);
    let mut out = Vec::new();
    for (_, record) in walk(1, 0) {
        apply(&mut market, &record, &mut out);
    }
    let price = 6_000_000 - 3;
    market.rest(own(1, Side::Buy, price, 100));
    market.rest(own(2, Side::Buy, price, 100));
    apply(
        &mut market,
        &trade(1, START_NS, Side::Sell, price, 130),
        &mut out,
    );
    let got: Vec<(u64, i64)> = out
        .iter()
        .map(|one| (one.order.client_id, one.qty))
        .collect();
    assert_eq!(got, [(1, 100), (2, 30)]);
    out.clear();
    // A trade through the price gives what was traded, and no more.
    apply(
        &mut market,
        &trade(2, START_NS, Side::Sell, price - 1, 20),
        &mut out,
    );
    let got: Vec<(u64, i64)> = out
        .iter()
        .map(|one| (one.order.client_id, one.qty))
        .collect();
    assert_eq!(got, [(2, 20)]);
}
