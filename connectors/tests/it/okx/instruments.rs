//! OKX's lists of instruments and tiers as our instruments, field by field.

use connectors::load::{InstrumentError, Wanted};
use connectors::okx::instruments::{Listed, Tiers, select};
use connectors::okx::wire::rest::{self, InstrumentRow, TierRow, TimeRow};
use connectors::protocol::{Protocol, instrument_name};
use model::ids::{InstrumentId, VenueId};
use model::instrument::{Contract, MaintenanceTier, Perpetual};
use model::num::{Lots, Scale};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::sample;

fn wanted(symbol: &str) -> Wanted {
    Wanted {
        id: InstrumentId(7),
        symbol: symbol.to_owned(),
        name: symbol.to_owned(),
    }
}

fn one(list: &Value, tiers: Tiers<'_>, symbol: &str) -> Result<Listed, InstrumentError> {
    let body = list.to_string();
    let rows = rest::rows::<InstrumentRow<'_>>(body.as_bytes())
        .unwrap()
        .unwrap();
    select(&rows, tiers, VenueId(3), &[wanted(symbol)]).map(|mut listed| listed.remove(0))
}

fn scale(text: &str) -> Scale {
    Scale::from_text(text).unwrap()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[test]
fn spot_is_counted_in_its_base() {
    let Some(list) = sample("fx_http_get_instruments_spot.json") else {
        return;
    };
    let Listed { spec, code } = one(&list, Tiers::Highest, "BTC-USD").unwrap();
    assert_eq!((spec.id, spec.venue), (InstrumentId(7), VenueId(3)));
    assert_eq!((spec.base.as_str(), spec.quote.as_str()), ("BTC", "USD"));
    assert_eq!((spec.tick, spec.lot), (scale("0.1"), scale("0.00000001")));
    assert_eq!(
        (spec.qty_min, spec.qty_max),
        (Lots(1_000), Lots(999_999_999_900_000_000))
    );
    assert_eq!((spec.price_min, spec.price_max), (None, None));
    assert_eq!((spec.notional_min, spec.notional_max), (None, None));
    assert!(spec.trading && spec.contract == Contract::Spot);
    assert_eq!(instrument_name(&spec, "OKX"), "BTC-USD.OKX");
    assert_eq!(code, None, "this sample is older than the codes");
}

#[test]
fn perpetuals_are_counted_in_contracts() {
    let Some(list) = sample("fx_http_get_instruments_swap.json") else {
        return;
    };
    let symbol = Protocol::OkxSwap.symbol("BTC-USDT-PERP");
    let Listed { spec, code } = one(&list, Tiers::Highest, &symbol).unwrap();
    assert_eq!(code, Some(10_459));
    assert_eq!((spec.base.as_str(), spec.quote.as_str()), ("BTC", "USDT"));
    assert_eq!((spec.tick, spec.lot), (scale("0.1"), scale("0.01")));
    assert_eq!(spec.qty_min, Lots(1));
    assert_eq!(
        spec.qty_max,
        Lots(1_200_000),
        "market orders' bound is narrower"
    );
    let Contract::Linear(Perpetual {
        multiplier, settle, ..
    }) = &spec.contract
    else {
        panic!("{:?}", spec.contract);
    };
    assert_eq!((multiplier, settle.as_str()), (&decimal("0.01"), "USDT"));
    assert_eq!(instrument_name(&spec, "OKX"), "BTC-USDT-PERP.OKX");
    let inverse = one(&list, Tiers::Highest, "BTC-USD-SWAP").unwrap().spec;
    let Contract::Inverse(contract) = &inverse.contract else {
        panic!("{:?}", inverse.contract);
    };
    assert_eq!(
        (contract.multiplier, contract.settle.as_str()),
        (decimal("100"), "BTC")
    );
    assert_eq!(
        (inverse.base.as_str(), inverse.quote.as_str()),
        ("BTC", "USD")
    );
}

#[test]
fn tiers_begin_at_their_contracts_value() {
    let Some(list) = sample("fx_http_get_instruments_swap.json") else {
        return;
    };
    let body = json!({"code":"0","msg":"","data":[
        {"instFamily":"BTC-USDT","minSz":"1000.01","maxSz":"2000","mmr":"0.005","tier":"2"},
        {"instFamily":"BTC-USDT","minSz":"0","maxSz":"1000","mmr":"0.00401","tier":"1"},
        {"instFamily":"ETH-USDT","minSz":"0","maxSz":"9","mmr":"0.9","tier":"1"}]})
    .to_string();
    let rows = rest::rows::<TierRow<'_>>(body.as_bytes()).unwrap().unwrap();
    let tiers = Tiers::Venue(&rows, decimal("50000"));
    let spec = one(&list, tiers, "BTC-USDT-SWAP").unwrap().spec;
    let Contract::Linear(contract) = &spec.contract else {
        panic!("{:?}", spec.contract);
    };
    let tier = |from: &str, rate_bps| MaintenanceTier {
        value_from: decimal(from),
        rate_bps,
        deduction: Decimal::ZERO,
    };
    assert_eq!(contract.maintenance, [tier("0", 41), tier("500005", 50)]);
    let none = one(
        &list,
        Tiers::Venue(&rows[..1], decimal("1")),
        "BTC-USDT-SWAP",
    );
    assert!(
        matches!(none, Err(InstrumentError::Rule { field: "minSz", .. })),
        "{none:?}"
    );
    let none = one(&list, Tiers::Venue(&[], decimal("1")), "BTC-USDT-SWAP");
    let field = "position-tiers";
    assert!(
        matches!(none, Err(InstrumentError::Rule { field: f, .. }) if f == field),
        "{none:?}"
    );
    let Some(tiers) = sample("fx_http_get_position_tiers.json") else {
        return;
    };
    let body = tiers.to_string();
    let rows = rest::rows::<TierRow<'_>>(body.as_bytes()).unwrap().unwrap();
    assert_eq!(
        (rows[0].min_sz.as_str(), rows[0].mmr.as_str()),
        ("0", "0.03")
    );
}

#[test]
fn documented_and_recorded_instruments_are_read() {
    if let Some(all) = sample("instruments_rest_public_doc2026.json") {
        let listed = one(&all[0]["json"], Tiers::Highest, "BTC-USDT").unwrap();
        assert_eq!(listed.code, Some(1_000_000_000));
        assert!(listed.spec.trading);
    }
    if let Some(all) = sample("instruments_spot_swap_real2022.json") {
        let entries = all.as_array().unwrap();
        let mut read = 0;
        for entry in entries {
            let rows = entry["msg"]["data"].as_array().unwrap();
            for row in rows {
                let kind = row["instType"].as_str().unwrap();
                let symbol = row["instId"].as_str().unwrap();
                let got = one(&entry["msg"], Tiers::Highest, symbol);
                assert_eq!(
                    got.is_ok(),
                    matches!(kind, "SPOT" | "SWAP"),
                    "{symbol} {got:?}"
                );
                read += usize::from(got.is_ok());
            }
        }
        assert!(read > 10, "{read}");
    }
}

#[test]
fn what_cannot_be_traded_is_refused_or_says_so() {
    let Some(list) = sample("fx_http_get_instruments_swap.json") else {
        return;
    };
    let at = list["data"].as_array().unwrap();
    let at = at
        .iter()
        .position(|row| row["instId"] == "BTC-USDT-SWAP")
        .unwrap();
    let with = |field: &str, value: &str| {
        let mut list = list.clone();
        list["data"][at][field] = json!(value);
        one(&list, Tiers::Highest, "BTC-USDT-SWAP")
    };
    assert!(!with("state", "suspend").unwrap().spec.trading);
    assert!(!with("state", "post_only").unwrap().spec.trading);
    for (field, value) in [
        ("ctVal", "0"),
        ("ctVal", ""),
        ("ctMult", "-1"),
        ("ctType", "other"),
        ("settleCcy", ""),
        ("tickSz", "0"),
        ("lotSz", ""),
        ("minSz", "0.001"),
        ("maxLmtSz", "x"),
        ("instType", "FUTURES"),
    ] {
        let got = with(field, value);
        let named = matches!(&got, Err(InstrumentError::Rule { field: f, value: v, .. })
            if *f == field && v == value);
        assert!(named, "{field} {value:?}: {got:?}");
    }
    let got = one(&list, Tiers::Highest, "XRP-USDT-SWAP");
    assert_eq!(
        got,
        Err(InstrumentError::Unlisted("XRP-USDT-SWAP".to_owned()))
    );
}

#[test]
fn envelopes_hold_rows_or_a_refusal() {
    let refused = rest::open(br#"{"code":"50011","msg":"Too Many Requests","data":[]}"#);
    let refused = refused.unwrap().unwrap_err();
    assert_eq!(
        (refused.code, refused.words.as_str()),
        (50_011, "Too Many Requests")
    );
    assert!(rest::open(b"{}").is_err());
    assert!(rest::open(b"<html>").is_err());
    let time = br#"{"code":"0","msg":"","data":[{"ts":"1597026383085"}]}"#;
    let rows = rest::rows::<TimeRow<'_>>(time).unwrap().unwrap();
    assert_eq!(rows[0].ms(), Ok(1_597_026_383_085));
}
