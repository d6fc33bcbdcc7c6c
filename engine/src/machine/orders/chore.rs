//! What we still owe an order: a cancel, an amendment, a query. These say nothing of what is true
//! of the order, and unlike its facts they do depend on when they are looked at.
//!
//! Hot path: yes. Allocates: no.

use serde::{Deserialize, Serialize};

use crate::machine::digest::{Digest, Sink};

/// Something that is asked of the venue until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Chore {
    /// When it was asked, while the answer is outstanding.
    pub pending_ns: Option<u64>,
    /// Number of the command that asked last.
    pub command: u64,
    /// Not before this time again.
    pub not_before_ns: u64,
    /// How often it was asked since the last success.
    pub attempts: u32,
}

impl Chore {
    /// Nothing asked.
    pub(super) const NONE: Self = Self {
        pending_ns: None,
        command: 0,
        not_before_ns: 0,
        attempts: 0,
    };

    /// It is asked now.
    pub(crate) const fn start(&mut self, command: u64, now_ns: u64, pause_ns: u64) {
        self.pending_ns = Some(now_ns);
        self.command = command;
        self.not_before_ns = now_ns.saturating_add(pause_ns);
        self.attempts = self.attempts.saturating_add(1);
    }

    /// Whether it may be asked.
    pub(crate) const fn is_free(&self, now_ns: u64) -> bool {
        self.pending_ns.is_none() && self.not_before_ns <= now_ns
    }

    /// When it may be asked; `None` while the answer is outstanding.
    pub(super) const fn free_at(&self) -> Option<u64> {
        match self.pending_ns {
            Some(_) => None,
            None => Some(self.not_before_ns),
        }
    }

    /// When an answer that is outstanding is given up, if one is.
    pub(super) const fn late_at(&self, timeout_ns: u64) -> Option<u64> {
        match self.pending_ns {
            Some(since) => Some(since.saturating_add(timeout_ns)),
            None => None,
        }
    }

    /// Gives up an answer that is late; whether it was.
    pub(super) fn give_up(&mut self, now_ns: u64, timeout_ns: u64) -> bool {
        let late = self.late_at(timeout_ns).is_some_and(|late| late <= now_ns);
        if late {
            self.pending_ns = None;
        }
        late
    }

    /// It came to nothing: not again before a pause.
    pub(crate) const fn put_off(&mut self, now_ns: u64, pause_ns: u64) {
        self.pending_ns = None;
        self.not_before_ns = now_ns.saturating_add(pause_ns);
    }

    /// Nothing is under way and nothing was asked.
    pub(crate) const fn forget(&mut self) {
        *self = Self::NONE;
    }
}

impl Digest for Chore {
    fn digest(&self, sink: &mut Sink) {
        let Self {
            pending_ns,
            command,
            not_before_ns,
            attempts,
        } = self;
        sink.optional(*pending_ns);
        sink.number(*command);
        sink.number(*not_before_ns);
        sink.number(*attempts);
    }
}
