//! The feed without its sockets: frames in, events out.
//!
//! Invariants
//! - F1: a gap's `Stale` goes out before anything else of that message.
//! - F2: a book says `Up` only behind a whole snapshot and all updates that followed it.
//! - F3: bytes that cannot be read become a remark and a count, never a panic; the update ids
//!   find what was lost with them.
//! - F4: best prices that move on while no update comes mean that updates are missing.
//! - F5: what comes over two connections leaves once.
//! - F6: a book that is crossed, or not what the venue's checksum says, is void.
//!
//! Here is what concerns connections; what frames do stands in `frames`.
//!
//! Hot path: no. Allocates: at start and for words.

use model::body::{Channel, LinkState};
use model::ids::InstrumentId;
use model::instrument::InstrumentSpec;
use model::ports::EventSink;

use super::config::FeedConfig;
use super::dialect::{Content, FeedDialect, Snapshots, Topic};
use super::legs::{Leg, Legs, Seen};
use super::message::Scratch;
use super::mirror::Mirror;
use super::others::Others;
use super::plan::Share;
use super::sync::BookSync;
use crate::link::lane::Lane;
use crate::link::speaker::{RemarkGate, Speaker};
use crate::wire::Symbols;
use crate::wire::symbols::SymbolError;

/// One instrument's book, whichever connections bring it.
pub(super) struct Book {
    pub(super) instrument: InstrumentId,
    pub(super) symbol: String,
    /// Whether its levels are subscribed to.
    has_depth: bool,
    pub(super) sync: BookSync,
    pub(super) mirror: Mirror,
    /// Whether it trades continuously: in an auction a crossed book is none the worse.
    pub(super) trades_now: bool,
    pub(super) legs: Legs,
    /// Since when best prices are ahead of the updates; `None` if they are not.
    pub(super) ahead_since_ns: Option<u64>,
    /// The newest quote over any connection: its time and id where ids may fall, else 0 and its id.
    pub(super) newest_quote: (u64, u64),
    pub(super) trades: Seen,
    pub(super) others: Others,
}

/// What the core knows of one connection.
pub(super) struct View {
    pub(super) leg: usize,
    /// Slots whose levels come over it.
    books: Vec<usize>,
    /// Whether a message of it was understood.
    pub(super) heard: bool,
}

/// All books of the feed.
pub(crate) struct Core<D> {
    pub(super) dialect: D,
    pub(super) speaker: Speaker,
    pub(super) symbols: Symbols,
    pub(super) books: Vec<Book>,
    pub(super) lines: Vec<View>,
    pub(super) scratch: Scratch,
    pub(super) redundant: bool,
    pub(super) unparsed: u64,
    pub(super) remarks: RemarkGate,
}

impl<D: FeedDialect> Core<D> {
    pub(crate) fn new(
        dialect: D,
        config: &FeedConfig,
        shares: &[Share],
    ) -> Result<Self, SymbolError> {
        let depths = |share: &Share| {
            let has_depth = |topic: &&Topic| topic.content == Content::Depth;
            let slots = share.topics.iter().filter(has_depth);
            slots.map(|topic| topic.slot).collect::<Vec<_>>()
        };
        let lines: Vec<View> = shares
            .iter()
            .map(|share| View {
                leg: share.leg,
                books: depths(share),
                heard: false,
            })
            .collect();
        let redundant = config.scope.redundant;
        let book = |(slot, spec): (usize, &InstrumentSpec)| Book {
            instrument: spec.id,
            symbol: spec.symbol.clone(),
            has_depth: lines.iter().any(|line| line.books.contains(&slot)),
            sync: BookSync::of(D::RULES.chain, redundant),
            mirror: Mirror::new(),
            trades_now: spec.trading,
            legs: Legs::NONE,
            ahead_since_ns: None,
            newest_quote: (0, 0),
            trades: Seen::default(),
            others: Others::default(),
        };
        Ok(Self {
            dialect,
            speaker: Speaker {
                venue: config.venue,
                source: config.source,
                channel: Channel::Market,
            },
            symbols: Symbols::new(&config.instruments)?,
            books: config.instruments.iter().enumerate().map(book).collect(),
            lines,
            scratch: Scratch::default(),
            redundant,
            unparsed: 0,
            remarks: RemarkGate::default(),
        })
    }

    pub(super) const fn dialect(&self) -> &D {
        &self.dialect
    }

    pub(super) const fn speaker(&self) -> &Speaker {
        &self.speaker
    }

    /// Messages that could not be read.
    pub(crate) const fn unparsed(&self) -> u64 {
        self.unparsed
    }

    /// Whether any message of the present connection was understood.
    pub(super) fn has_heard(&self, line: usize) -> bool {
        self.lines[line].heard
    }

    /// Whether a request for the whole book would help.
    pub(crate) fn wants_snapshot(&self, slot: usize) -> bool {
        let book = &self.books[slot];
        book.sync.wants_snapshot() && book.legs.is_connected()
    }

    /// Whether the book over this connection is to be subscribed to anew: only so does the venue
    /// send a snapshot.
    pub(super) fn wants_to_leave(&self, line: usize, slot: usize) -> bool {
        let book = &self.books[slot];
        D::RULES.snapshots == Snapshots::Stream
            && !book.sync.is_live()
            && book.legs.get(self.lines[line].leg) == Leg::Apart
    }

    /// The book is subscribed to on this connection; a snapshot is to come.
    pub(super) fn waits(&mut self, line: usize, slot: usize) {
        let leg = self.lines[line].leg;
        self.books[slot].legs.set(leg, Leg::Waiting);
    }

    /// Whether the snapshot of a subscription has not come yet.
    pub(super) fn is_waiting(&self, line: usize, slot: usize) -> bool {
        self.books[slot].legs.get(self.lines[line].leg) == Leg::Waiting
    }

    /// What waited too long for its snapshot counts as lost.
    pub(super) fn give_up(&mut self, line: usize, slot: usize) {
        let leg = self.lines[line].leg;
        self.books[slot].legs.set(leg, Leg::Apart);
    }

    pub(super) fn symbol(&self, slot: usize) -> &str {
        &self.books[slot].symbol
    }

    pub(crate) fn is_live(&self) -> bool {
        let mut books = self.books.iter().filter(|book| book.has_depth);
        books.all(|book| book.sync.is_live()) && self.is_up()
    }

    /// Whether any connection is open and heard.
    pub(super) fn is_up(&self) -> bool {
        self.lines.iter().any(|line| line.heard)
    }

    /// The connection is open.
    pub(crate) fn opened<S: EventSink>(
        &mut self,
        line: usize,
        now_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        self.lines[line].heard = false;
        let state = self.unless_another_is_up(LinkState::Syncing);
        lane.push(&self.says(line, state, "connected", now_ns));
        let View { leg, books, .. } = &self.lines[line];
        for &slot in books {
            let book = &mut self.books[slot];
            book.legs.set(*leg, Leg::Waiting);
            if !book.sync.is_live() {
                let words = "waits for updates";
                let record = self.speaker.says(LinkState::Syncing, 0, words, now_ns);
                lane.push(&record.on_instrument(book.instrument));
            }
        }
    }

    /// What the whole venue's market data is: as good as its best connection.
    pub(super) fn unless_another_is_up(&self, state: LinkState) -> LinkState {
        if self.is_up() {
            LinkState::Notice
        } else {
            state
        }
    }

    /// Words about one connection, which is numbered if there are several.
    pub(super) fn says(
        &self,
        line: usize,
        state: LinkState,
        words: &str,
        now_ns: u64,
    ) -> model::record::Record {
        let count = self.lines.len();
        if count == 1 {
            return self.speaker.says(state, 0, words, now_ns);
        }
        let words = format!("{} of {count}: {words}", line + 1);
        self.speaker.says(state, 0, &words, now_ns)
    }

    /// Whether some book's best prices have moved on for so long without any update of its levels
    /// over this connection.
    pub(crate) fn misses_updates(&self, line: usize, now_ns: u64, longest_ns: u64) -> bool {
        let View { leg, books, .. } = &self.lines[line];
        books.iter().any(|&slot| {
            let book = &self.books[slot];
            let since = book.ahead_since_ns;
            since.is_some_and(|since| now_ns.saturating_sub(since) >= longest_ns)
                && book.legs.is_quiet(*leg, now_ns, longest_ns)
        })
    }

    /// Names the books of which no update came.
    pub(super) fn name_the_silent<S: EventSink>(
        &self,
        line: usize,
        now_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        let books = self.lines[line].books.iter().map(|&slot| &self.books[slot]);
        for book in books.filter(|book| book.sync.is_empty()) {
            let words = format!("no update of {} yet: does it trade?", book.symbol);
            let record = self.speaker.says(LinkState::Notice, 0, &words, now_ns);
            lane.push(&record.on_instrument(book.instrument));
        }
    }

    /// The connection is gone, or will be replaced: no book that only it followed is current.
    pub(crate) fn lost<S: EventSink>(
        &mut self,
        line: usize,
        state: LinkState,
        words: &str,
        now_ns: u64,
        lane: &mut Lane<'_, S>,
    ) {
        let View { leg, books, .. } = &self.lines[line];
        for &slot in books {
            let book = &mut self.books[slot];
            book.legs.set(*leg, Leg::Absent);
            if book.legs.is_followed() {
                continue;
            }
            if book.sync.is_live() {
                let record = self.speaker.says(LinkState::Stale, 0, words, now_ns);
                lane.push(&record.on_instrument(book.instrument));
            }
            book.sync.lose();
            book.legs.lose();
            book.ahead_since_ns = None;
            book.newest_quote = (0, 0);
        }
        self.lines[line].heard = false;
        let state = self.unless_another_is_up(state);
        lane.push(&self.says(line, state, words, now_ns));
    }
}
