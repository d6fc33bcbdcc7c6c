//! OKX's lists of orders and fills, its money and positions, field by field.

use connectors::okx::wire::account::{AccountRow, BalanceRow, PositionRow};
use connectors::okx::wire::frame::Frame;
use connectors::okx::wire::private::{FillRow, OrderRow};
use connectors::okx::wire::rest;
use connectors::wire::Text;
use model::body::{Liquidity, OrderStatus, RejectReason, Side};
use rust_decimal::Decimal;
use serde_json::Value;

use super::private::{decimal, heard};
use super::{labelled, sample};

#[test]
fn rows_of_the_reconciliation() {
    if let Some(message) = labelled("reconcile_rest_fills_doc.json", "REST response") {
        let body = message.to_string();
        let rows = rest::rows::<FillRow<'_>>(body.as_bytes()).unwrap().unwrap();
        let row = &rows[0];
        assert_eq!(row.inst_id.as_str(), "BTC-USDT");
        assert_eq!(row.trade_id(), Ok(744_876_980));
        assert_eq!(row.order_id(), Ok(680_800_019_749_904_384));
        assert_eq!(row.bill_id(), Ok(680_800_019_754_098_688));
        assert_eq!(row.client_id(), b"");
        assert_eq!(
            (row.fill_px.as_str(), row.fill_sz.as_str()),
            ("51858", "0.00192834")
        );
        assert_eq!(
            (row.side(), row.liquidity()),
            (Ok(Side::Buy), Ok(Liquidity::Taker))
        );
        let (fee, asset) = row.fee().unwrap();
        assert_eq!((fee.get(), asset), (decimal("0.00000192834"), "BTC"));
        assert_eq!(row.time_ms(), Ok(1_708_587_373_361));
    }
    if let Some(message) = labelled("reconcile_rest_order_doc.json", "REST response") {
        let body = message.to_string();
        let rows = rest::rows::<OrderRow<'_>>(body.as_bytes())
            .unwrap()
            .unwrap();
        let row = &rows[0];
        assert_eq!(row.order_id(), Ok(680_800_019_749_904_384));
        assert_eq!(row.status(), Ok((OrderStatus::Filled, RejectReason::None)));
        assert!(row.is_in_quote(), "100 is an amount of money");
        assert_eq!(row.filled().map(|text| text.as_str()), Some("0.00192834"));
        assert_eq!(row.time_ms(), Ok(1_708_587_373_362));
    }
    if let Some(message) = sample("fx_http_get_orders_pending.json") {
        let body = message.to_string();
        let rows = rest::rows::<OrderRow<'_>>(body.as_bytes())
            .unwrap()
            .unwrap();
        assert_eq!(rows[0].client_id(), b"client-order-1");
        assert_eq!(rows[0].order_id(), Ok(1_234_567_890_123_456_789));
        assert_eq!(
            rows[0].status(),
            Ok((OrderStatus::Open, RejectReason::None))
        );
        assert_eq!(rows[0].trade_id(), Ok(None));
        assert_eq!(rows[0].sz.as_str(), "0.10");
    }
    if let Some(row) = sample("fx_http_transaction_detail_empty_fee.json") {
        let text = row.to_string();
        let row: FillRow<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(row.fee().unwrap().0.get(), Decimal::ZERO);
    }
}

/// Asset, cash, available, held back, time.
type Assets = Vec<(String, String, String, String, u64)>;

fn assets(row: &AccountRow<'_>) -> Assets {
    let one = |row: &BalanceRow<'_>| {
        (
            row.ccy.as_str().to_owned(),
            row.cash_bal.as_str().to_owned(),
            row.avail_bal.as_str().to_owned(),
            row.frozen_bal.as_str().to_owned(),
            row.time_ms().unwrap(),
        )
    };
    row.details.iter().map(one).collect()
}

#[test]
fn money() {
    let asset = |name: &str, cash: &str, free: &str, held: &str, time| {
        (
            name.to_owned(),
            cash.to_owned(),
            free.to_owned(),
            held.to_owned(),
            time,
        )
    };
    let pushed = |message: &Value| {
        heard(message, |frame| match frame {
            Frame::Account(rows) => rows.iter().flat_map(assets).collect::<Assets>(),
            other => panic!("{other:?}"),
        })
    };
    if let Some(message) = labelled("private_ws_account_doc.json", "push example") {
        let want = asset(
            "USDT",
            "4750.426970691436",
            "4734.371190691436",
            "158.57998",
            1_705_564_213_903,
        );
        assert_eq!(pushed(&message), [want]);
    }
    if let Some(message) = sample("fx_ws_account_empty.json") {
        assert_eq!(pushed(&message), []);
    }
    if let Some(message) = sample("fx_ws_account.json") {
        assert!(!pushed(&message).is_empty());
    }
    if let Some(message) = sample("fx_http_get_account_balance.json") {
        let body = message.to_string();
        let rows = rest::rows::<AccountRow<'_>>(body.as_bytes())
            .unwrap()
            .unwrap();
        let want = asset(
            "USDT",
            "94.42612990333333",
            "94.42612990333333",
            "5.468566666666667",
            1_744_498_994_783,
        );
        assert_eq!(assets(&rows[0]), [want]);
        assert_eq!(rows[0].time_ms(), Ok(1_744_499_648_556));
    }
}

#[test]
fn positions() {
    if let Some(message) = sample("fx_http_get_positions.json") {
        let body = message.to_string();
        let rows = rest::rows::<PositionRow<'_>>(body.as_bytes())
            .unwrap()
            .unwrap();
        let row = &rows[0];
        let text = |text: &Option<Text<'_>>| text.as_ref().map(|text| text.as_str().to_owned());
        assert_eq!(row.inst_id.as_str(), "BTC-USDT-SWAP");
        assert_eq!((row.pos.as_str(), row.pos_side.as_str()), ("0.5", "long"));
        assert_eq!(row.mgn_mode.as_str(), "isolated");
        assert_eq!(text(&row.avg_px).as_deref(), Some("10000"));
        assert_eq!(text(&row.liq_px).as_deref(), Some("9000"));
        assert_eq!(text(&row.margin).as_deref(), Some("0.5"));
        assert_eq!(text(&row.lever).as_deref(), Some("10.0"));
        assert_eq!(row.time_ms(), Ok(1_622_559_930_237));
    }
    if let Some(message) = labelled("private_ws_positions_doc.json", "push example (single)") {
        let seen = heard(&message, |frame| match frame {
            Frame::Positions(rows) => {
                let one = |row: &PositionRow<'_>| row.inst_id.as_str().to_owned();
                rows.iter().map(one).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(seen, ["ETH-USD-210430"]);
    }
    if let Some(message) = labelled("private_ws_balance_and_position_doc.json", "push example") {
        let seen = heard(&message, |frame| match frame {
            Frame::Quick(rows) => {
                let row = rows.iter().next().unwrap();
                let asset = row.bal_data.iter().next().unwrap();
                let position = row.pos_data.iter().next().unwrap();
                (
                    row.event_type.as_str().to_owned(),
                    row.time_ms().unwrap(),
                    (
                        asset.ccy.as_str().to_owned(),
                        asset.cash_bal.as_str().to_owned(),
                    ),
                    position.pos.as_str().to_owned(),
                )
            }
            other => panic!("{other:?}"),
        });
        let money = ("BTC".to_owned(), "1".to_owned());
        let want = (
            "snapshot".to_owned(),
            1_597_026_383_085,
            money,
            "10".to_owned(),
        );
        assert_eq!(seen, want);
    }
}
