//! The venue's time, reckoned from our own and a measured offset.
//!
//! The venue refuses a request whose timestamp is more than a second ahead of its clock or further
//! behind than the receive window. So the offset is measured at the start, again every few minutes
//! and whenever the venue complains; of several measurements the one with the shortest way counts,
//! because the true offset lies within half of it.
//!
//! Hot path: [`VenueTime::now_ms`]. Allocates: no.

/// Difference between the venue's clock and ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeOffset {
    /// Nanoseconds to add to our time.
    pub offset_ns: i64,
    /// How long the measurement took: the offset is right to within half of this.
    pub round_trip_ns: u64,
}

impl TimeOffset {
    /// One measurement; `None` if the times cannot be.
    #[must_use]
    pub fn measured(sent_ns: u64, received_ns: u64, venue_ms: u64) -> Option<Self> {
        let round_trip_ns = received_ns.checked_sub(sent_ns)?;
        let middle = i64::try_from(sent_ns.checked_add(round_trip_ns / 2)?).ok()?;
        // The venue cuts to milliseconds: on the average it is half of one later.
        let venue = i64::try_from(venue_ms.checked_mul(1_000_000)?.checked_add(500_000)?).ok()?;
        Some(Self {
            offset_ns: venue.checked_sub(middle)?,
            round_trip_ns,
        })
    }

    /// The better of two measurements of one round.
    #[must_use]
    pub const fn or_better(self, other: Self) -> Self {
        if other.round_trip_ns < self.round_trip_ns {
            other
        } else {
            self
        }
    }
}

/// The venue's time.
#[derive(Debug, Clone, Copy)]
pub struct VenueTime {
    offset: TimeOffset,
    measured_ns: u64,
}

impl VenueTime {
    /// With a first offset, measured at `now_ns` of our time.
    #[must_use]
    pub const fn new(offset: TimeOffset, now_ns: u64) -> Self {
        Self {
            offset,
            measured_ns: now_ns,
        }
    }

    /// Takes the result of a newer round.
    pub const fn set(&mut self, offset: TimeOffset, now_ns: u64) {
        self.offset = offset;
        self.measured_ns = now_ns;
    }

    /// When it was last measured, in our time.
    #[must_use]
    pub const fn measured_ns(&self) -> u64 {
        self.measured_ns
    }

    /// The offset in use.
    #[must_use]
    pub const fn offset(&self) -> TimeOffset {
        self.offset
    }

    /// Milliseconds since the Unix epoch, as the venue would say at our `now_ns`.
    #[inline]
    #[must_use]
    pub const fn now_ms(&self, now_ns: u64) -> u64 {
        now_ns.saturating_add_signed(self.offset.offset_ns) / 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_behind_the_venue_gives_the_venue_time() {
        // The recorder of our recordings ran 1.27 s behind the venue.
        let ours = 1_723_161_253_937_000_000;
        let venue_ms = 1_723_161_255_207;
        let measured = TimeOffset::measured(ours - 10_000_000, ours + 10_000_000, venue_ms);
        let offset = measured.unwrap();
        assert_eq!(offset.offset_ns, 1_270_500_000);
        let time = VenueTime::new(offset, ours);
        assert_eq!(time.now_ms(ours), venue_ms);
        let worse = TimeOffset {
            offset_ns: 0,
            round_trip_ns: 30_000_000,
        };
        assert_eq!(worse.or_better(offset), offset);
        assert_eq!(TimeOffset::measured(2, 1, 5), None, "time that falls");
    }
}
