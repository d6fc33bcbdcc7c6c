//! How requests about spot orders are written and what they cost.
//!
//! Hot path: yes. Allocates: no.

use super::{hear, replies};
use crate::binance::start::Limits;
use crate::binance::wire::request::{self, Context, Proof, Scratch, Trades};
use crate::gateway::Dialect;
use crate::gateway::dialect::{Ask, CancelsAll, Habits, Letter, Moment};
use crate::gateway::limits::{Class, Cost, WindowSpec};
use crate::gateway::said::{Answer, Event, Reply};
use crate::gateway::table::{Purpose, Task};
use crate::net::HttpResponse;
use crate::sign::Signer;
use crate::wire::symbols::Entry;
use crate::wire::{Raw, Symbols, WireError, WriteError};

/// Most rows of one page of trades.
pub(super) const TRADES_PAGE: u64 = 1_000;

/// The windows in which the venue counts, by position.
pub(super) const WEIGHT: usize = 0;
pub(super) const ORDERS_TEN: usize = 1;
pub(super) const ORDERS_DAY: usize = 2;

/// Binance spot's way of speaking about orders.
pub struct Spot {
    api_key: String,
    signer: Signer,
    scratch: Scratch,
    recv_window_ms: u64,
    limits: Limits,
    /// Requests need no signature of their own.
    logged_on: bool,
}

impl std::fmt::Debug for Spot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spot").finish_non_exhaustive()
    }
}

impl Spot {
    pub(super) fn new(
        api_key: String,
        signer: Signer,
        recv_window_ms: u64,
        limits: Limits,
    ) -> Self {
        Self {
            api_key,
            signer,
            scratch: Scratch::default(),
            recv_window_ms,
            limits,
            logged_on: false,
        }
    }

    fn write_own(
        task: Task,
        context: &Context<'_>,
        entries: &[Entry],
        scratch: &mut Scratch,
        out: &mut [u8],
    ) -> Result<usize, WriteError> {
        let trades = |slot: usize, which, scratch, out| {
            request::my_trades(context, &entries[slot], which, scratch, out)
        };
        match task {
            Task::Time => request::time(context, scratch, out),
            Task::Logon => request::logon(context, scratch, out),
            Task::Subscribe => request::subscribe(context, scratch, out),
            Task::Reconcile { .. } | Task::List { .. } => {
                request::all_open_orders(context, scratch, out)
            }
            Task::Account => request::account_status(context, scratch, out),
            Task::WhoIs { slot, order_id } => {
                request::order_by_venue_id(context, &entries[slot], order_id, scratch, out)
            }
            Task::CancelAll { slot } => request::cancel_all(context, &entries[slot], scratch, out),
            Task::Trades {
                slot, after: None, ..
            } => trades(slot, Trades::Latest(1), scratch, out),
            Task::Trades {
                slot,
                after: Some(after),
                page,
                ..
            } => {
                let id = page.unwrap_or(after.saturating_add(1));
                let limit = TRADES_PAGE;
                trades(slot, Trades::From { id, limit }, scratch, out)
            }
            Task::TradesOf { key, page, status } => {
                let order = status.venue_order_id;
                let which = match page {
                    None => Trades::OfOrder(order),
                    Some(id) => Trades::OfOrderFrom { order, id },
                };
                trades(key.slot, which, scratch, out)
            }
            // The venue has none of these.
            Task::KeepAlive
            | Task::DeadMan { .. }
            | Task::Positions
            | Task::Money { .. }
            | Task::CancelSome { .. } => Err(WriteError::NotThere),
        }
    }
}

impl Dialect for Spot {
    type Body<'a> = Raw<'a>;

    fn habits(&self) -> Habits {
        Habits {
            logs_on: matches!(self.signer, Signer::Ed25519(_)),
            cancels_all: CancelsAll::AtOnce,
            replaces: true,
            has_positions: false,
            money: None,
            keep_alive_ns: None,
            dead_man: None,
            heartbeat: None,
        }
    }

    fn windows(&self) -> Vec<WindowSpec> {
        vec![
            WindowSpec::aligned(60, self.limits.weight_per_minute, true),
            WindowSpec::aligned(10, self.limits.orders_per_ten_seconds, false),
            WindowSpec::aligned(86_400, self.limits.orders_per_day, false),
        ]
    }

    /// Request weights of the venue's documentation; an order that succeeds costs none.
    fn cost(&self, purpose: &Purpose) -> Cost {
        let (class, weight) = match purpose {
            Purpose::Place(_) | Purpose::Replace { .. } => (Class::Place, 1),
            Purpose::Cancel(_) => (Class::Cancel, 1),
            Purpose::Amend(_) => (Class::Cancel, 4),
            Purpose::Status(_) => (Class::Query, 4),
            Purpose::Own(task) => match task {
                Task::Time => (Class::Query, 1),
                Task::Logon | Task::Subscribe => (Class::Query, 2),
                Task::Reconcile { .. } | Task::List { .. } => (Class::Query, 80),
                Task::TradesOf { .. } => (Class::Query, 5),
                Task::Account => (Class::Query, 20),
                Task::WhoIs { .. } => (Class::Query, 4),
                Task::Trades { .. } => (Class::Routine, 20),
                Task::CancelAll { .. } => (Class::CancelAll, 1),
                Task::KeepAlive
                | Task::DeadMan { .. }
                | Task::Money { .. }
                | Task::Positions
                | Task::CancelSome { .. } => (Class::Query, 1),
            },
        };
        let cost = Cost::free(class).with(WEIGHT, 0, weight);
        if class == Class::Place {
            cost.with(ORDERS_TEN, 0, 1).with(ORDERS_DAY, 0, 1)
        } else {
            cost
        }
    }

    fn name(&self, task: Task) -> &'static str {
        match task {
            Task::Time => "time",
            Task::Logon => "session.logon",
            Task::Subscribe => "userDataStream.subscribe",
            Task::Reconcile { .. } | Task::List { .. } => "openOrders.status",
            Task::Trades { .. } | Task::TradesOf { .. } => "myTrades",
            Task::Account => "account.status",
            Task::WhoIs { .. } => "order.status",
            Task::CancelAll { .. } => "openOrders.cancelAll",
            Task::KeepAlive
            | Task::DeadMan { .. }
            | Task::Positions
            | Task::Money { .. }
            | Task::CancelSome { .. } => "a request that the venue does not have",
        }
    }

    fn logged_on(&mut self, yes: bool) {
        self.logged_on = yes;
    }

    fn write(
        &mut self,
        ask: Ask<'_>,
        moment: Moment,
        entries: &[Entry],
        out: &mut [u8],
    ) -> Result<Letter, WriteError> {
        let context = Context {
            id: moment.id,
            timestamp_ms: moment.venue_ms,
            recv_window_ms: self.recv_window_ms,
            proof: if self.logged_on {
                Proof::Session
            } else {
                Proof::Signed {
                    api_key: &self.api_key,
                    signer: &self.signer,
                }
            },
        };
        let scratch = &mut self.scratch;
        match ask {
            Ask::Place(slot, order) => {
                request::place(&context, &entries[slot], order, scratch, out)
            }
            Ask::Cancel(slot, ids) => request::cancel(&context, &entries[slot], ids, scratch, out),
            Ask::Replace(slot, order) => {
                request::cancel_replace(&context, &entries[slot], order, scratch, out)
            }
            Ask::Amend(slot, order) => {
                request::amend(&context, &entries[slot], order, scratch, out)
            }
            Ask::Status(slot, client_id) => {
                request::order_status(&context, &entries[slot], client_id, scratch, out)
            }
            Ask::Own(task) => Self::write_own(task, &context, entries, scratch, out),
        }
        .map(Letter::Socket)
    }

    fn hear<'a>(
        &mut self,
        bytes: &'a [u8],
        symbols: &Symbols,
        events: &mut Vec<Event>,
    ) -> Result<Option<Answer<'a, Self::Body<'a>>>, WireError> {
        hear::message(bytes, symbols, events)
    }

    /// The venue is never asked over HTTP here.
    fn hear_http<'a>(
        &mut self,
        _: &Purpose,
        _: &HttpResponse<'a>,
    ) -> Result<Answer<'a, Self::Body<'a>>, WireError> {
        Err(WireError::UnknownKind)
    }

    fn reply<'a>(
        &mut self,
        purpose: &Purpose,
        body: Self::Body<'a>,
        symbols: &Symbols,
        entries: &[Entry],
    ) -> Result<Reply<'a, Self::Body<'a>>, WireError> {
        replies::reply(purpose, body, symbols, entries)
    }
}
