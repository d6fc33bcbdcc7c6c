//! The closed set of events: a typed view of a record's bytes, without copying.
//!
//! Hot path: yes. Allocates: no.

use crate::body::{
    Amended, Balance, BlobPart, Body, BookLevels, BookOrder, BookReset, Candle, Connection,
    ControlRequest, DurableMark, Fill, Funding, Liquidation, Mark, Notice, OpenInterest,
    OpenOrders, Operator, OrderReport, PositionReport, Quote, Rate, Recovered, Refusal, RunEnded,
    RunStarted, Sent, StateHash, Tick, Trade, Transfer,
};
use crate::command::CommandView;
use crate::record::{Kind, Record, flags};

/// Why a record's bytes are not a record of version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// A kind that version 1 does not know.
    #[error("unknown record kind {code}")]
    UnknownKind {
        /// The code.
        code: u8,
    },
    /// A flag that version 1 does not know.
    #[error("unknown flags {flags:#04x} in a {kind:?} record")]
    UnknownFlags {
        /// The record's kind.
        kind: Kind,
        /// All its flags.
        flags: u8,
    },
    /// A field holds a value that its type does not have.
    #[error("a field of the {kind:?} record is out of range")]
    Field {
        /// The record's kind.
        kind: Kind,
    },
    /// A command where an event was expected, or the other way round.
    #[error("a {kind:?} record stands in the wrong place")]
    WrongPlace {
        /// The record's kind.
        kind: Kind,
    },
}

/// An event, as the machine matches on it. The record's header says whom it concerns.
#[derive(Debug, Clone, Copy)]
#[expect(
    missing_docs,
    reason = "each variant is documented at its kind and its body"
)]
pub enum Event<'a> {
    RunStarted(&'a RunStarted),
    RunEnded(&'a RunEnded),
    BlobPart(&'a BlobPart),
    Tick(&'a Tick),
    Connection(&'a Connection),
    BookReset(&'a BookReset),
    BookLevels(&'a BookLevels),
    Trade(&'a Trade),
    Quote(&'a Quote),
    Mark(&'a Mark),
    Rate(&'a Rate),
    BookOrder(&'a BookOrder),
    Candle(&'a Candle),
    OpenInterest(&'a OpenInterest),
    Liquidation(&'a Liquidation),
    OrderAcked(&'a OrderReport),
    OrderRejected(&'a OrderReport),
    OrderFilled(&'a Fill),
    OrderCancelled(&'a OrderReport),
    OrderExpired(&'a OrderReport),
    OrderUnknown(&'a OrderReport),
    OrderStatus(&'a OrderReport),
    OrderAbsent(&'a OrderReport),
    CancelRejected(&'a OrderReport),
    Sent(&'a Sent),
    SendFailed(&'a OrderReport),
    OpenOrders(&'a OpenOrders),
    OrderAmended(&'a Amended),
    AmendRejected(&'a OrderReport),
    Balance(&'a Balance),
    Transfer(&'a Transfer),
    Funding(&'a Funding),
    PositionReport(&'a PositionReport),
    Operator(&'a Operator),
    Control(&'a ControlRequest),
    RiskRefused(&'a Refusal),
    RiskNotice(&'a Notice),
    StateHash(&'a StateHash),
    Recovered(&'a Recovered),
}

/// An event, a command, or the journal's own filling.
#[derive(Debug, Clone, Copy)]
pub enum View<'a> {
    /// An input of the machine.
    Event(Event<'a>),
    /// A decision of the machine.
    Command(CommandView<'a>),
    /// Filling of a commit: it stands in the log and means nothing to the machine.
    Mark(&'a DurableMark),
}

/// The body of `record` as `B`.
#[inline]
pub(crate) fn body<B: Body>(record: &Record, kind: Kind) -> Result<&B, BadRecord> {
    B::try_ref_from_bytes(&record.body).map_err(|_| BadRecord::Field { kind })
}

/// What `record` is, checked: kind, flags, and every field that has fewer values than its bytes.
///
/// # Errors
///
/// [`BadRecord`], naming what is wrong.
#[inline]
pub fn view(record: &Record) -> Result<View<'_>, BadRecord> {
    let Some(kind) = record.kind() else {
        return Err(BadRecord::UnknownKind { code: record.kind });
    };
    if record.flags & !flags::KNOWN != 0 {
        return Err(BadRecord::UnknownFlags {
            kind,
            flags: record.flags,
        });
    }
    if kind.is_command() {
        crate::command::view(record, kind).map(View::Command)
    } else if kind == Kind::DurableMark {
        body(record, kind).map(View::Mark)
    } else {
        event_of(record, kind).map(View::Event)
    }
}

/// The event in `record`.
///
/// # Errors
///
/// [`BadRecord`]; [`BadRecord::WrongPlace`] for a command or a filling.
#[inline]
pub fn event(record: &Record) -> Result<Event<'_>, BadRecord> {
    match view(record)? {
        View::Event(event) => Ok(event),
        View::Command(command) => Err(BadRecord::WrongPlace {
            kind: command.kind(),
        }),
        View::Mark(_) => Err(BadRecord::WrongPlace {
            kind: Kind::DurableMark,
        }),
    }
}

#[inline]
fn event_of(record: &Record, kind: Kind) -> Result<Event<'_>, BadRecord> {
    Ok(match kind {
        Kind::RunStarted => Event::RunStarted(body(record, kind)?),
        Kind::RunEnded => Event::RunEnded(body(record, kind)?),
        Kind::BlobPart => Event::BlobPart(body(record, kind)?),
        Kind::Tick => Event::Tick(body(record, kind)?),
        Kind::Connection => Event::Connection(body(record, kind)?),
        Kind::BookReset => Event::BookReset(body(record, kind)?),
        Kind::BookLevels => Event::BookLevels(body(record, kind)?),
        Kind::Trade => Event::Trade(body(record, kind)?),
        Kind::Quote => Event::Quote(body(record, kind)?),
        Kind::Mark => Event::Mark(body(record, kind)?),
        Kind::Rate => Event::Rate(body(record, kind)?),
        Kind::BookOrder => Event::BookOrder(body(record, kind)?),
        Kind::Candle => Event::Candle(body(record, kind)?),
        Kind::OpenInterest => Event::OpenInterest(body(record, kind)?),
        Kind::Liquidation => Event::Liquidation(body(record, kind)?),
        Kind::OrderAcked => Event::OrderAcked(body(record, kind)?),
        Kind::OrderRejected => Event::OrderRejected(body(record, kind)?),
        Kind::OrderFilled => Event::OrderFilled(body(record, kind)?),
        Kind::OrderCancelled => Event::OrderCancelled(body(record, kind)?),
        Kind::OrderExpired => Event::OrderExpired(body(record, kind)?),
        Kind::OrderUnknown => Event::OrderUnknown(body(record, kind)?),
        Kind::OrderStatus => Event::OrderStatus(body(record, kind)?),
        Kind::OrderAbsent => Event::OrderAbsent(body(record, kind)?),
        Kind::CancelRejected => Event::CancelRejected(body(record, kind)?),
        Kind::Sent => Event::Sent(body(record, kind)?),
        Kind::SendFailed => Event::SendFailed(body(record, kind)?),
        Kind::OpenOrders => Event::OpenOrders(body(record, kind)?),
        Kind::OrderAmended => Event::OrderAmended(body(record, kind)?),
        Kind::AmendRejected => Event::AmendRejected(body(record, kind)?),
        Kind::Transfer => Event::Transfer(body(record, kind)?),
        Kind::Funding => Event::Funding(body(record, kind)?),
        Kind::PositionReport => Event::PositionReport(body(record, kind)?),
        Kind::Control => Event::Control(body(record, kind)?),
        Kind::RiskNotice => Event::RiskNotice(body(record, kind)?),
        Kind::Balance => Event::Balance(body(record, kind)?),
        Kind::Operator => Event::Operator(body(record, kind)?),
        Kind::RiskRefused => Event::RiskRefused(body(record, kind)?),
        Kind::StateHash => Event::StateHash(body(record, kind)?),
        Kind::Recovered => Event::Recovered(body(record, kind)?),
        Kind::DurableMark
        | Kind::NewOrder
        | Kind::CancelOrder
        | Kind::ReplaceOrder
        | Kind::QueryOrder
        | Kind::QueryOpenOrders
        | Kind::AmendOrder
        | Kind::CancelAll
        | Kind::Latch => return Err(BadRecord::WrongPlace { kind }),
    })
}
