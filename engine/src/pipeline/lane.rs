//! Lanes: single-producer queues into the sequencer, one for each source of events.
//!
//! A full lane refuses a record and nothing has happened; the source keeps it and tries again.
//! That is the whole policy: no lane drops, overwrites or blocks.
//!
//! Thread: producer on the source's worker, consumer on the sequencer's. Hot path: yes.
//! Allocates: only when made, and then touches every place once, so that no page is faulted in
//! later.

use model::ids::SourceId;
use model::ports::EventSink;
use model::record::Record;

/// The supervisor: run events of the start, operator's orders, refreshed instruments, state hashes.
pub const SOURCE_OPERATOR: SourceId = SourceId(0);
/// The timer stage: ticks.
pub const SOURCE_TIMER: SourceId = SourceId(1);
/// Risk's refusals on their way back to the strategies.
pub const SOURCE_REFUSALS: SourceId = SourceId(2);
/// First of the gateways; the feeds follow them. What concerns our own orders goes first.
pub const SOURCE_FIRST_PORT: SourceId = SourceId(3);

/// Producer's end of a lane. Stamps what it takes with its source.
#[derive(Debug)]
pub struct LaneSink {
    producer: rtrb::Producer<Record>,
    /// `None` for a recorded stream: its records keep the source that they had.
    source: Option<SourceId>,
}

impl EventSink for LaneSink {
    #[inline]
    fn free(&self) -> usize {
        self.producer.slots()
    }

    #[inline]
    fn push(&mut self, record: &Record) -> bool {
        let record = match self.source {
            Some(source) => record.from_source(source),
            None => *record,
        };
        self.producer.push(record).is_ok()
    }
}

/// Consumer's end of a lane.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) records: rtrb::Consumer<Record>,
    /// What comes through it is thrown away: a recorded stream holds it already.
    pub(crate) muted: bool,
}

/// A lane of `slots` places.
pub(crate) fn lane(source: SourceId, slots: usize) -> (LaneSink, Lane) {
    let (sink, records) = touched(slots, Record::ZERO);
    let sink = LaneSink {
        producer: sink,
        source: Some(source),
    };
    let lane = Lane {
        records,
        muted: false,
    };
    (sink, lane)
}

impl LaneSink {
    /// Whether the sequencer has taken everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.producer.slots() == self.producer.buffer().capacity()
    }

    /// The same lane, but records keep their own source.
    pub(crate) fn verbatim(mut self) -> Self {
        self.source = None;
        self
    }
}

/// A queue of `slots` places, each written once.
pub(crate) fn touched<T: Copy>(slots: usize, filler: T) -> (rtrb::Producer<T>, rtrb::Consumer<T>) {
    let (mut producer, mut consumer) = rtrb::RingBuffer::new(slots);
    while producer.push(filler).is_ok() {}
    while consumer.pop().is_ok() {}
    (producer, consumer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lane_full_refuses_and_keeps_what_it_holds() {
        let (mut sink, mut lane) = lane(SourceId(7), 64);
        for stamp_ns in 0..64 {
            assert_eq!(sink.free(), 64 - stamp_ns as usize);
            assert!(sink.push(&Record::ZERO.stamped(stamp_ns)));
        }
        assert!(!sink.push(&Record::ZERO));
        for stamp_ns in 0..64 {
            let record = lane.records.pop().unwrap();
            assert_eq!((record.stamp_ns, record.source()), (stamp_ns, SourceId(7)));
        }
        assert!(lane.records.pop().is_err());
    }

    #[test]
    fn lane_verbatim_keeps_the_source_of_the_record() {
        let (sink, mut lane) = lane(SourceId(7), 64);
        assert!(sink.verbatim().push(&Record::ZERO.from_source(SourceId(3))));
        assert_eq!(lane.records.pop().unwrap().source(), SourceId(3));
    }
}
