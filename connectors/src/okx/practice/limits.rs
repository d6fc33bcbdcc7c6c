//! Requests in two seconds, as the venue counts them: by account and instrument where they are
//! about orders, else by account or address.

use std::collections::BTreeMap;

use super::error::Error;

const SPAN_MS: i64 = 2_000;

/// What is counted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    Place,
    Cancel,
    Amend,
    PlaceBatch,
    CancelBatch,
    AmendBatch,
    /// New orders and amendments of an account over all perpetuals.
    SubAccount,
    Order,
    Pending,
    History,
    Fills,
    FillsHistory,
    Money,
    Setting,
    Switch,
    Public,
    PublicSlow,
}

impl Rule {
    /// Most in two seconds.
    const fn most(self) -> u32 {
        match self {
            Self::Place | Self::Cancel | Self::Amend => 60,
            Self::PlaceBatch | Self::CancelBatch | Self::AmendBatch => 300,
            Self::SubAccount => 1_000,
            Self::Order | Self::Pending | Self::Fills => 60,
            Self::History | Self::Public => 40,
            Self::FillsHistory | Self::Money => 10,
            Self::Setting => 20,
            // Once a second.
            Self::Switch => 2,
            Self::PublicSlow => 20,
        }
    }
}

/// Account, or `usize::MAX` for whoever asks without one; instrument, or `usize::MAX`.
type Key = (Rule, usize, usize);

/// The counts of the windows that are open.
#[derive(Debug, Default)]
pub(super) struct Limits {
    window: i64,
    used: BTreeMap<Key, u32>,
}

/// Nobody, or nothing, in particular.
pub(super) const ANY: usize = usize::MAX;

impl Limits {
    /// Counts `amount` of something.
    ///
    /// # Errors
    ///
    /// Too many requests: nothing is counted.
    pub(super) fn charge(
        &mut self,
        now_ms: i64,
        rule: Rule,
        (account, instrument): (usize, usize),
        amount: u32,
    ) -> Result<(), Error> {
        let window = now_ms.div_euclid(SPAN_MS);
        if window != self.window {
            self.window = window;
            self.used.clear();
        }
        let used = self.used.entry((rule, account, instrument)).or_default();
        if *used + amount > rule.most() {
            return Err(if rule == Rule::SubAccount {
                let message = "You've reached the maximum order rate limit for this account.";
                Error::with_status(429, 50_061, message)
            } else {
                Error::limited()
            });
        }
        *used += amount;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_of_two_seconds_takes_what_the_rule_says_and_no_more() {
        let mut limits = Limits::default();
        for _ in 0..60 {
            assert!(limits.charge(1_000, Rule::Place, (0, 0), 1).is_ok());
        }
        let over = limits.charge(1_999, Rule::Place, (0, 0), 1);
        assert_eq!(over.unwrap_err().code, 50_011);
        assert!(limits.charge(1_999, Rule::Place, (0, 1), 1).is_ok());
        assert!(limits.charge(1_999, Rule::Place, (1, 0), 1).is_ok());
        assert!(limits.charge(2_000, Rule::Place, (0, 0), 1).is_ok());
    }
}
