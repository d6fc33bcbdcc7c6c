//! An order, a fill, a balance as JSON, in each of the forms that Binance uses.

use model::instrument::InstrumentSpec;
use serde_json::{Value, json};

use super::filters::AnswerKind;
use super::text;
use crate::practice::exchange::{AccountEvent, Amended, Exchange, Execution};
use crate::practice::{Balance, OrderStatus, Side, VenueOrder, VenueTrade};

/// The fields that place, cancel and query answers share.
fn common(spec: &InstrumentSpec, order: &VenueOrder) -> Value {
    json!({
        "symbol": spec.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "price": text::steps(spec.tick, order.price.unwrap_or_default().0),
        "origQty": text::steps(spec.lot, order.qty.0),
        "executedQty": text::steps(spec.lot, order.executed.0),
        "origQuoteOrderQty": text::money(order.quote_qty.unwrap_or_default()),
        "cummulativeQuoteQty": text::money(order.executed_quote),
        "status": text::status(order.status),
        "timeInForce": text::time_in_force(order.time_in_force),
        "type": text::kind(order.kind),
        "side": text::side(order.side),
        "selfTradePreventionMode": text::self_trade(order.self_trade),
    })
}

/// The answer to a placed order.
pub(in crate::binance) fn placed(
    spec: &InstrumentSpec,
    order: &VenueOrder,
    fills: &[VenueTrade],
    answer: AnswerKind,
) -> Value {
    if answer == AnswerKind::Ack {
        return json!({
            "symbol": spec.symbol,
            "orderId": order.id,
            "orderListId": -1,
            "clientOrderId": order.client_id,
            "transactTime": order.created_ms,
        });
    }
    let mut body = common(spec, order);
    body["clientOrderId"] = json!(order.client_id);
    body["transactTime"] = json!(order.created_ms);
    body["workingTime"] = json!(order.created_ms);
    if answer == AnswerKind::Full {
        let fill = |trade: &VenueTrade| {
            json!({
                "price": text::steps(spec.tick, trade.price.0),
                "qty": text::steps(spec.lot, trade.qty.0),
                "commission": text::money(trade.commission),
                "commissionAsset": trade.commission_asset,
                "tradeId": trade.id,
            })
        };
        body["fills"] = fills.iter().map(fill).collect();
    }
    body
}

/// The answer to a cancel.
pub(in crate::binance) fn cancelled(spec: &InstrumentSpec, order: &VenueOrder) -> Value {
    let mut body = common(spec, order);
    body["origClientOrderId"] = json!(order.client_id);
    body["clientOrderId"] = json!(order.cancel_id);
    body["transactTime"] = json!(order.updated_ms);
    body
}

/// The answer to an amendment. Its words for quantities are others than those of other answers.
pub(in crate::binance) fn amended(spec: &InstrumentSpec, amended: &Amended) -> Value {
    let order = &amended.order;
    json!({
        "transactTime": order.updated_ms,
        "executionId": amended.execution_id,
        "amendedOrder": {
            "symbol": spec.symbol,
            "orderId": order.id,
            "orderListId": -1,
            "origClientOrderId": amended.before,
            "clientOrderId": order.client_id,
            "price": text::steps(spec.tick, order.price.unwrap_or_default().0),
            "qty": text::steps(spec.lot, order.qty.0),
            "executedQty": text::steps(spec.lot, order.executed.0),
            "preventedQty": "0.00000000",
            "quoteOrderQty": text::money(order.quote_qty.unwrap_or_default()),
            "cumulativeQuoteQty": text::money(order.executed_quote),
            "status": text::status(order.status),
            "timeInForce": text::time_in_force(order.time_in_force),
            "type": text::kind(order.kind),
            "side": text::side(order.side),
            "workingTime": order.created_ms,
            "selfTradePreventionMode": text::self_trade(order.self_trade),
        },
    })
}

/// The answer to a query.
pub(in crate::binance) fn queried(spec: &InstrumentSpec, order: &VenueOrder) -> Value {
    let mut body = common(spec, order);
    body["clientOrderId"] = json!(order.client_id);
    body["stopPrice"] = json!("0.00000000");
    body["icebergQty"] = json!("0.00000000");
    body["time"] = json!(order.created_ms);
    body["updateTime"] = json!(order.updated_ms);
    body["isWorking"] = json!(true);
    body["workingTime"] = json!(order.created_ms);
    body
}

/// One line of `myTrades`.
pub(in crate::binance) fn trade(spec: &InstrumentSpec, trade: &VenueTrade) -> Value {
    json!({
        "symbol": spec.symbol,
        "id": trade.id,
        "orderId": trade.order,
        "orderListId": -1,
        "price": text::steps(spec.tick, trade.price.0),
        "qty": text::steps(spec.lot, trade.qty.0),
        "quoteQty": text::money(trade.quote),
        "commission": text::money(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": trade.time_ms,
        "isBuyer": trade.side == Side::Buy,
        "isMaker": trade.maker,
        "isBestMatch": true,
    })
}

/// A private event as the user stream carries it, without the subscription's envelope.
pub(in crate::binance) fn private_event(
    exchange: &Exchange,
    event: &AccountEvent,
    now_ms: i64,
) -> Value {
    match event {
        AccountEvent::Balances { account, assets } => {
            let line = |asset: &String| {
                let Balance { free, locked } = exchange.accounts.balance(*account, asset);
                json!({"a": asset, "f": text::money(free), "l": text::money(locked)})
            };
            json!({
                "e": "outboundAccountPosition",
                "E": now_ms,
                "u": now_ms,
                "B": assets.iter().map(line).collect::<Value>(),
            })
        }
        // Of perpetuals only.
        AccountEvent::Holding { .. } | AccountEvent::Funding { .. } => Value::Null,
        AccountEvent::Transfer {
            asset,
            amount,
            time_ms,
            ..
        } => json!({
            "e": "balanceUpdate",
            "E": now_ms,
            "a": asset,
            "d": text::money(*amount),
            "T": time_ms,
        }),
        AccountEvent::Report {
            execution_id,
            execution,
            order,
            trade,
            before,
        } => {
            let spec = &exchange.listings[order.instrument].spec;
            execution_report(
                spec,
                (*execution_id, *execution),
                (order, before.as_deref()),
                trade.as_deref(),
                now_ms,
            )
        }
    }
}

fn execution_report(
    spec: &InstrumentSpec,
    (execution_id, execution): (u64, Execution),
    (order, before): (&VenueOrder, Option<&str>),
    trade: Option<&VenueTrade>,
    now_ms: i64,
) -> Value {
    let (name, original) = match (execution, &order.cancel_id) {
        (Execution::Cancelled, Some(cancel_id)) => (cancel_id, order.client_id.as_str()),
        (
            Execution::Cancelled
            | Execution::Replaced
            | Execution::New
            | Execution::Trade
            | Execution::Expired
            | Execution::Prevented
            | Execution::Modified
            | Execution::Liquidated,
            _,
        ) => (&order.client_id, before.unwrap_or("")),
    };
    let working = order.status.is_open();
    let mut report = json!({
        "e": "executionReport",
        "E": now_ms,
        "s": spec.symbol,
        "c": name,
        "S": text::side(order.side),
        "o": text::kind(order.kind),
        "f": text::time_in_force(order.time_in_force),
        "q": text::steps(spec.lot, order.qty.0),
        "p": text::steps(spec.tick, order.price.unwrap_or_default().0),
        "P": "0.00000000",
        "F": "0.00000000",
        "g": -1,
        "C": original,
        "x": execution_type(execution),
        "X": text::status(order.status),
        "r": "NONE",
        "i": order.id,
        "z": text::steps(spec.lot, order.executed.0),
        "T": order.updated_ms,
        "v": 0,
        "I": execution_id,
        "w": working,
        "M": false,
        "O": order.created_ms,
        "Z": text::money(order.executed_quote),
        "Q": text::money(order.quote_qty.unwrap_or_default()),
        "W": order.created_ms,
        "V": text::self_trade(order.self_trade),
    });
    fill_fields(spec, &mut report, trade);
    if order.status != OrderStatus::ExpiredInMatch {
        report
            .as_object_mut()
            .and_then(|members| members.remove("v"));
    }
    report
}

fn fill_fields(spec: &InstrumentSpec, report: &mut Value, trade: Option<&VenueTrade>) {
    let Some(trade) = trade else {
        for name in ["l", "L", "Y"] {
            report[name] = json!("0.00000000");
        }
        report["n"] = json!("0");
        report["N"] = Value::Null;
        report["t"] = json!(-1);
        report["m"] = json!(false);
        return;
    };
    report["l"] = json!(text::steps(spec.lot, trade.qty.0));
    report["L"] = json!(text::steps(spec.tick, trade.price.0));
    report["Y"] = json!(text::money(trade.quote));
    report["n"] = json!(text::money(trade.commission));
    report["N"] = json!(trade.commission_asset);
    report["t"] = json!(trade.id);
    report["m"] = json!(trade.maker);
}

const fn execution_type(execution: Execution) -> &'static str {
    match execution {
        Execution::New => "NEW",
        Execution::Trade => "TRADE",
        // Spot has neither; they would be told like this.
        Execution::Replaced | Execution::Modified => "REPLACED",
        Execution::Liquidated => "CALCULATED",
        Execution::Cancelled => "CANCELED",
        Execution::Expired => "EXPIRED",
        Execution::Prevented => "TRADE_PREVENTION",
    }
}
