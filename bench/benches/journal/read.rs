//! Reading a journal back from the page cache on one core, every checksum verified.
//!
//! The floor is the memory: summing as many bytes that lie in it.

use std::hint::black_box;
use std::time::Instant;

use journal::{Reader, Writer};
use tempfile::TempDir;

use crate::Plan;
use crate::common::{Progress, RECORD, append_waiting, median, on_last_core, place, record};
use crate::peers;
use crate::table::{Better, Row, Target, Unit};

/// Name of this part.
pub(crate) const NAME: &str = "read";

/// Records that are read, as many times a peer's.
const TIMES: u64 = 5;
/// Records that are lent at a time.
const BATCH: usize = 2_048;

/// What was found, of all rounds: records a second.
#[derive(Default)]
pub(crate) struct Found {
    journal: Option<TempDir>,
    ours: Vec<f64>,
    memory: Vec<f64>,
}

impl Found {
    pub(crate) fn round(&mut self, plan: Plan, progress: &Progress) {
        let count = plan.records * TIMES;
        let journal = self.journal.get_or_insert_with(|| {
            progress.say("reading: a journal to read");
            written(plan, count)
        });
        progress.say("reading: ours and the memory");
        let memory = vec![1_u64; (count * RECORD / 8) as usize];
        on_last_core(|| {
            let begin = Instant::now();
            let mut reader = Reader::open(journal.path()).unwrap();
            let (mut seen, mut sum) = (0, 0_u64);
            loop {
                let records = reader.next_batch(BATCH).unwrap();
                if records.is_empty() {
                    break;
                }
                seen += records.len() as u64;
                sum = records
                    .iter()
                    .fold(sum, |sum, record| sum.wrapping_add(record.seq));
            }
            self.ours.push(count as f64 / begin.elapsed().as_secs_f64());
            assert_eq!((seen, sum), (count, count * (count + 1) / 2));
            let begin = Instant::now();
            let sum = black_box(&memory)
                .iter()
                .fold(0, |sum: u64, word| sum.wrapping_add(*word));
            self.memory
                .push(count as f64 / begin.elapsed().as_secs_f64());
            assert_eq!(sum, count * RECORD / 8);
        });
    }

    pub(crate) fn rows(&self, others: &peers::Found) -> Vec<Row> {
        let row = Row::new(
            "read back, verified, one core",
            Unit::PerSecond,
            Better::Higher,
        )
        .ours(median(&self.ours))
        .floor("summing memory", median(&self.memory))
        .peers(others.read_rate())
        .target(Target::AtLeastOrOfFloor(50e6, 0.7));
        vec![row]
    }
}

/// A closed journal of `count` records, in the page cache.
fn written(plan: Plan, count: u64) -> TempDir {
    let dir = place();
    let (mut writer, _) = Writer::open(dir.path(), plan.options()).unwrap();
    let record = record();
    for _ in 0..count {
        append_waiting(&mut writer, &record);
    }
    writer.close().unwrap();
    dir
}
