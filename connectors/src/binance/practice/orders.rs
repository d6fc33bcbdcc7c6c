//! Order calls: place, test, cancel, cancel-replace, query.

use model::num::Lots;
use serde_json::{Value, json};

use super::core::{Core, list_limit};
use super::error::ApiError;
use super::filters::{self, NewOrder, Quantity};
use super::params::Params;
use super::reports;
use crate::practice::VenueOrder;
use crate::practice::exchange::{Refusal, Request};
use crate::practice::limits::OrdersFull;

impl Core {
    /// `POST /order`, `order.place`.
    pub(in crate::binance) fn place(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let (order, request) = self.read_order(account, params)?;
        self.count_order(account)?;
        self.place_read(&order, &request)
    }

    fn place_read(&mut self, order: &NewOrder, request: &Request) -> Result<Value, ApiError> {
        let placed = self.exchange.place(request).map_err(refused)?;
        let spec = self.spec(request.instrument);
        Ok(reports::placed(
            spec,
            &placed.order,
            &placed.fills,
            order.answer,
        ))
    }

    /// `POST /order/test`, `order.test`.
    pub(in crate::binance) fn test(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let (_, request) = self.read_order(account, params)?;
        self.exchange.check(&request).map_err(refused)?;
        Ok(json!({}))
    }

    /// Reads an order and checks every filter; nothing is changed.
    fn read_order(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<(NewOrder, Request), ApiError> {
        let instrument = self.symbol(params)?;
        let order = filters::read(params, self.spec(instrument))?;
        let (qty, quote_qty) = match order.qty {
            Quantity::Base(lots) => (lots, None),
            Quantity::Quote(value) => (Lots::ZERO, Some(value)),
        };
        let mut request = Request {
            account,
            instrument,
            client_id: String::new(),
            side: order.side,
            kind: order.kind,
            time_in_force: order.time_in_force,
            self_trade: order.self_trade,
            price: order.price,
            qty,
            quote_qty,
            reduce_only: false,
        };
        if let Some(value) = quote_qty {
            request.qty = self.exchange.lots_for_value(&request, value);
        }
        let last = self.last_price(instrument);
        filters::check_value(self.spec(instrument), &order, request.qty, last)?;
        let open = self
            .open_of(account)
            .filter(|open| open.instrument == instrument)
            .count();
        if open >= self.orders_max {
            return Err(ApiError::filter("MAX_NUM_ORDERS"));
        }
        request.client_id = match &order.client_id {
            Some(client_id) => client_id.clone(),
            None => self.generated_id(),
        };
        Ok((order, request))
    }

    pub(in crate::binance) fn count_order(&mut self, account: usize) -> Result<(), ApiError> {
        let limits = *self.meter.limits();
        self.meter
            .count_order(account, self.now_ms)
            .map_err(|full| {
                let (limit, interval) = match full {
                    OrdersFull::TenSeconds => (limits.orders_per_ten_seconds, "10 SECOND"),
                    OrdersFull::Day => (limits.orders_per_day, "1 DAY"),
                    OrdersFull::Minute => (limits.orders_per_minute, "1 MINUTE"),
                };
                let message =
                    format!("Too many new orders; current limit is {limit} orders per {interval}.");
                ApiError::new(429, -1015, message)
            })
    }

    /// A name that Binance would make up: 22 letters and digits.
    pub(in crate::binance) fn generated_id(&mut self) -> String {
        self.next_generated_id += 1;
        format!("x{:021}", self.next_generated_id)
    }

    /// `DELETE /order`, `order.cancel`.
    pub(in crate::binance) fn cancel(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<Value, ApiError> {
        self.cancel_named(
            account,
            params,
            ("orderId", "origClientOrderId", "newClientOrderId"),
        )
    }

    fn cancel_named(
        &mut self,
        account: usize,
        params: &Params,
        (id_name, client_name, cancel_name): (&str, &str, &str),
    ) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        let restriction = params.get("cancelRestrictions");
        let cancel_id = filters::client_id(params, cancel_name)?;
        let found = self.named(account, instrument, params, (id_name, client_name))?;
        let order = found
            .filter(|order| order.status.is_open())
            .ok_or_else(ApiError::unknown_order)?;
        let id = order.id;
        let partly = order.executed.0 > 0;
        let allowed = match restriction {
            None => true,
            Some("ONLY_NEW") => !partly,
            Some("ONLY_PARTIALLY_FILLED") => partly,
            Some(_) => return Err(ApiError::bad(-1145, "Invalid cancelRestrictions")),
        };
        if !allowed {
            let message = "Order was not canceled due to cancel restrictions.";
            return Err(ApiError::bad(-2011, message));
        }
        let cancel_id = cancel_id.unwrap_or_else(|| self.generated_id());
        let cancelled = self.exchange.cancel(id, &cancel_id);
        let cancelled = cancelled.ok_or_else(ApiError::unknown_order)?;
        Ok(reports::cancelled(self.spec(instrument), &cancelled))
    }

    /// The order that the parameters name by either id; both must agree if both are given.
    pub(in crate::binance) fn named(
        &self,
        account: usize,
        instrument: usize,
        params: &Params,
        (id_name, client_name): (&str, &str),
    ) -> Result<Option<&VenueOrder>, ApiError> {
        let id = params.integer(id_name)?;
        let client_id = params.get(client_name);
        let ledger = &self.exchange.ledger;
        let found = match (id, client_id) {
            (None, None) => {
                let message = format!(
                    "Param '{client_name}' or '{id_name}' must be sent, but both were empty/null!"
                );
                return Err(ApiError::bad(-1102, message));
            }
            (Some(id), _) => u64::try_from(id).ok().and_then(|id| ledger.order(id)),
            (None, Some(client_id)) => ledger.by_client(account, client_id),
        };
        let found =
            found.filter(|order| order.account == account && order.instrument == instrument);
        if let (Some(order), Some(_), Some(client_id)) = (found, id, client_id)
            && order.client_id != client_id
        {
            let message = "Client order ID is not correct for this order ID";
            return Err(ApiError::bad(-2039, message));
        }
        Ok(found)
    }

    /// `DELETE /openOrders`, `openOrders.cancelAll`.
    pub(in crate::binance) fn cancel_all(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        let open: Vec<u64> = self
            .open_of(account)
            .filter(|order| order.instrument == instrument)
            .map(|order| order.id)
            .collect();
        if open.is_empty() {
            return Err(ApiError::unknown_order());
        }
        let cancel_id = self.generated_id();
        let mut lines = Vec::with_capacity(open.len());
        for id in open {
            if let Some(order) = self.exchange.cancel(id, &cancel_id) {
                lines.push(reports::cancelled(self.spec(instrument), &order));
            }
        }
        Ok(Value::Array(lines))
    }

    /// `POST /order/cancelReplace`, `order.cancelReplace`.
    pub(in crate::binance) fn cancel_replace(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let stop_on_failure = match params.need("cancelReplaceMode")? {
            "STOP_ON_FAILURE" => true,
            "ALLOW_FAILURE" => false,
            _ => {
                return Err(ApiError::illegal(
                    "cancelReplaceMode",
                    "STOP_ON_FAILURE, ALLOW_FAILURE",
                ));
            }
        };
        // Filters and the order count are judged before the cancel.
        let (order, request) = self.read_order(account, params)?;
        self.count_order(account)?;
        let names = (
            "cancelOrderId",
            "cancelOrigClientOrderId",
            "cancelNewClientOrderId",
        );
        let cancelled = self.cancel_named(account, params, names);
        if cancelled.is_err() && stop_on_failure {
            return replace_answer(cancelled, None);
        }
        let placed = self.place_read(&order, &request);
        replace_answer(cancelled, Some(placed))
    }

    /// `GET /order`, `order.status`.
    pub(in crate::binance) fn status(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        let found = self.named(
            account,
            instrument,
            params,
            ("orderId", "origClientOrderId"),
        )?;
        let order = found.ok_or_else(|| ApiError::bad(-2013, "Order does not exist."))?;
        Ok(reports::queried(self.spec(instrument), order))
    }

    pub(in crate::binance) fn open_of(&self, account: usize) -> impl Iterator<Item = &VenueOrder> {
        self.exchange
            .ledger
            .open()
            .filter(move |order| order.account == account)
    }

    /// `GET /openOrders`, `openOrders.status`.
    pub(in crate::binance) fn open_orders(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let instrument = match params.get("symbol") {
            Some(_) => Some(self.symbol(params)?),
            None => None,
        };
        Ok(self
            .open_of(account)
            .filter(|order| instrument.is_none_or(|wanted| wanted == order.instrument))
            .map(|order| reports::queried(self.spec(order.instrument), order))
            .collect())
    }

    /// `GET /allOrders`, `allOrders`.
    pub(in crate::binance) fn all_orders(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        let limit = list_limit(params)?;
        let from = params.integer("orderId")?;
        let first = from.and_then(|id| u64::try_from(id).ok()).unwrap_or(0);
        let spec = self.spec(instrument);
        let orders: Vec<&VenueOrder> = self
            .exchange
            .ledger
            .orders_from(first)
            .filter(|order| order.account == account && order.instrument == instrument)
            .collect();
        let skip = if from.is_some() {
            0
        } else {
            orders.len().saturating_sub(limit)
        };
        Ok(orders
            .into_iter()
            .skip(skip)
            .take(limit)
            .map(|order| reports::queried(spec, order))
            .collect())
    }
}

fn refused(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::Duplicate => ApiError::engine("Duplicate order sent."),
        Refusal::Insufficient => {
            ApiError::engine("Account has insufficient balance for requested action.")
        }
        Refusal::WouldTake => ApiError::engine("Order would immediately match and take."),
        Refusal::OutOfRange => ApiError::filter("NOTIONAL"),
        // Spot has no positions, and no modifications.
        Refusal::ReduceOnly | Refusal::Unknown => ApiError::unknown_order(),
    }
}

/// The answer to a cancel-replace; `placed` is `None` if the new order was not attempted.
fn replace_answer(
    cancelled: Result<Value, ApiError>,
    placed: Option<Result<Value, ApiError>>,
) -> Result<Value, ApiError> {
    let outcome = |result: &Result<Value, ApiError>| match result {
        Ok(_) => "SUCCESS",
        Err(_) => "FAILURE",
    };
    let cancel_done = cancelled.is_ok();
    let place_done = placed.as_ref().is_some_and(Result::is_ok);
    let cancel_result = outcome(&cancelled);
    let place_result = placed.as_ref().map_or("NOT_ATTEMPTED", outcome);
    let body = |result: Result<Value, ApiError>| result.unwrap_or_else(|error| error.body());
    let data = json!({
        "cancelResult": cancel_result,
        "newOrderResult": place_result,
        "cancelResponse": body(cancelled),
        "newOrderResponse": placed.map_or(Value::Null, body),
    });
    if cancel_done && place_done {
        return Ok(data);
    }
    let mut error = if cancel_done || place_done {
        ApiError::new(409, -2021, "Order cancel-replace partially failed.")
    } else {
        ApiError::bad(-2022, "Order cancel-replace failed.")
    };
    error.data = Some(data);
    Err(error)
}
