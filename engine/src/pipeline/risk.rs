//! Risk stage: at event N, gathers the intents tagged N, judges, and publishes what it decided.
//!
//! It sees N only after every strategy stage has taken it, so the intents of N are all there, and
//! the result does not depend on which threads ran when: strategies are taken in configured
//! order. It is the only producer of the command ring and of the refusals' lane.
//!
//! A full command ring: risk keeps the commands and takes no further event until they have found
//! their places. Its readers always move (C2 in `topology`), so that is a pause and no deadlock.
//! A full refusals' lane cannot be (C3): a wait there could be one, so it stops the run.
//!
//! Hot path: yes. Allocates: no. Clock: one stamp for the commands of an event.

use std::sync::Arc;

use model::ports::{Clock, EventSink, Trace, Worked};
use model::record::Record;

use super::control::{Control, Fault};
use super::gateway::CommandSlot;
use super::lane::LaneSink;
use super::ring::{After, Found, Step, Writer};
use super::sequencer::Inputs;
use super::stage::{BATCH, Remains, Stage};
use crate::clock::StageClock;
use crate::machine::{Intent, Outputs, Risk};

pub(crate) struct RiskStage {
    pub(crate) events: After<Record>,
    pub(crate) judge: Judge,
    pub(crate) ended: bool,
}

/// Everything of the stage but its reader.
pub(crate) struct Judge {
    pub(crate) risk: Box<Risk>,
    /// One lane for each strategy stage, in configured order.
    pub(crate) lanes: Vec<rtrb::Consumer<Intent>>,
    /// The intents of the present event.
    pub(crate) intents: Vec<Intent>,
    pub(crate) out: Outputs,
    /// Commands of `out` that are published.
    pub(crate) published: usize,
    pub(crate) cause: Trace,
    /// `None` once it has ended: dropping the writer ends the readers.
    pub(crate) commands: Option<Writer<CommandSlot>>,
    pub(crate) refusals: LaneSink,
    /// By raw account: whether a gateway serves it.
    pub(crate) served: Vec<bool>,
    pub(crate) inputs: Inputs,
    pub(crate) clock: StageClock,
    pub(crate) control: Arc<Control>,
}

impl Stage for RiskStage {
    fn name(&self) -> &str {
        "risk"
    }

    fn poll(&mut self) -> Worked {
        if self.judge.has_pending() && !self.judge.publish() {
            return Worked::No;
        }
        let judge = &mut self.judge;
        let found = self.events.each(BATCH, |event| judge.take(event));
        if found == Found::End {
            self.judge.commands = None;
            self.ended = true;
        }
        found.is_some().into()
    }

    fn has_ended(&self) -> bool {
        self.ended
    }

    fn finish(self: Box<Self>) -> Remains {
        Remains::Risk(self.judge.risk)
    }
}

impl Judge {
    fn has_pending(&self) -> bool {
        self.published < self.out.commands.len()
    }

    fn take(&mut self, event: &Record) -> Step {
        if let Err(fault) = self.decide(event) {
            self.control.raise(fault);
            return Step::Keep;
        }
        let step = if self.publish() {
            Step::Next
        } else {
            Step::Last
        };
        // After the pushes that go with the event; see `Sequencer::may_end`.
        self.control.gauges.decided.set(event.event);
        step
    }

    fn decide(&mut self, event: &Record) -> Result<(), Fault> {
        self.gather(event.event)?;
        self.published = 0;
        self.risk
            .apply(event, &self.intents, &mut self.out)
            .map_err(|error| Fault::Apply {
                event: event.event,
                cause: error.to_string(),
            })?;
        self.cause = Trace {
            received_ns: event.stamp_ns,
            sequenced_ns: event.seq,
            ..Trace::default()
        };
        self.control
            .gauges
            .refusals
            .add(self.out.refusals.len() as u64);
        if self.inputs == Inputs::Live {
            for refusal in &self.out.refusals {
                if !self.refusals.push(refusal) {
                    return Err(Fault::Invariant {
                        label: "C3",
                        event: event.event,
                    });
                }
            }
        }
        Ok(())
    }

    /// Takes the intents tagged `event` out of the lanes, strategies in configured order.
    fn gather(&mut self, event: u64) -> Result<(), Fault> {
        self.intents.clear();
        for lane in &mut self.lanes {
            while let Ok(intent) = lane.peek() {
                if event < intent.event {
                    break;
                }
                if intent.event < event {
                    return Err(Fault::Invariant { label: "C1", event });
                }
                self.intents.push(*intent);
                // Just seen by `peek`.
                let _ = lane.pop();
            }
        }
        Ok(())
    }

    /// Publishes the commands of the present event that are not yet published; false if the ring
    /// was full before the last of them.
    fn publish(&mut self) -> bool {
        if !self.has_pending() {
            return true;
        }
        let approved_ns = self.clock.now_ns();
        let Some(ring) = &mut self.commands else {
            return false;
        };
        while let Some(command) = self.out.commands.get(self.published) {
            let record = command.as_ref();
            let account = record.account();
            let is_served =
                account.is_some_and(|id| self.served.get(id.index()).copied() == Some(true));
            if !is_served {
                self.control.raise(Fault::NoGateway { account });
                return false;
            }
            let intended_ns = self.out.intended_ns.get(self.published);
            let trace = Trace {
                intended_ns: intended_ns.copied().unwrap_or(0),
                approved_ns,
                ..self.cause
            };
            let command = Some(command.observed(record.seq, approved_ns));
            if !ring.publish(|slot| slot.fill(command, trace)) {
                self.control.gauges.commands_full.add(1);
                return false;
            }
            self.published += 1;
            self.control.gauges.commands.add(1);
        }
        true
    }
}
