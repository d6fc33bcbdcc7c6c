//! Marks, candles, open interest and liquidations: joined where a venue says them in parts, and
//! told once where two connections bring them.
//!
//! Hot path: no more than a few a second for each instrument. Allocates: no.

use model::body::{Candle, Flag, Liquidation, Mark, OpenInterest};
use model::num::Ticks;

/// Liquidations that are remembered, to tell the second connection's from new ones.
const LIQUIDATIONS: usize = 16;

const NO_MARK: Mark = Mark {
    mark: Ticks(0),
    index: Ticks(0),
    funding_rate_e9: 0,
    next_funding_ns: 0,
    venue_time_ns: 0,
    reserved: [0; 40],
};

/// What is known of one instrument.
#[derive(Debug)]
pub(super) struct Others {
    mark: Mark,
    /// Times of the last message without a mark price, and of the last with one.
    mark_times_ns: [u64; 2],
    candle: (u64, bool, u64, i64),
    interest_ns: u64,
    liquidations: [Option<Liquidation>; LIQUIDATIONS],
    next: usize,
}

impl Default for Others {
    fn default() -> Self {
        Self {
            mark: NO_MARK,
            mark_times_ns: [0; 2],
            candle: (0, false, 0, 0),
            interest_ns: 0,
            liquidations: [None; LIQUIDATIONS],
            next: 0,
        }
    }
}

impl Others {
    /// The mark with what earlier messages said, if there is a mark price yet and it is news.
    ///
    /// A field of 0 is not stated; a message that states the time of the next funding states its
    /// rate too, which may be 0.
    pub(super) fn mark(&mut self, part: &Mark, once: bool) -> Option<Mark> {
        let time_ns = &mut self.mark_times_ns[usize::from(part.mark.0 != 0)];
        if once && part.venue_time_ns <= *time_ns {
            return None;
        }
        *time_ns = part.venue_time_ns;
        let known = &mut self.mark;
        if part.mark.0 != 0 {
            known.mark = part.mark;
        }
        if part.index.0 != 0 {
            known.index = part.index;
        }
        if part.next_funding_ns != 0 {
            known.funding_rate_e9 = part.funding_rate_e9;
            known.next_funding_ns = part.next_funding_ns;
        }
        known.venue_time_ns = known.venue_time_ns.max(part.venue_time_ns);
        (known.mark.0 != 0).then_some(*known)
    }

    /// Whether the candle is later than the last one.
    pub(super) fn is_new_candle(&mut self, candle: &Candle) -> bool {
        let place = (
            candle.open_time_ns,
            candle.closed == Flag::Yes,
            candle.venue_time_ns,
            candle.volume.0,
        );
        let is_new = place > self.candle;
        self.candle = place.max(self.candle);
        is_new
    }

    /// Whether the open interest is later than the last one.
    pub(super) fn is_new_interest(&mut self, interest: &OpenInterest) -> bool {
        let is_new = interest.venue_time_ns > self.interest_ns;
        self.interest_ns = self.interest_ns.max(interest.venue_time_ns);
        is_new
    }

    /// Whether the liquidation is none of the last ones.
    pub(super) fn is_new_liquidation(&mut self, order: &Liquidation) -> bool {
        if self.liquidations.contains(&Some(*order)) {
            return false;
        }
        self.liquidations[self.next] = Some(*order);
        self.next = (self.next + 1) % LIQUIDATIONS;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn mark(price: i64, index: i64, rate: i64, next_ns: u64, time_ns: u64) -> Mark {
        Mark {
            mark: Ticks(price),
            index: Ticks(index),
            funding_rate_e9: rate,
            next_funding_ns: next_ns,
            venue_time_ns: time_ns,
            reserved: [0; 40],
        }
    }

    #[test]
    fn mark_that_comes_in_parts_is_told_whole() {
        let mut others = Others::default();
        assert_eq!(
            others.mark(&mark(0, 0, 70, 900, 5), false),
            None,
            "no price"
        );
        let first = others.mark(&mark(100, 0, 0, 0, 6), false);
        assert_eq!(first, Some(mark(100, 0, 70, 900, 6)));
        let second = others.mark(&mark(0, 101, 0, 0, 4), false);
        assert_eq!(second, Some(mark(100, 101, 70, 900, 6)));
        let third = others.mark(&mark(0, 0, 0, 901, 7), false);
        assert_eq!(third, Some(mark(100, 101, 0, 901, 7)), "a rate of zero");
    }

    #[test]
    fn what_the_slower_connection_brings_is_no_news() {
        let mut others = Others::default();
        assert!(others.mark(&mark(100, 0, 0, 0, 6), true).is_some());
        assert!(others.mark(&mark(100, 0, 0, 0, 6), true).is_none());
        assert!(
            others.mark(&mark(0, 0, 7, 90, 3), true).is_some(),
            "other part"
        );
        let interest = |venue_time_ns| OpenInterest {
            qty: model::num::Lots(1),
            venue_time_ns,
            reserved: [0; 64],
        };
        let news = [3, 4, 3, 4, 5].map(|time| others.is_new_interest(&interest(time)));
        assert_eq!(news, [true, true, false, false, true]);
    }
}
