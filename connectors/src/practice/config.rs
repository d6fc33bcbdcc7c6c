//! What a practice venue is told at start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use model::instrument::InstrumentSpec;
use model::num::{Lots, Ticks};
use rust_decimal::Decimal;

use super::exchange::FeeRates;
use super::faults::FaultSpec;
use super::perps::PerpConfig;
use super::types::{OrderKind, OrderStatus, SelfTrade, Side};
use crate::protocol::Protocol;

/// Mean arrivals of a synthetic market, where nobody says.
pub(crate) const EVENTS_PER_SECOND: f64 = 300.0;

/// Everything that defines a practice venue.
#[derive(Debug, Clone)]
pub struct PracticeConfig {
    /// Whose protocol it speaks, and which of its markets it is.
    pub protocol: Protocol,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What the orders trade against.
    pub market: MarketConfig,
    /// What is traded.
    pub instruments: Vec<PracticeInstrument>,
    /// Who may trade.
    pub accounts: Vec<AccountSeed>,
    /// Fees.
    pub fees: FeeRates,
    /// Whether the accounts pay their fees in BNB, a quarter less, while they have enough of it and
    /// the venue has a price for it; else from what they receive.
    pub fees_in_bnb: bool,
    /// Rules of perpetuals, where an instrument is one.
    pub perps: PerpConfig,
    /// Positions that the accounts open with, without any message about them.
    pub positions: Vec<SeedPosition>,
    /// Request limits.
    pub limits: RequestLimits,
    /// Open orders that an account may have in one symbol: `MAX_NUM_ORDERS`.
    pub orders_max: usize,
    /// Where the venue's numbering starts.
    pub first_ids: FirstIds,
    /// What goes wrong, and when.
    pub faults: Vec<FaultSpec>,
    /// Seed of the faults' dice.
    pub fault_seed: u64,
    /// Never sleep: lowest latency, one core busy. For measurements.
    pub spin: bool,
    /// A client that leaves more than this unread is dropped.
    pub unread_bytes_max: usize,
    /// Time between two ping frames.
    pub ping_every: Duration,
    /// A WebSocket client that answers no ping for so long is dropped.
    pub pong_within: Duration,
    /// Capacity of the channel of [`super::SocketStamp`]s; `None` records none.
    pub stamps: Option<usize>,
}

/// What the orders trade against.
#[derive(Debug, Clone)]
pub enum MarketConfig {
    /// Seeded order flow.
    Synthetic {
        /// Same seed, same flow.
        seed: u64,
        /// Mean arrivals a second, per instrument.
        events_per_second: f64,
    },
    /// A recorded market of the first instrument. Others are synthetic, as with
    /// [`PracticeConfig::synthetic`].
    Recording {
        /// Lines of `<ns> <json>`, gzip.
        path: PathBuf,
        /// How fast it plays.
        speed: Speed,
    },
}

/// How fast a recording plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// This many times as fast as it was recorded.
    Times(u32),
    /// As fast as the clients read. Nothing is dropped.
    Max,
}

/// An instrument and where its synthetic price starts.
#[derive(Debug, Clone)]
pub struct PracticeInstrument {
    /// Steps and filters.
    pub spec: InstrumentSpec,
    /// First price of the synthetic flow.
    pub start_price: Ticks,
    /// What the flow's sizes are multiplied by: 1 for lots of about a hundred-thousandth of a coin,
    /// more for finer ones.
    pub flow_unit: i64,
}

/// An account at the venue.
#[derive(Debug, Clone)]
pub struct AccountSeed {
    /// What the client sends to say who it is.
    pub api_key: String,
    /// How it proves it.
    pub credential: Credential,
    /// Asset and amount, including what the open orders lock.
    pub balances: Vec<(String, Decimal)>,
    /// Orders that rest already; they are restored without any message about them.
    pub open_orders: Vec<SeedOrder>,
}

/// How an account signs.
#[derive(Clone)]
pub enum Credential {
    /// The shared secret of HMAC-SHA256.
    Hmac(Vec<u8>),
    /// The same, with the word that was chosen with the key.
    HmacWithPassphrase {
        /// The shared secret.
        secret: Vec<u8>,
        /// The word.
        passphrase: String,
    },
    /// The public key of Ed25519.
    Ed25519([u8; 32]),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hmac(_) => f.write_str("Hmac(***)"),
            Self::HmacWithPassphrase { .. } => f.write_str("HmacWithPassphrase(***)"),
            Self::Ed25519(key) => f.debug_tuple("Ed25519").field(key).finish(),
        }
    }
}

/// An order that rests when the venue starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedOrder {
    /// Position in [`PracticeConfig::instruments`].
    pub instrument: usize,
    /// The client's name for it.
    pub client_id: String,
    /// The venue's id for it.
    pub venue_order_id: u64,
    /// Side.
    pub side: Side,
    /// Limit or post-only.
    pub kind: OrderKind,
    /// Self-trade mode.
    pub self_trade: SelfTrade,
    /// Limit price.
    pub price: Ticks,
    /// Ordered quantity.
    pub qty: Lots,
    /// Filled so far.
    pub executed: Lots,
    /// Value filled so far, in quote.
    pub executed_quote: Decimal,
    /// When it was accepted, milliseconds since the Unix epoch.
    pub created_ms: i64,
}

impl SeedOrder {
    pub(crate) const fn status(&self) -> OrderStatus {
        if self.executed.0 > 0 {
            OrderStatus::PartiallyFilled
        } else {
            OrderStatus::New
        }
    }
}

/// A position in a perpetual that an account opens with, in cross margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedPosition {
    /// Position in [`PracticeConfig::accounts`].
    pub account: usize,
    /// Position in [`PracticeConfig::instruments`].
    pub instrument: usize,
    /// Lots, below zero for short.
    pub lots: i64,
    /// Worth of the lots at their average price: signed like them, in quote; of an inverse contract
    /// with the other sign, in base.
    pub cost: Decimal,
}

/// Request limits as Binance's `rateLimits` show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Request weight a minute.
    pub weight_per_minute: u32,
    /// Unfilled orders in ten seconds, per account.
    pub orders_per_ten_seconds: u32,
    /// Unfilled orders a day, per account.
    pub orders_per_day: u32,
    /// Orders a minute, per account, where the venue counts those instead of days.
    pub orders_per_minute: u32,
    /// Requests after a 429, in the same window, that are still answered 429; then comes the ban.
    pub patience: u32,
    /// Length of a ban.
    pub ban: Duration,
}

impl Default for RequestLimits {
    /// Binance's own, as its exchange information shows them.
    fn default() -> Self {
        Self {
            weight_per_minute: 6_000,
            orders_per_ten_seconds: 100,
            orders_per_day: 200_000,
            orders_per_minute: 1_200,
            patience: 10,
            ban: Duration::from_mins(2),
        }
    }
}

/// Where the venue's numbering starts, so that a restarted venue goes on where it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstIds {
    /// First order id.
    pub order: u64,
    /// First trade id of each instrument.
    pub trade: u64,
    /// Update id of the book before its first change, of each synthetic instrument.
    pub update: u64,
    /// First execution id.
    pub execution: u64,
}

impl Default for FirstIds {
    fn default() -> Self {
        Self {
            order: 1_000_001,
            trade: 500_001,
            update: 10_000_000,
            execution: 1,
        }
    }
}

impl PracticeConfig {
    /// A synthetic market in [`PracticeInstrument::btcusdt`] on a free loopback port, without
    /// accounts and without faults.
    #[must_use]
    pub fn synthetic(seed: u64) -> Self {
        Self {
            protocol: Protocol::BinanceSpot,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            market: MarketConfig::Synthetic {
                seed,
                events_per_second: EVENTS_PER_SECOND,
            },
            instruments: vec![PracticeInstrument::btcusdt()],
            accounts: Vec::new(),
            fees: FeeRates {
                maker: Decimal::new(1, 3),
                taker: Decimal::new(1, 3),
            },
            fees_in_bnb: false,
            perps: PerpConfig::default(),
            positions: Vec::new(),
            limits: RequestLimits::default(),
            orders_max: 200,
            first_ids: FirstIds::default(),
            faults: Vec::new(),
            fault_seed: seed,
            spin: false,
            unread_bytes_max: 8 << 20,
            ping_every: Duration::from_secs(20),
            pong_within: Duration::from_mins(1),
            stamps: None,
        }
    }
}
