//! A journal's life on the simulated disk, made by a seed: runs that append, sync and roll, each
//! ended by a close, a kill or a power failure, and each end judged by the oracle.

use std::sync::Mutex;

use journal::{AppendError, Durability, Folder, OpenError, Options, Steps, Writer};
use rand::RngExt;
use rand_pcg::Pcg64;

use crate::common::{PER_SEGMENT, Seeds, offset_of, random, segment, small};
use crate::oracle::{Checked, Ledger, Outcome, open_judged};
use crate::sim::crash::Model;
use crate::sim::{Fault, Plan, Sim};

/// What a life came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Images that the oracle judged.
    pub(crate) images: u64,
    /// Of them: something was cut.
    pub(crate) cut: u64,
    /// Of them: whole records behind a hole were dropped.
    pub(crate) holes: u64,
    /// Of them: refused.
    pub(crate) refused: u64,
    /// Records that were accepted, never promised, and gone.
    pub(crate) lost: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.images += other.images;
        self.cut += other.cut;
        self.holes += other.holes;
        self.refused += other.refused;
        self.lost += other.lost;
    }

    pub(crate) fn line(&self, seeds: Seeds) -> String {
        let Self {
            images,
            cut,
            holes,
            refused,
            lost,
        } = self;
        let (first, count) = (seeds.first, seeds.count);
        format!(
            "{images} images, {cut} cut, {holes} with holes, {refused} refused, {lost} unpromised \
             records gone, 0 promised, seeds {first} + {count}"
        )
    }
}

/// How runs end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Close,
    Kill,
    Power(Model),
}

/// A journal and what is known of it.
pub(crate) struct Life {
    pub(crate) sim: Sim,
    pub(crate) folder: Folder,
    pub(crate) options: Options,
    pub(crate) random: Pcg64,
    pub(crate) ledger: Ledger,
    pub(crate) log: Checked,
    /// Sequence up to which the journal said that it is durable.
    durable_seq: u64,
    salt: u64,
    /// Why the last open was refused.
    pub(crate) refusal: Option<OpenError>,
    pub(crate) counts: Counts,
}

/// A run of it.
pub(crate) struct Run {
    pub(crate) writer: Writer,
    pub(crate) steps: Steps,
}

impl Life {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = random(seed);
        let durability = durability(&mut random);
        Self::with(seed, random, durability)
    }

    /// A new disk, and a journal of this durability.
    pub(crate) fn with(seed: u64, mut random: Pcg64, durability: Durability) -> Self {
        let block = if random.random_bool(0.5) { 512 } else { 4096 };
        let sim = Sim::new();
        Self {
            folder: sim.folder(),
            sim,
            options: small(durability).commit_block(block),
            random,
            ledger: Ledger::new(),
            log: Checked::default(),
            durable_seq: 0,
            salt: seed << 8,
            refusal: None,
            counts: Counts::default(),
        }
    }

    /// Judges what is there and goes on with it; `None` if it was refused.
    pub(crate) fn open(&mut self) -> Result<Option<Run>, String> {
        self.counts.images += 1;
        match open_judged(&self.folder, &self.options, &self.ledger)? {
            Outcome::Refused(error) => {
                self.counts.refused += 1;
                self.refusal = Some(error);
                Ok(None)
            }
            Outcome::Recovered {
                log,
                recovery,
                writer,
                steps,
            } => {
                self.counts.cut += u64::from(!recovery.removed.is_empty());
                let whole = recovery.removed.iter().map(|removed| removed.whole_records);
                self.counts.holes += u64::from(whole.sum::<u64>() > 0);
                self.counts.lost += self.log.chain.n - log.chain.n.min(self.log.chain.n);
                self.salt += 1;
                self.log = log;
                self.ledger.begin(self.log.chain.n, self.salt);
                self.durable_seq = 0;
                let run = Run {
                    writer: *writer,
                    steps: *steps,
                };
                self.note_promises(&run);
                Ok(Some(run))
            }
        }
    }

    /// As [`Self::open`], where refusing is not an answer.
    pub(crate) fn must_open(&mut self) -> Result<Run, String> {
        let run = self.open()?;
        run.ok_or_else(|| match &self.refusal {
            Some(error) => format!("refused: {error}"),
            None => "refused".to_owned(),
        })
    }

    /// The last open was refused because a sync failed in this boot.
    pub(crate) const fn is_after_failed_sync(&self) -> bool {
        matches!(self.refusal, Some(OpenError::SyncFailed { .. }))
    }

    /// What the writer says is durable is promised from now on.
    pub(crate) fn note_promises(&mut self, run: &Run) {
        self.durable_seq = self.durable_seq.max(run.writer.durable_seq());
        let durable = self.log.n_at(self.durable_seq);
        self.ledger.durable = self.ledger.durable.max(durable);
        self.ledger.promised = self.ledger.durable;
    }

    /// Appends one record; `false` if the journal does not take it.
    pub(crate) fn append(&mut self, run: &mut Run) -> bool {
        let record = self.log.chain.next(self.salt);
        for _ in 0..3 {
            match run.writer.append(&record) {
                Ok(seq) => {
                    self.log.push(seq, &record);
                    self.ledger.accepted = Some(self.log.chain.n);
                    return true;
                }
                Err(AppendError::SegmentNotReady) => {
                    // Told by the next try.
                    let _ = run.steps.prepare();
                }
                Err(_) => return false,
            }
        }
        false
    }

    /// A few dozen things that a running journal does.
    pub(crate) fn work(&mut self, run: &mut Run, things: u32) {
        for _ in 0..things {
            match self.random.random_range(0..12) {
                0 => {
                    let count = self.random.random_range(0..PER_SEGMENT + 20);
                    for _ in 0..count {
                        self.append(run);
                    }
                }
                1..=6 => {
                    let count = self.random.random_range(1..24);
                    for _ in 0..count {
                        self.append(run);
                    }
                }
                7 => {
                    // A failure shows when a segment is wanted.
                    let _ = run.steps.prepare();
                }
                8 | 9 => self.sync(run),
                10 => self.sim.write_back(&mut self.random, 0.4),
                _ => self.sim.write_back(&mut self.random, 1.0),
            }
            if self.sim.is_dead() {
                return;
            }
            self.note_promises(run);
        }
    }

    /// What makes records durable in this mode.
    pub(crate) fn sync(&self, run: &mut Run) {
        match self.options.durability {
            // A failure is latched, and shows in what is durable.
            Durability::Sync => drop(run.writer.sync_now()),
            Durability::Group => {
                run.steps.sync();
                run.writer.poll();
                run.steps.sync();
            }
            Durability::Volatile | Durability::Process | Durability::Interval(_) => {
                run.steps.sync();
            }
        }
    }

    /// The process is in the middle of storing a record: some of its words, never the first one.
    fn half_append(&mut self, run: &mut Run) {
        let record = self.log.chain.next(self.salt ^ 0xff);
        let Ok(seq) = run.writer.append(&record) else {
            return;
        };
        let id = u32::try_from((seq - 1) / PER_SEGMENT).unwrap();
        let path = segment(self.folder.dir(), id);
        let words: u16 = self.random.random();
        self.sim.change_cache(&path, offset_of(seq), 128, |bytes| {
            for (index, word) in bytes.chunks_exact_mut(8).enumerate() {
                if index == 0 || words & 1 << index == 0 {
                    word.fill(0);
                }
            }
        });
    }

    /// Ends a run.
    pub(crate) fn end(&mut self, mut run: Run, end: End) {
        if end == End::Close {
            if run.steps.close(run.writer).is_ok() {
                self.ledger.durable = self.log.chain.n;
            }
            self.crash(End::Kill);
            return;
        }
        if self.random.random_bool(0.5) {
            self.half_append(&mut run);
        }
        drop(run);
        self.crash(end);
    }

    /// The end of a process that is gone already.
    pub(crate) fn crash(&mut self, end: End) {
        match end {
            End::Close | End::Kill => {
                self.ledger.promised = self.log.chain.n;
                self.sim.process_ends();
            }
            End::Power(model) => {
                self.ledger.promised = self.ledger.durable;
                self.sim.power_fails(model, &mut self.random);
            }
        }
    }

    /// Opens, and ends the process, or the machine, at a random call inside; up to `depth` times.
    pub(crate) fn crash_inside_open(&mut self, depth: u32, end: End) {
        for _ in 0..depth {
            let at = self.random.random_range(1..=70);
            self.sim.plan(Some(Plan {
                at,
                for_good: true,
                fault: Fault::Kill,
            }));
            // It fails, or it comes through before that call; either is the point.
            drop(Writer::open_stepped(&self.folder, self.options.clone()));
            match end {
                End::Power(model) if self.random.random_bool(0.5) => {
                    self.sim.power_fails(model, &mut self.random);
                }
                End::Close | End::Kill | End::Power(_) => self.sim.process_ends(),
            }
        }
    }
}

fn durability(random: &mut Pcg64) -> Durability {
    match random.random_range(0..4) {
        0 => Durability::Process,
        1 => Durability::Interval(std::time::Duration::from_millis(10)),
        2 => Durability::Group,
        _ => Durability::Sync,
    }
}

/// Lives one life for each seed, on several threads in the long form.
pub(crate) fn each(seeds: Seeds, live: impl Fn(u64) -> Result<Counts, String> + Sync) -> Counts {
    let threads = if crate::common::is_slow() { 4 } else { 2 };
    let next = std::sync::atomic::AtomicU64::new(seeds.first);
    let total = Mutex::new(Counts::default());
    let work = || {
        loop {
            let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if seed >= seeds.first + seeds.count {
                return;
            }
            match live(seed) {
                Ok(counts) => total.lock().unwrap().add(&counts),
                Err(why) => panic!("{why}; to repeat it: FAULT_SEED={seed}"),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    total.into_inner().unwrap()
}

/// Runs that each end in `end`, with crashes inside of recovery where `depth` says so.
pub(crate) fn lives(
    seed: u64,
    runs: u32,
    depth: u32,
    end: impl Fn(&mut Pcg64) -> End,
) -> Result<Counts, String> {
    lives_with(seed, runs, depth, |_| {}, end)
}

/// As [`lives`], with something that happens before each run.
pub(crate) fn lives_with(
    seed: u64,
    runs: u32,
    depth: u32,
    before: impl Fn(&mut Life),
    end: impl Fn(&mut Pcg64) -> End,
) -> Result<Counts, String> {
    let mut life = Life::new(seed);
    for _ in 0..runs {
        before(&mut life);
        let mut run = life.must_open()?;
        let things = life.random.random_range(1..14);
        life.work(&mut run, things);
        let end = end(&mut life.random);
        life.end(run, end);
        let nested = life.random.random_range(0..=depth);
        life.crash_inside_open(nested, end);
    }
    life.must_open()?;
    Ok(life.counts)
}
