//! An order, a fill, a wallet and a position as JSON, in the forms of USD-M.

use model::instrument::InstrumentSpec;
use model::num::Lots;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::info::plain;
use crate::binance::practice::core::Core;
use crate::binance::practice::text;
use crate::practice::exchange::{AccountEvent, Execution, HoldingReason};
use crate::practice::perps::MarginMode;
use crate::practice::{OrderKind, Side, TimeInForce, VenueOrder, VenueTrade};

/// A signed quantity.
pub(super) fn signed(spec: &InstrumentSpec, lots: i64) -> String {
    spec.quantity(Lots(lots)).unwrap_or_default().to_string()
}

const fn kind(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit | OrderKind::PostOnly => "LIMIT",
        OrderKind::Market => "MARKET",
    }
}

const fn time_in_force(order: &VenueOrder) -> &'static str {
    match (order.kind, order.time_in_force) {
        (OrderKind::PostOnly, _) => "GTX",
        (_, TimeInForce::Gtc) => "GTC",
        (_, TimeInForce::Ioc) => "IOC",
        (_, TimeInForce::Fok) => "FOK",
    }
}

fn average(spec: &InstrumentSpec, order: &VenueOrder) -> Decimal {
    let filled = spec.in_base(order.executed).unwrap_or_default();
    let price = order.executed_quote.checked_div(filled);
    price.unwrap_or_default().round_dp(8)
}

/// An order in an answer. A question's answer has what an acknowledgement lost in 2026.
pub(super) fn order(spec: &InstrumentSpec, order: &VenueOrder, asked: bool) -> Value {
    let mut body = json!({
        "orderId": order.id,
        "symbol": spec.symbol,
        "status": text::status(order.status),
        "clientOrderId": order.client_id,
        "price": text::steps(spec.tick, order.price.unwrap_or_default().0),
        "origQty": text::steps(spec.lot, order.qty.0),
        "executedQty": text::steps(spec.lot, order.executed.0),
        "timeInForce": time_in_force(order),
        "type": kind(order.kind),
        "reduceOnly": order.reduce_only,
        "closePosition": false,
        "side": text::side(order.side),
        "positionSide": "BOTH",
        "stopPrice": "0.00",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": false,
        "origType": kind(order.kind),
        "priceMatch": "NONE",
        "selfTradePreventionMode": text::self_trade(order.self_trade),
        "goodTillDate": 0,
        "updateTime": order.updated_ms,
    });
    if asked {
        body["avgPrice"] = json!(plain(Some(average(spec, order))));
        body["cumQuote"] = json!(plain(Some(order.executed_quote)));
        body["time"] = json!(order.created_ms);
    }
    body
}

/// One line of `userTrades`.
pub(super) fn trade(spec: &InstrumentSpec, trade: &VenueTrade) -> Value {
    json!({
        "symbol": spec.symbol,
        "id": trade.id,
        "orderId": trade.order,
        "side": text::side(trade.side),
        "price": text::steps(spec.tick, trade.price.0),
        "qty": text::steps(spec.lot, trade.qty.0),
        "realizedPnl": text::money(trade.realised),
        "quoteQty": plain(Some(trade.quote)),
        "commission": text::money(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": trade.time_ms,
        "positionSide": "BOTH",
        "buyer": trade.side == Side::Buy,
        "maker": trade.maker,
    })
}

/// A private event as the private stream carries it; `None` for what USD-M does not tell.
pub(in crate::binance) fn private_event(core: &Core, event: &AccountEvent) -> Option<Value> {
    let now_ms = core.now_ms;
    Some(match event {
        AccountEvent::Balances { .. } => return None,
        AccountEvent::Report {
            execution,
            order,
            trade,
            ..
        } => {
            let spec = core.spec(order.instrument);
            json!({
                "e": "ORDER_TRADE_UPDATE",
                "T": order.updated_ms,
                "E": now_ms,
                "o": report(spec, *execution, order, trade.as_deref()),
            })
        }
        AccountEvent::Holding {
            account,
            asset,
            instrument,
            reason,
        } => {
            let word = match reason {
                HoldingReason::Order | HoldingReason::Liquidation => "ORDER",
            };
            let balance = balance(core, *account, asset, Decimal::ZERO);
            account_update(
                core,
                word,
                balance,
                vec![position(core, *account, *instrument)],
            )
        }
        AccountEvent::Funding {
            account,
            instrument,
            asset,
            amount,
            time_ms,
        } => {
            let balance = balance(core, *account, asset, *amount);
            let (_, mode) = core.exchange.perps.setting(*account, *instrument);
            let positions = match mode {
                MarginMode::Cross => Vec::new(),
                MarginMode::Isolated => vec![position(core, *account, *instrument)],
            };
            let mut update = account_update(core, "FUNDING_FEE", balance, positions);
            update["T"] = json!(time_ms);
            update
        }
        AccountEvent::Transfer {
            account,
            asset,
            amount,
            ..
        } => {
            let word = if *amount < Decimal::ZERO {
                "WITHDRAW"
            } else {
                "DEPOSIT"
            };
            account_update(
                core,
                word,
                balance(core, *account, asset, *amount),
                Vec::new(),
            )
        }
    })
}

fn account_update(core: &Core, reason: &str, balance: Value, positions: Vec<Value>) -> Value {
    json!({
        "e": "ACCOUNT_UPDATE",
        "T": core.now_ms,
        "E": core.now_ms,
        "a": {"m": reason, "B": [balance], "P": positions},
    })
}

fn balance(core: &Core, account: usize, asset: &str, change: Decimal) -> Value {
    let margin = core.exchange.margin(account, asset);
    json!({
        "a": asset,
        "wb": text::money(margin.wallet),
        "cw": text::money(margin.cross_wallet),
        "bc": text::money(change),
    })
}

fn position(core: &Core, account: usize, instrument: usize) -> Value {
    let spec = core.spec(instrument);
    let position = core.exchange.position(account, instrument);
    let mark = core.exchange.mark_price(instrument).unwrap_or_default();
    let (_, mode) = core.exchange.perps.setting(account, instrument);
    json!({
        "s": spec.symbol,
        "pa": signed(spec, position.lots),
        "ep": plain(position.entry(spec)),
        "bep": plain(position.entry(spec)),
        "cr": text::money(position.realised),
        "up": text::money(position.unrealised(spec, mark).unwrap_or_default()),
        "mt": if mode == MarginMode::Cross { "cross" } else { "isolated" },
        "iw": text::money(position.margin),
        "ps": "BOTH",
    })
}

fn report(
    spec: &InstrumentSpec,
    execution: Execution,
    order: &VenueOrder,
    trade: Option<&VenueTrade>,
) -> Value {
    let mut report = json!({
        "s": spec.symbol,
        "c": order.client_id,
        "S": text::side(order.side),
        "o": kind(order.kind),
        "f": time_in_force(order),
        "q": text::steps(spec.lot, order.qty.0),
        "p": text::steps(spec.tick, order.price.unwrap_or_default().0),
        "ap": plain(Some(average(spec, order))),
        "sp": "0",
        "x": execution_word(execution),
        "X": text::status(order.status),
        "i": order.id,
        "l": "0",
        "z": text::steps(spec.lot, order.executed.0),
        "L": "0",
        "T": order.updated_ms,
        "t": 0,
        "b": "0",
        "a": "0",
        "m": false,
        "R": order.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": kind(order.kind),
        "ps": "BOTH",
        "cp": false,
        "rp": "0",
        "pP": false,
        "si": 0,
        "ss": 0,
        "V": text::self_trade(order.self_trade),
        "pm": "NONE",
        "gtd": 0,
        "er": "0",
    });
    if let Some(trade) = trade {
        report["l"] = json!(text::steps(spec.lot, trade.qty.0));
        report["L"] = json!(text::steps(spec.tick, trade.price.0));
        report["n"] = json!(text::money(trade.commission));
        report["N"] = json!(trade.commission_asset);
        report["t"] = json!(trade.id);
        report["m"] = json!(trade.maker);
        report["rp"] = json!(text::money(trade.realised));
    }
    report
}

const fn execution_word(execution: Execution) -> &'static str {
    match execution {
        Execution::New => "NEW",
        Execution::Trade => "TRADE",
        Execution::Replaced | Execution::Modified => "AMENDMENT",
        Execution::Cancelled => "CANCELED",
        Execution::Expired | Execution::Prevented => "EXPIRED",
        Execution::Liquidated => "CALCULATED",
    }
}
