//! Every documented or recorded USD-M answer: orders, trades, balances, positions, batches.

use connectors::binance::usdm::wire::account::{
    BalanceRow, BatchRow, IncomeRow, ListenKeyAnswer, PositionRow, done,
};
use connectors::binance::wire::frame::{self, Answer, Frame};
use connectors::binance::wire::order::{OrderAnswer, TradeRow};
use connectors::binance::wire::rest;
use connectors::wire::Raw;
use model::body::{OrderStatus, Side};

use crate::samples::sample;

fn rows(file: &str, at: Option<usize>) -> Vec<Vec<u8>> {
    let Some(value) = sample(file) else {
        return Vec::new();
    };
    let list = at.map_or(&value, |at| &value[at]);
    let list = list.as_array().unwrap().iter();
    list.map(|row| serde_json::to_vec(row).unwrap()).collect()
}

#[test]
fn position_and_balance_samples_say_every_field() {
    let wants = [
        (
            Some(0),
            vec![("ADAUSDT", "BOTH", "30", "0.385", "0", 1_720_736_417_660)],
        ),
        (
            Some(1),
            vec![
                ("ADAUSDT", "LONG", "30", "0.385", "0", 1_720_736_417_660),
                (
                    "COMPUSDT",
                    "SHORT",
                    "-1.000",
                    "70.92841",
                    "2260.56757210",
                    1_708_943_511_656,
                ),
            ],
        ),
    ];
    for (at, want) in wants {
        for (bytes, want) in rows("positions_usdm_positionRisk_v3_doc.json", at)
            .iter()
            .zip(want)
        {
            let row: PositionRow<'_> = rest::read(200, bytes).unwrap().unwrap();
            let got = (
                row.symbol.as_str(),
                row.position_side.as_str(),
                row.position_amt.as_str(),
                row.entry_price.as_str(),
                row.liquidation_price.as_str(),
                row.update_time,
            );
            assert_eq!(got, want);
            assert_eq!(row.isolated_wallet.unwrap().as_str(), "0");
        }
    }
    for bytes in rows("usdm_rest_position_risk.json", None) {
        let row: PositionRow<'_> = rest::read(200, &bytes).unwrap().unwrap();
        assert_eq!(row.margin_type.unwrap().as_str(), "cross");
        assert_eq!(row.leverage.unwrap().as_str(), "20");
        assert_eq!(row.isolated_margin.unwrap().as_str(), "0.00000000");
    }
    let wants = [
        (
            "balances_usdm_balance_v3_doc.json",
            Some(0),
            ["122607.35137903", "23.72469206"],
        ),
        (
            "usdm_rest_balance.json",
            None,
            ["122.12345678", "122.12345678"],
        ),
    ];
    for (file, at, [balance, cross]) in wants {
        for bytes in rows(file, at) {
            let row: BalanceRow<'_> = rest::read(200, &bytes).unwrap().unwrap();
            assert_eq!(
                (row.asset.as_str(), row.balance.as_str()),
                ("USDT", balance)
            );
            assert_eq!(row.cross_wallet_balance.as_str(), cross);
            assert_eq!(
                (row.available_balance.as_str(), row.update_time),
                (cross, 1_617_939_110_373)
            );
        }
    }
}

fn answer(bytes: &[u8]) -> Answer<'_> {
    match frame::decode(bytes).unwrap() {
        Frame::Answer(answer) => answer,
        Frame::Event(event) => panic!("{event:?}"),
    }
}

type Acked = (
    &'static str,
    u64,
    &'static str,
    &'static str,
    &'static str,
    u64,
    usize,
);

const ANSWERS: [Acked; 4] = [
    (
        "place",
        325_078_477,
        "iCXL1BywlBaf2sesNUrVl3",
        "43187.00",
        "0.100",
        1_702_555_534_435,
        3,
    ),
    (
        "modify",
        328_971_409,
        "xGHfltUMExx0TbQstQQfRX",
        "43769.10",
        "0.110",
        1_703_426_756_190,
        3,
    ),
    (
        "cancel",
        283_194_212,
        "myOrder1",
        "0",
        "11",
        1_571_110_484_038,
        1,
    ),
    (
        "status",
        1_917_641,
        "abc",
        "0",
        "0.40",
        1_579_276_756_075,
        0,
    ),
];

#[test]
fn socket_answers_are_orders_with_their_limits() {
    for (name, order, client, price, qty, time, limits) in ANSWERS {
        let Some(value) = sample(&format!("orderack_usdm_wsapi_order_{name}_doc.json")) else {
            return;
        };
        let bytes = serde_json::to_vec(&value[1]).unwrap();
        let answer = answer(&bytes);
        assert_eq!(
            (answer.status, answer.limits.iter().count()),
            (200, limits),
            "{name}"
        );
        let seen = OrderAnswer::read(answer.outcome.unwrap().unwrap()).unwrap();
        assert_eq!(
            (seen.order_id, seen.client_id()),
            (order, client.as_bytes()),
            "{name}"
        );
        assert_eq!(seen.price.as_ref().unwrap().as_str(), price, "{name}");
        assert_eq!(seen.orig_qty.as_ref().unwrap().as_str(), qty, "{name}");
        assert_eq!(seen.time_ms(), time, "{name}");
        let cancelled = name == "cancel";
        let want = if cancelled {
            OrderStatus::Cancelled
        } else {
            OrderStatus::Open
        };
        assert_eq!(seen.status().unwrap(), want, "{name}");
        assert_eq!(
            seen.side().unwrap(),
            if name == "modify" {
                Side::Sell
            } else {
                Side::Buy
            }
        );
    }
}

#[test]
fn rest_answers_are_orders_trades_and_batches() {
    for (file, at) in [
        ("orderack_usdm_rest_new_order_doc.json", "/0"),
        ("orderack_usdm_rest_cancel_doc.json", "/0"),
        ("orderack_usdm_rest_modify_doc.json", "/0"),
        ("reconcile_usdm_openOrders_doc.json", "/0/0"),
        ("usdm_rest_order_response.json", ""),
    ] {
        let Some(value) = sample(file) else { return };
        let value = value.pointer(at).unwrap();
        let bytes = serde_json::to_vec(value).unwrap();
        let seen: OrderAnswer<'_> = rest::read(200, &bytes).unwrap().unwrap();
        let text = |key: &str| value[key].as_str().unwrap().to_owned();
        assert_eq!(seen.order_id, value["orderId"].as_u64().unwrap(), "{file}");
        assert_eq!(seen.client_id(), text("clientOrderId").as_bytes(), "{file}");
        assert_eq!(
            seen.executed_qty.as_ref().unwrap().as_str(),
            text("executedQty"),
            "{file}"
        );
        assert_eq!(
            seen.time_ms(),
            value["updateTime"].as_u64().unwrap(),
            "{file}"
        );
    }
}

#[test]
fn trades_and_batches_are_read_row_by_row() {
    for bytes in rows("reconcile_usdm_userTrades_doc.json", Some(0)) {
        let row: TradeRow<'_> = rest::read(200, &bytes).unwrap().unwrap();
        assert_eq!(
            (row.id, row.order_id, row.time),
            (698_759, 25_851_813, 1_569_514_978_020)
        );
        assert_eq!((row.price.as_str(), row.qty.as_str()), ("7819.01", "0.002"));
        // The page shows a fee below zero, which the venue's own stream never does.
        assert_eq!(
            (row.commission.as_str(), row.commission_asset.as_str()),
            ("-0.07819010", "USDT")
        );
        assert_eq!((row.is_buyer, row.is_maker), (false, false));
        assert_eq!(row.realized_pnl.unwrap().as_str(), "-0.91539999");
    }
    for (file, code) in [
        ("orderack_usdm_rest_batch_new_doc.json", -2022),
        ("orderack_usdm_rest_batch_cancel_doc.json", -2011),
    ] {
        let Some(value) = sample(file) else { return };
        let bytes = serde_json::to_vec(&value[0]).unwrap();
        let raws: Vec<Raw<'_>> = serde_json::from_slice(&bytes).unwrap();
        assert!(
            matches!(BatchRow::read(raws[0]), Ok(BatchRow::Done(_))),
            "{file}"
        );
        let Ok(BatchRow::Failed(error)) = BatchRow::read(raws[1]) else {
            panic!("{file}")
        };
        assert_eq!(error.code, code);
    }
    let Some(value) = sample("orderack_usdm_rest_cancel_all_doc.json") else {
        return;
    };
    for (text, want) in [
        (value[0].to_string(), true),
        (r#"{"code":"200","msg":"done"}"#.to_owned(), true),
        (
            r#"{"symbol":"BTCUSDT","countdownTime":"100000"}"#.to_owned(),
            true,
        ),
        (
            r#"{"code":-2011,"msg":"Unknown order sent."}"#.to_owned(),
            false,
        ),
    ] {
        let raw: Raw<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(done(raw), Ok(want), "{text}");
    }
}

#[test]
fn answers_without_a_sample_are_read_as_the_page_writes_them() {
    let income = br#"{"symbol":"BTCUSDT","incomeType":"FUNDING_FEE","income":"-0.37500000",
        "asset":"USDT","info":"","time":1570608000000,"tranId":9689322392,"tradeId":""}"#;
    let row: IncomeRow<'_> = rest::read(200, income).unwrap().unwrap();
    assert_eq!(
        (row.id(), row.income.as_str()),
        (Some(9_689_322_392), "-0.37500000")
    );
    let started = br#"{"id":"1","status":200,"result":{"listenKey":"xs0mRXdAKlIPDRFrlPcw"}}"#;
    let raw = answer(started).outcome.unwrap().unwrap();
    let key: ListenKeyAnswer<'_> = rest::read(200, raw.get().as_bytes()).unwrap().unwrap();
    assert_eq!(key.listen_key.unwrap().as_str(), "xs0mRXdAKlIPDRFrlPcw");
    let kept: ListenKeyAnswer<'_> = rest::read(200, b"{}").unwrap().unwrap();
    assert!(kept.listen_key.is_none());
}
