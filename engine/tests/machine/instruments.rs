//! Instruments that change: filters are taken over, other steps halt trading, other names are an
//! error.

use crate::kit::{ACCOUNT, INSTRUMENT, Rig, config, kinds, maker, report, sent, spec, tick};
use engine::machine::{ApplyError, Outputs};
use model::blob::{self, BlobKind};
use model::body::{NoticeCode, OrderStatus, RejectReason, Side};
use model::event::{Event, event};
use model::ids::SourceId;
use model::instrument::InstrumentSpec;
use model::num::{Lots, Scale};
use model::record::{Kind, Record};

fn started() -> Rig {
    let mut rig = Rig::new();
    rig.start(&config(vec![maker()]), 0);
    assert_eq!(kinds(&rig.commands), [Kind::NewOrder, Kind::NewOrder]);
    rig
}

/// The commands that the new specification causes.
fn relist(rig: &mut Rig, spec: &InstrumentSpec) -> Result<Vec<Record>, ApplyError> {
    let mut commands = Vec::new();
    let mut out = Outputs::new();
    for record in blob::records(BlobKind::Instrument, spec).unwrap() {
        let mut record: Record = record.from_source(SourceId(4));
        record.event = rig.machine.last_event() + 1;
        record.time_ns = rig.now;
        rig.machine.apply(&record, &mut out)?;
        rig.log.push(record);
        commands.extend(out.commands.iter().map(|command| *command.as_ref()));
    }
    rig.commands.extend(&commands);
    Ok(commands)
}

#[test]
fn instrument_with_new_filters_keeps_its_book_and_uses_them() {
    let mut rig = started();
    let mut newer = spec();
    newer.qty_min = Lots(101);
    relist(&mut rig, &newer).unwrap();
    assert!(rig.machine.top(INSTRUMENT).is_some());
    let known = rig.machine.instruments().next().unwrap();
    assert_eq!((known.qty_min, known.trading), (Lots(101), true));
}

#[test]
fn instrument_with_other_steps_halts_while_orders_or_a_position_depend_on_them() {
    let mut other = spec();
    other.tick = Scale::new(1, 1).unwrap();
    let mut rig = started();
    for command in rig.commands.clone() {
        rig.apply(sent(&command));
    }
    let cancels = relist(&mut rig, &other).unwrap();
    let known = rig.machine.instruments().next().unwrap();
    assert_eq!((known.tick, known.trading), (spec().tick, false));
    // What rests in the old steps goes, and people are told.
    assert_eq!(kinds(&cancels), [Kind::CancelOrder, Kind::CancelOrder]);
    rig.apply(tick());
    let told = |record: &Record| match event(record) {
        Ok(Event::RiskNotice(notice)) => Some((notice.code, notice.value, notice.threshold)),
        _ => None,
    };
    let told: Vec<_> = rig.out.refusals.iter().filter_map(told).collect();
    assert!(told.contains(&(NoticeCode::RulesChanged, 2, 0)), "{told:?}");
    // A start at which nothing rests any more takes the new steps.
    for command in rig.commands.clone() {
        let id = model::command::command(&command).unwrap().client_id();
        let none = OrderStatus::NotStated;
        rig.apply(report(
            Kind::OrderCancelled,
            id,
            none,
            0,
            RejectReason::None,
        ));
    }
    assert_eq!(rig.machine.orders().live_count(), 0);
    relist(&mut rig, &other).unwrap();
    let known = rig.machine.instruments().next().unwrap();
    assert_eq!((known.tick, known.trading), (other.tick, true));
    let mut rig = Rig::new();
    rig.begin(&config(vec![maker()]), 0);
    relist(&mut rig, &other).unwrap();
    let known = rig.machine.instruments().next().unwrap();
    assert_eq!((known.tick, known.trading), (other.tick, true));
    assert!(rig.machine.top(INSTRUMENT).is_none());
    assert!(rig.machine.position(INSTRUMENT, ACCOUNT).is_some());
}

#[test]
fn instrument_of_another_name_is_an_error() {
    let mut rig = started();
    let mut other = spec();
    other.symbol = "ETHUSDT".to_owned();
    let refused = relist(&mut rig, &other);
    assert!(
        matches!(refused, Err(ApplyError::Renamed { id: 0, .. })),
        "{refused:?}"
    );
}

#[test]
fn instrument_with_a_too_long_asset_or_before_the_configuration_is_an_error() {
    let mut rig = Rig::new();
    rig.apply(crate::kit::run_started(1, 0));
    let refused = relist(&mut rig, &spec());
    assert!(matches!(refused, Err(ApplyError::Instrument { .. })));
    let mut rig = started();
    let mut long = spec();
    long.base = "A-VERY-LONG-ASSET".to_owned();
    assert!(matches!(
        relist(&mut rig, &long),
        Err(ApplyError::Instrument { .. })
    ));
}

#[test]
fn instrument_with_another_lot_halts_while_a_position_is_open_and_no_longer() {
    let mut other = spec();
    other.lot = Scale::new(1, 4).unwrap();
    let mut rig = Rig::new();
    rig.begin(&config(vec![maker()]), 0);
    let buy = |trade, side| crate::kit::fill(0, trade, side, 1_000_000, 10);
    rig.apply(buy(1, Side::Buy));
    relist(&mut rig, &other).unwrap();
    let known = rig.machine.instruments().next().unwrap();
    assert_eq!((known.lot, known.trading), (spec().lot, false));
    rig.apply(tick());
    let told = |record: &Record| match event(record) {
        Ok(Event::RiskNotice(notice)) => Some((notice.code, notice.value, notice.threshold)),
        _ => None,
    };
    let told: Vec<_> = rig.refusals.iter().filter_map(told).collect();
    assert!(told.contains(&(NoticeCode::RulesChanged, 0, 1)), "{told:?}");
    // Other ticks alone are no harm to a position.
    let mut ticks = spec();
    ticks.tick = Scale::new(1, 1).unwrap();
    relist(&mut rig, &ticks).unwrap();
    let known = rig.machine.instruments().next().unwrap();
    assert_eq!((known.tick, known.trading), (ticks.tick, true));
    relist(&mut rig, &spec()).unwrap();
    rig.apply(buy(2, Side::Sell));
    relist(&mut rig, &other).unwrap();
    let known = rig.machine.instruments().next().unwrap();
    assert_eq!((known.lot, known.trading), (other.lot, true));
}
