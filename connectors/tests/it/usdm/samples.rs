//! Every documented or recorded USD-M event about orders, balances and positions, field by field.
//!
//! What the samples do not pin down: `er` and `gtd` (one sample has `gtd`), `AMENDMENT`,
//! `listenKeyExpired`, `MARGIN_CALL` and `ACCOUNT_CONFIG_UPDATE` have no sample and are written
//! here as the venue's page describes them; `st`, `ps` of 2026 stand in no private sample.

use connectors::binance::usdm::wire::account::{BatchRow, done};
use connectors::binance::usdm::wire::user::{self, Execution, Report, UserEvent};
use connectors::wire::{Raw, WireError};
use model::body::{OrderStatus, Side};
use proptest::prelude::*;
use serde_json::Value;

use crate::samples::sample;

fn report(bytes: &[u8]) -> Report<'_> {
    match user::decode(bytes).unwrap() {
        UserEvent::Report(report) => report,
        other => panic!("{other:?}"),
    }
}

/// Which file, and execution, state, client id, order, price, quantity, filled, trade, last price
/// and quantity, fee, maker, reduce-only, side, position side.
type Want = (
    &'static str,
    (Execution, OrderStatus, Side, &'static str, u64),
    [&'static str; 5],
    (Option<u64>, Option<&'static str>, bool, bool, &'static str),
    u64,
);

use Execution as X;
use OrderStatus as S;

const T: u64 = 1_568_879_465_651;
const REPORTS: [Want; 10] = [
    (
        "usdm_private_order_update_new.json",
        (X::New, S::Open, Side::Buy, "TEST", 8_886_774),
        ["0", "0.001", "0", "0", "0"],
        (None, Some("0"), false, false, "LONG"),
        T,
    ),
    (
        "usdm_private_order_update_trade.json",
        (X::Trade, S::PartiallyFilled, Side::Buy, "TEST", 8_886_774),
        ["7100.50", "0.001", "0.001", "7100.50", "0.001"],
        (Some(12_345_678), Some("0.01000000"), true, false, "LONG"),
        T,
    ),
    (
        "usdm_private_order_update_trade_partial.json",
        (X::Trade, S::PartiallyFilled, Side::Buy, "TEST", 8_886_774),
        ["7100.50", "0.002", "0.001", "7100.50", "0.001"],
        (Some(12_345_678), Some("0.01000000"), true, false, "LONG"),
        T,
    ),
    (
        "usdm_private_order_update_calculated.json",
        (
            X::Calculated,
            S::Filled,
            Side::Sell,
            "autoclose-1234567890",
            8_886_999,
        ),
        ["9910.00", "0.014", "0.014", "9910.12", "0.014"],
        (Some(12_345_999), Some("0.06937084"), false, true, "LONG"),
        T,
    ),
    (
        "usdm_private_order_update_calculated_pending.json",
        (
            X::Calculated,
            S::Open,
            Side::Sell,
            "autoclose-pending-0000",
            8_887_004,
        ),
        ["9910.00", "0.014", "0", "0", "0"],
        (None, None, false, true, "LONG"),
        T,
    ),
    (
        "usdm_private_order_update_adl.json",
        (
            X::Calculated,
            S::Open,
            Side::Buy,
            "adl_autoclose_12345",
            8_887_001,
        ),
        ["42000.00", "0.005", "0.005", "42000.00", "0.005"],
        (Some(12_346_001), Some("0.10500000"), false, true, "SHORT"),
        T,
    ),
    (
        "usdm_private_order_update_insurance.json",
        (
            X::Calculated,
            S::Open,
            Side::Sell,
            "autoclose-insurance-5678",
            8_887_003,
        ),
        ["45000.00", "0.020", "0.020", "45000.00", "0.020"],
        (Some(12_346_003), Some("0.45000000"), false, true, "LONG"),
        T,
    ),
    (
        "usdm_private_order_update_settlement.json",
        (
            X::Trade,
            S::Filled,
            Side::Sell,
            "settlement_autoclose-9999",
            8_887_002,
        ),
        ["50000.00", "0.010", "0.010", "50000.00", "0.010"],
        (Some(12_346_002), Some("0.25000000"), false, true, "LONG"),
        T,
    ),
    (
        "usdm_legacy_order_update_liquidation.json",
        (
            X::Calculated,
            S::Filled,
            Side::Sell,
            "autoclose-1234567890123456",
            9_876_543_210,
        ),
        ["0", "0.100", "0.100", "50000.00", "0.100"],
        (
            Some(1_122_334_455),
            Some("5.00000000"),
            false,
            false,
            "LONG",
        ),
        1_759_347_763_167,
    ),
    (
        "usdm_legacy_order_update_new_price_match.json",
        (
            X::New,
            S::Open,
            Side::Buy,
            "O-12345-test-price-match",
            8_765_432_100,
        ),
        ["2495.50", "1.000", "0.000", "0.00", "0.000"],
        (None, None, false, false, "LONG"),
        1_759_347_763_200,
    ),
];

#[test]
fn order_samples_say_every_field() {
    for (file, head, numbers, tail, time_ms) in REPORTS {
        let Some(value) = sample(file) else { return };
        let bytes = serde_json::to_vec(&value).unwrap();
        let report = report(&bytes);
        let got = (
            report.execution().unwrap(),
            report.status().unwrap(),
            report.side().unwrap(),
            report.client_id.as_str(),
            report.order_id,
        );
        assert_eq!(got, head, "{file}");
        let text = |text: &Option<connectors::wire::text::Text<'_>>| {
            text.as_ref().unwrap().as_str().to_owned()
        };
        let got = [
            text(&report.price),
            text(&report.qty),
            report.cum_qty.as_str().to_owned(),
            text(&report.last_price),
            text(&report.last_qty),
        ];
        assert_eq!(got, numbers, "{file}");
        let got = (
            report.trade_id(),
            report.fee.as_ref().map(|fee| fee.as_str()),
            report.maker,
            report.reduce_only,
            report.position_side.as_ref().unwrap().as_str(),
        );
        assert_eq!(got, tail, "{file}");
        assert_eq!(report.time_ms, time_ms, "{file}");
        assert_eq!(
            report.symbol.as_str(),
            if time_ms == 1_759_347_763_200 {
                "ETHUSDT"
            } else {
                "BTCUSDT"
            }
        );
    }
}

#[test]
fn delivered_position_has_another_symbol_and_no_fee() {
    let Some(value) = sample("usdm_private_order_update_delivery.json") else {
        return;
    };
    let bytes = serde_json::to_vec(&value).unwrap();
    let delivered = report(&bytes);
    assert_eq!(delivered.symbol.as_str(), "BTCUSD_240329");
    assert_eq!(
        (delivered.fee.is_none(), delivered.trade_id()),
        (true, Some(12_346_003))
    );
    assert_eq!(delivered.realized.unwrap().as_str(), "0");
}

#[test]
fn account_samples_say_every_field() {
    let Some(value) = sample("usdm_private_account_update.json") else {
        return;
    };
    let bytes = serde_json::to_vec(&value).unwrap();
    let UserEvent::Account(update) = user::decode(&bytes).unwrap() else {
        panic!()
    };
    assert_eq!(
        (update.event_ms, update.time_ms),
        (1_564_745_798_939, 1_564_745_798_939)
    );
    assert_eq!(update.change.reason.as_str(), "ORDER");
    let balances: Vec<_> = update.change.balances.iter().collect();
    let [balance] = balances[..] else { panic!() };
    assert_eq!(balance.asset.as_str(), "USDT");
    assert_eq!(balance.wallet.as_str(), "122624.12345678");
    assert_eq!(balance.cross_wallet.as_str(), "100.12345678");
    assert_eq!(balance.change.as_ref().unwrap().as_str(), "50.12345678");
    let rows = update.change.positions.iter().map(|row| {
        let isolated = row.isolated.as_ref().unwrap().as_str();
        let texts = [
            &row.symbol,
            &row.amount,
            &row.entry,
            &row.margin_type,
            &row.side,
        ];
        (
            texts.map(|text| text.as_str().to_owned()),
            isolated.to_owned(),
        )
    });
    let want = [
        (
            ["BTCUSDT", "0", "0.00000", "isolated", "BOTH"],
            "0.00000000",
        ),
        (
            ["BTCUSDT", "20", "6563.6", "isolated", "LONG"],
            "13200.70726908",
        ),
        (
            ["BTCUSDT", "-10", "6563.8", "isolated", "SHORT"],
            "6570.42511771",
        ),
    ];
    let want = want.map(|(texts, isolated)| (texts.map(str::to_owned), isolated.to_owned()));
    assert_eq!(rows.collect::<Vec<_>>(), want);
    let Some(value) = sample("usdm_private_account_update_bnfcr.json") else {
        return;
    };
    let bytes = serde_json::to_vec(&value).unwrap();
    let UserEvent::Account(update) = user::decode(&bytes).unwrap() else {
        panic!()
    };
    assert_eq!(update.change.positions.iter().count(), 0);
    let balance = update.change.balances.iter().next().unwrap();
    assert_eq!(
        (balance.asset.as_str(), balance.wallet.as_str()),
        ("BNFCR", "5001.28983031")
    );
}

#[test]
fn other_events_say_what_they_are() {
    for (file, order, trade, price, qty) in [
        (
            "usdm_private_trade_lite.json",
            8_886_774,
            12_345_678,
            "7100.50",
            "0.001",
        ),
        (
            "usdm_legacy_trade_lite.json",
            8_389_765_739_703_625_592,
            4_467_432_841,
            "2631.90",
            "0.037",
        ),
    ] {
        let Some(value) = sample(file) else { return };
        let bytes = serde_json::to_vec(&value).unwrap();
        let UserEvent::Lite(lite) = user::decode(&bytes).unwrap() else {
            panic!("{file}")
        };
        assert_eq!((lite.order_id, lite.trade_id), (order, trade), "{file}");
        assert_eq!(
            (lite.last_price.as_str(), lite.last_qty.as_str()),
            (price, qty)
        );
    }
    for file in [
        "usdm_private_algo_update_new.json",
        "usdm_private_algo_update_canceled.json",
        "usdm_legacy_algo_update_triggered.json",
        "usdm_legacy_algo_update_finished.json",
    ] {
        let Some(value) = sample(file) else { return };
        let bytes = serde_json::to_vec(&value).unwrap();
        assert!(
            matches!(user::decode(&bytes), Ok(UserEvent::Ignored)),
            "{file}"
        );
    }
}

#[test]
fn events_without_a_sample_are_read_as_the_page_writes_them() {
    let ended = br#"{"e":"listenKeyExpired","E":1736996475556,"listenKey":"W1x"}"#;
    assert!(matches!(user::decode(ended), Ok(UserEvent::Expired)));
    let call = br#"{"e":"MARGIN_CALL","E":1,"cw":"3.16","p":[{"s":"ETHUSDT","ps":"LONG",
        "pa":"1.327","mt":"CROSSED","iw":"0","mp":"187.17127","up":"-1.166074","mm":"1.614445"}]}"#;
    let UserEvent::MarginCall(call) = user::decode(call).unwrap() else {
        panic!()
    };
    let row = call.positions.iter().next().unwrap();
    let texts = [&row.symbol, &row.amount, &row.mark, &row.maintenance].map(|text| text.as_str());
    assert_eq!(texts, ["ETHUSDT", "1.327", "187.17127", "1.614445"]);
    let config = br#"{"e":"ACCOUNT_CONFIG_UPDATE","E":1,"T":1,"ac":{"s":"BTCUSDT","l":25}}"#;
    let UserEvent::Config(config) = user::decode(config).unwrap() else {
        panic!()
    };
    let change = config.leverage.unwrap();
    assert_eq!((change.symbol.as_str(), change.leverage), ("BTCUSDT", 25));
    let config = br#"{"e":"ACCOUNT_CONFIG_UPDATE","E":1,"T":1,"ai":{"j":true}}"#;
    let UserEvent::Config(config) = user::decode(config).unwrap() else {
        panic!()
    };
    assert!(config.assets.unwrap().multi);
    let amended = br#"{"e":"ORDER_TRADE_UPDATE","E":1,"T":1,"o":{"s":"BTCUSDT","c":"x","S":"BUY",
        "q":"0.002","p":"1.0","x":"AMENDMENT","X":"NEW","i":3,"z":"0","T":9,"er":"0"}}"#;
    assert_eq!(report(amended).execution(), Ok(Execution::Amended));
    assert_eq!(user::decode(b"{}").unwrap_err(), WireError::UnknownKind);
    let strange = br#"{"e":"ORDER_TRADE_UPDATE","o":{"s":"B","c":"x","S":"BUY","x":"MELTED",
        "X":"NEW","i":3,"z":"0","T":9}}"#;
    assert_eq!(
        report(strange).execution(),
        Err(WireError::Value { field: "x" })
    );
}

/// Any part of a good message, and any byte changed in it.
fn broken_messages() -> Vec<Vec<u8>> {
    [
        "usdm_private_order_update_trade.json",
        "usdm_private_account_update.json",
    ]
    .iter()
    .filter_map(|file| sample(file))
    .map(|value: Value| serde_json::to_vec(&value).unwrap())
    .collect()
}

proptest! {
    #[test]
    fn prop_broken_events_never_panic(
        cut in 0_usize..900, at in 0_usize..900, byte in any::<u8>(),
    ) {
        for mut bytes in broken_messages() {
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(bytes.len().min(cut.max(1)));
            if let Ok(UserEvent::Report(report)) = user::decode(&bytes) {
                let _ = (report.execution(), report.status(), report.side(), report.trade_id());
            }
        }
    }

    #[test]
    fn prop_any_text_never_panics(text in "[{}\\[\\]\":,a-zA-Z_0-9.\\\\ -]{0,80}") {
        let _ = user::decode(text.as_bytes());
        if let Ok(raw) = serde_json::from_str::<Raw<'_>>(&text) {
            let _ = (done(raw).is_ok(), BatchRow::read(raw).is_ok());
        }
    }
}
