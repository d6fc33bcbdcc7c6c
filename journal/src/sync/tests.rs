//! A sync that fails is latched and not tried again.

use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::format::SEGMENT_BYTES_MIN;
use crate::mapping::{Mapping, Region};
use crate::storage::{Access, Memory, Storage};

const GEOMETRY: Geometry = Geometry {
    journal_id: 7,
    segment_bytes: SEGMENT_BYTES_MIN,
};

/// A syncer over one segment with this file, of which `appended` records are appended.
fn syncer(file: Arc<dyn StoredFile>, appended: u64) -> Syncer {
    let region = Region::heap(4096);
    let segment = Segment {
        id: 0,
        file,
        region: region.0.into_region(),
    };
    let shared = Shared::new(0, 0, 0);
    shared.set_appended(appended);
    Syncer {
        folder: Folder::new(Arc::new(Memory::new()), Path::new("/memory")),
        geometry: GEOMETRY,
        live: Arc::new(Mutex::new(vec![Arc::new(segment)])),
        shared: Arc::new(shared),
        mark_count: 0,
        mark_segment: 0,
        is_strict: false,
    }
}

/// A file whose syncs fail.
struct Unsyncable;

impl StoredFile for Unsyncable {
    fn size(&self) -> io::Result<u64> {
        Ok(SEGMENT_BYTES_MIN)
    }
    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Ok(0)
    }
    fn write_at(&self, bytes: &[u8], _: u64) -> io::Result<usize> {
        Ok(bytes.len())
    }
    fn allocate(&self, _: u64) -> io::Result<()> {
        Ok(())
    }
    fn set_len(&self, _: u64) -> io::Result<()> {
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(5))
    }
    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }
    fn map(&self, _: usize) -> io::Result<Mapping> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[test]
fn sync_failure_is_latched_and_ends_the_thread() {
    let mut syncer = syncer(Arc::new(Unsyncable), 5);
    assert!(syncer.sync_through(5).is_err());
    let errno = syncer.shared.failed();
    assert_eq!(errno, Some(5));
    assert_eq!(syncer.shared.durable(), 0);

    // With the other end of `stop` alive, the thread's loop returns only because the sync failed.
    let (_stop, stopped) = std::sync::mpsc::channel();
    let interval = Durability::Interval(Duration::from_millis(1));
    let syncer = Mutex::new(syncer);
    run(&syncer, interval, &stopped);
    let mut syncer = hold(&syncer);
    assert_eq!(syncer.shared.failed(), errno);
    assert_eq!(syncer.shared.durable(), 0);
    let again = syncer.sync_through(5).unwrap_err();
    assert_eq!(again.raw_os_error(), errno, "the latch, not a second try");
}

#[test]
fn sync_success_moves_durable_and_mark() {
    let file = Memory::new().open(Path::new("segment"), Access::Create);
    let mut syncer = syncer(file.unwrap(), 5);
    for (round, target) in [2, 2, 5].into_iter().enumerate() {
        syncer.sync_through(target).unwrap();
        assert_eq!(syncer.shared.durable(), target, "round {round}");
    }
    let file = &lock(&syncer.live)[0];
    file.file.set_len(SEGMENT_BYTES_MIN).unwrap();
    let seed = GEOMETRY.seed(0);
    let marks = crate::scan::marks(&*file.file, seed).unwrap();
    // Two syncs, so two marks; the newer one holds.
    assert_eq!(marks, crate::scan::Marks::Valid(Mark::sealed(5, 2, seed)));
}
