//! The subscriptions of one connection: told in batches, and a book's anew after a gap where the
//! venue sends snapshots in the stream.
//!
//! ```text
//!   Told --book lost--> Leaving(until) --left, or nothing for two seconds--> Due --> Told
//! ```
//!
//! Never faster than the venue's rules allow; a book that is lost again and again waits longer
//! each time. Hot path: no. Allocates: the messages' text.

use super::config::FeedTiming;
use super::core::Core;
use super::dialect::{Content, FeedDialect, Rules, Snapshots, Topic};
use crate::link::backoff::Backoff;
use crate::net::WsClient;

/// Longest wait for the venue's word that a subscription has ended.
const LEAVE_NS: u64 = 2_000_000_000;
const HOUR_NS: u64 = 3_600_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Told { at_ns: u64 },
    Leaving { until_ns: u64 },
    Due,
}

/// The subscription to one book.
struct Anew {
    topic: usize,
    state: State,
    backoff: Backoff,
    not_before_ns: u64,
}

/// What was said on one connection, and what is to be said.
pub(super) struct Subscriber {
    topics: Vec<Topic>,
    /// Whether opening the connection subscribes.
    in_path: bool,
    /// How many of the topics were told.
    told: usize,
    /// The books, where the venue sends snapshots in the stream.
    books: Vec<Anew>,
    next_ns: u64,
    next_id: u64,
    /// Messages since the hour's begin.
    spent: u32,
    hour_ns: u64,
    text: String,
}

impl Subscriber {
    pub(super) fn new(rules: &Rules, topics: Vec<Topic>, in_path: bool) -> Self {
        let is_book = |(_, topic): &(usize, &Topic)| {
            rules.snapshots == Snapshots::Stream && topic.content == Content::Depth
        };
        let book = |(topic, _): (usize, &Topic)| Anew {
            topic,
            state: State::Due,
            backoff: Backoff::default(),
            not_before_ns: 0,
        };
        Self {
            books: topics
                .iter()
                .enumerate()
                .filter(is_book)
                .map(book)
                .collect(),
            topics,
            in_path,
            told: 0,
            next_ns: 0,
            next_id: 1,
            spent: 0,
            hour_ns: 0,
            text: String::new(),
        }
    }

    /// The connection is open and knows nothing of us.
    pub(super) fn opened(&mut self, now_ns: u64) {
        self.told = if self.in_path { self.topics.len() } else { 0 };
        self.next_ns = now_ns;
        self.spent = 0;
        self.hour_ns = now_ns;
        for book in &mut self.books {
            book.state = State::Told { at_ns: now_ns };
        }
    }

    /// The venue has ended the subscription to a book.
    pub(super) fn left(&mut self, slot: usize) {
        for book in &mut self.books {
            let is_it = self.topics[book.topic].slot == slot;
            if is_it && matches!(book.state, State::Leaving { .. }) {
                book.state = State::Due;
            }
        }
    }

    /// Says the next thing that is due, if anything is and the venue's rules allow it.
    pub(super) fn send<D: FeedDialect>(
        &mut self,
        line: usize,
        core: &mut Core<D>,
        ws: &mut WsClient,
        now_ns: u64,
        timing: FeedTiming,
    ) {
        if now_ns < self.next_ns || (self.told == self.topics.len() && self.books.is_empty()) {
            return;
        }
        if now_ns.saturating_sub(self.hour_ns) >= HOUR_NS {
            self.hour_ns = now_ns;
            self.spent = 0;
        }
        let rules = &D::RULES;
        if self.spent >= rules.messages_per_hour {
            return;
        }
        let id = self.next_id;
        self.text.clear();
        if self.told < self.topics.len() {
            let end = self.topics.len().min(self.told + rules.topics_per_message);
            let batch = &self.topics[self.told..end];
            core.dialect().subscribe(batch, id, &mut self.text);
            if ws.send_text(self.text.as_bytes()).is_err() {
                return;
            }
            for book in &mut self.books {
                if (self.told..end).contains(&book.topic) {
                    book.state = State::Told { at_ns: now_ns };
                }
            }
            self.told = end;
        } else if !self.resubscribe(line, core, ws, now_ns, timing) {
            return;
        }
        self.next_id += 1;
        self.spent += 1;
        self.next_ns = now_ns.saturating_add(rules.messages_apart_ns);
    }

    /// Leaves or joins one book whose turn it is; whether anything was sent.
    fn resubscribe<D: FeedDialect>(
        &mut self,
        line: usize,
        core: &mut Core<D>,
        ws: &mut WsClient,
        now_ns: u64,
        timing: FeedTiming,
    ) -> bool {
        let id = self.next_id;
        for book in &mut self.books {
            let topic = &self.topics[book.topic..=book.topic];
            let slot = topic[0].slot;
            if let State::Leaving { until_ns } = book.state
                && now_ns >= until_ns
            {
                book.state = State::Due;
            }
            match book.state {
                State::Told { at_ns } => {
                    let waited_ns = now_ns.saturating_sub(at_ns);
                    let is_waiting = core.is_waiting(line, slot);
                    if is_waiting && waited_ns >= timing.snapshot_ns {
                        core.give_up(line, slot);
                    }
                    if !core.wants_to_leave(line, slot) {
                        if !is_waiting && waited_ns >= timing.snapshot_ns {
                            book.backoff.succeeded();
                        }
                        continue;
                    }
                    if now_ns < book.not_before_ns {
                        continue;
                    }
                    core.dialect().unsubscribe(topic, id, &mut self.text);
                    if ws.send_text(self.text.as_bytes()).is_err() {
                        return false;
                    }
                    let until_ns = now_ns.saturating_add(LEAVE_NS);
                    book.state = State::Leaving { until_ns };
                    return true;
                }
                State::Due => {
                    core.dialect().subscribe(topic, id, &mut self.text);
                    if ws.send_text(self.text.as_bytes()).is_err() {
                        return false;
                    }
                    core.waits(line, slot);
                    book.not_before_ns = now_ns.saturating_add(book.backoff.failed());
                    book.state = State::Told { at_ns: now_ns };
                    return true;
                }
                State::Leaving { .. } => {}
            }
        }
        false
    }
}
