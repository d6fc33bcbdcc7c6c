//! What a venue's folder gives to the order gateway: how requests are written, what they cost, and
//! what the bytes that come back mean. Everything else is the session's, and the same for all.
//!
//! A dialect holds keys and scratch memory, and no state of orders: the session calls it, and it
//! calls nobody. Hot path: yes. Allocates: for lists and paths only.

use std::fmt;
use std::ops::Range;

use model::body::{AmendOrder, NewOrder, ReplaceOrder};

use super::limits::{Cost, WindowSpec};
use super::said::{Answer, Event, Reply};
use super::table::{MoneyKind, Purpose, Task};
use crate::net::{HttpResponse, Method};
use crate::wire::symbols::{Entry, Symbols};
use crate::wire::{WireError, WriteError};

/// What is to be asked of the venue. A slot is a position in the gateway's instruments.
#[derive(Debug, Clone, Copy)]
pub enum Ask<'c> {
    /// Place an order.
    Place(usize, &'c NewOrder),
    /// Cancel an order, by our id and, unless it is 0, the venue's.
    Cancel(usize, (u64, u64)),
    /// Cancel one order and, if that succeeds, place another.
    Replace(usize, &'c ReplaceOrder),
    /// Make an order smaller.
    Amend(usize, &'c AmendOrder),
    /// How an order is, by our id.
    Status(usize, u64),
    /// A request of the session's own.
    Own(Task),
}

/// What every request needs.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Our number for the request.
    pub id: u64,
    /// The venue's time as we reckon it, milliseconds since the Unix epoch.
    pub venue_ms: u64,
}

/// Most headers of a request.
pub const HEADERS_MAX: usize = 8;

/// A request over HTTP; the ranges are places in the buffer that it was written into.
#[derive(Debug, Clone)]
pub struct HttpLetter {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: Range<usize>,
    /// Headers: name, and the value's place.
    pub headers: [Option<(&'static str, Range<usize>)>; HEADERS_MAX],
    /// The body; empty for none.
    pub body: Range<usize>,
}

/// A request that was written, and the way that it goes.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "lives on the stack for one request; a box would allocate on the hot path"
)]
pub enum Letter {
    /// A text of this length, over the order connection.
    Socket(usize),
    /// Over HTTP.
    Http(HttpLetter),
}

/// How the venue cancels everything on an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelsAll {
    /// By one request.
    AtOnce,
    /// By a list of what is open, and a request for each part of the list.
    ByList,
}

/// A venue's dead man's switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadMan {
    /// How long we may be silent, nanoseconds.
    pub countdown_ns: u64,
    /// It is set for each instrument; else for the account.
    pub by_instrument: bool,
}

/// How money that moved without a trade is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoneyLists {
    /// What there are lists of.
    pub kinds: &'static [MoneyKind],
    /// Rows are found by the venue's time, milliseconds since the Unix epoch; else by number.
    pub by_time: bool,
}

/// What a connection of the venue's is like.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// The connection is logged on before anything else.
    pub logs_on: bool,
    /// How the venue cancels everything.
    pub cancels_all: CancelsAll,
    /// It cancels one order and places another in one request; else two do it.
    pub replaces: bool,
    /// The account has positions to ask for.
    pub has_positions: bool,
    /// How money that moved without a trade is asked for; `None` where the stream says it all.
    pub money: Option<MoneyLists>,
    /// Task::KeepAlive is due at least this often, nanoseconds.
    pub keep_alive_ns: Option<u64>,
    /// The venue cancels everything if it does not hear from us.
    pub dead_man: Option<DeadMan>,
    /// A text that keeps the socket open, and how often it is due, nanoseconds.
    pub heartbeat: Option<(&'static [u8], u64)>,
}

/// A venue's way of speaking about orders.
pub trait Dialect: fmt::Debug {
    /// Part of an answer that is read when the request is known.
    type Body<'a>;

    /// What its connections are like.
    fn habits(&self) -> Habits;

    /// The windows in which the venue counts requests; a cost names them by position.
    fn windows(&self) -> Vec<WindowSpec>;

    /// What a request costs.
    fn cost(&self, purpose: &Purpose) -> Cost;

    /// The venue's name of a request of our own, for people.
    fn name(&self, task: Task) -> &'static str;

    /// The order connection is new, or was logged on.
    fn logged_on(&mut self, yes: bool);

    /// Writes a request into `out`.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; what is in the buffer then is of no use.
    fn write(
        &mut self,
        ask: Ask<'_>,
        moment: Moment,
        entries: &[Entry],
        out: &mut [u8],
    ) -> Result<Letter, WriteError>;

    /// Reads one message of the order connection or the private stream: an answer, or events.
    ///
    /// # Errors
    ///
    /// [`WireError`].
    fn hear<'a>(
        &mut self,
        bytes: &'a [u8],
        symbols: &Symbols,
        events: &mut Vec<Event>,
    ) -> Result<Option<Answer<'a, Self::Body<'a>>>, WireError>;

    /// Reads an answer over HTTP.
    ///
    /// # Errors
    ///
    /// [`WireError`].
    fn hear_http<'a>(
        &mut self,
        purpose: &Purpose,
        response: &HttpResponse<'a>,
    ) -> Result<Answer<'a, Self::Body<'a>>, WireError>;

    /// Reads the answer to a request that succeeded, or whose halves are told apart.
    ///
    /// # Errors
    ///
    /// [`WireError`].
    fn reply<'a>(
        &mut self,
        purpose: &Purpose,
        body: Self::Body<'a>,
        symbols: &Symbols,
        entries: &[Entry],
    ) -> Result<Reply<'a, Self::Body<'a>>, WireError>;
}
