//! Bodies of records: one 80-byte struct per shape, without padding.
//!
//! A field that a version does not use is zero. Ids, prices and quantities are the model's own;
//! times are nanoseconds since the Unix epoch; text is UTF-8, cut at a character, zero-filled.
//!
//! Hot path: yes. Allocates: no.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::limits::{ASSET_NAME_BYTES, BLOB_PART_BYTES, BODY_BYTES, LEVELS_PER_RECORD};
use crate::num::{Lots, Money, Ticks};

mod account;
mod control;
mod market;
mod order;
mod refusal;
mod run;

pub use account::{Funding, MarginMode, PositionReport, Transfer, TransferKind};
pub use control::{
    ControlAction, ControlRequest, Level as NoticeLevel, Notice, NoticeCode, Outcome,
};
pub use market::{
    BookChange, BookLevels, BookOrder, BookReset, Candle, Level, Liquidation, Mark, OpenInterest,
    Quote, Rate, Trade,
};
pub use order::{
    AmendOrder, Amended, CancelAll, CancelOrder, Fill, Latch, NewOrder, OpenOrders, OrderReport,
    OrderStatus, OrderType, QueryOpenOrders, QueryOrder, RejectReason, ReplaceOrder, SelfTrade,
    Sent, TimeInForce,
};
pub use refusal::{Refusal, RefusalReason};
pub use run::{
    Balance, BlobPart, Channel, Connection, DurableMark, LinkState, Operator, OperatorAction,
    Recovered, RunEnded, RunStarted, StateHash, Tick,
};

/// A struct that fills a record's body exactly.
pub trait Body: TryFromBytes + IntoBytes + Immutable + KnownLayout {}

/// Which way an order or a trade goes.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    serde::Serialize,
    serde::Deserialize,
)]
#[repr(u8)]
pub enum Side {
    /// Buys the base asset.
    Buy = 1,
    /// Sells the base asset.
    Sell = 2,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// +1 for a buy, -1 for a sell.
    #[must_use]
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }
}

/// Whether a fill took liquidity or made it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    serde::Serialize,
    serde::Deserialize,
)]
#[repr(u8)]
pub enum Liquidity {
    /// Rested in the book.
    Maker = 1,
    /// Traded on arrival.
    Taker = 2,
}

/// A yes or no in a record; bytes other than 0 and 1 do not decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u8)]
pub enum Flag {
    /// Not so.
    No = 0,
    /// So.
    Yes = 1,
}

impl Flag {
    /// As a boolean.
    #[must_use]
    pub const fn is_yes(self) -> bool {
        matches!(self, Self::Yes)
    }
}

impl From<bool> for Flag {
    fn from(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }
}

/// Short text inside a record: UTF-8, zero-filled, cut at a character where it is too long.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct Text<const BYTES: usize>([u8; BYTES]);

/// Name of an asset, for example `BTC`.
pub type AssetName = Text<ASSET_NAME_BYTES>;

impl<const BYTES: usize> Text<BYTES> {
    /// No text.
    pub const EMPTY: Self = Self([0; BYTES]);

    /// `text`, cut to what fits.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        let mut end = text.len().min(BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut bytes = [0; BYTES];
        bytes[..end].copy_from_slice(&text.as_bytes()[..end]);
        Self(bytes)
    }

    /// `text` whole, or `None` if it does not fit.
    #[must_use]
    pub fn whole(text: &str) -> Option<Self> {
        (text.len() <= BYTES).then(|| Self::cut(text))
    }

    /// The text up to the first zero byte; bytes that are not UTF-8 end it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap_or(BYTES);
        let bytes = &self.0[..end];
        match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or(""),
        }
    }
}

impl<const BYTES: usize> std::fmt::Debug for Text<BYTES> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl<const BYTES: usize> std::fmt::Display for Text<BYTES> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
