//! What the venue holds to be true, for whoever compares a client with it.

use rust_decimal::Decimal;

use super::core::Core;
use super::market;
use crate::practice::exchange::Listing;
use crate::practice::types::Side;
use crate::practice::{BookTruth, RecordingProgress, Truth};

/// Everything, at this moment.
pub(in crate::binance) fn truth(core: &Core, recording: Option<RecordingProgress>) -> Truth {
    let exchange = &core.exchange;
    Truth {
        now_ms: core.now_ms,
        balances: (0..core.keys.len())
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
        let mut levels = Vec::new();
        market::each_level(listing, side, usize::MAX, |price, qty| {
            let price = listing.spec.tick.decimal(price);
            let qty = listing.shown_step().decimal(qty);
            levels.extend(price.zip(qty));
        });
        levels
    };
    BookTruth {
        last_update_id: market::update_id(listing),
        bids: half(Side::Buy),
        asks: half(Side::Sell),
    }
}
