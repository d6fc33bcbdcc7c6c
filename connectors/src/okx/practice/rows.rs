//! Orders, fills, balances and positions as the venue writes them, over REST and in its channels.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::core::{Bill, Core, Moved};
use super::instruments;
use super::orders::shown;
use super::text;
use crate::practice::perps::signed_value;
use crate::practice::{
    MarginMode, OrderKind, OrderStatus, Side, TimeInForce, VenueOrder, VenueTrade,
};

/// Order ids that begin so are of positions that the venue took over.
const FORCED: &str = "autoclose-";
/// Why an order ended by itself.
const BY_SELF_TRADE: &str = "32";
const BY_REDUCE_ONLY: &str = "22";
const BY_FOK: &str = "13";
const BY_IOC: &str = "14";

/// Why an order is over, as the venue's number.
fn cancel_source(order: &VenueOrder) -> &str {
    match order.status {
        OrderStatus::New | OrderStatus::PartiallyFilled | OrderStatus::Filled => "",
        OrderStatus::Cancelled => match order.cancel_id.as_deref() {
            Some(why) if why.len() <= 2 && !why.is_empty() => why,
            // Cancelled with its position, or by an amendment.
            Some(_) | None => "3",
        },
        OrderStatus::ExpiredInMatch => BY_SELF_TRADE,
        OrderStatus::Expired => match (order.kind, order.time_in_force) {
            (OrderKind::Market, _) | (OrderKind::Limit, TimeInForce::Ioc) => BY_IOC,
            (OrderKind::Limit, TimeInForce::Fok) => BY_FOK,
            (OrderKind::Limit | OrderKind::PostOnly, _) => BY_REDUCE_ONLY,
        },
    }
}

impl Core {
    /// An order: what both interfaces show of it. Without a fill what begins with `fill` is empty;
    /// over REST it is of the last one.
    pub(super) fn order_row(&self, order: &VenueOrder, fill: Option<&VenueTrade>) -> Value {
        let spec = self.spec(order.instrument);
        let paid = self.paid.get(&order.id);
        let executed = spec.in_base(order.executed).unwrap_or_default();
        let average = order.executed_quote.checked_div(executed);
        let average = average.map_or(String::new(), |price| text::number(price.round_dp(12)));
        let price = order
            .price
            .map_or(String::new(), |price| text::steps(spec.tick, price.0));
        let (size, target) = match order.quote_qty {
            Some(quote) => (text::number(quote), "quote_ccy"),
            None if order.kind == OrderKind::Market && !self.perpetuals => {
                (text::steps(spec.lot, order.qty.0), "base_ccy")
            }
            None => (text::steps(spec.lot, order.qty.0), ""),
        };
        let (leverage, mode) = self.exchange.perps.setting(order.account, order.instrument);
        let mode = if self.perpetuals {
            margin_word(mode)
        } else {
            "cash"
        };
        let received = self.fee_asset(order.instrument, order.side);
        let fee = paid.map_or(Decimal::ZERO, |paid| -paid.fee);
        let fee_asset = paid.map_or(received, |paid| paid.last.commission_asset.as_str());
        let forced = order.client_id.starts_with(FORCED);
        let client_id = if forced { "" } else { shown(&order.client_id) };
        let mut row = json!({
            "accFillSz": text::steps(spec.lot, order.executed.0),
            "algoClOrdId": "", "algoId": "", "attachAlgoClOrdId": "", "attachAlgoOrds": [],
            "avgPx": average, "cTime": order.created_ms.to_string(),
            "cancelSource": cancel_source(order), "cancelSourceReason": "",
            "category": if forced { "full_liquidation" } else { "normal" },
            "ccy": "", "clOrdId": client_id, "fee": text::number(fee), "feeCcy": fee_asset,
            "instId": spec.symbol, "instType": instruments::kind(spec), "isTpLimit": "false",
            "lever": if self.perpetuals { leverage.to_string() } else { String::new() },
            "linkedAlgoOrd": {"algoId": ""}, "ordId": order.id.to_string(),
            "ordType": text::kind(order.kind, order.time_in_force),
            "pnl": text::number(paid.map_or(Decimal::ZERO, |paid| paid.profit)),
            "posSide": if self.perpetuals { "net" } else { "" },
            "px": price, "pxType": "", "pxUsd": "", "pxVol": "", "quickMgnType": "",
            "rebate": "0", "rebateCcy": spec.quote, "reduceOnly": order.reduce_only.to_string(),
            "side": text::side(order.side), "slOrdPx": "", "slTriggerPx": "",
            "slTriggerPxType": "", "source": "", "state": text::state(order.status),
            "stpId": "", "stpMode": text::self_trade(order.self_trade), "sz": size, "tag": "",
            "tdMode": mode, "tgtCcy": target, "tpOrdPx": "", "tpTriggerPx": "",
            "tpTriggerPxType": "",
            "tradeQuoteCcy": if self.perpetuals { "" } else { spec.quote.as_str() },
            "uTime": order.updated_ms.to_string(),
        });
        let shown = fill.map_or_else(Value::default, |trade| self.fill_part(trade));
        let none = json!({"fillPx": "", "fillSz": "0", "fillTime": "", "tradeId": ""});
        merge(&mut row, if shown.is_null() { &none } else { &shown });
        row
    }

    /// The asset that a fill's fee is taken from.
    fn fee_asset(&self, instrument: usize, side: Side) -> &str {
        match side {
            Side::Buy if !self.perpetuals => &self.spec(instrument).base,
            Side::Buy | Side::Sell => self.exchange.settle(instrument),
        }
    }

    fn fill_part(&self, trade: &VenueTrade) -> Value {
        let spec = self.spec(trade.instrument);
        json!({
            "fillPx": text::steps(spec.tick, trade.price.0),
            "fillSz": text::steps(spec.lot, trade.qty.0),
            "fillTime": trade.time_ms.to_string(),
            "tradeId": trade.id.to_string(),
        })
    }

    /// A push of the order channel: the row, and what only the channel says.
    pub(super) fn order_push(
        &self,
        order: &VenueOrder,
        fill: Option<&VenueTrade>,
        amended: Option<&str>,
    ) -> Value {
        let mut row = self.order_row(order, fill);
        let last = text::number(self.last_price(order.instrument));
        let (fee, asset) = fill.map_or((Decimal::ZERO, ""), |trade| {
            (-trade.commission, trade.commission_asset.as_str())
        });
        let more = json!({
            "amendResult": amended.map_or("", |_| "0"),
            "amendSource": amended.map_or("", |_| "1"),
            "code": "0", "msg": "", "reqId": amended.unwrap_or_default(),
            "execType": fill.map_or("", |trade| if trade.maker { "M" } else { "T" }),
            "fillFee": text::number(fee), "fillFeeCcy": asset, "fillFwdPx": "", "fillIdxPx": "",
            "fillMarkPx": "", "fillMarkVol": "", "fillNotionalUsd": "",
            "fillPnl": text::number(fill.map_or(Decimal::ZERO, |trade| trade.realised)),
            "fillPxUsd": "", "fillPxVol": "", "lastPx": last, "notionalUsd": "",
        });
        merge(&mut row, &more);
        row
    }

    /// A row of `trade/fills`; `None` for what is no fill.
    pub(super) fn fill_row(&self, bill: &Bill) -> Option<Value> {
        let Moved::Fill(trade) = &bill.moved else {
            return None;
        };
        let spec = self.spec(trade.instrument);
        let order = self.exchange.ledger.order(trade.order);
        let client_id = order.map_or("", |order| shown(&order.client_id));
        let rate = match trade.maker {
            true => self.exchange.fees.maker,
            false => self.exchange.fees.taker,
        };
        let mut row = json!({
            "billId": bill.id.to_string(),
            "clOrdId": if client_id.starts_with(FORCED) { "" } else { client_id },
            "execType": if trade.maker { "M" } else { "T" },
            "fee": text::number(-trade.commission), "feeCcy": trade.commission_asset,
            "feeRate": text::number(-rate), "fillFwdPx": "", "fillIdxPx": "", "fillMarkPx": "",
            "fillMarkVol": "", "fillPnl": text::number(trade.realised), "fillPxUsd": "",
            "fillPxVol": "", "instId": spec.symbol, "instType": instruments::kind(spec),
            "ordId": trade.order.to_string(),
            "posSide": if self.perpetuals { "net" } else { "" },
            "side": text::side(trade.side),
            "subType": match trade.side { Side::Buy => "1", Side::Sell => "2" },
            "tag": "", "tradeQuoteCcy": if self.perpetuals { "" } else { spec.quote.as_str() },
            "ts": bill.time_ms.to_string(),
        });
        merge(&mut row, &self.fill_part(trade));
        Some(row)
    }

    /// An asset of `account/balance` and of the channel `account`.
    pub(super) fn balance_row(&self, account: usize, asset: &str) -> Value {
        let balance = self.exchange.accounts.balance(account, asset);
        let margin = self.exchange.margin(account, asset);
        let (cash, isolated) = if self.perpetuals {
            (balance.free, balance.locked)
        } else {
            (balance.free + balance.locked, Decimal::ZERO)
        };
        let available = if self.perpetuals {
            margin
                .available()
                .max(Decimal::ZERO)
                .min(cash.max(Decimal::ZERO))
        } else {
            balance.free
        };
        let equity = cash + isolated + margin.cross_unrealised;
        json!({
            "accAvgPx": "", "availBal": text::number(available),
            "availEq": text::number(available), "borrowFroz": "0",
            "cashBal": text::number(cash), "ccy": asset, "clSpotInUseAmt": "", "coinUsdPrice": "",
            "colBorrAutoConversion": "0", "colRes": "0", "collateralEnabled": false,
            "collateralRestrict": false, "crossLiab": "0", "disEq": text::number(equity),
            "eq": text::number(equity), "eqUsd": text::number(equity), "fixedBal": "0",
            "frozenBal": text::number((cash + isolated - available).max(Decimal::ZERO)),
            "imr": text::number(margin.initial), "interest": "0",
            "isoEq": text::number(isolated), "isoLiab": "0", "isoUpl": "0", "liab": "0",
            "maxLoan": "0", "maxSpotInUseAmt": "", "mgnRatio": "",
            "mmr": text::number(margin.maintenance), "notionalLever": "", "openAvgPx": "",
            "ordFrozen": "0", "rewardBal": "0", "smtSyncEq": "0", "spotBal": "",
            "spotCopyTradingEq": "0", "spotInUseAmt": "", "spotIsoBal": "0", "spotUpl": "",
            "spotUplRatio": "", "stgyEq": "0", "totalPnl": "", "totalPnlRatio": "", "twap": "0",
            "uTime": self.now_ms.to_string(), "upl": text::number(margin.cross_unrealised),
            "uplLiab": "0",
        })
    }

    /// The account's row with these assets.
    pub(super) fn account_row(&self, details: Vec<Value>) -> Value {
        json!({
            "adjEq": "", "availEq": "", "borrowFroz": "", "delta": "", "deltaLever": "",
            "deltaNeutralStatus": "", "details": details, "imr": "", "isoEq": "0",
            "mgnRatio": "", "mmr": "", "notionalUsd": "", "notionalUsdForBorrow": "",
            "notionalUsdForFutures": "", "notionalUsdForOption": "", "notionalUsdForSwap": "",
            "ordFroz": "", "totalEq": "", "uTime": self.now_ms.to_string(), "upl": "",
        })
    }

    /// A position of `account/positions` and of the channel `positions`.
    pub(super) fn position_row(&self, account: usize, instrument: usize) -> Value {
        let exchange = &self.exchange;
        let spec = self.spec(instrument);
        let position = exchange.position(account, instrument);
        let (leverage, mode) = exchange.perps.setting(account, instrument);
        let mark = exchange.mark_price(instrument).unwrap_or_default();
        let flat = position.lots == 0;
        let unless_flat = |value: Option<Decimal>| match value {
            Some(value) if !flat => text::number(value.round_dp(12)),
            Some(_) | None => String::new(),
        };
        let profit = position.unrealised(spec, mark).unwrap_or_default();
        let last = exchange.ledger.trades().rev();
        let mut last = last.filter(|one| one.account == account && one.instrument == instrument);
        let isolated = mode == MarginMode::Isolated;
        json!({
            "adl": "1", "availPos": text::steps(spec.lot, position.lots),
            "avgPx": unless_flat(position.entry(spec)), "baseBal": "", "baseBorrowed": "",
            "baseInterest": "", "bePx": "", "bizRefId": "", "bizRefType": "",
            "cTime": position.updated_ms.to_string(), "ccy": exchange.settle(instrument),
            "clSpotInUseAmt": "", "closeOrderAlgo": [], "deltaBS": "", "deltaPA": "", "fee": "0",
            "fundingFee": text::number(position.funding), "gammaBS": "", "gammaPA": "",
            "hedgedPos": "", "idxPx": text::number(mark), "imr": "", "instId": spec.symbol,
            "instType": "SWAP", "interest": "", "last": text::number(self.last_price(instrument)),
            "lever": leverage.to_string(), "liab": "", "liabCcy": "", "liqPenalty": "0",
            "liqPx": unless_flat(exchange.liquidation_price(account, instrument)),
            "margin": if isolated { text::number(position.margin) } else { String::new() },
            "markPx": text::number(mark), "maxSpotInUseAmt": "", "mgnMode": margin_word(mode),
            "mgnRatio": "",
            "mmr": unless_flat(position.maintenance(spec, mark)), "nonSettleAvgPx": "",
            "notionalUsd": unless_flat(signed_value(spec, mark, position.lots.abs())), "optVal": "",
            "pTime": self.now_ms.to_string(), "pendingCloseOrdLiabVal": "",
            "pnl": text::number(position.realised), "pos": text::steps(spec.lot, position.lots),
            "posCcy": "", "posId": (1_000_000 + account * 1_000 + instrument).to_string(),
            "posSide": "net", "quoteBal": "", "quoteBorrowed": "", "quoteInterest": "",
            "realizedPnl": text::number(position.realised), "settledPnl": "", "spotInUseAmt": "",
            "spotInUseCcy": "", "thetaBS": "", "thetaPA": "",
            "tradeId": last.next().map_or(String::new(), |trade| trade.id.to_string()),
            "uTime": position.updated_ms.to_string(), "upl": text::number(profit),
            "uplLastPx": text::number(profit), "uplRatio": "", "uplRatioLastPx": "", "usdPx": "",
            "vegaBS": "", "vegaPA": "",
        })
    }
}

pub(super) const fn margin_word(mode: MarginMode) -> &'static str {
    match mode {
        MarginMode::Cross => "cross",
        MarginMode::Isolated => "isolated",
    }
}

/// Puts the members of `more` into `row`.
fn merge(row: &mut Value, more: &Value) {
    if let (Value::Object(row), Value::Object(more)) = (row, more) {
        row.extend(
            more.iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
    }
}
