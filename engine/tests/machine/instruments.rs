//! Instruments that change: filters are taken over, other steps halt trading, other names are an
//! error.

use crate::kit::{ACCOUNT, INSTRUMENT, Rig, config, kinds, maker, spec};
use engine::machine::{ApplyError, Outputs};
use model::blob::{self, BlobKind};
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

fn relist(rig: &mut Rig, spec: &InstrumentSpec) -> Result<(), ApplyError> {
    let mut out = Outputs::new();
    for record in blob::records(BlobKind::Instrument, spec).unwrap() {
        let mut record: Record = record.from_source(SourceId(4));
        record.event = rig.machine.last_event() + 1;
        record.time_ns = rig.now;
        rig.machine.apply(&record, &mut out)?;
        rig.log.push(record);
    }
    Ok(())
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
    relist(&mut rig, &other).unwrap();
    let known = rig.machine.instruments().next().unwrap();
    assert_eq!((known.tick, known.trading), (spec().tick, false));
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
