//! Byte layout of a record: the only file that knows where each byte of the 128 lives.
//!
//! ```text
//!        0        4    5     6      7      8                16
//!        +--------+----+-----+------+------+----------------+----------------+
//!    0   |checksum|kind|flags|source|detail| seq            | time_ns        |
//!        +--------+----+-----+------+------+----------------+----------------+
//!   24   |instrument|account |strategy     | event          | stamp_ns       |
//!        +----------+--------+-------------+----------------+----------------+
//!   48   | body: 80 bytes, by kind (see `body`)                              |
//!        +-------------------------------------------------------------------+
//!  128
//! ```
//!
//! - `checksum` u32, observed: CRC-32C of bytes 4..128, seeded with the segment id. The journal
//!   writes and checks it; 0 before that.
//! - `kind` u8: what the record is ([`Kind`]); `flags` u8: [`flags`]; `detail` u8: by kind.
//! - `source` u8: the lane that an event came through ([`SourceId`]); for a command, 0.
//! - `seq` u64, observed: log sequence from 1, given by the journal at append. Before that, inside
//!   the engine's rings, the place carries the sequencer's latency stamp.
//! - `time_ns` u64: machine time, nanoseconds since the Unix epoch, never falling from event to
//!   event. A command has its cause's time.
//! - `instrument` u32, `account` u16, `strategy` u16: the id plus one; 0 means none.
//! - `event` u64: an event's own number, from 1; a command's cause.
//! - `stamp_ns` u64, observed: for an event, when its bytes were read from the socket; for a
//!   command, when risk approved it. Nanoseconds since the Unix epoch; 0 if there was none.
//!
//! All integers are little-endian. Everything that is not *observed* is *decided*: replay must
//! reproduce it bit for bit ([`Record::same_decision`]).
//!
//! Hot path: yes. Allocates: no.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::ids::{AccountId, InstrumentId, SourceId, StrategyId};
use crate::limits::{BODY_BYTES, RECORD_BYTES};

/// Bits of a record's `flags`.
pub mod flags {
    /// Last record of one venue message; the book is whole after it.
    pub const LAST_OF_MESSAGE: u8 = 1;
    /// Part of a snapshot that followed a book reset.
    pub const SNAPSHOT: u8 = 2;
    /// Found by a query or at reconciliation, not by the live stream.
    pub const RECONCILED: u8 = 4;
    /// Every flag that version 1 knows; a record with another one is refused.
    pub const KNOWN: u8 = LAST_OF_MESSAGE | SNAPSHOT | RECONCILED;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// What a record is. Codes below 128 are events, from 128 on commands.
        ///
        /// Room is kept for what later versions bring.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            TryFromBytes, IntoBytes, Immutable, KnownLayout,
        )]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $name = $code,)*
        }

        impl Kind {
            /// Every kind of version 1.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The kind of a code, if version 1 knows it.
            #[inline]
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Stable name in snake case, as the tools print it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

kinds! {
    /// The engine started on this journal: [`crate::body::RunStarted`].
    RunStarted = 1,
    /// The engine ended in order: [`crate::body::RunEnded`].
    RunEnded = 2,
    /// Part of a variable-length value: [`crate::body::BlobPart`].
    BlobPart = 3,
    /// Time passed: [`crate::body::Tick`].
    Tick = 4,
    /// A connection changed its state: [`crate::body::Connection`].
    Connection = 5,
    /// The book is empty and a snapshot follows: [`crate::body::BookReset`].
    BookReset = 6,
    /// New absolute quantities of book levels: [`crate::body::BookLevels`].
    BookLevels = 7,
    /// A trade in the market: [`crate::body::Trade`].
    Trade = 8,
    /// Best bid and ask: [`crate::body::Quote`].
    Quote = 9,
    /// Mark price, index and funding rate: [`crate::body::Mark`].
    Mark = 10,
    /// An asset in the reporting currency: [`crate::body::Rate`].
    Rate = 11,
    /// One order's change in the venue's book: [`crate::body::BookOrder`].
    BookOrder = 12,
    /// A candle as the venue makes it: [`crate::body::Candle`].
    Candle = 13,
    /// Open interest of a contract: [`crate::body::OpenInterest`].
    OpenInterest = 14,
    /// A liquidation of somebody's position: [`crate::body::Liquidation`].
    Liquidation = 15,
    /// The venue has the order: [`crate::body::OrderReport`].
    OrderAcked = 16,
    /// The venue refused the order; it does not exist: [`crate::body::OrderReport`].
    OrderRejected = 17,
    /// One fill of one of our orders: [`crate::body::Fill`].
    OrderFilled = 18,
    /// The order is cancelled: [`crate::body::OrderReport`].
    OrderCancelled = 19,
    /// The venue ended the order itself: [`crate::body::OrderReport`].
    OrderExpired = 20,
    /// Sent, and the outcome is not known: [`crate::body::OrderReport`].
    OrderUnknown = 21,
    /// Answer to a query, the venue's present view of the order: [`crate::body::OrderReport`].
    OrderStatus = 22,
    /// Answer to a query, the venue does not know the order: [`crate::body::OrderReport`].
    OrderAbsent = 23,
    /// The venue refused a cancel: [`crate::body::OrderReport`].
    CancelRejected = 24,
    /// The gateway wrote a command to the socket: [`crate::body::Sent`].
    Sent = 25,
    /// A command did not leave the gateway: [`crate::body::OrderReport`]. The record's `detail` is
    /// the code of the command's kind, so that a lost cancel is never taken for a lost order.
    SendFailed = 26,
    /// The venue's list of our open orders, counted: [`crate::body::OpenOrders`].
    OpenOrders = 27,
    /// The venue made an order smaller: [`crate::body::Amended`].
    OrderAmended = 28,
    /// The venue refused to amend an order: [`crate::body::OrderReport`].
    AmendRejected = 29,
    /// A balance as the venue reports it: [`crate::body::Balance`].
    Balance = 32,
    /// Money that moved without a trade: [`crate::body::Transfer`].
    Transfer = 33,
    /// Funding of a perpetual: [`crate::body::Funding`].
    Funding = 34,
    /// A position as the venue reports it: [`crate::body::PositionReport`].
    PositionReport = 35,
    /// A person's or the supervisor's order to the engine: [`crate::body::Operator`].
    Operator = 40,
    /// A person's request to risk: [`crate::body::ControlRequest`].
    Control = 41,
    /// Risk refused an intent: [`crate::body::Refusal`].
    RiskRefused = 48,
    /// Risk tells people something: [`crate::body::Notice`].
    RiskNotice = 49,
    /// Filling of a commit in the strict durability modes, with the last durable sequence:
    /// [`crate::body::DurableMark`]. Neither event nor command: the journal's own. Its event
    /// number and time are those of the record before it.
    DurableMark = 57,
    /// State hash at an earlier event, from the shadow: [`crate::body::StateHash`].
    StateHash = 58,
    /// Recovery cut something off before this run: [`crate::body::Recovered`].
    Recovered = 59,
    /// Place an order: [`crate::body::NewOrder`].
    NewOrder = 128,
    /// Cancel an order: [`crate::body::CancelOrder`].
    CancelOrder = 129,
    /// Cancel one order and place another in one request: [`crate::body::ReplaceOrder`].
    ReplaceOrder = 130,
    /// Ask the venue for one order and its fills: [`crate::body::QueryOrder`].
    QueryOrder = 131,
    /// Ask the venue for the list of open orders: [`crate::body::QueryOpenOrders`].
    QueryOpenOrders = 132,
    /// Make an order smaller: [`crate::body::AmendOrder`].
    AmendOrder = 133,
    /// Cancel every open order: [`crate::body::CancelAll`].
    CancelAll = 134,
    /// Kill switch for the gateways' last line: [`crate::body::Latch`].
    Latch = 135,
}

impl Kind {
    /// The code of the first command kind.
    pub const FIRST_COMMAND: u8 = 128;

    /// Its code in the record.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether it tells of a market's book, trades or prices.
    #[inline]
    #[must_use]
    pub const fn is_market(self) -> bool {
        matches!(
            self,
            Self::BookReset
                | Self::BookLevels
                | Self::BookOrder
                | Self::Trade
                | Self::Quote
                | Self::Mark
        )
    }

    /// Whether the record is a decision of the machine.
    #[must_use]
    pub const fn is_command(self) -> bool {
        self.code() >= Self::FIRST_COMMAND
    }
}

/// One event or command: 128 plain bytes.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(128))]
pub struct Record {
    /// See the module's header; so for every field.
    pub checksum: u32,
    /// Code of the [`Kind`].
    pub kind: u8,
    /// Bits of [`flags`].
    pub flags: u8,
    /// Raw [`SourceId`].
    pub source: u8,
    /// Small value by kind; see [`crate::body`].
    pub detail: u8,
    /// Log sequence.
    pub seq: u64,
    /// Machine time, nanoseconds since the Unix epoch.
    pub time_ns: u64,
    instrument: u32,
    account: u16,
    strategy: u16,
    /// Event number.
    pub event: u64,
    /// Latency stamp, nanoseconds since the Unix epoch.
    pub stamp_ns: u64,
    /// Body, by kind.
    pub body: [u8; BODY_BYTES],
}

const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<Record>() == RECORD_BYTES);
    assert!(offset_of!(Record, kind) == 4);
    assert!(offset_of!(Record, seq) == 8);
    assert!(offset_of!(Record, time_ns) == 16);
    assert!(offset_of!(Record, instrument) == 24);
    assert!(offset_of!(Record, event) == 32);
    assert!(offset_of!(Record, stamp_ns) == 40);
    assert!(offset_of!(Record, body) == 48);
    assert!(offset_of!(Record, body) + BODY_BYTES == RECORD_BYTES);
};

impl Record {
    /// 128 zero bytes: no valid record, and what an unused place in the journal holds.
    pub const ZERO: Self = Self {
        checksum: 0,
        kind: 0,
        flags: 0,
        source: 0,
        detail: 0,
        seq: 0,
        time_ns: 0,
        instrument: 0,
        account: 0,
        strategy: 0,
        event: 0,
        stamp_ns: 0,
        body: [0; BODY_BYTES],
    };

    /// A record of `kind` with `body`; everything else is zero.
    #[inline]
    #[must_use]
    pub fn new<B: crate::body::Body>(kind: Kind, body: &B) -> Self {
        let mut record = Self {
            kind: kind.code(),
            ..Self::ZERO
        };
        record.body.copy_from_slice(body.as_bytes());
        record
    }

    /// The same record from this lane.
    #[inline]
    #[must_use]
    pub const fn from_source(mut self, source: SourceId) -> Self {
        self.source = source.0;
        self
    }

    /// The same record about this instrument.
    #[inline]
    #[must_use]
    pub const fn on_instrument(mut self, instrument: InstrumentId) -> Self {
        self.instrument = instrument.0 + 1;
        self
    }

    /// The same record about this account.
    #[inline]
    #[must_use]
    pub const fn on_account(mut self, account: AccountId) -> Self {
        self.account = account.0 + 1;
        self
    }

    /// The same record about this strategy.
    #[inline]
    #[must_use]
    pub const fn by_strategy(mut self, strategy: StrategyId) -> Self {
        self.strategy = strategy.0 + 1;
        self
    }

    /// The same record of no strategy: the engine's own.
    #[inline]
    #[must_use]
    pub const fn by_engine(mut self) -> Self {
        self.strategy = 0;
        self
    }

    /// The same record with these [`flags`] added.
    #[inline]
    #[must_use]
    pub const fn with_flags(mut self, added: u8) -> Self {
        self.flags |= added;
        self
    }

    /// The same record with this latency stamp.
    #[inline]
    #[must_use]
    pub const fn stamped(mut self, stamp_ns: u64) -> Self {
        self.stamp_ns = stamp_ns;
        self
    }

    /// Its kind, if version 1 knows it.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        Kind::from_code(self.kind)
    }

    /// The lane it came through.
    #[inline]
    #[must_use]
    pub const fn source(&self) -> SourceId {
        SourceId(self.source)
    }

    /// The instrument it is about.
    #[inline]
    #[must_use]
    pub const fn instrument(&self) -> Option<InstrumentId> {
        match self.instrument.checked_sub(1) {
            Some(id) => Some(InstrumentId(id)),
            None => None,
        }
    }

    /// The account it is about.
    #[inline]
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        match self.account.checked_sub(1) {
            Some(id) => Some(AccountId(id)),
            None => None,
        }
    }

    /// The strategy it is about.
    #[inline]
    #[must_use]
    pub const fn strategy(&self) -> Option<StrategyId> {
        match self.strategy.checked_sub(1) {
            Some(id) => Some(StrategyId(id)),
            None => None,
        }
    }

    /// Whether all of `mask` is set.
    #[inline]
    #[must_use]
    pub const fn has(&self, mask: u8) -> bool {
        self.flags & mask == mask
    }

    /// The same bytes with the observed part zeroed: what two runs of one log must agree on.
    #[inline]
    #[must_use]
    pub const fn decided(mut self) -> Self {
        self.checksum = 0;
        self.seq = 0;
        self.stamp_ns = 0;
        self
    }

    /// Whether both records are the same decision.
    #[must_use]
    pub fn same_decision(&self, other: &Self) -> bool {
        self.decided() == other.decided()
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("Record");
        out.field("seq", &self.seq)
            .field("event", &self.event)
            .field("time_ns", &self.time_ns);
        if let Some(instrument) = self.instrument() {
            out.field("instrument", &instrument.0);
        }
        if let Some(account) = self.account() {
            out.field("account", &account.0);
        }
        if let Some(strategy) = self.strategy() {
            out.field("strategy", &strategy.0);
        }
        out.field("flags", &self.flags)
            .field("detail", &self.detail);
        match crate::event::view(self) {
            Ok(view) => out.field("body", &view).finish(),
            Err(error) => out.field("unreadable", &error.to_string()).finish(),
        }
    }
}
