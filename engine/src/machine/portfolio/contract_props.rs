//! Value and profit of linear and inverse perpetuals against plain formulas, over random fills.
//! The plain side keeps every fill and sums: no average, no lots, no closing.

use super::*;
use crate::machine::market::tests::spec;
use model::body::{AssetName, Liquidity, Side};
use model::ids::StrategyId;
use model::instrument::{Contract, Perpetual};
use model::num::{Money, Scale};
use proptest::prelude::*;

const ACCOUNT: AccountId = AccountId(0);

fn contract(inverse: bool, multiplier: Decimal) -> InstrumentSpec {
    let terms = Perpetual {
        multiplier,
        settle: if inverse { "XBT" } else { "USDT" }.to_owned(),
        maintenance: Vec::new(),
    };
    InstrumentSpec {
        id: InstrumentId(0),
        base: "XBT".to_owned(),
        quote: "USDT".to_owned(),
        tick: Scale::new(5, 1).unwrap(),
        lot: Scale::new(1, if inverse { 0 } else { 3 }).unwrap(),
        contract: match inverse {
            true => Contract::Inverse(terms),
            false => Contract::Linear(terms),
        },
        ..spec()
    }
}

/// What signed lots are worth at a price: `lots * lot * multiplier * price`, or for an inverse
/// contract `-lots * lot * multiplier / price`.
fn plain(inverse: bool, multiplier: Decimal, lots: i64, price: Decimal) -> Decimal {
    if inverse {
        -Decimal::from(lots) * multiplier / price
    } else {
        Decimal::new(lots, 3) * multiplier * price
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(20_261_123),
        failure_persistence: None,
        ..ProptestConfig::with_cases(200)
    })]

    #[test]
    fn prop_value_and_profit_of_perpetuals_are_those_of_the_plain_formulas(
        inverse in any::<bool>(),
        thousandths in 1_i64..5_000,
        fills in proptest::collection::vec((any::<bool>(), 50_i64..400_000, 1_i64..90_000), 1..40),
        mark in 50_i64..400_000,
    ) {
        let multiplier = Decimal::new(thousandths, 3);
        let spec = contract(inverse, multiplier);
        let mut books = Portfolio::default();
        books.open("USDT", std::iter::once(VenueId(0)), std::iter::once(&spec));
        let price = |ticks: i64| Decimal::new(5 * ticks, 1);
        let (mut held, mut paid) = (0_i64, Decimal::ZERO);
        for (number, (buys, ticks, qty)) in fills.iter().enumerate() {
            let side = if *buys { Side::Buy } else { Side::Sell };
            let fill = Fill {
                client_id: 0,
                venue_order_id: 0,
                venue_time_ns: 0,
                trade_id: number as u64 + 1,
                price: Ticks(*ticks),
                qty: Lots(*qty),
                fee: Money::new(Decimal::ZERO),
                fee_asset: AssetName::cut("USDT"),
                side,
                liquidity: Liquidity::Taker,
            };
            prop_assert!(books.fill(&spec, ACCOUNT, Some(StrategyId(0)), &fill));
            held += side.sign() * qty;
            paid += plain(inverse, multiplier, side.sign() * qty, price(*ticks));
            let position = *books.position(ACCOUNT, InstrumentId(0)).unwrap();
            prop_assert_eq!(position.lots, Lots(held));
            // Each worth of an inverse contract is rounded to 12 digits, once.
            let error = Decimal::new(number as i64 + 2, 12);
            let worth = worth::worth(&spec, price(mark), held).unwrap();
            let plainly = plain(inverse, multiplier, held, price(mark));
            prop_assert!((worth - plainly).abs() <= error, "{} {}", worth, plainly);
            let profit = position.realised + position.unrealised_at(&spec, price(mark)).unwrap();
            let gained = plainly - paid;
            prop_assert!((profit - gained).abs() <= error, "{} {}", profit, gained);
            if held == 0 {
                prop_assert!((position.realised + paid).abs() <= error, "flat");
                prop_assert_eq!(position.cost, Decimal::ZERO);
            }
        }
        // A long gains where the price rises, a short where it falls: of both kinds of contract.
        let position = books.position(ACCOUNT, InstrumentId(0)).unwrap();
        let at = |ticks| position.unrealised_at(&spec, price(ticks)).unwrap();
        let rise = at(mark + 10_000) - at(mark);
        prop_assert!(rise * Decimal::from(held) >= Decimal::ZERO);
    }
}
