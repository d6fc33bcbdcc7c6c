//! Questions about orders and fills.
//!
//! The latest come first; `after` asks for what is older than an id, `before` for what is newer.

use serde_json::Value;

use super::core::{Bill, Core, Moved};
use super::error::Error;
use super::reading::text;
use crate::practice::VenueOrder;

/// Most rows of a page, and where nobody says.
const PAGE_MAX: usize = 100;
const HOUR_MS: i64 = 3_600_000;
/// A cancelled order without fills is forgotten after this.
const FORGOTTEN_MS: i64 = 2 * HOUR_MS;
/// The short list of fills goes back so far.
const FILLS_MS: i64 = 72 * HOUR_MS;

/// Which rows of a list are wanted.
struct Page {
    limit: usize,
    after: Option<u64>,
    before: Option<u64>,
}

impl Page {
    fn of(query: &Value) -> Result<Self, Error> {
        let id = |name| match text(query, name) {
            None => Ok(None),
            Some(id) => id.parse().map(Some).map_err(|_| Error::parameter(name)),
        };
        let limit: Option<usize> = match text(query, "limit") {
            None => None,
            Some(limit) => Some(limit.parse().map_err(|_| Error::parameter("limit"))?),
        };
        Ok(Self {
            limit: limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX),
            after: id("after")?,
            before: id("before")?,
        })
    }

    fn has(&self, id: u64) -> bool {
        self.after.is_none_or(|after| id < after) && self.before.is_none_or(|before| id > before)
    }
}

/// Whether an order, or a fill of one, is of what a query names.
struct Wanted {
    instrument: Option<usize>,
    kind: Option<String>,
    order: Option<u64>,
}

impl Core {
    fn wanted(&self, query: &Value) -> Result<Wanted, Error> {
        let kind = text(query, "instType");
        if let Some(kind) = &kind
            && !matches!(
                kind.as_str(),
                "SPOT" | "MARGIN" | "SWAP" | "FUTURES" | "OPTION" | "EVENTS" | "ANY"
            )
        {
            return Err(Error::parameter("instType"));
        }
        let instrument = text(query, "instId");
        let order = text(query, "ordId");
        Ok(Wanted {
            instrument: match instrument {
                None => None,
                Some(name) => Some(self.need(Some(&name))?),
            },
            kind,
            order: match order {
                None => None,
                Some(id) => Some(id.parse().map_err(|_| Error::parameter("ordId"))?),
            },
        })
    }

    fn is_wanted(&self, wanted: &Wanted, instrument: usize, order: u64) -> bool {
        let kind = if self.perpetuals { "SWAP" } else { "SPOT" };
        wanted.instrument.is_none_or(|one| one == instrument)
            && wanted.order.is_none_or(|one| one == order)
            && wanted
                .kind
                .as_ref()
                .is_none_or(|one| one == kind || one == "ANY")
    }

    /// `trade/orders-pending`, and `trade/orders-history` for those that are over.
    pub(super) fn list_orders(
        &self,
        account: usize,
        query: &Value,
        open: bool,
    ) -> Result<Vec<Value>, Error> {
        let (page, wanted) = (Page::of(query)?, self.wanted(query)?);
        let mine = |order: &&VenueOrder| {
            order.account == account
                && order.status.is_open() == open
                && page.has(order.id)
                && self.is_wanted(&wanted, order.instrument, order.id)
                && (open || !self.is_forgotten(order))
        };
        let mut found: Vec<&VenueOrder> = if open {
            self.exchange.ledger.open().filter(mine).collect()
        } else {
            self.exchange.ledger.orders_from(0).filter(mine).collect()
        };
        found.reverse();
        found.truncate(page.limit);
        Ok(found
            .into_iter()
            .map(|order| self.shown_order(order))
            .collect())
    }

    fn is_forgotten(&self, order: &VenueOrder) -> bool {
        !order.status.is_open()
            && order.executed.0 == 0
            && self.now_ms.saturating_sub(order.updated_ms) > FORGOTTEN_MS
    }

    fn shown_order(&self, order: &VenueOrder) -> Value {
        let paid = self.paid.get(&order.id);
        self.order_row(order, paid.map(|paid| &paid.last))
    }

    /// `trade/order`.
    pub(super) fn one_order(&self, account: usize, query: &Value) -> Result<Vec<Value>, Error> {
        let instrument = self.need(text(query, "instId").as_deref())?;
        let found = self.named(account, instrument, query)?;
        let found = found.filter(|order| !self.is_forgotten(order));
        let order = found.ok_or_else(Error::no_such_order)?;
        Ok(vec![self.shown_order(order)])
    }

    /// `trade/fills` of three days, or `trade/fills-history`, by the ledger's ids.
    pub(super) fn list_fills(
        &self,
        account: usize,
        query: &Value,
        recent: bool,
    ) -> Result<Vec<Value>, Error> {
        if !recent && text(query, "instType").is_none() {
            return Err(Error::parameter("instType"));
        }
        let (page, wanted) = (Page::of(query)?, self.wanted(query)?);
        let young = |bill: &Bill| self.now_ms.saturating_sub(bill.time_ms) <= FILLS_MS;
        let mine = |bill: &&Bill| match &bill.moved {
            Moved::Fill(trade) => {
                bill.account == account
                    && page.has(bill.id)
                    && (!recent || young(bill))
                    && self.is_wanted(&wanted, trade.instrument, trade.order)
            }
            Moved::Funding(_) | Moved::Transfer => false,
        };
        let found = self.bills.iter().rev().filter(mine).take(page.limit);
        Ok(found.filter_map(|bill| self.fill_row(bill)).collect())
    }

    /// `account/bills`: everything that moved money.
    pub(super) fn list_bills(&self, account: usize, query: &Value) -> Result<Vec<Value>, Error> {
        let page = Page::of(query)?;
        let (kind, asset) = (text(query, "type"), text(query, "ccy"));
        let mine = |bill: &&Bill| {
            bill.account == account
                && page.has(bill.id)
                && asset.as_ref().is_none_or(|asset| *asset == bill.asset)
                && kind.as_ref().is_none_or(|kind| kind == bill.kind())
        };
        let found = self.bills.iter().rev().filter(mine).take(page.limit);
        Ok(found.map(|bill| self.bill_row(bill)).collect())
    }
}
