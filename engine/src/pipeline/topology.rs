//! Topology: which stages there are, how they hang together, and which worker polls which.
//!
//! ```text
//!  operator ----lane-+
//!  timer -------lane-+   +-----------+        +------------- inbound ring -------------+
//!  refusals ----lane-+-->| sequencer |------->| journal                                |
//!  gateway.* ---lane-+   | order,    |        | strategy.0 -intents-+                  |
//!  feed.* ------lane-+   | number,   |        | strategy.1 -intents-+-> risk           |
//!         ^              | time      |        +--------------------------|-------------+
//!         |              +-----------+                   |               | Approved<Record>
//!         |                    ^                         |               v
//!         |                    +----- refusals' lane ----|------ risk ---+
//!         |                                              v               v
//!         |                                   +------------- command ring -------------+
//!         +------ gateway.* lanes ------------| journal ----> gateway.*                |---> venue
//!                                             +----------------------------------------+
//! ```
//!
//! In `sync` durability the journal stands before the strategies on the inbound ring instead of
//! beside them: sequencer -> journal -> strategies -> risk.
//!
//! A stage reads only what stands before it in the picture; what a venue or risk sends back
//! enters again at the sequencer, as a new event.
//!
//! # Stages in `[[worker]] stages`
//!
//! `sequencer`, `timer`, `journal`, `risk`; `feed` (all feeds) or `feed.NAME`; `gateway` (all) or
//! `gateway.NAME`; `strategy` (all, one stage) or `strategy.0`, `strategy.1`, ... (a stage each).
//! Each exactly once over all workers. A worker polls its stages in the order in which they stand.
//! The results are the same for every topology, bit for bit; only the latency differs.
//!
//! # Queues, their bounds and what a full one does
//!
//! | queue | full |
//! |---|---|
//! | lane: feed, gateway, timer, operator | its source keeps the event and stops reading |
//! | inbound ring | the event stays in its lane |
//! | intent lane | the strategy takes no event until all that one may raise has room (C1) |
//! | command ring | risk keeps the commands and takes no event until they have room |
//! | commands held at a gateway for the disk, or waiting for its capacity | cannot be (C2) |
//! | refusals' lane | cannot be (C3) |
//! | latency samples | the sample is lost, and counted |
//!
//! - C1: an intent lane has at least `INTENTS_PER_EVENT_MAX` places for each of its strategies.
//! - C2: commands approved and not yet reported by an applied `Sent` or `SendFailed` are at most
//!   `COMMANDS_IN_FLIGHT_MAX`: risk counts them. A gateway stage has that many places, for those
//!   that the gate holds and those that wait together, so it can always take its commands off the
//!   ring, and others' it passes over.
//! - C3: intents of a strategy that have no applied verdict are at most `INTENTS_IN_FLIGHT_MAX`;
//!   the refusals' lane has that many places for each strategy. The strategy's runner counts them.
//!   Notices on their way in the same lane are at most `NOTICES_IN_FLIGHT_MAX`: risk counts them.
//!
//! # Why the cycle cannot deadlock
//!
//! The cycle is inbound ring -> risk -> command ring -> gateway -> its lane -> sequencer ->
//! inbound ring. A deadlock needs a closed chain of stages each of which waits for the next. No
//! such chain exists, because every wait points at something that moves by itself:
//!
//! 1. *Risk* waits for the strategies to have taken the event before it (2), and for room in the
//!    command ring, which the journal (3) and the gateways (4) make without waiting for risk. It
//!    never waits for the refusals' lane, which leads back to the sequencer: C3.
//! 2. A *strategy* waits only for room in its intent lane, of which there is at least one event's
//!    worth (C1). What fills it are intents of events that the strategy has taken already; risk
//!    takes those out, one event after the other. Risk may take every event that the slowest
//!    strategy has taken; once it has, that strategy's lane is empty, so the slowest strategy
//!    always gets room, and with it the next one.
//! 3. The *journal* waits for the disk only: the cause of a command is in the inbound ring
//!    already when it sees the command. In `sync` durability the strategies wait for the journal,
//!    and the journal, on this ring, for nobody. A sync ends: with success, or with an error, which
//!    is latched, and then nothing waits for the disk any more.
//! 4. A *gateway* takes commands off its ring whether or not it can send them or publish events:
//!    C2 bounds what waits there. So the command ring always moves. What its gate holds waits for
//!    the disk (3) and nobody waits for it: risk refuses new orders when the credits are used up,
//!    and cancels pass the gate. After a failed sync what is held ends as `SendFailed`, as fast as
//!    the gateway's lane takes that (6).
//! 5. So every consumer of the inbound ring moves, and the ring gets free.
//! 6. The *sequencer* waits only for the inbound ring, which gets free (5), and so the lanes do.
//! 7. *Feeds and gateways* keep what finds no place in their lanes and stop reading their sockets,
//!    still polling; the lanes get free (6). Nothing in 1 to 6 waits for them.
//!
//! On one worker the stages take turns, none blocks, and each finds at its next turn what the
//! others have freed. The test `pipeline_flood` runs this with rings and lanes of 64.

use model::limits::{RING_SLOTS_MAX, RING_SLOTS_MIN, STRATEGIES_MAX};

/// Most feeds, and most gateways: with the lanes of the engine's own they fit a source id.
const PORTS_MAX: usize = 64;

const _: () = assert!(2 * PORTS_MAX + super::lane::SOURCE_FIRST_PORT.index() < u8::MAX as usize);

/// What a worker does when none of its stages has work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Polls on: lowest latency, one core at full load.
    Spin,
    /// Offers its core to other threads between polls.
    Yield,
    /// Sleeps 50 us, and up to 1 ms when nothing comes. For machines that have other work.
    Park,
}

impl std::str::FromStr for Wait {
    type Err = UnknownWait;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "spin" => Ok(Self::Spin),
            "yield" => Ok(Self::Yield),
            "park" => Ok(Self::Park),
            _ => Err(UnknownWait),
        }
    }
}

/// The text names no wait strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one of spin, yield, park")]
pub struct UnknownWait;

/// One `[[worker]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Core to pin the thread to; `None` leaves it to the system.
    pub core: Option<usize>,
    /// What it does when idle.
    pub wait: Wait,
    /// Names of its stages, in the order in which it polls them.
    pub stages: Vec<String>,
}

/// Workers and sizes. See the module's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// The workers.
    pub workers: Vec<WorkerConfig>,
    /// Slots of the inbound ring: a power of two, `RING_SLOTS_MIN` to `RING_SLOTS_MAX`.
    pub inbound_slots: usize,
    /// Slots of the command ring: likewise.
    pub command_slots: usize,
    /// Places of each lane: likewise.
    pub lane_slots: usize,
}

/// What a topology must find room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Number of strategies. With none, the stage `strategy` passes every event on.
    pub strategies: usize,
    /// Names of the feeds; at least one.
    pub feeds: Vec<String>,
    /// Names of the gateways; at least one.
    pub gateways: Vec<String>,
}

/// A value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} = {value}: {allowed}")]
pub struct Problem {
    /// Path of the key, for example `worker[1].stages[0]`.
    pub key: String,
    /// The value that stands there.
    pub value: String,
    /// What may stand there.
    pub allowed: String,
}

impl Topology {
    /// Everything on one thread, in the order in which an event travels. Runs on a laptop.
    #[must_use]
    pub fn one_worker(wait: Wait) -> Self {
        let stages = [
            "feed",
            "timer",
            "sequencer",
            "strategy",
            "risk",
            "journal",
            "gateway",
        ];
        Self {
            workers: vec![WorkerConfig {
                core: None,
                wait,
                stages: stages.map(str::to_owned).to_vec(),
            }],
            inbound_slots: 4_096,
            command_slots: 256,
            lane_slots: 1_024,
        }
    }

    /// Every problem of this topology for `shape`, on a machine with `cores`; none if it can run.
    #[must_use]
    pub fn problems(&self, shape: &Shape, cores: &[usize]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (key, slots) in [
            ("inbound_slots", self.inbound_slots),
            ("command_slots", self.command_slots),
            ("lane_slots", self.lane_slots),
        ] {
            let in_range = (RING_SLOTS_MIN..=RING_SLOTS_MAX).contains(&slots);
            if !in_range || !slots.is_power_of_two() {
                let allowed = format!("a power of two from {RING_SLOTS_MIN} to {RING_SLOTS_MAX}");
                problems.push(problem(key, slots, allowed));
            }
        }
        self.check_cores(cores, &mut problems);
        self.check_stages(shape, &mut problems);
        problems
    }

    fn check_cores(&self, cores: &[usize], problems: &mut Vec<Problem>) {
        for (index, worker) in self.workers.iter().enumerate() {
            let key = format!("worker[{index}].core");
            let Some(core) = worker.core else { continue };
            if !cores.contains(&core) {
                problems.push(problem(&key, core, format!("a core of {cores:?}")));
            }
            let before = &self.workers[..index];
            if before.iter().any(|other| other.core == Some(core)) {
                let allowed = "a core of its own: another worker has this one".to_owned();
                problems.push(problem(&key, core, allowed));
            }
        }
    }

    fn check_stages(&self, shape: &Shape, problems: &mut Vec<Problem>) {
        for (key, count, most) in [
            ("strategy", shape.strategies.max(1), STRATEGIES_MAX),
            ("feed", shape.feeds.len(), PORTS_MAX),
            ("gateway", shape.gateways.len(), PORTS_MAX),
        ] {
            if !(1..=most).contains(&count) {
                let allowed = format!("at least one and at most {most} of them");
                problems.push(problem(key, count, allowed));
            }
        }
        let mut wanted = shape.units();
        for (at, worker) in self.workers.iter().enumerate() {
            if worker.stages.is_empty() {
                let key = format!("worker[{at}].stages");
                problems.push(problem(&key, "[]", "at least one stage".to_owned()));
            }
            for (place, name) in worker.stages.iter().enumerate() {
                let key = format!("worker[{at}].stages[{place}]");
                let units = shape.units_of(name);
                if units.is_empty() {
                    let allowed = format!("one of {}", shape.names().join(", "));
                    problems.push(problem(&key, name, allowed));
                } else if !units.iter().all(|unit| wanted.contains(unit)) {
                    let allowed = "a stage that no worker has yet".to_owned();
                    problems.push(problem(&key, name, allowed));
                }
                wanted.retain(|unit| !units.contains(unit));
            }
        }
        for unit in wanted {
            let allowed = format!("stage {unit} must stand in the stages of a worker");
            problems.push(problem("worker", "missing", allowed));
        }
    }

    /// Whether the strategies have a stage each.
    pub(crate) fn splits_strategies(&self) -> bool {
        let mut stages = self.workers.iter().flat_map(|worker| &worker.stages);
        stages.all(|name| name != "strategy")
    }
}

fn problem(key: &str, value: impl ToString, allowed: String) -> Problem {
    Problem {
        key: key.to_owned(),
        value: value.to_string(),
        allowed,
    }
}

impl Shape {
    /// The smallest things that a worker can be given.
    fn units(&self) -> Vec<String> {
        [
            "sequencer",
            "timer",
            "journal",
            "risk",
            "feed",
            "gateway",
            "strategy",
        ]
        .into_iter()
        .flat_map(|name| self.units_of(name))
        .collect()
    }

    /// What `name` stands for: itself, each of its kind, or nothing if it is unknown.
    pub(crate) fn units_of(&self, name: &str) -> Vec<String> {
        let all = |kind: &str, names: &[String]| -> Vec<String> {
            names.iter().map(|name| format!("{kind}.{name}")).collect()
        };
        let ids: Vec<String> = (0..self.strategies).map(|id| id.to_string()).collect();
        let strategies = match self.strategies {
            0 => vec!["strategy".to_owned()],
            _ => all("strategy", &ids),
        };
        let kinds = [
            ("feed", all("feed", &self.feeds)),
            ("gateway", all("gateway", &self.gateways)),
            ("strategy", strategies),
        ];
        for (kind, units) in kinds {
            if name == kind {
                return units;
            }
            if units.iter().any(|unit| unit == name) {
                return vec![name.to_owned()];
            }
        }
        match name {
            "sequencer" | "timer" | "journal" | "risk" => vec![name.to_owned()],
            _ => Vec::new(),
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = ["feed", "gateway", "strategy"].map(str::to_owned).to_vec();
        names.extend(self.units());
        names
    }
}

/// Cores that this thread may run on, isolated ones included.
///
/// The affinity mask leaves out what `isolcpus` took from the scheduler, although a thread may be
/// pinned there; the kernel lists those separately.
#[must_use]
pub fn available_cores() -> Vec<usize> {
    let mask = core_affinity::get_core_ids().unwrap_or_default();
    let mut cores: Vec<usize> = mask.into_iter().map(|core| core.id).collect();
    let isolated = std::fs::read_to_string("/sys/devices/system/cpu/isolated");
    cores.extend(cores_of(isolated.unwrap_or_default().trim()));
    cores.sort_unstable();
    cores.dedup();
    cores
}

/// The kernel's list form: `1-3,7`. What it cannot read is left out.
fn cores_of(list: &str) -> Vec<usize> {
    let mut cores = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        if let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) {
            cores.extend(first..=last);
        }
    }
    cores
}

#[cfg(test)]
#[path = "topology_tests.rs"]
mod tests;
