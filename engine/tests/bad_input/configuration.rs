//! Limits that contradict each other: refused whole, before anything trades, with every key.

use engine::machine::{ApplyError, Machine, Outputs};
use model::blob::{self, BlobKind};
use model::ids::SourceId;
use model::num::Lots;
use rust_decimal::Decimal;

use crate::kit::{START_NS, config, maker, run_started};

#[test]
fn limits_that_contradict_each_other_are_refused_with_every_key() {
    let mut bad = config(vec![maker()]);
    bad.limits.messages_reserved = bad.limits.messages_burst;
    bad.limits.query_pause_max_ns = bad.limits.query_pause_min_ns - 1;
    bad.limits.orders.qty_max = Lots(0);
    bad.limits.orders.value_max = Decimal::NEGATIVE_ONE;
    bad.limits.orders.position_max = Lots(-1);
    let paths: Vec<String> = bad
        .check()
        .into_iter()
        .map(|problem| problem.path)
        .collect();
    for key in [
        "limits.messages_reserved",
        "limits.query_pause_max_ns",
        "limits.orders.qty_max",
        "limits.orders.value_max",
        "limits.orders.position_max",
    ] {
        assert!(paths.iter().any(|path| path == key), "{key} in {paths:?}");
    }
    // It cannot come by the log either: the machine refuses to go on.
    let (mut machine, mut out) = (Machine::new(), Outputs::new());
    let mut records = vec![run_started(1, 0)];
    let parts = blob::records(BlobKind::MachineConfig, &bad).unwrap();
    records.extend(parts.into_iter().map(|part| part.from_source(SourceId(9))));
    let last = records.len();
    for (number, mut record) in (1..).zip(records) {
        record.event = number;
        record.time_ns = START_NS;
        let applied = machine.apply(&record, &mut out);
        if usize::try_from(number).unwrap() < last {
            applied.unwrap();
        } else {
            let Err(ApplyError::Config { count, .. }) = applied else {
                panic!("{applied:?}")
            };
            assert_eq!(count, paths.len());
        }
    }
    assert!(machine.config().is_none());
}
