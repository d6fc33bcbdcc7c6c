//! What the feed asks the venue's REST interface for: whole books, and open interest.
//!
//! Hot path: no. Allocates.

use model::body::LinkState;
use model::ports::EventSink;

use super::Wires;
use super::dialect::{FeedDialect, Snapshots};
use super::frames::SnapshotResult;
use crate::link::lane::Lane;
use crate::net::{HttpRequest, Method};

/// How long to be silent when the venue does not say for how long.
const RETRY_AFTER_NS: u64 = 60_000_000_000;

/// What an answer is to.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Book(usize),
    Interest(usize),
}

impl<D: FeedDialect> Wires<D> {
    pub(super) fn drive_rest<S: EventSink>(&mut self, now_ns: u64, lane: &mut Lane<'_, S>) -> bool {
        if matches!(D::RULES.snapshots, Snapshots::Rest { .. }) {
            let wanted = |slot| self.core.wants_snapshot(slot);
            if let Some(slot) = self.requests.pick(now_ns, wanted) {
                self.ask_book(slot, now_ns);
            }
        }
        self.ask_interest(now_ns);
        let awaits_interest = self
            .polls
            .as_ref()
            .is_some_and(super::polls::Polls::is_under_way);
        if !self.requests.is_under_way() && !awaits_interest {
            return false;
        }
        let Some(outcome) = self.http.poll(now_ns) else {
            return false;
        };
        let polls = self.polls.as_mut();
        let asked = match self.requests.answered(outcome.id) {
            Some(slot) => Asked::Book(slot),
            None => match polls.and_then(|polls| polls.answered(outcome.id)) {
                Some(slot) => Asked::Interest(slot),
                None => return true,
            },
        };
        let words = match outcome.result {
            Ok(answer) if answer.status == 200 => {
                match asked {
                    Asked::Book(slot) => {
                        if let Some(log) = &mut self.frames {
                            let symbol = self.core.symbol(slot).as_bytes();
                            let (begin, middle) = (b"{\"stream\":\"", b"@snapshot\",\"data\":");
                            log.put(now_ns, &[begin, symbol, middle, answer.body, b"}"]);
                        }
                        match self.core.snapshot(slot, answer.body, now_ns, lane) {
                            SnapshotResult::Taken => self.requests.taken(slot),
                            SnapshotResult::Unwanted => {}
                            SnapshotResult::AskAgain => self.requests.failed(slot, now_ns),
                        }
                    }
                    Asked::Interest(slot) => self.core.polled(slot, answer.body, now_ns, lane),
                }
                return true;
            }
            Ok(answer) => {
                if matches!(answer.status, 418 | 429) {
                    let wait = answer.header("retry-after").and_then(seconds);
                    let until_ns = now_ns.saturating_add(wait.unwrap_or(RETRY_AFTER_NS));
                    self.requests.stop_until(until_ns);
                    if let Some(polls) = &mut self.polls {
                        polls.stop_until(until_ns);
                    }
                }
                format!("{} refused with HTTP {}", asked.what(), answer.status)
            }
            Err(failure) => format!("{}: {failure}", asked.what()),
        };
        if let Asked::Book(slot) = asked {
            self.requests.failed(slot, now_ns);
        }
        let speaker = self.core.speaker();
        lane.push(&speaker.says(LinkState::Notice, 0, &words, now_ns));
        true
    }

    fn ask_book(&mut self, slot: usize, now_ns: u64) {
        let core = &self.core;
        let levels = self.config.snapshot_levels;
        let path = core.dialect().snapshot_path(core.symbol(slot), levels);
        match self.submit(&path, now_ns) {
            Some(id) => self.requests.asked(id, slot, now_ns),
            None => self.requests.failed(slot, now_ns),
        }
    }

    /// Only while some connection is heard: else the books come first.
    fn ask_interest(&mut self, now_ns: u64) {
        let is_up = self.core.is_up();
        let turn = self.polls.as_mut().filter(|_| is_up);
        let Some(slot) = turn.and_then(|polls| polls.pick(now_ns)) else {
            return;
        };
        let path = self.core.dialect().poll_path(self.core.symbol(slot));
        let request = self.submit(&path, now_ns);
        if let Some(polls) = &mut self.polls {
            polls.asked(request, slot, now_ns);
        }
    }

    /// `None` if the queue is full, or the path is none: later is early enough.
    fn submit(&mut self, path: &str, now_ns: u64) -> Option<crate::net::RequestId> {
        let request = HttpRequest {
            method: Method::Get,
            path,
            headers: &[],
            body: &[],
            deadline_ns: now_ns.saturating_add(self.config.timing.snapshot_ns),
        };
        self.http.submit(&request).ok()
    }
}

impl Asked {
    const fn what(self) -> &'static str {
        match self {
            Self::Book(_) => "snapshot",
            Self::Interest(_) => "open interest",
        }
    }
}

/// A header's whole seconds as nanoseconds.
fn seconds(text: &[u8]) -> Option<u64> {
    let seconds: u64 = std::str::from_utf8(text).ok()?.trim().parse().ok()?;
    seconds.checked_mul(1_000_000_000)
}
