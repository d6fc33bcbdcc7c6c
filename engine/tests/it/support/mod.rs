//! Doubles and helpers of the pipeline's tests: feeds, gateways, journals, deadlines.

pub(crate) mod market;
pub(crate) mod session;
pub(crate) mod slow_disk;
pub(crate) mod venue;

use std::path::Path;
use std::time::{Duration, Instant};

use engine::machine::Approved;
use engine::pipeline::{Failed, Running, Topology, Wait, WorkerConfig};
use journal::{Durability, Options, Writer};
use model::body::Tick;
use model::ports::{Clock, EventSink, Feed, Gateway, Trace, Worked};
use model::record::{Kind, Record};

/// Long enough for a loaded machine, short enough to tell a hang.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A journal in `dir` with small segments, so that tests cross their borders.
pub(crate) fn writer(dir: &Path) -> Writer {
    let options = Options::new(Durability::Process).segment_bytes(1 << 20);
    Writer::open(dir, options).unwrap().0
}

/// Every record of the journal in `dir`, as it stands there.
pub(crate) fn log_of(dir: &Path) -> Vec<Record> {
    let mut reader = journal::Reader::open(dir).unwrap();
    let mut log = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        log.push(*record);
    }
    log
}

/// Waits until `condition` holds; panics at a fault or at the deadline.
pub(crate) fn wait_until(
    running: &Running,
    what: &str,
    mut condition: impl FnMut(&Running) -> bool,
) {
    let began = Instant::now();
    while !condition(running) {
        assert_eq!(running.fault(), None, "while waiting for {what}");
        let gauges = running.gauges();
        assert!(began.elapsed() < DEADLINE, "{what} never came: {gauges:#?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until the pipeline has stopped by itself, and ends it.
pub(crate) fn fail(running: Running) -> Failed {
    let began = Instant::now();
    while running.fault().is_none() {
        assert!(began.elapsed() < DEADLINE, "no fault came");
        std::thread::sleep(Duration::from_millis(1));
    }
    running.shut_down(DEADLINE).unwrap_err()
}

/// Workers with these stages each, parking, with rings and lanes of `slots`.
pub(crate) fn topology(slots: usize, workers: &[&[&str]]) -> Topology {
    let worker = |stages: &&[&str]| WorkerConfig {
        core: None,
        wait: Wait::Park,
        stages: stages.iter().map(|&name| name.to_owned()).collect(),
    };
    Topology {
        workers: workers.iter().map(worker).collect(),
        inbound_slots: slots,
        command_slots: slots,
        lane_slots: slots,
    }
}

/// Every stage on one worker.
pub(crate) const ALL_STAGES: &[&str] = &[
    "feed",
    "timer",
    "sequencer",
    "strategy",
    "risk",
    "journal",
    "gateway",
];

pub(crate) fn tick(count: u64) -> Record {
    let body = Tick {
        count,
        reserved: [0; 72],
    };
    Record::new(Kind::Tick, &body)
}

/// Pushes `count` events that `make` makes, as fast as the lane takes them.
pub(crate) struct MadeFeed<M> {
    make: M,
    next: u64,
    count: u64,
    waiting: Option<Record>,
    polls: u64,
    /// It pushes one event every so many polls; 0: as many as the lane takes.
    pause: u64,
}

impl<M: FnMut(u64) -> Record> MadeFeed<M> {
    /// Lets `pause` polls go by between two events, so that answers can overtake the market.
    pub(crate) fn with_pause(mut self, pause: u64) -> Self {
        self.pause = pause;
        self
    }

    pub(crate) fn new(count: u64, make: M) -> Self {
        Self {
            make,
            next: 0,
            count,
            waiting: None,
            polls: 0,
            pause: 0,
        }
    }
}

impl<M: FnMut(u64) -> Record> Feed for MadeFeed<M> {
    fn poll(&mut self, _clock: &impl Clock, sink: &mut impl EventSink) -> Worked {
        let mut worked = Worked::No;
        self.polls += 1;
        let most = match self.pause {
            0 => 64,
            pause => usize::from(self.polls.is_multiple_of(pause)),
        };
        for _ in 0..most {
            if self.waiting.is_none() && self.next < self.count {
                self.waiting = Some((self.make)(self.next));
                self.next += 1;
            }
            let Some(record) = &self.waiting else { break };
            if !sink.push(record) {
                break;
            }
            self.waiting = None;
            worked = Worked::Yes;
        }
        worked
    }

    fn shut_down(&mut self) {
        self.count = self.next;
    }
}

/// A feed that goes on pushing after its shutdown: the end must not hang on it.
pub(crate) struct EndlessFeed;

impl Feed for EndlessFeed {
    fn poll(&mut self, _clock: &impl Clock, sink: &mut impl EventSink) -> Worked {
        sink.push(&tick(1)).into()
    }

    fn shut_down(&mut self) {}
}

/// Takes every command and answers nothing.
pub(crate) struct SilentGateway;

impl Gateway<Approved<Record>> for SilentGateway {
    fn capacity(&self) -> usize {
        usize::MAX
    }

    fn send(&mut self, _command: Approved<Record>, _trace: Trace, _clock: &impl Clock) {}

    fn poll(&mut self, _clock: &impl Clock, _sink: &mut impl EventSink) -> Worked {
        Worked::No
    }

    fn shut_down(&mut self) {}
}
