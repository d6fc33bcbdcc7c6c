//! Values that are asked for now and then: one instrument after the other, never in a hurry.
//!
//! Sans I/O. Hot path: no. Allocates: no.

use super::dialect::Poll;
use crate::net::RequestId;

/// Whose turn it is.
#[derive(Debug)]
pub(super) struct Polls {
    rule: Poll,
    instruments: usize,
    next: usize,
    /// When the present round began; the next one begins `each_ns` later.
    round_ns: u64,
    not_before_ns: u64,
    under_way: Option<(RequestId, usize)>,
}

impl Polls {
    pub(super) const fn new(rule: Poll, instruments: usize) -> Self {
        Self {
            rule,
            instruments,
            next: 0,
            round_ns: 0,
            not_before_ns: 0,
            under_way: None,
        }
    }

    /// The instrument to ask for now.
    pub(super) fn pick(&mut self, now_ns: u64) -> Option<usize> {
        if self.under_way.is_some() || now_ns < self.not_before_ns {
            return None;
        }
        if self.next == self.instruments {
            if now_ns.saturating_sub(self.round_ns) < self.rule.each_ns {
                return None;
            }
            self.next = 0;
        }
        if self.next == 0 {
            self.round_ns = now_ns;
        }
        Some(self.next)
    }

    /// It was asked for; without `request` it could not be, and its turn is over.
    pub(super) fn asked(&mut self, request: Option<RequestId>, slot: usize, now_ns: u64) {
        self.under_way = request.map(|request| (request, slot));
        self.next = slot + 1;
        self.not_before_ns = self
            .not_before_ns
            .max(now_ns.saturating_add(self.rule.apart_ns));
    }

    /// Whether an answer is awaited.
    pub(super) const fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// The instrument that an answer is for.
    pub(super) fn answered(&mut self, request: RequestId) -> Option<usize> {
        let (id, slot) = self.under_way?;
        (id == request).then(|| {
            self.under_way = None;
            slot
        })
    }

    /// The venue wants no request until then.
    pub(super) fn stop_until(&mut self, until_ns: u64) {
        self.not_before_ns = self.not_before_ns.max(until_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_instrument_is_asked_for_once_a_round() {
        let rule = Poll {
            apart_ns: 10,
            each_ns: 100,
        };
        let mut polls = Polls::new(rule, 3);
        let mut asked = Vec::new();
        for now_ns in 1_000..1_250 {
            if let Some(slot) = polls.pick(now_ns) {
                asked.push((now_ns, slot));
                polls.asked(Some(RequestId(now_ns)), slot, now_ns);
                assert_eq!(polls.pick(now_ns + 50), None, "one at a time");
                assert_eq!(polls.answered(RequestId(now_ns)), Some(slot));
            }
        }
        let want = [
            (1_000, 0),
            (1_010, 1),
            (1_020, 2),
            (1_100, 0),
            (1_110, 1),
            (1_120, 2),
            (1_200, 0),
            (1_210, 1),
            (1_220, 2),
        ];
        assert_eq!(asked, want);
    }
}
