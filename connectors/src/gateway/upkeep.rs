//! What a connection needs in the course of time: deadlines, signs of life, our trades, a new
//! connection before the venue ends the old one.
//!
//! Hot path: yes ([`Session::tick`] when nothing is due). Allocates: no.

use model::body::{LinkState, RejectReason};

use super::dialect::Dialect;
use super::session::{Phase, Session};
use super::table::Task;

/// Deadlines are looked at this often.
const TICK_NS: u64 = 5_000_000;
const SECOND_NS: u64 = 1_000_000_000;
/// The dead man's switch is set again this often in its countdown.
const DEAD_MAN_PARTS: u64 = 3;
/// Heartbeats without an answer until a connection counts as dead.
const HEARTBEATS: u64 = 3;

impl<D: Dialect> Session<D> {
    /// Deadlines. Cheap when nothing is due.
    pub(crate) fn tick(&mut self, now_ns: u64) {
        if now_ns < self.tick_due_ns || self.phase == Phase::Closed {
            return;
        }
        self.tick_due_ns = now_ns.saturating_add(TICK_NS);
        self.emit.stamp_ns = now_ns;
        while let Some(request) = self.line.table.take_overdue(now_ns) {
            self.failed(&request, RejectReason::NoAnswer, "no answer in time");
            if self.phase == Phase::Up {
                self.ask_time();
            }
        }
        if self.phase != Phase::Up {
            return;
        }
        self.look_for_life(now_ns);
        let measured_ns = self.line.time.measured_ns();
        if now_ns.saturating_sub(measured_ns) >= self.timing.measure_ns {
            self.measure();
        }
        self.ask_trades(now_ns);
        self.ask_to_be_kept(now_ns);
        if now_ns >= self.money_due_ns {
            self.ask_for_money();
        }
        if now_ns.saturating_sub(self.opened_ns) >= self.timing.renew_ns {
            self.renew();
        }
        self.renew_when_quiet(now_ns);
    }

    /// A silent connection is asked for a sign of life; where our heartbeat is one, and is
    /// answered, a silence of several is its end.
    fn look_for_life(&mut self, now_ns: u64) {
        let silent_ns = now_ns.saturating_sub(self.heard_ns);
        match self.habits.heartbeat {
            Some((_, every_ns)) if silent_ns >= every_ns.saturating_mul(HEARTBEATS) => {
                let words = "no answer to our heartbeats";
                self.end(LinkState::Down, 0, words);
            }
            None if silent_ns >= self.timing.probe_ns => self.ask_time(),
            Some(_) | None => {}
        }
    }

    fn ask_trades(&mut self, now_ns: u64) {
        let count = self.entries.len();
        if now_ns < self.trades_due_ns || count == 0 {
            return;
        }
        let spacing_ns = (self.timing.trades_ns / count as u64).max(SECOND_NS);
        self.trades_due_ns = now_ns.saturating_add(spacing_ns.min(self.timing.trades_ns));
        let slot = self.next_slot % count;
        self.next_slot = slot + 1;
        let asked =
            |task: &Task| matches!(task, Task::Trades { slot: other, .. } if *other == slot);
        if !self.tasks.iter().any(asked) {
            self.tasks.push_back(self.trades_of_slot(slot));
        }
    }

    /// The private stream and the dead man's switch want to hear from us.
    fn ask_to_be_kept(&mut self, now_ns: u64) {
        if let Some(every_ns) = self.habits.keep_alive_ns
            && now_ns >= self.keep_alive_due_ns
        {
            self.keep_alive_due_ns = now_ns.saturating_add(every_ns);
            self.want(Task::KeepAlive);
        }
        let Some(switch) = self.habits.dead_man else {
            return;
        };
        if now_ns >= self.dead_man_due_ns {
            let pause_ns = switch.countdown_ns / DEAD_MAN_PARTS;
            self.dead_man_due_ns = now_ns.saturating_add(pause_ns);
            self.dead_man(true);
        }
    }

    /// Sets the dead man's switch, or takes it back.
    pub(crate) fn dead_man(&mut self, on: bool) {
        let Some(switch) = self.habits.dead_man else {
            return;
        };
        let count = if switch.by_instrument {
            self.entries.len()
        } else {
            1
        };
        for slot in 0..count {
            self.want(Task::DeadMan { on, slot });
        }
    }

    fn renew_when_quiet(&mut self, now_ns: u64) {
        let Some(since_ns) = self.renewing_since_ns else {
            return;
        };
        let waited = now_ns.saturating_sub(since_ns) >= self.timing.request_ns;
        if waited || self.line.table.is_empty() {
            self.end(
                LinkState::Down,
                0,
                "replaced by a new connection, as planned",
            );
        }
    }
}
