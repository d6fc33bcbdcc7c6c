//! Journals for the tests of `caracal journal`, made with the library: quick, and with every kind
//! that has columns of its own.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use journal::{Durability, Options, Writer};
use model::blob::{self, BlobKind};
use model::body::{
    BookLevels, Fill, Level, Liquidity, NewOrder, OrderType, RunStarted, Side, Text, Tick,
    TimeInForce, Trade,
};
use model::ids::{AccountId, ClientOrderId, InstrumentId, StrategyId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Money, Scale, Ticks};
use model::record::{Kind, Record};

use crate::rig::{caracal, finish};

/// Machine time of the first record.
pub(crate) const START_NS: u64 = 1_795_341_600_000_000_000;
/// Machine time between two events.
pub(crate) const STEP_NS: u64 = 1_000_000;

/// Runs `caracal journal ARGUMENTS` in `directory`.
pub(crate) fn journal(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = caracal(directory);
    command.arg("journal").args(arguments);
    finish(command, Duration::from_secs(30))
}

/// What it printed; fails the test if it failed.
#[track_caller]
pub(crate) fn printed(directory: &Path, arguments: &[&str]) -> String {
    let output = journal(directory, arguments);
    crate::rig::assert_success(&output);
    String::from_utf8(output.stdout).unwrap()
}

/// What it complained about; fails the test if it did not fail, or panicked.
#[track_caller]
pub(crate) fn complained(directory: &Path, arguments: &[&str]) -> String {
    let output = journal(directory, arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
    assert!(!text.contains("panicked"), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "one line: {text}");
    text
}

fn instrument(id: u32, symbol: &str) -> InstrumentSpec {
    InstrumentSpec {
        id: InstrumentId(id),
        venue: VenueId(0),
        symbol: symbol.to_owned(),
        name: format!("{symbol}.TEST"),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        tick: Scale::from_text("0.01").unwrap(),
        lot: Scale::from_text("0.00001").unwrap(),
        price_min: None,
        price_max: None,
        qty_min: Lots(1),
        qty_max: Lots(1_000_000),
        notional_min: None,
        notional_max: None,
        trading: true,
        contract: model::instrument::Contract::Spot,
    }
}

/// The client order id of order `counter` of strategy 1.
pub(crate) fn order_id(counter: u32) -> ClientOrderId {
    ClientOrderId::new(1, Some(StrategyId(1)), counter).unwrap()
}

/// A new journal in `dir` with two instruments and then `rounds` times: a tick, a book update, a
/// trade, an order and its fill. Segments of 64 KiB (448 records). Returns the last sequence.
pub(crate) fn make(dir: &Path, rounds: u32) -> u64 {
    let options = Options::new(Durability::Interval(Duration::from_millis(5)));
    let (mut writer, _) = Writer::open(dir, options.segment_bytes(64 << 10)).unwrap();
    let mut event = 0;
    for record in opening().into_iter().chain((1..=rounds).flat_map(round)) {
        if record.kind < Kind::FIRST_COMMAND {
            event += 1;
        }
        append(&mut writer, record, event);
    }
    writer.close().unwrap().last_seq
}

fn append(writer: &mut Writer, mut record: Record, event: u64) {
    record.event = event;
    record.time_ns = START_NS + event * STEP_NS;
    while let Err(error) = writer.append(&record) {
        assert_eq!(error, journal::AppendError::SegmentNotReady);
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn opening() -> Vec<Record> {
    let started = RunStarted {
        epoch: 1,
        reserved0: 0,
        commands_journaled: 0,
        reserved: [0; 64],
    };
    let mut records = vec![Record::new(Kind::RunStarted, &started)];
    for spec in [instrument(0, "BTCUSDT"), instrument(1, "ETHUSDT")] {
        records.extend(blob::records(BlobKind::Instrument, &spec).unwrap());
    }
    records
}

fn round(number: u32) -> [Record; 5] {
    let count = u64::from(number);
    let (price, qty) = (Ticks(6_000_000 + i64::from(number)), Lots(100));
    let tick = Tick {
        count,
        reserved: [0; 72],
    };
    let mut levels = BookLevels {
        update_id: count,
        venue_time_ns: 0,
        levels: [Level::UNUSED; 4],
    };
    levels.levels[0] = Level { price, qty };
    let mut book = Record::new(Kind::BookLevels, &levels).on_instrument(InstrumentId(0));
    book.detail = BookLevels::detail(1, number as u8 & 1);
    let trade = Trade {
        trade_id: count,
        venue_time_ns: 0,
        price,
        qty,
        aggressor: Side::Sell,
        reserved: [0; 47],
    };
    let order = NewOrder {
        command: count,
        client_id: order_id(number).raw(),
        price,
        qty,
        tag: 0,
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        reduce_only: false.into(),
        self_trade: model::body::SelfTrade::NotStated,
        reserved: [0; 35],
    };
    let fill = Fill {
        client_id: order.client_id,
        venue_order_id: count,
        venue_time_ns: 0,
        trade_id: count,
        price,
        qty,
        fee: Money::new("-0.00012".parse().unwrap()),
        fee_asset: Text::cut("USDT"),
        side: Side::Buy,
        liquidity: Liquidity::Maker,
    };
    let ours = |record: Record| {
        let record = record.on_account(AccountId(0)).by_strategy(StrategyId(1));
        record.on_instrument(InstrumentId(0))
    };
    [
        Record::new(Kind::Tick, &tick),
        book,
        Record::new(Kind::Trade, &trade).on_instrument(InstrumentId(1)),
        ours(Record::new(Kind::NewOrder, &order)),
        ours(Record::new(Kind::OrderFilled, &fill)),
    ]
}
