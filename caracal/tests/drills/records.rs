//! Records that a machine is told, made by hand.

use connectors::practice::PracticeInstrument;
use engine::machine::MachineConfig;
use model::blob::{self, BlobKind};
use model::body::{
    Balance, BookLevels, BookReset, Channel, Connection, Level, LinkState, RunStarted, Text, Tick,
};
use model::ids::SourceId;
use model::instrument::InstrumentSpec;
use model::num::{Lots, Money, Ticks};
use model::record::{Kind, Record, flags};
use rust_decimal::Decimal;

use crate::kit::{ACCOUNT, BTC, START};

/// The start of a run.
pub(crate) fn run_started(epoch: u32, commands_journaled: u64) -> Record {
    let body = RunStarted {
        epoch,
        reserved0: 0,
        commands_journaled,
        reserved: [0; 64],
    };
    Record::new(Kind::RunStarted, &body)
}

/// A connection that is up.
fn up(channel: Channel) -> Record {
    let body = Connection {
        venue: 0,
        channel,
        state: LinkState::Up,
        reserved: 0,
        code: 0,
        text: Text::EMPTY,
    };
    Record::new(Kind::Connection, &body)
}

/// A first run: its start, configuration, instrument, and the market's connection.
pub(crate) fn opening(config: &MachineConfig) -> Vec<Record> {
    opening_with(config, &PracticeInstrument::btcusdt().spec)
}

/// The same with another instrument.
pub(crate) fn opening_with(config: &MachineConfig, spec: &InstrumentSpec) -> Vec<Record> {
    let mut records = vec![run_started(1, 0)];
    for record in blob::records(BlobKind::MachineConfig, config).unwrap() {
        records.push(record.from_source(SourceId(9)));
    }
    for record in blob::records(BlobKind::Instrument, spec).unwrap() {
        records.push(record.from_source(SourceId(9)));
    }
    records.push(up(Channel::Market));
    records
}

/// What a machine needs before it may place an order: connection, balances, a book around
/// [`START`].
pub(crate) fn connected() -> Vec<Record> {
    let balance = |asset: &str, amount: i64| {
        let body = Balance {
            free: Money::new(Decimal::from(amount)),
            locked: Money::new(Decimal::ZERO),
            venue_time_ns: 0,
            asset: Text::cut(asset),
            reserved: [0; 26],
        };
        Record::new(Kind::Balance, &body).on_account(ACCOUNT)
    };
    let level = |price| (Ticks(price), Lots(50_000));
    let (reset, levels) = book(2, &[level(START - 2)], &[level(START + 2)]);
    vec![
        up(Channel::Orders),
        balance("BTC", 1_000),
        balance("USDT", 60_000_000),
        reset,
        levels,
    ]
}

/// A whole book of these levels.
pub(crate) fn book(
    update_id: u64,
    bids: &[(Ticks, Lots)],
    asks: &[(Ticks, Lots)],
) -> (Record, Record) {
    let reset = BookReset {
        update_id,
        level_records: 1,
        reserved: [0; 64],
    };
    let mut body = BookLevels {
        update_id,
        venue_time_ns: 0,
        levels: [Level::UNUSED; 4],
    };
    let count = bids.len() + asks.len();
    let mut of_asks = 0;
    for (index, &(price, qty)) in bids.iter().chain(asks).enumerate() {
        body.levels[index] = Level { price, qty };
        of_asks |= u8::from(index >= bids.len()) << index;
    }
    let whole = flags::LAST_OF_MESSAGE | flags::SNAPSHOT;
    let mut levels = Record::new(Kind::BookLevels, &body)
        .on_instrument(BTC)
        .with_flags(whole);
    levels.detail = BookLevels::detail(u8::try_from(count).unwrap(), of_asks);
    (
        Record::new(Kind::BookReset, &reset).on_instrument(BTC),
        levels,
    )
}

pub(crate) fn tick(count: u64) -> Record {
    let body = Tick {
        count,
        reserved: [0; 72],
    };
    Record::new(Kind::Tick, &body)
}

/// An event about a command's order: it concerns whom the command concerns.
pub(crate) fn like(record: Record, command: &Record) -> Record {
    let record = record.on_account(ACCOUNT).on_instrument(BTC);
    match command.strategy() {
        Some(strategy) => record.by_strategy(strategy),
        None => record,
    }
}
