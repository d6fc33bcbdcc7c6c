//! Feed stage: polls one source of market data, and ends it in order.
//!
//! Hot path: yes. Allocates: no.

use std::sync::Arc;

use model::ports::{Clock, Feed, Worked};

use super::control::Control;
use super::lane::LaneSink;
use super::stage::{Remains, Stage};
use crate::clock::StageClock;

/// How long a source must stay silent after its shutdown to count as ended.
pub(crate) const QUIET_NS: u64 = 20_000_000;

pub(crate) struct FeedStage<F> {
    pub(crate) name: String,
    pub(crate) feed: F,
    pub(crate) sink: LaneSink,
    /// Index of its lane's gauges.
    pub(crate) lane: usize,
    pub(crate) closing: Option<Closing>,
    pub(crate) ended: bool,
    pub(crate) clock: StageClock,
    pub(crate) control: Arc<Control>,
}

/// Since when a source that was asked to end is silent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closing {
    silent_since_ns: u64,
}

impl Closing {
    pub(crate) fn begun(clock: &StageClock) -> Self {
        Self {
            silent_since_ns: clock.now_ns(),
        }
    }

    /// Whether it has been silent for long enough, given what its poll just said. A source that
    /// waits for a place in its lane is not silent, so the lane must be empty.
    pub(crate) fn is_quiet(&mut self, worked: Worked, sink: &LaneSink, clock: &StageClock) -> bool {
        let now_ns = clock.now_ns();
        if worked.is_yes() || !sink.is_empty() {
            self.silent_since_ns = now_ns;
        }
        QUIET_NS <= now_ns.saturating_sub(self.silent_since_ns)
    }
}

impl<F: Feed + Send> Stage for FeedStage<F> {
    fn name(&self) -> &str {
        &self.name
    }

    fn poll(&mut self) -> Worked {
        if self.closing.is_none() && self.control.is_closing() {
            self.feed.shut_down();
            self.closing = Some(Closing::begun(&self.clock));
        }
        let worked = self.feed.poll(&self.clock, &mut self.sink);
        if let Some(closing) = &mut self.closing
            && closing.is_quiet(worked, &self.sink, &self.clock)
        {
            self.control.gauges.lanes[self.lane].closed.set(1);
            self.ended = true;
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
