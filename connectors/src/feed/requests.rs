//! Which snapshot to ask for next, and when: one at a time, never in a hurry.
//!
//! A snapshot weighs up to 250 of the 6,000 that an address has in a minute, and orders share
//! them (Binance spot). So one is under way at a time, two are apart by what the dialect's rules
//! say, a book whose snapshot did not fit waits longer each time, and a limit of the venue's stops
//! all.
//!
//! Sans I/O. Hot path: no.

use crate::link::backoff::Backoff;
use crate::net::RequestId;

#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    not_before_ns: u64,
    backoff: Backoff,
}

/// The snapshots of all books.
#[derive(Debug)]
pub(super) struct Requests {
    apart_ns: u64,
    turns: Vec<Turn>,
    next: usize,
    not_before_ns: u64,
    under_way: Option<(RequestId, usize)>,
}

impl Requests {
    pub(super) fn new(books: usize, apart_ns: u64) -> Self {
        Self {
            apart_ns,
            turns: vec![Turn::default(); books],
            next: 0,
            not_before_ns: 0,
            under_way: None,
        }
    }

    /// The book whose turn it is.
    pub(super) fn pick(&self, now_ns: u64, wanted: impl Fn(usize) -> bool) -> Option<usize> {
        if self.under_way.is_some() || now_ns < self.not_before_ns {
            return None;
        }
        let books = self.turns.len();
        (0..books)
            .map(|offset| (self.next + offset) % books)
            .find(|&slot| now_ns >= self.turns[slot].not_before_ns && wanted(slot))
    }

    /// Whether an answer is awaited.
    pub(super) const fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    pub(super) fn asked(&mut self, request: RequestId, slot: usize, now_ns: u64) {
        self.under_way = Some((request, slot));
        self.next = slot + 1;
        self.not_before_ns = self.not_before_ns.max(now_ns.saturating_add(self.apart_ns));
    }

    /// The book that an answer is for.
    pub(super) fn answered(&mut self, request: RequestId) -> Option<usize> {
        let (id, slot) = self.under_way?;
        (id == request).then(|| {
            self.under_way = None;
            slot
        })
    }

    /// The book has its snapshot.
    pub(super) fn taken(&mut self, slot: usize) {
        self.turns[slot] = Turn::default();
    }

    /// The answer was of no use.
    pub(super) fn failed(&mut self, slot: usize, now_ns: u64) {
        let turn = &mut self.turns[slot];
        turn.not_before_ns = now_ns.saturating_add(turn.backoff.failed());
    }

    /// The venue wants no request until then.
    pub(super) fn stop_until(&mut self, until_ns: u64) {
        self.not_before_ns = self.not_before_ns.max(until_ns);
    }
}
