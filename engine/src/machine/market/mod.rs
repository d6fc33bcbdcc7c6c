//! An instrument as one part of the machine sees it: its specification, book and last trade.
//!
//! Each part (every strategy, and risk) keeps its own, so that no thread waits for another one.

mod bitmap;
mod book;
mod depth;
mod half;
#[cfg(test)]
pub(crate) mod tests;

pub use book::{Book, Top};
pub use depth::{Depth, Moved};

use model::body::{Channel, Side};
use model::event::Event;
use model::instrument::InstrumentSpec;
use model::num::{Lots, Ticks};
use model::record::Record;

use serde::{Deserialize, Serialize};

use self::book::SavedBook;
use super::digest::{Digest, Sink};
use super::saved::Unsound;

/// The market's last trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastTrade {
    /// The venue's id of the trade.
    pub trade_id: u64,
    /// Price.
    pub price: Ticks,
    /// Quantity.
    pub qty: Lots,
    /// Side of the taker.
    pub aggressor: Side,
    /// Machine time of the event.
    pub time_ns: u64,
}

/// What an event did to a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touched {
    /// Nothing that anybody could act on.
    No,
    /// Top or depth, after a whole message; or the book stopped or started to be current.
    Book,
    /// The last trade.
    Trade,
}

/// One instrument in one part of the machine.
#[derive(Debug, Clone)]
pub struct Listing {
    spec: InstrumentSpec,
    book: Book,
    last_trade: Option<LastTrade>,
}

/// A listing as a snapshot holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedListing {
    spec: InstrumentSpec,
    book: SavedBook,
    last_trade: Option<LastTrade>,
}

impl Listing {
    /// What a snapshot has to hold.
    pub(crate) fn save(&self) -> SavedListing {
        let Self {
            spec,
            book,
            last_trade,
        } = self;
        SavedListing {
            spec: spec.clone(),
            book: book.save(),
            last_trade: *last_trade,
        }
    }

    /// The listing of a snapshot.
    ///
    /// # Errors
    ///
    /// [`Unsound`].
    pub(crate) fn restore(saved: SavedListing) -> Result<Self, Unsound> {
        Ok(Self {
            book: Book::restore(&saved.book)?,
            spec: saved.spec,
            last_trade: saved.last_trade,
        })
    }

    /// An instrument of which nothing is known but its specification.
    pub(crate) fn new(spec: InstrumentSpec, book_window_ticks: u32) -> Self {
        Self {
            spec,
            book: Book::new(book_window_ticks),
            last_trade: None,
        }
    }

    /// Its specification.
    #[must_use]
    pub const fn spec(&self) -> &InstrumentSpec {
        &self.spec
    }

    /// Its book.
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Its last trade.
    #[must_use]
    pub const fn last_trade(&self) -> Option<&LastTrade> {
        self.last_trade.as_ref()
    }

    /// Takes the venue's newer specification. With other steps, prices mean something else: the
    /// book and the last trade are void.
    pub(crate) fn respecify(&mut self, spec: InstrumentSpec) {
        if !self.same_steps(&spec) {
            self.last_trade = None;
            self.book.reset(&Record::ZERO, &NO_LEVELS);
            self.book.expire();
        }
        self.spec = spec;
    }

    /// Whether prices and quantities mean the same under `spec`.
    pub(crate) fn same_steps(&self, spec: &InstrumentSpec) -> bool {
        self.spec.tick == spec.tick && self.spec.lot == spec.lot
    }

    /// The instrument may not be traded under this specification any more.
    pub(crate) const fn halt(&mut self) {
        self.spec.trading = false;
    }

    /// Its book, to give or take its depth.
    pub(crate) const fn book_mut(&mut self) -> &mut Book {
        &mut self.book
    }

    /// Applies a market event of this instrument, or a market connection event of its venue. Where
    /// the depth is kept elsewhere, `moved` is what the event did to it.
    #[inline]
    pub(crate) fn apply(
        &mut self,
        record: &Record,
        event: &Event<'_>,
        moved: Option<Moved>,
    ) -> Touched {
        match event {
            Event::BookLevels(levels) => match moved {
                Some(moved) => self.book.follow_levels(record, levels, moved).into(),
                None => self.book.levels(record, levels).into(),
            },
            Event::Quote(quote) => self.book.quote(record, quote).into(),
            Event::BookReset(reset) => {
                match moved {
                    Some(moved) => self.book.follow_reset(record, reset, moved),
                    None => self.book.reset(record, reset),
                }
                Touched::Book
            }
            Event::Trade(trade) => {
                self.last_trade = Some(LastTrade {
                    trade_id: trade.trade_id,
                    price: trade.price,
                    qty: trade.qty,
                    aggressor: trade.aggressor,
                    time_ns: record.time_ns,
                });
                Touched::Trade
            }
            Event::Connection(link) if link.channel == Channel::Market => {
                self.book.link(link.state, record.instrument().is_none());
                Touched::Book
            }
            Event::RunStarted(_) => {
                self.book.expire();
                Touched::No
            }
            Event::RunEnded(_)
            | Event::BlobPart(_)
            | Event::Tick(_)
            | Event::Connection(_)
            | Event::BookOrder(_)
            | Event::OrderAcked(_)
            | Event::OrderRejected(_)
            | Event::OrderFilled(_)
            | Event::OrderCancelled(_)
            | Event::OrderExpired(_)
            | Event::OrderUnknown(_)
            | Event::OrderStatus(_)
            | Event::OrderAbsent(_)
            | Event::CancelRejected(_)
            | Event::Sent(_)
            | Event::SendFailed(_)
            | Event::OpenOrders(_)
            | Event::Balance(_)
            | Event::Operator(_)
            | Event::RiskRefused(_)
            | Event::StateHash(_)
            | Event::Mark(_)
            | Event::Rate(_)
            | Event::Candle(_)
            | Event::OpenInterest(_)
            | Event::Liquidation(_)
            | Event::OrderAmended(_)
            | Event::AmendRejected(_)
            | Event::Transfer(_)
            | Event::Funding(_)
            | Event::PositionReport(_)
            | Event::Control(_)
            | Event::RiskNotice(_)
            | Event::Recovered(_) => Touched::No,
        }
    }
}

const NO_LEVELS: model::body::BookReset = model::body::BookReset {
    update_id: 0,
    level_records: 1,
    reserved: [0; 64],
};

impl From<bool> for Touched {
    fn from(changed: bool) -> Self {
        if changed { Self::Book } else { Self::No }
    }
}

/// Whether a market event concerns this instrument: it names it, or it is about the whole venue.
#[inline]
pub(crate) fn concerns(record: &Record, event: &Event<'_>, spec: &InstrumentSpec) -> bool {
    match (record.instrument(), event) {
        (Some(instrument), _) => instrument == spec.id,
        (None, Event::Connection(link)) => link.venue == spec.venue.0,
        (None, _) => false,
    }
}

impl Digest for Listing {
    fn digest(&self, sink: &mut Sink) {
        sink.value(&self.spec);
        self.book.digest(sink);
        match &self.last_trade {
            None => sink.number(0),
            Some(trade) => {
                sink.number(trade.trade_id);
                sink.ticks(trade.price);
                sink.lots(trade.qty);
                sink.number(trade.aggressor.sign());
                sink.number(trade.time_ns);
            }
        }
    }
}
