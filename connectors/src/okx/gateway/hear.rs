//! The venue's answers in the gateway's neutral words.
//!
//! Hot path: yes. Allocates: for lists.

use super::dialect::Waiting;
use super::events;
use crate::gateway::said::{Absence, Answer, Event, Refusal, StopScope, Verdict};
use crate::gateway::table::{MoneyKind, Purpose, Task};
use crate::net::HttpResponse;
use crate::okx::wire::classify;
use crate::okx::wire::frame::{self, Ack, Frame, Word};
use crate::okx::wire::request::TradeMode;
use crate::okx::wire::rest::{self, Failure};
use crate::wire::error::from_raw;
use crate::wire::text::Text;
use crate::wire::{Inline, Raw, Symbols, WireError};

/// The venue does not know the order.
const NO_SUCH_ORDER: i32 = 51_603;
/// Too many orders of the account: only new ones wait.
const TOO_MANY_ORDERS: i32 = 50_061;
/// "All failed" and "a part failed": each order's own code says why.
const ALL_FAILED: i32 = 1;
const PART_FAILED: i32 = 2;
/// The venue's limits are of so many milliseconds; it does not say when they end.
const LIMIT_MS: u64 = 2_000;

/// What of an answer is read when the request is known.
#[derive(Debug, Clone)]
pub enum Body<'a> {
    /// What the venue says of each order.
    Acks(Inline<Ack<'a>, 1>),
    /// The rows of a list.
    Data(Raw<'a>),
    /// Nothing.
    Done,
}

type Outcome<'a> = Result<Body<'a>, Refusal<'a, Body<'a>>>;

fn answer<'a>(id: Option<u64>, outcome: Outcome<'a>) -> Answer<'a, Body<'a>> {
    Answer {
        id,
        outcome,
        counts: Inline::default(),
    }
}

/// One message of the private connection.
pub(super) fn message<'a>(
    bytes: &'a [u8],
    symbols: &Symbols,
    (mode, waiting): (TradeMode, &mut Waiting),
    events: &mut Vec<Event>,
) -> Result<Option<Answer<'a, Body<'a>>>, WireError> {
    Ok(match frame::decode(bytes)? {
        Frame::Answer(said) => {
            let outcome = judged(200, said.code, said.words, said.acks, waiting);
            Some(answer(said.id, outcome))
        }
        Frame::Word(word) => said(word, waiting, events),
        Frame::Orders(rows) => {
            rows.iter()
                .for_each(|row| events::order(row, symbols, events));
            None
        }
        Frame::Account(rows) => {
            rows.iter()
                .for_each(|row| events::account(row, mode, events));
            None
        }
        Frame::Positions(rows) => {
            rows.iter()
                .for_each(|row| events::position(row, symbols, events));
            None
        }
        // Of this channel only the reason is of interest: the others say how much there is.
        Frame::Quick(rows) => {
            for row in rows.iter() {
                match row.event_type.as_str() {
                    "funding_fee" => events.push(Event::MoneyMoved(MoneyKind::Funding)),
                    "transferred" => events.push(Event::MoneyMoved(MoneyKind::Transfer)),
                    _ => {}
                }
            }
            None
        }
    })
}

/// A word about the connection.
fn said<'a>(
    word: Word<'a>,
    waiting: &mut Waiting,
    events: &mut Vec<Event>,
) -> Option<Answer<'a, Body<'a>>> {
    match word {
        Word::LoggedOn => {
            let id = waiting.login.take()?;
            Some(answer(Some(id), Ok(Body::Done)))
        }
        Word::Subscribed(id) => {
            let (wanted, left) = waiting.subscription?;
            if id != Some(wanted) {
                return None;
            }
            let left = left.saturating_sub(1);
            waiting.subscription = Some((wanted, left)).filter(|_| left > 0);
            (left == 0).then(|| answer(id, Ok(Body::Done)))
        }
        Word::Failed { id, code, words } => {
            // Of a login the venue says no number.
            let Some(id) = id.or_else(|| waiting.login.take()) else {
                events.push(Event::Notice(code, words.as_str().to_owned()));
                return None;
            };
            if waiting.subscription.is_some_and(|(wanted, _)| wanted == id) {
                waiting.subscription = None;
            }
            Some(answer(Some(id), Err(refusal(200, code, words, waiting))))
        }
        Word::Closing => {
            events.push(Event::Closing);
            None
        }
        Word::Crowded(_) => {
            let words = "too many connections have the account's channels: close some";
            events.push(Event::Ended(words));
            None
        }
        Word::Pong | Word::Ignored => None,
    }
}

/// Whether a request is about orders: nothing but the venue's own word says what became of it.
const fn changes_orders(purpose: &Purpose) -> bool {
    match purpose {
        Purpose::Place(_) | Purpose::Cancel(_) | Purpose::Replace { .. } | Purpose::Amend(_) => {
            true
        }
        Purpose::Own(task) => matches!(task, Task::CancelSome { .. }),
        Purpose::Status(_) => false,
    }
}

/// An answer over HTTP.
pub(super) fn response<'a>(
    purpose: &Purpose,
    response: &HttpResponse<'a>,
    waiting: &Waiting,
) -> Result<Answer<'a, Body<'a>>, WireError> {
    let status = response.status;
    let by_order = changes_orders(purpose);
    let outcome = match rest::open(response.body) {
        Ok(Ok(data)) if by_order => {
            let words = Text("".into());
            judged(status, 0, words, from_raw(data)?, waiting)
        }
        Ok(Ok(data)) => Ok(Body::Data(data)),
        Ok(Err(failure)) if by_order && matches!(failure.code, ALL_FAILED | PART_FAILED) => {
            let Failure { code, words, data } = failure;
            let acks = data.map(from_raw).transpose()?.unwrap_or_default();
            judged(status, code, words, acks, waiting)
        }
        Ok(Err(failure)) => Err(refusal(status, failure.code, failure.words, waiting)),
        // A firewall stops us without a word of the venue's. Of a change of orders only the venue
        // itself can say that it did not take place.
        Err(_) if !by_order && matches!(status, 403 | 418 | 429) => {
            Err(refusal(status, 0, Text("".into()), waiting))
        }
        Err(error) => return Err(error),
    };
    Ok(answer(None, outcome))
}

/// What an answer about orders comes to. One order's refusal is the request's; of several, what is
/// refused for certain is over, and anything else is the request's.
#[expect(
    clippy::result_large_err,
    reason = "lives on the stack for one message; a box would allocate on the hot path"
)]
fn judged<'a>(
    status: u16,
    code: i32,
    words: Text<'a>,
    acks: Inline<Ack<'a>, 1>,
    waiting: &Waiting,
) -> Outcome<'a> {
    let whole = matches!(code, 0 | ALL_FAILED | PART_FAILED);
    let count = acks.iter().count();
    if !whole || (count == 0 && code != 0) {
        return Err(refusal(status, code, words, waiting));
    }
    let over = |ack: &Ack<'_>| match classify(200, ack.code()) {
        Verdict::Refused(_) | Verdict::Configuration(_) => count > 1,
        Verdict::Busy
        | Verdict::Limited
        | Verdict::Clock
        | Verdict::Duplicate
        | Verdict::Partial
        | Verdict::Unknown => false,
    };
    let failed = acks.iter().find(|ack| ack.code() != 0 && !over(ack));
    match failed {
        Some(ack) => {
            let words = Text(ack.words().to_owned().into());
            Err(refusal(status, ack.code(), words, waiting))
        }
        None => Ok(Body::Acks(acks)),
    }
}

fn refusal<'a>(
    status: u16,
    code: i32,
    words: Text<'a>,
    waiting: &Waiting,
) -> Refusal<'a, Body<'a>> {
    Refusal {
        verdict: classify(status, code),
        absence: match code {
            NO_SUCH_ORDER => Absence::Unknown,
            _ => Absence::No,
        },
        nothing_open: false,
        code,
        words,
        stops: match code {
            TOO_MANY_ORDERS => StopScope::Orders,
            _ => StopScope::All,
        },
        until_ms: Some(waiting.latest_ms.saturating_add(LIMIT_MS)),
        body: None,
    }
}
