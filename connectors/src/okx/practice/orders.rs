//! What is done with orders: placed, cancelled, amended, alone or in batches.

use model::num::Ticks;
use serde_json::{Value, json};

use super::core::Core;
use super::error::Error;
use super::limits::{ANY, Rule};
use super::reading::{amount, client_id, text};
use crate::practice::exchange::Refusal;
use crate::practice::{OrderKind, VenueOrder};

/// Most orders of a batch.
const BATCH_MAX: usize = 20;
/// Numbers that say why an order was cancelled.
pub(super) const BY_USER: &str = "1";
pub(super) const BY_COUNTDOWN: &str = "20";
pub(super) const BY_POST_ONLY: &str = "31";

/// Begins the name that we give to an order whose client gave it none; nobody is shown it.
const NAMELESS: char = '~';

/// An order's name as its client knows it.
pub(super) fn shown(client_id: &str) -> &str {
    if client_id.starts_with(NAMELESS) {
        ""
    } else {
        client_id
    }
}

/// What a request does with orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Place,
    Cancel,
    Amend,
}

impl Op {
    /// Name of the call, of one and of several.
    pub(super) const fn names(self) -> [&'static str; 2] {
        match self {
            Self::Place => ["order", "batch-orders"],
            Self::Cancel => ["cancel-order", "batch-cancel-orders"],
            Self::Amend => ["amend-order", "batch-amend-orders"],
        }
    }

    /// What a call of this name does.
    pub(super) fn of(name: &Value) -> Option<Self> {
        let all = [Self::Place, Self::Cancel, Self::Amend];
        let is = |op: &Self| op.names().iter().any(|known| name == known);
        all.into_iter().find(is)
    }

    /// Adds what only some calls have in the row of an order.
    fn add_members(self, row: &mut Value, request: &str) {
        match self {
            Self::Place => row["tag"] = json!(""),
            Self::Amend => row["reqId"] = json!(request),
            Self::Cancel => return,
        }
        row["subCode"] = json!("");
    }

    const fn rules(self) -> [Rule; 2] {
        match self {
            Self::Place => [Rule::Place, Rule::PlaceBatch],
            Self::Cancel => [Rule::Cancel, Rule::CancelBatch],
            Self::Amend => [Rule::Amend, Rule::AmendBatch],
        }
    }
}

/// A request about orders.
#[derive(Debug, Clone)]
pub(super) struct OrderCall {
    pub(super) op: Op,
    pub(super) args: Vec<Value>,
    /// Instruments are named by their numbers.
    pub(super) by_code: bool,
    /// The venue drops it after this.
    pub(super) expires_ms: Option<i64>,
}

/// What became of each order of a request: its row, or why not.
pub(super) type Rows = Vec<Result<Value, (Error, Value)>>;

fn refused(refusal: Refusal, asset: &str) -> Error {
    match refusal {
        Refusal::Duplicate => Error::new(51_016, "Client order ID already exists."),
        Refusal::Insufficient => {
            let message = format!("Order failed. Insufficient {asset} balance in account");
            Error::new(51_008, message)
        }
        Refusal::WouldTake => Error::new(51_511, "Post-only order would be a taker."),
        Refusal::OutOfRange => Error::new(51_202, "The order's value is out of range."),
        Refusal::ReduceOnly => {
            let message = "Order failed because you don't have any positions in this direction \
                for this contract to reduce or close.";
            Error::new(51_169, message)
        }
        Refusal::Unknown => Error::new(51_503, "Your order has already been filled or canceled."),
    }
}

impl Core {
    /// Does what a request wants, order by order.
    ///
    /// # Errors
    ///
    /// The request is refused as a whole: nothing was done.
    pub(super) fn order_call(&mut self, account: usize, call: &OrderCall) -> Result<Rows, Error> {
        if call.args.is_empty() || call.args.len() > BATCH_MAX {
            let message = "Batch requests take 1 to 20 orders.";
            return Err(Error::with_status(400, 50_014, message));
        }
        if call.op != Op::Cancel
            && call
                .expires_ms
                .is_some_and(|expires_ms| expires_ms < self.now_ms)
        {
            let message = "The expTime can't be earlier than the current system time.";
            return Err(Error::with_status(400, 50_036, message));
        }
        let mut rows = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            let instrument = self.instrument(arg, call.by_code).ok();
            let name = text(arg, "clOrdId").unwrap_or_default();
            self.note(
                call.op.names()[usize::from(call.args.len() > 1)],
                instrument,
                &name,
            );
            let done = self
                .charge_order(account, call, instrument)
                .and_then(|()| match call.op {
                    Op::Place => self.place(account, arg, call.by_code),
                    Op::Cancel => self.cancel(account, arg, call.by_code),
                    Op::Amend => self.amend(account, arg, call.by_code),
                });
            self.log
                .answered(done.as_ref().map_or_else(|error| error.code, |_| 0));
            rows.push(match done {
                Ok((order, request)) => Ok(self.ack(call.op, &order, &request)),
                Err(error) => Err((error.clone(), self.nack(call.op, arg, &error))),
            });
            self.settle();
        }
        Ok(rows)
    }

    fn charge_order(
        &mut self,
        account: usize,
        call: &OrderCall,
        instrument: Option<usize>,
    ) -> Result<(), Error> {
        let rule = call.op.rules()[usize::from(call.args.len() > 1)];
        let key = (account, instrument.unwrap_or(ANY));
        self.limits.charge(self.now_ms, rule, key, 1)?;
        if self.perpetuals && call.op != Op::Cancel {
            let key = (account, ANY);
            self.limits.charge(self.now_ms, Rule::SubAccount, key, 1)?;
        }
        Ok(())
    }

    fn ack(&self, op: Op, (id, client_id): &(u64, String), request: &str) -> Value {
        let mut row = json!({
            "clOrdId": shown(client_id), "ordId": id.to_string(), "sCode": "0", "sMsg": "",
            "ts": self.now_ms.to_string(),
        });
        op.add_members(&mut row, request);
        row
    }

    fn nack(&self, op: Op, arg: &Value, error: &Error) -> Value {
        let said = |name| text(arg, name).unwrap_or_default();
        let mut row = json!({
            "clOrdId": said("clOrdId"), "ordId": said("ordId"), "sCode": error.code.to_string(),
            "sMsg": error.message, "ts": self.now_ms.to_string(),
        });
        op.add_members(&mut row, &said("reqId"));
        row
    }

    /// An order is accepted before it meets the book: a post-only one that would take is cancelled
    /// right after.
    fn place(
        &mut self,
        account: usize,
        arg: &Value,
        by_code: bool,
    ) -> Result<((u64, String), String), Error> {
        let mut request = self.read_order(account, arg, by_code)?;
        if request.client_id.is_empty() {
            request.client_id = format!("{NAMELESS}{}", self.exchange.next_order_id());
        }
        let asset = self.paid_with(request.instrument, request.side);
        let placed = match self.exchange.place(&request) {
            Err(Refusal::WouldTake) if request.kind == OrderKind::PostOnly => {
                self.exchange.place_and_cancel(&request, BY_POST_ONLY)
            }
            other => other.map(|placed| placed.order),
        };
        let order = placed.map_err(|refusal| refused(refusal, &asset))?;
        Ok(((order.id, order.client_id), String::new()))
    }

    fn paid_with(&self, instrument: usize, side: crate::practice::Side) -> String {
        let spec = self.spec(instrument);
        match side {
            crate::practice::Side::Sell if !self.perpetuals => spec.base.clone(),
            crate::practice::Side::Buy | crate::practice::Side::Sell => {
                self.exchange.settle(instrument).to_owned()
            }
        }
    }

    /// The order that an argument names: the venue's id prevails.
    pub(super) fn named(
        &self,
        account: usize,
        instrument: usize,
        arg: &Value,
    ) -> Result<Option<&VenueOrder>, Error> {
        let ledger = &self.exchange.ledger;
        let found = match (text(arg, "ordId"), client_id(arg, "clOrdId")?) {
            (Some(id), _) => id.parse().ok().and_then(|id| ledger.order(id)),
            (None, Some(name)) => ledger.by_client(account, &name),
            (None, None) => return Err(Error::new(51_000, "Either ordId or clOrdId is required.")),
        };
        Ok(found.filter(|order| order.account == account && order.instrument == instrument))
    }

    fn cancel(
        &mut self,
        account: usize,
        arg: &Value,
        by_code: bool,
    ) -> Result<((u64, String), String), Error> {
        let instrument = self.instrument(arg, by_code)?;
        let message = "Cancellation failed as the order has been filled, canceled or does not \
            exist.";
        let gone = || Error::new(51_400, message);
        let open = self.named(account, instrument, arg)?;
        let order = open
            .filter(|order| order.status.is_open())
            .ok_or_else(gone)?;
        let id = order.id;
        let order = self.exchange.cancel(id, BY_USER).ok_or_else(gone)?;
        Ok(((order.id, order.client_id), String::new()))
    }

    /// A new size is the whole order's, with what is filled.
    fn amend(
        &mut self,
        account: usize,
        arg: &Value,
        by_code: bool,
    ) -> Result<((u64, String), String), Error> {
        let instrument = self.instrument(arg, by_code)?;
        let request = client_id(arg, "reqId")?.unwrap_or_default();
        let size = amount(arg, "newSz")?;
        let price = match text(arg, "newPx") {
            Some(_) => Some(self.price(arg, "newPx", instrument)?),
            None => None,
        };
        if size.is_none() && price.is_none() {
            return Err(Error::new(
                51_500,
                "You must enter a price, quantity, or TP/SL",
            ));
        }
        let open = self.named(account, instrument, arg)?;
        let open = open.filter(|order| order.status.is_open());
        let order = open.ok_or_else(|| refused(Refusal::Unknown, ""))?.clone();
        let qty = match size {
            Some(size) => self.lots(size, instrument)?,
            None => order.qty,
        };
        let price = price.or(order.price).unwrap_or(Ticks::ZERO);
        self.check_band(instrument, order.side, price)?;
        let asset = self.paid_with(instrument, order.side);
        self.amended.insert(order.id, request.clone());
        let same_price = Some(price) == order.price;
        let done = if same_price && qty <= order.executed {
            let done = self.exchange.shrink_to_filled(order.id);
            done.map(|_| ()).ok_or(Refusal::Unknown)
        } else if same_price && qty == order.qty {
            Ok(())
        } else if same_price && qty < order.qty {
            let done = self.exchange.amend(order.id, qty, &order.client_id);
            done.map(|_| ()).ok_or(Refusal::Unknown)
        } else {
            self.exchange.modify(order.id, price, qty).map(|_| ())
        };
        if let Err(refusal) = done {
            self.amended.remove(&order.id);
            return Err(refused(refusal, &asset));
        }
        Ok(((order.id, order.client_id), request))
    }

    /// Cancels everything of an account: its countdown ran out.
    pub(super) fn count_down(&mut self) {
        let due = |(_, at): &(&usize, &i64)| **at <= self.now_ms;
        let over: Vec<usize> = self
            .countdowns
            .iter()
            .filter(due)
            .map(|(one, _)| *one)
            .collect();
        for account in over {
            self.countdowns.remove(&account);
            let open = self.exchange.ledger.open();
            let open = open.filter(|order| order.account == account);
            let open: Vec<u64> = open.map(|order| order.id).collect();
            for id in open {
                self.exchange.cancel(id, BY_COUNTDOWN);
            }
        }
    }
}
