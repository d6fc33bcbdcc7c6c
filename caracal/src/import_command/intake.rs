//! From rows to the data set: the venue's rules for a book's updates, and every check.
//!
//! Nothing is repaired: a row is written as it is, or left out and counted with its place.

use connectors::binance::capture::{BookSync, Fit, Span, Verdict};
use connectors::okx::capture::{Chain, levels_sum};
use model::body::{BookChange, Level, Quote, Trade};
use model::num::{Lots, Ticks};

use super::catalog::Seen;
use super::dataset::DataSet;
use super::findings::{Finding, Findings};
use super::kept::State;
use super::orders;
use super::row::{Head, Row, What};
use crate::output::Failure;

/// A snapshot that came before the first update that it could fit.
#[derive(Debug)]
struct Early {
    id: u64,
    levels: Vec<Level>,
    bids: usize,
}

/// What of an instrument is compared with the next row.
#[derive(Debug)]
struct Last {
    sync: BookSync,
    /// Updates since the book was whole, and where the first of them stood.
    held: Option<(u64, Head)>,
    early: Option<Early>,
    seen: Seen,
    trade_id: u64,
    quote: Option<Quote>,
    /// The book is not the venue's to the last digit: checksums say nothing of it.
    inexact: bool,
    /// Exchange time by kind of row: book, trade, quote, mark.
    venue_ns: [u64; 4],
}

/// Takes rows in the order of time.
pub(super) struct Intake {
    set: DataSet,
    last: Vec<Last>,
    rows: u64,
}

impl Intake {
    /// Rows go to `set`; `seen` is what the first pass saw of each instrument.
    pub(super) fn new(set: DataSet, seen: impl Iterator<Item = Seen>) -> Self {
        let last = seen.map(|seen| Last {
            sync: if seen.linked {
                BookSync::of(Chain::Linked, false)
            } else {
                BookSync::new()
            },
            held: None,
            early: None,
            seen,
            trade_id: 0,
            quote: None,
            inexact: false,
            venue_ns: [0; 4],
        });
        Self {
            set,
            last: last.collect(),
            rows: 0,
        }
    }

    /// Rows taken so far.
    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// The data set.
    pub(super) const fn set(&self) -> &DataSet {
        &self.set
    }

    /// Closes the data set; see [`DataSet::close`].
    ///
    /// # Errors
    ///
    /// As [`DataSet::close`].
    pub(super) fn close(self) -> Result<serde_json::Value, Failure> {
        self.set.close()
    }

    /// Takes a row.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the data set cannot be written.
    pub(super) fn take(&mut self, row: &Row, findings: &mut Findings) -> Result<(), Failure> {
        let head = &row.head;
        self.rows += 1;
        self.set.advance(head)?;
        findings.times(head);
        self.check_venue_clock(row, findings);
        if !is_possible(row) {
            let text = || "a price below one tick or a quantity below zero".to_owned();
            findings.add(Finding::Impossible, head, text);
            return Ok(());
        }
        self.say(row, findings)?;
        self.check_sum(row, findings)
    }

    /// Writes what a row says.
    fn say(&mut self, row: &Row, findings: &mut Findings) -> Result<(), Failure> {
        let head = &row.head;
        match row.what {
            What::Update(span) => self.update(row, span, findings),
            What::RestSnapshot { id } => self.snapshot(row, id, findings),
            What::Book { id } => {
                self.set.book(head, id, &row.levels, row.bids)?;
                self.begin_chain(head, id, findings);
                self.check_crossing(head, findings);
                self.set.book_is_whole(head)
            }
            What::Levels { id } => self.continued(row, id, findings),
            What::Patch { begins } => self.patch(row, begins, findings),
            What::Order(order) => {
                if orders::take(&mut self.set, head, &order, findings)? {
                    self.check_crossing(head, findings);
                }
                Ok(())
            }
            What::NoOrders(side) => orders::clear(&mut self.set, head, side, findings),
            What::Stale => self.stale(head, findings),
            What::Trade(trade) => self.trade(head, &trade, findings),
            What::NoTrade { id } => {
                let last = &mut self.last[head.slot].trade_id;
                *last = id.max(*last);
                Ok(())
            }
            What::Aggregate(trade) if !self.last[head.slot].seen.trades => {
                self.trade(head, &trade, findings)
            }
            What::Aggregate(trade) => {
                let text = || format!("aggregate {}", trade.trade_id);
                findings.add(Finding::Repeated, head, text);
                Ok(())
            }
            What::Quote(quote) => self.quote(head, quote, findings),
            What::Mark(mark) => self.set.mark(head, &mark),
        }
    }

    /// A snapshot in the stream: what came before it and was held is of no use any more.
    fn begin_chain(&mut self, head: &Head, id: u64, findings: &mut Findings) {
        let last = &mut self.last[head.slot];
        last.inexact = false;
        if last.seen.linked {
            last.sync.begin(id);
            if let Some((count, at)) = last.held.take() {
                let text = || "a new book came instead of its snapshot".to_owned();
                findings.add_many(Finding::NoBook, count, &at, text);
            }
        }
    }

    /// Compares the book with the venue's checksum, as long as every level came as it was.
    fn check_sum(&mut self, row: &Row, findings: &mut Findings) -> Result<(), Failure> {
        let (head, Some(sum)) = (&row.head, row.sum) else {
            return Ok(());
        };
        let last = &mut self.last[head.slot];
        last.inexact |= !sum.exact;
        let kept = self.set.kept(head.slot);
        if last.inexact || kept.state != State::Whole {
            return Ok(());
        }
        let ours = levels_sum(
            self.set.steps(head.slot),
            kept.best_bids(),
            kept.best_asks(),
        );
        if ours == Some(sum.value) {
            return Ok(());
        }
        last.sync.lose();
        let text = || {
            format!(
                "{} of the venue, {} of this book",
                sum.value,
                ours.unwrap_or(0)
            )
        };
        findings.add(Finding::Checksum, head, text);
        self.set
            .stale(head, "checksum: the book is not the venue's")
    }

    fn check_venue_clock(&mut self, row: &Row, findings: &mut Findings) {
        let kind = match row.what {
            What::Update(_)
            | What::Levels { .. }
            | What::Patch { .. }
            | What::Order(_)
            | What::NoOrders(_) => 0,
            What::Trade(_) | What::NoTrade { .. } | What::Aggregate(_) => 1,
            What::Quote(_) => 2,
            What::Mark(_) => 3,
            // A snapshot is of a state, and may be older than the last update.
            What::RestSnapshot { .. } | What::Book { .. } | What::Stale => return,
        };
        let last = &mut self.last[row.head.slot].venue_ns[kind];
        let now = row.head.venue_ns;
        if now > 0 && now < *last {
            let text = || format!("{} ns before an earlier row", *last - now);
            findings.add(Finding::VenueBackwards, &row.head, text);
        }
        *last = now.max(*last);
    }

    fn update(&mut self, row: &Row, span: Span, findings: &mut Findings) -> Result<(), Failure> {
        let head = &row.head;
        let last = &mut self.last[head.slot];
        let was_at = last.sync.id();
        match last.sync.update(span, &row.levels, row.bids) {
            Verdict::Apply => {
                return self.levels(head, span.last_id, &row.levels, row.bids, findings);
            }
            Verdict::Old => {
                let text = || format!("update up to {}", span.last_id);
                findings.add(Finding::OldUpdate, head, text);
            }
            Verdict::Hold => last.held.get_or_insert((0, *head)).0 += 1,
            Verdict::Gap => {
                last.held = Some((1, *head));
                let place = span.before_id.unwrap_or(span.first_id);
                let text = || format!("update from {place}, behind {}", was_at.unwrap_or(0));
                findings.add(Finding::Gap, head, text);
                let words = format!("gap: updates before {} were lost", span.first_id);
                self.set.stale(head, &words)?;
            }
        }
        self.try_early(head, findings)
    }

    /// A snapshot that came first is the book as soon as an update fits it.
    fn try_early(&mut self, head: &Head, findings: &mut Findings) -> Result<(), Failure> {
        let last = &mut self.last[head.slot];
        if last.sync.is_live() {
            return Ok(());
        }
        let Some(early) = last.early.take() else {
            return Ok(());
        };
        let fit = last.sync.snapshot(early.id);
        self.settle(head, (early.id, &early.levels, early.bids), fit, findings)
    }

    fn snapshot(&mut self, row: &Row, id: u64, findings: &mut Findings) -> Result<(), Failure> {
        let head = &row.head;
        let last = &mut self.last[head.slot];
        if last.sync.is_empty() {
            last.early = Some(Early {
                id,
                levels: row.levels.clone(),
                bids: row.bids,
            });
            return Ok(());
        }
        let fit = last.sync.snapshot(id);
        self.settle(head, (id, &row.levels, row.bids), fit, findings)
    }

    fn settle(
        &mut self,
        head: &Head,
        (id, levels, bids): (u64, &[Level], usize),
        fit: Fit,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        let why = match fit {
            Fit::Fits => "",
            Fit::TooOld => "older than the updates that are held",
            Fit::Unwanted => "the book is whole",
        };
        if fit != Fit::Fits {
            let text = || format!("snapshot of update {id}: {why}");
            findings.add(Finding::SpareSnapshot, head, text);
            return Ok(());
        }
        self.set.book(head, id, levels, bids)?;
        self.check_crossing(head, findings);
        self.last[head.slot].held = None;
        let sync = std::mem::take(&mut self.last[head.slot].sync);
        for update in sync.replay(id) {
            let at = Head {
                venue_ns: update.span.venue_time_ns,
                ..*head
            };
            self.levels(
                &at,
                update.span.last_id,
                update.levels,
                update.bids,
                findings,
            )?;
        }
        let last = &mut self.last[head.slot];
        last.sync = sync;
        last.sync.settle();
        self.set.book_is_whole(head)
    }

    /// Levels of a book that must be whole.
    fn continued(&mut self, row: &Row, id: u64, findings: &mut Findings) -> Result<(), Failure> {
        let head = &row.head;
        if self.set.kept(head.slot).state != State::Whole {
            let text = || "an update of a book that is not known".to_owned();
            findings.add(Finding::NoBook, head, text);
            return Ok(());
        }
        self.levels(head, id, &row.levels, row.bids, findings)
    }

    /// Levels with what is cleared before them, as one message.
    fn patch(&mut self, row: &Row, begins: bool, findings: &mut Findings) -> Result<(), Failure> {
        let head = &row.head;
        let kept = self.set.kept(head.slot);
        if kept.state != State::Whole && begins {
            if row.clears.is_empty() {
                let text = || "the first message of the book sets some levels".to_owned();
                findings.add(Finding::NoSnapshot, head, text);
            }
            self.set.book(head, 0, &row.levels, row.bids)?;
            self.check_crossing(head, findings);
            return self.set.book_is_whole(head);
        }
        if row.clears.is_empty() {
            return self.continued(row, 0, findings);
        }
        let (mut bids, mut asks) = (Vec::new(), Vec::new());
        for clear in &row.clears {
            kept.cleared(clear, &mut bids, &mut asks);
        }
        bids.extend_from_slice(&row.levels[..row.bids]);
        asks.extend_from_slice(&row.levels[row.bids..]);
        let bids_len = bids.len();
        bids.append(&mut asks);
        self.levels(head, 0, &bids, bids_len, findings)
    }

    fn stale(&mut self, head: &Head, findings: &mut Findings) -> Result<(), Failure> {
        if self.set.kept(head.slot).state != State::Whole {
            return Ok(());
        }
        findings.add(Finding::Gap, head, || {
            "the source says that it is stale".to_owned()
        });
        self.set.stale(head, "stale in the source")
    }

    fn levels(
        &mut self,
        head: &Head,
        id: u64,
        levels: &[Level],
        bids: usize,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        self.set.levels(head, id, levels, bids)?;
        self.check_crossing(head, findings);
        Ok(())
    }

    fn check_crossing(&self, head: &Head, findings: &mut Findings) {
        if let Some((bid, ask)) = self.set.kept(head.slot).crossing() {
            let text = || format!("best bid {bid}, best ask {ask} ticks");
            findings.add(Finding::CrossedBook, head, text);
        }
    }

    fn trade(
        &mut self,
        head: &Head,
        trade: &Trade,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        let last = &mut self.last[head.slot];
        if trade.trade_id > 0 && trade.trade_id <= last.trade_id {
            let before = last.trade_id;
            let text = || format!("trade {} behind {before}", trade.trade_id);
            findings.add(Finding::Duplicate, head, text);
            return Ok(());
        }
        let missing = last.trade_id.saturating_add(1)..trade.trade_id;
        if last.seen.dense_ids && last.trade_id > 0 && !missing.is_empty() {
            let text = || format!("trades {} to {}", missing.start, missing.end - 1);
            findings.add(Finding::TradeGap, head, text);
        }
        last.trade_id = trade.trade_id;
        self.set.trade(head, trade)
    }

    fn quote(&mut self, head: &Head, quote: Quote, findings: &mut Findings) -> Result<(), Failure> {
        let last = &mut self.last[head.slot];
        let before = last.quote.map_or(0, |quote| quote.update_id);
        let is_old = if last.seen.linked {
            quote.update_id == before
        } else {
            quote.update_id <= before
        };
        if quote.update_id > 0 && is_old {
            let text = || format!("quote of update {} behind {before}", quote.update_id);
            findings.add(Finding::Duplicate, head, text);
            return Ok(());
        }
        last.quote = Some(quote);
        let both = quote.bid.qty > Lots::ZERO && quote.ask.qty > Lots::ZERO;
        if both && quote.bid.price >= quote.ask.price {
            let (bid, ask) = (quote.bid.price, quote.ask.price);
            let text = || format!("bid {bid}, ask {ask} ticks");
            findings.add(Finding::CrossedQuote, head, text);
        }
        self.set.quote(head, quote)
    }

    /// Ends the data set behind the last row, with these words, and tells of updates that found no
    /// book.
    ///
    /// # Errors
    ///
    /// As [`Self::take`].
    pub(super) fn end(&mut self, words: &str, findings: &mut Findings) -> Result<(), Failure> {
        for (count, at) in self.last.iter().filter_map(|last| last.held) {
            let text = || "no snapshot fits it, nor any update up to the end".to_owned();
            findings.add_many(Finding::NoBook, count, &at, text);
        }
        self.set.end(words)
    }
}

/// Whether every price is above zero and no quantity below it, or a side is said to be empty. Most
/// readers have looked already; records of a journal come as they are.
fn is_possible(row: &Row) -> bool {
    let is_level = |level: &Level| level.price > Ticks::ZERO && level.qty >= Lots::ZERO;
    let is_side = |level: &Level| is_level(level) || *level == Level::UNUSED;
    match &row.what {
        What::Trade(trade) | What::Aggregate(trade) => {
            trade.price > Ticks::ZERO && trade.qty > Lots::ZERO
        }
        What::Quote(quote) => is_side(&quote.bid) && is_side(&quote.ask),
        What::Mark(mark) => mark.mark > Ticks::ZERO,
        What::Update(_)
        | What::RestSnapshot { .. }
        | What::Book { .. }
        | What::Levels { .. }
        | What::Patch { .. } => row.levels.iter().all(is_level),
        What::Order(order) => {
            let rests = matches!(order.change, BookChange::Added | BookChange::Changed);
            let least = if order.change == BookChange::Removed {
                0
            } else {
                1
            };
            order.qty >= Lots(least) && (!rests || order.price > Ticks::ZERO)
        }
        What::Stale | What::NoTrade { .. } | What::NoOrders(_) => true,
    }
}
