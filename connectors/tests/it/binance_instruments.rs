//! Instruments from every sample of Binance's spot `exchangeInfo`.

use connectors::binance::Wanted;
use connectors::binance::instruments::{InstrumentError, select};
use connectors::binance::wire::rest::{self, ExchangeInfo};
use model::ids::{InstrumentId, VenueId};
use model::num::{Lots, Scale, Ticks};
use rust_decimal::Decimal;

use crate::samples::{labelled, message};

fn wanted(symbol: &str) -> [Wanted; 1] {
    [Wanted {
        id: InstrumentId(4),
        symbol: symbol.to_owned(),
        name: "ours".to_owned(),
    }]
}

#[test]
fn real_rules_become_steps_and_ranges() {
    let Some(bytes) = message("instruments_spot_exchangeInfo_real2021.json") else {
        return;
    };
    let info: ExchangeInfo<'_> = rest::read(200, &bytes).unwrap().unwrap();
    assert_eq!(info.symbols.len(), 7);
    assert_eq!(info.rate_limits().count(), 4);
    let spec = select(&info, VenueId(1), &wanted("BTCUSDT"))
        .unwrap()
        .remove(0);
    assert_eq!((spec.id, spec.venue), (InstrumentId(4), VenueId(1)));
    assert_eq!((&*spec.symbol, &*spec.name), ("BTCUSDT", "ours"));
    assert_eq!((&*spec.base, &*spec.quote), ("BTC", "USDT"));
    assert_eq!(spec.tick, Scale::from_text("0.01").unwrap());
    assert_eq!(spec.lot, Scale::from_text("0.00001").unwrap());
    assert_eq!(spec.price_min, Some(Ticks(1)));
    assert_eq!(spec.price_max, Some(Ticks(100_000_000)));
    assert_eq!(spec.qty_min, Lots(1));
    // The narrower range of market orders, 100.05381873, cut to whole lots.
    assert_eq!(spec.qty_max, Lots(10_005_381));
    assert_eq!(spec.notional_min, Some(Decimal::from(10)));
    assert_eq!(spec.notional_max, None, "the older rule has no upper bound");
    assert!(spec.trading);
    let spec = select(&info, VenueId(1), &wanted("RUNEEUR"))
        .unwrap()
        .remove(0);
    assert_eq!(spec.lot, Scale::from_text("0.1").unwrap());
    assert_eq!(spec.price_min, Some(Ticks(1)));
    let missing = select(&info, VenueId(1), &wanted("btcusdt")).unwrap_err();
    assert_eq!(missing, InstrumentError::Unlisted("btcusdt".to_owned()));
}

#[test]
fn documented_form_without_rules_has_the_finest_steps() {
    // The documented sample has no filters and an empty rate limit: it does not pin down more.
    for (_, bytes) in labelled("instruments_spot_exchangeInfo_doc2026.json") {
        let info: ExchangeInfo<'_> = rest::read(200, &bytes).unwrap().unwrap();
        assert_eq!(info.rate_limits().count(), 0, "an empty one is left out");
        let spec = select(&info, VenueId(0), &wanted("ETHBTC"))
            .unwrap()
            .remove(0);
        assert_eq!(spec.tick, Scale::from_text("0.00000001").unwrap());
        assert_eq!((spec.price_min, spec.price_max), (None, None));
        assert_eq!((spec.qty_min, spec.qty_max), (Lots(1), Lots(i64::MAX)));
        assert_eq!((spec.notional_min, spec.notional_max), (None, None));
    }
    for file in [
        "instruments_spot_market_exchange_info.json",
        "spot_rest_exchange_info_response.json",
    ] {
        if let Some(bytes) = message(file) {
            let info: ExchangeInfo<'_> = rest::read(200, &bytes).unwrap().unwrap();
            let symbol = info.symbols[0].symbol.as_str();
            assert!(select(&info, VenueId(0), &wanted(symbol)).unwrap()[0].trading);
        }
    }
}

#[test]
fn rules_that_cannot_be_used_are_named() {
    let text = |status: &str, tick: &str, max: &str| {
        format!(
            r#"{{"symbols":[{{"symbol":"AB","status":"{status}","baseAsset":"A","quoteAsset":"B",
            "filters":[{{"filterType":"TOMORROW","minPrice":7}},
            {{"filterType":"PRICE_FILTER","minPrice":"0","maxPrice":"0","tickSize":"{tick}"}},
            {{"filterType":"LOT_SIZE","minQty":"0.01","maxQty":"{max}","stepSize":"0.01"}},
            {{"filterType":"NOTIONAL","minNotional":"5","maxNotional":"9000000.5"}}]}}]}}"#
        )
    };
    let load = |text: &str| {
        let info: ExchangeInfo<'_> = rest::read(200, text.as_bytes()).unwrap().unwrap();
        select(&info, VenueId(0), &wanted("AB")).map(|mut specs| specs.remove(0))
    };
    let spec = load(&text("BREAK", "0.25", "99999999999999999999")).unwrap();
    assert!(!spec.trading, "not in a break");
    assert_eq!(spec.tick, Scale::from_text("0.25").unwrap());
    assert_eq!((spec.price_min, spec.price_max), (None, None), "0 is off");
    assert_eq!(spec.qty_max, Lots(i64::MAX), "beyond what we can count");
    assert_eq!(spec.notional_max, Some(Decimal::new(90_000_005, 1)));
    let wrong = load(&text("TRADING", "1e-8", "1")).unwrap_err();
    let InstrumentError::Rule { field, value, .. } = wrong else {
        panic!("{wrong}");
    };
    assert_eq!((field, &*value), ("tickSize", "1e-8"));
    assert!(load(&text("TRADING", "0.01", "many")).is_err());
    assert!(load(&text("TRADING", "0.01", "").replace("\"\"", "7")).is_err());
}
