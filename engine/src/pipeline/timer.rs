//! Timer stage: the only source of time for a quiet market. Pushes a `Tick` every interval.
//!
//! A full lane: the tick waits for the next turn and the schedule goes on from then, because a
//! late tick says what an earlier one would have said.
//!
//! Hot path: a clock read a turn. Allocates: no.

use std::sync::Arc;

use model::body::Tick;
use model::ports::{Clock, EventSink, Worked};
use model::record::{Kind, Record};

use super::control::Control;
use super::lane::LaneSink;
use super::stage::{Remains, Stage};
use crate::clock::StageClock;

pub(crate) struct TimerStage {
    pub(crate) sink: LaneSink,
    /// Index of its lane's gauges.
    pub(crate) lane: usize,
    /// `None`: never, because the ticks are in a recorded stream.
    pub(crate) interval_ns: Option<u64>,
    pub(crate) due_ns: u64,
    pub(crate) count: u64,
    pub(crate) ended: bool,
    pub(crate) clock: StageClock,
    pub(crate) control: Arc<Control>,
}

impl Stage for TimerStage {
    fn name(&self) -> &str {
        "timer"
    }

    fn poll(&mut self) -> Worked {
        if self.control.is_closing() {
            self.control.gauges.lanes[self.lane].closed.set(1);
            self.ended = true;
            return Worked::No;
        }
        let Some(interval_ns) = self.interval_ns else {
            return Worked::No;
        };
        let now_ns = self.clock.now_ns();
        if now_ns < self.due_ns {
            return Worked::No;
        }
        let tick = Tick {
            count: self.count + 1,
            reserved: [0; 72],
        };
        let pushed = self
            .sink
            .push(&Record::new(Kind::Tick, &tick).stamped(now_ns));
        if pushed {
            self.count += 1;
            self.due_ns = now_ns + interval_ns;
        }
        pushed.into()
    }

    fn has_ended(&self) -> bool {
        self.ended
    }

    fn finish(self: Box<Self>) -> Remains {
        Remains::Nothing
    }
}
