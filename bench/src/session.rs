//! The start of a run, as the binary makes it: a configured machine and a journal that agree.
//!
//! One market maker that follows every quote, with limits that never stand in its way: what is
//! measured is the way of an order, with every check of risk done and none of them failed.

use std::path::Path;

use engine::machine::{
    AccountConfig, ControlConfig, Machine, MachineConfig, OrderLimits, Outputs, Protection,
    RiskLimits, StrategyConfig,
};
use engine::strategy::MarketMakerParams;
use journal::{Durability, Options, Writer};
use model::blob::{self, BlobKind};
use model::body::RunStarted;
use model::ids::{AccountId, InstrumentId, VenueId};
use model::instrument::InstrumentSpec;
use model::num::{Lots, Ticks};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use crate::HarnessError;

/// Quantity of each of the maker's orders, and the largest position that it wants: with one fill it
/// quotes one side only, one order for each quote of the market.
pub const QTY: Lots = Lots(100);

/// The machine's configuration.
#[must_use]
pub fn config() -> MachineConfig {
    MachineConfig {
        strategies: vec![StrategyConfig {
            name: "maker".to_owned(),
            account: AccountId(0),
            instruments: vec![InstrumentId(0)],
            kind: MarketMakerParams::KIND.to_owned(),
            params: MarketMakerParams {
                qty: QTY,
                half_spread_ticks: Ticks(2),
                skew_ticks: Ticks(0),
                position_max: QTY,
                requote_ticks: Ticks(0),
                backoff_ns: 1_000_000,
                requote_pause_ns: 0,
            }
            .params(),
        }],
        limits: limits(),
        accounts: vec![AccountConfig {
            venue: VenueId(0),
            name: "bench".to_owned(),
        }],
        reporting: "USDT".to_owned(),
        protection: Protection::default(),
        book_window_ticks: 1 << 17,
        control: ControlConfig::default(),
    }
}

fn limits() -> RiskLimits {
    RiskLimits {
        orders: OrderLimits {
            qty_max: Lots(100_000),
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
        book_age_max_ns: 60_000_000_000,
        ack_timeout_ns: 10_000_000_000,
        recv_window_ns: 5_000_000_000,
        query_pause_min_ns: 1_000_000_000,
        query_pause_max_ns: 60_000_000_000,
        query_attempts_max: 8,
        flow: engine::machine::FlowRules::default(),
    }
}

/// The events of the start at `now_ns`, numbered from 1.
///
/// # Errors
///
/// Never with an instrument of usual size.
pub fn start_events(instrument: &InstrumentSpec, now_ns: u64) -> Result<Vec<Record>, HarnessError> {
    let run = RunStarted {
        epoch: 1,
        reserved0: 0,
        commands_journaled: 0,
        reserved: [0; 64],
    };
    let mut events = vec![Record::new(Kind::RunStarted, &run)];
    events.extend(blob::records(BlobKind::MachineConfig, &config())?);
    events.extend(blob::records(BlobKind::Instrument, instrument)?);
    for (event, number) in events.iter_mut().zip(1..) {
        (event.event, event.time_ns) = (number, now_ns);
    }
    Ok(events)
}

/// A machine that has applied the start, and a journal in `dir` that holds it.
///
/// A new journal makes the segments behind the first one at once, which takes the disk, the caches
/// and a core for as long as they are large. Here no larger than the run needs.
///
/// # Errors
///
/// The journal could not be made.
pub fn started(
    dir: &Path,
    instrument: &InstrumentSpec,
    now_ns: u64,
    segment_bytes: u64,
) -> Result<(Machine, Writer), HarnessError> {
    let options = Options::new(Durability::Process).segment_bytes(segment_bytes);
    let (mut writer, _) = Writer::open(dir, options)?;
    let (mut machine, mut out) = (Machine::new(), Outputs::new());
    for event in start_events(instrument, now_ns)? {
        machine.apply(&event, &mut out)?;
        writer.append(&event)?;
    }
    Ok((machine, writer))
}
