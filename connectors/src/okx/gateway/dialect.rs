//! How requests about orders are written, which way they go, and what they cost.
//!
//! The session is logged on once, so requests over the socket carry no signature. Hot path: yes.
//! Allocates: no.

use std::time::Duration;

use super::hear::{self, Body};
use super::replies;
use crate::gateway::Dialect;
use crate::gateway::dialect::{
    Ask, CancelsAll, DeadMan, Habits, HttpLetter, Letter, Moment, MoneyLists,
};
use crate::gateway::limits::{Class, Cost, WindowSpec};
use crate::gateway::said::{Answer, Event, Reply};
use crate::gateway::table::{MoneyKind, Purpose, Task};
use crate::net::HttpResponse;
use crate::okx::wire::query::{self, Fills, Of, RestContext, Which};
use crate::okx::wire::request::{self, Context, Keys, Target, TradeMode};
use crate::wire::symbols::Entry;
use crate::wire::{Symbols, WireError, WriteError};

const SECOND_NS: u64 = 1_000_000_000;
/// The venue closes a connection on which nothing came for 30 seconds.
const PING_NS: u64 = 5 * SECOND_NS;

/// The venue's limits are of two seconds, wherever it lets them begin.
const WINDOW_NS: u64 = 2 * SECOND_NS;

/// The windows in which the venue counts, by position.
const PLACES: usize = 0;
const CANCELS: usize = 1;
const AMENDS: usize = 2;
const BATCHES: usize = 3;
const ACCOUNT_ORDERS: usize = 4;
const QUERIES: usize = 5;
const LISTS: usize = 6;
const TRADES: usize = 7;
const OLD_TRADES: usize = 8;
const MONEY: usize = 9;
const TIMES: usize = 10;
const BILLS: usize = 11;
const SWITCHES: usize = 12;

/// In a page's number: the page is of the longer history, which the venue gives more slowly.
pub(super) const HISTORY: u64 = 1 << 63;

/// What the connection's own requests wait for: their answers do not carry a number, or come more
/// than once.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Number of the login.
    pub(super) login: Option<u64>,
    /// Number of the subscription, and how many of its answers are to come.
    pub(super) subscription: Option<(u64, u32)>,
    /// The venue's time of the latest request, milliseconds since the Unix epoch.
    pub(super) latest_ms: u64,
}

/// OKX's way of speaking about orders.
pub struct Okx {
    keys: Keys,
    mode: TradeMode,
    codes: Vec<Option<u64>>,
    validity_ms: u64,
    dead_man: Option<Duration>,
    demo: bool,
    waiting: Waiting,
}

impl std::fmt::Debug for Okx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Okx").finish_non_exhaustive()
    }
}

impl Okx {
    pub(super) const fn new(
        keys: Keys,
        mode: TradeMode,
        codes: Vec<Option<u64>>,
        validity_ms: u64,
        dead_man: Option<Duration>,
        demo: bool,
    ) -> Self {
        Self {
            keys,
            mode,
            codes,
            validity_ms,
            dead_man,
            demo,
            waiting: Waiting {
                login: None,
                subscription: None,
                latest_ms: 0,
            },
        }
    }

    fn target<'t>(&self, slot: usize, entries: &'t [Entry]) -> Target<'t> {
        Target {
            entry: &entries[slot],
            code: self.codes.get(slot).copied().flatten(),
            mode: self.mode,
        }
    }

    const fn perpetuals(&self) -> bool {
        match self.mode {
            TradeMode::Cash => false,
            TradeMode::Cross | TradeMode::Isolated => true,
        }
    }

    /// A request over the private connection; `None` for what goes over REST.
    fn socket(
        &mut self,
        ask: Ask<'_>,
        moment: Moment,
        entries: &[Entry],
        out: &mut [u8],
    ) -> Option<Result<usize, WriteError>> {
        let context = &Context {
            id: moment.id,
            expires_ms: Some(moment.venue_ms.saturating_add(self.validity_ms)),
        };
        let has_code = |slot: usize| self.codes.get(slot).is_some_and(Option::is_some);
        Some(match ask {
            Ask::Place(slot, order) if has_code(slot) => {
                request::place(context, &[(self.target(slot, entries), order)], out)
            }
            Ask::Cancel(slot, ids) if has_code(slot) => {
                request::cancel(context, &[(self.target(slot, entries), ids)], out)
            }
            Ask::Amend(slot, order) if has_code(slot) => {
                request::amend(context, &[(self.target(slot, entries), order)], out)
            }
            Ask::Own(Task::Logon) => {
                self.waiting.login = Some(moment.id);
                request::login(&self.keys, moment.venue_ms / 1_000, out)
            }
            Ask::Own(Task::Subscribe) => {
                let answers = request::subscriptions(self.perpetuals());
                self.waiting.subscription = Some((moment.id, answers));
                request::subscribe(moment.id, self.perpetuals(), out)
            }
            Ask::Place(..)
            | Ask::Cancel(..)
            | Ask::Amend(..)
            | Ask::Replace(..)
            | Ask::Status(..)
            | Ask::Own(_) => return None,
        })
    }

    fn rest(
        &self,
        ask: Ask<'_>,
        moment: Moment,
        entries: &[Entry],
        out: &mut [u8],
    ) -> Result<HttpLetter, WriteError> {
        let context = &RestContext {
            keys: &self.keys,
            venue_ms: moment.venue_ms,
            expires_ms: Some(moment.venue_ms.saturating_add(self.validity_ms)),
            demo: self.demo,
        };
        match ask {
            Ask::Place(slot, order) => {
                query::place(context, &self.target(slot, entries), order, out)
            }
            Ask::Cancel(slot, ids) => query::cancel(context, &self.target(slot, entries), ids, out),
            Ask::Amend(slot, order) => {
                query::amend(context, &self.target(slot, entries), order, out)
            }
            Ask::Status(slot, client_id) => {
                query::order(context, &entries[slot], Which::Ours(client_id), out)
            }
            // Two requests do it.
            Ask::Replace(..) => Err(WriteError::NotThere),
            Ask::Own(task) => self.own(task, context, entries, out),
        }
    }

    fn own(
        &self,
        task: Task,
        context: &RestContext<'_>,
        entries: &[Entry],
        out: &mut [u8],
    ) -> Result<HttpLetter, WriteError> {
        match task {
            Task::Time => query::time(out),
            Task::Reconcile { page } | Task::List { page, .. } => {
                query::open_orders(context, Of::All(self.mode), page, out)
            }
            Task::CancelAll { slot } => {
                query::open_orders(context, Of::One(self.mode, &entries[slot]), None, out)
            }
            Task::CancelSome { slot, orders } => {
                let count = orders.iter().take_while(|id| **id != 0).count();
                let target = self.target(slot, entries);
                query::cancel_several(context, &target, &orders[..count], out)
            }
            Task::Trades { slot, page, .. } => {
                let of = Of::One(self.mode, &entries[slot]);
                let (which, after) = page_of(page);
                query::fills(context, which, of, [after, None], out)
            }
            Task::TradesOf { key, page, status } => {
                let (which, after) = page_of(page);
                let order_id = status.venue_order_id;
                query::fills_of(context, which, &entries[key.slot], (order_id, after), out)
            }
            Task::Money {
                kind, after, page, ..
            } => query::bills(context, bill_kind(kind), [page, after], out),
            Task::Account => query::balance(context, out),
            Task::Positions => query::positions(context, out),
            Task::WhoIs { slot, order_id } => {
                query::order(context, &entries[slot], Which::Venues(order_id), out)
            }
            Task::DeadMan { on, .. } => {
                let wait = self.dead_man.filter(|_| on).unwrap_or_default();
                query::cancel_all_after(context, wait.as_secs(), out)
            }
            Task::Logon | Task::Subscribe | Task::KeepAlive => Err(WriteError::NotThere),
        }
    }
}

/// The venue's number of why money moved.
const fn bill_kind(kind: MoneyKind) -> &'static [u8] {
    match kind {
        MoneyKind::Transfer => b"1",
        MoneyKind::Funding => b"8",
    }
}

/// Which list of fills a page is of, and the ledger's id that it lies behind.
fn page_of(page: Option<u64>) -> (Fills, Option<u64>) {
    match page {
        None => (Fills::Recent, None),
        Some(page) if page & HISTORY == 0 => (Fills::Recent, Some(page)),
        Some(page) => (
            Fills::History,
            Some(page & !HISTORY).filter(|after| *after > 0),
        ),
    }
}

/// A limit of two seconds, kept wherever those begin.
const fn window(limit: u64, by_instrument: bool) -> WindowSpec {
    WindowSpec {
        span_ns: WINDOW_NS,
        limit,
        reserve: false,
        sliding: true,
        by_instrument,
    }
}

impl Dialect for Okx {
    type Body<'a> = Body<'a>;

    fn habits(&self) -> Habits {
        Habits {
            logs_on: true,
            cancels_all: CancelsAll::ByList,
            replaces: false,
            has_positions: self.perpetuals(),
            money: Some(MoneyLists {
                kinds: if self.perpetuals() {
                    &[MoneyKind::Funding, MoneyKind::Transfer]
                } else {
                    &[MoneyKind::Transfer]
                },
                by_time: false,
            }),
            keep_alive_ns: None,
            dead_man: self.dead_man.map(|wait| DeadMan {
                countdown_ns: wait.as_secs().saturating_mul(SECOND_NS),
                by_instrument: false,
            }),
            heartbeat: Some((b"ping", PING_NS)),
        }
    }

    /// The venue's documentation, read 2026-07: requests in two seconds by account (and instrument,
    /// where it is about orders); the dead man's switch once a second.
    fn windows(&self) -> Vec<WindowSpec> {
        let mut windows = vec![
            window(60, true),
            window(60, true),
            window(60, true),
            window(300, true),
            window(1_000, false),
            window(60, false),
            window(60, false),
            window(60, false),
            window(10, false),
            window(10, false),
            window(10, false),
            window(10, false),
        ];
        windows.push(WindowSpec {
            span_ns: SECOND_NS,
            limit: 1,
            reserve: false,
            sliding: true,
            by_instrument: false,
        });
        windows
    }

    fn cost(&self, purpose: &Purpose) -> Cost {
        let query = Cost::free(Class::Query);
        match purpose {
            Purpose::Place(key) | Purpose::Replace { new: key, .. } => Cost::free(Class::Place)
                .with(PLACES, key.slot, 1)
                .with(ACCOUNT_ORDERS, 0, 1),
            Purpose::Cancel(key) => Cost::free(Class::Cancel).with(CANCELS, key.slot, 1),
            Purpose::Amend(key) => {
                Cost::free(Class::Cancel)
                    .with(AMENDS, key.slot, 1)
                    .with(ACCOUNT_ORDERS, 0, 1)
            }
            Purpose::Status(_) => query.with(QUERIES, 0, 1),
            Purpose::Own(task) => match task {
                Task::Time => query.with(TIMES, 0, 1),
                Task::Logon | Task::Subscribe | Task::KeepAlive => query,
                Task::Reconcile { .. } | Task::List { .. } => query.with(LISTS, 0, 1),
                Task::CancelAll { .. } => Cost::free(Class::CancelAll).with(LISTS, 0, 1),
                Task::CancelSome { slot, orders } => {
                    let count = orders.iter().take_while(|id| **id != 0).count() as u64;
                    Cost::free(Class::CancelAll).with(BATCHES, *slot, count)
                }
                Task::Trades { page, .. } => trades_cost(Class::Routine, *page),
                Task::TradesOf { page, .. } => trades_cost(Class::Query, *page),
                Task::Account | Task::Positions => query.with(MONEY, 0, 1),
                Task::Money { .. } => query.with(BILLS, 0, 1),
                Task::WhoIs { .. } => query.with(QUERIES, 0, 1),
                Task::DeadMan { .. } => query.with(SWITCHES, 0, 1),
            },
        }
    }

    fn name(&self, task: Task) -> &'static str {
        match task {
            Task::Time => "public/time",
            Task::Logon => "login",
            Task::Subscribe => "subscribe",
            Task::DeadMan { .. } => "cancel-all-after",
            Task::Reconcile { .. } | Task::List { .. } | Task::CancelAll { .. } => "orders-pending",
            Task::CancelSome { .. } => "cancel-batch-orders",
            Task::Trades { .. } | Task::TradesOf { .. } => "fills",
            Task::Account => "account/balance",
            Task::Positions => "account/positions",
            Task::Money { .. } => "account/bills",
            Task::WhoIs { .. } => "trade/order",
            Task::KeepAlive => "a request that the venue does not have",
        }
    }

    fn logged_on(&mut self, yes: bool) {
        if !yes {
            self.waiting = Waiting::default();
        }
    }

    fn write(
        &mut self,
        ask: Ask<'_>,
        moment: Moment,
        entries: &[Entry],
        out: &mut [u8],
    ) -> Result<Letter, WriteError> {
        self.waiting.latest_ms = moment.venue_ms;
        match self.socket(ask, moment, entries, out) {
            Some(length) => length.map(Letter::Socket),
            None => self.rest(ask, moment, entries, out).map(Letter::Http),
        }
    }

    fn hear<'a>(
        &mut self,
        bytes: &'a [u8],
        symbols: &Symbols,
        events: &mut Vec<Event>,
    ) -> Result<Option<Answer<'a, Self::Body<'a>>>, WireError> {
        hear::message(bytes, symbols, (self.mode, &mut self.waiting), events)
    }

    fn hear_http<'a>(
        &mut self,
        purpose: &Purpose,
        response: &HttpResponse<'a>,
    ) -> Result<Answer<'a, Self::Body<'a>>, WireError> {
        hear::response(purpose, response, &self.waiting)
    }

    fn reply<'a>(
        &mut self,
        purpose: &Purpose,
        body: Self::Body<'a>,
        symbols: &Symbols,
        entries: &[Entry],
    ) -> Result<Reply<'a, Self::Body<'a>>, WireError> {
        replies::reply(purpose, body, symbols, (self.mode, entries))
    }
}

/// The longer history has a limit of its own.
fn trades_cost(class: Class, page: Option<u64>) -> Cost {
    let window = match page_of(page).0 {
        Fills::Recent => TRADES,
        Fills::History => OLD_TRADES,
    };
    Cost::free(class).with(window, 0, 1)
}
