//! Sequencer: merges the lanes into one numbered stream, the only producer of the inbound ring.
//!
//! It polls the lanes in ascending source order, a bounded number of records from each, gives each
//! event the next number and the machine time, and publishes it. Because it alone publishes, a
//! source that is descheduled or dies never leaves a hole.
//!
//! Invariants
//! - S1: numbers rise by one, from the machine's last event on.
//! - S2: machine time is the larger of the last time and the event's stamp; it never falls.
//! - S3: records of one lane keep their order, so the parts of a blob do (`model::blob` B1).
//! - S4: nothing enters the log that is not an event of version 1.
//!
//! A full inbound ring: the record stays in its lane, and the next turn goes on there, with what
//! the lane has left of its share. So a flood in one lane starves none of the others, even when
//! the ring gives only a few places a turn.
//!
//! Hot path: yes. Allocates: no. Clock: one stamp for the records that one lane gives in a turn.

use std::sync::Arc;

use model::ports::{Clock, Worked};
use model::record::Record;

use super::control::{Control, Fault};
use super::lane::Lane;
use super::ring;
use super::stage::{Remains, Stage};
use crate::clock::StageClock;

/// Most records that a lane gives before the next one's turn.
pub(crate) const LANE_SHARE: usize = 32;

/// Where the events come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inputs {
    /// Sources that know nothing of the log: the sequencer numbers and dates their events.
    Live,
    /// One feed that plays the events of a log, with the numbers, times and sources that they
    /// have there. Everything that is live otherwise falls silent: no ticks, no operator, and the
    /// refusals of risk and the answers of gateways are dropped, because the log holds them.
    Recorded,
}

pub(crate) struct Sequencer {
    pub(crate) lanes: Vec<Lane>,
    /// The lane whose turn it is, and how many records it may still give.
    pub(crate) next_lane: usize,
    pub(crate) share: usize,
    /// `None` once it has ended: dropping the writer ends the readers.
    pub(crate) ring: Option<ring::Writer<Record>>,
    pub(crate) numbering: Numbering,
    pub(crate) clock: StageClock,
    pub(crate) control: Arc<Control>,
}

impl Stage for Sequencer {
    fn name(&self) -> &str {
        "sequencer"
    }

    fn poll(&mut self) -> Worked {
        let mut worked = Worked::No;
        for _ in 0..self.lanes.len() {
            let (taken, has_room) = self.take_lane(self.next_lane);
            worked = worked.or((taken > 0).into());
            self.share -= taken;
            if !has_room && self.share > 0 {
                return worked;
            }
            self.next_lane = (self.next_lane + 1) % self.lanes.len();
            self.share = LANE_SHARE;
        }
        if !worked.is_yes() && self.control.is_closing() && self.may_end() {
            self.ring = None;
        }
        worked
    }

    fn has_ended(&self) -> bool {
        self.ring.is_none()
    }

    fn finish(self: Box<Self>) -> Remains {
        Remains::Nothing
    }
}

impl Sequencer {
    /// Publishes what lane `index` holds, up to its share: how many, and whether the ring had room.
    fn take_lane(&mut self, index: usize) -> (usize, bool) {
        let Some(ring) = &mut self.ring else {
            return (0, true);
        };
        let lane = &mut self.lanes[index];
        let waiting = lane.records.slots().min(self.share);
        let Ok(chunk) = lane.records.read_chunk(waiting) else {
            return (0, true);
        };
        if waiting == 0 || lane.muted {
            chunk.commit_all();
            return (waiting, true);
        }
        // After the records were seen, so that no record is sequenced before it was received.
        let stamp_ns = self.clock.now_ns();
        let (older, newer) = chunk.as_slices();
        let mut taken = 0;
        for record in older.iter().chain(newer) {
            let numbered = match self.numbering.next(record, stamp_ns) {
                Ok(numbered) => numbered,
                Err(fault) => {
                    self.control.raise(fault);
                    break;
                }
            };
            if !ring.publish(|slot| *slot = numbered) {
                self.control.gauges.inbound_full.add(1);
                break;
            }
            self.numbering.accept(&numbered);
            taken += 1;
        }
        chunk.commit(taken);
        let gauges = &self.control.gauges;
        gauges.lanes[index].events.add(taken as u64);
        gauges.sequenced.set(self.numbering.last_event);
        (taken, taken == waiting)
    }

    /// Whether nothing can come any more. Order matters: first what may still push into a lane,
    /// then the lanes. Sources say `closed` after their last push. Risk's and the gateways'
    /// counts are stored after the pushes that go with them.
    fn may_end(&self) -> bool {
        let gauges = &self.control.gauges;
        let sources_closed = gauges.lanes.iter().all(|lane| lane.closed.get() != 0);
        let decided = gauges.decided.get() == self.numbering.last_event;
        // After `decided`: risk has seen the last event, so this count is final.
        let commands = gauges.commands.get();
        let gateways_quiet = gauges
            .gateways
            .iter()
            .all(|gateway| gateway.seen.get() == commands && gateway.quiet.get() != 0);
        sources_closed
            && decided
            && gateways_quiet
            && self.lanes.iter().all(|lane| lane.records.is_empty())
    }
}

/// Gives events their number and time.
#[derive(Debug)]
pub(crate) struct Numbering {
    inputs: Inputs,
    last_event: u64,
    last_time_ns: u64,
}

impl Numbering {
    pub(crate) const fn after(last_event: u64, last_time_ns: u64, inputs: Inputs) -> Self {
        Self {
            inputs,
            last_event,
            last_time_ns,
        }
    }

    /// `record` as it goes onto the ring, if it is the next event.
    fn next(&self, record: &Record, sequenced_ns: u64) -> Result<Record, Fault> {
        if let Err(cause) = model::event::event(record) {
            return Err(Fault::BadRecord {
                source_id: record.source(),
                cause,
            });
        }
        let mut numbered = *record;
        numbered.seq = sequenced_ns;
        let expected = self.last_event + 1;
        match self.inputs {
            Inputs::Live => {
                numbered.event = expected;
                numbered.time_ns = self.last_time_ns.max(record.stamp_ns);
            }
            Inputs::Recorded => {
                if record.event != expected || record.time_ns < self.last_time_ns {
                    return Err(Fault::Recorded {
                        expected,
                        found: record.event,
                    });
                }
            }
        }
        Ok(numbered)
    }

    /// Counts `numbered` once it is published.
    fn accept(&mut self, numbered: &Record) {
        self.last_event = numbered.event;
        self.last_time_ns = numbered.time_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::body::Tick;
    use model::record::Kind;

    const TICK: Tick = Tick {
        count: 0,
        reserved: [0; 72],
    };

    fn numbered(inputs: Inputs, records: &[Record]) -> Result<Vec<(u64, u64)>, Fault> {
        let mut numbering = Numbering::after(10, 1_000, inputs);
        records
            .iter()
            .map(|record| {
                let next = numbering.next(record, 5)?;
                assert_eq!(next.seq, 5);
                numbering.accept(&next);
                Ok((next.event, next.time_ns))
            })
            .collect()
    }

    #[test]
    fn numbering_live_counts_on_and_time_never_falls() {
        let records = [900, 0, 2_000, 1_500].map(|ns| Record::new(Kind::Tick, &TICK).stamped(ns));
        assert_eq!(
            numbered(Inputs::Live, &records).unwrap(),
            [(11, 1_000), (12, 1_000), (13, 2_000), (14, 2_000)]
        );
    }

    #[test]
    fn numbering_recorded_keeps_the_log_and_refuses_a_gap() {
        let mut record = Record::new(Kind::Tick, &TICK);
        (record.event, record.time_ns) = (11, 1_234);
        assert_eq!(
            numbered(Inputs::Recorded, &[record]).unwrap(),
            [(11, 1_234)]
        );
        record.event = 12;
        let gap = Fault::Recorded {
            expected: 11,
            found: 12,
        };
        assert_eq!(numbered(Inputs::Recorded, &[record]), Err(gap));
        (record.event, record.time_ns) = (11, 999);
        assert!(numbered(Inputs::Recorded, &[record]).is_err());
    }

    #[test]
    fn numbering_refuses_what_is_no_event() {
        let mut command = Record::ZERO;
        command.kind = Kind::CancelOrder.code();
        for record in [Record::ZERO, command] {
            let refused = numbered(Inputs::Live, &[record]);
            assert!(matches!(refused, Err(Fault::BadRecord { .. })));
        }
    }
}
