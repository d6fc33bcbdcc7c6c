//! The feed without its sockets: messages in, events out.
//!
//! Invariants
//! - F1: a gap's `Stale` goes out before anything else of that message.
//! - F2: a book says `Up` only behind a whole snapshot and all updates that followed it.
//! - F3: bytes that cannot be read become a remark and a count, never a panic; the update ids
//!   find what was lost with them.
//!
//! - F4: best prices that move on while no update comes mean that updates are missing.
//!
//! Hot path: yes ([`Core::text`]). Allocates: for snapshots, while a book is not live, and for
//! words.

use model::body::{Channel, LinkState};
use model::ids::InstrumentId;
use model::instrument::InstrumentSpec;
use model::ports::EventSink;

use super::config::FeedConfig;
use super::emit::Header;
use super::sync::{BookSync, Fit, Span, Verdict};
use crate::binance::wire::{Depth, Market, decode, decode_snapshot};
use crate::link::lane::Lane;
use crate::link::speaker::{RemarkGate, Speaker};
use crate::wire::symbols::SymbolError;
use crate::wire::{Symbols, WireError};

/// Levels that are expected at most in an update, both sides together.
const LEVELS_EXPECTED: usize = 10_000;

/// What a message asks of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    /// The venue will close soon: replace the connection.
    Replace,
}

/// What became of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SnapshotResult {
    Taken,
    /// Ask again after a while.
    AskAgain,
    Unwanted,
}

struct Book {
    instrument: InstrumentId,
    symbol: String,
    sync: BookSync,
    /// Since when best prices are ahead of the updates; `None` if they are not.
    ahead_since_ns: Option<u64>,
}

/// All books of the feed.
pub(super) struct Core {
    speaker: Speaker,
    symbols: Symbols,
    books: Vec<Book>,
    depth: Depth,
    announced_up: bool,
    unparsed: u64,
    remarks: RemarkGate,
}

impl Core {
    pub(super) fn new(config: &FeedConfig) -> Result<Self, SymbolError> {
        let book = |spec: &InstrumentSpec| Book {
            instrument: spec.id,
            symbol: spec.symbol.clone(),
            sync: BookSync::new(),
            ahead_since_ns: None,
        };
        Ok(Self {
            speaker: Speaker {
                venue: config.venue,
                source: config.source,
                channel: Channel::Market,
            },
            symbols: Symbols::new(&config.instruments)?,
            books: config.instruments.iter().map(book).collect(),
            depth: Depth::with_capacity(LEVELS_EXPECTED),
            announced_up: false,
            unparsed: 0,
            remarks: RemarkGate::default(),
        })
    }

    pub(super) const fn speaker(&self) -> &Speaker {
        &self.speaker
    }

    /// Messages that could not be read.
    pub(super) const fn unparsed(&self) -> u64 {
        self.unparsed
    }

    /// Whether any message of the present connection was understood.
    pub(super) const fn has_heard(&self) -> bool {
        self.announced_up
    }

    pub(super) fn wants_snapshot(&self, slot: usize) -> bool {
        self.books[slot].sync.wants_snapshot()
    }

    pub(super) fn symbol(&self, slot: usize) -> &str {
        &self.books[slot].symbol
    }

    pub(super) fn is_live(&self) -> bool {
        self.books.iter().all(|book| book.sync.is_live())
    }

    /// The connection is open.
    pub(super) fn opened<S: EventSink>(&mut self, now_ns: u64, lane: &mut Lane<'_, S>) {
        self.announced_up = false;
        let state = LinkState::Syncing;
        lane.push(&self.speaker.says(state, 0, "connected", now_ns));
        for book in &self.books {
            let record = self.speaker.says(state, 0, "waits for updates", now_ns);
            lane.push(&record.on_instrument(book.instrument));
        }
    }

    /// Whether some book's best prices have moved on for so long without any update of its levels.
    pub(super) fn misses_updates(&self, now_ns: u64, longest_ns: u64) -> bool {
        self.books.iter().any(|book| {
            let since = book.ahead_since_ns;
            since.is_some_and(|since| now_ns.saturating_sub(since) >= longest_ns)
        })
    }

    /// Names the books of which no update came.
    pub(super) fn name_the_silent<S: EventSink>(&self, now_ns: u64, lane: &mut Lane<'_, S>) {
        for book in self.books.iter().filter(|book| book.sync.is_empty()) {
            let words = format!("no update of {} yet: does it trade?", book.symbol);
            let record = self.speaker.says(LinkState::Notice, 0, &words, now_ns);
            lane.push(&record.on_instrument(book.instrument));
        }
    }

    /// The connection is gone, or will be replaced: no book is current.
    pub(super) fn lost<S: EventSink>(
        &mut self,
        state: LinkState,
        words: &str,
        now_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        for book in &mut self.books {
            if book.sync.is_live() {
                let record = self.speaker.says(LinkState::Stale, 0, words, now_ns);
                lane.push(&record.on_instrument(book.instrument));
            }
            book.sync.lose();
            book.ahead_since_ns = None;
        }
        self.announced_up = false;
        lane.push(&self.speaker.says(state, 0, words, now_ns));
    }

    /// One message of the market connection.
    #[inline]
    pub(super) fn text<S: EventSink>(
        &mut self,
        bytes: &[u8],
        stamp_ns: u64,
        lane: &mut Lane<'_, S>,
    ) -> Wish {
        let message = match decode(bytes, &self.symbols, &mut self.depth) {
            Ok(message) => message,
            Err(error) => {
                self.unreadable(error, stamp_ns, lane);
                return Wish::Nothing;
            }
        };
        let slot = match message {
            Market::Trade { slot, trade } => {
                self.header(slot, stamp_ns).trade(&trade, lane);
                slot
            }
            Market::Quote { slot, quote } => {
                let book = &mut self.books[slot];
                if book.ahead_since_ns.is_none() && book.sync.id() < Some(quote.update_id) {
                    book.ahead_since_ns = Some(stamp_ns);
                }
                self.header(slot, stamp_ns).quote(&quote, lane);
                slot
            }
            Market::Depth {
                slot,
                first_id,
                last_id,
                venue_time_ns,
            } => {
                let span = Span {
                    first_id,
                    last_id,
                    before_id: None,
                    venue_time_ns,
                };
                self.update(slot, span, stamp_ns, lane);
                slot
            }
            Market::Shutdown => return Wish::Replace,
            Market::Answer { error: Some(code) } => {
                let words = "the venue refused a stream request";
                lane.push(&self.speaker.says(LinkState::Notice, code, words, stamp_ns));
                return Wish::Nothing;
            }
            Market::Answer { error: None } | Market::Ignored => return Wish::Nothing,
        };
        if !self.announced_up {
            self.first_message(slot, stamp_ns, lane);
        }
        Wish::Nothing
    }

    #[cold]
    fn first_message<S: EventSink>(&mut self, slot: usize, stamp_ns: u64, lane: &mut Lane<'_, S>) {
        self.announced_up = true;
        let words = format!("first message, of {}", self.books[slot].symbol);
        lane.push(&self.speaker.says(LinkState::Up, 0, &words, stamp_ns));
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
    fn update<S: EventSink>(
        &mut self,
        slot: usize,
        span: Span,
        stamp_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        let header = self.header(slot, stamp_ns);
        let bids = self.depth.bids().len();
        self.books[slot].ahead_since_ns = None;
        let sync = &mut self.books[slot].sync;
        match sync.update(span, self.depth.levels(), bids) {
            Verdict::Apply => header.levels(span, self.depth.levels(), bids, 0, lane),
            Verdict::Old | Verdict::Hold => {}
            Verdict::Gap => {
                let words = format!("gap: updates before {} were lost", span.first_id);
                let record = self
                    .speaker
                    .says(LinkState::Stale, 0, &words, stamp_ns)
                    .on_instrument(header.instrument);
                lane.push(&record);
            }
        }
    }

    /// The body of a snapshot's answer.
    pub(super) fn snapshot<S: EventSink>(
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
        let update_id = match decode_snapshot(body, entry, &mut self.depth) {
            Ok(update_id) => update_id,
            Err(error) => {
                self.unreadable(error, stamp_ns, lane);
                return SnapshotResult::AskAgain;
            }
        };
        let sync = &mut self.books[slot].sync;
        match sync.snapshot(update_id) {
            Fit::Unwanted => return SnapshotResult::Unwanted,
            Fit::TooOld => return SnapshotResult::AskAgain,
            Fit::Fits => {}
        }
        let (levels, bids) = (self.depth.levels(), self.depth.bids().len());
        header.snapshot(update_id, levels, bids, lane);
        for update in sync.replay(update_id) {
            header.levels(update.span, update.levels, update.bids, 0, lane);
        }
        sync.settle();
        let words = format!("book whole from update {update_id}");
        let record = self.speaker.says(LinkState::Up, 0, &words, stamp_ns);
        lane.push(&record.on_instrument(header.instrument));
        SnapshotResult::Taken
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
