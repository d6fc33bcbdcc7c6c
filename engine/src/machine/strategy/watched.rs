//! One instrument as its strategy knows it: the market, the venue's mark, its own position.
//!
//! Hot path: yes. Allocates: only for instruments.

use model::body::Mark;
use model::ids::InstrumentId;
use model::num::{Lots, Ticks};
use serde::{Deserialize, Serialize};

use crate::machine::digest::{Digest, Sink};
use crate::machine::market::{Listing, SavedListing};
use crate::machine::saved::Unsound;

/// What the venue says a contract is worth, and what holding it costs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkPrice {
    /// Mark price.
    pub mark: Ticks,
    /// Index price; 0 if not stated.
    pub index: Ticks,
    /// Rate of the next funding, in 1e-9; 0 if not stated.
    pub funding_rate_e9: i64,
    /// Time of the next funding, ns since the Unix epoch; 0 if not stated.
    pub next_funding_ns: u64,
    /// Machine time of the event.
    pub time_ns: u64,
}

impl MarkPrice {
    pub(super) const fn of(mark: &Mark, time_ns: u64) -> Self {
        Self {
            mark: mark.mark,
            index: mark.index,
            funding_rate_e9: mark.funding_rate_e9,
            next_funding_ns: mark.next_funding_ns,
            time_ns,
        }
    }
}

/// See the module's header.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    pub(super) id: InstrumentId,
    pub(super) listing: Option<Box<Listing>>,
    pub(super) mark: Option<MarkPrice>,
    pub(super) position: Lots,
}

/// As a snapshot holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedWatched {
    listing: Option<SavedListing>,
    mark: Option<MarkPrice>,
    position: Lots,
}

impl Watched {
    pub(super) const fn new(id: InstrumentId) -> Self {
        Self {
            id,
            listing: None,
            mark: None,
            position: Lots::ZERO,
        }
    }

    pub(super) fn save(&self) -> SavedWatched {
        let Self {
            id: _,
            listing,
            mark,
            position,
        } = self;
        SavedWatched {
            listing: listing.as_deref().map(Listing::save),
            mark: *mark,
            position: *position,
        }
    }

    pub(super) fn restore(id: InstrumentId, saved: SavedWatched) -> Result<Self, Unsound> {
        let listing = saved.listing.map(Listing::restore).transpose()?;
        let own = listing
            .as_ref()
            .is_none_or(|listing| listing.spec().id == id);
        crate::machine::saved::require(own, "instrument of a strategy")?;
        Ok(Self {
            id,
            listing: listing.map(Box::new),
            mark: saved.mark,
            position: saved.position,
        })
    }
}

impl Digest for Watched {
    fn digest(&self, sink: &mut Sink) {
        sink.number(self.id.0);
        sink.number(self.listing.is_some());
        if let Some(listing) = &self.listing {
            listing.digest(sink);
        }
        sink.number(self.mark.is_some());
        if let Some(mark) = &self.mark {
            sink.ticks(mark.mark);
            sink.ticks(mark.index);
            sink.number(mark.funding_rate_e9);
            sink.number(mark.next_funding_ns);
            sink.number(mark.time_ns);
        }
        sink.lots(self.position);
    }
}
