//! The call that makes an order smaller: `order.amend.keepPriority`.
//!
//! Source: the pages on the call, its errors (-2038) and the filter `MAX_NUM_ORDER_AMENDS`.

use serde_json::Value;

use super::core::Core;
use super::error::ApiError;
use super::filters::{self, MAX_NUM_ORDER_AMENDS};
use super::params::Params;
use super::reports;

impl Core {
    /// `PUT /order/amend/keepPriority`, `order.amend.keepPriority`.
    pub(in crate::binance) fn amend(
        &mut self,
        account: usize,
        params: &Params,
    ) -> Result<Value, ApiError> {
        let instrument = self.symbol(params)?;
        let qty = filters::new_qty(params, self.spec(instrument))?;
        let wanted_id = filters::client_id(params, "newClientOrderId")?;
        let names = ("orderId", "origClientOrderId");
        let found = self.named(account, instrument, params, names)?;
        let order = found
            .filter(|order| order.status.is_open())
            .ok_or_else(|| refused("Unknown order sent."))?;
        if order.amends >= MAX_NUM_ORDER_AMENDS {
            return Err(refused("Filter failure: MAX_NUM_ORDER_AMENDS"));
        }
        if qty == order.qty {
            let words = "The requested action would change no state; rejecting.";
            return Err(refused(words));
        }
        if qty > order.qty {
            return Err(refused("Order amend (quantity increase) is not supported."));
        }
        if qty <= order.executed {
            // The pages do not say what happens then; it is refused like the others.
            let words = "Order amend: the new quantity is not above what is filled.";
            return Err(refused(words));
        }
        let (id, mine) = (order.id, order.client_id.clone());
        let client_id = wanted_id.unwrap_or_else(|| self.generated_id());
        let other = self.exchange.ledger.by_client(account, &client_id);
        if client_id != mine && other.is_some_and(|order| order.status.is_open()) {
            return Err(refused("Duplicate order sent."));
        }
        let amended = self.exchange.amend(id, qty, &client_id);
        let amended = amended.ok_or_else(|| refused("Unknown order sent."))?;
        Ok(reports::amended(self.spec(instrument), &amended))
    }
}

fn refused(words: &str) -> ApiError {
    ApiError::bad(-2038, words)
}
