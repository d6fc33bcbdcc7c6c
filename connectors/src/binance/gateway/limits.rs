//! The venue's limits as we count them: request weight for the address, orders for the account.
//!
//! The venue's own count in an answer replaces ours; between answers we add what we send. Cancels
//! may use the last part of the weight, so that they go out when nothing else may. After a 429
//! nothing goes out until the venue's time is over: going on would get the address banned. Only a
//! cancel of everything is tried even then, ever more rarely: that is a kill switch, and what rests
//! costs more than a ban may. During a ban (418) nothing goes out at all.
//!
//! All times here are the venue's. Hot path: yes. Allocates: no.

use crate::binance::start::Limits;
use crate::binance::wire::frame::RateLimit;

const SECOND_NS: u64 = 1_000_000_000;
/// Stop without a stated end.
const STOP_NS: u64 = 60 * SECOND_NS;
/// Stop of new orders without a stated end.
const ORDERS_STOP_NS: u64 = 10 * SECOND_NS;
/// Pause between two cancels of everything while the venue refuses; each refusal doubles it.
const KNOCK_NS: u64 = SECOND_NS / 20;
const KNOCK_NS_MAX: u64 = 5 * SECOND_NS;

/// Who asks for room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
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

#[derive(Debug, Clone, Copy)]
struct Window {
    span_ns: u64,
    limit: u64,
    count: u64,
    ends_ns: u64,
}

impl Window {
    const fn new(span_ns: u64, limit: u64) -> Self {
        Self {
            span_ns,
            limit,
            count: 0,
            ends_ns: 0,
        }
    }

    const fn used(&self, now_ns: u64) -> u64 {
        if now_ns >= self.ends_ns {
            0
        } else {
            self.count
        }
    }

    const fn add(&mut self, now_ns: u64, more: u64) {
        if now_ns >= self.ends_ns {
            self.count = 0;
            self.ends_ns = (now_ns / self.span_ns + 1).saturating_mul(self.span_ns);
        }
        self.count = self.count.saturating_add(more);
    }

    const fn heard(&mut self, now_ns: u64, limit: u64, count: u64) {
        self.add(now_ns, 0);
        self.count = count;
        if limit > 0 {
            self.limit = limit;
        }
    }
}

/// The ledger.
#[derive(Debug)]
pub(super) struct Ledger {
    weight: Window,
    orders_ten: Window,
    orders_day: Window,
    stopped_until_ns: u64,
    banned_until_ns: u64,
    orders_stopped_until_ns: u64,
    knock_due_ns: u64,
    knock_pause_ns: u64,
}

impl Ledger {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self {
            weight: Window::new(60 * SECOND_NS, limits.weight_per_minute),
            orders_ten: Window::new(10 * SECOND_NS, limits.orders_per_ten_seconds),
            orders_day: Window::new(86_400 * SECOND_NS, limits.orders_per_day),
            stopped_until_ns: 0,
            banned_until_ns: 0,
            orders_stopped_until_ns: 0,
            knock_due_ns: 0,
            knock_pause_ns: KNOCK_NS,
        }
    }

    /// Whether a request of this weight may go out.
    pub(super) const fn allows(&self, class: Class, weight: u64, now_ns: u64) -> bool {
        let percent = match class {
            Class::Place | Class::Routine => 80,
            Class::Query => 90,
            Class::Cancel => 100,
            Class::CancelAll => {
                return now_ns >= self.banned_until_ns && now_ns >= self.knock_due_ns;
            }
        };
        if now_ns < self.stopped_until_ns {
            return false;
        }
        let room = self.weight.limit.saturating_mul(percent) / 100;
        if self.weight.used(now_ns).saturating_add(weight) > room {
            return false;
        }
        match class {
            Class::Place => {
                now_ns >= self.orders_stopped_until_ns
                    && self.orders_ten.used(now_ns) < self.orders_ten.limit
                    && self.orders_day.used(now_ns) < self.orders_day.limit
            }
            Class::Cancel | Class::CancelAll | Class::Query | Class::Routine => true,
        }
    }

    /// A request went out.
    pub(super) const fn sent(&mut self, class: Class, weight: u64, now_ns: u64) {
        self.weight.add(now_ns, weight);
        if matches!(class, Class::Place) {
            self.orders_ten.add(now_ns, 1);
            self.orders_day.add(now_ns, 1);
        }
    }

    /// The venue's own count.
    pub(super) fn heard(&mut self, limit: &RateLimit<'_>, now_ns: u64) {
        let interval = limit.interval.as_str();
        let window = match (limit.rate_limit_type.as_str(), interval, limit.interval_num) {
            ("REQUEST_WEIGHT", "MINUTE", 1) => &mut self.weight,
            ("ORDERS", "SECOND", 10) => &mut self.orders_ten,
            ("ORDERS", "DAY", 1) => &mut self.orders_day,
            _ => return,
        };
        window.heard(now_ns, limit.limit, limit.count);
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

    /// The venue refused because of a limit; with -1015 only new orders, with status 418 all.
    pub(super) fn refused(
        &mut self,
        (status, code): (u16, i32),
        retry_after_ms: Option<u64>,
        now_ns: u64,
    ) {
        let until_ns = retry_after_ms.map(|ms| ms.saturating_mul(1_000_000));
        if code == -1015 {
            let until_ns = until_ns.unwrap_or(now_ns.saturating_add(ORDERS_STOP_NS));
            self.orders_stopped_until_ns = self.orders_stopped_until_ns.max(until_ns);
        } else {
            let until_ns = until_ns.unwrap_or(now_ns.saturating_add(STOP_NS));
            self.stopped_until_ns = self.stopped_until_ns.max(until_ns);
            if status == 418 {
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
        Ledger::new(&Limits {
            weight_per_minute,
            orders_per_ten_seconds,
            orders_per_day: 1_000,
        })
    }

    #[test]
    fn orders_beyond_the_limit_wait_for_the_next_window_and_cancels_do_not() {
        let mut ledger = ledger(6_000, 2);
        for _ in 0..2 {
            assert!(ledger.allows(Class::Place, 1, NOW));
            ledger.sent(Class::Place, 1, NOW);
        }
        assert!(!ledger.allows(Class::Place, 1, NOW));
        assert!(ledger.allows(Class::Cancel, 1, NOW));
        assert!(ledger.allows(Class::Place, 1, NOW + 10 * SECOND_NS));
    }

    #[test]
    fn last_part_of_the_weight_is_for_cancels() {
        let mut ledger = ledger(100, 50);
        ledger.sent(Class::Query, 80, NOW);
        assert!(!ledger.allows(Class::Place, 1, NOW));
        assert!(ledger.allows(Class::Query, 4, NOW));
        ledger.sent(Class::Query, 19, NOW);
        assert!(!ledger.allows(Class::Query, 1, NOW));
        assert!(ledger.allows(Class::Cancel, 1, NOW));
        assert!(!ledger.allows(Class::Cancel, 2, NOW));
    }

    #[test]
    fn refusal_for_weight_stops_everything_until_the_stated_time() {
        let mut ledger = ledger(6_000, 50);
        ledger.refused((429, -1003), Some(NOW / 1_000_000 + 5_000), NOW);
        assert!(!ledger.allows(Class::Cancel, 1, NOW + 4 * SECOND_NS));
        assert!(ledger.allows(Class::Cancel, 1, NOW + 5 * SECOND_NS));
    }

    #[test]
    fn refusal_for_orders_stops_orders_only() {
        let mut ledger = ledger(6_000, 50);
        ledger.refused((429, -1015), None, NOW);
        assert!(!ledger.allows(Class::Place, 1, NOW));
        assert!(ledger.allows(Class::Cancel, 1, NOW));
        assert!(ledger.allows(Class::Place, 1, NOW + ORDERS_STOP_NS));
    }

    #[test]
    fn cancel_of_everything_passes_a_stop_ever_more_rarely_and_never_a_ban() {
        let mut ledger = ledger(100, 50);
        ledger.sent(Class::Query, 100, NOW);
        ledger.refused((429, -1003), Some(NOW / 1_000_000 + 30_000), NOW);
        let (mut now, mut tries) = (NOW, 0);
        while now < NOW + 3 * SECOND_NS {
            if ledger.allows(Class::CancelAll, 1, now) {
                assert!(!ledger.allows(Class::Cancel, 1, now));
                ledger.knocked(true, now);
                tries += 1;
            }
            now += SECOND_NS / 1_000;
        }
        assert_eq!(tries, 6);
        ledger.knocked(false, now);
        assert!(ledger.allows(Class::CancelAll, 1, now));
        ledger.refused((418, -1003), Some(now / 1_000_000 + 9_000), now);
        assert!(!ledger.allows(Class::CancelAll, 1, now + 8 * SECOND_NS));
        assert!(ledger.allows(Class::CancelAll, 1, now + 9 * SECOND_NS));
    }
}
