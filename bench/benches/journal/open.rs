//! Opening a journal: after its writer was killed, and after it was closed in order.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use journal::{Durability, Options, Writer};
use rustix::fs::{Advice, fadvise};

use crate::Plan;
use crate::common::{Progress, RECORD, append_waiting, median, nanos, place, quantile, record};
use crate::table::{Better, Row, Target, Unit};

/// Names of the two parts.
pub(crate) const KILLED: &str = "recovery";
pub(crate) const CLOSED: &str = "open";
/// Environment of the child that fills a journal: its directory, records, and segment size.
pub(crate) const FILL: &str = "CARACAL_BENCH_FILL";
const FILL_RECORDS: &str = "CARACAL_BENCH_FILL_RECORDS";
const FILL_SEGMENT: &str = "CARACAL_BENCH_FILL_SEGMENT";

/// Opens of each kind.
const OPENS: usize = 5;
/// Segment size of the closed journals.
const SMALL_BYTES: u64 = 1 << 20;

/// Fills a journal, says so, and waits to be killed.
pub(crate) fn fill(dir: &Path) -> ! {
    let number = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let options = Options::new(Durability::Process).segment_bytes(number(FILL_SEGMENT));
    let (mut writer, _) = Writer::open(dir, options).unwrap();
    let count = number(FILL_RECORDS);
    let record = record();
    for _ in 0..count {
        append_waiting(&mut writer, &record);
    }
    let mut out = std::io::stdout().lock();
    std::io::Write::write_all(&mut out, b"full\n").unwrap();
    std::io::Write::flush(&mut out).unwrap();
    loop {
        append_waiting(&mut writer, &record);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// A writer is killed; how long does the next one take to open?
pub(crate) fn killed(plan: Plan, progress: &Progress) -> Vec<Row> {
    progress.say("recovery: a writer that will be killed");
    let dir = place();
    let count = plan.recovered / RECORD;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(FILL, dir.path())
        .env(FILL_RECORDS, count.to_string())
        .env(FILL_SEGMENT, plan.segment_bytes.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "full\n");
    child.kill().unwrap();
    child.wait().unwrap();
    progress.say("recovery");
    let mut cached = Vec::new();
    let mut evicted = Vec::new();
    let mut last_seq = 0;
    for _ in 0..3 {
        cached.push(recover(plan, dir.path(), &mut last_seq));
        evict(dir.path());
        evicted.push(recover(plan, dir.path(), &mut last_seq));
    }
    let mib = plan.recovered >> 20;
    let row = |what: &str, seconds: &[f64]| {
        Row::new(
            &format!("recovery of {mib} MiB after a kill, {what}"),
            Unit::Seconds,
            Better::Lower,
        )
        .ours(median(seconds))
        .target(Target::AtMost(2.0))
    };
    vec![
        row("from page cache", &cached),
        row("read from the disk", &evicted),
    ]
}

/// Seconds of one recovery. The writer is dropped and not closed, so the next one recovers too.
fn recover(plan: Plan, dir: &Path, last_seq: &mut u64) -> f64 {
    let begin = Instant::now();
    let (writer, recovery) = Writer::open(dir, plan.options()).unwrap();
    let seconds = begin.elapsed().as_secs_f64();
    drop(writer);
    assert!(
        !recovery.clean && recovery.last_seq >= plan.recovered / RECORD,
        "{recovery:?}"
    );
    assert!(
        *last_seq == 0 || *last_seq == recovery.last_seq,
        "recovering twice gives the same"
    );
    *last_seq = recovery.last_seq;
    seconds
}

/// Syncs the files and makes the kernel forget what it holds of them.
fn evict(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let file = std::fs::File::open(entry.unwrap().path()).unwrap();
        file.sync_all().unwrap();
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    }
}

/// Opening what was closed in order, with few and with many segments.
pub(crate) fn closed(plan: Plan, progress: &Progress) -> Vec<Row> {
    let journals: Vec<_> = plan
        .segments
        .iter()
        .map(|&segments| {
            progress.say(format!("open: a journal of {segments} segments"));
            let dir = place();
            let options = Options::new(Durability::Process).segment_bytes(SMALL_BYTES);
            let (mut writer, _) = Writer::open(dir.path(), options).unwrap();
            let in_one = (SMALL_BYTES - 8192) / RECORD;
            for _ in 0..in_one * (segments - 1) + in_one / 2 {
                append_waiting(&mut writer, &record());
            }
            writer.close().unwrap();
            (segments, dir, Vec::new())
        })
        .collect();
    progress.say("open after a clean close");
    let mut journals = journals;
    for _ in 0..OPENS {
        for (_, dir, times) in &mut journals {
            let options = Options::new(Durability::Process).segment_bytes(SMALL_BYTES);
            let begin = Instant::now();
            let (writer, recovery) = Writer::open(dir.path(), options).unwrap();
            times.push(nanos(begin.elapsed()) / 1e3);
            assert!(recovery.clean);
            writer.close().unwrap();
        }
    }
    let one = journals.first().and_then(|(_, _, times)| median(times));
    let rows = journals.iter().map(|(segments, _, times)| {
        let what = format!("open after a clean close, segments: {segments}");
        let row = Row::new(&what, Unit::Us, Better::Lower)
            .ours(median(times))
            .note(format!(
                "slowest of {OPENS}: {:.0} us",
                quantile(times, 1.0).unwrap_or(0.0)
            ));
        if *segments == 1 {
            row
        } else {
            row.floor("segments: 1", one)
                .target(Target::AtMostOfFloor(1.5))
        }
    });
    rows.collect()
}
