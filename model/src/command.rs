//! The closed set of commands: what the machine decides and a gateway acts on.
//!
//! Hot path: yes. Allocates: no.

use crate::body::{
    AmendOrder, CancelAll, CancelOrder, Latch, NewOrder, QueryOpenOrders, QueryOrder, ReplaceOrder,
};
use crate::event::{BadRecord, body};
use crate::record::{Kind, Record};

/// A command, as a gateway matches on it. The record's header says whom it concerns.
#[derive(Debug, Clone, Copy)]
#[expect(
    missing_docs,
    reason = "each variant is documented at its kind and its body"
)]
pub enum CommandView<'a> {
    NewOrder(&'a NewOrder),
    CancelOrder(&'a CancelOrder),
    ReplaceOrder(&'a ReplaceOrder),
    QueryOrder(&'a QueryOrder),
    QueryOpenOrders(&'a QueryOpenOrders),
    AmendOrder(&'a AmendOrder),
    CancelAll(&'a CancelAll),
    Latch(&'a Latch),
}

impl CommandView<'_> {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::NewOrder(_) => Kind::NewOrder,
            Self::CancelOrder(_) => Kind::CancelOrder,
            Self::ReplaceOrder(_) => Kind::ReplaceOrder,
            Self::QueryOrder(_) => Kind::QueryOrder,
            Self::QueryOpenOrders(_) => Kind::QueryOpenOrders,
            Self::AmendOrder(_) => Kind::AmendOrder,
            Self::CancelAll(_) => Kind::CancelAll,
            Self::Latch(_) => Kind::Latch,
        }
    }

    /// Its number, from 1, without gaps over the whole journal.
    #[must_use]
    pub const fn number(&self) -> u64 {
        match self {
            Self::NewOrder(command) => command.command,
            Self::CancelOrder(command) => command.command,
            Self::ReplaceOrder(command) => command.command,
            Self::QueryOrder(command) => command.command,
            Self::QueryOpenOrders(command) => command.command,
            Self::AmendOrder(command) => command.command,
            Self::CancelAll(command) => command.command,
            Self::Latch(command) => command.command,
        }
    }

    /// Raw client order id of the order that it places, cancels or asks for; 0 if there is none.
    /// For a replacement, the new order's.
    #[must_use]
    pub const fn client_id(&self) -> u64 {
        match self {
            Self::NewOrder(command) => command.client_id,
            Self::CancelOrder(command) => command.client_id,
            Self::ReplaceOrder(command) => command.client_id,
            Self::QueryOrder(command) => command.client_id,
            Self::AmendOrder(command) => command.client_id,
            Self::QueryOpenOrders(_) | Self::CancelAll(_) | Self::Latch(_) => 0,
        }
    }
}

/// The command in `record`.
///
/// # Errors
///
/// [`BadRecord`]; [`BadRecord::WrongPlace`] for an event.
#[inline]
pub fn command(record: &Record) -> Result<CommandView<'_>, BadRecord> {
    match crate::event::view(record)? {
        crate::event::View::Command(command) => Ok(command),
        crate::event::View::Event(_) | crate::event::View::Mark(_) => match record.kind() {
            Some(kind) => Err(BadRecord::WrongPlace { kind }),
            None => Err(BadRecord::UnknownKind { code: record.kind }),
        },
    }
}

#[inline]
pub(crate) fn view(record: &Record, kind: Kind) -> Result<CommandView<'_>, BadRecord> {
    match kind {
        Kind::NewOrder => body(record, kind).map(CommandView::NewOrder),
        Kind::CancelOrder => body(record, kind).map(CommandView::CancelOrder),
        Kind::ReplaceOrder => body(record, kind).map(CommandView::ReplaceOrder),
        Kind::QueryOrder => body(record, kind).map(CommandView::QueryOrder),
        Kind::QueryOpenOrders => body(record, kind).map(CommandView::QueryOpenOrders),
        Kind::AmendOrder => body(record, kind).map(CommandView::AmendOrder),
        Kind::CancelAll => body(record, kind).map(CommandView::CancelAll),
        Kind::Latch => body(record, kind).map(CommandView::Latch),
        Kind::RunStarted
        | Kind::RunEnded
        | Kind::BlobPart
        | Kind::Tick
        | Kind::Connection
        | Kind::BookReset
        | Kind::BookLevels
        | Kind::Trade
        | Kind::Quote
        | Kind::Mark
        | Kind::Rate
        | Kind::BookOrder
        | Kind::Candle
        | Kind::OpenInterest
        | Kind::Liquidation
        | Kind::OrderAcked
        | Kind::OrderRejected
        | Kind::OrderFilled
        | Kind::OrderCancelled
        | Kind::OrderExpired
        | Kind::OrderUnknown
        | Kind::OrderStatus
        | Kind::OrderAbsent
        | Kind::CancelRejected
        | Kind::Sent
        | Kind::SendFailed
        | Kind::OpenOrders
        | Kind::OrderAmended
        | Kind::AmendRejected
        | Kind::Balance
        | Kind::Transfer
        | Kind::Funding
        | Kind::PositionReport
        | Kind::Operator
        | Kind::Control
        | Kind::RiskRefused
        | Kind::RiskNotice
        | Kind::DurableMark
        | Kind::StateHash
        | Kind::Recovered => Err(BadRecord::WrongPlace { kind }),
    }
}
