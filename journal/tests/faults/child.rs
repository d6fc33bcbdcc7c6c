//! Children for the rows that kill: this test binary again, told by the environment what to do.
//!
//! A child appends as fast as it can and reports on its standard output what was accepted and what
//! is durable, always after the journal said so. What the parent has read was promised.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use journal::{Durability, Writer};

use crate::common::{append, small, wait_for};
use crate::oracle::Chain;

const ROLE: &str = "FAULTS_CHILD";
/// A child whose parent is gone must end too.
const LIFE_MAX: Duration = Duration::from_secs(120);

/// What a child is to do.
#[derive(Debug, Clone)]
pub(crate) struct Order<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) durability: Durability,
    pub(crate) salt: u64,
    /// State of the log that it finds.
    pub(crate) chain: Chain,
    /// After as many records it appends no more; 0: without end.
    pub(crate) count: u64,
    /// Pause between two records.
    pub(crate) pause: Duration,
    /// What else it does; see [`child_entry`].
    pub(crate) role: &'static str,
}

impl<'a> Order<'a> {
    pub(crate) const fn new(dir: &'a Path, salt: u64, chain: Chain) -> Self {
        Self {
            dir,
            durability: Durability::Process,
            salt,
            chain,
            count: 0,
            pause: Duration::ZERO,
            role: "load",
        }
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let Chain { n, hash } = self.chain;
        let (salt, count) = (self.salt, self.count);
        let mode = match self.durability {
            Durability::Interval(interval) => interval.as_millis().to_string(),
            Durability::Volatile | Durability::Process | Durability::Group | Durability::Sync => {
                self.durability.name().to_owned()
            }
        };
        let pause = self.pause.as_micros();
        let words = format!("{} {mode} {salt} {n} {hash} {count} {pause}", self.role);
        command
            .args(["--exact", "child::child_entry", "--nocapture"])
            .env(ROLE, words)
            .env("FAULTS_CHILD_DIR", self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    }

    pub(crate) fn spawn(&self) -> Running {
        Running::new(self.command().spawn().unwrap())
    }
}

#[derive(Debug, Default)]
struct Reports {
    opened: AtomicU64,
    accepted: AtomicU64,
    durable: AtomicU64,
}

/// A child at work.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) process: Child,
    reports: Arc<Reports>,
    reader: Option<JoinHandle<()>>,
}

/// What a child had reported when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reported {
    pub(crate) accepted: u64,
    pub(crate) durable: u64,
}

impl Running {
    pub(crate) fn new(mut process: Child) -> Self {
        let reports = Arc::new(Reports::default());
        let out = process.stdout.take().unwrap();
        let theirs = Arc::clone(&reports);
        let reader = Some(thread::spawn(move || follow(out, &theirs)));
        Self {
            process,
            reports,
            reader,
        }
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.reports.accepted.load(Ordering::Acquire)
    }

    pub(crate) fn durable(&self) -> u64 {
        self.reports.durable.load(Ordering::Acquire)
    }

    /// Waits until the journal is open.
    pub(crate) fn wait_open(&mut self) {
        wait_for("the child did not open the journal", || {
            assert!(self.process.try_wait().unwrap().is_none(), "it ended");
            self.reports.opened.load(Ordering::Acquire) > 0
        });
    }

    /// Waits until as many records are accepted.
    pub(crate) fn wait_accepted(&mut self, n: u64) {
        wait_for("the child does not append", || {
            assert!(self.process.try_wait().unwrap().is_none(), "it ended");
            self.accepted() >= n
        });
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) -> Reported {
        self.process.kill().unwrap();
        self.wait().1
    }

    /// Waits for its end by itself.
    pub(crate) fn wait(&mut self) -> (std::process::ExitStatus, Reported) {
        let status = self.process.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        let (accepted, durable) = (self.accepted(), self.durable());
        (status, Reported { accepted, durable })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After a failed assertion: nothing may go on writing.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn follow(out: ChildStdout, reports: &Reports) {
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["opened"] => reports.opened.store(1, Ordering::Release),
            // Only whole lines count: the last one may be torn by the kill.
            ["at", accepted, durable, "."] => {
                let number = |text: &str| text.parse().unwrap();
                reports.accepted.store(number(accepted), Ordering::Release);
                reports.durable.store(number(durable), Ordering::Release);
            }
            _ => {}
        }
    }
}

/// Not a test of its own: without the variable it has nothing to do.
#[test]
fn child_entry() {
    let Ok(words) = std::env::var(ROLE) else {
        return;
    };
    thread::spawn(|| {
        thread::sleep(LIFE_MAX);
        std::process::exit(3);
    });
    let dir = std::env::var_os("FAULTS_CHILD_DIR").unwrap();
    let words: Vec<&str> = words.split(' ').collect();
    let number = |at: usize| words[at].parse::<u64>().unwrap();
    let durability = match words[1] {
        "process" => Durability::Process,
        "group" => Durability::Group,
        "sync" => Durability::Sync,
        _ => Durability::Interval(Duration::from_millis(number(1))),
    };
    let order = Order {
        dir: Path::new(&dir),
        durability,
        salt: number(2),
        chain: Chain {
            n: number(3),
            hash: number(4),
        },
        count: number(5),
        pause: Duration::from_micros(number(6)),
        role: "load",
    };
    match words[0] {
        "load" => load(&order, |_, _| {}),
        "abort" => load(&order, abort_elsewhere),
        "overflow" => load(&order, overflow_elsewhere),
        "spawn" => load(&order, spawn_program),
        "full" => full(&order),
        "probe" => probe(&order),
        "hog" => load(&order, take_memory),
        other => panic!("no role {other}"),
    }
}

/// Another thread aborts the process while this one appends.
fn abort_elsewhere(n: u64, _dir: &Path) {
    if n == 200 {
        thread::spawn(|| std::process::abort());
    }
}

/// Another thread runs out of stack, which is a SIGSEGV.
fn overflow_elsewhere(n: u64, _dir: &Path) {
    if n == 200 {
        thread::spawn(|| std::hint::black_box(deep(1)));
    }
}

#[expect(unconditional_recursion, reason = "it is to run out of stack")]
fn deep(n: u64) -> u64 {
    let words = std::hint::black_box([n; 64]);
    deep(words[7] + 1) + words[3]
}

fn spawn_program(n: u64, dir: &Path) {
    if n == 200 {
        crate::kill::start_program(dir);
    }
}

/// Takes a megabyte more every so often, and uses it.
fn take_memory(n: u64, _dir: &Path) {
    if n > 200 && n.is_multiple_of(50) {
        std::mem::forget(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

/// Appends until it is refused, and says why.
fn full(order: &Order<'_>) {
    let (mut writer, recovery) = Writer::open(order.dir, small(order.durability)).unwrap();
    let mut chain = order.chain;
    // The parent made it with this run's salt from the start.
    let mut reader = journal::Reader::open(order.dir).unwrap();
    while chain.n < recovery.last_seq {
        let record = *reader.next().unwrap().unwrap();
        chain.push(&record);
    }
    loop {
        let record = chain.next(order.salt);
        match append(&mut writer, &record) {
            Ok(_) => chain.push(&record),
            Err(error) => return say(&format!("\nfailed {error}\n")),
        }
    }
}

/// Opens the journal and says what came of it, in one line.
fn probe(order: &Order<'_>) {
    let line = match Writer::open(order.dir, small(order.durability)) {
        Ok((_, recovery)) => format!("open {}", recovery.last_seq),
        Err(error) => error.to_string(),
    };
    say(&format!("\nprobe {line}\n"));
}

fn say(line: &str) {
    // Not `println!`: a torn line must be the last one.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(line.as_bytes());
    let _ = out.flush();
}

fn load(order: &Order<'_>, each: fn(u64, &Path)) {
    let (mut writer, _) = Writer::open(order.dir, small(order.durability)).unwrap();
    say("\nopened\n");
    let (mut chain, started) = (order.chain, order.chain.n);
    // Sequences of the records that are not known to be durable, oldest first.
    let mut waiting = std::collections::VecDeque::new();
    let mut durable = 0;
    loop {
        if order.count > 0 && chain.n >= started + order.count {
            say(&format!("at {} {durable} .\n", chain.n));
            thread::sleep(Duration::from_millis(5));
        } else {
            let record = chain.next(order.salt);
            match append(&mut writer, &record) {
                Ok(seq) => waiting.push_back((seq, chain.n + 1)),
                Err(error) => {
                    say(&format!("\nfailed {error}\n"));
                    thread::sleep(Duration::from_millis(5));
                    continue;
                }
            }
            chain.push(&record);
            each(chain.n, order.dir);
        }
        writer.poll();
        if order.durability == Durability::Sync && chain.n.is_multiple_of(8) {
            // A failure is latched, and shows in what is durable.
            let _ = writer.sync_now();
        }
        let through = writer.durable_seq();
        while let Some((_, n)) = waiting.pop_front_if(|&mut (seq, _)| seq <= through) {
            durable = n;
        }
        if chain.n.is_multiple_of(8) {
            say(&format!("at {} {durable} .\n", chain.n));
        }
        if !order.pause.is_zero() {
            thread::sleep(order.pause);
        }
    }
}
