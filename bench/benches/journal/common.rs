//! What the measurements share: a place on the disk, a core, page faults, middle values, progress.

use std::path::Path;
use std::time::{Duration, Instant};

use bench::cores;
use indicatif::{ProgressBar, ProgressStyle};
use journal::storage::{Disk, Storage};
use journal::{AppendError, Writer};
use model::body::Tick;
use model::record::{Kind, Record};
use tempfile::TempDir;
use zerocopy::FromZeros;

/// Bytes of a record.
pub(crate) const RECORD: u64 = 128;

/// An empty directory in the target directory's file system; removed with what is in it.
pub(crate) fn place() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Name of the file system that is measured.
pub(crate) fn file_system() -> &'static str {
    Disk.file_system(Path::new(env!("CARGO_TARGET_TMPDIR")))
        .map_or("unknown", |found| found.name)
}

/// What is appended.
pub(crate) fn record() -> Record {
    Record::new(Kind::Tick, &Tick::new_zeroed())
}

/// Runs `work` on the last core. Threads that were started before stay where they are.
pub(crate) fn on_last_core<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            if let Some(id) = cores::last() {
                // A refusal shows in the figures.
                core_affinity::set_for_current(core_affinity::CoreId { id });
            }
            work()
        });
        worker.join().unwrap()
    })
}

/// Page faults of the calling thread so far, minor and major: what `getrusage(RUSAGE_THREAD)`
/// counts.
pub(crate) fn page_faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let count = |field: usize| fields[field].parse::<u64>().unwrap();
    // Numbers 10 and 12 of proc_pid_stat(5); the first here is number 3.
    count(7) + count(9)
}

/// Appends, and waits where the next segment is not ready yet; returns how often it had to.
pub(crate) fn append_waiting(writer: &mut Writer, record: &Record) -> u64 {
    let mut waits = 0;
    loop {
        match writer.append(record) {
            Ok(_) => return waits,
            Err(AppendError::SegmentNotReady) => {
                waits += 1;
                std::thread::sleep(Duration::from_micros(100));
            }
            Err(error) => panic!("append: {error}"),
        }
    }
}

/// Spins until `at`.
pub(crate) fn spin_until(at: Instant) {
    while Instant::now() < at {
        std::hint::spin_loop();
    }
}

/// As nanoseconds.
pub(crate) fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// The middle one; of an even number the lower; none if there is none.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The smallest value that at least this share of all is not above.
pub(crate) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Says on a terminal what is measured just now.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.set_style(ProgressStyle::with_template("{elapsed} {spinner} {prefix} {msg}").unwrap());
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { bar }
    }

    pub(crate) fn round(&self, round: u64, of: u64) {
        self.bar.set_prefix(format!("round {round} of {of}:"));
    }

    pub(crate) fn say(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
