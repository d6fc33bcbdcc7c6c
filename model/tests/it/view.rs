//! Decoding any bytes: an error that names the field's record, never a panic; ids keep their parts.

use model::event::{BadRecord, view};
use model::ids::{ClientOrderId, StrategyId};
use model::record::{Kind, Record};
use proptest::prelude::*;
use zerocopy::FromBytes as _;

#[test]
fn view_of_an_unknown_kind_or_flag_is_refused_by_name() {
    let mut record = Record::ZERO;
    assert_eq!(
        view(&record).unwrap_err(),
        BadRecord::UnknownKind { code: 0 }
    );
    record.kind = Kind::Tick.code();
    record.flags = 0x80;
    assert_eq!(
        view(&record).unwrap_err(),
        BadRecord::UnknownFlags {
            kind: Kind::Tick,
            flags: 0x80
        }
    );
}

#[test]
fn view_of_a_side_that_does_not_exist_is_refused() {
    let mut record = Record::ZERO;
    record.kind = Kind::Trade.code();
    assert_eq!(
        view(&record).unwrap_err(),
        BadRecord::Field { kind: Kind::Trade }
    );
}

proptest! {
    #[test]
    fn prop_view_of_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 128)) {
        let record = Record::read_from_bytes(&bytes).unwrap();
        let _ = view(&record);
        let _ = format!("{record:?}");
    }

    #[test]
    fn prop_client_order_id_keeps_its_parts(
        epoch in 1_u32..1 << 24, strategy in 0_u16..64, counter in any::<u32>(),
    ) {
        let id = ClientOrderId::new(epoch, Some(StrategyId(strategy)), counter).unwrap();
        prop_assert_eq!(ClientOrderId::from_raw(id.raw()), Some(id));
        prop_assert_eq!(id.epoch(), epoch);
        prop_assert_eq!(id.strategy(), Some(StrategyId(strategy)));
        prop_assert_eq!(id.counter(), counter);
    }
}
