//! The start of a run as the binary makes it: a configured machine and a journal that agree.

use std::path::Path;
use std::sync::Arc;

use engine::machine::{
    AccountConfig, ControlConfig, Machine, MachineConfig, OrderLimits, Outputs, Protection,
    RiskLimits, StrategyConfig,
};
use engine::strategy::MarketMakerParams;
use journal::{Durability, Folder, Options, Writer};
use model::blob::{self, BlobKind};
use model::body::RunStarted;
use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Scale, Ticks};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use super::slow_disk::SlowDisk;
use super::{log_of, writer};

/// Machine time of the start: later than any wall clock, so that the ticks of a live timer do not
/// move it and the market's stamps alone do.
pub(crate) const START_NS: u64 = 4_000_000_000_000_000_000;

/// Two market makers on one instrument, with limits that let them trade all the time.
pub(crate) fn config() -> MachineConfig {
    let strategy = |name: &str, half_spread_ticks| StrategyConfig {
        name: name.to_owned(),
        account: AccountId(0),
        instruments: vec![InstrumentId(0)],
        kind: MarketMakerParams::KIND.to_owned(),
        params: MarketMakerParams {
            half_spread_ticks: Ticks(half_spread_ticks),
            requote_ticks: Ticks(0),
            requote_pause_ns: 0,
            backoff_ns: 1,
            ..MarketMakerParams::example()
        }
        .params(),
    };
    MachineConfig {
        strategies: vec![strategy("near", 2), strategy("far", 7)],
        limits: limits(),
        accounts: vec![AccountConfig {
            venue: VenueId(0),
            name: "test".to_owned(),
        }],
        reporting: "USDT".to_owned(),
        protection: Protection::default(),
        book_window_ticks: 1 << 12,
        control: ControlConfig::default(),
    }
}

fn limits() -> RiskLimits {
    RiskLimits {
        orders: OrderLimits {
            qty_max: Lots(10_000),
            value_max: Decimal::from(1_000_000),
            collar_bps: 5_000,
            position_max: Lots(1_000_000),
            open_orders_max: 200,
        },
        instruments: Vec::new(),
        open_orders_max: 500,
        messages_per_second: 100_000,
        messages_burst: 100_000,
        messages_reserved: 100,
        book_age_max_ns: 3_600_000_000_000,
        ack_timeout_ns: 3_600_000_000_000,
        recv_window_ns: 5_000_000_000,
        query_pause_min_ns: 1_000_000_000,
        query_pause_max_ns: 60_000_000_000,
        query_attempts_max: 8,
        flow: engine::machine::FlowRules::default(),
    }
}

fn instrument() -> InstrumentSpec {
    InstrumentSpec {
        id: InstrumentId(0),
        venue: VenueId(0),
        symbol: "BTCUSDT".to_owned(),
        name: "BTC-USDT.TEST".to_owned(),
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

/// The events of the start, numbered from 1.
pub(crate) fn start_events() -> Vec<Record> {
    let run = RunStarted {
        epoch: 1,
        reserved0: 0,
        commands_journaled: 0,
        reserved: [0; 64],
    };
    let mut events = vec![Record::new(Kind::RunStarted, &run)];
    events.extend(blob::records(BlobKind::MachineConfig, &config()).unwrap());
    events.extend(blob::records(BlobKind::Instrument, &instrument()).unwrap());
    for (event, number) in events.iter_mut().zip(1..) {
        (event.event, event.time_ns) = (number, START_NS);
    }
    events
}

/// A machine that has applied the start, and a journal in `dir` that holds it.
pub(crate) fn started(dir: &Path) -> (Machine, Writer) {
    started_on(writer(dir))
}

/// A journal in `dir` on `disk`, with small segments.
pub(crate) fn writer_on(disk: &SlowDisk, dir: &Path, durability: Durability) -> Writer {
    let folder = Folder::new(Arc::new(disk.clone()), dir);
    let options = Options::new(durability).segment_bytes(1 << 20);
    Writer::open_in(&folder, options).unwrap().0
}

/// The same on a journal that is open already.
pub(crate) fn started_on(mut writer: Writer) -> (Machine, Writer) {
    let mut machine = Machine::new();
    let mut out = Outputs::new();
    for event in start_events() {
        machine.apply(&event, &mut out).unwrap();
        writer.append(&event).unwrap();
    }
    (machine, writer)
}

/// What one thread computes from `events`: the machine at the end, and every command.
pub(crate) fn applied(events: &[Record]) -> (Machine, Vec<Record>) {
    let mut machine = Machine::new();
    let mut out = Outputs::new();
    let mut commands = Vec::new();
    for event in events {
        machine.apply(event, &mut out).unwrap();
        commands.extend(
            out.commands
                .iter()
                .map(|command| command.as_ref().decided()),
        );
    }
    (machine, commands)
}

/// Events and commands of the journal in `dir`, each in their order.
pub(crate) fn events_and_commands(dir: &Path) -> (Vec<Record>, Vec<Record>) {
    let is_event = |record: &Record| record.kind < Kind::FIRST_COMMAND;
    let (events, commands): (Vec<Record>, Vec<Record>) =
        log_of(dir).into_iter().partition(is_event);
    let decided = commands.into_iter().map(Record::decided).collect();
    (events, decided)
}
