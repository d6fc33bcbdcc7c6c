//! Runs many histories on all processors, and makes a failing one short.
//!
//! Histories come in batches of a fixed size, each with a state of its own, so that any single one
//! can be run again: the state that it met depends on its batch only.

use std::fmt::Debug;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Seed where the environment names none.
const SEED: u64 = 20_261_122;
/// Failing histories that are shown; the others are counted.
const SHOWN_MAX: usize = 3;
const TELL_EVERY: Duration = Duration::from_secs(10);

/// A kind of history: how one is made, and what has to hold.
pub(crate) trait Part: Sync {
    /// Its name in `cargo xtask histories`.
    const NAME: &'static str;
    /// How many a plain `cargo test` runs.
    const SMALL: u64;
    /// Histories that share a state.
    const BATCH: u64;
    type State;
    type Step: Clone + Debug + Send;

    fn start(&self) -> Self::State;
    fn history(&self, random: &mut Random) -> Vec<Self::Step>;
    /// Runs one history; how many events it took, or what did not hold.
    fn check(&self, state: &mut Self::State, steps: &[Self::Step]) -> Result<u64, String>;
}

/// Numbers that only look random. Small, fast, and the same everywhere (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64, index: u64) -> Self {
        let mut random = Self(seed);
        let mixed = random.next();
        Self(mixed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `bound`.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn lots(&mut self, from: i64, to: i64) -> i64 {
        from + i64::try_from(self.below((to - from + 1).unsigned_abs())).unwrap()
    }

    pub(crate) const fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    pub(crate) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

struct Failure {
    index: u64,
    lines: Vec<String>,
}

struct Progress {
    name: &'static str,
    total: u64,
    next: AtomicU64,
    done: AtomicU64,
    events: AtomicU64,
    violations: AtomicU64,
    failures: Mutex<Vec<Failure>>,
    told: Mutex<Instant>,
    started: Instant,
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text}: a whole number is wanted")),
    )
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// Runs as many histories as the environment asks for, and fails if any does not hold.
pub(crate) fn run<P: Part>(part: &P) {
    let seed = number("CARACAL_SEED").unwrap_or(SEED);
    if let Some(index) = number("CARACAL_HISTORY") {
        // What its batch left behind may matter.
        let failure = run_batch(part, seed, index / P::BATCH * P::BATCH, index + 1, None);
        let violations = u8::from(failure.is_some());
        say(&format!(
            "history {}: count 1, events 0, seed {seed}, violations {violations}",
            P::NAME
        ));
        if let Some(failure) = &failure {
            say(&shown(P::NAME, seed, failure));
        }
        assert_eq!(violations, 0, "seed {seed}, history {index}: see above");
        return;
    }
    let progress = Progress {
        name: P::NAME,
        total: number("CARACAL_HISTORIES").unwrap_or(P::SMALL),
        next: AtomicU64::new(0),
        done: AtomicU64::new(0),
        events: AtomicU64::new(0),
        violations: AtomicU64::new(0),
        failures: Mutex::new(Vec::new()),
        told: Mutex::new(Instant::now()),
        started: Instant::now(),
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| work(part, seed, &progress));
        }
    });
    let (done, events) = (progress.done.into_inner(), progress.events.into_inner());
    let violations = progress.violations.into_inner();
    say(&format!(
        "history {}: count {done}, events {events}, seed {seed}, violations {violations}",
        P::NAME
    ));
    let mut failures = progress.failures.into_inner().unwrap();
    failures.sort_by_key(|failure| failure.index);
    for failure in &failures {
        say(&shown(P::NAME, seed, failure));
    }
    assert_eq!(violations, 0, "seed {seed}: see above");
}

fn shown(name: &str, seed: u64, failure: &Failure) -> String {
    let again = format!(
        "history {name} failed: again: cargo xtask histories --only {name} --seed {seed} \
         --history {}",
        failure.index
    );
    let lines = failure
        .lines
        .iter()
        .map(|line| format!("history {name} failed:   {line}"));
    let lines: Vec<String> = std::iter::once(again).chain(lines).collect();
    lines.join("\n")
}

fn work<P: Part>(part: &P, seed: u64, progress: &Progress) {
    loop {
        let from = progress.next.fetch_add(P::BATCH, Ordering::Relaxed);
        if from >= progress.total {
            return;
        }
        let mut at = from;
        let to = (from + P::BATCH).min(progress.total);
        // A state in which a history failed is not gone on with.
        while let Some(failure) = run_batch(part, seed, at, to, Some(progress)) {
            at = failure.index + 1;
            progress.violations.fetch_add(1, Ordering::Relaxed);
            let mut failures = progress.failures.lock().unwrap();
            if failures.len() < SHOWN_MAX {
                failures.push(failure);
            }
        }
        let done = progress.done.fetch_add(to - from, Ordering::Relaxed) + to - from;
        tell(progress, done);
    }
}

fn tell(progress: &Progress, done: u64) {
    let Ok(mut told) = progress.told.try_lock() else {
        return;
    };
    if told.elapsed() >= TELL_EVERY {
        *told = Instant::now();
        let violations = progress.violations.load(Ordering::Relaxed);
        let spent = progress.started.elapsed().as_secs();
        let left = progress.total.saturating_sub(done) * spent / done.max(1);
        say(&format!(
            "progress {}: {done} of {}, {violations} violations, {left} s left",
            progress.name, progress.total
        ));
    }
}

/// The histories `from..to` on one state; the first that fails ends them.
fn run_batch<P: Part>(
    part: &P,
    seed: u64,
    from: u64,
    to: u64,
    progress: Option<&Progress>,
) -> Option<Failure> {
    // A start that fails is a failure of the test itself.
    let mut state = part.start();
    let mut events = 0;
    let mut failure = None;
    for index in from..to {
        let history = |index| part.history(&mut Random::new(seed, index));
        let steps = history(index);
        match attempt(part, &mut state, &steps) {
            Ok(count) => events += count,
            Err(why) => {
                let before = (from..index).flat_map(history).collect();
                failure = Some(report(part, index, (before, steps), why));
                break;
            }
        }
    }
    if let Some(progress) = progress {
        progress.events.fetch_add(events, Ordering::Relaxed);
    }
    failure
}

/// A panic counts as a violation.
fn attempt<P: Part>(part: &P, state: &mut P::State, steps: &[P::Step]) -> Result<u64, String> {
    let tried = catch_unwind(AssertUnwindSafe(|| part.check(state, steps)));
    tried.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

/// Takes out steps as long as what is left fails from a fresh state. `before`: those of the
/// batch's histories before it.
fn report<P: Part>(
    part: &P,
    index: u64,
    (before, steps): (Vec<P::Step>, Vec<P::Step>),
    why: String,
) -> Failure {
    let mut lines = vec![why];
    let mut short = steps;
    if attempt(part, &mut part.start(), &short).is_ok() {
        // What the histories before it left behind matters.
        short.splice(0..0, before);
    }
    if attempt(part, &mut part.start(), &short).is_ok() {
        lines.push("it holds from a fresh state: run its batch to see it".to_owned());
    } else {
        let mut at = 0;
        while at < short.len() {
            let mut shorter = short.clone();
            shorter.remove(at);
            match attempt(part, &mut part.start(), &shorter) {
                Err(why) => {
                    short = shorter;
                    lines[0] = why;
                }
                Ok(_) => at += 1,
            }
        }
    }
    lines.extend(short.iter().map(|step| format!("{step:?}")));
    Failure { index, lines }
}
