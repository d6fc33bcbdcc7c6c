//! Instruments from every sample of USD-M's `exchangeInfo`, and the tiers of `leverageBracket`.

use connectors::binance::Wanted;
use connectors::binance::usdm::instruments::{Brackets, Listed, select};
use connectors::binance::usdm::wire::info::{ExchangeInfo, SymbolBrackets};
use connectors::binance::wire::rest;
use connectors::load::InstrumentError;
use model::ids::{InstrumentId, VenueId};
use model::instrument::{Contract, MaintenanceTier};
use model::num::{Lots, Scale, Ticks};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::samples::{message, sample};

const REAL: &str = "instruments_usdm_exchangeInfo_real2021.json";

fn wanted(symbol: &str) -> [Wanted; 1] {
    [Wanted {
        id: InstrumentId(4),
        symbol: symbol.to_owned(),
        name: "BTC-USDT-PERP.BINANCE".to_owned(),
    }]
}

fn one(bytes: &[u8], brackets: Brackets<'_>, symbol: &str) -> Result<Listed, InstrumentError> {
    let info: ExchangeInfo<'_> = rest::read(200, bytes).unwrap().unwrap();
    let listed = select(&info, brackets, VenueId(1), &wanted(symbol));
    listed.map(|mut listed| listed.remove(0))
}

/// The form of the page of 2025, numbers of a real symbol; out of order on purpose.
const TIERS: &[u8] = br#"[{"symbol":"BTCUSDT","notionalCoef":1.50,"brackets":[
    {"bracket":2,"initialLeverage":100,"notionalCap":600000,"notionalFloor":50000,
     "maintMarginRatio":0.005,"cum":50.0},
    {"bracket":1,"initialLeverage":125,"notionalCap":50000,"notionalFloor":0,
     "maintMarginRatio":0.004,"cum":0.0},
    {"bracket":3,"initialLeverage":75,"notionalCap":3000000,"notionalFloor":600000,
     "maintMarginRatio":0.00655,"cum":980.0}]}]"#;

#[test]
fn real_rules_become_a_linear_perpetual() {
    let Some(bytes) = message(REAL) else { return };
    let tiers: Vec<SymbolBrackets<'_>> = rest::read(200, TIERS).unwrap().unwrap();
    let Listed { spec, rules } = one(&bytes, Brackets::Venue(&tiers), "BTCUSDT").unwrap();
    assert_eq!((spec.id, spec.venue), (InstrumentId(4), VenueId(1)));
    assert_eq!(
        (&*spec.symbol, &*spec.name),
        ("BTCUSDT", "BTC-USDT-PERP.BINANCE")
    );
    assert_eq!((&*spec.base, &*spec.quote), ("BTC", "USDT"));
    assert_eq!(spec.tick, Scale::from_text("0.01").unwrap());
    assert_eq!(spec.lot, Scale::from_text("0.001").unwrap());
    assert_eq!(
        (spec.price_min, spec.price_max),
        (Some(Ticks(55_672)), Some(Ticks(100_000_000)))
    );
    assert_eq!((spec.qty_min, spec.qty_max), (Lots(1), Lots(1_000_000)));
    assert_eq!(
        (spec.notional_min, spec.notional_max),
        (Some(Decimal::from(5)), None)
    );
    assert!(spec.trading);
    let Contract::Linear(terms) = &spec.contract else {
        panic!("{:?}", spec.contract)
    };
    assert_eq!((terms.multiplier, &*terms.settle), (Decimal::ONE, "USDT"));
    let tier = |from: i64, rate_bps, deduction: i64| MaintenanceTier {
        value_from: Decimal::from(from),
        rate_bps,
        deduction: Decimal::from(deduction),
    };
    // 0.655 % is no whole number of hundredths: rounded up.
    let want = [tier(0, 40, 0), tier(50_000, 50, 50), tier(600_000, 66, 980)];
    assert_eq!(terms.maintenance, want);
    assert_eq!(rules.price_up, Some(Decimal::new(115, 2)));
    assert_eq!(rules.price_down, Some(Decimal::new(85, 2)));
    assert_eq!(rules.liquidation_fee, Some(Decimal::new(12, 3)));
    assert_eq!(rules.market_take_bound, Some(Decimal::new(30, 2)));
    assert!(rules.post_only);
}

#[test]
fn every_perpetual_of_the_samples_is_an_instrument() {
    for file in [REAL, "instruments_futures_market_exchange_info.json"] {
        let (Some(bytes), Some(value)) = (message(file), sample(file)) else {
            return;
        };
        let symbols = value["symbols"].as_array().unwrap();
        assert!(!symbols.is_empty());
        for symbol in symbols {
            let name = symbol["symbol"].as_str().unwrap();
            let got = one(&bytes, Brackets::Highest, name);
            if symbol["contractType"] != "PERPETUAL" {
                assert!(got.is_err(), "{name} ends");
                continue;
            }
            let spec = got.unwrap().spec;
            let filters = symbol["filters"].as_array().unwrap();
            let rule = |kind: &str, field: &str| {
                let rule = filters
                    .iter()
                    .find(|rule| rule["filterType"] == kind)
                    .unwrap();
                rule[field].as_str().unwrap().parse::<Decimal>().unwrap()
            };
            assert_eq!(
                spec.tick.decimal(1),
                Some(rule("PRICE_FILTER", "tickSize").normalize())
            );
            assert_eq!(
                spec.lot.decimal(1),
                Some(rule("LOT_SIZE", "stepSize").normalize())
            );
            assert_eq!(spec.notional_min, Some(rule("MIN_NOTIONAL", "notional")));
            let market = rule("MARKET_LOT_SIZE", "maxQty").min(rule("LOT_SIZE", "maxQty"));
            assert_eq!(spec.quantity(spec.qty_max), Some(market), "{name}");
            assert_eq!(spec.trading, symbol["status"] == "TRADING", "{name}");
            let Contract::Linear(terms) = &spec.contract else {
                panic!()
            };
            assert_eq!(
                terms.maintenance[0].rate_bps, 5_000,
                "nobody asked for the tiers"
            );
        }
    }
}

/// The sample with one value of BTCUSDT changed.
fn changed(change: impl FnOnce(&mut Value)) -> Option<Vec<u8>> {
    let mut value = sample(REAL)?;
    change(&mut value["symbols"][0]);
    Some(serde_json::to_vec(&value).unwrap())
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    let refused = |bytes: Option<Vec<u8>>, brackets: Brackets<'_>, want: &str| {
        let Some(bytes) = bytes else { return };
        let error = one(&bytes, brackets, "BTCUSDT").unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
    };
    let tiers: Vec<SymbolBrackets<'_>> = rest::read(200, TIERS).unwrap().unwrap();
    let ends = changed(|symbol| symbol["contractType"] = "CURRENT_QUARTER".into());
    refused(ends, Brackets::Highest, "contractType");
    refused(message(REAL), Brackets::Venue(&[]), "leverageBracket");
    refused(
        message(REAL),
        Brackets::Venue(&tiers[1..]),
        "leverageBracket",
    );
    let gap = br#"[{"symbol":"BTCUSDT","brackets":[{"initialLeverage":1,"notionalFloor":5,
        "maintMarginRatio":0.1,"cum":0}]}]"#;
    let gap: Vec<SymbolBrackets<'_>> = rest::read(200, gap).unwrap().unwrap();
    refused(message(REAL), Brackets::Venue(&gap), "notionalFloor");
    let wild = br#"[{"symbol":"BTCUSDT","brackets":[{"initialLeverage":1,"notionalFloor":0,
        "maintMarginRatio":17,"cum":0}]}]"#;
    let wild: Vec<SymbolBrackets<'_>> = rest::read(200, wild).unwrap().unwrap();
    refused(message(REAL), Brackets::Venue(&wild), "maintMarginRatio");
    // Prices that begin between two steps: the model counts from 0, the venue from there.
    let shifted = changed(|symbol| symbol["filters"][0]["minPrice"] = "556.725".into());
    refused(shifted, Brackets::Highest, "minPrice");
    let halted = changed(|symbol| symbol["status"] = "SETTLING".into());
    if let Some(bytes) = halted {
        assert!(
            !one(&bytes, Brackets::Highest, "BTCUSDT")
                .unwrap()
                .spec
                .trading
        );
    }
    let Some(bytes) = message(REAL) else { return };
    let missing = one(&bytes, Brackets::Highest, "NOPE").unwrap_err();
    assert_eq!(missing, InstrumentError::Unlisted("NOPE".to_owned()));
}
