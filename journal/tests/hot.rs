//! The append path allocates nothing and takes no page fault. A binary of its own, so that no other
//! test runs beside it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail here"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

use journal::{AppendError, Durability, Options, Writer};
use model::record::{Kind, Record};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts what the calling thread allocates.
struct Counting;

// SAFETY: everything is passed on to the system's allocator as it is; the counter is a plain cell
// of the thread that allocates nothing itself.
#[expect(unsafe_code, reason = "an allocator cannot be written without it")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise about `block` and `layout` is passed on.
        unsafe { System.dealloc(block, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Minor faults of the calling thread, as the kernel counts them.
fn faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1;
    fields.split_whitespace().nth(7).unwrap().parse().unwrap()
}

/// Appends at a pace that the helper can follow; returns how often it had to wait for a segment.
fn run(writer: &mut Writer, records: u64) -> u64 {
    let mut record = Record::ZERO;
    record.kind = Kind::Tick.code();
    let mut waits = 0;
    let start = Instant::now();
    for n in 0..records {
        record.event = n;
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match writer.append(&record) {
                Ok(_) => break,
                Err(AppendError::SegmentNotReady) if Instant::now() < deadline => waits += 1,
                Err(error) => panic!("append: {error}"),
            }
        }
        // Two microseconds a record: about five times the rate of a busy market.
        while start.elapsed() < Duration::from_micros(2 * n) {
            std::hint::spin_loop();
        }
    }
    waits
}

/// Goal: steady state in `process` durability, over several segments, allocates nothing and does
/// not fault. A machine that is short of memory or processors may take pages back or keep the
/// helper waiting, so one clean try of twenty does.
#[test]
fn append_allocates_nothing_and_takes_no_fault() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(Durability::Process).segment_bytes(4 << 20);
    let (mut writer, _) = Writer::open(dir.path(), options).unwrap();
    // Once through, so that everything that is done on first use is done.
    run(&mut writer, 100_000);
    let _ = faults();
    let mut seen = Vec::new();
    for _ in 0..20 {
        let (faults_before, allocations_before) = (faults(), ALLOCATIONS.get());
        let waits = run(&mut writer, 100_000);
        let allocated = ALLOCATIONS.get() - allocations_before;
        let faulted = faults() - faults_before;
        assert_eq!(allocated, 0, "allocations in 100,000 appends");
        seen.push((faulted, waits));
        if faulted == 0 {
            return;
        }
    }
    panic!("faults and waits of each try: {seen:?}");
}
