//! Any bytes are a market message of Binance USD-M or a typed error, and the fast scanner says
//! what the general parser says.
//!
//! The scanner refuses a message with anything behind it, also a space, and gives it to the
//! general parser. So the same bytes with a space behind them must read the same.

#![no_main]

use std::sync::OnceLock;

use connectors::binance::usdm::feed::{UsdmStreams, decode, decode_snapshot};
use connectors::feed::{Depth, FeedDialect, Market};
use connectors::wire::Symbols;
use libfuzzer_sys::fuzz_target;
use model::ids::{InstrumentId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Scale};

fuzz_target!(|bytes: &[u8]| {
    let padded = [bytes, b" "].concat();
    let (mut fast, mut general) = (Depth::default(), Depth::default());
    let read = decode(bytes, symbols(), &mut fast);
    let again = decode(&padded, symbols(), &mut general);
    assert_eq!(read.as_ref().ok(), again.as_ref().ok());
    if matches!(read, Ok(Market::Depth { .. })) {
        assert_eq!(fast, general);
    }
    for entry in symbols().iter() {
        let read = decode_snapshot(bytes, entry, &mut fast).ok();
        assert_eq!(read, decode_snapshot(&padded, entry, &mut general).ok());
        if read.is_some() {
            assert_eq!(fast, general);
        }
        let _ = UsdmStreams.decode_poll(bytes, entry);
    }
});

/// Steps of three kinds: a power of ten, another number, and finer than eight digits.
fn symbols() -> &'static Symbols {
    static SYMBOLS: OnceLock<Symbols> = OnceLock::new();
    SYMBOLS.get_or_init(|| {
        let specs = [
            spec(0, "BTCUSDT", (1, 1), (1, 3)),
            spec(1, "ETHUSDT", (5, 2), (25, 3)),
            spec(2, "SHIBBTC", (1, 13), (1, 0)),
        ];
        Symbols::new(&specs).expect("the symbols differ")
    })
}

fn spec(id: u32, symbol: &str, tick: (i64, u8), lot: (i64, u8)) -> InstrumentSpec {
    let scale = |(mantissa, decimals)| Scale::new(mantissa, decimals).expect("a step above zero");
    InstrumentSpec {
        id: InstrumentId(id),
        venue: VenueId(0),
        symbol: symbol.to_owned(),
        name: symbol.to_owned(),
        base: "BASE".to_owned(),
        quote: "QUOTE".to_owned(),
        tick: scale(tick),
        lot: scale(lot),
        price_min: None,
        price_max: None,
        qty_min: Lots(1),
        qty_max: Lots(i64::MAX),
        notional_min: None,
        notional_max: None,
        trading: true,
        contract: model::instrument::Contract::Spot,
    }
}
