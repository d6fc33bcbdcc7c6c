//! Questions to a practice USD-M: which call does what, and the lists that it answers with.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::calls::UsdmCall;
use super::info::{self, plain};
use super::reports;
use crate::binance::practice::core::{Core, list_limit};
use crate::binance::practice::error::ApiError;
use crate::binance::practice::params::Params;
use crate::binance::practice::{market, text};
use crate::practice::perps::{IncomeKind, Margin, MarginMode};
use crate::practice::{VenueOrder, VenueTrade};

impl Core {
    /// Answers a call. `asker` is the account of a signed call, or of a key.
    pub(in crate::binance) fn usdm_call(
        &mut self,
        call: UsdmCall,
        asker: Option<usize>,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let account = || asker.ok_or_else(|| ApiError::new(401, -2014, "API-key format invalid."));
        match call {
            UsdmCall::Ping => Ok(json!({})),
            UsdmCall::Time => Ok(json!({"serverTime": self.now_ms})),
            UsdmCall::ExchangeInfo => Ok(info::exchange_info(
                self.exchange.listings.iter().map(|listing| &listing.spec),
                self.meter.limits(),
                self.orders_max,
                self.now_ms,
            )),
            UsdmCall::Depth => self.usdm_depth(params),
            UsdmCall::PremiumIndex => self.premium_index(params),
            UsdmCall::OpenInterest => self.open_interest(params),
            UsdmCall::Brackets => {
                let listings = self.exchange.listings.iter();
                Ok(info::brackets(listings.map(|listing| &listing.spec)))
            }
            UsdmCall::PositionMode => Ok(json!({"dualSidePosition": false})),
            UsdmCall::Place => self.usdm_place(account()?, params),
            UsdmCall::Modify => self.usdm_modify(account()?, params),
            UsdmCall::Cancel => self.usdm_cancel(account()?, params),
            UsdmCall::CancelAll => self.usdm_cancel_all(account()?, params),
            UsdmCall::PlaceBatch => self.usdm_batch(account()?, params, true),
            UsdmCall::CancelBatch => self.usdm_batch(account()?, params, false),
            UsdmCall::Countdown => self.usdm_countdown(account()?, params),
            UsdmCall::Status => self.usdm_status(account()?, params),
            UsdmCall::OpenOrders => self.usdm_open_orders(account()?, params),
            UsdmCall::Trades => self.usdm_trades(account()?, params),
            UsdmCall::Balances => Ok(self.usdm_balances(account()?)),
            UsdmCall::Account => Ok(self.usdm_account(account()?)),
            UsdmCall::Positions => Ok(self.usdm_positions(account()?)),
            UsdmCall::Income => self.usdm_income(account()?, params),
            UsdmCall::Commission => self.usdm_commission(params),
            UsdmCall::KeyStart => {
                let key = self.usdm.start_key(account()?, self.now_ms);
                Ok(json!({"listenKey": key}))
            }
            UsdmCall::KeyPing => {
                let key = self.usdm.ping_key(account()?, self.now_ms);
                let gone = || ApiError::bad(-1125, "This listenKey does not exist.");
                Ok(json!({"listenKey": key.ok_or_else(gone)?}))
            }
            UsdmCall::KeyStop => {
                self.usdm.stop_key(account()?);
                Ok(json!({}))
            }
        }
    }

    fn usdm_depth(&self, params: &Params) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        let limit = params.integer("limit")?.unwrap_or(500);
        if ![5, 10, 20, 50, 100, 500, 1_000].contains(&limit) {
            let message = format!("{limit} is not valid depth limit.");
            return Err(ApiError::bad(-4021, message));
        }
        let limit = usize::try_from(limit).unwrap_or(500);
        let mut body = market::depth(&self.exchange.listings[instrument], limit);
        body["E"] = json!(self.now_ms);
        body["T"] = json!(self.now_ms);
        Ok(body)
    }

    /// `premiumIndex`: mark price and funding.
    fn premium_index(&self, params: &Params) -> Result<Value, ApiError> {
        let one = |instrument: usize| {
            let perps = &self.exchange.perps;
            let mark = self.exchange.mark_price(instrument).unwrap_or_default();
            json!({
                "symbol": self.spec(instrument).symbol,
                "markPrice": text::money(mark),
                "indexPrice": text::money(mark),
                "estimatedSettlePrice": text::money(mark),
                "lastFundingRate": text::money(perps.config.funding_rate),
                "interestRate": "0.00010000",
                "nextFundingTime": self.exchange.next_perp_due_ms().unwrap_or_default(),
                "time": self.now_ms,
            })
        };
        match params.get("symbol") {
            Some(_) => Ok(one(self.symbol(params)?)),
            None => Ok((0..self.exchange.listings.len()).map(one).collect()),
        }
    }

    /// `openInterest`: what the accounts hold long. The market's own flow holds nothing.
    fn open_interest(&self, params: &Params) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        let spec = self.spec(instrument);
        let held = self.exchange.perps.positions();
        let held = held.filter(|(_, at, one)| *at == instrument && one.lots > 0);
        let lots: i64 = held.map(|(.., one)| one.lots).sum();
        Ok(json!({
            "symbol": spec.symbol,
            "openInterest": text::steps(spec.lot, lots),
            "time": self.now_ms,
        }))
    }

    fn usdm_open_orders(&self, account: usize, params: &Params) -> Result<Value, ApiError> {
        let instrument = match params.get("symbol") {
            Some(_) => Some(self.symbol(params)?),
            None => None,
        };
        let wanted = |order: &&VenueOrder| instrument.is_none_or(|one| one == order.instrument);
        let open = self.open_of(account).filter(wanted);
        let rows = open.map(|order| reports::order(self.spec(order.instrument), order, true));
        Ok(rows.collect())
    }

    /// `userTrades`.
    fn usdm_trades(&self, account: usize, params: &Params) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        let limit = list_limit(params)?;
        let order = params.integer("orderId")?;
        let from = params.integer("fromId")?;
        let start = params.integer("startTime")?.unwrap_or(i64::MIN);
        let end = params.integer("endTime")?.unwrap_or(i64::MAX);
        let spec = self.spec(instrument);
        let wanted = |trade: &&VenueTrade| {
            trade.account == account
                && trade.instrument == instrument
                && order.is_none_or(|order| u64::try_from(order) == Ok(trade.order))
                && from.is_none_or(|from| i128::from(trade.id) >= i128::from(from))
                && (start..=end).contains(&trade.time_ms)
        };
        let found: Vec<&VenueTrade> = self.exchange.ledger.trades().filter(wanted).collect();
        let skip = match from {
            Some(_) => 0,
            None => found.len().saturating_sub(limit),
        };
        let rows = found.into_iter().skip(skip).take(limit);
        Ok(rows.map(|trade| reports::trade(spec, trade)).collect())
    }

    /// `balance`: every asset that the account has had.
    fn usdm_balances(&self, account: usize) -> Value {
        let assets = self.exchange.accounts.balances(account).keys();
        let row = |asset: &String| {
            let margin = self.exchange.margin(account, asset);
            json!({
                "accountAlias": "practice",
                "asset": asset,
                "balance": text::money(margin.wallet),
                "crossWalletBalance": text::money(margin.cross_wallet),
                "crossUnPnl": text::money(margin.cross_unrealised),
                "availableBalance": text::money(margin.available()),
                "maxWithdrawAmount": text::money(margin.available().min(margin.cross_wallet)),
                "marginAvailable": true,
                "updateTime": self.now_ms,
            })
        };
        assets.map(row).collect()
    }

    /// `account`: each asset with its margins, positions, and sums in the quote asset of them all.
    fn usdm_account(&self, account: usize) -> Value {
        let names = self.exchange.accounts.balances(account).keys();
        let margins: Vec<_> = names
            .map(|asset| (asset, self.exchange.margin(account, asset)))
            .collect();
        let assets: Vec<Value> = margins
            .iter()
            .map(|(asset, margin)| {
                json!({
                    "asset": asset,
                    "walletBalance": text::money(margin.wallet),
                    "unrealizedProfit": text::money(margin.cross_unrealised),
                    "marginBalance": text::money(margin.wallet + margin.cross_unrealised),
                    "maintMargin": text::money(margin.maintenance),
                    "initialMargin": text::money(margin.initial),
                    "crossWalletBalance": text::money(margin.cross_wallet),
                    "crossUnPnl": text::money(margin.cross_unrealised),
                    "availableBalance": text::money(margin.available()),
                    "maxWithdrawAmount": text::money(margin.available().min(margin.cross_wallet)),
                    "updateTime": self.now_ms,
                })
            })
            .collect();
        let sum = |part: fn(&Margin) -> Decimal| {
            let parts = margins.iter().map(|(_, margin)| part(margin));
            text::money(parts.sum::<Decimal>())
        };
        let mut positions = self.usdm_positions(account);
        for row in positions.as_array_mut().into_iter().flatten() {
            row["unrealizedProfit"] = row["unRealizedProfit"].take();
        }
        json!({
            "totalInitialMargin": sum(|margin| margin.initial),
            "totalMaintMargin": sum(|margin| margin.maintenance),
            "totalWalletBalance": sum(|margin| margin.wallet),
            "totalUnrealizedProfit": sum(|margin| margin.cross_unrealised),
            "totalMarginBalance": sum(|margin| margin.wallet + margin.cross_unrealised),
            "totalCrossWalletBalance": sum(|margin| margin.cross_wallet),
            "totalCrossUnPnl": sum(|margin| margin.cross_unrealised),
            "availableBalance": sum(Margin::available),
            "assets": assets,
            "positions": positions,
        })
    }

    /// `positionRisk`: what is open or has orders.
    fn usdm_positions(&self, account: usize) -> Value {
        let listed = 0..self.exchange.listings.len();
        let shown = |instrument: &usize| {
            let mut open = self.open_of(account);
            self.exchange.position(account, *instrument).lots != 0
                || open.any(|order| order.instrument == *instrument)
        };
        listed
            .filter(shown)
            .map(|one| self.position_row(account, one))
            .collect()
    }

    fn position_row(&self, account: usize, instrument: usize) -> Value {
        let exchange = &self.exchange;
        let spec = self.spec(instrument);
        let position = exchange.position(account, instrument);
        let mark = exchange.mark_price(instrument).unwrap_or_default();
        let exposure = exchange.exposure(account, instrument, 0);
        let (leverage, mode) = exchange.perps.setting(account, instrument);
        let initial = exposure.initial(leverage);
        let own = exposure.initial_of_position(leverage);
        let profit = position.unrealised(spec, mark).unwrap_or_default();
        let aside = match mode {
            MarginMode::Cross => position.margin,
            MarginMode::Isolated => position.margin + profit,
        };
        json!({
            "symbol": spec.symbol,
            "positionSide": "BOTH",
            "positionAmt": reports::signed(spec, position.lots),
            "entryPrice": plain(position.entry(spec)),
            "breakEvenPrice": plain(position.entry(spec)),
            "markPrice": text::money(mark),
            "unRealizedProfit": text::money(profit),
            "liquidationPrice": plain(exchange.liquidation_price(account, instrument)),
            "isolatedMargin": text::money(aside),
            "notional": text::money(exposure.position),
            "marginAsset": exchange.settle(instrument),
            "isolatedWallet": text::money(position.margin),
            "initialMargin": text::money(initial),
            "maintMargin": text::money(position.maintenance(spec, mark).unwrap_or_default()),
            "positionInitialMargin": text::money(own),
            "openOrderInitialMargin": text::money(initial - own),
            "adl": 0,
            "bidNotional": text::money(exposure.bids),
            "askNotional": text::money(exposure.asks),
            "updateTime": position.updated_ms,
        })
    }

    /// `income`.
    fn usdm_income(&self, account: usize, params: &Params) -> Result<Value, ApiError> {
        let limit = list_limit(params)?;
        let start = params.integer("startTime")?.unwrap_or(i64::MIN);
        let end = params.integer("endTime")?.unwrap_or(i64::MAX);
        let kind = params.get("incomeType");
        let word = |kind: IncomeKind| match kind {
            IncomeKind::Realised => "REALIZED_PNL",
            IncomeKind::Fee => "COMMISSION",
            IncomeKind::Funding => "FUNDING_FEE",
            IncomeKind::Insurance => "INSURANCE_CLEAR",
        };
        let rows = self.exchange.perps.incomes.iter().filter(|one| {
            one.account == account
                && kind.is_none_or(|kind| word(one.kind) == kind)
                && (start..=end).contains(&one.time_ms)
        });
        let row = |one: &crate::practice::Income| {
            json!({
                "symbol": self.spec(one.instrument).symbol,
                "incomeType": word(one.kind),
                "income": text::money(one.amount),
                "asset": one.asset,
                "info": "",
                "time": one.time_ms,
                "tranId": one.id,
                "tradeId": one.trade.map_or_else(String::new, |id| id.to_string()),
            })
        };
        Ok(rows.take(limit).map(row).collect())
    }

    fn usdm_commission(&self, params: &Params) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        Ok(json!({
            "symbol": self.spec(instrument).symbol,
            "makerCommissionRate": plain(Some(self.exchange.fees.maker)),
            "takerCommissionRate": plain(Some(self.exchange.fees.taker)),
        }))
    }
}
