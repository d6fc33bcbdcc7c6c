//! Records of market data: a message's levels cut into records of four, and the rest.
//!
//! Hot path: yes. Allocates: no.

use model::body::{BookLevels, BookReset, Level, Quote, Trade};
use model::ids::{InstrumentId, SourceId};
use model::limits::LEVELS_PER_RECORD;
use model::ports::EventSink;
use model::record::{Kind, Record, flags};

use super::sync::Span;
use crate::link::lane::Lane;

/// What all records of one message share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) source: SourceId,
    pub(super) instrument: InstrumentId,
    pub(super) stamp_ns: u64,
}

impl Header {
    pub(super) const fn on(&self, record: Record) -> Record {
        record
            .from_source(self.source)
            .on_instrument(self.instrument)
            .stamped(self.stamp_ns)
    }

    #[inline]
    pub(super) fn trade<S: EventSink>(&self, trade: &Trade, lane: &mut Lane<'_, S>) {
        lane.push(&self.on(Record::new(Kind::Trade, trade)));
    }

    #[inline]
    pub(super) fn quote<S: EventSink>(&self, quote: &Quote, lane: &mut Lane<'_, S>) {
        lane.push(&self.on(Record::new(Kind::Quote, quote)));
    }

    /// The book is void, and `levels` of a snapshot follow.
    pub(super) fn snapshot<S: EventSink>(
        &self,
        span: Span,
        levels: &[Level],
        bids: usize,
        lane: &mut Lane<'_, S>,
    ) {
        let reset = BookReset {
            update_id: span.last_id,
            level_records: levels.len().div_ceil(LEVELS_PER_RECORD) as u64,
            reserved: [0; 64],
        };
        lane.push(&self.on(Record::new(Kind::BookReset, &reset)));
        self.levels(span, levels, bids, flags::SNAPSHOT, lane);
    }

    /// The levels of one message; the last record says that it is the last.
    #[inline]
    pub(super) fn levels<S: EventSink>(
        &self,
        span: Span,
        levels: &[Level],
        bids: usize,
        common_flags: u8,
        lane: &mut Lane<'_, S>,
    ) {
        let bodies = BookLevels::cut(span.last_id, span.venue_time_ns, levels, bids);
        let mut left = bodies.len();
        for (body, detail) in bodies {
            let mut record = self
                .on(Record::new(Kind::BookLevels, &body))
                .with_flags(common_flags);
            record.detail = detail;
            left -= 1;
            if left == 0 {
                record = record.with_flags(flags::LAST_OF_MESSAGE);
            }
            lane.push(&record);
        }
    }
}
