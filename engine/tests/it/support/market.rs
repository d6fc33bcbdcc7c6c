//! A market that never rests: a book that moves a tick back and forth, trades between.

use model::body::{
    BookLevels, BookReset, Channel, Connection, Level, LinkState, Quote, Side, Text, Trade,
};
use model::ids::InstrumentId;
use model::num::{Lots, Ticks};
use model::record::{Kind, Record, flags};

use super::session::START_NS;

/// Events before the market moves: links, reset, snapshot.
const OPENING: u64 = 4;
/// Machine time between two market events.
const STEP_NS: u64 = 1_000_000;
/// Middle of the book.
const MIDDLE: i64 = 6_000_000;

/// The market's event `index`, counted from 0.
pub(crate) fn market(index: u64) -> Record {
    let record = match index {
        0 => link(Channel::Market, LinkState::Syncing),
        1 => Record::new(
            Kind::BookReset,
            &BookReset {
                update_id: 1,
                level_records: 1,
                reserved: [0; 64],
            },
        ),
        2 => levels(index, MIDDLE).with_flags(flags::SNAPSHOT),
        3 => link(Channel::Market, LinkState::Up),
        _ => moving(index - OPENING),
    };
    record
        .on_instrument(InstrumentId(0))
        .stamped(START_NS + (index + 1) * STEP_NS)
}

pub(crate) fn link(channel: Channel, state: LinkState) -> Record {
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

fn moving(step: u64) -> Record {
    // Up and down by 8 ticks in steps of 4, so that quotes must follow.
    let middle = MIDDLE + 4 * [0, 1, 2, 1][(step / 3 % 4) as usize];
    match step % 3 {
        0 => levels(step, middle),
        1 => Record::new(Kind::Quote, &quote(step, middle)),
        _ => Record::new(Kind::Trade, &trade(step, middle)),
    }
}

/// The best level of each side where this middle has it, and the one inside of it gone.
fn levels(update_id: u64, middle: i64) -> Record {
    let level = |offset: i64, qty| Level {
        price: Ticks(middle + offset),
        qty: Lots(qty),
    };
    let body = BookLevels {
        update_id,
        venue_time_ns: 0,
        levels: [
            level(-20, 1_000),
            level(-16, 0),
            level(20, 1_000),
            level(16, 0),
        ],
    };
    let mut record = Record::new(Kind::BookLevels, &body).with_flags(flags::LAST_OF_MESSAGE);
    record.detail = BookLevels::detail(4, 0b1100);
    record
}

fn quote(update_id: u64, middle: i64) -> Quote {
    let level = |offset: i64| Level {
        price: Ticks(middle + offset),
        qty: Lots(1_000),
    };
    Quote {
        update_id,
        venue_time_ns: 0,
        bid: level(-20),
        ask: level(20),
        reserved: [0; 32],
    }
}

fn trade(trade_id: u64, middle: i64) -> Trade {
    Trade {
        trade_id,
        venue_time_ns: 0,
        price: Ticks(middle + 20),
        qty: Lots(10),
        aggressor: Side::Buy,
        reserved: [0; 47],
    }
}
