//! What a strategy sees: everything here comes from the events, and nothing else is to be had.
//!
//! Hot path: yes. Allocates: no.

use model::ids::{ClientOrderId, InstrumentId};
use model::num::Lots;

use super::candles::Candles;
use super::watched::{MarkPrice, Watched};
use crate::machine::market::Listing;
use crate::machine::orders::{Order, Orders};

/// What a strategy sees at one event, with the event applied.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub(super) time_ns: u64,
    pub(super) watched: &'a [Watched],
    pub(super) candles: &'a [Candles],
    pub(super) orders: &'a Orders,
}

impl<'a> View<'a> {
    /// Machine time, ns since the Unix epoch: that of the event. There is no other clock.
    #[must_use]
    pub const fn time_ns(&self) -> u64 {
        self.time_ns
    }

    /// The strategy's instruments, in configured order.
    pub fn instruments(&self) -> impl Iterator<Item = InstrumentId> + use<'a> {
        self.watched.iter().map(|one| one.id)
    }

    /// Specification, book and last trade of one of the strategy's instruments. `None` for any
    /// other one: a strategy is not called before all of its own are listed.
    #[must_use]
    pub fn market(&self, instrument: InstrumentId) -> Option<&'a Listing> {
        self.watched(instrument)?.listing.as_deref()
    }

    /// The venue's mark price and funding, if it stated any.
    #[must_use]
    pub fn mark(&self, instrument: InstrumentId) -> Option<&'a MarkPrice> {
        self.watched(instrument)?.mark.as_ref()
    }

    /// The strategy's own position: what its own fills sum up to.
    #[must_use]
    pub fn position(&self, instrument: InstrumentId) -> Lots {
        self.watched(instrument)
            .map_or(Lots::ZERO, |one| one.position)
    }

    /// Its own orders that may still fill, held ones too, oldest first.
    pub fn orders(&self) -> impl Iterator<Item = &'a Order> + use<'a> {
        self.orders.live()
    }

    /// One of its own orders, live or lately ended.
    #[must_use]
    pub fn order(&self, client_id: ClientOrderId) -> Option<&'a Order> {
        self.orders.get(client_id)
    }

    /// How many of its orders may still fill.
    #[must_use]
    pub fn live_orders(&self) -> usize {
        self.orders.live_count()
    }

    /// Candles of a feed, by its place in what [`super::Strategy::candles`] gave.
    #[must_use]
    pub fn candles(&self, feed: usize) -> Option<&'a Candles> {
        self.candles.get(feed)
    }

    fn watched(&self, instrument: InstrumentId) -> Option<&'a Watched> {
        self.watched.iter().find(|one| one.id == instrument)
    }
}
