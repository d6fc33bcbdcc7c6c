//! One instrument as its venue shows it to everybody: the recorded book, trades and marks.
//!
//! It knows nothing of our orders, so one of it serves all variants of a pass.

use engine::machine::Book;
use model::body::{BookLevels, Level, Mark, Quote, Side, Trade};
use model::event::{self, Event, View};
use model::ids::InstrumentId;
use model::instrument::InstrumentSpec;
use model::limits::LEVELS_PER_RECORD;
use model::num::Lots;
use model::record::{Kind, Record, flags};

use super::concern::Span;
use super::orders_shown::{Hit, OrdersShown};
use super::own::{Edge, Edges};

/// See the module's header.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) spec: InstrumentSpec,
    pub(super) book: Book,
    /// Whether depth was ever told; until then a quote is all of the book.
    pub(super) has_depth: bool,
    pub(super) edges: Edges,
    pub(super) mark: Option<Mark>,
    pub(super) last_trade: Option<Trade>,
    /// The venue's own orders, where it shows each.
    pub(super) orders: OrdersShown,
}

/// A level before and behind a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) side: Side,
    pub(super) price: i64,
    pub(super) before: i64,
    pub(super) now: i64,
}

/// What an event did to what is shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Happened {
    /// Levels changed, as [`Seen::changes`] says; `whole`: the message ended, and the best prices
    /// are the book's.
    Levels {
        whole: bool,
    },
    Trade(Trade),
    /// One of the venue's own orders traded.
    Hit(Hit),
    /// A quote that is news: the best prices.
    Quote(Edges),
    /// The book is void.
    Reset,
    /// Nothing that an order of ours could notice.
    Nothing,
}

/// A market event at a venue.
#[derive(Debug)]
pub(super) struct Seen {
    /// The instrument's place.
    pub(super) index: usize,
    pub(super) happened: Happened,
    /// Levels that changed.
    pub(super) changes: Vec<Change>,
    /// Prices of the bids and asks among them.
    pub(super) bids: Span,
    pub(super) asks: Span,
    /// The best prices behind it.
    pub(super) edges: Edges,
    /// Set for a mark: the one before it, if there was one.
    pub(super) marked: Option<Option<Mark>>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            index: usize::MAX,
            happened: Happened::Nothing,
            changes: Vec::with_capacity(LEVELS_PER_RECORD),
            bids: Span::EMPTY,
            asks: Span::EMPTY,
            edges: Edges::default(),
            marked: None,
        }
    }
}

impl Seen {
    /// Applies an event of an instrument; false if it is of none that is here.
    #[inline]
    pub(super) fn see(&mut self, shown: &mut [Box<Shown>], record: &Record) -> bool {
        let index = record.instrument().map_or(usize::MAX, InstrumentId::index);
        let Some(shown) = shown.get_mut(index) else {
            return false;
        };
        let mark = record.kind == Kind::Mark.code();
        self.marked = mark.then_some(shown.mark);
        self.index = index;
        self.happened = shown.apply(record, &mut self.changes);
        if let Happened::Levels { .. } = self.happened {
            self.edges = shown.edges;
            self.measure();
        }
        true
    }

    /// Between which prices levels changed.
    #[inline]
    fn measure(&mut self) {
        (self.bids, self.asks) = (Span::EMPTY, Span::EMPTY);
        for change in &self.changes {
            match change.side {
                Side::Buy => self.bids.add(change.price),
                Side::Sell => self.asks.add(change.price),
            }
        }
    }
}

impl Shown {
    pub(super) fn new(spec: InstrumentSpec, window_ticks: u32) -> Self {
        Self {
            spec,
            book: Book::new(window_ticks),
            has_depth: false,
            edges: Edges::default(),
            mark: None,
            last_trade: None,
            orders: OrdersShown::default(),
        }
    }

    /// The venue's next word on the market. Levels that changed are put into `changes`.
    #[inline]
    pub(super) fn apply(&mut self, record: &Record, changes: &mut Vec<Change>) -> Happened {
        let Ok(View::Event(event)) = event::view(record) else {
            return Happened::Nothing;
        };
        if let Event::BookLevels(levels) = event {
            return self.levels(record, levels, changes);
        }
        if let Event::Trade(trade) = event {
            self.last_trade = Some(*trade);
            return Happened::Trade(*trade);
        }
        if let Event::Quote(quote) = event {
            return self.quote(quote);
        }
        if let Event::BookReset(reset) = event {
            self.has_depth = true;
            self.book.reset(record, reset);
            self.orders.reset();
            return Happened::Reset;
        }
        if let Event::BookOrder(told) = event {
            let hit = self.orders.apply(told, record.has(flags::SNAPSHOT));
            return hit.map_or(Happened::Nothing, Happened::Hit);
        }
        if let Event::Mark(mark) = event {
            self.mark = Some(*mark);
        }
        Happened::Nothing
    }

    #[inline]
    fn levels(
        &mut self,
        record: &Record,
        levels: &BookLevels,
        changes: &mut Vec<Change>,
    ) -> Happened {
        changes.clear();
        let note = |side, level: Level, before: Lots| {
            changes.push(Change {
                side,
                price: level.price.0,
                before: before.0,
                now: level.qty.0,
            });
        };
        let ended = self.book.levels_noting(record, levels, note);
        Happened::Levels {
            whole: ended && self.take_edges(),
        }
    }

    /// The book is whole behind a message: its best prices are the venue's, unless a quote is
    /// newer.
    fn take_edges(&mut self) -> bool {
        let level = |level: Option<Level>| level.map_or(Edge::default(), Edge::from);
        let edges = Edges {
            update_id: self.book.update_id(),
            bid: level(self.book.best(Side::Buy)),
            ask: level(self.book.best(Side::Sell)),
        };
        let newer = edges.update_id >= self.edges.update_id;
        if newer {
            self.edges = edges;
        }
        newer
    }

    fn quote(&mut self, quote: &Quote) -> Happened {
        if quote.update_id <= self.edges.update_id {
            return Happened::Nothing;
        }
        self.edges = Edges {
            update_id: quote.update_id,
            bid: Edge::from(quote.bid),
            ask: Edge::from(quote.ask),
        };
        Happened::Quote(self.edges)
    }
}
