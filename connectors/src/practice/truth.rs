//! The venue's truth: what a client's own state is compared with, exactly.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::accounts::Balance;
use super::exchange::{Exchange, Listing};
use super::perps::{Income, VenuePosition};
use super::types::{Side, VenueOrder, VenueTrade};

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

/// Everything, at this moment.
pub(crate) fn truth(
    exchange: &Exchange,
    now_ms: i64,
    recording: Option<RecordingProgress>,
) -> Truth {
    Truth {
        now_ms,
        balances: (0..exchange.accounts.count())
            .map(|account| exchange.accounts.balances(account).clone())
            .collect(),
        open_orders: exchange.ledger.open().cloned().collect(),
        orders: exchange.ledger.orders_from(0).cloned().collect(),
        trades: exchange.ledger.trades().cloned().collect(),
        positions: exchange.venue_positions(),
        incomes: exchange.perps.incomes.iter().cloned().collect(),
        fees: exchange.accounts.fees().clone(),
        books: exchange.listings.iter().map(book).collect(),
        recording,
        next_order_id: exchange.next_order_id(),
        next_execution_id: exchange.next_execution_id(),
        next_trade_ids: exchange
            .listings
            .iter()
            .map(|listing| listing.next_trade_id)
            .collect(),
    }
}

fn book(listing: &Listing) -> BookTruth {
    let half = |side| -> Vec<(Decimal, Decimal)> {
        let levels = listing.liquidity.levels(side).map(|(price, qty)| {
            let price = listing.spec.tick.decimal(price);
            price.zip(listing.shown_step().decimal(qty))
        });
        levels.flatten().collect()
    };
    BookTruth {
        last_update_id: listing.liquidity.update_id(),
        bids: half(Side::Buy),
        asks: half(Side::Sell),
    }
}
