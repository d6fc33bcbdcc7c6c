//! A running pipeline: what the supervisor holds, and the orderly end.
//!
//! The end, in the order in which it happens. The supervisor has stopped trading before.
//! 1. `shut_down` closes: the timer stops, feeds and gateways get `shut_down` and are polled until
//!    they have been silent for a while. Everything else goes on.
//! 2. The sequencer ends when every source is silent, risk has applied the last event, the
//!    gateways have taken the last command, and the lanes are empty (`Sequencer::may_end`).
//! 3. That ends the inbound ring: strategies, then risk, end after its last event.
//! 4. Risk's end ends the command ring: the journal, then the gateways, end after its last command.
//! 5. The workers end with their stages and hand them back.
//!
//! A fault ends the workers at their next turn instead. An end that takes longer than it was given
//! becomes a fault that names what was waited for; so `shut_down` always returns.
//!
//! Thread: the supervisor's. Hot path: no.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::sleep;
use std::time::{Duration, Instant};

use model::body::{Operator, OperatorAction, Text};
use model::ports::{Clock, EventSink};
use model::record::{Kind, Record};

use super::control::{Control, Fault};
use super::gauges::Gauges;
use super::lane::LaneSink;
use super::latency::Samples;
use super::stage::Remains;
use super::worker::Thread;
use crate::clock::WallClock;
use crate::machine::strategy::Registry;
use crate::machine::{Machine, Parts};

/// How often the supervisor looks whether the workers have ended.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How long workers get to see a fault: a turn, and the longest park.
const FAULT_GRACE: Duration = Duration::from_secs(2);

/// A pipeline with its threads running. Dropping it without [`Running::shut_down`] stops them too,
/// as a fault would.
#[derive(Debug)]
pub struct Running {
    /// The supervisor's own lane.
    pub operator: OperatorLane,
    /// Latency samples of sent commands.
    pub samples: Samples,
    pub(crate) control: Arc<Control>,
    pub(crate) threads: Threads,
    pub(crate) registry: Registry,
}

/// What is left after an orderly end.
pub struct Ended {
    /// The machine, after the last event.
    pub machine: Machine,
    /// The journal, which holds every event and command.
    pub writer: journal::Writer,
}

/// What is left after a fault. The machine's state is void; the journal has the truth.
#[derive(thiserror::Error)]
#[error("{fault}")]
pub struct Failed {
    /// The first fault.
    pub fault: Fault,
    /// The journal's writer, unless its worker could not be ended.
    pub writer: Option<Box<journal::Writer>>,
}

impl std::fmt::Debug for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ended")
            .field("last_event", &self.machine.last_event())
            .field("last_seq", &self.writer.last_seq())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Failed")
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

impl Running {
    /// The counters of all stages.
    #[must_use]
    pub fn gauges(&self) -> &Gauges {
        &self.control.gauges
    }

    /// The latch of the gateways' last lines: while it is set no order leaves. For a signal
    /// handler: no queue and no thread lies between. Whoever sets it clears it.
    #[must_use]
    pub fn latch(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.control.latch)
    }

    /// The first fault, if the pipeline has stopped by itself.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        self.control.fault()
    }

    /// Ends the pipeline in order, within about `grace`.
    ///
    /// # Errors
    ///
    /// [`Failed`] if a fault stopped it before, or the end took too long.
    pub fn shut_down(mut self, grace: Duration) -> Result<Ended, Failed> {
        self.control.close();
        self.threads.unpark();
        if !self.threads.all_ended_within(grace) {
            self.control.raise(Fault::Stuck {
                waited_ms: grace.as_millis(),
                waiting_for: waiting_for(&self.control.gauges),
            });
        }
        self.threads.unpark();
        self.threads.all_ended_within(FAULT_GRACE);
        let left = self.threads.join();
        match self.control.fault() {
            Some(fault) => Err(Failed {
                fault: fault.clone(),
                writer: left.writer,
            }),
            None => left.whole(self.registry.clone()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.threads.0.is_empty() {
            self.control.raise(Fault::Abandoned);
            self.threads.unpark();
        }
    }
}

/// The workers' threads.
#[derive(Debug)]
pub(crate) struct Threads(pub(crate) Vec<Thread>);

impl Threads {
    fn unpark(&self) {
        for thread in &self.0 {
            thread.thread().unpark();
        }
    }

    fn all_ended_within(&self, time: Duration) -> bool {
        let began = Instant::now();
        loop {
            if self.0.iter().all(std::thread::JoinHandle::is_finished) {
                return true;
            }
            if time < began.elapsed() {
                return false;
            }
            sleep(LOOK_EVERY);
        }
    }

    /// Waits for all, after a fault at the start: each sees it at its first turn.
    pub(crate) fn join_all(&mut self) {
        self.unpark();
        for thread in self.0.drain(..) {
            // Err: a panic; the fault that stopped the start is the one to report.
            let _ = thread.join();
        }
    }

    /// Collects what the ended workers hand back. One that has not ended is left alone: it sees
    /// the fault if it ever comes to a next turn.
    pub(crate) fn join(&mut self) -> Left {
        let mut left = Left::default();
        for thread in self.0.drain(..) {
            if !thread.is_finished() {
                continue;
            }
            // Err: a panic outside of the stages; what it held is lost, and `whole` notices.
            for stage in thread.join().unwrap_or_default() {
                left.take(stage.finish());
            }
        }
        left
    }
}

/// What the stages handed back.
#[derive(Default)]
pub(crate) struct Left {
    strategies: Vec<(usize, Vec<crate::machine::StrategyRunner>)>,
    risk: Option<Box<crate::machine::Risk>>,
    writer: Option<Box<journal::Writer>>,
}

impl Left {
    fn take(&mut self, remains: Remains) {
        match remains {
            Remains::Nothing => {}
            Remains::Strategies(first, runners) => self.strategies.push((first, runners)),
            Remains::Risk(risk) => self.risk = Some(risk),
            Remains::Journal(writer) => self.writer = Some(writer),
        }
    }

    fn whole(mut self, registry: Registry) -> Result<Ended, Failed> {
        self.strategies.sort_by_key(|(first, _)| *first);
        let runners = self.strategies.into_iter().flat_map(|(_, runners)| runners);
        match (self.risk, self.writer) {
            (Some(risk), Some(writer)) => Ok(Ended {
                machine: Machine::from_parts(Parts {
                    strategies: runners.collect(),
                    risk: *risk,
                    registry,
                }),
                writer: *writer,
            }),
            (_, writer) => Err(Failed {
                fault: Fault::Abandoned,
                writer,
            }),
        }
    }
}

/// What an end that does not come is waiting for.
fn waiting_for(gauges: &Gauges) -> String {
    let mut names = Vec::new();
    let sequenced = gauges.sequenced.get();
    for lane in gauges.lanes.iter().filter(|lane| lane.closed.get() == 0) {
        names.push(format!("{} is not silent", lane.name));
    }
    for gateway in &gauges.gateways {
        if gateway.seen.get() < gauges.commands.get() || gateway.quiet.get() == 0 {
            names.push(format!("gateway {} is not silent", gateway.name));
        }
    }
    for (name, event) in [("risk", &gauges.decided), ("journal", &gauges.journaled)] {
        if event.get() < sequenced {
            names.push(format!("{name} is at event {} of {sequenced}", event.get()));
        }
    }
    names.join(", ")
}

/// The supervisor's lane into the sequencer.
#[derive(Debug)]
pub struct OperatorLane {
    pub(crate) sink: LaneSink,
    pub(crate) clock: WallClock,
}

impl OperatorLane {
    /// Sends an order to the engine; false if the lane is full, and then nothing happened.
    #[must_use]
    pub fn send(&mut self, action: OperatorAction, text: &str) -> bool {
        let operator = Operator {
            action,
            reserved: [0; 7],
            text: Text::cut(text),
        };
        self.push(&Record::new(Kind::Operator, &operator))
    }

    /// Sends an event of the supervisor's own (an instrument's parts, a state hash), stamped now;
    /// false if the lane is full, and then nothing happened.
    #[must_use]
    pub fn push(&mut self, record: &Record) -> bool {
        self.sink.push(&record.stamped(self.clock.now_ns()))
    }

    /// Free places, for a blob that must go whole.
    #[must_use]
    pub fn free(&self) -> usize {
        self.sink.free()
    }
}
