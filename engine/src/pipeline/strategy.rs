//! Strategy stage: applies each event to its strategies and tags their intents with it.
//!
//! It takes only as many events as its intent lane has room for, at `INTENTS_PER_EVENT_MAX` for
//! each of its strategies, so an intent always finds a place.
//!
//! Hot path: yes. Allocates: no. Clock: one stamp for the intents of an event.

use std::sync::Arc;

use model::limits::INTENTS_PER_EVENT_MAX;
use model::ports::{Clock, Worked};
use model::record::Record;

use super::control::{Control, Fault};
use super::ring::{Found, Step, Tap};
use super::stage::{BATCH, Remains, Stage};
use crate::clock::StageClock;
use crate::machine::{Intent, IntentBuffer, StrategyRunner};

pub(crate) struct StrategyStage {
    pub(crate) name: String,
    /// Index of its gauge, and place among the strategy stages.
    pub(crate) index: usize,
    /// Index of its first strategy.
    pub(crate) first: usize,
    pub(crate) runners: Vec<StrategyRunner>,
    pub(crate) events: Tap<Record>,
    pub(crate) buffer: IntentBuffer,
    pub(crate) intents: rtrb::Producer<Intent>,
    pub(crate) ended: bool,
    pub(crate) clock: StageClock,
    pub(crate) control: Arc<Control>,
}

impl Stage for StrategyStage {
    fn name(&self) -> &str {
        &self.name
    }

    fn poll(&mut self) -> Worked {
        let a_turn = (self.runners.len() * INTENTS_PER_EVENT_MAX).max(1);
        let room = (self.intents.slots() / a_turn) as u64;
        if room == 0 {
            return Worked::No;
        }
        let found = self.take_events(room.min(BATCH));
        self.ended = found == Found::End;
        found.is_some().into()
    }

    fn has_ended(&self) -> bool {
        self.ended
    }

    fn finish(self: Box<Self>) -> Remains {
        Remains::Strategies(self.first, self.runners)
    }
}

impl StrategyStage {
    fn take_events(&mut self, limit: u64) -> Found {
        let gauge = &self.control.gauges.strategies[self.index];
        self.events.each(limit, |event| {
            for runner in &mut self.runners {
                if let Err(error) = runner.apply(event, &mut self.buffer) {
                    self.control.raise(Fault::Apply {
                        event: event.event,
                        cause: error.to_string(),
                    });
                    return Step::Keep;
                }
                if self.buffer.is_empty() {
                    continue;
                }
                let intended_ns = self.clock.now_ns();
                for intent in self.buffer.iter() {
                    let intent = Intent {
                        intended_ns,
                        ..*intent
                    };
                    if self.intents.push(intent).is_err() {
                        let event = event.event;
                        self.control.raise(Fault::Invariant { label: "C1", event });
                        return Step::Keep;
                    }
                }
            }
            gauge.set(event.event);
            Step::Next
        })
    }
}
