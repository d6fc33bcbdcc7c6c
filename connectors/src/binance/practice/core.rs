//! The venue behind both interfaces: calls with checked parameters, answers as JSON values.

use model::instrument::InstrumentSpec;
use model::num::Ticks;
use serde_json::{Value, json};

use super::auth::Key;
use super::calls::Call;
use super::error::ApiError;
use super::params::Params;
use super::{exchange_info, market, reports, text};
use crate::binance::usdm::practice::state::UsdmState;
use crate::practice::exchange::Exchange;
use crate::practice::limits::Meter;
use crate::practice::request_log::{OrderRequest, RequestLog};
use crate::practice::server::Clock;
use crate::practice::types::Side;
use crate::protocol::Protocol;

const DEPTH_LIMIT_MAX: i64 = 5_000;
const LIST_LIMIT_DEFAULT: i64 = 500;
const LIST_LIMIT_MAX: i64 = 1_000;

/// Who asks, if the call is signed.
pub(in crate::binance) type Asker = Option<usize>;

/// Exchange, keys, limits.
#[derive(Debug)]
pub(in crate::binance) struct Core {
    pub(in crate::binance) exchange: Exchange,
    pub(in crate::binance) keys: Vec<Key>,
    pub(in crate::binance) meter: Meter,
    /// Open orders that an account may have in a symbol.
    pub(in crate::binance) orders_max: usize,
    /// The order requests that reached the venue.
    pub(in crate::binance) log: RequestLog,
    /// Since the server's start, nanoseconds.
    pub(in crate::binance) now_ns: u64,
    /// The venue's time, with whatever skew a fault gave it.
    pub(in crate::binance) now_ms: i64,
    pub(in crate::binance) skew_ms: i64,
    pub(in crate::binance) next_generated_id: u64,
    /// Which of the venue's markets this is.
    pub(in crate::binance) protocol: Protocol,
    /// What only USD-M has.
    pub(in crate::binance) usdm: UsdmState,
}

impl Core {
    /// Sets the venue's time for what follows.
    pub(in crate::binance) const fn set_time(&mut self, clock: Clock) {
        self.now_ns = clock.now_ns;
        let wall_ms = clock.wall_ms;
        self.now_ms = wall_ms.saturating_add(self.skew_ms);
        self.exchange.set_time(self.now_ms);
    }

    /// Notes an order request; others are not logged.
    pub(in crate::binance) fn log(
        &mut self,
        call: Call,
        symbol: Option<&str>,
        client_id: Option<&str>,
    ) {
        if call.is_order() {
            self.log.add(OrderRequest {
                at_ns: self.now_ns,
                time_ms: self.now_ms,
                method: call.order_method(),
                symbol: symbol.unwrap_or_default().to_owned(),
                client_id: client_id.unwrap_or_default().to_owned(),
                code: None,
            });
        }
    }

    /// Answers a call. `asker` is the account of a signed call.
    pub(in crate::binance) fn call(
        &mut self,
        call: Call,
        asker: Asker,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let account = || asker.ok_or_else(|| ApiError::new(401, -2014, "API-key format invalid."));
        match call {
            Call::Ping => Ok(json!({})),
            Call::Time => Ok(json!({"serverTime": self.now_ms})),
            Call::ExchangeInfo => self.exchange_info(params),
            Call::Depth => self.depth(params),
            Call::Trades => self.trades(params),
            Call::BookTicker => self.book_ticker(params),
            Call::Place => self.place(account()?, params),
            Call::Test => self.test(account()?, params),
            Call::Cancel => self.cancel(account()?, params),
            Call::CancelAll => self.cancel_all(account()?, params),
            Call::CancelReplace => self.cancel_replace(account()?, params),
            Call::Amend => self.amend(account()?, params),
            Call::Status => self.status(account()?, params),
            Call::OpenOrders => self.open_orders(account()?, params),
            Call::AllOrders => self.all_orders(account()?, params),
            Call::MyTrades => self.my_trades(account()?, params),
            Call::Account => self.account(account()?, params),
            Call::Commission => self.commission(params),
            Call::Usdm(call) => self.usdm_call(call, asker, params),
        }
    }

    /// Position of the symbol that the parameters name.
    pub(in crate::binance) fn symbol(&self, params: &Params) -> Result<usize, ApiError> {
        let symbol = params.need("symbol")?;
        self.find(symbol)
            .ok_or_else(|| ApiError::bad(-1121, "Invalid symbol."))
    }

    pub(in crate::binance) fn find(&self, symbol: &str) -> Option<usize> {
        self.exchange
            .listings
            .iter()
            .position(|listing| listing.spec.symbol == symbol)
    }

    pub(in crate::binance) fn spec(&self, instrument: usize) -> &InstrumentSpec {
        &self.exchange.listings[instrument].spec
    }

    /// The last price, or the middle of the book before the first trade.
    pub(in crate::binance) fn last_price(&self, instrument: usize) -> Ticks {
        let listing = &self.exchange.listings[instrument];
        if let Some(trade) = listing.trades.back() {
            return trade.price;
        }
        let best = |side| listing.liquidity.best(side).map(|(price, _)| price);
        match (best(Side::Buy), best(Side::Sell)) {
            (Some(bid), Some(ask)) => Ticks(i64::midpoint(bid, ask)),
            (Some(price), None) | (None, Some(price)) => Ticks(price),
            (None, None) => Ticks::ZERO,
        }
    }

    fn exchange_info(&self, params: &Params) -> Result<Value, ApiError> {
        let mut wanted: Vec<usize> = (0..self.exchange.listings.len()).collect();
        if params.get("symbol").is_some() {
            wanted = vec![self.symbol(params)?];
        } else if let Some(list) = params.get("symbols") {
            let names: Vec<String> = serde_json::from_str(list)
                .map_err(|_| ApiError::illegal("symbols", "[\"A\",\"B\"]"))?;
            let found: Option<Vec<usize>> = names.iter().map(|name| self.find(name)).collect();
            wanted = found.ok_or_else(|| ApiError::bad(-1121, "Invalid symbol."))?;
        }
        let specs = wanted.iter().map(|index| self.spec(*index));
        Ok(exchange_info::answer(
            specs,
            self.meter.limits(),
            self.orders_max,
            self.now_ms,
        ))
    }

    fn depth(&self, params: &Params) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        let limit = params.integer("limit")?.unwrap_or(100);
        if limit <= 0 {
            return Err(ApiError::illegal("limit", "1..5000"));
        }
        let limit = usize::try_from(limit.min(DEPTH_LIMIT_MAX)).unwrap_or(100);
        Ok(market::depth(&self.exchange.listings[instrument], limit))
    }

    fn trades(&self, params: &Params) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        let limit = list_limit(params)?;
        let listing = &self.exchange.listings[instrument];
        let skip = listing.trades.len().saturating_sub(limit);
        let line = |trade: &crate::practice::exchange::PublicTrade| {
            let value = listing
                .spec
                .notional(trade.price, trade.qty)
                .unwrap_or_default();
            json!({
                "id": trade.id,
                "price": text::steps(listing.spec.tick, trade.price.0),
                "qty": text::steps(listing.spec.lot, trade.qty.0),
                "quoteQty": text::money(value),
                "time": trade.time_ms,
                "isBuyerMaker": trade.buyer_is_maker,
                "isBestMatch": true,
            })
        };
        Ok(listing.trades.iter().skip(skip).map(line).collect())
    }

    fn book_ticker(&self, params: &Params) -> Result<Value, ApiError> {
        let line = |index: usize| {
            let listing = &self.exchange.listings[index];
            let (bid, bid_qty) = listing.liquidity.top(Side::Buy).unwrap_or_default();
            let (ask, ask_qty) = listing.liquidity.top(Side::Sell).unwrap_or_default();
            json!({
                "symbol": listing.spec.symbol,
                "bidPrice": text::steps(listing.spec.tick, bid),
                "bidQty": text::steps(listing.shown_step(), bid_qty),
                "askPrice": text::steps(listing.spec.tick, ask),
                "askQty": text::steps(listing.shown_step(), ask_qty),
            })
        };
        if params.get("symbol").is_some() {
            return Ok(line(self.symbol(params)?));
        }
        Ok((0..self.exchange.listings.len()).map(line).collect())
    }

    fn my_trades(&self, account: usize, params: &Params) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        let limit = list_limit(params)?;
        let order = params.integer("orderId")?;
        let from = params.integer("fromId")?;
        let start = params.integer("startTime")?.unwrap_or(i64::MIN);
        let end = params.integer("endTime")?.unwrap_or(i64::MAX);
        let spec = self.spec(instrument);
        let wanted = |trade: &&crate::practice::VenueTrade| {
            trade.account == account
                && trade.instrument == instrument
                && order.is_none_or(|order| u64::try_from(order) == Ok(trade.order))
                && from.is_none_or(|from| i128::from(trade.id) >= i128::from(from))
                && (start..=end).contains(&trade.time_ms)
        };
        let found = self.exchange.ledger.trades().filter(wanted);
        if from.is_some() {
            return Ok(found
                .take(limit)
                .map(|trade| reports::trade(spec, trade))
                .collect());
        }
        let mut last: Vec<Value> = found
            .rev()
            .take(limit)
            .map(|trade| reports::trade(spec, trade))
            .collect();
        last.reverse();
        Ok(Value::Array(last))
    }

    fn account(&self, account: usize, params: &Params) -> Result<Value, ApiError> {
        let omit_zero = params.get("omitZeroBalances") == Some("true");
        let balances: Value = self
            .exchange
            .accounts
            .balances(account)
            .iter()
            .filter(|(_, balance)| {
                !omit_zero || !balance.free.is_zero() || !balance.locked.is_zero()
            })
            .map(|(asset, balance)| {
                json!({
                    "asset": asset,
                    "free": text::money(balance.free),
                    "locked": text::money(balance.locked),
                })
            })
            .collect();
        let fees = &self.exchange.fees;
        let bips = |rate: rust_decimal::Decimal| {
            i64::try_from(rate * rust_decimal::Decimal::from(10_000)).unwrap_or(0)
        };
        Ok(json!({
            "makerCommission": bips(fees.maker),
            "takerCommission": bips(fees.taker),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {
                "maker": text::money(fees.maker),
                "taker": text::money(fees.taker),
                "buyer": "0.00000000",
                "seller": "0.00000000",
            },
            "canTrade": true,
            "canWithdraw": false,
            "canDeposit": false,
            "brokered": false,
            "requireSelfTradePrevention": false,
            "preventSor": false,
            "updateTime": self.now_ms,
            "accountType": "SPOT",
            "balances": balances,
            "permissions": ["SPOT"],
            "uid": account + 1,
        }))
    }

    fn commission(&self, params: &Params) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        let rates = |maker, taker| {
            json!({
                "maker": text::money(maker),
                "taker": text::money(taker),
                "buyer": "0.00000000",
                "seller": "0.00000000",
            })
        };
        let none = rust_decimal::Decimal::ZERO;
        Ok(json!({
            "symbol": self.spec(instrument).symbol,
            "standardCommission": rates(self.exchange.fees.maker, self.exchange.fees.taker),
            "specialCommission": rates(none, none),
            "taxCommission": rates(none, none),
            "discount": {
                "enabledForAccount": self.exchange.fees_in_bnb,
                "enabledForSymbol": self.exchange.fees_in_bnb,
                "discountAsset": "BNB",
                "discount": "0.75000000",
            },
        }))
    }
}

/// `limit` of a list call.
pub(in crate::binance) fn list_limit(params: &Params) -> Result<usize, ApiError> {
    let limit = params.integer("limit")?.unwrap_or(LIST_LIMIT_DEFAULT);
    if limit <= 0 {
        return Err(ApiError::illegal("limit", "1..1000"));
    }
    Ok(usize::try_from(limit.min(LIST_LIMIT_MAX)).unwrap_or(1))
}
