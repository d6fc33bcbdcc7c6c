//! The venue's truth: what a client's own state is compared with, exactly.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::accounts::Balance;
use super::perps::{Income, VenuePosition};
use super::types::{VenueOrder, VenueTrade};

/// Everything the venue knows, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The moment, by the venue's clock, milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// Balances per account, assets in the order of their names.
    pub balances: Vec<BTreeMap<String, Balance>>,
    /// Open orders of all accounts, oldest first.
    pub open_orders: Vec<VenueOrder>,
    /// All orders still known, oldest first.
    pub orders: Vec<VenueOrder>,
    /// All trades of accounts still known, oldest first.
    pub trades: Vec<VenueTrade>,
    /// Positions in perpetuals, by account and instrument, flat ones too.
    pub positions: Vec<VenuePosition>,
    /// Money that moved with perpetuals, oldest first.
    pub incomes: Vec<Income>,
    /// Fees collected, per asset.
    pub fees: BTreeMap<String, Decimal>,
    /// Book of each instrument.
    pub books: Vec<BookTruth>,
    /// How far a recording has played.
    pub recording: Option<RecordingProgress>,
    /// Ids that come next: what a restarted venue takes as its [`super::FirstIds`].
    pub next_order_id: u64,
    /// See `next_order_id`.
    pub next_execution_id: u64,
    /// See `next_order_id`; one per instrument.
    pub next_trade_ids: Vec<u64>,
}

/// A book, best level first: price and quantity as decimals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BookTruth {
    /// Id of its last change.
    pub last_update_id: u64,
    /// Bids.
    pub bids: Vec<(Decimal, Decimal)>,
    /// Asks.
    pub asks: Vec<(Decimal, Decimal)>,
}

/// How far a recording has played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordingProgress {
    /// Lines played so far.
    pub lines: u64,
    /// Lines in the file.
    pub lines_total: u64,
    /// The last line was played.
    pub finished: bool,
}
