//! The way out for events: into the lane, or into a backlog while the lane is full.
//!
//! Invariant: L1: events leave in the order in which they came, and none is lost. Who uses it does
//! not read its socket while the backlog holds something.
//!
//! Hot path: yes. Allocates: only while the lane is full and the backlog has to grow.

use std::collections::VecDeque;

use model::ports::EventSink;
use model::record::Record;

/// Events that found no place yet.
#[derive(Debug)]
pub(crate) struct Backlog {
    records: VecDeque<Record>,
}

impl Backlog {
    pub(crate) fn with_capacity(records: usize) -> Self {
        Self {
            records: VecDeque::with_capacity(records),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Moves into the lane what it takes; whether anything was moved.
    pub(crate) fn flush(&mut self, sink: &mut impl EventSink) -> bool {
        let mut moved = false;
        while let Some(record) = self.records.front() {
            if !sink.push(record) {
                return moved;
            }
            self.records.pop_front();
            moved = true;
        }
        moved
    }
}

/// Lane and backlog as one.
pub(crate) struct Lane<'a, S> {
    sink: &'a mut S,
    backlog: &'a mut Backlog,
}

impl<'a, S: EventSink> Lane<'a, S> {
    pub(crate) const fn new(sink: &'a mut S, backlog: &'a mut Backlog) -> Self {
        Self { sink, backlog }
    }

    #[inline]
    pub(crate) fn push(&mut self, record: &Record) {
        if !self.backlog.is_empty() || !self.sink.push(record) {
            self.backlog.records.push_back(*record);
        }
    }

    /// Whether everything found its place: the socket may be read.
    pub(crate) fn is_clear(&self) -> bool {
        self.backlog.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Small(Vec<u64>, usize);

    impl EventSink for Small {
        fn free(&self) -> usize {
            self.1 - self.0.len()
        }

        fn push(&mut self, record: &Record) -> bool {
            let room = self.free() > 0;
            if room {
                self.0.push(record.event);
            }
            room
        }
    }

    #[test]
    fn full_lane_keeps_events_in_order() {
        let mut sink = Small(Vec::new(), 2);
        let mut backlog = Backlog::with_capacity(4);
        for event in 0..5 {
            let mut record = Record::ZERO;
            record.event = event;
            Lane::new(&mut sink, &mut backlog).push(&record);
        }
        assert_eq!(sink.0, [0, 1]);
        sink.1 = 3;
        assert!(backlog.flush(&mut sink));
        assert!(!Lane::new(&mut sink, &mut backlog).is_clear());
        sink.1 = 9;
        let mut record = Record::ZERO;
        record.event = 5;
        Lane::new(&mut sink, &mut backlog).push(&record);
        assert_eq!(sink.0, [0, 1, 2], "nothing overtakes the backlog");
        assert!(backlog.flush(&mut sink) && backlog.is_empty());
        assert_eq!(sink.0, [0, 1, 2, 3, 4, 5]);
    }
}
