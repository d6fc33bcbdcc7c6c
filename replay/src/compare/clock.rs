//! How the venue's clock stands to ours, as far as a journal can tell.
//!
//! Nothing arrives before it left. So each message to the venue bounds the offset from above and
//! each one from it from below; the venue's times are whole units of its resolution, rounded down.
//! Where the two clocks fit as they are, they are left so. Otherwise the offset is the middle of
//! what fits, which says that the fastest message took as long there as back. A venue that notes
//! its times somewhat early or late may leave no offset that fits all: then it is the one by which
//! the messages that do not fit miss it least, in sum, and what remains is cut at nothing.

use super::kept::{Asked, Kept};
use crate::backtest::Recorded;

/// A request that was answered: when it was sent and its answer read by our clock, and when it was
/// at the venue by the venue's, nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trip {
    pub(super) asked: Asked,
    pub(super) sent_ns: u64,
    pub(super) there_ns: u64,
    pub(super) here_ns: u64,
}

/// What the journal says of the two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Added to our times to have the venue's, nanoseconds.
    pub offset_ns: i64,
    /// Smallest and largest offset with which nothing arrived before it left; `None` without a
    /// message that says so.
    pub bounds_ns: (Option<i64>, Option<i64>),
    /// Unit of the venue's times, nanoseconds: 1, 1000 or 1000000.
    pub resolution_ns: u64,
}

impl Clock {
    /// What `kept` says.
    pub(super) fn of(kept: &Kept) -> Self {
        let resolution_ns = resolution(kept);
        let unit = resolution_ns.cast_signed();
        let difference = |one: u64, other: u64| one.wrapping_sub(other).cast_signed();
        let trips = kept.trips.iter().filter(|trip| trip.sent_ns > 0);
        let above: Vec<i64> = trips
            .map(|trip| difference(trip.there_ns, trip.sent_ns).saturating_add(unit - 1))
            .collect();
        let heard = kept.answers.iter();
        let heard = heard.map(|&(there_ns, here_ns)| difference(there_ns, here_ns));
        let feed = kept.feed_least.values().min().map(|least| -least);
        let below: Vec<i64> = heard.chain(feed).collect();
        let (least, most) = (below.iter().copied().max(), above.iter().copied().min());
        let offset_ns = match (least, most) {
            (Some(least), Some(most)) if least <= 0 && 0 <= most => 0,
            (Some(least), Some(most)) if least <= most => least / 2 + most / 2,
            (Some(_), Some(_)) => least_missed(&below, &above),
            // Only one side is known: no more than it asks for.
            (Some(least), None) => least.max(0),
            (None, Some(most)) => most.min(0),
            (None, None) => 0,
        };
        Self {
            offset_ns,
            bounds_ns: (least, most),
            resolution_ns,
        }
    }

    /// Whether no offset fits: the venue's times are not exact, or a clock was set or drifted while
    /// the journal was written.
    #[must_use]
    pub fn is_torn(&self) -> bool {
        matches!(self.bounds_ns, (Some(least), Some(most)) if least > most)
    }

    /// Our time by the venue's clock.
    #[must_use]
    pub const fn there(&self, here_ns: u64) -> u64 {
        here_ns.saturating_add_signed(self.offset_ns)
    }

    /// The two ways of a trip. A time of the venue's means the middle of its unit; no way takes
    /// less than nothing, and both together take what the trip took.
    pub(super) fn ways(&self, trip: &Trip) -> Recorded {
        let (sent_ns, here_ns) = (self.there(trip.sent_ns), self.there(trip.here_ns));
        let whole = here_ns.saturating_sub(sent_ns);
        let at_ns = trip.there_ns.saturating_add(self.resolution_ns / 2);
        let there_ns = at_ns.saturating_sub(sent_ns).min(whole);
        Recorded {
            sent_ns,
            there_ns,
            back_ns: whole - there_ns,
        }
    }

    /// How long a message from the venue took.
    pub(super) const fn way_back(&self, there_ns: u64, here_ns: u64) -> u64 {
        let at_ns = there_ns.saturating_add(self.resolution_ns / 2);
        self.there(here_ns).saturating_sub(at_ns)
    }
}

/// The offset by which bounds from below and from above are missed least, in sum: as many of the
/// one kind as of the other miss it.
fn least_missed(below: &[i64], above: &[i64]) -> i64 {
    let (mut below, mut above) = (below.to_vec(), above.to_vec());
    below.sort_unstable();
    above.sort_unstable();
    let mut all: Vec<i64> = below.iter().chain(&above).copied().collect();
    all.sort_unstable();
    // The more it grows, the more of those from above miss it, and the fewer from below.
    let enough = |offset: i64| {
        let over = above.partition_point(|bound| *bound < offset);
        let under = below.len() - below.partition_point(|bound| *bound <= offset);
        over >= under
    };
    let place = all.partition_point(|offset| !enough(*offset));
    all.get(place).copied().unwrap_or(0)
}

fn resolution(kept: &Kept) -> u64 {
    let answers = kept.answers.iter().map(|one| one.0);
    let feed = kept.feed.iter().map(|one| one.0);
    let mut unit = 1_000_000_u64;
    for there_ns in answers.chain(feed) {
        while unit > 1 && !there_ns.is_multiple_of(unit) {
            unit /= 1_000;
        }
    }
    unit
}
