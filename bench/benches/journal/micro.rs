//! Appending a 128-byte record with checksum, against a plain copy into the same kind of mapping.
//!
//! The mapping is a segment with all its pages present, larger than the caches; at its end it
//! begins again. It lies in memory (`/dev/shm`) if there is such a place: the disk's write-back
//! would write-protect pages under both cases and measure the file system.

use std::hint::black_box;
use std::path::Path;

use criterion::Criterion;
use journal::Tape;
use model::body::Tick;
use model::record::{Kind, Record};
use zerocopy::{FromZeros, IntoBytes};

/// More than the last-level cache of most machines.
const TAPE_BYTES: u64 = 128 << 20;

pub(crate) fn bench(criterion: &mut Criterion) {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() {
        memory
    } else {
        &std::env::temp_dir()
    };
    let dir = tempfile::tempdir_in(place).unwrap();
    let record = Record::new(Kind::Tick, &Tick::new_zeroed());
    let mut group = criterion.benchmark_group("journal/append/128B");
    let mut tape = Tape::new(dir.path(), TAPE_BYTES).unwrap();
    group.bench_function("base_copy", |bencher| {
        bencher.iter(|| tape.copy(black_box(&record)));
    });
    group.bench_function("base_checksum", |bencher| {
        bencher.iter(|| crc32c::crc32c_append(7, &black_box(&record).as_bytes()[4..]));
    });
    let mut last = 0;
    group.bench_function("caracal", |bencher| {
        bencher.iter(|| {
            let seq = tape.append(black_box(&record));
            assert!(last < seq, "each append is a new one");
            last = seq;
        });
    });
    group.finish();
}
