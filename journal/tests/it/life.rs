//! A journal's life in random steps, against a model that only counts.

use std::path::Path;

use journal::Writer;
use proptest::prelude::*;

use crate::common::{
    PER_SEGMENT, append_range, assert_holds, edit, fast_dir, offset_of, open, reboot, segment,
};

#[derive(Debug, Clone)]
enum Step {
    /// Append as many records.
    Append(u64),
    /// Close in order, open again.
    Close,
    /// Die, open again.
    Die,
    /// Die with a record half stored behind the last one, open again.
    DieTorn { junk: u8, bytes: usize },
    /// Lose power: the last records that no mark covers are torn as well.
    LosePower { torn: u64, at: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..PER_SEGMENT + 50).prop_map(Step::Append),
        1 => Just(Step::Close),
        1 => Just(Step::Die),
        1 => (1..=255u8, 1..=120usize).prop_map(|(junk, bytes)| Step::DieTorn { junk, bytes }),
        1 => (1..4u64, 0..128usize).prop_map(|(torn, at)| Step::LosePower { torn, at }),
    ]
}

/// Opens, and checks that exactly `last` records are left.
fn reopen(dir: &Path, last: u64) -> Writer {
    let (writer, recovery) = open(dir);
    assert_eq!(recovery.last_seq, last);
    assert_holds(dir, last);
    writer
}

/// Changes bytes of record `seq`, wherever it is.
fn change(dir: &Path, seq: u64, edit_record: impl FnOnce(&mut [u8])) {
    let id = u32::try_from((seq - 1) / PER_SEGMENT).unwrap();
    let path = segment(dir, id);
    if path.exists() {
        let at = offset_of(seq);
        edit(&path, |bytes| edit_record(&mut bytes[at..at + 128]));
    }
}

fn live(steps: Vec<Step>) {
    let dir = fast_dir();
    let path = dir.path();
    let mut last = 0;
    let mut writer = reopen(path, last);
    for step in steps {
        match step {
            Step::Append(count) => {
                append_range(&mut writer, last + 1..=last + count);
                last += count;
            }
            Step::Close => {
                assert_eq!(writer.close().unwrap().last_seq, last);
                writer = reopen(path, last);
            }
            Step::Die => {
                drop(writer);
                writer = reopen(path, last);
            }
            Step::DieTorn { junk, bytes } => {
                drop(writer);
                // Published last is what makes a record: its first word is still zero.
                change(path, last + 1, |record| record[8..8 + bytes].fill(junk));
                writer = reopen(path, last);
            }
            Step::LosePower { torn, at } => {
                let watch = writer.watch();
                drop(writer);
                // Asked when no helper runs any more.
                let promised = watch.durable_seq();
                reboot(path);
                let from = (last + 1).saturating_sub(torn).max(promised + 1);
                for seq in from..=last {
                    change(path, seq, |record| record[at] ^= 0x55);
                }
                last = last.min(from - 1);
                writer = reopen(path, last);
            }
        }
    }
    assert_holds(path, last);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Goal: whatever happens, in whatever order, the log is the prefix that it must be.
    #[test]
    fn prop_journal_keeps_the_right_prefix(steps in prop::collection::vec(step(), 1..12)) {
        live(steps);
    }
}
