//! Questions about money and positions, and the account's settings.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::core::{Bill, Core, Moved};
use super::error::Error;
use super::instruments::LEVER_MAX;
use super::reading::text;
use super::rows::margin_word;
use super::text::number;
use crate::practice::{MarginMode, Side};

impl Bill {
    /// The venue's number of why money moved.
    pub(super) const fn kind(&self) -> &'static str {
        match self.moved {
            Moved::Fill(_) => "2",
            Moved::Funding(_) => "8",
            Moved::Transfer => "1",
        }
    }
}

impl Core {
    /// Assets of an account that are not zero.
    pub(super) fn assets(&self, account: usize) -> Vec<String> {
        let all = self.exchange.accounts.balances(account).iter();
        let held = all.filter(|(_, balance)| !(balance.free + balance.locked).is_zero());
        held.map(|(asset, _)| asset.clone()).collect()
    }

    /// `account/balance`.
    pub(super) fn balance(&self, account: usize, query: &Value) -> Vec<Value> {
        let named: Option<BTreeSet<String>> =
            text(query, "ccy").map(|list| list.split(',').map(str::to_owned).collect());
        let assets = self.assets(account);
        let wanted = assets
            .iter()
            .filter(|asset| named.as_ref().is_none_or(|named| named.contains(*asset)));
        let details = wanted
            .map(|asset| self.balance_row(account, asset))
            .collect();
        vec![self.account_row(details)]
    }

    /// Perpetuals in which an account has a position.
    pub(super) fn held(&self, account: usize) -> Vec<usize> {
        let mine = |instrument: &usize| self.exchange.position(account, *instrument).lots != 0;
        let all = 0..self.exchange.listings.len();
        all.filter(|instrument| self.exchange.is_perp(*instrument))
            .filter(mine)
            .collect()
    }

    /// `account/positions`: what is open; a named instrument flat or not.
    pub(super) fn positions(&self, account: usize, query: &Value) -> Result<Vec<Value>, Error> {
        if text(query, "instType").is_some_and(|kind| kind != "SWAP" && kind != "ANY") {
            return Ok(Vec::new());
        }
        let wanted = match text(query, "instId") {
            Some(names) => {
                let mut found = Vec::new();
                for name in names.split(',') {
                    found.push(self.need(Some(name))?);
                }
                found
            }
            None => self.held(account),
        };
        let perps = wanted.into_iter().filter(|one| self.exchange.is_perp(*one));
        Ok(perps.map(|one| self.position_row(account, one)).collect())
    }

    /// `account/config`.
    pub(super) fn config(&self, account: usize) -> Vec<Value> {
        vec![json!({
            "acctLv": if self.perpetuals { "2" } else { "1" }, "acctStpMode": "cancel_maker",
            "autoLoan": false, "ctIsoMode": "automatic", "enableSpotBorrow": false,
            "greeksType": "PA", "ip": "", "kycLv": "3", "label": "practice", "level": "Lv1",
            "levelTmp": "", "liquidationGear": "-1", "mainUid": (account + 1).to_string(),
            "mgnIsoMode": "automatic", "opAuth": "1", "perm": "read_only,trade",
            "posMode": "net_mode", "roleType": "0", "spotBorrowAutoRepay": false,
            "spotOffsetType": "", "spotRoleType": "0", "spotTraderInsts": [], "traderInsts": [],
            "type": "0", "uid": (account + 1).to_string(),
        })]
    }

    /// `account/trade-fee`: below zero is what is charged.
    pub(super) fn trade_fee(&self) -> Vec<Value> {
        let (maker, taker) = (self.exchange.fees.maker, self.exchange.fees.taker);
        let rate = |rate: Decimal| number(-rate);
        let of = |perps: bool, value| {
            if self.perpetuals == perps {
                rate(value)
            } else {
                String::new()
            }
        };
        vec![json!({
            "category": "1", "delivery": "", "exercise": "", "feeGroup": [],
            "instType": if self.perpetuals { "SWAP" } else { "SPOT" }, "level": "Lv1",
            "maker": rate(maker), "makerU": of(true, maker), "makerUSDC": "",
            "ruleType": "normal", "taker": rate(taker), "takerU": of(true, taker),
            "takerUSDC": "", "ts": self.now_ms.to_string(),
        })]
    }

    /// `asset/currencies`: what is traded here; nothing can be sent in or out.
    pub(super) fn currencies(&self) -> Vec<Value> {
        let specs = self.exchange.listings.iter().map(|listing| &listing.spec);
        let assets: BTreeSet<&str> = specs
            .flat_map(|spec| [spec.base.as_str(), spec.quote.as_str()])
            .collect();
        let row = |asset: &str| {
            json!({
                "canDep": false, "canInternal": false, "canWd": false, "ccy": asset,
                "chain": format!("{asset}-PRACTICE"), "ctAddr": "", "depEstOpenTime": "",
                "depQuotaFixed": "", "depQuoteDailyLayer2": "", "fee": "0", "feeCcy": asset,
                "logoLink": "", "mainNet": true, "maxFee": "0", "maxFeeForCtAddr": "",
                "maxWd": "0", "minDep": "0", "minDepArrivalConfirm": "1", "minFee": "0",
                "minFeeForCtAddr": "", "minInternal": "0", "minWd": "0",
                "minWdUnlockConfirm": "1", "name": asset, "needTag": false,
                "usedDepQuotaFixed": "", "usedWdQuota": "0", "wdEstOpenTime": "", "wdQuota": "0",
                "wdTickSz": "8",
            })
        };
        assets.into_iter().map(row).collect()
    }

    /// `account/leverage-info` and the answer to `account/set-leverage`.
    pub(super) fn leverage(&self, account: usize, instrument: usize) -> Value {
        let (leverage, mode) = self.exchange.perps.setting(account, instrument);
        json!({
            "ccy": "", "instId": self.spec(instrument).symbol, "lever": leverage.to_string(),
            "mgnMode": margin_word(mode), "posSide": "net",
        })
    }

    /// `account/set-leverage`.
    pub(super) fn set_leverage(
        &mut self,
        account: usize,
        arg: &Value,
    ) -> Result<Vec<Value>, Error> {
        let instrument = self.need(text(arg, "instId").as_deref())?;
        let lever = text(arg, "lever").and_then(|lever| lever.parse::<u32>().ok());
        let lever = lever.filter(|lever| (1..=LEVER_MAX).contains(lever));
        let message = "Leverage exceeds the maximum leverage.";
        let lever = lever.ok_or_else(|| Error::new(59_102, message))?;
        let mode = match text(arg, "mgnMode").as_deref() {
            Some("cross") => MarginMode::Cross,
            Some("isolated") => MarginMode::Isolated,
            _ => return Err(Error::parameter("mgnMode")),
        };
        let exchange = &mut self.exchange;
        if !exchange.set_margin(account, instrument, lever, mode) {
            let message = "Setting failed. Cancel any open orders, close positions, and stop \
                trading bots first.";
            return Err(Error::new(59_000, message));
        }
        Ok(vec![self.leverage(account, instrument)])
    }

    /// `trade/cancel-all-after`: 0 takes it back, else 10 to 120 seconds.
    pub(super) fn countdown(&mut self, account: usize, arg: &Value) -> Result<Vec<Value>, Error> {
        let seconds = text(arg, "timeOut").and_then(|time| time.parse::<i64>().ok());
        let seconds = seconds.filter(|time| *time == 0 || (10..=120).contains(time));
        let seconds = seconds.ok_or_else(|| Error::parameter("timeOut"))?;
        self.note("cancel-all-after", None, "");
        self.log.answered(0);
        let at_ms = self.now_ms.saturating_add(seconds * 1_000);
        if seconds == 0 {
            self.countdowns.remove(&account);
        } else {
            self.countdowns.insert(account, at_ms);
        }
        let trigger = if seconds == 0 { 0 } else { at_ms / 1_000 };
        Ok(vec![json!({
            "tag": "", "triggerTime": trigger.to_string(),
            "ts": (self.now_ms / 1_000).to_string(),
        })])
    }

    /// A row of `account/bills`.
    pub(super) fn bill_row(&self, bill: &Bill) -> Value {
        let zero = Decimal::ZERO;
        let (instrument, sub, profit, fee, order, trade) = match &bill.moved {
            Moved::Fill(trade) => {
                let sub = match trade.side {
                    Side::Buy => "1",
                    Side::Sell => "2",
                };
                let (order, id) = (trade.order.to_string(), trade.id.to_string());
                let at = Some(trade.instrument);
                (at, sub, trade.realised, -trade.commission, order, id)
            }
            Moved::Funding(instrument) => {
                // Paid, or received.
                let sub = if bill.amount < zero { "173" } else { "174" };
                let none = String::new();
                (
                    Some(*instrument),
                    sub,
                    bill.amount,
                    zero,
                    none.clone(),
                    none,
                )
            }
            Moved::Transfer => {
                let sub = if bill.amount < zero { "12" } else { "11" };
                (None, sub, zero, zero, String::new(), String::new())
            }
        };
        let symbol = instrument.map_or("", |at| self.spec(at).symbol.as_str());
        let kind = match (instrument, self.perpetuals) {
            (None, _) => "",
            (Some(_), true) => "SWAP",
            (Some(_), false) => "SPOT",
        };
        json!({
            "bal": "", "balChg": number(bill.amount), "billId": bill.id.to_string(),
            "ccy": bill.asset, "clOrdId": "", "earnAmt": "", "earnApr": "", "execType": "",
            "fee": number(fee), "fillTime": "", "from": "", "instId": symbol, "instType": kind,
            "interest": "0", "mgnMode": "", "notes": "", "ordId": order, "pnl": number(profit),
            "posBal": "", "posBalChg": "", "px": "", "subType": sub, "sz": "", "tag": "", "to": "",
            "tradeId": trade, "ts": bill.time_ms.to_string(), "type": bill.kind(),
        })
    }
}
