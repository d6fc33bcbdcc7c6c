//! The instruments that a practice venue has: Binance spot's own filters, and a price to start at.
//!
//! Filters as Binance's `exchangeInfo` showed them in 2026; PERCENT_PRICE_BY_SIDE and the other
//! filters that are the same for each are in the venue's folder.

use model::ids::{InstrumentId, VenueId};
use model::instrument::{Contract, InstrumentSpec};
use model::num::{Lots, Scale, Ticks};
use rust_decimal::Decimal;

use super::config::PracticeInstrument;

/// One line of the table; steps are powers of ten, bounds whole steps.
struct Row {
    base: &'static str,
    quote: &'static str,
    tick_decimals: u8,
    lot_decimals: u8,
    /// Highest price, in quote.
    price_max: i64,
    /// Largest order, in base.
    qty_max: i64,
    /// Least value of an order: mantissa and digits, in quote.
    notional_min: (i64, u32),
    /// First price of the synthetic market: mantissa and digits, in quote.
    start: (i64, u32),
}

/// ETHBTC starts where ETHUSDT and BTCUSDT put it.
const ROWS: [Row; 4] = [
    Row {
        base: "BTC",
        quote: "USDT",
        tick_decimals: 2,
        lot_decimals: 5,
        price_max: 1_000_000,
        qty_max: 9_000,
        notional_min: (5, 0),
        start: (60_000, 0),
    },
    Row {
        base: "ETH",
        quote: "USDT",
        tick_decimals: 2,
        lot_decimals: 4,
        price_max: 1_000_000,
        qty_max: 9_000,
        notional_min: (5, 0),
        start: (3_000, 0),
    },
    Row {
        base: "BNB",
        quote: "USDT",
        tick_decimals: 2,
        lot_decimals: 3,
        price_max: 100_000,
        qty_max: 900_000,
        notional_min: (5, 0),
        start: (600, 0),
    },
    Row {
        base: "ETH",
        quote: "BTC",
        tick_decimals: 5,
        lot_decimals: 4,
        price_max: 922_327,
        qty_max: 100_000,
        notional_min: (1, 4),
        start: (5, 2),
    },
];

/// Largest value of an order, in quote.
const NOTIONAL_MAX: i64 = 9_000_000;

impl Row {
    fn symbol(&self) -> String {
        format!("{}{}", self.base, self.quote)
    }

    fn instrument(&self) -> Option<PracticeInstrument> {
        let tick = Scale::new(1, self.tick_decimals)?;
        let lot = Scale::new(1, self.lot_decimals)?;
        let bound = |step: Scale, most: i64| step.steps(Decimal::from(most)).ok();
        let (start, digits) = self.start;
        let (least, least_digits) = self.notional_min;
        Some(PracticeInstrument {
            spec: InstrumentSpec {
                id: InstrumentId(0),
                venue: VenueId(0),
                symbol: self.symbol(),
                name: format!("{}-{}.BINANCE", self.base, self.quote),
                base: self.base.to_owned(),
                quote: self.quote.to_owned(),
                tick,
                lot,
                price_min: Some(Ticks(1)),
                price_max: Some(Ticks(bound(tick, self.price_max)?)),
                qty_min: Lots(1),
                qty_max: Lots(bound(lot, self.qty_max)?),
                notional_min: Some(Decimal::new(least, least_digits)),
                notional_max: Some(Decimal::from(NOTIONAL_MAX)),
                trading: true,
                contract: Contract::Spot,
            },
            start_price: Ticks(tick.steps(Decimal::new(start, digits)).ok()?),
            flow_unit: 1,
        })
    }
}

impl PracticeInstrument {
    /// The instrument with this symbol; `None` if the practice venue does not have it.
    #[must_use]
    pub fn named(symbol: &str) -> Option<Self> {
        ROWS.iter()
            .find(|row| row.symbol() == symbol)
            .and_then(Row::instrument)
    }

    /// The symbols of all instruments.
    #[must_use]
    pub fn symbols() -> Vec<String> {
        ROWS.iter().map(Row::symbol).collect()
    }

    /// `BTCUSDT` with Binance's filters: tick 0.01, lot 0.00001, value from 5.
    ///
    /// # Panics
    ///
    /// Never: the table has it.
    #[must_use]
    pub fn btcusdt() -> Self {
        let instrument = ROWS[0].instrument();
        #[expect(
            clippy::expect_used,
            reason = "the table is constant, and a test walks it"
        )]
        instrument.expect("Invariant: each row of the table is an instrument")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_symbol_of_the_table_is_an_instrument_that_starts_inside_its_filters() {
        let symbols = PracticeInstrument::symbols();
        assert_eq!(symbols, ["BTCUSDT", "ETHUSDT", "BNBUSDT", "ETHBTC"]);
        for symbol in symbols {
            let one = PracticeInstrument::named(&symbol).unwrap();
            assert_eq!(one.spec.symbol, symbol);
            assert!(one.spec.price_min < Some(one.start_price), "{symbol}");
            assert!(Some(one.start_price) < one.spec.price_max, "{symbol}");
            let least = one.spec.notional(one.start_price, one.spec.qty_min);
            assert!(least < one.spec.notional_min, "{symbol}: the value binds");
        }
        assert_eq!(
            PracticeInstrument::named("DOGEUSDT").map(|one| one.start_price),
            None
        );
    }

    #[test]
    fn btcusdt_is_as_binance_has_it() {
        let btcusdt = PracticeInstrument::btcusdt();
        assert_eq!(btcusdt.start_price, Ticks(6_000_000));
        assert_eq!(btcusdt.spec.price_max, Some(Ticks(100_000_000)));
        assert_eq!(btcusdt.spec.qty_max, Lots(900_000_000));
    }
}
