//! Events as a feed and a gateway make them, for machines that are driven by hand.
//!
//! Hot path: yes. Allocates: no.

use model::body::{
    AssetName, Balance, BookLevels, BookReset, Channel, Connection, Fill, Level, LinkState,
    Liquidity, OrderReport, OrderStatus, RejectReason, Sent, Side, Text,
};
use model::command::CommandView;
use model::ids::AccountId;
use model::num::{Lots, Money, Ticks};
use model::ports::Trace;
use model::record::{Kind, Record, flags};
use rust_decimal::Decimal;

/// Best bid of every bench's market at its start, ticks.
pub const BID: i64 = 6_183_763;

/// A connection's event.
#[must_use]
pub fn link(channel: Channel, state: LinkState) -> Record {
    let body = Connection {
        venue: 0,
        channel,
        state,
        reserved: 0,
        code: 0,
        text: Text::EMPTY,
    };
    Record::new(Kind::Connection, &body)
}

/// More of an asset than any order needs.
#[must_use]
pub fn balance(asset: &str) -> Record {
    let body = Balance {
        free: Money::new(Decimal::from(100_000_000)),
        locked: Money::new(Decimal::ZERO),
        venue_time_ns: 0,
        asset: AssetName::cut(asset),
        reserved: [0; 26],
    };
    Record::new(Kind::Balance, &body).on_account(AccountId(0))
}

/// The market's connection comes up, and the book is whole.
#[must_use]
pub fn market_opening() -> Vec<Record> {
    let reset = BookReset {
        update_id: 1,
        level_records: 1,
        reserved: [0; 64],
    };
    let level = |price| Level {
        price: Ticks(price),
        qty: Lots(100_000),
    };
    let levels = BookLevels {
        update_id: 1,
        venue_time_ns: 0,
        levels: [level(BID), level(BID - 1), level(BID + 1), level(BID + 2)],
    };
    let mut snapshot =
        Record::new(Kind::BookLevels, &levels).with_flags(flags::SNAPSHOT | flags::LAST_OF_MESSAGE);
    snapshot.detail = BookLevels::detail(4, 0b1100);
    vec![
        link(Channel::Market, LinkState::Syncing),
        Record::new(Kind::BookReset, &reset),
        snapshot,
        link(Channel::Market, LinkState::Up),
    ]
}

/// The orders' connection comes up, with balances.
#[must_use]
pub fn orders_opening() -> [Record; 4] {
    [
        link(Channel::Orders, LinkState::Syncing),
        balance("USDT"),
        balance("BTC"),
        link(Channel::Orders, LinkState::Up),
    ]
}

/// What a venue says of an order: open, or cancelled.
#[must_use]
pub const fn report(client_id: u64, venue_order_id: u64, status: OrderStatus) -> OrderReport {
    OrderReport {
        client_id,
        venue_order_id,
        venue_time_ns: 0,
        cum_qty: Lots(0),
        code: 0,
        status,
        reason: RejectReason::None,
        text: Text::EMPTY,
    }
}

/// A fill of an order to buy.
#[must_use]
pub fn fill(client_id: u64, venue_order_id: u64, trade_id: u64, price: Ticks, qty: Lots) -> Fill {
    Fill {
        client_id,
        venue_order_id,
        venue_time_ns: 0,
        trade_id,
        price,
        qty,
        fee: Money::new(Decimal::ZERO),
        fee_asset: AssetName::cut("USDT"),
        side: Side::Buy,
        liquidity: Liquidity::Maker,
    }
}

/// A command's way, with the stamps that the gateway adds.
#[must_use]
pub fn sent(view: &CommandView<'_>, trace: Trace, taken_ns: u64, written_ns: u64) -> Sent {
    Sent {
        command: view.number(),
        client_id: view.client_id(),
        received_ns: trace.received_ns,
        sequenced_ns: trace.sequenced_ns,
        intended_ns: trace.intended_ns,
        approved_ns: trace.approved_ns,
        taken_ns,
        written_ns,
        reserved: [0; 16],
    }
}
