//! One message of the private connection: an answer to a request, a word about the connection, or
//! a push of a private channel.
//!
//! Hot path: yes. Allocates: only for text with escapes and for more than one row.

use serde::Deserialize;

use super::account::{AccountRow, PositionRow, QuickRow};
use super::private::OrderRow;
use crate::wire::error::{WireError, from_raw};
use crate::wire::inline::Inline;
use crate::wire::raw::{Members, Raw};
use crate::wire::text::Text;

/// What the venue says of one order of a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ack<'a> {
    #[serde(borrow, default)]
    ord_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    cl_ord_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    ts: Option<Text<'a>>,
    #[serde(borrow)]
    s_code: Text<'a>,
    #[serde(borrow, default)]
    s_msg: Option<Text<'a>>,
}

impl Ack<'_> {
    /// The venue's id of the order; 0 where it has none.
    #[must_use]
    pub fn order_id(&self) -> u64 {
        let id = self.ord_id.as_ref().and_then(|id| id.as_str().parse().ok());
        id.unwrap_or(0)
    }

    /// The client's id; empty where it is not said.
    #[must_use]
    pub fn client_id(&self) -> &[u8] {
        self.cl_ord_id.as_ref().map_or(b"", Text::as_bytes)
    }

    /// The venue's time, milliseconds; 0 where it is not said.
    #[must_use]
    pub fn time_ms(&self) -> u64 {
        let ts = self.ts.as_ref().and_then(|ts| ts.as_str().parse().ok());
        ts.unwrap_or(0)
    }

    /// The venue's code: 0 if the request was taken; -1 if it cannot be read.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.s_code.as_str().parse().unwrap_or(-1)
    }

    /// Its words.
    #[must_use]
    pub fn words(&self) -> &str {
        self.s_msg.as_ref().map_or("", Text::as_str)
    }
}

/// An answer to a request about orders.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Our number of the request; `None` if it is none of ours.
    pub id: Option<u64>,
    /// `order`, `cancel-order` and so on.
    pub op: Text<'a>,
    /// 0 if all was taken, 1 if nothing, 2 if a part; else why the request as a whole was refused;
    /// -1 if it cannot be read.
    pub code: i32,
    /// The venue's words about the request as a whole.
    pub words: Text<'a>,
    /// What it says of each order, in the request's order; empty if the whole was refused.
    pub acks: Inline<Ack<'a>, 1>,
}

/// A word about the connection.
#[derive(Debug)]
pub enum Word<'a> {
    /// Logged on.
    LoggedOn,
    /// A subscription begins, or ends. The request's number where it carries it; a request with
    /// several subscriptions has as many answers.
    Subscribed(Option<u64>),
    /// Something failed.
    Failed {
        /// The request's number, where it carries it.
        id: Option<u64>,
        /// The venue's code; -1 if it cannot be read.
        code: i32,
        /// Its words.
        words: Text<'a>,
    },
    /// The venue is about to close connections.
    Closing,
    /// Too many connections have this channel: this one lost it.
    Crowded(Text<'a>),
    /// An answer to our ping.
    Pong,
    /// Something that nobody here uses.
    Ignored,
}

/// A message of the private connection.
#[derive(Debug)]
pub enum Frame<'a> {
    /// An answer to a request about orders.
    Answer(Answer<'a>),
    /// A word about the connection.
    Word(Word<'a>),
    /// Orders that changed.
    Orders(Inline<OrderRow<'a>, 1>),
    /// The account's assets.
    Account(Inline<AccountRow<'a>, 1>),
    /// Positions: with an end, if the venue says which page of a list this is.
    Positions(Inline<PositionRow<'a>, 1>),
    /// Assets and positions, quickly.
    Quick(Inline<QuickRow<'a>, 1>),
}

/// The members that decide what a message is.
#[derive(Default)]
struct Parts<'a> {
    id: Option<Raw<'a>>,
    op: Option<Raw<'a>>,
    event: Option<Raw<'a>>,
    code: Option<Raw<'a>>,
    msg: Option<Raw<'a>>,
    arg: Option<Raw<'a>>,
    data: Option<Raw<'a>>,
    channel: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Arg<'a> {
    #[serde(borrow)]
    channel: Text<'a>,
}

impl<'a> Parts<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut parts = Self::default();
        let mut members = Members::of(bytes)?;
        while let Some((key, value)) = members.next_member()? {
            let place = match key {
                "id" => &mut parts.id,
                "op" => &mut parts.op,
                "event" => &mut parts.event,
                "code" => &mut parts.code,
                "msg" => &mut parts.msg,
                "arg" => &mut parts.arg,
                "data" => &mut parts.data,
                "channel" => &mut parts.channel,
                _ => continue,
            };
            *place = Some(value).filter(|value| !value.is_null());
        }
        Ok(parts)
    }

    fn id(&self) -> Option<u64> {
        from_raw::<Text<'_>>(self.id?).ok()?.as_str().parse().ok()
    }

    /// The code; -1 if it cannot be read.
    fn code(&self) -> Result<i32, WireError> {
        let code = self.code.ok_or(WireError::Missing { field: "code" })?;
        let code: Text<'_> = from_raw(code)?;
        Ok(code.as_str().parse().unwrap_or(-1))
    }

    fn text(raw: Option<Raw<'a>>) -> Result<Text<'a>, WireError> {
        raw.map_or(Ok(Text("".into())), from_raw)
    }
}

/// Reads one message of the private connection.
///
/// # Errors
///
/// [`WireError`].
pub fn decode(bytes: &[u8]) -> Result<Frame<'_>, WireError> {
    if bytes == b"pong" {
        return Ok(Frame::Word(Word::Pong));
    }
    let parts = Parts::of(bytes)?;
    if let Some(event) = parts.event {
        return word(&parts, &from_raw::<Text<'_>>(event)?).map(Frame::Word);
    }
    if let Some(op) = parts.op {
        return Ok(Frame::Answer(Answer {
            id: parts.id(),
            op: from_raw(op)?,
            code: parts.code()?,
            words: Parts::text(parts.msg)?,
            acks: parts.data.map(from_raw).transpose()?.unwrap_or_default(),
        }));
    }
    let arg: Arg<'_> = from_raw(parts.arg.ok_or(WireError::UnknownKind)?)?;
    let data = parts.data.ok_or(WireError::Missing { field: "data" })?;
    Ok(match arg.channel.as_str() {
        "orders" => Frame::Orders(from_raw(data)?),
        "account" => Frame::Account(from_raw(data)?),
        "positions" => Frame::Positions(from_raw(data)?),
        "balance_and_position" => Frame::Quick(from_raw(data)?),
        _ => Frame::Word(Word::Ignored),
    })
}

fn word<'a>(parts: &Parts<'a>, event: &Text<'_>) -> Result<Word<'a>, WireError> {
    Ok(match event.as_str() {
        "login" => match parts.code()? {
            0 => Word::LoggedOn,
            code => Word::Failed {
                id: parts.id(),
                code,
                words: Parts::text(parts.msg)?,
            },
        },
        "subscribe" | "unsubscribe" => Word::Subscribed(parts.id()),
        "error" => Word::Failed {
            id: parts.id(),
            code: parts.code()?,
            words: Parts::text(parts.msg)?,
        },
        // "The connection will soon be closed for a service upgrade."
        "notice" if parts.code()? == 64_008 => Word::Closing,
        "channel-conn-count-error" => Word::Crowded(Parts::text(parts.channel)?),
        "notice" | "channel-conn-count" => Word::Ignored,
        _ => return Err(WireError::UnknownKind),
    })
}
