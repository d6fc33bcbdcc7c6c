//! Gateway stage: hands approved, journaled commands to one gateway, and polls it.
//!
//! It sees only what the journal stage has consumed, so a command is in the journal before it is
//! sent: a property of the ring's graph. It takes commands off the ring whenever it is polled,
//! even if the gateway has no capacity or its lane is full: they wait here, at most
//! `COMMANDS_IN_FLIGHT_MAX`, because each of them is in flight until its `Sent` or `SendFailed`
//! event is applied (C2 in `topology`). In the strict durability modes orders wait before that for
//! the disk: see `gate`.
//!
//! Hot path: yes. Allocates: no.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::command::{CommandView, command as view};
use model::ids::AccountId;
use model::limits::COMMANDS_IN_FLIGHT_MAX;
use model::ports::{Clock as _, EventSink as _, Gateway, Trace, Worked};
use model::record::Record;

use super::control::Control;
use super::feed::Closing;
use super::gate::{Gate, Outgoing};
use super::gauges::GatewayGauges;
use super::lane::LaneSink;
use super::last_line::{self, LastLine};
use super::ring::{After, Found, Step};
use super::stage::{Remains, Stage};
use crate::clock::StageClock;
use crate::machine::Approved;

/// A place of the command ring.
#[derive(Debug)]
pub(crate) struct CommandSlot {
    /// `None` only before the place was used for the first time.
    pub(crate) command: Option<Approved<Record>>,
    pub(crate) trace: Trace,
    /// Its log sequence. Stored by the journal stage before it consumes the place, loaded by the
    /// gateways behind it; the ring orders the two.
    log_seq: AtomicU64,
}

impl CommandSlot {
    pub(crate) fn empty() -> Self {
        Self {
            command: None,
            trace: Trace::default(),
            log_seq: AtomicU64::new(0),
        }
    }

    /// Fills the place anew.
    #[inline]
    pub(crate) fn fill(&mut self, command: Option<Approved<Record>>, trace: Trace) {
        (self.command, self.trace) = (command, trace);
        *self.log_seq.get_mut() = 0;
    }

    /// Notes where the journal has it.
    #[inline]
    pub(crate) fn set_log_seq(&self, seq: u64) {
        self.log_seq.store(seq, Ordering::Relaxed);
    }
}

pub(crate) struct GatewayStage<G> {
    pub(crate) name: String,
    pub(crate) accounts: Vec<AccountId>,
    pub(crate) gateway: G,
    pub(crate) commands: After<CommandSlot>,
    /// What waits for the disk.
    pub(crate) gate: Gate<journal::Watch, Approved<Record>>,
    /// What waits for the gateway's capacity.
    pub(crate) waiting: VecDeque<(Approved<Record>, Trace)>,
    /// The last look at a command, behind every queue.
    pub(crate) last_line: LastLine,
    /// Events about commands that went no further than here.
    pub(crate) answers: VecDeque<Record>,
    pub(crate) sink: LaneSink,
    /// Index of its gauges.
    pub(crate) index: usize,
    pub(crate) closing: Option<Closing>,
    pub(crate) ended: bool,
    pub(crate) clock: StageClock,
    pub(crate) control: Arc<Control>,
}

impl<G: Gateway<Approved<Record>> + Send> Stage for GatewayStage<G> {
    fn name(&self) -> &str {
        &self.name
    }

    fn poll(&mut self) -> Worked {
        if self.closing.is_none() && self.control.is_closing() {
            self.gateway.shut_down();
            self.closing = Some(Closing::begun(&self.clock));
        }
        let mut worked = Worked::from(self.release()).or(self.send_waiting());
        worked = worked.or(self.tell().into());
        let found = self.take_commands();
        worked = worked
            .or(found.is_some().into())
            .or(self.gateway.poll(&self.clock, &mut self.sink));
        if let Some(closing) = &mut self.closing {
            let quiet =
                closing.is_quiet(worked, &self.sink, &self.clock) && self.waiting.is_empty();
            let quiet = quiet && self.gate.len() == 0 && self.answers.is_empty();
            let gauges = &self.control.gauges.gateways[self.index];
            gauges.quiet.set(quiet.into());
            self.ended = quiet && found == Found::End;
        }
        worked
    }

    fn has_ended(&self) -> bool {
        self.ended
    }

    fn finish(self: Box<Self>) -> Remains {
        Remains::Nothing
    }
}

impl<G: Gateway<Approved<Record>>> GatewayStage<G> {
    /// Lets go what has become durable since.
    fn release(&mut self) -> bool {
        if self.gate.len() == 0 {
            return false;
        }
        let (waiting, now_ns) = (&mut self.waiting, self.clock.now_ns());
        self.gate.release(&mut self.sink, now_ns, |outgoing| {
            waiting.push_back((outgoing.command, outgoing.trace));
        })
    }

    /// Tells what ended here, as far as the lane takes it.
    fn tell(&mut self) -> bool {
        let before = self.answers.len();
        while let Some(answer) = self.answers.front() {
            if !self.sink.push(answer) {
                break;
            }
            self.answers.pop_front();
        }
        self.answers.len() < before
    }

    /// Offers what waits here, oldest first, as far as the gateway's capacity goes.
    fn send_waiting(&mut self) -> Worked {
        let mut worked = Worked::No;
        while self.gateway.capacity() > 0 {
            let Some((command, trace)) = self.waiting.pop_front() else {
                break;
            };
            let outgoing = (command, trace);
            let (line, answers) = (&mut self.last_line, &mut self.answers);
            let gauges = &self.control.gauges.gateways[self.index];
            offer(
                &mut self.gateway,
                line,
                answers,
                outgoing,
                &self.clock,
                gauges,
            );
            worked = Worked::Yes;
        }
        worked
    }

    /// Takes commands off the ring: its own go to the gateway or wait, others' are passed over.
    fn take_commands(&mut self) -> Found {
        let gauges = &self.control.gauges.gateways[self.index];
        let here = self.waiting.len() + self.gate.len() + self.answers.len();
        let room = COMMANDS_IN_FLIGHT_MAX.saturating_sub(here);
        if room == 0 {
            return Found::Nothing;
        }
        let found = self.commands.each(room as u64, |slot| {
            let Some(command) = slot.command else {
                return Step::Next;
            };
            let mine = command
                .as_ref()
                .account()
                .is_some_and(|account| self.accounts.contains(&account));
            if !mine {
                return Step::Next;
            }
            if let Ok(CommandView::Latch(latch)) = view(command.as_ref()) {
                // It overtakes everything that waits here.
                self.last_line.latch(latch);
                let taken = last_line::taken(command.as_ref(), latch.command, self.clock.now_ns());
                self.answers.push_back(taken);
                return Step::Next;
            }
            let outgoing = Outgoing {
                command,
                trace: slot.trace,
                log_seq: slot.log_seq.load(Ordering::Relaxed),
            };
            if self.gate.pass(outgoing).is_none() {
                gauges.held_max.raise_to(self.gate.len() as u64);
                return Step::Next;
            }
            if self.waiting.is_empty() && self.gateway.capacity() > 0 {
                let outgoing = (command, slot.trace);
                let (line, answers) = (&mut self.last_line, &mut self.answers);
                offer(
                    &mut self.gateway,
                    line,
                    answers,
                    outgoing,
                    &self.clock,
                    gauges,
                );
            } else {
                self.waiting.push_back((command, slot.trace));
                gauges.waiting_max.raise_to(self.waiting.len() as u64);
            }
            Step::Next
        });
        if let Found::Some(seen) = found {
            // Before `seen`: the sequencer must not take the old quiet for the new commands'.
            gauges.quiet.set(0);
            gauges.seen.add(seen);
        }
        found
    }
}

/// The last look at a command, and then it is the gateway's.
fn offer<G: Gateway<Approved<Record>>>(
    gateway: &mut G,
    line: &mut LastLine,
    answers: &mut VecDeque<Record>,
    (command, trace): (Approved<Record>, Trace),
    clock: &StageClock,
    gauges: &GatewayGauges,
) {
    let now_ns = clock.now_ns();
    match line.judge(command.as_ref(), now_ns) {
        Ok(()) => {
            gateway.send(command, trace, clock);
            gauges.offered.add(1);
        }
        Err(stop) => answers.push_back(last_line::stopped(command.as_ref(), stop, now_ns)),
    }
}
