//! No allocation on the hot path: sequencer, strategies, risk, journal and gateway on one worker.
//!
//! The allocator counts only on the worker's thread, and only between two marks that the feed sets
//! there: after a warm-up in which tables reach their size, and 100,000 events later.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::clock::WallClock;
use engine::pipeline::Pipeline;
use journal::Durability;
use model::ids::AccountId;
use model::record::Record;

use support::market::market;
use support::session::{started_on, writer_on};
use support::slow_disk::SlowDisk;
use support::venue::Venue;
use support::{ALL_STAGES, DEADLINE, MadeFeed, topology, wait_until};

#[path = "it/support/mod.rs"]
#[expect(dead_code, reason = "shared with the other tests, which use all of it")]
mod support;

const WARM_UP: u64 = 20_000;
const COUNTED: u64 = 100_000;

thread_local! {
    static COUNTING: Cell<bool> = const { Cell::new(false) };
}
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY:
// - Every call is passed on unchanged to `System`, which keeps the contract of the trait.
// - Counting touches an atomic and a thread-local without a destructor: neither allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTING.get() {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promises about `layout` are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc` above, so from `System`, with this `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTER: Counting = Counting;

#[test]
fn pipeline_on_one_worker_allocates_nothing_in_100_000_events() {
    check_that_it_counts();
    check(Durability::Process, 10_000);
    // Orders wait for the disk there, so there are fewer.
    check(Durability::Group, 50);
}

fn check(durability: Durability, commands_least: u64) {
    let dir = tempfile::tempdir().unwrap();
    let disk = SlowDisk::default();
    let (machine, writer) = started_on(writer_on(&disk, dir.path(), durability));
    let all = WARM_UP + COUNTED + 1;
    let marked_market = |index| {
        COUNTING.set((WARM_UP..WARM_UP + COUNTED).contains(&index));
        market(index)
    };
    let running = Pipeline::new(
        machine,
        writer,
        topology(64, &[ALL_STAGES]),
        WallClock::anchored_now(),
    )
    .feed("test", MadeFeed::new(all, marked_market).with_pause(2))
    .gateway("test", &[AccountId(0)], Venue::new(3, |_: &Record| {}))
    .start()
    .unwrap();
    wait_until(&running, "the market", |running| {
        running.gauges().lanes[4].events.get() == all
    });
    let commands = running.gauges().commands.get();
    assert!(commands > commands_least, "only {commands} commands");
    running.shut_down(DEADLINE).unwrap();
    assert_eq!(counted(), 0, "{durability:?}");
}

/// What the allocator counted so far; the count starts anew.
fn counted() -> u64 {
    ALLOCATIONS.swap(0, Ordering::Relaxed)
}

fn check_that_it_counts() {
    COUNTING.set(true);
    let boxed = std::hint::black_box(Box::new(7_u64));
    COUNTING.set(false);
    drop(boxed);
    assert_eq!(counted(), 1);
}
