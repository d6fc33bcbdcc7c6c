//! What the seal costs: processor time of the thread `journal-seal`, as the kernel counts it.
//!
//! `RUN_SLOW_TESTS=1 cargo test --release -p journal --test it seal_cost -- --nocapture`

use std::time::{Duration, Instant};

use journal::{Durability, Options, Writer};

use crate::common::{append, record};
use crate::seal::fixed_key;
use crate::verify::is_slow;

/// Nanoseconds that the thread of this name in this process has been running for.
fn cpu_ns(name: &str) -> u64 {
    let mut total = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let task = task.unwrap().path();
        let comm = std::fs::read_to_string(task.join("comm")).unwrap_or_default();
        if comm.trim() == name {
            let stat = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
            let ran = stat.split(' ').next().and_then(|ns| ns.parse::<u64>().ok());
            total += ran.unwrap_or(0);
        }
    }
    total
}

/// Goal: say what the seal costs, and that it keeps up and loses nothing. Method: 100,000 records
/// a second; then as many as the journal takes, until the sealer has caught up.
#[test]
fn seal_cost_is_measured() {
    let (dir, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let options = Options::new(Durability::Process)
        .segment_bytes(64 << 20)
        .seal(journal::seal::SealOptions {
            key: fixed_key(keys.path()),
            also: Vec::new(),
        });
    let (mut writer, _) = Writer::open(dir.path(), options).unwrap();
    let seconds = if is_slow() { 10.0 } else { 0.3 };
    let began = Instant::now();
    let before = cpu_ns("journal-seal");
    let mut n = 0;
    while began.elapsed().as_secs_f64() < seconds {
        let due = (began.elapsed().as_secs_f64() * 100_000.0) as u64;
        while n < due {
            n += 1;
            append(&mut writer, &record(n));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    let cost = (cpu_ns("journal-seal") - before) as f64 / 1e9;
    let share = cost / began.elapsed().as_secs_f64() * 100.0;
    println!("seal at 100,000 records/s: {share:.1} % of a core");

    let count = if is_slow() { 8_000_000 } else { 200_000 };
    let (began, before, first) = (Instant::now(), cpu_ns("journal-seal"), n);
    while n < first + count {
        n += 1;
        append(&mut writer, &record(n));
    }
    let appended = began.elapsed().as_secs_f64();
    let watch = writer.watch();
    let deadline = Instant::now() + Duration::from_secs(60);
    while watch.seal().covered_seq < n && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    let (sealed, cost) = (
        began.elapsed().as_secs_f64(),
        cpu_ns("journal-seal") - before,
    );
    println!(
        "seal at saturation: {count} records appended in {appended:.2} s, sealed {sealed:.2} s \
         after the first, {} ns of a core each",
        cost / count
    );
    assert_eq!(watch.seal().stopped, None);
    assert_eq!(watch.seal().covered_seq, n);
    writer.close().unwrap();
}
