//! Watches a running engine: signals, status, self-check, and the way to an orderly end.
//!
//! The end, in phases: `Stop` makes the machine cancel what rests and refuse everything new; when
//! the shadow sees no live order, `ConfirmFlat` asks the venue for its own list; when that is
//! empty the run is done. A phase that takes too long ends the run with its trouble named; what is
//! still open then stays in the journal, and the next run reconciles it.
//!
//! Thread: main. Not on the hot path.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine::pipeline::{LatencyRecorder, Running};
use model::body::OperatorAction;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};

use super::follower::Follower;
use super::health::Health;
use super::sealing::Remarks;
use super::snapshots::Snapshots;
use super::status::Status;
use super::view::View;
use crate::control::obey::Obedience;
use crate::output::{Failure, remark};

/// Pause between two looks when nothing is to be done.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// Longest time for the cancels and the proof that nothing rests. An unknown order needs two
/// queries, apart, behind its validity.
const STOP_MAX: Duration = Duration::from_secs(30);
/// Time after which the venue is asked once more for its open orders.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// Time that a kill gets to reach the venue after the self-check failed.
const KILL_GRACE: Duration = Duration::from_secs(2);

/// What the signal handlers leave behind.
struct Signals {
    stop: Arc<AtomicBool>,
    kill: Arc<AtomicBool>,
    /// The gateways' last lines.
    latch: Arc<AtomicBool>,
}

impl Signals {
    /// First Ctrl-C: end in order. Second: end at once; the journal is intact all the same.
    fn register(latch: Arc<AtomicBool>) -> Result<Self, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let kill = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
                .map_err(Failure::because)?;
            signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(Failure::because)?;
        }
        signal_hook::flag::register(SIGUSR1, Arc::clone(&kill)).map_err(Failure::because)?;
        // The last line closes in the handler itself, whatever else hangs.
        signal_hook::flag::register(SIGUSR1, Arc::clone(&latch)).map_err(Failure::because)?;
        Ok(Self { stop, kill, latch })
    }
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Trading,
    Stopping {
        since: Instant,
    },
    Confirming {
        since: Instant,
        asked: Instant,
        behind_seq: u64,
    },
    Done,
}

/// When a run ends by itself.
pub(crate) struct Limits<'a> {
    /// `--for`.
    pub(crate) run_for: Option<Duration>,
    /// The journal's room and health.
    pub(crate) health: Health,
    /// The journal.
    pub(crate) journal: journal::Watch,
    /// Whether the recording, if there is one, has been played to its end.
    pub(crate) recording_ended: Box<dyn Fn() -> bool + 'a>,
}

/// How the supervision ended.
pub(crate) struct Ending {
    /// The running engine, to be shut down.
    pub(crate) running: Running,
    /// The shadow, to be led to the end.
    pub(crate) follower: Follower,
    /// Takes snapshots, to be ended.
    pub(crate) snapshots: Snapshots,
    /// Latencies of the whole run.
    pub(crate) latency: LatencyRecorder,
    /// What went wrong, for a person.
    pub(crate) trouble: Option<String>,
}

/// See the module's header.
pub(crate) struct Supervisor<'a> {
    running: Running,
    follower: Follower,
    snapshots: Snapshots,
    latency: LatencyRecorder,
    status: Status,
    signals: Signals,
    limits: Limits<'a>,
    phase: Phase,
    trouble: Option<String>,
    seal: Remarks,
    obedience: Obedience,
    /// The kill that the latch stands for has been seen in the log.
    kill_seen: bool,
}

impl<'a> Supervisor<'a> {
    /// # Errors
    ///
    /// [`Failure`]: the signal handlers cannot be set.
    pub(crate) fn new(
        running: Running,
        follower: Follower,
        snapshots: Snapshots,
        status: Status,
        limits: Limits<'a>,
        obedience: Obedience,
    ) -> Result<Self, Failure> {
        Ok(Self {
            signals: Signals::register(running.latch())?,
            running,
            follower,
            snapshots,
            latency: LatencyRecorder::new(),
            status,
            limits,
            phase: Phase::Trading,
            trouble: None,
            seal: Remarks::default(),
            obedience,
            kill_seen: false,
        })
    }

    /// Supervises until the run is over.
    pub(crate) fn run(mut self) -> Ending {
        let began = Instant::now();
        while !matches!(self.phase, Phase::Done) {
            self.obey_kill();
            let more = self.follow();
            self.running.samples.drain_into(&mut self.latency);
            self.follower.publish_checkpoint(&mut self.running.operator);
            self.snapshots.look(self.follower.shadow());
            if let Some(fault) = self.running.fault() {
                self.trouble = Some(format!("the engine stopped by itself: {fault}"));
                self.phase = Phase::Done;
            }
            if !more {
                self.obey_persons();
                self.open_latch();
                self.watch_journal();
                self.seal.look(&self.limits.journal.seal());
                self.advance(began);
                self.status
                    .show(&mut self.follower, &self.running, &self.latency);
                std::thread::sleep(LOOK_INTERVAL);
            }
        }
        self.status.clear();
        Ending {
            running: self.running,
            follower: self.follower,
            snapshots: self.snapshots,
            latency: self.latency,
            trouble: self.trouble,
        }
    }

    /// Leads the shadow on. If live machine and shadow differ nothing can be trusted: kill.
    fn follow(&mut self) -> bool {
        match self.follower.follow() {
            Ok(more) => more,
            Err(failure) => {
                self.signals.latch.store(true, Ordering::Release);
                let _full_lane = self
                    .running
                    .operator
                    .send(OperatorAction::Kill, "self-check");
                self.trouble = Some(failure.to_string());
                self.phase = Phase::Done;
                std::thread::sleep(KILL_GRACE);
                false
            }
        }
    }

    fn obey_kill(&mut self) {
        if self.signals.kill.swap(false, Ordering::Relaxed) {
            remark("kill switch pulled by SIGUSR1");
            if !self.running.operator.send(OperatorAction::Kill, "SIGUSR1") {
                self.signals.kill.store(true, Ordering::Relaxed);
            }
        }
    }

    /// The latch opens when the kill that it stands for came into the log and two persons released
    /// it there.
    fn open_latch(&mut self) {
        let killed = self.follower.machine().kill_latched();
        if killed || !self.kill_seen {
            self.kill_seen = killed;
            return;
        }
        self.kill_seen = false;
        if !self.signals.kill.load(Ordering::Relaxed) && self.obedience.kill_wanted().is_none() {
            self.signals.latch.store(false, Ordering::Release);
        }
    }

    /// Requests of persons, and the file that kills.
    fn obey_persons(&mut self) {
        if let Some(reason) = self.obedience.kill_wanted() {
            self.signals.latch.store(true, Ordering::Release);
            let text = if reason.is_empty() {
                "KILL file"
            } else {
                &reason
            };
            if self.running.operator.send(OperatorAction::Kill, text) {
                remark("kill switch pulled by the KILL file");
                self.obedience.kill_taken(self.follower.machine().time_ns());
            }
        }
        let notices = self.follower.take_notices();
        let (machine, operator) = (self.follower.machine(), &mut self.running.operator);
        self.obedience
            .look(machine, &notices, |record| operator.push(record));
    }

    fn advance(&mut self, began: Instant) {
        match self.phase {
            Phase::Trading if self.should_end(began) => {
                if self
                    .running
                    .operator
                    .send(OperatorAction::Stop, "end of the run")
                {
                    self.phase = Phase::Stopping {
                        since: Instant::now(),
                    };
                }
            }
            Phase::Trading | Phase::Done => {}
            Phase::Stopping { since } => self.stopping(since),
            Phase::Confirming {
                since,
                asked,
                behind_seq,
            } => {
                self.confirming(since, asked, behind_seq);
            }
        }
    }

    /// A journal that cannot keep its promise halts what is new, and one that cannot go on ends the
    /// run while it still can be written in order.
    fn watch_journal(&mut self) {
        let trouble = self.limits.health.look(&mut self.running.operator);
        if let Some(trouble) = trouble.filter(|_| self.trouble.is_none()) {
            remark(&format!("ending in order: {trouble}"));
            self.trouble = Some(trouble);
        }
    }

    fn should_end(&self, began: Instant) -> bool {
        self.trouble.is_some()
            || self.signals.stop.load(Ordering::Relaxed)
            || self
                .limits
                .run_for
                .is_some_and(|run_for| run_for <= began.elapsed())
            || (self.limits.recording_ended)()
    }

    fn stopping(&mut self, since: Instant) {
        let view = View::of(self.follower.machine());
        let idle = view.stopping && view.live_orders == 0 && self.follower.commands_pending() == 0;
        if idle && view.orders_up() {
            let behind_seq = self.follower.last_seq();
            if self
                .running
                .operator
                .send(OperatorAction::ConfirmFlat, "end of the run")
            {
                self.phase = Phase::Confirming {
                    since,
                    asked: Instant::now(),
                    behind_seq,
                };
            }
        } else if STOP_MAX < since.elapsed() {
            let links = view.links_text();
            self.give_up(&format!(
                "{} orders are open or unknown, {links}",
                view.live_orders
            ));
        }
    }

    fn confirming(&mut self, since: Instant, asked: Instant, behind_seq: u64) {
        let config = self.follower.machine().config();
        let accounts = config.map_or(0, |config| config.accounts.len());
        match self.follower.tally.open_at_venue(accounts, behind_seq) {
            Some(0) => self.phase = Phase::Done,
            Some(ours) => {
                self.give_up(&format!("the venue still lists {ours} of our orders"));
            }
            _ if STOP_MAX < since.elapsed() => {
                self.give_up("the venue did not confirm that nothing rests");
            }
            // The question may have been lost with a connection: ask again.
            _ if ASK_AGAIN < asked.elapsed() => self.phase = Phase::Stopping { since },
            _ => {}
        }
    }

    fn give_up(&mut self, what: &str) {
        let waited = STOP_MAX.as_secs();
        self.trouble = Some(format!(
            "not a clean end: {what} (waited up to {waited} s); the journal has them, and the \
             next run reconciles them with the venue"
        ));
        self.phase = Phase::Done;
    }
}
