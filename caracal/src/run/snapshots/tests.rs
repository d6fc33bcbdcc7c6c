//! A snapshot is written when the log below it is durable, and never before.

use std::path::Path;
use std::sync::Arc;

use journal::storage::Memory;
use journal::{Options, SEGMENT_BYTES_MIN, Steps, Writer};
use model::body::RunStarted;
use model::record::{Kind, Record};

use super::*;

struct Rig {
    folder: Folder,
    writer: Writer,
    steps: Steps,
    shadow: Shadow,
    snapshots: Snapshots,
}

fn rig(durability: Durability, every: Duration) -> Rig {
    let folder = Folder::new(Arc::new(Memory::new()), Path::new("/journal"));
    let options = Options::new(durability).segment_bytes(SEGMENT_BYTES_MIN);
    let (writer, steps, recovery) = Writer::open_stepped(&folder, options).unwrap();
    let source = Source {
        folder: folder.clone(),
        journal_id: 7,
        epoch: recovery.epoch,
        durability,
        watch: writer.watch(),
        pruner: writer.pruner(),
        keep: PruneOptions::default(),
    };
    Rig {
        snapshots: Snapshots::start(source, every, 0).unwrap(),
        folder,
        writer,
        steps,
        shadow: Shadow::new(),
    }
}

impl Rig {
    /// Appends the start of a run and leads the shadow over it.
    fn append(&mut self) {
        let body = RunStarted {
            epoch: self.shadow.machine().epoch() + 1,
            reserved0: 0,
            commands_journaled: 0,
            reserved: [0; 64],
        };
        let mut record = Record::new(Kind::RunStarted, &body);
        record.event = self.shadow.machine().last_event() + 1;
        record.seq = self.writer.append(&record).unwrap();
        assert_eq!(self.shadow.take(&record).unwrap(), None);
    }

    fn written(&self) -> Vec<u64> {
        snapshot::list(&self.folder).unwrap()
    }

    /// Looks until the snapshots of these sequences are there, or for 20 s.
    fn wait_for(&mut self, want: &[u64]) {
        let began = Instant::now();
        while self.written() != want {
            assert!(began.elapsed() < Duration::from_secs(20), "{want:?}");
            self.snapshots.look(&self.shadow);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn snapshots_wait_until_the_log_is_durable() {
    let mut rig = rig(
        Durability::Interval(Duration::from_millis(10)),
        Duration::ZERO,
    );
    rig.append();
    for _ in 0..20 {
        rig.snapshots.look(&rig.shadow);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(rig.snapshots.waiting.is_some());
    assert!(
        rig.written().is_empty(),
        "written before the log was durable"
    );
    rig.steps.sync();
    assert_eq!(rig.writer.watch().durable_seq(), 1);
    rig.wait_for(&[1]);
    // Nothing new, so no other one.
    rig.snapshots.look(&rig.shadow);
    assert!(rig.snapshots.waiting.is_none());
    // The last one, once the journal is closed.
    rig.append();
    rig.steps.close(rig.writer).unwrap();
    rig.snapshots.end(&rig.shadow);
    assert_eq!(snapshot::list(&rig.folder).unwrap(), [1, 2]);
}

#[test]
fn snapshots_of_process_mode_ask_for_a_sync_and_volatile_has_none() {
    let mut process = rig(Durability::Process, Duration::ZERO);
    process.append();
    process.steps.sync();
    assert_eq!(
        process.writer.durable_seq(),
        0,
        "nobody has asked, and the segment is not full"
    );
    process.snapshots.look(&process.shadow);
    assert!(
        process.snapshots.waiting.is_some(),
        "not before it is durable"
    );
    process.steps.sync();
    process.wait_for(&[1]);
    let mut volatile = rig(Durability::Volatile, Duration::ZERO);
    volatile.append();
    volatile.snapshots.look(&volatile.shadow);
    volatile.snapshots.end(&volatile.shadow);
    assert!(snapshot::list(&volatile.folder).unwrap().is_empty());
}

#[test]
fn snapshots_come_at_their_interval_and_a_failed_one_ends_nothing() {
    let mut seldom = rig(Durability::Process, Duration::from_hours(1));
    seldom.append();
    seldom.snapshots.look(&seldom.shadow);
    assert!(seldom.snapshots.waiting.is_none() && !seldom.snapshots.writing);
    // A directory that is not there: the next one is tried all the same.
    let nowhere = Source {
        folder: Folder::on_disk(Path::new("/nowhere/at/all")),
        journal_id: 7,
        epoch: 1,
        durability: Durability::Process,
        watch: seldom.writer.watch(),
        pruner: seldom.writer.pruner(),
        keep: PruneOptions::default(),
    };
    let mut failing = Snapshots::start(nowhere, Duration::ZERO, 0).unwrap();
    for _ in 0..3 {
        let began = Instant::now();
        seldom.writer.watch().want_durable(seldom.shadow.last_seq());
        seldom.steps.sync();
        failing.look(&seldom.shadow);
        assert!(failing.writing);
        while failing.writing && began.elapsed() < Duration::from_secs(20) {
            failing.last.1 = seldom.shadow.last_seq();
            failing.look(&seldom.shadow);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!failing.writing);
        seldom.append();
    }
    failing.end(&seldom.shadow);
}
