//! How requests about USD-M orders are written, which way they go, and what they cost.
//!
//! Hot path: yes. Allocates: no.

use std::time::Duration;

use model::body::{NewOrder, OrderType};

use super::kept::KeptOrders;
use super::{hear, replies};
use crate::binance::usdm::start::UsdmLimits;
use crate::binance::usdm::wire::query::RestContext;
use crate::binance::usdm::wire::request::{self, Context, Kept, ListenKey, Proof, Scratch};
use crate::binance::usdm::wire::rest::{self, RestRequest, Trades};
use crate::gateway::Dialect;
use crate::gateway::dialect::{
    Ask, CancelsAll, DeadMan, HEADERS_MAX, Habits, HttpLetter, Letter, Moment, MoneyLists,
};
use crate::gateway::limits::{Class, Cost, WindowSpec};
use crate::gateway::said::{Answer, Event, Reply};
use crate::gateway::table::{MoneyKind, Purpose, Task};
use crate::net::HttpResponse;
use crate::sign::Signer;
use crate::wire::symbols::Entry;
use crate::wire::{Raw, Symbols, WireError, WriteError};

const SECOND_NS: u64 = 1_000_000_000;
/// A listen key is valid for an hour; it is kept every twenty minutes.
const KEEP_ALIVE_NS: u64 = 1_200 * SECOND_NS;
/// Most rows of one page of trades; see `binance/gateway`.
const TRADES_PAGE: u64 = 1_000;

/// The windows in which the venue counts, by position.
pub(super) const WEIGHT: usize = 0;
pub(super) const ORDERS_TEN: usize = 1;
pub(super) const ORDERS_MINUTE: usize = 2;

/// Both halves of a key.
pub(super) struct Keys {
    pub(super) api_key: String,
    pub(super) signer: Signer,
}

/// Binance USD-M's way of speaking about orders.
pub struct Usdm {
    keys: Keys,
    scratch: Scratch,
    recv_window_ms: u64,
    limits: UsdmLimits,
    dead_man: Option<Duration>,
    /// Requests need no signature of their own.
    logged_on: bool,
    kept: KeptOrders,
}

impl std::fmt::Debug for Usdm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Usdm").finish_non_exhaustive()
    }
}

/// The request, with the key's header behind it in the buffer.
fn http(api_key: &str, request: RestRequest, out: &mut [u8]) -> Result<Letter, WriteError> {
    let path = 0..request.length;
    let key = path.end..path.end + api_key.len();
    let place = out.get_mut(key.clone()).ok_or(WriteError::TooLong)?;
    place.copy_from_slice(api_key.as_bytes());
    let mut headers = [const { None }; HEADERS_MAX];
    headers[0] = Some(("X-MBX-APIKEY", key));
    Ok(Letter::Http(HttpLetter {
        method: request.method,
        path,
        headers,
        body: 0..0,
    }))
}

impl Usdm {
    pub(super) fn new(
        keys: Keys,
        recv_window_ms: u64,
        limits: UsdmLimits,
        dead_man: Option<Duration>,
    ) -> Self {
        Self {
            keys,
            scratch: Scratch::default(),
            recv_window_ms,
            limits,
            dead_man,
            logged_on: false,
            kept: KeptOrders::new(),
        }
    }

    fn learn(&mut self, order: &NewOrder) {
        if order.order_type != OrderType::Market {
            let (side, price) = (order.side, order.price);
            self.kept.learn(order.client_id, Kept { side, price });
        }
    }

    /// A request over the order connection.
    fn socket(
        &mut self,
        ask: Ask<'_>,
        moment: Moment,
        entries: &[Entry],
        out: &mut [u8],
    ) -> Result<usize, WriteError> {
        let context = &Context {
            id: moment.id,
            timestamp_ms: moment.venue_ms,
            recv_window_ms: self.recv_window_ms,
            proof: if self.logged_on {
                Proof::Session
            } else {
                Proof::Signed {
                    api_key: &self.keys.api_key,
                    signer: &self.keys.signer,
                }
            },
        };
        let (scratch, api_key) = (&mut self.scratch, &self.keys.api_key);
        let key = |what, scratch, out| request::listen_key(moment.id, what, api_key, scratch, out);
        match ask {
            Ask::Place(slot, order) => request::place(context, &entries[slot], order, scratch, out),
            Ask::Cancel(slot, (client_id, _)) => {
                request::cancel(context, &entries[slot], client_id, scratch, out)
            }
            Ask::Amend(slot, order) => {
                let kept = self.kept.of(order.client_id).ok_or(WriteError::NotThere)?;
                request::modify(context, &entries[slot], (order, kept), scratch, out)
            }
            Ask::Status(slot, client_id) => {
                request::order_status(context, &entries[slot], client_id, scratch, out)
            }
            Ask::Own(Task::Time) => request::session_status(moment.id, scratch, out),
            Ask::Own(Task::Logon) => request::logon(context, scratch, out),
            Ask::Own(Task::Subscribe) => key(ListenKey::Start, scratch, out),
            Ask::Own(Task::KeepAlive) => key(ListenKey::Ping, scratch, out),
            Ask::Own(Task::Account) => request::balances(context, scratch, out),
            Ask::Own(Task::WhoIs { slot, order_id }) => {
                request::order_by_venue_id(context, &entries[slot], order_id, scratch, out)
            }
            // Two requests do it, or it goes over REST.
            Ask::Replace(..) | Ask::Own(_) => Err(WriteError::NotThere),
        }
    }

    /// A request of the session's own over REST; `None` for those of the order connection.
    fn rest(
        &self,
        task: Task,
        moment: Moment,
        entries: &[Entry],
        out: &mut [u8],
    ) -> Option<Result<RestRequest, WriteError>> {
        let context = &RestContext {
            api_key: &self.keys.api_key,
            signer: &self.keys.signer,
            timestamp_ms: moment.venue_ms,
            recv_window_ms: self.recv_window_ms,
        };
        let trades =
            |slot: usize, which, out| rest::user_trades(context, &entries[slot], which, out);
        Some(match task {
            Task::Reconcile { .. } | Task::List { .. } => rest::open_orders(context, None, out),
            Task::Positions => rest::positions(context, out),
            Task::CancelAll { slot } => rest::cancel_all(context, &entries[slot], out),
            Task::Money { after, page, .. } => {
                let since_ms = page.or(after).unwrap_or(moment.venue_ms);
                rest::funding_since(context, since_ms, out)
            }
            Task::DeadMan { on, slot } => {
                let wait = self.dead_man.filter(|_| on).unwrap_or_default();
                let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                rest::countdown(context, &entries[slot], wait_ms, out)
            }
            Task::Trades {
                slot, after: None, ..
            } => trades(slot, Trades::Latest(1), out),
            Task::Trades {
                slot,
                after: Some(after),
                page,
                ..
            } => {
                let id = page.unwrap_or(after.saturating_add(1));
                let limit = TRADES_PAGE;
                trades(slot, Trades::From { id, limit }, out)
            }
            Task::TradesOf { key, page, status } => {
                let order = status.venue_order_id;
                let which = match page {
                    None => Trades::OfOrder(order),
                    Some(id) => Trades::OfOrderFrom { order, id },
                };
                trades(key.slot, which, out)
            }
            Task::CancelSome { .. } => Err(WriteError::NotThere),
            Task::Time
            | Task::Logon
            | Task::Subscribe
            | Task::KeepAlive
            | Task::Account
            | Task::WhoIs { .. } => return None,
        })
    }
}

impl Dialect for Usdm {
    type Body<'a> = Raw<'a>;

    fn habits(&self) -> Habits {
        Habits {
            logs_on: matches!(self.keys.signer, Signer::Ed25519(_)),
            cancels_all: CancelsAll::AtOnce,
            replaces: false,
            has_positions: true,
            money: Some(MoneyLists {
                kinds: &[MoneyKind::Funding],
                by_time: true,
            }),
            keep_alive_ns: Some(KEEP_ALIVE_NS),
            dead_man: self.dead_man.map(|wait| DeadMan {
                countdown_ns: u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX),
                by_instrument: true,
            }),
            heartbeat: None,
        }
    }

    fn windows(&self) -> Vec<WindowSpec> {
        vec![
            WindowSpec::aligned(60, self.limits.weight_per_minute, true),
            WindowSpec::aligned(10, self.limits.orders_per_ten_seconds, false),
            WindowSpec::aligned(60, self.limits.orders_per_minute, false),
        ]
    }

    /// Request weights of the venue's documentation; orders cost none of the address's weight.
    fn cost(&self, purpose: &Purpose) -> Cost {
        let (class, weight) = match purpose {
            Purpose::Place(_) | Purpose::Replace { .. } => (Class::Place, 1),
            Purpose::Cancel(_) | Purpose::Amend(_) => (Class::Cancel, 1),
            Purpose::Status(_) => (Class::Query, 1),
            Purpose::Own(task) => match task {
                Task::Time | Task::Logon | Task::Subscribe => (Class::Query, 2),
                Task::KeepAlive | Task::WhoIs { .. } => (Class::Query, 1),
                Task::Reconcile { .. } | Task::List { .. } => (Class::Query, 40),
                Task::TradesOf { .. } | Task::Account | Task::Positions => (Class::Query, 5),
                Task::Trades { .. } => (Class::Routine, 5),
                Task::DeadMan { .. } => (Class::Query, 10),
                Task::Money { .. } => (Class::Query, 30),
                Task::CancelAll { .. } | Task::CancelSome { .. } => (Class::CancelAll, 1),
            },
        };
        let cost = Cost::free(class).with(WEIGHT, 0, weight);
        if class == Class::Place || matches!(purpose, Purpose::Amend(_)) {
            cost.with(ORDERS_TEN, 0, 1).with(ORDERS_MINUTE, 0, 1)
        } else {
            cost
        }
    }

    fn name(&self, task: Task) -> &'static str {
        match task {
            Task::Time => "session.status",
            Task::Logon => "session.logon",
            Task::Subscribe => "userDataStream.start",
            Task::KeepAlive => "userDataStream.ping",
            Task::DeadMan { .. } => "countdownCancelAll",
            Task::Money { .. } => "income",
            Task::Reconcile { .. } | Task::List { .. } => "openOrders",
            Task::Trades { .. } | Task::TradesOf { .. } => "userTrades",
            Task::Account => "v2/account.balance",
            Task::Positions => "positionRisk",
            Task::WhoIs { .. } => "order.status",
            Task::CancelAll { .. } => "allOpenOrders",
            Task::CancelSome { .. } => "a request that the venue does not have",
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
        if let Ask::Own(task) = ask
            && let Some(request) = self.rest(task, moment, entries, out)
        {
            return http(&self.keys.api_key, request?, out);
        }
        let length = self.socket(ask, moment, entries, out)?;
        if let Ask::Place(_, order) = ask {
            self.learn(order);
        }
        Ok(Letter::Socket(length))
    }

    fn hear<'a>(
        &mut self,
        bytes: &'a [u8],
        symbols: &Symbols,
        events: &mut Vec<Event>,
    ) -> Result<Option<Answer<'a, Self::Body<'a>>>, WireError> {
        hear::message(bytes, symbols, &mut self.kept, events)
    }

    fn hear_http<'a>(
        &mut self,
        _: &Purpose,
        response: &HttpResponse<'a>,
    ) -> Result<Answer<'a, Self::Body<'a>>, WireError> {
        hear::response(response)
    }

    fn reply<'a>(
        &mut self,
        purpose: &Purpose,
        body: Self::Body<'a>,
        symbols: &Symbols,
        entries: &[Entry],
    ) -> Result<Reply<'a, Self::Body<'a>>, WireError> {
        replies::reply(purpose, body, symbols, (entries, &mut self.kept))
    }
}
