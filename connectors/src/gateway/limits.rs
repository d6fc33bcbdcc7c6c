//! The venue's limits as we count them, in windows that its dialect names.
//!
//! The venue's own count in an answer replaces ours; between answers we add what we send. Cancels
//! may use the last part of a window that has a reserve, so that they go out when nothing else may.
//! After a refusal nothing goes out until the venue's time is over: going on would get the address
//! banned. Only a cancel of everything is tried even then, ever more rarely: that is a kill switch,
//! and what rests costs more than a ban may. During a ban nothing goes out at all.
//!
//! All times here are the venue's. Hot path: yes. Allocates: at construction only.

use super::said::{Count, StopScope};

const SECOND_NS: u64 = 1_000_000_000;
/// Stop without a stated end.
const STOP_NS: u64 = 60 * SECOND_NS;
/// Stop of new orders without a stated end.
const ORDERS_STOP_NS: u64 = 10 * SECOND_NS;
/// Pause between two cancels of everything while the venue refuses; each refusal doubles it.
const KNOCK_NS: u64 = SECOND_NS / 20;
const KNOCK_NS_MAX: u64 = 5 * SECOND_NS;
/// Most windows that one request counts in.
const USES_MAX: usize = 3;

/// Who asks for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A new order, or a replacement.
    Place,
    /// A cancel: may use everything.
    Cancel,
    /// A cancel of everything: may also pass a stop, see above.
    CancelAll,
    /// A question about an order, or what a connection cannot do without.
    Query,
    /// Routine that can wait.
    Routine,
}

/// What a request counts for in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// Which of the dialect's windows.
    pub window: usize,
    /// The instrument's position, in a window that counts each by itself; else 0.
    pub slot: usize,
    /// How much.
    pub amount: u64,
}

/// What a request costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Who asks.
    pub class: Class,
    uses: [Option<Use>; USES_MAX],
}

impl Cost {
    /// A request that nothing counts.
    #[must_use]
    pub const fn free(class: Class) -> Self {
        let uses = [None; USES_MAX];
        Self { class, uses }
    }

    /// Counted in one more window. A dialect has at most three for a request.
    #[must_use]
    pub fn with(mut self, window: usize, slot: usize, amount: u64) -> Self {
        let place = self.uses.iter_mut().find(|place| place.is_none());
        debug_assert!(place.is_some(), "more than {USES_MAX} windows");
        if let Some(place) = place {
            *place = Some(Use {
                window,
                slot,
                amount,
            });
        }
        self
    }
}

/// A window in which the venue counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSpec {
    /// How long it is, nanoseconds.
    pub span_ns: u64,
    /// What the venue allows in it.
    pub limit: u64,
    /// Its last part is for cancels.
    pub reserve: bool,
    /// Any time of this length counts, wherever the venue lets it begin; else only those that begin
    /// at whole multiples of it.
    pub sliding: bool,
    /// Each instrument counts by itself.
    pub by_instrument: bool,
}

impl WindowSpec {
    /// A window over all instruments that begins at whole multiples of its length.
    #[must_use]
    pub const fn aligned(seconds: u64, limit: u64, reserve: bool) -> Self {
        Self {
            span_ns: seconds * SECOND_NS,
            limit,
            reserve,
            sliding: false,
            by_instrument: false,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Window {
    spec: WindowSpec,
    /// Of an aligned window: what is used, until then.
    count: u64,
    ends_ns: u64,
    /// Of a sliding one: what was used in each of its last parts, by the part's number.
    parts: [u64; PARTS + 1],
    part: u64,
}

/// A sliding window is kept in so many parts, and the one that is under way.
const PARTS: usize = 8;

impl Window {
    const fn new(spec: WindowSpec) -> Self {
        Self {
            spec,
            count: 0,
            ends_ns: 0,
            parts: [0; PARTS + 1],
            part: 0,
        }
    }

    const fn part_at(&self, now_ns: u64) -> u64 {
        let part_ns = self.spec.span_ns / PARTS as u64;
        now_ns / if part_ns == 0 { 1 } else { part_ns }
    }

    const fn place(part: u64) -> usize {
        (part % (PARTS as u64 + 1)) as usize
    }

    fn used(&self, now_ns: u64) -> u64 {
        if !self.spec.sliding {
            return if now_ns >= self.ends_ns {
                0
            } else {
                self.count
            };
        }
        let now = self.part_at(now_ns);
        let first = now.saturating_sub(PARTS as u64);
        let parts = (first..=now).filter(|part| *part <= self.part);
        parts.map(|part| self.parts[Self::place(part)]).sum()
    }

    fn has_room(&self, class: Class, amount: u64, now_ns: u64) -> bool {
        let percent = match class {
            _ if !self.spec.reserve => 100,
            Class::Place | Class::Routine => 80,
            Class::Query => 90,
            Class::Cancel | Class::CancelAll => 100,
        };
        let room = self.spec.limit.saturating_mul(percent) / 100;
        self.used(now_ns).saturating_add(amount) <= room
    }

    fn add(&mut self, now_ns: u64, more: u64) {
        if self.spec.sliding {
            let now = self.part_at(now_ns);
            // What lies between was never used.
            let first = now.saturating_sub(PARTS as u64).max(self.part + 1);
            for part in first..=now {
                self.parts[Self::place(part)] = 0;
            }
            self.part = self.part.max(now);
            let place = &mut self.parts[Self::place(self.part)];
            *place = place.saturating_add(more);
            return;
        }
        if now_ns >= self.ends_ns {
            self.count = 0;
            self.ends_ns = (now_ns / self.spec.span_ns + 1).saturating_mul(self.spec.span_ns);
        }
        self.count = self.count.saturating_add(more);
    }

    /// The venue's count; of a sliding window it says nothing about when what was used ends, so
    /// there ours stays.
    fn heard(&mut self, now_ns: u64, limit: u64, count: u64) {
        self.add(now_ns, 0);
        self.count = count;
        if limit > 0 {
            self.spec.limit = limit;
        }
    }
}

/// The ledger.
#[derive(Debug)]
pub(super) struct Ledger {
    windows: Vec<Window>,
    /// Where each of the dialect's windows begins in the list.
    starts: Vec<usize>,
    stopped_until_ns: u64,
    banned_until_ns: u64,
    orders_stopped_until_ns: u64,
    knock_due_ns: u64,
    knock_pause_ns: u64,
}

impl Ledger {
    pub(super) fn new(specs: &[WindowSpec], instruments: usize) -> Self {
        let (mut windows, mut starts) = (Vec::new(), Vec::new());
        for spec in specs {
            starts.push(windows.len());
            let copies = if spec.by_instrument { instruments } else { 1 };
            windows.extend(std::iter::repeat_n(Window::new(*spec), copies));
        }
        Self {
            windows,
            starts,
            stopped_until_ns: 0,
            banned_until_ns: 0,
            orders_stopped_until_ns: 0,
            knock_due_ns: 0,
            knock_pause_ns: KNOCK_NS,
        }
    }

    fn place(&self, one: Use) -> Option<usize> {
        Some(self.starts.get(one.window)? + one.slot)
    }

    /// Whether a request may go out.
    pub(super) fn allows(&self, cost: &Cost, now_ns: u64) -> bool {
        if cost.class == Class::CancelAll {
            return now_ns >= self.banned_until_ns && now_ns >= self.knock_due_ns;
        }
        if now_ns < self.stopped_until_ns {
            return false;
        }
        if cost.class == Class::Place && now_ns < self.orders_stopped_until_ns {
            return false;
        }
        cost.uses.iter().flatten().all(|one| {
            let window = self.place(*one).and_then(|at| self.windows.get(at));
            window.is_none_or(|window| window.has_room(cost.class, one.amount, now_ns))
        })
    }

    /// A request went out.
    pub(super) fn sent(&mut self, cost: &Cost, now_ns: u64) {
        for one in cost.uses.iter().flatten() {
            let place = self.place(*one);
            if let Some(window) = place.and_then(|at| self.windows.get_mut(at)) {
                window.add(now_ns, one.amount);
            }
        }
    }

    /// The venue's own count.
    pub(super) fn heard(&mut self, count: Count, now_ns: u64) {
        let place = self.starts.get(count.window).copied();
        if let Some(window) = place.and_then(|at| self.windows.get_mut(at)) {
            window.heard(now_ns, count.limit, count.used);
        }
    }

    /// What a cancel of everything came to: a refusal makes the next one wait.
    pub(super) fn knocked(&mut self, refused: bool, now_ns: u64) {
        if refused {
            self.knock_due_ns = now_ns.saturating_add(self.knock_pause_ns);
            self.knock_pause_ns = self.knock_pause_ns.saturating_mul(2).min(KNOCK_NS_MAX);
        } else {
            self.knock_due_ns = 0;
            self.knock_pause_ns = KNOCK_NS;
        }
    }

    /// The venue refused because of a limit.
    pub(super) fn refused(&mut self, scope: StopScope, until_ms: Option<u64>, now_ns: u64) {
        let until_ns = until_ms.map(|ms| ms.saturating_mul(1_000_000));
        if scope == StopScope::Orders {
            let until_ns = until_ns.unwrap_or(now_ns.saturating_add(ORDERS_STOP_NS));
            self.orders_stopped_until_ns = self.orders_stopped_until_ns.max(until_ns);
        } else {
            let until_ns = until_ns.unwrap_or(now_ns.saturating_add(STOP_NS));
            self.stopped_until_ns = self.stopped_until_ns.max(until_ns);
            if scope == StopScope::Ban {
                self.banned_until_ns = self.banned_until_ns.max(until_ns);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000_000_000;

    fn ledger(weight_per_minute: u64, orders_per_ten_seconds: u64) -> Ledger {
        let weight = WindowSpec::aligned(60, weight_per_minute, true);
        let orders = WindowSpec::aligned(10, orders_per_ten_seconds, false);
        Ledger::new(&[weight, orders], 1)
    }

    /// A request of this weight; a placement is counted as an order too.
    fn cost(class: Class, weight: u64) -> Cost {
        let cost = Cost::free(class).with(0, 0, weight);
        match class {
            Class::Place => cost.with(1, 0, 1),
            Class::Cancel | Class::CancelAll | Class::Query | Class::Routine => cost,
        }
    }

    #[test]
    fn orders_beyond_the_limit_wait_for_the_next_window_and_cancels_do_not() {
        let mut ledger = ledger(6_000, 2);
        for _ in 0..2 {
            assert!(ledger.allows(&cost(Class::Place, 1), NOW));
            ledger.sent(&cost(Class::Place, 1), NOW);
        }
        assert!(!ledger.allows(&cost(Class::Place, 1), NOW));
        assert!(ledger.allows(&cost(Class::Cancel, 1), NOW));
        assert!(ledger.allows(&cost(Class::Place, 1), NOW + 10 * SECOND_NS));
    }

    /// Whatever two seconds are looked at, and however the requests fall: never more than the
    /// limit, and all of it at once where nothing was used before.
    #[test]
    fn sliding_window_keeps_any_time_of_its_length_within_the_limit() {
        let spec = WindowSpec {
            sliding: true,
            ..WindowSpec::aligned(2, 60, false)
        };
        let mut ledger = Ledger::new(&[spec], 1);
        let one = Cost::free(Class::Place).with(0, 0, 1);
        let mut sent: Vec<u64> = Vec::new();
        let mut now = NOW;
        while sent.len() < 60 {
            assert!(ledger.allows(&one, now), "{} at once", sent.len());
            ledger.sent(&one, now);
            sent.push(now);
        }
        // Uneven steps, the seed being their factor.
        for step in 0..20_000_u64 {
            now += (step * 7_919) % 13 * SECOND_NS / 1_000;
            if ledger.allows(&one, now) {
                ledger.sent(&one, now);
                sent.push(now);
            }
        }
        for (at, first) in sent.iter().enumerate() {
            let within = sent[at..]
                .iter()
                .take_while(|time| **time < first + 2 * SECOND_NS);
            assert!(within.count() <= 60);
        }
        let seconds = (now - NOW) / SECOND_NS;
        assert!(
            sent.len() as u64 > seconds * 25,
            "{} in {seconds} s",
            sent.len()
        );
    }

    #[test]
    fn last_part_of_the_weight_is_for_cancels() {
        let mut ledger = ledger(100, 50);
        ledger.sent(&cost(Class::Query, 80), NOW);
        assert!(!ledger.allows(&cost(Class::Place, 1), NOW));
        assert!(ledger.allows(&cost(Class::Query, 4), NOW));
        ledger.sent(&cost(Class::Query, 19), NOW);
        assert!(!ledger.allows(&cost(Class::Query, 1), NOW));
        assert!(ledger.allows(&cost(Class::Cancel, 1), NOW));
        assert!(!ledger.allows(&cost(Class::Cancel, 2), NOW));
    }

    #[test]
    fn refusal_for_weight_stops_everything_until_the_stated_time() {
        let mut ledger = ledger(6_000, 50);
        ledger.refused(StopScope::All, Some(NOW / 1_000_000 + 5_000), NOW);
        assert!(!ledger.allows(&cost(Class::Cancel, 1), NOW + 4 * SECOND_NS));
        assert!(ledger.allows(&cost(Class::Cancel, 1), NOW + 5 * SECOND_NS));
    }

    #[test]
    fn refusal_for_orders_stops_orders_only() {
        let mut ledger = ledger(6_000, 50);
        ledger.refused(StopScope::Orders, None, NOW);
        assert!(!ledger.allows(&cost(Class::Place, 1), NOW));
        assert!(ledger.allows(&cost(Class::Cancel, 1), NOW));
        assert!(ledger.allows(&cost(Class::Place, 1), NOW + ORDERS_STOP_NS));
    }

    #[test]
    fn cancel_of_everything_passes_a_stop_ever_more_rarely_and_never_a_ban() {
        let mut ledger = ledger(100, 50);
        ledger.sent(&cost(Class::Query, 100), NOW);
        ledger.refused(StopScope::All, Some(NOW / 1_000_000 + 30_000), NOW);
        let (mut now, mut tries) = (NOW, 0);
        while now < NOW + 3 * SECOND_NS {
            if ledger.allows(&cost(Class::CancelAll, 1), now) {
                assert!(!ledger.allows(&cost(Class::Cancel, 1), now));
                ledger.knocked(true, now);
                tries += 1;
            }
            now += SECOND_NS / 1_000;
        }
        assert_eq!(tries, 6);
        ledger.knocked(false, now);
        assert!(ledger.allows(&cost(Class::CancelAll, 1), now));
        ledger.refused(StopScope::Ban, Some(now / 1_000_000 + 9_000), now);
        assert!(!ledger.allows(&cost(Class::CancelAll, 1), now + 8 * SECOND_NS));
        assert!(ledger.allows(&cost(Class::CancelAll, 1), now + 9 * SECOND_NS));
    }
}
