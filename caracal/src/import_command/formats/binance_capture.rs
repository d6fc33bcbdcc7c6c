//! Raw frames of Binance's streams: `<local receive time, ns> <JSON>` a line.
//!
//! The book's updates and the snapshot go on as they came: whether they fit is judged behind the
//! merge of the files (`sync`), because a book goes on from one file to the next.

use std::path::Path;

use connectors::binance::capture::{self, Frame, LevelText, Market, What as Said};
use model::body::{Level, Mark, Quote, Side, Trade};
use model::num::Ticks;

use super::super::args::{ImportArgs, MarketKind};
use super::super::catalog;
use super::super::findings::Finding;
use super::super::input::{Broken, Progress};
use super::super::row::{Head, Rows, What};
use super::super::stream::{Context, Format};
use super::frames::{Frames, Next};
use super::numbers;

/// A capture that is being read.
pub(super) struct Capture {
    frames: Frames,
    market: Option<MarketKind>,
    levels: Vec<Level>,
}

impl Capture {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Broken`].
    pub(super) fn open(
        args: &ImportArgs,
        file: usize,
        path: &Path,
        progress: &Progress,
    ) -> Result<Self, Broken> {
        Ok(Self {
            frames: Frames::open(file, path, progress)?,
            market: args.market,
            levels: Vec::new(),
        })
    }
}

impl Format for Capture {
    fn read(&mut self, rows: &mut Rows, context: &mut Context<'_>) -> Result<bool, Broken> {
        let Self {
            frames,
            market,
            levels,
        } = self;
        let (mut head, json) = match frames.next(context.findings)? {
            Next::Frame(head, json) => (head, json),
            Next::Nothing => return Ok(true),
            Next::End => return Ok(false),
        };
        let frame = match capture::read(json) {
            Ok(frame) => frame,
            Err(error) => {
                let findings = &mut context.findings;
                findings.add(Finding::Unknown, &head, || error.to_string());
                return Ok(true);
            }
        };
        head.venue_ns = frame.venue_time_ns;
        let mut reader = Reader {
            market: *market,
            levels,
            rows,
            context,
        };
        let taken = reader.take(head, &frame);
        let line = head.line;
        taken
            .map(|()| true)
            .map_err(|reason| Broken { line, reason })
    }
}

/// What it takes to make rows of a frame.
struct Reader<'r, 'c> {
    market: Option<MarketKind>,
    levels: &'r mut Vec<Level>,
    rows: &'r mut Rows,
    context: &'r mut Context<'c>,
}

impl Reader<'_, '_> {
    /// # Errors
    ///
    /// Why the file cannot be read on: it is of another instrument.
    fn take(&mut self, mut head: Head, frame: &Frame<'_>) -> Result<(), String> {
        if frame.what == Said::Ignored {
            let text = || "a message of a kind that is not used".to_owned();
            self.context.findings.add(Finding::Unused, &head, text);
            return Ok(());
        }
        let Some(slot) = self.slot(head.file, frame)? else {
            self.nameless(&head, frame);
            return Ok(());
        };
        head.slot = slot;
        self.row(&head, frame);
        Ok(())
    }

    /// A snapshot of nobody knows which instrument; the steps in it are learned all the same.
    fn nameless(&mut self, head: &Head, frame: &Frame<'_>) {
        let text = || "a snapshot does not say of which instrument it is".to_owned();
        let findings = &mut self.context.findings;
        findings.add(Finding::NamelessSnapshot, head, text);
        if let Said::Snapshot { bids, asks, .. } = &frame.what {
            for [price, qty] in bids.iter().chain(asks) {
                self.context.catalog.early(head.file, price, qty);
            }
        }
    }

    fn slot(&mut self, file: usize, frame: &Frame<'_>) -> Result<Option<usize>, String> {
        let Some(symbol) = frame.symbol else {
            return Ok(self.context.catalog.only_of(file));
        };
        let market = self.market.unwrap_or(match frame.market {
            Market::Spot => MarketKind::Spot,
            Market::UsdM => MarketKind::Usdm,
        });
        let venue = catalog::binance(market);
        let slot = self.context.catalog.slot(venue, symbol, market)?;
        self.context.catalog.meet(file, slot);
        Ok(Some(slot))
    }

    fn row(&mut self, head: &Head, frame: &Frame<'_>) {
        match &frame.what {
            Said::Depth { span, bids, asks } => self.book(head, What::Update(*span), bids, asks),
            Said::Snapshot { id, bids, asks } => {
                self.book(head, What::RestSnapshot { id: *id }, bids, asks);
            }
            Said::Top { id, bid, ask } => self.quote(head, *id, *bid, *ask),
            Said::Trade { .. } => self.trade(head, &frame.what),
            Said::Mark { .. } => self.mark(head, &frame.what),
            Said::Ignored => {}
        }
    }

    fn book(&mut self, head: &Head, what: What, bids: &[LevelText<'_>], asks: &[LevelText<'_>]) {
        self.levels.clear();
        for [price, qty] in bids {
            self.levels
                .extend(numbers::level(head, price, qty, self.context));
        }
        let bids = self.levels.len();
        for [price, qty] in asks {
            self.levels
                .extend(numbers::level(head, price, qty, self.context));
        }
        self.rows.push_levels(*head, what, self.levels, bids);
    }

    fn quote(&mut self, head: &Head, id: u64, bid: LevelText<'_>, ask: LevelText<'_>) {
        let Some(bid) = numbers::level(head, bid[0], bid[1], self.context) else {
            return;
        };
        let Some(ask) = numbers::level(head, ask[0], ask[1], self.context) else {
            return;
        };
        let quote = Quote {
            update_id: id,
            venue_time_ns: head.venue_ns,
            bid,
            ask,
            reserved: [0; 32],
        };
        self.rows.push(*head, What::Quote(quote));
    }

    fn trade(&mut self, head: &Head, said: &Said<'_>) {
        let Said::Trade {
            id,
            aggregate,
            at: [price, qty],
            buyer_made,
            of_the_book,
        } = said
        else {
            return;
        };
        let level = if *of_the_book {
            numbers::trade(head, price, qty, self.context)
        } else {
            let text = || format!("trade {id} is marked as none");
            self.context.findings.add(Finding::NoTrade, head, text);
            None
        };
        let Some(Level { price, qty }) = level else {
            if !aggregate {
                self.rows.push(*head, What::NoTrade { id: *id });
            }
            return;
        };
        let trade = Trade {
            trade_id: *id,
            venue_time_ns: head.venue_ns,
            price,
            qty,
            aggressor: if *buyer_made { Side::Sell } else { Side::Buy },
            reserved: [0; 47],
        };
        let seen = self.context.catalog.seen(head.slot);
        let what = if *aggregate {
            seen.aggregates = true;
            What::Aggregate(trade)
        } else {
            seen.trades = true;
            What::Trade(trade)
        };
        self.rows.push(*head, what);
    }

    fn mark(&mut self, head: &Head, said: &Said<'_>) {
        let Said::Mark {
            mark,
            index,
            funding_rate_e9,
            next_funding_ns,
        } = said
        else {
            return;
        };
        let Some(mark) = numbers::mark(head, mark, self.context) else {
            return;
        };
        let index = if index.is_empty() {
            Ticks(0)
        } else {
            numbers::mark(head, index, self.context).unwrap_or(Ticks(0))
        };
        let mark = Mark {
            mark,
            index,
            funding_rate_e9: *funding_rate_e9,
            next_funding_ns: *next_funding_ns,
            venue_time_ns: head.venue_ns,
            reserved: [0; 40],
        };
        self.rows.push(*head, What::Mark(mark));
    }
}
