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

use model::ids::AccountId;
use model::limits::COMMANDS_IN_FLIGHT_MAX;
use model::ports::{Clock as _, Gateway, Trace, Worked};
use model::record::Record;

use super::control::Control;
use super::feed::Closing;
use super::gate::{Gate, Outgoing};
use super::lane::LaneSink;
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
        let found = self.take_commands();
        worked = worked
            .or(found.is_some().into())
            .or(self.gateway.poll(&self.clock, &mut self.sink));
        if let Some(closing) = &mut self.closing {
            let quiet =
                closing.is_quiet(worked, &self.sink, &self.clock) && self.waiting.is_empty();
            let quiet = quiet && self.gate.len() == 0;
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

    /// Offers what waits here, oldest first, as far as the gateway's capacity goes.
    fn send_waiting(&mut self) -> Worked {
        let mut worked = Worked::No;
        while self.gateway.capacity() > 0 {
            let Some((command, trace)) = self.waiting.pop_front() else {
                break;
            };
            self.gateway.send(command, trace, &self.clock);
            self.control.gauges.gateways[self.index].offered.add(1);
            worked = Worked::Yes;
        }
        worked
    }

    /// Takes commands off the ring: its own go to the gateway or wait, others' are passed over.
    fn take_commands(&mut self) -> Found {
        let gauges = &self.control.gauges.gateways[self.index];
        let room = COMMANDS_IN_FLIGHT_MAX.saturating_sub(self.waiting.len() + self.gate.len());
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
                self.gateway.send(command, slot.trace, &self.clock);
                gauges.offered.add(1);
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
