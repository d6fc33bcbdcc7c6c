//! Orders at a practice USD-M: reading them, its rules and refusals, and what is done with them.

use model::instrument::InstrumentSpec;
use model::num::{Lots, Ticks};
use serde_json::{Value, json};

use super::info::{PRICE_DOWN, PRICE_UP};
use super::reports;
use crate::binance::practice::core::Core;
use crate::binance::practice::error::ApiError;
use crate::binance::practice::params::Params;
use crate::practice::exchange::{Refusal, Request};
use crate::practice::{OrderKind, SelfTrade, Side, TimeInForce, VenueOrder};

/// Most modifications of one order.
const MODIFIES_MAX: u32 = 10_000;
/// Digits that a price or quantity may have behind the point.
const PRECISION: u32 = 8;

fn side(params: &Params) -> Result<Side, ApiError> {
    match params.need("side")? {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(ApiError::bad(-1117, "Invalid side.")),
    }
}

/// Type and time in force: post-only is one of the latter.
fn kind(params: &Params) -> Result<(OrderKind, TimeInForce), ApiError> {
    match (params.need("type")?, params.get("timeInForce")) {
        ("MARKET", None) => Ok((OrderKind::Market, TimeInForce::Gtc)),
        ("MARKET", Some(_)) => Err(ApiError::not_required("timeInForce")),
        ("LIMIT", Some("GTC")) => Ok((OrderKind::Limit, TimeInForce::Gtc)),
        ("LIMIT", Some("IOC")) => Ok((OrderKind::Limit, TimeInForce::Ioc)),
        ("LIMIT", Some("FOK")) => Ok((OrderKind::Limit, TimeInForce::Fok)),
        ("LIMIT", Some("GTX")) => Ok((OrderKind::PostOnly, TimeInForce::Gtc)),
        ("LIMIT", None) => Err(ApiError::missing("timeInForce")),
        ("LIMIT", Some(_)) => Err(ApiError::bad(-1115, "Invalid timeInForce.")),
        (
            "STOP" | "STOP_MARKET" | "TAKE_PROFIT" | "TAKE_PROFIT_MARKET" | "TRAILING_STOP_MARKET",
            _,
        ) => {
            let message = "Order type not supported for this endpoint. Please use the Algo Order \
                API endpoints instead.";
            Err(ApiError::bad(-4120, message))
        }
        _ => Err(ApiError::bad(-1116, "Invalid orderType.")),
    }
}

fn self_trade(params: &Params) -> Result<SelfTrade, ApiError> {
    match params.get("selfTradePreventionMode") {
        None | Some("EXPIRE_MAKER") => Ok(SelfTrade::ExpireMaker),
        Some("NONE") => Ok(SelfTrade::Allow),
        Some("EXPIRE_TAKER") => Ok(SelfTrade::ExpireTaker),
        Some("EXPIRE_BOTH") => Ok(SelfTrade::ExpireBoth),
        Some(_) => Err(ApiError::bad(-5039, "Invalid self trade prevention mode.")),
    }
}

fn client_id(params: &Params, name: &str) -> Result<Option<String>, ApiError> {
    let Some(text) = params.get(name) else {
        return Ok(None);
    };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".:/_-".contains(&byte);
    if !text.bytes().all(legal) || text.len() > 36 {
        return Err(ApiError::bad(-4015, "Client order id is not valid."));
    }
    Ok(Some(text.to_owned()))
}

fn price(params: &Params, spec: &InstrumentSpec) -> Result<Ticks, ApiError> {
    let price = params
        .decimal("price", PRECISION)?
        .ok_or_else(|| ApiError::missing("price"))?;
    if price.is_zero() {
        return Err(ApiError::bad(-4001, "Price less than 0."));
    }
    let ticks = spec.tick.steps(price).map(Ticks);
    let ticks = ticks.map_err(|_| ApiError::bad(-4014, "Price not increased by tick size."))?;
    if spec.price_min.is_some_and(|bound| ticks < bound) {
        return Err(ApiError::bad(-4013, "Price less than min price."));
    }
    if spec.price_max.is_some_and(|bound| ticks > bound) {
        return Err(ApiError::bad(-4002, "Price greater than max price."));
    }
    Ok(ticks)
}

fn quantity(params: &Params, spec: &InstrumentSpec) -> Result<Lots, ApiError> {
    let value = params
        .decimal("quantity", PRECISION)?
        .ok_or_else(|| ApiError::missing("quantity"))?;
    if value.is_zero() {
        return Err(ApiError::bad(-4003, "Quantity less than or equal to zero."));
    }
    let lots = spec.lot.steps(value).map(Lots);
    let lots = lots.map_err(|_| {
        ApiError::bad(
            -1111,
            "Precision is over the maximum defined for this asset.",
        )
    })?;
    if lots < spec.qty_min {
        return Err(ApiError::bad(-4004, "Quantity less than min quantity."));
    }
    if lots > spec.qty_max {
        return Err(ApiError::bad(-4005, "Quantity greater than max quantity."));
    }
    Ok(lots)
}

fn refused(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::Duplicate => ApiError::bad(-4116, "ClientOrderId is duplicated."),
        Refusal::Insufficient => ApiError::bad(-2019, "Margin is insufficient."),
        Refusal::WouldTake => {
            let message = "Due to the order could not be executed as maker, the Post Only order \
                will be rejected. The order will not be recorded in the order history";
            ApiError::bad(-5022, message)
        }
        Refusal::OutOfRange => ApiError::bad(-4002, "Price greater than max price."),
        Refusal::ReduceOnly => ApiError::bad(-2022, "ReduceOnly Order is rejected."),
        Refusal::Unknown => ApiError::unknown_order(),
    }
}

impl Core {
    /// `POST /order`, `order.place`.
    pub(super) fn usdm_place(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let request = self.usdm_read(account, params)?;
        self.count_order(account)?;
        if request.time_in_force == TimeInForce::Fok && !self.fills_at_once(&request) {
            let message = "Due to the order could not be filled immediately, the FOK order has \
                been rejected. The order will not be recorded in the order history";
            return Err(ApiError::bad(-5021, message));
        }
        let placed = self.exchange.place(&request).map_err(refused)?;
        let order = &placed.order;
        // An acknowledgement is given before matching, a result after it.
        let mut shown = order.clone();
        if params.get("newOrderRespType").unwrap_or("ACK") == "ACK" {
            shown.executed = Lots::ZERO;
            shown.status = crate::practice::OrderStatus::New;
        }
        Ok(reports::order(self.spec(request.instrument), &shown, false))
    }

    fn fills_at_once(&self, request: &Request) -> bool {
        let incoming = request.incoming(0);
        let liquidity = &self.exchange.listings[request.instrument].liquidity;
        liquidity.reach(&incoming, request.qty.0).qty >= request.qty.0
    }

    /// Reads an order and checks every rule that needs no margin; nothing is changed.
    fn usdm_read(&mut self, account: usize, params: &Params) -> Result<Request, ApiError> {
        let instrument = self.symbol(params)?;
        let spec = self.spec(instrument);
        if !matches!(params.get("positionSide"), None | Some("BOTH")) {
            let message = "Order's position side does not match user's setting.";
            return Err(ApiError::bad(-4061, message));
        }
        let (kind, time_in_force) = kind(params)?;
        let price = match kind {
            OrderKind::Market => None,
            OrderKind::Limit | OrderKind::PostOnly => Some(price(params, spec)?),
        };
        let qty = quantity(params, spec)?;
        let reduce_only = params.get("reduceOnly") == Some("true");
        let side = side(params)?;
        let self_trade = self_trade(params)?;
        let name = client_id(params, "newClientOrderId")?;
        if !spec.trading {
            return Err(ApiError::bad(
                -4140,
                "Invalid symbol status for opening position.",
            ));
        }
        self.check_mark(instrument, side, price)?;
        self.check_value(instrument, price, qty, reduce_only)?;
        let mine = |order: &&VenueOrder| order.instrument == instrument;
        if self.open_of(account).filter(mine).count() >= self.orders_max {
            return Err(ApiError::bad(-2025, "Reach max open order limit."));
        }
        Ok(Request {
            account,
            instrument,
            client_id: name.unwrap_or_else(|| self.generated_id()),
            side,
            kind,
            time_in_force,
            self_trade,
            price,
            qty,
            quote_qty: None,
            reduce_only,
        })
    }

    /// PERCENT_PRICE: a buy not far above the mark, a sell not far below.
    fn check_mark(
        &self,
        instrument: usize,
        side: Side,
        price: Option<Ticks>,
    ) -> Result<(), ApiError> {
        let spec = self.spec(instrument);
        let price = price.and_then(|price| spec.price(price));
        let (Some(price), Some(mark)) = (price, self.exchange.mark_price(instrument)) else {
            return Ok(());
        };
        match side {
            Side::Buy if price > mark * PRICE_UP => {
                let message = "Price is higher than mark price multiplier cap.";
                Err(ApiError::bad(-4016, message))
            }
            Side::Sell if price < mark * PRICE_DOWN => {
                let message = "Price is lower than mark price multiplier floor.";
                Err(ApiError::bad(-4024, message))
            }
            Side::Buy | Side::Sell => Ok(()),
        }
    }

    /// MIN_NOTIONAL, by the limit price or the mark; what only reduces is exempt.
    fn check_value(
        &self,
        instrument: usize,
        price: Option<Ticks>,
        qty: Lots,
        reduce_only: bool,
    ) -> Result<(), ApiError> {
        let spec = self.spec(instrument);
        let price = match price {
            Some(price) => spec.price(price),
            None => self.exchange.mark_price(instrument),
        };
        let quantity = spec.quantity(qty).unwrap_or_default();
        let value = price.and_then(|price| price.checked_mul(quantity));
        let least = spec.notional_min.unwrap_or_default();
        if !reduce_only && value.is_none_or(|value| value < least) {
            let message = format!(
                "Order's notional must be no smaller than {least} (unless you choose reduce only)."
            );
            return Err(ApiError::bad(-4164, message));
        }
        Ok(())
    }

    /// The order that the parameters name: the venue's id prevails, and ours is not looked at.
    fn usdm_named(&self, account: usize, params: &Params) -> Result<Option<&VenueOrder>, ApiError> {
        let instrument = self.symbol(params)?;
        let ledger = &self.exchange.ledger;
        let found = match (params.integer("orderId")?, params.get("origClientOrderId")) {
            (Some(id), _) => u64::try_from(id).ok().and_then(|id| ledger.order(id)),
            (None, Some(name)) => ledger.by_client(account, name),
            (None, None) => {
                let message = "Param 'origClientOrderId' or 'orderId' must be sent, but both \
                    were empty/null!";
                return Err(ApiError::bad(-1102, message));
            }
        };
        Ok(found.filter(|order| order.account == account && order.instrument == instrument))
    }

    /// `DELETE /order`, `order.cancel`.
    pub(super) fn usdm_cancel(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let open = self.usdm_named(account, params)?;
        let open = open.filter(|order| order.status.is_open());
        let order = open.ok_or_else(ApiError::unknown_order)?;
        let (id, name) = (order.id, order.client_id.clone());
        let ended = self.exchange.cancel(id, &name);
        let ended = ended.ok_or_else(ApiError::unknown_order)?;
        Ok(reports::order(self.spec(ended.instrument), &ended, false))
    }

    /// `PUT /order`, `order.modify`.
    pub(super) fn usdm_modify(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        let (price, qty) = (
            price(params, self.spec(instrument))?,
            quantity(params, self.spec(instrument))?,
        );
        let side = side(params)?;
        let open = self.usdm_named(account, params)?;
        let open = open.filter(|order| order.status.is_open());
        let order = open.ok_or_else(|| ApiError::bad(-2013, "Order does not exist."))?;
        if order.side != side {
            return Err(ApiError::bad(-1117, "Invalid side."));
        }
        if order.price == Some(price) && order.qty == qty {
            return Err(ApiError::bad(-5027, "No need to modify the order."));
        }
        if order.amends >= MODIFIES_MAX {
            return Err(ApiError::bad(-5026, "Exceed maximum modify order limit."));
        }
        let (id, reduce_only) = (order.id, order.reduce_only);
        self.check_mark(instrument, side, Some(price))?;
        let small = self.check_value(instrument, Some(price), qty, reduce_only);
        small.map_err(|error| ApiError::bad(-5029, error.message))?;
        self.count_order(account)?;
        let placed = self.exchange.modify(id, price, qty).map_err(refused)?;
        Ok(reports::order(self.spec(instrument), &placed.order, false))
    }

    /// `DELETE /allOpenOrders`: nothing to cancel is a success too.
    pub(super) fn usdm_cancel_all(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        self.cancel_everything(account, instrument);
        let message = "The operation of cancel all open order is done.";
        Ok(json!({"code": 200, "msg": message}))
    }

    /// Cancels an account's open orders on an instrument.
    pub(in crate::binance) fn cancel_everything(&mut self, account: usize, instrument: usize) {
        let mine = |order: &&VenueOrder| order.instrument == instrument;
        let open = self.open_of(account).filter(mine);
        let open: Vec<(u64, String)> = open
            .map(|order| (order.id, order.client_id.clone()))
            .collect();
        for (id, name) in open {
            self.exchange.cancel(id, &name);
        }
    }

    /// `POST /countdownCancelAll`.
    pub(super) fn usdm_countdown(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        let wait_ms = params
            .integer("countdownTime")?
            .filter(|wait_ms| *wait_ms >= 0)
            .ok_or_else(|| ApiError::missing("countdownTime"))?;
        let key = (account, instrument);
        if wait_ms == 0 {
            self.usdm.countdowns.remove(&key);
        } else {
            let at = self.now_ms.saturating_add(wait_ms);
            self.usdm.countdowns.insert(key, at);
        }
        Ok(json!({"symbol": self.spec(instrument).symbol, "countdownTime": wait_ms.to_string()}))
    }

    /// `POST /batchOrders`, `DELETE /batchOrders`: each is answered for itself.
    pub(super) fn usdm_batch(
        &mut self,
        account: usize,
        params: &Params,
        place: bool,
    ) -> Result<Value, ApiError> {
        let (name, most) = if place {
            ("batchOrders", 5)
        } else {
            ("origClientOrderIdList", 10)
        };
        let list: Vec<Value> = serde_json::from_str(params.need(name)?).map_err(|_| {
            ApiError::bad(
                -1130,
                format!("Data sent for parameter '{name}' is not valid."),
            )
        })?;
        if list.is_empty() || list.len() > most {
            return Err(ApiError::bad(
                -4082,
                "Invalid number of batch place orders.",
            ));
        }
        let symbol = params.get("symbol").unwrap_or_default().to_owned();
        let mut rows = Vec::with_capacity(list.len());
        for one in list {
            let one = if place {
                one
            } else {
                json!({"symbol": symbol, "origClientOrderId": one})
            };
            let done = match Params::from_json(Some(&one)) {
                Some(own) if place => self.usdm_place(account, &own),
                Some(own) => self.usdm_cancel(account, &own),
                None => Err(ApiError::bad(
                    -1130,
                    "Data sent for a parameter is not valid.",
                )),
            };
            rows.push(done.unwrap_or_else(|error| error.body()));
        }
        Ok(Value::Array(rows))
    }

    /// `GET /order`, `order.status`.
    pub(super) fn usdm_status(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let found = self.usdm_named(account, params)?;
        let order = found.ok_or_else(|| ApiError::bad(-2013, "Order does not exist."))?;
        Ok(reports::order(self.spec(order.instrument), order, true))
    }
}
