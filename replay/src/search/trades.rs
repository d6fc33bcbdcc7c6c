//! Closed trades of a backtest: what each round trip brought.
//!
//! How a round trip is cut: by account and instrument, from no position on (what an account holds
//! at the start is no part of it). A fill that adds to the position opens a lot; one against it
//! closes the oldest lots first, and all that one fill closes is one round trip. A fill beyond
//! the position closes it, and its rest opens a lot on the other side. Fees go with the quantities,
//! those of the opening too. What is open at the end is no trade; funding is in none.
//!
//! Amounts are in quotes, as floats for people: those of an inverse contract at the closing price.

use std::collections::{BTreeMap, VecDeque};

use model::body::Side;
use model::ids::{AccountId, InstrumentId};
use model::instrument::{Contract, InstrumentSpec};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::backtest::{FillRow, Observer};

/// Most trades that are kept: of more, neighbours are taken together.
const TRADES_MAX: usize = 4_096;

/// A quantity that waits for its end.
#[derive(Debug, Clone, Copy)]
struct Lot {
    price: f64,
    qty: f64,
    /// Lots that are left of it.
    lots: i64,
    /// Fee of one lot.
    fee: f64,
}

/// Position of an account in an instrument.
#[derive(Debug, Default)]
struct Open {
    /// 1 long, -1 short; of no meaning without lots.
    sign: f64,
    lots: VecDeque<Lot>,
}

/// Collects round trips; see the module's header. Memory grows with the fills of an open position.
#[derive(Debug)]
pub struct Trades {
    specs: Vec<InstrumentSpec>,
    open: BTreeMap<(AccountId, InstrumentId), Open>,
    profits: Vec<f64>,
    /// Round trips in each of `profits`, but for the last one.
    every: u64,
    /// Round trips in the last one.
    last: u64,
    count: u64,
}

fn float(value: Option<Decimal>) -> f64 {
    value.and_then(|value| value.to_f64()).unwrap_or(0.0)
}

impl Trades {
    /// None yet; `specs` are the instruments by their ids.
    #[must_use]
    pub fn new(specs: &[InstrumentSpec]) -> Self {
        Self {
            specs: specs.to_vec(),
            open: BTreeMap::new(),
            profits: Vec::new(),
            every: 1,
            last: 0,
            count: 0,
        }
    }

    /// What each brought after fees, in the order in which they were closed. Of more than 4,096,
    /// each is the sum of equally many neighbours, the last one of the rest.
    #[must_use]
    pub fn profits(&self) -> &[f64] {
        &self.profits
    }

    /// Round trips in all.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    fn add(&mut self, profit: f64) {
        self.count += 1;
        if self.last == self.every || self.profits.is_empty() {
            if self.profits.len() == TRADES_MAX {
                let pairs = self.profits.chunks(2).map(|two| two.iter().sum());
                self.profits = pairs.collect();
                self.every *= 2;
            }
            self.profits.push(0.0);
            self.last = 0;
        }
        if let Some(last) = self.profits.last_mut() {
            *last += profit;
            self.last += 1;
        }
    }
}

impl Observer for Trades {
    fn fill(&mut self, row: &FillRow) {
        let Some(spec) = self.specs.get(row.instrument.index()) else {
            return;
        };
        let (price, lot) = (float(spec.price(row.price)), float(spec.lot.decimal(1)));
        let sign = match row.side {
            Side::Buy => 1.0,
            Side::Sell => -1.0,
        };
        let fee = float(row.fee) / row.qty.0.max(1) as f64;
        let open = self.open.entry((row.account, row.instrument)).or_default();
        let mut left = row.qty.0;
        let mut closed = None;
        while left > 0 && (open.sign - sign).abs() > 1.0 {
            let Some(oldest) = open.lots.front_mut() else {
                break;
            };
            let lots = left.min(oldest.lots);
            let gain = gain(spec, oldest.price, price) * open.sign * oldest.qty;
            let profit = (gain - oldest.fee - fee) * lots as f64;
            *closed.get_or_insert(0.0) += profit;
            left -= lots;
            oldest.lots -= lots;
            if oldest.lots == 0 {
                open.lots.pop_front();
            }
        }
        if left > 0 {
            open.sign = sign;
            open.lots.push_back(Lot {
                price,
                qty: lot,
                lots: left,
                fee,
            });
        }
        if let Some(profit) = closed {
            self.add(profit);
        }
    }
}

/// What a quantity of 1 gains from one price to another if it is bought first.
fn gain(spec: &InstrumentSpec, from: f64, to: f64) -> f64 {
    let multiplier = |value: Decimal| value.to_f64().unwrap_or(0.0);
    match &spec.contract {
        Contract::Spot => to - from,
        Contract::Linear(terms) => (to - from) * multiplier(terms.multiplier),
        Contract::Inverse(_) if from <= 0.0 || to <= 0.0 => 0.0,
        Contract::Inverse(terms) => multiplier(terms.multiplier) * (1.0 / from - 1.0 / to) * to,
    }
}

#[cfg(test)]
mod tests {
    use model::body::Liquidity;
    use model::ids::VenueId;
    use model::instrument::Perpetual;
    use model::num::{Lots, Scale, Ticks};

    use super::*;

    /// Prices of whole quotes, quantities of whole lots.
    fn spec(contract: Contract) -> InstrumentSpec {
        InstrumentSpec {
            id: InstrumentId(0),
            venue: VenueId(0),
            symbol: "BTCUSDT".to_owned(),
            name: "BTCUSDT.TEST".to_owned(),
            base: "BTC".to_owned(),
            quote: "USDT".to_owned(),
            tick: Scale::new(1, 0).unwrap(),
            lot: Scale::new(1, 0).unwrap(),
            price_min: None,
            price_max: None,
            qty_min: Lots(1),
            qty_max: Lots(1_000),
            notional_min: None,
            notional_max: None,
            trading: true,
            contract,
        }
    }

    fn fill(account: u16, side: Side, price: i64, qty: i64, fee: i64) -> FillRow {
        FillRow {
            client_id: 1,
            strategy: None,
            account: AccountId(account),
            instrument: InstrumentId(0),
            side,
            price: Ticks(price),
            qty: Lots(qty),
            fee: Some(Decimal::from(fee)),
            liquidity: Liquidity::Maker,
            there_ns: 0,
            here_ns: 0,
            decided_ns: 0,
            middle_decided_x2: 0,
            middle_x2: 0,
            middle_1s_x2: 0,
            middle_10s_x2: 0,
        }
    }

    fn of(contract: Contract, fills: &[FillRow]) -> Vec<f64> {
        let mut trades = Trades::new(&[spec(contract)]);
        fills.iter().for_each(|row| trades.fill(row));
        trades.profits().to_vec()
    }

    #[test]
    fn round_trip_closes_the_oldest_first_and_bears_its_part_of_both_fees() {
        use Side::{Buy, Sell};
        let fills = [
            fill(0, Buy, 10, 2, 2),
            fill(0, Buy, 20, 2, 4),
            // Two at 10 and one at 20: 2 x 20 + 10, less 2 and 2 for the buys and 3 for this one.
            fill(0, Sell, 30, 3, 3),
            // Another account's is none of ours.
            fill(1, Sell, 99, 3, 0),
            // One at 20, less 2, and a half of 2; the rest is short.
            fill(0, Sell, 15, 2, 2),
            fill(0, Buy, 5, 1, 0),
        ];
        assert_eq!(of(Contract::Spot, &fills), [43.0, -8.0, 9.0]);
        assert!(of(Contract::Spot, &fills[..2]).is_empty());
    }

    #[test]
    fn contracts_gain_by_their_terms() {
        use Side::{Buy, Sell};
        let terms = Perpetual {
            multiplier: Decimal::from(100),
            settle: "USDT".to_owned(),
            maintenance: Vec::new(),
        };
        let fills = [fill(0, Sell, 50, 2, 0), fill(0, Buy, 40, 2, 0)];
        assert_eq!(of(Contract::Linear(terms.clone()), &fills), [2_000.0]);
        // 200 quotes are 4 coins at 50 and 5 at 40: one coin of 40 is gained.
        let inverse = of(Contract::Inverse(terms), &fills);
        assert!((inverse[0] - 40.0).abs() < 1e-9, "{inverse:?}");
    }

    #[test]
    fn of_many_round_trips_neighbours_are_taken_together_and_none_is_lost() {
        let mut trades = Trades::new(&[spec(Contract::Spot)]);
        for price in 1..=10_000 {
            trades.fill(&fill(0, Side::Buy, 1, 1, 0));
            trades.fill(&fill(0, Side::Sell, price, 1, 0));
        }
        assert_eq!(trades.count(), 10_000);
        let profits = trades.profits();
        assert!(
            (2_000..=4_096).contains(&profits.len()),
            "{}",
            profits.len()
        );
        assert!((profits.iter().sum::<f64>() - 49_995_000.0).abs() < 1e-6);
        assert!(profits.is_sorted_by(|one, other| one < other || *other < 20_000.0));
    }
}
