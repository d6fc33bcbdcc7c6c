//! The engine's queues by themselves, for benches: one ring with one reader, and one lane.
//!
//! They are what the stages use, not a copy of it. Nothing else can be done with them here.
//!
//! Thread: each end on one. Hot path: yes. Allocates: only when made.

use model::ids::SourceId;
use model::ports::EventSink;
use model::record::Record;

use super::lane::{Lane, LaneSink, lane};
use super::ring::{self, First, Step, Writer};

/// Producer's end of a ring.
pub struct RingSender(Writer<Record>);

/// Reader's end of a ring.
pub struct RingReceiver(First<Record>);

/// A ring of `slots` with one reader.
#[must_use]
pub fn ring_probe(slots: usize) -> (RingSender, RingReceiver) {
    let (writer, reader) = ring::hop(slots, || Record::ZERO);
    (RingSender(writer), RingReceiver(reader))
}

impl RingSender {
    /// Publishes a record; false if the ring is full.
    #[inline]
    pub fn send(&mut self, record: &Record) -> bool {
        self.0.publish(|slot| *slot = *record)
    }
}

impl RingReceiver {
    /// Shows the next record, if there is one.
    #[inline]
    pub fn receive(&mut self, mut show: impl FnMut(&Record)) -> bool {
        let found = self.0.each(1, |record| {
            show(record);
            Step::Next
        });
        found.is_some()
    }
}

/// Producer's end of a lane.
pub struct LaneSender(LaneSink);

/// Reader's end of a lane.
pub struct LaneReceiver(Lane);

/// A lane of `slots` places.
#[must_use]
pub fn lane_probe(slots: usize) -> (LaneSender, LaneReceiver) {
    let (sink, lane) = lane(SourceId(0), slots);
    (LaneSender(sink), LaneReceiver(lane))
}

impl LaneSender {
    /// Puts a record into the lane; false if it is full.
    #[inline]
    pub fn send(&mut self, record: &Record) -> bool {
        self.0.push(record)
    }
}

impl LaneReceiver {
    /// Takes the next record, if there is one.
    #[inline]
    pub fn receive(&mut self) -> Option<Record> {
        self.0.records.pop().ok()
    }
}
