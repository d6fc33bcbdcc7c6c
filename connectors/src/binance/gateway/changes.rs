//! What became of an amendment, and of a cancel of everything on an instrument.
//!
//! An order's quantity only falls, so its reports may come in any order and more than once. What a
//! query says of an open order's quantity is reported too: an amendment whose answer was lost shows
//! there.
//!
//! Hot path: yes. Allocates: for the list of a cancel of everything.

use model::body::{Amended, OrderStatus};
use model::num::Lots;

use super::emit::Origin;
use super::known::Owner;
use super::numbers;
use super::reconcile::owner_of;
use super::session::Session;
use super::table::{OrderKey, Task};
use crate::binance::wire::codes::{Verdict, classify};
use crate::binance::wire::frame::ErrorBody;
use crate::binance::wire::order::{AmendAnswer, CancelledList, OrderAnswer};
use crate::wire::error::from_raw;
use crate::wire::text::Text;
use crate::wire::{Raw, WireError};

/// A change of an order's quantity as any message gives it.
pub(super) struct Smaller<'t, 'a> {
    pub(super) order_id: u64,
    pub(super) time_ms: u64,
    pub(super) qty: &'t Text<'a>,
    pub(super) filled: Option<&'t Text<'a>>,
}

impl Session {
    /// The answer to `order.amend.keepPriority`.
    pub(super) fn amended(
        &mut self,
        key: OrderKey,
        answer: &AmendAnswer<'_>,
    ) -> Result<(), WireError> {
        let order = &answer.amended_order;
        Self::is_about(key, order)?;
        let owner = Owner::Ours(key.client_id);
        self.known.learn(key.slot, order.order_id, owner);
        let missing = WireError::Missing { field: "qty" };
        let smaller = Smaller {
            order_id: order.order_id,
            time_ms: answer.transact_time,
            qty: order.orig_qty.as_ref().ok_or(missing)?,
            filled: order.executed_qty.as_ref(),
        };
        self.say_amended(key, &smaller, Origin::Answer)
    }

    /// Reports an order's quantity.
    pub(super) fn say_amended(
        &mut self,
        key: OrderKey,
        smaller: &Smaller<'_, '_>,
        origin: Origin,
    ) -> Result<(), WireError> {
        let entry = &self.entries[key.slot];
        let body = Amended {
            client_id: key.client_id,
            venue_order_id: smaller.order_id,
            venue_time_ns: numbers::nanoseconds(smaller.time_ms),
            qty: numbers::ordered(entry, smaller.qty, "qty")?,
            cum_qty: match smaller.filled {
                Some(filled) => numbers::filled(entry, filled, "executedQty")?,
                None => Lots(0),
            },
            reserved: [0; 40],
        };
        self.emit.amended(entry.instrument, &body, origin);
        Ok(())
    }

    /// The quantity of an open order that a query found.
    pub(super) fn say_quantity(
        &mut self,
        key: OrderKey,
        answer: &OrderAnswer<'_>,
    ) -> Result<(), WireError> {
        let open = matches!(
            answer.status()?,
            OrderStatus::Open | OrderStatus::PartiallyFilled
        );
        match &answer.orig_qty {
            Some(qty) if open => {
                let smaller = Smaller {
                    order_id: answer.order_id,
                    time_ms: answer.time_ms(),
                    qty,
                    filled: answer.executed_qty.as_ref(),
                };
                if let Err(error) = self.say_amended(key, &smaller, Origin::Query) {
                    // Ordered by lots of before. What is filled still counts.
                    self.emit
                        .remark(0, &format!("an order's quantity: {error}"));
                }
                Ok(())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The answer to `openOrders.cancelAll`: each order is reported, as if it had been cancelled
    /// alone. One that cannot be read does not hide the others.
    pub(super) fn all_cancelled(&mut self, slot: usize, result: Raw<'_>) -> Result<(), WireError> {
        let venue_ns = self.line.venue_ns(self.emit.stamp_ns);
        self.line.ledger.knocked(false, venue_ns);
        let rows: Vec<Raw<'_>> = from_raw(result)?;
        for row in rows {
            let told = match OrderAnswer::read(row) {
                Ok(answer) => self.one_of_all(slot, &answer),
                Err(error) => match from_raw::<CancelledList<'_>>(row) {
                    Ok(list) => {
                        let orders = list.order_reports.iter();
                        orders
                            .map(|order| self.one_of_all(slot, order))
                            .fold(Ok(()), Result::and)
                    }
                    Err(_) => Err(error),
                },
            };
            if let Err(error) = told {
                self.unreadable(error);
            }
        }
        Ok(())
    }

    fn one_of_all(&mut self, slot: usize, answer: &OrderAnswer<'_>) -> Result<(), WireError> {
        let owner = owner_of(answer);
        self.known.learn(slot, answer.order_id, owner);
        match owner {
            Owner::Ours(client_id) => self.cancelled(OrderKey { slot, client_id }, answer),
            Owner::Foreign => {
                self.counts.foreign += 1;
                Ok(())
            }
        }
    }

    /// A cancel of everything is tried again until the venue has answered it for certain.
    pub(super) fn all_not_cancelled(&mut self, slot: usize, status: u16, error: &ErrorBody<'_>) {
        let venue_ns = self.line.venue_ns(self.emit.stamp_ns);
        let (code, words) = (error.code, error.message());
        let verdict = classify(status, code, words);
        let again = match verdict {
            Verdict::Limited | Verdict::Busy | Verdict::Clock | Verdict::Unknown => true,
            // -2011: nothing is open there.
            Verdict::Refused(_)
            | Verdict::Configuration(_)
            | Verdict::Duplicate
            | Verdict::Partial => false,
        };
        self.line.ledger.knocked(again, venue_ns);
        if again {
            self.cancel_again(slot, words);
        } else if code != NOTHING_OPEN {
            let words = format!("a cancel of everything was refused: {words}");
            self.emit.notice(code, &words);
        }
    }

    /// Its outcome is not known, or it did not take place.
    pub(super) fn cancel_again(&mut self, slot: usize, words: &str) {
        let symbol = self.entries[slot].symbol();
        let words = format!("a cancel of everything on {symbol} is sent again: {words}");
        self.emit.remark(0, &words);
        let task = Task::CancelAll { slot };
        if !self.tasks.contains(&task) {
            self.tasks.push_back(task);
        }
    }
}

/// "Unknown order sent.": there is nothing to cancel.
const NOTHING_OPEN: i32 = -2011;
