//! What a frame does to the books, and the events that leave.
//!
//! Hot path: yes ([`Core::text`]). Allocates: for snapshots, while a book is not live, and for
//! words.

use model::body::{LinkState, Quote, Trade};
use model::ports::EventSink;
use model::record::{Kind, Record};

use super::core::Core;
use super::dialect::{Chain, FeedDialect};
use super::emit::Header;
use super::legs::Leg;
use super::message::{DepthPart, Market};
use super::sync::{Fit, Span, Verdict};
use crate::link::lane::Lane;
use crate::wire::WireError;

/// What a message asks of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Nothing,
    /// The venue will close soon: replace the connection.
    Replace,
    /// The venue has ended the subscription to this book.
    Left(usize),
}

/// What became of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SnapshotResult {
    Taken,
    /// Ask again after a while.
    AskAgain,
    Unwanted,
}

/// A depth message, its levels aside.
#[derive(Debug, Clone, Copy)]
struct Update {
    line: usize,
    slot: usize,
    span: Span,
    checksum: Option<i32>,
    stamp_ns: u64,
}

impl<D: FeedDialect> Core<D> {
    /// One frame of a connection.
    #[inline]
    pub(crate) fn text<S: EventSink>(
        &mut self,
        line: usize,
        bytes: &[u8],
        stamp_ns: u64,
        lane: &mut Lane<'_, S>,
    ) -> Wish {
        let decoded = self.dialect.decode(bytes, &self.symbols, &mut self.scratch);
        let wish = match decoded {
            Ok(message) => self.take(line, message, stamp_ns, lane),
            Err(error) => {
                self.unreadable(error, stamp_ns, lane);
                Wish::Nothing
            }
        };
        if !self.scratch.more.is_empty() {
            return self.take_more(line, wish, decoded.is_ok(), stamp_ns, lane);
        }
        wish
    }

    /// The other messages of a frame. Its first wish counts.
    #[cold]
    fn take_more<S: EventSink>(
        &mut self,
        line: usize,
        mut wish: Wish,
        is_whole: bool,
        stamp_ns: u64,
        lane: &mut Lane<'_, S>,
    ) -> Wish {
        let mut more = std::mem::take(&mut self.scratch.more);
        for message in more.drain(..).filter(|_| is_whole) {
            let next = self.take(line, message, stamp_ns, lane);
            if wish == Wish::Nothing {
                wish = next;
            }
        }
        self.scratch.more = more;
        wish
    }

    #[inline]
    fn take<S: EventSink>(
        &mut self,
        line: usize,
        message: Market,
        stamp_ns: u64,
        lane: &mut Lane<'_, S>,
    ) -> Wish {
        let slot = match message {
            Market::Trade { slot, trade } => {
                self.trade(slot, &trade, stamp_ns, lane);
                slot
            }
            Market::Quote { slot, quote } => {
                self.quote(slot, &quote, stamp_ns, lane);
                slot
            }
            Market::Depth {
                slot,
                part,
                span,
                checksum,
            } => {
                let update = Update {
                    line,
                    slot,
                    span,
                    checksum,
                    stamp_ns,
                };
                match part {
                    DepthPart::Update => self.update(update, lane),
                    DepthPart::Snapshot => self.begin(update, lane),
                }
                slot
            }
            Market::Mark { slot, .. }
            | Market::Candle { slot, .. }
            | Market::OpenInterest { slot, .. }
            | Market::Liquidation { slot, .. } => {
                self.other(slot, message, stamp_ns, lane);
                slot
            }
            Market::Shutdown => return Wish::Replace,
            Market::Answer { error: Some(code) } => {
                let words = "the venue refused a stream request";
                lane.push(&self.speaker.says(LinkState::Notice, code, words, stamp_ns));
                return Wish::Nothing;
            }
            Market::Left { slot } => return Wish::Left(slot),
            Market::Answer { error: None } | Market::Pong | Market::Ignored => {
                return Wish::Nothing;
            }
        };
        if !self.lines[line].heard {
            self.first_message(line, slot, stamp_ns, lane);
        }
        Wish::Nothing
    }

    /// What is neither book nor trade.
    #[cold]
    fn other<S: EventSink>(
        &mut self,
        slot: usize,
        message: Market,
        stamp_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        let header = self.header(slot, stamp_ns);
        let once = self.redundant;
        let known = &mut self.books[slot].others;
        let record = if let Market::Mark { mark, .. } = message {
            let whole = known.mark(&mark, once);
            whole.map(|mark| Record::new(Kind::Mark, &mark))
        } else if let Market::Candle { candle, .. } = message {
            let is_new = known.is_new_candle(&candle) || !once;
            is_new.then(|| Record::new(Kind::Candle, &candle))
        } else if let Market::OpenInterest { interest, .. } = message {
            let is_new = known.is_new_interest(&interest) || !once;
            is_new.then(|| Record::new(Kind::OpenInterest, &interest))
        } else if let Market::Liquidation { order, .. } = message {
            let is_new = known.is_new_liquidation(&order) || !once;
            is_new.then(|| Record::new(Kind::Liquidation, &order))
        } else {
            None
        };
        if let Some(record) = record {
            lane.push(&header.on(record));
        }
    }

    #[cold]
    fn first_message<S: EventSink>(
        &mut self,
        line: usize,
        slot: usize,
        stamp_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        let state = self.unless_another_is_up(LinkState::Up);
        self.lines[line].heard = true;
        let words = format!("first message, of {}", self.books[slot].symbol);
        lane.push(&self.says(line, state, &words, stamp_ns));
    }

    #[inline]
    fn header(&self, slot: usize, stamp_ns: u64) -> Header {
        Header {
            source: self.speaker.source,
            instrument: self.books[slot].instrument,
            stamp_ns,
        }
    }

    #[inline]
    fn trade<S: EventSink>(
        &mut self,
        slot: usize,
        trade: &Trade,
        stamp_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        if self.redundant && !self.books[slot].trades.is_new(trade.trade_id) {
            return;
        }
        self.header(slot, stamp_ns).trade(trade, lane);
    }

    #[inline]
    fn quote<S: EventSink>(
        &mut self,
        slot: usize,
        quote: &Quote,
        stamp_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        let book = &mut self.books[slot];
        if self.redundant {
            // After a reset of the venue's its ids begin anew; its clock does not.
            let time_ns = match D::RULES.chain {
                Chain::Rising => 0,
                Chain::Linked => quote.venue_time_ns,
            };
            let this = (time_ns, quote.update_id);
            if this <= book.newest_quote {
                return;
            }
            book.newest_quote = this;
        }
        if book.ahead_since_ns.is_none() && book.sync.id() < Some(quote.update_id) {
            book.ahead_since_ns = Some(stamp_ns);
        }
        self.header(slot, stamp_ns).quote(quote, lane);
    }

    #[inline]
    fn update<S: EventSink>(&mut self, update: Update, lane: &mut Lane<'_, S>) {
        let Update { slot, stamp_ns, .. } = update;
        let header = self.header(slot, stamp_ns);
        let (levels, bids) = (self.scratch.depth.levels(), self.scratch.depth.bids().len());
        let leg = self.lines[update.line].leg;
        let book = &mut self.books[slot];
        book.legs.heard(leg, stamp_ns);
        if book.sync.judge(update.span) == Verdict::Gap && book.legs.stands_apart(leg, stamp_ns) {
            return;
        }
        book.ahead_since_ns = None;
        match book.sync.update(update.span, levels, bids) {
            Verdict::Apply => {
                book.legs.follows(leg, true);
                if update.checksum.is_none() && book.mirror.stays_apart(levels, bids) {
                    header.levels(update.span, levels, bids, 0, lane);
                    book.mirror.apply(levels, bids);
                } else {
                    self.apply_checked(update, lane);
                }
            }
            Verdict::Old => book.legs.follows(leg, false),
            Verdict::Hold => {}
            Verdict::Gap => {
                book.legs.lose();
                let words = format!("gap: updates before {} were lost", update.span.first_id);
                self.stale(slot, &words, stamp_ns, lane);
            }
        }
    }

    /// The book that an update makes is looked at before any of it leaves.
    fn apply_checked<S: EventSink>(&mut self, update: Update, lane: &mut Lane<'_, S>) {
        let header = self.header(update.slot, update.stamp_ns);
        let depth = &self.scratch.depth;
        let (levels, bids) = (depth.levels(), depth.bids().len());
        self.books[update.slot].mirror.apply(levels, bids);
        match self.impossible(update) {
            None => header.levels(update.span, levels, bids, 0, lane),
            Some(words) => self.void(update, &words, lane),
        }
    }

    /// Why the book cannot be what the venue has.
    fn impossible(&self, update: Update) -> Option<String> {
        let book = &self.books[update.slot];
        let id = update.span.last_id;
        if book.trades_now
            && let Some((bid, ask)) = book.mirror.crossed()
        {
            return Some(format!("crossed at {id}: bid {}, ask {}", bid.0, ask.0));
        }
        let theirs = update.checksum?;
        let entry = self.symbols.of(book.instrument)?;
        let ours = self.dialect.checksum(entry, &book.mirror)?;
        (ours != theirs).then(|| format!("checksum of {id} is {ours}, the venue's {theirs}"))
    }

    /// The book is not what the venue has: it is void, and got anew.
    #[cold]
    fn void<S: EventSink>(&mut self, update: Update, words: &str, lane: &mut Lane<'_, S>) {
        let leg = self.lines[update.line].leg;
        let book = &mut self.books[update.slot];
        book.sync.lose();
        book.legs.lose();
        book.legs.set(leg, Leg::Apart);
        self.stale(update.slot, words, update.stamp_ns, lane);
    }

    #[cold]
    fn stale<S: EventSink>(&self, slot: usize, words: &str, stamp_ns: u64, lane: &mut Lane<'_, S>) {
        let record = self.speaker.says(LinkState::Stale, 0, words, stamp_ns);
        lane.push(&record.on_instrument(self.books[slot].instrument));
    }

    /// The venue sent the whole book in the stream.
    #[cold]
    fn begin<S: EventSink>(&mut self, update: Update, lane: &mut Lane<'_, S>) {
        let Update { slot, stamp_ns, .. } = update;
        let header = self.header(slot, stamp_ns);
        let leg = self.lines[update.line].leg;
        let depth = &self.scratch.depth;
        let (levels, bids) = (depth.levels(), depth.bids().len());
        let book = &mut self.books[slot];
        book.legs.heard(leg, stamp_ns);
        book.ahead_since_ns = None;
        let other_follows = book.legs.get(leg) != Leg::Following && book.legs.is_followed();
        if book.sync.is_live() && other_follows {
            // The book goes on from the other connection; this one joins where it is.
            book.legs.follows(leg, false);
            return;
        }
        book.sync.begin(update.span.last_id);
        book.legs.follows(leg, true);
        book.newest_quote = (0, 0);
        book.mirror.clear();
        book.mirror.apply(levels, bids);
        if let Some(words) = self.impossible(update) {
            self.void(update, &words, lane);
            return;
        }
        header.snapshot(update.span, levels, bids, lane);
        self.whole(slot, update.span.last_id, stamp_ns, lane);
    }

    fn whole<S: EventSink>(
        &self,
        slot: usize,
        update_id: u64,
        stamp_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        let words = format!("book whole from update {update_id}");
        let record = self.speaker.says(LinkState::Up, 0, &words, stamp_ns);
        lane.push(&record.on_instrument(self.books[slot].instrument));
    }

    /// The body of a snapshot's answer.
    pub(crate) fn snapshot<S: EventSink>(
        &mut self,
        slot: usize,
        body: &[u8],
        stamp_ns: u64,
        lane: &mut Lane<'_, S>,
    ) -> SnapshotResult {
        let header = self.header(slot, stamp_ns);
        let Some(entry) = self.symbols.of(header.instrument) else {
            return SnapshotResult::Unwanted;
        };
        let depth = &mut self.scratch.depth;
        let update_id = match self.dialect.decode_snapshot(body, entry, depth) {
            Ok(update_id) => update_id,
            Err(error) => {
                self.unreadable(error, stamp_ns, lane);
                return SnapshotResult::AskAgain;
            }
        };
        let book = &mut self.books[slot];
        match book.sync.snapshot(update_id) {
            Fit::Unwanted => return SnapshotResult::Unwanted,
            Fit::TooOld => return SnapshotResult::AskAgain,
            Fit::Fits => {}
        }
        book.mirror.clear();
        book.mirror.apply(depth.levels(), depth.bids().len());
        for update in book.sync.replay(update_id) {
            book.mirror.apply(update.levels, update.bids);
        }
        if book.trades_now && book.mirror.crossed().is_some() {
            // It was never told: nothing is stale, and nothing becomes whole.
            book.sync.lose();
            return SnapshotResult::AskAgain;
        }
        header.snapshot(
            Span::at(update_id),
            depth.levels(),
            depth.bids().len(),
            lane,
        );
        for update in book.sync.replay(update_id) {
            header.levels(update.span, update.levels, update.bids, 0, lane);
        }
        book.sync.settle();
        book.legs.all_follow();
        self.whole(slot, update_id, stamp_ns, lane);
        SnapshotResult::Taken
    }

    /// The answer to a request for open interest.
    pub(super) fn polled<S: EventSink>(
        &mut self,
        slot: usize,
        body: &[u8],
        stamp_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        let Some(entry) = self.symbols.of(self.books[slot].instrument) else {
            return;
        };
        match self.dialect.decode_poll(body, entry) {
            Ok(message) => self.other(slot, message, stamp_ns, lane),
            Err(error) => self.unreadable(error, stamp_ns, lane),
        }
    }

    #[cold]
    fn unreadable<S: EventSink>(
        &mut self,
        error: WireError,
        stamp_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        self.unparsed += 1;
        if let Some(more) = self.remarks.pass(stamp_ns) {
            let words = format!("unread message: {error} ({more} more before)");
            let state = LinkState::Notice;
            lane.push(&self.speaker.says(state, 0, &words, stamp_ns));
        }
    }
}
