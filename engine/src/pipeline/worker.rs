//! Workers: threads with a role name, pinned if asked, polling their stages round-robin.
//!
//! A worker ends when all its stages have ended, or at its next turn after a fault. It never
//! blocks but in the `park` wait, and that for at most [`PARK_MAX`].
//!
//! Hot path: yes. Allocates: no. Clock: one monotonic read a turn, for its own gauges.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use model::ports::{Clock, Worked};

use super::control::{Control, Fault};
use super::gauges::WorkerGauges;
use super::stage::Stage;
use super::topology::Wait;
use crate::clock::StageClock;

/// A turn longer than this is counted as long.
pub const LONG_TURN_NS: u64 = 100_000;
/// Idle turns that a parking worker spins through first: a busy market never parks.
const SPINS_BEFORE_PARK: u32 = 200;
/// First park, and longest one. The longest is also how late a stop is noticed.
const PARK_MIN: Duration = Duration::from_micros(50);
const PARK_MAX: Duration = Duration::from_millis(1);

pub(crate) struct Worker {
    pub(crate) name: String,
    /// Index of its gauges.
    pub(crate) index: usize,
    pub(crate) core: Option<usize>,
    pub(crate) wait: Wait,
    pub(crate) stages: Vec<Box<dyn Stage>>,
    pub(crate) clock: StageClock,
    pub(crate) control: Arc<Control>,
}

/// The thread of a worker; it gives its stages back.
pub(crate) type Thread = JoinHandle<Vec<Box<dyn Stage>>>;

impl Worker {
    /// Starts the thread.
    pub(crate) fn spawn(self) -> Result<Thread, Fault> {
        let worker = self.name.clone();
        std::thread::Builder::new()
            .name(worker.clone())
            .spawn(move || self.run())
            .map_err(|error| Fault::Spawn {
                worker,
                cause: error.to_string(),
            })
    }

    fn run(mut self) -> Vec<Box<dyn Stage>> {
        if self.pin() {
            let turns = catch_unwind(AssertUnwindSafe(|| self.turns()));
            if let Err(panic) = turns {
                self.control.raise(Fault::Panicked {
                    worker: self.name,
                    message: message_of(panic.as_ref()),
                });
            }
        }
        self.stages
    }

    fn pin(&self) -> bool {
        let Some(core) = self.core else {
            return true;
        };
        let pinned = core_affinity::set_for_current(core_affinity::CoreId { id: core });
        if !pinned {
            self.control.raise(Fault::Pin {
                worker: self.name.clone(),
                core,
            });
        }
        pinned
    }

    fn turns(&mut self) {
        let control = Arc::clone(&self.control);
        let gauges = &control.gauges.workers[self.index];
        let mut idle = Idle::new(self.wait);
        let mut began_ns = self.clock.now_ns();
        while !control.is_faulted() {
            let Some(worked) = self.turn() else {
                return;
            };
            let ended_ns = self.clock.now_ns();
            count_turn(gauges, worked, ended_ns - began_ns);
            began_ns = ended_ns;
            if worked.is_yes() {
                idle.reset();
            } else if idle.rest() {
                began_ns = self.clock.now_ns();
            }
        }
    }

    /// Polls each stage once; `None` when all have ended.
    fn turn(&mut self) -> Option<Worked> {
        let mut worked = Worked::No;
        let mut ended = true;
        for stage in &mut self.stages {
            if !stage.has_ended() {
                ended = false;
                worked = worked.or(stage.poll());
            }
        }
        (!ended).then_some(worked)
    }
}

fn count_turn(gauges: &WorkerGauges, worked: Worked, took_ns: u64) {
    gauges.turns.add(1);
    if worked.is_yes() {
        gauges.busy_turns.add(1);
    }
    gauges.longest_turn_ns.raise_to(took_ns);
    if LONG_TURN_NS < took_ns {
        gauges.long_turns.add(1);
    }
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.map(str::to_owned)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

/// What a worker does between idle turns.
#[derive(Debug)]
struct Idle {
    wait: Wait,
    turns: u32,
    park: Duration,
}

impl Idle {
    const fn new(wait: Wait) -> Self {
        Self {
            wait,
            turns: 0,
            park: PARK_MIN,
        }
    }

    const fn reset(&mut self) {
        self.turns = 0;
        self.park = PARK_MIN;
    }

    /// Rests as the wait strategy says; true if that took the thread off its core.
    fn rest(&mut self) -> bool {
        match self.wait {
            Wait::Spin => std::hint::spin_loop(),
            Wait::Yield => {
                std::thread::yield_now();
                return true;
            }
            Wait::Park if self.turns < SPINS_BEFORE_PARK => {
                self.turns += 1;
                std::hint::spin_loop();
            }
            Wait::Park => {
                std::thread::park_timeout(self.park);
                self.park = (2 * self.park).min(PARK_MAX);
                return true;
            }
        }
        false
    }
}
