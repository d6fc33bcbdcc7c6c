//! Request limits: weight a minute for the one address there is, unfilled orders per account.
//!
//! Windows are whole minutes, tens of seconds and days of the venue's clock, as Binance counts.

use super::config::RequestLimits;

/// Weight and order counts in their current windows.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: RequestLimits,
    weight: Window,
    over_limit_requests: u32,
    banned_until_ms: i64,
    /// Orders count a minute instead of a day, filled ones too.
    by_minute: bool,
    orders: Vec<(Window, Window)>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Window {
    start: i64,
    count: u32,
}

impl Window {
    fn at(&mut self, now_ms: i64, length_ms: i64) -> &mut u32 {
        let start = now_ms.div_euclid(length_ms);
        if start != self.start {
            *self = Self { start, count: 0 };
        }
        &mut self.count
    }
}

const MINUTE_MS: i64 = 60_000;
const TEN_SECONDS_MS: i64 = 10_000;
const DAY_MS: i64 = 86_400_000;

/// A request that is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limited {
    /// Stop until then (429).
    Wait { until_ms: i64 },
    /// Banned until then (418).
    Banned { until_ms: i64 },
}

/// Which count of orders is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrdersFull {
    TenSeconds,
    Day,
    Minute,
}

impl Meter {
    pub(crate) fn new(limits: RequestLimits, accounts: usize, by_minute: bool) -> Self {
        Self {
            limits,
            weight: Window::default(),
            over_limit_requests: 0,
            banned_until_ms: 0,
            by_minute,
            orders: vec![(Window::default(), Window::default()); accounts],
        }
    }

    pub(crate) const fn limits(&self) -> &RequestLimits {
        &self.limits
    }

    /// Charges a request before it is handled.
    ///
    /// # Errors
    ///
    /// [`Limited`]: it must not be handled.
    pub(crate) fn charge(&mut self, now_ms: i64, weight: u32) -> Result<(), Limited> {
        if now_ms < self.banned_until_ms {
            return Err(Limited::Banned {
                until_ms: self.banned_until_ms,
            });
        }
        let used = self.weight.at(now_ms, MINUTE_MS);
        *used = used.saturating_add(weight);
        if *used <= self.limits.weight_per_minute {
            self.over_limit_requests = 0;
            return Ok(());
        }
        Err(self.limited(now_ms))
    }

    /// What a client gets that is over the limit: patience first, then the ban.
    pub(crate) fn limited(&mut self, now_ms: i64) -> Limited {
        self.over_limit_requests += 1;
        if self.over_limit_requests > self.limits.patience {
            let ban_ms = i64::try_from(self.limits.ban.as_millis()).unwrap_or(i64::MAX);
            self.banned_until_ms = now_ms.saturating_add(ban_ms);
            self.over_limit_requests = 0;
            return Limited::Banned {
                until_ms: self.banned_until_ms,
            };
        }
        Limited::Wait {
            until_ms: (now_ms.div_euclid(MINUTE_MS) + 1) * MINUTE_MS,
        }
    }

    /// Weight used in this minute.
    pub(crate) fn used_weight(&mut self, now_ms: i64) -> u32 {
        *self.weight.at(now_ms, MINUTE_MS)
    }

    /// Counts a new order.
    ///
    /// # Errors
    ///
    /// [`OrdersFull`]: it must not be placed.
    pub(crate) fn count_order(&mut self, account: usize, now_ms: i64) -> Result<(), OrdersFull> {
        let (limits, by_minute) = (self.limits, self.by_minute);
        let (ten, day) = self.order_counts_mut(account, now_ms);
        if *ten >= limits.orders_per_ten_seconds {
            return Err(OrdersFull::TenSeconds);
        }
        if by_minute && *day >= limits.orders_per_minute {
            return Err(OrdersFull::Minute);
        }
        if !by_minute && *day >= limits.orders_per_day {
            return Err(OrdersFull::Day);
        }
        *ten += 1;
        *day += 1;
        Ok(())
    }

    /// An order got its first fill: it no longer counts.
    pub(crate) fn order_filled(&mut self, account: usize, now_ms: i64) {
        if self.by_minute {
            return;
        }
        let (ten, day) = self.order_counts_mut(account, now_ms);
        *ten = ten.saturating_sub(1);
        *day = day.saturating_sub(1);
    }

    /// Unfilled orders of the last ten seconds and of the day.
    pub(crate) fn order_counts(&mut self, account: usize, now_ms: i64) -> (u32, u32) {
        let (ten, day) = self.order_counts_mut(account, now_ms);
        (*ten, *day)
    }

    fn order_counts_mut(&mut self, account: usize, now_ms: i64) -> (&mut u32, &mut u32) {
        let long_ms = if self.by_minute { MINUTE_MS } else { DAY_MS };
        let (ten, day) = &mut self.orders[account];
        (ten.at(now_ms, TEN_SECONDS_MS), day.at(now_ms, long_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn weight_over_the_limit_is_waited_for_then_banned_then_forgiven() {
        let limits = RequestLimits {
            weight_per_minute: 10,
            patience: 2,
            ban: Duration::from_mins(3),
            ..RequestLimits::default()
        };
        let mut meter = Meter::new(limits, 1, false);
        assert_eq!(meter.charge(1_000, 10), Ok(()));
        assert_eq!(
            meter.charge(2_000, 1),
            Err(Limited::Wait { until_ms: 60_000 })
        );
        assert_eq!(
            meter.charge(3_000, 1),
            Err(Limited::Wait { until_ms: 60_000 })
        );
        assert_eq!(
            meter.charge(4_000, 1),
            Err(Limited::Banned { until_ms: 184_000 })
        );
        assert_eq!(
            meter.charge(61_000, 1),
            Err(Limited::Banned { until_ms: 184_000 })
        );
        assert_eq!(meter.charge(184_000, 1), Ok(()));
    }

    #[test]
    fn orders_count_until_they_fill_or_the_window_ends() {
        let limits = RequestLimits {
            orders_per_ten_seconds: 2,
            ..RequestLimits::default()
        };
        let mut meter = Meter::new(limits, 1, false);
        assert_eq!(meter.count_order(0, 1), Ok(()));
        assert_eq!(meter.count_order(0, 2), Ok(()));
        assert_eq!(meter.count_order(0, 3), Err(OrdersFull::TenSeconds));
        meter.order_filled(0, 4);
        assert_eq!(meter.count_order(0, 5), Ok(()));
        assert_eq!(meter.count_order(0, 10_000), Ok(()));
        assert_eq!(meter.order_counts(0, 10_000), (1, 3));
    }
}
