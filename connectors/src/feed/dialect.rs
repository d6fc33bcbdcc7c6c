//! What differs from venue to venue in a market feed: everything else is in this folder.
//!
//! A dialect has no state, does no I/O and reads no clock. The feed is generic over it, so that
//! its decoder is compiled into the feed: no allocation and no dynamic call on the way of a
//! message. What is called at start or for a resynchronisation may allocate.
//!
//! How the feed uses it:
//!
//! ```text
//!   topics()  -> grouped by route, cut into connections of at most `topics_per_connection`
//!   opening() -> path of a connection; it may carry the subscriptions already
//!   subscribe() -> else one message for each batch, `messages_apart_ns` apart
//!   decode()  -> each frame becomes one `Market` (and `scratch.more`)
//!   Market::Depth goes through the book's synchronisation, by `Rules::chain`:
//!     Snapshots::Rest    updates are held; snapshot_path() is asked for; decode_snapshot()
//!     Snapshots::Stream  the first depth message is a `DepthPart::Snapshot`; after a gap the
//!                        topic is left by unsubscribe(), and subscribed to again behind
//!                        `Market::Left`, or after two seconds without it
//! ```

use model::instrument::InstrumentSpec;

use super::message::{Depth, Market, Scratch};
use super::mirror::Mirror;
use crate::wire::WireError;
use crate::wire::symbols::{Entry, Symbols};

/// A kind of market data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Content {
    /// Trades.
    Trades = 1,
    /// Best bid and ask.
    Quotes = 2,
    /// All levels of the book.
    Depth = 4,
    /// Mark price, index and funding.
    Marks = 8,
    /// Candles of one minute.
    Candles = 16,
    /// Open interest.
    OpenInterest = 32,
    /// Liquidations.
    Liquidations = 64,
}

/// A set of [`Content`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents(u8);

impl Contents {
    /// Trades, best prices and levels: what a strategy and a simulated venue need.
    pub const BOOK: Self = Self::of(&[Content::Trades, Content::Quotes, Content::Depth]);

    /// Everything that a venue has.
    pub const ALL: Self = Self(127);

    /// The set of these.
    #[must_use]
    pub const fn of(contents: &[Content]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < contents.len() {
            bits |= contents[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// Whether `content` is in it.
    #[must_use]
    pub const fn has(self, content: Content) -> bool {
        self.0 & content as u8 != 0
    }
}

/// One subscription: one kind of data of one instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Position of the instrument in the configuration's list.
    pub slot: usize,
    /// What it brings.
    pub content: Content,
    /// Which of the venue's stream servers has it: a number that [`FeedDialect::opening`] knows.
    /// Topics of different routes never share a connection.
    pub route: u8,
    /// As the venue writes it: its own name, or whatever `subscribe` makes its words of.
    pub name: String,
}

/// How a connection is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Path and query behind the configured address, percent-encoded.
    pub path: String,
    /// Whether the path subscribes to all topics already.
    pub subscribes: bool,
}

/// Where the whole book comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshots {
    /// A request, at most one each `apart_ns`.
    Rest {
        /// Shortest time between two, nanoseconds.
        apart_ns: u64,
    },
    /// The stream's first message behind a subscription.
    Stream,
}

/// How a book's updates follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// By their own ids, or by the id before where [`super::Span::before_id`] names it. Ids rise.
    Rising,
    /// By the id before alone, which each update names. An id may fall at a reset of the venue's.
    Linked,
}

/// Our own ping as a text message, where the venue wants one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ping {
    /// Sent when nothing came for so long, nanoseconds.
    pub after_ns: u64,
    /// Without anything since the ping, the connection is replaced after so long, nanoseconds.
    pub answer_ns: u64,
    /// The message.
    pub text: &'static str,
}

/// A value that the venue does not send and is asked for, by instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll {
    /// Shortest time between two requests, nanoseconds.
    pub apart_ns: u64,
    /// Time between two requests for one instrument, nanoseconds; longer if there are many.
    pub each_ns: u64,
}

/// The venue's rules for market connections. Say where each number is documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Most topics of one connection.
    pub topics_per_connection: usize,
    /// Most topics of one subscription message.
    pub topics_per_message: usize,
    /// Shortest time between two of our messages on one connection, nanoseconds.
    pub messages_apart_ns: u64,
    /// Most subscription messages (leaving ones too) of one connection in an hour.
    pub messages_per_hour: u32,
    /// Shortest time between two attempts to connect, nanoseconds.
    pub connects_apart_ns: u64,
    /// Our own ping. `None`: the venue's protocol pings are enough, which are always answered.
    pub ping: Option<Ping>,
    /// Where the whole book comes from.
    pub snapshots: Snapshots,
    /// How open interest is asked for, where the streams do not have it.
    pub poll: Option<Poll>,
    /// How its updates follow each other.
    pub chain: Chain,
}

/// A venue's market data.
pub trait FeedDialect {
    /// The venue's rules.
    const RULES: Rules;

    /// The subscriptions for one instrument; what the venue does not have is left out.
    fn topics(&self, slot: usize, spec: &InstrumentSpec, contents: Contents) -> Vec<Topic>;

    /// How the connection for these topics, all of one route, is opened.
    fn opening(&self, route: u8, topics: &[Topic]) -> Opening;

    /// Writes the message that subscribes to `topics`; `id` is unused on this connection.
    fn subscribe(&self, topics: &[Topic], id: u64, out: &mut String);

    /// Writes the message that ends the subscription to `topics`.
    fn unsubscribe(&self, topics: &[Topic], id: u64, out: &mut String);

    /// Reads one frame of a stream connection. Either the whole frame is read or it is an error;
    /// `scratch` is of no meaning then. An unknown symbol is an error.
    ///
    /// # Errors
    ///
    /// [`WireError`]; the feed counts and remarks it.
    fn decode(
        &self,
        bytes: &[u8],
        symbols: &Symbols,
        scratch: &mut Scratch,
    ) -> Result<Market, WireError>;

    /// Path and query of a request for the whole book of `symbol`, percent-encoded. Only for
    /// [`Snapshots::Rest`].
    fn snapshot_path(&self, symbol: &str, levels: u32) -> String;

    /// Reads the answer to it into `depth` and returns the id of the last update in it.
    ///
    /// # Errors
    ///
    /// [`WireError`]; the book's snapshot is asked for again.
    fn decode_snapshot(
        &self,
        bytes: &[u8],
        entry: &Entry,
        depth: &mut Depth,
    ) -> Result<u64, WireError>;

    /// The checksum of a book as the venue reckons it; `None` if there is nothing to compare.
    /// Asked for only behind a message that has one.
    fn checksum(&self, entry: &Entry, book: &Mirror) -> Option<i32> {
        let _no_checksum = (entry, book);
        None
    }

    /// Path and query of a request for the open interest of `symbol`. Only for [`Rules::poll`].
    fn poll_path(&self, symbol: &str) -> String {
        let _no_request = symbol;
        String::new()
    }

    /// Reads the answer to it.
    ///
    /// # Errors
    ///
    /// [`WireError`]; it is asked for again when its turn comes.
    fn decode_poll(&self, bytes: &[u8], entry: &Entry) -> Result<Market, WireError> {
        let _no_answer = (bytes, entry);
        Err(WireError::UnknownKind)
    }
}
